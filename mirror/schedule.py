"""When: a loop for each account that pulls what is due. It never knows what a record is.

APScheduler ticks; whether a feed is due is read from its row, so that a restart, a nap of the laptop or a second process
changes nothing.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Protocol

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger

from mirror.clock import Clock, SystemClock
from mirror.errors import AccountBusy, HomeTooNew, MirrorError, Stopped
from mirror.identify import describe
from mirror.pull import Appetite, Pass, pull_account
from mirror.push import push_account
from mirror.sources.base import Source
from mirror.store import dispatch, journal, pace
from mirror.store.connection import Store, translated
from mirror.store.journal import Account, FeedRow

TICK_S = 5.0
RECONCILE_S = 10.0
CLEAR_S = 6 * 3600.0
TELL_S = 5.0
WATCH_S = 2.0
JUMPED_S = 1.0
WORKERS = 32
FIRST_PAUSE_S = 15.0
LONGEST_PAUSE_S = 900.0
LONGEST_REST_S = 15.0  # until a person's `resume` or `login`, or a jump of the clock, is noticed

log = logging.getLogger("mirror.schedule")

MakeSource = Callable[[Account], Source]


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
        watch: Watch | None = None,
        on_overtaken: Callable[[HomeTooNew], None] = lambda _: None,
    ) -> None:
        self._store = store
        self._make_source = make_source
        self._clock = clock
        self._tick_s = tick_s
        self._reconcile_s = reconcile_s
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
            self._loops[account_id] = Loop()
            self._scheduler.add_job(self._tick, _Every(self._tick_s), args=[account_id], id=f"account-{account_id}")
        for account_id in self._loops.keys() - present:
            del self._loops[account_id]
            self._scheduler.remove_job(f"account-{account_id}")

    def _clear(self) -> None:
        try:
            with self._connected() as store:
                journal.clear_idle_runs(store)
        except MirrorError as error:
            log.warning("schedule.clear error=%s", type(error).__name__)

    def _tick(self, account_id: int) -> None:
        loop = self._loops.get(account_id)
        if loop is None or self._clock.stopping or self._clock.monotonic() < loop.not_before:
            return
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


class Loop:
    """One account's loop. What it remembers is only for how long to leave the account alone: until a feed is due, or, as
    a breaker, for longer and longer while it does not answer."""

    def __init__(self) -> None:
        self.not_before = 0.0
        self.failures = 0

    def run(
        self,
        store: Store,
        account_id: int,
        make_source: MakeSource,
        clock: Clock,
        *,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        """Pull what is due. Trouble is logged and waited out; it never leaves the loop."""
        jitter = clock.random.random()
        account = journal.account_if_present(store, account_id)
        if account is None or account.status != "active":
            return
        try:
            with translated(store.path):
                self._pull(store, account, make_source, clock, jitter, stopping)
            self.failures = 0
        except (AccountBusy, Stopped):
            return
        except MirrorError as error:
            now = journal.account_if_present(store, account_id)
            if now is not None and now.status == "needs_auth":  # left alone until a person has signed in
                log.warning("schedule.needs_auth account=%s error=%s", account.name, type(error).__name__)
                return
            self.failures += 1
            pause_s = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(self.failures - 1, 10)) * (0.75 + jitter / 2)
            self.not_before = clock.monotonic() + pause_s
            log.warning("schedule.failed account=%s error=%s pause_s=%.0f", account.name, describe(error), pause_s)

    def rest(self, store: Store, account_id: int, clock: Clock) -> None:
        """Leave the account alone until the first of its feeds is due, so that an idle mirror costs next to nothing."""
        account = journal.account_if_present(store, account_id)
        if account is None:
            return
        waits_s = [
            pace.due_in_s(feed, clock, account.interval_factor)
            for feed in journal.known_feeds(store, account_id)
            if feed.state != "stopped"
        ]
        longest_s = TICK_S if account.writable else LONGEST_REST_S  # an edit is sent soon after it was made
        rest_s = min([longest_s, *waits_s]) if account.status == "active" else LONGEST_REST_S
        self.not_before = max(self.not_before, clock.monotonic() + rest_s)

    def _pull(
        self,
        store: Store,
        account: Account,
        make_source: MakeSource,
        clock: Clock,
        jitter: float,
        stopping: Callable[[], bool],
    ) -> None:
        def due(feed: FeedRow) -> bool:
            return pace.is_due(feed, clock, account.interval_factor, jitter)

        def on_progress(_: Pass, __: str) -> None:
            if stopping():
                raise Stopped

        known = journal.known_feeds(store, account.id)
        to_push = bool(account.writable) and any(dispatch.due(store, account.id))
        if known and not to_push and not any(due(feed) for feed in known):
            return
        source = make_source(account)
        pushed: set[str] = set()
        try:
            if to_push:
                for one in push_account(store, source, account):
                    log.info("push.edit account=%s kind=%s verb=%s state=%s", account.name, one.edit.kind, one.edit.verb,
                             one.edit.state)  # fmt: skip
                    pushed.add(one.edit.kind)
            wanted = lambda feed: due(feed) or feed.kind in pushed  # noqa: E731  # what was sent is to be seen soon
            for done in pull_account(
                store, source, account, wanted=wanted, appetite=Appetite(), on_progress=on_progress
            ):
                _log_pass(account, done)
        finally:
            source.close()


class _Every(BaseTrigger):  # type: ignore[misc]  # apscheduler is untyped
    """At once, and then again and again with this pause: what was missed is not made up for."""

    def __init__(self, seconds: float) -> None:
        self.pause = timedelta(seconds=seconds)

    def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime:
        return now if previous is None else now + self.pause


def _log_pass(account: Account, done: Pass) -> None:
    counts = done.counts
    if counts.written or done.outcome != "ok":
        log.info(
            "pull.feed account=%s kind=%s outcome=%s created=%d changed=%d deleted=%d requests=%d",
            account.name, done.feed.kind, done.outcome, counts.created, counts.changed, counts.deleted,
            done.traffic.requests,
        )  # fmt: skip
