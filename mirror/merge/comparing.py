"""A record, a patch, and what is different: equal as upstream would see it. Pure; it never raises on what upstream sends."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from mirror.fields import FORMS, Field, canonical, is_empty, key_of

Record = dict[str, Any]
WHEN = ("start", "end", "recurrence")
"""Fields of an event that are moved together."""
PUT_AWAY = frozenset({"sent", "draft", "trash", "junk"})


def same(form: str, name: str, one: Any, other: Any) -> bool:
    """Whether two values of a top-level field are equal as upstream would see it.

    Null is missing is empty; the order of lists with keys, the case of addresses and the writing of moments don't count; nor
    do parts that upstream alone writes, or never tells again. A zone, or a second form of a recurrence, counts only where both
    have it: upstream adds them.
    """
    field = FORMS[form].part(name)
    return alike(field, _shown(field, one), _shown(field, other))


def strictly(field: Field | None, one: Any, other: Any) -> bool:
    """Whether nothing that can be written differs."""
    return one is other or canonical(field, one) == canonical(field, other)


def alike(field: Field | None, one: Any, other: Any) -> bool:
    """As `same`, but what upstream never tells again counts."""
    if strictly(field, one, other):
        return True
    if field is None or not (isinstance(one, dict) and isinstance(other, dict)):
        return False
    if field.type == "when" and is_empty(one.get("timezone")) != is_empty(other.get("timezone")):
        return strictly(field, {**one, "timezone": None}, {**other, "timezone": None})
    if field.name == "recurrence":
        return _alike_series(field, one, other)
    return False


def _alike_series(field: Field, one: Record, other: Record) -> bool:
    for form, part in (("ical", "rules"), ("simple", "pattern")):
        whole = field.part(form)
        values = [value.get(form) for value in (one, other)]
        told = [value.get(part) if isinstance(value, dict) else None for value in values]
        if whole is not None and not any(map(is_empty, told)):
            bare = [{**value, "recurrenceStart": None} for value in values if isinstance(value, dict)]
            return strictly(whole, _without_start(bare[0]), _without_start(bare[1]))
    return False


def _without_start(series: Record) -> Record:
    limits = series.get("range")
    return {**series, "range": {**limits, "recurrenceStart": None}} if isinstance(limits, dict) else series


def _shown(field: Field | None, value: Any) -> Any:
    """The value without parts that are only ever written."""
    if field is None or not isinstance(value, dict):
        return value
    return {name: inner for name, inner in value.items() if (part := field.part(name)) is None or part.shown}


# --- records ----------------------------------------------------------------------------------------------------------


def readable(form: str, record: Mapping[str, Any]) -> Mapping[str, Any]:
    """The record in the form's own fields: upstream tells by a message's labels whether it is unread and archived."""
    labels = record.get("sysLabels")
    if form != "messages" or not isinstance(labels, list):
        return record
    archived = "inbox" not in labels and not any(label in labels for label in PUT_AWAY)
    return {"unread": "unread" in labels, "archived": archived, **record}


def basis(form: str, record: Mapping[str, Any], patch: Mapping[str, Any]) -> Record:
    """What `merge` has to know later of the record as it is now: the fields of the patch, null where they are missing."""
    names = dict.fromkeys(patch)
    if form == "events" and any(name in patch for name in WHEN):
        names |= dict.fromkeys(WHEN)
    before = readable(form, record)
    return {name: before.get(name) for name in names}


def apply(form: str, record: Mapping[str, Any], patch: Mapping[str, Any]) -> Record:
    """The record as it would read with the patch. Null clears; what upstream alone writes stays with what it belongs to."""
    found = dict(record)
    for name, value in patch.items():
        if value is None:
            found.pop(name, None)
        else:
            found[name] = _with_own(FORMS[form].part(name), record.get(name), value)
    if form == "messages":
        _label(found, patch)
    if form == "tasks" and "status" in patch and patch["status"] != "completed":
        found.pop("completed", None)
    return found


def _label(found: Record, patch: Mapping[str, Any]) -> None:
    labels = found.get("sysLabels")
    if not isinstance(labels, list):
        return
    for name, label, when in (("unread", "unread", True), ("archived", "inbox", False)):
        wanted = patch.get(name)
        if isinstance(wanted, bool):
            labels = [one for one in labels if one != label]
            labels += [label] if wanted is when else []
            found.pop(name, None)  # the label tells it
    found["sysLabels"] = labels


def _with_own(field: Field | None, before: Any, value: Any) -> Any:
    if field is None or field.unit or is_empty(before):
        return value
    if isinstance(value, dict) and isinstance(before, dict) and field.fields:
        kept = {part.name: before[part.name] for part in field.fields if not part.writable and part.name in before}
        mixed = {name: _with_own(field.part(name), before.get(name), inner) for name, inner in value.items()}
        return {**kept, **mixed}
    if isinstance(value, list) and isinstance(before, list) and field.entry is not None and field.entry.fields:
        known = {key_of(field, entry): entry for entry in reversed(before)}
        return [_with_own(field.entry, known.get(key_of(field, entry)), entry) for entry in value]
    return value


def differences(form: str, base: Mapping[str, Any], wanted: Mapping[str, Any]) -> Record:
    """The patch that makes the whole record `wanted` of `base`: the changed top-level fields, null for those it lacks.

    A field that only upstream writes is in it when it was changed, for `check` to refuse, and not when it is missing.
    """
    whole = FORMS[form]
    before, after = readable(form, base), readable(form, wanted)
    labelled = form == "messages" and "sysLabels" in base  # then the labels differ with the status
    patch = {
        name: value
        for name, value in after.items()
        if not strictly(whole.part(name), before.get(name), value) and not (labelled and name == "sysLabels")
    }
    cleared = {
        name: None
        for name, value in before.items()
        if name not in after
        and (part := whole.part(name)) is not None
        and part.writable
        and not strictly(part, value, None)
    }
    return {**patch, **cleared}


def text(value: Any) -> str:
    """A value in a line that people read."""
    written = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return written if len(written) <= 80 else written[:79] + "…"
