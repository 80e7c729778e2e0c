"""Service accounts: an administrator signs in once, and all mailboxes of the organisation are added, again and again."""

from __future__ import annotations

import json
from typing import Any

import pytest
from mirror_cli import Cli, Ran, Upstream
from signing import Person, coming_back, in_front_of_the_browser, set_app

PEOPLE = ("ada", "grace", "katherine")


@pytest.fixture(autouse=True)
def _no_display(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("BROWSER", "of the tests")


def login_service(cli: Cli, person: Person, *arguments: str) -> Ran:
    leave = in_front_of_the_browser(coming_back(person))
    try:
        return cli("account", "login-service", *arguments)
    finally:
        leave()


@pytest.fixture
def acme(cli: Cli, upstream: Upstream) -> Cli:
    """A home in which the administrator of acme has signed in."""
    set_app(cli, upstream)
    ran = login_service(cli, Person("admin@acme.example"), "acme", "--service", "google")
    assert ran.code == 0, ran
    return cli


def add_all(cli: Cli, addresses: tuple[str, ...] = (), *more: str) -> Ran:
    given = ("--addresses", "-") if addresses else ()
    return cli("account", "add-all", "acme", *given, *more, typed="\n".join(addresses))


def of_acme(*names: str) -> tuple[str, ...]:
    return tuple(f"{name}@acme.example" for name in names)


def names(cli: Cli) -> list[str]:
    return [row[0] for row in cli.query("SELECT name FROM accounts WHERE removed_at IS NULL ORDER BY name")]


def test_an_administrator_signs_in_and_no_token_of_theirs_is_kept(acme: Cli, upstream: Upstream) -> None:
    kept = json.loads((acme.home / "credentials.json").read_text())

    assert set(kept["/service acme"]) == {"app", "account_id", "service"}
    assert names(acme) == []
    assert "acme             service account of Google" in acme("account", "list").out
    token = next(one.token for one in upstream.state.accounts() if one.email == "admin@acme.example")
    assert token is not None
    assert token not in (acme.home / "credentials.json").read_text()


def test_mailboxes_are_added_under_their_addresses_and_each_syncs(acme: Cli, upstream: Upstream) -> None:
    ran = add_all(acme, of_acme(*PEOPLE))

    assert ran.code == 0, ran
    assert ran.out.splitlines() == [
        "added ada@acme.example", "added grace@acme.example", "added katherine@acme.example", "3 added, 0 left as they are.",
        "Next: mirror sync",
    ]  # fmt: skip
    assert acme("sync").code == 0
    assert acme.query("SELECT name, email, status FROM accounts ORDER BY name") == [
        (one, one, "active") for one in of_acme(*PEOPLE)
    ]
    calendars = acme.query("SELECT count(DISTINCT account_id) FROM calendars")
    assert calendars == [(3,)]


def test_doing_it_again_adds_only_what_is_new(acme: Cli) -> None:
    add_all(acme, of_acme("ada"))
    before = (acme.home / "credentials.json").read_text()

    again = add_all(acme)
    assert again.out.splitlines() == [
        "ada@acme.example is mirrored already, as ada@acme.example", "0 added, 1 left as they are.",
    ]  # fmt: skip
    assert (acme.home / "credentials.json").read_text() == before

    assert "1 added, 1 left as they are." in add_all(acme, of_acme("ada", "grace")).out
    assert names(acme) == list(of_acme("ada", "grace"))


def test_a_dry_run_only_says_what_would_be_added(acme: Cli, upstream: Upstream) -> None:
    before = len(upstream.state.accounts())

    ran = add_all(acme, of_acme("ada", "grace"), "--dry-run")

    assert "would add ada@acme.example\nwould add grace@acme.example\n2 would be added" in ran.out
    assert names(acme) == []
    assert len(upstream.state.accounts()) == before


def test_only_addresses_that_fit_are_added(acme: Cli) -> None:
    add_all(acme, ("ada@acme.example", "Grace@Sales.Acme.example", "eve@other.example"), "--match", "*acme.example")

    assert names(acme) == ["ada@acme.example", "grace@sales.acme.example"]
    assert "There is no mailbox that fits *@nowhere under acme" in add_all(acme, (), "--match", "*@nowhere").out


def test_what_a_person_removed_is_not_brought_back(acme: Cli) -> None:
    add_all(acme, of_acme("ada", "grace"))
    acme("account", "remove", "ada@acme.example", "--yes")

    ran = add_all(acme)

    assert "ada@acme.example was removed here and stays so" in ran.out
    assert names(acme) == ["grace@acme.example"]


def test_what_was_removed_comes_back_when_it_is_asked_for_with_its_records(acme: Cli) -> None:
    add_all(acme, of_acme("ada"))
    acme("sync")
    before = acme.query("SELECT id, account_id FROM calendars")
    acme("account", "remove", "ada@acme.example", "--yes")

    assert "would add ada@acme.example" in add_all(acme, (), "--also-removed", "--dry-run").out
    assert names(acme) == []
    ran = add_all(acme, (), "--also-removed")

    assert "added ada@acme.example\n1 added, 0 left as they are." in ran.out
    assert acme("sync").code == 0
    assert acme.query("SELECT id, account_id FROM calendars") == before


def test_a_name_that_is_taken_gets_a_number(acme: Cli, upstream: Upstream) -> None:
    acme.add("ada@acme.example", upstream)

    add_all(acme, of_acme("ada"))

    assert names(acme) == ["ada@acme.example", "ada@acme.example-2"]


def test_accounts_of_others_and_of_other_organisations_are_left_alone(acme: Cli, upstream: Upstream) -> None:
    login_service(acme, Person("boss@other.example"), "other", "--service", "google")
    acme("account", "add-all", "other", "--addresses", "-", typed="eve@other.example")

    add_all(acme, of_acme("ada"))

    assert add_all(acme).out.count("mirrored already") == 1
    assert names(acme) == ["ada@acme.example", "eve@other.example"]


def test_a_restored_home_gets_its_credentials_back(acme: Cli) -> None:
    add_all(acme, of_acme("ada", "grace"))
    kept = json.loads((acme.home / "credentials.json").read_text())
    (acme.home / "credentials.json").write_text(json.dumps({n: one for n, one in kept.items() if n[0] == "/"}))
    assert acme("sync").code == 3

    ran = add_all(acme)

    assert "ada@acme.example has its credentials back" in ran.out
    assert acme("sync").code == 0


def test_many_are_paged_and_written_in_few_steps(acme: Cli, upstream: Upstream) -> None:
    add_all(acme, of_acme("seed"))
    upstream.behind.faults.requests.clear()
    many = tuple(f"person{number}@acme.example" for number in range(120))
    assert "120 added, 1 left as they are." in add_all(acme, many).out
    upstream.behind.faults.requests.clear()

    again = add_all(acme)

    assert "0 added, 121 left as they are." in again.out
    asked = [request.query for request in upstream.behind.faults.requests]
    assert asked == ["limit=100&offset=0", "limit=100&offset=100"]


def test_without_the_application_every_mailbox_waits_and_says_for_what(acme: Cli, upstream: Upstream) -> None:
    add_all(acme, of_acme("ada"))
    assert "1 accounts are called with its rights" in acme("app", "forget", "--base-url", upstream.url).out

    ran = acme("sync")

    assert ran.code == 3
    assert "mirror app set --client-id ID --secret-stdin --base-url" in ran.err
    set_app(acme, upstream)
    assert acme("sync").code == 0


def test_a_service_account_signs_in_again_under_its_own_id(acme: Cli) -> None:
    add_all(acme, of_acme("ada"))
    person = Person("admin@acme.example")
    kept = json.loads((acme.home / "credentials.json").read_text())["/service acme"]["account_id"]

    ran = login_service(acme, person, "acme", "--reauth")

    assert ran.code == 0, ran
    assert person.asked["accountId"] == kept
    assert acme("sync").code == 0


def test_a_service_account_can_be_forgotten_and_its_mailboxes_stay(acme: Cli) -> None:
    add_all(acme, of_acme("ada"))

    ran = acme("account", "remove", "acme")

    assert "The service account acme is forgotten" in ran.out
    assert acme("sync").code == 0
    assert "there is no service account “acme”" in add_all(acme).err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["login-service", "acme", "--service", "google"], "is there already"),
        (["login-service", "new"], "--service and one of: Google, Office365"),
        (["login-service", "new", "--service", "iCloud"], "there is no service “iCloud”"),
        (["login-service", "new", "--reauth"], "there is no service account “new”; there are: acme"),
        (["add-all", "nobody"], "there is no service account “nobody”; there are: acme"),
        (["add-all", "acme", "--addresses", "-"], "line 1 of <stdin> is no address: “no address”"),
        (["login", "acme", "--service", "google"], "is a service account"),
        (["add", "acme", "--token-stdin"], "is a service account"),
    ],
)
def test_what_can_not_be_meant_is_refused(acme: Cli, arguments: list[str], said: str) -> None:
    ran: Any = acme("account", *arguments, typed="no address\n" if "-" in arguments else "a-token\n")

    assert ran.code == 2, ran
    assert said in ran.err
