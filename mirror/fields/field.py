"""What is known of one field that upstream has: its type, who may write it, how entries of a list are told apart."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

Type = Literal[
    "text", "number", "boolean", "enum", "date", "moment", "when", "zone", "address", "phone", "base64", "object", "map", "list"
]  # fmt: skip
"""`moment` is a date-time with an offset, `when` an object of a date, or a moment and its zone; `map` holds any names."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a form, or one entry of a list (its name is empty then)."""

    name: str
    type: Type = "text"
    create: bool = True  # may be written when the record is created
    change: bool = True  # may be written later
    shown: bool = True  # upstream tells it again; False: it is only ever written
    required: bool = False  # a new record needs it, and it can't be cleared
    lines: bool = False  # text of more than one line
    most: int = 1_000  # characters of a text, entries of a list: beyond is a mistake, not an entry
    least: int = 0  # the range of a number
    greatest: int = 2**31 - 1
    values: tuple[str, ...] = ()  # the words of an enum
    fields: tuple[Field, ...] = ()  # the parts of an object
    main: str | None = None  # the part of an object that a bare text means
    unit: bool = False  # an object whose parts make sense together only: merged as a whole
    entry: Field | None = None  # what a list holds
    keys: tuple[str, ...] = ()  # parts by which two entries are the same; none: the entry itself
    label: str | None = None  # the part by which an entry is recognised when its key was edited

    @property
    def writable(self) -> bool:
        return self.create or self.change

    def part(self, name: str) -> Field | None:
        """The field of this name within an object, or what any name of a map holds."""
        if self.type == "map":
            return Field(name)
        return next((field for field in self.fields if field.name == name), None)


def own(field: Field) -> Field:
    """The same field, as one that upstream alone writes."""
    return replace(field, create=False, change=False)
