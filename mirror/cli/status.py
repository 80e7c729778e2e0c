"""`mirror status`: how every account and feed is doing, in words or as JSON."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import click

from mirror import settings
from mirror.cli.opening import guarded, home_of, leave, store_of
from mirror.cli.words import DONE, FAILED, PERSON, exit_code, plain, sentence, sentence_of
from mirror.errors import MirrorError
from mirror.health import FOR_A_PERSON, Health, judge_all
from mirror.moments import ago
from mirror.store import health as health_kept
from mirror.store import journal, reading, stuck
from mirror.store.health import Told
from mirror.store.stuck import Stuck

MOST_STUCK = 5
QUIET = ("healthy", "new", "paused")
EDITS = {
    "conflict": "in conflict, for you to decide", "rejected": "refused", "pending": "to be sent", "sending": "on the way",
    "unsure": "unsure, being looked for", "sent": "sent",
}  # fmt: skip


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_context
def status(ctx: click.Context, as_json: bool) -> None:
    """How every account and feed is doing. Exit code 3: something waits for you; 1: nothing has come in for too long."""
    try:
        with guarded(home_of(ctx)):
            store = store_of(ctx)
            now = store.clock.now()
            stale_after_s = settings.read(store.home).stale_after_s
            judged = judge_all(health_kept.facts(store.conn, now), now, stale_after_s=stale_after_s)
            document = _with_health(reading.status(store), judged, health_kept.all_told(store.conn))
            waiting = {one.name: stuck.of_account(store, one.id) for one in journal.accounts(store)}
    except MirrorError as error:
        if not as_json:
            raise
        click.echo(json.dumps({"home": str(home_of(ctx)), "accounts": [], "error": sentence(error)}, indent=2))
        click.echo(f"mirror: {sentence(error)}", err=True)
        leave(exit_code(error))
    if as_json:
        click.echo(json.dumps(document, indent=2))
    else:
        click.echo(f"{store.path}")
        for account in document["accounts"]:
            _print_account(account, store.clock.now())
            _print_stuck(account["name"], waiting[account["name"]], store.clock.now())
        if not document["accounts"]:
            click.echo("No accounts yet. Add one with: mirror account add NAME --token-stdin, or see: mirror demo")
    states = {trouble.state for one in judged for trouble in one.troubles}
    leave(PERSON if states & FOR_A_PERSON else FAILED if "stale" in states else DONE)


def _with_health(document: dict[str, Any], judged: list[Health], told: dict[int, Told]) -> dict[str, Any]:
    """The document with `health` in each account (but those that were added since they were judged)."""
    by_name = {one.account: one for one in judged}
    document["accounts"] = [account for account in document["accounts"] if account["name"] in by_name]
    for account in document["accounts"]:
        one = by_name[account["name"]]
        row = told.get(one.account_id)
        since = row.since if row is not None and row.state == one.state else one.since
        account["health"] = {"state": one.state, "since": since, "what": one.what, "command": one.command}
    return document


def _print_account(account: dict[str, Any], now: datetime) -> None:
    title = f"\n{account['name']} · {plain(account['email'] or 'not synced yet')}"
    title += f" · {account['service']}" if account["service"] else ""
    state, since = account["health"]["state"], account["health"]["since"]
    click.secho(title + ("" if state in QUIET else f" · {_lasting(state, since, now)}"), bold=True)
    if account["status"] == "needs_auth":
        why = "its token answers for another mailbox; give the right one" if account["status_detail"] == "wrong_mailbox" else (
            "sign in again")  # fmt: skip
        click.secho(
            f"  needs you: {why} with: mirror account login {account['name']} --reauth (or --token-stdin)", fg="red"
        )
    elif account["status"] == "paused":
        click.echo(f"  paused; go on with: mirror account resume {account['name']}")
    elif account["status_detail"]:
        detail = plain(account["status_detail"].partition(": ")[2] or account["status_detail"])
        click.secho(f"  could not be asked the last time ({detail}); what is stored stands", fg="red")
    elif not account["feeds"]:
        click.echo(f"  nothing yet; bring it in with: mirror sync {account['name']}")
    if state == "stale":
        click.secho(f"  {account['health']['what']} See why with: {account['health']['command']}", fg="red")
    _print_edits(account)
    for feed in account["feeds"]:
        name = f"{feed['kind']} · {feed['parent_name'] or feed['parent']}" if feed["parent"] else feed["kind"]
        line = f"  {plain(name):<34.34} {feed['rows']:>9,}   {ago(feed['caught_up_at'], now):<16}"
        click.echo((line + "; ".join(_remarks(account["name"], feed))).rstrip())


def _lasting(state: str, since: str | None, now: datetime) -> str:
    """A state, and for how long it has been so: `needs auth for 2 days`."""
    past = ago(since, now).removesuffix(" ago")
    return state.replace("_", " ") + (f" for {past}" if since and past != "just now" else "")


def _print_edits(account: dict[str, Any]) -> None:
    """What is on its way upstream, and what waits for the person."""
    counts = account["edits"]
    told = [f"{counts[state]:,} {words}" for state, words in EDITS.items() if counts[state]]
    if told:
        needs = counts["conflict"] or counts["rejected"]
        click.secho(f"  edits: {', '.join(told)}; see them with: mirror outbox", fg="red" if needs else None)
    if counts["pending"] and not account["writable"]:
        click.echo(f"  it is read-only; its edits go after: mirror account writable {account['name']} on")


def _print_stuck(account: str, records: list[Stuck], now: datetime) -> None:
    if records:
        click.echo(f"  could not be stored; try again with: mirror retry {account}")
    for one in records[:MOST_STUCK]:
        click.echo(plain(f"    {one.kind} {one.name}: {one.why} (first {ago(one.first_at, now)}, tries: {one.tries})"))
    if len(records) > MOST_STUCK:
        click.echo(f"    … and {len(records) - MOST_STUCK:,} more, in the table “stuck”")


def _remarks(account: str, feed: dict[str, Any]) -> list[str]:
    remarks = []
    if feed["state"] == "held":
        remarks.append(
            f"held: {feed['absent']:,} would be deleted. Release it with: mirror accept {account} {feed['kind']}"
        )
    elif feed["state"] in ("listing", "stopped"):
        remarks.append({"listing": "first listing under way", "stopped": "deleted upstream"}[feed["state"]])
    if feed["stuck"]:
        remarks.append(f"{feed['stuck']} stuck")
    if feed["incomplete"]:
        remarks.append(f"{feed['incomplete']:,} to be completed")
    if feed["error"]:
        remarks.append(sentence_of(feed["error"], account))
    return remarks
