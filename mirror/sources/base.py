"""What a source is. It speaks to one mailbox and keeps no state: what it must remember is in the cursor that it gives.

One conformance suite (`tests/test_sources.py`) runs over every source.
"""

from __future__ import annotations

from typing import Protocol

from mirror.feed import (
    Coverage,
    Cursor,
    Feed,
    Gone,
    Mailbox,
    Page,
    Receipt,
    Record,
    Request,
    Subscribed,
    Traffic,
    Write,
)


class Subscriber(Protocol):
    """What a source can be asked to tell of by itself.

    Every method may raise: RetryLater, SignInAgain, NotPermitted, WrongAnswer, Stopped.
    """

    def resource(self, feed: Feed) -> str | None:
        """Upstream's name for a feed's changes; None when it never tells of them."""

    def subscriptions(self) -> list[Subscribed]:
        """All that there are, whoever made them."""

    def subscribe(self, resource: str, url: str) -> Subscribed:
        """Have upstream tell this URL, which it calls before it answers. Raises besides: Refused, Unsure."""

    def unsubscribe(self, remote_id: str) -> None:
        """End one, which may have ended already. Raises besides: Refused, Unsure."""


class Source(Protocol):
    """One mailbox, asked feed by feed.

    Every method may raise: RetryLater (trouble that outlasted the patience of this pass), SignInAgain, NotPermitted,
    WrongAnswer, Stopped.
    """

    traffic: Traffic
    subscriptions: Subscriber | None
    """None: it never tells anything by itself."""

    def mailbox(self) -> Mailbox:
        """Who the credentials answer for."""

    def page(self, feed: Feed, cursor: Cursor | None) -> Page:
        """The changes after `cursor`; without one, the start of a new complete listing.

        Asking twice with one cursor gives the same changes or newer ones. Raises besides: NotReady; RestartFeed when
        the cursor has expired.
        """

    def read(self, feed: Feed, remote_id: str) -> Record | Gone:
        """One record, whole, as it is now; Gone when upstream has no such record."""

    def attachment(self, feed: Feed, record_id: str, attachment_id: str) -> bytes:
        """The bytes of an attachment. Raises besides: RecordGone."""

    def request(self, write: Write) -> Request:
        """What `write` would send. Raises: Refused when there is no way to say it."""

    def write(self, write: Write) -> Receipt:
        """Do it, with one request: nothing is ever sent twice from here.

        Raises besides: Changed (412), RecordGone, Refused, Unsure (it may be done or not). RetryLater means that it was
        surely not done.
        """

    def coverage(self, feed: Feed) -> Coverage:
        """What a listing that starts now would cover."""

    def new_patience(self) -> None:
        """Begin a pass over one feed: the waiting time that it may spend is whole again."""

    def close(self) -> None:
        """Let go of connections."""
