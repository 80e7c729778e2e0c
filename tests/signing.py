"""A person who signs in: opens the address, answers the consent page, and comes back, or copies where they came to."""

from __future__ import annotations

import re
import sys
import webbrowser
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx
from mirror_cli import Cli, Ran, Typed, Upstream

SECRET = "sandbox-secret"
AN_ADDRESS = re.compile(r"^ {2}(http\S+/auth/authorize\S*)$", re.M)


@dataclass
class Person:
    """`decision`: allow or deny; `scopes`: those that are left ticked, all by default."""

    address: str = "ada@example.org"
    decision: str = "allow"
    scopes: Sequence[str] | None = None
    more: dict[str, str] = field(default_factory=dict)
    opened: list[str] = field(default_factory=list)

    def answer(self, url: str) -> str:
        """Where the consent page sends the browser in the end."""
        self.opened.append(url)
        asked = parse_qs(urlsplit(url).query)
        with httpx.Client(trust_env=False, timeout=10) as http:
            page = http.get(url)
            assert page.status_code == 303, page.text
            consent = urljoin(url, page.headers["Location"])
            assert http.get(consent).status_code == 200
            scopes = asked["scopes"][0].split() if self.scopes is None else list(self.scopes)
            form = {"address": self.address, "decision": self.decision, "scope": scopes, **self.more}
            answer = http.post(consent, data=form)
        assert answer.status_code == 303, answer.text
        return answer.headers["Location"]

    @property
    def asked(self) -> dict[str, str]:
        """The parameters of the last address that was opened."""
        return {name: values[0] for name, values in parse_qs(urlsplit(self.opened[-1]).query).items()}


class Pasting(Typed):
    """A person without a browser here: reads the address on the screen, and pastes what `copied` makes of where they came."""

    def __init__(self, person: Person, copied: Callable[[str], str] = str) -> None:
        super().__init__("")
        self.person = person
        self.copied = copied

    def readline(self, _: int | None = -1, /) -> str:
        shown = AN_ADDRESS.search(sys.stdout.getvalue())  # type: ignore[attr-defined]  # captured by Cli
        assert shown is not None
        return self.copied(self.person.answer(shown[1])) + "\n"


class _Browser(webbrowser.BaseBrowser):
    """The only browser of a test process; without a person in front of it, it opens nothing."""

    person: Callable[[str], None] | None = None

    def open(self, url: str, new: int = 0, autoraise: bool = True) -> bool:
        if self.person is None:
            return False
        self.person(url)
        return True


_BROWSER = _Browser("of the tests")
webbrowser.register("of the tests", None, _BROWSER, preferred=True)


def in_front_of_the_browser(act: Callable[[str], None]) -> Callable[[], None]:
    """Let `act` be what happens when an address is opened; what comes back ends that."""
    _BROWSER.person = act

    def leave() -> None:
        _BROWSER.person = None

    return leave


def coming_back(person: Person) -> Callable[[str], None]:
    def act(url: str) -> None:
        httpx.get(person.answer(url), trust_env=False, timeout=10)

    return act


def set_app(cli: Cli, upstream: Upstream) -> None:
    options = upstream.behind.options
    ran = cli(
        "app", "set", "--base-url", upstream.url, "--client-id", options.client_id, "--secret-stdin",
        "--signing-secret-stdin", typed=f"{options.client_secret}\n{options.signing_secret}\n",
    )  # fmt: skip
    assert ran.code == 0, ran


def login(cli: Cli, person: Person, *arguments: str, **env: str) -> Ran:
    """`mirror account login …`, with a person in front of the browser."""
    leave = in_front_of_the_browser(coming_back(person))
    try:
        return cli("account", "login", *arguments, BROWSER="of the tests", **env)
    finally:
        leave()
