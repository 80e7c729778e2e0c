"""No secret is anywhere but where secrets are kept: the whole life of accounts, and then everything written and printed."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import keyring
import pytest
from mirror_cli import Cli, Ran, Served, Upstream, new_upstream
from signing import Pasting, Person
from test_credentials import InMemory

from mirror.sandbox.options import Options

OPTIONS = Options(client_secret="RECOGNISABLE-client-secret", signing_secret="RECOGNISABLE-signing-secret")
HANDED_OVER = "RECOGNISABLE-token-that-was-handed-over"


class Everything(logging.Handler):
    """Keeps every line that any logger writes."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


@pytest.fixture
def logged() -> Iterator[list[str]]:
    """What is logged at DEBUG, by anybody."""
    root, everything = logging.getLogger(), Everything()
    before = root.level
    root.setLevel(logging.DEBUG)
    root.addHandler(everything)
    yield everything.lines
    root.removeHandler(everything)
    root.setLevel(before)


@pytest.fixture(params=["file", "keyring"])
def keeps_in_file(request: pytest.FixtureRequest) -> Iterator[bool]:
    before = keyring.get_keyring()
    if request.param == "keyring":
        keyring.set_keyring(InMemory())
    yield request.param == "file"
    keyring.set_keyring(before)


class Discreet(Person):
    """A person whose own browser is not what is looked into; remembers the codes that it was given."""

    def __init__(self, address: str, decision: str = "allow") -> None:
        super().__init__(address, decision)
        self.came_to: list[str] = []

    def answer(self, url: str) -> str:
        logging.disable()
        self.came_to.append(super().answer(url))
        logging.disable(logging.NOTSET)
        return self.came_to[-1]

    @property
    def codes(self) -> list[str]:
        return [part[5:] for url in self.came_to for part in url.split("?")[1].split("&") if part.startswith("code=")]


def live(cli: Cli, upstream: Upstream, person: Discreet, backup: Path) -> Iterator[Ran]:
    """What happens to accounts, the bad included."""

    def sign_in(*arguments: str) -> Ran:
        return cli("account", *arguments, "--no-browser", typed=Pasting(person))

    yield cli("app", "set", "--base-url", upstream.url, "--client-id", OPTIONS.client_id, "--secret-stdin",
              "--signing-secret-stdin", typed=f"{OPTIONS.client_secret}\n{OPTIONS.signing_secret}\n")  # fmt: skip
    yield cli("app", "show")
    yield sign_in("login", "work", "--service", "google")
    yield cli("account", "login", "again", "--service", "google", "--no-browser", typed=person.codes[0])  # used already
    yield cli("sync")
    yield sign_in("login-service", "acme", "--service", "google")
    yield cli("account", "add-all", "acme", "--addresses", "-", typed="ada@acme.example")
    yield cli("sync")
    upstream.state.set_token_status(int(cli.query("SELECT remote_id FROM accounts WHERE name = 'work'")[0][0]), "dead")
    yield cli("sync", "--json")
    yield cli("status")
    yield cli("status", "--json")
    yield sign_in("login", "work", "--reauth")
    yield cli("account", "add", "typed", "--base-url", upstream.url, "--token-stdin", typed=HANDED_OVER)
    yield cli("sync")
    yield cli("account", "list", "--json")
    yield cli("verify")
    yield cli("backup", str(backup))
    upstream.served.unplug()
    yield cli("account", "login", "later", "--service", "google", "--no-browser", typed=person.codes[0],
              MIRROR_RETRY_BUDGET_S="0")  # fmt: skip
    yield cli("account", "remove", "work", "--revoke", "--yes")


def test_no_secret_is_in_any_file_line_or_log_but_where_secrets_are_kept(
    cli: Cli, served: Served, quick_path: Path, logged: list[str], keeps_in_file: bool
) -> None:
    upstream = new_upstream(served, OPTIONS)
    person = Discreet("ada@example.org")
    tokens: set[str] = set()
    printed = ""
    for ran in live(cli, upstream, person, quick_path / "backup"):
        printed += ran.out + ran.err
        tokens |= {one.token for one in upstream.state.accounts() if one.token is not None}
    secrets = {OPTIONS.client_secret, OPTIONS.signing_secret, HANDED_OVER, *person.codes, *tokens}

    files = [path for path in quick_path.rglob("*") if path.is_file()]
    kept = {path for path in files if path.name == "credentials.json"}
    places = {str(path): path.read_bytes() for path in files if not (keeps_in_file and path in kept)}
    places |= {"the screen": printed.encode(), "the log": "\n".join(logged).encode()}

    assert len(secrets) >= 8
    assert {name for name, content in places.items() for secret in secrets if secret.encode() in content} == set()
    # The search would have found them: they are where they belong, and there was something to search.
    assert keeps_in_file == any(OPTIONS.client_secret.encode() in path.read_bytes() for path in kept)
    assert {path.parent.name for path in kept} == {"home"}
    assert {"mirror.db", "backup.json"} & {path.name for path in files}
    assert len(logged) > 100
