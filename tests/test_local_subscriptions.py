"""A mirror tells programs of what changes in it: what is asked of their URL, what is told, its signature, and for how long."""

from __future__ import annotations

import json
import logging
import queue
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from local_wire import SMALL_PAGES, Local, client, local
from sandbox_wire import segment
from worlds import CALENDARS, CONTACTS, EVENTS, MESSAGES, TASKS, unsynced

from mirror import clock as clocks
from mirror import webhook
from mirror.contract.notifications import Notifications, Reply
from mirror.local_api.app import CHOICES, create_app
from mirror.local_api.state import Mirror
from mirror.local_api.subscriptions import Subscriptions
from mirror.local_api.teller import Teller
from mirror.sandbox.life import Life
from mirror.store import api_tokens, journal, outbox
from mirror.store.connection import open_store
from mirror.store.purge import purge_account

URL = "http://127.0.0.1:9/told?key=1"
SECRET = "only-this-mirror-and-its-programs-know"
CHOSEN = replace(CHOICES, page_size=3, page_sizes={}, rate_limit=None, signing_secret=SECRET)
NOW = clocks.moment("2026-01-05T09:00:00Z")  # a receiver writes down when it was told; nothing here looks at that


@dataclass
class Program:
    """Who is told. It takes nothing whose signature `mirror/webhook.py` does not find right."""

    status: int | None = 200
    urls: list[str] = field(default_factory=list)
    told: list[dict[str, Any]] = field(default_factory=list)
    sent: list[tuple[Mapping[str, str], bytes]] = field(default_factory=list)
    meanwhile: Callable[[], object] = lambda: None

    def __call__(self, url: str, headers: Mapping[str, str], content: bytes, timeout_s: float) -> Reply:
        self.urls.append(url)
        self.sent.append((headers, content))
        self.meanwhile()
        query = urlsplit(url).query
        by_name = {name.lower(): value for name, value in headers.items()}
        answer = webhook.answer("POST", query.encode(), by_name, content, NOW, {"here": SECRET})
        assert answer.verified, (headers, content)
        if "validationToken" in parse_qs(query):
            return Reply(answer.status, answer.content_type, answer.body.decode())
        if self.status == 200:
            self.told.append(json.loads(content))
        return Reply(self.status) if self.status else Reply(None, text="ConnectError: refused")

    def take(self) -> list[tuple[str, str]]:
        """The ids that were told since this was last asked, and what happened to each."""
        told = [(one["id"], one["changeType"]) for body in self.told for one in body.get("payloads", ())]
        self.told.clear()
        return told


@dataclass
class Told:
    """A mirror, a program that uses it, and the one that tells."""

    local: Local
    program: Program
    notifications: Notifications
    http: Any
    mirror: Mirror

    def subscribe(self, resource: str = "/contacts", http: Any = None, **more: Any) -> dict[str, Any]:
        asked = {"resource": resource, "notificationUrl": URL, **more}
        answer = (http or self.http).post("/subscriptions", json=asked)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def pump(self) -> list[tuple[str, str]]:
        while self.notifications.pump():
            pass
        return self.program.take()

    def read(self, made: Mapping[str, Any]) -> Any:
        return self.http.get(f"/subscriptions/{made['id']}")


def telling(made: Local, program: Program, **choices: Any) -> Told:
    chosen = replace(CHOSEN, **choices)
    app = create_app(made.world.store, chosen, program)
    mirror = Mirror(made.world.store)
    notifications = Notifications(Subscriptions(mirror), chosen, made.clock, program)
    return Told(replace(made, app=app), program, notifications, client(app, made.token), mirror)


@pytest.fixture
def told(tmp_path: Path) -> Iterator[Told]:
    made = local(tmp_path)
    made.upstream.put(CONTACTS, "old", "before")
    made.upstream.put(CONTACTS, "gone", "before")
    made.world.pull()
    found = telling(made, Program())
    yield found
    found.mirror.close()
    made.world.store.close()


