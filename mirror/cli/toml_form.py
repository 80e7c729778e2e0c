"""Fields of a record as lines of TOML, with what can be chosen beside them. It reads nothing back."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

import tomli_w

from mirror.fields import Field, is_empty

HALVES = re.compile("[\ud800-\udfff]")
EMPTY = '""'
EXAMPLES = {"boolean": "true", "number": "0", "list": "[]", "map": "{}", "object": "{}", "when": "{}"}


def rendered(field: Field, value: Any, hidden: Collection[str], hints: Mapping[str, str] | None = None) -> str:
    """The lines of one field; several stand apart from the others."""
    lines = _lines(field, field.name, value, hidden, hints or {})
    return f"\n{lines}" if lines.count("\n") > 1 else lines


def _lines(field: Field, path: str, value: Any, hidden: Collection[str], hints: Mapping[str, str]) -> str:
    if path in hidden or not field.writable:
        return ""
    if field.type == "object" and field.fields and not (field.name == "recurrence" and is_empty(value)):
        return _parts(field, path, value if isinstance(value, dict) else {}, hidden, hints)
    if field.type == "object" and is_empty(value):
        return f'# {path}.ical.rules = ["RRULE:FREQ=WEEKLY"]\n' if field.name == "recurrence" else ""
    if field.type == "list" and field.entry is not None and field.entry.type == "object":
        return _entries(field, path, value)
    beside = hints.get(path) or ", ".join(field.values or (field.entry.values if field.entry else ()))
    beside = f"  # {beside}" if beside else ""
    if is_empty(value) and field.type in ("boolean", "number", "map"):
        return f"# {path} = {EXAMPLES[field.type]}{beside}\n"
    if is_empty(value):
        return f"{path} = {EXAMPLES.get(field.type, EMPTY)}{beside}\n"
    return f"{path} = {literal(value, lines=field.lines)}{beside}\n"


def _parts(field: Field, path: str, value: dict[str, Any], hidden: Collection[str], hints: Mapping[str, str]) -> str:
    known = {part.name for part in field.fields}
    own = "".join(
        _lines(part, f"{path}.{part.name}", value.get(part.name), hidden, hints)
        for part in field.fields
        if part.type not in ("object", "when") or not is_empty(value.get(part.name))
    )
    return own + "".join(
        f"{path}.{_key(name)} = {literal(inner)}\n" for name, inner in value.items() if name not in known
    )


def _entries(field: Field, path: str, value: Any) -> str:
    """A list of objects, one a line, with an empty entry to be filled in."""
    assert field.entry is not None
    entries = value if isinstance(value, list) else []
    choices = [
        f"# {part.name}: {', '.join(part.values)}\n" for part in field.entry.fields if part.values and part.writable
    ]
    shown = [part for part in field.entry.fields if part.writable and part.type not in ("base64", "boolean")]
    blank = ", ".join(f"{part.name} = {_blank(part)}" for part in shown if part.name != "id")
    lines = "".join(f"    {literal(entry)},\n" for entry in entries)
    return f"{''.join(choices)}{path} = [\n{lines}    # {{ {blank} }},\n]\n"


def _blank(part: Field) -> str:
    if part.type == "object":
        return "{ " + ", ".join(f'{inner.name} = ""' for inner in part.fields if inner.writable) + " }"
    return EXAMPLES.get(part.type, EMPTY)


def literal(value: Any, *, lines: bool = False) -> str:
    """A value in TOML, on one line unless it is text of several."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_key(name)} = {literal(inner)}" for name, inner in value.items()) + " }"
    if isinstance(value, list):
        return f"[{', '.join(map(literal, value))}]"
    if isinstance(value, str):
        value = HALVES.sub("\ufffd", value)  # half a pair is nothing that a file can hold
    return tomli_w.dumps({"v": value}, multiline_strings=lines)[len("v = ") : -1]


def _key(name: str) -> str:
    return tomli_w.dumps({HALVES.sub("\ufffd", name): 0})[: -len(" = 0\n")]
