"""A simulated life in the sandbox: everything that can happen does, the feeds tell all of it, and every seed replays."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from openapi import schema_validator
from sandbox_wire import Box, client, segment

from mirror.clock import SystemClock, VirtualClock, moment
from mirror.sandbox.app import create_app
from mirror.sandbox.life import Life, run
from mirror.sandbox.life_dates import DateLife, shifted
from mirror.sandbox.life_lists import ContactLife
from mirror.sandbox.load import load
from mirror.sandbox.person import myself, populate
from mirror.sandbox.person_cast import Cast
from mirror.sandbox.state import PARENTS, Account, State

NOW = datetime(2026, 3, 12, 9, 30, tzinfo=UTC)
SCHEMAS = {
    "contacts": "Contact",
    "calendars": "Calendar",
    "events": "Event",
    "folders": "EmailFolderInfo",
    "messages": "EmailMessage",
    "task_lists": "TaskList",
    "tasks": "Task",
}


class Living:
    """A small person who lives on, half an hour from one happening to the next."""

    def __init__(self, seed: int, *, size: float = 0.12) -> None:
        self.clock = VirtualClock(NOW, seed)
        self.state = State(clock=self.clock)
        self.account: Account = populate(self.state, clock=self.clock, size=size)
        self.life = Life(self.state, self.account.id, clock=self.clock)

    def live(self, steps: int) -> list[str]:
        lines = []
        for _ in range(steps):
            lines.append(self.life.step())
            self.clock.sleep(1800)
        return lines

    def records(self, kind: str) -> dict[str, dict[str, Any]]:
        parents: list[str | None] = [None]
        if kind in PARENTS:
            parents = [record["id"] for record in self.state.records(self.account.id, PARENTS[kind])]
        return {r["id"]: r for p in parents for r in self.state.records(self.account.id, kind, parent=p)}


@pytest.fixture(scope="module")
def lived() -> tuple[Living, list[str], dict[str, dict[str, dict[str, Any]]]]:
    """A person after 500 happenings, what they were, and the records from before."""
    person = Living(4)
    before = {kind: person.records(kind) for kind in SCHEMAS}
    return person, person.live(500), before


Lived = tuple[Living, list[str], dict[str, dict[str, dict[str, Any]]]]


@pytest.mark.shared
@pytest.mark.usefixtures("shared")
@pytest.mark.parametrize("kind", SCHEMAS)
def test_everything_is_still_valid_after_500_happenings(lived: Lived, kind: str) -> None:
    validator = schema_validator(SCHEMAS[kind], closed=True)

    for record in lived[0].records(kind).values():
        known = {name: value for name, value in record.items() if name != "iCalUId"}
        assert [error.message for error in validator.iter_errors(known)] == []


def test_each_happening_is_told_in_one_line(lived: Lived) -> None:
    lines = lived[1]

    assert len(lines) == 500
    assert {line.split(": ")[0] for line in lines} <= {"mail", "meeting", "series", "contact", "task", "calendar"}
    assert all("\n" not in line and " – " in line for line in lines)


def test_most_of_what_happens_is_mail(lived: Lived) -> None:
    kinds = Counter(line.split(":")[0] for line in lived[1])

    assert kinds["mail"] > 250
    assert min(kinds[kind] for kind in ("meeting", "contact", "task", "series")) > 5


@pytest.mark.parametrize("kind", ["contacts", "events", "messages", "tasks"])
def test_records_are_made_changed_and_deleted(lived: Lived, kind: str) -> None:
    before, after = lived[2][kind], lived[0].records(kind)

    assert after.keys() - before.keys()
    assert before.keys() - after.keys()
    assert [remote_id for remote_id in after.keys() & before.keys() if after[remote_id] != before[remote_id]]


def test_new_mail_is_unread_in_the_inbox_or_sent(lived: Lived) -> None:
    person, _, before = lived
    new = [record for remote_id, record in person.records("messages").items() if remote_id not in before["messages"]]
    replies = [record for record in new if record.get("inReplyTo")]

    assert len(new) > 90
    assert len(replies) > 30
    assert all({"inbox", "sent", "trash"} & set(r["sysLabels"]) or r["folderId"] for r in new)
    assert [r for r in new if "unread" in r["sysLabels"]]
    assert all(NOW <= moment(r["sentAt"]) <= person.clock.now() for r in new)


def test_replies_join_the_thread_that_they_answer(lived: Lived) -> None:
    person, _, before = lived
    known = {r["internetMessageId"]: r["threadId"] for r in (before["messages"] | person.records("messages")).values()}
    replies = [
        r for i, r in person.records("messages").items() if i not in before["messages"] and r.get("inReplyTo") in known
    ]

    assert len(replies) > 20
    assert all(known[reply["inReplyTo"]] == reply["threadId"] for reply in replies)


def test_moved_instances_belong_to_their_series(lived: Lived) -> None:
    person, _, before = lived
    events = person.records("events")
    moved = [e for i, e in events.items() if i not in before["events"] and e.get("occurrenceInfo")]

    assert moved
    for event in moved:
        master = events[event["occurrenceInfo"]["masterId"]]
        assert master["recurrenceType"] == "master"
        assert event["start"] != event["occurrenceInfo"]["originalStart"]
        assert event["iCalUId"] == master["iCalUId"]


def test_one_contact_changes_far_more_often_than_the_others() -> None:
    person = Living(2, size=0.05)
    contacts = ContactLife(person.state, person.account.id, person.clock)

    names = Counter(str(contacts.changed()).split(" – ")[0] for _ in range(150))

    (_, most), (_, second) = names.most_common(2)
    assert most > 2 * second


def test_the_feeds_tell_everything_that_happened() -> None:
    person = Living(9, size=0.06)
    app = create_app(person.state)
    box = Box(person.state, person.clock, app, person.account, client(app, person.account.token or ""))
    calendars = [f"/calendars/{segment(remote_id)}" for remote_id in person.records("calendars")]
    lists = [f"/tasklists/{segment(remote_id)}" for remote_id in person.records("task_lists")]
    window = {"timeMin": "2000-01-01T00:00:00Z", "timeMax": "2040-01-01T00:00:00Z"}
    kinds = (
        dict.fromkeys(calendars, "events")
        | dict.fromkeys(lists, "tasks")
        | {"/contacts": "contacts", "/email": "messages"}
    )
    cursors: dict[str, tuple[str, str]] = {}
    mirrored: dict[str, dict[str, Any]] = {}
    for root, kind in kinds.items():
        updated, deleted = box.start(
            root, **(window if kind == "events" else {"daysWithin": 4000} if kind == "messages" else {})
        )
        records, updated = box.walk(root, updated)
        _, deleted = box.walk(root, deleted, "deleted")
        cursors[root], mirrored[root] = (updated, deleted), {record["id"]: record for record in records}

    person.live(500)

    gone: Counter[str] = Counter()
    for root, kind in kinds.items():
        records, _ = box.walk(root, cursors[root][0])
        tombstones, _ = box.walk(root, cursors[root][1], "deleted")
        mirrored[root] |= {record["id"]: record for record in records}
        for tombstone in tombstones:
            mirrored[root].pop(tombstone["id"], None)
        gone[kind] += len(tombstones)
    for kind in ("contacts", "events", "messages", "tasks"):
        of_kind = [records for root, records in mirrored.items() if kinds[root] == kind]
        seen = {remote_id: version(record) for records in of_kind for remote_id, record in records.items()}
        held = {remote_id: version(record) for remote_id, record in person.records(kind).items()}
        assert seen == held
        assert gone[kind] > 0


def version(record: dict[str, Any]) -> str:
    """What changes with every change: mail has no etag."""
    return str(record.get("etag") or record["lastModifiedTime"])


def test_the_same_seed_lives_the_same_life() -> None:
    first, second = Living(6, size=0.03), Living(6, size=0.03)

    assert first.live(100) == second.live(100)
    assert [first.records(kind) for kind in SCHEMAS] == [second.records(kind) for kind in SCHEMAS]


def test_another_seed_lives_another_life() -> None:
    assert Living(6, size=0.02).live(20) != Living(7, size=0.02).live(20)


def test_a_life_goes_on_in_an_empty_account() -> None:
    clock = VirtualClock(NOW, 1)
    state = State(clock=clock)
    account = state.add_account(email="new@mail.example")
    life = Life(state, account.id, clock=clock)

    lines = [life.step() for _ in range(250)]

    assert {line.split(":")[0] for line in lines} == {"mail", "contact"}
    assert len(state.records(account.id, "messages")) > 10


@pytest.mark.shared
def test_a_life_goes_on_with_what_other_programs_wrote(corpus: Path) -> None:
    clock = VirtualClock(NOW, 1)
    state = State(clock=clock)
    account = state.add_account(email="me@mail.example")
    load(state, account.id, [corpus])
    life = Life(state, account.id, clock=clock)

    kinds = Counter(life.step().split(":")[0] for _ in range(400))

    assert set(kinds) >= {"mail", "meeting", "series", "contact", "task"}


def test_a_record_that_somebody_else_deleted_is_left_alone() -> None:
    person = Living(3, size=0.05)
    for remote_id in list(person.records("contacts"))[2:]:
        person.state.delete(person.account.id, "contacts", remote_id)
    for calendar in list(person.records("calendars")):
        for event in person.state.records(person.account.id, "events", parent=calendar):
            person.state.delete(person.account.id, "events", event["id"], parent=calendar)
        person.state.delete(person.account.id, "calendars", calendar)

    assert len(person.live(150)) == 150


def test_a_calendar_that_is_renamed_twice_has_its_old_name_again() -> None:
    person = Living(5, size=0.02)
    names = {remote_id: record["name"] for remote_id, record in person.records("calendars").items()}
    dates = DateLife(person.state, person.account.id, Cast(myself(person.account), []), person.clock)

    lines = [dates.calendar_renamed() for _ in range(40)]

    seen = {str(line).split(" – ")[0].removeprefix("calendar: ") for line in lines}
    assert seen == set(names.values()) | {f"{name} ✓" for name in names.values()}


def test_running_lives_at_about_the_wanted_pace_and_stops_when_told() -> None:
    person = Living(8, size=0.03)
    lines: list[str] = []

    run(person.life, person.clock, every_s=10, stop=lambda: len(lines) >= 120, on_step=lines.append)

    assert len(lines) == 120
    assert 120 * 10 * 0.75 < person.clock.monotonic() < 120 * 10 * 1.3


def test_running_ends_when_the_process_is_asked_to_end() -> None:
    clock = SystemClock()
    state = State(clock=clock)
    life = Life(state, state.add_account(email="me@mail.example").id, clock=clock)
    clock.stop()

    run(life, clock, every_s=3600, stop=lambda: False)

    assert state.accounts()


def test_an_instance_moved_by_days_keeps_its_hour_when_the_clocks_change() -> None:
    start = {"dateTime": "2026-03-28T09:30:00+01:00", "timezone": "Europe/Berlin"}

    assert shifted(start, timedelta(days=1))["dateTime"] == "2026-03-29T09:30:00+02:00"
    assert shifted(start, timedelta(minutes=60))["dateTime"] == "2026-03-28T10:30:00+01:00"
    assert shifted({"dateTime": "2026-03-28T09:30:00Z", "timezone": "Nowhere/Else"}, timedelta(days=1)) == {
        "dateTime": "2026-03-29T09:30:00+00:00",
        "timezone": "Nowhere/Else",
    }
