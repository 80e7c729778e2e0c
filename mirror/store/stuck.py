"""The records that could not be stored, and why. They are parked and taken out in `parking.py`; here they are only read."""

from __future__ import annotations

from dataclasses import dataclass

from mirror.store.connection import Store

LONGEST_NAME = 60  # an id may have 2 KB


@dataclass(frozen=True, slots=True)
class Stuck:
    """A row of `stuck`, without its bytes. `remote_id` None: not even that could be read."""

    id: int
    feed_id: int
    kind: str
    remote_id: str | None
    reason: str
    first_at: str
    last_at: str
    tries: int
    size_bytes: int

    @property
    def name(self) -> str:
        """What to call it."""
        if self.remote_id is None:
            return f"a record without a readable id (stuck row {self.id})"
        return self.remote_id if len(self.remote_id) <= LONGEST_NAME else self.remote_id[: LONGEST_NAME - 1] + "…"

    @property
    def why(self) -> str:
        """The reason, without the name of Python's exception that may stand before it."""
        word, _, rest = self.reason.partition(": ")
        return rest if rest and word.isidentifier() and word.endswith(("Error", "Exception")) else self.reason


def of_account(store: Store, account_id: int) -> list[Stuck]:
    """What is stuck in an account and still there upstream, oldest first."""
    rows = store.conn.execute(
        "SELECT id, feed_id, kind, remote_id, reason, first_at, last_at, tries, length(raw) AS size_bytes FROM stuck"
        " WHERE account_id = ? AND gone_at IS NULL ORDER BY id",
        [account_id],
    )
    return [Stuck(**dict(row)) for row in rows]


def forget(store: Store, stuck_id: int) -> None:
    """Let go of a record that upstream no longer has, bytes and all."""
    with store.transaction() as conn:
        conn.execute("DELETE FROM stuck WHERE id = ?", [stuck_id])


def forget_gone(store: Store, account_id: int) -> int:
    """Let go of all that upstream deleted before it could be stored. Returns how many there were."""
    with store.transaction() as conn:
        return conn.execute("DELETE FROM stuck WHERE account_id = ? AND gone_at IS NOT NULL", [account_id]).rowcount
