"""What the HTTP contract needs from the state behind it. Types only: the sandbox's State is one such, a mirror another."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from mirror.clock import Clock

Record = dict[str, Any]


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
    record: Record


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


class Backend(Protocol):
    """A place of records, in which every change has a number."""

    clock: Clock

    @property
    def seq(self) -> int: ...
    def batch(self) -> AbstractContextManager[None]: ...

    def account_for_token(self, token: str) -> AccountLike | None: ...
    def find_account(self, account_id: int) -> AccountLike | None: ...
    def account_for_email(self, email: str) -> AccountLike | None: ...
    def settings(self, account_id: int) -> Record: ...
    def set_settings(self, account_id: int, settings: Record) -> None: ...
    def set_token(self, account_id: int, token: str | None) -> None: ...
    def remove_account(self, account_id: int) -> None: ...

    def create(
        self,
        account_id: int,
        kind: str,
        record: Record,
        *,
        parent: str | None = None,
        remote_id: str | None = None,
        body: str | None = None,
        html: bool | None = None,
        mime: bytes | None = None,
        attachments: dict[str, bytes] | None = None,
        at: datetime | None = None,
    ) -> Record: ...
    def change(
        self,
        account_id: int,
        kind: str,
        remote_id: str,
        fields: Record,
        *,
        parent: str | None = None,
        body: str | None = None,
        html: bool | None = None,
        mime: bytes | None = None,
        attachments: dict[str, bytes] | None = None,
        at: datetime | None = None,
    ) -> Record: ...
    def delete(self, account_id: int, kind: str, remote_id: str, *, parent: str | None = None) -> None: ...
    def bury(self, account_id: int, kind: str, remote_id: str, *, parent: str | None = None) -> None: ...

    def read(self, account_id: int, kind: str, remote_id: str, *, parent: str | None = None) -> Record | None: ...
    def records(self, account_id: int, kind: str, *, parent: str | None = None) -> list[Record]: ...
    def body(self, account_id: int, remote_id: str) -> tuple[str | None, bool]: ...
    def mime(self, account_id: int, remote_id: str) -> bytes | None: ...
    def attachment(
        self, account_id: int, kind: str, remote_id: str, attachment_id: str, *, parent: str | None = None
    ) -> bytes | None: ...
    def attachments(
        self, account_id: int, kind: str, remote_id: str, *, parent: str | None = None
    ) -> dict[str, bytes]: ...

    def changed(
        self, account_id: int, kind: str, *, parent: str | None, after: int, limit: int, bounds: Bounds
    ) -> list[Change]: ...
    def buried(self, account_id: int, kind: str, *, parent: str | None, after: int, limit: int) -> list[Change]: ...
    def listed(self, account_id: int, kind: str, *, parent: str | None, after: int, limit: int) -> list[Change]: ...
    def newest(
        self, account_id: int, *, after: list[Any] | None, thread_id: str | None
    ) -> Iterator[tuple[list[Any], Record]]: ...
    def in_window(self, account_id: int, calendar_id: str, starts_before: str, ends_after: str) -> list[Record]: ...
    def exceptions(self, account_id: int, calendar_id: str, master_id: str) -> list[Record]: ...
