"""The synthetic person: enough of everything, true to the API's schemas, believable, and the same for the same seed."""

from __future__ import annotations

import csv
import hashlib
import io
import re
import struct
import zlib
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from icalendar import Calendar
from openapi import schema_validator

from mirror.clock import VirtualClock, moment
from mirror.formats import ical, mime
from mirror.sandbox.person import ADDRESS, populate
from mirror.sandbox.state import PARENTS, Account, State

NOW = datetime(2026, 3, 12, 15, 30, tzinfo=UTC)
SCHEMAS = {
    "contacts": "Contact",
    "calendars": "Calendar",
    "events": "Event",
    "folders": "EmailFolderInfo",
    "messages": "EmailMessage",
    "task_lists": "TaskList",
    "tasks": "Task",
}


class Populated:
    """An account and quick ways to read it."""

    def __init__(self, state: State, account: Account) -> None:
        self.state, self.account = state, account

    def all(self, kind: str) -> Iterator[dict[str, Any]]:
        for parent in self.parents(kind):
            yield from self.state.records(self.account.id, kind, parent=parent)

    def parents(self, kind: str) -> list[str | None]:
        if kind not in PARENTS:
            return [None]
        return [record["id"] for record in self.state.records(self.account.id, PARENTS[kind])]


@pytest.fixture(scope="module")
def robin() -> Populated:
    return person(7)


def person(seed: int, size: float = 1.0, now: datetime = NOW) -> Populated:
    clock = VirtualClock(now, seed)
    state = State(clock=clock)
    return Populated(state, populate(state, clock=clock, size=size))


def fingerprint(somebody: Populated) -> str:
    digest = hashlib.sha256()
    for table in ("records", "attachments", "tombstones"):
        for row in somebody.state.rows(f"SELECT * FROM {table} ORDER BY 1, 2, 3, 4"):
            digest.update(repr(row).encode())
    return digest.hexdigest()


def test_there_is_as_much_of_everything_as_a_year_brings(robin: Populated) -> None:
    counts = {kind: len(list(robin.all(kind))) for kind in SCHEMAS}

    assert counts["messages"] == 2000
    assert 190 <= counts["contacts"] <= 210
    assert counts["calendars"] == 3
    assert 330 <= counts["events"] <= 450
    assert counts["task_lists"] == 4
    assert 110 <= counts["tasks"] <= 150
    assert counts["folders"] >= 20


def test_size_scales_the_person() -> None:
    small = person(1, size=0.1)

    assert len(list(small.all("messages"))) == 200
    assert len(list(small.all("contacts"))) < 80


@pytest.mark.shared
@pytest.mark.parametrize("kind", SCHEMAS)
@pytest.mark.usefixtures("shared")
def test_every_record_is_valid_and_names_only_fields_of_the_api(robin: Populated, kind: str) -> None:
    validator = schema_validator(SCHEMAS[kind], closed=True)

    for record in robin.all(kind):
        # The vendor's own prose and client say iCalUId, the schema of an event does not.
        known = {name: value for name, value in record.items() if name != "iCalUId"}
        assert [error.message for error in validator.iter_errors(known)] == []


def test_the_same_seed_and_moment_give_the_same_person_to_the_byte() -> None:
    assert fingerprint(person(5, size=0.15)) == fingerprint(person(5, size=0.15))


def test_another_seed_gives_another_person() -> None:
    assert fingerprint(person(5, size=0.05)) != fingerprint(person(6, size=0.05))


def test_an_existing_account_keeps_its_name_and_is_filled() -> None:
    clock = VirtualClock(NOW, 3)
    state = State(clock=clock)
    account = state.add_account(email="kim@somewhere.example", name="Kim Lee")

    filled = populate(state, clock=clock, account_id=account.id, size=0.05)

    senders = {r["from"]["address"] for r in state.records(account.id, "messages") if "sent" in r["sysLabels"]}
    assert filled.id == account.id
    assert senders == {"kim@somewhere.example"}


def test_every_address_and_link_is_of_an_example_domain(robin: Populated) -> None:
    hosts = set()
    for kind in ("contacts", "messages", "events", "tasks"):
        for record in robin.all(kind):
            hosts |= set(re.findall(r"(?:@|https?://)([\w.-]+\w)", repr({**record, "threadId": "", "id": ""})))
    mail_hosts = {host.lower() for host in hosts} - {"group.calendar.google.com"}

    assert len(mail_hosts) > 20
    assert [host for host in mail_hosts if not re.search(r"(^|\.)example(\.(com|net|org))?$", host)] == []


# --- mail -------------------------------------------------------------------------------------------------------------


