"""Who may use the mirror's own API: tokens of the mirror's own, their scopes, their end, and the names that it answers to."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from local_wire import SMALL_PAGES, Local, client, local
from mirror_cli import Cli, Upstream
from worlds import CONTACTS, MESSAGES

from mirror import clock as clocks
from mirror.contract.notifications import Reply
from mirror.local_api.app import CHOICES, create, create_app
from mirror.local_api.asgi import MOST_BYTES, Served
from mirror.local_api.state import Mirror
from mirror.store import api_tokens, journal
from mirror.web.access import Access, is_from_here


@pytest.fixture
def mirrored(tmp_path: Path) -> Iterator[Local]:
    made = local(tmp_path)
    made.upstream.put(CONTACTS, "c", "Ada")
    made.world.pull()
    yield made
    made.world.store.close()


def status(mirrored: Local, token: str, method: str = "GET", path: str = "/contacts/c") -> int:
    return client(mirrored.app, token).request(method, path).status_code


def test_without_a_token_of_the_mirrors_own_nothing_is_told(mirrored: Local) -> None:
    number, _, secret = mirrored.token.removeprefix("mirror-").partition("-")
    upstreams = mirrored.upstream.account.token or ""

    wrong = ["", "x", upstreams, secret, f"mirror-{number}-{secret[:-1]}x", f"mirror-99-{secret}", f"mirror-{number}-"]

    assert [status(mirrored, token) for token in wrong] == [401] * len(wrong)
    assert status(mirrored, mirrored.token) == 200
    for basic in (("", ""), ("sandbox", "sandbox")):
        assert httpx.Client(transport=mirrored.http._transport).get(
            "http://mirror.example/v1/contacts/c", auth=basic, headers={"X-Aurinko-Account-Id": "1"}
        ).status_code == 401  # fmt: skip


@pytest.mark.parametrize(
    ("scope", "allowed", "forbidden"),
    [
        ("Contacts.Read", ("GET", "/contacts/c"), ("DELETE", "/contacts/c")),
        ("Contacts.ReadWrite", ("DELETE", "/contacts/c"), ("GET", "/email/messages")),
        ("Mail.Read", ("GET", "/email/messages"), ("GET", "/calendars")),
        ("Calendar.Read", ("GET", "/calendars"), ("GET", "/tasklists")),
        ("Tasks.Read", ("POST", "/tasklists/chores/sync"), ("GET", "/contacts/c")),
    ],
)
def test_a_token_may_do_what_its_scopes_say(
    mirrored: Local, scope: str, allowed: tuple[str, str], forbidden: tuple[str, str]
) -> None:
    token = mirrored.token_for(scope)

    assert status(mirrored, token, *allowed) == 200
    assert status(mirrored, token, *forbidden) == 403
    assert client(mirrored.app, token).get("/account").json()["authScopes"] == [scope]


@pytest.mark.parametrize(
    ("scope", "may"),
    [("Mail.Read", set()), ("Mail.ReadWrite", {"mark"}), ("Mail.Send", {"send", "reply"}),
     ("Mail.Drafts", {"send", "reply", "draft", "send draft"}), ("Mail.All", {"mark", "send", "reply", "draft", "send draft"})],
)  # fmt: skip
def test_mail_is_sent_by_those_who_may_send_and_by_nobody_else(mirrored: Local, scope: str, may: set[str]) -> None:
    mirrored.upstream.put(MESSAGES, "m", "mail", sysLabels=["inbox"])
    mirrored.world.pull()
    mail = {"to": [{"address": "ben@example.org"}], "subject": "x", "body": "x"}
    draft = mirrored.http.post("/email/drafts", json=mail).json()["id"]
    http = client(mirrored.app, mirrored.token_for(scope))

    answers = {
        "mark": http.post("/email/messages/m/status", json={"unread": False}),
        "send": http.post("/email/messages", json=mail),
        "reply": http.post("/email/messages/m/reply", json=mail),
        "draft": http.post("/email/drafts", json=mail),
        "send draft": http.post(f"/email/drafts/{draft}/send"),
    }

    assert {what for what, answer in answers.items() if answer.status_code in (200, 201)} == may
    assert {answer.status_code for what, answer in answers.items() if what not in may} <= {403}


def test_a_token_opens_its_own_account_alone(mirrored: Local) -> None:
    other = journal.add_account(mirrored.world.store, "other", "test", "http://elsewhere.example")
    token = api_tokens.new(mirrored.world.store, "other's", other.id, ["Contacts.ReadWrite"])

    assert status(mirrored, token) == 404


def test_a_revoked_token_and_one_of_a_removed_account_open_nothing(mirrored: Local) -> None:
    token = mirrored.token_for("Contacts.Read")
    api_tokens.revoke(mirrored.world.store, "Contacts.Read")
    own = client(mirrored.app, mirrored.token_for("Tasks.Read")).delete("/account/token")
    after = [status(mirrored, token), *(one.revoked_at is None for one in api_tokens.every(mirrored.world.store))]
    journal.remove_account(mirrored.world.store, mirrored.world.account.id)

    assert own.status_code == 200
    assert after == [401, True], "the one of these tests, and no other"
    assert status(mirrored, mirrored.token) == 401


def test_its_last_use_is_remembered_to_the_minute(mirrored: Local) -> None:
    def used() -> str | None:
        return api_tokens.every(mirrored.world.store)[0].last_used_at

    unused = used()
    status(mirrored, mirrored.token)
    first, began = used(), mirrored.clock.now()
    mirrored.clock.sleep(30)
    status(mirrored, mirrored.token)
    soon = used()
    mirrored.clock.sleep(40)
    status(mirrored, mirrored.token)

    assert (unused, first, soon) == (None, clocks.text(began), clocks.text(began))
    assert used() == clocks.text(mirrored.clock.now())


def test_what_opens_anything_is_in_no_file(mirrored: Local, tmp_path: Path) -> None:
    status(mirrored, mirrored.token)
    secret = mirrored.token.rpartition("-")[2].encode()

    assert [file for file in tmp_path.rglob("*") if file.is_file() and secret in file.read_bytes()] == []


def test_a_program_that_asks_too_often_is_told_to_wait_and_another_is_not(mirrored: Local) -> None:
    app = create_app(mirrored.world.store, replace(SMALL_PAGES, rate_limit=3))
    one, other = client(app, mirrored.token), client(app, mirrored.token_for("Contacts.Read"))

    answers = [one.get("/contacts/c") for _ in range(4)]
    elsewhere = other.get("/contacts/c")
    mirrored.clock.sleep(1)

    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[3].headers["Retry-After"] == "1"
    assert (elsewhere.status_code, one.get("/contacts/c").status_code) == (200, 200)


# --- over the wire of mirror run and mirror api --------------------------------------------------------------------


async def pages(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """What stands behind the API in `mirror run`."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"a page"})


