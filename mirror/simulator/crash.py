"""A database connection that dies between two statements, and what a power cut at that moment would leave on the disk.

It changes no statement and no result; until it dies, the store can't tell it from another connection.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILES = ("mirror.db", "mirror.db-wal", "blobs.db", "blobs.db-wal")


class Crash(BaseException):
    """The process is dead. Not an Exception, as a dead process handles none."""


@dataclass(slots=True)
class Plan:
    """When and how to die: at the nth writing statement, before or after it; `copy_to` takes the files as they are then.

    `torn` bytes of rubbish stand at the end of the copied write-ahead log, as of a page that was being written.
    """

    statement: int
    after: bool = False
    copy_to: Path | None = None
    torn: bytes = b""
    died_at: str | None = None


class Mortal(sqlite3.Connection):
    """Dies by plan. `on_commit` is told of every transaction that was committed, and whether it moved a cursor."""

    plan: Plan | None = None
    home: Path | None = None
    on_commit: Callable[[bool], None] | None = None
    dead = False
    _moved = False

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        return self._perhaps(sql, lambda: sqlite3.Connection.execute(self, sql, parameters))

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> sqlite3.Cursor:
        return self._perhaps(sql, lambda: sqlite3.Connection.executemany(self, sql, parameters))

    def executescript(self, sql_script: str, /) -> sqlite3.Cursor:
        return self._perhaps(sql_script, lambda: sqlite3.Connection.executescript(self, sql_script))

    def _perhaps(self, sql: str, run: Callable[[], sqlite3.Cursor]) -> sqlite3.Cursor:
        if self.dead:
            raise Crash
        verb = sql.lstrip()[:6].upper()
        if verb in ("SELECT", "PRAGMA"):
            return run()
        plan = self.plan
        due = False
        if plan is not None:
            plan.statement -= 1
            due = plan.statement <= 0
        if due and plan is not None and not plan.after:
            self._die(plan, f"before {_short(sql)}")
        result = run()
        if verb == "UPDATE" and "cursor = ?" in sql:
            self._moved = True
        elif verb in ("COMMIT", "ROLLBA"):
            if verb == "COMMIT" and self.on_commit is not None:
                self.on_commit(self._moved)
            if " TO " not in sql:
                self._moved = False
        if due and plan is not None:
            self._die(plan, f"after {_short(sql)}")
        return result

    def _die(self, plan: Plan, where: str) -> None:
        self.dead = True
        plan.died_at = where
        if plan.copy_to is not None and self.home is not None:
            copy_files(self.home, plan.copy_to)
            log = plan.copy_to / "mirror.db-wal"
            if plan.torn and log.exists():
                with log.open("ab") as file:
                    file.write(plan.torn)
        raise Crash


def copy_files(home: Path, to: Path) -> None:
    """The files of a home as they are at this instant."""
    to.mkdir()
    for name in FILES:
        if (home / name).exists():
            shutil.copyfile(home / name, to / name)


def _short(sql: str) -> str:
    return " ".join(sql.split())[:40]
