"""When: a loop for each account that pulls what is due. It never knows what a record is.

APScheduler ticks; whether a feed is due is read from its row, so that a restart, a nap of the laptop or a second process
changes nothing.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import timedelta

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from mirror.clock import SystemClock
from mirror.errors import AccountBusy, MirrorError, SignInAgain, Stopped, WrongMailbox
from mirror.pull import Appetite, Pass, describe, pull_account
from mirror.sources.base import Source
from mirror.store import journal
from mirror.store.connection import Store
from mirror.store.journal import Account, FeedRow

TICK_S = 5.0
RECONCILE_S = 10.0
CLEAR_S = 6 * 3600.0
WORKERS = 32
FIRST_PAUSE_S = 15.0
LONGEST_PAUSE_S = 900.0

log = logging.getLogger("mirror.schedule")

MakeSource = Callable[[Account], Source]


class Schedule:
    """Keeps every account's mirror current in threads of its own, until stopped."""

    def __init__(self, store: Store, make_source: MakeSource, clock: SystemClock, *, tick_s: float = TICK_S) -> None:
        self._store = store
        self._make_source = make_source
        self._clock = clock
        self._tick_s = tick_s
        self._accounts: dict[int, _Loop] = {}
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
        self._scheduler.add_job(self._reconcile, "interval", seconds=RECONCILE_S, id="reconcile")
        self._scheduler.add_job(self._clear, "interval", seconds=CLEAR_S, id="clear")
        self._reconcile()
        self._scheduler.start()

    def stop(self, timeout_s: float = 4.0) -> bool:
        """End: a page in flight is either whole or absent. False when a thread was still busy after the time-out."""
        self._clock.stop()
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)
        with self._idle:
            return self._idle.wait_for(lambda: self._pulling == 0, timeout=timeout_s)

    def _reconcile(self) -> None:
        """One loop for each account that there is now."""
        store = self._store.again()
        try:
            present = {account.id for account in journal.accounts(store)}
        except MirrorError as error:
            log.warning("schedule.reconcile error=%s", type(error).__name__)
            return
        finally:
            store.close()
        for account_id in present - self._accounts.keys():
            self._accounts[account_id] = _Loop()
            jitter_s = self._clock.random.random() * min(1.0, self._tick_s)
            self._scheduler.add_job(
                self._tick, "interval", seconds=self._tick_s, args=[account_id], id=f"account-{account_id}",
                next_run_time=self._clock.now() + timedelta(seconds=jitter_s),
            )  # fmt: skip
        for account_id in self._accounts.keys() - present:
            del self._accounts[account_id]
            self._scheduler.remove_job(f"account-{account_id}")

    def _clear(self) -> None:
        store = self._store.again()
        try:
            journal.clear_idle_runs(store)
        except MirrorError as error:
            log.warning("schedule.clear error=%s", type(error).__name__)
        finally:
            store.close()

    def _tick(self, account_id: int) -> None:
        loop = self._accounts.get(account_id)
        if loop is None or self._clock.stopping or self._clock.monotonic() < loop.not_before:
            return
        with self._idle:
            self._pulling += 1
        store = self._store.again()
        try:
            loop.run(store, account_id, self._make_source, self._clock)
        finally:
            store.close()
            with self._idle:
                self._pulling -= 1
                self._idle.notify_all()


class _Loop:
    """One account's loop. What it remembers is only for how long to leave an account alone that did not answer."""

    def __init__(self) -> None:
        self.not_before = 0.0
        self.failures = 0

    def run(self, store: Store, account_id: int, make_source: MakeSource, clock: SystemClock) -> None:
        """Pull what is due. Trouble is logged and waited out; it never leaves the loop."""
        jitter = clock.random.random()
        account = journal.account(store, account_id)

        def due(feed: FeedRow) -> bool:
            return journal.is_due(feed, clock, account.interval_factor, jitter)

        try:
            if account.status != "active" or not any(due(feed) for feed in journal.feeds(store, account_id)):
                return
            source = make_source(account)
            try:
                for done in pull_account(store, source, account, wanted=due, appetite=Appetite()):
                    _log_pass(account, done)
            finally:
                source.close()
            self.failures = 0
        except (AccountBusy, Stopped):
            return
        except (SignInAgain, WrongMailbox) as error:
            log.warning("schedule.needs_auth account=%s error=%s", account.name, type(error).__name__)
        except MirrorError as error:
            self.failures += 1
            pause_s = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(self.failures - 1, 10)) * (0.75 + jitter / 2)
            self.not_before = clock.monotonic() + pause_s
            log.warning("schedule.failed account=%s error=%s pause_s=%.0f", account.name, describe(error), pause_s)


def _log_pass(account: Account, done: Pass) -> None:
    counts = done.counts
    if counts.written or done.outcome != "ok":
        log.info(
            "pull.feed account=%s kind=%s outcome=%s created=%d changed=%d deleted=%d requests=%d",
            account.name, done.feed.kind, done.outcome, counts.created, counts.changed, counts.deleted,
            done.traffic.requests,
        )  # fmt: skip
