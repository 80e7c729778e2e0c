"""A source that reads ahead: it asks for a walk's next pages while those before them are being written.

Pages that come quickly are given as one, so that they share a transaction: a commit costs as much for a page as for ten.
Nothing is kept that a crash could lose: such a page has the cursor that stands after the last one in it, and what was read
when trouble came is given before the trouble is raised. Around the source of a command or a schedule; what must happen in
the same order each time, as in the simulator, goes without.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable

from mirror.clock import Clock
from mirror.feed import Change, Coverage, Cursor, Feed, Gone, Mailbox, Page, Receipt, Record, Request, Write
from mirror.sources.base import Source

TOGETHER_S = 0.25  # a page that has come is given after so long, whether or not others have joined it
MOST_BYTES = 5_000_000  # of pages that nobody has taken yet
RECORD_BYTES = 700  # what a record takes besides its content


class Ahead:
    """See `base.Source` for what each method promises. Upstream is asked for one thing at a time."""

    def __init__(self, source: Source, clock: Clock, *, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self.traffic = source.traffic
        self.subscriptions = source.subscriptions
        self._source = source
        self._clock = clock
        self._turn = threading.Lock()
        self._walk: _Walk | None = None

    def page(self, feed: Feed, cursor: Cursor | None) -> Page:
        if self._walk is not None and self._walk.place == (feed, cursor):
            return self._next(self._walk)
        self._leave()
        with self._turn:
            page = self._source.page(feed, cursor)
        if page.changes and page.more:  # what is to be written takes time, which is used to read on
            self._walk = _Walk(self._source, self._turn, self._clock, self._most_bytes, feed, page.cursor)
        return page

    def _next(self, walk: _Walk) -> Page:
        try:
            page = walk.next()
        except BaseException:
            self._leave()
            raise
        if not page.more:
            self._walk = None
        return page

    def _leave(self) -> None:
        if self._walk is not None:
            self._walk.leave()
            self._walk = None

    def mailbox(self) -> Mailbox:
        with self._turn:
            return self._source.mailbox()

    def read(self, feed: Feed, remote_id: str) -> Record | Gone:
        with self._turn:
            return self._source.read(feed, remote_id)

    def attachment(self, feed: Feed, record_id: str, attachment_id: str) -> bytes:
        with self._turn:
            return self._source.attachment(feed, record_id, attachment_id)

    def request(self, write: Write) -> Request:
        return self._source.request(write)

    def write(self, write: Write) -> Receipt:
        with self._turn:
            return self._source.write(write)

    def coverage(self, feed: Feed) -> Coverage:
        return self._source.coverage(feed)

    def new_patience(self) -> None:
        self._leave()
        self._source.new_patience()

    def close(self) -> None:
        self._leave()
        self._source.close()


class _Walk:
    """The pages after a cursor, asked for by a thread as long as somebody takes them."""

    def __init__(
        self,
        source: Source,
        turn: threading.Lock,
        clock: Clock,
        most_bytes: int,
        feed: Feed,
        cursor: Cursor | None,
    ) -> None:
        self._most_bytes = most_bytes
        self.place = (feed, cursor)  # where the pages that were given end
        self._source = source
        self._turn = turn
        self._clock = clock
        self._pages: deque[tuple[Page, float, int]] = deque()  # with when it came, and its bytes
        self._bytes = 0
        self._trouble: BaseException | None = None
        self._over = False  # there is no more, or nobody wants it
        self._news = threading.Condition()
        # A daemon, since a process that is told to end must not wait for an answer of upstream's.
        threading.Thread(target=self._read_on, name="mirror-ahead", daemon=True).start()

    def next(self) -> Page:
        """The next pages as one. Raises: what asking for them raised."""
        with self._news:
            self._news.wait_for(lambda: self._pages or self._trouble)
            if not self._pages:
                assert self._trouble is not None
                raise self._trouble
            came_at = self._pages[0][1]
            left_s = came_at + TOGETHER_S - self._clock.monotonic()
            self._news.wait_for(
                lambda: self._over or self._trouble or self._bytes >= self._most_bytes, max(0.0, left_s)
            )
            page = _joined(self._taken())
            self._news.notify_all()
        self.place = (self.place[0], page.cursor)
        return page

    def leave(self) -> None:
        with self._news:
            self._over = True
            self._news.notify_all()

    def _taken(self) -> Iterable[Page]:
        """Those pages from the front that may share a transaction: none names a record that one before it has named."""
        named: set[str] = set()
        while self._pages:
            page, _, size = self._pages[0]
            ids = {change.remote_id for change in page.changes if change.remote_id is not None}
            if not named.isdisjoint(ids):
                return
            self._pages.popleft()
            self._bytes -= size
            named |= ids
            yield page
            if not page.changes:
                return  # pull counts the empty ones

    def _read_on(self) -> None:
        feed, cursor = self.place
        try:
            while True:
                with self._news:
                    self._news.wait_for(lambda: self._over or self._bytes < self._most_bytes)
                    if self._over:
                        return
                with self._turn:
                    page = self._source.page(feed, cursor)
                cursor = page.cursor
                with self._news:
                    size = sum(map(_size, page.changes))
                    self._pages.append((page, self._clock.monotonic(), size))
                    self._bytes += size
                    self._over = self._over or not page.more
                    self._news.notify_all()
        except BaseException as trouble:
            with self._news:
                self._trouble = trouble
                self._news.notify_all()


def _joined(pages: Iterable[Page]) -> Page:
    """One page with the changes of all, and the cursor that stands after the last of them."""
    changes: list[Change] = []
    page: Page | None = None
    covers: Coverage | None = None
    for page in pages:
        changes += page.changes
        covers = covers or page.covers
    assert page is not None
    return Page(tuple(changes), page.cursor, page.more, covers)


def _size(change: Change) -> int:
    if isinstance(change, Gone):
        return RECORD_BYTES
    body = change.body if isinstance(change, Record) else None
    return RECORD_BYTES + len(change.raw) + 2 * len(body or "")