@pytest.fixture
def programs(mirrored: Local) -> Iterator[Served]:
    mirror = Mirror(mirrored.world.store)
    made = Served(create(mirror, replace(CHOICES, rate_limit=None)), Access().answers_to, is_from_here)
    yield made
    made.close()
    mirror.close()


def ask(served: Served, requests: list[httpx.Request], caller: str = "127.0.0.1") -> list[httpx.Response]:
    """All at once, of the API in front of the pages."""

    async def asked() -> list[httpx.Response]:
        transport = httpx.ASGITransport(app=served.in_front_of(pages), client=(caller, 9))
        async with httpx.AsyncClient(transport=transport) as http:
            return await asyncio.gather(*(http.send(request) for request in requests))

    return asyncio.run(asked())


def request(token: str, method: str = "GET", path: str = "/v1/contacts/c", **more: Any) -> httpx.Request:
    headers = {"Authorization": f"Bearer {token}", **more.pop("headers", {})}
    return httpx.Request(method, f"http://127.0.0.1:8801{path}", headers=headers, **more)


def test_what_is_asked_under_v1_is_answered_by_the_api_and_all_else_by_the_pages(
    mirrored: Local, programs: Served
) -> None:
    api, page, nothing = ask(
        programs,
        [
            request(mirrored.token),
            request(mirrored.token, path="/contacts"),
            request(mirrored.token, path="/v1/nothing"),
        ],
    )

    assert api.json()["nickName"] == "Ada"
    assert (api.headers["content-type"], api.headers["cache-control"]) == ("application/json", "no-store")
    assert page.text == "a page"
    assert (nothing.status_code, nothing.json()["code"]) == (404, "not_found")


def test_an_id_with_a_slash_in_it_is_found_by_the_path_as_it_was_sent(mirrored: Local, programs: Served) -> None:
    mirrored.upstream.put(CONTACTS, "people/c 1", "Grace")
    mirrored.world.pull()

    (answer,) = ask(programs, [request(mirrored.token, path="/v1/contacts/people%2Fc%201")])

    assert answer.json()["id"] == "people/c 1"


def test_a_page_elsewhere_whose_name_leads_here_is_told_nothing(mirrored: Local, programs: Served) -> None:
    (answer,) = ask(programs, [request(mirrored.token, headers={"Host": "evil.example"})])

    assert (answer.status_code, answer.json()["code"]) == (421, "misdirected")


