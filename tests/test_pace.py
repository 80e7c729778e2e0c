"""How often a feed is asked: by how lively it is, within limits, and seldom where upstream tells by itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from mirror import clock as clocks
from mirror.clock import VirtualClock
from mirror.feed import Feed
from mirror.pull import pull_account
from mirror.resources import KINDS, QUICKEST_S, SLOWEST_S, WATCHED_S, interval_s
from mirror.sources.memory import Memory
from mirror.store import journal, pace
from mirror.store.connection import Store, open_store
from mirror.store.journal import FeedRow

MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0


@pytest.mark.parametrize(
    ("kind", "quiet_s", "expected_s"),
    [
        ("messages", 0.0, 15.0),
        ("messages", -5.0, 15.0),
        ("messages", 3 * MINUTE, 15.0),
        ("messages", 15 * MINUTE, 30.0),
        ("messages", HOUR, 60.0),
        ("messages", 16 * HOUR, 240.0),
        ("messages", 7 * DAY, 480.0),
        ("messages", None, 480.0),
        ("events", 15 * MINUTE, 60.0),
        ("events", HOUR, 120.0),
        ("events", None, 960.0),
        ("contacts", 0.0, 75.0),
        ("contacts", 4 * HOUR, 600.0),
        ("contacts", None, 2400.0),
        ("folders", 0.0, 225.0),
        ("folders", HOUR, 900.0),
        ("folders", 30 * DAY, 3600.0),
    ],
)
def test_the_interval_follows_how_long_nothing_has_changed(kind: str, quiet_s: float | None, expected_s: float) -> None:
    assert interval_s(KINDS[kind], quiet_s) == pytest.approx(expected_s)


@pytest.mark.parametrize("kind", KINDS)
def test_the_longer_nothing_changes_the_longer_the_interval_within_its_limits(kind: str) -> None:
    quiet = [interval_s(KINDS[kind], seconds) for seconds in range(0, int(9 * DAY), 600)]

    assert all(earlier <= later for earlier, later in pairwise(quiet))
    assert QUICKEST_S <= quiet[0] < quiet[-1] == interval_s(KINDS[kind], None) <= SLOWEST_S


@pytest.mark.parametrize("quiet_s", [0.0, HOUR, None])
def test_a_feed_that_upstream_tells_of_is_asked_seldom_however_lively_it_is(quiet_s: float | None) -> None:
    assert interval_s(KINDS["messages"], quiet_s, watched=True) == WATCHED_S


# --- the rows ------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def store(quick_path: Path) -> Iterator[Store]:
    opened = open_store(quick_path / "home", VirtualClock())
    yield opened
    opened.close()


def mail(store: Store, **more: object) -> FeedRow:
    """The feed of an account's mail that has just caught up."""
    account = journal.add_account(store, "work", "memory", "http://example.test")
    (feed,) = [feed for feed in journal.feeds(store, account.id) if feed.kind == "messages"]
    return replace(feed, state="following", caught_up_at=clocks.text(store.clock.now()), **more)  # type: ignore[arg-type]  # any column


def ago(store: Store, **time: float) -> str:
    return clocks.text(store.clock.now() - timedelta(**time))


def test_what_changed_lately_is_due_sooner_and_the_accounts_own_pace_applies_besides(store: Store) -> None:
    feed = mail(store)
    lively, quiet = replace(feed, changed_at=ago(store, minutes=1)), replace(feed, changed_at=ago(store, days=9))

    waits = [pace.due_in_s(one, store.clock, factor, 0.5) for one in (lively, quiet) for factor in (1.0, 2.0, 0.0)]

    assert waits == pytest.approx([15.0, 30.0, 0.0, 480.0, 960.0, 0.0])


def test_a_change_from_the_future_is_as_good_as_one_just_now(store: Store) -> None:
    feed = mail(store, changed_at=ago(store, days=-3))

    assert pace.due_in_s(feed, store.clock, 1.0, 0.5) == pytest.approx(15.0)


def test_only_a_pass_that_brought_a_change_makes_a_feed_livelier(store: Store) -> None:
    assert isinstance(store.clock, VirtualClock)
    account = journal.add_account(store, "work", "memory", "http://example.test")
    source = Memory(store.clock)
    source.put(Feed("contacts"), "ada", {"name": {"displayName": "Ada"}})

    def changed_at() -> dict[str, str | None]:
        store.clock.sleep(60)
        began = clocks.text(store.clock.now())
        assert all(done.outcome == "ok" for done in pull_account(store, source, account))
        return {
            feed.kind: "now" if feed.changed_at == began else feed.changed_at
            for feed in journal.known_feeds(store, account.id)
        }

    first, second = changed_at(), changed_at()
    source.drop(Feed("contacts"), "ada")
    third = changed_at()

    assert first["contacts"] == "now"
    assert first["messages"] is None
    assert second["contacts"] not in ("now", None)
    assert third["contacts"] == "now"
