"""`mirror simulate`: the promises put to the test on this machine, with seeded trouble and without any network."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from mirror.cli.opening import leave
from mirror.cli.words import DONE, FAILED
from mirror.simulator.run import Result, make_template, relevant, shortened
from mirror.simulator.run import simulate as simulate_seed

LINES_OF_STORY = 60
TOLD_EVERY = 100


@click.command()
@click.option("--seeds", type=click.IntRange(min=1), metavar="N", help="How many; 100 unless --seed names one.")
@click.option("--seed", type=click.IntRange(min=0), metavar="S", help="The first one. Alone: tell its whole story.")
@click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Processes at a time.")
def simulate(seeds: int | None, seed: int | None, jobs: int) -> None:
    """Let upstream, the network and the machine misbehave by the seed, and check that nothing is lost or made up.

    Each seed is another random mailbox and story. The same seed always tells the same story.
    """
    with tempfile.TemporaryDirectory(prefix="mirror-simulate-") as folder:
        template = make_template(Path(folder))
        if seed is not None and seeds is None:
            leave(_tell(simulate_seed(seed, template=template)))
        first, count = (1 if seed is None else seed), seeds or 100
        failed = _run(range(first, first + count), template, jobs)
        for result in failed[:3]:
            _tell_failure(result, template)
    if failed:
        numbers = ", ".join(str(result.seed) for result in failed[:20])
        click.echo(f"{len(failed)} of {count} seeds failed: {numbers}", err=True)
    leave(FAILED if failed else DONE)


def _run(seeds: range, template: Path, jobs: int) -> list[Result]:
    """The results that failed."""
    failed: list[Result] = []
    requests = crashes = versions = 0
    with _told(len(seeds)) as progress:
        for done, result in enumerate(_results(seeds, template, jobs), start=1):
            requests, crashes = requests + result.requests, crashes + result.crashes
            versions += result.versions
            if not result.ok:
                failed.append(result)
                progress.console.print(
                    f"seed {result.seed} failed: {result.faults[0].strip().splitlines()[-1]}", markup=False
                )
            if progress.disable and done % TOLD_EVERY == 0:
                click.echo(f"{done} of {len(seeds)} seeds")
            progress.advance(progress.task_ids[0])
    good = len(seeds) - len(failed)
    click.echo(f"{good} of {len(seeds)} seeds held: {requests:,} requests, {crashes:,} crashes, {versions:,} versions.")
    return failed


def _results(seeds: range, template: Path, jobs: int) -> Iterator[Result]:
    run = partial(simulate_seed, template=template)
    if jobs == 1:
        yield from map(run, seeds)
        return
    with ProcessPoolExecutor(jobs) as pool:
        yield from pool.map(run, seeds, chunksize=4)


def _told(total: int) -> Progress:
    console = Console(stderr=True)
    columns = (TextColumn("seeds"), BarColumn(bar_width=40), MofNCompleteColumn(), TimeRemainingColumn())
    progress = Progress(*columns, console=console, disable=not sys.stderr.isatty())
    progress.add_task("seeds", total=total)
    return progress


def _tell(result: Result) -> int:
    for line in result.lines:
        click.echo(str(line))
    for fault in result.faults:
        click.echo(f"FAULT {fault}")
    click.echo(f"seed {result.seed}: {'held' if result.ok else 'failed'}")
    return DONE if result.ok else FAILED


def _tell_failure(failed: Result, template: Path) -> None:
    """The shortest story found that fails with this seed."""
    click.echo(f"\nseed {failed.seed} failed; looking for a shorter story …", err=True)
    short, without = shortened(failed, template=template)
    for line in relevant(short)[-LINES_OF_STORY:]:
        click.echo(str(line), err=True)
    for fault in short.faults:
        click.echo(f"FAULT {fault}", err=True)
    click.echo(
        f"That does without {len(without)} decisions. The whole story: mirror simulate --seed {failed.seed}", err=True
    )
