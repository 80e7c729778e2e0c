"""The rules of push (DESIGN §5), each as tests named after the promise, over the in-memory upstream and over the sandbox."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from worlds import CONTACTS, EVENTS, MAKERS, MESSAGES, TASK_LISTS, TASKS, MemoryUpstream, SandboxUpstream, World, memory

from mirror.errors import Refused, RetryLater, Unsure, Usage
from mirror.feed import Feed
from mirror.push import LOOKED_FOR_S, SHOWN_AFTER_S, planned
from mirror.store import dispatch, journal, outbox
from mirror.store.edits import Edit

EARLY = {"start": {"dateTime": "2026-01-10T09:00:00Z"}, "end": {"dateTime": "2026-01-10T10:00:00Z"}}


@pytest.fixture(params=MAKERS)
def world(request: pytest.FixtureRequest, tmp_path: Path) -> World:
    made = World(MAKERS[request.param](), tmp_path / "home")
    made.upstream.put(
        CONTACTS, "ada", "Ada", notes="old", emailAddresses=[{"address": "ada@home.example", "type": "home"}]
    )
    made.upstream.put(EVENTS, "tea", "Tea")
    made.upstream.put(TASKS, "water", "Water the plants", status="notStarted")
    made.upstream.put(MESSAGES, "hello", "Hello", sysLabels=["inbox", "unread"])
    made.pull()
    return made


@pytest.fixture
def quiet(tmp_path: Path) -> World:
    """The in-memory upstream, whose every answer can be lost."""
    made = World(MemoryUpstream(), tmp_path / "home")
    made.upstream.put(CONTACTS, "ada", "Ada", notes="old")
    made.upstream.put(TASKS, "water", "Water the plants")
    made.pull()
    return made


def state(world: World, edit: Edit) -> str:
    return outbox.edit(world.store, edit.id).state


def upstream(world: World, feed: Feed, remote_id: str) -> dict[str, Any]:
    return world.upstream.live(feed)[remote_id]


# --- 1: offline, every edit succeeds at once and shows as pending -------------------------------------------------------


def test_an_edit_made_offline_shows_at_once_and_changes_no_record(world: World) -> None:
    before = world.dump()

    edit = world.edit(CONTACTS, "ada", "change", {"notes": "new"})

    assert edit.state == "pending"
    assert [fields["notes"] for fields in world.now(CONTACTS).values()] == ["new"]
    assert world.rows("SELECT edit FROM contacts_now") == [("pending",)]
    assert world.dump() == before
    assert upstream(world, CONTACTS, "ada")["notes"] == "old"


def test_offline_is_a_normal_state_and_loses_nothing(world: World) -> None:
    edit = world.edit(TASKS, "water", "change", {"status": "completed"})

    class Away:
        traffic = world.upstream.source.traffic

        def __getattr__(self, name: str) -> Any:
            def nobody(*_: object) -> None:
                if name != "new_patience":
                    raise RetryLater("nobody there")

            return nobody

    with pytest.raises(RetryLater):
        world.push(source=Away())  # type: ignore[arg-type]  # it answers nothing

    assert state(world, edit) == "pending"
    assert [done.state for done in world.push()] == ["sent"]
    world.pull()
    assert state(world, edit) == "settled"


def test_a_created_record_shows_under_a_number_of_its_own_until_upstream_has_it(world: World) -> None:
    edit = world.edit(CONTACTS, None, "create", {"nickName": "Bo"})
    assert world.now(CONTACTS)[-edit.id]["nickName"] == "Bo"

    world.push()
    world.pull()

    assert state(world, edit) == "settled"
    names = [fields.get("nickName") for fields in world.now(CONTACTS).values()]
    assert sorted(names) == ["Ada", "Bo"]
    assert all(record_id > 0 for record_id in world.now(CONTACTS))
    world.equals_upstream(CONTACTS)


def test_a_read_only_account_takes_no_edits(world: World) -> None:
    with pytest.raises(Usage, match="mirror account writable work on"):
        outbox.add(world.store, world.account, "contacts", "change", {"notes": "new"}, record_id=1)


# --- 2: states, folding, order ---------------------------------------------------------------------------------------------


def test_what_is_not_sent_yet_folds_into_one(world: World) -> None:
    first = world.edit(CONTACTS, "ada", "change", {"notes": "new"})
    second = world.edit(CONTACTS, "ada", "change", {"nickName": "Ada L."})

    assert first.id == second.id
    assert second.patch == {"notes": "new", "nickName": "Ada L."}
    world.push()
    now = upstream(world, CONTACTS, "ada")
    assert (now["notes"], now["nickName"]) == ("new", "Ada L.")


def test_an_edit_that_is_taken_back_by_hand_is_nothing(world: World) -> None:
    first = world.edit(CONTACTS, "ada", "change", {"notes": "new"})
    account = journal.account(world.store, world.account.id)

    assert outbox.add(world.store, account, "contacts", "change", {"notes": "old"}, record_id=first.record_id) is None

    assert state(world, first) == "discarded"
    assert world.rows("SELECT * FROM overlays") == []
    assert world.push() == []


def test_what_was_never_sent_is_deleted_without_a_request(world: World) -> None:
    made = world.edit(TASKS, None, "create", {"title": "Never mind"})
    account = journal.account(world.store, world.account.id)

    assert outbox.add(world.store, account, "tasks", "delete", record_id=-made.id) is None

    assert state(world, made) == "discarded"
    assert len(world.now(TASKS)) == 1


def test_edits_of_one_record_go_in_order_and_the_second_builds_on_the_answer_to_the_first(world: World) -> None:
    first = world.edit(CONTACTS, "ada", "change", {"notes": "one"})
    assert [done.id for done in world.push()] == [first.id]
    second = world.edit(CONTACTS, "ada", "change", {"notes": "two"})

    assert second.id != first.id
    assert [done.id for done in dispatch.due(world.store, world.account.id)] == [first.id]
    world.pull("contacts")
    assert [done.state for done in world.push()] == ["sent"]
    world.pull("contacts")

    assert upstream(world, CONTACTS, "ada")["notes"] == "two"
    assert [state(world, first), state(world, second)] == ["settled", "settled"]
    assert world.rows("SELECT * FROM overlays") == []


def test_what_is_on_its_way_to_be_created_can_be_changed_and_the_change_follows(quiet: World) -> None:
    made = quiet.edit(TASKS, None, "create", {"title": "New"})
    quiet.push()
    account = journal.account(quiet.store, quiet.account.id)
    change = outbox.add(quiet.store, account, "tasks", "change", {"title": "Newer"}, record_id=-made.id)
    assert change is not None
    assert quiet.now(TASKS)[-made.id]["title"] == "Newer"

    for _ in range(2):
        quiet.pull()
        quiet.push()
    quiet.pull()

    assert [state(quiet, made), state(quiet, change)] == ["settled", "settled"]
    assert sorted(fields["title"] for fields in quiet.upstream.live(TASKS).values()) == ["Newer", "Water the plants"]


def test_a_task_in_a_list_that_is_new_too_waits_for_the_list(world: World) -> None:
    account_edit = world.edit(TASK_LISTS, None, "create", {"title": "Garden"})
    account = journal.account(world.store, world.account.id)
    task = outbox.add(world.store, account, "tasks", "create", {"title": "Dig"}, parent_id=-account_edit.id)
    assert task is not None

    for _ in range(3):
        world.push()
        world.pull()

    assert [state(world, account_edit), state(world, task)] == ["settled", "settled"]
    (parent,) = world.rows(
        "SELECT task_lists.title FROM tasks JOIN task_lists ON task_lists.id = task_list_id WHERE tasks.title = 'Dig'"
    )
    assert parent == ("Garden",)


# --- 3: If-Match, three-way merge, conflicts ---------------------------------------------------------------------------------


def test_a_change_carries_the_etag_it_was_based_on_and_the_changed_fields_alone(world: World) -> None:
    world.edit(CONTACTS, "ada", "change", {"notes": "new"})
    account = journal.account(world.store, world.account.id)

    ((_, request),) = planned(world.store, world.upstream.source, account)

    assert not isinstance(request, str)
    assert request.body == {"notes": "new"}
    if isinstance(world.upstream, SandboxUpstream):
        assert (request.method, request.path) == ("PATCH", "/contacts/ada")
        assert request.headers == {"If-Match": upstream(world, CONTACTS, "ada")["etag"]}


@pytest.mark.parametrize("pulled_first", [True, False])
def test_changes_of_different_fields_on_both_sides_are_merged(world: World, pulled_first: bool) -> None:
    edit = world.edit(CONTACTS, "ada", "change", {"notes": "mine"})
    world.clock.sleep(5)
    world.upstream.put(
        CONTACTS, "ada", "Theirs", notes="old", emailAddresses=[{"address": "ada@home.example", "type": "home"}]
    )
    if pulled_first:
        world.pull("contacts")

    world.push()
    world.pull("contacts")

    now = upstream(world, CONTACTS, "ada")
    assert (now["notes"], now["nickName"]) == ("mine", "Theirs")
    assert state(world, edit) == "settled"


def test_lists_merge_entry_by_entry_and_drop_nothing_that_nobody_removed(world: World) -> None:
    home, work, club = ({"address": f"ada@{place}.example", "type": "other"} for place in ("home", "work", "club"))
    world.edit(CONTACTS, "ada", "change", {"emailAddresses": [{**home, "type": "home"}, work]})
    world.clock.sleep(5)
    world.upstream.put(CONTACTS, "ada", "Ada", notes="old", emailAddresses=[{**home, "type": "home"}, club])

    (done,) = world.push()

    assert {entry["address"] for entry in upstream(world, CONTACTS, "ada")["emailAddresses"]} == {
        "ada@home.example", "ada@work.example", "ada@club.example",
    }  # fmt: skip
    assert done.taken


def test_the_same_field_changed_on_both_sides_waits_for_a_person_who_sees_both(world: World) -> None:
    edit = world.edit(CONTACTS, "ada", "change", {"notes": "mine"})
    world.clock.sleep(5)
    world.upstream.put(
        CONTACTS, "ada", "Ada", notes="theirs", emailAddresses=[{"address": "ada@home.example", "type": "home"}]
    )

    (done,) = world.push()

    assert done.state == "conflict"
    (overlap,) = outbox.conflicts_of(done).overlaps
    assert (overlap.path, overlap.base, overlap.mine, overlap.theirs) == ("notes", "old", "mine", "theirs")
    assert upstream(world, CONTACTS, "ada")["notes"] == "theirs"
    assert world.push() == []
    outbox.resolve(world.store, done, {"notes": "mine"})
    world.push()
    world.pull("contacts")
    assert upstream(world, CONTACTS, "ada")["notes"] == "mine"
    assert state(world, edit) == "settled"


def test_a_conflict_that_goes_to_theirs_sends_nothing(world: World) -> None:
    edit = world.edit(CONTACTS, "ada", "change", {"notes": "mine"})
    world.clock.sleep(5)
    world.upstream.put(CONTACTS, "ada", "Ada", notes="theirs")
    (done,) = world.push()

    outbox.resolve(world.store, done, {})
    world.pull("contacts")

    assert state(world, edit) == "discarded"
    assert world.push() == []
    assert [fields["notes"] for fields in world.now(CONTACTS).values()] == ["theirs"]


def test_what_upstream_has_already_is_settled_without_another_write(world: World) -> None:
    edit = world.edit(CONTACTS, "ada", "change", {"notes": "same"})
    world.clock.sleep(5)
    world.upstream.put(
        CONTACTS, "ada", "Ada", notes="same", emailAddresses=[{"address": "ada@home.example", "type": "home"}]
    )
    etag = upstream(world, CONTACTS, "ada")["etag"]

    assert [done.state for done in world.push()] == ["sent"]
    world.pull("contacts")

    assert upstream(world, CONTACTS, "ada")["etag"] == etag
    assert state(world, edit) == "settled"


def test_an_edit_of_what_upstream_has_deleted_is_a_conflict_not_a_loss(world: World) -> None:
    world.edit(CONTACTS, "ada", "change", {"notes": "mine"})
    world.upstream.drop(CONTACTS, "ada")

    (done,) = world.push()

    assert done.state == "conflict"
    assert done.theirs is None
    assert done.patch == {"notes": "mine"}


# --- 4: an answer that never came ------------------------------------------------------------------------------------------


def test_a_change_whose_answer_got_lost_is_read_back_and_not_made_twice(quiet: World) -> None:
    edit = quiet.edit(CONTACTS, "ada", "change", {"notes": "new"})
    memory(quiet).fail("answer", Unsure("cut"))

    (done,) = quiet.push()
    quiet.pull()

    assert done.state == "sent"
    assert sum(verb == "write" for verb, _, _ in memory(quiet).asked) == 1
    assert state(quiet, edit) == "settled"


def test_a_change_that_never_arrived_is_made_after_all(quiet: World) -> None:
    quiet.edit(CONTACTS, "ada", "change", {"notes": "new"})
    memory(quiet).fail("write", Unsure("cut"))

    quiet.push()
    quiet.clock.sleep(60)
    quiet.push()

    assert upstream(quiet, CONTACTS, "ada")["notes"] == "new"


@pytest.mark.parametrize("fault", ["answer", "write"])
def test_a_creation_is_matched_in_its_feed_before_it_is_sent_again(quiet: World, fault: str) -> None:
    edit = quiet.edit(TASKS, None, "create", {"title": "Once"})
    memory(quiet).fail(fault, Unsure("cut"))

    quiet.push()
    assert state(quiet, edit) == "unsure"
    for _ in range(4):
        quiet.clock.sleep(LOOKED_FOR_S / 2)
        quiet.pull()
        quiet.push()
    quiet.pull()

    assert [fields["title"] for fields in quiet.upstream.live(TASKS).values()].count("Once") == 1
    assert state(quiet, edit) == "settled"


def test_two_creations_alike_become_two_records(quiet: World) -> None:
    for _ in range(2):
        quiet.edit(TASKS, None, "create", {"title": "Twins"})
    memory(quiet).fail("answer", Unsure("cut"))

    for _ in range(4):
        quiet.push()
        quiet.clock.sleep(LOOKED_FOR_S)
        quiet.pull()

    assert [fields["title"] for fields in quiet.upstream.live(TASKS).values()].count("Twins") == 2
    assert outbox.edits(quiet.store) == []


def test_a_mail_is_never_sent_twice_and_found_by_its_mark(quiet: World) -> None:
    found = quiet.edit(MESSAGES, None, "send", {"to": [{"address": "bo@b.example"}], "subject": "Hi", "body": "Hi"})
    memory(quiet).fail("answer", Unsure("cut"))
    quiet.push()
    quiet.pull()
    quiet.clock.sleep(3600)
    quiet.push()
    quiet.pull()
    lost = quiet.edit(MESSAGES, None, "send", {"to": [{"address": "bo@b.example"}], "subject": "Hi", "body": "Hi"})
    memory(quiet).fail("write", Unsure("cut"))
    for _ in range(3):
        quiet.push()
        quiet.clock.sleep(86_400)
        quiet.pull()

    assert (state(quiet, found), state(quiet, lost)) == ("settled", "unsure")
    assert len(quiet.upstream.live(MESSAGES)) == 1
    outbox.retry(quiet.store, outbox.edit(quiet.store, lost.id))
    quiet.push()
    assert len(quiet.upstream.live(MESSAGES)) == 2


def test_what_was_on_its_way_when_the_process_died_is_looked_for_first(quiet: World) -> None:
    edit = quiet.edit(CONTACTS, "ada", "change", {"notes": "new"})
    dispatch.sending(quiet.store, edit)
    memory(quiet).put(CONTACTS, "ada", {"nickName": "Ada", "notes": "new"})
    quiet.reopened()

    (done,) = quiet.push()

    assert done.state == "sent"
    assert not any(verb == "write" for verb, _, _ in memory(quiet).asked)


def test_what_upstream_will_not_do_is_parked_with_its_reason_and_stops_no_other(quiet: World) -> None:
    refused = quiet.edit(CONTACTS, "ada", "change", {"notes": "new"})
    other = quiet.edit(TASKS, "water", "change", {"title": "Water all plants"})
    memory(quiet).fail("write", Refused("no such field", status=400))

    assert [done.state for done in quiet.push()] == ["rejected", "sent"]

    assert outbox.edit(quiet.store, refused.id).error == "no such field"
    assert state(quiet, other) == "sent"
    assert [fields["notes"] for fields in quiet.now(CONTACTS).values()] == ["old"]


# --- 5: deletions ---------------------------------------------------------------------------------------------------------


def test_a_deletion_reads_first_and_deletes_what_is_unchanged(world: World) -> None:
    edit = world.edit(CONTACTS, "ada", "delete")
    assert world.now(CONTACTS) == {}
    assert len(world.live(CONTACTS)) == 1

    world.push()
    world.pull("contacts")

    assert world.upstream.live(CONTACTS) == {}
    assert state(world, edit) == "settled"
    assert world.tombstones(CONTACTS) == {"ada": "reported"}


def test_a_deletion_of_what_has_changed_since_is_a_conflict(world: World) -> None:
    world.edit(CONTACTS, "ada", "delete")
    world.clock.sleep(5)
    world.upstream.put(CONTACTS, "ada", "Ada", notes="precious")

    (done,) = world.push()

    assert done.state == "conflict"
    assert "ada" in world.upstream.live(CONTACTS)
    outbox.resolve(world.store, done, {})
    world.push()
    assert "ada" not in world.upstream.live(CONTACTS)


def test_a_deletion_of_what_is_gone_already_is_done(world: World) -> None:
    edit = world.edit(EVENTS, "tea", "delete")
    world.upstream.drop(EVENTS, "tea")

    world.push()
    world.pull("events")

    assert state(world, edit) == "settled"


# --- the other verbs --------------------------------------------------------------------------------------------------------


def test_an_event_is_moved_and_a_task_done_and_a_mail_read(world: World) -> None:
    later = {"start": {"dateTime": "2026-01-11T09:00:00Z"}, "end": {"dateTime": "2026-01-11T10:00:00Z"}}
    world.edit(EVENTS, "tea", "change", later)
    world.edit(TASKS, "water", "change", {"status": "completed"})
    world.edit(MESSAGES, "hello", "change", {"unread": False})
    assert world.value("SELECT starts_at FROM events_now") == "2026-01-11T09:00:00.000Z"
    assert world.value("SELECT unread FROM messages_now") == 0

    assert {done.state for done in world.push()} == {"sent"}
    world.pull()

    assert outbox.edits(world.store) == []
    assert world.value("SELECT starts_at FROM events") == "2026-01-11T09:00:00.000Z"
    assert world.value("SELECT status FROM tasks") == "completed"
    assert world.value("SELECT unread FROM messages") == 0


def test_a_draft_is_written_changed_and_sent(tmp_path: Path) -> None:
    world = World(SandboxUpstream(), tmp_path / "home")
    world.pull()
    mail = {"to": [{"address": "bo@b.example"}], "subject": "Tea?", "body": "Tomorrow"}
    world.edit(MESSAGES, None, "create", mail, options={"draft": True})
    world.push()
    world.pull()
    (draft,) = world.rows("SELECT id, remote_id, labels FROM messages")
    assert "draft" in draft[2]

    world.edit(MESSAGES, draft[1], "change", {**mail, "subject": "Tea today?"}, options={"draft": True})
    world.push()
    world.pull()
    world.edit(
        MESSAGES,
        world.value("SELECT remote_id FROM messages WHERE deleted_at IS NULL"),
        "send",
        options={"draft": True},
    )
    world.push()
    world.pull()

    live = [record for record in world.upstream.live(MESSAGES).values() if "sent" in record["sysLabels"]]
    assert [record["subject"] for record in live] == ["Tea today?"]
    assert outbox.edits(world.store) == []


def test_an_invitation_is_answered(tmp_path: Path) -> None:
    world = World(SandboxUpstream(), tmp_path / "home")
    invited = {"response": "noResponse", "attendees": [{"emailAddress": {"address": "ada@example.com"}}]}
    world.upstream.put(
        EVENTS, "tea", "Tea", organizer={"emailAddress": {"address": "bo@b.example"}}, meetingInfo=invited
    )
    world.pull()

    edit = world.edit(EVENTS, "tea", "respond", {"response": "accepted"})
    assert world.value("SELECT response FROM events_now") == "accepted"
    world.push()
    world.pull()

    assert state(world, edit) == "settled"
    assert world.value("SELECT response FROM events") == "accepted"


# --- pull and push together ------------------------------------------------------------------------------------------------


def test_an_answer_that_comes_late_never_covers_newer_truth(quiet: World) -> None:
    edit = quiet.edit(CONTACTS, "ada", "change", {"notes": "mine"})
    quiet.push()
    quiet.clock.sleep(5)
    quiet.upstream.put(CONTACTS, "ada", "Ada", notes="newer")

    quiet.pull("contacts")

    assert state(quiet, edit) == "settled"
    assert [fields["notes"] for fields in quiet.now(CONTACTS).values()] == ["newer"]
    assert quiet.rows("SELECT * FROM overlays") == []


def test_what_no_pull_has_shown_is_read_by_itself(quiet: World) -> None:
    edit = quiet.edit(CONTACTS, "ada", "change", {"notes": "new"})
    quiet.push()
    quiet.clock.sleep(SHOWN_AFTER_S + 1)

    quiet.push()

    assert state(quiet, edit) == "settled"
    assert json.loads(quiet.value("SELECT raw FROM contacts"))["notes"] == "new"


def test_push_writes_no_record(world: World) -> None:
    world.edit(CONTACTS, "ada", "change", {"notes": "new"})
    world.edit(EVENTS, "tea", "delete")
    world.edit(TASKS, None, "create", {"title": "New"})
    before = world.dump()

    world.push()

    assert world.dump() == before
