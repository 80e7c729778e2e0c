"""Keeps upstream telling: one subscription for each feed that can be told of, at the address that this mirror has now.

It looks before it asks, since upstream keeps every subscription that it is asked for, and ends what is left of its own.
Nothing depends on it: a feed without a subscription is asked for changes, as ever.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from mirror.clock import Clock
from mirror.errors import NotPermitted, RecordGone, Refused, RetryLater, SignInAgain, SourceError, Usage
from mirror.feed import Subscribed
from mirror.identify import describe
from mirror.sources.base import Subscriber
from mirror.store import hints, journal, subscriptions
from mirror.store.connection import Store
from mirror.store.journal import Account, FeedRow
from mirror.store.subscriptions import Place
from mirror.webhook import PATH

CHECK_S = 24 * 3600.0
CHECK_FAILING_S = 3600.0
FIRST_PAUSE_S = 60.0
LONGEST_PAUSE_S = 6 * 3600.0
MOST_UNHEARD = 2
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
UNPAID = "switched off until the bill is paid"

log = logging.getLogger("mirror.subscribe")


@dataclass(frozen=True, slots=True)
class Address:
    """Where upstream reaches this mirror. `verifies`: whether what it tells of an account can be verified; `heard`: how
    often it has made sure of the address so far."""

    url: str
    verifies: Callable[[Account], bool] = lambda _: True
    heard: Callable[[], int] = lambda: 1


def base_of(webhook_url: str) -> str:
    """What all addresses of a mirror begin with, of the URL that its person gives. Raises: Usage."""
    url = webhook_url.strip().rstrip("/").removesuffix(PATH)
    try:
        parts = urlsplit(url)
        sound = parts.hostname is not None and parts.port != 0 and url.isascii() and url.isprintable()
    except ValueError:
        sound = False
    if (
        not sound
        or parts.scheme not in ("http", "https")
        or parts.query
        or parts.fragment
        or parts.username
        or " " in url
    ):
        raise Usage(f"“{webhook_url}” is no address that upstream could call; give one like https://mirror.example.org")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise Usage(
            f"“{webhook_url}” must begin with https://, so that nobody on the way can read or repeat what comes"
        )
    return url + PATH


def token_of(store: Store) -> str:
    """The unguessable end of this mirror's address: as it was, so that its older subscriptions are known as its own."""
    known = subscriptions.an_address(store)
    return known.rpartition("/")[2] if known else store.clock.secret()


def is_own(url: str, address: str) -> bool:
    """Whether a subscription is one of this mirror's: it has its token, or its place."""
    base, _, token = address.rpartition("/")
    return url.endswith(f"{PATH}/{token}") or url.startswith(base + "/") or url == base