# --- subscribing ----------------------------------------------------------------------------------------------------------


def test_a_url_is_asked_with_a_signed_question_and_the_subscription_is_listed_read_and_ended(told: Told) -> None:
    made = told.subscribe("/calendars/primary/events", filters=["withoutDrafts"], detailLevel="status")

    listed = told.http.get("/subscriptions").json()
    read = told.read(made).json()
    ended = told.http.delete(f"/subscriptions/{made['id']}")

    assert told.program.urls[0].startswith(URL + "&validationToken=")
    assert (made["resource"], made["notificationUrl"], made["active"]) == ("/calendars/primary/events", URL, True)
    assert (made["filters"], made["detailLevel"]) == (["withoutDrafts"], "status")
    assert (listed["totalSize"], listed["done"], listed["records"]) == (1, True, [read]) == (1, True, [made])
    assert (ended.status_code, told.read(made).status_code) == (200, 404)
    assert told.http.get("/subscriptions").json()["records"] == []


@pytest.mark.parametrize(
    "url",
    [
        "https://elsewhere.example/told", "http://elsewhere.example/", "http://192.168.0.2/", "http://127.0.0.1.example/",
        "http://[::2]/", "http://localhost@elsewhere.example/", "file:///etc/passwd", "http:///told", "told", "",
    ],
)  # fmt: skip
def test_nothing_is_sent_to_the_outside(told: Told, url: str) -> None:
    answer = told.http.post("/subscriptions", json={"resource": "/contacts", "notificationUrl": url})

    assert (answer.status_code, answer.json()["code"]) == (400, "badRequest")
    assert "this machine" in answer.json()["message"]
    assert told.program.urls == []


@pytest.mark.parametrize(
    "url", ["http://localhost:1/a", "http://[::1]:1/a", "https://127.0.0.1:1/a", "http://127.0.0.1/"]
)
def test_every_name_of_this_machine_may_be_told(told: Told, url: str) -> None:
    told.subscribe(notificationUrl=url)

    assert told.program.urls[0].startswith(url)


@pytest.mark.parametrize(
    "resource", ["/contact", "contacts", "/calendars/nothing/events", "/tasklists/none/tasks", "/email", ""]
)
def test_what_is_not_there_can_not_be_watched(told: Told, resource: str) -> None:
    answer = told.http.post("/subscriptions", json={"resource": resource, "notificationUrl": URL})

    assert (answer.status_code, answer.json()["code"]) == (400, "badRequest")
    assert told.program.urls == []


def test_who_does_not_answer_the_question_is_not_told(tmp_path: Path, told: Told) -> None:
    wrong = telling(told.local, Program())
    app = create_app(told.local.world.store, CHOSEN, lambda *_: Reply(204))

    answer = client(app, told.local.token).post(
        "/subscriptions", json={"resource": "/contacts", "notificationUrl": URL}
    )

    assert (answer.status_code, "204" in answer.json()["message"]) == (400, True)
    assert told.http.get("/subscriptions").json()["records"] == []
    wrong.mirror.close()


def test_a_mirror_whose_signing_secret_can_not_be_read_refuses_to_tell_for_now(told: Told) -> None:
    app = create_app(told.local.world.store, SMALL_PAGES, told.program)
    http = client(app, told.local.token, checked=False)  # which takes any 5xx for a broken server

    answer = http.post("/subscriptions", json={"resource": "/contacts", "notificationUrl": URL})

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60")


