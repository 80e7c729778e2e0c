"""The contract as a WSGI application: finds the operation, admits the caller, answers, and words refusals. It holds no state."""

from __future__ import annotations

import math
import random
import threading
import uuid
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec
from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from mirror.contract.admission import admitted
from mirror.contract.backend import AccountLike
from mirror.contract.refusals import Refusal, bad_request, not_found, too_many_requests
from mirror.contract.router import Route, Router
from mirror.contract.scopes import READING
from mirror.contract.wire import Answer, Call, Server
from mirror.errors import RecordGone, Usage

VERBS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"]


@dataclass(slots=True)
class Served:
    """One application and what it remembers between requests, which is little."""

    server: Server
    router: Router
    # Draws request ids. Its own, so that asking questions does not change the ids that records get.
    chance: random.Random
    asked_at: dict[int, deque[float]] = field(default_factory=dict)
    counting: threading.Lock = field(default_factory=threading.Lock)


def application(name: str, server: Server, routes: Iterable[Route]) -> Flask:
    """The WSGI application that serves these operations out of what stands behind the server."""
    app = Flask(name, static_folder=None)
    served = Served(server, Router(routes), random.Random("request ids"))  # noqa: S311  (replayable by design)
    app.url_map.merge_slashes = False
    app.add_url_rule("/", "any", lambda: _dispatch(served), methods=VERBS, provide_automatic_options=False)
    app.add_url_rule(
        "/<path:path>", "any_path", lambda **_: _dispatch(served), methods=VERBS, provide_automatic_options=False
    )
    app.register_error_handler(HTTPException, lambda error: _broken(served, error))
    return app


def _dispatch(served: Served) -> Response:
    try:
        raw = request.environ.get("RAW_URI") or request.environ.get("REQUEST_URI")
        route, ids = served.router.find(request.method, request.path, str(raw).split("?", 1)[0] if raw else None)
        content = request.get_data()
        reads = route.method == "GET" or route.template.endswith(READING)
        with served.server.backend.snapshot() if reads else served.server.backend.batch():
            account = admitted(served.server, route, dict(request.headers))
            _within_rate(served, account)
            query = {name: request.args.getlist(name) for name in request.args}
            call = Call(served.server, account, ids, query, request.headers.get("If-Match"), content)
            if not route.unlocked:
                return _response(route.answer(call))
        return _response(route.answer(call))
    except Refusal as refusal:
        return _refused(served, refusal)
    except RecordGone:
        return _refused(served, not_found("record"))
    except Usage as error:
        return _refused(served, bad_request(str(error)))


def _within_rate(served: Served, account: AccountLike | None) -> None:
    limit = served.server.options.rate_limit
    if limit is None or account is None:
        return
    now = served.server.backend.clock.monotonic()
    with served.counting:
        recent = served.asked_at.setdefault(account.asker_id, deque())
        while recent and recent[0] <= now - 1:
            recent.popleft()
        if len(recent) >= limit:
            raise too_many_requests(max(1, math.ceil(recent[0] + 1 - now)))
        recent.append(now)


def _response(answer: Answer) -> Response:
    content = b"" if answer.body is None else msgspec.json.encode(answer.body)
    if answer.raw is not None:
        content = answer.raw
    response = Response(content, answer.status, dict(answer.headers))
    response.headers["Content-Type"] = answer.content_type
    if answer.body is None and answer.raw is None:
        del response.headers["Content-Type"]
    return response


def _refused(served: Served, refusal: Refusal) -> Response:
    said = {"code": refusal.code, "message": refusal.message, "requestId": str(_request_id(served))}
    return _response(Answer(said, refusal.status, refusal.headers))


def _broken(served: Served, error: HTTPException) -> Response:
    """Flask's own refusals, and what went wrong in here, in the form of the API."""
    return _refused(served, Refusal(error.code or 500, "error", error.name))


def _request_id(served: Served) -> uuid.UUID:
    return uuid.UUID(int=served.chance.getrandbits(128), version=4)
