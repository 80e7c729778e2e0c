"""Accounts synced at once: a thread for each of a few, and what is said of them in the order of accounts all the same.

It knows no record and no feed. What concerns the file, or the person who has had enough, ends all of them; what concerns one
account is that account's own, and is not raised here.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import TypeVar

from mirror.errors import Stopped
from mirror.store.connection import Store

AT_ONCE = 4  # more of them wait for each other: one writes at a time, and Python runs one thread at a time
CACHE_KB = 4_000  # of each thread's connection: all together take no more memory than one account does alone
SEVERAL_BYTES = 1_250_000  # what each of several accounts may read ahead: memory is shared out
LAST_WORDS_S = 3.0  # how long a person who has had enough waits for pages in flight to be whole or absent

One = TypeVar("One")


class Together:
    """Runs something for each of several accounts. `stop`: wakes those who wait for upstream, with Stopped."""

    def __init__(self, store: Store, stop: Callable[[], None], accounts: int) -> None:
        self.most_bytes = SEVERAL_BYTES if accounts > 1 else None  # that each may read ahead
        self._store = store
        self._stop = stop
        self._news = threading.Condition()
        self._trouble: BaseException | None = None
        self._ended = False
        self._at_work = 0

    def go_on(self) -> None:
        """To be called between pages. Raises: Stopped, when all are to end."""
        if self._ended:
            raise Stopped

    def run(self, ones: Sequence[One], call: Callable[[Store, One], None]) -> None:
        """Make the call for each of them. Raises: what the first call that failed raised, when all have ended or
        time is up."""
        if len(ones) < 2:
            for one in ones:
                call(self._store, one)
            return
        waiting = deque(ones)
        try:
            for number in range(min(AT_ONCE, len(ones))):
                self._at_work += 1
                # A daemon, since a process that is told to end must not wait for an answer of upstream's.
                threading.Thread(target=self._work, args=(waiting, call), name=f"sync-{number}", daemon=True).start()
            self._wait(None)
            if self._trouble is not None:
                raise self._trouble
        except BaseException:
            self._end(None)
            self._wait(LAST_WORDS_S)
            raise

    def _work(self, waiting: deque[One], call: Callable[[Store, One], None]) -> None:
        try:
            store = self._store.again(cache_kb=CACHE_KB)
            try:
                while not self._ended:
                    try:
                        one = waiting.popleft()
                    except IndexError:
                        return
                    call(store, one)
            finally:
                store.close()
        except BaseException as trouble:  # it is raised where a person waits for it
            self._end(trouble)
        finally:
            with self._news:
                self._at_work -= 1
                self._news.notify_all()

    def _end(self, trouble: BaseException | None) -> None:
        with self._news:
            self._ended = True
            self._trouble = self._trouble or trouble
        self._stop()

    def _wait(self, timeout_s: float | None) -> None:
        """Until all have ended, or are to; in steps: a wait without a time-out can't be interrupted everywhere."""
        left_s = timeout_s
        with self._news:
            while self._at_work and (not self._ended if left_s is None else left_s > 0):
                self._news.wait(0.2)
                left_s = None if left_s is None else left_s - 0.2


class InOrder:
    """Says what belongs to several accounts in their order: of the first that is not over at once, of the others later."""

    def __init__(self, accounts: int) -> None:
        self._waiting: list[list[Callable[[], None]]] = [[] for _ in range(accounts)]
        self._over = [False] * accounts
        self._turn = 0
        self._lock = threading.RLock()

    def say(self, place: int, call: Callable[[], None]) -> None:
        """Make the call when it is that account's turn."""
        with self._lock:
            if place == self._turn:
                call()
            else:
                self._waiting[place].append(call)

    def over(self, place: int) -> None:
        """Nothing more will be said of an account."""
        with self._lock:
            self._over[place] = True
            while self._turn < len(self._over) and self._over[self._turn]:
                self._turn += 1
                if self._turn < len(self._over):
                    self._said(self._turn)

    def rest(self) -> None:
        """Say what waits: the end has come before all were over."""
        with self._lock:
            for place in range(len(self._waiting)):
                self._said(place)

    def _said(self, place: int) -> None:
        waiting, self._waiting[place] = self._waiting[place], []
        for call in waiting:
            call()
