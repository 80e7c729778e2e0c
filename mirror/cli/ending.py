"""SIGINT and SIGTERM, for the commands that run until they are stopped. It only passes on that it is time to end."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Ending:
    """Within it, a signal does not end the process but makes the calls that were asked for, each time that it comes."""

    def __init__(self) -> None:
        self._asked = threading.Event()
        self._calls: list[Callable[[], None]] = []
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Ending:
        self._before = {number: signal.signal(number, self._on_signal) for number in SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def then(self, call: Callable[[], None]) -> None:
        """Make this call when a signal comes, or now, when one came already."""
        self._calls.append(call)
        if self._asked.is_set():
            call()

    def wait(self) -> None:
        """Return when a signal has come."""
        while not self._asked.wait(0.5):  # with a time-out, because a wait without one can't be interrupted everywhere
            pass

    def ask(self) -> None:
        """It is time to end, for a reason of our own."""
        self._asked.set()
        for call in self._calls:
            call()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002  (the handler's signature)
        self.ask()
