"""Who gets in: this machine alone without a password, the one who knows it with one; and that the pages change nothing."""

from __future__ import annotations

import asyncio
import re
import stat
from pathlib import Path
from typing import Any

import httpx
import pytest
from datasette.app import Datasette
from mirror_cli import Cli, Terminal, Typed
from test_credentials import InMemory, using
from web_demo import blank_mirror, browse, insert

from mirror import credentials
from mirror.cli.password import access_of
from mirror.clock import VirtualClock
from mirror.errors import SignInAgain, Usage
from mirror.web import create_datasette
from mirror.web.access import MOST_WRONG, WITHIN_S, Access, WrongTries, hash_of

PASSWORD = "correct horse battery staple"
HTML = {"accept": "text/html"}
OPEN_TO_ALL = re.compile(
    r"^/-/(static|static-plugins|mirror/static|login|logout|auth-token|password-tool|allow-debug|config)\b|^/favicon|^/:memory:"
)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = blank_mirror(tmp_path_factory.mktemp("password"))
    insert(made, "accounts", name="ada", email="ada@example.org")
    insert(made, "contacts", name="Bo Harbour", emails="bo@host.example")
    return made


@pytest.fixture(scope="module")
def access() -> Access:
    return Access(hash_of(PASSWORD), "a-secret-for-cookies", "0.0.0.0")


@pytest.fixture
def guarded(path: Path, access: Access) -> Datasette:
    return create_datasette(path, access=access)


def ask(datasette: Datasette, where: str, method: str = "GET", **more: Any) -> httpx.Response:
    return asyncio.run(in_turn(datasette, [(method, where, more)]))[0]


async def in_turn(datasette: Datasette, requests: list[tuple[str, str, dict[str, Any]]]) -> list[httpx.Response]:
    """The answers to one browser, which keeps its cookies."""
    transport = httpx.ASGITransport(app=datasette.app())
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as browser:
        return [await browser.request(method, where, **more) for method, where, more in requests]


async def signed_in(datasette: Datasette, password: str, *then: str, **headers: str) -> list[httpx.Response]:
    transport = httpx.ASGITransport(app=datasette.app())
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost", headers=headers) as browser:
        page = await browser.get("/-/login")
        token = re.search(r'name="csrftoken" value="([^"]+)"', page.text)
        assert token
        form = {"username": "owner", "password": password, "csrftoken": token[1]}
        answers = [await browser.post("/-/login", data=form)]
        return answers + [await browser.get(where) for where in then]


# --- by which name ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8801", "[::1]:8801", "LOCALHOST:1", "[::1]"])
def test_this_machines_own_names_are_answered(path: Path, host: str) -> None:
    assert ask(browse(path), "/", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8801", "localhost.evil.example", "127.0.0.1.evil.example", "", "[::2]", "192.168.1.7",
             "evil.example:localhost", "localhost@evil.example", "[::1].evil.example"]
)  # fmt: skip
def test_a_name_that_was_made_to_lead_here_is_told_nothing(path: Path, host: str) -> None:
    answer = ask(browse(path), "/mirror/contacts", headers={"host": host})

    assert answer.status_code == 421
    assert "Harbour" not in answer.text
    assert "open it as 127.0.0.1" in answer.text


@pytest.mark.parametrize(
    ("site", "mode", "dest", "status"),
    [
        ("cross-site", "no-cors", "image", 403),
        ("cross-site", "no-cors", "script", 403),
        ("cross-site", "cors", "empty", 403),
        ("cross-site", "navigate", "iframe", 403),
        ("same-site", "no-cors", "image", 403),
        ("cross-site", "navigate", "document", 200),
        ("same-origin", "no-cors", "image", 200),
        ("same-origin", "navigate", "iframe", 200),
        ("none", "navigate", "document", 200),
    ],
)
def test_another_sites_page_may_lead_here_but_hold_nothing_from_here(
    path: Path, site: str, mode: str, dest: str, status: int
) -> None:
    headers = {"sec-fetch-site": site, "sec-fetch-mode": mode, "sec-fetch-dest": dest}

    answer = ask(browse(path), "/mirror.json?sql=select+1", headers=headers)

    assert answer.status_code == status
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"


