"""Signing in: over real HTTP, with a person at the browser or at the keyboard, and the sandbox as the provider."""

from __future__ import annotations

import contextlib
from typing import Any
from urllib.parse import parse_qs, urlsplit
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest
from mirror_cli import TOKEN, Cli, Served, Terminal, Upstream
from signing import AN_ADDRESS, Pasting, Person, login, set_app

from mirror.cli.words import start_again
from mirror.errors import NotSignedIn, PortInUse
from mirror.loopback import Loopback
from mirror.sign_in import PATIENCE_S, RETURN_PORT

GOOGLE = ("--service", "google")


@pytest.fixture(autouse=True)
def _no_display(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a developer's desktop has must not open anything."""
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def ready(cli: Cli, upstream: Upstream) -> Cli:
    """A home in which the application is set and nobody has signed in."""
    set_app(cli, upstream)
    return cli


def accounts(cli: Cli) -> list[tuple[Any, ...]]:
    return cli.query(
        "SELECT name, email, service, status, writable FROM accounts WHERE removed_at IS NULL ORDER BY name"
    )


# --- in the browser ----------------------------------------------------------------------------------------------------


def test_signing_in_makes_the_account_and_a_sync_works(ready: Cli, upstream: Upstream) -> None:
    ran = login(ready, Person(), "work", *GOOGLE)

    assert ran.code == 0, ran
    assert "Signed in: work is ada@example.org at Google, to read only." in ran.out
    assert ran.out.endswith("Next: mirror sync work\n")
    assert accounts(ready) == [("work", "ada@example.org", "Google", "active", 0)]
    assert ready("sync").code == 0
    assert ready.query("SELECT count(*) FROM contacts") == [(3,)]


def test_signing_in_asks_to_read_unless_the_account_is_to_be_written_to(ready: Cli) -> None:
    reader, writer = Person(), Person()

    login(ready, reader, "work", *GOOGLE)
    ran = login(ready, writer, "home", *GOOGLE, "--writable")

    assert reader.asked["scopes"] == "Mail.Read Calendar.Read Contacts.Read Tasks.Read"
    assert "Mail.Send" in writer.asked["scopes"]
    assert "to read and write" in ran.out
    assert [row[4] for row in accounts(ready)] == [1, 0]


def test_an_account_that_was_made_writable_is_asked_to_write_at_the_next_sign_in(ready: Cli) -> None:
    login(ready, Person(), "work", *GOOGLE)
    ready("account", "writable", "work", "on")
    again = Person()

    ran = login(ready, again, "work", "--reauth")

    assert ran.code == 0, ran
    assert "Contacts.ReadWrite" in again.asked["scopes"]


def test_what_was_not_granted_is_said(ready: Cli) -> None:
    ran = login(ready, Person(scopes=["Mail.Read", "Calendar.Read"]), "work", *GOOGLE)

    assert ran.code == 0
    assert "Not granted: Contacts.Read, Tasks.Read." in ran.out
    assert "mirror account login work --reauth" in ran.out


def test_saying_no_changes_nothing_and_says_how_to_start_again(ready: Cli) -> None:
    ran = login(ready, Person(decision="deny"), "work", *GOOGLE)

    assert ran.code == 3
    assert "the permission was not given (access_denied). Nothing was changed" in ran.err
    assert "mirror account login work" in ran.err
    assert accounts(ready) == []


def test_a_name_that_is_taken_needs_reauth(ready: Cli) -> None:
    login(ready, Person(), "work", *GOOGLE)

    ran = login(ready, Person(), "work", *GOOGLE)

    assert ran.code == 2
    assert "mirror account login work --reauth" in ran.err


def test_a_mailbox_that_is_mirrored_under_another_name_is_said(ready: Cli, upstream: Upstream) -> None:
    ready.add("old", upstream)
    ready("sync")

    login(ready, Person(), "work", *GOOGLE)
    remote_id = ready.query("SELECT remote_id FROM accounts WHERE name = 'work'")[0][0]
    ready.write(f"UPDATE accounts SET remote_id = '{remote_id}' WHERE name = 'old'")
    ready("account", "remove", "work", "--yes")

    ran = login(ready, Person(), "work", *GOOGLE)

    assert ran.code == 0, ran
    assert "mirrored already, as old" in ran.out


# --- signing in again --------------------------------------------------------------------------------------------------


def test_a_token_that_died_is_replaced_for_the_same_account(ready: Cli, upstream: Upstream) -> None:
    login(ready, Person(), "work", *GOOGLE)
    assert ready("sync").code == 0
    before = ready.query("SELECT id, remote_id FROM accounts")
    upstream.state.set_token_status(int(before[0][1]), "dead")
    dead = ready("sync")
    assert dead.code == 3
    assert "mirror account login work --reauth" in dead.err

    again = Person()
    ran = login(ready, again, "work", "--reauth")

    assert ran.code == 0, ran
    assert again.asked["accountId"] == before[0][1]
    assert again.asked["loginHint"] == "ada@example.org"
    assert ready.query("SELECT id, remote_id FROM accounts") == before
    assert accounts(ready)[0][3] == "active"
    assert ready("sync").code == 0


class Careless:
    """An upstream that forgets which account was to be authorised again, and so takes any mailbox."""

    def __init__(self, application: Any) -> None:
        self.application = application

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Any:
        if environ["PATH_INFO"] == "/v1/auth/authorize":
            query = [part for part in environ["QUERY_STRING"].split("&") if not part.startswith("accountId=")]
            environ = {**environ, "QUERY_STRING": "&".join(query), "RAW_URI": environ["PATH_INFO"]}
        return self.application(environ, start)


def test_another_mailbox_is_refused_and_nothing_changes(ready: Cli, upstream: Upstream, served: Served) -> None:
    login(ready, Person(), "work", *GOOGLE)
    ready("sync")
    before = (accounts(ready), (ready.home / "credentials.json").read_text())
    served.plug_in(Careless(served.application))

    ran = login(ready, Person(address="eve@example.org"), "work", "--reauth")

    assert ran.code == 3
    assert "another mailbox (eve@example.org)" in ran.err
    assert "ada@example.org" in ran.err
    assert (accounts(ready), (ready.home / "credentials.json").read_text()) == before
    assert ready("sync").code == 0


def test_a_removed_account_comes_back_for_its_own_mailbox_only(ready: Cli, upstream: Upstream, served: Served) -> None:
    login(ready, Person(), "work", *GOOGLE)
    ready("sync")
    ready("account", "remove", "work", "--yes")
    served.plug_in(Careless(served.application))

    other = login(ready, Person(address="eve@example.org"), "work", *GOOGLE)

    assert other.code == 3
    assert accounts(ready) == []
    assert ready.query("SELECT count(*) FROM contacts") == [(3,)]


def test_an_account_that_began_with_a_token_can_sign_in_in_the_browser(ready: Cli, upstream: Upstream) -> None:
    ready.add("work", upstream)
    assert ready("sync").code == 0

    ran = login(ready, Person(), "work", "--reauth")

    assert ran.code == 0, ran
    assert TOKEN not in (ready.home / "credentials.json").read_text()
    assert ready("sync").code == 0


def test_login_alone_signs_in_again_where_that_can_be_done(ready: Cli, upstream: Upstream) -> None:
    login(ready, Person(), "work", *GOOGLE)
    person = Person()

    ran = login(ready, person, "work")

    assert ran.code == 0, ran
    assert "accountId" in person.asked
    ready("app", "forget", "--base-url", upstream.url)
    assert login(ready, person, "work").code == 2


def test_reauth_of_an_account_that_is_not_there_is_a_mistake(ready: Cli) -> None:
    ran = login(ready, Person(), "work", "--reauth")

    assert ran.code == 2
    assert "there is no account “work”" in ran.err


# --- pasting -----------------------------------------------------------------------------------------------------------


def only_the_code(address: str) -> str:
    return parse_qs(urlsplit(address).query)["code"][0]


def without_the_scheme(address: str) -> str:
    return address.removeprefix("http://")


def paste(cli: Cli, pasting: Pasting, *arguments: str) -> Any:
    return cli("account", "login", *arguments, "--no-browser", typed=pasting)


@pytest.mark.parametrize("copied", [str, only_the_code, without_the_scheme, lambda address: f"  {address}  "])
def test_on_a_machine_without_a_browser_the_code_or_the_address_is_pasted(ready: Cli, copied: Any) -> None:
    ran = paste(ready, Pasting(Person(), copied), "work", *GOOGLE)

    assert ran.code == 0, ran
    assert "Copy that whole address (or the code in it)" in ran.out
    assert ready("sync").code == 0


def test_without_a_display_pasting_is_what_is_offered(ready: Cli) -> None:
    ran = ready(
        "account", "login", "work", *GOOGLE, typed=Pasting(Person()), DISPLAY="", WAYLAND_DISPLAY="", BROWSER=""
    )

    assert ran.code == 0, ran
    assert "paste it here" in ran.out


@pytest.mark.parametrize(
    ("copied", "said"),
    [
        (lambda address: address.replace("state=", "state=x"), "its state is another one"),
        (lambda address: address.partition("&state=")[0], "its state is another one"),
        (lambda _: "", "neither a code nor the address"),
        (lambda _: "two words", "neither a code nor the address"),
        (lambda _: "https://example.org/", "neither a code nor the address"),
        (lambda _: "x" * 5000, "neither a code nor the address"),
        (lambda _: "no-such-code", "the code was not accepted (400"),
        (lambda _: "../accounts", "the code was not accepted (400"),
    ],
)
def test_what_is_pasted_wrongly_is_refused_in_plain_words(ready: Cli, copied: Any, said: str) -> None:
    ran = paste(ready, Pasting(Person(), copied), "work", *GOOGLE)

    assert ran.code == 3
    assert said in ran.err
    assert accounts(ready) == []


def test_the_address_that_was_given_is_not_taken_for_the_one_to_be_pasted(ready: Cli) -> None:
    person = Person()

    ran = paste(ready, Pasting(person, lambda _: person.opened[-1]), "work", *GOOGLE)

    assert ran.code == 3
    assert "neither a code nor the address" in ran.err


def test_a_refusal_can_be_pasted_too(ready: Cli) -> None:
    ran = paste(ready, Pasting(Person(decision="deny")), "work", *GOOGLE)

    assert ran.code == 3
    assert "the permission was not given" in ran.err


def test_a_code_is_good_once(ready: Cli) -> None:
    kept: list[str] = []

    def copied(address: str) -> str:
        kept.append(only_the_code(address))
        return kept[0]

    assert paste(ready, Pasting(Person(), copied), "work", *GOOGLE).code == 0
    second = paste(ready, Pasting(Person(), copied), "home", *GOOGLE)

    assert second.code == 3
    assert "it is good once" in second.err
    assert kept[0] not in second.err


def test_on_a_terminal_a_wrong_paste_may_be_tried_again(ready: Cli) -> None:
    with Terminal(ready, "account", "login", "work", *GOOGLE, "--no-browser") as terminal:
        shown = terminal.read_until("Address or code:").replace("\r\n", "\n")
        terminal.type("two words\n")
        terminal.read_until("Try again.")
        found = AN_ADDRESS.search(shown)
        assert found is not None
        terminal.type(Person().answer(found[1]) + "\n")
        rest = terminal.read_to_the_end()

    assert terminal.code == 0
    assert "Signed in: work is ada@example.org" in rest


# --- what is asked for, and where --------------------------------------------------------------------------------------


def test_without_an_application_the_way_to_one_is_said(cli: Cli, upstream: Upstream) -> None:
    ran = login(cli, Person(), "work", *GOOGLE, "--base-url", upstream.url)

    assert ran.code == 3
    assert "mirror app set --client-id ID --secret-stdin" in ran.err
    assert f"--base-url {upstream.url}" in ran.err


def test_a_wrong_client_secret_is_told_apart_from_a_wrong_code(ready: Cli, upstream: Upstream) -> None:
    ready("app", "set", "--base-url", upstream.url, "--secret-stdin", typed="another-secret\n")

    ran = login(ready, Person(), "work", *GOOGLE)

    assert ran.code == 3
    assert "does not accept the application's id and secret" in ran.err
    assert accounts(ready) == []


def test_imap_goes_through_the_form_of_upstream_with_the_server_filled_in(ready: Cli, upstream: Upstream) -> None:
    options = upstream.behind.options
    person = Person("grace@mail.example", more={
        "server": "mail.example", "username": "grace", "password": options.mailbox_password,
    })  # fmt: skip

    ran = login(ready, person, "private", "--service", "imap", "--server-url", "mail.example")

    assert ran.code == 0, ran
    assert person.asked["serviceType"] == "IMAP"
    assert person.asked["serverUrl"] == "mail.example"
    assert accounts(ready) == [("private", "grace@mail.example", "IMAP", "active", 0)]
    assert ready("sync").code == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["work"], "--service Google"),
        (["work", "--service", "Gogle"], "did you mean Google?"),
        (["work", "--service", "GoogleBot"], "there is no service"),
        (["two words", *GOOGLE], "one word"),
        (["work", *GOOGLE, "--token-stdin"], "not both"),
        (["work", *GOOGLE, "--base-url", "nonsense"], "is not a base URL"),
        (["work", *GOOGLE, "--since", "yesterday"], "is no date"),
        (["work", "--reauth", "--since", "all"], "for a new account"),
    ],
)
def test_what_can_not_be_meant_is_refused_before_a_browser_opens(ready: Cli, arguments: list[str], said: str) -> None:
    person = Person()

    ran = login(ready, person, *arguments)

    assert ran.code == 2
    assert said in ran.err
    assert person.opened == []