def test_no_mail_is_from_the_future_and_all_of_it_is_from_the_last_year(robin: Populated) -> None:
    sent = [moment(record["sentAt"]) for record in robin.all("messages")]

    assert max(sent) <= NOW
    assert max(sent) > NOW - timedelta(days=2)
    assert NOW - timedelta(days=367) < min(sent) < NOW - timedelta(days=340)


def test_mail_traffic_looks_like_a_life(robin: Populated) -> None:
    office = [r for r in robin.all("contacts") if r.get("keywords") in (["Team"], ["Partners"])]
    colleagues = {e["address"] for record in office for e in record["emailAddresses"]}
    work = [
        moment(r["sentAt"]) for r in robin.all("messages") if {r["from"]["address"], r["to"][0]["address"]} & colleagues
    ]
    weekdays = Counter(at.weekday() for at in work)
    correspondents = Counter(r["from"]["address"] for r in robin.all("messages") if r["from"]["address"] != ADDRESS)
    people = [count for address, count in correspondents.most_common() if "lamp@" not in address]

    assert sum(weekdays[day] for day in range(5)) > 8 * (weekdays[5] + weekdays[6])
    assert people[0] > 8 * people[len(people) // 2]
    assert len(people) > 80
    summer = [at for at in work if datetime(2025, 7, 14, tzinfo=UTC) <= at < datetime(2025, 7, 31, tzinfo=UTC)]
    before = [at for at in work if datetime(2025, 6, 16, tzinfo=UTC) <= at < datetime(2025, 7, 3, tzinfo=UTC)]
    assert len(summer) < 0.6 * len(before)


def test_threads_are_held_together_by_references(robin: Populated) -> None:
    by_message_id = {record["internetMessageId"]: record for record in robin.all("messages")}
    replies = [record for record in by_message_id.values() if record.get("inReplyTo")]

    assert len(by_message_id) == 2000
    assert len(replies) > 600
    # The last conversation may be cut off by the wanted number, but never in its middle.
    for reply in replies:
        answered = by_message_id[reply["inReplyTo"]]
        assert answered["threadId"] == reply["threadId"]
        assert answered["sentAt"] < reply["sentAt"]
        assert reply["references"].split()[-1] == reply["inReplyTo"]


def test_replies_quote_what_they_answer(robin: Populated) -> None:
    reply = next(
        r for r in robin.all("messages") if r.get("references", "").count("<") == 2 and "sent" in r["sysLabels"]
    )
    body, _ = robin.state.body(robin.account.id, reply["id"])

    assert body is not None
    assert "wrote:" in body
    assert "> " in body or "<blockquote" in body


def test_the_awkward_mails_are_there(robin: Populated) -> None:
    mails = list(robin.all("messages"))
    questions = [r for r in mails if r.get("subject") == "Did you see my question?"]

    assert [r for r in mails if "subject" not in r]
    assert [r for r in mails if r.get("subject") == ""]
    assert [r for r in mails if len(r.get("subject", "")) > 150]
    assert [r for r in mails if r["from"]["address"] == ADDRESS and r["to"][0]["address"] == ADDRESS]
    assert [r for r in mails if len(r["to"]) + len(r["cc"]) > 5]
    assert len(questions) == 1
    assert not [r for r in mails if r.get("inReplyTo") == questions[0]["internetMessageId"]]


def test_mail_lies_in_folders_and_carries_the_labels_that_go_with_them(robin: Populated) -> None:
    folders = {record["id"]: record for record in robin.all("folders")}
    labels = Counter(label for record in robin.all("messages") for label in record["sysLabels"])

    assert set(labels) == {"inbox", "sent", "trash", "junk", "draft", "unread", "flagged", "important"}
    assert {"Projects/Harbour survey", "Archive", "Newsletters"} <= {record["fullName"] for record in folders.values()}
    for record in robin.all("messages"):
        system = folders[record["folderId"]].get("sysLabel")
        assert system is None or system in record["sysLabels"]
    nested = [record for record in folders.values() if record.get("parentId")]
    assert all(folders[record["parentId"]]["name"] == "Projects" for record in nested)


def test_attachments_are_small_valid_files(robin: Populated) -> None:
    kinds: Counter[str] = Counter()
    total_bytes = 0
    for record in robin.all("messages"):
        for attachment in record["attachments"]:
            content = robin.state.attachment(robin.account.id, "messages", record["id"], attachment["id"])
            assert content is not None
            assert len(content) == attachment["size"]
            check_file(attachment["mimeType"], content)
            kinds[attachment["mimeType"]] += 1
            total_bytes += len(content)

    assert set(kinds) == {"application/pdf", "image/png", "text/csv", "text/calendar"}
    assert min(kinds.values()) >= 5
    assert 5_000_000 < total_bytes < 20_000_000


def check_file(mime_type: str, content: bytes) -> None:
    if mime_type == "image/png":
        width, height = struct.unpack(">II", content[16:24])
        length = struct.unpack(">I", content[33:37])[0]
        assert len(zlib.decompress(content[41 : 41 + length])) == height * (1 + 3 * width)
    elif mime_type == "application/pdf":
        at = int(content.rsplit(b"startxref\n", 1)[1].split()[0])
        assert content[at : at + 4] == b"xref"
        for offset in re.findall(rb"(\d{10}) 00000 n", content):
            assert re.match(rb"\d+ 0 obj", content[int(offset) :])
    elif mime_type == "text/csv":
        rows = list(csv.reader(io.StringIO(content.decode())))
        assert {len(row) for row in rows} == {3}
    else:
        assert Calendar.from_ical(content.decode())["METHOD"] in {"REQUEST", "REPLY", "CANCEL"}


def test_the_bytes_of_a_mail_say_the_same_as_its_record(robin: Populated) -> None:
    for record in list(robin.all("messages"))[::9]:
        raw = robin.state.mime(robin.account.id, record["id"])
        assert raw is not None
        parsed = mime.message(raw)
        body, _ = robin.state.body(robin.account.id, record["id"])

        assert parsed.record.get("subject", "") == record.get("subject", "")
        assert parsed.record["internetMessageId"] == record["internetMessageId"]
        assert parsed.record.get("references") == record.get("references")
        assert [p["address"] for p in parsed.record["to"]] == [p["address"] for p in record["to"]]
        assert parsed.record["from"]["name"] == record["from"]["name"]
        assert (parsed.body or "").strip() == (body or "").strip()
        assert [(a.record["name"], len(a.content)) for a in parsed.attachments] == [
            (a["name"], a["size"]) for a in record["attachments"]
        ]


# --- contacts, calendars, tasks ---------------------------------------------------------------------------------------


def test_contacts_are_of_many_scripts_and_not_all_of_them_complete(robin: Populated) -> None:
    contacts = list(robin.all("contacts"))
    names = " ".join(record.get("name", {}).get("displayName", "") for record in contacts)
    doubled = Counter(record.get("name", {}).get("displayName") for record in contacts)

    assert re.search(r"[äöüß]", names)
    assert re.search(r"[\u3040-\u30ff\u4e00-\u9fff]", names)
    assert re.search(r"[\u0600-\u06ff]", names)
    assert 15 < sum(not record.get("emailAddresses") for record in contacts) < 60
    assert sum(record.get("birthday") is not None for record in contacts) > 25
    assert sum(record.get("hasPhoto", False) for record in contacts) > 25
    assert [record for record in contacts if "⚓" in record.get("nickName", "") or "🦊" in record.get("nickName", "")]
    assert [name for name, count in doubled.items() if name and count > 1]
    assert len({record.get("company", {}).get("name") for record in contacts}) > 8


def test_most_mail_and_every_meeting_is_with_people_of_the_address_book(robin: Populated) -> None:
    known = {e["address"].lower() for r in robin.all("contacts") for e in r.get("emailAddresses", [])} | {ADDRESS}
    senders = [r["from"]["address"] in known for r in robin.all("messages")]
    invited = {
        a["emailAddress"]["address"] for e in robin.all("events") for a in e.get("meetingInfo", {}).get("attendees", [])
    }

    assert sum(senders) > 0.7 * len(senders)
    assert invited <= known


def test_series_expand_with_their_moved_and_cancelled_instances(robin: Populated) -> None:
    work = robin.parents("events")[0]
    events = robin.state.records(robin.account.id, "events", parent=work)
    master = next(
        event for event in events if event.get("subject") == "Stand-up" and event["recurrenceType"] == "master"
    )
    exceptions = [event for event in events if event.get("occurrenceInfo", {}).get("masterId") == master["id"]]

    expanded = ical.expand([master, *exceptions], NOW - timedelta(days=500), NOW + timedelta(days=80))

    kinds = Counter(event["occurrenceInfo"]["type"] for event in exceptions)
    starts = {event["start"]["dateTime"][11:] for event in expanded if event["occurrenceInfo"]["type"] == "regular"}
    assert kinds == {"modified": 6, "deleted": 4}
    assert sum(event["occurrenceInfo"]["type"] == "modified" for event in expanded) == 6
    assert starts == {"09:15:00+01:00", "09:15:00+02:00"}
    gone = {
        event["occurrenceInfo"]["originalStart"]["dateTime"] for event in exceptions if event["meetingInfo"]["canceled"]
    }
    assert not gone & {event["start"]["dateTime"] for event in expanded}


def test_a_series_of_another_zone_keeps_its_own_time(robin: Populated) -> None:
    call = next(
        event
        for event in robin.all("events")
        if event.get("subject") == "Call with Yokohama" and event.get("recurrence")
    )

    expanded = ical.expand([call], NOW - timedelta(days=300), NOW)

    assert {event["start"]["dateTime"][11:] for event in expanded} == {"17:00:00+09:00"}
    assert call["start"]["timezone"] == "Asia/Tokyo"


def test_the_kinds_of_dates_that_a_calendar_has_are_all_there(robin: Populated) -> None:
    events = list(robin.all("events"))
    rules = " ".join(rule for e in events for rule in e.get("recurrence", {}).get("ical", {}).get("rules", []))
    crowds = Counter(len(event.get("meetingInfo", {}).get("attendees", [])) for event in events)
    trips = [e for e in events if "dateOnly" in e["start"] and e["recurrenceType"] == "single"]

    for part in ("FREQ=WEEKLY", "INTERVAL=2", "FREQ=MONTHLY", "BYDAY=1TH", "FREQ=YEARLY", "UNTIL=", "EXDATE;TZID="):
        assert part in rules
    assert max(crowds) == 60
    assert len([size for size in range(2, 13) if crowds[size]]) > 8
    assert len(trips) >= 8
    assert [e for e in events if e.get("meetingInfo", {}).get("onlineMeetingDetails")]
    assert [e for e in events if e["recurrenceType"] == "single" and e.get("meetingInfo", {}).get("canceled")]
    answers = {a.get("response") for e in events for a in e.get("meetingInfo", {}).get("attendees", [])}
    assert answers == {"accepted", "tentitive", "declined", None}


def test_one_calendar_is_primary_and_events_reach_into_the_coming_weeks(robin: Populated) -> None:
    assert [record["name"] for record in robin.all("calendars") if record["primary"]] == ["Work"]
    singles = [
        e["start"]["dateTime"]
        for e in robin.all("events")
        if e["recurrenceType"] == "single" and "dateTime" in e["start"]
    ]
    coming = [start for start in singles if moment(start) > NOW + timedelta(days=14)]

    assert len(coming) > 10


def test_tasks_are_overdue_done_deferred_split_linked_and_without_a_date(robin: Populated) -> None:
    tasks = list(robin.all("tasks"))
    ids = {record["id"] for record in tasks}
    overdue = [t for t in tasks if t["status"] != "completed" and "due" in t and moment(t["due"]) < NOW]

    assert {t["status"] for t in tasks} == {"notStarted", "inProgress", "completed", "waitingOnOthers", "deferred"}
    assert len(overdue) > 8
    assert len([t for t in tasks if "parentId" in t]) > 10
    assert all(t["parentId"] in ids for t in tasks if "parentId" in t)
    assert [t for t in tasks if "due" not in t]
    assert [t for t in tasks if t.get("links")]
    assert all(("completed" in t) == (t["status"] == "completed") for t in tasks)
    assert max(moment(t["completed"]) for t in tasks if "completed" in t) <= NOW


def test_the_person_lives_through_leap_days_and_new_year() -> None:
    moments = ((2024, 2, 29, 12, 0), (2026, 1, 1, 0, 5), (2025, 12, 31, 23, 55))
    for now in (datetime(*parts, tzinfo=UTC) for parts in moments):
        somebody = person(2, size=0.03, now=now)

        assert all(moment(record["sentAt"]) <= now for record in somebody.all("messages"))


def test_no_phrase_is_left_unfilled(robin: Populated) -> None:
    texts = [robin.state.body(robin.account.id, record["id"])[0] or "" for record in robin.all("messages")]
    texts += [repr(record) for kind in ("events", "tasks") for record in robin.all(kind)]

    unfilled = re.compile(r"[^{]\{(day|date|n|many|place|first|other|code|client|town)\}")
    assert [text for text in texts if unfilled.search(text)] == []
    assert [text for text in texts if re.search(r"\[[\w ,']+\|[\w |,']+\]", text)] == []


def test_the_person_outlives_the_process_in_a_file(tmp_path: Path) -> None:
    clock = VirtualClock(NOW, 1)
    state = State(str(tmp_path / "upstream.db"), clock=clock)

    account = populate(state, clock=clock, size=0.05)

    state.close()
    again = State(str(tmp_path / "upstream.db"), clock=clock)
    assert len(again.records(account.id, "messages")) == 100
    again.close()
