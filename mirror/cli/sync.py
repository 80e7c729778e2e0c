"""`mirror sync` and `mirror accept`: one pass over accounts, told as it goes, and the release of a held feed."""

from __future__ import annotations

import gc
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import click

from mirror import pull, settings
from mirror.cli import STOPPED
from mirror.cli.edits import told_of, waits_for_a_person
from mirror.cli.opening import guarded, home_of, leave, source_for, store_of, system_clock
from mirror.cli.progress import Progress
from mirror.cli.together import Together
from mirror.cli.words import DONE, FAILED, PERSON, exit_code, sentence, sentence_of
from mirror.errors import AccountBusy, DatabaseDamaged, DiskFull, MirrorError, Stopped, Usage
from mirror.feed import Counts
from mirror.notify import Watch
from mirror.push import push_account
from mirror.resources import KINDS
from mirror.store import journal, outbox, sweep
from mirror.store.connection import Store
from mirror.store.edits import NEEDS_A_PERSON
from mirror.store.journal import Account, FeedRow
from mirror.store.reading import kind_named, parent_name

OUTCOME_CODES = {
    "ok": DONE,
    "not_ready": DONE,
    "not_permitted": DONE,
    "held": PERSON,
    "needs_auth": PERSON,
    "failed": FAILED,
}


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--kind", "kinds", multiple=True, metavar="KIND", help="Only this kind; may be repeated.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of lines.")
@click.pass_context
def sync(ctx: click.Context, names: tuple[str, ...], kinds: tuple[str, ...], as_json: bool) -> None:
    """Bring all accounts, or the named ones, up to date."""
    document: dict[str, Any] = {"home": str(home_of(ctx)), "accounts": []}
    try:
        with guarded(home_of(ctx)):
            clock = system_clock()
            store = store_of(ctx, clock=clock)
            chosen = chosen_accounts(store, names)
            wanted = tuple(kind_named(kind).name for kind in kinds)
            with _imports_kept():
                code = sync_accounts(store, chosen, wanted, document, stop=clock.stop, quiet=as_json)
    except KeyboardInterrupt:
        if not as_json:
            raise
        document["error"] = "stopped"
        code = STOPPED
    except MirrorError as error:
        if not as_json:
            raise
        document["error"] = sentence(error)
        click.echo(f"mirror: {sentence(error)}", err=True)
        code = exit_code(error)
    if as_json:
        click.echo(json.dumps({**document, "exit_code": code}, indent=2))
    leave(code)


@contextmanager
def _imports_kept() -> Iterator[None]:
    """The collector of garbage leaves alone what is there now: going through all modules again and again takes 6 % of a sync."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def chosen_accounts(store: Store, names: Sequence[str]) -> list[Account]:
    """The accounts of these names, or all. Raises: Usage."""
    if names:
        return [journal.account_named(store, name) for name in dict.fromkeys(names)]
    found = journal.accounts(store)
    if not found:
        raise Usage(
            "there are no accounts yet; add one with: mirror account add NAME --token-stdin, or see: mirror demo"
        )
    return found


def sync_accounts(
    store: Store,
    accounts: Sequence[Account],
    kinds: Sequence[str],
    document: dict[str, Any],
    *,
    stop: Callable[[], None] = lambda: None,
    quiet: bool = False,
) -> int:
    """One pass over each account; the exit code is that of the worst that happened. Fills the document of `--json`.

    `stop`: wakes those who wait for upstream, when one of several accounts meets what ends them all.
    """
    watch = Watch(
        settings.read_if_right(store.home), store.clock, {}
    )  # it keeps how they do, and tells nobody: mirror run does
    together = Together(store, stop, len(accounts))
    ones = [_One(account, {"name": account.name, "feeds": []}) for account in accounts]
    document["accounts"] += [one.told for one in ones]
    names = [account.name for account in accounts]
    with Progress(names, lambda feed: parent_name(store, feed), quiet=quiet) as progress:

        def sync_one(connected: Store, one: _One) -> None:
            _sync_one(connected, one, kinds, progress, together)
            if one.account.status != "paused":
                watch.look(connected, one.account.id)
            progress.over(one.account.name)

        together.run(ones, sync_one)
    return max((one.code for one in ones), key=_badness, default=DONE)


@dataclass(slots=True)
class _One:
    """One of the accounts, what is told of it, and how it went."""

    account: Account
    told: dict[str, Any]
    code: int = DONE


def _sync_one(store: Store, one: _One, kinds: Sequence[str], progress: Progress, together: Together) -> None:
    """A pass over an account. Its trouble is told. Raises: what is no account's own: Stopped, DatabaseDamaged, DiskFull."""
    account, told = one.account, one.told
    if account.status == "paused":
        told["status"] = "paused"
        progress.say(account.name, f"{account.name}: paused; go on with: mirror account resume {account.name}")
        return
    code = DONE
    try:
        _sync_account(store, account, kinds, told, progress, together)
    except AccountBusy as busy:
        told["busy"] = True
        progress.say(account.name, sentence(busy, account.name))
    except (Stopped, DatabaseDamaged, DiskFull):
        raise  # the file is in danger, whosever mail is next
    except MirrorError as error:
        told["error"] = sentence(error, account.name, account.base_url)
        code = exit_code(error)
        progress.complain(account.name, told["error"])
    told["status"] = journal.account(store, account.id).status
    codes = [code, *(OUTCOME_CODES[feed["outcome"]] for feed in told["feeds"])]
    if left := outbox.edits(store, states=NEEDS_A_PERSON, account_id=account.id):
        progress.say(account.name, f"{account.name}: {waits_for_a_person(len(left))}")
        codes.append(PERSON)
    one.code = max(codes, key=_badness)


