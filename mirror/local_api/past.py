"""The mirror as it was at a past moment (`?asOf=`), beyond what the vendor's file has. It can be read; nothing is written there.

Page tokens of the past are of that moment alone: the parameter goes with every page.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from typing import Any

import msgspec

from mirror import clock as clocks
from mirror.contract.backend import Change, Record
from mirror.contract.dispatch import Asked
from mirror.contract.refusals import bad_request
from mirror.contract.router import Route
from mirror.contract.spans import span
from mirror.contract.tokens import Purpose, Token, Tokens
from mirror.contract.wire import Server, rfc3339
from mirror.local_api.shown import record, stored
from mirror.local_api.state import Mirror
from mirror.store import past

_WORD = re.compile(r"[^\W_]+")


class Past(Mirror):
    """The same home at an earlier moment, over the same connections."""

    def __init__(self, mirror: Mirror, at: str) -> None:
        self.__dict__.update(mirror.__dict__)
        self.at = at

    @contextmanager
    def batch(self) -> Iterator[None]:
        if self.at:
            raise bad_request("The past can't be changed: leave asOf away")
        yield

    def by_id(self, account_id: int, kind: str, record_id: int) -> Record | None:
        found = past.one(self.store.conn, account_id, kind, record_id, self.at)
        return None if found is None else record(kind, found)

    def records(self, account_id: int, kind: str, *, parent: str | None = None) -> list[Record]:
        parent_id = self._parent_id(account_id, kind, parent)
        return [record(kind, one) for one in past.in_order(self.store.conn, account_id, kind, parent_id, self.at)]

    def body(self, account_id: int, remote_id: str) -> tuple[str | None, bool]:
        record_id = self.id_of(account_id, "messages", remote_id)
        return self.told(None if record_id is None else past.body(self.store.conn, record_id, self.at))

    def holding(
        self, account_id: int, kind: str, words: str | None, *, parent: str | None, after: int, limit: int
    ) -> Sequence[Change]:
        """There are no search indexes of the past: the words are looked for in every text of each record."""
        parent_id = self._parent_id(account_id, kind, parent)
        wanted = _words(words or "")
        every = past.in_order(self.store.conn, account_id, kind, parent_id, self.at, after)
        found = (one for one in every if not wanted or _holds(one.raw, wanted))
        return [Change(one.id, stored(kind, one)) for one in islice(found, limit)]

    def newest(
        self,
        account_id: int,
        *,
        after: list[Any] | None,
        thread_id: str | None,
        words: Sequence[str] = (),  # noqa: ARG002
    ) -> Iterator[tuple[list[Any], Record]]:
        place = (str(after[0]), int(after[1])) if after is not None else None
        for at, number, one in past.mail(self.store.conn, account_id, self.at, place):
            message = record("messages", one)
            if thread_id is None or message.get("threadId") == thread_id:
                yield [at, number], message

    def in_window(self, account_id: int, calendar_id: str, starts_before: str, ends_after: str) -> list[Record]:
        before, since = clocks.moment(starts_before), clocks.moment(ends_after)
        spans = ((span(event), event) for event in self.records(account_id, "events", parent=calendar_id))
        return [event for (starts, ends), event in spans if starts < before and ends > since]

    def exceptions(self, account_id: int, calendar_id: str, master_id: str) -> list[Record]:
        every = self.records(account_id, "events", parent=calendar_id)
        return [event for event in every if (event.get("occurrenceInfo") or {}).get("masterId") == master_id]


def _holds(raw: bytes, wanted: set[str]) -> bool:
    """Whether words of a record's texts begin with all that is wanted."""
    found = {word for text in _texts(msgspec.json.decode(raw)) for word in _words(text)}
    return all(any(word.startswith(beginning) for word in found) for beginning in wanted)


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _texts(one)


def _words(text: str) -> set[str]:
    """As the search indexes of now take them: by letters and digits, without accents, upper case as lower case."""
    plain = "".join(letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter))
    return set(_WORD.findall(plain.lower()))


class _TokensOfThen(Tokens):
    """The tokens of a moment, which no other moment takes."""

    def __init__(self, tokens: Tokens, at: str) -> None:
        self.__dict__.update(tokens.__dict__)
        self.at = at

    def issue(
        self, purpose: Purpose, scope: str, account_id: int, after: list[Any], params: dict[str, Any] | None = None
    ) -> str:
        return super().issue(purpose, f"{scope}@{self.at}", account_id, after, params)

    def read(self, text: str, purpose: Purpose, scope: str, account_id: int) -> Token:
        found = super().read(text, purpose, f"{scope}@{self.at}", account_id)
        return msgspec.structs.replace(found, scope=scope)


def behind(server: Server, route: Route, asked: Asked) -> Server:
    """What a request is answered from: the mirror as it is, or as it was at the moment that is asked for."""
    written = (asked.query.get("asOf") or [""])[0]
    if not written:
        return server
    if "/sync" in route.template:
        raise bad_request("A feed tells what changed since; it has no asOf")
    assert isinstance(server.backend, Mirror)
    at = clocks.text(rfc3339("asOf", written))
    return replace(server, backend=Past(server.backend, at), tokens=_TokensOfThen(server.tokens, at))
