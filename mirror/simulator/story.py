"""What happens in one simulation, decision by decision, so that a seed replays and a failing story can be made shorter.

Every decision has a number and randomness of its own, drawn from the seed and that number: leaving one out does not change
what the others draw. It never decides anything about the mirror itself.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass

BESIDE = 1_000_000  # where the numbers begin of decisions that are not part of every story


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that happened. `step` is the decision behind it, None for what followed by itself."""

    step: int | None
    at: str
    text: str

    def __str__(self) -> str:
        number = "" if self.step is None else f"#{self.step}"
        return f"{number:>7} {self.at} {self.text}"


class Story:
    """The decisions and the log of one simulation. `without`: decisions that are left out."""

    def __init__(self, seed: int, without: Iterable[int] = ()) -> None:
        self.seed = seed
        self.without = frozenset(without)
        self.lines: list[Line] = []
        self.calm = False
        self._number = 0
        self._taken: int | None = None

    def setting(self) -> random.Random:
        """What the world is made with, before anything happens."""
        return random.Random(f"setting of {self.seed}")  # noqa: S311  (replayable by design)

    def setting_of_far(self) -> random.Random:
        return random.Random(f"far from {self.seed}")  # noqa: S311

    def beside(self) -> Story:
        """The same story for somebody who is not in all of them: with numbers of their own, so that nobody else's change."""
        told = Story(self.seed, self.without)
        told.lines, told._number = self.lines, BESIDE
        return told

    def draw(self, probability: float) -> random.Random | None:
        """The randomness of the next decision, when it is taken at all."""
        self._number += 1
        if self.calm:
            return None
        chance = random.Random(self.seed * 1_000_003 + self._number)  # noqa: S311
        if chance.random() >= probability or self._number in self.without:
            return None
        self._taken = self._number
        return chance

    def decided(self, at: str, text: str) -> None:
        """Log what the decision just taken has led to."""
        self.lines.append(Line(self._taken, at, text))

    def followed(self, at: str, text: str) -> None:
        """Log what happened by itself."""
        self.lines.append(Line(None, at, text))

    @property
    def steps(self) -> list[int]:
        """The decisions that led to something, in order."""
        return list(dict.fromkeys(line.step for line in self.lines if line.step is not None))
