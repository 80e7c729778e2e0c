"""`field=value`, as a person types it on the command line, read into a patch of whole top-level fields.

It reads and never judges: whether the values can be written is for `check` to say.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

from mirror.errors import Invalid, Problem
from mirror.fields import familiar
from mirror.fields.field import Field
from mirror.fields.forms import FORMS
from mirror.fields.keys import is_empty
from mirror.fields.sending import without_own
from mirror.fields.times import times
from mirror.fields.values import entries, means, read, yes_or_no
from mirror.fields.words import cut, letters, meant, shown

ASSIGNMENT = re.compile(
    r"\s*(?P<path>[^\W\d]\w*(?:-\w+)*(?:\.[^\W\d]\w*(?:-\w+)*|\[\d{1,4}\])*)\s*(?P<does>\+=|-=|=)(?P<value>.*)",
    re.DOTALL,
)
STEP = re.compile(r"\[(\d+)\]|([^.\[\]]+)")
Step = int | str


def parse(form: str, assignments: Sequence[str], current: Mapping[str, Any] | None, *, zone: str) -> dict[str, Any]:
    """The patch: every top-level field that was named, whole, as it shall be; null where it is cleared.

    `current`: the record as it is, None when it is new. `zone`: the IANA name of the zone that times without an offset are in.
    Raises: Invalid, with a problem for each assignment that can't be read.
    """
    reading = _Reading(form, current or {}, zone)
    for assignment in assignments:
        reading.take(assignment)
    patch = reading.finished()
    if reading.problems:
        raise Invalid(reading.problems)
    return {name: value for name, value in patch.items() if value is not None} if current is None else patch


class _Unreadable(Exception):
    """An assignment can't be read. Stays within this file."""

    def __init__(self, path: str, sentence: str) -> None:
        super().__init__(path, sentence)
        self.problem = Problem(path, sentence)


