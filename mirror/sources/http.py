"""One mailbox's HTTP: timeouts, retries and the patience of a pass. It knows statuses, never what a record is.

Only requests that are safe to repeat are repeated. What the caller has to decide about (404, 410, 412 and other
refusals) comes back as an answer; what stops the pass is raised.
"""

from __future__ import annotations

import email.utils
import json as json_text
import logging
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC
from functools import lru_cache
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx
import msgspec

from mirror.clock import Clock
from mirror.errors import (
    Changed,
    NotPermitted,
    RecordGone,
    Refused,
    RetryLater,
    SignInAgain,
    SourceError,
    Stopped,
    Unsure,
    Usage,
    WrongAnswer,
)
from mirror.feed import Request, Traffic
from mirror.sources.rate import Rates

T = TypeVar("T")

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})

FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 60.0
GARBLED_TRIES = 3
TURNED_AWAY = 3  # times that a write which was not done is sent again at once ...
LONGEST_TURN_S = 30.0  # ... when it is to come again so soon
CONNECT_PATIENCE_S = 15.0
LONGEST_ASKED_S = 86_400.0  # more than a day of silence is not asked for by anybody who means it
TIMEOUT = httpx.Timeout(60.0, connect=15.0, pool=5.0)

RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})
DECIDED_BY_CALLER = frozenset({400, 404, 405, 409, 410, 412, 422})
UNAVAILABLE = "mailbox.unavailable"  # observed while an IMAP account is being prepared; its status is not documented


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: decided by status first, then by the code in an error body."""

    status: int
    content: bytes
    retry_after_s: float | None = None
    code: str | None = None
    message: str | None = None

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300


class Patience:
    """The seconds that one pass over one feed may still spend waiting."""

    def __init__(self, budget_s: float) -> None:
        self.budget_s = budget_s
        self.left_s = budget_s

    def renew(self) -> None:
        self.left_s = self.budget_s


class Http:
    """A client for one base URL and one set of credentials."""

    def __init__(
        self,
        base_url: str,
        *,
        clock: Clock,
        headers: dict[str, str],
        auth: tuple[str, str] | None = None,
        budget_s: float = 300.0,
        rates: Rates | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.traffic = Traffic()
        self.patience = Patience(budget_s)
        self._clock = clock
        self._rates = rates
        _keep_addresses_out_of_logs()
        root = api_root(base_url)
        verify = _tls() if root.startswith("https:") else False  # False: of plain HTTP to this machine, nothing is lost
        self._client = httpx.Client(
            base_url=root,
            headers=headers,
            auth=auth,
            timeout=TIMEOUT,
            transport=transport,
            verify=verify,
            trust_env=urlsplit(root).hostname not in LOOPBACK,  # a proxy can't reach this machine's own servers
        )

    def close(self) -> None:
        self._client.close()

    def get(
        self,
        path: str,
        params: dict[str, Any] | None = None,
        *,
        decode: Callable[[bytes], T],
        connect_patience_s: float | None = None,
    ) -> tuple[Answer, T | None]:
        """The answer and, of a good one, what `decode` makes of its content."""
        return self.send("GET", path, params, decode=decode, connect_patience_s=connect_patience_s)

    def send(
        self,
        method: str,
        path: str,
        params: dict[str, Any] | None = None,
        *,
        decode: Callable[[bytes], T],
        connect_patience_s: float | None = None,
    ) -> tuple[Answer, T | None]:
        """Send a request that may be repeated, until it is answered or the patience of this pass is at its end.

        Raises: RetryLater, SignInAgain (401), NotPermitted (403), WrongAnswer, Stopped.
        """
        garbled = 0
        attempt = 0
        while True:
            trouble: RetryLater
            try:
                answer = self._once(method, path, params)
                if not answer.ok:
                    self._obey(answer, f"{method} {path}")
                    return answer, None
                return answer, decode(answer.content)
            except RetryLater as error:
                trouble = error
            except RecursionError as error:
                raise WrongAnswer(f"{method} {path}: the answer nests too deep", status=200) from error
            except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as error:
                if isinstance(error, msgspec.ValidationError):
                    raise WrongAnswer(f"{method} {path}: {error}") from error
                garbled += 1
                if garbled >= GARBLED_TRIES:
                    raise WrongAnswer(f"{method} {path}: the answer is not JSON", status=200) from error
                trouble = RetryLater(f"{method} {path}: cut or garbled answer")
            attempt += 1
            limit = connect_patience_s if trouble.status is None else None
            self._wait(attempt, trouble, limit)

    def write(self, request: Request) -> Answer:
        """Send a request that must not be repeated: again only when the answer says that nothing was done, and when to come.

        Raises: RetryLater (it was surely not done), Unsure, Changed, RecordGone, Refused, SignInAgain, Stopped.
        """
        for _ in range(TURNED_AWAY):
            try:
                return self._write_once(request)
            except RetryLater as busy:
                if busy.after_s is None or busy.after_s > min(self.patience.left_s, LONGEST_TURN_S):
                    raise
                self.rest(busy.after_s)
                self.traffic.retries += 1
        return self._write_once(request)

    def _write_once(self, request: Request) -> Answer:
        where = f"{request.method} {request.path}"
        self._take_turn()
        try:
            content = None if request.body is None else json_text.dumps(request.body).encode("ascii")
            headers = {**request.headers, "Content-Type": "application/json"} if content else request.headers
            response = self._client.request(
                request.method, request.path, params=request.params, headers=headers, content=content
            )
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise RetryLater(f"{where}: {type(error).__name__}: {error}") from error
        except (httpx.TransportError, httpx.DecodingError) as error:
            raise Unsure(f"{where}: {type(error).__name__}: {error}") from error
        except httpx.InvalidURL as error:
            raise Refused(f"{where}: {error}") from error
        except RuntimeError as error:  # the client was closed under us: the process is ending
            raise Stopped from error
        self.traffic.bytes += len(response.content)
        answer = self._answer(response)
        if answer.ok:
            return answer
        told = f"{where}: {answer.status} {answer.code or ''} {answer.message or ''}".strip()
        raise _refusal(answer, told)

    def _wait(self, attempt: int, trouble: RetryLater, limit_s: float | None) -> None:
        spent_s = self.patience.budget_s - self.patience.left_s
        left_s = self.patience.left_s if limit_s is None else min(self.patience.left_s, limit_s - spent_s)
        if trouble.after_s is not None:
            wait_s = trouble.after_s
            if wait_s > left_s:
                raise trouble
        else:
            wait_s = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** (attempt - 1)) * (0.5 + self._clock.random.random())
            wait_s = min(wait_s, left_s)
            if left_s < 0.05:
                raise trouble
        self.rest(wait_s)
        self.traffic.retries += 1

    def _obey(self, answer: Answer, where: str) -> None:
        """Wait as long as an answer asks that says no all the same. Raises: RetryLater, when that is too long."""
        if not answer.retry_after_s:
            return
        if answer.retry_after_s > self.patience.left_s:
            raise RetryLater(where, status=answer.status, code=answer.code, after_s=answer.retry_after_s)
        self.rest(answer.retry_after_s)

    def rest(self, seconds: float) -> None:
        """Wait, at the expense of this pass's patience."""
        self.patience.left_s -= seconds
        self.traffic.waited_s += seconds
        self._clock.sleep(seconds)

    def _once(self, method: str, path: str, params: dict[str, Any] | None) -> Answer:
        self._take_turn()
        try:
            response = self._client.request(method, path, params=params)
        except httpx.TransportError as error:
            raise RetryLater(f"{method} {path}: {type(error).__name__}: {error}") from error
        except (httpx.InvalidURL, httpx.DecodingError) as error:
            raise WrongAnswer(f"{method} {path}: {error}") from error
        except RuntimeError as error:  # the client was closed under us: the process is ending
            raise Stopped from error
        self.traffic.bytes += len(response.content)
        answer = self._answer(response)
        if answer.ok:
            return answer
        where = f"{method} {path}: {answer.status} {answer.code or ''} {answer.message or ''}".strip()
        if answer.status == 401:
            raise SignInAgain(answer.message or "", status=401, code=answer.code)
        busy = answer.status in RETRIED or answer.status >= 500 or answer.code == UNAVAILABLE
        if busy or (answer.retry_after_s is not None and answer.status not in (404, 410, 412)):
            raise RetryLater(where, status=answer.status, code=answer.code, after_s=answer.retry_after_s)
        if answer.status == 403:
            raise NotPermitted(where, status=403, code=answer.code)
        if answer.status in DECIDED_BY_CALLER:
            return answer
        raise WrongAnswer(where, status=answer.status, code=answer.code)

    def _take_turn(self) -> None:
        self.traffic.requests += 1
        turn_s = self._rates.take() if self._rates is not None else 0.0
        if turn_s > 0:
            self._clock.sleep(turn_s)

    def _answer(self, response: httpx.Response) -> Answer:
        after_s = self._retry_after_s(response.headers.get("retry-after"))
        if response.is_success:
            return Answer(response.status_code, response.content, after_s)
        code, message = error_body(response.content)
        return Answer(response.status_code, response.content, after_s, code, message)

    def _retry_after_s(self, value: str | None) -> float | None:
        """Seconds, from either form that RFC 9110 §10.2.3 allows; None for neither."""
        if not value:
            return None
        try:
            asked_s = float(value)
        except ValueError:
            try:
                moment = email.utils.parsedate_to_datetime(value)
            except (ValueError, TypeError, OverflowError, IndexError):
                return None
            moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            asked_s = (moment - self._clock.now()).total_seconds()
        return min(max(0.0, asked_s), LONGEST_ASKED_S)


