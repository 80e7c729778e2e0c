"""What is measured: a case runs its contenders in turn, round after round, and checks at the end what they have stored."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from contenders import MIRROR, Contender, prepared
from measure import Cost, Served, cost, script, served


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

    def in_turn(self, number: int) -> list[Contender]:
        """Another one begins in each round: none of them always comes after the same neighbour."""
        start = number % len(self.contenders)
        return self.contenders[start:] + self.contenders[:start]


def timed(row: Row, command: list[str], server: Served) -> dict[str, Any]:
    """Run a contender's command into its row; returns what the server was asked for meanwhile."""
    server.steer("stats")
    before = server.cpu_s()
    row.costs.append(cost(command))
    row.server_cpu_s.append(server.cpu_s() - before)
    return server.steer("stats")


def first_sync_and_later(bench: Bench, kind: str, rows: int, page: int) -> Iterator[Row]:
    """A first sync, a pass without changes, one with every hundredth record changed, and a listing again after 410."""
    cases = ("first sync", "no change", "1 % changed", "listed again, 1 % changed")
    found = {
        (case, one.name): Row(case, kind, rows, page, one.name)
        for case in cases
        for one in bench.contenders
        if case == "first sync" or one.later
    }
    for number in range(bench.rounds):
        with served(bench.records(**{kind: rows}), page) as server:
            _a_round(bench, number, server, kind, rows, found)
    yield from found.values()


def _a_round(
    bench: Bench, number: int, server: Served, kind: str, rows: int, found: dict[tuple[str, str], Row]
) -> None:
    homes = {one.name: bench.home(f"home-{place}") for place, one in enumerate(bench.contenders)}
    prepared(homes[MIRROR], server.url)
    for one in bench.in_turn(number):
        row = found["first sync", one.name]
        row.told = timed(row, one.first(homes[one.name], server.url, kind), server)
        row.told["file_bytes"] = file_bytes(homes[one.name] / one.database)
    check(bench, kind, rows, homes)
    later = [one for one in bench.in_turn(number) if one.later]
    for case, steering, token in (
        ("no change", None, "now0.0"),
        ("1 % changed", "change", "now0.0"),
        ("listed again, 1 % changed", "expire", "list1"),
    ):
        if steering:
            server.steer(steering)
        for one in later:
            assert one.later is not None
            row = found[case, one.name]
            row.told = timed(row, one.later(homes[one.name], server.url, kind, token), server)
    check(bench, kind, rows, {one.name: homes[one.name] for one in later})


def check(bench: Bench, kind: str, rows: int, homes: dict[str, Path]) -> None:
    """Everybody has stored the same rows, or the run ends here."""
    ours = homes[MIRROR] / "mirror.db"
    cost(script("checks.py", kind, rows, ours))
    for one in bench.contenders:
        if one.name in homes and one.name != MIRROR:
            cost(script("checks.py", kind, rows, ours, homes[one.name] / one.database))


def file_bytes(path: Path) -> int:
    return sum(one.stat().st_size for one in path.parent.glob(path.name + "*"))
