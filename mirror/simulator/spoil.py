"""The table of everything that can be wrong with an answer. Each line says which requests it can meet.

A 404 on a single record, and an empty page where nobody can know better, are not in it: no client survives being told with
authority that something is gone which is not.
"""

from __future__ import annotations

import email.utils
import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import httpx

from mirror import clock as clocks

if TYPE_CHECKING:
    from mirror.simulator.wire import Wire

Tick = Callable[[float], str]

FEEDS = ("updated", "deleted")
READINGS = ("account", "start", "updated", "deleted", "listing", "record", "attachment")
ALL = (*READINGS, "write")
PAGES = (*FEEDS, "listing")


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, as far as trouble must know it."""

    method: str
    path: str
    query: dict[str, str]
    sort: str
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def token(self) -> str | None:
        return self.query.get("pageToken") or self.query.get("deltaToken")


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer on its way."""

    status: int
    content: bytes
    headers: dict[str, str] = field(default_factory=dict)


Before = Callable[[Asked, Tick], Answer | None]
After = Callable[[Asked, Answer, "Wire"], Answer]


@dataclass(frozen=True, slots=True)
class Effect:
    """What a trouble does: answer in upstream's place, or change its answer."""

    before: Before | None = None
    after: After | None = None


@dataclass(frozen=True, slots=True)
class Trouble:
    """A line of the table. `make` draws how bad it is."""

    weight: int
    sorts: tuple[str, ...]
    make: Callable[[random.Random], Effect]
    needs_token: str | None = None

    def fits(self, asked: Asked) -> bool:
        return asked.sort in self.sorts and (self.needs_token is None or self.needs_token in asked.query)


def _refusal(status: int, code: str, message: str = "", headers: dict[str, str] | None = None) -> Answer:
    body = {"code": code, "message": message or code, "requestId": "0"}
    return Answer(status, json.dumps(body).encode(), {"content-type": "application/json", **(headers or {})})


def _status(*choices: tuple[int, str]) -> Callable[[random.Random], Effect]:
    def make(chance: random.Random) -> Effect:
        status, code = chance.choice(choices)
        return Effect(lambda _, __: _refusal(status, code))

    return make


def _busy(chance: random.Random) -> Effect:
    """408, 429, 5xx; some with Retry-After, as seconds or as a date. What is written may have been done all the same."""
    status = chance.choice((408, 429, 500, 502, 503, 504))
    form = chance.choice(("none", "none", "seconds", "date", "rubbish"))
    wait_s = chance.choice((0, 1, 20, 90, 4000))
    bare = chance.random() < 0.3

    def before(_: Asked, tick: Tick) -> Answer:
        headers = {"retry-after": str(wait_s)} if form == "seconds" else {}
        if form == "date":
            at = clocks.moment(tick(0.0)) + timedelta(seconds=wait_s)
            headers = {"retry-after": email.utils.format_datetime(at, usegmt=True)}
        if form == "rubbish":
            headers = {"retry-after": "in a while"}
        return Answer(status, b"<html>busy</html>", headers) if bare else _refusal(status, "busy", headers=headers)

    if status not in (429, 503) and chance.random() < 0.5:
        return Effect(lambda a, t: None if a.sort == "write" else before(a, t),
                      lambda asked, _, wire: before(asked, wire.tick))  # fmt: skip
    return Effect(before)


def _loading(_: random.Random) -> Effect:
    return Effect(lambda _, __: _refusal(422, "mailbox.unavailable", "Try again later. Aurinko is currently loading."))


def _breaks(chance: random.Random) -> Effect:
    kind = chance.choice((httpx.ReadTimeout, httpx.ConnectError, httpx.ReadError, httpx.RemoteProtocolError))
    carried_out = kind is not httpx.ConnectError and chance.random() < 0.5
    seconds = 60.0 if kind is httpx.ReadTimeout else 0.1

    def before(_: Asked, tick: Tick) -> Answer | None:
        tick(seconds)
        if carried_out:
            return None
        raise kind("the simulated wire broke")

    def after(_: Asked, __: Answer, ___: Wire) -> Answer:
        raise kind("the simulated wire lost the answer")

    return Effect(before, after)


def _answer_lost(chance: random.Random) -> Effect:
    """Done, and nobody hears of it."""
    kind = chance.choice((httpx.ReadTimeout, httpx.ReadError, httpx.RemoteProtocolError))

    def after(_: Asked, __: Answer, ___: Wire) -> Answer:
        raise kind("the simulated wire lost the answer")

    return Effect(after=after)