@pytest.mark.parametrize(
    ("caller", "headers"),
    [("192.168.0.7", {}), ("127.0.0.1", {"X-Forwarded-For": "192.168.0.7"}), ("127.0.0.1", {"Via": "1.1 proxy"})],
)
def test_a_program_elsewhere_has_nobody_here_asked_whether_they_want_to_be_told(
    mirrored: Local, caller: str, headers: dict[str, str]
) -> None:
    asked: list[str] = []

    def post(url: str, headers: object, content: bytes, timeout_s: float) -> Reply:
        asked.append(url)
        return Reply(404)

    mirror = Mirror(mirrored.world.store)
    chosen = replace(CHOICES, rate_limit=None, signing_secret="secret")
    served = Served(create(mirror, chosen, post), Access().answers_to, is_from_here)
    wish = {"resource": "/contacts", "notificationUrl": "http://127.0.0.1:22/"}
    subscribe = request(mirrored.token, "POST", "/v1/subscriptions", headers=headers, json=wish)

    (answer,) = ask(served, [subscribe], caller)
    (read,) = ask(served, [request(mirrored.token, headers=headers)], caller)
    unasked = list(asked)
    (here,) = ask(served, [request(mirrored.token, "POST", "/v1/subscriptions", json=wish)])
    served.close()
    mirror.close()

    assert (answer.status_code, answer.json()["code"], unasked) == (403, "forbidden", [])
    assert read.status_code == 200
    assert (here.status_code, len(asked)) == (400, 1)


def test_a_body_without_end_is_refused(mirrored: Local, programs: Served) -> None:
    (answer,) = ask(programs, [request(mirrored.token, "POST", "/v1/contacts", content=b" " * (MOST_BYTES + 1))])

    assert (answer.status_code, answer.json()["code"]) == (413, "tooLarge")


def test_programs_write_and_read_at_the_same_time(mirrored: Local, programs: Served) -> None:
    wishes = [request(mirrored.token, "POST", "/v1/contacts", json={"nickName": f"n{at}"}) for at in range(12)]
    looks = [request(mirrored.token) for _ in range(24)]

    answers = ask(programs, [one for trio in zip(wishes, looks[::2], looks[1::2], strict=True) for one in trio])

    assert sorted({answer.status_code for answer in answers}) == [200, 201]
    assert mirrored.world.value("SELECT count(*) FROM contacts_now") == 13


def test_of_programs_that_change_one_version_at_once_one_does(mirrored: Local, programs: Served) -> None:
    etag = client(mirrored.app, mirrored.token).get("/contacts/c").json()["etag"]

    def wish(name: str) -> httpx.Request:
        return request(mirrored.token, "PATCH", json={"nickName": name}, headers={"If-Match": etag})

    answers = ask(programs, [wish(f"n{number}") for number in range(8)])

    assert sorted(answer.status_code for answer in answers) == [200] + [412] * 7
    (won,) = [answer.json()["record"]["nickName"] for answer in answers if answer.status_code == 200]
    assert client(mirrored.app, mirrored.token).get("/contacts/c").json()["nickName"] == won


# --- the commands --------------------------------------------------------------------


def test_a_token_is_made_shown_once_listed_and_revoked(mirrored_cli: Cli) -> None:
    made = mirrored_cli("token", "new", "crm", "--scope", "Contacts.Read", "--scope", "Tasks.Read")
    token = made.out.strip()
    listed = mirrored_cli("token", "list")
    twice = mirrored_cli("token", "new", "crm")
    as_json = json.loads(mirrored_cli("token", "list", "--json").out)
    revoked = mirrored_cli("token", "revoke", "crm")
    again = mirrored_cli("token", "revoke", "crm")

    assert re.fullmatch(r"mirror-1-\S{43}", token)
    assert "Contacts.Read, Tasks.Read" in listed.out
    assert "never used" in listed.out
    assert token not in listed.out
    assert as_json["tokens"][0]["scopes"] == ["Contacts.Read", "Tasks.Read"]
    assert (twice.code, "revoke crm" in twice.err) == (2, True)
    assert (revoked.code, again.code) == (0, 2)
    assert mirrored_cli("token", "list").out.startswith("There are no tokens")


def test_a_token_needs_an_account_and_scopes_that_there_are(mirrored_cli: Cli, upstream: Upstream) -> None:
    unknown = mirrored_cli("token", "new", "a", "--scope", "Everything")
    nobody = mirrored_cli("token", "new", "a", "--account", "nobody")
    mirrored_cli.add("home", upstream)
    which = mirrored_cli("token", "new", "a")
    reading = mirrored_cli("token", "new", "a", "--account", "home", "--json")

    assert [one.code for one in (unknown, nobody, which, reading)] == [2, 2, 2, 0]
    assert "Contacts.ReadWrite" in unknown.err
    assert "--account" in which.err
    assert all(scope.endswith(".Read") for scope in json.loads(reading.out)["scopes"])


@pytest.fixture
def mirrored_cli(cli: Cli, upstream: Upstream) -> Cli:
    cli.add("work", upstream)
    return cli
