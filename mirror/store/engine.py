"""The SQLite that this Python brings: what it is, what it can do, and which of its known bugs concern a mirror."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

Version = tuple[int, int, int]

OLDEST: Version = (3, 37, 0)


@dataclass(frozen=True, slots=True)
class Bug:
    """A bug of SQLite's. `fixed`: for each line of releases, the first without it; from the last on, all are without it."""

    name: str
    since: Version
    fixed: tuple[Version, ...]
    what: str
    source: str

    def is_in(self, version: Version) -> bool:
        """Whether a version has it."""
        if version < self.since or version >= self.fixed[-1]:
            return False
        return not any(version[:2] == first[:2] and version >= first for first in self.fixed)


BUGS = (
    Bug(
        "WAL-reset",
        (3, 7, 0),
        ((3, 44, 6), (3, 50, 7), (3, 51, 3)),
        "two connections that write and checkpoint within the same instant can, very rarely, damage the file",
        "https://sqlite.org/wal.html#walresetbug",
    ),
)


def version() -> Version:
    """The library's, not that of Python's module."""
    return sqlite3.sqlite_version_info


FEATURES = {
    "FTS5 (search)": "CREATE VIRTUAL TABLE temp.probe USING fts5(words)",
    "JSON": "SELECT json_extract('{\"a\": 1}', '$.a'), '[1]' ->> 0 FROM json_each('[1]')",
    "window functions": "SELECT row_number() OVER (ORDER BY 1)",
}
"""What the schema needs that SQLite can be built without, and a statement that fails without it."""


def missing_features(conn: sqlite3.Connection | None = None) -> list[str]:
    """Those of FEATURES that are not there."""
    missing = []
    for name, statement in FEATURES.items():
        probe = conn or sqlite3.connect(":memory:")
        try:
            probe.execute(statement).fetchall()
        except sqlite3.DatabaseError:
            missing.append(name)
        finally:
            if conn is None:
                probe.close()
    return missing


def newest_moment(conn: sqlite3.Connection) -> str | None:
    """The latest moment that is in the file, by the machine's clock of then; None in a new one."""
    row = conn.execute(
        "SELECT max((SELECT observed_at FROM change_order), coalesce((SELECT max(started_at) FROM runs), ''))"
    ).fetchone()
    return row[0] or None
