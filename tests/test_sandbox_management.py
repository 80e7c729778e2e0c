"""What the application manages in its own right: its accounts, service accounts, and acting for those it manages."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from sandbox_wire import Box, Transport, client, sandbox, validated
from test_sandbox_sign_in import application

READING = ["Mail.Read", "Calendar.Read"]


def asking_wrongly(box: Box) -> httpx.Client:
    options = box.behind.options
    return httpx.Client(
        transport=Transport(validated(box.app, requests=False)),
        base_url="http://sandbox.example/v1",
        auth=(options.client_id, options.client_secret),
    )


def body(email: str = "ada@example.com", service: str = "Google", **more: Any) -> dict[str, Any]:
    return {"active": True, "serviceType": service, "email": email, **more}


def saved(box: Box, path: str = "/am/accounts", *, params: dict[str, Any] | None = None, **more: Any) -> Any:
    answer = application(box).post(path, params=params, json=body(**more))
    assert answer.status_code == 200, answer.text
    return answer.json()


def listed(box: Box, path: str = "/am/accounts", **params: Any) -> list[Any]:
    answer = application(box).get(path, params=params)
    assert answer.status_code == 200, answer.text
    page = answer.json()
    assert page["totalSize"] >= len(page["records"])
    records: list[Any] = page["records"]
    return records


def test_the_application_sees_its_accounts_and_their_state() -> None:
    box = sandbox()
    box.state.set_token_status(box.account.id, "dead")

    ((account,), one) = listed(box), application(box).get(f"/am/accounts/{box.account.id}").json()

    assert account == one
    assert (account["id"], account["tokenStatus"], account["type"]) == (box.account.id, "dead", "personal")
    assert account["tokenError"]


def test_nothing_of_the_application_is_open_to_an_account() -> None:
    box = sandbox()
    for verb, path in (
        ("GET", "/am/accounts"),
        ("POST", "/am/accounts"),
        ("GET", f"/am/accounts/{box.account.id}"),
        ("DELETE", f"/am/accounts/{box.account.id}"),
        ("POST", "/am/accounts/connect"),
        ("GET", "/am/svc_accounts"),
    ):
        answer = box.http.request(verb, path)
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
    assert box.http.get("/account").status_code == 200


def test_accounts_are_listed_in_parts_and_by_what_they_are() -> None:
    box = sandbox()
    for number in range(4):
        box.clock.sleep(1)
        saved(box, email=f"p{number}@example.org", service="Office365", clientOrgId=str(number % 2), authOrgId="org")

    part = application(box).get("/am/accounts", params={"limit": 2, "offset": 3}).json()

    assert (part["offset"], part["totalSize"], part["done"]) == (3, 5, True)
    assert [one["email"] for one in part["records"]] == ["p2@example.org", "p3@example.org"]
    assert not application(box).get("/am/accounts", params={"limit": 4}).json()["done"]
    assert [one["email"] for one in listed(box, serviceType="Google")] == ["ada@example.com"]
    assert [one["email"] for one in listed(box, clientOrgId="1")] == ["p1@example.org", "p3@example.org"]
    assert len(listed(box, authOrgId="org")) == 4
    for wrong in ({"limit": 0}, {"offset": -1}, {"serviceType": "GoogleBot"}, {"subscriptionId": "x"}):
        assert asking_wrongly(box).get("/am/accounts", params=wrong).status_code == 400


def test_an_account_made_by_the_application_has_the_scopes_that_were_asked_for() -> None:
    box = sandbox()
    made = saved(box, authScopes=READING, timezone="Europe/Stockholm", copyToSent=True)

    with client(box.app, made["accessToken"]) as http:
        me = http.get("/account").json()
        assert (me["id"], me["authScopes"]) == (made["accountId"], READING)
        assert (me["timezone"], me["copyToSent"]) == ("Europe/Stockholm", True)
        assert [one["id"] for one in http.get("/calendars").json()["records"]] == ["ada@example.com"]
        assert http.post("/contacts/sync").status_code == 403


def test_recycling_keeps_the_account_that_all_the_keys_fit() -> None:
    box = sandbox()
    first = saved(box, email="eve@example.org", clientOrgId="1")

    other = saved(box, params={"recycleKeys": ["email", "clientOrgId"]}, email="eve@example.org", clientOrgId="2")
    keys = {"recycleKeys": "email,clientOrgId"}  # as the vendor's own client writes them
    same = asking_wrongly(box).post("/am/accounts", params=keys, json=body("EVE@example.org", clientOrgId="1")).json()

    assert other["accountId"] != first["accountId"]
    assert same["accountId"] == first["accountId"]
    assert same["accessToken"] != first["accessToken"]


def test_a_password_is_tried() -> None:
    box = sandbox()
    right = box.behind.options.mailbox_password
    app = asking_wrongly(box)

    imap = body("eve@example.org", "IMAP", serverUrl="mail.example.org:993")
    assert app.post("/am/accounts/connect", json={**imap, "password": right}).json() == {"status": "Ok"}
    assert app.post("/am/accounts/connect", json={**imap, "password": "guess"}).status_code == 400
    assert app.post("/am/accounts/connect", json=body(service="Zoho")).status_code == 400
    assert app.post("/am/accounts", json=imap).status_code == 400
    made = app.post("/am/accounts", json={**imap, "password": right}).json()
    assert app.get(f"/am/accounts/{made['accountId']}").json()["serverUrl"] == "mail.example.org:993"
    assert "password" not in app.get(f"/am/accounts/{made['accountId']}").json()


@pytest.mark.parametrize(
    "wrong",
    [
        {"active": True},
        {"serviceType": "Google", "email": "a@b.example"},
        {"active": True, "serviceType": "Google"},
        {"active": True, "serviceType": "Google", "email": "nobody"},
        {"active": True, "serviceType": "Pigeon", "email": "a@b.example"},
        {"active": True, "serviceType": "GoogleBot", "email": "a@b.example"},
        {"active": True, "serviceType": "Google", "email": "a@b.example", "authScopes": ["Mail.Everything"]},
    ],
)
def test_what_is_no_account_is_refused(wrong: dict[str, Any]) -> None:
    box = sandbox()

    assert asking_wrongly(box).post("/am/accounts", json=wrong).status_code == 400
    assert len(box.state.accounts()) == 1


def test_an_organisations_mailboxes_are_opened_through_its_service_account() -> None:
    box = sandbox()
    service = saved(box, "/am/svc_accounts", email="admin@example.com", authScopes=READING)
    managed = saved(box, f"/am/svc_accounts/{service['accountId']}/accounts", params={"ensureAccess": "true"})

    with client(box.app, managed["accessToken"]) as http:
        me = http.get("/account").json()
        assert (me["type"], me["parentId"], me["authScopes"]) == ("managed", service["accountId"], READING)
        assert me["authOrgId"] == "example.com"
    assert [one["id"] for one in listed(box, "/am/svc_accounts")] == [service["accountId"]]
    assert {one["id"] for one in listed(box)} == {box.account.id, managed["accountId"]}
    again = saved(box, f"/am/svc_accounts/{service['accountId']}/accounts", params={"recycleKeys": "email"})
    assert again["accountId"] == managed["accountId"]


def test_the_application_acts_for_a_mailbox_that_it_manages() -> None:
    box = sandbox()
    service = saved(box, "/am/svc_accounts", email="admin@example.com")
    managed = saved(box, f"/am/svc_accounts/{service['accountId']}/accounts")
    headers = {"X-Aurinko-Account-Id": str(managed["accountId"])}

    calendars = application(box).get("/calendars", headers=headers).json()["records"]

    assert [one["id"] for one in calendars] == ["ada@example.com"]
    headers = {"X-Aurinko-Account-Id": str(service["accountId"])}
    assert application(box).get("/calendars", headers=headers).status_code == 403


def test_only_a_living_service_account_opens_mailboxes_that_exist() -> None:
    box = sandbox()
    service = saved(box, "/am/svc_accounts", email="admin@example.com")["accountId"]
    path, app = f"/am/svc_accounts/{service}/accounts", asking_wrongly(box)

    nobody = app.post(path, params={"ensureAccess": "true"}, json=body("nobody@example.com"))
    personal = app.post(f"/am/svc_accounts/{box.account.id}/accounts", json=body())
    unknown = app.post("/am/svc_accounts/5/accounts", json=body())
    box.state.set_token_status(service, "dead")
    dead = app.post(path, json=body())

    assert [one.status_code for one in (nobody, personal, unknown, dead)] == [400, 400, 404, 400]


def test_an_account_can_be_deleted_by_the_application() -> None:
    box = sandbox()
    made = saved(box, email="eve@example.org")

    assert application(box).delete(f"/am/accounts/{made['accountId']}").content == b""
    assert application(box).get(f"/am/accounts/{made['accountId']}").status_code == 404
    assert len(box.state.accounts()) == 1
