"""How a sync is told while it goes on: bars on a terminal, plain lines otherwise, nothing at all for `--json`."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from types import TracebackType

import click
from rich.console import Console, RenderableType
from rich.markup import escape
from rich.progress import BarColumn, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from mirror.cli.together import InOrder
from mirror.cli.words import plain, sentence_of
from mirror.pull import OnProgress, Pass
from mirror.store.journal import FeedRow

OUTCOMES = {
    "not_ready": "upstream is still preparing it; the next sync goes on",
    "held": "held, because too much would be deleted; look at it, then: mirror accept {account} {kind}",
    "needs_auth": "needs you to sign in again",
}


class _BarsInOrder(Bars):
    """The bars of an account together, in the order of accounts, whichever of them begins first."""

    def get_renderables(self) -> Iterable[RenderableType]:
        yield self.make_tasks_table(sorted(self.tasks, key=lambda task: task.fields["place"]))


class Progress:
    """A line or a bar for each feed of these accounts, in their order. Several threads may tell it at once."""

    def __init__(
        self, accounts: Sequence[str], parent_name: Callable[[FeedRow], str | None], *, quiet: bool = False
    ) -> None:
        self.quiet = quiet
        self._places = {name: place for place, name in enumerate(accounts)}
        self._in_order = InOrder(len(accounts))
        self._parent_name = parent_name
        self._lock = threading.Lock()  # names of parents are read through one connection
        self.bars: Bars | None = None
        self._tasks: dict[int, TaskID] = {}
        if not quiet and sys.stderr.isatty():
            self.bars = _BarsInOrder(
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
        self._in_order.rest()
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
            line = f"{account} {self._named(done)}: {trouble or said}"
            self._when_its_turn_comes(account, lambda: click.echo(line, err=bool(trouble)))

    def say(self, account: str, line: str) -> None:
        """Something about an account that is not about one of its feeds."""
        if self.bars is not None:
            bars = self.bars
            self._when_its_turn_comes(account, lambda: bars.console.print(escape(line)))
        elif not self.quiet:
            self._when_its_turn_comes(account, lambda: click.echo(line))

    def complain(self, account: str, line: str) -> None:
        """Something went wrong: also said when the rest is quiet."""
        if self.bars is not None:
            bars = self.bars
            self._when_its_turn_comes(account, lambda: bars.console.print(f"[red]{escape(line)}"))
        else:
            self._when_its_turn_comes(account, lambda: click.echo(f"mirror: {line}", err=True))

    def over(self, account: str) -> None:
        """Nothing more is said of an account: the next one's turn has come."""
        self._in_order.over(self._places[account])

    def _when_its_turn_comes(self, account: str, call: Callable[[], None]) -> None:
        self._in_order.say(self._places[account], call)

    def _task(self, account: str, done: Pass) -> TaskID:
        assert self.bars is not None
        if done.feed.id not in self._tasks:
            name = f"[bold]{escape(account)}[/] {escape(self._named(done))}"
            self._tasks[done.feed.id] = self.bars.add_task(name, total=None, said="", place=self._places[account])
        return self._tasks[done.feed.id]

    def _named(self, done: Pass) -> str:
        """A feed's name for a person."""
        with self._lock:
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
