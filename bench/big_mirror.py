"""A big mirror to measure pages on: ten years of an invented person's life, written through the store's own write path.

    python bench/big_mirror.py HOME [--contacts 100000 --messages 500000 --events 20000 --tasks 5000 --accounts 2 --seed 1]

The same seed and day give the same records. The first sync was sixty days ago; since then a pass a day brought what came,
changed and went. The file is written without waiting for the disk: that is for benchmarks only.
"""

from __future__ import annotations

import argparse
import heapq
import random
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
from big_calendar import CALENDARS, LISTS, Dates
from big_mail import Mail, Plan
from big_people import People, Person
from big_words import Words

from mirror import clock as clocks
from mirror.clock import VirtualClock
from mirror.feed import Change, Counts, Coverage, Gone, Mailbox, Page, Record, Traffic
from mirror.resources import KINDS
from mirror.store import journal, records
from mirror.store.connection import Store, open_store
from mirror.store.journal import FeedRow

DAYS_OF_SYNC = 60
PAGE = 5000
SHARES = (0.7, 0.3)
CHANGES_A_DAY = 40  # of mails; a tenth of that of contacts, events and tasks each


class Progress:
    """How far it has come, on one line of a terminal and on a few lines elsewhere."""

    def __init__(self, total: int) -> None:
        self.total, self.done, self.began, self.told = total, 0, time.monotonic(), 0.0

    def add(self, count: int) -> None:
        self.done += count
        elapsed = time.monotonic() - self.began
        if elapsed - self.told > (0.5 if sys.stderr.isatty() else 15) or self.done == self.total:
            self.told = elapsed
            line = f"{self.done:,} of {self.total:,} records, {elapsed:.0f} s"
            print(line, end="\r" if sys.stderr.isatty() else "\n", file=sys.stderr, flush=True)


