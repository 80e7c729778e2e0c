"""`mirror plan`, `mirror apply` and `mirror revert --plan`: many edits at once, looked at before anything is done."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NoReturn

import click

from mirror.cli.history import change_in_words
from mirror.cli.opening import leave, store_of
from mirror.cli.words import DONE, plain
from mirror.errors import Usage
from mirror.resources import KINDS
from mirror.sources.rate import ACCOUNT_PER_S
from mirror.store import journal, planning, plans
from mirror.store.connection import Store
from mirror.store.differences import differences
from mirror.store.plans import Done, Item, Plan

MOST_SHOWN = 5
MOST_LEFT_OUT = 10
ANSWER_S = 0.2  # what an upstream takes to answer, as clients of it report; requests go one after the other
MUCH = 0.2  # of all records of a kind: what a person wants to hear of


@click.command()
@click.argument("words", nargs=-1, metavar="SQL | show N | list")
@click.option("--list", "listed", is_flag=True, help="All plans.")
@click.option("--all", "everything", is_flag=True, help="Every record, not the first few.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_context
def plan(ctx: click.Context, words: tuple[str, ...], listed: bool, everything: bool, as_json: bool) -> None:
    """Many edits at once: any UPDATE, DELETE or INSERT on contacts, events, tasks, messages and their lists, run on a scratch
    copy. What it would do becomes a plan; nothing is done before: mirror apply N"""
    store = store_of(ctx)
    if listed or words == ("list",):
        _list(store, as_json)
    if not words:
        raise Usage("say what to do, as in: mirror plan \"UPDATE contacts SET company = 'X' WHERE company = 'Y'\"")
    if words[0] == "show" and len(words) == 2 and words[1].isdecimal():
        chosen = plans.plan(store, int(words[1]))
    else:
        chosen = planning.make(store, " ".join(words))
    if as_json:
        click.echo(json.dumps(document(store, chosen), indent=2, ensure_ascii=False))
        leave(DONE)
    _tell(store, chosen, everything=everything)
    leave(DONE)


def document(store: Store, chosen: Plan) -> dict[str, Any]:
    """A plan as `--json` prints it."""
    counted = plans.summary(chosen)
    return {
        "plan": chosen.id, "sql": chosen.sql, "state": chosen.state, "created_at": chosen.created_at,
        "applied_at": chosen.applied_at, **counted, "seconds": _seconds(counted["requests"]),
        "edits": plans.progress(store, chosen.id), "risks": _risks(store, chosen),
        "items": [
            {"kind": item.kind, "record_id": item.record_id, "title": item.title, "verb": item.verb, "seq": item.seq,
             "base": item.base, "patch": item.patch, "why": item.why}
            for item in chosen.items
        ],
    }  # fmt: skip


def _list(store: Store, as_json: bool) -> NoReturn:
    found = plans.plans(store)
    if as_json:
        told = [{**document(store, one), "items": len(one.items)} for one in found]
        click.echo(json.dumps({"plans": told}, indent=2, ensure_ascii=False))
        leave(DONE)
    for one in found:
        click.echo(f"{one.id:>5}  {_standing(store, one)}: {_one_line(one.sql)}")
    if not found:
        click.echo('No plans yet. Make one with: mirror plan "UPDATE contacts SET …"')
    leave(DONE)


def _standing(store: Store, one: Plan) -> str:
    """How far a plan is."""
    made = sum(plans.progress(store, one.id).values())
    return f"{one.state}, {made:,} of {len(one.wanted):,} edits made"


def _tell(store: Store, chosen: Plan, *, everything: bool) -> None:
    counted = plans.summary(chosen)
    click.secho(f"plan {chosen.id}: {_one_line(chosen.sql)}", bold=True)
    for what, number in counted["records"].items():
        verb, _, kind = what.partition(" ")
        click.echo(f"  {verb} {number:,} {_kinds(kind, number)}")
    if counted["fields"]:
        click.echo("  fields: " + ", ".join(f"{name} ({number:,})" for name, number in counted["fields"].items()))
    _tell_left_out([(item, item.why) for item in chosen.items if item.why is not None])
    requests = "1 request" if counted["requests"] == 1 else f"{counted['requests']:,} requests"
    click.echo(f"  {requests}, about {_duration(_seconds(counted['requests']))}")
    shown = [item for _, item in chosen.wanted]
    for item in shown if everything else shown[:MOST_SHOWN]:
        _tell_item(item)
    if len(shown) > MOST_SHOWN and not everything:
        click.echo(f"  … and {len(shown) - MOST_SHOWN:,} more; all of them with: mirror plan show {chosen.id} --all")
    for risk in _risks(store, chosen):
        click.secho(f"  look out: {plain(risk)}", fg="yellow")
    if not shown:
        click.echo("Nothing of it can be done.")
    elif chosen.state == "planned" and not plans.progress(store, chosen.id):
        click.echo(f"Nothing is done yet. Make the edits with: mirror apply {chosen.id}")
    else:
        click.echo(f"It is {_standing(store, chosen)}. Take it back with: mirror revert --plan {chosen.id}")


def _tell_item(item: Item) -> None:
    click.echo(
        f"    {_named(item)}"
        + (": is deleted" if item.verb == "delete" else ": is new" if item.verb == "create" else "")
    )
    before = {name: value for name, value in item.base.items() if value is not None}
    after = {name: value for name, value in {**before, **item.patch}.items() if value is not None}
    for one in differences(before, after):
        click.echo(f"      {plain(one.path)}: {change_in_words(one)}")


def _named(item: Item) -> str:
    kind = _kinds(item.kind, 1)
    number = f" {item.record_id}" if item.record_id is not None else ""
    return plain(f"{kind}{number}" + (f" “{item.title}”" if item.title else ""))


def _tell_left_out(left_out: Sequence[tuple[Item, str | None]]) -> None:
    if left_out:
        click.secho(f"  {len(left_out):,} left out:", fg="yellow")
    for item, why in left_out[:MOST_LEFT_OUT]:
        click.echo(f"    {_named(item)}: {plain(why or '')}")
    if len(left_out) > MOST_LEFT_OUT:
        click.echo(f"    … and {len(left_out) - MOST_LEFT_OUT:,} more")


def _risks(store: Store, chosen: Plan) -> list[str]:
    """What a person should know before it is applied, in sentences."""
    counted = plans.summary(chosen)
    risks = []
    if counted["attendees"]:
        risks.append(
            f"attendees of {counted['attendees']:,} events are told; not with: mirror apply {chosen.id} --no-notify"
        )
    if counted["deletions"]:
        risks.append(f"{counted['deletions']:,} records are deleted upstream (here they stay, as tombstones)")
    if counted["open_edits"]:
        risks.append(f"{counted['open_edits']:,} of the records have edits that are not done yet; these go first")
    by_place: dict[tuple[str, int], int] = {}
    for _, item in chosen.wanted:
        if item.record_id is not None:
            by_place[item.kind, item.account_id] = by_place.get((item.kind, item.account_id), 0) + 1
    for (kind, account_id), number in by_place.items():
        share = number / max(1, plans.live_records(store, kind, account_id))
        if share > MUCH:
            name = journal.account(store, account_id).name
            risks.append(f"that is {share:.0%} of all {_kinds(kind, 2)} of {name}")
    return risks


def _seconds(requests: int) -> float:
    return round(requests * max(1 / ACCOUNT_PER_S, ANSWER_S), 1)


def _duration(seconds: float) -> str:
    if seconds < 1.5:
        return "a second"
    if seconds < 90:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"


def _kinds(kind: str, number: int) -> str:
    one = "mail" if kind == "messages" else KINDS[kind].singular
    return one if number == 1 else f"{one}s"


def _one_line(sql: str) -> str:
    line = plain(" ".join(sql.split()))
    return line if len(line) <= 200 else line[:199] + "…"


@click.command()
@click.argument("number", type=int, metavar="PLAN")
@click.option(
    "--limit", type=click.IntRange(1), metavar="N", help="At most so many edits now; again for the next ones."
)
@click.option("--no-notify", is_flag=True, help="Don't tell the attendees.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_context
def apply(ctx: click.Context, number: int, limit: int | None, no_notify: bool, as_json: bool) -> None:
    """Make the edits of a plan. They go with the next push; applied again, only what is missing is made."""
    store = store_of(ctx)
    done = plans.apply(store, plans.plan(store, number), limit=limit, notify=not no_notify)
    if as_json:
        click.echo(json.dumps(_done_document(number, done), indent=2, ensure_ascii=False))
        leave(DONE)
    before = f" ({done.before:,} were made before)" if done.before else ""
    click.echo(f"plan {number}: {len(done.made):,} edits made{before}.")
    _tell_left_out(done.skipped)
    if done.left:
        click.echo(f"{done.left:,} more are to be made; go on with: mirror apply {number}")
    if done.made:
        click.echo("They are sent with the next sync, or now with: mirror push")
        click.echo(f"Take them back with: mirror revert --plan {number}")
    leave(DONE)


def _done_document(number: int, done: Done) -> dict[str, Any]:
    return {
        "plan": number, "made": done.made, "discarded": done.discarded, "made_before": done.before, "left": done.left,
        "skipped": [{"kind": item.kind, "record_id": item.record_id, "why": why} for item, why in done.skipped],
    }  # fmt: skip


def revert_plan(store: Store, number: int, *, notify: bool, dry_run: bool, as_json: bool) -> NoReturn:
    """Take back all that a plan did, and end."""
    chosen = plans.plan(store, number)
    if dry_run:
        states = plans.progress(store, number)
        here = sum(states.get(state, 0) for state in ("pending", "conflict", "rejected"))
        there = states.get("sent", 0) + states.get("settled", 0)
        if as_json:
            click.echo(json.dumps({"plan": number, "to_discard": here, "to_undo": there}, indent=2))
        else:
            click.echo(f"plan {number}: {here:,} edits would be taken back, and {there:,} undone upstream.")
        leave(DONE)
    done = plans.take_back(store, chosen, notify=notify)
    if as_json:
        click.echo(json.dumps(_done_document(number, done), indent=2, ensure_ascii=False))
        leave(DONE)
    told = [f"{len(done.discarded):,} edits taken back that were not upstream yet"] if done.discarded else []
    told += [f"{len(done.made):,} opposite edits made of what is"] if done.made else []
    told += [f"{done.before:,} were undone before"] if done.before else []
    click.echo(f"plan {number}: {', '.join(told) or 'nothing was to be taken back'}.")
    _tell_left_out(done.skipped)
    if done.made:
        click.echo("They are sent with the next sync, or now with: mirror push")
    leave(DONE)
