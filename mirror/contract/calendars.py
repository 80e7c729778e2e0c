"""Calendars, the `primary` alias, free/busy, and the feed of each calendar's events."""

from __future__ import annotations

import re
from typing import Any

from mirror.contract import bodies, feeds, paging, series
from mirror.contract.backend import Record
from mirror.contract.refusals import bad_request
from mirror.contract.router import Route
from mirror.contract.shown import listed_event
from mirror.contract.spans import stamp
from mirror.contract.wire import Answer, Call, found, rfc3339, without_nulls

_EMAIL = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*"
)


def calendars(call: Call) -> Answer:
    call.flag("withShared")
    call.choice("mode", ("user", "group"))
    return paging.listing(call, "calendars", "calendars")


def create(call: Call) -> Answer:
    fields = without_nulls(call.fields(bodies.CalendarCreate))
    if not fields.get("name"):
        raise bad_request("name is required")
    return Answer(call.writer.create(call, "calendars", fields))


def read(call: Call) -> Answer:
    return Answer(calendar(call, call.path["id"]))


def update(call: Call) -> Answer:
    fields = call.fields(bodies.CalendarUpdate)
    stored = calendar(call, call.path["id"])
    return Answer(call.writer.change(call, "calendars", stored, fields))


def calendar(call: Call, wanted: str) -> Record:
    """The calendar with this id, or the primary one. Raises: Refusal 404."""
    if wanted == "primary":
        every = call.backend.records(call.account.mailbox_id, "calendars")
        return found(next((one for one in every if one.get("primary")), None), "calendar")
    return found(call.backend.read(call.account.mailbox_id, "calendars", wanted), "calendar")


def free_busy(call: Call) -> Answer:
    asked = without_nulls(call.fields(bodies.FreeBusy))
    if not asked.get("timeMin") or not asked.get("timeMax"):
        raise bad_request("timeMin and timeMax are required")
    from_at, until_at = (rfc3339(name, asked[name]) for name in ("timeMin", "timeMax"))
    if from_at >= until_at:
        raise bad_request("timeMin must be before timeMax")
    records: list[dict[str, Any]] = []
    for email in asked.get("emails", []):
        if not _EMAIL.fullmatch(email):
            raise bad_request("emails must be e-mail addresses")
        place = call.backend.calendar_of(call.account, email)
        if place is None:
            records.append({"email": email, "items": [], "error": "notFound"})
            continue
        busy = series.within(call, *place, from_at, until_at)
        records.append({"email": email, "items": [_busy(event) for event in busy if series.takes_time(event)]})
    return Answer({"records": records})


def start(call: Call) -> Answer:
    return feeds.start(call, _feed(call), feeds.window(call))


def _feed(call: Call) -> feeds.Feed:
    calendar_id = calendar(call, call.path["calendarId"])["id"]
    return feeds.Feed("events", calendar_id, lambda record, _: listed_event(call, record))


def _busy(event: Record) -> Record:
    starts_at, ends_at = series.extent(event)
    return {"start": stamp(starts_at), "end": stamp(ends_at), "status": event.get("showAs") or "busy"}


ROUTES = (
    Route("POST", "/v1/calendars/freeBusy", free_busy),
    Route("GET", "/v1/calendars", calendars),
    Route("POST", "/v1/calendars", create),
    Route("GET", "/v1/calendars/{id}", read),
    Route("PATCH", "/v1/calendars/{id}", update),
    Route("POST", "/v1/calendars/{calendarId}/sync", start),
    Route("GET", "/v1/calendars/{calendarId}/sync/updated", lambda call: feeds.updated(call, _feed(call))),
    Route("GET", "/v1/calendars/{calendarId}/sync/deleted", lambda call: feeds.deleted(call, _feed(call))),
)
