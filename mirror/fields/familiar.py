"""Names that people use for fields, beside upstream's own: those of the tables' columns, and everyday words."""

from __future__ import annotations

from typing import Any

from mirror.fields.field import Field
from mirror.fields.words import letters

ALIASES: dict[str, dict[str, str]] = {
    "contacts": {
        "given_name": "name.givenName", "first_name": "name.givenName", "middle_name": "name.middleName",
        "family_name": "name.familyName", "last_name": "name.familyName", "job_title": "company.jobTitle",
        "department": "company.department", "office": "company.officeLocation", "categories": "keywords",
        "emails": "emailAddresses", "phones": "phoneNumbers", "note": "notes",
    },
    "events": {
        "title": "subject", "summary": "subject", "attendees": "meetingInfo.attendees",
        "online_meeting": "meetingInfo.onlineMeeting", "reminder": "reminder.overrides", "rrule": "recurrence.ical.rules",
    },
    "tasks": {
        "start": "startDateTime", "starts": "startDateTime", "due_at": "due", "parent": "parentId", "after": "previousId",
        "name": "title", "note": "notes",
    },
    "task_lists": {"name": "title"},
    "calendars": {"title": "name", "colour": "color"},
    "folders": {"title": "name", "parent": "parentId"},
    "messages": {"categories": "keywords"},
    "mail": {"text": "body", "recipients": "to"},
    "drafts": {"text": "body", "recipients": "to"},
    "reply": {"text": "body", "recipients": "to"},
    "response": {"answer": "response"},
}  # fmt: skip

ONE_OF = {
    "contacts": {"email": "emailAddresses", "phone": "phoneNumbers", "url": "urls", "address": "addresses"},
}
"""Names for the only entry of a list."""

TIMES = ("start", "end", "timezone", "all_day")
"""Of an event: they are read together."""

NEGATED = {"tasks": ("done",), "messages": ("read",)}
"""Names that stand for another field's value, see `standing_for`."""


def alias(form: str, name: str) -> str | None:
    """The path that a familiar name stands for."""
    return _by_letters(ALIASES.get(form, {}), name)


def one_of(form: str, name: str) -> str | None:
    """The list whose only entry a familiar name stands for."""
    return _by_letters(ONE_OF.get(form, {}), name)


def known_names(form: str, whole: Field) -> list[str]:
    """All names that can be typed, for suggestions."""
    times = TIMES if form == "events" else ()
    return [
        *(field.name for field in whole.fields if field.writable),
        *ALIASES.get(form, {}), *ONE_OF.get(form, {}), *NEGATED.get(form, ()), *times,
    ]  # fmt: skip


def _by_letters(names: dict[str, str], name: str) -> str | None:
    return next((path for known, path in names.items() if letters(known) == letters(name)), None)


def standing_for(form: str, yes: bool, status: Any) -> tuple[str, Any]:
    """The field and value that `done=` of a task and `read=` of a message mean."""
    if form == "messages":
        return "unread", not yes
    if yes:
        return "status", "completed"
    return "status", status if status not in (None, "completed") else "notStarted"


def name_parts(written: str, before: dict[str, Any]) -> dict[str, Any] | None:
    """A ContactName for a name as a person writes it; None for an empty one.

    A title that the name had stays one. The last word is the family name, with the small words before it (van, de la).
    """
    words = written.split()
    if not words:
        return None
    parts = {name: value for name, value in before.items() if name.startswith("yomi")}
    parts["displayName"] = " ".join(words)
    for name, at in (("prefix", 0), ("suffix", -1)):
        if len(words) > 1 and words[at].strip(",") == before.get(name):
            parts[name] = words.pop(at).strip(",")
    if words[0].endswith(",") and len(words) > 1:
        family = next((place for place, word in enumerate(words) if word.endswith(",")), 0) + 1
        words = [*words[family:], " ".join(words[:family]).rstrip(",")]
        parts["displayName"] = " ".join(word for word in (parts.get("prefix"), *words, parts.get("suffix")) if word)
        given, middle, last = words[:1], words[1:-1], words[-1:]
    else:
        place = len(words) - 1
        while place > 1 and words[place - 1].islower():
            place -= 1
        given, middle, last = words[:1], words[1:place], words[place:] if place else []
    for name, found in (("givenName", given), ("middleName", middle), ("familyName", last)):
        if found:
            parts[name] = " ".join(found)
    return parts