def test_a_port_that_is_taken_is_replaced_unless_it_was_asked_for(ready: Cli) -> None:
    person = Person()
    with Loopback() as taken:
        port = taken.url.split(":")[2].split("/")[0]
        asked_for = login(ready, person, "work", *GOOGLE, "--return-port", port)
    assert asked_for.code == 2
    assert "choose another one with --return-port" in asked_for.err

    with contextlib.suppress(PortInUse), Loopback(RETURN_PORT):
        assert login(ready, person, "work", *GOOGLE).code == 0
        assert f":{RETURN_PORT}/" not in person.asked["returnUrl"]


def test_that_nobody_came_back_is_said_with_what_may_help() -> None:
    said = start_again(NotSignedIn("timed_out"), "mirror account login work --service Google")

    assert said.startswith("nobody came back from signing in within five minutes. Nothing was changed.")
    assert "Register it in the portal" in said
    assert PATIENCE_S == 300


@pytest.mark.parametrize(("written", "name"), [("GOOGLE", "Google"), ("office365", "Office365"), ("Gmail", "Google"),
                                               ("exchange", "EWS"), ("icloud", "iCloud")])  # fmt: skip
def test_services_go_by_any_capitals_and_by_what_people_call_them(written: str, name: str) -> None:
    from mirror.sources.aurinko_auth import service_named

    assert service_named(written) == name


