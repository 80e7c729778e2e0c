"""What an examination says and what it may look at. A check is a function from the one to the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mirror.clock import Clock
from mirror.sources.base import Source
from mirror.store.connection import Store
from mirror.store.journal import Account

Verdict = Literal["ok", "note", "wrong", "person"]
"""Fine; fine, but good to know; to be put right on this machine; to be done by the account's owner (sign in again)."""


@dataclass(frozen=True, slots=True)
class Line:
    """One finding. `help`: what to do, a command where there is one."""

    check: str
    verdict: Verdict
    what: str
    help: str | None = None


@dataclass(frozen=True, slots=True)
class Examination:
    """What is examined. `store` is None where there is no mirror yet, or none that can be opened."""

    home: Path
    clock: Clock
    store: Store | None
    accounts: tuple[Account, ...]
    source_for: Callable[[Account], Source]
    host: str
    port: int
    uid: int
    mounts: str = ""  # as in /proc/mounts; empty where the system has no such thing


Check = Callable[[Examination], Iterable[Line]]


def ok(check: str, what: str) -> Line:
    return Line(check, "ok", what)


def note(check: str, what: str, help_: str | None = None) -> Line:
    return Line(check, "note", what, help_)


def wrong(check: str, what: str, help_: str | None = None) -> Line:
    return Line(check, "wrong", what, help_)


def person(check: str, what: str, help_: str | None = None) -> Line:
    return Line(check, "person", what, help_)
