"""How a mirrored record goes out: as upstream sent it, byte for byte, or as it reads with edits, under an etag of our own."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from mirror.contract.backend import Record, Stored
from mirror.feed import LOCAL
from mirror.store.named import Named

ETAGGED = ("contacts", "events", "task_lists", "tasks")

# What is only ever told to upstream.
_UNSHOWN = {"tasks": ("previousId",), "messages": ("followUp", "tracking", "xHeaders", "body", "attachments")}


def stored(kind: str, found: Named) -> Stored:
    """For pages of many: text that nobody reads on its way, where nothing has to be changed in it."""
    return record(kind, found) if found.edited else msgspec.Raw(found.raw)


def record(kind: str, found: Named) -> Record:
    """The record, read."""
    fields: Record = msgspec.json.decode(found.raw)
    if not found.edited:
        return fields
    kept = {name: value for name, value in fields.items() if value is not None and name not in _UNSHOWN.get(kind, ())}
    own: dict[str, Any] = {"id": found.name}
    if kind in ETAGGED:
        own["etag"] = etag(found)
    if kind == "events":
        shape = "occurrence" if kept.get("occurrenceInfo") else "master" if kept.get("recurrence") else "single"
        own |= {"calendarId": found.parent, "recurrenceType": shape}
        if "meetingInfo" in kept:
            kept["meetingInfo"] = {
                name: value for name, value in kept["meetingInfo"].items() if name != "onlineMeeting"
            }
    return {**kept, **own}


def etag(found: Named) -> str:
    """What changes whenever the record reads otherwise."""
    return LOCAL + hashlib.blake2b(found.raw, digest_size=10).hexdigest()
