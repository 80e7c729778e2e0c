"""The sync protocol as the sandbox speaks it: starts, both feeds, tokens and their ends, windows and cut-offs."""

from __future__ import annotations

from typing import Any

import pytest
from sandbox_wire import Box, asking_wrongly, sandbox, segment

from mirror.sandbox.options import Options

WINDOW = {"timeMin": "2026-01-01T00:00:00Z", "timeMax": "2026-02-01T00:00:00Z"}
HOME = "ada@example.com"
CALENDAR = f"/calendars/{segment(HOME)}"


def people(box: Box, count: int) -> list[dict[str, Any]]:
    with box.state.batch():
        return [box.state.create(box.account.id, "contacts", {"nickName": f"p{at}"}) for at in range(count)]


def event(box: Box, start: str, end: str, **more: Any) -> dict[str, Any]:
    times = {"start": {"dateTime": start}, "end": {"dateTime": end}}
    return box.state.create(box.account.id, "events", {**times, **more}, parent=HOME)


def ids(records: list[dict[str, Any]]) -> list[str]:
    return [record["id"] for record in records]


ROOTS = [
    ("/contacts", "contacts", None, {}),
    (CALENDAR, "events", HOME, WINDOW),
    ("/email", "messages", None, {}),
    ("/tasklists/default", "tasks", "default", {}),
]


@pytest.mark.parametrize(("root", "kind", "parent", "params"), ROOTS)
def test_all_four_resources_tell_of_creations_changes_and_deletions(
    root: str, kind: str, parent: str | None, params: dict[str, str]
) -> None:
    box = sandbox(Options(page_size=2))
    if parent == "default":
        parent = box.state.records(box.account.id, "task_lists")[0]["id"]
    day = {"start": {"dateOnly": "2026-01-10"}, "end": {"dateOnly": "2026-01-11"}} if kind == "events" else {}
    first, second, third = (box.state.create(box.account.id, kind, {**day}, parent=parent) for _ in range(3))
    updated_token, deleted_token = box.start(root, **params)

    listed, updated_token = box.walk(root, updated_token)
    deleted, deleted_token = box.walk(root, deleted_token, "deleted")
    assert ids(listed) == ids([first, second, third])
    assert deleted == []

    box.state.change(box.account.id, kind, first["id"], {}, parent=parent)
    box.state.delete(box.account.id, kind, second["id"], parent=parent)
    listed, updated_token = box.walk(root, updated_token)
    deleted, deleted_token = box.walk(root, deleted_token, "deleted")
    assert ids(listed) == [first["id"]]
    assert ids(deleted) == [second["id"]]

    before = len(box.behind.faults.requests)
    assert box.walk(root, updated_token)[0] == []
    assert box.walk(root, deleted_token, "deleted")[0] == []
    assert len(box.behind.faults.requests) - before == 2, "nothing new costs one request per cursor"


@pytest.mark.parametrize("size", [1, 2, 3, 6, 7, 8, 50])
def test_pages_of_every_size_give_every_record_once(size: int) -> None:
    box = sandbox(Options(page_size=size))
    made = people(box, 7)

    listed, _ = box.walk("/contacts", box.start("/contacts")[0])

    assert ids(listed) == ids(made)


def test_a_start_is_not_ready_for_a_while_and_gives_no_tokens_before() -> None:
    box = sandbox(Options(ready_polls=2))
    answers = [box.http.post("/email/sync", params={"daysWithin": 3}).json() for _ in range(3)]

    assert answers[:2] == [{"ready": False}] * 2
    assert answers[2]["ready"]
    assert box.http.post("/email/sync", params={"daysWithin": 4}).json() == {"ready": False}, (
        "other parameters wait anew"
    )


def test_await_ready_holds_until_it_is_ready() -> None:
    box = sandbox(Options(ready_polls=2))
    assert box.http.post("/contacts/sync", params={"awaitReady": "true"}).json()["ready"]


def test_a_page_token_can_be_shown_again() -> None:
    box = sandbox(Options(page_size=2))
    people(box, 5)
    token = box.start("/contacts")[0]
    first = box.http.get("/contacts/sync/updated", params={"deltaToken": token}).json()
    again = {"pageToken": first["nextPageToken"]}

    assert box.http.get("/contacts/sync/updated", params=again).json() == (
        box.http.get("/contacts/sync/updated", params=again).json()
    )


