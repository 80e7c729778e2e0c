"""What upstream was and what the mirror was told: the two books that a finished simulation is held against.

Every state of every record carries a mark `#number#` in one of its fields, and the numbers grow: a state that turns up
anywhere says by itself which one it is. It knows neither sources nor tables.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, NamedTuple

MARK = re.compile(r"#(\d+)#")
REVISION = re.compile(r'"revision": ?"#(\d+)#"')
OMITTED_AS = {"recipients": ("to", "cc", "bcc", "replyTo")}


class Place(NamedTuple):
    """Where a record is, in the words of upstream. `account` is the mirror's name for it."""

    account: str
    kind: str
    parent: str
    remote_id: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A state of a record upstream; `fields` None: it was gone."""

    number: int
    fields: dict[str, Any] | None
    body: str | None = None
    attachments: dict[str, bytes] = field(default_factory=dict)
    by: int | None = None  # the edit whose request made it; None: somebody else's doing


class Ledger:
    """Every state that upstream's records ever had. `by`: the edit whose request upstream is carrying out."""

    def __init__(self) -> None:
        self.number = 0
        self.by: int | None = None
        self.entries: dict[Place, list[Entry]] = {}
        self._order: list[Place] = []

    def next(self) -> int:
        self.number += 1
        return self.number

    @property
    def coming(self) -> int:
        """The number that the next state will have."""
        return self.number + 1

    def write(self, place: Place, entry: Entry) -> None:
        self.entries.setdefault(place, []).append(entry)
        self._order.append(place)

    def length(self) -> int:
        return len(self._order)

    def since(self, length: int) -> list[Place]:
        """Where something has been written since the ledger had this length."""
        return list(dict.fromkeys(self._order[length:]))

    def undo(self, length: int) -> None:
        """Forget what was written since: a request that was refused has changed nothing."""
        while len(self._order) > length:
            place = self._order.pop()
            self.entries[place].pop()
            if not self.entries[place]:
                del self.entries[place]

    def live(self, account: str, kind: str, parent: str | None = None) -> list[Place]:
        """The records that upstream has now, in the order they first came about."""
        return [
            place
            for place, entries in self.entries.items()
            if place.kind == kind and place.account == account and parent in (None, place.parent)
            and entries[-1].fields is not None
        ]  # fmt: skip

    def gone(self, account: str, kind: str) -> list[Place]:
        return [
            place
            for place, entries in self.entries.items()
            if place.kind == kind and place.account == account and entries[-1].fields is None
        ]

    def now(self, place: Place) -> Entry | None:
        """The live state, None when there is none."""
        entries = self.entries.get(place)
        return entries[-1] if entries and entries[-1].fields is not None else None

    def state(self, place: Place, number: int) -> Entry | None:
        """The state with this number."""
        return next((entry for entry in self.entries.get(place, ()) if entry.number == number), None)


def number_of(raw: str | bytes) -> int | None:
    """The number of the state that a text is of."""
    text = raw if isinstance(raw, str) else raw.decode("utf-8", "replace")
    found = REVISION.search(text) or MARK.search(text)
    return int(found[1]) if found else None


def omitted_names(fields: dict[str, Any]) -> set[str]:
    """The names of the top-level fields that a record says were left out."""
    listed = fields.get("omitted") or ()
    return {name for one in listed for name in OMITTED_AS.get(one, (one,))}
