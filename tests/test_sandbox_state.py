"""The sandbox's state by itself: what it keeps, in which order, and that it replays."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mirror.clock import VirtualClock
from mirror.contract.backend import Bounds
from mirror.errors import RecordGone, Usage
from mirror.sandbox.ids import ETAGGED
from mirror.sandbox.state import KINDS, PARENTS, State, looks_like_html

EVERYTHING = Bounds(since=0)


def a_state() -> tuple[State, int]:
    state = State(clock=VirtualClock(seed=7))
    return state, state.add_account(email="ada@example.com").id


def a_parent(state: State, account_id: int, kind: str) -> str | None:
    if kind not in PARENTS:
        return None
    return str(state.create(account_id, PARENTS[kind], {"name": "home"})["id"])


@pytest.mark.parametrize("kind", KINDS)
def test_a_record_is_created_changed_and_deleted(kind: str) -> None:
    state, account_id = a_state()
    parent = a_parent(state, account_id, kind)

    first = state.create(account_id, kind, {"subject": "one", "location": "here"}, parent=parent)
    second = state.change(account_id, kind, first["id"], {"subject": "two", "location": None}, parent=parent)

    assert second["subject"] == "two"
    assert "location" not in second
    assert state.read(account_id, kind, first["id"], parent=parent) == second
    assert second in state.records(account_id, kind, parent=parent)
    assert ("etag" in first) == (kind in ETAGGED)
    assert kind not in ETAGGED or first["etag"] != second["etag"]
    state.delete(account_id, kind, first["id"], parent=parent)
    assert state.read(account_id, kind, first["id"], parent=parent) is None
    assert [one.record["id"] for one in state.buried(account_id, kind, parent=parent, after=0, limit=9)] == [
        first["id"]
    ]


def test_every_change_moves_a_record_to_the_end_of_the_order() -> None:
    state, account_id = a_state()
    first, second = (state.create(account_id, "contacts", {"nickName": name}) for name in "ab")

    state.change(account_id, "contacts", first["id"], {"nickName": "c"})

    changed = state.changed(account_id, "contacts", parent=None, after=0, limit=9, bounds=EVERYTHING)
    assert [one.record["id"] for one in changed] == [second["id"], first["id"]]
    assert changed[1].seq == state.seq


def test_a_record_that_comes_back_under_its_id_leaves_its_tombstone_standing() -> None:
    state, account_id = a_state()
    first = state.create(account_id, "contacts", {"nickName": "a"}, remote_id="people/c1")
    state.delete(account_id, "contacts", first["id"])
    again = state.create(account_id, "contacts", {"nickName": "b"}, remote_id="people/c1")

    assert state.read(account_id, "contacts", "people/c1") == again
    assert len(state.buried(account_id, "contacts", parent=None, after=0, limit=9)) == 1


def test_a_tombstone_of_mail_tells_its_folder_and_message_id() -> None:
    state, account_id = a_state()
    record = {"folderId": "INBOX", "internetMessageId": "<1@example.org>", "subject": "secret"}
    message = state.create(account_id, "messages", record)

    state.delete(account_id, "messages", message["id"])

    (tombstone,) = state.buried(account_id, "messages", parent=None, after=0, limit=9)
    expected = {"id": message["id"], "folderId": "INBOX", "internetMessageId": "<1@example.org>"}
    assert tombstone.record == {**expected, "timestamp": "2026-01-05T09:00:00.000Z"}


def test_a_failed_batch_leaves_nothing_not_even_a_number() -> None:
    state, account_id = a_state()
    before = state.seq

    def half_done() -> None:
        with state.batch():
            state.create(account_id, "contacts", {"nickName": "a"})
            state.delete(account_id, "contacts", "nobody")

    with pytest.raises(RecordGone):
        half_done()

    assert state.records(account_id, "contacts") == []
    assert state.seq == before


def test_wrong_use_is_refused() -> None:
    state, account_id = a_state()
    state.create(account_id, "contacts", {}, remote_id="people/c1")

    with pytest.raises(Usage):
        state.create(account_id, "contacts", {}, remote_id="people/c1")
    with pytest.raises(Usage):
        state.records(account_id, "events")
    with pytest.raises(Usage):
        state.records(account_id, "letters")
    with pytest.raises(RecordGone):
        state.create(account_id, "events", {}, parent="nowhere")
    with pytest.raises(RecordGone):
        state.change(account_id, "contacts", "nobody", {})


def test_the_same_seed_gives_the_same_bytes() -> None:
    def story(seed: int) -> list[str]:
        state = State(clock=VirtualClock(seed=seed))
        account = state.add_account(email="ada@example.com")
        made = [state.create(account.id, kind, {"name": "x"}) for kind in KINDS if kind not in PARENTS]
        state.change(account.id, "contacts", made[0]["id"], {"nickName": "y"})
        return [repr(account), *map(repr, made), repr(state.records(account.id, "contacts"))]

    assert story(3) == story(3)
    assert story(3) != story(4)


def test_a_file_keeps_everything_for_the_next_process(tmp_path: Path) -> None:
    path = str(tmp_path / "upstream.db")
    first = State(path, clock=VirtualClock(seed=1))
    account = first.add_account(email="ada@example.com", token="t")
    contact = first.create(account.id, "contacts", {"nickName": "a"})
    first.close()

    # The same seed draws the same ids again, and must not run into those that are taken.
    second = State(path, clock=VirtualClock(seed=1))
    second.clock.random.randrange(10_000, 10**9)
    other = second.create(account.id, "contacts", {"nickName": "b"})

    assert second.account_for_token("t") == account
    assert second.records(account.id, "contacts") == [contact, other]
    assert second.seq == 2
    second.close()


def test_threads_do_not_tread_on_each_other() -> None:
    state, account_id = a_state()

    def fill() -> None:
        for _ in range(50):
            with state.batch():
                made = state.create(account_id, "contacts", {"nickName": "a"})
                state.change(account_id, "contacts", made["id"], {"nickName": "b"})

    threads = [threading.Thread(target=fill) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    changed = state.changed(account_id, "contacts", parent=None, after=0, limit=999, bounds=EVERYTHING)
    assert len({one.seq for one in changed}) == 200
    assert state.seq == 400


def test_a_message_without_a_thread_begins_one() -> None:
    state, account_id = a_state()
    message = state.create(account_id, "messages", {"subject": "hi"}, body="hi", mime=b"Subject: hi\r\n\r\nhi")

    assert message["threadId"] == message["id"]
    assert state.body(account_id, message["id"]) == ("hi", False)
    assert state.mime(account_id, message["id"]) == b"Subject: hi\r\n\r\nhi"


def test_an_occurrence_gets_its_id_from_master_and_original_start() -> None:
    state, account_id = a_state()
    parent = a_parent(state, account_id, "events")
    start = {"dateTime": "2026-01-05T10:00:00+01:00", "timezone": "Europe/Berlin"}
    info = {"type": "modified", "originalStart": start, "masterId": "weekly"}

    moved = state.create(account_id, "events", {"start": start, "end": start, "occurrenceInfo": info}, parent=parent)

    assert moved["id"] == "weekly_20260105T090000Z"
    assert moved["recurrenceType"] == "occurrence"
    assert moved["occurrenceInfo"]["id"] == moved["id"]


def test_times_that_a_record_brings_along_are_kept_on_creation_only() -> None:
    state, account_id = a_state()
    made = state.create(account_id, "contacts", {"lastModifiedTime": "2001-02-03T04:05:06Z"})
    changed = state.change(account_id, "contacts", made["id"], {"nickName": "a"}, at=datetime(2026, 2, 1, tzinfo=UTC))

    assert made["lastModifiedTime"] == "2001-02-03T04:05:06Z"
    assert changed["lastModifiedTime"] == "2026-02-01T00:00:00.000Z"
    assert changed["createdTime"] == made["createdTime"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [("<html><p>hi", True), ("hello <b>you</b>", True), ("a < b and c > d", False), ("From <ada@example.com>:", False)],
)
def test_html_is_told_from_text(body: str, expected: bool) -> None:
    assert looks_like_html(body) is expected
