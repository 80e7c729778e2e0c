"""One pass over what is stuck: each record is asked for by itself, and stored if it can be now. Never touches a cursor."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mirror.errors import NotPermitted, WrongAnswer
from mirror.feed import Gone
from mirror.identify import describe, identify
from mirror.sources.base import Source
from mirror.store import incomplete, journal, stuck
from mirror.store.connection import Store
from mirror.store.journal import Account, FeedRow
from mirror.store.stuck import Stuck


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of a stuck record. `outcome`: stored, still_stuck, waiting (it has no id to ask for), gone, refused."""

    record: Stuck
    outcome: str
    why: str | None = None


def retry_stuck(store: Store, source: Source, account: Account) -> Iterator[Tried]:
    """Try an account's stuck records again, one after the other.

    Raises: AccountBusy, WrongMailbox, SignInAgain, RetryLater, Stopped, and what the store raises.
    """
    if not stuck.of_account(store, account.id):
        return
    with store.lease(account.id):
        identify(store, source, account)
        feeds = {feed.id: feed for feed in journal.feeds(store, account.id)}
        for record in stuck.of_account(store, account.id):
            yield _retry(store, source, feeds[record.feed_id], record)


def _retry(store: Store, source: Source, feed: FeedRow, record: Stuck) -> Tried:
    if record.remote_id is None:
        return Tried(record, "waiting")
    source.new_patience()
    try:
        found = source.read(feed.feed, record.remote_id)
    except (WrongAnswer, NotPermitted) as error:
        return Tried(record, "refused", describe(error).partition(": ")[2])
    if isinstance(found, Gone):
        return Tried(record, "gone")  # its bytes stay: that a record is gone is for the feed to tell
    incomplete.take_in(store, feed, found)
    left = next((one for one in stuck.of_account(store, feed.account_id) if one.id == record.id), None)
    return Tried(record, "stored") if left is None else Tried(record, "still_stuck", left.why)
