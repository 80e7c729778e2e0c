"""Rows put into a table by statements of many: all of them, in their order, whatever their number."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest

from mirror.store import many


@pytest.fixture
def conn() -> Iterator[sqlite3.Connection]:
    opened = sqlite3.connect(":memory:", isolation_level=None)
    opened.execute("CREATE TABLE things (id INTEGER PRIMARY KEY, name TEXT NOT NULL)")
    yield opened
    opened.close()


@pytest.mark.parametrize("rows", [0, 1, 999, 1_000, 1_001, 2_500])
def test_every_row_arrives_in_its_order(conn: sqlite3.Connection, rows: int) -> None:
    wanted = [(number * 2, f"thing {number}") for number in range(rows)]

    many.insert(conn, "things", ("id", "name"), wanted)

    assert conn.execute("SELECT id, name FROM things ORDER BY rowid").fetchall() == wanted


@pytest.mark.parametrize("place", [0, 700, 1_200])
def test_a_row_that_is_refused_is_raised_as_sqlite_refuses_it(conn: sqlite3.Connection, place: int) -> None:
    rows: list[tuple[int, str | None]] = [(number, "thing") for number in range(1_300)]
    rows[place] = (place, None)

    with pytest.raises(sqlite3.IntegrityError):
        many.insert(conn, "things", ("id", "name"), rows)
