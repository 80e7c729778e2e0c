"""The forms of contacts, events and tasks: which fields a person sees, how they are shown, and what was made of them.

A form carries the record as it was shown (`base`), so that what changed upstream meanwhile is merged, not overwritten.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from mirror import clock as clocks
from mirror.fields import FORMS, Problem, parse
from mirror.web.posting import Form

Fields = dict[str, Any]

EMPTY_ROWS = 2
LISTS_AS_TEXT = frozenset({"keywords", "categories"})


@dataclass(frozen=True, slots=True)
class Entry:
    """One input. `path` as in `name.givenName`, within an entry of a list as in `address`."""

    path: str
    label: str
    widget: str = "text"  # text, email, tel, url, date, datetime, area, choice, check
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rows:
    """A list, with a row of inputs for each entry."""

    path: str
    label: str
    entries: tuple[Entry, ...]


def _choice(form: str, path: str, label: str) -> Entry:
    field = FORMS[form].part(path)
    return Entry(path, label, "choice", field.values if field else ())


def _type(form: str, path: str) -> Entry:
    field = FORMS[form].part(path)
    part = field.entry.part("type") if field and field.entry else None
    return Entry("type", "Type", "choice" if part and part.values else "text", part.values if part else ())


FORM: dict[str, tuple[tuple[str, tuple[Entry | Rows, ...]], ...]] = {
    "contacts": (
        ("Name", (
            Entry("name.givenName", "Given name"), Entry("name.familyName", "Family name"), Entry("name.displayName", "Shown as"),
            Entry("nickName", "Nickname"), Entry("company.name", "Company"), Entry("company.jobTitle", "Job title"),
        )),
        ("Reach", (
            Rows("emailAddresses", "E-mail", (Entry("address", "Address", "email"), _type("contacts", "emailAddresses"))),
            Rows("phoneNumbers", "Phone", (Entry("number", "Number", "tel"), _type("contacts", "phoneNumbers"))),
            Rows("addresses", "Address", (
                Entry("street", "Street"), Entry("postalCode", "Postal code"), Entry("city", "City"), Entry("country", "Country"),
                _type("contacts", "addresses"),
            )),
            Rows("urls", "Web", (Entry("href", "Address", "url"), _type("contacts", "urls"))),
        )),
        ("More", (Entry("birthday", "Birthday"), Entry("keywords", "Categories, with commas"), Entry("notes", "Notes", "area"))),
    ),
    "events": (
        ("What", (Entry("subject", "Subject"), Entry("location", "Where"))),
        ("When", (
            Entry("start", "Begins", "datetime"), Entry("end", "Ends", "datetime"), Entry("all_day", "All day", "check"),
            _choice("events", "showAs", "Show as"),
        )),
        ("Who", (
            Rows("meetingInfo.attendees", "Attendees", (
                Entry("emailAddress.address", "Address", "email"), Entry("emailAddress.name", "Name"),
            )),
        )),
        ("More", (Entry("description", "Description", "area"),)),
    ),
    "tasks": (
        ("Task", (
            Entry("title", "Title"), _choice("tasks", "status", "Status"), _choice("tasks", "importance", "Importance"),
            Entry("due", "Due", "date"), Entry("notes", "Notes", "area"),
        )),
    ),
}  # fmt: skip
"""What each form shows, in groups."""


def entries(kind: str) -> Iterator[Entry]:
    """The single inputs of a form."""
    for _, group in FORM[kind]:
        yield from (one for one in group if isinstance(one, Entry))


def lists(kind: str) -> Iterator[Rows]:
    for _, group in FORM[kind]:
        yield from (one for one in group if isinstance(one, Rows))


# --- showing ------------------------------------------------------------------------------------------------------------


def shown(kind: str, fields: Mapping[str, Any], zone: ZoneInfo) -> Fields:
    """What the inputs hold: a text by path, and of lists rows of texts, each with a few empty ones after them."""
    values: Fields = {one.path: _text(kind, one.path, fields, zone) for one in entries(kind)}
    for rows in lists(kind):
        listed = at(fields, rows.path)
        found = [{one.path: str(at(entry, one.path) or "") for one in rows.entries} for entry in _array(listed)]
        values[rows.path] = found + [{one.path: "" for one in rows.entries}] * EMPTY_ROWS
    return values


def _text(kind: str, path: str, fields: Mapping[str, Any], zone: ZoneInfo) -> str:
    if kind == "events" and path in ("start", "end"):
        return _when(path, at(fields, path), zone)
    if path == "all_day":
        return "yes" if at(fields, "start.dateOnly") else ""
    value = at(fields, path)
    if path in LISTS_AS_TEXT:
        return ", ".join(str(one) for one in _array(value))
    if path == "due":
        return str(value or "")[:10]
    return "" if value is None else str(value)


def _when(path: str, value: Any, zone: ZoneInfo) -> str:
    """As `datetime-local` has it. The end of an all-day event is shown as its last day."""
    if not isinstance(value, dict):
        return ""
    if value.get("dateOnly"):
        day = date.fromisoformat(str(value["dateOnly"])[:10])
        return f"{day - timedelta(days=1) if path == 'end' else day}T00:00"
    written = value.get("dateTime")
    return clocks.moment(written).astimezone(zone).strftime("%Y-%m-%dT%H:%M") if written else ""


def at(value: Any, path: str) -> Any:
    """What a dotted path leads to; None when it leads nowhere."""
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _array(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


# --- what was made of it ------------------------------------------------------------------------------------------------


def wanted(kind: str, form: Form, base: Mapping[str, Any], zone: ZoneInfo, *, creating: bool) -> Fields:
    """The patch over the record as the form showed it. Raises: Invalid."""
    before = shown(kind, base, zone)
    assignments = [
        assignment
        for one in entries(kind)
        if form.has(one.path) or one.widget == "check"
        for assignment in _assigned(one, form, before[one.path])
    ]
    if kind == "events":
        assignments = _as_one(assignments, form, zone)
    patch = parse(kind, assignments, None if creating else base, zone=zone.key) if assignments else {}
    for rows in lists(kind):
        now = _listed(rows, form, _array(at(base, rows.path)))
        if now is not None:
            top, _, inner = rows.path.partition(".")
            patch[top] = {**(base.get(top) or {}), **(patch.get(top) or {}), inner: now} if inner else now
    return patch


def _assigned(one: Entry, form: Form, before: str) -> Iterator[str]:
    now = form.get(one.path).replace("\r\n", "\n").strip()
    if now == before.strip():
        return
    if one.path in LISTS_AS_TEXT:
        entries_now = [entry.strip() for entry in now.split(",") if entry.strip()]
        yield f"{one.path}="
        yield from (f"{one.path}+={entry}" for entry in entries_now)
    elif one.widget == "check":
        yield f"{one.path}={'yes' if now else 'no'}"
    else:
        yield f"{one.path}={now}"


def _as_one(assignments: list[str], form: Form, zone: ZoneInfo) -> list[str]:
    """When an event begins and ends is said together: days for all-day ones (the last one included), else times."""
    changed = any(one.startswith(("start=", "end=", "all_day=")) for one in assignments)
    if not changed:
        return assignments
    others = [one for one in assignments if not one.startswith(("start=", "end=", "all_day="))]
    start, end = form.get("start"), form.get("end") or form.get("start")
    if form.get("all_day"):
        last = end[:10]
        try:
            last = str(date.fromisoformat(last) + timedelta(days=1))
        except ValueError:
            pass  # the check that follows names it
        return [*others, "all_day=yes", f"start={start[:10]}", f"end={last}"]
    return [*others, f"start={_with_offset(start, zone)}", f"end={_with_offset(end, zone)}"]


def _with_offset(written: str, zone: ZoneInfo) -> str:
    """The reader's wall time as a moment: the event may be in another zone. What is none goes on, to be refused by name."""
    try:
        return datetime.fromisoformat(written).replace(tzinfo=zone).isoformat()
    except ValueError:
        return written


def _listed(rows: Rows, form: Form, before: list[Any]) -> list[Any] | None:
    """The list as it was posted, None when nothing of it was changed. An entry keeps what the form does not show of it."""
    found = []
    for number in range(len(before) + EMPTY_ROWS):
        values = {one.path: form.get(f"{rows.path}[{number}].{one.path}").strip() for one in rows.entries}
        old = before[number] if number < len(before) and isinstance(before[number], dict) else {}
        if not any(value for path, value in values.items() if path != "type"):
            continue  # emptied, or never filled in
        found.append(_with(old, values))
    kept = [entry for entry in before if isinstance(entry, dict)]
    return None if found == kept else found


def _with(old: Mapping[str, Any], values: Mapping[str, str]) -> Fields:
    entry: Fields = json.loads(json.dumps(old))
    for path, value in values.items():
        *above, last = path.split(".")
        place = entry
        for part in above:
            place = place.setdefault(part, {})
        if value:
            place[last] = value
        else:
            place.pop(last, None)
    return entry


def by_path(problems: tuple[Problem, ...]) -> dict[str, str]:
    """The sentence for each input, where a problem can be put beside one."""
    return {problem.path: problem.sentence for problem in problems}
