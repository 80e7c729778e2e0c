"""What the HTTP client of a source does with every kind of answer: what it repeats, how long it waits, what it hands on."""

from __future__ import annotations

import itertools
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import msgspec
import pytest

from mirror.clock import SystemClock, VirtualClock
from mirror.errors import MirrorError, NotPermitted, RetryLater, SignInAgain, Stopped, Usage, WrongAnswer
from mirror.sources.http import LONGEST_WAIT_S, Answer, Http, api_root, error_body

OK = httpx.Response(200, json={"n": 1})


class Numbered(msgspec.Struct):
    n: int


decode = msgspec.json.Decoder(Numbered).decode


class Upstream:
    """Answers one after the other, the last one for ever, and the moments at which they were asked for."""

    def __init__(self, *answers: httpx.Response | Exception, budget_s: float = 300.0, seed: int = 0) -> None:
        self.clock = VirtualClock(seed=seed)
        self.asked_at: list[float] = []
        self._answers = itertools.chain(answers, itertools.repeat(answers[-1]))
        self.http = Http(
            "http://upstream.example",
            clock=self.clock,
            headers={},
            budget_s=budget_s,
            transport=httpx.MockTransport(self._answer),
        )

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.asked_at.append(self.clock.monotonic())
        answer = next(self._answers)
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)

    def get(self, **more: Any) -> tuple[Answer, Numbered | None]:
        return self.http.get("/thing", decode=decode, **more)

    @property
    def waits(self) -> list[float]:
        return [later - earlier for earlier, later in itertools.pairwise(self.asked_at)]


def refusal(status: int, code: str = "x", **headers: str) -> httpx.Response:
    return httpx.Response(status, json={"code": code, "message": "no"}, headers=headers)


PASSES_BY = [
    *(pytest.param(refusal(status), id=str(status)) for status in (408, 425, 429, 500, 502, 503, 504, 507, 520)),
    pytest.param(refusal(400, "mailbox.unavailable"), id="mailbox.unavailable"),
    pytest.param(httpx.Response(503, content=b"<html>busy</html>"), id="503 html"),
    pytest.param(httpx.ConnectError("refused"), id="refused"),
    pytest.param(httpx.ReadTimeout("slow"), id="timeout"),
    pytest.param(httpx.RemoteProtocolError("peer closed connection without sending complete message body"), id="cut"),
    pytest.param(httpx.Response(200, content=b'{"n": '), id="cut json"),
    pytest.param(httpx.Response(200, content=b"\x1f\x8bgarbage"), id="garbled"),
    pytest.param(httpx.Response(200, content=b""), id="empty"),
]


@pytest.mark.parametrize("trouble", PASSES_BY)
def test_trouble_that_passes_by_is_waited_out(trouble: httpx.Response | Exception) -> None:
    upstream = Upstream(trouble, trouble, OK)

    answer, found = upstream.get()

    assert (answer.status, found) == (200, Numbered(1))
    assert len(upstream.asked_at) == 3
    assert all(wait > 0 for wait in upstream.waits)
    assert (upstream.http.traffic.requests, upstream.http.traffic.retries) == (3, 2)


@pytest.mark.parametrize("status", [400, 404, 405, 409, 410, 412, 422])
def test_what_the_caller_must_decide_comes_back_at_once(status: int) -> None:
    upstream = Upstream(refusal(status, "some.code"))

    answer, found = upstream.get()

    assert (answer.status, answer.code, found) == (status, "some.code", None)
    assert len(upstream.asked_at) == 1


REFUSALS = [
    (refusal(401, "token.dead"), SignInAgain, "token.dead"),
    (refusal(401, "token.dead", **{"Retry-After": "5"}), SignInAgain, "token.dead"),
    (httpx.Response(401), SignInAgain, None),
    (refusal(403, "forbidden"), NotPermitted, "forbidden"),
    (refusal(301, Location="http://elsewhere.example/"), WrongAnswer, "x"),
    (refusal(418), WrongAnswer, "x"),
    (httpx.Response(200, json={"n": "one"}), WrongAnswer, None),
    (httpx.Response(200, json=[1]), WrongAnswer, None),
    (httpx.Response(200, content=b'{"n": 1, "deep": ' + b"[" * 50_000 + b"]" * 50_000 + b"}"), WrongAnswer, None),
]


