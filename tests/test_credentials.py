"""Secrets are in the keyring or in a file that its owner alone can read, and nowhere else."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from pathlib import Path

import keyring
import keyring.backend
import keyring.errors
import pytest
from mirror_cli import TOKEN, Cli, Upstream

from mirror import credentials
from mirror.errors import HomeUnusable, SignInAgain


class InMemory(keyring.backend.KeyringBackend):
    """A keyring that works."""

    priority = 1  # type: ignore[assignment]  # keyring wants a property of the class

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if self.kept.pop((service, username), None) is None:
            raise keyring.errors.PasswordDeleteError


class Forgetful(InMemory):
    """A keyring that takes everything and keeps nothing."""

    def set_password(self, service: str, username: str, password: str) -> None:
        return


class Broken(InMemory):
    """A keyring that raises what no keyring should."""

    def get_password(self, service: str, username: str) -> str | None:
        raise ZeroDivisionError

    def set_password(self, service: str, username: str, password: str) -> None:
        raise ZeroDivisionError

    def delete_password(self, service: str, username: str) -> None:
        raise ZeroDivisionError


@pytest.fixture
def in_memory() -> Iterator[InMemory]:
    yield from using(InMemory())


def using(backend: InMemory) -> Iterator[InMemory]:
    before = keyring.get_keyring()
    keyring.set_keyring(backend)
    yield backend
    keyring.set_keyring(before)


def kept(home: Path) -> object:
    path = home / "credentials.json"
    return json.loads(path.read_text()) if path.exists() else None


def test_a_keyring_that_works_keeps_the_secret_and_no_file_does(tmp_path: Path, in_memory: InMemory) -> None:
    where = credentials.save(tmp_path, "work", {"token": TOKEN})

    assert where == "keyring"
    assert credentials.load(tmp_path, "work") == {"token": TOKEN}
    assert kept(tmp_path) is None
    assert list(in_memory.kept) == [("mirror", f"{tmp_path}#work")]


def test_two_homes_do_not_share_an_account_in_the_keyring(tmp_path: Path, in_memory: InMemory) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        credentials.save(tmp_path / name, "work", {"token": name})

    assert credentials.load(tmp_path / "one", "work") == {"token": "one"}
    assert credentials.load(tmp_path / "two", "work") == {"token": "two"}


def test_the_whole_program_works_with_a_keyring(cli: Cli, upstream: Upstream, in_memory: InMemory) -> None:
    added = cli("account", "add", "work", "--base-url", upstream.url, "--token-stdin", typed=TOKEN)

    assert "Its credentials are in the keyring." in added.out
    assert cli("sync").code == 0
    assert kept(cli.home) is None

    cli("account", "remove", "work", "--yes")
    assert in_memory.kept == {}


@pytest.mark.parametrize("backend", [Forgetful, Broken])
def test_a_keyring_that_does_not_keep_what_it_takes_is_not_relied_on(tmp_path: Path, backend: type[InMemory]) -> None:
    for _ in using(backend()):
        where = credentials.save(tmp_path, "work", {"token": TOKEN})

        assert where == str(tmp_path / "credentials.json")
        assert credentials.load(tmp_path, "work") == {"token": TOKEN}
        credentials.forget(tmp_path, "work")
        assert kept(tmp_path) == {}


def test_without_a_keyring_the_file_is_for_its_owner_alone_also_while_it_is_written(tmp_path: Path) -> None:
    (tmp_path / "credentials.new").write_text("left behind by a crash")
    (tmp_path / "credentials.new").chmod(0o644)

    credentials.save(tmp_path, "work", {"token": TOKEN})

    assert stat.S_IMODE((tmp_path / "credentials.json").stat().st_mode) == 0o600
    credentials.save(tmp_path, "private", {"token": "other"})
    assert kept(tmp_path) == {"work": {"token": TOKEN}, "private": {"token": "other"}}
    assert not (tmp_path / "credentials.new").exists()


def test_a_secret_that_moves_into_the_keyring_leaves_the_file(tmp_path: Path) -> None:
    credentials.save(tmp_path, "work", {"token": "old"})
    credentials.save(tmp_path, "private", {"token": "stays"})

    for _ in using(InMemory()):
        credentials.save(tmp_path, "work", {"token": "new"})

        assert credentials.load(tmp_path, "work") == {"token": "new"}
    assert kept(tmp_path) == {"private": {"token": "stays"}}


def test_forgetting_what_is_not_there_is_no_error(tmp_path: Path, in_memory: InMemory) -> None:
    credentials.forget(tmp_path, "nobody")

    assert not (tmp_path / "credentials.json").exists()


def test_a_secret_that_is_not_there_asks_the_person_to_sign_in(tmp_path: Path) -> None:
    with pytest.raises(SignInAgain) as caught:
        credentials.load(tmp_path, "work")

    assert caught.value.code == credentials.MISSING


@pytest.mark.parametrize("written", ["not json", "null", "[1]", '{"token": 7}', '{"client_id": "x"}'])
def test_what_the_keyring_has_is_not_believed_blindly(tmp_path: Path, in_memory: InMemory, written: str) -> None:
    in_memory.kept["mirror", f"{tmp_path}#work"] = written

    with pytest.raises(SignInAgain):
        credentials.load(tmp_path, "work")


@pytest.mark.parametrize("written", ["", "not json", "[]", '{"work": "token"}', '{"work": {"token": 7}}'])
def test_a_file_that_is_no_longer_ours_is_not_overwritten(tmp_path: Path, written: str) -> None:
    path = tmp_path / "credentials.json"
    path.write_text(written)

    for attempt in (credentials.load, credentials.forget):
        with pytest.raises(HomeUnusable):
            attempt(tmp_path, "work")
    with pytest.raises(HomeUnusable):
        credentials.save(tmp_path, "work", {"token": TOKEN})

    assert path.read_text() == written


def test_both_forms_of_a_secret_come_back_as_they_were(tmp_path: Path) -> None:
    application = {"client_id": "i", "client_secret": "s", "account_id": "7"}

    credentials.save(tmp_path, "app", application)

    assert credentials.load(tmp_path, "app") == application


# --- applications -----------------------------------------------------------------------------------------------------

APP = credentials.App("https://api.aurinko.io", "the-id", "the-client-secret", "the-signing-secret")


def test_an_application_comes_back_however_its_server_is_spelt(tmp_path: Path) -> None:
    where = credentials.keep_app(tmp_path, APP)

    assert where == str(tmp_path / "credentials.json")
    assert stat.S_IMODE((tmp_path / "credentials.json").stat().st_mode) == 0o600
    for url in ("https://api.aurinko.io", "https://api.aurinko.io/v1", "https://API.aurinko.io/v1/ "):
        assert credentials.app(tmp_path, url) == APP
    assert credentials.app(tmp_path, "https://other.example") is None
    assert credentials.apps(tmp_path) == ["https://api.aurinko.io"]


def test_an_application_in_a_keyring_leaves_only_a_note_in_the_file(tmp_path: Path, in_memory: InMemory) -> None:
    assert credentials.keep_app(tmp_path, APP) == "keyring"

    assert credentials.app(tmp_path, APP.base_url) == APP
    assert credentials.apps(tmp_path) == [APP.base_url]
    assert "secret" not in (tmp_path / "credentials.json").read_text()
    credentials.forget_app(tmp_path, APP.base_url + "/v1")
    assert credentials.app(tmp_path, APP.base_url) is None
    assert in_memory.kept == {}


def test_an_application_whose_keyring_is_locked_is_not_taken_for_none(tmp_path: Path) -> None:
    for _ in using(InMemory()):
        credentials.keep_app(tmp_path, APP)

    with pytest.raises(SignInAgain):
        credentials.app(tmp_path, APP.base_url)


@pytest.mark.parametrize("backend", [Forgetful, Broken])
def test_a_keyring_that_keeps_nothing_is_not_given_an_application(tmp_path: Path, backend: type[InMemory]) -> None:
    for _ in using(backend()):
        credentials.keep_app(tmp_path, credentials.App(APP.base_url, "the-id", "the-client-secret"))

        found = credentials.app(tmp_path, APP.base_url)
        assert found is not None
        assert (found.client_secret, found.signing_secret) == ("the-client-secret", None)


def test_an_application_does_not_show_its_secrets_where_it_is_printed() -> None:
    assert repr(APP) == "App(base_url='https://api.aurinko.io', client_id='the-id')"


def test_accounts_that_refer_to_an_application_are_called_with_its_newest_secret(tmp_path: Path) -> None:
    credentials.keep_app(tmp_path, APP)
    credentials.refer(tmp_path, APP.base_url + "/v1", {"ada": "7", "grace": "8"})
    credentials.keep_app(tmp_path, credentials.App(APP.base_url, "the-id", "rotated"))

    for name, account_id in (("ada", "7"), ("grace", "8")):
        assert credentials.load(tmp_path, name) == {
            "client_id": "the-id", "client_secret": "rotated", "account_id": account_id,
        }  # fmt: skip


def test_an_account_whose_application_was_forgotten_says_which_one_is_missing(tmp_path: Path) -> None:
    credentials.keep_app(tmp_path, APP)
    credentials.refer(tmp_path, APP.base_url, {"ada": "7"})
    credentials.forget_app(tmp_path, APP.base_url)

    with pytest.raises(SignInAgain) as caught:
        credentials.load(tmp_path, "ada")

    assert caught.value.code == credentials.APP_MISSING
    assert caught.value.detail == APP.base_url
