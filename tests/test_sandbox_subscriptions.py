"""The sandbox tells of changes: the question to a new URL, what is told, its signature, and what happens when nobody listens."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from sandbox_wire import Box, Transport, asking_wrongly, client, segment, validated

from mirror.clock import VirtualClock
from mirror.contract.notifications import Reply, signature
from mirror.contract.posting import Poster
from mirror.sandbox.app import create_app, sandbox_of
from mirror.sandbox.options import Options
from mirror.sandbox.serve import serve
from mirror.sandbox.state import State

URL = "http://127.0.0.1:9/told?key=1"


@dataclass
class Receiver:
    """Whoever is notified: answers the question rightly, and notifications with `status`."""

    status: int | None = 200
    question: Callable[[str], Reply] = lambda token: Reply(200, "text/plain; charset=utf-8", token)
    asked: list[tuple[str, Mapping[str, str], bytes]] = field(default_factory=list)
    got: list[tuple[Mapping[str, str], dict[str, Any]]] = field(default_factory=list)

    def __call__(self, url: str, headers: Mapping[str, str], content: bytes, timeout_s: float) -> Reply:
        token = parse_qs(urlsplit(url).query).get("validationToken")
        if token:
            self.asked.append((url, headers, content))
            return self.question(token[0])
        self.got.append((headers, json.loads(content)))
        return Reply(self.status) if self.status else Reply(None, text="ConnectError: refused")

    def take(self) -> list[dict[str, Any]]:
        """What was told since this was last asked."""
        told = [body for _, body in self.got]
        self.got.clear()
        return told


def told_box(receiver: Any, options: Options | None = None, path: str = ":memory:") -> Box:
    clock = VirtualClock()
    state = State(path, clock=clock)
    known = state.accounts()
    account = known[0] if known else state.add_account(email="ada@example.com")
    if not known:
        state.create(account.id, "calendars", {"name": "Ada", "primary": True}, remote_id="ada@example.com")
        state.create(account.id, "task_lists", {"title": "Tasks", "defaultList": True}, remote_id="list")
    app = create_app(state, options, post=receiver)
    return Box(state, clock, app, account, client(app, account.token or ""))


def subscribed(box: Box, resource: str = "/contacts", **more: Any) -> Any:
    answer = box.http.post("/subscriptions", json={"resource": resource, "notificationUrl": URL, **more})
    assert answer.status_code == 200, answer.text
    return answer.json()


def pump(box: Box) -> int:
    return box.behind.notifications.pump()


def standing(box: Box, subscription: Any) -> Any:
    return box.http.get(f"/subscriptions/{subscription['id']}").json()


# --- subscribing ------------------------------------------------------------------------------------------------------


def test_a_url_is_asked_with_a_signed_question_before_it_is_subscribed() -> None:
    receiver = Receiver()
    box = told_box(receiver)

    made = subscribed(box, "/calendars/primary/events", filters=["withoutDrafts"], detailLevel="status")

    ((url, headers, content),) = receiver.asked
    assert url.startswith(URL + "&validationToken=")
    assert headers["Content-Type"] == "text/plain; charset=utf-8"
    assert content == b""
    signed = signature(box.behind.options.signing_secret, headers["X-Aurinko-Request-Timestamp"], b"")
    assert headers["X-Aurinko-Signature"] == signed
    assert made == standing(box, made)
    assert (made["resource"], made["notificationUrl"], made["active"]) == ("/calendars/primary/events", URL, True)
    assert (made["filters"], made["detailLevel"], made["disabledByBilling"]) == (["withoutDrafts"], "status", False)


@pytest.mark.parametrize(
    "question",
    [
        lambda token: Reply(204),
        lambda token: Reply(500, "text/plain", token),
        lambda token: Reply(200, "text/html", token),
        lambda token: Reply(200, "text/plain", token + "\n"),
        lambda token: Reply(200, "text/plain", json.dumps(token)),
        lambda token: Reply(200, "text/plain", token.replace(" ", "+")),
        lambda token: Reply(None, text="ReadTimeout"),
    ],
)
def test_a_wrong_answer_to_the_question_is_a_bad_request(question: Callable[[str], Reply]) -> None:
    box = told_box(Receiver(question=question))

    answer = box.http.post("/subscriptions", json={"resource": "/contacts", "notificationUrl": URL})

    assert (answer.status_code, answer.json()["code"]) == (400, "badRequest")
    assert box.http.get("/subscriptions").json()["records"] == []


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"resource": "/contacts"},
        {"notificationUrl": URL},
        {"resource": "/contacts", "notificationUrl": "http://thief.example/"},
        {"resource": "/contacts", "notificationUrl": "http://127.0.0.1@thief.example/"},
        {"resource": "/contacts", "notificationUrl": "ftp://127.0.0.1/"},
        {"resource": "/contacts", "notificationUrl": "http://127.0.0.1:99999/"},
        {"resource": "/contacts", "notificationUrl": "/told"},
        {"resource": "/contacts/sync", "notificationUrl": URL},
        {"resource": "/calendars/nowhere/events", "notificationUrl": URL},
        {"resource": "/tasklists/nowhere/tasks", "notificationUrl": URL},
        {"resource": "/contacts", "notificationUrl": URL, "filters": ["withoutSpam"]},
        {"resource": "/contacts", "notificationUrl": URL, "detailLevel": "all"},
    ],
)
def test_a_subscription_that_makes_no_sense_is_refused_without_asking_anybody(asked: dict[str, Any]) -> None:
    receiver = Receiver()
    box = told_box(receiver)

    assert asking_wrongly(box).post("/subscriptions", json=asked).status_code == 400
    assert receiver.asked == []


def test_subscriptions_are_listed_in_parts_and_removed_one_by_one() -> None:
    box = told_box(Receiver())
    made = [subscribed(box) for _ in range(3)]

    part = box.http.get("/subscriptions", params={"limit": 2, "offset": 1}).json()
    assert (part["offset"], part["totalSize"], part["done"]) == (1, 3, True)
    assert part["records"] == made[1:]
    assert len({one["id"] for one in made}) == 3
    assert box.http.delete(f"/subscriptions/{made[0]['id']}").content == b""
    for verb in ("GET", "DELETE"):
        assert box.http.request(verb, f"/subscriptions/{made[0]['id']}").status_code == 404
    assert box.http.get("/subscriptions").json()["records"] == made[1:]
    assert box.http.get("/subscriptions", params={"limit": 0}).status_code == 400


def test_nobody_sees_or_ends_the_subscriptions_of_another_account() -> None:
    box = told_box(Receiver())
    made = subscribed(box)
    other = box.state.add_account(email="eve@example.org", token="eve")

    with client(box.app, other.token or "") as http:
        assert http.get("/subscriptions").json()["records"] == []
        assert http.delete(f"/subscriptions/{made['id']}").status_code == 404
    assert standing(box, made)["active"]


# --- telling ----------------------------------------------------------------------------------------------------------


def test_what_is_created_changed_and_deleted_is_told_signed_and_once() -> None:
    receiver = Receiver()
    box = told_box(receiver)
    box.state.create(box.account.id, "contacts", {"nickName": "old"}, remote_id="old")
    box.state.create(box.account.id, "contacts", {"nickName": "gone"}, remote_id="gone")
    made = subscribed(box)

    box.state.change(box.account.id, "contacts", "old", {"nickName": "new"})
    box.state.delete(box.account.id, "contacts", "gone")
    box.state.create(box.account.id, "contacts", {"nickName": "Ben"}, remote_id="ben")

    assert pump(box) == 1
    headers, told = receiver.got[0]
    content = json.dumps(told, separators=(",", ":")).encode()
    assert headers["Content-Type"] == "application/json"
    assert headers["X-Aurinko-Request-Timestamp"] == str(int(box.clock.now().timestamp()))
    base = f"v0:{headers['X-Aurinko-Request-Timestamp']}:".encode() + content
    secret = box.behind.options.signing_secret.encode()
    assert headers["X-Aurinko-Signature"] == hmac.new(secret, base, hashlib.sha256).hexdigest()
    assert told == {
        "subscription": made["id"],
        "resource": "/contacts",
        "accountId": box.account.id,
        "payloads": [
            {"id": "old", "changeType": "updated"},
            {"id": "gone", "changeType": "deleted"},
            {"id": "ben", "changeType": "created"},
        ],
    }
    receiver.take()
    assert pump(box) == 0
    assert receiver.got == []


@pytest.mark.parametrize(
    ("resource", "kind", "parent"),
    [
        ("/contacts", "contacts", None),
        ("/email/messages", "messages", None),
        ("/calendars/primary/events", "events", "ada@example.com"),
        ("/calendars/ada@example.com/events", "events", "ada@example.com"),
        ("/calendars/ada%40example.com/events", "events", "ada@example.com"),
        ("/tasklists/default/tasks", "tasks", "list"),
        ("/tasklists/list/tasks", "tasks", "list"),
    ],
)
def test_each_resource_tells_of_its_own_kind_and_of_nothing_else(resource: str, kind: str, parent: str | None) -> None:
    receiver = Receiver()
    box = told_box(receiver)
    subscribed(box, resource)
    records = {"contacts": None, "messages": None, "events": "ada@example.com", "tasks": "list"}
    made = {
        one: box.state.create(box.account.id, one, {"title": "t", "threadId": "th"}, parent=home)
        for one, home in records.items()
    }

    pump(box)

    ((told,),) = [body["payloads"] for body in receiver.take()]
    expected: dict[str, Any] = {"id": made[kind]["id"], "changeType": "created"}
    assert told == ({**expected, "attributes": {"threadId": "th"}} if kind == "messages" else expected)


def test_another_calendar_is_not_told_of() -> None:
    receiver = Receiver()
    box = told_box(receiver)
    box.state.create(box.account.id, "calendars", {"name": "Other"}, remote_id="other")
    subscribed(box, "/calendars/primary/events")

    box.state.create(box.account.id, "events", {"subject": "x"}, parent="other")

    assert pump(box) == 0


def test_drafts_are_left_out_where_that_was_asked_for() -> None:
    receiver = Receiver()
    box = told_box(receiver)
    subscribed(box, "/email/messages", filters=["withoutDrafts"])
    box.http.post("/email/drafts", json={"to": [{"address": "ben@example.org"}]})
    sent = box.state.create(box.account.id, "messages", {"subject": "hi", "sysLabels": ["inbox"]})

    pump(box)

    assert [[one["id"] for one in body["payloads"]] for body in receiver.take()] == [[sent["id"]]]


def test_a_signal_says_only_that_there_is_something() -> None:
    receiver = Receiver()
    box = told_box(receiver)
    subscribed(box, detailLevel="signal")
    box.state.create(box.account.id, "contacts", {"nickName": "Ben"})

    pump(box)

    assert ["payloads" in body for body in receiver.take()] == [False]


def test_many_changes_come_in_several_notifications_and_none_is_left_out() -> None:
    receiver = Receiver()
    box = told_box(receiver, Options(notification_size=10))
    subscribed(box)
    ids = [box.state.create(box.account.id, "contacts", {"nickName": "x"})["id"] for _ in range(24)]
    box.state.delete(box.account.id, "contacts", ids[3])

    assert pump(box) == 3

    payloads = [body["payloads"] for body in receiver.take()]
    assert [len(one) for one in payloads] == [10, 10, 4]
    assert {one["id"]: one["changeType"] for page in payloads for one in page} == {
        **dict.fromkeys(ids, "created"),
        ids[3]: "deleted",
    }


def test_two_subscriptions_to_the_same_are_both_told() -> None:
    receiver = Receiver()
    box = told_box(receiver)
    made = [subscribed(box)["id"] for _ in range(2)]
    box.state.create(box.account.id, "contacts", {"nickName": "Ben"})

    assert pump(box) == 2
    assert [body["subscription"] for body in receiver.take()] == made


# --- failing ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [None, 201, 202, 204, 301, 400, 404, 410, 429, 500])
def test_whatever_is_not_200_is_tried_again_with_the_first_timestamp(status: int | None) -> None:
    receiver = Receiver(status)
    box = told_box(receiver)
    made = subscribed(box)
    box.state.create(box.account.id, "contacts", {"nickName": "Ben"})

    assert pump(box) == 0
    failing = standing(box, made)
    box.clock.sleep(1)
    receiver.status = 200
    assert pump(box) == 1

    assert failing["active"]
    assert failing["failSince"] == "2026-01-05T09:00:00.000Z"
    assert failing["failDescription"]
    assert "failSince" not in standing(box, made)
    assert receiver.got[0] == receiver.got[1]


def test_the_waits_double_up_to_ten_minutes() -> None:
    receiver = Receiver(500)
    box = told_box(receiver)
    subscribed(box)
    box.state.create(box.account.id, "contacts", {"nickName": "Ben"})

    waits = []
    for _ in range(14):
        pump(box)
        due_at = box.behind.server.subscriptions.next_due_at()
        assert due_at is not None
        waits.append(due_at - box.clock.now().timestamp())
        box.clock.sleep(waits[-1] - 0.5)
        before = len(receiver.got)
        pump(box)
        assert len(receiver.got) == before
        box.clock.sleep(0.5)

    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600, 600, 600]


def test_422_ends_the_subscription() -> None:
    receiver = Receiver(422)
    box = told_box(receiver)
    made = subscribed(box)
    box.state.create(box.account.id, "contacts", {"nickName": "Ben"})

    pump(box)

    assert box.http.get(f"/subscriptions/{made['id']}").status_code == 404
    assert box.behind.server.subscriptions.next_due_at() is None


def test_who_fails_for_too_long_is_inactive_until_it_answers_again() -> None:
    receiver = Receiver(500)
    box = told_box(receiver, Options(give_up_after_s=3600))
    made = subscribed(box)
    box.state.create(box.account.id, "contacts", {"nickName": "Ben"})
    while standing(box, made)["active"]:
        pump(box)
        box.clock.sleep(60)
    assert box.http.get("/subscriptions").json()["records"] == []
    inactive = box.http.get("/subscriptions", params={"includeInactive": "true"}).json()["records"]
    box.state.create(box.account.id, "contacts", {"nickName": "meanwhile"})
    receiver.take()

    box.clock.sleep(600)
    receiver.status = 200
    while pump(box):
        pass
    lifecycle = receiver.take()
    box.state.create(box.account.id, "contacts", {"nickName": "after"}, remote_id="after")
    pump(box)

    assert [one["id"] for one in inactive] == [made["id"]]
    assert [one["lifecycleEvent"] for one in lifecycle] == ["error", "active"]
    assert "500" in lifecycle[0]["error"]
    assert all("payloads" not in one for one in lifecycle)
    assert standing(box, made)["active"]
    assert [[one["id"] for one in body["payloads"]] for body in receiver.take()] == [["after"]]


@pytest.mark.parametrize("status", ["dead", "invalid"])
def test_when_the_token_dies_the_subscription_says_so_and_comes_back_with_it(status: Any) -> None:
    receiver = Receiver()
    box = told_box(receiver)
    made = subscribed(box)

    box.state.set_token_status(box.account.id, status)
    pump(box)
    died = receiver.take()
    box.state.create(box.account.id, "contacts", {"nickName": "Ben"})
    assert pump(box) == 0
    box.state.set_token_status(box.account.id, "active")
    pump(box)

    assert [(one["lifecycleEvent"], bool(one["error"])) for one in died] == [("error", True)]
    assert [one["lifecycleEvent"] for one in receiver.take()] == ["active"]
    assert standing(box, made)["active"]


def test_with_its_account_a_subscription_and_what_waits_are_gone() -> None:
    receiver = Receiver(500)
    box = told_box(receiver)
    subscribed(box)
    box.state.create(box.account.id, "contacts", {"nickName": "Ben"})
    pump(box)

    box.http.delete("/account")
    box.clock.sleep(10)
    receiver.take()
    pump(box)

    assert receiver.got == []
    assert box.state.rows("SELECT * FROM subscriptions") == box.state.rows("SELECT * FROM notifications") == []


def test_a_restarted_sandbox_tells_what_it_had_not_told(tmp_path: Path) -> None:
    path = str(tmp_path / "sandbox.db")
    first = told_box(Receiver(500), path=path)
    made = subscribed(first)
    first.state.create(first.account.id, "contacts", {"nickName": "Ben"}, remote_id="tried")
    pump(first)
    first.state.create(first.account.id, "contacts", {"nickName": "Eve"}, remote_id="not-looked-at")
    first.state.close()

    receiver = Receiver()
    second = told_box(receiver, path=path)
    second.clock.sleep(60)
    pump(second)
    told = [one["id"] for body in receiver.take() for one in body["payloads"]]

    assert told == ["tried", "not-looked-at"]
    assert standing(second, made)["active"]
    second.state.close()


# --- the signature, and the way out -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b'{"subscription":1}', "ba3aa37f55f8747f5fd1b52614cd8bbed9688dccb5993915ec74572391b23995"),
        (b"", "524d5509981ed538caada0445be721c4e34bcba30747f2154add0514cc5f50d5"),
    ],
)
def test_the_signature_is_that_of_the_known_vectors(content: bytes, expected: str) -> None:
    assert signature("test-secret", "1700000000", content) == expected


def test_what_goes_out_over_http_arrives_as_it_was_signed() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        token = request.url.params.get("validationToken")
        return httpx.Response(200, text=token) if token else httpx.Response(200)

    poster = Poster(httpx.MockTransport(answer))
    box = told_box(poster)
    subscribed(box)
    box.state.create(box.account.id, "contacts", {"nickName": "Ben"})

    assert pump(box) == 1
    poster.close()
    for request in seen:
        given = request.headers
        assert given["X-Aurinko-Signature"] == signature(
            box.behind.options.signing_secret, given["X-Aurinko-Request-Timestamp"], request.content
        )
        assert request.url.params["key"] == "1"


@pytest.mark.parametrize(("part", "apart_s"), [(b"x" * 1000, 0.0), (b"x", 1.0)])
def test_an_answer_that_does_not_end_is_a_reply_without_a_status(part: bytes, apart_s: float) -> None:
    clock = VirtualClock()

    def without_end() -> Iterator[bytes]:
        while True:
            clock.sleep(apart_s)
            yield part

    poster = Poster(httpx.MockTransport(lambda _: httpx.Response(200, content=without_end())), clock)

    assert poster("http://127.0.0.1:9/", {}, b"", 5).status is None
    poster.close()


def test_a_url_that_nobody_answers_at_is_a_reply_without_a_status() -> None:
    poster = Poster()
    for url in ("http://127.0.0.1:1/", "http://[::1/"):
        reply = poster(url, {}, b"", 5)
        assert reply.status is None
        assert reply.text
    poster.close()


def test_a_served_sandbox_tells_by_itself_and_is_asked_while_it_tells() -> None:
    box = told_box(None)
    told = threading.Event()

    def receiving(environ: Any, start_response: Any) -> list[bytes]:
        query = parse_qs(environ["QUERY_STRING"])
        # Asked while the sandbox waits for this very answer: nothing may be locked then.
        assert box.http.get("/account").status_code == 200
        start_response("200 OK", [("Content-Type", "text/plain")])
        if "validationToken" not in query:
            told.set()
        return [query.get("validationToken", [""])[0].encode()]

    receiver = serve(receiving)
    served = serve(box.app, meanwhile=box.behind.notifications.run)
    try:
        with httpx.Client(trust_env=False, headers={"Authorization": f"Bearer {box.account.token}"}) as http:
            asked = {"resource": "/contacts", "notificationUrl": receiver.url}
            http.post(f"{served.url}/v1/subscriptions", json=asked).raise_for_status()
            http.post(f"{served.url}/v1/contacts", json={"nickName": "Ben"}).raise_for_status()
        assert told.wait(10)
    finally:
        served.stop()
        receiver.stop()


def test_a_scope_that_was_not_granted_can_not_be_watched() -> None:
    box = told_box(Receiver())
    app = (box.behind.options.client_id, box.behind.options.client_secret)
    body = {"active": True, "serviceType": "Google", "email": "ada@example.com", "authScopes": ["Contacts.Read"]}
    with httpx.Client(transport=Transport(validated(box.app)), base_url="http://sandbox.example/v1") as http:
        made = http.post("/am/accounts", auth=app, json=body).json()
    with client(box.app, made["accessToken"]) as http:
        wanted = {"notificationUrl": URL}
        assert http.post("/subscriptions", json={"resource": "/contacts", **wanted}).status_code == 200
        assert http.post("/subscriptions", json={"resource": "/email/messages", **wanted}).status_code == 403


def test_the_application_sees_whose_subscription_it_is() -> None:
    box = told_box(Receiver())
    made = subscribed(box)
    app = (box.behind.options.client_id, box.behind.options.client_secret)
    with httpx.Client(transport=Transport(validated(box.app)), base_url="http://sandbox.example/v1", auth=app) as http:
        found = [http.get("/am/accounts", params={"subscriptionId": number}).json() for number in (made["id"], 99)]

    assert [[one["id"] for one in page["records"]] for page in found] == [[box.account.id], []]


def test_a_token_can_be_made_to_die_from_outside() -> None:
    box = told_box(Receiver())
    app = (box.behind.options.client_id, box.behind.options.client_secret)
    path = f"http://sandbox.example/sandbox/accounts/{box.account.id}/token"
    with httpx.Client(transport=Transport(box.app)) as http:
        assert http.post(path, params={"status": "dead"}).status_code == 401
        assert http.post(path, auth=app, params={"status": "drowsy"}).status_code == 400
        assert http.post(path.replace(str(box.account.id), "5"), auth=app, params={"status": "dead"}).status_code == 404
        assert http.post(path, auth=app, params={"status": "dead"}).status_code == 200

    assert box.http.get("/calendars").json()["code"] == "token.dead"


def test_an_event_that_is_made_over_the_api_is_told_of() -> None:
    receiver = Receiver()
    box = told_box(receiver)
    subscribed(box, "/calendars/primary/events")
    times = {"start": {"dateTime": "2026-01-06T09:00:00Z"}, "end": {"dateTime": "2026-01-06T10:00:00Z"}}

    made = box.http.post(f"/calendars/{segment('ada@example.com')}/events", json=times).json()
    box.clock.jump(timedelta(seconds=1))
    pump(box)

    assert [body["payloads"][0]["id"] for body in receiver.take()] == [made["id"]]
    assert sandbox_of(box.app).notifications is box.behind.notifications
