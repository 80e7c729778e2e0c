"""What the HTTP contract reads from the state behind it. Types only: the sandbox's State is one such, a mirror another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from mirror.clock import Clock

Record = dict[str, Any]
# A record as it is stored: read, or as the JSON text that goes out as it is.
Stored = Record | msgspec.Raw


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a sync start limits its first load to. Changes after `since` are told even outside, unless `strict`."""

    since: int
    # Events: the window, as UTC texts.
    starts_before: str | None = None
    ends_after: str | None = None
    # Mail: received not before; tasks: completed not before.
    not_before: str | None = None
    strict: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """A record, or a tombstone, with its place in the order of changes."""

    seq: int
    record: Stored


class AccountLike(Protocol):
    """A way into a mailbox, as the contract sees it. Records are kept under `mailbox_id`."""

    @property
    def id(self) -> int: ...
    @property
    def mailbox_id(self) -> int: ...
    @property
    def email(self) -> str: ...
    @property
    def name(self) -> str | None: ...
    @property
    def service_type(self) -> str: ...
    @property
    def status(self) -> str: ...
    @property
    def created_at(self) -> str: ...
    @property
    def asker_id(self) -> int:
        """Who asks: what the limit of requests in a second is counted by."""


class Backend(Protocol):
    """A place of records, in which every change has a number."""

    clock: Clock

    @property
    def seq(self) -> int: ...
    def batch(self) -> AbstractContextManager[None]:
        """What is read and written within belongs together."""

    def snapshot(self) -> AbstractContextManager[None]:
        """What is read within is of one moment."""

    def born(self, mailbox_id: int) -> str:
        """What tells a mailbox from an earlier one of the same number: tokens of that one have expired."""

    def account_for_token(self, token: str) -> AccountLike | None: ...
    def find_account(self, account_id: int) -> AccountLike | None: ...
    def settings(self, account_id: int) -> Record: ...

    def read(self, account_id: int, kind: str, remote_id: str, *, parent: str | None = None) -> Record | None: ...
    def records(self, account_id: int, kind: str, *, parent: str | None = None) -> list[Record]: ...
    def draft(self, account_id: int, draft_id: str) -> Record | None:
        """The message that the id of a draft names."""

    def body(self, account_id: int, remote_id: str) -> tuple[str | None, bool]: ...
    def mime(self, account_id: int, remote_id: str) -> bytes:
        """The message as it came. Raises: Refusal, where nobody kept it."""

    def attachment(
        self, account_id: int, kind: str, remote_id: str, attachment_id: str, *, parent: str | None = None
    ) -> bytes | None:
        """The bytes; None where there is no such attachment. Raises: Refusal, where nobody kept them."""

    def calendar_of(self, asker: AccountLike, email: str) -> tuple[int, str] | None:
        """The account and the calendar that tell when the one with this address is busy, as far as the asker may know."""

    def changed(
        self, account_id: int, kind: str, *, parent: str | None, after: int, limit: int, bounds: Bounds
    ) -> Sequence[Change]: ...
    def buried(self, account_id: int, kind: str, *, parent: str | None, after: int, limit: int) -> Sequence[Change]: ...
    def listed(self, account_id: int, kind: str, *, parent: str | None, after: int, limit: int) -> Sequence[Change]:
        """Live records in the order of their creation, and its number."""

    def newest(
        self, account_id: int, *, after: list[Any] | None, thread_id: str | None, words: Sequence[str] = ()
    ) -> Iterator[tuple[list[Any], Record]]:
        """Mail, newest first, behind a place, each with its own. What has not all the words may be left out."""

    def in_window(self, account_id: int, calendar_id: str, starts_before: str, ends_after: str) -> list[Record]: ...
    def exceptions(self, account_id: int, calendar_id: str, master_id: str) -> list[Record]: ...