def _slow(chance: random.Random) -> Effect:
    seconds = chance.choice((5.0, 25.0, 59.0))

    def before(_: Asked, tick: Tick) -> None:
        tick(seconds)

    return Effect(before)


def _cut(chance: random.Random) -> Effect:
    keep = chance.random()
    return Effect(after=lambda _, a, __: Answer(a.status, a.content[: int((len(a.content) - 1) * keep)], a.headers))


def _garbled(chance: random.Random) -> Effect:
    at, byte = chance.random(), chance.choice((b"\xff", b"\x00", b"\xc3\x28"))

    def after(_: Asked, answer: Answer, __: Wire) -> Answer:
        place = int(len(answer.content) * at)
        return Answer(answer.status, b"{" + answer.content[:place] + byte + answer.content[place:], answer.headers)

    return Effect(after=after)


def _other_form(chance: random.Random) -> Effect:
    body = chance.choice((b"[]", b'"later"', b"{}", b"null", b"", b'{"records": 5}', b"<html>welcome</html>"))
    return Effect(after=lambda _, a, __: Answer(a.status, body, a.headers))


def _page(edit: Callable[[Asked, dict[str, Any], Wire], dict[str, Any] | None]) -> After:
    """An effect on good pages; None from `edit` leaves the answer as it is."""

    def after(asked: Asked, answer: Answer, wire: Wire) -> Answer:
        if answer.status != 200:
            return answer
        page = edit(asked, json.loads(answer.content), wire)
        if page is None:
            return answer
        page["length"] = len(page["records"])
        return Answer(200, json.dumps(page).encode(), answer.headers)

    return after


def _reordered(chance: random.Random) -> Effect:
    def edit(_: Asked, page: dict[str, Any], __: Wire) -> dict[str, Any]:
        chance.shuffle(page["records"])
        return page

    return Effect(after=_page(edit))


def _doubled(chance: random.Random) -> Effect:
    def edit(_: Asked, page: dict[str, Any], __: Wire) -> dict[str, Any]:
        page["records"] = [copy for record in page["records"] for copy in [record] * chance.choice((1, 2, 3))]
        return page

    return Effect(after=_page(edit))


def _late(chance: random.Random) -> Effect:
    """Some records come with the next page instead, or with both."""

    def edit(_: Asked, page: dict[str, Any], wire: Wire) -> dict[str, Any] | None:
        following = page.get("nextPageToken")
        if not following or not page["records"]:
            return None
        late = [record for record in page["records"] if chance.random() < 0.5]
        wire.keep_back(following, late)
        if chance.random() < 0.6:
            page["records"] = [record for record in page["records"] if record not in late]
        return page

    return Effect(after=_page(edit))


def _again(_: random.Random) -> Effect:
    """The answer that this token had before."""

    def after(asked: Asked, answer: Answer, wire: Wire) -> Answer:
        earlier = wire.earlier(asked)
        return answer if earlier is None or answer.status != 200 else Answer(200, earlier, answer.headers)

    return Effect(after=after)


def _not_on(_: random.Random) -> Effect:
    """The page leads to itself, or a walk that has more to give leads nowhere yet."""

    def edit(asked: Asked, page: dict[str, Any], __: Wire) -> dict[str, Any] | None:
        if "pageToken" not in asked.query:
            return None
        page.pop("nextDeltaToken", None)
        return {**page, "nextPageToken": asked.token}

    return Effect(after=_page(edit))


def _circle(_: random.Random) -> Effect:
    """The pages of a walk go round: what follows the second leads to the first again."""
    first: dict[str, str] = {}

    def edit(asked: Asked, page: dict[str, Any], __: Wire) -> dict[str, Any] | None:
        here = asked.query.get("pageToken")
        if here is None or first.setdefault(asked.path, here) == here:
            return None
        page.pop("nextDeltaToken", None)
        return {**page, "nextPageToken": first[asked.path]}

    return Effect(after=_page(edit))


def _lagging(_: random.Random) -> Effect:
    """Nothing new yet, says a server that has not heard of it: no records, and the same token again."""

    def edit(asked: Asked, page: dict[str, Any], __: Wire) -> dict[str, Any]:
        page.pop("nextPageToken", None)
        return {**page, "records": [], "nextDeltaToken": asked.token}

    return Effect(after=_page(edit))


