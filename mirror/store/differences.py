"""What is different between two versions of a record, field by field, as a person would say it. Pure: it reads nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

MARKS = frozenset({"etag", "lastModifiedTime", "changeKey", "omitted"})
"""Fields that say that something changed, not what: upstream's version marks, and its note on what it left out."""

KEYS = ("id", "address", "number", "url", "emailAddress", "name")
"""Fields by which an entry of a list is recognised in the other version, best first."""


@dataclass(frozen=True, slots=True)
class Nothing:
    """In the place of a value: the field is not there."""

    def __bool__(self) -> bool:
        return False


NOTHING = Nothing()


@dataclass(frozen=True, slots=True)
class Difference:
    """One field. `path` as in `name.givenName` and `emailAddresses[ada@example.org].type`."""

    path: str
    before: Any
    after: Any

    @property
    def is_mark(self) -> bool:
        return self.path in MARKS


def differences(before: dict[str, Any], after: dict[str, Any]) -> list[Difference]:
    """All of them, in the order of the newer version's fields."""
    return list(_of_mappings("", before, after))


def _of_mappings(path: str, before: dict[str, Any], after: dict[str, Any]) -> Iterator[Difference]:
    for name in [*after, *(name for name in before if name not in after)]:
        inner = f"{path}.{name}" if path else name
        yield from _of_values(inner, before.get(name, NOTHING), after.get(name, NOTHING))


def _of_values(path: str, before: Any, after: Any) -> Iterator[Difference]:
    if before is after or (before == after and json.dumps(before, sort_keys=True) == json.dumps(after, sort_keys=True)):
        return  # to Python true is 1; in JSON they differ
    if isinstance(before, dict) and isinstance(after, dict):
        yield from _of_mappings(path, before, after)
    elif isinstance(before, list) and isinstance(after, list):
        yield from _of_lists(path, before, after)
    else:
        yield Difference(path, before, after)


def _of_lists(path: str, before: list[Any], after: list[Any]) -> Iterator[Difference]:
    old, new = _by_key(before), _by_key(after)
    found = False
    for key in [*new, *(key for key in old if key not in new)]:
        for difference in _of_values(f"{path}[{_shown(key)}]", old.get(key, NOTHING), new.get(key, NOTHING)):
            found = True
            yield difference
    if not found:
        yield Difference(path, before, after)  # the same entries in another order


def _by_key(entries: list[Any]) -> dict[str, Any]:
    """The entries under what names each; the second of a name is the name with #2."""
    named: dict[str, Any] = {}
    for entry in entries:
        name = _key(entry)
        key, number = name, 1
        while key in named:
            number += 1
            key = f"{name} #{number}"
        named[key] = entry
    return named


def _key(entry: Any) -> str:
    if not isinstance(entry, dict):
        return json.dumps(entry, ensure_ascii=False, sort_keys=True)
    for name in KEYS:
        value = entry.get(name)
        if isinstance(value, dict):
            value = value.get("address") or value.get("name")
        if isinstance(value, (str, int)) and value != "":
            return str(value)
    return json.dumps(entry, ensure_ascii=False, sort_keys=True)


def _shown(key: str) -> str:
    return key if len(key) <= 60 else key[:57] + "…"
