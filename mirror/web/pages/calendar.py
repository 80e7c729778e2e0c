"""The calendar: month, week and agenda, and a file of it that other programs can follow. It writes nothing."""

from __future__ import annotations

import calendar as months
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from datasette.app import Datasette
from datasette.utils.asgi import Request

from mirror.web import calendar_file, calendar_layout, colors, links
from mirror.web.calendar_layout import Shown
from mirror.web.expansion import occurrences
from mirror.web.page import Asked, NotFound, Response, Row, ask, show
from mirror.web.queries import calendar as queries

VIEWS = {"month": "Month", "week": "Week", "agenda": "Agenda"}
AGENDA_DAYS = 30
MOST_IN_A_DAY = 200
FIRST_YEAR, LAST_YEAR = 1000, 9000
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the address asks for: a view, a day in it, which calendars, and what every link of the page carries on."""

    view: str
    day: date
    numbers: list[str]
    kept: dict[str, Any]

    def url(self, view: str | None = None, day: date | None = None) -> str:
        return links.calendar(view or self.view, (day or self.day).isoformat(), **self.kept)


async def today(request: Request, datasette: Datasette) -> Response:
    """On to the reader's today; `/calendar/week` and `/calendar/agenda` in their own view."""
    day = await ask(request, datasette, lambda asked: asked.today)
    return Response.redirect(links.calendar(request.url_vars.get("view") or "month", day, **_kept(request)))


async def month(request: Request, datasette: Datasette) -> Response:
    return await _page(request, datasette, "month", _month)


async def week(request: Request, datasette: Datasette) -> Response:
    return await _page(request, datasette, "week", _week)


async def agenda(request: Request, datasette: Datasette) -> Response:
    return await _page(request, datasette, "agenda", _agenda)


async def _page(
    request: Request, datasette: Datasette, view: str, read: Callable[[Asked, Wanted, list[int]], dict[str, Any]]
) -> Response:
    wanted = Wanted(view, _day(request), request.args.getlist("calendar"), _kept(request))

    def read_all(asked: Asked) -> dict[str, Any]:
        calendars = asked.rows("Calendars", queries.CALENDARS)
        chosen = _chosen(calendars, wanted.numbers)
        of_day = date.fromisoformat(asked.today)
        return {
            "view": view,
            "views": [(name, title, wanted.url(name)) for name, title in VIEWS.items()],
            "day": wanted.day,
            "calendars": calendars,
            "by_id": {row["id"]: _dressed(row) for row in calendars},
            "chosen": chosen,
            "kept": wanted.kept,
            "url": wanted.url,
            "this_day": of_day,
            "to_today": wanted.url(day=of_day),
            "file_url": lambda number: datasette.absolute_url(request, links.calendar_file(number)),
            **read(asked, wanted, chosen),
        }

    return await show(request, datasette, f"calendar_{view}.html", read_all)


