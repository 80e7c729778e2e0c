"""What the page of one record shows beside its columns: a mail's text, who got it, what is attached; who is invited."""

from __future__ import annotations

import sqlite3
from typing import Any

from datasette.app import Datasette

from mirror.resources import KINDS
from mirror.web.queries import home as queries

PARENTS = {
    "account_id": ("accounts", "name"),
    "calendar_id": ("calendars", "name"),
    "task_list_id": ("task_lists", "title"),
    "folder_id": ("folders", "full_name"),
}
"""Columns that name another record, its table, and what it is called there."""


async def beside(datasette: Datasette, database: str, table: str, pk: str) -> dict[str, Any]:
    """What belongs to a record, as the template of its page wants it; nothing for other tables."""
    if table not in KINDS or not pk.isascii() or not pk.isdigit():
        return {}
    return await datasette.get_database(database).execute_fn(lambda conn: _read(conn, table, int(pk)))  # type: ignore[no-any-return]  # datasette is untyped


def _read(conn: sqlite3.Connection, table: str, record_id: int) -> dict[str, Any]:
    of_record = {"id": record_id}
    found: dict[str, Any] = {
        "kind": KINDS[table].singular,
        "title_column": KINDS[table].title,
        "versions": conn.execute(queries.VERSION_COUNT, {**of_record, "kind": table}).fetchone()[0],
    }
    found["labels"] = {
        column: {"table": parent, **dict(row)}
        for column, (parent, title) in PARENTS.items()
        if column in (KINDS[table].parent_column, "account_id") or (table, column) == ("messages", "folder_id")
        if (
            row := conn.execute(
                queries.PARENT.format(table=table, column=column, parent=parent, title=title), of_record
            ).fetchone()
        )
    }
    if table == "messages":
        body = conn.execute(queries.BODY, of_record).fetchone()
        found["body"] = body["text"] if body else None
        found["body_known"] = body is not None
        found["recipients"] = _rows(conn, queries.RECIPIENTS, of_record)
    if table == "events":
        found["attendees"] = _rows(conn, queries.ATTENDEES, of_record)
    if table == "contacts":
        found["postal"] = _rows(conn, queries.POSTAL, of_record)
        first = conn.execute(queries.FIRST_EMAIL, of_record).fetchone()
        found["email"] = first["email"] if first else None
    if KINDS[table].attachments:
        owner = "message_id" if table == "messages" else "event_id"
        found["attachments"] = _rows(conn, queries.ATTACHMENTS.format(owner=owner), of_record)
    return found


def _rows(conn: sqlite3.Connection, sql: str, parameters: dict[str, Any]) -> list[dict[str, Any]]:
    return [dict(row) for row in conn.execute(sql, parameters)]
