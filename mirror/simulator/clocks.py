"""Clocks that disagree: upstream's and ours, both over one virtual time."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

from mirror.clock import VirtualClock


class Offset:
    """A clock that is wrong by `offset`. Sleeping on it moves the one virtual time that all share."""

    def __init__(self, base: VirtualClock, seed: str, offset: timedelta = timedelta(0)) -> None:
        self.random = random.Random(seed)  # noqa: S311  (replayable by design)
        self.base = base
        self.offset = offset

    def now(self) -> datetime:
        return self.base.now() + self.offset

    def monotonic(self) -> float:
        return self.base.monotonic()

    def sleep(self, seconds: float) -> None:
        self.base.sleep(seconds)

    def secret(self) -> str:
        return f"{self.random.getrandbits(256):064x}"