def _badness(code: int) -> int:
    return {DONE: 0, FAILED: 1, PERSON: 2}.get(code, 1)


def _sync_account(
    store: Store,
    account: Account,
    kinds: Sequence[str],
    told: dict[str, Any],
    progress: Progress,
    together: Together,
) -> None:
    source = source_for(store.home, account, store.clock, most_bytes=together.most_bytes)
    parents = {KINDS[kind].parent for kind in kinds}

    def wanted(feed: FeedRow) -> bool:
        return not kinds or feed.kind in kinds or (feed.kind in parents and feed.caught_up_at is None)

    told_page = progress.page(account.name)

    def on_progress(done: pull.Pass, what: str) -> None:
        told_page(done, what)
        together.go_on()

    try:
        if account.writable:
            outbox.at_once(store, account.id)
            for pushed in push_account(store, source, account):
                told.setdefault("edits", []).append({"id": pushed.edit.id, "state": pushed.edit.state})
                progress.say(account.name, f"{account.name}: {told_of(store, pushed.edit)}")
        for done in pull.pull_account(store, source, account, wanted=wanted, on_progress=on_progress):
            told["feeds"].append(_told(account, done))
            progress.feed(account.name, done)
    finally:
        source.close()


def _told(account: Account, done: pull.Pass) -> dict[str, Any]:
    counts = done.counts
    return {
        "kind": done.feed.kind,
        "parent": done.feed.parent,
        "outcome": done.outcome,
        "state": done.feed.state,
        "pages": done.pages,
        "requests": done.traffic.requests,
        "retries": done.traffic.retries,
        "bytes": done.traffic.bytes,
        "created": counts.created,
        "changed": counts.changed,
        "deleted": counts.deleted,
        "unchanged": counts.unchanged,
        "completed": counts.completed,
        "attachments": counts.attachments,
        "stuck": counts.stuck,
        "error": sentence_of(done.error, account.name) if done.error else None,
    }


@click.command()
@click.argument("name")
@click.argument("kind")
@click.pass_context
def accept(ctx: click.Context, name: str, kind: str) -> None:
    """Believe a listing that is held: what it did not contain becomes a tombstone. Nothing leaves the history."""
    store = store_of(ctx)
    account = journal.account_named(store, name)
    wanted = kind_named(kind).name
    with store.lease(account.id):
        held = [feed for feed in journal.feeds(store, account.id) if feed.kind == wanted and feed.state == "held"]
        if not held:
            raise Usage(f"no feed of {wanted} of “{name}” is held; see: mirror status")
        counts = Counts()
        for feed in held:
            sweep.finish_listing(store, feed, counts, accepted=True)
    click.echo(f"{name}: {counts.deleted} {wanted} are tombstones now. They stay in the file, with their history.")
