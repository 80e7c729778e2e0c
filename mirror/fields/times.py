"""When an event is, as a person types it: start, end, timezone and all_day read together. It never asks what time it is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from mirror.errors import Problem
from mirror.fields import moments
from mirror.fields.words import shown

When = dict[str, Any]
EDGES = ("start", "end")


def times(
    typed: Mapping[str, str], all_day: bool | None, current: Mapping[str, Any], zone: str
) -> tuple[dict[str, When | None], list[Problem]]:
    """The `start` and `end` to write, and what could not be read. `typed`: of start, end and timezone what was typed.

    A start alone moves the end along; a day alone keeps the time of day; a zone alone keeps what the clock shows. The end of
    an all-day event is the day after its last one; where none is known it lasts one day.
    """
    before = {name: _object(current.get(name)) for name in EDGES}
    reading = _Reading(typed, all_day, before, zone)
    found = {name: reading.one(name) for name in EDGES}
    if not reading.problems and typed.get("start") and "end" not in typed:
        found["end"] = reading.moved(found["start"]) or found["end"]
    if "timezone" in typed and not any(when.get("timezone") for when in found.values()) and not reading.problems:
        reading.problems.append(Problem("timezone", "needs a start and an end with a time of day"))
    if reading.problems:
        return {}, reading.problems
    return {name: when or None for name, when in found.items() if name in typed or when != before[name]}, []


class _Reading:
    """One reading of what was typed, with the problems met."""

    def __init__(self, typed: Mapping[str, str], all_day: bool | None, before: dict[str, When], zone: str) -> None:
        stored = before["start"].get("timezone")
        known = stored if isinstance(stored, str) and moments.zone_of(stored) else zone
        self.typed = typed
        self.zone = typed.get("timezone", "").strip() or known
        self.before = before
        self.all_day = all_day
        self.problems: list[Problem] = []

    def one(self, name: str) -> When:
        """What `start` or `end` becomes; empty when it is cleared, or can't be read."""
        written = self.typed.get(name)
        if written is None:
            kept = self._kept(name)
            return self._timeless(name) if kept is None else kept
        written = written.strip()
        if not written:
            return {}
        if moments.day(written):
            return self._day(name, written)
        moment = moments.typed(written, self.zone)
        if moment is None:
            sentence = f"{shown(written)} is no time; write it like “2026-03-01 10:00”, or 2026-03-01 for a whole day"
            self.problems.append(Problem(name, sentence))
            return {}
        return {"dateOnly": moment[:10]} if self.all_day else {"dateTime": moment, "timezone": self.zone}

    def moved(self, start: When) -> When | None:
        """The end that follows the start; None when nothing says what it would be."""
        old_start, old_end = self._kept("start"), self._kept("end")
        now = moments.starts_at(start)
        if not self.before["end"] and now and start.get("dateOnly"):
            return moments.shifted(start, timedelta(days=1), self.zone)
        was = moments.starts_at(old_start)
        if not old_end or was is None or now is None or moments.starts_at(old_end) is None:
            return None
        if len({bool(_object(when).get("dateOnly")) for when in (old_start, old_end, start)}) > 1:
            return None
        return old_end if was == now else moments.shifted(old_end, now - was, self.zone)

    def _day(self, name: str, written: str) -> When:
        clock = self._clock(self.before[name])
        whole_days = all(moments.day(self.typed.get(edge, "").strip()) for edge in EDGES)
        if self.all_day or (self.all_day is None and (clock is None or whole_days)):
            return {"dateOnly": written}
        if clock is None:
            return self._timeless(name)
        moment = datetime.fromisoformat(written).replace(hour=clock.hour, minute=clock.minute, second=clock.second)
        return {"dateTime": moments.within(moment, self.zone), "timezone": self.zone}

    def _timeless(self, name: str) -> When:
        self.problems.append(Problem(name, "needs a time of day: write it like “2026-03-01 10:00”"))
        return {}

    def _kept(self, name: str) -> When | None:
        """What was, in the form and zone that are asked for; None when a time of day is asked for and there was none."""
        before = self.before[name]
        clock = self._clock(before)
        if clock is None:
            return None if before.get("dateOnly") and self.all_day is False else before
        if self.all_day:
            into_day = name == "end" and (clock.hour, clock.minute, clock.second) != (0, 0, 0)
            return {"dateOnly": (clock.date() + timedelta(days=int(into_day))).isoformat()}
        if "timezone" not in self.typed or before.get("timezone") == self.zone:
            return before
        if before.get("timezone") is None:
            return {**before, "timezone": self.zone}
        return {"dateTime": moments.within(clock.replace(tzinfo=None), self.zone), "timezone": self.zone}

    def _clock(self, when: When) -> datetime | None:
        """What the clock of its own zone shows then; None for a whole day."""
        moment = None if when.get("dateOnly") else moments.starts_at(when)
        name = when.get("timezone")
        own = moments.zone_of(name if isinstance(name, str) else None) or moments.zone_of(self.zone)
        return moment.astimezone(own) if moment and own else moment


def _object(value: Any) -> When:
    return value if isinstance(value, dict) else {}
