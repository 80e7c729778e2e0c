"""Calendars and events over HTTP: windows, series with their exceptions, answers to invitations, free/busy."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from sandbox_wire import Box, asking_wrongly, sandbox, segment

from mirror.sandbox.options import Options

HOME = "ada@example.com"
EVENTS = f"/calendars/{segment(HOME)}/events"
JANUARY = {"timeMin": "2026-01-01T00:00:00Z", "timeMax": "2026-02-01T00:00:00Z"}


def berlin(day: str, clock: str = "10:00") -> dict[str, str]:
    return {"dateTime": f"{day}T{clock}:00+01:00", "timezone": "Europe/Berlin"}


def weekly(**more: Any) -> dict[str, Any]:
    pattern = {"frequency": "weekly", "daysOfWeek": ["monday"]}
    times = {"start": berlin("2026-01-05"), "end": berlin("2026-01-05", "10:30")}
    return {"subject": "Stand-up", **times, "recurrence": {"simple": {"pattern": pattern}}, **more}


def created(box: Box, body: dict[str, Any]) -> dict[str, Any]:
    answer = box.http.post(EVENTS, json=body)
    assert answer.status_code == 201
    record: dict[str, Any] = answer.json()["record"]
    return record


def starts(box: Box, **window: str) -> list[str]:
    records = [record for page in box.pages(f"{EVENTS}/range", **(window or JANUARY)) for record in page]
    return [record["start"].get("dateTime") or record["start"]["dateOnly"] for record in records]


def patched(box: Box, record: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    answer = box.http.patch(f"{EVENTS}/{segment(record['id'])}", json=change, headers={"If-Match": record["etag"]})
    assert answer.status_code == 200, answer.text
    changed: dict[str, Any] = answer.json()["record"]
    return changed


def instance(box: Box, at: int) -> dict[str, Any]:
    records = [record for page in box.pages(f"{EVENTS}/range", **JANUARY) for record in page]
    return records[at]


def test_calendars_are_listed_created_read_and_renamed() -> None:
    box = sandbox(Options(page_size=1))
    made = box.http.post("/calendars", json={"name": "Choir", "color": "#aabbcc"}).json()
    renamed = box.http.patch(f"/calendars/{segment(made['id'])}", json={"name": "Big choir"}).json()

    assert box.http.get(f"/calendars/{segment(made['id'])}").json() == renamed
    assert [record["name"] for page in box.pages("/calendars") for record in page] == ["Ada", "Big choir"]
    assert box.http.get("/calendars/primary").json()["id"] == HOME


def test_an_event_comes_back_as_it_was_written() -> None:
    box = sandbox()
    body = {
        "subject": "Lunch",
        "description": "At the harbour",
        "location": "Quay 3",
        "start": berlin("2026-01-07", "12:00"),
        "end": berlin("2026-01-07", "13:00"),
        "reminder": {"useDefault": False, "overrides": [{"minutes": 15}]},
        "showAs": "tentative",
        "sensitivity": "private",
        "meetingInfo": {"attendees": [{"emailAddress": {"address": "ben@example.org"}, "type": "required"}]},
    }
    record = created(box, body)

    assert {name: record[name] for name in body} == body
    assert record["recurrenceType"] == "single"
    assert record["calendarId"] == HOME
    assert record["iCalUid"] == record["iCalUId"]
    assert box.http.get(f"/calendars/primary/events/{record['id']}").json() == record


def test_a_record_is_returned_unless_it_is_not_wanted() -> None:
    box = sandbox()
    day = {"start": {"dateOnly": "2026-01-07"}, "end": {"dateOnly": "2026-01-08"}}
    answer = box.http.post(EVENTS, json=day, params={"returnRecord": "false"}).json()
    assert set(answer) == {"id", "etag", "iCalUId"}


def test_a_range_holds_what_ends_after_its_beginning_and_starts_before_its_end() -> None:
    box = sandbox()
    for start, end in (
        ("2025-12-31T22:00:00Z", "2026-01-01T00:00:00Z"),
        ("2025-12-31T22:00:00Z", "2026-01-01T00:00:01Z"),
        ("2026-01-31T23:59:59Z", "2026-02-01T05:00:00Z"),
        ("2026-02-01T00:00:00Z", "2026-02-01T05:00:00Z"),
    ):
        created(box, {"start": {"dateTime": start}, "end": {"dateTime": end}})
    created(box, {"start": {"dateOnly": "2026-01-31"}, "end": {"dateOnly": "2026-02-01"}})

    assert starts(box) == ["2025-12-31T22:00:00Z", "2026-01-31", "2026-01-31T23:59:59Z"]


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 50])
def test_a_range_expands_series_over_pages_of_every_size(size: int) -> None:
    box = sandbox(Options(page_size=size))
    created(box, weekly())
    created(box, {"start": berlin("2026-01-12"), "end": berlin("2026-01-12", "11:00")})

    days = [start[:10] for start in starts(box)]

    assert days == ["2026-01-05", "2026-01-12", "2026-01-12", "2026-01-19", "2026-01-26"]


def test_an_instance_can_be_read_by_its_id_and_by_its_original_start() -> None:
    box = sandbox()
    master = created(box, weekly())
    second = instance(box, 1)

    assert second["occurrenceInfo"]["masterId"] == master["id"]
    assert second["occurrenceInfo"]["type"] == "regular"
    assert box.http.get(f"{EVENTS}/{second['id']}").json() == second
    for written in ("2026-01-12", "2026-01-12T10:00:00+01:00", "2026-01-12T09:00:00Z"):
        assert box.http.get(f"{EVENTS}/{master['id']}/occurrences/{segment(written)}").json() == second
    assert box.http.get(f"{EVENTS}/{master['id']}/occurrences/2026-01-13").status_code == 404
    assert box.http.get(f"{EVENTS}/{master['id']}/occurrences/soon").status_code == 400


def test_a_moved_instance_becomes_an_exception_and_the_feed_tells_it() -> None:
    box = sandbox()
    master = created(box, weekly())
    root = f"/calendars/{segment(HOME)}"
    _, token = box.walk(root, box.start(root, **JANUARY)[0])

    moved = patched(box, instance(box, 1), {"start": berlin("2026-01-13"), "end": berlin("2026-01-13", "10:30")})

    assert moved["occurrenceInfo"]["type"] == "modified"
    assert moved["occurrenceInfo"]["originalStart"] == berlin("2026-01-12")
    assert [start[:10] for start in starts(box)] == ["2026-01-05", "2026-01-13", "2026-01-19", "2026-01-26"]
    assert box.walk(root, token)[0] == [moved]
    series = box.http.get(f"{EVENTS}/{master['id']}/series").json()
    assert series["modifiedOccurrences"] == [moved["occurrenceInfo"]]
    assert box.http.get(f"{EVENTS}/{master['id']}/occurrences/2026-01-12").json() == moved


def test_an_instance_moved_far_away_is_found_where_it_went() -> None:
    box = sandbox()
    created(box, weekly())
    patched(box, instance(box, 1), {"start": berlin("2026-03-03"), "end": berlin("2026-03-03", "10:30")})

    march = {"timeMin": "2026-03-03T00:00:00Z", "timeMax": "2026-03-04T00:00:00Z"}
    assert len(starts(box)) == 3
    assert starts(box, **march) == ["2026-03-03T10:00:00+01:00"]


@pytest.mark.parametrize("manner", ["occurrence", "tombstone", "exclusion"])
def test_a_cancelled_instance_is_told_in_the_providers_manner(manner: Any) -> None:
    box = sandbox(Options(cancelled_instance=manner))
    master = created(box, weekly())
    root = f"/calendars/{segment(HOME)}"
    updated_token, deleted_token = box.start(root, **JANUARY)
    _, updated_token = box.walk(root, updated_token)
    second = instance(box, 1)

    assert box.http.delete(f"{EVENTS}/{second['id']}").status_code == 200

    updated, _ = box.walk(root, updated_token)
    deleted, _ = box.walk(root, deleted_token, "deleted")
    assert [start[:10] for start in starts(box)] == ["2026-01-05", "2026-01-19", "2026-01-26"]
    series = box.http.get(f"{EVENTS}/{master['id']}/series").json()
    assert [one["originalStart"] for one in series["deletedOccurrences"]] == [berlin("2026-01-12")]
    if manner == "occurrence":
        assert [one["occurrenceInfo"]["type"] for one in updated] == ["deleted"]
        assert updated[0]["meetingInfo"]["canceled"] is True
    else:
        assert [one["id"] for one in updated] == [master["id"]]
        assert updated[0]["recurrence"]["simple"]["range"]["patternExclusions"] == [berlin("2026-01-12")]
    assert [one["id"] for one in deleted] == ([second["id"]] if manner == "tombstone" else [])


def test_a_series_goes_with_its_exceptions() -> None:
    box = sandbox()
    master = created(box, weekly())
    moved = patched(box, instance(box, 1), {"subject": "Stand-up, late"})
    root = f"/calendars/{segment(HOME)}"
    _, deleted_token = box.start(root, **JANUARY)

    box.http.delete(f"{EVENTS}/{master['id']}")

    assert starts(box) == []
    deleted, _ = box.walk(root, deleted_token, "deleted")
    assert {one["id"] for one in deleted} == {master["id"], moved["id"]}


def test_a_series_with_rules_keeps_its_time_of_day_when_the_clocks_change() -> None:
    box = sandbox()
    start, end = berlin("2026-03-23"), berlin("2026-03-23", "11:00")
    created(box, {"start": start, "end": end, "recurrence": {"ical": {"rules": ["RRULE:FREQ=WEEKLY;COUNT=2"]}}})

    spring = {"timeMin": "2026-03-01T00:00:00Z", "timeMax": "2026-05-01T00:00:00Z"}

    assert starts(box, **spring) == ["2026-03-23T10:00:00+01:00", "2026-03-30T10:00:00+02:00"]


@pytest.mark.parametrize(
    ("pattern", "limits", "expected"),
    [
        ({"frequency": "daily", "interval": 10}, {"type": "byCount", "count": 3}, ["05", "15", "25"]),
        (
            {"frequency": "weekly", "daysOfWeek": ["monday", "friday"]},
            {"type": "byDate", "recurrenceEnd": "2026-01-12"},
            ["05", "09", "12"],
        ),
        ({"frequency": "monthly", "dayOfMonth": 5}, {"type": "unbounded"}, ["05"]),
        (
            {"frequency": "monthlyRelative", "daysOfWeek": ["monday"], "instance": "first"},
            {"type": "unbounded"},
            ["05"],
        ),
        ({"frequency": "yearly", "dayOfMonth": 5, "monthOfYear": 1}, {"type": "unbounded"}, ["05"]),
    ],
)
def test_simple_patterns_mean_what_they_say(
    pattern: dict[str, Any], limits: dict[str, Any], expected: list[str]
) -> None:
    box = sandbox()
    body = {"start": {"dateOnly": "2026-01-05"}, "end": {"dateOnly": "2026-01-06"}}
    created(box, {**body, "recurrence": {"simple": {"pattern": pattern, "range": limits}}})

    assert [start[-2:] for start in starts(box)] == expected


def test_events_are_found_by_their_uid() -> None:
    box = sandbox(Options(page_size=1))
    first = created(box, weekly())
    other = created(box, {"start": berlin("2026-01-07"), "end": berlin("2026-01-07")})
    moved = patched(box, instance(box, 2), {"subject": "moved"})

    pages = box.pages(f"{EVENTS}/find", iCalUId=[first["iCalUId"], other["iCalUId"]])

    assert sorted(record["id"] for page in pages for record in page) == sorted([first["id"], other["id"], moved["id"]])


def test_a_patch_of_an_event_needs_its_current_etag() -> None:
    box = sandbox()
    record = created(box, {"start": berlin("2026-01-07"), "end": berlin("2026-01-07")})
    patched(box, record, {"subject": "one"})
    stale = box.http.patch(f"{EVENTS}/{record['id']}", json={"subject": "two"}, headers={"If-Match": record["etag"]})
    without = asking_wrongly(box).patch(f"{EVENTS}/{record['id']}", json={"subject": "two"})

    assert record["etag"].startswith('"')
    assert [stale.status_code, without.status_code] == [412, 400]


def test_an_answer_to_an_invitation_is_kept_for_oneself_and_on_the_list() -> None:
    box = sandbox()
    attendees = [{"emailAddress": {"address": address}} for address in ("ADA@example.com", "ben@example.org")]
    record = created(
        box, {"start": berlin("2026-01-07"), "end": berlin("2026-01-07"), "meetingInfo": {"attendees": attendees}}
    )

    answer = box.http.put(f"{EVENTS}/{record['id']}/response", json={"response": "tentative", "comment": "late"})

    meeting = box.http.get(f"{EVENTS}/{record['id']}").json()["meetingInfo"]
    assert answer.json() == {"status": "Ok"}
    assert meeting["response"] == "tentative"
    assert [one.get("response") for one in meeting["attendees"]] == ["tentitive", None]
    assert meeting["attendees"][0]["comment"] == "late"


def test_a_new_list_of_attendees_keeps_the_answers_of_those_who_stay() -> None:
    box = sandbox()
    known = {"emailAddress": {"address": "ben@example.org"}, "response": "accepted"}
    day = {"start": {"dateOnly": "2026-01-07"}, "end": {"dateOnly": "2026-01-08"}}
    record = box.state.create(box.account.id, "events", {**day, "meetingInfo": {"attendees": [known]}}, parent=HOME)

    attendees = [{"emailAddress": {"address": address}} for address in ("ben@example.org", "cho@example.org")]
    changed = patched(box, record, {"meetingInfo": {"attendees": attendees}})

    assert changed["meetingInfo"]["attendees"] == [known, attendees[1]]


def test_an_online_meeting_gets_its_address() -> None:
    box = sandbox()
    body = {"start": berlin("2026-01-07"), "end": berlin("2026-01-07"), "meetingInfo": {"onlineMeeting": True}}
    answer = asking_wrongly(box).post(EVENTS, json=body).json()
    assert answer["onlineMeetingDetails"]["url"].startswith("https://")
    assert answer["record"]["meetingInfo"]["onlineMeetingDetails"] == answer["onlineMeetingDetails"]


def test_the_bytes_of_an_attachment() -> None:
    box = sandbox()
    day = {"start": {"dateOnly": "2026-01-07"}, "end": {"dateOnly": "2026-01-08"}}
    record = {**day, "hasAttachments": True, "attachments": [{"id": "a=/1", "name": "map.png"}]}
    made = box.state.create(box.account.id, "events", record, parent=HOME, attachments={"a=/1": b"png"})

    path = f"{EVENTS}/{made['id']}/attachments"
    assert base64.b64decode(box.http.get(f"{path}/{segment('a=/1')}").json()["content"]) == b"png"
    assert box.http.get(f"{path}/none").status_code == 404


def test_free_busy_knows_who_is_here() -> None:
    box = sandbox()
    created(box, weekly())
    created(box, {"start": berlin("2026-01-07"), "end": berlin("2026-01-07", "11:00"), "showAs": "free"})
    body = {**JANUARY, "timeMax": "2026-01-13T00:00:00Z", "emails": ["Ada@example.com", "nobody@example.org"]}

    own, other = box.http.post("/calendars/freeBusy", json=body).json()["records"]

    assert [item["start"] for item in own["items"]] == ["2026-01-05T09:00:00.000Z", "2026-01-12T09:00:00.000Z"]
    assert other["error"]
    assert box.http.post("/calendars/freeBusy", json={**body, "emails": ["Ben & Cho"]}).status_code == 400


@pytest.mark.parametrize(
    "body",
    [
        {"subject": "no time"},
        {"start": {"dateOnly": "2026-02-30"}, "end": {"dateOnly": "2026-03-01"}},
        {"start": berlin("2026-01-07"), "end": berlin("2026-01-06")},
        {"start": {"timezone": "Europe/Berlin"}, "end": berlin("2026-01-06")},
        weekly(recurrence={"ical": {"rules": ["RRULE:FREQ=SOMETIMES"]}}),
        weekly(recurrence={"simple": {}}),
        weekly(showAs="invisible"),
    ],
)
def test_an_event_that_can_not_be_is_refused(body: dict[str, Any]) -> None:
    box = sandbox()
    answer = asking_wrongly(box).post(EVENTS, json=body)
    assert answer.status_code == 400, answer.text
    assert box.state.records(box.account.id, "events", parent=HOME) == []


def test_a_range_without_end_is_refused() -> None:
    box = sandbox()
    created(box, weekly())
    window = {"timeMin": "1800-01-01T00:00:00Z", "timeMax": "2200-01-01T00:00:00Z"}
    assert box.http.get(f"{EVENTS}/range", params=window).status_code == 400


def test_a_series_that_can_not_be_followed_does_not_hide_the_others() -> None:
    box = sandbox()
    broken = {"ical": {"rules": ["RRULE:FREQ=SOMETIMES"]}}
    times = {"start": {"dateTime": "2026-01-06T09:00:00Z"}, "end": {"dateTime": "2026-01-06T10:00:00Z"}}
    box.state.create(box.account.id, "events", {**times, "recurrence": broken}, parent=HOME)
    created(box, {"start": berlin("2026-01-07"), "end": berlin("2026-01-07")})

    assert starts(box) == ["2026-01-07T10:00:00+01:00"]
