"""One event: when, where, who, and whether they come; of a series what comes next, and what became of single dates."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from datasette.app import Datasette
from datasette.utils.asgi import Request

from mirror import clock as clocks
from mirror.formats.descriptions import as_text
from mirror.store.columns import fields_of
from mirror.web import calendar_file, colors, expansion, linking, links, repetition
from mirror.web.calendar_layout import Shown, shown
from mirror.web.expansion import Occurrence
from mirror.web.page import Asked, NotFound, Response, Row, number, show
from mirror.web.queries import calendar as calendar_queries
from mirror.web.queries import events as queries

ANSWERS = {"accepted": "Coming", "tentative": "Perhaps", "declined": "Not coming", None: "No answer yet"}
OWN_ANSWERS = {
    "accepted": "You are coming",
    "tentative": "You may come",
    "declined": "You are not coming",
    "noResponse": "You have not answered",
}
SHOWN_AS = {"free": "shown as free", "tentative": "shown as tentative", "outOfOffice": "shown as out of office"}
AT_ONCE = 30
NEXT = 6
MOST_EXCEPTIONS = 100
LOOKED_AHEAD_DAYS = (60, 500, 3000)
"""How far the next occurrences are looked for, until there are enough."""


async def page(request: Request, datasette: Datasette) -> Response:
    """The event; `?start=` says which occurrence of a series is meant."""
    event_id = number(request)
    start = request.args.get("start")
    kept = {"at": request.args.get("at"), "zone": request.args.get("zone")}

    def read(asked: Asked) -> dict[str, Any]:
        event = asked.row("The event", queries.EVENT, id=event_id)
        if event is None:
            raise NotFound(f"There is no event {event_id}.")
        record = _fields(event["raw"])
        return {
            "event": event,
            "kept": kept,
            "color": colors.color(event["color"], event["calendar_id"]),
            "description": linking.linked(as_text(event["description"] or "")),
            "meeting_url": linking.web_address(event["meeting_url"]),
            "web_url": linking.web_address(event["web_url"]),
            "meeting": _meeting(record),
            "organizer": _organizer(event, record),
            "own_answer": OWN_ANSWERS.get(event["response"]),
            "shown_as": SHOWN_AS.get(event["show_as"]),
            "categories": _categories(record),
            "attachments": asked.rows("Attachments", queries.ATTACHMENTS, id=event_id),
            "reminders": _reminders(record, _fields(event["calendar_raw"])),
            **_attendees(asked, event, record),
            **_times(asked, event, start),
        }

    return await show(request, datasette, "event.html", read)


def _times(asked: Asked, event: Row, start: str | None) -> dict[str, Any]:
    """When it takes place, in the reader's zone and its own, and what surrounds it in its series."""
    found: dict[str, Any] = {"when": None, "elsewhen": None, "repeats": None, "rule": None, "series": None}
    if not event["starts_at"] or not expansion.is_moment(event["starts_at"]):
        return found
    one = Occurrence(event, event["starts_at"], event["ends_at"] or event["starts_at"])
    if event["recurrence_type"] == "master":
        series = asked.row(None, calendar_queries.ONE_SERIES, id=event["id"]) or event
        found |= _series(asked, series)
        one = _meant(series, start) or one
        found["meant"] = one.regular
    elif event["series_remote_id"]:
        place = {"calendar": event["calendar_id"], "series": event["series_remote_id"]}
        found["series"] = asked.row("Its series", queries.SERIES_OF, **place)
        found["original"] = _original(asked, event)
    found["when"] = shown([one], asked.zone)[0]
    found["elsewhen"] = _elsewhen(one, asked.zone)
    found["length"] = _length(one)
    found["day_url"] = links.calendar("week", found["when"].first.isoformat(), at=asked.at)
    return found


