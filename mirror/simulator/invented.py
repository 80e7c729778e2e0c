"""Invented records, each state with its mark. Values that others have stumbled over are among them. It stores nothing."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any

from mirror import clock as clocks

Fields = dict[str, Any]
Made = tuple[Fields, str | None, dict[str, bytes] | None]

_NASTY: tuple[Any, ...] = (
    "",
    "a\x00b",
    "🫠 ümläut",
    "x" * 3000,
    7,
    1.5e300,
    ["not", "a text"],
    {"deep": [[[[{}]]]]},
    "' OR 1=1 --",
    "\u202e",
)
_LABELS: tuple[list[str], ...] = (["inbox"], ["inbox", "unread"], ["sent"], ["flagged", "inbox"], [])


def record(kind: str, number: int, chance: random.Random, now: datetime, folder: str | None) -> Made:
    """The fields of a new record, its body and its attachments."""
    if kind == "contacts":
        return _contact(number, chance), None, None
    if kind == "calendars":
        return {"name": f"Calendar #{number}#", "accessRole": "owner", "primary": False}, None, None
    if kind == "folders":
        name = f"Folder #{number}#"
        return {"name": name, "fullName": name, "isFolder": True, "isLabel": False}, None, None
    if kind == "task_lists":
        return {"title": f"List #{number}#", "owner": True, "shared": False, "defaultList": False}, None, None
    if kind == "tasks":
        return {"title": f"Task #{number}#", "status": "notStarted", "notes": _words(chance)}, None, None
    if kind == "events":
        return _event(number, chance, now)
    return _message(number, chance, now, folder)


def change(kind: str, number: int, chance: random.Random, before: Fields, now: datetime) -> tuple[Fields, str | None]:
    """The fields that change, always with a new mark, and a new body where that changes too."""
    fields: Fields = {_marked(kind): f"changed #{number}#"}
    body = None
    if kind == "contacts":
        fields = {"name": {"displayName": f"changed #{number}#"}}
        if chance.random() < 0.5:
            fields |= {
                "emailAddresses": _addresses(chance),
                chance.choice(("notes", "nickName")): chance.choice(_NASTY),
            }
    elif kind == "events":
        if chance.random() < 0.4 and before.get("recurrenceType") != "master":
            fields |= when(chance, now)
        if chance.random() < 0.3:
            fields |= {"meetingInfo": _meeting(chance)}
    elif kind == "tasks":
        fields |= {"status": chance.choice(("notStarted", "inProgress", "completed")), "notes": _words(chance)}
    elif kind == "messages":
        fields |= {"sysLabels": chance.choice(_LABELS), "keywords": [_words(chance)]}
        if chance.random() < 0.2:
            body = f"<p>second thoughts ~{number}~</p>"
    return fields, body


def _marked(kind: str) -> str:
    return {"events": "subject", "messages": "subject", "tasks": "title", "task_lists": "title"}.get(kind, "name")


def _contact(number: int, chance: random.Random) -> Fields:
    made: Fields = {
        "name": {"displayName": f"Person #{number}#"},
        "emailAddresses": _addresses(chance),
        "hasPhoto": False,
    }
    if chance.random() < 0.3:
        made |= {chance.choice(("notes", "nickName", "birthday", "company", "keywords")): chance.choice(_NASTY)}
    if chance.random() < 0.4:
        made |= {"phoneNumbers": [{"type": "home", "number": str(chance.randrange(10**9))}]}
    return made


def _addresses(chance: random.Random) -> list[Fields]:
    return [{"address": f"p{chance.randrange(50)}@example.org"} for _ in range(chance.randrange(3))]


def _event(number: int, chance: random.Random, now: datetime) -> Made:
    made: Fields = {"subject": f"Event #{number}#", **when(chance, now)}
    if chance.random() < 0.25:
        made |= {"recurrence": {"ical": {"rules": ["RRULE:FREQ=WEEKLY;COUNT=10"]}}}
    if chance.random() < 0.4:
        made |= {"meetingInfo": _meeting(chance)}
    if chance.random() < 0.3:
        made |= {"description": _words(chance)}
    contents = _contents(chance, number)
    if contents:
        made |= {"attachments": _listed(contents)}
    return made, None, contents


def when(chance: random.Random, now: datetime) -> Fields:
    """Mostly near, sometimes years away, so that windows have an outside."""
    days = chance.choice((chance.randrange(-60, 60), chance.randrange(-60, 60), chance.randrange(-900, 1400)))
    start = (now + timedelta(days=days)).replace(minute=0, second=0, microsecond=0)
    if chance.random() < 0.2:
        return {
            "start": {"dateOnly": f"{start:%Y-%m-%d}"},
            "end": {"dateOnly": f"{start + timedelta(days=1):%Y-%m-%d}"},
        }
    zone = chance.choice(("UTC", "Europe/Berlin", "W. Europe Standard Time"))
    end = start + timedelta(hours=chance.randrange(1, 5))
    return {
        "start": {"dateTime": clocks.text(start), "timezone": zone},
        "end": {"dateTime": clocks.text(end), "timezone": zone},
    }


def _meeting(chance: random.Random) -> Fields:
    people = [{"emailAddress": {"address": f"p{chance.randrange(50)}@example.org"}, "type": "required"}]
    return {"response": "accepted", "attendees": people * chance.randrange(1, 3)}


def _message(number: int, chance: random.Random, now: datetime, folder: str | None) -> Made:
    days = chance.choice((0, 0, chance.randrange(60), chance.randrange(900)))
    at = clocks.text(now - timedelta(days=days, minutes=chance.randrange(600)))
    made: Fields = {
        "subject": f"Mail #{number}#",
        "from": {"address": f"p{chance.randrange(50)}@example.org", "name": "Somebody"},
        "to": [{"address": "ada@example.org"}],
        "receivedAt": at,
        "sentAt": at,
        "sysLabels": chance.choice(_LABELS),
        "internetMessageId": f"<{number}@example.org>",
        "folderId": folder or "nowhere",
    }
    contents = _contents(chance, number)
    if contents:
        made |= {"attachments": _listed(contents), "hasAttachments": True}
    return made, f"<p>{_words(chance)} ~{number}~</p>", contents


def received_at(message: Fields) -> str:
    """When a message counts as received: a draft was only written."""
    return str(message.get("receivedAt") or message.get("sentAt") or message["createdTime"])


def _contents(chance: random.Random, number: int) -> dict[str, bytes] | None:
    if chance.random() > 0.15:
        return None
    return {
        f"att/{number}.{place}": chance.randbytes(chance.choice((0, 10, 200))) for place in range(chance.choice((1, 2)))
    }


def _listed(contents: dict[str, bytes]) -> list[Fields]:
    return [{"id": one, "name": one, "size": len(content), "inline": False} for one, content in contents.items()]


def _words(chance: random.Random) -> str:
    return " ".join(
        chance.choices(("harbour", "survey", "tea", "invoice", "garden", "later"), k=chance.randrange(1, 5))
    )
