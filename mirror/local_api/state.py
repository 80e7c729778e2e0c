"""The mirror as the state behind the contract: what was observed, with the edits that are on their way laid over it.

Each thread has a connection of its own. A request reads from one moment, or writes in one transaction; nothing is kept between
requests but when a token was last used.
"""

from __future__ import annotations

import heapq
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from mirror.clock import Clock
from mirror.contract.backend import AccountLike, Bounds, Change, Record
from mirror.contract.refusals import Refusal, not_found
from mirror.errors import DatabaseBusy, DiskFull
from mirror.local_api.callers import Caller
from mirror.local_api.shown import record, stored
from mirror.resources import KINDS
from mirror.store import api_tokens, attachments, feeding, journal, named, order
from mirror.store.api_tokens import ApiToken
from mirror.store.connection import Store

_CHUNK = 200
_SOON_S = 60
_TAG = re.compile(
    r"<(!doctype|html|head|body|div|p|br|table|span|a|b|img|ul|ol|h[1-6]|font|blockquote|style)\b[^>]*>", re.I
)


class Mirror:
    """The contract's backend over a home. Close it when the serving is over."""

    def __init__(self, store: Store) -> None:
        self.clock: Clock = store.clock
        self._first = store
        self._mine = threading.local()
        self._opened: list[Store] = []
        self._opening = threading.Lock()

    def close(self) -> None:
        with self._opening:
            while self._opened:
                self._opened.pop().close()

    @property
    def store(self) -> Store:
        """This thread's own."""
        found: Store | None = getattr(self._mine, "store", None)
        if found is None:
            with self._opening:
                found = self._first.again()
                self._opened.append(found)
            self._mine.store = found
        return found

    # --- requests -------------------------------------------------------------------------------------------------------

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        try:
            with self.store.snapshot():
                yield
        finally:
            self._note_use()

    @contextmanager
    def batch(self) -> Iterator[None]:
        try:
            with self.store.transaction():
                yield
        except (DatabaseBusy, DiskFull) as error:
            raise Refusal(
                503, "unavailable", "The mirror can't be written to just now", {"Retry-After": "5"}
            ) from error
        finally:
            self._note_use()

    def _note_use(self) -> None:
        token: ApiToken | None = getattr(self._mine, "used", None)
        if token is not None:
            self._mine.used = None
            with suppress(DatabaseBusy, DiskFull):  # no reason to withhold an answer
                api_tokens.used(self.store, token)

    @property
    def seq(self) -> int:
        return order.last_place(self.store.conn)

    def born(self, mailbox_id: int) -> str:
        return journal.account(self.store, mailbox_id).created_at

    def account_for_token(self, token: str) -> Caller | None:
        found = api_tokens.recognised(self.store, token)
        mailbox = journal.account_if_present(self.store, found.account_id) if found is not None else None
        if found is None or mailbox is None:
            return None
        self._mine.used = found
        return Caller(found, mailbox)

    def find_account(self, account_id: int) -> AccountLike | None:  # noqa: ARG002  (no application acts for accounts here)
        return None

    def settings(self, account_id: int) -> Record:
        """The folders that are well known by their labels."""
        folders = self.records(account_id, "folders")
        known = {label: one["id"] for label in ("archive", "sent") for one in folders if one.get("sysLabel") == label}
        return {"wellKnown": known}

    # --- records ---------------------------------------------------------------------------------------------------------

    def id_of(self, account_id: int, kind: str, name: str, parent: str | None = None) -> int | None:
        """The id that a name leads to, within a parent by its name."""
        above = KINDS[kind].parent
        parent_id = None if above is None else self.id_of(account_id, above, parent or "")
        if above is not None and parent_id is None:
            return None
        return named.id_of(self.store.conn, account_id, kind, parent_id, name)

    def by_id(self, account_id: int, kind: str, record_id: int) -> Record | None:
        """The record by the mirror's own id."""
        found = named.one(self.store.conn, account_id, kind, record_id)
        return None if found is None else record(kind, found)

    def read(self, account_id: int, kind: str, remote_id: str, *, parent: str | None = None) -> Record | None:
        record_id = self.id_of(account_id, kind, remote_id, parent)
        return None if record_id is None else self.by_id(account_id, kind, record_id)

    def records(self, account_id: int, kind: str, *, parent: str | None = None) -> list[Record]:
        parent_id = self._parent_id(account_id, kind, parent)
        every = named.in_order(self.store.conn, account_id, kind, parent_id, after=0, limit=-1)
        return [record(kind, one) for one in every]

    def draft(self, account_id: int, draft_id: str) -> Record | None:
        record_id = named.draft_id(self.store.conn, account_id, draft_id)
        return None if record_id is None else self.by_id(account_id, "messages", record_id)

    def body(self, account_id: int, remote_id: str) -> tuple[str | None, bool]:
        record_id = self.id_of(account_id, "messages", remote_id)
        return self.told(None if record_id is None else named.body(self.store.conn, record_id))

    @staticmethod
    def told(text: str | None) -> tuple[str | None, bool]:
        """A body, and whether it is HTML: plain text stands in the same place, where a mail has no HTML."""
        return text, text is not None and _TAG.search(text, 0, 5_000) is not None

    def mime(self, account_id: int, remote_id: str) -> bytes:  # noqa: ARG002  (of no message)
        raise Refusal(404, "notKept", "The mirror does not keep mail as MIME; its body and attachments are here")

    def attachment(
        self, account_id: int, kind: str, remote_id: str, attachment_id: str, *, parent: str | None = None
    ) -> bytes | None:
        record_id = self.id_of(account_id, kind, remote_id, parent)
        if record_id is None:
            return None
        found = attachments.place_of(self.store, KINDS[kind], record_id, attachment_id)
        if found is None:
            return None
        kept, sha256 = found
        if kept == "wanted":
            raise Refusal(
                408, "requestTimeout", "The attachment has not been fetched yet", {"Retry-After": str(_SOON_S)}
            )
        if sha256 is None:
            why = "the account's policy leaves it out" if kept == "policy" else "it could not be fetched"
            raise Refusal(404, "notKept", f"The mirror does not have this attachment: {why}")
        return attachments.stored(self.store.home, sha256)

    def calendar_of(self, asker: AccountLike, email: str) -> tuple[int, str] | None:
        """A calendar of the asker's own: the one that has this address as its id, or for its own address the primary one."""
        calendars = self.records(asker.mailbox_id, "calendars")
        own = email.lower() == asker.email.lower()
        for one in calendars:
            if str(one["id"]).lower() == email.lower() or (own and one.get("primary")):
                return asker.mailbox_id, one["id"]
        return None

    # --- in order --------------------------------------------------------------------------------------------------------

    def changed(
        self, account_id: int, kind: str, *, parent: str | None, after: int, limit: int, bounds: Bounds
    ) -> Sequence[Change]:
        parent_id = self._parent_id(account_id, kind, parent)
        within, values = _within(kind, bounds)
        rows = feeding.updated(self.store.conn, account_id, kind, parent_id, after, limit, within, values)
        return [Change(seq, stored(kind, one)) for seq, one in rows]

    def buried(self, account_id: int, kind: str, *, parent: str | None, after: int, limit: int) -> Sequence[Change]:
        parent_id = self._parent_id(account_id, kind, parent)
        rows = feeding.buried(self.store.conn, account_id, kind, parent_id, after, limit)
        return [Change(seq, tombstone) for seq, tombstone in rows]

    def listed(self, account_id: int, kind: str, *, parent: str | None, after: int, limit: int) -> Sequence[Change]:
        return self.holding(account_id, kind, None, parent=parent, after=after, limit=limit)

    def holding(
        self, account_id: int, kind: str, words: str | None, *, parent: str | None, after: int, limit: int
    ) -> Sequence[Change]:
        """The same, of those alone that hold all the words."""
        parent_id = self._parent_id(account_id, kind, parent)
        rows = named.in_order(self.store.conn, account_id, kind, parent_id, after, limit, words)
        return [Change(one.place, stored(kind, one)) for one in rows]

    def newest(
        self, account_id: int, *, after: list[Any] | None, thread_id: str | None, words: Sequence[str] = ()
    ) -> Iterator[tuple[list[Any], Record]]:
        place = (str(after[0]), int(after[1])) if after is not None else None
        conn = self.store.conn
        edited = (
            one for one in named.edited_mail(conn, account_id, thread_id) if place is None or (one[0], one[1]) < place
        )
        observed = named.mail(conn, account_id, place, thread_id, _CHUNK, words)
        for at, number, one in heapq.merge(observed, edited, key=lambda row: row[:2], reverse=True):
            yield [at, number], record("messages", one)

    def in_window(self, account_id: int, calendar_id: str, starts_before: str, ends_after: str) -> list[Record]:
        parent_id = self._parent_id(account_id, "events", calendar_id)
        rows = named.in_window(self.store.conn, account_id, parent_id or 0, starts_before, ends_after)
        return [record("events", one) for one in rows]

    def exceptions(self, account_id: int, calendar_id: str, master_id: str) -> list[Record]:
        parent_id = self._parent_id(account_id, "events", calendar_id)
        rows = named.exceptions(self.store.conn, account_id, parent_id or 0, master_id)
        return [record("events", one) for one in rows]

    def _parent_id(self, account_id: int, kind: str, parent: str | None) -> int | None:
        above = KINDS[kind].parent
        if above is None:
            return None
        found = self.id_of(account_id, above, parent or "")
        if found is None:
            raise not_found(KINDS[above].singular)
        return found


def _within(kind: str, bounds: Bounds) -> tuple[str, dict[str, Any]]:
    """The condition that keeps a feed to the bounds of its start, as SQL on the columns of its table."""
    values: dict[str, Any] = {"since": -1 if bounds.strict else bounds.since, "not_before": bounds.not_before}
    later = "0" if bounds.strict else "seq > :since"
    if kind == "events" and bounds.starts_before is not None:
        values |= {"starts_before": bounds.starts_before, "ends_after": bounds.ends_after}
        begins = "min(coalesce(starts_at, ''), coalesce(original_start, starts_at, '')) < :starts_before"
        ends = "(recurrence_type = 'master' OR max(coalesce(ends_at, '~'), coalesce(original_start, '')) > :ends_after)"
        return f"({begins} AND {ends}) OR {later}", values
    if kind == "messages" and bounds.not_before is not None:
        return f"received_at IS NULL OR received_at >= :not_before OR {later}", values
    if kind == "tasks" and bounds.not_before is not None:
        return f"completed_at IS NULL OR completed_at >= :not_before OR {later}", values
    return "1", {}
