"""The wire between the mirror and the sandbox: upstream moves between any two requests, and answers get lost or spoiled.

What it does to an answer is only what the mirror promises to survive: it breaks and repeats, and lies where that can be
noticed. It never makes up a record, and never claims that one is gone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import httpx

from mirror.simulator import spoil
from mirror.simulator.ledger import number_of
from mirror.simulator.spoil import Answer, Asked, Effect, Trouble
from mirror.simulator.story import Story

FEED = re.compile(r"/v1/(?:contacts|email|calendars/[^/]+|tasklists/[^/]+)/sync/(?P<side>updated|deleted)")
START = re.compile(r"/v1/(?:contacts|email|calendars/[^/]+|tasklists/[^/]+)/sync")
LISTING = re.compile(r"/v1/(?:calendars|tasklists|email/folders)")
SPELLS = (1, 1, 1, 1, 2, 3, 8, 40)


@dataclass(slots=True)
class Spell:
    """A trouble that goes on for some requests of one sort."""

    trouble: Trouble
    effect: Effect
    sort: str
    left: int

    def takes(self, asked: Asked) -> bool:
        return self.sort in ("any", asked.sort) and self.trouble.fits(asked)


class Wire(httpx.BaseTransport):
    """The transport of all accounts. `between` is called before and after each request; `tick` lets time pass."""

    def __init__(
        self,
        app: WSGIApplication,
        story: Story,
        *,
        trouble: float,
        between: Callable[[], None],
        tick: Callable[[float], str],
        may_look_empty: Callable[[str, str], bool],
        is_pinned: Callable[[], bool],
        at_work: Callable[[Callable[[], Answer]], Answer],
        may_lag: Callable[[str], bool],
    ) -> None:
        self._app = app
        self._story = story
        self._trouble = trouble
        self._between = between
        self.tick = tick
        self._may_look_empty = may_look_empty
        self._is_pinned = is_pinned
        self._at_work = at_work
        self._may_lag = may_lag
        self._spells: list[Spell] = []
        self._earlier: dict[str, bytes] = {}  # answers by the tokens they were asked with
        self._kept_back: dict[str, list[Any]] = {}  # records that come with the page of this token instead
        self.requests = 0

    def forget(self) -> None:
        """The tokens have expired, and what hangs on them with them."""
        self._earlier.clear()
        self._kept_back.clear()

    def end_trouble(self) -> None:
        self._spells.clear()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.requests += 1
        self.tick(0.3)
        self._between()
        raw_path = request.url.raw_path.decode("ascii")
        path, _, query = raw_path.partition("?")
        asked = Asked(request.method, path, _query(query), _sort(request.method, path), dict(request.headers))
        spell = self._spell(asked)
        at = self.tick(0.0)
        try:
            answer = self._answered(request, raw_path, asked, spell)
        except httpx.TransportError as error:
            self._story.followed(at, f"{_shown(asked)} → {type(error).__name__}")
            raise
        self._story.followed(at, f"{_shown(asked)} → {answer.status} {_summary(answer)}")
        self._between()
        return httpx.Response(answer.status, headers=answer.headers, content=answer.content, request=request)

    def _answered(self, request: httpx.Request, raw_path: str, asked: Asked, spell: Spell | None) -> Answer:
        if spell is not None:
            instead = spell.effect.before(asked, self.tick) if spell.effect.before else None
            if instead is not None:
                return instead
        answer = self._at_work(lambda: self._called(request, raw_path))
        answer = self._with_kept_back(asked, answer)
        if asked.token and answer.status == 200:
            self._earlier.setdefault(asked.token, answer.content)
        return spell.effect.after(asked, answer, self) if spell is not None and spell.effect.after else answer

    def _called(self, request: httpx.Request, raw_path: str) -> Answer:
        def with_raw_path(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            path = unquote(raw_path.split("?", 1)[0], encoding="latin-1")
            return self._app({**environ, "RAW_URI": raw_path, "PATH_INFO": path}, start_response)

        response = httpx.WSGITransport(app=with_raw_path).handle_request(request)
        headers = {name: value for name, value in response.headers.items() if name in ("content-type", "retry-after")}
        return Answer(response.status_code, b"".join(response.stream), headers)  # type: ignore[arg-type]  # sync stream

    # --- trouble --------------------------------------------------------------------------------------------------------

    def _spell(self, asked: Asked) -> Spell | None:
        for spell in self._spells:
            if spell.takes(asked) and self._is_fair(spell.trouble, asked):
                spell.left -= 1
                if spell.left <= 0:
                    self._spells.remove(spell)
                return spell
        chance = self._story.draw(self._trouble)
        if chance is None:
            return None
        choices = [(name, trouble) for name, trouble in spoil.EVERY.items() if trouble.fits(asked)]
        if asked.sort == "account" and self._is_pinned():
            choices.append(("other mailbox", spoil.OTHER_MAILBOX))
        if asked.sort in ("updated", "listing") and self._may_look_empty(asked.path, asked.token or ""):
            choices.append(("empty answer", spoil.EMPTY))
        if asked.sort == "updated" and self._may_lag(asked.path):
            choices.append(("late echo", spoil.LATE_ECHO))
        name, trouble = chance.choices(choices, weights=[trouble.weight for _, trouble in choices])[0]
        left = 1 if trouble is spoil.EMPTY else chance.choice(SPELLS)
        spell = Spell(trouble, trouble.make(chance), chance.choice(("any", asked.sort)), left - 1)
        self._story.decided(self.tick(0.0), f"wire: {name}, {left}× on {spell.sort}")
        if spell.left > 0:
            self._spells.append(spell)
        return spell

    def _is_fair(self, trouble: Trouble, asked: Asked) -> bool:
        """Whether what can't always be noticed can be noticed now."""
        if trouble is spoil.LATE_ECHO:
            return self._may_lag(asked.path)
        return trouble is not spoil.OTHER_MAILBOX or self._is_pinned()

    def earlier(self, asked: Asked) -> bytes | None:
        """What this token was answered with before."""
        return self._earlier.get(asked.token or "")

    def keep_back(self, token: str, records: list[Any]) -> None:
        self._kept_back.setdefault(token, []).extend(records)

    def walked_to_end(self, asked: Asked, answer: Answer) -> str | None:
        """The delta token at the end of the walk that this answer is a page of."""
        path = asked.path
        for _ in range(500):
            page = json.loads(answer.content)
            if "nextDeltaToken" in page:
                return str(page["nextDeltaToken"])
            request = httpx.Request("GET", "http://sandbox" + path, params={"pageToken": page["nextPageToken"]},
                                    headers=asked.headers)  # fmt: skip
            answer = self._called(request, request.url.raw_path.decode("ascii"))
            if answer.status != 200:
                return None
        return None

    def _with_kept_back(self, asked: Asked, answer: Answer) -> Answer:
        late = self._kept_back.get(asked.token or "")
        if not late or answer.status != 200:
            return answer
        page = json.loads(answer.content)
        page["records"] = [*late, *page["records"]]
        page["length"] = len(page["records"])
        return Answer(200, json.dumps(page).encode(), answer.headers)