class Subscribing:
    """One account's subscriptions. What it remembers is only when to look again, and what upstream refused meanwhile."""

    def __init__(self, address: Address, clock: Clock) -> None:
        self._address = address
        self._clock = clock
        self._look_at = 0.0
        self._failures = 0
        self._unheard = 0
        self._refused: dict[Place, float] = {}

    def watched(self, store: Store, account: Account) -> set[Place]:
        """The feeds that need not be asked often."""
        return subscriptions.watched(store, account.id, self._address.url)

    def is_due(self, store: Store, account: Account) -> bool:
        """Whether upstream is to be asked about them: once a day, and when there is a new calendar or task list."""
        now = self._clock.monotonic()
        if not self._address.verifies(account):
            return False
        if now >= self._look_at:
            return True
        return self._failures == 0 and bool(self._places(store, account) - self._known(store, account))

    def keep(self, store: Store, subscriber: Subscriber | None, account: Account) -> bool:
        """Make the subscriptions what they should be. True: something is to be pulled now. Trouble is logged and waited out."""
        if subscriber is None:
            self._look_at = self._clock.monotonic() + CHECK_S
            return False
        try:
            new = self._keep(store, subscriber, account)
        except SourceError as error:
            self._failures += 1
            pause_s = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(self._failures - 1, 10))
            self._look_at = self._clock.monotonic() + pause_s
            if self._failures == 1:
                log.warning("webhook.subscribe account=%s error=%s", account.name, describe(error))
            return False
        failing = any(one.state != "active" for one in subscriptions.of_account(store, account.id))
        self._failures = 0
        self._look_at = self._clock.monotonic() + (CHECK_FAILING_S if failing else CHECK_S)
        hints.add(store, account.id, new)
        return bool(new)

    def _keep(self, store: Store, subscriber: Subscriber, account: Account) -> list[Place]:
        """The feeds that are told of from now on: what changed before is still to be pulled."""
        wanted = {resource: feed for feed, resource in _to_watch(store, subscriber, account)}
        self._unheard = 0
        new: list[Place] = []
        standing: set[str] = set()
        theirs = subscriber.subscriptions()
        for one in theirs:
            if not is_own(one.notification_url, self._address.url):
                continue
            resource = unquote(one.resource)
            feed = wanted.get(resource)
            good = feed is not None and one.notification_url == self._address.url and (one.active or one.unpaid)
            if feed is None or not good or resource in standing:
                subscriber.unsubscribe(one.remote_id)
                subscriptions.forget(store, account.id, [one.remote_id])
                continue
            standing.add(resource)
            new += self._seen(store, account, feed, one)
        gone = {one.remote_id for one in subscriptions.of_account(store, account.id)} - {
            one.remote_id for one in theirs
        }
        subscriptions.forget(store, account.id, sorted(gone))
        for resource, feed in wanted.items():
            if resource not in standing and self._subscribed(store, subscriber, account, feed):
                new.append(_place(feed))
        return new

    def _seen(self, store: Store, account: Account, feed: FeedRow, one: Subscribed) -> list[Place]:
        before = subscriptions.keep(store, account.id, _place(feed), one)
        if one.unpaid and before != "ended":
            log.warning("webhook.ended account=%s kind=%s error=%s", account.name, feed.kind, UNPAID)
        told_again = before != "active" and one.active and not one.error and not one.unpaid
        return [_place(feed)] if told_again else []

    def _subscribed(self, store: Store, subscriber: Subscriber, account: Account, feed: FeedRow) -> bool:
        """Whether upstream tells of a feed from now on. Raises: SourceError, when there is no use in asking for others."""
        place, now = _place(feed), self._clock.monotonic()
        if self._refused.get(place, now) > now:
            return False
        try:
            made = subscriber.subscribe(subscriber.resource(feed.feed) or "", self._address.url)
        except (Refused, RecordGone, NotPermitted, SignInAgain) as refused:
            if refused.status == 400 and self._address.heard() == 0:
                self._unheard += 1
                if self._unheard >= MOST_UNHEARD:  # each may take as long as upstream waits for an answer
                    self._refused.clear()
                    raise RetryLater(f"upstream does not reach this mirror's address: {refused.detail}") from refused
            self._refused[place] = now + CHECK_S
            log.warning("webhook.refused account=%s kind=%s error=%s", account.name, feed.kind, describe(refused))
            return False
        self._refused.pop(place, None)
        subscriptions.keep(store, account.id, place, made)
        log.info("webhook.subscribed account=%s kind=%s", account.name, feed.kind)
        return True

    def _places(self, store: Store, account: Account) -> set[Place]:
        now = self._clock.monotonic()
        found = {_place(feed) for feed in journal.known_feeds(store, account.id) if _is_watchable(feed)}
        return found - {place for place, until in self._refused.items() if until > now}

    def _known(self, store: Store, account: Account) -> set[Place]:
        return {one.place for one in subscriptions.of_account(store, account.id)}


def unsubscribe(store: Store, subscriber: Subscriber, account: Account) -> int:
    """End this mirror's subscriptions of an account; how many. Raises: SourceError."""
    own = subscriptions.of_account(store, account.id)
    addresses = {one.notification_url for one in own}
    known = {one.remote_id for one in own}
    ended = 0
    for one in subscriber.subscriptions():
        if one.remote_id in known or any(is_own(one.notification_url, address) for address in addresses):
            subscriber.unsubscribe(one.remote_id)
            ended += 1
    subscriptions.forget(store, account.id, sorted(known))
    return ended


def _to_watch(store: Store, subscriber: Subscriber, account: Account) -> Iterator[tuple[FeedRow, str]]:
    for feed in journal.known_feeds(store, account.id):
        resource = subscriber.resource(feed.feed)
        if resource is not None and _is_watchable(feed):
            yield feed, unquote(resource)


def _is_watchable(feed: FeedRow) -> bool:
    return feed.state != "stopped" and feed.kind in subscriptions.TOLD


def _place(feed: FeedRow) -> Place:
    return feed.kind, feed.parent_id
