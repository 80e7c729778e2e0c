"""Edits in words: what each wants, and what became of it. It prints nothing."""

from __future__ import annotations

import json

from mirror.resources import KINDS
from mirror.store import outbox
from mirror.store.connection import Store
from mirror.store.edits import Edit

DID = {
    "create": "create", "change": "change", "delete": "delete", "respond": "answer", "send": "send", "reply": "reply to",
}  # fmt: skip
TROUBLE = ("RetryLater", "Unsure", "WrongAnswer", "NotPermitted")
"""Errors that an edit waits for, as `identify.describe` writes them down."""
STATES = {
    "pending": "waits to be sent",
    "sending": "is on its way",
    "sent": "was sent; the next sync shows it",
    "settled": "is done",
    "unsure": "was sent, and the answer got lost: it is looked for",
    "conflict": "was changed on both sides; decide with: mirror outbox resolve {id} --mine, --theirs or --edit",
    "rejected": "was refused: {error}",
    "discarded": "was taken back",
}


def told_of(store: Store, edit: Edit) -> str:
    """An edit and its state in one sentence."""
    state = STATES[edit.state].format(id=edit.id, error=edit.error or "no reason was given")
    if edit.state == "pending" and edit.error:
        name, _, detail = edit.error.partition(": ")
        why = f"the server did not answer as it should ({detail})" if name in TROUBLE else edit.error
        state = f"waits to be sent again: {why}"
    return f"edit {edit.id}: {wish(store, edit)} {state}"


def waits_for_a_person(many: int) -> str:
    """So many edits that are in conflict or were refused, and the command that shows them."""
    return ("1 edit waits" if many == 1 else f"{many:,} edits wait") + " for your decision: mirror outbox"


def wish(store: Store, edit: Edit) -> str:
    """What an edit wants: `change contact 17 “Ada”`."""
    kind = KINDS[edit.kind]
    name = outbox.title(store, edit) or _title_in(edit)
    number = f" {edit.record_id}" if edit.record_id is not None else ""
    singular = "mail" if edit.kind == "messages" else kind.singular
    return f"{DID[edit.verb]} {singular}{number}" + (f" “{name}”" if name else "")


def _title_in(edit: Edit) -> str | None:
    for name in ("subject", "title", "nickName", "name"):
        value = edit.patch.get(name)
        if isinstance(value, dict):
            value = value.get("displayName")
        if value:
            return str(value if isinstance(value, str) else json.dumps(value))
    return None