# --- scopes and tokens ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scope", "allowed", "forbidden"),
    [
        ("Contacts.Read", "/contacts", "/email/messages"),
        ("Mail.Read", "/email/messages", "/contacts"),
        ("Calendar.Read", "/calendars/home/events", "/tasklists/chores/tasks"),
        ("Tasks.ReadWrite", "/tasklists/default/tasks", "/calendars/primary/events"),
        ("Mail.Send", None, "/email/messages"),
    ],
)
def test_nothing_is_told_of_what_a_tokens_scopes_do_not_cover(
    told: Told, scope: str, allowed: str | None, forbidden: str
) -> None:
    http = client(told.local.app, told.local.token_for(scope))

    refused = http.post("/subscriptions", json={"resource": forbidden, "notificationUrl": URL})
    if allowed is not None:
        told.subscribe(allowed, http)
    for feed in (CONTACTS, EVENTS, TASKS, MESSAGES):
        told.local.upstream.put(feed, "new", "x")
    told.local.world.pull()
    told.pump()

    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    bodies = [json.loads(content) for _, content in told.program.sent if content]
    assert {body["resource"] for body in bodies} == ({allowed} if allowed else set())


def test_a_subscription_is_its_tokens_own(told: Told) -> None:
    made = told.subscribe()
    other = client(told.local.app, told.local.token_for("Contacts.ReadWrite"))

    assert other.get("/subscriptions").json()["records"] == []
    assert other.get(f"/subscriptions/{made['id']}").status_code == 404
    assert other.delete(f"/subscriptions/{made['id']}").status_code == 404
    assert told.read(made).status_code == 200


@pytest.mark.parametrize("how", ["revoked", "by itself", "purged"])
def test_with_its_token_a_subscription_and_what_waits_are_gone(told: Told, how: str) -> None:
    store = told.local.world.store
    told.program.status = 500
    told.subscribe()
    told.local.upstream.put(CONTACTS, "new", "x")
    told.local.world.pull()
    told.pump()
    asked = len(told.program.sent)

    if how == "revoked":
        api_tokens.revoke(store, "tests")
    elif how == "by itself":
        assert told.http.delete("/account/token").status_code == 200
    else:
        purge_account(store, told.local.world.account.id)
    told.local.clock.sleep(60)
    told.pump()

    assert len(told.program.sent) == asked
    counts = [
        told.local.world.value(f"SELECT count(*) FROM api_{table}") for table in ("subscriptions", "notifications")
    ]
    assert counts == [0, 0]


def test_a_token_that_ends_while_its_url_is_asked_subscribes_to_nothing(told: Told) -> None:
    told.program.meanwhile = lambda: api_tokens.revoke(told.local.world.store, "tests")

    answer = told.http.post("/subscriptions", json={"resource": "/contacts", "notificationUrl": URL})

    assert answer.status_code == 401
    assert told.local.world.value("SELECT count(*) FROM api_subscriptions") == 0


def test_a_removed_account_is_told_of_as_an_error_and_nothing_else(told: Told) -> None:
    told.subscribe()
    journal.remove_account(told.local.world.store, told.local.world.account.id)

    told.notifications.pump()

    ((event, number),) = [(body["lifecycleEvent"], body["accountId"]) for body in told.program.told]
    assert (event, number) == ("error", told.local.upstream.account.id)


# --- what is told ---------------------------------------------------------------------------------------------------------


def test_what_a_pull_brings_is_told_signed_and_once(told: Told) -> None:
    made = told.subscribe()

    told.local.upstream.put(CONTACTS, "old", "after")
    told.local.upstream.put(CONTACTS, "ben", "Ben")
    told.local.upstream.drop(CONTACTS, "gone")
    told.local.upstream.put(EVENTS, "e", "not asked for")
    told.local.world.pull()
    told.notifications.pump()

    (body,) = told.program.told
    assert (body["subscription"], body["resource"]) == (made["id"], "/contacts")
    assert body["accountId"] == told.local.upstream.account.id, "the number that GET /account tells"
    assert sorted(told.program.take()) == [("ben", "created"), ("gone", "deleted"), ("old", "updated")]
    assert told.pump() == []


def test_what_was_there_before_is_not_told(told: Told) -> None:
    told.subscribe()

    assert told.pump() == []


