"""Fields as they go upstream: without what upstream alone writes, which comes along when a whole list is sent back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mirror.fields.field import Field
from mirror.fields.forms import FORMS
from mirror.fields.keys import is_empty


def sendable(form: str, fields: Mapping[str, Any], *, creating: bool) -> dict[str, Any]:
    """The body of the request. Null clears a field of what exists already, and is left out of what is new.

    Parts that nobody knows stay: a provider may tell entries apart by them.
    """
    whole = FORMS[form]
    body = {
        name: without_own(field, value)
        for name, value in fields.items()
        if (field := whole.part(name)) is None or (field.create if creating else field.change)
    }
    return {name: value for name, value in body.items() if not is_empty(value)} if creating else body


def without_own(field: Field | None, value: Any) -> Any:
    """The value without parts that upstream alone writes, and without null parts."""
    if field is None:
        return value
    if isinstance(value, list) and field.entry is not None:
        return [without_own(field.entry, entry) for entry in value]
    if isinstance(value, dict) and field.fields:
        kept: dict[str, Any] = {}
        for name, inner in value.items():
            part = field.part(name)
            if inner is not None and (part is None or part.writable):
                kept[name] = without_own(part, inner)
        return kept
    return value
