"""What a verification says: one finding a sentence, with some examples of what it is about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

OnProgress = Callable[[str, int, int], None]
"""What is being looked at, how many of it are done, and of how many."""

STEP = 1_000  # rows between two reports of progress
MOST_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it should be. `repairs`: the kinds, or "schema", that `repair.rebuild` brings in order."""

    check: str
    sentence: str
    repairs: tuple[str, ...] = ()
    ids: tuple[int, ...] = ()  # of the records to rebuild; none: only the kind's search index

    @property
    def repairable(self) -> bool:
        return bool(self.repairs)


@dataclass(slots=True)
class Examples:
    """How many there are, and the first few."""

    count: int = 0
    first: list[object] = field(default_factory=list)

    def add(self, one: object) -> None:
        self.count += 1
        if len(self.first) < MOST_SHOWN:
            self.first.append(one)

    def __str__(self) -> str:
        return ", ".join(map(str, self.first)) + (", …" if self.count > len(self.first) else "")