class _Reading:
    """The patch as it grows, assignment by assignment."""

    def __init__(self, form: str, current: Mapping[str, Any], zone: str) -> None:
        self.form = form
        self.whole = FORMS[form]
        self.current = current
        self.zone = zone
        self.patch: dict[str, Any] = {}
        self.times: dict[str, str] = {}
        self.problems: list[Problem] = []

    def take(self, assignment: str) -> None:
        found = ASSIGNMENT.fullmatch(assignment)
        if found is None:
            self.problems.append(Problem("", f"{shown(assignment)} is not of the form field=value"))
            return
        try:
            self._assign(_steps(found["path"]), found["does"], found["value"])
        except _Unreadable as refused:
            self.problems.append(refused.problem)

    def finished(self) -> dict[str, Any]:
        if self.times:
            said = dict(self.times)
            word = said.pop("all_day", None)
            all_day = None if word is None else yes_or_no(word)
            if word is not None and all_day is None:
                self.problems.append(Problem("all_day", f"{shown(word)} is neither yes nor no"))
                return self.patch
            found, problems = times(said, all_day, {**self.current, **self.patch}, self.zone)
            self.problems += problems
            self.patch |= found
        return self.patch

    def _assign(self, steps: list[Step], does: str, value: str) -> None:
        name = str(steps[0])
        if len(steps) == 1 and self._by_familiar_name(name, does, value):
            return
        field = _named(self.whole, name)
        exact = field and (len(steps) > 1 or value.strip()[:1] == "{")
        path = None if exact else familiar.alias(self.form, name)
        if path is not None:
            steps = [*_steps(path), *steps[1:]]
            field = _named(self.whole, str(steps[0]))
        if field is None:
            known = familiar.known_names(self.form, self.whole)
            raise _Unreadable(cut(name), f"is no field of {self.form}{meant(name, known)}")
        if path == "recurrence.ical.rules" and value.strip().upper().startswith("FREQ="):
            value = f"RRULE:{value.strip()}"
        self.patch[field.name] = self._changed(field, field.name, self._standing(field), steps[1:], does, value)

    def _field(self, name: str) -> Field:
        field = self.whole.part(name)
        assert field is not None
        return field

    def _standing(self, field: Field) -> Any:
        """The field's value so far: what earlier assignments made of it, or what the record has."""
        if field.name in self.patch:
            return self.patch[field.name]
        return deepcopy(without_own(field, self.current.get(field.name)))

    def _by_familiar_name(self, name: str, does: str, value: str) -> bool:
        """Whether it was a name that is more than a shorter path."""
        word = letters(name)
        if self.form == "events" and (meant_time := _same_word(familiar.TIMES, word)) and value.strip()[:1] != "{":
            _only_set(name, does)
            self.times[meant_time] = value
        elif self.form == "contacts" and word in ("name", "displayname") and value.strip()[:1] != "{":
            _only_set(name, does)
            before = self._standing(self._field("name"))
            self.patch["name"] = familiar.name_parts(value, before if isinstance(before, dict) else {})
        elif negated := _same_word(familiar.NEGATED.get(self.form, ()), word):
            _only_set(name, does)
            yes = yes_or_no(value)
            if yes is None:
                raise _Unreadable(negated, f"{shown(value)} is neither yes nor no")
            field, meaning = familiar.standing_for(self.form, yes, self.current.get("status"))
            self.patch[field] = meaning
        elif (listed := familiar.one_of(self.form, name)) and does == "=":
            self._only_entry(listed, value)
        elif listed:
            several = self._field(listed)
            self.patch[listed] = self._changed(several, listed, self._standing(several), [], does, value)
        else:
            return False
        return True

    def _only_entry(self, name: str, value: str) -> None:
        """The one entry of a list set, or the first one made. Several are never put in the place of each other."""
        field = self._field(name)
        standing = self._standing(field)
        if isinstance(standing, list) and len(standing) > 1:
            main = f".{field.entry.main}" if field.entry and field.entry.main else ""
            ways = f"{name}[0]{main}=… to change the first, {name}+=… to add one, {name}-=… to take one out"
            raise _Unreadable(name, f"has {len(standing)} entries; say {ways}")
        self.patch[name] = self._changed(field, name, standing, [0], "=", value)

    # --- walking down a path ------------------------------------------------------------------------------------------

    def _changed(self, field: Field, path: str, value: Any, steps: list[Step], does: str, written: str) -> Any:
        """The value with the assignment done to what the steps lead to; None when nothing is left of it."""
        if not steps:
            return self._done(field, path, value, does, written)
        step, rest = steps[0], steps[1:]
        if isinstance(step, int):
            return self._at_place(field, path, value, step, rest, does, written)
        if field.type == "list":
            raise _Unreadable(path, f"is a list: say which entry, as in {path}[0].{step}")
        part = field.part(step) if field.type == "map" else _named(field, step)
        if part is None:
            known = [one.name for one in field.fields]
            raise _Unreadable(f"{path}.{cut(step)}", f"is no field of {path}{meant(step, known)}")
        kept = dict(value) if isinstance(value, dict) else {}
        for rival in _rivals(field, part.name):
            kept.pop(rival, None)
        inner = self._changed(part, f"{path}.{part.name}", kept.get(part.name), rest, does, written)
        kept[part.name] = inner
        return {name: one for name, one in kept.items() if not is_empty(one)} or None

    def _at_place(
        self, field: Field, path: str, value: Any, place: int, rest: list[Step], does: str, written: str
    ) -> Any:
        if field.type != "list" or field.entry is None:
            raise _Unreadable(path, "is no list")
        standing = list(value) if isinstance(value, list) else []
        if place > len(standing):
            raise _Unreadable(f"{path}[{place}]", f"is beyond the end: the next entry is {path}[{len(standing)}]")
        before = standing[place] if place < len(standing) else None
        found = self._changed(field.entry, f"{path}[{place}]", before, rest, does, written)
        standing[place : place + 1] = [] if is_empty(found) else [found]
        return standing or None

    def _done(self, field: Field, path: str, value: Any, does: str, written: str) -> Any:
        if does == "=":
            if field.type == "object" and not field.main and written.strip()[:1] not in ("", "{"):
                parts = ", ".join(f"{path}.{part.name}" for part in field.fields if part.writable)
                raise _Unreadable(path, f"has parts: write {parts}")
            return None if not written.strip() else read(field, written, value, self.zone)
        if field.type != "list" or field.entry is None:
            raise _Unreadable(path, f"is no list; write {path}=… to set it")
        standing = list(value) if isinstance(value, list) else []
        typed = entries(field, written, None, self.zone) if written.strip()[:1] not in ("{", "[") else []
        if not typed:
            found = read(field.entry, written, None, self.zone)
            typed = [] if is_empty(found) or not written.strip() else [found]
        for entry in typed:
            there = [one for one in standing if means(field, one, entry)]
            if does == "+=" and not there:
                standing.append(entry)
            elif does == "-=" and not there:
                raise _Unreadable(path, f"has no entry {shown(written.strip())}")
            elif does == "-=":
                standing = [one for one in standing if not means(field, one, entry)]
        return standing or None


def _steps(path: str) -> list[Step]:
    return [int(found[1]) if found[1] else found[2] for found in STEP.finditer(path)]


def _named(field: Field, name: str) -> Field | None:
    """The part of this name, written as upstream does or nearly so."""
    return field.part(name) or next((part for part in field.fields if letters(part.name) == letters(name)), None)


def _same_word(names: Sequence[str], word: str) -> str | None:
    return next((name for name in names if letters(name) == word), None)


def _only_set(name: str, does: str) -> None:
    if does != "=":
        raise _Unreadable(name, f"is no list; write {name}=… to set it")


def _rivals(field: Field, name: str) -> tuple[str, ...]:
    """The parts that say the same in another form, and would contradict: they go when this one is set."""
    return {
        ("when", "dateOnly"): ("dateTime", "timezone"),
        ("when", "dateTime"): ("dateOnly",),
        ("object", "ical"): ("simple",),
        ("object", "simple"): ("ical",),
        ("object", "overrides"): ("useDefault",),
    }.get((field.type, name), ())