def test_an_edit_is_told_when_it_is_laid_over_and_when_it_is_taken_back_or_settles(told: Told) -> None:
    told.subscribe()
    world = told.local.world

    edit = world.edit(CONTACTS, "old", "change", {"nickName": "mine"})
    first = told.pump()
    outbox.discard(world.store, edit)
    back = told.pump()
    made = told.http.post("/contacts", json={"nickName": "Grace"}).json()["id"]
    created = told.pump()
    told.local.settle()
    settled = told.pump()
    told.http.delete("/contacts/gone")
    deleted = told.pump()

    (named,) = set(told.local.upstream.live(CONTACTS)) - {"old", "gone"}
    assert first == back == [("old", "updated")]
    assert created == [(made, "created")]
    assert sorted(settled) == sorted([(made, "deleted"), (named, "created")])
    assert deleted == [("gone", "deleted")]


@pytest.mark.parametrize(
    ("resource", "feed"),
    [
        ("/contacts", CONTACTS), ("/email/messages", MESSAGES), ("/calendars/primary/events", EVENTS),
        ("/calendars/home/events", EVENTS), ("/calendars/%68ome/events", EVENTS), ("/tasklists/default/tasks", TASKS),
        ("/tasklists/chores/tasks", TASKS),
    ],
)  # fmt: skip
def test_each_resource_tells_of_its_own_kind(told: Told, resource: str, feed: Any) -> None:
    told.subscribe(resource)
    for one in (CONTACTS, EVENTS, TASKS, MESSAGES):
        told.local.upstream.put(one, f"new-{one.kind}", "x", **({"threadId": "thread"} if one == MESSAGES else {}))
    state, account_id = told.local.upstream.state, told.local.upstream.account.id
    state.create(account_id, "calendars", {"name": "Other"}, remote_id="other")
    state.create(account_id, "events", {"subject": "elsewhere"}, parent="other")
    told.local.world.pull()

    told.notifications.pump()

    (body,) = told.program.told
    more = {"attributes": {"threadId": "thread"}} if feed == MESSAGES else {}
    assert body["payloads"] == [{"id": f"new-{feed.kind}", "changeType": "created", **more}]


def test_a_calendar_that_is_gone_is_told_of_no_more(told: Told) -> None:
    told.subscribe("/calendars/home/events")
    told.local.upstream.put(EVENTS, "e", "x")
    told.local.world.pull()
    assert told.pump() == [("e", "created")]

    told.local.upstream.drop(CALENDARS, "home")
    told.local.world.pull()

    assert told.pump() == []


def test_drafts_are_left_out_where_that_was_asked_for_and_what_comes_after_them_is_not(told: Told) -> None:
    told.subscribe("/email/messages", filters=["withoutDrafts"])
    for number in range(150):
        told.local.upstream.put(MESSAGES, f"d{number}", "draft", sysLabels=["draft"])
    told.local.upstream.put(MESSAGES, "m", "mail", sysLabels=["inbox"])
    told.local.world.pull()

    assert told.pump() == [("m", "created")]


def test_a_signal_says_only_that_there_is_something(told: Told) -> None:
    told.subscribe(detailLevel="signal")
    told.local.upstream.put(CONTACTS, "new", "x")
    told.local.world.pull()
    told.notifications.pump()

    assert ["payloads" in body for body in told.program.told] == [False]


def test_many_changes_come_in_several_notifications_and_none_is_left_out(told: Told) -> None:
    few = telling(told.local, told.program, notification_size=10)
    told.subscribe()
    for number in range(23):
        told.local.upstream.put(CONTACTS, f"n{number}", "x")
    told.local.world.pull()
    told.local.world.edit(CONTACTS, "old", "delete")

    few.notifications.pump()

    assert [len(body["payloads"]) for body in told.program.told] == [10, 10, 4]
    assert {name for name, _ in told.program.take()} == {*(f"n{number}" for number in range(23)), "old"}
    few.mirror.close()


