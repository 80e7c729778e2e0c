"""A source that notes everything it hands over, and learns from the database's commits what of it was written.

It passes every question and answer on unchanged.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

from mirror.feed import Coverage, Cursor, Feed, Gone, Mailbox, Page, Receipt, Record, Request, Traffic, Write
from mirror.simulator.ledger import Place, number_of
from mirror.sources.base import Source
from mirror.store.connection import Store


@dataclass(frozen=True, slots=True)
class Told:
    """Something that the mirror was told of a record, and has committed. `number` None: that it is gone."""

    order: int
    number: int | None
    at: str | None = None
    asked: bool = False
    omitted: bool = False


@dataclass(slots=True)
class Witness:
    """What was told and committed, of every record, over all sources and restarts of one simulation."""

    told: dict[Place, list[Told]] = field(default_factory=dict)
    unreadable: int = 0
    _order: int = 0

    def note(self, place: Place, change: Record | Gone, *, asked: bool) -> None:
        self._order += 1
        if isinstance(change, Gone):
            told = Told(self._order, None, change.at, asked)
        else:
            told = Told(self._order, number_of(change.raw), None, asked, bool(change.omitted))
        self.told.setdefault(place, []).append(told)

    def of(self, place: Place) -> list[Told]:
        return self.told.get(place, [])


@dataclass(slots=True)
class _InHand:
    """A page that was handed over and is not committed yet, and what was asked about its records meanwhile."""

    feed: Feed
    page: Page
    asked: dict[str, Record | Gone] = field(default_factory=dict)


class Witnessed:
    """A source of one account, watched."""

    def __init__(
        self, source: Source, account: str, account_id: int, witness: Witness, *,
        sending: Callable[[Write], AbstractContextManager[None]] = lambda _: nullcontext(),
        looked: Callable[[Place, int | None], None] = lambda _, __: None,
    ) -> None:  # fmt: skip
        self._source = source
        self._account = account
        self._account_id = account_id
        self._witness = witness
        self._page: _InHand | None = None
        self._reads: list[tuple[Feed, Record | Gone]] = []
        self._sending = sending
        self._looked = looked
        self.traffic: Traffic = source.traffic
        self.subscriptions = source.subscriptions

    def committed(self, store: Store, moved: bool) -> None:
        """The database has committed a transaction; `moved` says whether it wrote a cursor."""
        if self._page is not None:
            if moved and self._is_stored(store.conn, self._page):
                self._note_page(self._page)
                self._page = None
            return
        written = [read for read in self._reads if self._is_in_its_row(store.conn, *read)]
        for feed, record in written:  # the others are written later, or were asked for only to decide something
            self._witness.note(self._place(feed, record.remote_id), record, asked=False)
        self._reads = [read for read in self._reads if read not in written]

    def _note_page(self, held: _InHand) -> None:
        for change in held.page.changes:
            if isinstance(change, (Record, Gone)):
                answer = held.asked.get(change.remote_id)
                place = self._place(held.feed, change.remote_id)
                if answer is not None:
                    self._witness.note(place, answer, asked=True)
                else:
                    self._witness.note(place, change, asked=False)
            else:
                self._witness.unreadable += 1

    def _is_stored(self, conn: sqlite3.Connection, held: _InHand) -> bool:
        if held.page.cursor is None:
            return True
        rows = conn.execute("SELECT cursor FROM feeds WHERE account_id = ? AND kind = ?",
                            [self._account_id, held.feed.kind])  # fmt: skip
        cursors = [json.loads(row[0]) for row in rows if row[0]]
        return held.page.cursor in cursors

    def _is_in_its_row(self, conn: sqlite3.Connection, feed: Feed, change: Record | Gone) -> bool:
        rows = conn.execute(
            f"SELECT raw, deleted_at FROM {feed.kind} WHERE account_id = ? AND remote_id = ?",
            [self._account_id, change.remote_id],
        )
        if isinstance(change, Gone):
            return any(row[1] is not None for row in rows)
        return any(number_of(row[0]) == number_of(change.raw) for row in rows)

    def _place(self, feed: Feed, remote_id: str) -> Place:
        return Place(self._account, feed.kind, feed.parent or "", remote_id)

    # --- as a source ----------------------------------------------------------------------------------------------------

    def page(self, feed: Feed, cursor: Cursor | None) -> Page:
        self._page = None
        self._reads.clear()
        page = self._source.page(feed, cursor)
        self._page = _InHand(feed, page) if page.changes else None
        return page

    def read(self, feed: Feed, remote_id: str) -> Record | Gone:
        found = self._source.read(feed, remote_id)
        if self._page is not None:
            self._page.asked[remote_id] = found
        else:
            self._reads.append((feed, found))
        self._looked(self._place(feed, remote_id), number_of(found.raw) if isinstance(found, Record) else None)
        return found

    def mailbox(self) -> Mailbox:
        self._page = None
        self._reads.clear()
        return self._source.mailbox()

    def attachment(self, feed: Feed, record_id: str, attachment_id: str) -> bytes:
        return self._source.attachment(feed, record_id, attachment_id)

    def request(self, write: Write) -> Request:
        return self._source.request(write)

    def write(self, write: Write) -> Receipt:
        with self._sending(write):
            return self._source.write(write)

    def coverage(self, feed: Feed) -> Coverage:
        return self._source.coverage(feed)

    def new_patience(self) -> None:
        self._page = None
        self._reads.clear()
        self._source.new_patience()

    def close(self) -> None:
        self._source.close()
