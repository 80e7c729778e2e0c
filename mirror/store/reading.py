"""Questions about the mirror that the command line asks: how it is doing, what is in it, one record whole. Never writes."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Sequence
from typing import Any

from mirror.errors import Usage
from mirror.resources import KINDS, SEARCHABLE, Kind
from mirror.store import edited_words, journal, outbox, overlays, sweep
from mirror.store.columns import CHILDREN, COLUMNS
from mirror.store.connection import Store
from mirror.store.edits import OPEN

Document = dict[str, Any]

BELOW_ZERO = re.compile(r"-\d{1,18}")
WHEN = {"contacts": "modified_at", "events": "starts_at", "messages": "received_at", "tasks": "due_at"}


def kind_named(name: str) -> Kind:
    """A kind by its plural or singular name. Raises: Usage."""
    wanted = name.lower().replace("-", "_").replace(" ", "_")
    for kind in KINDS.values():
        if {"mail": "message", "mails": "message"}.get(wanted, wanted) in (kind.name, kind.singular.replace(" ", "_")):
            return kind
    raise Usage(f"there is no kind “{name}”; there are: {', '.join(KINDS)}")


def status(store: Store) -> Document:
    """How every account and feed is doing, as `mirror status --json` prints it."""
    return {"home": str(store.home), "accounts": [_account(store, account) for account in journal.accounts(store)]}


def _account(store: Store, account: journal.Account) -> Document:
    feeds = [_feed(store, feed) for feed in journal.known_feeds(store, account.id)]
    return {
        "name": account.name,
        "source": account.source,
        "status": account.status,
        "status_detail": account.status_detail,
        "email": account.email,
        "service": account.service,
        "writable": bool(account.writable),
        "edits": _edits(store, account),
        "feeds": feeds,
    }


def _edits(store: Store, account: journal.Account) -> dict[str, int]:
    """How many edits are how far on their way; what is done, or taken back, is not counted."""
    counts = dict.fromkeys((*OPEN, "rejected"), 0)
    for state, number in store.conn.execute(
        "SELECT state, count(*) FROM edits WHERE account_id = ? AND state IN (SELECT value FROM json_each(?)) GROUP BY state",
        [account.id, json.dumps(list(counts))],
    ):
        counts[state] = number
    return counts


def _feed(store: Store, feed: journal.FeedRow) -> Document:
    kind = KINDS[feed.kind]
    column = kind.parent_column or "account_id"
    value = feed.parent_id if kind.parent_column else feed.account_id
    one = store.conn.execute(
        f"SELECT (SELECT count(*) FROM {kind.name} WHERE {column} = ?1)"
        f" - (SELECT count(*) FROM {kind.name} WHERE {column} = ?1 AND deleted_at IS NOT NULL),"
        " (SELECT count(*) FROM stuck WHERE feed_id = ?2 AND gone_at IS NULL),"
        " (SELECT count(*) FROM incomplete WHERE feed_id = ?2)",
        [value, feed.id],
    ).fetchone()
    document: Document = {
        "kind": feed.kind,
        "parent": feed.parent,
        "parent_name": parent_name(store, feed),
        "state": feed.state,
        "caught_up_at": feed.caught_up_at,
        "error": feed.error,
        "rows": one[0],
        "stuck": one[1],
        "incomplete": one[2],
    }
    if feed.state == "held":
        document["absent"] = sweep.absent_rows(store, feed)[0]
    return document


def parent_name(store: Store, feed: journal.FeedRow) -> str | None:
    """What a person calls the calendar or task list that a feed is of."""
    parent = KINDS[feed.kind].parent
    if parent is None or feed.parent_id is None:
        return None
    row = store.conn.execute(f"SELECT {KINDS[parent].title} FROM {parent} WHERE id = ?", [feed.parent_id]).fetchone()
    return row[0] if row else None


# --- search -----------------------------------------------------------------------------------------------------------


def search(store: Store, words: str, *, kinds: tuple[str, ...] = SEARCHABLE, account: str | None = None,
           deleted: bool = False, limit: int = 20) -> list[Document]:  # fmt: skip
    """The records that hold the words, best first within each kind. Raises: Usage."""
    account_id = journal.account_named(store, account).id if account else None
    found: list[Document] = []
    for name in kinds:
        if name not in SEARCHABLE:
            raise Usage(f"{name} can't be searched; these can: {', '.join(SEARCHABLE)}")
        found += _search_kind(store, KINDS[name], words, account_id, deleted, limit)
    return found


def _search_kind(
    store: Store, kind: Kind, words: str, account_id: int | None, deleted: bool, limit: int
) -> list[Document]:
    sql = (
        f"SELECT '{kind.name}' AS kind, record.id, accounts.name AS account, record.{kind.title} AS title,"
        f" record.{WHEN[kind.name]} AS at, record.deleted_at, snippet({kind.name}_fts, -1, '[', ']', '…', 12) AS snippet,"
        f" NULL AS edit"
        f" FROM {kind.name}_fts JOIN {kind.name} AS record ON record.id = {kind.name}_fts.rowid"
        f" JOIN accounts ON accounts.id = record.account_id"
        f" WHERE {kind.name}_fts MATCH ? AND (? IS NULL OR record.account_id = ?) AND (? OR record.deleted_at IS NULL)"
        f" AND NOT EXISTS (SELECT 1 FROM overlays WHERE kind = '{kind.name}' AND record_id = record.id)"
        f" ORDER BY rank LIMIT ?"
    )
    for query in dict.fromkeys((words, quoted(words))):
        try:
            rows = _rows(store, sql, [query, account_id, account_id, deleted, limit])
        except sqlite3.OperationalError as error:
            if "fts5" not in str(error) and "no such column" not in str(error) and "unterminated" not in str(error):
                raise
            continue
        edited = edited_words.search(store, kind, query, WHEN[kind.name], account_id, deleted=deleted)
        return [*edited, *rows][:limit]
    return []


def quoted(words: str) -> str:
    """The words as a search that can't be taken for FTS5's own query language."""
    return " ".join(f'"{word}"' for word in re.findall(r"[^\s\"\x00]+", words)) or '""'


# --- one record -------------------------------------------------------------------------------------------------------


def find(store: Store, kind: Kind, wanted: str) -> sqlite3.Row:
    """The row of a record by its id, or by upstream's. Raises: Usage."""
    row: sqlite3.Row | None = store.conn.execute(
        f"SELECT * FROM {kind.name} WHERE id = ? OR remote_id = ? ORDER BY id = ? DESC",
        [wanted if wanted.isdecimal() and len(wanted) < 19 else None, wanted, wanted],
    ).fetchone()
    if row is None:
        raise Usage(f"there is no {kind.singular} {wanted}; find one with: mirror search WORDS")
    return row