# --- failing --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [None, 201, 204, 301, 404, 500])
def test_whatever_is_not_200_is_tried_again_with_the_first_timestamp_and_signature(
    told: Told, status: int | None
) -> None:
    made = told.subscribe()
    told.program.status = status
    told.local.upstream.put(CONTACTS, "new", "x")
    told.local.world.pull()

    told.notifications.pump()
    failing = told.read(made).json()
    told.notifications.pump()
    tried_at_once = len(told.program.sent)
    told.local.clock.sleep(1)
    told.program.status = 200

    assert told.pump() == [("new", "created")]
    assert tried_at_once == 2, "the question, and the first attempt"
    assert told.program.sent[1] == told.program.sent[2]
    assert (failing["active"], bool(failing["failSince"]), bool(failing["failDescription"])) == (True, True, True)
    assert "failSince" not in told.read(made).json()


def test_422_ends_the_subscription(told: Told) -> None:
    made = told.subscribe()
    told.program.status = 422
    told.local.upstream.put(CONTACTS, "new", "x")
    told.local.world.pull()
    told.notifications.pump()

    assert told.read(made).status_code == 404


def test_who_does_not_listen_for_a_day_is_inactive_and_for_a_month_forgotten(told: Told) -> None:
    made = told.subscribe()
    told.program.status = None
    told.local.upstream.put(CONTACTS, "new", "x")
    told.local.world.pull()

    hours = 0
    while told.read(made).json()["active"]:
        told.notifications.pump()
        told.local.clock.sleep(3600)
        hours += 1
    inactive = told.http.get("/subscriptions", params={"includeInactive": "true"}).json()["records"]
    days = 0
    while told.read(made).status_code == 200:
        told.local.clock.sleep(86_400)
        told.notifications.pump()
        days += 1

    assert (24 <= hours <= 26, 28 <= days <= 30) == (True, True), (hours, days)
    assert [one["id"] for one in inactive] == [made["id"]]


def test_who_listens_again_is_told_that_it_is_active_and_of_what_comes_then(told: Told) -> None:
    made = told.subscribe()
    told.program.status = 500
    told.local.upstream.put(CONTACTS, "new", "x")
    told.local.world.pull()
    while told.read(made).json()["active"]:
        told.notifications.pump()
        told.local.clock.sleep(3600)
    told.program.status = 200

    while told.notifications.pump():
        pass
    lifecycle = [body["lifecycleEvent"] for body in told.program.told]
    told.program.take()
    told.local.upstream.put(CONTACTS, "after", "x")
    told.local.world.pull()

    assert lifecycle == ["error", "active"]
    assert told.pump() == [("after", "created")]


def test_after_a_restart_the_subscription_is_there_and_what_was_not_told_is(told: Told, tmp_path: Path) -> None:
    made = told.subscribe()
    told.program.status = 500
    told.local.upstream.put(CONTACTS, "tried", "x")
    told.local.world.pull()
    told.notifications.pump()
    told.local.upstream.put(CONTACTS, "not looked at", "x")
    told.local.world.pull()
    told.local.clock.sleep(60)

    store = unsynced(open_store(tmp_path / "home", told.local.clock))
    again = telling(replace(told.local, world=replace_store(told.local.world, store)), Program())

    assert again.pump() == [("tried", "created"), ("not looked at", "created")]
    assert again.read(made).json()["active"]
    again.mirror.close()
    store.close()


