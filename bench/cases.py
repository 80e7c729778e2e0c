"""What is measured: a case runs its contenders in turn, round after round, and checks at the end what they have stored."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from contenders import MIRROR, Contender, prepared
from measure import Cost, Served, cost, script, served

FIRST, QUIET, CHANGED, AGAIN = "first sync", "no change", "1 % changed", "listed again, 1 % changed"
RESUMED, EIGHT, ONE = "resumed after kill -9", "8 accounts at once", "the same in one account"
FAR_EIGHT, FAR_ONE = "8 accounts at once, 100 ms away", "the same in one account, 100 ms away"
IDLE, REAL = "idle feeds, no change", "real mail, through the sandbox"
STATUS, HELP, INTERPRETER = "mirror status", "mirror --help", "python -c pass"


@dataclass(slots=True)
class Row:
    """One line of the table: what one contender took in one case, round by round."""

    case: str
    kind: str
    rows: int
    page: int
    contender: str
    costs: list[Cost] = field(default_factory=list)
    server_cpu_s: list[float] = field(default_factory=list)
    told: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Bench:
    """What all cases share."""

    folder: Path  # everything is below it: records, homes
    rounds: int
    contenders: list[Contender]

    def records(self, **counts: int) -> Path:
        """The folder with so many records of each kind, written once."""
        folder = self.folder / ("records-" + "-".join(f"{kind}{count}" for kind, count in counts.items()))
        if not folder.exists():
            flags = [word for kind, count in counts.items() for word in (f"--{kind}", count)]
            cost(script("workload.py", folder, *flags))
        return folder

    def home(self, name: str) -> Path:
        """A folder that is not there yet."""
        home = self.folder / name
        shutil.rmtree(home, ignore_errors=True)
        return home


def timed(row: Row, command: list[str], server: Served) -> dict[str, Any]:
    """Run a contender's command into its row; returns what the server was asked for meanwhile."""
    server.steer("stats")
    before = server.cpu_s()
    row.costs.append(cost(command))
    row.server_cpu_s.append(server.cpu_s() - before)
    return server.steer("stats")


def first_syncs(bench: Bench, kind: str, rows: int, page: int, *, later: bool = True) -> Iterator[Row]:
    """A first sync; with `later` also a pass without changes, one with every hundredth record changed, and a listing
    after 410."""
    able = [one for one in bench.contenders if one.does(kind)]
    found = {
        (case, one.name): Row(case, kind, rows, page, one.name)
        for case in (FIRST, QUIET, CHANGED, AGAIN)
        for one in able
        if case == FIRST or (later and one.later)
    }
    for number in range(bench.rounds):
        start = number % len(able)  # another one begins in each round: none always comes after the same neighbour
        with served(bench.records(**{kind: rows}), page) as server:
            homes = _first(bench, able[start:] + able[:start], server, found)
            if later:
                _later(bench, able[start:] + able[:start], server, found, homes)
    yield from found.values()


Found = dict[tuple[str, str], Row]


def _first(bench: Bench, able: list[Contender], server: Served, found: Found) -> dict[str, Path]:
    """One round of first syncs. Returns the homes, which all hold the same."""
    homes = {one.name: bench.home(f"home-{bench.contenders.index(one)}") for one in able}
    prepared(homes[MIRROR], server.url)
    for one in able:
        row = found[FIRST, one.name]
        row.told = timed(row, one.first(homes[one.name], server.url, row.kind), server)
        row.told["file_bytes"] = file_bytes(homes[one.name] / one.database)
        row.told["raw_bytes"] = (bench.records(**{row.kind: row.rows}) / f"{row.kind}.jsonl").stat().st_size
    check(bench, row.kind, row.rows, homes)
    return homes


def _later(bench: Bench, able: list[Contender], server: Served, found: Found, homes: dict[str, Path]) -> None:
    """One round of what comes after a first sync."""
    able = [one for one in able if one.later]
    for case, steering, token in ((QUIET, None, "now0.0"), (CHANGED, "change", "now0.0"), (AGAIN, "expire", "list1")):
        if steering:
            server.steer(steering)
        for one in able:
            assert one.later is not None
            row = found[case, one.name]
            row.told = timed(row, one.later(homes[one.name], server.url, row.kind, token), server)
    check(bench, row.kind, row.rows, {one.name: homes[one.name] for one in able})


def check(bench: Bench, kind: str, rows: int, homes: dict[str, Path]) -> None:
    """Everybody has stored the same rows, or the run ends here."""
    ours = homes[MIRROR] / "mirror.db"
    cost(script("checks.py", kind, rows, ours))
    for one in bench.contenders:
        if one.name in homes and one.name != MIRROR:
            cost(script("checks.py", kind, rows, ours, homes[one.name] / one.database))


def file_bytes(path: Path) -> int:
    return sum(one.stat().st_size for one in path.parent.glob(path.name + "*"))
