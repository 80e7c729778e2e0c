"""What passes add up to: deletions and returns, calendars that vanish, lists of several pages, several accounts."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from worlds import (
    CALENDARS,
    CONTACTS,
    DELTA,
    EVENTS,
    FEEDS,
    MAKERS,
    MESSAGES,
    MemoryUpstream,
    World,
    fill,
    sandboxed,
)

from mirror.feed import Feed, Settings
from mirror.sandbox import faults
from mirror.sandbox.faults import Fault
from mirror.sandbox.options import Options
from mirror.store import journal


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(MemoryUpstream(), tmp_path / "home")


@pytest.fixture(params=MAKERS)
def either(request: pytest.FixtureRequest, tmp_path: Path) -> World:
    """A mirror of the in-memory upstream, and one of the sandbox."""
    return World(MAKERS[request.param](), tmp_path / "home")


def test_a_deletion_is_in_history_exactly_once_and_a_return_supersedes_it(either: World) -> None:
    either.upstream.put(CONTACTS, "a", "one")
    either.upstream.put(CONTACTS, "b", "stays")
    either.pull()
    either.upstream.drop(CONTACTS, "a")
    for _ in range(3):
        either.clock.sleep(300)
        either.pull()
    assert either.history("contacts", "a") == ["one", "reported"]
    assert either.rows("SELECT deleted_at IS NULL, deletion FROM versions") == [(1, None)]

    either.upstream.put(CONTACTS, "a", "two")
    either.pull()

    assert either.history("contacts", "a") == ["one", "reported", "two"]
    assert either.rows("SELECT deletion FROM versions ORDER BY seq") == [(None,), ("reported",)]
    assert either.value("SELECT count(*) FROM contacts WHERE remote_id = 'a'") == 1
    changes = either.rows("SELECT change FROM changes WHERE kind = 'contacts' AND record_id = 1 ORDER BY seq")
    assert changes == [("created",), ("deleted",), ("restored",)]


@pytest.mark.parametrize("feed", DELTA, ids=lambda feed: feed.kind)
def test_a_record_deleted_and_made_again_under_one_id_between_two_passes_is_live(either: World, feed: Feed) -> None:
    fill(either, feed, 3)
    either.pull()
    either.clock.sleep(600)
    either.upstream.drop(feed, "r1")
    either.clock.sleep(600)
    either.upstream.put(feed, "r1", "again")

    either.pull()

    either.equals_upstream(feed)
    assert either.history(feed.kind, "r1") in (["number 1", "again"], ["number 1", "reported", "again"])


def test_a_calendar_that_vanishes_is_a_tombstone_and_its_events_stay(either: World) -> None:
    fill(either, EVENTS, 3)
    either.upstream.put(CALENDARS, "other", "Other")
    either.upstream.put(Feed("events", "other"), "e", "elsewhere")
    either.pull()
    events = either.rows("SELECT * FROM events")
    listed = either.upstream.live(CALENDARS)["home"]
    either.upstream.drop(CALENDARS, "home")

    passes = either.pull()
    assert either.tombstones(CALENDARS) == {"home": "absent"}
    assert either.rows("SELECT * FROM events") == events
    assert [done.feed.parent for done in passes if done.feed.kind == "events"] == ["other"]
    stopped = either.feed("events", "home")
    assert (stopped.state, stopped.cursor) == ("stopped", None)
    assert either.pull("calendars")[0].counts.written == 0

    either.upstream.put(CALENDARS, "home", listed["name"])
    for name, title in (("r0", "changed"), ("r1", "number 1"), ("r2", "number 2")):
        either.upstream.put(EVENTS, name, title)
    either.pull()
    assert either.feed("events", "home").state == "following"
    either.equals_upstream(CALENDARS, EVENTS)
    assert either.history("calendars", "home") == ["Home", "absent", "Home"]


@pytest.mark.parametrize("broken", [False, True])
@pytest.mark.parametrize("feed", [CALENDARS, Feed("task_lists")], ids=lambda feed: feed.kind)
def test_lists_of_several_pages_are_taken_whole(tmp_path: Path, feed: Feed, broken: bool) -> None:
    world, upstream = sandboxed(tmp_path, Options(page_size=3), budget_s=0)
    fill(world, feed)
    world.pull(feed.kind)
    world.equals_upstream(feed)
    world.upstream.drop(feed, "r2")
    world.upstream.put(feed, "r7", "renamed")
    if broken:
        path = ".*" + {"calendars": "/calendars", "task_lists": "/tasklists"}[feed.kind]
        upstream.behind.faults.add(Fault(faults.answer(503), path=path, query="pageToken.*"))
        assert world.one(feed.kind).outcome == "failed"
        assert world.tombstones(feed) == {}

    assert world.one(feed.kind).outcome == "ok"

    world.equals_upstream(feed)
    assert world.tombstones(feed) == {"r2": "absent"}
    assert world.value("SELECT count(*) FROM versions") == 2


def test_several_accounts_in_one_file_do_not_mix(tmp_path: Path) -> None:
    worlds = [World(MemoryUpstream(), tmp_path / "home")]
    second = World.__new__(World)
    second.upstream, second.clock, second.store = MemoryUpstream(), worlds[0].clock, worlds[0].store
    second.account = journal.add_account(second.store, "play", "test", "http://other.example")
    worlds.append(second)
    for number, world in enumerate(worlds):
        for feed in FEEDS:
            world.upstream.put(feed, "same id", f"of {number}")
        world.pull()
    worlds[0].upstream.drop(CONTACTS, "same id")
    worlds[1].upstream.put(CONTACTS, "same id", "changed")

    for world in worlds:
        world.pull()
        world.equals_upstream(*FEEDS)
    worlds[0].is_sound()


def test_a_feed_is_walked_again_after_the_clock_was_set_back(world: World) -> None:
    fill(world)
    world.pull()
    world.clock.jump(timedelta(days=-40))
    world.upstream.put(CONTACTS, "r0", "changed")

    world.pull()

    world.equals_upstream(*FEEDS)
    world.is_sound()


def test_an_account_that_comes_back_to_mirror_further_back_does_so(tmp_path: Path) -> None:
    world, upstream = sandboxed(tmp_path, settings=Settings(since="2025-09-01"))
    times = {"start": {"dateTime": "2025-06-01T09:00:00Z"}, "end": {"dateTime": "2025-06-01T10:00:00Z"}}
    upstream.put(EVENTS, "old", "last summer", **times)
    upstream.put(MESSAGES, "old", "last summer", receivedAt="2025-06-01T10:00:00.000Z")
    for feed in (EVENTS, MESSAGES):
        fill(world, feed, 2)
    world.pull()
    assert "old" not in {**world.live(EVENTS), **world.live(MESSAGES)}

    for since, found in (("2025-05-01", True), ("2025-12-01", True)):
        journal.remove_account(world.store, world.account.id)
        journal.add_account(world.store, "work", "test", "http://sandbox.example", since=since)
        upstream.settings = Settings(since=since)
        world.pull(source=upstream.new_source())

        assert ("old" in world.live(EVENTS), "old" in world.live(MESSAGES)) == (found, found)
    assert world.tombstones(EVENTS) == world.tombstones(MESSAGES) == {}, "what is not asked for any more is not deleted"
