"""For tests of the calendar: small mirrors with the events that a test names, put there as a pull would derive them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from web_demo import blank_mirror, insert

from mirror.store.columns import CHILDREN, COLUMNS, derive
from mirror.store.connection import open_reader
from mirror.web import functions
from mirror.web.expansion import Occurrence, occurrences
from mirror.web.page import Asked

NOW = "2026-06-15T12:00:00.000Z"
BERLIN = "Europe/Berlin"


def calendar_mirror(folder: Path, *names: str, colors: tuple[str | None, ...] = ()) -> Path:
    """A mirror.db with one account, `ada`, and these calendars, whose ids are 1, 2 and so on."""
    path = blank_mirror(folder)
    insert(path, "accounts", name="ada", email="ada@example.org")
    for number, name in enumerate(names or ("Work",)):
        insert(path, "calendars", name=name, color=colors[number] if number < len(colors) else "#2a6f97")
    return path


def put(path: Path, *records: dict[str, Any], calendar: int = 1, **envelope: Any) -> list[int]:
    """These records as rows of events, with the columns and attendees that a pull derives. Their ids."""
    conn = sqlite3.connect(path)
    made = []
    with conn:
        for record in records:
            derived = derive("events", record)
            seq = conn.execute("UPDATE change_order SET seq = seq + 1 RETURNING seq").fetchone()[0]
            row = dict(zip(COLUMNS["events"], derived.columns, strict=True)) | {
                "account_id": 1, "calendar_id": calendar, "remote_id": str(record.get("id", f"event-{seq}")), "seq": seq,
                "observed_at": "2026-01-05T09:00:00.000Z", "generation": 1, "raw": json.dumps(record), **envelope,
            }  # fmt: skip
            marks = ", ".join("?" * len(row))
            conn.execute(f"INSERT INTO events ({', '.join(row)}) VALUES ({marks})", list(row.values()))
            made.append(conn.execute("SELECT last_insert_rowid()").fetchone()[0])
            columns = CHILDREN["events"]["event_attendees"]
            conn.executemany(
                f"INSERT INTO event_attendees ({', '.join(columns)}) VALUES (?, ?, ?, ?, ?)",
                [(made[-1], *one) for one in derived.children["event_attendees"]],
            )
    conn.close()
    return made


def timed(start: str, end: str, zone: str | None = BERLIN, **fields: Any) -> dict[str, Any]:
    """An event at these local times of its zone, written `2026-03-27 09:00`."""
    return {"start": _when(start, zone), "end": _when(end, zone), "recurrenceType": "single", "subject": "Tea"} | fields


def whole_days(first: str, after: str, **fields: Any) -> dict[str, Any]:
    """All day from `first` until the day before `after`."""
    return {
        "start": {"dateOnly": first},
        "end": {"dateOnly": after},
        "recurrenceType": "single",
        "subject": "Trip",
    } | fields


def series(record: dict[str, Any], *rules: str, **recurrence: Any) -> dict[str, Any]:
    """The record as the master of a series with these lines."""
    given = {"ical": {"rules": list(rules)}} if rules else {}
    return record | {"id": record.get("id", "series"), "recurrenceType": "master", "recurrence": given | recurrence}


def exception(record: dict[str, Any], original: str, of: str = "series", kind: str = "modified") -> dict[str, Any]:
    """The record in place of the occurrence of a series that would have started then (`2026-03-27T08:00:00Z`, or a day)."""
    start = {"dateOnly": original} if len(original) == 10 else {"dateTime": original}
    info = {"type": kind, "originalStart": start, "masterId": of}
    return record | {"id": f"{of}_{original}", "recurrenceType": "occurrence", "occurrenceInfo": info}


def _when(written: str, zone: str | None) -> dict[str, str]:
    return {"dateTime": written.replace(" ", "T") + ":00"} | ({"timezone": zone} if zone else {})


@contextmanager
def asking(path: Path, zone: str = BERLIN, now: str = NOW) -> Iterator[Asked]:
    """The mirror as a page of a reader in this zone asks it."""
    conn = open_reader(path)
    try:
        functions.register(conn)
        yield Asked(conn, now, ZoneInfo(zone))
    finally:
        conn.close()


def taking_place(path: Path, first: str, last: str, zone: str = BERLIN, calendars: tuple[int, ...] = (1,)) -> list[str]:
    """What takes place in these days of the reader's: `2026-03-27 09:00–10:00 Tea`, whole days `2026-03-27–2026-03-28 Trip`."""
    with asking(path, zone) as asked:
        found = occurrences(asked, list(calendars), date.fromisoformat(first), date.fromisoformat(last))
    return [_told(one, ZoneInfo(zone)) for one in found]


def _told(one: Occurrence, zone: ZoneInfo) -> str:
    subject = one.event["subject"]
    if one.all_day:
        first, last = one.days(zone)
        return f"{first}–{last} {subject}" if first != last else f"{first} {subject}"
    begins, finishes = one.begins(zone), one.finishes(zone)
    end = f"{finishes:%H:%M}" if begins.date() == finishes.date() else f"{finishes:%Y-%m-%d %H:%M}"
    return f"{begins:%Y-%m-%d %H:%M}–{end} {subject}"
