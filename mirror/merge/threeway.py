"""What becomes of an edit when upstream has changed meanwhile: base, mine and theirs, field by field. Pure.

It drops no entry that nobody removed, invents none, and never decides between two wishes: that is an overlap, for a person.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from mirror.errors import Invalid, Problem
from mirror.fields import FORMS, Field, is_empty
from mirror.merge.comparing import WHEN, Record, alike, readable, strictly, text
from mirror.merge.lists import Merging, merged_list


@dataclass(frozen=True, slots=True)
class Overlap:
    """Both sides changed the same thing, each in its own way. None: it is not there on that side.

    `path` as in `notes`, `name.givenName`, `phoneNumbers[49301]` (the key of the entry); `when` for start, end and recurrence
    of an event together. An entry is a whole, and where several entries share a key the values are lists of them.
    """

    path: str
    base: Any
    mine: Any
    theirs: Any


@dataclass(frozen=True, slots=True)
class Given:
    """A third value, that a person chose instead of either side's."""

    value: Any


Choice = Literal["mine", "theirs"] | Given


@dataclass(frozen=True, slots=True)
class Merged:
    """The whole top-level fields to send now, what of theirs went into them, and what a person must decide.

    `patch` is empty when upstream reads as wanted already; a field with an overlap is not in it.
    """

    patch: Record
    taken: tuple[str, ...]
    overlaps: tuple[Overlap, ...]
    base: Mapping[str, Any] = field(repr=False, compare=False)
    mine: Mapping[str, Any] = field(repr=False, compare=False)
    theirs: Mapping[str, Any] = field(repr=False, compare=False)


def merge(form: str, base: Mapping[str, Any], patch: Mapping[str, Any], theirs: Mapping[str, Any]) -> Merged:
    """The edit on top of what upstream has now.

    `base`: the record as the edit saw it, at least its `basis`; `patch`: whole top-level fields as wanted, null to
    clear; `theirs`: the record as it is now.
    """
    return _merged(form, base, patch, theirs, {})


def resolve(form: str, merged: Merged, choices: Mapping[str, Choice]) -> Record:
    """The patch to send when each overlap is decided by its path. A given value is taken as it is: `check` the patch.

    Raises: Invalid, naming the overlaps that are not decided and the choices that were none.
    """
    paths = {overlap.path for overlap in merged.overlaps}
    problems = [Problem(path, "is not decided: mine, theirs, or a value of your own") for path in paths - set(choices)]
    problems += [Problem(path, "is not in conflict") for path in set(choices) - paths]
    moved = choices.get("when")
    if isinstance(moved, Given) and not isinstance(moved.value, dict):
        problems.append(Problem("when", "needs an object of start, end and recurrence"))
    if problems:
        raise Invalid(sorted(problems, key=lambda problem: problem.path))
    return _merged(form, merged.base, merged.mine, merged.theirs, choices).patch


def _merged(
    form: str,
    base: Mapping[str, Any],
    mine: Mapping[str, Any],
    theirs: Mapping[str, Any],
    choices: Mapping[str, Choice],
) -> Merged:
    before, now = readable(form, base), readable(form, theirs)
    patch: Record = {}
    taken: list[str] = []
    overlaps: list[Overlap] = []
    together = [name for name in WHEN if name in mine] if form == "events" else []
    if together:
        walk = _Walk(choices)
        patch |= walk.moved(before, mine, now)
        overlaps += walk.overlaps
    for name, wanted in mine.items():
        if name in together:
            continue
        walk, known = _Walk(choices), FORMS[form].part(name)
        value = walk.value(known, name, before.get(name), wanted, now.get(name))
        overlaps += walk.overlaps
        if not walk.overlaps and not strictly(known, value, now.get(name)):
            patch[name] = value
            taken += walk.taken
    return Merged(patch, tuple(taken), tuple(overlaps), base, mine, theirs)


