"""The page that a browser comes back to: it takes one answer with the right state, and everything else changes nothing."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from mirror.clock import SystemClock, VirtualClock
from mirror.credentials import App
from mirror.errors import NotSignedIn, PortInUse
from mirror.loopback import MOST_WAITING, Loopback
from mirror.sign_in import Attempt, Wanted

APP = App("https://api.example", "the-id", "the-secret")
WANTED = Wanted("Google", ("Mail.Read",))


class Waiting:
    """A sign-in that waits on a port of its own, in a thread."""

    def __init__(self, listening: Loopback, patience_s: float) -> None:
        self.listening = listening
        self.attempt = Attempt(APP, WANTED, listening.url, VirtualClock())
        self.state = parse_qs(urlsplit(self.attempt.url).query)["state"][0]
        self._pool = ThreadPoolExecutor(1)
        self.came: Future[bool] = self._pool.submit(
            listening.wait, self.attempt.hear, clock=SystemClock(), patience_s=patience_s
        )

    def get(self, query: str, path: str = "/signed-in") -> httpx.Response:
        return httpx.get(self.url(path) + f"?{query}", trust_env=False, timeout=10)

    def url(self, path: str = "/signed-in") -> str:
        return self.listening.url.removesuffix("/signed-in") + path

    def end(self) -> None:
        try:
            self.came.result(1)  # what was answered just now may still be on its way out
        except TimeoutError:
            self.get(f"error=over&state={self.state}")
        self.came.result(10)
        self._pool.shutdown()


@contextmanager
def begun(patience_s: float = 20.0) -> Iterator[Waiting]:
    with Loopback() as listening:
        waiting = Waiting(listening, patience_s)
        yield waiting
        waiting.end()


@pytest.fixture
def waiting() -> Iterator[Waiting]:
    with begun() as made:
        yield made


def test_a_code_with_the_right_state_is_taken_and_thanked_for(waiting: Waiting) -> None:
    answer = waiting.get(f"code=c0de&state={waiting.state}&status=success")

    assert answer.status_code == 200
    assert "You can close this tab" in answer.text
    assert waiting.came.result(10) is True
    assert waiting.attempt.code == "c0de"


def test_the_page_loads_nothing_keeps_nothing_and_tells_nobody_where_it_was(waiting: Waiting) -> None:
    answer = waiting.get(f"code=c0de&state={waiting.state}")

    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "http" not in answer.text
    assert "c0de" not in answer.text
    assert waiting.state not in answer.text
    assert "Python" not in answer.headers["Server"]


@pytest.mark.parametrize(
    "query",
    [
        "code=evil",
        "code=evil&state=",
        "code=evil&state=another",
        "code=evil&state=another&state={state}",
        "code=evil&code=good&state={state}",
        "code=&state={state}",
        "code=with%20space&state={state}",
        "code=%00&state={state}",
        "code=%F0%9F%98%80&state={state}",
        "state={state}",
        "status=success&state={state}",
        "error=access_denied",
        "error=access_denied&state=%F0%9F%98%80",
        "&" * 200,
        "",
    ],
)
def test_an_answer_that_is_not_ours_changes_nothing_and_the_right_one_still_counts(
    waiting: Waiting, query: str
) -> None:
    answer = waiting.get(query.format(state=waiting.state))

    assert answer.status_code == 400
    assert "Nothing was changed" in answer.text
    assert not waiting.came.done()
    waiting.get(f"code=good&state={waiting.state}")
    waiting.came.result(10)
    assert waiting.attempt.code == "good"


@pytest.mark.parametrize("path", ["/", "/favicon.ico", "/signed-in/", "/signed-in/more", "/SIGNED-IN"])
def test_only_one_path_is_answered(waiting: Waiting, path: str) -> None:
    answer = waiting.get(f"code=c0de&state={waiting.state}", path)

    assert answer.status_code == 404
    assert not waiting.came.done()


@pytest.mark.parametrize("method", ["POST", "PUT", "HEAD", "OPTIONS", "DELETE"])
def test_only_get_is_answered(waiting: Waiting, method: str) -> None:
    query = f"code=c0de&state={waiting.state}"

    answer = httpx.request(method, f"{waiting.url()}?{query}", content=b"x" * 10_000, trust_env=False, timeout=10)

    assert answer.status_code == 405
    assert answer.headers["Allow"] == "GET"
    assert not waiting.came.done()


def test_a_refusal_ends_the_wait_and_is_told(waiting: Waiting) -> None:
    answer = waiting.get(f"error=access_denied&error_description=No&state={waiting.state}")

    assert answer.status_code == 200
    assert "Nothing was changed" in answer.text
    assert waiting.came.result(10) is True
    with pytest.raises(NotSignedIn) as caught:
        _ = waiting.attempt.code
    assert (caught.value.reason, caught.value.detail) == ("denied", "access_denied: No")


def test_a_second_answer_is_turned_away(waiting: Waiting) -> None:
    late = socket.create_connection(("127.0.0.1", int(waiting.url().split(":")[2].split("/")[0])), timeout=10)
    waiting.get(f"code=first&state={waiting.state}")
    waiting.came.result(10)
    late.sendall(f"GET /signed-in?code=second&state={waiting.state} HTTP/1.1\r\nHost: x\r\n\r\n".encode())

    waiting.listening.close()

    assert late.recv(65_536).startswith(b"HTTP/1.0 410 ")
    late.close()
    assert waiting.attempt.code == "first"
    assert waiting.attempt.hear({"code": ["second"], "state": [waiting.state]}) == "ignored"
    assert waiting.attempt.code == "first"


def test_when_nobody_comes_the_wait_ends() -> None:
    with begun(patience_s=0.05) as waiting:
        assert waiting.came.result(10) is False
        with pytest.raises(NotSignedIn) as caught:
            _ = waiting.attempt.code

    assert caught.value.reason == "timed_out"


def test_connections_that_say_nothing_keep_nobody_waiting(waiting: Waiting) -> None:
    port = urlsplit(waiting.url()).port
    silent = [socket.create_connection(("127.0.0.1", port), timeout=10) for _ in range(MOST_WAITING + 5)]

    answer = waiting.get(f"code=c0de&state={waiting.state}")

    assert answer.status_code == 200
    for one in silent:
        one.close()


@pytest.mark.parametrize(
    "said", [b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", b"GET\r\n\r\n", b"GET " + b"/" * 70_000 + b" HTTP/1.1\r\n\r\n"]
)
def test_what_is_no_http_is_turned_away(waiting: Waiting, said: bytes) -> None:
    port = urlsplit(waiting.url()).port
    with socket.create_connection(("127.0.0.1", port), timeout=10) as odd:
        odd.sendall(said)
        odd.settimeout(10)
        try:
            odd.recv(65_536)
        except ConnectionError:
            pass  # it was let go of before it had said everything

    assert waiting.get(f"code=c0de&state={waiting.state}").status_code == 200


def test_a_port_that_is_taken_is_said() -> None:
    with Loopback() as first, pytest.raises(PortInUse):
        Loopback(urlsplit(first.url).port or 0)


def test_the_port_is_given_back() -> None:
    with Loopback() as first:
        port = urlsplit(first.url).port or 0

    with Loopback(port) as second:
        assert second.url == first.url


def test_the_state_is_another_one_each_time() -> None:
    made = {Attempt(APP, WANTED, "http://127.0.0.1:1/signed-in", SystemClock()).url for _ in range(20)}

    assert len(made) == 20


def test_what_is_asked_stands_in_the_address_once_and_quoted() -> None:
    wanted = Wanted("IMAP", ("Mail.Read", "Tasks.Read"), "7", "a+b@example.org", "https://mail.example?x=1&y=2")

    url = Attempt(APP, wanted, "http://127.0.0.1:1/signed-in", VirtualClock()).url

    assert url.startswith("https://api.example/v1/auth/authorize?")
    asked = parse_qs(urlsplit(url).query, strict_parsing=True)
    assert {name: values for name, values in asked.items() if name != "state"} == {
        "clientId": ["the-id"], "serviceType": ["IMAP"], "scopes": ["Mail.Read Tasks.Read"], "responseType": ["code"],
        "accountId": ["7"], "loginHint": ["a+b@example.org"], "serverUrl": ["https://mail.example?x=1&y=2"],
        "returnUrl": ["http://127.0.0.1:1/signed-in"],
    }  # fmt: skip
    assert "the-secret" not in url