def _series(asked: Asked, series: Row) -> dict[str, Any]:
    lines = expansion.lines_of(series)
    zone = ZoneInfo(expansion.zone_name(series["timezone"]))
    first = clocks.moment(series["starts_at"])
    exceptions = asked.rows(
        "Exceptions of the series", queries.EXCEPTIONS, calendar=series["calendar_id"], series=series["remote_id"]
    )
    return {
        "repeats": repetition.in_words(lines, first.date() if series["all_day"] else first.astimezone(zone)),
        "rule": [line.partition(":")[2] for line in lines if line.startswith("RRULE")],
        "next": _next(asked, series, exceptions),
        "last": _last(asked, series),
        "exceptions": [_exception(asked, row) for row in exceptions[:MOST_EXCEPTIONS]],
        "exception_count": len(exceptions),
    }


def _next(asked: Asked, series: Row, exceptions: list[Row]) -> list[Shown]:
    """The next occurrences, moved ones where they were moved to."""
    taken = {(row["calendar_id"], row["series_remote_id"], row["original_start"] or "") for row in exceptions}
    moved = [
        Occurrence(row, row["starts_at"], row["ends_at"])
        for row in exceptions
        if row["deleted_at"] is None
        and row["occurrence_type"] != "deleted"
        and expansion.is_moment(row["starts_at"])
        and expansion.is_moment(row["ends_at"])
    ]
    found: list[Occurrence] = []
    for days in LOOKED_AHEAD_DAYS:
        until = clocks.text(clocks.moment(asked.now) + timedelta(days=days))
        regular = expansion.of_series(series, asked.now, until, taken)
        found = [*regular, *(one for one in moved if asked.now <= one.ends_at and one.starts_at < until)]
        if len(found) >= NEXT:
            break
    return shown(sorted(found, key=lambda one: one.starts_at)[:NEXT], asked.zone)


def _last(asked: Asked, series: Row) -> date | None:
    """The reader's day on which it last began, by its rules alone."""
    since = clocks.text(clocks.moment(asked.now) - timedelta(days=LOOKED_AHEAD_DAYS[-1]))
    past = expansion.starts(series, since, asked.now)
    return Occurrence(series, past[-1], past[-1]).begins(asked.zone).date() if past else None


def _meant(series: Row, start: str | None) -> Occurrence | None:
    """The occurrence that starts at this moment, if the series has one then."""
    if not start or not expansion.is_moment(start):
        return None
    at = clocks.text(clocks.moment(start))
    after = clocks.text(clocks.moment(start) + timedelta(milliseconds=1))
    return next((one for one in expansion.of_series(series, at, after, set()) if one.starts_at == at), None)


def _exception(asked: Asked, row: Row) -> dict[str, Any]:
    gone = row["deleted_at"] is not None or row["occurrence_type"] == "deleted"
    is_placed = not gone and expansion.is_moment(row["starts_at"]) and expansion.is_moment(row["ends_at"])
    return {
        "id": row["id"],
        "original": _original(asked, row),
        "shown": shown([Occurrence(row, row["starts_at"], row["ends_at"])], asked.zone)[0] if is_placed else None,
        "moved": is_placed and row["starts_at"] != row["original_start"],
        "gone": gone or bool(row["canceled"]),
    }


def _original(asked: Asked, row: Row) -> Shown | None:
    """The start that an exception would have had."""
    if not expansion.is_moment(row["original_start"]):
        return None
    return shown([Occurrence(row, row["original_start"], row["original_start"])], asked.zone)[0]


def _elsewhen(one: Occurrence, zone: ZoneInfo) -> tuple[Shown, str] | None:
    """The same in the event's own zone, where the clocks show something else there."""
    if one.all_day or not one.event["timezone"]:
        return None
    own = ZoneInfo(expansion.zone_name(one.event["timezone"]))
    if one.begins(own).utcoffset() == one.begins(zone).utcoffset():
        return None
    return shown([one], own)[0], own.key


