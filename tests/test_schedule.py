"""When pulls happen: what is due and nothing else, whatever clocks, other accounts and the end of the process do."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from mirror import clock as clocks
from mirror.clock import SystemClock, VirtualClock
from mirror.errors import DatabaseBusy, MirrorError, RetryLater, SignInAgain
from mirror.feed import Feed, Mailbox
from mirror.loop import FIRST_PAUSE_S, LONGEST_PAUSE_S, Loop
from mirror.resources import AS_IT_IS_S, KINDS, interval_s
from mirror.schedule import Schedule
from mirror.sources.memory import Memory
from mirror.store import journal, pace
from mirror.store.connection import Store, open_store
from mirror.store.journal import Account

CONTACTS = Feed("contacts")
LISTED = ["calendars", "folders", "task_lists"]
WAIT_S = 20.0  # a test that waits this long has failed


def fill(source: Memory) -> Memory:
    source.put(CONTACTS, "ada", {"name": {"displayName": "Ada"}})
    source.put(Feed("calendars"), "work", {"name": "Work"})
    return source


class Bench:
    """One loop over one account, on a virtual clock."""

    def __init__(self, store: Store, clock: VirtualClock) -> None:
        self.store = store
        self.clock = clock
        self.source = fill(Memory(clock))
        self.account = journal.add_account(store, "work", "memory", "http://example.test")
        self.loop = Loop()
        self.stopping = False
        self.sources = 0

    def make_source(self, _: Account) -> Memory:
        self.sources += 1
        return self.source

    def tick(self) -> list[str]:
        """The kinds that were asked for."""
        before = len(self.source.asked)
        self.loop.run(self.store, self.account.id, self.make_source, self.clock, stopping=lambda: self.stopping)
        asked = [feed.kind for verb, feed, _ in self.source.asked[before:] if verb == "page"]
        return list(dict.fromkeys(asked))

    def be_quiet_for_an_hour(self) -> None:
        """Every feed's last change is an hour old: its interval is as it stands in `KINDS`."""
        with self.store.transaction() as conn:
            conn.execute(
                "UPDATE feeds SET changed_at = ?", [clocks.text(self.clock.now() - timedelta(seconds=AS_IT_IS_S))]
            )

    def status(self) -> str:
        return journal.account(self.store, self.account.id).status


@pytest.fixture
def bench(quick_path: Path) -> Iterator[Bench]:
    clock = VirtualClock()
    store = open_store(quick_path / "home", clock)
    yield Bench(store, clock)
    store.close()


# --- what is due --------------------------------------------------------------------------------------------------------------


def test_everything_is_due_at_first_and_nothing_right_after(bench: Bench) -> None:
    assert bench.tick() == [*LISTED, "contacts", "events", "messages"]
    assert bench.tick() == []
    assert bench.sources == 1