def _query(query: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(query).items()}


def _sort(method: str, path: str) -> str:
    if path == "/v1/account":
        return "account"
    if method != "GET" and not START.fullmatch(path):
        return "write"
    if found := FEED.fullmatch(path):
        return found["side"]
    if START.fullmatch(path):
        return "start"
    if LISTING.fullmatch(path):
        return "listing"
    return "attachment" if "/attachments/" in path else "record"


def _shown(asked: Asked) -> str:
    token = f" {'page' if 'pageToken' in asked.query else 'delta'} …{asked.token[-10:-2]}" if asked.token else ""
    return f"{asked.method} {unquote(asked.path)[3:]}{token}"


def _summary(answer: Answer) -> str:
    try:
        value = json.loads(answer.content)
    except ValueError:
        return f"{len(answer.content)} bytes that are no JSON"
    if not isinstance(value, dict):
        return "no object"
    if isinstance(value.get("records"), list):
        marks = [_mark(record) for record in value["records"]]
        token = "more" if "nextPageToken" in value else "end"
        return f"[{' '.join(marks)}] {token}"
    return str(value.get("code") or _mark(value))


def _mark(record: Any) -> str:
    number = number_of(json.dumps(record))
    if number is not None:
        return f"#{number}#"
    return "†" + str(record.get("id"))[-12:] if isinstance(record, dict) else "?"
