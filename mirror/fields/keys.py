"""What two values have in common when upstream would call them the same: a canonical text of each, and entries' keys.

Never raises: a value of an unexpected type is the same as its own JSON only.
"""

from __future__ import annotations

import json
from typing import Any

from mirror.fields.field import Field
from mirror.fields.moments import starts_at

Canonical = str
EMPTY: Canonical = ""


def is_empty(value: Any) -> bool:
    """Whether upstream would not tell it from a field that is missing. False and 0 are values."""
    return value is None or (isinstance(value, (str, list, dict)) and not value)


def canonical(field: Field | None, value: Any) -> Canonical:
    """A text that is equal for equal values; EMPTY for what is as good as missing.

    Left out: order in lists that have keys, parts that upstream alone writes or that are unknown, the case of addresses, how
    a moment is written.
    """
    found = _plain(field, value)
    return EMPTY if is_empty(found) else json.dumps(found, sort_keys=True)


def key_of(field: Field, entry: Any) -> str:
    """What names an entry of the list `field`, unlike all others: a lower-case address, the digits of a phone number, …"""
    assert field.entry is not None
    if not field.keys:
        return entry if isinstance(entry, str) else canonical(field.entry, entry)
    parts = [part for path in field.keys if (part := _part(field.entry, path, entry))]
    return ", ".join(parts) or canonical(field.entry, entry)


def label_of(field: Field, entry: Any) -> Canonical:
    """What tells an entry from the others when its key was edited: the type of a phone number."""
    return canonical(None, entry.get(field.label)) if isinstance(entry, dict) and field.label else EMPTY


def digits(number: str) -> str:
    """A phone number without its punctuation; letters, as in 0800-MIRROR, count as digits do."""
    return "".join(letter for letter in number.lower() if letter.isalnum() or letter in "*#") or number


def _part(entry_field: Field, path: str, entry: Any) -> str:
    field: Field | None = entry_field
    value = entry
    for name in path.split("."):
        field = field.part(name) if field else None
        value = value.get(name) if isinstance(value, dict) else None
    found = _plain(field, value)
    return "" if is_empty(found) else str(found)


def _plain(field: Field | None, value: Any) -> Any:
    if is_empty(value):
        return None
    kind = field.type if field is not None else None
    if isinstance(value, str):
        return _text(kind, value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if field is not None and isinstance(value, dict):
        if kind == "when" and (moment := starts_at(value)) is not None:
            return _when(value, moment.isoformat())
        if kind in ("object", "when"):
            return _filled(
                {f.name: _plain(f, value.get(f.name)) for f in field.fields if f.writable or not field.writable}
            )
        if kind == "map":
            return _filled({name: _plain(None, inner) for name, inner in value.items()})
    if field is not None and kind == "list" and isinstance(value, list):
        entries = [found for entry in value if not is_empty(found := _plain(field.entry, entry))]
        return sorted(entries, key=lambda found: json.dumps(found, sort_keys=True))
    return value


def _text(kind: str | None, value: str) -> Any:
    if kind == "address":
        return value.strip().lower()
    if kind == "phone":
        return digits(value)
    if kind == "moment" and (moment := starts_at({"dateTime": value})) is not None:
        return moment.isoformat()
    return value.replace("\r\n", "\n")


def _when(value: dict[str, Any], at: str) -> dict[str, Any]:
    if value.get("dateOnly"):
        return {"day": at[:10]}
    return _filled({"at": at, "timezone": value.get("timezone")})


def _filled(parts: dict[str, Any]) -> dict[str, Any]:
    return {name: found for name, found in parts.items() if not is_empty(found)}
