"""Who may ask, what is asked for wrongly, and how the sandbox says no."""

from __future__ import annotations

import uuid

import httpx
import pytest
from sandbox_wire import Transport, asking_wrongly, sandbox, segment

from mirror.sandbox.options import Options


def test_the_account_tells_what_it_is() -> None:
    box = sandbox()
    account = box.http.get("/account").json()
    assert (account["id"], account["email"], account["tokenStatus"]) == (box.account.id, "ada@example.com", "active")


@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": "Bearer"}, {"Authorization": "Bearer nobody"}, {"Authorization": "x"}]
)
def test_an_unknown_or_missing_token_is_unauthorized(headers: dict[str, str]) -> None:
    box = sandbox()
    with httpx.Client(transport=Transport(box.app), base_url="http://sandbox.example/v1") as stranger:
        answer = stranger.get("/account", headers=headers)

    assert answer.status_code == 401
    assert answer.json()["code"] == "unauthorized"
    assert uuid.UUID(answer.json()["requestId"])


def test_a_dead_token_is_told_apart_and_can_be_revived() -> None:
    box = sandbox()
    codes = []
    for status in ("dead", "invalid", "active"):
        box.state.set_token_status(box.account.id, status)
        answer = box.http.get("/account")
        codes.append((answer.status_code, answer.json().get("code")))
    assert codes == [(401, "token.dead"), (401, "token.refresh.failed"), (200, None)]


def test_the_application_may_act_for_an_account() -> None:
    box = sandbox()
    headers = {"X-Aurinko-Account-Id": str(box.account.id)}
    app = (box.behind.options.client_id, box.behind.options.client_secret)
    with httpx.Client(transport=Transport(box.app), base_url="http://sandbox.example/v1") as http:
        assert http.get("/account", auth=app, headers=headers).json()["id"] == box.account.id
        refused = [
            http.get("/account", auth=app),
            http.get("/account", auth=app, headers={"X-Aurinko-Account-Id": "5"}),
            http.get("/account", auth=app, headers={"X-Aurinko-Account-Id": "9" * 30}),
            http.get("/account", auth=(app[0], "wrong"), headers=headers),
            http.get("/account", headers={"Authorization": "Basic ****", **headers}),
        ]
        assert {answer.status_code for answer in refused} == {401}
        box.state.set_token_status(box.account.id, "dead")
        assert http.get("/account", auth=app, headers=headers).json()["tokenStatus"] == "dead"
        assert http.get("/calendars", auth=app, headers=headers).status_code == 401


def test_a_revoked_token_opens_nothing_and_a_new_one_does() -> None:
    box = sandbox()
    assert box.http.delete("/account/token").status_code == 200
    assert box.http.get("/account").status_code == 401

    box.state.set_token(box.account.id, "another")
    assert asking_wrongly(box, "another").get("/account").json()["id"] == box.account.id


def test_a_deleted_account_is_gone_with_all_it_held() -> None:
    box = sandbox()
    box.state.create(box.account.id, "contacts", {"nickName": "a"})

    assert box.http.delete("/account").status_code == 200

    assert box.http.get("/account").status_code == 401
    assert box.state.accounts() == []
    assert box.state.records(box.account.id, "contacts") == []


def test_what_is_not_there_is_not_found() -> None:
    box = sandbox()
    http = asking_wrongly(box)
    primary = segment("ada@example.com")
    for path in (
        "/contacts/nobody",
        "/calendars/nowhere",
        "/calendars/nowhere/events/range",
        f"/calendars/{primary}/events/nothing",
        f"/calendars/{primary}/events/nothing_20260105",
        f"/calendars/{primary}/events/nothing/series",
        "/email/messages/nothing",
        "/email/messages/nothing/raw",
        "/email/conversations/nothing",
        "/email/folders/nothing",
        "/email/drafts/nothing",
        "/tasklists/nothing",
        "/tasklists/default/tasks/nothing",
        "/contacts",
        "/somewhere",
        "/contacts/",
    ):
        answer = http.get(path)
        assert answer.status_code == (405 if path == "/contacts" else 404), path
        assert answer.json()["message"]


def test_a_wrong_verb_names_the_right_ones() -> None:
    box = sandbox()
    answer = asking_wrongly(box).put("/contacts/someone")
    assert answer.status_code == 405
    assert answer.headers["Allow"] == "DELETE, GET, PATCH"


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{", b'{"nickName": 5}', b"\xff", b'{"emailAddresses": {}}', b"[" * 5000]
)
def test_a_body_that_can_not_be_read_is_a_bad_request(content: bytes) -> None:
    box = sandbox()
    answer = asking_wrongly(box).post("/contacts", content=content)
    assert (answer.status_code, answer.json()["code"]) == (400, "badRequest")


def test_more_requests_than_allowed_in_a_second_are_too_many() -> None:
    box = sandbox(Options(rate_limit=3))
    statuses = [box.http.get("/calendars").status_code for _ in range(4)]
    refused = box.http.get("/calendars")
    box.clock.sleep(float(refused.headers["Retry-After"]))

    assert statuses == [200, 200, 200, 429]
    assert refused.status_code == 429
    assert box.http.get("/calendars").status_code == 200


@pytest.mark.parametrize(
    "remote_id", ["people/c1", "a b", "ä€😀", "x#y?z", "100%", "a%2Fb", "..", "=", "+", "a/b/c//d", "\u0001"]
)
def test_ids_may_hold_any_character(remote_id: str) -> None:
    box = sandbox()
    box.state.create(box.account.id, "contacts", {"nickName": "a"}, remote_id=remote_id)
    written = "%2E%2E" if remote_id == ".." else segment(remote_id)

    answer = box.http.get(f"/contacts/{written}")

    assert answer.json()["id"] == remote_id


def test_without_the_raw_path_ids_with_slashes_are_still_found() -> None:
    box = sandbox()
    made = box.state.create(box.account.id, "contacts", {"nickName": "a"})
    headers = {"Authorization": f"Bearer {box.account.token}"}
    with httpx.Client(transport=httpx.WSGITransport(app=box.app), base_url="http://sandbox.example/v1") as http:
        answer = http.get(f"/contacts/{segment(made['id'])}", headers=headers)
        started = http.post(f"/calendars/{segment('ada@example.com')}/events", headers=headers, content=b"{}")

    assert "/" in made["id"]
    assert answer.json() == made
    assert started.status_code == 400
