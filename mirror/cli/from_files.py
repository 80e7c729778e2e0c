"""Records out of .vcf, .ics and .eml files, as fields that can be written. It reads files, and nothing else."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from mirror.errors import UnreadableFile, Usage
from mirror.fields import sendable

Fields = dict[str, Any]

SUFFIXES = {
    "contacts": (".vcf", ".vcard"),
    "events": (".ics", ".ical"),
    "tasks": (".ics", ".ical"),
    "messages": (".eml",),
}


def fields_of_file(path: Path, kind: str) -> list[tuple[Fields, Fields]]:
    """The fields of each record in a file, with the options that go with them. Raises: Usage, UnreadableFile."""
    if path.suffix.lower() not in SUFFIXES.get(kind, ()):
        wanted = " or ".join(SUFFIXES.get(kind, ())) or "no file"
        raise Usage(f"“{path}” is neither field=value nor a file that {kind} come in ({wanted}); JSON goes in with: -")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UnreadableFile(f"It can't be read: {error.strerror}.", str(path)) from error
    found = {"contacts": _contacts, "events": _events, "tasks": _tasks, "messages": _mail}[kind](content)
    if not found:
        raise UnreadableFile(f"There are no {kind} in it.", str(path))
    return found


def _contacts(content: bytes) -> list[tuple[Fields, Fields]]:
    from mirror.formats.vcard import contacts

    return [(sendable("contacts", card.record, creating=True), {}) for card in contacts(content)]


def _events(content: bytes) -> list[tuple[Fields, Fields]]:
    from mirror.formats.ical import calendar

    found = calendar(content)
    single = [
        event.record for event in found.events if event.recurrence_id is None
    ]  # exceptions can't be created by themselves
    return [(sendable("events", record, creating=True), {}) for record in single]


def _tasks(content: bytes) -> list[tuple[Fields, Fields]]:
    from mirror.formats.ical import calendar

    return [(sendable("tasks", task.record, creating=True), {}) for task in calendar(content).tasks]


def _mail(content: bytes) -> list[tuple[Fields, Fields]]:
    from mirror.formats.mime import message

    found = message(content)
    fields = {
        name: found.record[name]
        for name in ("subject", "to", "cc", "bcc", "replyTo", "inReplyTo", "references")
        if found.record.get(name)
    }
    fields["body"] = found.body
    if found.attachments:
        fields["attachments"] = [_attachment(item.record, item.content) for item in found.attachments]
    fields = sendable("drafts", fields, creating=True)
    return [(fields, {"body_type": "html" if found.body_is_html else "text"})]


def _attachment(record: Fields, content: bytes) -> Fields:
    told = {name: record[name] for name in ("name", "mimeType", "inline", "contentId") if record.get(name) is not None}
    return {**told, "content": base64.b64encode(content).decode("ascii")}
