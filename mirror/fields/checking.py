"""Whether fields can be written: every value against its field, one sentence for each that can't. It changes nothing."""

from __future__ import annotations

import binascii
import json
import re
from base64 import b64decode
from collections.abc import Iterator, Mapping
from typing import Any

from mirror.errors import Problem
from mirror.fields.field import Field
from mirror.fields.forms import FORMS
from mirror.fields.keys import is_empty, key_of
from mirror.fields.moments import RFC3339, day, instant, zones
from mirror.fields.rules import RULES
from mirror.fields.words import UNFIT, cut, meant, shown

ADDRESS = re.compile(r"(\"[^\"\r\n]+\"|[^\s@<>(),;:\"]+)@([^\s@<>(),;:\"]+)")
LINE_BREAKS = re.compile(r"[\n\r\v\f\x85\u2028\u2029]")
_ABSENT: Any = object()


def check(
    form: str, fields: Mapping[str, Any], *, creating: bool, current: Mapping[str, Any] | None = None
) -> list[Problem]:
    """What is wrong with `fields`, in their order; an empty list when they can be written.

    `fields`: whole top-level fields, null to clear. `current`: the record as it is, where there is one; what stands in it
    already is never a problem, and rules about several fields (start and end) see it beneath the patch.
    """
    whole = FORMS[form]
    before: Mapping[str, Any] = current or {}
    problems = [
        problem
        for name, value in fields.items()
        for problem in _top(whole, name, value, before.get(name, _ABSENT), creating)
    ]
    if all(is_empty(value) for value in fields.values()) and (creating or not fields):
        problems.append(Problem("", "there is nothing to write"))
    elif creating:
        problems += [
            Problem(field.name, "is required")
            for field in whole.fields
            if field.required and is_empty(fields.get(field.name))
        ]
    if not problems and form in RULES:
        changed = {name: value for name, value in fields.items() if not _identical(value, before.get(name, _ABSENT))}
        problems += RULES[form](changed, before)
    return problems


def _top(whole: Field, name: str, value: Any, before: Any, creating: bool) -> Iterator[Problem]:
    field = whole.part(name)
    if _identical(value, before):
        return
    if field is None:
        yield Problem(cut(name), f"is no field of {whole.name}{meant(name, [f.name for f in whole.fields])}")
    elif not field.writable:
        yield Problem(name, "is upstream’s own and can’t be written")
    elif creating and not field.create:
        yield Problem(name, "can’t be set from the start")
    elif not creating and not field.change:
        yield Problem(name, "can only be set when it is new, not changed later")
    elif is_empty(value):
        if field.required and not creating:
            yield Problem(name, "can’t be empty")
    else:
        yield from _value(field, name, value, before)


def _value(field: Field, path: str, value: Any, before: Any) -> Iterator[Problem]:
    if _identical(value, before):
        return
    if field.type in ("object", "when"):
        yield from _object(field, path, value, before)
    elif field.type == "map":
        yield from _map(field, path, value)
    elif field.type == "list":
        yield from _list(field, path, value, before)
    elif sentence := _scalar(field, value):
        yield Problem(path, sentence)


def _object(field: Field, path: str, value: Any, before: Any) -> Iterator[Problem]:
    if not isinstance(value, dict):
        hint = f"; write {path}.{field.main} for that" if field.main else ""
        yield Problem(path, f"{shown(value)} is no object with fields{hint}")
        return
    known = before if isinstance(before, dict) else {}
    for name, inner in value.items():
        part, inner_path, inner_before = field.part(name), f"{path}.{cut(name)}", known.get(name, _ABSENT)
        if is_empty(inner) or _identical(inner, inner_before):
            continue
        if part is None:
            yield Problem(inner_path, f"is no field of {path}{meant(name, [f.name for f in field.fields])}")
        elif not part.writable:
            yield Problem(inner_path, "is upstream’s own and can’t be written")
        else:
            yield from _value(part, inner_path, inner, inner_before)


