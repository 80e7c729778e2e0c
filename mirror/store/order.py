"""The order of change: the next place in it and the moment that goes with it. Both only ever grow.

The mirror's time does not follow a clock that jumps back: it stands still for a millisecond at a time until the clock has
caught up. So two transactions never share a moment, and what was known at a past one is settled for good.
"""

from __future__ import annotations

import sqlite3
from datetime import timedelta

from mirror import clock as clocks
from mirror.clock import Clock

SMALLEST = timedelta(milliseconds=1)  # what the written moments can tell apart


def last_place(conn: sqlite3.Connection) -> int:
    """The last place taken. To be asked for within the transaction that takes the next."""
    return int(conn.execute("SELECT seq FROM change_order").fetchone()[0])


def next_moment(conn: sqlite3.Connection, clock: Clock) -> str:
    """The moment of what a transaction is about to write: now, but later than everything written before."""
    now = clocks.text(clock.now())
    last: str = conn.execute("SELECT observed_at FROM change_order").fetchone()[0]
    return now if now > last else clocks.text(clocks.moment(last) + SMALLEST)


def take(conn: sqlite3.Connection, seq: int, moment: str) -> None:
    """All places up to `seq` are taken, at `moment`."""
    conn.execute("UPDATE change_order SET seq = ?, observed_at = ?", [seq, moment])


def take_one(conn: sqlite3.Connection) -> int:
    """A place for what is no version, and has no moment of its own."""
    return int(conn.execute("UPDATE change_order SET seq = seq + 1 RETURNING seq").fetchone()[0])
