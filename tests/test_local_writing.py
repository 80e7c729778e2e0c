"""What a program writes to a mirror: taken into the outbox, shown at once, and sent upstream when it can be reached."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from local_wire import Local, client, local
from sandbox_wire import segment
from worlds import CALENDARS, CONTACTS, EVENTS, FOLDERS, MESSAGES, TASK_LISTS, TASKS

from mirror.store import outbox

TIMES = {"start": {"dateTime": "2026-01-20T09:00:00Z"}, "end": {"dateTime": "2026-01-20T10:00:00Z"}}
WEEKLY = {"recurrence": {"simple": {"pattern": {"frequency": "weekly"}, "range": {"type": "byCount", "count": 3}}}}
BEN = {"address": "ben@example.org"}


@pytest.fixture
def mirrored(tmp_path: Path) -> Iterator[Local]:
    made = local(tmp_path)
    for feed, name in ((CONTACTS, "c"), (EVENTS, "e"), (TASKS, "t"), (MESSAGES, "m")):
        more = {"sysLabels": ["inbox", "unread"]} if feed == MESSAGES else {}
        made.upstream.put(feed, name, "before", **more)
    made.world.pull()
    yield made
    made.world.store.close()


def waiting(mirrored: Local) -> list[tuple[str, str, str]]:
    return [(one.kind, one.verb, one.state) for one in outbox.edits(mirrored.world.store)]


RECORDS: list[tuple[str, Any, dict[str, Any], dict[str, Any]]] = [
    ("/contacts", CONTACTS, {"nickName": "first"}, {"nickName": "then"}),
    ("/calendars/home/events", EVENTS, {"subject": "first", **TIMES}, {"subject": "then"}),
    ("/tasklists/default/tasks", TASKS, {"title": "first"}, {"title": "then"}),
]


@pytest.mark.parametrize(("path", "feed", "first", "then"), RECORDS, ids=["contact", "event", "task"])
def test_a_record_that_is_created_offline_is_read_changed_sent_and_keeps_its_local_id(
    mirrored: Local, path: str, feed: Any, first: dict[str, Any], then: dict[str, Any]
) -> None:
    http, before = mirrored.http, set(mirrored.upstream.live(feed))

    made = http.post(path, json=first)
    own = made.json()["id"]
    etag = http.get(f"{path}/{own}").json()["etag"]
    changed = http.patch(f"{path}/{own}", json=then, headers={"If-Match": etag}).json()
    offline = set(mirrored.upstream.live(feed)) - before
    mirrored.settle()
    (named,) = set(mirrored.upstream.live(feed)) - before
    under_both = [http.get(f"{path}/{segment(name)}").json() for name in (own, named)]
    deleted = http.delete(f"{path}/{own}")
    mirrored.settle()

    assert (made.status_code, own[:6], offline) == (201, "local-", set())
    assert changed["id"] == own
    assert changed["etag"] != etag
    assert under_both[0] == under_both[1]
    assert under_both[0]["id"] == named
    assert {**under_both[0], **then} == under_both[0]
    assert deleted.status_code == 200
    assert set(mirrored.upstream.live(feed)) == before
    assert waiting(mirrored) == []


def test_if_match_goes_by_what_is_shown(mirrored: Local) -> None:
    http = mirrored.http
    observed = http.get("/contacts/c").json()["etag"]

    first = http.patch("/contacts/c", json={"nickName": "one"}, headers={"If-Match": observed})
    stale = http.patch("/contacts/c", json={"nickName": "two"}, headers={"If-Match": observed})
    shown = http.get("/contacts/c").json()
    second = http.patch("/contacts/c", json={"notes": "three"}, headers={"If-Match": shown["etag"]})
    missing = client(mirrored.app, mirrored.token, checked=False).patch("/contacts/c", json={"notes": "four"})
    mirrored.settle()

    assert [one.status_code for one in (first, stale, second, missing)] == [200, 412, 200, 400]
    assert shown["etag"] == first.json()["etag"] != observed
    theirs = mirrored.upstream.live(CONTACTS)["c"]
    assert (theirs["nickName"], theirs["notes"]) == ("one", "three")
    assert http.get("/contacts/c").json()["etag"] == theirs["etag"]


def test_an_etag_from_before_a_change_upstream_is_stale(mirrored: Local) -> None:
    observed = mirrored.http.get("/contacts/c").json()["etag"]
    mirrored.upstream.put(CONTACTS, "c", "theirs")
    mirrored.world.pull()

    stale = mirrored.http.patch("/contacts/c", json={"nickName": "mine"}, headers={"If-Match": observed})

    assert (stale.status_code, stale.json()["code"]) == (412, "preconditionFailed")
    assert waiting(mirrored) == []
    assert mirrored.http.get("/contacts/c").json()["nickName"] == "theirs"


@pytest.mark.parametrize(
    "path", ["/contacts/c", "/calendars/home/events/e", "/tasklists/chores", "/tasklists/chores/tasks/t"]
)
def test_a_wrong_etag_changes_nothing_anywhere(mirrored: Local, path: str) -> None:
    body = {"nickName": "x"} if "contacts" in path else {"subject": "x"} if "events" in path else {"title": "x"}

    answer = mirrored.http.patch(path, json=body, headers={"If-Match": "another"})

    assert (answer.status_code, waiting(mirrored)) == (412, [])


def test_null_clears_a_field_and_a_change_that_changes_nothing_waits_for_nothing(mirrored: Local) -> None:
    http = mirrored.http
    star = {"If-Match": "*"}

    http.patch("/tasklists/chores/tasks/t", json={"notes": "soon"}, headers=star)
    mirrored.settle()
    same = http.patch("/tasklists/chores/tasks/t", json={"notes": "soon"}, headers=star)
    quiet = waiting(mirrored)
    mirrored.beyond.patch("/tasklists/chores/tasks/t", json={"notes": None}, headers=star)

    assert (same.status_code, quiet) == (200, [])
    assert "notes" not in http.get("/tasklists/chores/tasks/t").json()
    assert [one.patch for one in outbox.edits(mirrored.world.store)] == [{"notes": None}]


def test_calendars_task_lists_and_folders_are_created_and_named_otherwise(mirrored: Local) -> None:
    http = mirrored.http

    calendar = http.post("/calendars", json={"name": "Rowing"}).json()
    tasks = http.post("/tasklists", json={"title": "Boat"}).json()
    folder = http.post("/email/folders", json={"name": "Races"}).json()
    event = http.post(f"/calendars/{calendar['id']}/events", json={"subject": "Regatta", **TIMES}).json()
    task = http.post(f"/tasklists/{tasks['id']}/tasks", json={"title": "Oars"}).json()
    http.patch("/calendars/home", json={"name": "At home"})
    inside = [
        http.get(f"/calendars/{calendar['id']}/events/{event['id']}"),
        http.get(f"/tasklists/{tasks['id']}/tasks"),
    ]
    mirrored.settle()
    mirrored.settle()

    assert (inside[0].json()["calendarId"], len(inside[1].json()["records"])) == (calendar["id"], 1)
    assert {one["name"] for one in mirrored.upstream.live(CALENDARS).values()} == {"At home", "Rowing"}
    assert {one["title"] for one in mirrored.upstream.live(TASK_LISTS).values()} == {"Chores", "Boat"}
    assert {one["name"] for one in mirrored.upstream.live(FOLDERS).values()} == {"Races"}
    assert http.get(f"/calendars/{calendar['id']}/events/{event['id']}").json()["subject"] == "Regatta"
    assert http.get(f"/tasklists/{tasks['id']}/tasks/{task['id']}").json()["title"] == "Oars"
    assert http.get(f"/email/folders/{folder['id']}").json()["name"] == "Races"


def test_what_contains_others_keeps_its_local_id_too_and_is_deleted_by_it(mirrored: Local) -> None:
    http, before = mirrored.http, set(mirrored.upstream.live(TASK_LISTS))
    tasks = http.post("/tasklists", json={"title": "Boat"}).json()["id"]
    task = http.post(f"/tasklists/{tasks}/tasks", json={"title": "Oars"}).json()["id"]
    folder = http.post("/email/folders", json={"name": "Races"}).json()["id"]
    calendar = http.post("/calendars", json={"name": "Rowing"}).json()["id"]
    mirrored.settle()
    mirrored.settle()

    renamed = http.patch(f"/tasklists/{tasks}", json={"title": "Ship"}, headers={"If-Match": "*"}).json()
    http.patch(f"/calendars/{calendar}", json={"name": "Sculling"})
    http.patch(f"/tasklists/{tasks}/tasks/{task}", json={"notes": "two"}, headers={"If-Match": "*"})
    below = http.post("/email/folders", json={"name": "Lost", "parentId": folder}).json()
    found = http.get(f"/email/folders/{folder}").json()
    mirrored.settle()
    named = {one["title"]: one["id"] for one in mirrored.upstream.live(TASK_LISTS).values()}
    http.delete(f"/tasklists/{tasks}")
    gone = http.get(f"/tasklists/{tasks}/tasks")
    mirrored.settle()

    assert renamed["title"] == "Ship"
    assert named["Ship"] == renamed["id"]
    assert below["parentId"] == found["id"] != folder
    assert {one["name"] for one in mirrored.upstream.live(CALENDARS).values()} >= {"Sculling"}
    assert gone.status_code == 404
    assert set(mirrored.upstream.live(TASK_LISTS)) == before
    assert waiting(mirrored) == []


def test_the_instances_of_a_series_that_was_created_offline_keep_their_local_ids(mirrored: Local) -> None:
    window = {"timeMin": "2026-01-19T00:00:00Z", "timeMax": "2026-03-01T00:00:00Z"}
    made = mirrored.http.post("/calendars/home/events", json={"subject": "Rowing", **TIMES, **WEEKLY}).json()["id"]
    ranged = mirrored.http.get("/calendars/home/events/range", params=window).json()["records"]
    mirrored.settle()

    after = [mirrored.http.get(f"/calendars/home/events/{one['id']}").json() for one in ranged]

    assert [one["start"] for one in after] == [one["start"] for one in ranged]
    assert all(one["id"].startswith(made) for one in ranged)
    assert not any(one["id"].startswith("local-") for one in after)
    assert mirrored.http.get(f"/calendars/home/events/{made}/occurrences/2026-01-27").json()["id"] == after[1]["id"]


def test_who_is_to_be_told_of_an_event_is_handed_on(mirrored: Local) -> None:
    mirrored.http.post("/calendars/home/events", params={"notifyAttendees": "false"}, json={"subject": "x", **TIMES})
    mirrored.http.patch("/calendars/home/events/e", json={"subject": "y"}, headers={"If-Match": "*"})
    mirrored.world.push()

    sent = [one for one in mirrored.upstream.behind.faults.requests if "/events" in one.path and one.method != "GET"]
    assert [(one.method, "notifyAttendees=false" in one.query) for one in sent] == [("POST", True), ("PATCH", False)]


def test_a_series_that_was_created_offline_shows_its_instances_at_once(mirrored: Local) -> None:
    mirrored.http.post("/calendars/home/events", json={"subject": "Rowing", **TIMES, **WEEKLY})

    window = {"timeMin": "2026-01-19T00:00:00Z", "timeMax": "2026-03-01T00:00:00Z"}
    ranged = mirrored.http.get("/calendars/home/events/range", params=window).json()["records"]

    assert [one["start"]["dateTime"][:10] for one in ranged] == ["2026-01-20", "2026-01-27", "2026-02-03"]
    assert {one["recurrenceType"] for one in ranged} == {"occurrence"}


def test_an_invitation_is_answered(mirrored: Local) -> None:
    attendees = {"attendees": [{"emailAddress": {"address": "ada@example.com"}}]}
    mirrored.upstream.put(EVENTS, "i", "Invitation", meetingInfo=attendees)
    mirrored.world.pull()

    answer = mirrored.http.put("/calendars/home/events/i/response", json={"response": "accepted", "comment": "Gladly"})
    shown = mirrored.http.get("/calendars/home/events/i").json()["meetingInfo"]["response"]
    mirrored.settle()

    assert (answer.json(), shown) == ({"status": "Ok"}, "accepted")
    (told,) = mirrored.upstream.live(EVENTS)["i"]["meetingInfo"]["attendees"]
    assert (told["response"], told["comment"]) == ("accepted", "Gladly")


# --- mail -------------------------------------------------------------------------------------------------------------------


def test_mail_is_marked_and_thrown_away(mirrored: Local) -> None:
    marked = mirrored.http.post("/email/messages/m/status", json={"unread": False, "keywords": ["club"]})
    shown = mirrored.http.get("/email/messages/m").json()
    mirrored.settle()
    trashed = mirrored.http.delete("/email/messages/m")
    gone = mirrored.http.get("/email/messages/m").json()
    mirrored.settle()

    assert marked.json() == trashed.json() == {"status": "Ok"}
    assert ("unread" in shown["sysLabels"], shown["keywords"]) == (False, ["club"])
    assert "trash" in gone["sysLabels"]
    theirs = mirrored.upstream.live(MESSAGES)["m"]
    assert (sorted(theirs["sysLabels"]), theirs["keywords"]) == (["trash"], ["club"])


def test_mail_that_is_sent_or_answered_waits_in_the_outbox_and_leaves_once(mirrored: Local) -> None:
    mail = {"to": [BEN], "subject": "Race", "body": "<p>Sunday</p>"}
    sent = mirrored.http.post("/email/messages", params={"returnIds": "true", "bodyType": "html"}, json=mail)
    answer = {"body": "Yes", "to": [BEN], "inReplyTo": "<other@example.org>"}
    answered = mirrored.beyond.post("/email/messages/m/reply", params={"bodyType": "text"}, json=answer)
    shown = mirrored.http.get(f"/email/messages/{sent.json()['id']}", params={"bodyType": "html"}).json()
    for _ in range(3):
        mirrored.settle()

    left = [one for one in mirrored.upstream.live(MESSAGES).values() if "sent" in one["sysLabels"]]
    assert (sent.status_code, answered.status_code) == (201, 200)
    assert (shown["subject"], shown["body"], shown["sysLabels"]) == ("Race", "<p>Sunday</p>", ["draft"])
    assert sorted(one["subject"] for one in left) == ["Race", "Re: before"]
    assert mirrored.http.get(f"/email/messages/{sent.json()['id']}").json()["sysLabels"] == ["sent"]


def test_mail_leaves_with_its_attachments_its_headers_and_what_upstream_alone_can_do(mirrored: Local) -> None:
    file = {"name": "start.txt", "mimeType": "text/plain", "content": base64.b64encode(b"at nine").decode()}
    mail = {
        "to": [BEN], "cc": [{"address": "eve@example.org"}], "subject": "List", "body": "x", "attachments": [file],
        "tracking": {"opens": True}, "followUp": {"ruleId": 7, "actionVars": {"tone": "kind"}}, "keywords": ["club"],
    }  # fmt: skip

    sent = mirrored.http.post("/email/messages", params={"returnIds": "true"}, json=mail)
    shown = mirrored.http.get(f"/email/messages/{sent.json()['id']}").json()
    (edit,) = outbox.edits(mirrored.world.store)
    mirrored.settle()
    mirrored.settle()

    assert "trackingId" not in sent.json(), "upstream makes it, when it sends"
    assert (shown["cc"][0]["address"], shown["keywords"]) == ("eve@example.org", ["club"])
    assert (edit.patch["tracking"], edit.patch["followUp"]) == (mail["tracking"], mail["followUp"])
    (left,) = [one for one in mirrored.upstream.live(MESSAGES).values() if one["subject"] == "List"]
    assert [(one["name"], one["size"]) for one in left["attachments"]] == [("start.txt", 7)]


@pytest.mark.parametrize(
    "mail", [{}, {"to": []}, {"to": [{"address": "no address"}]}, {"to": [BEN], "attachments": [{"content": "%"}]}]
)
def test_mail_that_can_not_be_sent_is_refused(mirrored: Local, mail: dict[str, Any]) -> None:
    answer = mirrored.beyond.post("/email/messages", json={"subject": "x", **mail})

    assert (answer.status_code, answer.json()["code"], waiting(mirrored)) == (400, "badRequest", [])


def test_a_draft_is_written_replaced_read_and_sent_all_before_upstream_hears_of_it(mirrored: Local) -> None:
    http = mirrored.http

    draft = http.post("/email/drafts", json={"to": [BEN], "subject": "one", "body": "<p>1</p>"}).json()["id"]
    replaced = http.put(f"/email/drafts/{draft}", json={"to": [BEN], "subject": "two", "body": "<p>2</p>"}).json()["id"]
    read = http.get(f"/email/drafts/{draft}").json()
    sent = http.post(f"/email/drafts/{draft}/send")
    mirrored.settle()
    mirrored.settle()

    assert replaced == draft
    assert (read["message"]["subject"], read["message"]["body"]) == ("two", "<p>2</p>")
    assert sent.json() == {"status": "Ok"}
    (left,) = [one for one in mirrored.upstream.live(MESSAGES).values() if "sent" in one["sysLabels"]]
    assert left["subject"] == "two"


def test_a_draft_that_upstream_has_is_reached_by_its_local_id_still(mirrored: Local) -> None:
    http = mirrored.http
    draft = http.post("/email/drafts", json={"to": [BEN], "subject": "one", "body": "1"}).json()["id"]
    mirrored.settle()

    http.put(f"/email/drafts/{draft}", json={"to": [BEN], "subject": "two", "body": "2"})
    mirrored.settle()
    theirs = [one["subject"] for one in mirrored.upstream.live(MESSAGES).values() if "draft" in one["sysLabels"]]
    http.delete(f"/email/drafts/{draft}")
    mirrored.settle()

    assert theirs == ["two"]
    assert [one for one in mirrored.upstream.live(MESSAGES).values() if "draft" in one["sysLabels"]] == []


# --- what is refused ----------------------------------------------------------------------------------------------------------


def test_a_read_only_account_says_so_with_the_command_that_changes_it(tmp_path: Path) -> None:
    mirrored = local(tmp_path, writable=False)
    for feed, name in ((CONTACTS, "c"), (EVENTS, "e"), (MESSAGES, "m")):
        mirrored.upstream.put(feed, name, "before")
    mirrored.world.pull()

    answers = [
        mirrored.http.post("/contacts", json={"nickName": "x"}),
        mirrored.http.patch("/contacts/c", json={"nickName": "x"}, headers={"If-Match": "*"}),
        mirrored.http.delete("/contacts/c"),
        mirrored.http.post("/email/messages", json={"to": [BEN]}),
        mirrored.http.post("/email/messages/m/status", json={"unread": False}),
        mirrored.http.delete("/email/messages/m"),
        mirrored.http.post("/email/messages/m/reply", params={"bodyType": "text"}, json={"body": "x", "to": [BEN]}),
        mirrored.http.post("/email/drafts", json={"to": [BEN]}),
        mirrored.http.post("/email/folders", json={"name": "x"}),
        mirrored.http.post("/calendars", json={"name": "x"}),
        mirrored.http.patch("/calendars/home", json={"name": "x"}),
        mirrored.http.post("/calendars/home/events", json={"subject": "x", **TIMES}),
        mirrored.http.put("/calendars/home/events/e/response", json={"response": "accepted"}),
        mirrored.http.post("/tasklists", json={"title": "x"}),
        mirrored.http.post("/tasklists/chores/tasks", json={"title": "x"}),
    ]

    assert {(one.status_code, one.json()["code"]) for one in answers} == {(403, "forbidden")}
    assert "mirror account writable work on" in answers[0].json()["message"]
    assert waiting(mirrored) == []
    mirrored.world.store.close()


def test_fields_are_checked_as_those_that_a_person_types(mirrored: Local) -> None:
    wrong = mirrored.beyond.post("/contacts", json={"emailAddresses": [{"address": "no address"}]})
    untimely = mirrored.beyond.post(
        "/calendars/home/events", json={"subject": "x", "start": TIMES["end"], "end": TIMES["start"]}
    )

    assert (wrong.status_code, untimely.status_code) == (400, 400)
    assert "emailAddresses" in wrong.json()["message"]
    assert waiting(mirrored) == []


def test_what_an_outbox_cannot_hold_is_refused(mirrored: Local) -> None:
    mirrored.upstream.put(EVENTS, "s", "Standup", recurrence={"ical": {"rules": ["RRULE:FREQ=WEEKLY"]}})
    mirrored.world.pull()
    draft = mirrored.http.post("/email/drafts", json={"to": [BEN]}).json()["id"]
    once = "/calendars/home/events/s_20260117T090000Z"

    answers = [
        mirrored.http.post(f"/email/drafts/{draft}/send", params={"sendTime": "2027-01-01T00:00:00Z"}),
        mirrored.http.patch(once, json={"subject": "x"}, headers={"If-Match": "*"}),
        mirrored.beyond.patch("/email/folders/wellKnown", json={"archive": None}),
        mirrored.http.delete("/account"),
        mirrored.http.get("/account", params={"pingProvider": "true"}),
        mirrored.http.post(f"/email/drafts/{draft}/send", json={"tracking": {"opens": True}}),
    ]

    assert [one.status_code for one in answers] == [400, 400, 403, 403, 400, 400]
    assert all(one.json()["message"] for one in answers)
    assert waiting(mirrored) == [("messages", "create", "pending")]


def test_what_a_program_names_by_a_local_id_must_be_upstream_already(mirrored: Local) -> None:
    above = mirrored.http.post("/tasklists/chores/tasks", json={"title": "above"}).json()["id"]

    early = mirrored.http.post("/tasklists/chores/tasks", json={"title": "below", "parentId": above})
    mirrored.settle()
    later = mirrored.http.post("/tasklists/chores/tasks", json={"title": "below", "parentId": above})
    mirrored.settle()

    assert (early.status_code, later.status_code) == (400, 201)
    tasks = {one["title"]: one for one in mirrored.upstream.live(TASKS).values()}
    assert tasks["below"]["parentId"] == tasks["above"]["id"]
