"""Writes to a mirror as a busy sync does, until it is told to end: pages of changes, about twenty transactions a second.

    python bench/sync_writer.py HOME

Mostly mail that was read or moved, now and then a contact, an event or a task, and a run after each tenth page.
"""

from __future__ import annotations

import json
import random
import signal
import sys
import time
from pathlib import Path
from typing import Any

from mirror import clock as clocks
from mirror.clock import SystemClock
from mirror.feed import Counts, Page, Record, Traffic
from mirror.resources import KINDS
from mirror.store import journal, records
from mirror.store.connection import Store, open_store
from mirror.store.journal import FeedRow

TRANSACTIONS_A_SECOND = 20
RECORDS_A_PAGE = 10
KIND_WEIGHTS = {"messages": 7, "contacts": 1, "events": 1, "tasks": 1}


def changed(store: Store, feed: FeedRow, chance: random.Random) -> list[Record]:
    """Some of a feed's records with another content."""
    place, value = records.place(KINDS[feed.kind], feed)
    last = store.conn.execute(f"SELECT max(id) FROM {feed.kind}").fetchone()[0]
    made = []
    for _ in range(RECORDS_A_PAGE):
        row = store.conn.execute(
            f"SELECT remote_id, raw FROM {feed.kind} WHERE id >= ? AND {place} = ? LIMIT 1",
            [chance.randint(1, last), value],
        ).fetchone()
        if row is None:
            continue
        fields: dict[str, Any] = json.loads(row[1])
        fields["lastModifiedTime"] = clocks.text(store.clock.now())
        if feed.kind == "messages":
            fields["sysLabels"] = sorted(set(fields["sysLabels"]) ^ {"unread"})
        else:
            fields["etag"] = f"e{chance.getrandbits(60):x}"
        made.append(Record(row[0], json.dumps(fields).encode(), fields.get("etag"), fields["lastModifiedTime"]))
    return made


def write(store: Store, chance: random.Random) -> None:
    feeds = {
        kind: [
            feed
            for account in journal.accounts(store)
            for feed in journal.feeds(store, account.id)
            if feed.kind == kind
        ]
        for kind in KIND_WEIGHTS
    }
    began, done = time.monotonic(), 0
    while True:
        feed = chance.choice(feeds[chance.choices(list(KIND_WEIGHTS), list(KIND_WEIGHTS.values()))[0]])
        started, counts = clocks.text(store.clock.now()), Counts()
        cursor = {"updated": f"u{done}", "deleted": "d"}
        records.apply(store, feed, Page(tuple(changed(store, feed, chance)), cursor, False), counts)
        done += 1
        if done % 10 == 0:
            journal.record_run(store, feed.account_id, feed, started, "ok", counts, Traffic(requests=3), 1, None)
        time.sleep(max(0.0, began + done / TRANSACTIONS_A_SECOND - time.monotonic()))


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    store = open_store(Path(sys.argv[1]), SystemClock(), create=False)
    try:
        write(store, random.Random())
    finally:
        store.close()


if __name__ == "__main__":
    main()
