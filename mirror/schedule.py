"""When: a loop for each account that pulls what is due. It never knows what a record is.

APScheduler ticks; whether a feed is due is read from its row, so that a restart, a nap of the laptop or a second process
changes nothing.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Protocol

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger

from mirror.clock import SystemClock
from mirror.errors import HomeTooNew, MirrorError, Stopped
from mirror.loop import TICK_S, Loop, MakeSource
from mirror.store import hints, journal
from mirror.store.connection import Store, translated
from mirror.subscribe import Address, Subscribing

RECONCILE_S = 10.0
CLEAR_S = 6 * 3600.0
TELL_S = 5.0
WATCH_S = 2.0
JUMPED_S = 1.0
WORKERS = 32

log = logging.getLogger("mirror.schedule")


class Watch(Protocol):
    """Whoever looks after the accounts' health and tells of it (`mirror.notify`)."""

    def look(self, store: Store, account_id: int) -> None:
        """See how an account stands after a pass, and decide whether that is to be told. Quick."""

    def tell(self, store: Store) -> None:
        """Look at all accounts, and tell what is to be told."""


class Schedule:
    """Keeps every account's mirror current in threads of its own, until stopped."""

    def __init__(
        self,
        store: Store,
        make_source: MakeSource,
        clock: SystemClock,
        *,
        tick_s: float = TICK_S,
        reconcile_s: float = RECONCILE_S,
        address: Address | None = None,
        watch: Watch | None = None,
        on_overtaken: Callable[[HomeTooNew], None] = lambda _: None,
    ) -> None:
        self._store = store
        self._make_source = make_source
        self._clock = clock
        self._tick_s = tick_s
        self._reconcile_s = reconcile_s
        self._address = address
        self._watching = watch
        self._on_overtaken = on_overtaken
        self._loops: dict[int, Loop] = {}
        self._pulling = 0
        self._idle = threading.Condition()
        self._scheduler = BackgroundScheduler(
            executors={"default": ThreadPoolExecutor(WORKERS)},
            job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
            timezone="UTC",
        )

    def start(self) -> None:
        """Begin; returns at once."""
        logging.getLogger("apscheduler").setLevel(logging.ERROR)
        self._scheduler.add_job(self._reconcile, _Every(self._reconcile_s), id="reconcile")
        self._scheduler.add_job(self._clear, _Every(CLEAR_S), id="clear")
        if self._watching is not None:
            self._scheduler.add_job(self._tell, _Every(TELL_S), id="tell")
        self._scheduler.start()
        threading.Thread(target=self._watch, name="clock-watch", daemon=True).start()

    def stop(self, timeout_s: float = 3.0) -> bool:
        """End: a page in flight is either whole or absent. False when a thread was still busy after the time-out."""
        self._clock.stop()
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)
        with self._idle:
            return self._idle.wait_for(lambda: self._pulling == 0, timeout=timeout_s)

    def _reconcile(self) -> None:
        """One loop for each account that there is now."""
        try:
            with self._connected() as store:
                present = {account.id for account in journal.accounts(store)}
        except MirrorError as error:
            log.warning("schedule.reconcile error=%s", type(error).__name__)
            return
        for account_id in present - self._loops.keys():
            subscribing = Subscribing(self._address, self._clock) if self._address else None
            self._loops[account_id] = Loop(subscribing)
            self._scheduler.add_job(self._tick, _Every(self._tick_s), args=[account_id], id=f"account-{account_id}")
        for account_id in self._loops.keys() - present:
            del self._loops[account_id]
            self._scheduler.remove_job(f"account-{account_id}")

    def _clear(self) -> None:
        try:
            with self._connected() as store:
                journal.clear_idle_runs(store)
                hints.clear(store)
        except MirrorError as error:
            log.warning("schedule.clear error=%s", type(error).__name__)

    def hurry(self, account_ids: Iterable[int]) -> None:
        """Have the hints of accounts seen to within a second: those recorded already, by a pass that begins later."""
        for account_id in account_ids:
            loop = self._loops.get(account_id)  # one that is not there yet looks for hints when it begins
            wait_s = loop.hurry(self._clock.monotonic()) if loop is not None else None
            if wait_s is not None and not self._clock.stopping:
                self._scheduler.add_job(self._tick, _Once(wait_s), args=[account_id], kwargs={"hurried": True})

    def _tick(self, account_id: int, *, hurried: bool = False) -> None:
        loop = self._loops.get(account_id)
        if loop is None or self._clock.stopping or not loop.begin(self._clock.monotonic(), hurried=hurried):
            return
        try:
            self._run(account_id, loop)
        finally:
            if loop.end():
                self.hurry([account_id])

    def _run(self, account_id: int, loop: Loop) -> None:
        with self._busy():
            try:
                with self._connected() as store:
                    loop.run(store, account_id, self._make_source, self._clock, stopping=lambda: self._clock.stopping)
                    loop.rest(store, account_id, self._clock)
                    if self._watching is not None:
                        self._watching.look(store, account_id)
            except MirrorError as error:
                log.warning("schedule.tick error=%s", type(error).__name__)

    def _tell(self) -> None:
        if self._watching is None or self._clock.stopping:
            return
        with self._busy():
            try:
                with self._connected() as store:
                    self._watching.tell(store)
            except Stopped:
                return
            except MirrorError as error:
                log.warning("schedule.tell error=%s", type(error).__name__)

    @contextmanager
    def _busy(self) -> Iterator[None]:
        """Something is under way that `stop` waits for."""
        with self._idle:
            self._pulling += 1
        try:
            yield
        finally:
            with self._idle:
                self._pulling -= 1
                self._idle.notify_all()

    @contextmanager
    def _connected(self) -> Iterator[Store]:
        """A connection for this thread. Raises: HomeTooNew, and what `translated` makes of SQLite's errors."""
        try:
            with translated(self._store.path):
                store = self._store.again()
                try:
                    yield store
                finally:
                    store.close()
        except HomeTooNew as overtaken:  # a newer mirror has changed the file: this process is not to go on
            self._on_overtaken(overtaken)
            raise

    def _watch(self) -> None:
        """APScheduler keeps its next runs as times of day: when the clock is set back, they would be far away."""
        ahead_s = self._ahead_s()
        try:
            while True:
                self._clock.sleep(WATCH_S)
                before_s, ahead_s = ahead_s, self._ahead_s()
                if ahead_s < before_s - JUMPED_S:
                    log.info("schedule.clock_set_back seconds=%.0f", before_s - ahead_s)
                    for job in self._scheduler.get_jobs():
                        job.reschedule(job.trigger)
        except Stopped:
            return

    def _ahead_s(self) -> float:
        return self._clock.now().timestamp() - self._clock.monotonic()


class _Every(BaseTrigger):  # type: ignore[misc]  # apscheduler is untyped
    """At once, and then again and again with this pause: what was missed is not made up for."""

    def __init__(self, seconds: float) -> None:
        self.pause = timedelta(seconds=seconds)

    def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime:
        return now if previous is None else now + self.pause


class _Once(BaseTrigger):  # type: ignore[misc]  # apscheduler is untyped
    """After this many seconds, and then no more: also when the clock is set back meanwhile."""

    def __init__(self, seconds: float) -> None:
        self.pause = timedelta(seconds=seconds)

    def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime | None:
        return now + self.pause if previous is None else None
