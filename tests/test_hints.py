"""A hint makes a pull happen sooner, and is not seen to before a pass that began after it has ended well: none is ever lost."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mirror.clock import SystemClock, VirtualClock
from mirror.errors import RetryLater
from mirror.feed import Feed, Mailbox, Page, Subscribed
from mirror.loop import SETTLE_S, SPACING_S, Loop
from mirror.resources import KINDS, WATCHED_S, interval_s
from mirror.schedule import Schedule
from mirror.sources.memory import Memory
from mirror.store import hints, journal, subscriptions
from mirror.store.connection import open_store
from mirror.store.journal import Account
from mirror.subscribe import Address, Subscribing

CONTACTS = Feed("contacts")
PLACE = ("contacts", None)
WAIT_S = 20.0  # a test that waits this long has failed
URL = "https://mirror.example.org/-/webhook/token"


class Bench:
    """One loop over one account, on a virtual clock, that has caught up."""

    def __init__(self, home: Path) -> None:
        self.clock = VirtualClock()
        self.store = open_store(home, self.clock)
        self.source = Memory(self.clock)
        self.source.put(CONTACTS, "ada", {"name": {"displayName": "Ada"}})
        self.account = journal.add_account(self.store, "work", "memory", "http://example.test")
        self.loop = Loop(Subscribing(Address(URL, verifies=lambda _: False), self.clock))
        self.tick()

    def tick(self) -> list[str]:
        """The kinds that were asked for."""
        before = len(self.source.asked)
        self.loop.run(self.store, self.account.id, lambda _: self.source, self.clock)
        self.loop.rest(self.store, self.account.id, self.clock)
        asked = [feed.kind for verb, feed, _ in self.source.asked[before:] if verb == "page"]
        return list(dict.fromkeys(asked))

    def hint(self, place: tuple[str, int | None] = PLACE) -> None:
        hints.add(self.store, self.account.id, [place])

    def waits(self) -> bool:
        return PLACE in hints.waiting(self.store, self.account.id)

    def may_begin(self, *, hurried: bool = False) -> bool:
        begun = self.loop.begin(self.clock.monotonic(), hurried=hurried)
        if begun:
            self.loop.end()
        return begun


@pytest.fixture
def bench(quick_path: Path) -> Iterator[Bench]:
    made = Bench(quick_path / "home")
    yield made
    made.store.close()


# --- what a hint does ---------------------------------------------------------------------------------------------------------


def test_a_hint_has_its_feed_pulled_and_no_other_and_is_seen_to(bench: Bench) -> None:
    before = bench.tick()
    bench.hint()

    assert (before, bench.tick(), bench.tick()) == ([], ["contacts"], [])
    assert not bench.waits()


def test_a_hint_of_a_calendar_has_that_calendar_pulled(bench: Bench) -> None:
    for name in ("home", "work"):
        bench.source.put(Feed("calendars"), name, {"name": name})
    bench.clock.sleep(1.06 * interval_s(KINDS["calendars"], None))
    bench.tick()
    bench.clock.sleep(5)
    feeds = {feed.parent: feed for feed in journal.known_feeds(bench.store, bench.account.id) if feed.kind == "events"}
    bench.hint(("events", feeds["work"].parent_id))
    bench.source.asked.clear()
    bench.tick()

    assert {feed for verb, feed, _ in bench.source.asked if verb == "page"} == {Feed("events", "work")}


def test_a_hint_that_comes_during_a_pass_waits_for_the_next_one(bench: Bench) -> None:
    def told_meanwhile(feed: Feed, page: Page) -> Page:
        bench.source.rewrite = None
        bench.source.put(CONTACTS, "grace", {"name": {"displayName": "Grace"}})  # after this page was made
        bench.hint()
        return page

    bench.hint()
    bench.source.rewrite = told_meanwhile
    bench.tick()
    between = bench.waits()
    bench.tick()

    assert between
    assert not bench.waits()
    names = {row[0] for row in bench.store.conn.execute("SELECT name FROM contacts")}
    assert names == {"Ada", "Grace"}


def test_a_pass_that_failed_has_seen_to_nothing_and_the_hint_does_not_shorten_its_wait(bench: Bench) -> None:
    bench.hint()
    bench.source.fail("page", RetryLater("503", status=503, after_s=100))
    bench.tick()
    failed = bench.waits()
    too_early = bench.tick()
    bench.clock.sleep(101)

    assert failed
    assert too_early == []
    assert "contacts" in bench.tick()
    assert not bench.waits()


def test_a_crash_between_the_pages_and_the_end_of_a_pass_leaves_the_hint(bench: Bench) -> None:
    class PowerCut(BaseException):
        """Nothing of ours catches it."""

    def cut(feed: Feed, page: Page) -> Page:
        raise PowerCut

    bench.hint()
    bench.source.rewrite = cut
    with pytest.raises(PowerCut):
        bench.tick()
    bench.source.rewrite = None
    bench.loop = Loop()

    assert bench.waits()
    assert bench.tick() == ["contacts"]


@pytest.mark.parametrize("status", ["paused", "needs_auth"])
def test_an_account_that_waits_for_its_person_is_not_asked_for_a_hint_but_later(bench: Bench, status: str) -> None:
    bench.hint()
    journal.set_status(bench.store, bench.account.id, status)
    meanwhile = bench.tick()
    journal.set_status(bench.store, bench.account.id, "active")

    assert (meanwhile, bench.tick()) == ([], ["contacts"])


def test_a_held_feed_is_not_listed_again_for_each_hint_but_in_its_own_time(bench: Bench) -> None:
    with bench.store.transaction() as conn:
        conn.execute("UPDATE feeds SET state = 'held' WHERE kind = 'contacts'")
    bench.hint()

    assert bench.tick() == []


def test_an_account_that_another_process_pulls_is_left_to_it_and_the_hint_waits(bench: Bench) -> None:
    bench.hint()
    with bench.store.lease(bench.account.id):
        assert bench.tick() == []

    assert bench.may_begin()
    assert bench.tick() == ["contacts"]


# --- how often ----------------------------------------------------------------------------------------------------------------


def test_what_upstream_tells_of_is_asked_seldom_and_as_ever_when_it_can_not_tell(bench: Bench) -> None:
    made = Subscribed("1", "/contacts", URL)
    subscriptions.keep(bench.store, bench.account.id, PLACE, made)

    def passes() -> int:
        begun = bench.clock.monotonic()
        count = 0
        while bench.clock.monotonic() < begun + 2 * WATCHED_S:
            bench.clock.sleep(10)
            count += "contacts" in bench.tick()
        return count

    watched = passes()
    subscriptions.keep(bench.store, bench.account.id, PLACE, Subscribed("1", "/contacts", URL, error="it failed"))
    failing = passes()

    assert 1 <= watched <= 2
    assert failing >= 8


def test_a_mirror_that_is_not_told_asks_as_ever_whatever_an_earlier_one_has_subscribed_to(bench: Bench) -> None:
    subscriptions.keep(bench.store, bench.account.id, PLACE, Subscribed("1", "/contacts", URL))
    bench.loop = Loop()
    bench.clock.sleep(interval_s(KINDS["contacts"], 0.0) * 1.06)

    assert "contacts" in bench.tick()


def test_an_idle_account_rests_and_a_hint_ends_its_rest_but_not_the_pause_of_one_in_trouble(bench: Bench) -> None:
    idle = bench.may_begin()
    hurried = bench.may_begin(hurried=True)
    bench.hint()
    bench.source.fail("mailbox", RetryLater("down"))
    bench.tick()

    assert (idle, hurried) == (False, True)
    assert not bench.may_begin(hurried=True)
    bench.clock.sleep(60)
    assert bench.may_begin()


def test_however_often_a_loop_is_hurried_its_runs_keep_their_distance_and_the_last_is_made_up_for() -> None:
    loop = Loop()

    first, again = loop.hurry(0.0), loop.hurry(0.05)
    assert loop.begin(1.0, hurried=True)
    soon = loop.hurry(1.01)
    refused = loop.begin(1.2, hurried=True)
    made_up_for, nothing_more = loop.end(), loop.end()

    assert (first, again) == (SETTLE_S, None)
    assert soon == pytest.approx(SPACING_S - 0.01)
    assert (refused, made_up_for, nothing_more) == (False, True, False)
    assert loop.hurry(60.0) == SETTLE_S


# --- with threads -------------------------------------------------------------------------------------------------------------


class Watched(Memory):
    """A mailbox that notices each run over it, and can hold it up."""

    def __init__(self, clock: SystemClock) -> None:
        super().__init__(clock)
        self.runs = 0
        self.changed = threading.Condition()
        self.hold: Callable[[], None] = lambda: None

    def mailbox(self) -> Mailbox:
        self.hold()
        return super().mailbox()

    def close(self) -> None:
        with self.changed:
            self.runs += 1
            self.changed.notify_all()

    def wait_for(self, runs: int) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: self.runs >= runs, timeout=WAIT_S), self.runs


class Running:
    """A schedule that looks after one account by itself only once an hour, and has done so."""

    def __init__(self, home: Path) -> None:
        self.clock = SystemClock()
        self.store = open_store(home, self.clock)
        self.account: Account = journal.add_account(self.store, "work", "memory", "http://example.test")
        self.source = Watched(self.clock)
        self.schedule = self.new_schedule()

    def new_schedule(self) -> Schedule:
        return Schedule(self.store, lambda _: self.source, self.clock, tick_s=3600, reconcile_s=3600)

    def start(self) -> None:
        self.schedule.start()
        self.source.wait_for(1)

    def tell(self, name: str) -> None:
        """Something changes upstream, which tells of it."""
        self.source.put(CONTACTS, name, {"name": {"displayName": name}})
        hints.add(self.store, self.account.id, [PLACE])
        self.schedule.hurry([self.account.id])

    def names(self) -> set[str]:
        return {row[0] for row in self.store.conn.execute("SELECT name FROM contacts")}

    def eventually(self, name: str) -> None:
        runs = self.source.runs
        while name not in self.names():
            runs += 1
            self.source.wait_for(runs)


@pytest.fixture
def running(quick_path: Path) -> Iterator[Running]:
    made = Running(quick_path / "home")
    yield made
    made.source.hold = lambda: None
    made.schedule.stop(WAIT_S)
    made.store.close()


def test_a_hint_is_pulled_long_before_the_next_tick(running: Running) -> None:
    running.start()

    running.tell("Grace")
    running.eventually("Grace")

    (row,) = running.store.conn.execute("SELECT received_at, pulled_at FROM hints")
    assert row["pulled_at"] is not None


def test_a_hint_during_a_run_brings_another_run(running: Running) -> None:
    running.start()
    held, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        running.source.hold = lambda: None
        held.set()
        go_on.wait(WAIT_S)

    def cut_off(feed: Feed, page: Page) -> Page:
        """The last page was made before what is told next."""
        if page.more:
            return page
        running.source.rewrite = None
        running.tell("Last")
        due.set()
        threading.Event().wait(2 * SPACING_S)  # what was hurried comes while this run is still under way
        return page

    due = threading.Event()
    running.source.hold = hold
    running.source.rewrite = cut_off
    running.tell("First")
    assert held.wait(WAIT_S)
    for number in range(20):
        running.tell(f"During {number}")
    go_on.set()
    assert due.wait(WAIT_S)
    running.eventually("Last")

    assert running.names() >= {"First", "Last", *(f"During {number}" for number in range(20))}


def test_a_thousand_hints_are_a_handful_of_runs_and_the_last_is_among_them(running: Running) -> None:
    running.start()
    began = running.clock.monotonic()

    for number in range(1000):
        running.tell(f"contact {number}")
    running.eventually("contact 999")
    took_s = running.clock.monotonic() - began

    assert running.source.runs <= 3 + took_s / SPACING_S
    assert len(running.names()) == 1000


def test_hints_that_came_before_the_start_are_seen_to_by_it(running: Running) -> None:
    running.start()
    running.schedule.stop(WAIT_S)
    hints.add(running.store, running.account.id, [PLACE])
    running.source.put(CONTACTS, "Grace", {"name": {"displayName": "Grace"}})
    waiting = hints.waiting(running.store, running.account.id)
    running.clock = SystemClock()  # the one before has been stopped
    running.schedule = running.new_schedule()
    running.schedule.start()
    running.eventually("Grace")

    assert waiting == {PLACE}


def test_hurrying_who_is_not_there_or_after_the_end_does_nothing(running: Running) -> None:
    running.schedule.hurry([4711])
    running.start()
    running.schedule.stop(WAIT_S)
    runs = running.source.runs

    running.schedule.hurry([running.account.id, 4711])

    assert running.source.runs == runs
