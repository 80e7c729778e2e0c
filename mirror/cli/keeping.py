"""`mirror verify`, `mirror backup` and `mirror retry`: keeping what the mirror has sound, safe and complete."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import TracebackType

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from mirror.cli.opening import guarded, home_of, leave, source_for, store_of
from mirror.cli.words import DONE, FAILED, exit_code, plain, sentence
from mirror.errors import DatabaseDamaged, DiskFull, HomeUnusable, MirrorError, Stopped
from mirror.store import journal
from mirror.store.connection import Store
from mirror.store.journal import Account
from mirror.store.verify import Report
from mirror.store.verify import verify as look


class Bar:
    """One bar that says what is being looked at; nothing where nobody looks."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._bars: Progress | None = None
        self._task: TaskID | None = None
        if not quiet and sys.stderr.isatty():
            columns = (
                TextColumn("{task.description:<24}"),
                BarColumn(bar_width=32),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
            )
            self._bars = Progress(*columns, console=Console(stderr=True), transient=True)

    def __enter__(self) -> Bar:
        if self._bars is not None:
            self._bars.start()
            self._task = self._bars.add_task("")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bars is not None:
            self._bars.stop()

    def __call__(self, what: str, done: int, total: int) -> None:
        if self._bars is not None and self._task is not None:
            self._bars.update(self._task, description=what, completed=done, total=max(total, 1))


@click.command()
@click.option(
    "--repair", is_flag=True, help="Write anew what follows from the records themselves: columns, lists, search."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_context
def verify(ctx: click.Context, repair: bool, as_json: bool) -> None:
    """Look over the whole mirror: the file, the search, the lists, the history, the attachments. Exit code 1: not sound."""
    try:
        with guarded(home_of(ctx)):
            store = store_of(ctx)
            started = store.clock.monotonic()
            with Bar(quiet=as_json) as bar:
                report = look(store, repair=repair, on_progress=bar)
            took_s = store.clock.monotonic() - started
    except MirrorError as error:
        if not as_json:
            raise
        document = {"home": str(home_of(ctx)), "sound": False, "error": sentence(error)}
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
        leave(exit_code(error))
    if as_json:
        click.echo(json.dumps(_told(home_of(ctx), report), indent=2, ensure_ascii=False))
    else:
        _print(store.path, report, took_s)
    leave(DONE if report.sound else FAILED)


def _told(home: Path, report: Report) -> dict[str, object]:
    findings = [{"check": one.check, "sentence": one.sentence, "repairable": one.repairable} for one in report.findings]
    checked = {"checked": report.checked, "repaired": report.repaired}
    return {"home": str(home), "sound": report.sound, "findings": findings, **checked}


def _print(path: Path, report: Report, took_s: float) -> None:
    for line in report.repaired:
        click.echo(f"Repaired: {line}.")
    if report.damaged:
        click.echo(f"{path}: {'; '.join(plain(one.sentence) for one in report.findings)}. Leave it as it is, and put a"
                   " backup in its place.")  # fmt: skip
        return
    counted = ", ".join(f"{number:,} {what}" for what, number in report.checked.items() if number)
    if report.sound:
        click.echo(f"{path} is sound. Looked at {counted}, in {took_s:.1f} s.")
        return
    click.echo(
        f"{path}: {len(report.findings)} thing{'s are' if len(report.findings) > 1 else ' is'} not as it should be."
    )
    for one in report.findings:
        click.echo(f"  - {plain(one.sentence)}")
    if any(one.repairable for one in report.findings):
        click.echo("What follows from the records themselves can be written anew with: mirror verify --repair")
    else:
        click.echo("Nothing of this can be rebuilt. A backup from before may be better: see “restore” in the README.")


@click.command()
@click.argument("destination", metavar="DEST", type=click.Path(path_type=Path))
@click.option(
    "--force", is_flag=True, help="Replace a newer backup or another mirror's; keep a copy that is not sound."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_context
def backup(ctx: click.Context, destination: Path, force: bool, as_json: bool) -> None:
    """Copy the mirror into the folder DEST, while everything goes on. Credentials are not copied. An older backup there is
    replaced when the new one is whole."""
    from mirror.store.backup import back_up

    store = store_of(ctx)
    with Bar(quiet=as_json) as bar:
        made = back_up(store, destination, force=force, on_progress=bar)
    if as_json:
        document = {"path": str(made.path), "made_at": made.made_at, "size_bytes": made.size_bytes}
        click.echo(json.dumps({**document, **_told(made.path, made.report)}, indent=2, ensure_ascii=False))
    else:
        what = "verified" if made.report.sound else "NOT sound, kept because of --force"
        click.echo(f"The backup is in {made.path}: {made.size_bytes / 1e6:,.1f} MB, {what}. It has no credentials.")
        for one in made.report.findings:
            click.echo(f"  - {plain(one.sentence)}")
        click.echo(f"It is a home of its own; look into it with: mirror --home {made.path} status")
    leave(DONE if made.report.sound else FAILED)


TRIED = {
    "stored": "is stored now",
    "still_stuck": "still can't be stored: {why}",
    "refused": "can't be had by itself: {why}",
    "waiting": "has no id to ask for; it is tried again when upstream lists it",
    "gone": "is no longer there upstream; its bytes are kept. Let go of them with: mirror retry {account} --forget-gone",
    "forgotten": "is no longer there upstream, and forgotten here",
}


@click.command()
@click.argument("name", required=False)
@click.option("--forget-gone", is_flag=True, help="Let go of those that upstream no longer has.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_context
def retry(ctx: click.Context, name: str | None, forget_gone: bool, as_json: bool) -> None:
    """Ask again for the records that could not be stored, of all accounts or of one."""
    store = store_of(ctx)
    accounts = [journal.account_named(store, name)] if name else journal.accounts(store)
    worst = DONE
    told: list[dict[str, object]] = []
    for account in accounts:
        try:
            _retry_account(store, account, told, forget_gone=forget_gone, quiet=as_json)
        except (DatabaseDamaged, DiskFull, HomeUnusable, Stopped):
            raise
        except MirrorError as error:
            click.echo(f"mirror: {sentence(error, account.name)}", err=True)
            worst = max(worst, exit_code(error))
    if as_json:
        click.echo(json.dumps({"home": str(store.home), "tried": told}, indent=2, ensure_ascii=False))
    elif not told and worst == DONE:
        click.echo("Nothing is stuck.")
    leave(worst)


def _retry_account(
    store: Store, account: Account, told: list[dict[str, object]], *, forget_gone: bool, quiet: bool
) -> None:
    from mirror.retry import retry_stuck
    from mirror.store import stuck

    if forget_gone:
        stuck.forget_gone(store, account.id)
    if not stuck.of_account(store, account.id):
        return
    source = source_for(store.home, account, store.clock)
    try:
        for tried in retry_stuck(store, source, account):
            outcome, record = tried.outcome, tried.record
            if outcome == "gone" and forget_gone:
                stuck.forget(store, record.id)
                outcome = "forgotten"
            told.append({
                "account": account.name, "kind": record.kind, "remote_id": record.remote_id, "stuck_id": record.id,
                "outcome": outcome, "why": tried.why,
            })  # fmt: skip
            if not quiet:
                said = TRIED[outcome].format(why=tried.why, account=account.name)
                click.echo(plain(f"{account.name} {record.kind}: {record.name} {said}"))
    finally:
        source.close()