def test_each_kind_comes_round_in_its_own_interval(bench: Bench) -> None:
    bench.tick()
    pulled: dict[str, list[float]] = {kind: [0.0] for kind in KINDS}

    for _ in range(3 * 3600 // 5):
        bench.clock.sleep(5)
        for kind in bench.tick():
            pulled[kind].append(bench.clock.monotonic())

    for kind in ("messages", "events", "folders"):
        expected_s = interval_s(KINDS[kind], None)
        gaps = [b - a for a, b in pairwise(pulled[kind])]
        assert gaps
        assert all(0.95 * expected_s <= gap <= 1.05 * expected_s + 5 for gap in gaps), kind
    contacts = [b - a for a, b in pairwise(pulled["contacts"])]
    assert contacts[0] < 80 < 300 < contacts[-1]


def test_the_interval_has_jitter_so_that_accounts_spread_out(bench: Bench) -> None:
    bench.tick()
    (feed,) = [one for one in journal.feeds(bench.store, bench.account.id) if one.kind == "contacts"]
    bench.clock.sleep(interval_s(KINDS["contacts"], 0.0))

    due = {jitter: pace.is_due(feed, bench.clock, 1.0, jitter) for jitter in (0.0, 0.4, 0.6, 0.99)}

    assert due == {0.0: True, 0.4: True, 0.6: False, 0.99: False}


def test_an_account_can_have_its_own_pace(bench: Bench) -> None:
    bench.tick()
    with bench.store.transaction() as conn:
        conn.execute("UPDATE accounts SET interval_factor = 0.1")
    bench.be_quiet_for_an_hour()
    bench.clock.sleep(7)

    assert bench.tick() == ["messages"]


def test_a_feed_that_failed_waits_for_its_own_time_and_the_others_do_not(bench: Bench) -> None:
    bench.tick()
    bench.be_quiet_for_an_hour()
    bench.clock.sleep(340)
    bench.source.fail("page", RetryLater("503", status=503, after_s=200))
    first = bench.tick()
    bench.clock.sleep(130)
    second = bench.tick()
    bench.clock.sleep(90)
    third = bench.tick()

    failed = first[0]
    assert failed == "contacts"
    assert set(first) > {"contacts"}
    assert "contacts" not in second
    assert "messages" in second
    assert "contacts" in third


def test_a_held_feed_is_looked_at_once_a_day(bench: Bench) -> None:
    bench.tick()
    with bench.store.transaction() as conn:
        conn.execute("UPDATE feeds SET state = 'held' WHERE kind = 'contacts'")
    bench.clock.sleep(3600)
    after_an_hour = bench.tick()
    bench.clock.sleep(7200)

    assert "contacts" not in after_an_hour
    assert "contacts" in bench.tick()


@pytest.mark.parametrize("status", ["paused", "needs_auth"])
def test_an_account_that_waits_for_its_person_is_not_even_asked(bench: Bench, status: str) -> None:
    journal.set_status(bench.store, bench.account.id, status)

    assert bench.tick() == []
    assert bench.sources == 0
    assert bench.source.asked == []


def test_a_removed_account_is_left_alone_at_once(bench: Bench) -> None:
    journal.remove_account(bench.store, bench.account.id)

    assert bench.tick() == []
    assert bench.sources == 0


def test_an_account_that_was_purged_meanwhile_is_no_trouble(bench: Bench) -> None:
    bench.loop.run(bench.store, 4711, bench.make_source, bench.clock)

    assert bench.sources == 0


def test_an_account_that_another_process_pulls_is_left_to_it(bench: Bench) -> None:
    with bench.store.lease(bench.account.id):
        assert bench.tick() == []

    assert bench.loop.not_before == 0.0
    assert "contacts" in bench.tick()


# --- clocks -------------------------------------------------------------------------------------------------------------------


def test_a_clock_that_jumps_a_week_ahead_makes_everything_due_once(bench: Bench) -> None:
    bench.tick()

    bench.clock.jump(timedelta(days=7))

    assert set(bench.tick()) >= {*LISTED, "contacts", "messages"}
    assert bench.tick() == []


def test_a_clock_that_jumps_back_a_week_does_not_stop_the_pulls_for_a_week(bench: Bench) -> None:
    bench.tick()

    bench.clock.jump(timedelta(days=-7))

    assert set(bench.tick()) >= {*LISTED, "contacts", "messages"}
    assert bench.tick() == []


def test_a_clock_that_is_set_back_does_not_prolong_a_feeds_wait(bench: Bench) -> None:
    bench.tick()
    bench.clock.sleep(320)
    bench.source.fail("page", RetryLater("503", status=503))
    bench.tick()

    bench.clock.jump(timedelta(days=-7))

    assert "contacts" in bench.tick()


def test_a_clock_that_is_a_little_behind_changes_nothing(bench: Bench) -> None:
    bench.tick()

    bench.clock.jump(timedelta(seconds=-30))

    assert bench.tick() == []


# --- trouble ------------------------------------------------------------------------------------------------------------------


def test_a_dead_token_is_asked_about_once_and_then_never(bench: Bench) -> None:
    bench.source.fail("mailbox", SignInAgain("no", status=401), times=99)

    for _ in range(5):
        bench.clock.sleep(600)
        bench.tick()

    assert [verb for verb, _, _ in bench.source.asked] == ["mailbox"]
    assert bench.status() == "needs_auth"


def test_another_mailbox_waits_for_a_person_and_is_asked_once(bench: Bench) -> None:
    bench.tick()
    bench.source.answers_as = Mailbox("somebody else")
    for _ in range(3):
        bench.clock.sleep(600)
        bench.tick()

    assert bench.status() == "needs_auth"
    assert bench.sources == 2


@pytest.mark.parametrize("error", [RetryLater("down"), DatabaseBusy("locked")])
def test_an_account_that_does_not_answer_is_left_alone_for_longer_and_longer(bench: Bench, error: MirrorError) -> None:
    pauses = []
    for _ in range(12):
        bench.source.fail("mailbox", error)
        bench.tick()
        pauses.append(bench.loop.not_before - bench.clock.monotonic())
        bench.clock.sleep(pauses[-1])

    assert 0.7 * FIRST_PAUSE_S < pauses[0] < 1.3 * FIRST_PAUSE_S
    assert pauses[3] > 3 * pauses[0]
    assert 0.7 * LONGEST_PAUSE_S < pauses[-1] < 1.3 * LONGEST_PAUSE_S
    assert "contacts" in bench.tick()
    assert bench.loop.failures == 0


def test_missing_credentials_are_waited_out_and_do_not_end_the_loop(bench: Bench) -> None:
    def locked(_: Account) -> Memory:
        raise SignInAgain("no credentials", code="credentials.missing")

    bench.loop.run(bench.store, bench.account.id, locked, bench.clock)

    assert bench.status() == "active"
    assert bench.loop.not_before > bench.clock.monotonic()


def test_a_long_listing_ends_at_its_next_page_when_the_process_is_to_stop(bench: Bench) -> None:
    for number in range(50):
        bench.source.put(CONTACTS, f"c{number}", {"name": {"displayName": f"Contact {number}"}})
    bench.source.rewrite = lambda feed, page: setattr(bench, "stopping", feed == CONTACTS) or page

    bench.tick()

    stored = bench.store.conn.execute("SELECT count(*) FROM contacts").fetchone()[0]
    cursor = bench.store.conn.execute("SELECT cursor, state FROM feeds WHERE kind = 'contacts'").fetchone()
    assert 0 < stored <= bench.source.page_size
    assert f'"after": {bench.source.page_size}' in cursor["cursor"]
    assert cursor["state"] == "listing"

    bench.stopping, bench.source.rewrite = False, None
    assert "contacts" in bench.tick()
    assert bench.store.conn.execute("SELECT count(*) FROM contacts").fetchone()[0] == 51


# --- with its threads -----------------------------------------------------------------------------------------------------------


class Shiftable(SystemClock):
    """The machine's clock, which a test can set, and on which nobody waits long."""

    def __init__(self) -> None:
        super().__init__()
        self.shift = timedelta(0)
        self.skipped_s = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.skipped_s

    def now(self) -> datetime:
        return super().now() + self.shift

    def sleep(self, seconds: float) -> None:
        super().sleep(min(seconds, 0.02))


class Heard(logging.Handler):
    """Notices when something is logged."""

    def __init__(self, words: str) -> None:
        super().__init__()
        self.words = words
        self.heard = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        if self.words in record.getMessage():
            self.heard.set()


class Upstreams:
    """A source in memory for each account, and a way to wait for what they are asked."""

    def __init__(self, clock: SystemClock) -> None:
        self.clock = clock
        self.sources: dict[str, Memory] = {}
        self.changed = threading.Condition()
        self.mailboxes: dict[str, int] = {}
        self.hooks: dict[str, Callable[[], None]] = {}

    def make(self, account: Account) -> Memory:
        upstreams = self

        class Watched(Memory):
            def mailbox(self) -> Mailbox:
                upstreams.hooks.get(account.name, lambda: None)()
                with upstreams.changed:
                    upstreams.mailboxes[account.name] = upstreams.mailboxes.get(account.name, 0) + 1
                    upstreams.changed.notify_all()
                return super().mailbox()

        return self.sources.setdefault(account.name, fill(Watched(self.clock)))  # type: ignore[return-value]  # a Memory

    def have_been_asked(self, name: str, times: int, *, timeout_s: float) -> bool:
        with self.changed:
            return self.changed.wait_for(lambda: self.mailboxes.get(name, 0) >= times, timeout=timeout_s)

    def wait_for(self, name: str, times: int) -> None:
        assert self.have_been_asked(name, times, timeout_s=WAIT_S), self.mailboxes


@pytest.fixture
def clock() -> Shiftable:
    return Shiftable()


@pytest.fixture
def store(quick_path: Path, clock: Shiftable) -> Iterator[Store]:
    opened = open_store(quick_path / "home", clock)
    yield opened
    opened.close()


@pytest.fixture
def upstreams(clock: Shiftable) -> Upstreams:
    return Upstreams(clock)


@pytest.fixture
def scheduled(store: Store, upstreams: Upstreams, clock: Shiftable) -> Iterator[Callable[..., Schedule]]:
    running: list[Schedule] = []

    def start(**paces_s: float) -> Schedule:
        running.append(Schedule(store, upstreams.make, clock, **{"tick_s": 0.02, "reconcile_s": 0.02, **paces_s}))
        running[-1].start()
        return running[-1]

    yield start
    for schedule in running:
        schedule.stop()


def test_accounts_are_pulled_again_and_again(
    store: Store, upstreams: Upstreams, scheduled: Callable[..., Schedule]
) -> None:
    journal.add_account(store, "work", "memory", "http://example.test", interval_factor=0)

    scheduled()

    upstreams.wait_for("work", 3)
    assert store.conn.execute("SELECT name FROM contacts").fetchall()[0][0] == "Ada"


def test_an_account_that_is_added_while_it_runs_is_picked_up_and_a_removed_one_dropped(
    store: Store, upstreams: Upstreams, scheduled: Callable[..., Schedule]
) -> None:
    first = journal.add_account(store, "first", "memory", "http://example.test", interval_factor=0)
    scheduled()
    upstreams.wait_for("first", 1)

    journal.add_account(store, "second", "memory", "http://example.test", interval_factor=0)
    upstreams.wait_for("second", 1)
    journal.remove_account(store, first.id)
    seen = upstreams.mailboxes["first"]
    upstreams.wait_for("second", upstreams.mailboxes["second"] + 5)

    assert upstreams.mailboxes["first"] <= seen + 1  # one may have been under way


def test_a_slow_account_and_a_dead_one_do_not_slow_the_others(
    store: Store, upstreams: Upstreams, scheduled: Callable[..., Schedule]
) -> None:
    answered = threading.Event()
    for name in ("slow", "dead", "well"):
        journal.add_account(store, name, "memory", "http://example.test", interval_factor=0)

    def refuse() -> None:
        raise SignInAgain("no", status=401)

    upstreams.hooks = {"slow": lambda: answered.wait(WAIT_S) and None, "dead": refuse}
    scheduled()

    upstreams.wait_for("well", 5)
    assert "slow" not in upstreams.mailboxes
    assert [one.status for one in journal.accounts(store) if one.name == "dead"] == ["needs_auth"]
    answered.set()
    upstreams.wait_for("slow", 1)


def test_stopping_takes_no_longer_than_asked_while_a_request_hangs(
    store: Store, upstreams: Upstreams, scheduled: Callable[..., Schedule], clock: Shiftable
) -> None:
    hanging, answered = threading.Event(), threading.Event()
    journal.add_account(store, "work", "memory", "http://example.test")

    def hang() -> None:
        hanging.set()
        answered.wait(WAIT_S)

    upstreams.hooks = {"work": hang}
    schedule = scheduled()
    assert hanging.wait(WAIT_S)

    began = clock.monotonic()
    finished = schedule.stop(timeout_s=0.2)
    took_s = clock.monotonic() - began
    answered.set()

    assert not finished
    assert took_s < 2
    assert schedule.stop(timeout_s=WAIT_S)


def test_stopping_an_idle_schedule_is_immediate(
    store: Store, upstreams: Upstreams, scheduled: Callable[..., Schedule], clock: Shiftable
) -> None:
    journal.add_account(store, "work", "memory", "http://example.test")
    schedule = scheduled(tick_s=3600)
    upstreams.wait_for("work", 1)

    assert schedule.stop(timeout_s=WAIT_S)


def test_a_clock_that_is_set_back_does_not_stall_the_ticks(
    store: Store, upstreams: Upstreams, scheduled: Callable[..., Schedule], clock: Shiftable
) -> None:
    journal.add_account(store, "work", "memory", "http://example.test", interval_factor=0)
    scheduled(tick_s=3600.0, reconcile_s=3600.0)  # nothing would tick again within this test
    upstreams.wait_for("work", 1)

    for _ in range(40):  # a jump that is noticed while a pull is under way is answered by that pull
        clock.shift -= timedelta(days=7)
        if upstreams.have_been_asked("work", 2, timeout_s=0.5):
            break

    upstreams.wait_for("work", 2)


def test_a_tick_that_is_late_is_not_dropped(
    store: Store, upstreams: Upstreams, scheduled: Callable[..., Schedule]
) -> None:
    account = journal.add_account(store, "work", "memory", "http://example.test", interval_factor=0)
    schedule = scheduled(tick_s=3600.0, reconcile_s=3600.0)  # nothing would tick again within this test
    upstreams.wait_for("work", 1)

    for _ in range(40):  # while the first is still under way, another is not begun
        schedule._scheduler.modify_job(f"account-{account.id}", next_run_time=datetime.now(UTC) - timedelta(seconds=5))
        if upstreams.have_been_asked("work", 2, timeout_s=0.5):
            break

    upstreams.wait_for("work", 2)


def test_a_locked_database_does_not_end_the_schedule(store: Store, upstreams: Upstreams, clock: Shiftable) -> None:
    impatient = open_store(store.home, store.clock, busy_s=0.01)
    journal.add_account(store, "work", "memory", "http://example.test", interval_factor=0)
    schedule = Schedule(impatient, upstreams.make, clock, tick_s=0.02, reconcile_s=0.02)
    refused = Heard("DatabaseBusy")
    logging.getLogger("mirror.schedule").addHandler(refused)
    with store.transaction():
        schedule.start()
        assert refused.heard.wait(WAIT_S)
    logging.getLogger("mirror.schedule").removeHandler(refused)
    clock.skipped_s = LONGEST_PAUSE_S

    upstreams.wait_for("work", 1)
    assert schedule.stop(timeout_s=WAIT_S)
    impatient.close()