def _refusal(answer: Answer, told: str) -> SourceError:
    """What the status of an answer to a write means. Only 429 and 503 say that nothing was done and to come again."""
    kind: type[SourceError]
    if answer.status in (429, 503) or answer.code == UNAVAILABLE:
        return RetryLater(told, status=answer.status, code=answer.code, after_s=answer.retry_after_s)
    if answer.status == 401:
        kind = SignInAgain
    elif answer.status == 412:
        kind = Changed
    elif answer.status in (404, 410):
        kind = RecordGone
    elif answer.status in (408, 425) or answer.status >= 500 or answer.status < 400:
        kind = Unsure
    else:
        kind = Refused
    return kind(told, status=answer.status, code=answer.code)


def _only_warnings(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.WARNING


def _keep_addresses_out_of_logs() -> None:
    """httpx logs the URL of every request, at whatever level the program logs: its path may be a code, its query a token."""
    logging.getLogger("httpx").addFilter(_only_warnings)  # the same one, which a logger takes once


@lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    """One for the process: reading the certificates takes longer than a whole pass."""
    return httpx.create_ssl_context()


def api_root(base_url: str) -> str:
    """The URL that all paths start from, whether or not it was given with `/v1`. Raises: Usage."""
    url = base_url.strip().rstrip("/")
    try:
        parts = urlsplit(url)
        whole = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # a port that is no number, half an IPv6 address
        whole = False
    if not whole or parts.query or parts.fragment:
        raise Usage(f"“{base_url}” is not a base URL; give one like https://api.aurinko.io")
    if parts.username or parts.password:
        raise Usage("a base URL must not contain credentials; hand the token over with --token-stdin or --token-env")
    return url if url.endswith("/v1") else url + "/v1"


def error_body(content: bytes) -> tuple[str | None, str | None]:
    """`code` and `message` of an error body, which may also be empty or no JSON at all."""
    try:
        body = json_text.loads(content)
    except (ValueError, RecursionError):
        return None, None
    if not isinstance(body, dict):
        return None, None
    code, message = body.get("code"), body.get("message")
    return (code if isinstance(code, str) else None, message[:500] if isinstance(message, str) else None)