def _map(field: Field, path: str, value: Any) -> Iterator[Problem]:
    if not isinstance(value, dict):
        yield Problem(path, f"{shown(value)} is no object with fields")
        return
    if len(value) > field.most:
        yield Problem(path, f"has {len(value)} entries; more than {field.most} can’t be meant")
    for name, inner in value.items():
        if sentence := _scalar(Field("", lines=True, most=100_000), inner) or _scalar(Field(""), name):
            yield Problem(f"{path}.{cut(name)}", sentence)


def _list(field: Field, path: str, value: Any, before: Any) -> Iterator[Problem]:
    assert field.entry is not None
    if not isinstance(value, list):
        yield Problem(path, f"{shown(value)} is no list")
        return
    if len(value) > field.most:
        yield Problem(path, f"has {len(value)} entries; more than {field.most} can’t be meant")
        return
    known = {key_of(field, entry): entry for entry in before} if isinstance(before, list) else {}
    for place, entry in enumerate(value):
        entry_before = known.get(key_of(field, entry), _ABSENT)
        if _identical(entry, entry_before):
            continue
        if is_empty(entry) or (isinstance(entry, dict) and all(map(is_empty, entry.values()))):
            yield Problem(f"{path}[{place}]", "is empty")
        elif (
            isinstance(entry, dict)
            and field.entry.main
            and is_empty(entry.get(field.entry.main))
            and not _postal(field)
        ):
            yield Problem(f"{path}[{place}].{field.entry.main}", "is missing")
        else:
            yield from _value(field.entry, f"{path}[{place}]", entry, entry_before)


def _postal(field: Field) -> bool:
    """Whether an entry may do without its main part: an address without a street is one."""
    return len(field.keys) > 2


# --- single values ----------------------------------------------------------------------------------------------------


def _scalar(field: Field, value: Any) -> str | None:
    if field.type == "boolean":
        return None if isinstance(value, bool) else f"{shown(value)} is neither true nor false"
    if field.type == "number":
        return _number(field, value)
    if not isinstance(value, str):
        return f"{shown(value)} is no text"
    if UNFIT.search(value):
        return "holds characters that no text can have (NUL, or half of a pair)"
    if len(value) > field.most:
        return f"has {len(value):,} characters; more than {field.most:,} can’t be meant"
    if not field.lines and field.type != "base64" and LINE_BREAKS.search(value):
        return "can’t hold line breaks"
    return _KINDS[field.type](field, value) if field.type in _KINDS else _not_blank(value)


def _not_blank(value: str) -> str | None:
    return None if value.strip() else "is blank"


def _number(field: Field, value: Any) -> str | None:
    if isinstance(value, bool) or not (isinstance(value, int) or (isinstance(value, float) and value.is_integer())):
        return f"{shown(value)} is no whole number"
    if not field.least <= value <= field.greatest:
        return f"{shown(value)} is out of range: {field.least:,} to {field.greatest:,}"
    return None


def _enum(field: Field, value: str) -> str | None:
    if value in field.values:
        return None
    return f"{shown(value)} is none of {', '.join(field.values)}{meant(value, field.values)}"


def _date(_: Field, value: str) -> str | None:
    return None if day(value) else f"{shown(value)} is no date; write it like 2026-03-01"


def _moment(_: Field, value: str) -> str | None:
    good = RFC3339.fullmatch(value) and instant(value)
    return None if good else f"{shown(value)} is no moment with an offset; write it like 2026-03-01T10:00:00+01:00"


def _zone(_: Field, value: str) -> str | None:
    return None if value in zones() else f"{shown(value)} is no IANA time zone{meant(value, sorted(zones()))}"


def _address(_: Field, value: str) -> str | None:
    found = ADDRESS.fullmatch(value)
    good = found and len(value) <= 320 and all(found[2].split("."))
    return None if good else f"{shown(value)} is no e-mail address"


def _phone(_: Field, value: str) -> str | None:
    return None if any(letter.isalnum() for letter in value) else f"{shown(value)} is no phone number"


def _base64(_: Field, value: str) -> str | None:
    try:
        b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return "is no base64"
    return None


_KINDS = {
    "enum": _enum, "date": _date, "moment": _moment, "zone": _zone, "address": _address, "phone": _phone, "base64": _base64,
}  # fmt: skip


def _identical(one: Any, other: Any) -> bool:
    # to Python true is 1; in JSON they differ
    return other is not _ABSENT and (
        one == other and json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    )
