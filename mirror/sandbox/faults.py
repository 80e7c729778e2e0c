"""Scripted trouble between the sandbox and its clients, and the log of what was asked. It stands around the application.

A fault matches requests by verb, path and query, takes effect from its nth match for a number of times, and does one thing:
answer in the sandbox's place, spoil the sandbox's answer, or break the connection before or after the request was carried
out. Whatever is drawn comes from the fault's own seed. A broken connection is a ConnectionResetError out of the WSGI
application: a server closes the socket on it, and a transport that calls the application in process sees it raised.
"""

from __future__ import annotations

import random
import re
import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import msgspec

from mirror.clock import Clock

# The log keeps this many requests; a sandbox may live for weeks.
_LOG_LENGTH = 20_000


@dataclass(frozen=True, slots=True)
class Wire:
    """An answer on its way. `length` is the Content-Length that is announced, where it isn't the real one."""

    status: int
    headers: tuple[tuple[str, str], ...]
    content: bytes
    length: int | None = None


@dataclass(frozen=True, slots=True)
class Effect:
    """What a fault does: `before` may answer in the application's place, `after` is handed the application's answer."""

    before: Callable[[Clock], Wire | None] | None = None
    after: Callable[[Wire, random.Random], Wire] | None = None


@dataclass(slots=True)
class Fault:
    """One line of the script. `nth` counts the requests that match, from 1; `times` None means from then on."""

    effect: Effect
    path: str = r".*"
    method: str = r".*"
    query: str = r".*"
    nth: int = 1
    times: int | None = 1
    seed: int = 0
    seen: int = 0
    done: int = 0

    def takes(self, method: str, path: str, query: str) -> bool:
        """Whether this request meets the fault. Counts it."""
        pairs = ((self.method, method), (self.path, path), (self.query, query))
        if not all(re.fullmatch(pattern, text, re.DOTALL) for pattern, text in pairs):
            return False
        self.seen += 1
        if self.seen < self.nth or (self.times is not None and self.done >= self.times):
            return False
        self.done += 1
        return True

    def draw(self) -> random.Random:
        return random.Random(f"{self.seed}:{self.done}")  # noqa: S311  (replayable by design)


@dataclass(frozen=True, slots=True)
class Request:
    """What the log keeps of a request. `status` is 0 when no answer went out."""

    method: str
    path: str
    query: str
    status: int
    fault: bool = False


