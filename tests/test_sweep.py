"""What a finished listing makes of records that it did not contain: windows, unclear rows, and sweeps that are held."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from worlds import (
    CALENDARS,
    CONTACTS,
    EVENTS,
    FOLDERS,
    MAKERS,
    MESSAGES,
    TASK_LISTS,
    TASKS,
    MemoryUpstream,
    SandboxUpstream,
    World,
    memory,
)

from mirror import clock as clocks
from mirror.errors import NotPermitted, RetryLater, WrongAnswer
from mirror.feed import Counts, Coverage, Feed, Page, Settings
from mirror.sandbox import faults
from mirror.sandbox.faults import Fault
from mirror.sandbox.options import Options
from mirror.store import sweep
from mirror.store.reading import status

WINDOW = Coverage("2026-01-01T00:00:00.000Z", "2026-12-31T00:00:00.000Z")


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(MemoryUpstream(), tmp_path / "home")
    made.pull()
    return made


@pytest.fixture(params=MAKERS)
def either(request: pytest.FixtureRequest, tmp_path: Path) -> World:
    return World(MAKERS[request.param](), tmp_path / "home")


def on(day: str, until: str | None = None, **more: Any) -> dict[str, Any]:
    return {"start": {"dateTime": f"{day}T09:00:00Z"}, "end": {"dateTime": f"{until or day}T10:00:00Z"}, **more}


def relist(world: World, *feeds: Feed) -> None:
    for feed in feeds:
        world.upstream.expire(feed)
        world.one(feed.kind)


# --- what is swept ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("feed", [CONTACTS, TASKS, CALENDARS, FOLDERS, TASK_LISTS], ids=lambda feed: feed.kind)
def test_what_a_complete_listing_did_not_contain_is_a_tombstone_that_says_so(either: World, feed: Feed) -> None:
    for name in "abcdef":
        either.upstream.put(feed, name, name)
    either.pull()
    memory_upstream = isinstance(either.upstream, MemoryUpstream)
    if memory_upstream:
        memory(either).drop(feed, "c", silently=True)
    else:
        either.upstream.drop(feed, "c")
    either.upstream.expire(feed)
    either.clock.sleep(60)

    assert either.one(feed.kind).counts.deleted == 1

    assert either.tombstones(feed) == {"c": "absent"}
    deleted_at, observed_at = either.rows(f"SELECT deleted_at, observed_at FROM {feed.kind} WHERE remote_id = 'c'")[0]
    assert deleted_at <= observed_at
    assert deleted_at >= "2026-01-05T09:01"
    either.equals_upstream(feed)
    either.is_sound()


@pytest.mark.parametrize("feed", [CONTACTS, TASKS, MESSAGES, EVENTS], ids=lambda feed: feed.kind)
def test_a_listing_that_did_not_finish_tombstones_nothing_and_one_that_resumes_does(world: World, feed: Feed) -> None:
    for name in "abcdefgh":
        world.upstream.put(feed, name, name)
    world.one(feed.kind)
    memory(world).drop(feed, "b", silently=True)
    world.upstream.expire(feed)
    broken: list[int] = []

    def breaks(asked: Feed, page: Page) -> Page:
        if asked == feed and page.more and not page.covers and not broken:
            broken.append(1)
            raise RetryLater("cut")
        return page

    memory(world).rewrite = breaks
    assert world.one(feed.kind).outcome == "failed"
    assert broken
    stored = world.feed(feed.kind)
    assert (stored.state, stored.generation) == ("listing", 2)
    assert set(world.live(feed)) == set("abcdefgh")

    world.reopened()
    assert world.one(feed.kind).counts.deleted == 1
    assert world.feed(feed.kind).generation == 2, "it went on with the listing that it had begun"
    assert world.tombstones(feed) == {"b": "absent"}


def test_rows_of_another_calendar_are_not_swept(world: World) -> None:
    other = Feed("events", "other")
    world.upstream.put(CALENDARS, "other", "Other")
    for name in "abc":
        world.upstream.put(EVENTS, name, name)
        world.upstream.put(other, name, name)
    world.pull()
    memory(world).drop(EVENTS, "a", silently=True)
    world.upstream.expire(EVENTS)

    world.pull("events")

    assert world.tombstones(EVENTS) == {"a": "absent"}
    assert world.tombstones(other) == {}


# --- windows ---------------------------------------------------------------------------------------------------------------

PLACES = [
    # fields, what the listing makes of it when it is missing, whether upstream is asked first
    # An event that was inside may have been moved out of the window since, without a word from its feed.
    ("inside", on("2026-06-15"), "gone", True),
    ("long before", on("2025-06-15"), None, False),
    ("long after", on("2027-06-15"), None, False),
    ("reaches in", on("2025-12-01", "2026-02-01"), "gone", True),
    ("around all of it", on("2020-01-01", "2030-01-01"), "gone", True),
    ("just before", on("2025-12-31"), "gone", True),
    ("just after its start", on("2026-01-02"), "gone", True),
    ("just at its end", on("2026-12-31"), "gone", True),
    ("a series before", on("2020-01-01", recurrenceType="master"), "gone", True),
    ("a series inside", on("2026-06-15", recurrenceType="master"), "gone", True),
    ("without times", {"start": {}, "end": None}, "gone", True),
    ("without an end", {"start": {"dateTime": "2026-06-15T09:00:00Z"}, "end": {}}, "gone", True),
]


@pytest.mark.parametrize("there", [False, True], ids=["gone", "there"])
@pytest.mark.parametrize(("fields", "fate", "asked"), [case[1:] for case in PLACES], ids=[case[0] for case in PLACES])
def test_a_sweep_covers_its_window_alone_and_asks_about_what_is_unclear(
    world: World, fields: dict[str, Any], fate: str | None, asked: bool, there: bool
) -> None:
    memory(world).covers = WINDOW
    world.upstream.put(EVENTS, "it", "it", **fields)
    for day in range(10, 20):
        world.upstream.put(EVENTS, f"n{day}", "neighbour", **on(f"2026-05-{day}"))
    relist(world, EVENTS)
    hide(world, "it", there=there)
    before = len(reads(world))

    relist(world, EVENTS)

    assert len(reads(world)[before:]) == int(asked)
    expected = {} if fate is None or (there and fate == "gone") else {"it": "absent"}
    assert world.tombstones(EVENTS) == expected
    assert world.feed("events").state == "following"
    if fate == "gone" and there:
        before = len(reads(world))
        world.one("events")
        assert len(reads(world)) == before, "it is asked about once in a listing"


def hide(world: World, name: str, *, there: bool) -> None:
    """Leave a record out of what is listed; a single read may have it still."""
    if not there:
        memory(world).drop(EVENTS, name, silently=True)
        return

    def without(feed: Feed, page: Page) -> Page:
        shown = tuple(change for change in page.changes if change.remote_id != name)
        return Page(shown, page.cursor, page.more, page.covers)

    memory(world).rewrite = without


def reads(world: World) -> list[object]:
    return [what for verb, feed, what in memory(world).asked if (verb, feed) == ("read", EVENTS)]


@pytest.mark.parametrize("error", [WrongAnswer("422"), NotPermitted("403")])
def test_what_upstream_will_not_say_of_an_unclear_row_in_four_passes_spares_it_and_stops_nothing(
    world: World, error: Exception
) -> None:
    memory(world).covers = WINDOW
    world.upstream.put(EVENTS, "series", "s", **on("2020-01-01", recurrenceType="master"))
    for day in range(10, 14):
        world.upstream.put(EVENTS, f"n{day}", "neighbour", **on(f"2026-05-{day}"))
    relist(world, EVENTS)
    memory(world).drop(EVENTS, "series", silently=True)
    memory(world).fail("read", error, times=4)

    relist(world, EVENTS)
    outcomes = [world.one("events").outcome for _ in range(3)]

    assert outcomes == ["failed", "failed", "ok"]
    assert world.feed("events").state == "following"
    assert world.tombstones(EVENTS) == {}
    relist(world, EVENTS)
    assert world.tombstones(EVENTS) == {"series": "absent"}


def test_trouble_while_asking_ends_the_pass_and_the_next_one_asks_for_the_rest(world: World) -> None:
    memory(world).covers = WINDOW
    for name in ("s1", "s2", "s3"):
        world.upstream.put(EVENTS, name, name, **on("2020-01-01", recurrenceType="master"))
    world.upstream.put(EVENTS, "n", "neighbour", **on("2026-05-10"))
    relist(world, EVENTS)

    def without(feed: Feed, page: Page) -> Page:
        shown = tuple(change for change in page.changes if not str(change.remote_id).startswith("s"))
        return Page(shown, page.cursor, page.more, page.covers)

    memory(world).rewrite = without
    memory(world).fail("read", RetryLater("503"))
    relist(world, EVENTS)
    assert world.feed("events").state == "listing"
    assert world.tombstones(EVENTS) == {}

    world.one("events")

    assert world.feed("events").state == "following"
    assert set(world.live(EVENTS)) == {"s1", "s2", "s3", "n"}


def test_a_calendars_window_moves_on_by_itself_and_leaving_it_is_no_deletion(tmp_path: Path) -> None:
    upstream = SandboxUpstream()
    world = World(upstream, tmp_path / "home")
    upstream.put(EVENTS, "old", "a year ago", **on("2025-01-10"))
    upstream.put(EVENTS, "now", "now", **on("2026-01-10"))
    upstream.put(EVENTS, "far", "in two years and a week", **on("2028-01-12"))
    world.pull()
    assert set(world.live(EVENTS)) == {"old", "now"}
    first = world.feed("events")

    for days, moved in ((29, False), (2, True), (20, False), (400, True)):
        upstream.clock.jump(timedelta(days=days))
        generation = world.feed("events").generation
        world.one("events")
        assert (world.feed("events").generation > generation) is moved

    assert set(world.live(EVENTS)) == {"old", "now", "far"}
    assert world.tombstones(EVENTS) == {}
    assert world.value("SELECT count(*) FROM versions") == 0
    last = world.feed("events")
    assert first.covers_until is not None
    assert last.covers_until is not None
    assert clocks.moment(last.covers_until) - clocks.moment(first.covers_until) == timedelta(days=451)


def test_what_was_deleted_before_the_window_moved_is_a_tombstone_and_stays_one(tmp_path: Path) -> None:
    upstream = SandboxUpstream()
    world = World(upstream, tmp_path / "home")
    for name in ("a", "b", "c"):
        upstream.put(EVENTS, name, name, **on("2026-06-10"))
    world.pull()
    upstream.drop(EVENTS, "b")
    upstream.clock.jump(timedelta(days=45))

    world.one("events")
    upstream.clock.jump(timedelta(days=1000))
    world.one("events")

    assert world.tombstones(EVENTS) == {"b": "reported"}
    assert set(world.live(EVENTS)) == {"a", "c"}


def test_mail_older_than_what_is_asked_for_is_not_swept(tmp_path: Path) -> None:
    upstream = SandboxUpstream(settings=Settings(since="2025-06-01"))
    world = World(upstream, tmp_path / "home")
    for name, day in (("new", "2026-01-02"), ("newer", "2026-01-03"), ("newest", "2026-01-04")):
        upstream.put(MESSAGES, name, name, receivedAt=f"{day}T10:00:00.000Z")
    world.pull()
    upstream.put(MESSAGES, "old", "moved in from an archive", receivedAt="2019-01-01T10:00:00.000Z")
    world.pull()
    assert "old" in world.live(MESSAGES)
    upstream.drop(MESSAGES, "newer")
    upstream.expire(MESSAGES)

    world.pull()

    assert world.tombstones(MESSAGES) == {"newer": "absent"}
    assert set(world.live(MESSAGES)) == {"old", "new", "newest"}


# --- sweeps that are held -----------------------------------------------------------------------------------------------------

SHARES = [
    # live records, of them missing, is the sweep held
    (50, 49, False),
    (50, 50, True),
    (1, 1, True),
    (2, 1, False),
    (51, 10, False),
    (51, 11, True),
    (100, 20, False),
    (100, 21, True),
]


@pytest.mark.parametrize("feed", [CONTACTS, FOLDERS], ids=lambda feed: feed.kind)
@pytest.mark.parametrize(("live", "missing", "held"), SHARES)
def test_a_sweep_that_would_take_too_much_is_held(
    world: World, feed: Feed, live: int, missing: int, held: bool
) -> None:
    memory(world).page_size = 40
    fill(world, feed, live)
    for number in range(missing):
        memory(world).drop(feed, f"r{number}", silently=True)
    dump = world.dump(generation=False)
    world.upstream.expire(feed)

    done = world.one(feed.kind)

    assert done.outcome == ("held" if held else "ok")
    assert done.swept is not None
    assert (done.swept.live, done.swept.absent) == (live, missing)
    assert world.feed(feed.kind).state == ("held" if held else "following")
    assert len(world.tombstones(feed)) == (0 if held else missing)
    if held:
        assert world.dump(generation=False) == dump
        [shown] = [shown for shown in status(world.store)["accounts"][0]["feeds"] if shown["kind"] == feed.kind]
        assert (shown["state"], shown["absent"], shown["rows"]) == ("held", missing, live)


def fill(world: World, feed: Feed, count: int) -> None:
    for number in range(count):
        world.upstream.put(feed, f"r{number}", "x")
    world.one(feed.kind)


@pytest.mark.parametrize("feed", [CONTACTS, FOLDERS], ids=lambda feed: feed.kind)
def test_a_held_sweep_is_released_by_accepting_it(world: World, feed: Feed) -> None:
    fill(world, feed, 8)
    names = sorted(memory(world).live(feed))
    for name in names:
        memory(world).drop(feed, name, silently=True)
    world.upstream.expire(feed)
    world.one(feed.kind)
    assert world.one(feed.kind).outcome == "held", "it is asked again, and held again"
    counts = Counts()

    sweep.finish_listing(world.store, world.feed(feed.kind), counts, accepted=True)

    assert counts.deleted == 8
    assert set(world.tombstones(feed).values()) == {"absent"}
    assert world.feed(feed.kind).state == "following"
    assert world.value("SELECT count(*) FROM versions WHERE deleted_at IS NULL") == 8
    world.upstream.put(feed, "new", "x")
    assert world.one(feed.kind).outcome == "ok"
    world.equals_upstream(feed)


def test_a_held_sweep_ends_when_upstream_has_its_records_again(tmp_path: Path) -> None:
    upstream = SandboxUpstream()
    world = World(upstream, tmp_path / "home")
    for number in range(8):
        upstream.put(CONTACTS, f"r{number}", "x")
    world.pull()
    upstream.expire(CONTACTS)
    empty = faults.edit(
        lambda page, _: {"records": [], "length": 0, "nextDeltaToken": page.get("nextDeltaToken") or "x=="}
    )
    upstream.behind.faults.add(Fault(empty, path=".*/contacts/sync/updated", nth=2))

    assert world.one("contacts").outcome == "held"
    upstream.drop(CONTACTS, "r3")
    done = world.one("contacts")

    assert (done.outcome, done.counts.deleted) == ("ok", 1)
    assert world.tombstones(CONTACTS) == {"r3": "absent"}
    world.equals_upstream(CONTACTS)


def test_new_records_are_stored_while_a_sweep_is_held(world: World) -> None:
    fill(world, CONTACTS, 60)
    for number in range(30):
        memory(world).drop(CONTACTS, f"r{number}", silently=True)
    world.upstream.put(CONTACTS, "r40", "changed")
    world.upstream.put(CONTACTS, "new", "x")
    world.upstream.expire(CONTACTS)

    done = world.one("contacts")

    assert (done.outcome, done.counts.created, done.counts.changed, done.counts.deleted) == ("held", 1, 1, 0)
    assert len(world.live(CONTACTS)) == 61


def test_rows_outside_of_the_window_do_not_make_an_empty_calendar_believable(world: World) -> None:
    memory(world).covers = Coverage("2020-01-01T00:00:00.000Z", "2026-12-31T00:00:00.000Z")
    for number in range(80):
        world.upstream.put(EVENTS, f"old{number}", "old", **on("2021-03-01"))
    for number in range(5):
        world.upstream.put(EVENTS, f"r{number}", "coming", **on("2026-06-15"))
    world.one("events")
    memory(world).covers = WINDOW
    memory(world).rewrite = lambda _, page: Page((), page.cursor, page.more, page.covers)
    for name in list(memory(world).live(EVENTS)):
        memory(world).drop(EVENTS, name, silently=True)
    world.upstream.expire(EVENTS)

    assert world.one("events").outcome == "held"

    assert world.tombstones(EVENTS) == {}


def test_a_first_listing_that_is_empty_is_no_reason_to_hold(either: World) -> None:
    outcomes = {done.outcome for done in either.pull()}

    assert outcomes == {"ok"}


def test_a_held_feed_is_listed_by_every_pass_until_it_is_released(tmp_path: Path) -> None:
    upstream = SandboxUpstream(Options(page_size=50))
    world = World(upstream, tmp_path / "home")
    upstream.put(CONTACTS, "only", "x")
    world.pull()
    upstream.drop(CONTACTS, "only")
    upstream.expire(CONTACTS)

    for generation in (2, 3):
        assert world.one("contacts").outcome == "held"
        assert world.feed("contacts").generation == generation
    assert json.loads(world.value("SELECT cursor FROM feeds WHERE kind = 'contacts'"))["walking"] == "updated"