@pytest.mark.parametrize(("answer", "error", "code"), REFUSALS)
def test_a_refusal_is_not_asked_again(answer: httpx.Response, error: type[MirrorError], code: str | None) -> None:
    upstream = Upstream(answer, OK)

    with pytest.raises(error) as raised:
        upstream.get()

    assert raised.value.code == code  # type: ignore[attr-defined]  # all of them are SourceErrors
    assert len(upstream.asked_at) == 1


def test_an_answer_that_stays_garbled_is_a_wrong_answer_soon() -> None:
    upstream = Upstream(httpx.Response(200, content=b"<html>this is no API</html>"))

    with pytest.raises(WrongAnswer):
        upstream.get()

    assert len(upstream.asked_at) == 3


@pytest.mark.parametrize("status", [408, 429, 500, 503, 403, 400, 409, 418])
@pytest.mark.parametrize("form", ["seconds", "date"])
def test_retry_after_is_obeyed_whatever_the_status(status: int, form: str) -> None:
    clock = VirtualClock()
    wish = "40" if form == "seconds" else format_datetime(clock.now() + timedelta(seconds=40), usegmt=True)
    upstream = Upstream(refusal(status, **{"Retry-After": wish}), OK)

    upstream.get()

    assert upstream.waits == pytest.approx([40.0])


@pytest.mark.parametrize("status", [404, 410, 412])
def test_retry_after_on_a_final_answer_delays_what_comes_next(status: int) -> None:
    upstream = Upstream(refusal(status, **{"Retry-After": "7"}), OK)

    assert upstream.get()[0].status == status
    upstream.get()

    assert upstream.waits == pytest.approx([7.0])


@pytest.mark.parametrize(
    ("wish", "after_s"),
    [
        ("3600", 3600.0),
        ("inf", 86_400.0),
        ("1e300", 86_400.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 86_400.0),
        ("Mon, 05 Jan 2026 10:00:00", 3600.0),
    ],
)
@pytest.mark.parametrize("status", [429, 404])
def test_a_wish_beyond_the_budget_ends_the_pass_with_that_wish(wish: str, after_s: float, status: int) -> None:
    upstream = Upstream(refusal(status, **{"Retry-After": wish}), OK)

    with pytest.raises(RetryLater) as raised:
        upstream.get()

    assert raised.value.after_s == pytest.approx(after_s)
    assert len(upstream.asked_at) == 1
    assert upstream.clock.monotonic() == 0


@pytest.mark.parametrize(
    "wish", ["", "soon", "-5", "nan", "Mon, 01 Jan 99999 00:00:00 GMT", "Mon, 01 Jan 2001", "1,5", "0"]
)
def test_a_wish_that_means_nothing_is_no_wish(wish: str) -> None:
    upstream = Upstream(refusal(503, **{"Retry-After": wish}), OK)

    upstream.get()

    assert len(upstream.asked_at) == 2
    assert upstream.waits[0] < 2


def test_waits_grow_with_jitter_to_a_ceiling_and_end_with_the_budget() -> None:
    waits: list[list[float]] = []
    for seed in (1, 2):
        upstream = Upstream(refusal(503), seed=seed, budget_s=300)
        with pytest.raises(RetryLater) as raised:
            upstream.get()
        assert raised.value.status == 503
        assert upstream.clock.monotonic() == pytest.approx(300)
        waits.append(upstream.waits)

    assert waits[0] != waits[1], "jitter"
    for run in waits:
        assert len(run) < 20
        for attempt, wait in enumerate(run[:-1]):
            full = min(LONGEST_WAIT_S, 0.5 * 2**attempt)
            assert 0.5 * full <= wait <= 1.5 * full


