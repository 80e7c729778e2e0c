"""Moments as people type and read them: “yesterday”, “2 days ago”, “2026-03-01”. It never asks what time it is."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo

from mirror import clock as clocks
from mirror.errors import Usage

DAYS = {"today": 0, "yesterday": 1, "the day before yesterday": 2}
UNITS_S = {
    "second": 1, "minute": 60, "hour": 3_600, "day": 86_400, "week": 7 * 86_400, "month": 30 * 86_400, "year": 365 * 86_400,
}  # fmt: skip
AGO = re.compile(r"(an?|\d{1,6})\s+(" + "|".join(UNITS_S) + r")s?\s+ago", re.I)
EARLIEST_YEAR = 1900
LAST_INSTANT = timedelta(days=1) - timedelta(milliseconds=1)


def typed(written: str, now: datetime, zone: tzinfo | None = None) -> str:
    """The moment that a person means, as the mirror writes it. Raises: Usage.

    A day means its end, and today means now: all that was known on that day. What has no offset is local (`zone`).
    """
    moment = _moment(" ".join(written.lower().split()), now, zone)
    if moment is None or moment.year < EARLIEST_YEAR:
        raise Usage(
            f"“{written}” is no time; write it like 2026-03-01, “2026-03-01 14:30”, 2026-03-01T14:30:00Z, yesterday, or"
            " “2 days ago”"
        )
    if moment > now:
        raise Usage(f"“{written}” is still to come; nobody knows what will be known then")
    return clocks.text(moment)


def _moment(written: str, now: datetime, zone: tzinfo | None) -> datetime | None:
    if written == "now":
        return now
    try:
        if written in DAYS:
            return _end_of((now.astimezone(zone) - timedelta(days=DAYS[written])).replace(tzinfo=None), now, zone)
        if found := AGO.fullmatch(written):
            number = 1 if found[1].lower() in ("a", "an") else int(found[1])
            return now - timedelta(seconds=number * UNITS_S[found[2].lower()])
        moment = datetime.fromisoformat(written.upper())
        if re.fullmatch(r"\d{4}-?\d\d-?\d\d", written):
            return _end_of(moment, now, zone)
        return _aware(moment, zone)
    except (ValueError, OverflowError, OSError):
        return None


def _end_of(day: datetime, now: datetime, zone: tzinfo | None) -> datetime:
    start = _aware(day.replace(hour=0, minute=0, second=0, microsecond=0), zone)
    end = _aware(day.replace(hour=0, minute=0, second=0, microsecond=0) + LAST_INSTANT, zone)
    return now if start <= now < end else end


def _aware(moment: datetime, zone: tzinfo | None) -> datetime:
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone) if zone is not None else moment.astimezone()
    return moment.astimezone(UTC)


def ago(at: str | None, now: datetime) -> str:
    """How long ago, as a person says it."""
    if at is None:
        return "never"
    seconds = (now - clocks.moment(at)).total_seconds()
    for size, word in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= 2 * size or (size < 86_400 and seconds >= size):
            number = int(seconds // size)
            return f"{number} {word}{'s' if number != 1 else ''} ago"
    return "just now"


def in_words(at: str, now: datetime, zone: tzinfo | None = None) -> str:
    """A moment for a person: how long ago, the local time, and the moment as the tables have it."""
    local = clocks.moment(at).astimezone(zone)
    return f"{ago(at, now)} · {local.day} {local:%B %Y %H:%M} · {at}"
