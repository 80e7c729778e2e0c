"""What a feed left out, brought afterwards: the fields that upstream omitted, and the bytes of attachments. Newest first."""

from __future__ import annotations

from collections.abc import Callable

from mirror.errors import NotPermitted, RecordGone, RetryLater, WrongAnswer
from mirror.feed import Counts, Gone, Record
from mirror.sources.base import Source
from mirror.store import attachments, incomplete, journal
from mirror.store.connection import Store
from mirror.store.journal import FeedRow

READ_AT_ONCE = 20
UNLIMITED = 1 << 60

Tell = Callable[[str], None]


def read_omitted(store: Store, source: Source, feed: FeedRow, counts: Counts, budget: int | None, tell: Tell) -> None:
    """Read the records that came without some of their fields, each of them once in a pass.

    Raises: RetryLater, SignInAgain, Stopped, when what was read until then is written.
    """
    left = budget if budget is not None else UNLIMITED
    refused: list[str] = []
    while left > 0 and (names := incomplete.newest(store, feed, min(left, READ_AT_ONCE), without=refused)):
        found: list[Record] = []
        missed: list[str] = []
        try:
            for name in names:
                whole = _read_whole(source, feed, name)
                found.append(whole) if whole is not None else missed.append(name)
        except RetryLater:
            incomplete.postpone(store, feed, names[len(found) + len(missed)])
            raise
        finally:
            written = Counts()
            incomplete.complete(store, feed, found, written, refused=missed)
            counts.completed += len(found)
            counts.stuck += written.stuck
        refused += missed
        left -= len(names)
        tell("complete")


def _read_whole(source: Source, feed: FeedRow, remote_id: str) -> Record | None:
    """None: not to be had. That a record is gone is for the feed to tell, not for a reading in passing."""
    try:
        found = source.read(feed.feed, remote_id)
    except (WrongAnswer, NotPermitted):
        return None
    return None if isinstance(found, Gone) else found


def fetch_attachments(
    store: Store, source: Source, feed: FeedRow, counts: Counts, budget: int | None, tell: Tell
) -> None:
    """Bring the bytes that the account's policy asks for, each of them once in a pass.

    Raises: RetryLater, SignInAgain, Stopped.
    """
    left = budget if budget is not None else UNLIMITED
    limit = journal.account(store, feed.account_id).attachments_up_to_bytes
    refused: list[int] = []
    while left > 0 and (wanted := attachments.wanted(store, feed.id, min(left, READ_AT_ONCE), without=refused)):
        for item in wanted:
            try:
                content = source.attachment(feed.feed, item.record_remote_id, item.remote_id)
            except (RecordGone, WrongAnswer, NotPermitted):
                attachments.give_up(store, item.id)
                refused.append(item.id)
                continue
            except RetryLater:
                attachments.postpone(store, item.id)
                raise
            attachments.keep(store, item.id, content, limit)
            counts.attachments += 1
        left -= len(wanted)
        tell("attachments")