def _length(one: Occurrence) -> str | None:
    minutes = round((clocks.moment(one.ends_at) - clocks.moment(one.starts_at)).total_seconds() / 60)
    if minutes <= 0:
        return None
    if one.all_day or minutes >= 48 * 60:
        days = round(minutes / 1440)
        return f"{days} day{'' if days == 1 else 's'}"
    hours, rest = divmod(minutes, 60)
    parts = [f"{hours} hour{'' if hours == 1 else 's'}"] if hours else []
    return " ".join([*parts, f"{rest} minute{'' if rest == 1 else 's'}"] if rest else parts)


def _attendees(asked: Asked, event: Row, record: dict[str, Any]) -> dict[str, Any]:
    """Who is asked to come, by their answers; things and rooms apart."""
    rows = asked.rows("Attendees", queries.ATTENDEES, id=event["id"])
    comments = _comments(record)
    for row in rows:
        row["comment"] = comments.get(row["email"])
    people = [row for row in rows if row["type"] != "resource"]
    groups = [(name, ANSWERS[name], [row for row in people if row["response"] == name]) for name in ANSWERS]
    others = [row for row in people if row["response"] not in ANSWERS]
    groups[-1] = (None, ANSWERS[None], groups[-1][2] + others)
    return {
        "attendee_groups": [group for group in groups if group[2]],
        "attendee_total": len(people),
        "resources": [row for row in rows if row["type"] == "resource"],
        "at_once": AT_ONCE,
    }


def _comments(record: dict[str, Any]) -> dict[str, str]:
    """What attendees wrote beside their answers, by address."""
    found = {}
    for one in _list(_dict(record.get("meetingInfo")).get("attendees")):
        address, comment = _dict(_dict(one).get("emailAddress")).get("address"), _dict(one).get("comment")
        if isinstance(address, str) and isinstance(comment, str) and comment.strip():
            found[address.strip().lower()] = comment.strip()
    return found


def _organizer(event: Row, record: dict[str, Any]) -> tuple[str | None, str] | None:
    """Address and name; without an address the name alone."""
    if not event["organizer"]:
        return None
    name = _dict(_dict(record.get("organizer")).get("emailAddress")).get("name")
    address = event["organizer"] if "@" in event["organizer"] else None
    return address, name if isinstance(name, str) and name else event["organizer"]


def _meeting(record: dict[str, Any]) -> list[tuple[str, str]]:
    """How to dial in, beside the link."""
    details = _dict(_dict(record.get("meetingInfo")).get("onlineMeetingDetails"))
    words = {"phone": "Phone", "pin": "PIN", "sip": "SIP", "infoUrl": "More"}
    return [(label, str(details[name])) for name, label in words.items() if isinstance(details.get(name), str | int)]


def _categories(record: dict[str, Any]) -> list[str]:
    return [word for word in _list(record.get("categories")) if isinstance(word, str) and word]


def _reminders(record: dict[str, Any], calendar: dict[str, Any]) -> list[str]:
    """`10 minutes before`, by the event's own settings or its calendar's."""
    settings = _dict(record.get("reminder"))
    listed = _list(settings.get("overrides"))
    own = "" if listed or not settings.get("useDefault") else ", as in the whole calendar"
    minutes = [_dict(one).get("minutes") for one in listed or (_list(calendar.get("defaultReminders")) if own else [])]
    return [_before(count) + own for count in minutes if isinstance(count, int) and not isinstance(count, bool)]


def _before(minutes: int) -> str:
    if minutes == 0:
        return "when it begins"
    for size, unit in ((7 * 1440, "week"), (1440, "day"), (60, "hour"), (1, "minute")):
        if minutes % size == 0:
            count = minutes // size
            return f"{count} {unit}{'' if count == 1 else 's'} before"
    raise AssertionError("every number is one of minutes")


def _fields(raw: str | None) -> dict[str, Any]:
    try:
        return fields_of(raw or "{}")
    except ValueError:
        return {}  # no JSON object: nothing in it has a name


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


ROUTES: list[tuple[str, Any]] = [
    (r"^/events/(?P<id>-?\d+)$", page),
    (r"^/events/(?P<id>\d+)\.ics$", calendar_file.one),
]
