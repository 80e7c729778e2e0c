"""Which programs are told of changes in the mirror: the contract's keeper of subscriptions over a home. It sends nothing.

A subscription is its token's: another's is not seen, and it ends when the token does. What is told are the changes that the feeds
of the sync protocol would give, by the same names, those of the mirror's own edits too.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any
from urllib.parse import unquote

import msgspec

from mirror import clock as clocks
from mirror.contract.backend import AccountLike
from mirror.contract.refusals import unauthorized
from mirror.contract.watching import ALIASES, Change, Subscription, Waiting, watched
from mirror.local_api.callers import number_of
from mirror.local_api.state import Mirror
from mirror.resources import KINDS
from mirror.store import api_subscriptions, feeding, journal
from mirror.store.named import Named

_CHUNK = 100  # places that are looked at together, where it is asked for fewer


class Subscriptions:
    """Those of one mirror, kept in its file."""

    def __init__(self, mirror: Mirror) -> None:
        self.mirror = mirror

    @property
    def seq(self) -> int:
        return self.mirror.seq

    def batch(self) -> AbstractContextManager[None]:
        return self.mirror.batch()

    def snapshot(self) -> AbstractContextManager[None]:
        return self.mirror.snapshot()

    def add(
        self, account: AccountLike, resource: str, url: str, filters: Sequence[str], detail_level: str | None
    ) -> Subscription:
        """A new one, of what changes from now on. Raises: Refusal, when the token has ended while its URL was asked; or 408,
        as long as nobody knows whose mailbox it is."""
        conn = self.mirror.store.conn
        if account.asker_id not in self.signed_in() or not account.id:
            raise unauthorized()
        row = (resource, url, msgspec.json.encode(filters).decode(), detail_level)
        now = clocks.text(self.mirror.clock.now())
        return _subscription(api_subscriptions.add(conn, account.asker_id, *row, self.seq, now))

    def every(self) -> list[Subscription]:
        return self._found("1")

    def of(self, account: AccountLike) -> list[Subscription]:
        return self._found("token_id = ?", account.asker_id)

    def get(self, subscription_id: int) -> Subscription | None:
        return next(iter(self._found("id = ?", subscription_id)), None)

    def remove(self, subscription_id: int) -> None:
        api_subscriptions.remove(self.mirror.store.conn, subscription_id)

    def note(self, subscription_id: int, **columns: object) -> None:
        api_subscriptions.note(self.mirror.store.conn, subscription_id, columns)

    def signed_in(self) -> frozenset[int]:
        """The tokens that open something."""
        return frozenset(api_subscriptions.accounts(self.mirror.store.conn))

    def told_as(self, asker_id: int) -> int:
        account_id = api_subscriptions.account_of(self.mirror.store.conn, asker_id)
        return number_of(journal.account(self.mirror.store, account_id))

    def is_there(self, account: AccountLike, resource: str) -> bool:
        """Whether the account has what a resource is in."""
        return self._home(account.mailbox_id, resource) is not None

    # --- what happened --------------------------------------------------------------------------------------------

    def changes(self, subscription: Subscription, limit: int) -> list[Change]:
        kind = (watched(subscription.resource) or ("tracking", None))[0]
        account_id = api_subscriptions.accounts(self.mirror.store.conn).get(subscription.asker_id)
        if kind == "tracking" or account_id is None:
            return []
        home = self._home(account_id, subscription.resource)
        if home is None and KINDS[kind].parent is not None:
            return []
        told: list[Change] = []
        after, size = subscription.seen_seq, max(limit, _CHUNK)
        while True:
            places = self._places(account_id, kind, home, after, size)
            told += [change for change in (self._change(kind, *place, subscription) for place in places) if change]
            if len(places) < size or len(told) >= limit:
                return told[:limit]
            after = places[-1][0]

    def _places(
        self, account_id: int, kind: str, home: int | None, after: int, limit: int
    ) -> list[tuple[int, Named | dict[str, Any]]]:
        """The next places of live records and of tombstones."""
        conn = self.mirror.store.conn
        found: list[tuple[int, Named | dict[str, Any]]] = [
            *feeding.updated(conn, account_id, kind, home, after, limit),
            *feeding.buried(conn, account_id, kind, home, after, limit),
        ]
        return sorted(found, key=lambda place: place[0])[:limit]

    def _change(self, kind: str, seq: int, found: Named | dict[str, Any], subscription: Subscription) -> Change | None:
        """What is told of a record; None of one that was not asked for."""
        if not isinstance(found, Named):
            return Change(seq, str(found["id"]), "deleted", None)
        thread_id = None
        if kind == "messages":
            message = msgspec.json.decode(found.raw)
            if "withoutDrafts" in subscription.filters and "draft" in (message.get("sysLabels") or ()):
                return None
            thread_id = message.get("threadId")
        was_there = api_subscriptions.was_there(self.mirror.store.conn, kind, found, subscription.seen_seq)
        return Change(seq, found.name, "updated" if was_there else "created", thread_id)

    def _home(self, account_id: int, resource: str) -> int | None:
        """The calendar or task list that a resource names, by an alias too; None where it names none that is there."""
        kind, written = watched(resource) or ("tracking", None)
        if written is None:
            return None
        above = str(KINDS[kind].parent)
        alias, mark = ALIASES[kind]
        if written == alias:
            records = self.mirror.records(account_id, above)
            names = [str(one["id"]) for one in records if one.get(mark)][:1]
        else:
            names = [written, unquote(written)]
        ids = (self.mirror.id_of(account_id, above, name) for name in names)
        return next((one for one in ids if one is not None and self.mirror.by_id(account_id, above, one)), None)

    # --- what waits -----------------------------------------------------------------------------------------------

    def wait(self, subscription_id: int, body: bytes, signed_at: int) -> None:
        api_subscriptions.wait(self.mirror.store.conn, subscription_id, body, signed_at)

    def due(self, now: float) -> list[Waiting]:
        return [Waiting(*row) for row in api_subscriptions.due(self.mirror.store.conn, now)]

    def put_off(self, notification_id: int, attempts: int, due_at: float) -> None:
        api_subscriptions.put_off(self.mirror.store.conn, notification_id, attempts, due_at)

    def accepted(self, notification_id: int) -> None:
        api_subscriptions.accepted(self.mirror.store.conn, notification_id)

    def drop_waiting(self, subscription_id: int) -> None:
        api_subscriptions.drop_waiting(self.mirror.store.conn, subscription_id)

    def _found(self, condition: str, *values: object) -> list[Subscription]:
        return [_subscription(row) for row in api_subscriptions.found(self.mirror.store.conn, condition, *values)]


def _subscription(row: Sequence[Any]) -> Subscription:
    """Of a row of `api_subscriptions.COLUMNS`."""
    number, token_id, resource, url, filters, detail_level, seen_seq, active, *fails = row
    return Subscription(
        number,
        token_id,
        resource,
        url,
        tuple(msgspec.json.decode(filters)),
        detail_level,
        seen_seq,
        bool(active),
        *fails,
    )