def _month(asked: Asked, wanted: Wanted, chosen: list[int]) -> dict[str, Any]:
    first = wanted.day.replace(day=1)
    last = first.replace(day=_length(first))
    start, end = _monday(first), _monday(last) + timedelta(days=6)
    items = calendar_layout.shown(occurrences(asked, chosen, start, end), asked.zone)
    weeks = [
        calendar_layout.lanes(items, start + timedelta(weeks=number), calendar_layout.MONTH_LANES)
        for number in range(((end - start).days + 1) // 7)
    ]
    return {
        "title": f"{first:%B} {first.year}",
        "weeks": weeks,
        "weekdays": WEEKDAYS,
        "count": len(items),
        "earlier": wanted.url(day=_months_on(wanted.day, -1)),
        "later": wanted.url(day=_months_on(wanted.day, 1)),
        "step": "month",
    }


def _week(asked: Asked, wanted: Wanted, chosen: list[int]) -> dict[str, Any]:
    start = _monday(wanted.day)
    items = calendar_layout.shown(occurrences(asked, chosen, start, start + timedelta(days=6)), asked.zone)
    end = start + timedelta(days=6)
    return {
        "title": _from_to(start, end),
        "week_number": start.isocalendar().week,
        "bars": calendar_layout.lanes([one for one in items if one.fills_days], start, calendar_layout.WEEK_LANES),
        "hours": calendar_layout.hours([one for one in items if not one.fills_days], start),
        "weekdays": WEEKDAYS,
        "count": len(items),
        "earlier": wanted.url(day=wanted.day - timedelta(weeks=1)),
        "later": wanted.url(day=wanted.day + timedelta(weeks=1)),
        "step": "week",
    }


def _agenda(asked: Asked, wanted: Wanted, chosen: list[int]) -> dict[str, Any]:
    start, end = wanted.day, wanted.day + timedelta(days=AGENDA_DAYS - 1)
    items = calendar_layout.shown(occurrences(asked, chosen, start, end), asked.zone)
    by_day: dict[date, list[Shown]] = {}
    for one in sorted(items, key=lambda one: (not one.is_bar, one.begins)):
        by_day.setdefault(max(start, one.first), []).append(one)
    return {
        "title": _from_to(start, end),
        "days": [(day, by_day[day][:MOST_IN_A_DAY], len(by_day[day])) for day in sorted(by_day)],
        "end": end,
        "count": len(items),
        "earlier": wanted.url(day=start - timedelta(days=AGENDA_DAYS)),
        "later": wanted.url(day=start + timedelta(days=AGENDA_DAYS)),
        "step": f"{AGENDA_DAYS} days",
    }


def _day(request: Request) -> date:
    written = request.url_vars["day"]
    try:
        day = date.fromisoformat(written)
    except ValueError:
        raise NotFound(f"There is no day {written}.") from None
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise NotFound(f"The calendar has the years {FIRST_YEAR} to {LAST_YEAR}.")
    return day


def _kept(request: Request) -> dict[str, Any]:
    """What the links of the page carry on: the calendars chosen, the moment asked about, the zone."""
    return {
        "calendar": request.args.getlist("calendar") or None,
        "at": request.args.get("at"),
        "zone": request.args.get("zone"),
    }


def _chosen(calendars: list[Row], numbers: list[str]) -> list[int]:
    """The ids of the calendars to show: those asked for, else all but those of accounts that were removed."""
    if numbers:
        return [row["id"] for row in calendars if str(row["id"]) in numbers]
    current = [row["id"] for row in calendars if row["removed_at"] is None]
    return current or [row["id"] for row in calendars]


def _dressed(row: Row) -> Row:
    color = colors.color(row["color"], row["id"])
    return {**row, "color": color, "ink": colors.ink(color)}


def _from_to(first: date, last: date) -> str:
    """`16 – 22 November 2026`, saying of the first day only what is not the same."""
    month = "" if (first.year, first.month) == (last.year, last.month) else f" {first:%B}"
    year = "" if first.year == last.year else f" {first.year}"
    return f"{first.day}{month}{year} – {last.day} {last:%B} {last.year}"


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def _length(day: date) -> int:
    return months.monthrange(day.year, day.month)[1]


def _months_on(day: date, count: int) -> date:
    """The same day of a month before or after, or that month's last."""
    number = 12 * day.year + day.month - 1 + count
    first = date(number // 12, number % 12 + 1, 1)
    return first.replace(day=min(day.day, _length(first)))


DAY = r"(?P<day>\d{4}-\d{2}-\d{2})"

ROUTES: list[tuple[str, Any]] = [
    (r"^/calendar(?:/(?P<view>month|week|agenda))?/?$", today),
    (rf"^/calendar/month/{DAY}$", month),
    (rf"^/calendar/week/{DAY}$", week),
    (rf"^/calendar/agenda/{DAY}$", agenda),
    (r"^/calendar/(?P<id>\d+)\.ics$", calendar_file.whole),
]
