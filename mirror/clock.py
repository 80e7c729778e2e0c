"""Time, randomness and sleep: the only file that reads any of them. Everything else is handed a Clock.

`SystemClock` is the real one; `VirtualClock` stands still until somebody sleeps, so that tests and the simulator run
days in milliseconds and every seed replays identically.
"""

from __future__ import annotations

import os
import random
import re
import secrets
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

from mirror.errors import Stopped


class Clock(Protocol):
    """What everything else may know about time and chance."""

    random: random.Random

    def now(self) -> datetime:
        """The current moment, aware, in UTC."""

    def monotonic(self) -> float:
        """Seconds on a clock that never jumps."""

    def sleep(self, seconds: float) -> None:
        """Wait. Raises: Stopped, when the process is asked to end meanwhile."""

    def secret(self) -> str:
        """A new unguessable URL-safe token."""


class SystemClock:
    """The machine's clock, shifted by `MIRROR_NOW_OFFSET_S` seconds (for tests of what happens next month)."""

    def __init__(self) -> None:
        self.random = random.Random()  # noqa: S311  (jitter, not secrets)
        self._offset = timedelta(seconds=float(os.environ.get("MIRROR_NOW_OFFSET_S", "0") or 0))
        self._stop = threading.Event()

    def now(self) -> datetime:
        return datetime.now(UTC) + self._offset

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        if self._stop.wait(max(0.0, seconds)):
            raise Stopped

    def stop(self) -> None:
        """Wake every sleeper with Stopped, now and from here on."""
        self._stop.set()

    @property
    def stopping(self) -> bool:
        return self._stop.is_set()

    def secret(self) -> str:
        return secrets.token_urlsafe(32)


class VirtualClock:
    """A clock that moves only when somebody sleeps on it, with seeded randomness."""

    def __init__(self, start: datetime | None = None, seed: int = 0) -> None:
        self.random = random.Random(seed)  # noqa: S311  (replayable by design)
        self._now = start or datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
        self._elapsed = 0.0

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._elapsed

    def sleep(self, seconds: float) -> None:
        seconds = max(0.0, seconds)
        self._elapsed += seconds
        self._now += timedelta(seconds=seconds)

    def jump(self, delta: timedelta) -> None:
        """Move the wall clock alone, as a person or NTP would."""
        self._now += delta

    def secret(self) -> str:
        return f"{self.random.getrandbits(256):064x}"


def text(moment: datetime) -> str:
    """A moment as the mirror writes it: ISO-8601, UTC, milliseconds, `Z`."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def moment(written: str) -> datetime:
    """The aware UTC moment that an RFC 3339 text names. Raises: ValueError when it is none.

    A text without an offset is taken as UTC.
    """
    parsed = datetime.fromisoformat(written)
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).astimezone(UTC)


_OURS = re.compile(r"\d{4}-\d\d-\d\dT(?:[01]\d|2[0-3]):\d\d:\d\d\.\d{3}Z", re.ASCII)


def rewritten(written: str) -> str:
    """`text(moment(written))`, at a third of the price for what is written so already. Raises: ValueError."""
    if _OURS.fullmatch(written):
        datetime.fromisoformat(written)
        return written
    return text(moment(written))