class Account:
    """One account of the big mirror: what upstream has, and the feeds it comes in by."""

    def __init__(self, store: Store, clock: VirtualClock, number: int, wanted: dict[str, int], words: Words,
                 people: People, until: datetime, progress: Progress) -> None:  # fmt: skip
        self.store, self.clock, self.progress, self.until = store, clock, progress, until
        self.wanted, self.people, self.number = wanted, people, number
        self.chance = people.chance
        name = ("work", "home")[number] if number < 2 else f"account{number}"
        me = Person("Ada Lindqvist", "Ada", "Lindqvist", f"ada.{name}@example.org", "Tidemark Surveys")
        self.mail = Mail(self.chance, words, people, me, number, until)
        self.dates = Dates(self.chance, words, people, me, until)
        self.row = journal.add_account(store, name, "aurinko", "http://127.0.0.1:1", attachments_up_to_bytes=0)
        journal.pin(store, self.row.id, Mailbox(f"{1000 + number}", me.email, ("Office365", "Google")[number % 2]))
        self.to_come: list[Plan] = []

    def feed(self, kind: str, parent: str | None = None) -> FeedRow:
        found = journal.feeds(self.store, self.row.id)
        return next(feed for feed in found if feed.kind == kind and feed.parent in (parent, None))

    def first_sync(self) -> None:
        """Everything that is there on the day of the first pass."""
        self.list_all("calendars", iter(self.dates.calendars()))
        self.list_all("folders", iter(self.mail.folders()))
        self.list_all("task_lists", iter(self.dates.task_lists()))
        self.list_all("contacts", self.people.cards(self.wanted["contacts"], self.number, self.clock.now()))
        for name, _, share in CALENDARS:
            count = round(self.wanted["events"] * share / 100)
            self.list_all("events", self.dates.events(count, f"{name[0].lower()}{self.number}"), f"cal-{name}")
        for title, share in LISTS:
            count = round(self.wanted["tasks"] * share / 100)
            self.list_all("tasks", self.dates.tasks(count, f"{title[0].lower()}{self.number}"), f"list-{title}")
        planned = self.mail.plan(self.wanted["messages"])
        there = sum(plan.at < self.clock.now() for plan in planned)
        self.to_come = planned[there:]
        self.list_all("messages", self.mail.written(planned[:there][::-1]))  # newest first, as most providers list

    def list_all(self, kind: str, changes: Iterator[Record], parent: str | None = None) -> None:
        feed = self.feed(kind, parent)
        with self.store.transaction() as conn:
            journal.begin_listing(conn, feed)
        started, counts, pages = clocks.text(self.clock.now()), Counts(), 0
        while part := tuple(islice(changes, PAGE)):
            records.apply(self.store, feed, Page(part, {"page": str(pages)}, True, Coverage()), counts)
            self.clock.jump(timedelta(seconds=len(part) / 250))
            self.progress.add(len(part))
            pages += 1
        with self.store.transaction() as conn:
            journal.save_cursor(conn, feed, {"updated": "u0", "deleted": "d0"}, walking=False)
            journal.caught_up(conn, feed, clocks.text(self.clock.now()))
        self._run(feed, started, counts, pages)

    def _run(self, feed: FeedRow, started: str, counts: Counts, pages: int, outcome: str = "ok") -> None:
        traffic = Traffic(requests=pages + 2, retries=int(outcome != "ok"), bytes=4000 * counts.written + 900)
        error = None if outcome == "ok" else "upstream did not answer in time (504)"
        journal.record_run(self.store, self.row.id, feed, started, outcome, counts, traffic, pages, error)

    # --- what happened since ------------------------------------------------------------------------------------------

    def follow(self, now: datetime) -> None:
        """A day's pass over every feed: what came, what was changed, what is gone."""
        come = 0
        while come < len(self.to_come) and self.to_come[come].at < now:
            come += 1
        new, self.to_come = self.to_come[:come], self.to_come[come:]
        few = CHANGES_A_DAY // 10
        for feed in journal.feeds(self.store, self.row.id):
            changes: list[Change] = []
            if feed.kind == "messages":
                changes += [*self.mail.written(new), *self._changed(feed, CHANGES_A_DAY)]
            elif feed.kind in ("contacts", "events", "tasks"):
                changes += self._changed(feed, few)
            self._pass(feed, changes)
        self.progress.add(len(new))

    def _pass(self, feed: FeedRow, changes: list[Change]) -> None:
        started, counts = clocks.text(self.clock.now()), Counts()
        self.clock.jump(timedelta(seconds=self.chance.uniform(0.2, 3)))
        if self.chance.random() < 0.01:
            return self._run(feed, started, counts, 0, "failed")
        records.apply(self.store, feed, Page(tuple(changes), {"updated": started, "deleted": started}, False), counts)
        return self._run(feed, started, counts, 1 + len(changes) // 200)

    def _changed(self, feed: FeedRow, count: int) -> Iterator[Change]:
        """Some known records with another content, and a few that are gone. Half of it concerns what is recent."""
        place, value = records.place(KINDS[feed.kind], feed)
        known = self.store.conn.execute(
            f"SELECT min(id), max(id) FROM {feed.kind} WHERE {place} = ?", [value]
        ).fetchone()
        if known[0] is None:
            return
        ids = {self.chance.randint(known[0], known[1]) for _ in range(count)}
        for number, record_id in enumerate(sorted(ids)):
            row = self.store.conn.execute(
                f"SELECT remote_id, raw FROM {feed.kind} WHERE id = ? AND {place} = ? AND deleted_at IS NULL",
                [record_id, value],
            ).fetchone()
            if row is None:
                continue
            if number % 5 == 4:
                yield Gone(row[0], clocks.text(self.clock.now()))
                continue
            fields: dict[str, Any] = msgspec.json.decode(row[1])
            self._change(feed.kind, fields)
            yield Record(row[0], msgspec.json.encode(fields), fields.get("etag"), fields["lastModifiedTime"])

    def _change(self, kind: str, fields: dict[str, Any]) -> None:
        fields["lastModifiedTime"] = clocks.text(self.clock.now())
        if "etag" in fields:
            fields["etag"] = f"e{self.chance.getrandbits(60):x}"
        if kind == "messages":
            labels = set(fields["sysLabels"]) ^ {self.chance.choice(("unread", "flagged"))}
            fields["sysLabels"] = sorted(labels)
            if self.chance.random() < 0.3:
                fields["folderId"] = "F5"
        elif kind == "contacts":
            fields["company"]["jobTitle"] = f"Senior {fields['company']['jobTitle']}"
        elif kind == "events":
            fields["location"] = f"Room {self.chance.randint(1, 30)}"
        else:
            fields["status"], fields["completed"] = "completed", clocks.text(self.clock.now())

    def idle_runs(self, now: datetime) -> None:
        """Passes of the last week that brought nothing, in the intervals of the schedule; older ones are cleared away."""
        feeds = [
            (feed, timedelta(seconds=KINDS[feed.kind].interval_s)) for feed in journal.feeds(self.store, self.row.id)
        ]
        due = [(now - timedelta(days=7) + self.chance.random() * step, place) for place, (_, step) in enumerate(feeds)]
        heapq.heapify(due)
        while due[0][0] < now:
            at, place = due[0]
            feed, step = feeds[place]
            self.clock.jump(at - self.clock.now())
            self._run(feed, clocks.text(at), Counts(), 1)
            heapq.heapreplace(due, (at + step, place))


def fill(home: Path, wanted: dict[str, int], accounts: int, seed: int, until: datetime) -> None:
    """A home folder with a mirror of that size."""
    clock = VirtualClock(until - timedelta(days=DAYS_OF_SYNC), seed)
    store = open_store(home, clock)
    store.conn.execute("PRAGMA synchronous = OFF")
    store.conn.execute("PRAGMA cache_size = -600000")
    store.conn.execute("PRAGMA wal_autocheckpoint = 20000")
    chance = random.Random(seed)
    words = Words(chance)
    people = People(chance, words, wanted["contacts"])
    progress = Progress(sum(wanted.values()))
    shares = SHARES if accounts == 2 else (1 / accounts,) * accounts
    made = []
    for number, share in enumerate(shares):
        part = {kind: round(count * share) for kind, count in wanted.items()}
        made.append(Account(store, clock, number, part, words, people, until, progress))
        made[-1].first_sync()
    while clock.now() < until - timedelta(hours=25):
        clock.jump(timedelta(days=1))
        for account in made:
            account.follow(clock.now())
    for account in made:
        account.idle_runs(until)
        clock.jump(until - clock.now())
        account.follow(until)
    store.conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    store.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("home", type=Path)
    sizes = {"contacts": 100_000, "messages": 500_000, "events": 20_000, "tasks": 5_000}
    for kind, count in sizes.items():
        parser.add_argument(f"--{kind}", type=int, default=count)
    parser.add_argument("--accounts", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    if (chosen.home / "mirror.db").exists():
        parser.error(f"there is a mirror in {chosen.home} already")
    began = time.monotonic()
    until = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    fill(chosen.home, {kind: getattr(chosen, kind) for kind in sizes}, chosen.accounts, chosen.seed, until)
    size = (chosen.home / "mirror.db").stat().st_size
    print(f"\n{chosen.home / 'mirror.db'}: {size / 1e9:.2f} GB in {time.monotonic() - began:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
