"""Records that upstream delivered without some of their fields (`omitted`): unknown is not empty. Nothing is written here."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from mirror.store.columns import fields_of

_UNDER = {"recipients": ("to", "cc", "bcc", "replyTo")}
"""Names in `omitted` that stand for other fields than their own."""

_WITHIN = {"attendees": "meetingInfo"}
"""Names in `omitted` of fields that lie within another one."""


def filled(raw: str, stored: str, omitted: tuple[str, ...]) -> str:
    """The record, with what upstream left out this time filled in from what is stored."""
    try:
        new = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
        old = msgspec.json.decode(stored, type=dict[str, msgspec.Raw])
    except msgspec.DecodeError:
        return raw
    missing = {name: old[name] for name in _names(omitted) if name not in new and name in old}
    for name in omitted:
        if (outer := _WITHIN.get(name)) and (inside := _filled_within(new.get(outer), old.get(outer), name)):
            missing[outer] = inside
    return msgspec.json.encode({**new, **missing}).decode("utf-8") if missing else raw


def _filled_within(new: msgspec.Raw | None, old: msgspec.Raw | None, name: str) -> msgspec.Raw | None:
    try:
        there = msgspec.json.decode(new or b"{}", type=dict[str, msgspec.Raw])
        known = msgspec.json.decode(old or b"{}", type=dict[str, msgspec.Raw])
    except msgspec.DecodeError:
        return None
    if name in there or name not in known:
        return None
    return msgspec.Raw(msgspec.json.encode({**there, name: known[name]}))


def same(raw: str, stored: str, omitted: tuple[str, ...]) -> bool:
    """Whether upstream said what is stored already; the order of its fields is not a difference."""
    if raw == stored:
        return True
    new, old = fields_of(raw), fields_of(stored)
    if omitted and "omitted" not in old:
        new.pop("omitted", None)  # the rest of it is known from a reading of the whole record
    return _told(new) == _told(old)


def completes(raw: str, stored: str) -> bool:
    """Whether the record is the stored one with what was left out then, and nothing else is different."""
    old, new = fields_of(stored), fields_of(raw)
    left_out = old.pop("omitted", None)
    if not isinstance(left_out, list):
        return False
    names = tuple(name for name in left_out if isinstance(name, str))
    new.pop("omitted", None)
    for name in set(_names(names)) - old.keys():
        new.pop(name, None)
    for name, outer in _WITHIN.items():
        there, known = new.get(outer), old.get(outer, {})
        if name in names and isinstance(there, dict) and isinstance(known, dict) and name not in known:
            there.pop(name, None)
            if not there and outer not in old:
                del new[outer]
    return _told(new) == _told(old)


def _names(omitted: tuple[str, ...]) -> list[str]:
    return [name for listed in omitted if listed not in _WITHIN for name in _UNDER.get(listed, (listed,))]


def _told(fields: dict[str, Any]) -> str:
    """A text that is the same for the same JSON, whatever its order; unlike Python it tells 1, 1.0 and true apart."""
    return json.dumps(fields, sort_keys=True)
