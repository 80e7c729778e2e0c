"""The versions of the schema: how a new file is made, and how an older one becomes what a new one would be.

A change of `schema.sql` comes with a numbered step here, in the same commit. `tests/test_migrations.py` proves that an
old file after its steps and a new file have the same schema.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence

Step = Callable[[sqlite3.Connection], None]

STEPS: Sequence[Step] = ()
"""Step number n leads from version n to version n + 1."""

VERSION = 1 + len(STEPS)


def create(conn: sqlite3.Connection, schema: str) -> None:
    """Make a new file, whole or not at all."""
    try:
        conn.executescript(f"BEGIN IMMEDIATE;\n{schema}\nPRAGMA user_version = {VERSION};\nCOMMIT;")
    except BaseException:
        if conn.in_transaction:
            conn.execute("ROLLBACK")
        raise


def migrate(conn: sqlite3.Connection, found: int, steps: Sequence[Step] = STEPS) -> None:
    """Bring a file of version `found` to the newest one; each step is written whole or not at all."""
    for version, step in enumerate(steps[found - 1 :], start=found):
        conn.execute("BEGIN IMMEDIATE")
        try:
            step(conn)
            conn.execute(f"PRAGMA user_version = {version + 1}")
            conn.execute("COMMIT")
        except BaseException:
            conn.execute("ROLLBACK")
            raise
