"""What the simulator found, each as a story short enough to read."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from worlds import CALENDARS, CONTACTS, EVENTS, FOLDERS, MESSAGES, MemoryUpstream, SandboxUpstream, World, fields

from mirror.clock import VirtualClock
from mirror.errors import Changed, RestartFeed, RetryLater, Unsure, WrongAnswer
from mirror.feed import Coverage, Feed, Page, Receipt, Request
from mirror.push import LOOKED_FOR_S
from mirror.sources.http import Http
from mirror.store import dispatch, feeding, journal, outbox
from mirror.store.edits import Edit

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


# --- with people who edit on both sides -------------------------------------------------------------------------------


def state(world: World, edit: Edit) -> str:
    return outbox.edit(world.store, edit.id).state


def later(world: World) -> None:
    """Long enough for everything that is waited for."""
    world.clock.sleep(LOOKED_FOR_S + 10)


def test_an_edit_whose_record_was_gone_before_a_pull_showed_it_is_settled(world: World) -> None:
    made = world.edit(CONTACTS, None, "create", {"nickName": "Bo"})
    world.push()
    (remote_id,) = world.upstream.live(CONTACTS)
    world.upstream.drop(CONTACTS, remote_id)

    for _ in range(2):
        later(world)
        world.pull()
        world.push()

    assert state(world, made) == "settled"
    assert world.rows("SELECT * FROM overlays") == []


def test_a_status_that_somebody_else_has_changed_since_is_settled(world: World) -> None:
    world.upstream.put(MESSAGES, "m", "Hello", sysLabels=["inbox"], keywords=[])
    world.pull()
    edit = world.edit(MESSAGES, "m", "change", {"keywords": ["mine"]})
    world.push()
    world.upstream.put(MESSAGES, "m", "Hello", sysLabels=["inbox"], keywords=["theirs"])
    world.pull()

    later(world)
    world.push()

    assert state(world, edit) == "settled"


def test_keywords_that_upstream_got_meanwhile_are_merged_though_mail_has_no_etag(tmp_path: Path) -> None:
    world = World(SandboxUpstream(), tmp_path / "home")
    world.upstream.put(MESSAGES, "m", "Hello", sysLabels=["inbox"], keywords=["old"])
    world.pull()
    world.edit(MESSAGES, "m", "change", {"keywords": ["old", "mine"]})
    world.upstream.put(MESSAGES, "m", "Hello", sysLabels=["inbox"], keywords=["old", "theirs"])

    world.push()

    assert sorted(world.upstream.live(MESSAGES)["m"]["keywords"]) == ["mine", "old", "theirs"]


def test_a_calendar_renamed_on_both_sides_is_a_conflict_though_it_has_no_etag(world: World) -> None:
    edit = world.edit(CALENDARS, "home", "change", {"name": "Mine"})
    world.upstream.put(CALENDARS, "home", "Theirs")

    world.push()

    assert state(world, edit) == "conflict"
    assert world.upstream.live(CALENDARS)["home"]["name"] == "Theirs"


def test_a_creation_that_was_confirmed_without_a_name_is_not_sent_again_by_itself(world: World) -> None:
    edit = world.edit(CONTACTS, None, "create", {"nickName": "Bo"})
    dispatch.unsure(world.store, edit, "no name", receipt=Receipt())

    for _ in range(3):
        later(world)
        world.pull()
        world.push()

    assert state(world, edit) == "unsure"
    assert world.upstream.live(CONTACTS) == {}


def test_a_creation_that_others_have_changed_since_is_found_all_the_same(world: World) -> None:
    edit = world.edit(CONTACTS, None, "create", {"nickName": "Bo"})
    dispatch.unsure(world.store, dispatch.sending(world.store, edit), "lost")
    world.upstream.put(CONTACTS, "made", "", nickName="Bo")
    world.pull()
    world.upstream.put(CONTACTS, "made", "", nickName="Bobby")
    world.pull()

    later(world)
    world.push()

    assert state(world, edit) == "settled"
    assert [*world.upstream.live(CONTACTS)] == ["made"]


def test_what_a_pull_has_brought_since_the_first_edit_can_be_removed_by_the_second(world: World) -> None:
    home, work = ({"address": f"ada@{place}.example"} for place in ("home", "work"))
    world.upstream.put(CONTACTS, "ada", "Ada", emailAddresses=[home])
    world.pull()
    world.edit(CONTACTS, "ada", "change", {"notes": "new"})
    world.clock.sleep(5)
    world.upstream.put(CONTACTS, "ada", "Ada", emailAddresses=[home, work])
    world.pull()

    world.edit(CONTACTS, "ada", "change", {"emailAddresses": [home]})
    world.push()

    assert [one["address"] for one in world.upstream.live(CONTACTS)["ada"]["emailAddresses"]] == ["ada@home.example"]


def test_an_edit_that_its_person_takes_back_while_the_record_is_read_is_not_carried_out(world: World) -> None:
    world.upstream.put(CONTACTS, "ada", "Ada")
    world.pull()
    edit = world.edit(CONTACTS, "ada", "delete")
    source = world.upstream.source

    class Interrupted:
        def __getattr__(self, name: str) -> Any:
            return getattr(source, name)

        def read(self, feed: Feed, remote_id: str) -> Any:
            outbox.discard(world.store, outbox.edit(world.store, edit.id))
            return source.read(feed, remote_id)

    world.push(source=Interrupted())  # type: ignore[arg-type]  # a source that is interrupted

    assert state(world, edit) == "discarded"
    assert "ada" in world.upstream.live(CONTACTS)


def test_a_second_edit_does_not_cover_what_was_merged_into_the_first(world: World) -> None:
    world.upstream.put(CONTACTS, "ada", "Ada", notes="old")
    world.pull()
    world.edit(CONTACTS, "ada", "change", {"fileAs": "Lovelace"})
    world.clock.sleep(5)
    world.upstream.put(CONTACTS, "ada", "Ada", notes="theirs")
    world.push()

    second = world.edit(CONTACTS, "ada", "change", {"notes": "mine"})
    for _ in range(2):
        world.push()
        world.pull()

    assert state(world, second) == "conflict"
    assert world.upstream.live(CONTACTS)["ada"]["notes"] == "theirs"


def test_edits_of_what_was_never_created_are_taken_back_with_it(world: World) -> None:
    made = world.edit(CONTACTS, None, "create", {"nickName": "Bo"})
    dispatch.unsure(world.store, made, "lost")
    account = journal.account(world.store, world.account.id)
    change = outbox.add(world.store, account, "contacts", "change", {"notes": "new"}, record_id=-made.id)
    assert change is not None

    outbox.discard(world.store, outbox.edit(world.store, made.id))

    assert state(world, change) == "discarded"
    assert world.rows("SELECT * FROM overlays") == []


def test_an_edit_does_not_stay_on_its_way_when_the_reading_after_a_412_fails(world: World) -> None:
    world.upstream.put(CONTACTS, "ada", "Ada", notes="old")
    world.pull()
    edit = world.edit(CONTACTS, "ada", "change", {"notes": "mine"})
    memory(world).fail("write", Changed("412", status=412))
    memory(world).fail("read", WrongAnswer("garbled", status=200))

    world.push()

    assert state(world, edit) == "pending"


def test_what_push_has_read_before_a_listing_began_is_not_taken_for_listed(world: World) -> None:
    for name in ("ada", "bo", "cy"):
        world.upstream.put(CONTACTS, name, name)
    world.pull()
    edit = world.edit(CONTACTS, "ada", "change", {"notes": "mine"})
    world.push()
    memory(world).fail("page", RestartFeed("expired", status=410))
    memory(world).fail("page", RetryLater("503", status=503))
    world.pull("contacts")
    later(world)
    world.push()
    memory(world).drop(CONTACTS, "ada", silently=True)

    world.pull("contacts")

    assert state(world, edit) == "settled"
    assert set(world.live(CONTACTS)) == {"bo", "cy"}


@pytest.mark.parametrize("lost", [False, True])
def test_an_edit_after_an_answer_that_was_given_before_does_not_cover_what_nobody_has_seen(
    world: World, lost: bool
) -> None:
    world.upstream.put(EVENTS, "tea", "Tea", meetingInfo={"response": "accepted"})
    world.pull()
    world.edit(EVENTS, "tea", "respond", {"response": "accepted"})
    edit = world.edit(EVENTS, "tea", "change", {"subject": "Mine"})
    world.upstream.put(EVENTS, "tea", "Theirs", meetingInfo={"response": "accepted"})
    if lost:
        memory(world).fail("answer", Unsure("lost"))

    world.push()

    assert state(world, edit) == "conflict"
    assert world.upstream.live(EVENTS)["tea"]["subject"] == "Theirs"


def test_what_was_deleted_before_it_was_seen_can_be_made_anew_with_a_later_edit(world: World) -> None:
    made = world.edit(EVENTS, None, "create", fields(EVENTS, "Tea"))
    world.push()
    account = journal.account(world.store, world.account.id)
    change = outbox.add(world.store, account, "events", "change", {"location": "Garden"}, record_id=-made.id)
    assert change is not None
    (remote_id,) = world.upstream.live(EVENTS)
    world.upstream.drop(EVENTS, remote_id)
    for _ in range(2):
        later(world)
        world.pull()
        world.push()

    outbox.create_anew(world.store, outbox.edit(world.store, change.id))
    world.push()
    world.pull()

    assert [(event["subject"], event["location"]) for event in world.live(EVENTS).values()] == [("Tea", "Garden")]
    assert state(world, change) == "settled"


def test_an_edit_of_what_is_known_to_have_gone_unseen_is_for_a_person_also_when_the_one_before_is_taken_back(
    world: World,
) -> None:
    made = world.edit(EVENTS, None, "create", fields(EVENTS, "Tea"))
    world.push()
    account = journal.account(world.store, world.account.id)
    change = outbox.add(world.store, account, "events", "change", {"location": "Garden"}, record_id=-made.id)
    assert change is not None
    (remote_id,) = world.upstream.live(EVENTS)
    world.upstream.drop(EVENTS, remote_id)
    for _ in range(2):
        later(world)
        world.pull()
        world.push()
    assert state(world, change) == "conflict"

    answer = outbox.add(world.store, account, "events", "respond", {"response": "accepted"}, record_id=-made.id)
    assert answer is not None
    outbox.discard(world.store, outbox.edit(world.store, change.id))
    world.push()

    assert state(world, answer) == "conflict"


@pytest.mark.parametrize("feed", [CONTACTS, EVENTS], ids=lambda feed: feed.kind)
def test_an_empty_listing_is_not_believed_because_of_what_push_has_read_meanwhile(world: World, feed: Feed) -> None:
    for name in ("a", "b"):
        world.upstream.put(feed, name, name)
    world.pull()
    edit = world.edit(feed, None, "create", fields(feed, "new"))
    world.push()
    world.upstream.put(feed, "c", "c")
    world.upstream.expire(feed)
    _break_off_an_empty_listing(world, feed)
    world.pull(feed.kind)
    later(world)
    world.push()

    world.pull(feed.kind)
    world.pull(feed.kind)

    assert state(world, edit) == "settled"
    assert set(world.live(feed)) >= {"a", "b", "c"}


def _break_off_an_empty_listing(world: World, feed: Feed) -> None:
    def rewrite(asked: Feed, page: Page) -> Page:
        if asked != feed or page.covers is None:
            return page
        memory(world).rewrite = None
        memory(world).fail("page", RetryLater("503", status=503))
        end = {"epoch": page.cursor["epoch"] if page.cursor else 0, "after": 10_000, "listing": False}
        return replace(page, changes=(), cursor=end, more=True)

    memory(world).rewrite = rewrite


def test_a_creation_is_not_sent_again_because_the_clock_was_set_back_since_the_last_pull(world: World) -> None:
    world.clock.jump(timedelta(minutes=-10))
    edit = world.edit(CONTACTS, None, "create", {"nickName": "Bo"})
    memory(world).fail("answer", Unsure("lost"))

    world.push()
    world.clock.sleep(11 * 60)
    world.push()
    world.pull()
    world.push()
    world.pull()

    assert state(world, edit) == "settled"
    assert len(world.upstream.live(CONTACTS)) == 1


def test_a_post_whose_answer_got_lost_is_sent_once() -> None:
    asked: list[str] = []

    def lose(request: httpx.Request) -> httpx.Response:
        asked.append(request.method)
        raise httpx.ReadTimeout("lost")

    http = Http(
        "http://x.example",
        clock=VirtualClock(),
        headers={},
        auth=None,
        budget_s=60.0,
        rates=None,
        transport=httpx.MockTransport(lose),
    )

    with pytest.raises(Unsure):
        http.write(Request("POST", "/contacts", body={"nickName": "Bo"}))
    assert asked == ["POST"]


def test_programs_are_told_that_a_new_event_is_gone_that_was_edited_after_its_end_upstream(world: World) -> None:
    created = world.edit(EVENTS, None, "create", fields(EVENTS, "Lunch"))
    world.push()
    account = journal.account(world.store, world.account.id)
    outbox.add(world.store, account, "events", "change", {"location": "Café"}, record_id=-created.id)
    (remote_id,) = world.upstream.live(EVENTS)
    world.upstream.drop(EVENTS, remote_id)

    later(world)
    world.push()
    outbox.discard(world.store, outbox.edits(world.store, states=("conflict",))[0])

    calendar_id = world.value("SELECT id FROM calendars WHERE remote_id = 'home'")
    told = feeding.buried(world.store.conn, world.account.id, "events", calendar_id, 0, 10)
    assert [tombstone["id"] for _, tombstone in told] == [f"local-{created.marker}"]