def _empty(_: random.Random) -> Effect:
    """A listing without anything in it, where there was something."""

    def edit(asked: Asked, page: dict[str, Any], wire: Wire) -> dict[str, Any] | None:
        if asked.sort == "listing":
            return {"records": []}
        end = wire.walked_to_end(asked, Answer(200, json.dumps(page).encode()))
        return None if end is None else {"records": [], "nextDeltaToken": end}

    return Effect(after=_page(edit))


def _no_tokens(_: random.Random) -> Effect:
    return Effect(
        after=_page(lambda _, page, __: {n: v for n, v in page.items() if n not in ("nextPageToken", "nextDeltaToken")})
    )


def _other_mailbox(_: random.Random) -> Effect:
    def after(_: Asked, answer: Answer, __: Wire) -> Answer:
        if answer.status != 200:
            return answer
        said = {**json.loads(answer.content), "id": 4711, "email": "mallory@example.org"}
        return Answer(200, json.dumps(said).encode(), answer.headers)

    return Effect(after=after)


def _unnamed(chance: random.Random) -> Effect:
    """Done, says the answer, and leaves out what came of it."""
    left_out = chance.choice((("id",), ("etag", "record"), ("id", "etag", "record"), ("record",), ("status",)))

    def after(_: Asked, answer: Answer, __: Wire) -> Answer:
        try:
            said = json.loads(answer.content)
        except ValueError:
            return answer
        if answer.status >= 300 or not isinstance(said, dict):
            return answer
        said = {name: value for name, value in said.items() if name not in left_out}
        return Answer(answer.status, json.dumps(said).encode(), answer.headers)

    return Effect(after=after)


def _nothing_yet(_: random.Random) -> Effect:
    """The feed has not heard yet of what was just written: no records, and the same token again."""

    def edit(asked: Asked, page: dict[str, Any], __: Wire) -> dict[str, Any] | None:
        if "deltaToken" not in asked.query:
            return None
        page.pop("nextPageToken", None)
        return {**page, "records": [], "nextDeltaToken": asked.token}

    return Effect(after=_page(edit))


def _unready(_: random.Random) -> Effect:
    return Effect(lambda _, __: Answer(200, b'{"ready": false}', {"content-type": "application/json"}))


EVERY: dict[str, Trouble] = {
    "busy": Trouble(8, ALL, _busy),
    "mailbox.unavailable": Trouble(2, ALL, _loading),
    "connection breaks": Trouble(7, ALL, _breaks),
    "slow": Trouble(2, ALL, _slow),
    "cut": Trouble(4, ALL, _cut),
    "garbled": Trouble(3, ALL, _garbled),
    "other form": Trouble(3, ("account", "start", "updated", "deleted", "record", "write"), _other_form),
    "refused": Trouble(
        3, ALL, _status((400, "badRequest"), (403, "forbidden"), (405, ""), (409, ""), (422, "unclear"))
    ),
    "signed out": Trouble(2, ALL, _status((401, "unauthorized"), (401, "token.dead"), (401, "token.refresh.failed"))),
    "delta token refused": Trouble(
        3, FEEDS, _status((410, "syncToken.expired"), (404, "not_found"), (400, "token.notValid")), "deltaToken"
    ),
    "page token refused": Trouble(
        6,
        PAGES,
        _status((410, "syncToken.expired"), (400, "Page token is invalid"), (400, "token.notValid")),
        "pageToken",
    ),
    "not ready": Trouble(3, ("start",), _unready),
    "reordered": Trouble(4, PAGES, _reordered),
    "doubled": Trouble(4, PAGES, _doubled),
    "late": Trouble(6, FEEDS, _late),
    "repeated": Trouble(6, FEEDS, _again),
    "leads nowhere": Trouble(7, PAGES, _not_on, "pageToken"),
    "circle": Trouble(2, FEEDS, _circle),
    "lagging": Trouble(5, ("deleted",), _lagging, "deltaToken"),
    "no tokens": Trouble(2, FEEDS, _no_tokens),
    "write refused": Trouble(
        5,
        ("write",),
        _status((404, "not_found"), (410, "gone"), (412, "precondition.failed"), (400, "badRequest"), (413, "")),
    ),
    "answer lost": Trouble(16, ("write",), _answer_lost),
    "unnamed": Trouble(8, ("write",), _unnamed),
}

# These only where they can be noticed.
LATE_ECHO = Trouble(10, ("updated",), _nothing_yet, "deltaToken")
OTHER_MAILBOX = Trouble(8, ("account",), _other_mailbox)
EMPTY = Trouble(10, ("updated", "listing"), _empty)
