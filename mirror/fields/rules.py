"""What several fields of a form must be together: an event ends after it starts, a mail has somebody to go to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mirror.errors import Problem
from mirror.fields.keys import is_empty
from mirror.fields.moments import starts_at

Fields = Mapping[str, Any]
RECIPIENTS = ("to", "cc", "bcc")


def _event(fields: Fields, before: Fields) -> list[Problem]:
    problems = [problem for name in ("start", "end") if name in fields for problem in _one_form(name, fields[name])]
    if not problems and ("start" in fields or "end" in fields):
        start, end = (_object(fields.get(name, before.get(name))) for name in ("start", "end"))
        problems += _in_order(start, end)
    return problems + _series(fields.get("recurrence"))


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _one_form(name: str, when: Any) -> list[Problem]:
    given = [part for part in ("dateOnly", "dateTime") if not is_empty(_object(when).get(part))]
    if len(given) == 1:
        return []
    return [
        Problem(name, "is either a dateOnly or a dateTime, not both" if given else "needs a dateTime or a dateOnly")
    ]


def _in_order(start: dict[str, Any], end: dict[str, Any]) -> list[Problem]:
    starts, ends = starts_at(start), starts_at(end)
    if starts is None or ends is None:
        return []
    if is_empty(start.get("dateOnly")) != is_empty(end.get("dateOnly")):
        return [Problem("end", "must be a day when start is a day, and a moment when start is a moment")]
    return [Problem("end", "is before start")] if ends < starts else []


def _series(recurrence: Any) -> list[Problem]:
    if is_empty(recurrence):
        return []
    simple = _object(_object(recurrence).get("simple"))
    pattern, limits = _object(simple.get("pattern")), _object(simple.get("range"))
    if is_empty(_object(_object(recurrence).get("ical")).get("rules")) and not pattern:
        return [Problem("recurrence", "needs ical.rules or simple.pattern")]
    if pattern and is_empty(pattern.get("frequency")):
        return [Problem("recurrence.simple.pattern.frequency", "is missing")]
    for kind, needed in (("byDate", "recurrenceEnd"), ("byCount", "count")):
        if limits.get("type") == kind and is_empty(limits.get(needed)):
            return [Problem(f"recurrence.simple.range.{needed}", f"is missing: the series ends {kind}")]
    return []


def _mail(fields: Fields, before: Fields) -> list[Problem]:
    if any(not is_empty(fields.get(name, before.get(name))) for name in RECIPIENTS):
        return []
    return [Problem("to", "needs at least one recipient, here or in cc or bcc")]


def _task(fields: Fields, before: Fields) -> list[Problem]:
    if is_empty(fields.get("parentId")) or fields["parentId"] != before.get("id"):
        return []
    return [Problem("parentId", "a task can’t be part of itself")]


RULES: dict[str, Callable[[Fields, Fields], list[Problem]]] = {"events": _event, "mail": _mail, "tasks": _task}
"""By form; asked only once every single value is good."""
