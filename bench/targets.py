"""What the mirror has to reach, as ratios within one run, and how far it has come. It takes figures and measures nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import median

from cases import AGAIN, EIGHT, FAR_EIGHT, FAR_ONE, FIRST, HELP, IDLE, INTERPRETER, ONE, STATUS, Row
from contenders import DLT_SQLITE, FLOOR, MIRROR
from measure import Cost

EMPTY_BYTES = 1_000_000  # what a file without records takes, for all its tables and indexes


@dataclass(frozen=True, slots=True)
class Reached:
    """One line: what was wanted, what was measured. `by_cpu`: the same by the CPU that was used, where that says something."""

    what: str
    at_least: str
    aim_for: str
    measured: str
    by_cpu: str
    met: bool


def reached(rows: list[Row]) -> list[Reached]:
    """Every target that this run has figures for."""
    return [*_against_others(rows), *_against_itself(rows), *_alone(rows)]


def _against_others(rows: list[Row]) -> Iterator[Reached]:
    for kind, other, least, aim, what in (
        ("contacts", DLT_SQLITE, 3.5, 5.0, "first sync of contacts, rows/s, against dlt into SQLite"),
        ("contacts", FLOOR, 0.6, 0.85, "first sync of contacts against the batched floor"),
        ("messages", FLOOR, 0.6, 0.85, "first sync of mails against the batched floor"),
    ):
        for theirs in _rows(rows, FIRST, other, kind):
            for ours in _rows(rows, FIRST, MIRROR, kind):
                if (ours.rows, ours.page) == (theirs.rows, theirs.page):
                    yield _ratio(f"{what} ({ours.rows:,}, page {ours.page})", least, aim, ours, theirs)


def _against_itself(rows: list[Row]) -> Iterator[Reached]:
    for again in _rows(rows, AGAIN, MIRROR):
        for first in _rows(rows, FIRST, MIRROR, again.kind):
            if (first.rows, first.page) == (again.rows, again.page):
                what = f"full re-listing of {again.rows:,} {again.kind}, 1 % changed, against the first sync"
                yield _ratio(what, 2.0, 4.0, again, first)
    for where, eight, one in (("that never waits", EIGHT, ONE), ("100 ms away", FAR_EIGHT, FAR_ONE)):
        for several, alone in zip(_rows(rows, eight, MIRROR), _rows(rows, one, MIRROR), strict=True):
            what = f"8 accounts at once against one, upstream {where} ({several.rows:,} contacts)"
            yield _ratio(what, 1.4, 1.7, several, alone, cpu=False)


def _alone(rows: list[Row]) -> Iterator[Reached]:
    for idle in _rows(rows, IDLE, MIRROR):
        told = idle.told
        quiet = told["records_written"] == 0 and told["requests"] == told["requests_wanted"]
        measured = f"{told['records_written']} rows, {told['requests']:,} requests of {told['requests_wanted']:,}"
        yield Reached(
            f"no-change pass over {idle.rows:,} feeds", "0 rows written, 1 request per cursor + 1 per account",
            "< 3 ms CPU per feed", f"{measured}, {told['cpu_ms_per_feed']:.1f} ms CPU per feed", "", quiet,
        )  # fmt: skip
    peak = max(one.rss_mb for row in rows if row.contender == MIRROR for one in row.costs)
    yield Reached("peak RSS, any N", "120 MB", "80 MB", f"{peak:.0f} MB", "", peak <= 120)
    for row in _rows(rows, STATUS, MIRROR):
        yield _seconds(f"mirror status, start to end, on {row.rows:,} contacts", 0.5, 0.25, row, lambda one: one)
    bare = next(iter(_rows(rows, INTERPRETER, "python")), None)
    for row in _rows(rows, HELP, MIRROR):
        start = median(one.wall_s for one in bare.costs) if bare else 0.0
        yield _seconds(
            "mirror --help beyond what Python takes to start", 0.15, 0.15, row, lambda one, start=start: one - start
        )
    for row in _rows(rows, FIRST, MIRROR):
        if row.page == 250 and row.told["raw_bytes"] > 10 * EMPTY_BYTES:
            share = row.told["file_bytes"] / row.told["raw_bytes"]
            what = f"file size against the raw JSON of {row.rows:,} {row.kind}"
            yield Reached(what, "2.5×", "1.8×", f"{share:.2f}×", "", share <= 2.5)


def _rows(rows: list[Row], case: str, contender: str, kind: str | None = None) -> list[Row]:
    return [row for row in rows if row.case == case and row.contender == contender and kind in (None, row.kind)]


def _ratio(what: str, least: float, aim: float, fast: Row, slow: Row, *, cpu: bool = True) -> Reached:
    """How many times as fast: the median of the rounds."""
    found = ratio(slow, fast)
    by_cpu = f"{found['cpu']:.2f}×" if cpu else ""
    return Reached(what, f"{least}×", f"{aim}×", f"{found['wall']:.2f}×", by_cpu, found["wall"] >= least)


def _seconds(what: str, least_s: float, aim_s: float, row: Row, of: Callable[[float], float]) -> Reached:
    wall_s, cpu_s = (of(median(values)) for values in zip(*[(one.wall_s, one.cpu_s) for one in row.costs], strict=True))
    return Reached(what, f"{least_s} s", f"{aim_s} s", f"{wall_s:.2f} s", f"{cpu_s:.2f} s", wall_s <= least_s)


def ratio(slow: Row, fast: Row) -> dict[str, float]:
    """Times as fast by the clock and by the CPU that was used, as the median of the rounds, in which both took turns."""

    def of(value: Callable[[Cost], float]) -> float:
        return median(value(theirs) / value(mine) for theirs, mine in zip(slow.costs, fast.costs, strict=False))

    return {"wall": of(lambda one: one.wall_s), "cpu": of(lambda one: one.cpu_s)}
