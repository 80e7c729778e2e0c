"""Lists inside records, merged as sets by the key of their entries: additions, removals and changes of either side are kept.

An entry is a whole: changed on both sides, or changed here and removed there, is an overlap, unless both did the same. An
entry whose key itself was edited (another number under the same type) is still that entry where that is beyond doubt. Entries
that share a key are one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from mirror.fields import Field, canonical, is_empty, key_of, label_of
from mirror.merge.comparing import alike, strictly

Groups = dict[str, list[Any]]


class Deciding(Protocol):
    """What a list asks of the walk that it is part of."""

    def both_added(self, known: Field, path: str, mine: Any, theirs: Any) -> Any: ...

    def overlap(self, path: str, base: Any, mine: Any, theirs: Any) -> Any: ...

    def take(self, path: str, base: Any, theirs: Any, *, changed: bool) -> None: ...


@dataclass(frozen=True, slots=True)
class Merging:
    """The three sides of one list."""

    field: Field
    path: str
    base: list[Any]
    mine: list[Any]
    theirs: list[Any]


def merged_list(lists: Merging, deciding: Deciding) -> list[Any]:
    """The entries that both sides want: mine in their order, then what they added."""
    field = lists.field
    entry_field = field.entry
    assert entry_field is not None
    base = _groups(field, lists.base)
    mine, theirs = _aligned(field, base, _groups(field, lists.mine), _groups(field, lists.theirs))
    merged: list[Any] = []
    for key in dict.fromkeys([*mine, *theirs, *base]):
        sides = [side.get(key, []) for side in (base, mine, theirs)]
        path = f"{lists.path}[{key}]"
        if all(len(side) <= 1 for side in sides):
            before, wanted, now = (side[0] if side else None for side in sides)
            value = _entry(entry_field, path, before, wanted, now, deciding=deciding)
            merged += [] if is_empty(value) else [value]
        else:
            # Nothing tells entries of one key from each other: they are merged as one.
            several = (side or None for side in sides)
            value = _entry(field, path, *several, deciding=deciding)
            merged += value if isinstance(value, list) else [] if is_empty(value) else [value]
    return merged


def _entry(field: Field, path: str, base: Any, mine: Any, theirs: Any, *, deciding: Deciding) -> Any:
    if strictly(field, mine, base):
        deciding.take(path, base, theirs, changed=not strictly(field, theirs, base))
        return theirs
    if strictly(field, theirs, base):
        return mine
    if alike(field, mine, theirs):
        return theirs
    if base is None and mine is not None and theirs is not None:
        return deciding.both_added(field, path, mine, theirs)
    return deciding.overlap(path, base, mine, theirs)


# --- which entry is which ---------------------------------------------------------------------------------------------


def _groups(field: Field, entries: list[Any]) -> Groups:
    groups: Groups = {}
    for entry in entries:
        if canonical(field.entry, entry):
            groups.setdefault(key_of(field, entry), []).append(entry)
    return groups


def _aligned(field: Field, base: Groups, mine: Groups, theirs: Groups) -> tuple[Groups, Groups]:
    """Both sides by the keys that the entries had in base."""
    renamed_here, renamed_there = (_renamed(field, base, side) for side in (mine, theirs))
    # A new key that the other side has as well, of itself, is an entry of its own.
    here = {old: new for old, new in renamed_here.items() if new not in theirs or renamed_there.get(old) == new}
    there = {old: new for old, new in renamed_there.items() if new not in mine or renamed_here.get(old) == new}
    return _by_old_key(mine, here), _by_old_key(theirs, there)


def _renamed(field: Field, base: Groups, side: Groups) -> dict[str, str]:
    """Old key → new key of entries whose key was edited: gone under one key, come under another, with the same label.

    As many must have come as went; then they are the same in their order.
    """
    if field.label is None:
        return {}
    gone = _by_label(field, {key: group for key, group in base.items() if key not in side})
    come = _by_label(field, {key: group for key, group in side.items() if key not in base})
    return {
        old: new
        for label, keys in gone.items()
        if len(keys) == len(come.get(label, ()))
        for old, new in zip(keys, come[label], strict=True)
    }


def _by_label(field: Field, groups: Groups) -> Mapping[str, list[str]]:
    labelled: dict[str, list[str]] = {}
    for key, group in groups.items():
        if len(group) == 1 and isinstance(group[0], dict):
            labelled.setdefault(label_of(field, group[0]), []).append(key)
    return labelled


def _by_old_key(side: Groups, renamed: dict[str, str]) -> Groups:
    old_names = {new: old for old, new in renamed.items()}
    return {old_names.get(key, key): group for key, group in side.items()}