def show(store: Store, kind: Kind, wanted: str) -> Document:
    """A record as it reads with its edits, by its id, or by upstream's: envelope and columns, lists, open edits, `raw`.

    An id below zero is of what is to be created. Raises: Usage.
    """
    record_id = int(wanted) if BELOW_ZERO.fullmatch(wanted) else find(store, kind, wanted)["id"]
    row = overlays.shown(store, kind.name, record_id)
    if row is None:
        raise Usage(f"there is no {kind.singular} {wanted}; see what is to be created with: mirror outbox")
    raw, edit = row.pop("raw"), row.pop("edit")
    document: Document = {"kind": kind.name, **row}
    document["account"] = account_name(store, row["account_id"])
    document |= _children(store, kind, record_id, edited=edit is not None)
    if kind.attachments:
        document["attachments"] = attachments(store, kind, record_id)
        for item in document["attachments"]:
            del item["remote_id"]
    if kind.name == "messages":
        document["body"] = _body(store, record_id)
    versions = store.conn.execute(
        "SELECT count(*) FROM versions WHERE kind = ? AND record_id = ?", [kind.name, record_id]
    ).fetchone()
    document["versions"] = versions[0]
    document["edit"] = edit
    document["edits"] = [
        {"id": one.id, "verb": one.verb, "state": one.state, "patch": one.patch, "error": one.error}
        for one in outbox.edits(store, record=(kind.name, record_id))
    ]
    document["raw"] = json.loads(raw)
    return document


def _children(store: Store, kind: Kind, record_id: int, *, edited: bool) -> Document:
    """The rows of each child table, of an edited record as the edits have them."""
    tables = CHILDREN.get(kind.name, {})
    if not edited:
        return {
            table: _rows(store, f"SELECT {', '.join(columns[1:])} FROM {table} WHERE {columns[0]} = ?", [record_id])
            for table, columns in tables.items()
        }
    row = store.conn.execute(
        "SELECT children FROM overlays WHERE kind = ? AND record_id = ?", [kind.name, record_id]
    ).fetchone()
    lists = json.loads(row["children"])
    return {
        table: [dict(zip(columns[1:], values, strict=True)) for values in lists.get(table, [])]
        for table, columns in tables.items()
    }


def _body(store: Store, record_id: int) -> Document | None:
    """The body of a mail; of one that is being written, as it is written."""
    written = store.conn.execute(
        "SELECT body FROM overlays WHERE kind = 'messages' AND record_id = ? AND body IS NOT NULL", [record_id]
    ).fetchone()
    if written is not None:
        return {"html": written["body"], "text": None}
    body = store.conn.execute("SELECT html, text FROM message_bodies WHERE message_id = ?", [record_id]).fetchone()
    return {"html": body["html"], "text": body["text"]} if body else None


def readable(kind: Kind, document: Document) -> list[tuple[str, Any]]:
    """The columns of a shown record that say something, in the order of its table."""
    return [(name, document[name]) for name in COLUMNS[kind.name] if document.get(name) not in (None, "")]


def named_columns(kind: str, values: tuple[Any, ...]) -> list[tuple[str, Any]]:
    """Derived columns with their names."""
    return list(zip(COLUMNS[kind], values, strict=True))


def attachments(store: Store, kind: Kind, record_id: int, *, removed: bool = False) -> list[Document]:
    """What a record has attached; `removed`: also what it once had."""
    return _rows(
        store,
        "SELECT remote_id, name, mime_type, size_bytes, inline, kept, sha256 FROM attachments"
        f" WHERE {kind.singular}_id = ?" + ("" if removed else " AND removed_at IS NULL"),
        [record_id],
    )


def account_name(store: Store, account_id: int) -> str:
    """The person's word for an account."""
    return str(store.conn.execute("SELECT name FROM accounts WHERE id = ?", [account_id]).fetchone()[0])


def _rows(store: Store, sql: str, parameters: Sequence[object]) -> list[Document]:
    """The rows of a query as dictionaries."""
    from sqlite_utils import Database  # here, since it is slow to import and most commands can do without

    return list(Database(store.conn, recursive_triggers=False, execute_plugins=False).query(sql, list(parameters)))
