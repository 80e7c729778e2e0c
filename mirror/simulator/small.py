"""The smallest world: one feed of contacts from memory, one mirror, and the few things that can happen to them.

For exhaustive tests and for those that search: what happens is chosen from outside, the verdict is the simulator's.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from mirror import clock as clocks
from mirror.clock import VirtualClock
from mirror.errors import RetryLater
from mirror.feed import Counts, Cursor, Feed, Gone, Page, Record
from mirror.pull import pull_account
from mirror.simulator import checks, verdict
from mirror.simulator.clocks import Offset
from mirror.simulator.crash import Crash, Mortal, Plan, copy_files
from mirror.simulator.ledger import Entry, Ledger, Place
from mirror.simulator.witness import Witness, Witnessed
from mirror.simulator.world import opened
from mirror.sources.memory import Memory
from mirror.store import journal, sweep

FEED = Feed("contacts")
NAMES = ("a", "b", "c", "d")
MOST_QUIET_PASSES = 6


class _Paged(Memory):
    """Gives so many pages in one pass, then the connection breaks; tells old news, and once that there is nothing."""

    pages_left: int | None = None
    old_news: tuple[Record | Gone, ...] = ()
    empty_listing = False

    def page(self, feed: Feed, cursor: Cursor | None) -> Page:
        if self.pages_left is not None:
            if self.pages_left == 0:
                raise RetryLater("no more pages in this pass")
            self.pages_left -= 1
        page = super().page(feed, cursor)
        if self.empty_listing and page.covers is not None and page.cursor is not None:
            self.empty_listing = False
            return replace(page, changes=(), cursor={**page.cursor, "after": 1 << 30, "listing": False}, more=False)
        if self.old_news and cursor is not None and not cursor.get("listing"):
            page = replace(page, changes=(*self.old_news, *page.changes))
            self.old_news = ()
        return page


class Small:
    """A world that is acted on by calling its methods; each says whether there was anything to act on."""

    def __init__(self, folder: Path, template: Path, page_size: int = 1) -> None:
        self.clock = Offset(VirtualClock(), "small")
        self.source = _Paged(self.clock, page_size=page_size)
        self.ledger, self.witness = Ledger(), Witness()
        self._first: dict[str, Record] = {}
        self._gone: dict[str, Gone] = {}
        self._folder, self._homes = folder, 1
        copy_files(template, folder / "home-1")
        self.store = opened(folder / "home-1", self.clock)
        self.account = journal.add_account(self.store, "ada", "memory", "http://memory")
        self._watch()

    def close(self) -> None:
        self.store.close()

    # --- upstream -----------------------------------------------------------------------------------------------------

    def create(self, name: str | None = None) -> bool:
        """A new record, or one that was deleted, under its own id."""
        free = [one for one in NAMES if one not in self.source.live(FEED)]
        if not free or (name is not None and name not in free):
            return False
        self._put(name or free[0])
        return True

    def change(self, name: str | None = None) -> bool:
        name = name or next(iter(self.source.live(FEED)), None)
        if name is None or name not in self.source.live(FEED):
            return False
        self._put(name)
        return True

    def delete(self, name: str | None = None, *, silently: bool = False) -> bool:
        name = name or next(iter(self.source.live(FEED)), None)
        if name is None or name not in self.source.live(FEED):
            return False
        self.clock.sleep(200)
        self.source.drop(FEED, name, silently=silently)
        self._gone[name] = Gone(name, clocks.text(self.clock.now()))
        self.ledger.write(self._place(name), Entry(self.ledger.next(), None))
        if silently:
            self.expire()
        return True

    def vanish(self) -> bool:
        """Deleted without a word from the feed, whose cursors have expired."""
        return self.delete(silently=True)

    def repeat(self) -> bool:
        """The feed tells the first record's first state again."""
        self.source.old_news = tuple(self._first[name] for name in list(self.source.live(FEED))[:1])
        return bool(self.source.old_news)

    def tell_late(self) -> bool:
        """The feed tells of deletions whose records have been created anew since."""
        self.source.old_news = tuple(gone for name, gone in self._gone.items() if name in self.source.live(FEED))
        return bool(self.source.old_news)

    def lie(self) -> bool:
        """Cursors expire, and the next listing has nothing in it."""
        self.source.empty_listing = bool(self.source.live(FEED))
        return self.expire()

    def expire(self) -> bool:
        self.source.expire(FEED)
        return True

    # --- the mirror -----------------------------------------------------------------------------------------------------

    def page(self) -> bool:
        """A pass that gets one page."""
        self.source.pages_left = 1
        self._pull()
        self.source.pages_left = None
        return True

    def sweep(self) -> bool:
        """A pass to the end."""
        self._pull()
        return True

    def crash(self, statement: int = 12, *, after: bool = False, power: bool = True) -> bool:
        """A pass that dies at this statement, if it gets so far."""
        self._homes += power
        copy_to = self._folder / f"home-{self._homes}" if power else None
        conn = self.store.conn
        assert isinstance(conn, Mortal)
        conn.plan = Plan(statement, after, copy_to)
        try:
            self._pull()
        except Crash:
            home = copy_to or self.store.home
            self.store.close()
            self.store = opened(home, self.clock)
            self._watch()
        else:
            conn.plan = None
            self._homes -= power
        return True

    def faults(self) -> list[str]:
        """What is wrong once it is quiet."""
        for _ in range(MOST_QUIET_PASSES):
            before = checks.content(self.store.conn)
            self._pull()
            self._accept()
            if checks.content(self.store.conn) == before and self._feed().state == "following":
                break
        else:
            return [f"after {MOST_QUIET_PASSES} quiet passes the feed is {self._feed().state}"]
        found = list(checks.histories(self.store.conn))
        wrong = checks.file_faults(self.store.conn, found)
        wrong += verdict.history_faults(found, self.ledger, self.witness)
        return wrong + verdict.content_faults(found, self.ledger, {("ada", "contacts", ""): (None, None)})

    # --- inside ---------------------------------------------------------------------------------------------------------

    def _put(self, name: str) -> None:
        self.clock.sleep(200)
        number = self.ledger.next()
        fields = {"name": {"displayName": f"Person #{number}#"}, "emailAddresses": [{"address": f"{name}@example.org"}]}
        record = self.source.put(FEED, name, fields)
        self._first.setdefault(name, record)
        self.ledger.write(self._place(name), Entry(number, json.loads(record.raw)))

    def _place(self, name: str) -> Place:
        return Place("ada", "contacts", "", name)

    def _watch(self) -> None:
        conn = self.store.conn
        assert isinstance(conn, Mortal)
        self._watched = Witnessed(self.source, "ada", self.account.id, self.witness)
        conn.on_commit = lambda moved: self._watched.committed(self.store, moved)

    def _pull(self) -> None:
        account = journal.account(self.store, self.account.id)
        for _ in pull_account(self.store, self._watched, account, wanted=lambda feed: feed.kind == "contacts"):
            pass

    def _feed(self) -> journal.FeedRow:
        return next(feed for feed in journal.feeds(self.store, self.account.id) if feed.kind == "contacts")

    def _accept(self) -> None:
        feed = self._feed()
        rows = self.store.conn.execute(
            "SELECT remote_id FROM contacts WHERE deleted_at IS NULL AND generation < ?", [feed.generation]
        )
        if feed.state == "held" and all(row[0] not in self.source.live(FEED) for row in rows.fetchall()):
            sweep.finish_listing(self.store, feed, Counts(), accepted=True)