@dataclass(slots=True)
class Faults:
    """The script, and the log. Both may be changed while the sandbox runs."""

    script: list[Fault] = field(default_factory=list)
    requests: deque[Request] = field(default_factory=lambda: deque(maxlen=_LOG_LENGTH))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, *faults: Fault) -> None:
        with self._lock:
            self.script.extend(faults)

    def clear(self) -> None:
        """End all faults; the log stays."""
        with self._lock:
            self.script.clear()

    def around(self, application: WSGIApplication, clock: Clock) -> WSGIApplication:
        """The application with this script in front of it."""

        def wrapped(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            method, query = environ["REQUEST_METHOD"], environ.get("QUERY_STRING", "")
            path = _path(environ)
            with self._lock:
                taken = [(fault.effect, fault.draw()) for fault in self.script if fault.takes(method, path, query)]
            wire = None
            try:
                wire = _answered(application, environ, taken, clock)
            finally:
                self.requests.append(Request(method, path, query, wire.status if wire else 0, bool(taken)))
            length = len(wire.content) if wire.length is None else wire.length
            headers = [pair for pair in wire.headers if pair[0].lower() != "content-length"]
            start_response(_line(wire.status), [*headers, ("Content-Length", str(length))])
            return [wire.content]

        return wrapped


# --- effects ----------------------------------------------------------------------------------------------------------


def answer(
    status: int, code: str = "", message: str = "", *, headers: dict[str, str] | None = None, body: bytes | None = None
) -> Effect:
    """This answer in the sandbox's place; the request is not carried out. Without a body: the usual error body."""
    said = {
        "code": code or "error",
        "message": message or _line(status),
        "requestId": "00000000-0000-4000-8000-000000000000",
    }
    content = msgspec.json.encode(said) if body is None else body
    wire = Wire(status, (("Content-Type", "application/json"), *(headers or {}).items()), content)
    return Effect(before=lambda _: wire)


def slow(seconds: float) -> Effect:
    """The answer takes this long."""
    return Effect(before=lambda clock: clock.sleep(seconds))


def drop() -> Effect:
    """The connection breaks before the request is carried out."""

    def breaks(_: Clock) -> Wire | None:
        raise ConnectionResetError("the sandbox was told to drop this request")

    return Effect(before=breaks)


def lose() -> Effect:
    """The request is carried out, and the connection breaks before its answer."""

    def breaks(_: Wire, __: random.Random) -> Wire:
        raise ConnectionResetError("the sandbox was told to lose this answer")

    return Effect(after=breaks)


def cut(keep: float = 0.5) -> Effect:
    """The body ends early, after this part of it; the announced length is the whole one."""
    return Effect(
        after=lambda wire, _: replace(
            wire, content=wire.content[: int(len(wire.content) * keep)], length=len(wire.content)
        )
    )


def garble(count: int = 20) -> Effect:
    """So many bytes of the body are others than were sent."""

    def garbled(wire: Wire, chance: random.Random) -> Wire:
        content = bytearray(wire.content)
        for _ in range(count if content else 0):
            content[chance.randrange(len(content))] ^= chance.randrange(1, 256)
        return replace(wire, content=bytes(content))

    return Effect(after=garbled)


def body(content: bytes) -> Effect:
    """The request is carried out; its answer has this body instead of its own."""
    return Effect(after=lambda wire, _: replace(wire, content=content))


def edit(change: Callable[[Any, random.Random], Any]) -> Effect:
    """The JSON of the answer, as this function returns it. Answers that are no JSON object stay as they are."""

    def edited(wire: Wire, chance: random.Random) -> Wire:
        try:
            value = msgspec.json.decode(wire.content)
        except msgspec.DecodeError:
            return wire
        if not isinstance(value, dict):
            return wire
        return replace(wire, content=msgspec.json.encode(change(value, chance)))

    return Effect(after=edited)


def reorder() -> Effect:
    """The records of a page in another order."""

    def shuffled(page: Any, chance: random.Random) -> Any:
        if isinstance(page.get("records"), list):
            chance.shuffle(page["records"])
        return page

    return edit(shuffled)


def duplicate() -> Effect:
    """Some records of a page twice."""

    def doubled(page: Any, chance: random.Random) -> Any:
        records = page.get("records")
        if isinstance(records, list):
            page["records"] = [copy for record in records for copy in [record] * chance.choice((1, 2))]
            page["length"] = len(page["records"])
        return page

    return edit(doubled)


# --- inside -----------------------------------------------------------------------------------------------------------


def _answered(
    application: WSGIApplication, environ: WSGIEnvironment, taken: list[tuple[Effect, random.Random]], clock: Clock
) -> Wire:
    for effect, _ in taken:
        wire = effect.before(clock) if effect.before else None
        if wire is not None:
            return wire
    wire = _called(application, environ)
    for effect, chance in taken:
        if effect.after:
            wire = effect.after(wire, chance)
    return wire


def _called(application: WSGIApplication, environ: WSGIEnvironment) -> Wire:
    started: list[tuple[str, list[tuple[str, str]]]] = []

    def start(status: str, headers: list[tuple[str, str]], _: object = None) -> Callable[[bytes], object]:
        started.append((status, headers))
        return lambda _: None

    chunks = application(environ, start)
    try:
        content = b"".join(chunks)
    finally:
        close = getattr(chunks, "close", None)
        if close is not None:
            close()
    status, headers = started[-1]
    return Wire(int(status.split()[0]), tuple(headers), content)


def _path(environ: WSGIEnvironment) -> str:
    raw = environ.get("RAW_URI") or environ.get("REQUEST_URI")
    if raw:
        return unquote(str(raw).split("?", 1)[0])
    return str(environ.get("PATH_INFO", "")).encode("latin-1").decode("utf-8", "replace")


def _line(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return f"{status} Unknown"
