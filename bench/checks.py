"""Whether everybody has really stored the same: asked of what each contender left behind, in a process of its own.

    python bench/checks.py KIND ROWS MIRROR.db [OTHER]

There must be as many live records as there were upstream. Two files of the mirror's schema must be equal in every
column but those that number and date the versions, in their child rows and in what a search finds. Of dlt's tables the
ids, a column that changes and the numbers of child rows must be the same.
"""

from __future__ import annotations

import argparse
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

CHILDREN: dict[str, dict[str, str | None]] = {
    "contacts": {
        "contact_emails": "email_addresses",
        "contact_phones": "phone_numbers",
        "contact_addresses": "addresses",
    },
    "messages": {"message_recipients": None, "message_bodies": None},
    "events": {"event_attendees": None},
    "tasks": {},
}
CONTENT = {"contacts": ("job_title", "company__job_title"), "messages": ("subject", "subject")}  # ours, dlt's
THEIR_OWN = ("observed_at", "seq", "generation")
WORDS = ("the", "report", "Hamburg", "Petersen", "sch*", "Q*", "senior")


def reader(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)


def rows_of(path: Path, kind: str) -> Iterator[tuple[Any, ...]]:
    """Every live record and child row, and what some searches find, as comparable rows."""
    conn = reader(path)
    columns = [row[1] for row in conn.execute(f"PRAGMA table_info({kind})") if row[1] not in THEIR_OWN]
    yield from conn.execute(f"SELECT {', '.join(columns)} FROM {kind} WHERE account_id = 1 ORDER BY id")
    for table in CHILDREN[kind]:
        columns = [row[1] for row in conn.execute(f"PRAGMA table_info({table})") if row[1] != "seq"]
        yield from conn.execute(f"SELECT {', '.join(columns)} FROM {table} ORDER BY rowid")
    for word in WORDS:
        found = conn.execute(f"SELECT count(*), sum(rowid) FROM {kind}_fts WHERE {kind}_fts MATCH ?", [word]).fetchone()
        yield (word, *found)
    conn.close()


def compare(ours: Iterable[tuple[Any, ...]], theirs: Iterable[tuple[Any, ...]]) -> int:
    """The number of equal rows. Raises: SystemExit at the first difference."""
    number = 0
    there = iter(theirs)
    for number, row in enumerate(ours, 1):
        other = next(there, None)
        if row != other:
            raise SystemExit(f"row {number} differs:\n{row}\n{other}")
    if next(there, None) is not None:
        raise SystemExit(f"there are more than {number} rows")
    return number


def counts_of(path: Path, kind: str) -> dict[str, int]:
    """The mirror's rows by the names that dlt gives them."""
    conn = reader(path)
    found = {kind: conn.execute(f"SELECT count(*) FROM {kind} WHERE deleted_at IS NULL").fetchone()[0]}
    for table, name in CHILDREN[kind].items():
        if name:
            found[f"{kind}__{name}"] = conn.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
    conn.close()
    return found


def by_dlt(path: Path) -> Any:
    """A connection to what dlt wrote, which has `execute`."""
    if path.suffix == ".duckdb":
        import duckdb

        return duckdb.connect(str(path), read_only=True)
    return reader(path)


def compare_with_dlt(ours: Path, theirs: Path, kind: str) -> int:
    conn = by_dlt(theirs)
    for table, count in counts_of(ours, kind).items():
        found = conn.execute(f"SELECT count(*) FROM main.{table}").fetchone()[0]
        if found != count:
            raise SystemExit(f"{theirs.name}: {table} has {found} rows, the mirror {count}")
    content, as_dlt_says = CONTENT[kind]
    mine = reader(ours).execute(f"SELECT remote_id, {content} FROM {kind} WHERE deleted_at IS NULL ORDER BY remote_id")
    found = conn.execute(f"SELECT id, {as_dlt_says} FROM main.{kind}").fetchall()
    return compare(mine, sorted(tuple(row) for row in found))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=CHILDREN)
    parser.add_argument("rows", type=int)
    parser.add_argument("ours", type=Path)
    parser.add_argument("theirs", type=Path, nargs="?")
    chosen = parser.parse_args()
    if (found := counts_of(chosen.ours, chosen.kind)[chosen.kind]) != chosen.rows:
        raise SystemExit(f"{chosen.ours} has {found} {chosen.kind} instead of {chosen.rows}")
    if chosen.theirs is None:
        print(found)
    elif chosen.theirs.suffix == ".db":
        print(compare(rows_of(chosen.ours, chosen.kind), rows_of(chosen.theirs, chosen.kind)))
    else:
        print(compare_with_dlt(chosen.ours, chosen.theirs, chosen.kind))


if __name__ == "__main__":
    main()