def test_a_page_token_beats_a_delta_token() -> None:
    box = sandbox(Options(page_size=2))
    made = people(box, 3)
    token = box.start("/contacts")[0]
    page_token = box.http.get("/contacts/sync/updated", params={"deltaToken": token}).json()["nextPageToken"]

    both = box.http.get("/contacts/sync/updated", params={"deltaToken": token, "pageToken": page_token}).json()

    assert ids(both["records"]) == [made[2]["id"]]


def test_a_thousand_changes_between_two_pages_lose_nothing() -> None:
    box = sandbox(Options(page_size=100))
    made = people(box, 300)
    updated_token, deleted_token = box.start("/contacts")
    page = box.http.get("/contacts/sync/updated", params={"deltaToken": updated_token}).json()
    seen = {record["id"]: record for record in page["records"]}

    with box.state.batch():
        for at in range(1_000):
            box.state.change(box.account.id, "contacts", made[at % 250]["id"], {"nickName": f"new {at}"})
        for gone in made[250:]:
            box.state.delete(box.account.id, "contacts", gone["id"])
    while "nextPageToken" in page:
        page = box.http.get("/contacts/sync/updated", params={"pageToken": page["nextPageToken"]}).json()
        seen |= {record["id"]: record for record in page["records"]}
    deleted, _ = box.walk("/contacts", deleted_token, "deleted")

    live = {record["id"]: record for record in box.state.records(box.account.id, "contacts")}
    assert {remote_id: record for remote_id, record in seen.items() if remote_id not in set(ids(deleted))} == live
    assert ids(deleted) == ids(made[250:])


def test_a_record_can_be_in_both_feeds_of_one_pass() -> None:
    box = sandbox()
    made = people(box, 2)
    updated_token, deleted_token = box.start("/contacts")

    listed, updated_token = box.walk("/contacts", updated_token)
    box.state.delete(box.account.id, "contacts", made[0]["id"])
    deleted, deleted_token = box.walk("/contacts", deleted_token, "deleted")
    assert made[0]["id"] in ids(listed)
    assert ids(deleted) == [made[0]["id"]]

    box.state.create(box.account.id, "contacts", {"nickName": "back"}, remote_id=made[0]["id"])
    assert ids(box.walk("/contacts", updated_token)[0]) == [made[0]["id"]]
    box.state.delete(box.account.id, "contacts", made[0]["id"])
    assert ids(box.walk("/contacts", deleted_token, "deleted")[0]) == [made[0]["id"]]


def test_a_delta_token_expires_by_the_clock_with_410() -> None:
    box = sandbox(Options(delta_token_lifetime_s=3600))
    token, _ = box.start("/contacts")
    box.clock.sleep(3600)
    assert box.http.get("/contacts/sync/updated", params={"deltaToken": token}).status_code == 200
    box.clock.sleep(1)

    answer = box.http.get("/contacts/sync/updated", params={"deltaToken": token})

    assert answer.status_code == 410
    assert answer.json()["code"] == "syncToken.expired"


def test_tokens_expire_by_use() -> None:
    box = sandbox(Options(page_size=1, delta_token_uses=2, page_token_uses=1))
    people(box, 3)
    token, _ = box.start("/contacts")
    answers = [box.http.get("/contacts/sync/updated", params={"deltaToken": token}) for _ in range(3)]
    page = {"pageToken": answers[0].json()["nextPageToken"]}
    pages = [box.http.get("/contacts/sync/updated", params=page) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 200, 410]
    assert [answer.status_code for answer in pages] == [200, 410]


def test_an_expired_page_token_may_be_a_bad_request_instead() -> None:
    box = sandbox(Options(page_size=1, expired_page_status=400))
    people(box, 2)
    token, _ = box.start("/contacts")
    page = box.http.get("/contacts/sync/updated", params={"deltaToken": token}).json()
    box.behind.tokens.expire("page")

    answer = box.http.get("/contacts/sync/updated", params={"pageToken": page["nextPageToken"]})

    assert (answer.status_code, answer.json()["code"]) == (400, "token.notValid")
    assert answer.json()["message"] == "Page token is invalid"
    assert box.http.get("/contacts/sync/updated", params={"deltaToken": token}).status_code == 200


def test_all_tokens_can_be_made_to_expire_and_a_new_start_helps() -> None:
    box = sandbox()
    token, deleted_token = box.start("/contacts")
    box.behind.tokens.expire()

    assert box.http.get("/contacts/sync/updated", params={"deltaToken": token}).status_code == 410
    assert box.http.get("/contacts/sync/deleted", params={"deltaToken": deleted_token}).status_code == 410
    assert box.walk("/contacts", box.start("/contacts")[0])[0] == []