def test_the_services_are_those_of_the_vendors_file(shared: Any) -> None:
    from openapi import api

    from mirror.sources.aurinko_auth import DAEMON_SERVICES, READ_SCOPES, SERVICES, WRITE_SCOPES

    schemas = api()["components"]["schemas"]
    assert sorted(SERVICES) == sorted(schemas["ServiceTypeNonDaemon"]["enum"])
    assert sorted(DAEMON_SERVICES) == sorted(schemas["ServiceTypeDaemon"]["enum"])
    assert {*READ_SCOPES, *WRITE_SCOPES} <= set(schemas["Scope"]["enum"])


def test_what_is_asked_at_authorize_is_in_the_vendors_file(ready: Cli, shared: Any) -> None:
    from openapi import api

    person = Person()
    login(ready, person, "work", *GOOGLE, "--server-url", "mail.example")
    login(ready, person, "work", "--reauth")

    known = {one["name"] for one in api()["paths"]["/v1/auth/authorize"]["get"]["parameters"]}
    assert {name for url in person.opened for name in parse_qs(urlsplit(url).query)} <= known


# --- the end of an account ---------------------------------------------------------------------------------------------


def test_removing_leaves_upstream_alone_unless_it_is_asked_to_revoke(ready: Cli, upstream: Upstream) -> None:
    for name in ("kept", "revoked"):
        login(ready, Person(address=f"{name}@example.org"), name, *GOOGLE)

    ready("account", "remove", "kept", "--yes")
    ran = ready("account", "remove", "revoked", "--revoke", "--yes")

    assert "The permission was withdrawn upstream." in ran.out
    tokens = {one.email: one.token for one in upstream.state.accounts()}
    assert tokens["kept@example.org"] is not None
    assert tokens["revoked@example.org"] is None


def test_revoking_what_is_revoked_already_is_no_trouble(ready: Cli, upstream: Upstream) -> None:
    login(ready, Person(), "work", *GOOGLE)
    upstream.state.set_token(int(ready.query("SELECT remote_id FROM accounts")[0][0]), None)

    ran = ready("account", "remove", "work", "--revoke", "--yes")

    assert ran.code == 0
    assert "no permission left" in ran.out
    assert accounts(ready) == []


def test_when_upstream_can_not_be_reached_a_revoking_removal_changes_nothing(ready: Cli, served: Served) -> None:
    login(ready, Person(), "work", *GOOGLE)
    served.unplug()

    ran = ready("account", "remove", "work", "--revoke", "--yes")

    assert ran.code == 1
    assert len(accounts(ready)) == 1
    assert "work" in (ready.home / "credentials.json").read_text()
