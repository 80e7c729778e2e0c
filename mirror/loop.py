"""One account's loop: what of it is due or hinted at is pushed, pulled and subscribed to. It knows no record, and no threads.

What a loop remembers can be forgotten: how long to leave the account alone, and that somebody asked to be next.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

from mirror.clock import Clock
from mirror.errors import AccountBusy, MirrorError, Stopped
from mirror.identify import describe
from mirror.pull import Appetite, Pass, pull_account
from mirror.push import push_account
from mirror.sources.base import Source
from mirror.store import dispatch, hints, journal, pace
from mirror.store.connection import Store, translated
from mirror.store.journal import Account, FeedRow
from mirror.store.subscriptions import Place
from mirror.subscribe import Subscribing

TICK_S = 5.0
FIRST_PAUSE_S = 15.0
LONGEST_PAUSE_S = 900.0
LONGEST_REST_S = 15.0  # until a person's `resume` or `login`, or a jump of the clock, is noticed
SETTLE_S = 0.1  # notices seldom come alone
SPACING_S = 0.5  # however many they are

log = logging.getLogger("mirror.schedule")

MakeSource = Callable[[Account], Source]


class Loop:
    """One account's loop. It leaves the account alone until a feed is due or somebody hurries it, and, as a breaker, for
    longer and longer while it does not answer."""

    def __init__(self, subscribing: Subscribing | None = None) -> None:
        self.not_before = 0.0
        self.resting_until = 0.0
        self.failures = 0
        self._subscribing = subscribing
        self._turn = threading.Lock()
        self._running = False
        self._begun_at = -SPACING_S
        self._hurried = False  # a run will come that sees to all hints that are recorded until it begins
        self._again = False  # somebody asked for one while another was under way

    def hurry(self, now: float) -> float | None:
        """The seconds until a run that was hurried is to begin; None: one is on its way that comes early enough."""
        with self._turn:
            if self._hurried:
                return None
            self._hurried = True
            return max(SETTLE_S, self._begun_at + SPACING_S - now)

    def begin(self, now: float, *, hurried: bool = False) -> bool:
        """Whether a run may begin, which is to `end`. One that was hurried and may not is made up for after the one under way."""
        with self._turn:
            if hurried:
                self._hurried = False
            if now < self.not_before or (now < self.resting_until and not hurried):
                return False
            if self._running:
                self._again = self._again or hurried
                return False
            self._running, self._begun_at = True, now
            return True

    def _be_next(self, wanted: bool) -> None:
        with self._turn:
            self._again = self._again or wanted

    def end(self) -> bool:
        """Whether another run is to come soon."""
        with self._turn:
            self._running = False
            again, self._again = self._again, False
            return again

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
        wanted = self._wants(store, account, clock)
        waits_s = [wanted.in_s(feed) for feed in journal.known_feeds(store, account_id) if feed.state != "stopped"]
        longest_s = TICK_S if account.writable else LONGEST_REST_S  # an edit is sent soon after it was made
        rest_s = min([longest_s, *waits_s]) if account.status == "active" else LONGEST_REST_S
        self.resting_until = clock.monotonic() + rest_s

    def _wants(self, store: Store, account: Account, clock: Clock, jitter: float = 0.0) -> _Wanted:
        watched = self._subscribing.watched(store, account) if self._subscribing else set()
        return _Wanted(clock, account.interval_factor, jitter, watched, hints.waiting(store, account.id))

    def _pull(
        self,
        store: Store,
        account: Account,
        make_source: MakeSource,
        clock: Clock,
        jitter: float,
        stopping: Callable[[], bool],
    ) -> None:
        due = self._wants(store, account, clock, jitter).is_due

        def on_progress(_: Pass, __: str) -> None:
            if stopping():
                raise Stopped

        known = journal.known_feeds(store, account.id)
        to_push = bool(account.writable) and any(dispatch.due(store, account.id))
        to_subscribe = self._subscribing is not None and self._subscribing.is_due(store, account)
        if known and not to_push and not to_subscribe and not any(due(feed) for feed in known):
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
            # Asked again: the pass may have found a new calendar.
            if self._subscribing is not None and self._subscribing.is_due(store, account):
                self._be_next(self._subscribing.keep(store, source.subscriptions, account))
        finally:
            source.close()


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What an account's feeds are pulled by: their rows, what upstream tells of by itself, and what it has told."""

    clock: Clock
    factor: float
    jitter: float
    watched: set[Place]
    hinted: set[Place]

    def is_due(self, feed: FeedRow) -> bool:
        return feed.state != "stopped" and self.in_s(feed) <= 0

    def in_s(self, feed: FeedRow) -> float:
        """The seconds until a feed is due. A hint does not shorten what a failure, or a person, is waited for."""
        place = (feed.kind, feed.parent_id)
        due_s = pace.due_in_s(feed, self.clock, self.factor, self.jitter, watched=place in self.watched)
        waits = feed.state == "held" or feed.retry_at is not None
        return min(due_s, 0.0) if place in self.hinted and not waits else due_s


def _log_pass(account: Account, done: Pass) -> None:
    counts = done.counts
    if counts.written or done.outcome != "ok":
        log.info(
            "pull.feed account=%s kind=%s outcome=%s created=%d changed=%d deleted=%d requests=%d",
            account.name, done.feed.kind, done.outcome, counts.created, counts.changed, counts.deleted,
            done.traffic.requests,
        )  # fmt: skip