def test_the_address_that_it_is_served_on_is_a_name_of_its_own(path: Path) -> None:
    datasette = create_datasette(path, access=Access(host="127.0.0.2"))

    assert ask(datasette, "/", headers={"host": "127.0.0.2:8801"}).status_code == 200
    assert ask(datasette, "/", headers={"host": "127.0.0.3:8801"}).status_code == 421


# --- with a password --------------------------------------------------------------------------------------------------


def addresses(datasette: Datasette) -> list[str]:
    """One address for each route that there is."""
    found = []
    for pattern, _ in datasette._routes():
        address = re.sub(r"\(\?P<(\w+)>[^()]*(?:\([^()]*\)[^()]*)*\)", _filled_in, pattern.pattern)
        found.append(re.sub(r"\(\\\.[^)]*\)\?|[\^$?]|\(\?:|\)", "", address).replace("\\", "") or "/")
    return found


def _filled_in(part: re.Match[str]) -> str:
    return {
        "database": "mirror", "table": "contacts", "pks": "1", "id": "1", "kind": "contacts", "format": "json", "rest": "",
        "email": "bo@host.example", "view": "month", "day": "2026-01-05", "path": "app.css",
    }.get(part[1], "1")  # fmt: skip


def test_with_a_password_no_address_answers_before_it_is_given(guarded: Datasette) -> None:
    asked = [
        *addresses(guarded),
        "/mirror.json?sql=select+1",
        "/mirror/contacts/1.json",
        "/-/mirror/live.json",
        "/contact",
        "/mirror.db",
    ]

    told = {where: ask(guarded, where) for where in asked if not OPEN_TO_ALL.match(where)}

    assert len(told) > 15
    assert {
        where: answer.status_code for where, answer in told.items() if answer.status_code not in (401, 404, 405)
    } == {}
    assert not any(
        word in answer.text for answer in told.values() for word in ("Harbour", "ada@example.org", "Traceback")
    )


def test_whoever_has_not_signed_in_is_led_to_where_one_does(guarded: Datasette) -> None:
    answer = ask(guarded, "/mirror/contacts", headers=HTML)
    page = ask(guarded, "/-/login")

    assert (answer.status_code, answer.headers["location"]) == (302, "/-/login")
    assert page.status_code == 200
    assert 'type="password"' in page.text
    assert "<style" not in page.text
    assert "script-src 'self';" in page.headers["content-security-policy"]


def test_the_password_opens_everything_and_its_cookie_is_for_no_script(guarded: Datasette) -> None:
    login, page, rows = asyncio.run(signed_in(guarded, PASSWORD, "/mirror/contacts", "/mirror/contacts.json"))

    assert (login.status_code, login.headers["location"]) == (302, "/")
    (cookie,) = (c for c in login.headers.get_list("set-cookie") if c.startswith("ds_actor="))
    assert "; HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "; Secure" not in cookie
    assert "Harbour" in page.text
    assert "Log out" in page.text
    assert rows.status_code == 200


def test_behind_https_the_cookie_goes_no_other_way(guarded: Datasette) -> None:
    login, *_ = asyncio.run(
        signed_in(guarded, PASSWORD, **{"x-forwarded-proto": "https", "host": "mirror.example.org"})
    )

    assert any(c.startswith("ds_actor=") and "; Secure" in c for c in login.headers.get_list("set-cookie"))


def test_another_password_opens_nothing(guarded: Datasette) -> None:
    login, page = asyncio.run(signed_in(guarded, "another one", "/mirror/contacts"))

    assert login.status_code == 200
    assert "That is not the password." in login.text
    assert page.status_code == 401


def test_a_session_lives_on_after_a_restart_and_ends_with_another_password(path: Path, access: Access) -> None:
    login, *_ = asyncio.run(signed_in(create_datasette(path, access=access), PASSWORD))
    cookies = {"cookie": login.headers["set-cookie"].partition(";")[0]}

    again = ask(create_datasette(path, access=access), "/mirror/contacts", headers=cookies)
    other = ask(
        create_datasette(path, access=Access(access.password_hash, "another")), "/mirror/contacts", headers=cookies
    )

    assert (again.status_code, other.status_code) == (200, 401)