class _Walk:
    """One top-level field merged, with what was met on the way."""

    def __init__(self, choices: Mapping[str, Choice], *, adding: bool = False) -> None:
        self.choices = choices
        self.adding = adding  # nothing was there before: parts that make sense together only may complete each other
        self.overlaps: list[Overlap] = []
        self.taken: list[str] = []

    def value(self, known: Field | None, path: str, base: Any, mine: Any, theirs: Any) -> Any:
        """The merged value; theirs in the place of what is not decided."""
        if strictly(known, mine, base):
            self.take(path, base, theirs, changed=not strictly(known, theirs, base))
            return theirs
        if strictly(known, theirs, base):
            return mine
        if alike(known, mine, theirs):
            return theirs
        if known is not None and (self.adding or not known.unit):
            if known.type in ("object", "map") and _all_are(dict, base, mine, theirs):
                return self.parts(known, path, base or {}, mine or {}, theirs or {})
            if known.type == "list" and _all_are(list, base, mine, theirs):
                merging = Merging(known, path, base or [], mine or [], theirs or [])
                return merged_list(merging, self) or None
        return self.overlap(path, base, mine, theirs)

    def parts(self, known: Field, path: str, base: Record, mine: Record, theirs: Record) -> Record | None:
        """An object, part by part. What upstream alone writes, and what nobody knows, is theirs."""
        merged: Record = {}
        for name in dict.fromkeys([*theirs, *mine, *base]):
            part = known.part(name)
            if part is None or not part.writable:
                value = theirs.get(name)
            else:
                value = self.value(part, f"{path}.{name}", base.get(name), mine.get(name), theirs.get(name))
            if not is_empty(value):
                merged[name] = value
        return merged or None

    def both_added(self, known: Field, path: str, mine: Any, theirs: Any) -> Any:
        """An entry that is new on both sides: what they say of it together, unless they contradict."""
        inner = _Walk({}, adding=True)
        if isinstance(mine, dict) and isinstance(theirs, dict):
            value = inner.parts(known, path, {}, mine, theirs)
            if not inner.overlaps:
                return value
        return self.overlap(path, None, mine, theirs)

    def overlap(self, path: str, base: Any, mine: Any, theirs: Any) -> Any:
        choice = self.choices.get(path)
        if choice is None:
            self.overlaps.append(Overlap(path, base, mine, theirs))
            return theirs
        return choice.value if isinstance(choice, Given) else mine if choice == "mine" else theirs

    def take(self, path: str, base: Any, theirs: Any, *, changed: bool) -> None:
        """Remember that theirs went in, in a line that people read."""
        if not changed:
            return
        if is_empty(base):
            self.taken.append(f"{path}: added {text(theirs)}")
        elif is_empty(theirs):
            self.taken.append(f"{path}: removed {text(base)}")
        else:
            self.taken.append(f"{path}: {text(base)} became {text(theirs)}")

    def moved(self, base: Mapping[str, Any], patch: Mapping[str, Any], theirs: Mapping[str, Any]) -> Record:
        """What to send of start, end and recurrence: a move on one side is whole, and two moves never mix."""
        fields = {name: FORMS["events"].part(name) for name in WHEN if name in base or name in patch}
        before = {name: base.get(name) for name in fields}
        mine = {name: patch.get(name, base.get(name)) for name in fields}
        now = {name: theirs.get(name) for name in fields}

        def agree(one: Record, other: Record, test: Any = strictly) -> bool:
            return all(test(known, one[name], other[name]) for name, known in fields.items())

        if agree(mine, before) or (not agree(now, before) and agree(mine, now, alike)):
            return {}
        wanted = mine if agree(now, before) else self.overlap("when", _there(before), _there(mine), _there(now))
        if self.overlaps or not isinstance(wanted, dict):
            return {}
        return {
            name: wanted.get(name) for name, known in fields.items() if not strictly(known, wanted.get(name), now[name])
        }


def _there(fields: Record) -> Record:
    return {name: value for name, value in fields.items() if not is_empty(value)}


def _all_are(kind: type, *values: Any) -> bool:
    return all(isinstance(value, kind) or is_empty(value) for value in values)
