"""Recurrence patterns as clients send them, completed with the RRULE that means the same. It expands nothing."""

from __future__ import annotations

from typing import Any

from mirror.contract.backend import Record
from mirror.contract.refusals import bad_request
from mirror.contract.spans import moment_of

_FREQUENCY = {
    "daily": "DAILY",
    "weekly": "WEEKLY",
    "monthly": "MONTHLY",
    "monthlyRelative": "MONTHLY",
    "yearly": "YEARLY",
    "yearlyRelative": "YEARLY",
}
_DAYS = {
    "monday": "MO",
    "tuesday": "TU",
    "wednesday": "WE",
    "thursday": "TH",
    "friday": "FR",
    "saturday": "SA",
    "sunday": "SU",
}
_INSTANCE = {"first": 1, "second": 2, "third": 3, "fourth": 4, "last": -1}


def completed(given: Record, start: Record) -> Record:
    """The recurrence with `original`, rules and start filled in. Raises: Refusal 400, when it says nothing."""
    rules = (given.get("ical") or {}).get("rules")
    simple = given.get("simple") or {}
    if rules:
        lines = [rule if ":" in rule else f"RRULE:{rule}" for rule in rules]
        ical = {"rules": lines, "recurrenceStart": given["ical"].get("recurrenceStart") or start}
        return {"original": "ical", "ical": ical, **({"simple": simple} if simple else {})}
    if not (simple.get("pattern") or {}).get("frequency"):
        raise bad_request("recurrence needs rules or a pattern with a frequency")
    limits = {"recurrenceStart": start, **(simple.get("range") or {"type": "unbounded"})}
    ical = {"rules": [f"RRULE:{rule(simple['pattern'], limits, start)}"], "recurrenceStart": start}
    return {"original": "simple", "ical": ical, "simple": {**simple, "range": limits}}


def rule(pattern: Record, limits: Record, start: Record) -> str:
    """The RRULE of a simple pattern."""
    frequency = pattern["frequency"]
    parts: dict[str, Any] = {"FREQ": _FREQUENCY[frequency]}
    if (pattern.get("interval") or 1) > 1:
        parts["INTERVAL"] = pattern["interval"]
    days = [_DAYS[day] for day in pattern.get("daysOfWeek") or []]
    if frequency in ("yearly", "yearlyRelative") and pattern.get("monthOfYear"):
        parts["BYMONTH"] = pattern["monthOfYear"]
    if frequency == "weekly" and days:
        parts["BYDAY"] = ",".join(days)
    if frequency in ("monthly", "yearly") and pattern.get("dayOfMonth"):
        parts["BYMONTHDAY"] = pattern["dayOfMonth"]
    if frequency.endswith("Relative") and days:
        parts["BYDAY"] = ",".join(days)
        parts["BYSETPOS"] = _INSTANCE[pattern.get("instance") or "first"]
    if pattern.get("weekStart"):
        parts["WKST"] = _DAYS[pattern["weekStart"]]
    if limits.get("recurrenceEnd") and limits.get("type") in (None, "byDate"):
        parts["UNTIL"] = _until(limits["recurrenceEnd"], start)
    elif limits.get("count") and limits.get("type") in (None, "byCount"):
        parts["COUNT"] = limits["count"]
    return ";".join(f"{name}={value}" for name, value in parts.items())


def _until(day: str, start: Record) -> str:
    last = moment_of({"dateOnly": day})
    if last is None:
        raise bad_request("recurrenceEnd must be a date")
    # Where the series has times, UNTIL has one too (RFC 5545 §3.3.10): the last day is included.
    return f"{last:%Y%m%d}" if "dateOnly" in start else f"{last:%Y%m%d}T235959Z"
