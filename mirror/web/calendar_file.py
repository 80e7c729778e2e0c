"""Events as iCalendar: a whole calendar for programs that follow it, or one event, a series with its exceptions."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

from datasette.app import Datasette
from datasette.utils.asgi import Request

from mirror import clock as clocks
from mirror.formats import ical_writing
from mirror.formats.ical_writing import Entry
from mirror.store.columns import fields_of
from mirror.web.page import Asked, NotFound, Response, Row, ask, number
from mirror.web.queries import calendar as queries

VERSION = 1
"""Of what we make of an event. A new one is a new file for those who have the old one."""

TYPE = "text/calendar; charset=utf-8"


async def whole(request: Request, datasette: Datasette) -> Response:
    """A calendar with all of its events, or 304 when nothing in it has changed since."""
    calendar_id = number(request)

    def read(asked: Asked) -> tuple[dict[str, str], bytes | None]:
        found = asked.row(None, queries.CALENDAR, id=calendar_id)
        if found is None:
            raise NotFound(f"There is no calendar {calendar_id}.")
        stand: Row = asked.row(None, queries.STAND, id=calendar_id) or {}
        headers = _headers(stand["seq"], max(stand["observed_at"] or "", found["observed_at"]), asked.at)
        headers["Content-Disposition"] = f'inline; filename="calendar-{calendar_id}.ics"'
        if _has_it(request, headers):
            return headers, None
        rows = asked.rows(None, queries.CALENDAR_RECORDS, id=calendar_id)
        return headers, ical_writing.calendar(found["name"], _entries(rows), found["color"])

    return _answer(*await ask(request, datasette, read))


async def one(request: Request, datasette: Datasette) -> Response:
    """An event; with a series, its exceptions; with an exception, the series that it belongs to."""
    event_id = number(request)

    def read(asked: Asked) -> tuple[dict[str, str], bytes | None]:
        rows = asked.rows(None, queries.SERIES_RECORDS, id=event_id)
        if not rows:
            raise NotFound(f"There is no event {event_id}.")
        headers = _headers(max(row["seq"] for row in rows), max(row["observed_at"] for row in rows), asked.at)
        headers["Content-Disposition"] = f'attachment; filename="event-{event_id}.ics"'
        if _has_it(request, headers):
            return headers, None
        # The last version of what is deleted can be had as well, by whoever asks for just that.
        return headers, ical_writing.calendar(None, _entries(rows, kept=event_id))

    return _answer(*await ask(request, datasette, read))


def _entries(rows: list[Row], kept: int | None = None) -> list[Entry]:
    return [
        Entry(record, row["modified_at"] or row["observed_at"], row["deleted_at"] is not None and row["id"] != kept)
        for row in rows
        if (record := _record(row["raw"])) is not None
    ]


def _record(raw: str) -> dict[str, Any] | None:
    try:
        return fields_of(raw)
    except ValueError:
        return None  # no record of an event: what is no JSON object has nothing to write down


def _headers(seq: int, observed_at: str, at: str | None) -> dict[str, str]:
    tag = f"{VERSION}-{seq}" + (f"-{re.sub('[^0-9]', '', at)}" if at else "")
    headers = {"ETag": f'"{tag}"', "Cache-Control": "private, no-cache"}
    try:
        headers["Last-Modified"] = format_datetime(clocks.moment(observed_at), usegmt=True)
    except ValueError:
        pass  # no moment: the ETag alone says which version this is
    return headers


def _has_it(request: Request, headers: dict[str, str]) -> bool:
    """Whether whoever asks has this version (RFC 9110, 13.2.2: a tag says more than a time)."""
    tags = request.headers.get("if-none-match")
    if tags is not None:
        return tags.strip() == "*" or headers["ETag"] in re.findall(r'"[^"]*"', tags)
    since = _http_date(request.headers.get("if-modified-since"))
    modified = _http_date(headers.get("Last-Modified"))
    return since is not None and modified is not None and modified <= since


def _http_date(written: str | None) -> datetime | None:
    try:
        found = parsedate_to_datetime(written or "")
        return found if found.tzinfo else found.replace(tzinfo=UTC)
    except ValueError:
        return None


def _answer(headers: dict[str, str], content: bytes | None) -> Response:
    if content is None:
        return Response("", status=304, headers=headers, content_type=TYPE)
    return Response(content, headers=headers, content_type=TYPE)
