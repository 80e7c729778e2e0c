"""What the simulator found, each as a story short enough to read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from worlds import CALENDARS, CONTACTS, EVENTS, FOLDERS, MESSAGES, MemoryUpstream, World

from mirror.errors import WrongAnswer
from mirror.feed import Coverage, Feed, Page

WINDOW = Coverage("2025-06-01T00:00:00.000Z", "2026-12-31T00:00:00.000Z")


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(MemoryUpstream(), tmp_path / "home")
    memory(made).covers = WINDOW
    made.pull()
    return made


def memory(world: World) -> Any:
    assert isinstance(world.upstream, MemoryUpstream)
    return world.upstream.memory


def on(day: str) -> dict[str, Any]:
    return {"start": {"dateTime": f"{day}T09:00:00Z"}, "end": {"dateTime": f"{day}T10:00:00Z"}}


def empty_once(world: World, feed: Feed) -> None:
    """The next listing of a feed has nothing in it, says upstream, and its cursor stands at the end."""

    def rewrite(asked: Feed, page: Page) -> Page:
        if asked != feed or page.covers is None:
            return page
        memory(world).rewrite = None
        end = {"epoch": page.cursor["epoch"] if page.cursor else 0, "after": 10_000, "listing": False}
        return replace(page, changes=(), cursor=end, more=False)

    memory(world).rewrite = rewrite
    world.upstream.expire(feed)


def test_mail_goes_into_its_folder_though_the_folder_becomes_known_later(world: World) -> None:
    world.upstream.put(MESSAGES, "m", "Hello", folderId="f")
    world.pull("messages")
    world.upstream.put(FOLDERS, "f", "Receipts")

    world.pull("folders")

    assert world.rows("SELECT folders.remote_id FROM messages JOIN folders ON folders.id = folder_id") == [("f",)]


def test_an_event_that_was_moved_out_of_the_window_while_cursors_expired_is_not_deleted(world: World) -> None:
    for name in ("stays", "moves"):
        world.upstream.put(EVENTS, name, name, **on("2026-02-01"))
    world.pull("events")
    world.upstream.put(EVENTS, "moves", "moved", **on("2029-02-01"))
    memory(world).rewrite = lambda feed, page: replace(
        page, changes=tuple(change for change in page.changes if feed != EVENTS or change.remote_id != "moves")
    )
    world.upstream.expire(EVENTS)

    world.pull("events")

    assert world.history("events", "moves") == ["moves", "moved"]
    assert world.tombstones(EVENTS) == {}


def test_an_empty_listing_of_events_is_not_believed_when_one_of_them_can_be_read(world: World) -> None:
    for name in ("a", "b"):
        world.upstream.put(EVENTS, name, name, **on("2026-02-01"))
    world.pull("events")
    world.upstream.put(EVENTS, "new", "new", **on("2026-02-02"))
    empty_once(world, EVENTS)

    assert world.one("events").outcome == "failed"
    assert world.one("events").outcome == "ok"

    assert set(world.live(EVENTS)) == {"a", "b", "new"}
    assert world.tombstones(EVENTS) == {}


def test_an_empty_listing_is_believed_when_all_that_it_lacks_has_left_the_window(world: World) -> None:
    world.upstream.put(EVENTS, "a", "a", **on("2026-02-01"))
    world.pull("events")
    world.upstream.put(EVENTS, "a", "moved", **on("2031-02-01"))
    empty_once(world, EVENTS)

    assert world.one("events").outcome == "ok"

    assert world.history("events", "a") == ["a", "moved"]


def test_events_are_not_deleted_because_their_calendar_is(world: World) -> None:
    world.upstream.put(EVENTS, "a", "a", **on("2026-02-01"))
    world.pull("events")
    memory(world).drop(CALENDARS, "home", silently=True)
    memory(world).drop(EVENTS, "a", silently=True)
    world.upstream.expire(EVENTS)

    assert world.one("events").outcome == "failed"

    assert world.tombstones(EVENTS) == {}


def test_what_is_refused_once_is_asked_again_before_a_listing_is_believed(world: World) -> None:
    for name in ("a", "b"):
        world.upstream.put(EVENTS, name, name, **on("2026-02-01"))
    world.pull("events")
    memory(world).drop(EVENTS, "a", silently=True)
    world.upstream.expire(EVENTS)
    memory(world).fail("read", WrongAnswer("409"))

    assert [world.one("events").outcome for _ in range(2)] == ["failed", "ok"]

    assert world.tombstones(EVENTS) == {"a": "absent"}


def test_mail_is_not_deleted_because_upstream_counts_days_from_another_clock(world: World) -> None:
    memory(world).covers = Coverage("2025-06-01T00:00:00.000Z")
    for day in ("2025-06-05", "2026-01-02", "2026-01-03"):
        world.upstream.put(MESSAGES, day, day, receivedAt=f"{day}T10:00:00.000Z")
    world.pull("messages")
    shown = ("2026-01-02", "2026-01-03")  # upstream's clock is ahead: for it, the oldest is outside
    memory(world).rewrite = lambda feed, page: replace(
        page, changes=tuple(change for change in page.changes if feed != MESSAGES or change.remote_id in shown)
    )
    world.upstream.expire(MESSAGES)

    assert world.one("messages").outcome == "ok"

    assert world.tombstones(MESSAGES) == {}


def test_an_old_state_that_a_listing_tells_again_makes_no_version(world: World) -> None:
    world.upstream.put(CONTACTS, "a", "early")
    early = memory(world).live(CONTACTS)["a"]
    world.clock.sleep(60)
    world.upstream.put(CONTACTS, "a", "late")
    world.pull("contacts")
    memory(world).rewrite = lambda feed, page: replace(
        page,
        changes=tuple(early if feed == CONTACTS and change.remote_id == "a" else change for change in page.changes),
    )
    world.upstream.expire(CONTACTS)

    assert world.one("contacts").outcome == "ok"

    assert world.history("contacts", "a") == ["late"]