def test_a_token_is_good_only_where_it_was_given() -> None:
    box = sandbox(Options(page_size=1))
    people(box, 2)
    updated_token, deleted_token = box.start("/contacts")
    email_token, _ = box.start("/email")
    page_token = box.http.get("/contacts/sync/updated", params={"deltaToken": updated_token}).json()["nextPageToken"]
    wrong = [
        deleted_token,
        email_token,
        page_token,
        "nonsense",
        updated_token[:-4],
        updated_token.replace("A", "B", 1),
        "é",
    ]

    for token in wrong:
        answer = box.http.get("/contacts/sync/updated", params={"deltaToken": token})
        assert (answer.status_code, answer.json()["code"]) == (400, "token.notValid"), token


def test_another_accounts_token_is_refused() -> None:
    box = sandbox()
    token, _ = box.start("/contacts")
    other = box.state.add_account(email="ben@example.com")

    answer = asking_wrongly(box, other.token).get("/contacts/sync/updated", params={"deltaToken": token})

    assert answer.status_code == 400


def test_no_token_at_all_is_a_bad_request() -> None:
    box = sandbox()
    assert box.http.get("/contacts/sync/updated").status_code == 400


def test_tokens_are_long_and_must_be_encoded() -> None:
    box = sandbox()
    for token in box.start("/contacts"):
        assert len(token) > 200
        assert token.endswith("=")


def test_tokens_outlive_the_server() -> None:
    first = sandbox()
    token, _ = first.start("/contacts")
    second = sandbox()
    assert second.walk("/contacts", token)[0] == []


# --- what a start is limited to ---------------------------------------------------------------------------------------


def test_a_calendar_sync_reports_what_touches_its_window() -> None:
    box = sandbox()
    weekly = {"ical": {"rules": ["RRULE:FREQ=WEEKLY"], "recurrenceStart": {"dateTime": "2025-06-02T09:00:00Z"}}}
    over = {"ical": {"rules": ["RRULE:FREQ=WEEKLY;UNTIL=20251001T000000Z"]}}
    inside = event(box, "2026-01-10T10:00:00Z", "2026-01-10T11:00:00Z")
    across = event(box, "2025-12-31T23:00:00Z", "2026-01-01T01:00:00Z")
    master = event(box, "2025-06-02T09:00:00Z", "2025-06-02T10:00:00Z", recurrence=weekly)
    event(box, "2025-12-31T23:00:00Z", "2026-01-01T00:00:00Z", subject="ends as the window begins")
    event(box, "2026-02-01T00:00:00Z", "2026-02-01T01:00:00Z", subject="begins as the window ends")
    event(box, "2025-06-02T09:00:00Z", "2025-06-02T10:00:00Z", recurrence=over)
    info = {"type": "modified", "originalStart": {"dateTime": "2026-01-12T09:00:00Z"}, "masterId": master["id"]}
    moved = event(box, "2026-01-13T09:00:00Z", "2026-01-13T10:00:00Z", occurrenceInfo=info)

    listed, _ = box.walk(CALENDAR, box.start(CALENDAR, **WINDOW)[0])

    assert ids(listed) == ids([inside, across, master, moved])


def test_an_event_that_leaves_its_window_is_told_of() -> None:
    box = sandbox()
    inside = event(box, "2026-01-10T10:00:00Z", "2026-01-10T11:00:00Z")
    token, deleted_token = box.start(CALENDAR, **WINDOW)
    _, token = box.walk(CALENDAR, token)

    later = {"start": {"dateTime": "2026-06-01T10:00:00Z"}, "end": {"dateTime": "2026-06-01T11:00:00Z"}}
    box.state.change(box.account.id, "events", inside["id"], later, parent=HOME)
    event(box, "2026-06-02T10:00:00Z", "2026-06-02T11:00:00Z", subject="never was inside")

    listed, _ = box.walk(CALENDAR, token)
    assert [record["start"] for record in listed] == [later["start"]]
    assert box.walk(CALENDAR, deleted_token, "deleted")[0] == []
    assert box.walk(CALENDAR, box.start(CALENDAR, **WINDOW)[0])[0] == [], "a new listing of the window is without it"


