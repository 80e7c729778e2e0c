"""The sync protocol of all four resources: start, updated, deleted. Both feeds walk the order of changes by position.

A walk is not cut off at the moment it began: what changes meanwhile comes at its end, as upstream tells "everything changed
since the sync was started". Nothing is remembered between requests but what the tokens carry.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from mirror.contract.backend import Bounds, Change, Stored
from mirror.contract.refusals import bad_request, sync_expired
from mirror.contract.spans import stamp
from mirror.contract.tokens import Purpose, Token
from mirror.contract.wire import Answer, Call


@dataclass(frozen=True, slots=True)
class Feed:
    """One resource that can be followed: what it lists, where, and how its records are shown."""

    kind: str
    parent: str | None
    show: Callable[[Stored, str | None], Stored]

    def scope(self, side: str) -> str:
        return f"{self.kind}.{side}:{self.parent or ''}"


def start(call: Call, feed: Feed, limits: dict[str, Any], body_type: str | None = None) -> Answer:
    """The answer to a sync start: not ready yet, or the first token of each side."""
    # The same parameters mean the same start; what they come to (days before now) moves with the clock.
    asked_for = sorted((name, *values) for name, values in call.query.items() if name != "awaitReady")
    wait = (call.account.mailbox_id, feed.kind, feed.parent, *asked_for)
    asked = call.server.waits.get(wait, 0)
    if asked < call.server.options.ready_polls and not call.flag("awaitReady"):
        call.server.waits[wait] = asked + 1
        return Answer({"ready": False})
    since = call.backend.seq
    bounds = Bounds(since=since, strict=call.server.options.silent_outside, **limits)
    params = {"bounds": asdict(bounds), "body_type": body_type}
    issue, account_id = call.server.tokens.issue, call.account.mailbox_id
    return Answer(
        {
            "syncUpdatedToken": issue("delta", feed.scope("updated"), account_id, [0], params),
            "syncDeletedToken": issue("delta", feed.scope("deleted"), account_id, [since], params),
            "ready": True,
        }
    )


def updated(call: Call, feed: Feed) -> Answer:
    """A page of live records that have changed after the token, in the order of change."""
    token = _token(call, feed.scope("updated"))
    size = call.size_of(f"{feed.kind}.updated")
    rows = call.backend.changed(
        call.account.mailbox_id,
        feed.kind,
        parent=feed.parent,
        after=token.after[0],
        limit=size + 1,
        bounds=Bounds(**token.params["bounds"]),
    )
    body_type = token.params["body_type"]
    return _page(call, token, rows, size, lambda record: feed.show(record, body_type))


def deleted(call: Call, feed: Feed) -> Answer:
    """A page of tombstones after the token, in the order of deletion."""
    token = _token(call, feed.scope("deleted"))
    size = call.size_of(f"{feed.kind}.deleted")
    rows = call.backend.buried(
        call.account.mailbox_id, feed.kind, parent=feed.parent, after=token.after[0], limit=size + 1
    )
    return _page(call, token, rows, size, lambda record: record)


def window(call: Call) -> dict[str, Any]:
    """The limits of a calendar's sync start. Milliseconds are ignored, as the vendor says."""
    from_at, until_at = call.moments("timeMin", "timeMax")
    return {
        "ends_after": stamp(from_at.replace(microsecond=0)),
        "starts_before": stamp(until_at.replace(microsecond=0)),
    }


def _token(call: Call, scope: str) -> Token:
    # When both are sent the page token wins, as in the vendor's own client.
    page_token, delta_token = call.text("pageToken"), call.text("deltaToken")
    if page_token is not None:
        token = call.server.tokens.read(page_token, "page", scope, call.account.mailbox_id)
    elif delta_token is not None:
        token = call.server.tokens.read(delta_token, "delta", scope, call.account.mailbox_id)
    else:
        raise bad_request("deltaToken or pageToken is required")
    if token.after[0] > call.backend.seq:  # of changes that a restored copy does not have
        raise sync_expired()
    return token


def _page(call: Call, token: Token, rows: Sequence[Change], size: int, show: Callable[[Stored], Stored]) -> Answer:
    shown = rows[:size]
    after = [shown[-1].seq] if shown else token.after
    more = len(rows) > size
    purpose: Purpose = "page" if more else "delta"
    name = "nextPageToken" if more else "nextDeltaToken"
    following = call.server.tokens.issue(purpose, token.scope, call.account.mailbox_id, after, token.params)
    return Answer({name: following, "length": len(shown), "records": [show(row.record) for row in shown]})
