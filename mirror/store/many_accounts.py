"""Many mailboxes of an organisation as accounts, page by page: which are there already, and new ones in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mirror import clock as clocks
from mirror.store.connection import Store


@dataclass(frozen=True, slots=True)
class NewAccount:
    """A mailbox that is known before it has answered."""

    name: str
    remote_id: str
    email: str | None
    service: str | None


def known_mailboxes(store: Store) -> dict[tuple[str, str], tuple[str, bool]]:
    """By base URL and upstream's id: the name of the account, and whether it was removed."""
    rows = store.conn.execute(
        "SELECT base_url, remote_id, name, removed_at IS NOT NULL AS removed FROM accounts WHERE remote_id IS NOT NULL"
        " ORDER BY removed DESC"
    )
    return {(row["base_url"], row["remote_id"]): (row["name"], bool(row["removed"])) for row in rows}


def names(store: Store) -> set[str]:
    """All names that were ever given, also to accounts that were removed: those come back under them."""
    return {row["name"] for row in store.conn.execute("SELECT name FROM accounts")}


def add_accounts(store: Store, base_url: str, new: Sequence[NewAccount], *, since: str | None,
                 attachments_up_to_bytes: int | None, writable: bool) -> None:  # fmt: skip
    """Add accounts whose mailboxes are known, whole or not at all."""
    now = clocks.text(store.clock.now())
    with store.transaction() as conn:
        conn.executemany(
            "INSERT INTO accounts (source, base_url, since, attachments_up_to_bytes, writable, created_at, name, remote_id,"
            " email, service) VALUES ('aurinko', ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (base_url, since, attachments_up_to_bytes, int(writable), now, one.name, one.remote_id, one.email, one.service)
                for one in new
            ],
        )  # fmt: skip
