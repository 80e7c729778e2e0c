"""Pages of plain lists: `{nextPageToken?, length, records}`. What a list was asked for is bound into its page tokens."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Any

from mirror.contract.backend import Record, Stored
from mirror.contract.refusals import bad_request
from mirror.contract.wire import Answer, Call

Show = Callable[[Stored], Stored]
_LONGEST_PAGE = 500
# A record with its place in the order of its list.
Placed = tuple[list[Any], Record]


def listing(call: Call, name: str, kind: str, *, parent: str | None = None, show: Show | None = None) -> Answer:
    """A page of all live records of a kind, in the order they were created."""
    scope = f"{name}:{parent or ''}"
    after, _ = begin(call, scope, dict)
    size = call.size_of(name)
    position = after[0] if after else 0
    rows = call.backend.listed(call.account.mailbox_id, kind, parent=parent, after=position, limit=size + 1)
    records = [show(row.record) if show else row.record for row in rows[:size]]
    more = [rows[size - 1].seq] if len(rows) > size else None
    return page(call, scope, records, more, {})


def walk(
    call: Call,
    name: str,
    scope: str,
    asked: Callable[[], Record],
    following: Callable[[list[Any] | None, Record], Iterable[Placed]],
    show: Callable[[Record, Record], Stored],
) -> Answer:
    """A page of a list that is computed: `following` gives what comes after a place, each with its own place."""
    after, given = begin(call, f"{name}:{scope}", asked)
    size = call.size_of(name)
    rows = iter(following(after, given))
    taken = list(islice(rows, size))
    more = taken[-1][0] if taken and next(rows, None) is not None else None
    return page(call, f"{name}:{scope}", [show(record, given) for _, record in taken], more, given)


def numbered(call: Call, records: Sequence[Record]) -> Answer:
    """The part of a short list that `limit` and `offset` ask for: `{offset, totalSize, done, records}`."""
    limit, offset = call.number("limit"), call.number("offset")
    limit, offset = 50 if limit is None else limit, offset or 0
    if not 1 <= limit <= _LONGEST_PAGE:
        raise bad_request(f"limit must be from 1 to {_LONGEST_PAGE}")
    if offset < 0:
        raise bad_request("offset must not be negative")
    done = offset + limit >= len(records)
    taken = records[offset : offset + limit]
    return Answer({"offset": offset, "totalSize": len(records), "done": done, "records": taken})


def begin(call: Call, scope: str, params: Callable[[], Record]) -> tuple[list[Any] | None, Record]:
    """Where this page begins and what its list was asked for: from the page token, or from the parameters."""
    given = call.text("pageToken")
    if given is None:
        return None, params()
    token = call.server.tokens.read(given, "list", scope, call.account.mailbox_id)
    return token.after, token.params


def page(call: Call, scope: str, records: Sequence[Stored], more: list[Any] | None, params: Record) -> Answer:
    answer: Record = {}
    if more is not None:
        answer["nextPageToken"] = call.server.tokens.issue("list", scope, call.account.mailbox_id, more, params)
    return Answer({**answer, "length": len(records), "records": records})
