"""From a request to an answer: finds the operation, admits the caller, answers, and words refusals. It knows no web server."""

from __future__ import annotations

import math
import random
import threading
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import msgspec

from mirror.contract.admission import admitted
from mirror.contract.backend import AccountLike
from mirror.contract.refusals import Refusal, bad_request, not_found, too_many_requests
from mirror.contract.router import Lost, Route, Router
from mirror.contract.scopes import READING
from mirror.contract.wire import Answer, Call, Server
from mirror.errors import RecordGone, Usage


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it came. `raw_path` is the path before percent-decoding, where that is known; headers by canonical names."""

    method: str
    path: str
    raw_path: str | None
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    content: bytes


@dataclass(frozen=True, slots=True)
class Told:
    """An answer as it leaves. Without a content type there is no body."""

    status: int
    headers: Mapping[str, str]
    content: bytes
    content_type: str | None


Behind = Callable[[Server, Route, Asked], Server]
"""Chooses what a request is answered from, where that is not always the same."""


class Dispatch:
    """The operations over one server, and what is remembered between requests, which is little."""

    def __init__(
        self,
        server: Server,
        routes: Iterable[Route],
        behind: Behind = lambda server, *_: server,
        lost: Lost = lambda _: not_found("resource"),
    ) -> None:
        """`lost`: the refusal of a path that no route has."""
        self.server = server
        self._behind = behind
        self._router = Router(routes, lost)
        # Draws request ids. Its own, so that asking questions does not change the ids that records get.
        self._chance = random.Random("request ids")  # noqa: S311  (replayable by design)
        self._asked_at: dict[int, deque[float]] = {}
        self._counting = threading.Lock()

    def answer(self, asked: Asked) -> Told:
        """What is told to who asked. Raises nothing but what is broken."""
        try:
            return _told(self._answer(asked))
        except Refusal as refusal:
            return self.refused(refusal)
        except RecordGone:
            return self.refused(not_found("record"))
        except Usage as error:
            return self.refused(bad_request(str(error)))

    def refused(self, refusal: Refusal) -> Told:
        """A refusal in the form of the API."""
        request_id = uuid.UUID(int=self._chance.getrandbits(128), version=4)
        said = {"code": refusal.code, "message": refusal.message, "requestId": str(request_id)}
        return _told(Answer(said, refusal.status, refusal.headers))

    def _answer(self, asked: Asked) -> Answer:
        route, ids = self._router.find(asked.method, asked.path, asked.raw_path)
        server = self._behind(self.server, route, asked)
        reads = route.method == "GET" or route.template.endswith(READING)
        with server.backend.snapshot() if reads else server.backend.batch():
            account = admitted(server, route, asked.headers)
            self._within_rate(account)
            call = Call(server, account, ids, asked.query, asked.headers.get("If-Match"), asked.content)
            if not route.unlocked:
                return route.answer(call)
        return route.answer(call)

    def _within_rate(self, account: AccountLike | None) -> None:
        limit = self.server.options.rate_limit
        if limit is None or account is None:
            return
        now = self.server.backend.clock.monotonic()
        with self._counting:
            recent = self._asked_at.setdefault(account.asker_id, deque())
            while recent and recent[0] <= now - 1:
                recent.popleft()
            if len(recent) >= limit:
                raise too_many_requests(max(1, math.ceil(recent[0] + 1 - now)))
            recent.append(now)


def _told(answer: Answer) -> Told:
    if answer.raw is not None:
        return Told(answer.status, answer.headers, answer.raw, answer.content_type)
    if answer.body is None:
        return Told(answer.status, answer.headers, b"", None)
    return Told(answer.status, answer.headers, msgspec.json.encode(answer.body), answer.content_type)