def test_a_budget_of_nothing_asks_once() -> None:
    upstream = Upstream(refusal(503), budget_s=0)

    with pytest.raises(RetryLater):
        upstream.get()

    assert len(upstream.asked_at) == 1


def test_the_budget_is_that_of_a_pass_not_of_a_request() -> None:
    upstream = Upstream(refusal(503), budget_s=30)
    with pytest.raises(RetryLater):
        upstream.get()

    before = len(upstream.asked_at)
    with pytest.raises(RetryLater):
        upstream.get()
    assert len(upstream.asked_at) == before + 1, "spent"

    upstream.http.patience.renew()
    with pytest.raises(RetryLater):
        upstream.get()
    assert upstream.clock.monotonic() == pytest.approx(60)


@pytest.mark.parametrize(
    ("trouble", "patience_s"), [(httpx.ConnectError("refused"), 15), (refusal(503), 300)], ids=["refused", "503"]
)
def test_a_server_that_is_not_there_is_given_up_sooner_than_one_in_trouble(
    trouble: httpx.Response | Exception, patience_s: float
) -> None:
    upstream = Upstream(trouble)

    with pytest.raises(RetryLater):
        upstream.get(connect_patience_s=15.0)

    assert upstream.clock.monotonic() == pytest.approx(patience_s)


def test_a_stop_ends_a_wait_at_once() -> None:
    clock = SystemClock()
    clock.stop()
    transport = httpx.MockTransport(lambda _: refusal(503))
    http = Http("http://upstream.example", clock=clock, headers={}, transport=transport)

    with pytest.raises(Stopped):
        http.get("/thing", decode=decode)


def test_a_client_that_was_closed_is_a_stop() -> None:
    upstream = Upstream(OK)
    upstream.http.close()

    with pytest.raises(Stopped):
        upstream.get()


@pytest.mark.parametrize(
    ("given", "root"),
    [
        ("https://api.aurinko.io", "https://api.aurinko.io/v1"),
        ("https://api.aurinko.io/v1", "https://api.aurinko.io/v1"),
        (" https://api.aurinko.io/v1/ ", "https://api.aurinko.io/v1"),
        ("http://127.0.0.1:8080/", "http://127.0.0.1:8080/v1"),
        ("http://[::1]:8080/aurinko", "http://[::1]:8080/aurinko/v1"),
    ],
)
def test_the_url_is_taken_with_and_without_its_version(given: str, root: str) -> None:
    assert api_root(given) == root


@pytest.mark.parametrize(
    "given",
    ["", "api.aurinko.io", "ftp://api.aurinko.io", "https://", "https://a?b=c", "https://a#b", "https://ada:pw@api.aurinko.io",
     "http://[::1", "http://a:port"],
)  # fmt: skip
def test_what_is_no_base_url_is_refused(given: str) -> None:
    with pytest.raises(Usage):
        api_root(given)


@pytest.mark.parametrize(
    ("content", "read"),
    [
        (b'{"code": "c", "message": "m"}', ("c", "m")),
        (b'{"code": 5, "message": null}', (None, None)),
        (b'{"error": {"code": "provider"}}', (None, None)),
        (b"[]", (None, None)),
        (b"", (None, None)),
        (b"\xff\xfe", (None, None)),
        (b"[" * 100_000, (None, None)),
        (b'{"message": "' + b"m" * 5000 + b'"}', (None, "m" * 500)),
    ],
)
def test_an_error_body_may_be_anything(content: bytes, read: tuple[str | None, str | None]) -> None:
    assert error_body(content) == read


def test_a_token_arrives_as_it_was_given_whatever_is_in_it() -> None:
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.url.params["pageToken"])
        return httpx.Response(200, json={"n": 1})

    http = Http("http://upstream.example", clock=VirtualClock(), headers={}, transport=httpx.MockTransport(answer))
    http.get("/thing", {"pageToken": "a+b/c=&d#é %41"}, decode=decode)

    assert seen == ["a+b/c=&d#é %41"]
