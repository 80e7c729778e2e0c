"""How a sync is told while it goes on: bars on a terminal, plain lines otherwise, nothing at all for `--json`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import TracebackType

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from mirror.cli.words import plain, sentence_of
from mirror.pull import OnProgress, Pass
from mirror.store.journal import FeedRow

OUTCOMES = {
    "not_ready": "upstream is still preparing it; the next sync goes on",
    "held": "held, because too much would be deleted; look at it, then: mirror accept {account} {kind}",
    "needs_auth": "needs you to sign in again",
}


class Progress:
    """A line or a bar for each feed."""

    def __init__(self, parent_name: Callable[[FeedRow], str | None], *, quiet: bool = False) -> None:
        self.quiet = quiet
        self._parent_name = parent_name
        self.bars: Bars | None = None
        self._tasks: dict[int, TaskID] = {}
        if not quiet and sys.stderr.isatty():
            self.bars = Bars(
                SpinnerColumn(finished_text="[green]✓"),
                TextColumn("{task.description}"),
                BarColumn(bar_width=24),
                TextColumn("{task.fields[said]}"),
                TimeElapsedColumn(),
                console=Console(stderr=True),
            )

    def __enter__(self) -> Progress:
        if self.bars is not None:
            self.bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.bars is not None:
            self.bars.stop()

    def page(self, account: str) -> OnProgress:
        """What pull calls as pages come in."""

        def on_page(done: Pass, what: str) -> None:  # noqa: ARG001  (the counts say more than the word)
            if self.bars is not None:
                self.bars.update(self._task(account, done), said=counted(done), total=None)

        return on_page

    def feed(self, account: str, done: Pass) -> None:
        """A pass over a feed is over."""
        said = counted(done)
        trouble = told_outcome(account, done)
        if self.bars is not None:
            task = self._task(account, done)
            shown = f"[red]{escape(trouble)}" if trouble else said
            self.bars.update(task, said=shown, total=1, completed=0 if trouble else 1)
            return
        if not self.quiet:
            click.echo(f"{account} {self._named(done)}: {trouble or said}", err=bool(trouble))

    def say(self, line: str) -> None:
        if self.bars is not None:
            self.bars.console.print(escape(line))
        elif not self.quiet:
            click.echo(line)

    def complain(self, line: str) -> None:
        """Something went wrong: also said when the rest is quiet."""
        if self.bars is not None:
            self.bars.console.print(f"[red]{escape(line)}")
        else:
            click.echo(f"mirror: {line}", err=True)

    def _task(self, account: str, done: Pass) -> TaskID:
        assert self.bars is not None
        if done.feed.id not in self._tasks:
            name = f"[bold]{escape(account)}[/] {escape(self._named(done))}"
            self._tasks[done.feed.id] = self.bars.add_task(name, total=None, said="")
        return self._tasks[done.feed.id]

    def _named(self, done: Pass) -> str:
        """A feed's name for a person."""
        parent = self._parent_name(done.feed) or done.feed.parent
        return plain(f"{done.feed.kind} of “{parent}”" if parent else done.feed.kind)


def counted(done: Pass) -> str:
    """What a pass did, in words; what is zero is left out."""
    counts = done.counts
    parts = [
        f"{number:,} {word}"
        for number, word in (
            (counts.created, "new"),
            (counts.changed, "changed"),
            (counts.deleted, "deleted"),
            (counts.completed, "completed"),
            (counts.attachments, "attachments"),
            (counts.stuck, "stuck (see the table “stuck”)"),
        )
        if number
    ]
    return ", ".join(parts) or "up to date"


def told_outcome(account: str, done: Pass) -> str | None:
    """What went wrong, as a sentence; None when nothing did."""
    if done.outcome == "ok":
        return None
    if done.outcome == "held" and done.swept is not None:
        share = f"{done.swept.absent:,} of {done.swept.live:,} are missing upstream; "
        return share + OUTCOMES["held"].format(account=account, kind=done.feed.kind)
    known = OUTCOMES.get(done.outcome, "").format(account=account, kind=done.feed.kind)
    return known or sentence_of(done.error or done.outcome, account)