def test_trouble_with_the_file_is_said_and_does_not_end_the_telling(told: Told, tmp_path: Path) -> None:
    said, heard = queue.Queue[str](), queue.Queue[dict[str, Any]]()

    class Saying(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.put(record.getMessage())

    class Hearing(list[Any]):
        def append(self, body: Any) -> None:
            heard.put(body)

    saying = Saying()
    logging.getLogger("mirror.tell").addHandler(saying)
    told.program.told = Hearing()
    told.subscribe()
    told.local.upstream.put(CONTACTS, "new", "x")
    told.local.world.pull()
    patient, other = (open_store(tmp_path / "home", told.local.clock, busy_s=s) for s in (0.05, 5.0))
    teller = Teller(patient, CHOSEN, told.program)
    with other.transaction():  # another program holds the file
        teller.start()
        first = said.get(timeout=20)
    body = heard.get(timeout=20)
    teller.close()
    logging.getLogger("mirror.tell").removeHandler(saying)

    assert first.startswith("tell.failed error=")
    assert [one["id"] for one in body["payloads"]] == ["new"]
    other.close()
    patient.close()


# --- whatever happens ---------------------------------------------------------------------------------------------------

ROOTS = {"/contacts": "/contacts", "/email/messages": "/email", "/calendars/home/events": "/calendars/home",
         "/tasklists/chores/tasks": "/tasklists/chores"}  # fmt: skip
WINDOW = {"timeMin": "2000-01-01T00:00:00Z", "timeMax": "2040-01-01T00:00:00Z"}


@pytest.mark.parametrize("seed", range(6))
def test_all_that_the_feeds_tell_is_told_whatever_happens_and_whoever_listens(told: Told, seed: int) -> None:
    chance, made = random.Random(seed), told.local
    life = Life(made.upstream.state, made.upstream.account.id, clock=made.clock)
    for resource in ROOTS:
        told.subscribe(resource)
    began = {}
    for resource, root in ROOTS.items():
        updated, deleted = made.start(root, **(WINDOW if "calendars" in root else {}))
        began[resource] = made.walk(root, updated)[1], deleted
    names: dict[str, set[str]] = {resource: set() for resource in ROOTS}

    def listen() -> None:
        told.notifications.pump()
        for body in told.program.told:
            names[body["resource"]] |= {one["id"] for one in body.get("payloads", ())}
        told.program.told.clear()

    for _ in range(100):
        made.clock.sleep(chance.choice((1, 5, 60)))
        match chance.randrange(7):
            case 0 | 1:
                life.step()
            case 2:
                made.world.pull()
            case 3:
                made.world.push()
            case 4:
                _edit(chance, made)
            case 5:
                told.program.status = chance.choice((200, 500, None))
            case _:
                listen()
    told.program.status = 200
    for _ in range(4):
        made.settle()
        made.clock.sleep(700)
        listen()

    for resource, root in ROOTS.items():
        updated, deleted = began[resource]
        feed = {one["id"] for one in (*made.walk(root, updated)[0], *made.walk(root, deleted, "deleted")[0])}
        assert feed <= names[resource], resource
    assert sum(map(len, names.values())) > 20


def _edit(chance: random.Random, made: Local) -> None:
    """What a program or a person might want, of what there is now."""
    ids = [one["id"] for one in made.beyond.get("/contacts", params={"pageSize": "1000"}).json()["records"]]
    waiting = [one for one in outbox.edits(made.world.store) if one.state == "pending"]
    match chance.randrange(4):
        case 0 if ids:
            made.http.delete(f"/contacts/{segment(chance.choice(ids))}")
        case 1 if ids:
            path = f"/contacts/{segment(chance.choice(ids))}"
            made.http.patch(path, json={"nickName": str(chance.random())}, headers={"If-Match": "*"})
        case 2 if waiting:
            outbox.discard(made.world.store, chance.choice(waiting))
        case _:
            made.http.post("/tasklists/chores/tasks", json={"title": str(chance.random())})
            made.http.post("/contacts", json={"nickName": str(chance.random())})


def replace_store(world: Any, store: Any) -> Any:
    """The same world, as a process that starts later has it."""

    class Later:
        def __getattr__(self, name: str) -> Any:
            return store if name == "store" else getattr(world, name)

    return Later()
