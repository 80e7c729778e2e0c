"""Signing in to the sandbox: what a program may ask for, what a person may answer, and what comes of it."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from sandbox_wire import Box, Transport, asking_wrongly, client, sandbox, validated

from mirror.clock import VirtualClock
from mirror.contract.grant import USUAL_SCOPES, Grant
from mirror.sandbox.grants import Grants, SignIn
from mirror.sandbox.options import Options
from mirror.sandbox.state import State

HOME = "http://127.0.0.1:8123/back"
READING = "Mail.Read Calendar.Read Contacts.Read Tasks.Read"


def browser(box: Box) -> httpx.Client:
    """Whoever is not signed in at all. Follows no redirects."""
    return httpx.Client(transport=Transport(box.app), base_url="http://sandbox.example/v1")


def application(box: Box) -> httpx.Client:
    options = box.behind.options
    return httpx.Client(
        transport=Transport(validated(box.app)),
        base_url="http://sandbox.example/v1",
        auth=(options.client_id, options.client_secret),
    )


def begun(box: Box, *, daemon: bool = False, **asked: Any) -> str:
    """The address of the consent page that authorize leads to."""
    query = {"clientId": box.behind.options.client_id, "serviceType": "Google", "returnUrl": HOME, **asked}
    answer = browser(box).get("/auth/authorizeDaemon" if daemon else "/auth/authorize", params=query)
    assert answer.status_code == 303, answer.text
    return str(answer.headers["Location"])


def decided(box: Box, page: str, **form: Any) -> httpx.Response:
    return browser(box).post(f"http://sandbox.example{page}", data=form)


def allowed(box: Box, page: str, **form: Any) -> dict[str, str]:
    """What the return URL is told when the person allows everything that the page offers."""
    shown = browser(box).get(f"http://sandbox.example{page}").text
    offered = {"scope": re.findall(r'name="scope" value="([^"]+)" checked', shown), "mailbox": str(box.account.id)}
    return told(decided(box, page, decision="allow", **{**offered, **form}))


def told(answer: httpx.Response) -> dict[str, str]:
    assert answer.status_code == 303, unescape(answer.text)
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["Location"]).query).items()}


def exchanged(box: Box, code: str) -> Any:
    return application(box).post(f"/auth/token/{code}").raise_for_status().json()


def signed_in(box: Box, form: dict[str, Any] | None = None, **asked: Any) -> Any:
    return exchanged(box, allowed(box, begun(box, **asked), **(form or {}))["code"])


def test_a_person_who_allows_it_gives_the_program_a_token_for_their_mailbox() -> None:
    box = sandbox()
    box.state.create(box.account.id, "contacts", {"nickName": "Ben"}, remote_id="ben")

    back = allowed(box, begun(box, scopes=READING, state="a b&c"))
    account = exchanged(box, back["code"])

    assert (back["state"], back["status"]) == ("a b&c", "success")
    with client(box.app, account["accessToken"]) as http:
        me = http.get("/account").json()
        assert (me["id"], me["email"], me["authScopes"]) == (account["accountId"], "ada@example.com", READING.split())
        assert http.get("/contacts/ben").json()["nickName"] == "Ben"


def test_the_token_that_was_there_before_still_works() -> None:
    box = sandbox()
    account = signed_in(box)

    assert account["accountId"] != box.account.id
    assert box.http.get("/account").json()["id"] == box.account.id


def test_what_one_account_writes_the_other_account_of_the_mailbox_reads() -> None:
    box = sandbox()
    with client(box.app, signed_in(box)["accessToken"]) as http:
        made = http.post("/contacts", json={"nickName": "Ben"}).json()["id"]

    assert box.http.get("/contacts/" + made.replace("/", "%2F")).status_code == 200


def test_a_code_works_once_and_not_for_long() -> None:
    box = sandbox()
    app = application(box)
    used, late = (allowed(box, begun(box))["code"] for _ in range(2))

    assert app.get(f"/auth/token/{used}").status_code == 200
    assert app.post(f"/auth/token/{used}").status_code == 400
    box.clock.jump(timedelta(seconds=box.behind.options.code_life_s))
    assert app.post(f"/auth/token/{late}").status_code == 400


def test_a_code_is_worth_nothing_without_the_applications_secret() -> None:
    box = sandbox()
    code = allowed(box, begun(box))["code"]
    with httpx.Client(transport=Transport(validated(box.app)), base_url="http://sandbox.example/v1") as http:
        wrong = http.post(f"/auth/token/{code}", auth=(box.behind.options.client_id, "wrong"))
        bearer = http.post(f"/auth/token/{code}", headers={"Authorization": f"Bearer {box.account.token}"})

    assert [wrong.status_code, bearer.status_code] == [401, 401]
    assert wrong.headers["WWW-Authenticate"].startswith("Basic ")
    assert exchanged(box, code)["accountId"]


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"clientId": "someone"}, "clientId"),
        ({"serviceType": ""}, "serviceType"),
        ({"serviceType": "GoogleBot"}, "serviceType"),
        ({"returnUrl": ""}, "returnUrl"),
        ({"returnUrl": "http://thief.example/"}, "returnUrl"),
        ({"returnUrl": "http://127.0.0.1@thief.example/"}, "returnUrl"),
        ({"returnUrl": "https://127.0.0.1.thief.example/"}, "returnUrl"),
        ({"returnUrl": "http://127.0.0.1:1/a\nb: c"}, "returnUrl"),
        ({"returnUrl": "http://127.0.0.1:99999/"}, "returnUrl"),
        ({"returnUrl": "http://[::1/"}, "returnUrl"),
        ({"returnUrl": HOME + "#here"}, "returnUrl"),
        ({"scopes": "Mail.ReadOnly"}, "scopes"),
        ({"scopes": "Mail.Read,Mail.Send"}, "scopes"),
        ({"responseType": "cookie"}, "responseType"),
        ({"accountId": "none"}, "accountId"),
        ({"accountId": "5"}, "accountId"),
        ({"recycle": "yes"}, "recycle"),
    ],
)
def test_what_a_program_asks_for_wrongly_is_refused_and_redirects_nowhere(wrong: dict[str, str], named: str) -> None:
    box = sandbox()
    right = {"clientId": box.behind.options.client_id, "serviceType": "Google", "returnUrl": HOME}

    answer = browser(box).get("/auth/authorize", params={**right, **wrong})

    assert answer.status_code == 400
    assert named in answer.json()["message"]


def test_a_registered_return_url_may_be_anywhere_and_keeps_its_query() -> None:
    box = sandbox(Options(return_urls=frozenset({"https://app.example/back?tenant=7"})))

    answer = decided(box, begun(box, returnUrl="https://app.example/back?tenant=7"), decision="deny")

    assert answer.headers["Location"] == "https://app.example/back?tenant=7&error=access_denied"


def test_a_person_who_refuses_sends_the_program_away_with_an_error() -> None:
    box = sandbox()
    page = begun(box, state="s")

    back = told(decided(box, page, decision="deny", mailbox=str(box.account.id)))

    assert back == {"error": "access_denied", "state": "s"}
    assert decided(box, page, decision="allow").status_code == 410
    assert len(box.state.accounts()) == 1


def test_a_consent_page_that_nobody_answered_is_over_after_a_while() -> None:
    box = sandbox()
    page = begun(box)
    box.clock.jump(timedelta(seconds=box.behind.options.sign_in_life_s))

    assert browser(box).get(f"http://sandbox.example{page}").status_code == 410
    assert browser(box).get("http://sandbox.example/sandbox/sign-in/none").status_code == 410


def test_the_consent_page_runs_no_script_and_leads_nowhere_but_back() -> None:
    box = sandbox()
    answer = browser(box).get(f"http://sandbox.example{begun(box, loginHint='<script>@x')}")

    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "form-action 'self' http://127.0.0.1:8123;" in policy
    assert "frame-ancestors 'none'" in policy
    assert "<script" not in answer.text
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_new_address_becomes_a_mailbox_of_its_own() -> None:
    box = sandbox()
    account = signed_in(box, {"mailbox": "new", "address": "new@example.org"})

    with client(box.app, account["accessToken"]) as http:
        assert http.get("/account").json()["email"] == "new@example.org"
        assert [one["primary"] for one in http.get("/calendars").json()["records"]] == [True]
        assert "inbox" in [one.get("sysLabel") for one in http.get("/email/folders").json()["records"]]


@pytest.mark.parametrize("address", ["", "nobody", "a@b@c", "a b@c"])
def test_what_is_no_address_is_asked_for_again(address: str) -> None:
    box = sandbox()
    page = begun(box)

    answer = decided(box, page, decision="allow", mailbox="new", address=address)

    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert told(decided(box, page, decision="allow", mailbox="new", address="b@c.example"))["status"] == "success"


def test_an_address_of_another_service_is_asked_for_again() -> None:
    box = sandbox()
    answer = decided(
        box, begun(box, serviceType="Office365"), decision="allow", mailbox="new", address="Ada@example.com"
    )

    assert answer.status_code == 422
    assert "Google" in answer.text


def test_the_hint_is_filled_in() -> None:
    box = sandbox()
    box.state.add_account(email="ben@example.org")
    known = browser(box).get(f"http://sandbox.example{begun(box, loginHint='Ben@example.org')}").text
    new = browser(box).get(f"http://sandbox.example{begun(box, loginHint='eve@example.org')}").text

    assert re.search(r"checked> ben@example.org", known)
    assert 'value="eve@example.org"' in new
    assert 'value="new" checked' in new


def test_signing_in_anew_makes_another_account_unless_it_is_to_be_recycled() -> None:
    box = sandbox()
    first = signed_in(box)["accountId"]
    second = signed_in(box)["accountId"]
    recycled = signed_in(box, recycle="true")["accountId"]

    assert len({box.account.id, first, second}) == 3
    assert recycled == box.account.id


def test_authorizing_again_keeps_the_account_and_revives_it() -> None:
    box = sandbox()
    first = signed_in(box, scopes=READING)
    box.state.set_token_status(first["accountId"], "dead")
    with client(box.app, first["accessToken"]) as http:
        assert http.get("/contacts/x").json()["code"] == "token.dead"

    again = signed_in(box, accountId=first["accountId"])

    assert again["accountId"] == first["accountId"]
    with client(box.app, again["accessToken"]) as http:
        assert http.get("/account").json()["tokenStatus"] == "active"
        assert set(http.get("/account").json()["authScopes"]) == set(USUAL_SCOPES)
    with asking_wrongly(box, first["accessToken"]) as http:
        assert http.get("/account").json()["code"] == "unauthorized"


def test_authorizing_again_refuses_another_mailbox() -> None:
    box = sandbox()
    first = signed_in(box)["accountId"]

    back = allowed(box, begun(box, accountId=first, state="s"), mailbox="new", address="eve@example.org")

    assert back == {"error": "account_mismatch", "state": "s"}


def test_another_address_than_the_program_insists_on_is_refused() -> None:
    box = sandbox()
    right = allowed(box, begun(box, authEmail="ADA@example.com"))
    wrong = allowed(box, begun(box, authEmail="eve@example.org"))

    assert right["status"] == "success"
    assert wrong == {"error": "email_mismatch"}


def test_a_person_may_grant_less_unless_the_program_insists() -> None:
    box = sandbox()
    less = signed_in(box, {"scope": ["Mail.Read"]}, scopes=READING)
    refused = allowed(box, begun(box, scopes=READING, ensureScopes="true"), scope=["Mail.Read"])

    assert refused == {"error": "insufficient_scopes"}
    with client(box.app, less["accessToken"]) as http:
        assert http.get("/email/folders").status_code == 200
        assert (http.get("/calendars").status_code, http.get("/calendars").json()["code"]) == (403, "forbidden")


@pytest.mark.parametrize(
    ("scope", "may", "may_not"),
    [
        ("Contacts.Read", ("POST", "/contacts/sync"), ("POST", "/contacts")),
        ("Calendar.Read", ("POST", "/calendars/freeBusy"), ("POST", "/calendars")),
        ("Tasks.ReadWrite", ("POST", "/tasklists"), ("GET", "/email/folders")),
        ("Mail.Read", ("POST", "/email/sync"), ("POST", "/email/messages")),
        ("Mail.Read", ("GET", "/email/drafts/x"), ("POST", "/email/drafts")),
        ("Mail.ReadWrite", ("POST", "/email/folders"), ("POST", "/email/messages")),
        ("Mail.Send", ("POST", "/email/messages"), ("GET", "/email/messages")),
        ("Mail.Drafts", ("POST", "/email/messages"), ("GET", "/email/messages")),
        ("Mail.All", ("POST", "/email/drafts"), ("GET", "/calendars")),
    ],
)
def test_a_token_may_do_what_its_scopes_say(scope: str, may: tuple[str, str], may_not: tuple[str, str]) -> None:
    box = sandbox()
    with asking_wrongly(box, signed_in(box, scopes=scope)["accessToken"]) as http:
        assert http.request(*may, content=b"{}").status_code in (200, 201, 400, 404)
        assert http.request(*may_not, content=b"{}").status_code == 403
        assert http.get("/account").json()["authScopes"] == [scope]


@pytest.mark.parametrize("service", ["IMAP", "EWS", "iCloud"])
def test_a_mailbox_without_consent_pages_is_opened_by_its_password(service: str) -> None:
    box = sandbox()
    page = begun(box, serviceType=service, serverUrl="mail.example.org")
    shown = browser(box).get(f"http://sandbox.example{page}").text
    form = {"address": "eve@example.org", "server": "mail.example.org", "username": "eve", "scope": "Mail.Read"}

    wrong = decided(box, page, decision="allow", password="guess", **form)
    back = told(decided(box, page, decision="allow", password=box.behind.options.mailbox_password, **form))

    assert 'type="password"' in shown
    assert ('value="mail.example.org"' in shown) == (service != "iCloud")
    assert (wrong.status_code, "guess" in wrong.text) == (422, False)
    with client(box.app, exchanged(box, back["code"])["accessToken"]) as http:
        assert http.get("/account").json()["serviceType"] == service


def test_the_implicit_flow_hands_over_the_token_itself() -> None:
    box = sandbox()
    back = allowed(box, begun(box, responseType="token"))

    with client(box.app, back["token"]) as http:
        assert str(http.get("/account").json()["id"]) == back["accountId"]


def test_a_service_account_is_for_an_organisation_and_has_no_mailbox() -> None:
    box = sandbox()
    account = exchanged(box, allowed(box, begun(box, daemon=True, clientOrgId="7"))["code"])

    with client(box.app, account["accessToken"]) as http:
        me = http.get("/account").json()
        assert (me["type"], me["daemon"], me["authOrgId"], me["clientOrgId"]) == ("daemon", True, "example.com", "7")
        assert http.get("/calendars").status_code == 403
    with client(box.app, signed_in(box)["accessToken"]) as http:
        assert [one["id"] for one in http.get("/calendars").json()["records"]] == ["ada@example.com"]


def test_when_the_first_account_of_a_mailbox_is_deleted_the_others_keep_what_it_held() -> None:
    box = sandbox()
    box.state.create(box.account.id, "contacts", {"nickName": "Ben"}, remote_id="ben")
    tokens = [signed_in(box)["accessToken"] for _ in range(2)]

    assert box.http.delete("/account").status_code == 200

    for token in tokens:
        with client(box.app, token) as http:
            assert http.get("/contacts/ben").json()["nickName"] == "Ben"
            assert http.delete("/account").status_code == 200
    assert box.state.accounts() == []
    assert box.state.rows("SELECT * FROM records") == box.state.rows("SELECT * FROM grants") == []


def test_the_provider_is_asked_where_it_can_be() -> None:
    box = sandbox()
    answer = box.http.get("/account", params={"pingProvider": "true", "includeProviderAuth": "true"})
    assert answer.json()["providerAccessToken"]

    app, headers = application(box), {"X-Aurinko-Account-Id": str(box.account.id)}
    for status, code in (("dead", "token.dead"), ("invalid", "token.refresh.failed")):
        box.state.set_token_status(box.account.id, status)  # type: ignore[arg-type]  # one of the two
        assert app.get("/account", headers=headers).json()["tokenStatus"] == status
        assert app.get("/account", headers=headers, params={"pingProvider": "true"}).json()["code"] == code
    exchange = sandbox(service_type="EWS")
    assert exchange.http.get("/account", params={"pingProvider": "true"}).status_code == 400


def test_what_was_allowed_is_still_allowed_after_a_restart(tmp_path: Path) -> None:
    path, clock = str(tmp_path / "sandbox.db"), VirtualClock()
    first = State(path, clock=clock)
    mailbox = first.add_account(email="ada@example.com")
    grants = Grants(first, Options())
    account = grants.new_account(mailbox, mailbox.email, "Google", Grant(scopes=("Mail.Read",)))
    token, code = grants.new_token(account.id), grants.new_code(account.id)
    ticket = grants.begin(SignIn(service_type="Google", return_url=HOME))
    first.close()

    second = State(path, clock=clock)
    found, grants = second.account_for_token(token), Grants(second, Options())

    assert found is not None
    assert (found.id, found.mailbox_id) == (account.id, mailbox.id)
    assert grants.of(account.id).scopes == ("Mail.Read",)
    assert grants.redeem(code) == account.id
    assert grants.asked(ticket) == SignIn(service_type="Google", return_url=HOME)
    second.close()
