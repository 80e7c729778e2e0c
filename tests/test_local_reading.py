"""What a program reads from a mirror: what upstream would say, offline, with the edits that are on their way laid over it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from local_wire import Local, local
from sandbox_wire import segment
from worlds import CALENDARS, CONTACTS, EVENTS, FEEDS, FOLDERS, MESSAGES, TASKS

WINDOW = {"timeMin": "2026-01-01T00:00:00Z", "timeMax": "2026-02-01T00:00:00Z"}
WEEKLY = {"ical": {"rules": ["RRULE:FREQ=WEEKLY;COUNT=4"]}}
DAY = {"timeMin": "2026-01-10T00:00:00Z", "timeMax": "2026-01-11T00:00:00Z"}


@pytest.fixture
def mirrored(tmp_path: Path) -> Iterator[Local]:
    made = local(tmp_path)
    yield made
    made.world.store.close()


def filled(mirrored: Local) -> Local:
    """Something of everything, pulled."""
    put = mirrored.upstream.put
    put(FOLDERS, "INBOX", "Inbox", sysLabel="inbox", isFolder=True)
    put(FOLDERS, "SENT", "Sent", sysLabel="sent", isFolder=True)
    for number in range(4):
        put(CONTACTS, f"people/c{number}", f"Contact {number}")
        put(EVENTS, f"e{number}", f"Event {number}")
        put(TASKS, f"t{number}==", f"Task {number}", status="notStarted")
        labels = ["inbox", "unread"] if number else ["inbox", "trash"]
        at = f"2026-01-0{number + 1}T10:00:00.000Z"
        put(MESSAGES, f"m{number}", f"Mail {number}", sysLabels=labels, receivedAt=at, threadId="thread")
    mirrored.world.pull()
    return mirrored


def ids(records: list[dict[str, Any]]) -> list[str]:
    return [record["id"] for record in records]


def test_the_account_is_upstreams_with_the_scopes_of_the_token(mirrored: Local) -> None:
    mirrored.world.pull()

    told = mirrored.http.get("/account").json()

    assert told["id"] == mirrored.upstream.account.id
    assert told["email"] == "ada@example.com"
    assert "Contacts.ReadWrite" in told["authScopes"]
    assert "providerAccessToken" not in mirrored.http.get("/account", params={"includeProviderAuth": "true"}).json()


@pytest.mark.parametrize("feed", FEEDS, ids=lambda feed: feed.kind)
def test_every_record_reads_as_upstream_has_it(mirrored: Local, feed: Any) -> None:
    filled(mirrored)
    path = {
        "calendars": "/calendars/{}", "folders": "/email/folders/{}", "task_lists": "/tasklists/{}", "contacts": "/contacts/{}",
        "events": "/calendars/home/events/{}", "tasks": "/tasklists/chores/tasks/{}", "messages": "/email/messages/{}",
    }[feed.kind]  # fmt: skip

    theirs = mirrored.upstream.live(feed)
    ours = {name: mirrored.http.get(path.format(segment(name))).json() for name in theirs}

    for record in ours.values():
        record.pop("body", None)
    assert ours == theirs
    assert theirs
    assert mirrored.http.get(path.format("nobody")).status_code == 404


def test_lists_have_everything_page_by_page(mirrored: Local) -> None:
    filled(mirrored)

    pages = mirrored.pages("/tasklists/default/tasks")

    assert [len(page) for page in pages] == [3, 1]
    assert ids([task for page in pages for task in page]) == ["t0==", "t1==", "t2==", "t3=="]
    assert ids(mirrored.http.get("/calendars").json()["records"]) == ["home"]
    assert ids(mirrored.http.get("/tasklists").json()["records"]) == ["chores"]
    assert ids(mirrored.http.get("/email/folders").json()["records"]) == ["INBOX", "SENT"]
    assert mirrored.http.get("/email/folders/wellKnown").json() == {"sent": "SENT"}


def test_mail_is_listed_newest_first_without_the_trash_unless_it_is_asked_for(mirrored: Local) -> None:
    filled(mirrored)

    listed = [message for page in mirrored.pages("/email/messages") for message in page]
    everything = [one for page in mirrored.pages("/email/messages", includeTrashAndJunk="true") for one in page]
    thread = [message for page in mirrored.pages("/email/conversations/thread") for message in page]
    inbox = [message for page in mirrored.pages("/email/folders/INBOX/messages") for message in page]

    assert ids(listed) == ["m3", "m2", "m1"]
    assert ids(everything) == ids(thread) == ids(inbox) == ["m3", "m2", "m1", "m0"]
    assert {message["omitted"][0] for message in listed} == {"body"}


def test_mail_is_found_by_words_and_operators(mirrored: Local) -> None:
    filled(mirrored)

    def found(q: str) -> list[str]:
        return ids(mirrored.http.get("/email/messages", params={"q": q}).json()["records"])

    assert found("subject:2") == ["m2"]
    assert found("body Mail is:unread after:2026/01/03") == ["m3", "m2"]
    assert found("nowhere") == []


def test_bodies_come_in_the_wanted_type_in_lists_too_whatever_the_service(tmp_path: Path) -> None:
    mirrored = filled(local(tmp_path, service_type="IMAP"))

    (first, *_) = mirrored.http.get("/email/messages", params={"bodyType": "html"}).json()["records"]
    text = mirrored.http.get("/email/messages/m3", params={"bodyType": "text"}).json()

    assert first["body"] == "<p>body of Mail 3</p>"
    assert "omitted" not in first
    assert text["body"] == "body of Mail 3"


def test_what_is_not_kept_says_so(mirrored: Local) -> None:
    put = mirrored.upstream.put
    put(MESSAGES, "m", "with files", attachments={"kept": b"abc", "left out": b"x" * 2000, "later": b"later"})
    listed = [
        {"id": name, "name": f"{name}.bin", "size": size}
        for name, size in (("kept", 3), ("left out", 2000), ("later", 5))
    ]
    mirrored.upstream.state.change(mirrored.upstream.account.id, "messages", "m", {"attachments": listed})
    mirrored.world.store.conn.execute("UPDATE accounts SET attachments_up_to_bytes = 1000")
    mirrored.world.pull()
    mirrored.world.store.conn.execute("UPDATE attachments SET kept = 'wanted', sha256 = NULL WHERE remote_id = 'later'")

    kept, left_out, later, unknown, raw = (
        mirrored.http.get(f"/email/messages/m/{what}")
        for what in ("attachments/kept", "attachments/left%20out", "attachments/later", "attachments/no", "raw")
    )

    assert kept.json() == {"content": "YWJj"}
    assert (left_out.status_code, left_out.json()["code"]) == (404, "notKept")
    assert (later.status_code, later.headers["Retry-After"]) == (408, "60")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "not_found")
    assert (raw.status_code, raw.json()["code"]) == (404, "notKept")


# --- calendars --------------------------------------------------------------------------------------------------------------


def test_a_series_shows_its_instances_in_a_range_and_its_exceptions_in_their_places(mirrored: Local) -> None:
    mirrored.upstream.put(EVENTS, "s", "Standup", recurrence=WEEKLY)
    moved = {"dateTime": "2026-01-18T12:00:00Z"}
    info = {"type": "modified", "masterId": "s", "originalStart": {"dateTime": "2026-01-17T09:00:00Z"}, "start": moved}
    later = {"start": moved, "end": {"dateTime": "2026-01-18T13:00:00Z"}, "occurrenceInfo": info}
    mirrored.upstream.put(EVENTS, "s_20260117T090000Z", "Moved", **later)
    mirrored.world.pull()

    ranged = [one for page in mirrored.pages("/calendars/primary/events/range", **WINDOW) for one in page]
    series = mirrored.http.get("/calendars/home/events/s/series").json()
    third = mirrored.http.get("/calendars/home/events/s/occurrences/2026-01-24").json()

    assert ids(ranged) == ["s_20260110T090000Z", "s_20260117T090000Z", "s_20260124T090000Z", "s_20260131T090000Z"]
    assert [one["subject"] for one in ranged] == ["Standup", "Moved", "Standup", "Standup"]
    assert ids(series["modifiedOccurrences"]) == ["s_20260117T090000Z"]
    assert third["start"]["dateTime"].startswith("2026-01-24T09:00:00")
    assert mirrored.http.get("/calendars/home/events/s_20260124T090000Z").json()["id"] == third["id"]


def test_events_are_found_by_their_uid(mirrored: Local) -> None:
    filled(mirrored)
    uid = mirrored.upstream.live(EVENTS)["e1"]["iCalUId"]

    found = mirrored.http.get("/calendars/home/events/find", params={"iCalUId": uid}).json()["records"]

    assert ids(found) == ["e1"]


@pytest.mark.parametrize(
    "path",
    [
        "/auth/authorize",
        "/am/accounts",
        "/user/accounts",
        "/email/tracking",
        "/followup/rules",
        "/book/account/profiles",
    ],
)
def test_what_upstream_alone_can_do_says_so(mirrored: Local, path: str) -> None:
    answer = mirrored.beyond.get(path)

    assert (answer.status_code, answer.json()["code"]) == (404, "notServed")
    assert mirrored.beyond.get("/nothing").json()["code"] == "not_found"


def test_free_busy_tells_of_ones_own_time_and_of_nobody_elses(mirrored: Local) -> None:
    mirrored.upstream.put(EVENTS, "e", "Dentist")
    mirrored.upstream.put(EVENTS, "f", "Maybe", showAs="free")
    mirrored.world.pull()

    asked = {**DAY, "emails": ["Ada@example.com", "ben@example.com"]}
    own, other = mirrored.http.post("/calendars/freeBusy", json=asked).json()["records"]

    busy = {"start": "2026-01-10T09:00:00.000Z", "end": "2026-01-10T10:00:00.000Z", "status": "busy"}
    assert own == {"email": "Ada@example.com", "items": [busy]}
    assert (other["items"], other["error"]) == ([], "notFound")


def test_a_calendar_whose_id_is_an_address_tells_when_that_one_is_busy(mirrored: Local) -> None:
    mirrored.upstream.put(CALENDARS, "ben@example.com", "Ben")
    from mirror.feed import Feed

    mirrored.upstream.put(Feed("events", "ben@example.com"), "b", "Busy")
    mirrored.world.pull()

    (told,) = mirrored.http.post("/calendars/freeBusy", json={**DAY, "emails": ["ben@example.com"]}).json()["records"]

    assert len(told["items"]) == 1
    assert "error" not in told


def test_meeting_times_leave_out_what_is_taken_and_keep_to_work_hours(mirrored: Local) -> None:
    mirrored.upstream.put(EVENTS, "e", "Dentist")  # Saturday the 10th, 09:00 to 10:00 UTC
    mirrored.world.pull()
    hours = {
        "daySchedules": [{"dayOfWeek": "saturday", "workingIntervals": [{"start": "09:00:00", "end": "12:00:00"}]}]
    }
    asked = {
        **DAY, "durationMinutes": 60, "defaultTimezone": "Europe/Berlin", "defaultWorkHours": hours,
        "attendees": [{"email": "ada@example.com"}, {"email": "ben@example.com"}],
    }  # fmt: skip

    told = mirrored.http.post("/calendars/suggestMeetingTimes", json=asked).json()
    apart = mirrored.http.post("/calendars/suggestMeetingTimes", json={**asked, "bufferBetweenMinutes": 30}).json()

    # Nine to twelve in Berlin is eight to eleven in UTC.
    assert [item["start"][11:16] for item in told["items"]] == ["08:00", "10:00"]
    assert apart["items"] == []
    assert told["attendees"] == [{"email": "ada@example.com"}, {"email": "ben@example.com", "error": "notFound"}]


def test_meeting_times_go_by_the_intervals_that_are_given(mirrored: Local) -> None:
    mirrored.world.pull()
    busy = {"start": "2026-01-10T10:00:00Z", "end": "2026-01-10T11:00:00Z"}
    free = {"start": "2026-01-10T09:00:00Z", "end": "2026-01-10T12:00:00Z"}
    attendee = {"email": "ben@example.com", "busyIntervals": [busy], "freeIntervals": [free]}
    dated = {"dateStartInclusive": "2026-01-10", "hours": [{"start": "09:30:00", "end": "11:45:00"}]}
    asked = {**DAY, "durationMinutes": 30, "availabilityStep": 15, "attendees": [attendee]}

    told = mirrored.http.post("/calendars/suggestMeetingTimes", json=asked).json()
    less = {**asked, "availabilityIntervals": {"intervals": [dated]}}
    narrowed = mirrored.http.post("/calendars/suggestMeetingTimes", json=less).json()

    starts = ["09:00", "09:15", "09:30", "11:00", "11:15", "11:30"]
    assert [item["start"][11:16] for item in told["items"]] == starts
    assert [item["start"][11:16] for item in narrowed["items"]] == ["09:30", "11:00", "11:15"]
    assert told["attendees"] == [{"email": "ben@example.com"}]
