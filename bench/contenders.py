"""Who runs over the pages: the mirror, the floor in two sizes of transaction, dlt into two databases. Commands only."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from measure import cost, mirror, script

MIRROR, FLOOR, PAGED_FLOOR = "mirror sync", "floor, 10,000 rows a commit", "floor, a commit a page"
DLT_SQLITE, DLT_DUCKDB = "dlt into SQLite", "dlt into DuckDB"
WITH_KIND = {  # what names another record is pulled with it
    "messages": ["--kind", "folders", "--kind", "messages"],
    "events": ["--kind", "calendars", "--kind", "events"],
    "tasks": ["--kind", "task_lists", "--kind", "tasks"],
}
ROWS_A_COMMIT = 10_000


@dataclass(frozen=True, slots=True)
class Contender:
    """How somebody does a first sync, and a later pass. `database`: the file they leave in their home."""

    name: str
    database: str
    first: Callable[[Path, str, str], list[str]]
    later: Callable[[Path, str, str, str], list[str]] | None = None  # with the token of the pages that are to come
    kinds: tuple[str, ...] | None = ("contacts", "messages")

    def does(self, kind: str) -> bool:
        return self.kinds is None or kind in self.kinds


def prepared(home: Path, url: str, accounts: int = 1) -> Path:
    """A home of the mirror's with accounts that were never pulled."""
    cost(script("prepare.py", home, url, "--accounts", accounts))
    return home


def sync(home: Path, kind: str) -> list[str]:
    return mirror(home, "sync", *WITH_KIND.get(kind, ["--kind", kind]))


def _dlt(into: str) -> Contender:
    name, suffix = (DLT_SQLITE, "sqlite") if into == "sqlite" else (DLT_DUCKDB, "duckdb")
    return Contender(
        name,
        f"mirror.{suffix}",
        lambda home, url, kind: script("with_dlt.py", home, f"{url}/a0", kind, into),
        lambda home, url, kind, token: script("with_dlt.py", home, f"{url}/a0", kind, into, "--token", token),
    )


def _floor(name: str, rows: int) -> Contender:
    return Contender(
        name, "mirror.db", lambda home, url, kind: script("floor.py", home, f"{url}/a0", kind, "--commit-every", rows)
    )


def all_of_them(*, with_dlt: bool) -> list[Contender]:
    """The mirror first; those of dlt when it is wanted."""
    found = [
        Contender(
            MIRROR,
            "mirror.db",
            lambda home, _, kind: sync(home, kind),
            lambda home, _, kind, __: sync(home, kind),
            kinds=None,
        ),
        _floor(PAGED_FLOOR, 0),
        _floor(FLOOR, ROWS_A_COMMIT),
    ]
    return [*found, _dlt("sqlite"), _dlt("duckdb")] if with_dlt else found


def dlt_is_there() -> bool:
    """Whether all of it is installed (`pip install '.[bench]'`)."""
    return all(importlib.util.find_spec(name) for name in ("dlt", "duckdb", "pyarrow", "adbc_driver_sqlite"))
