"""The reference source: a mailbox in memory that does what `base.Source` promises, with switches for every fault.

Tests drive it from both sides: as upstream (`put`, `drop`, `expire`, `fail`) and as the source that pull asks.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from mirror import clock as clocks
from mirror.clock import Clock
from mirror.errors import Changed, MirrorError, RecordGone, RestartFeed
from mirror.feed import Change, Coverage, Cursor, Feed, Gone, Mailbox, Page, Receipt, Record, Request, Traffic, Write
from mirror.sources.base import Subscriber

LISTED = frozenset({"calendars", "folders", "task_lists"})


@dataclass(slots=True)
class _Shelf:
    """What upstream has of one feed, and the order in which it came about."""

    live: dict[str, Record] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)  # remote ids; their position is the place in upstream's order
    gone_at: dict[str, str] = field(default_factory=dict)
    epoch: int = 0  # cursors of earlier ones have expired


class Memory:
    """An upstream and its source in one."""

    def __init__(self, clock: Clock, *, page_size: int = 3, remote_id: str = "1") -> None:
        self.traffic = Traffic()
        self.subscriptions: Subscriber | None = None
        self.page_size = page_size
        self.answers_as = Mailbox(remote_id, "ada@example.org", "Memory")
        self.asked: list[tuple[str, Feed, object]] = []
        self.contents: dict[str, bytes] = {}
        self.covers: Coverage = Coverage()
        self.omit: dict[str, tuple[str, ...]] = {}  # by kind: fields that pages leave out and single reads have
        self.rewrite: Callable[[Feed, Page], Page] | None = None
        self._faults: list[tuple[str, MirrorError]] = []
        self._shelves: dict[Feed, _Shelf] = {}
        self._clock = clock

    # --- as upstream ----------------------------------------------------------------------------------------------------

    def put(self, feed: Feed, remote_id: str, fields: dict[str, Any], *, etag: str | None = None,
            modified_at: str | None = None, body: str | None = None) -> Record:  # fmt: skip
        """Create or change a record."""
        shelf = self._shelf(feed)
        modified_at = modified_at or clocks.text(self._clock.now())
        etag = etag if etag is not None else f"e{len(shelf.log)}"
        raw = json.dumps({"id": remote_id, "etag": etag, "lastModifiedTime": modified_at, **fields}).encode()
        shelf.live[remote_id] = Record(remote_id, raw, etag, modified_at, (), body, body)
        shelf.gone_at.pop(remote_id, None)
        shelf.log.append(remote_id)
        return shelf.live[remote_id]

    def drop(self, feed: Feed, remote_id: str, *, silently: bool = False) -> None:
        """Delete a record; silently: the feed will never tell."""
        shelf = self._shelf(feed)
        del shelf.live[remote_id]
        if not silently:
            shelf.gone_at[remote_id] = clocks.text(self._clock.now())
            shelf.log.append(remote_id)

    def expire(self, feed: Feed) -> None:
        """Let every cursor of a feed expire."""
        self._shelf(feed).epoch += 1

    def fail(self, verb: str, error: MirrorError, times: int = 1) -> None:
        """Let the next requests of a verb (`mailbox`, `page`, `read`, `attachment`, `write`) fail; `answer`: of a write that was
        done, so that only its answer is lost."""
        self._faults += [(verb, error)] * times

    def live(self, feed: Feed) -> dict[str, Record]:
        return dict(self._shelf(feed).live)

    # --- as source ------------------------------------------------------------------------------------------------------

    def mailbox(self) -> Mailbox:
        self._ask("mailbox", Feed(""), None)
        return self.answers_as

    def page(self, feed: Feed, cursor: Cursor | None) -> Page:
        self._ask("page", feed, cursor)
        shelf = self._shelf(feed)
        asked_anew = cursor is None
        if cursor is None:
            cursor = {"epoch": shelf.epoch, "after": 0, "listing": len(shelf.log)}
        if cursor["epoch"] != shelf.epoch:
            raise RestartFeed("expired", status=410)
        start = cursor["after"]
        end = min(len(shelf.log), start + self.page_size)
        more = end < len(shelf.log)
        # What was gone before the listing began is not told; what goes while it is walked is.
        told_from = int(cursor["listing"])
        changes = self._changes(feed, shelf, start, end, told_from)
        following: Cursor | None = {"epoch": shelf.epoch, "after": end, "listing": told_from if more else 0}
        if feed.kind in LISTED and not more:
            following = None
        page = Page(tuple(changes), following, more, self.covers if asked_anew else None)
        return self.rewrite(feed, page) if self.rewrite else page

    def _changes(self, feed: Feed, shelf: _Shelf, start: int, end: int, told_from: int) -> list[Change]:
        changes: list[Change] = []
        places = {name: place for place, name in enumerate(shelf.log[start:end], start)}
        for name, place in places.items():
            if name in shelf.live:
                changes.append(self._without_omitted(feed, shelf.live[name]))
            elif name in shelf.gone_at and place >= told_from:
                changes.append(Gone(name, shelf.gone_at[name]))
        return changes

    def _without_omitted(self, feed: Feed, record: Record) -> Record:
        omitted = self.omit.get(feed.kind, ())
        if not omitted:
            return record
        fields = {key: value for key, value in json.loads(record.raw).items() if key not in omitted}
        raw = json.dumps({**fields, "omitted": list(omitted)}).encode()
        body = (None, None) if "body" in omitted else (record.body, record.text)
        return Record(record.remote_id, raw, record.etag, record.modified_at, omitted, *body)

    def read(self, feed: Feed, remote_id: str) -> Record | Gone:
        self._ask("read", feed, remote_id)
        return self._shelf(feed).live.get(remote_id) or Gone(remote_id)

    def attachment(self, feed: Feed, record_id: str, attachment_id: str) -> bytes:
        self._ask("attachment", feed, (record_id, attachment_id))
        if attachment_id not in self.contents:
            raise RecordGone(attachment_id, status=404)
        return self.contents[attachment_id]

    def request(self, write: Write) -> Request:
        return Request(write.verb.upper(), f"/{write.feed.kind}/{write.remote_id or ''}", body=write.fields)

    def write(self, write: Write) -> Receipt:
        """Done, unless `fail("write", …)` was said before."""
        self._ask("write", write.feed, write)
        receipt = self._written(write)
        self._ask("answer", write.feed, write)
        return receipt

    def _written(self, write: Write) -> Receipt:
        shelf = self._shelf(write.feed)
        if write.verb in ("create", "send", "reply"):
            remote_id = f"made{len(shelf.log)}"
            made = self.put(write.feed, remote_id, {**write.fields, "marker": write.options.get("marker")})
            return Receipt(remote_id if write.verb == "create" else None, made.etag, {"id": remote_id})
        assert write.remote_id is not None
        known = shelf.live.get(write.remote_id)
        if known is None:
            raise RecordGone(write.remote_id, status=404)
        if write.verb == "delete":
            self.drop(write.feed, write.remote_id)
            return Receipt(write.remote_id)
        if write.verb == "change" and write.etag not in (None, known.etag):  # all else is done unconditionally
            raise Changed(write.remote_id, status=412)
        fields = {k: v for k, v in json.loads(known.raw).items() if k not in ("id", "etag", "lastModifiedTime")}
        written: dict[str, Any]
        if write.verb == "respond":
            written = {"meetingInfo": {**fields.get("meetingInfo", {}), "response": write.fields.get("response")}}
        elif write.feed.kind == "messages":
            written = {"sysLabels": ["unread"] if write.fields.get("unread") else []}
        else:
            written = write.fields
        made = self.put(write.feed, write.remote_id, {**fields, **written})
        return Receipt(write.remote_id, made.etag)

    def coverage(self, feed: Feed) -> Coverage:  # noqa: ARG002  (one window for all feeds)
        return self.covers

    def new_patience(self) -> None:
        """Nothing here waits."""

    def close(self) -> None:
        """Nothing is held open."""

    def _shelf(self, feed: Feed) -> _Shelf:
        return self._shelves.setdefault(feed, _Shelf())

    def _ask(self, verb: str, feed: Feed, what: object) -> None:
        self.traffic.requests += 1
        self.asked.append((verb, feed, what))
        for place, (faulty, error) in enumerate(self._faults):
            if faulty == verb:
                del self._faults[place]
                raise error
