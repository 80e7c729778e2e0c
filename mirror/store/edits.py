"""An edit: what a person wants of a record, and how far it has come. `outbox.py` keeps them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from mirror.store.overlays import form_of

Fields = dict[str, Any]

OPEN = ("pending", "sending", "sent", "unsure", "conflict")
"""States of edits that are not at their end: they show in what a person reads."""

UNSENT = ("pending", "conflict")
BUILDING = ("pending", "conflict", "rejected")
"""States of edits that go no further when what they build on is taken back."""
NEEDS_A_PERSON = ("conflict", "rejected")
CREATING = ("create", "send", "reply")
VERBS: dict[str, frozenset[str]] = {
    "contacts": frozenset({"create", "change", "delete"}),
    "calendars": frozenset({"create", "change"}),
    "events": frozenset({"create", "change", "delete", "respond"}),
    "folders": frozenset({"create"}),
    "messages": frozenset({"create", "change", "delete", "send", "reply"}),
    "task_lists": frozenset({"create", "change", "delete"}),
    "tasks": frozenset({"create", "change", "delete"}),
}
"""What the API can do with each kind (the vendor's OpenAPI file). `create` of a message is a draft."""


@dataclass(frozen=True, slots=True)
class Edit:
    """A row of `edits`, its JSON read."""

    id: int
    account_id: int
    kind: str
    record_id: int | None
    parent_id: int | None
    verb: str
    patch: Fields
    base: Fields | None
    base_etag: str | None
    base_seq: int
    options: Fields
    state: str
    marker: str
    remote_id: str | None
    receipt: Fields | None
    theirs: Fields | None
    taken: list[str] | None
    plan_id: int | None
    created_at: str
    sent_at: str | None
    sent_seq: int | None
    settled_at: str | None
    attempts: int
    retry_at: str | None
    error: str | None

    @property
    def form(self) -> str:
        """The table of fields that its patch goes by."""
        return form_of(self.kind, self.verb, self.options)

    @property
    def shown_id(self) -> int:
        """The record's id, or what stands for it until it is there."""
        return self.record_id if self.record_id is not None else -self.id


JSON = ("patch", "base", "options", "receipt", "theirs", "taken")
_NAMES = [column.name for column in fields(Edit)]
COLUMNS = ", ".join(_NAMES)
ONE = (
    "SELECT edits.*, accounts.name AS account FROM edits JOIN accounts ON accounts.id = account_id WHERE edits.id = :id"
)


def edit_of(row: Mapping[str, Any] | sqlite3.Row) -> Edit:
    """The edit of a row, which may have other columns besides."""
    values = {name: row[name] for name in _NAMES}
    return Edit(**{**values, **{name: json.loads(values[name]) for name in JSON if values[name] is not None}})
