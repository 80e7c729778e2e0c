"""What a change was, in a few words: `moved`, `read`, `done`. Compares a version with the one before it; reads nothing itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from mirror.web.words import KIND_NAMES

Fields = Mapping[str, Any]


def change(kind: str, raw: str, deleted_at: str | None, before: tuple[str, str | None] | None) -> str:
    """The change that led to a version. `before` is raw and deleted_at of the version before it, None for a first one."""
    singular = KIND_NAMES[kind]
    if deleted_at is not None:
        return f"{singular} deleted"
    if before is None:
        return f"new {singular}"
    if before[1] is not None:
        return f"{singular} restored"
    new, old = _fields(raw), _fields(before[0])
    special = {"messages": _mail, "events": _event, "tasks": _task}.get(kind)
    return (special(new, old) if special else None) or f"{singular} changed"


def _mail(new: Fields, old: Fields) -> str | None:
    now, then = _labels(new), _labels(old)
    if "trash" in now - then:
        return "mail thrown away"
    if "unread" in then - now:
        return "mail read"
    if "unread" in now - then:
        return "mail marked unread"
    if "flagged" in now ^ then:
        return "mail flagged" if "flagged" in now else "mail unflagged"
    if "inbox" in then - now or new.get("folderId") != old.get("folderId"):
        return "mail moved"
    return None


def _event(new: Fields, old: Fields) -> str | None:
    meeting, before = _mapping(new.get("meetingInfo")), _mapping(old.get("meetingInfo"))
    if meeting.get("canceled") and not before.get("canceled"):
        return "event cancelled"
    if new.get("start") != old.get("start"):
        return "event moved"
    if meeting.get("response") != before.get("response"):
        return "invitation answered"
    if meeting.get("attendees") != before.get("attendees"):
        return "attendees changed"
    if new.get("location") != old.get("location"):
        return "place changed"
    return None


def _task(new: Fields, old: Fields) -> str | None:
    if new.get("status") != old.get("status"):
        return "task done" if new.get("status") == "completed" else "task status changed"
    return "task rescheduled" if new.get("due") != old.get("due") else None


def _labels(fields: Fields) -> set[str]:
    found = fields.get("sysLabels")
    return {label for label in found if isinstance(label, str)} if isinstance(found, list) else set()


def _mapping(value: Any) -> Fields:
    return value if isinstance(value, dict) else {}


def _fields(raw: str) -> Fields:
    try:
        return _mapping(json.loads(raw))
    except ValueError:
        return {}
