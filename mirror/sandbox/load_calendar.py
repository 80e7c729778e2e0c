"""One iCalendar file into one calendar of the sandbox, and its tasks into one task list.

Inside the file, records name each other by UID; here those become ids. Existing calendars are never changed.
"""

from __future__ import annotations

import base64
import binascii
from pathlib import Path

from mirror.formats import ical
from mirror.formats.ical import ParsedEvent, ParsedTask
from mirror.sandbox.state import Record, State


def load_calendar(state: State, account_id: int, path: Path, refused: list[str]) -> int:
    """How many events and tasks were made. What can't be converted adds a sentence to `refused`.

    Raises: UnreadableFile, when it is no iCalendar file.
    """
    parsed = ical.calendar(path.read_bytes())
    refused += parsed.refused
    name = parsed.name or path.stem
    if parsed.events or not parsed.tasks:
        _load_events(state, account_id, name, parsed.events)
    if parsed.tasks:
        _load_tasks(state, account_id, name, parsed.tasks)
    return len(parsed.events) + len(parsed.tasks)


def _load_events(state: State, account_id: int, name: str, events: list[ParsedEvent]) -> None:
    first = not any(record.get("primary") for record in state.records(account_id, "calendars"))
    record = {
        "name": name,
        "accessRole": "owner",
        "primary": first,
        "multipleRemindersSupported": True,
        "defaultReminders": [],
    }
    calendar_id = state.create(account_id, "calendars", record)["id"]
    masters: dict[str, str] = {}
    # An exception may stand before its master; and of several events with one UID, the series is what it belongs to.
    for event in sorted(events, key=_precedence):
        record, contents = _with_attachment_ids(event.record)
        if event.recurrence_id is not None:
            record = _linked(record, masters.get(event.uid or ""))
        stored = state.create(account_id, "events", record, parent=calendar_id, attachments=contents)
        if event.uid and event.recurrence_id is None:
            masters.setdefault(event.uid, stored["id"])


def _precedence(event: ParsedEvent) -> int:
    if event.recurrence_id is not None:
        return 2
    return 0 if event.record.get("recurrence") else 1


def _linked(record: Record, master_id: str | None) -> Record:
    """The exception with its master's id; without one where the file does not hold the master."""
    info = {name: value for name, value in record["occurrenceInfo"].items() if name != "masterId"}
    return {**record, "occurrenceInfo": info | ({"masterId": master_id} if master_id else {})}


def _with_attachment_ids(record: Record) -> tuple[Record, dict[str, bytes]]:
    """The event with its attachments' bytes taken out; those that are only links have none."""
    described, contents = [], {}
    for number, attachment in enumerate(record.get("attachments", []), 1):
        one = {"id": str(number), **{name: value for name, value in attachment.items() if name != "content"}}
        if "content" in attachment:
            try:
                contents[one["id"]] = base64.b64decode(attachment["content"])
            except (binascii.Error, ValueError):
                one["size"] = 0
        described.append(one)
    return (record | {"attachments": described} if described else record), contents


def _load_tasks(state: State, account_id: int, name: str, tasks: list[ParsedTask]) -> None:
    first = not any(record.get("defaultList") for record in state.records(account_id, "task_lists"))
    record = {"title": name, "owner": True, "shared": False, "defaultList": first, "emailsList": False}
    list_id = state.create(account_id, "task_lists", record)["id"]
    ids: dict[str, str] = {}
    for position, task in enumerate(_parents_first(tasks)):
        parent_id = ids.get(task.record.get("parentId", ""))
        record = {field: value for field, value in task.record.items() if field != "parentId"}
        record |= {"position": f"{position:020d}"} | ({"parentId": parent_id} if parent_id else {})
        stored = state.create(account_id, "tasks", record, parent=list_id)
        if task.uid:
            ids.setdefault(task.uid, stored["id"])


def _parents_first(tasks: list[ParsedTask]) -> list[ParsedTask]:
    """The same tasks, steps after what they are steps of. Those that are each other's parents stay as they are."""
    known = {task.uid for task in tasks if task.uid}
    placed: set[str | None] = set()
    ordered: list[ParsedTask] = []
    waiting = list(tasks)
    while waiting:
        ready = [t for t in waiting if t.record.get("parentId") not in known or t.record["parentId"] in placed]
        ready = ready or waiting
        ordered += ready
        placed |= {task.uid for task in ready}
        waiting = [task for task in waiting if task not in ready]
    return ordered
