"""The one way by which records are physically deleted: their owner removed the account and said --purge."""

from __future__ import annotations

from mirror.resources import KINDS
from mirror.store.columns import CHILDREN
from mirror.store.connection import Store, translated


def purge_account(store: Store, account_id: int) -> None:
    """Delete everything that is stored of an account, history included, in one transaction."""
    with store.transaction() as conn:
        conn.execute("INSERT OR IGNORE INTO purges (account_id) VALUES (?)", [account_id])
        for kind in reversed(KINDS.values()):
            ours = f"IN (SELECT id FROM {kind.name} WHERE account_id = ?)"
            if kind.search:
                names = ", ".join(kind.search)
                content = "messages_search" if kind.name == "messages" else kind.name
                conn.execute(
                    f"INSERT INTO {kind.name}_fts ({kind.name}_fts, rowid, {names})"
                    f" SELECT 'delete', id, {names} FROM {content} WHERE id {ours}",
                    [account_id],
                )
            for table, columns in CHILDREN.get(kind.name, {}).items():
                conn.execute(f"DELETE FROM {table} WHERE {columns[0]} {ours}", [account_id])
            if kind.attachments:
                conn.execute(f"DELETE FROM attachments WHERE {kind.singular}_id {ours}", [account_id])
            if kind.name == "messages":
                conn.execute(f"DELETE FROM message_body_versions WHERE message_id {ours}", [account_id])
                conn.execute(f"DELETE FROM message_bodies WHERE message_id {ours}", [account_id])
            conn.execute(f"DELETE FROM {kind.name} WHERE account_id = ?", [account_id])
        conn.execute(
            "DELETE FROM api_notifications WHERE subscription_id IN (SELECT api_subscriptions.id FROM api_subscriptions"
            " JOIN api_tokens ON api_tokens.id = token_id WHERE account_id = ?)",
            [account_id],
        )
        conn.execute(
            "DELETE FROM api_subscriptions WHERE token_id IN (SELECT id FROM api_tokens WHERE account_id = ?)",
            [account_id],
        )
        for table in ("versions", "stuck", "runs", "overlays", "local_changes", "edits", "hints", "subscriptions",
                      "health", "api_tokens"):  # fmt: skip
            conn.execute(f"DELETE FROM {table} WHERE account_id = ?", [account_id])
        plans = "SELECT plans.id FROM plans, json_each(items) WHERE value ->> 'account_id' = ?"
        conn.execute(f"UPDATE edits SET plan_id = NULL WHERE plan_id IN ({plans})", [account_id])
        conn.execute(f"DELETE FROM plans WHERE id IN ({plans})", [account_id])
        for table in ("walk_seen", "incomplete"):
            conn.execute(
                f"DELETE FROM {table} WHERE feed_id IN (SELECT id FROM feeds WHERE account_id = ?)", [account_id]
            )
        conn.execute("DELETE FROM feeds WHERE account_id = ?", [account_id])
        conn.execute("DELETE FROM accounts WHERE id = ?", [account_id])
        conn.execute("DELETE FROM purges WHERE account_id = ?", [account_id])
    _drop_unused_blobs(store)


def _drop_unused_blobs(store: Store) -> None:
    """Bytes that no attachment of any account refers to any more."""
    path = store.home / "blobs.db"
    if not path.is_file():
        return
    with translated(path):
        store.conn.execute("ATTACH DATABASE ? AS blobs", [str(path)])
    try:
        if not store.conn.execute("SELECT 1 FROM blobs.sqlite_master WHERE name = 'blobs'").fetchone():
            return
        with store.transaction() as conn:
            conn.execute(
                "DELETE FROM blobs.blobs WHERE sha256 NOT IN (SELECT sha256 FROM attachments WHERE sha256 IS NOT NULL)"
            )
    finally:
        store.conn.execute("DETACH DATABASE blobs")
