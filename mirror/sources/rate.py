"""How many requests may leave in a second: one budget for each account, and one that all accounts of a process share.

Upstream allows 250 a second and does not say of whom (the application, an account, an address), so both stay below it.
Waiting for one's turn is not trouble and takes nothing from a pass's patience.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

from mirror.clock import Clock

ACCOUNT_PER_S = 200.0
PROCESS_PER_S = 240.0
BURST = 50


class Rate:
    """A budget of requests per second. Unused seconds are saved up, to `burst` requests at most."""

    def __init__(self, clock: Clock, per_s: float, burst: int = BURST) -> None:
        self._clock = clock
        self._gap_s = 1.0 / per_s
        self._saved_s = burst * self._gap_s
        self._next = clock.monotonic() - self._saved_s
        self._lock = threading.Lock()

    def take(self) -> float:
        """Take the next turn; the seconds until it comes."""
        with self._lock:
            now = self._clock.monotonic()
            self._next = max(self._next, now - self._saved_s) + self._gap_s
            return max(0.0, self._next - now)


@dataclass(frozen=True, slots=True)
class Rates:
    """The budgets that a request has to wait for."""

    account: Rate
    process: Rate

    def take(self) -> float:
        """The seconds until both allow the next request."""
        return max(self.account.take(), self.process.take())

    def of_another(self, clock: Clock) -> Rates:
        """Those of another account in the same process."""
        return Rates(Rate(clock, ACCOUNT_PER_S), self.process)


def rates(clock: Clock) -> Rates:
    """The budgets of a process's first account; `of_another` gives those of the next."""
    return Rates(Rate(clock, ACCOUNT_PER_S), Rate(clock, PROCESS_PER_S))