def test_a_provider_may_keep_silent_about_what_left_its_window() -> None:
    box = sandbox(Options(silent_outside=True))
    inside = event(box, "2026-01-10T10:00:00Z", "2026-01-10T11:00:00Z")
    _, token = box.walk(CALENDAR, box.start(CALENDAR, **WINDOW)[0])

    later = {"start": {"dateTime": "2026-06-01T10:00:00Z"}, "end": {"dateTime": "2026-06-01T11:00:00Z"}}
    box.state.change(box.account.id, "events", inside["id"], later, parent=HOME)

    assert box.walk(CALENDAR, token)[0] == []


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"timeMin": WINDOW["timeMin"]},
        {"timeMin": WINDOW["timeMax"], "timeMax": WINDOW["timeMin"]},
        {"timeMin": "2026-01-01T00:00:00", "timeMax": WINDOW["timeMax"]},
        {"timeMin": "2026-13-01T00:00:00Z", "timeMax": WINDOW["timeMax"]},
        {"timeMin": "yesterday", "timeMax": WINDOW["timeMax"]},
    ],
)
def test_a_window_must_be_one(params: dict[str, str]) -> None:
    box = sandbox()
    answer = asking_wrongly(box).post(f"{CALENDAR}/sync", params=params)
    assert (answer.status_code, answer.json()["code"]) == (400, "badRequest")


def test_milliseconds_and_offsets_of_a_window_are_understood() -> None:
    box = sandbox()
    made = event(box, "2026-01-10T10:00:00Z", "2026-01-10T11:00:00Z")
    window = {"timeMin": "2026-01-10T12:59:59.999+02:00", "timeMax": "2026-02-01T00:00:00.000Z"}
    assert ids(box.walk(CALENDAR, box.start(CALENDAR, **window)[0])[0]) == [made["id"]]


def test_mail_is_cut_off_by_age_and_old_mail_that_changes_is_told_of() -> None:
    box = sandbox()
    old, new = (
        box.state.create(box.account.id, "messages", {"receivedAt": at, "subject": at})
        for at in ("2025-11-01T00:00:00.000Z", "2026-01-04T00:00:00.000Z")
    )
    token, _ = box.start("/email", daysWithin=7)

    listed, token = box.walk("/email", token)
    assert ids(listed) == [new["id"]]
    box.state.change(box.account.id, "messages", old["id"], {"keywords": ["found again"]})
    assert ids(box.walk("/email", token)[0]) == [old["id"]]


def test_tasks_completed_long_ago_are_skipped() -> None:
    box = sandbox()
    home = box.state.records(box.account.id, "task_lists")[0]["id"]
    moments: tuple[str | None, ...] = (None, "2025-01-01T00:00:00Z", "2026-01-01T01:00:00+01:00")
    made = [
        box.state.create(box.account.id, "tasks", {"title": "t", **({"completed": at} if at else {})}, parent=home)
        for at in moments
    ]

    listed, _ = box.walk(
        "/tasklists/default", box.start("/tasklists/default", skipCompletedBeforeDate="2026-01-01T00:00:00Z")[0]
    )

    assert ids(listed) == [made[0]["id"], made[2]["id"]]


def test_the_body_type_of_a_mail_sync_is_bound_into_its_tokens() -> None:
    box = sandbox(Options(page_size=1))
    for body in ("<p>Dear <b>Ada</b></p>", "plain"):
        box.state.create(box.account.id, "messages", {"subject": "x"}, body=body)

    texts, _ = box.walk("/email", box.start("/email", bodyType="text")[0])
    bare, _ = box.walk("/email", box.start("/email")[0])

    assert [record["body"] for record in texts] == ["Dear Ada", "plain"]
    assert all("body" not in record and record["omitted"] == ["body"] for record in bare)


def test_an_imap_account_omits_more() -> None:
    box = sandbox(service_type="IMAP")
    record = {
        "subject": "x",
        "attachments": [{"id": "1", "name": "a"}],
        "internetHeaders": [{"name": "X", "value": "y"}],
    }
    made = box.state.create(box.account.id, "messages", record, body="hi")

    (listed,), _ = box.walk("/email", box.start("/email", bodyType="text")[0])
    whole = box.http.get(f"/email/messages/{segment(made['id'])}", params={"bodyType": "text"}).json()

    assert listed["omitted"] == ["body", "attachments", "internetHeaders"]
    assert not {"body", "attachments", "internetHeaders"} & set(listed)
    assert whole == {**made, "body": "hi"}


def test_the_feed_of_a_vanished_parent_is_not_found() -> None:
    box = sandbox()
    gone = box.http.post("/calendars", json={"name": "Choir"}).json()["id"]
    token, _ = box.start(f"/calendars/{segment(gone)}", **WINDOW)
    box.state.delete(box.account.id, "calendars", gone)

    answer = box.http.get(f"/calendars/{segment(gone)}/sync/updated", params={"deltaToken": token})

    assert answer.status_code == 404