def test_a_program_without_a_sign_in_page_sends_the_password_along(guarded: Datasette) -> None:
    challenge = ask(guarded, "/mirror/contacts.ics")
    right = ask(guarded, "/mirror/contacts.json", auth=("owner", PASSWORD))
    wrong = ask(guarded, "/mirror/contacts.json", auth=("owner", "wrong"))

    assert challenge.status_code == 401
    assert challenge.headers["www-authenticate"].startswith("Basic ")
    assert right.status_code == 200
    assert wrong.status_code == 401


@pytest.mark.parametrize(
    "written", ["Basic", "Basic ", "Basic x", "Basic ////", "Basic w7bDtg==", "Bearer x", "Basic é"]
)
def test_an_odd_authorization_is_no_error_of_ours(guarded: Datasette, written: str) -> None:
    answer = ask(guarded, "/mirror/contacts", headers={"authorization": written.encode("latin-1")})

    assert answer.status_code == 401


def test_the_hash_is_on_no_page(guarded: Datasette, access: Access) -> None:
    pages = [
        "/-/metadata",
        "/-/metadata.json",
        "/-/plugins.json",
        "/-/settings.json",
        "/-/versions.json",
        "/-/actor.json",
        "/",
    ]

    _, *answers = asyncio.run(signed_in(guarded, PASSWORD, *pages))

    assert [answer.status_code for answer in answers] == [200] * len(pages)
    assert not any("pbkdf2" in answer.text or "a-secret-for-cookies" in answer.text for answer in answers)
    assert "pbkdf2" not in repr(access)


def test_after_many_wrong_passwords_none_is_looked_at_for_a_while(guarded: Datasette) -> None:
    wrong = ("GET", "/mirror/contacts", {"auth": ("somebody", "wrong")})
    right = ("GET", "/mirror/contacts", {"auth": ("owner", PASSWORD)})

    answers = asyncio.run(in_turn(guarded, [wrong] * MOST_WRONG + [right, ("GET", "/-/login", {})]))

    assert [answer.status_code for answer in answers] == [401] * MOST_WRONG + [429, 200]


def test_right_passwords_are_not_counted_and_wrong_ones_are_forgotten_in_time() -> None:
    clock = VirtualClock()
    tries = WrongTries(clock)

    for _ in range(3 * MOST_WRONG):
        assert tries.one_more()
        tries.was_right()
    assert [tries.one_more() for _ in range(MOST_WRONG + 1)] == [True] * MOST_WRONG + [False]
    clock.sleep(WITHIN_S)
    assert tries.one_more()


def test_without_a_password_nobody_is_asked_to_sign_in(path: Path) -> None:
    page = ask(browse(path), "/mirror")

    assert page.status_code == 200
    assert "Log in" not in page.text
    assert "Log out" not in page.text


# --- nothing is changed -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"])
def test_no_page_takes_anything(path: Path, method: str) -> None:
    for where in (
        "/",
        "/mirror",
        "/mirror/contacts",
        "/contacts",
        "/-/mirror/live.json",
        "/-/messages",
        "/-/allow-debug",
    ):
        answer = ask(browse(path), where, method)
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD"), where


def test_signing_in_takes_a_form_of_ours_and_nothing_long(guarded: Datasette) -> None:
    form = {"username": "owner", "password": PASSWORD}

    strange = ask(guarded, "/-/login", "POST", data=form, headers={"cookie": "ds_csrftoken=x"})
    long = ask(guarded, "/-/login", "POST", data={**form, "more": "x" * 20_000})
    endless = ask(guarded, "/-/login", "POST", content=iter_bytes(), headers={"transfer-encoding": "chunked"})

    assert strange.status_code == 403
    assert (long.status_code, endless.status_code) == (413, 413)


async def iter_bytes() -> Any:
    yield b"password="


@pytest.mark.parametrize("where", ["/-/auth-token", "/-/auth-token?token=x", "/-/password-tool"])
def test_what_is_of_no_use_here_is_not_here(path: Path, where: str) -> None:
    assert ask(browse(path), where).status_code == 404


def test_no_address_changes_anything_by_being_opened(path: Path) -> None:
    datasette = browse(path)
    before = {file.name: file.read_bytes() for file in path.parent.iterdir()}

    for where in addresses(datasette):
        assert ask(datasette, where).status_code < 500, where
        assert "content-security-policy" in ask(datasette, where).headers, where

    assert {file.name: file.read_bytes() for file in path.parent.iterdir()} == before


# --- the command ------------------------------------------------------------------------------------------------------


