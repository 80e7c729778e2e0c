"""A month of a mirror that just runs: what it holds in memory and on the disk does not grow with time."""

from __future__ import annotations

import gc
import sys
from pathlib import Path

from week import FATES, Week

from mirror.store import journal

DAY_H = 24
MOST_MORE_BLOCKS = (
    3_000  # of Python's memory, each some ten or hundred bytes: a list that grows by one with each pass has more
)
ACCOUNTS = [fate for fate in FATES if fate.name in ("dead token", "stuck")]


class Month(Week):
    """The same accounts, with a new connection for each pass, as the schedule has it, and its other jobs."""

    def go_on(self, hours: float) -> None:
        for _ in range(round(hours / DAY_H)):
            super().go_on(DAY_H)
            journal.clear_idle_runs(self.store)

    def _step(self) -> None:
        kept, self.store = self.store, self.store.again()
        try:
            super()._step()
        finally:
            self.store.close()
            self.store = kept


def blocks() -> int:
    gc.collect()
    return sys.getallocatedblocks()


def resident_bytes() -> int | None:
    """What the system counts; None where it does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return None
    return pages * 4096


def test_neither_memory_nor_the_file_grows_over_a_month(quick_path: Path) -> None:
    month = Month(quick_path / "home", ACCOUNTS)
    month.go_on(10 * DAY_H)  # after that all that happens has happened, and idle runs are cleared away
    held, resident, runs = blocks(), resident_bytes(), month.value("SELECT count(*) FROM runs")
    passes = month.value("SELECT sum(total_runs) FROM feeds")

    month.go_on(20 * DAY_H)

    assert month.value("SELECT sum(total_runs) FROM feeds") > passes
    assert blocks() - held < MOST_MORE_BLOCKS
    assert month.value("SELECT count(*) FROM runs") < 1.5 * runs
    if resident is not None:
        assert (resident_bytes() or 0) - resident < 20_000_000
    month.close()
