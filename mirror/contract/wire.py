"""One request and one answer, as the contract sees them: parsed parameters in, JSON or a refusal out. No routes, no state."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

import msgspec

from mirror import clock as clocks
from mirror.contract.backend import AccountLike, Backend, Record
from mirror.contract.choices import Choices
from mirror.contract.grant import Granting
from mirror.contract.refusals import bad_request, etag_mismatch, not_found, unauthorized
from mirror.contract.tokens import Tokens
from mirror.contract.watching import Telling, Watching
from mirror.contract.writing import Writer

Body = TypeVar("Body", bound=msgspec.Struct)
Thing = TypeVar("Thing")

_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back: a JSON value, or bytes of another type, or nothing."""

    body: object = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    content_type: str = "application/json"


OK = Answer({"status": "Ok"})
EMPTY = Answer()


@dataclass(frozen=True, slots=True)
class Server:
    """What all calls share: the state behind the contract, the choices, and the tokens given out."""

    backend: Backend
    options: Choices
    tokens: Tokens
    grants: Granting
    writer: Writer
    # Who is told of changes, where anybody is.
    subscriptions: Watching | None = None
    notifications: Telling | None = None
    # How often sync starts and thread reads have been answered "not yet".
    waits: dict[tuple[object, ...], int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Call:
    """One request, of somebody who may make it. `asker` is None where it is not made for an account."""

    server: Server
    asker: AccountLike | None
    path: Mapping[str, str]
    query: Mapping[str, list[str]]
    if_match: str | None = None
    content: bytes = b""

    @property
    def account(self) -> AccountLike:
        """The account that the request is made for. Raises: Refusal 401 where there is none."""
        if self.asker is None:
            raise unauthorized()
        return self.asker

    @property
    def backend(self) -> Backend:
        return self.server.backend

    @property
    def writer(self) -> Writer:
        return self.server.writer

    @property
    def watching(self) -> tuple[Watching, Telling]:
        """Who keeps subscriptions, and who tells. Raises: Refusal 404 where nobody does."""
        if self.server.subscriptions is None or self.server.notifications is None:
            raise not_found("resource")
        return self.server.subscriptions, self.server.notifications

    def size_of(self, name: str) -> int:
        """Records per page of this feed or list: the server's choice, or where a mirror stands behind, the program's."""
        options = self.server.options
        asked = self.number("pageSize") if options.mirrored else None
        if asked is None:
            return options.size_of(name)
        if not 1 <= asked <= options.longest_page:
            raise bad_request(f"pageSize must be from 1 to {options.longest_page}")
        return asked

    def text(self, name: str) -> str | None:
        """The first value of a query parameter. Empty counts as not given."""
        values = self.query.get(name) or [""]
        return values[0] or None

    def flag(self, name: str, default: bool = False) -> bool:
        written = self.text(name)
        if written is None:
            return default
        if written not in ("true", "false"):
            raise bad_request(f"{name} must be true or false")
        return written == "true"

    def choice(self, name: str, allowed: tuple[str, ...], default: str | None = None) -> str | None:
        written = self.text(name)
        if written is not None and written not in allowed:
            raise bad_request(f"{name} must be one of {', '.join(allowed)}")
        return written or default

    def body_type(self, default: str | None = None) -> str | None:
        return self.choice("bodyType", ("html", "text"), default)

    def number(self, name: str) -> int | None:
        written = self.text(name)
        if written is None:
            return None
        if not re.fullmatch(r"[+-]?\d{1,9}", written):
            raise bad_request(f"{name} must be a whole number")
        return int(written)

    def identity(self, name: str) -> int | None:
        """An int64 id in the query."""
        written = self.text(name)
        return None if written is None else int64(name, written)

    def moment(self, name: str) -> datetime | None:
        written = self.text(name)
        return None if written is None else rfc3339(name, written)

    def moments(self, first: str, last: str) -> tuple[datetime, datetime]:
        """Two required moments, the first before the last."""
        from_at, until_at = self.moment(first), self.moment(last)
        if from_at is None or until_at is None:
            raise bad_request(f"{first} and {last} are required")
        if from_at >= until_at:
            raise bad_request(f"{first} must be before {last}")
        return from_at, until_at

    def fields(self, form: type[Body]) -> Record:
        """The body's known fields. Null stays, as None; what is read-only or unknown is left out, as upstream does."""
        try:
            given: Record = msgspec.to_builtins(msgspec.json.decode(self.content, type=form))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise bad_request(f"The body can't be read: {error}") from error
        return given

    def check_etag(self, record: Record, *, required: bool = True) -> None:
        """Raises: Refusal 400 without If-Match where it is required, 412 when it names another version."""
        if self.if_match is None:
            if required:
                raise bad_request("If-Match is required")
        elif self.if_match not in (record.get("etag"), "*"):
            raise etag_mismatch()


def rfc3339(name: str, written: str) -> datetime:
    """The moment, in UTC and whole milliseconds. Raises: Refusal 400."""
    try:
        if _RFC3339.fullmatch(written):
            return clocks.moment(written.upper())
    except (ValueError, OverflowError):
        pass
    raise bad_request(f"{name} must be an RFC 3339 timestamp with an offset")


def int64(name: str, written: str) -> int:
    """The id that a text names. Raises: Refusal 400."""
    if not re.fullmatch(r"[+-]?[0-9]{1,18}", written):
        raise bad_request(f"{name} must be a whole number")
    return int(written)


def found(thing: Thing | None, what: str) -> Thing:
    """The thing itself. Raises: Refusal 404 when there is none."""
    if thing is None:
        raise not_found(what)
    return thing


def without_nulls(fields: Record) -> Record:
    """The fields that were given a value: in a new record, null is the same as absent."""
    return {name: value for name, value in fields.items() if value is not None}