def test_a_password_is_kept_as_a_hash_for_its_owner_alone(mirrored: Cli) -> None:
    ran = mirrored("password", "set", "--stdin", typed=PASSWORD + "\n")

    kept = mirrored.home / "credentials.json"
    assert ran.code == 0
    assert PASSWORD not in ran.out + ran.err + kept.read_text()
    assert "pbkdf2_sha256$" in kept.read_text()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert not any(b"pbkdf2" in file.read_bytes() for file in mirrored.home.glob("*.db*"))
    assert mirrored("sync").code == 0


def test_a_password_that_is_set_opens_the_pages_of_its_home(mirrored: Cli) -> None:
    mirrored("password", "set", "--stdin", typed=PASSWORD)

    datasette = create_datasette(mirrored.home / "mirror.db", access=access_of(mirrored.home, "127.0.0.1"))

    assert ask(datasette, "/", headers=HTML).status_code == 302
    assert asyncio.run(signed_in(datasette, PASSWORD, "/"))[1].status_code == 200


def test_setting_a_password_again_ends_all_sessions_and_removing_it_opens_the_pages(mirrored: Cli) -> None:
    secrets = []
    for _ in range(2):
        mirrored("password", "set", "--stdin", typed=PASSWORD)
        secrets.append(access_of(mirrored.home, "127.0.0.1").cookie_secret)

    removed, again = mirrored("password", "remove"), mirrored("password", "remove")

    assert secrets[0] != secrets[1]
    assert removed.out.startswith("The pages have no password any more.")
    assert again.out == "The pages have no password.\n"
    assert access_of(mirrored.home, "127.0.0.1") == Access(host="127.0.0.1")


@pytest.mark.parametrize("typed", ["", "short", "x" * 1001])
def test_a_password_that_is_none_is_refused(mirrored: Cli, typed: str) -> None:
    ran = mirrored("password", "set", "--stdin", typed=typed)

    assert (ran.code, ran.err) == (2, "mirror: a password has 8 to 1,000 characters\n")
    assert not credentials.has_password(mirrored.home)


def test_without_a_terminal_it_says_how_to_hand_it_over(mirrored: Cli) -> None:
    ran = mirrored("password", "set", typed=Typed(PASSWORD))

    assert ran.code == 2
    assert "--stdin" in ran.err


def test_on_a_terminal_it_is_typed_twice_and_never_shown(mirrored: Cli) -> None:
    with Terminal(mirrored, "password", "set") as terminal:
        terminal.read_until("Password of the pages: ")
        terminal.type(PASSWORD + "\n")
        terminal.read_until("Repeat for confirmation: ")
        terminal.type(PASSWORD + "\n")
        shown = terminal.read_to_the_end()

    assert terminal.code == 0
    assert "The pages have a password" in shown
    assert PASSWORD not in shown


def test_a_keyring_that_is_locked_is_not_taken_for_no_password(mirrored: Cli) -> None:
    for _ in using(InMemory()):
        assert "the keyring" in mirrored("password", "set", "--stdin", typed=PASSWORD).out
        assert access_of(mirrored.home, "127.0.0.1").password_hash is not None
    assert "pbkdf2" not in (mirrored.home / "credentials.json").read_text()

    with pytest.raises(SignInAgain):
        credentials.load_password(mirrored.home)
    with pytest.raises(Usage, match="mirror password set"):
        access_of(mirrored.home, "127.0.0.1")
    ran = mirrored("serve", "--port", "0")
    assert (ran.code, "keyring" in ran.err) == (2, True)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "mirror.example.org", "127.0.0.1.example.org"])
@pytest.mark.parametrize("command", ["run", "serve"])
def test_others_are_not_served_without_a_password(mirrored: Cli, command: str, host: str) -> None:
    ran = mirrored(command, "--host", host, "--port", "0")

    assert ran.code == 2
    assert ran.err == (
        f"mirror: {host} would show your mail to everybody who can reach it. Set a password first, with: mirror password set\n"
    )


def test_a_page_that_is_not_there_prints_nothing_of_what_was_asked(
    guarded: Datasette, capfd: pytest.CaptureFixture[str]
) -> None:
    ask(guarded, "/mirror/nothing?q=private", auth=("owner", PASSWORD))

    assert capfd.readouterr() == ("", "")
