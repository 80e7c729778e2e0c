"""Subscriptions as the contract sees them: what can be watched, and who keeps and tells. It keeps and sends nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Literal, Protocol

from mirror.contract.backend import AccountLike

_RESOURCES = {
    re.compile(r"/email/messages"): "messages",
    re.compile(r"/email/tracking"): "tracking",
    re.compile(r"/contacts"): "contacts",
    re.compile(r"/calendars/([^/]+)/events"): "events",
    re.compile(r"/tasklists/([^/]+)/tasks"): "tasks",
}


# What stands for the first calendar and the first task list, and the field that tells which it is.
ALIASES = {"events": ("primary", "primary"), "tasks": ("default", "defaultList")}


@dataclass(frozen=True, slots=True)
class Subscription:
    """One resource of one account, watched for one URL, because one asker wanted it."""

    id: int
    asker_id: int
    resource: str
    url: str
    filters: tuple[str, ...]
    detail_level: str | None
    seen_seq: int
    active: bool
    failing: Literal["delivery", "account"] | None
    fail_since: str | None
    fail_description: str | None


@dataclass(frozen=True, slots=True)
class Change:
    """What a notification says of one record."""

    seq: int
    remote_id: str
    change_type: Literal["created", "updated", "deleted"]
    thread_id: str | None


@dataclass(frozen=True, slots=True)
class Waiting:
    """A notification that was not accepted yet."""

    id: int
    subscription_id: int
    body: bytes
    signed_at: int
    attempts: int


def watched(resource: str) -> tuple[str, str | None] | None:
    """The kind and the parent that a resource names, or None when it names none."""
    for pattern, kind in _RESOURCES.items():
        match = pattern.fullmatch(resource)
        if match:
            return kind, match[1] if match.groups() else None
    return None


class Watching(Protocol):
    """Whoever keeps subscriptions."""

    def add(
        self, account: AccountLike, resource: str, url: str, filters: Sequence[str], detail_level: str | None
    ) -> Subscription: ...
    def of(self, account: AccountLike) -> list[Subscription]: ...
    def remove(self, subscription_id: int) -> None: ...
    def is_there(self, account: AccountLike, resource: str) -> bool:
        """Whether the account has the calendar or the task list that a resource is in."""


class Keeper(Watching, Protocol):
    """The same for who tells: what happened, and what waits to be told."""

    @property
    def seq(self) -> int:
        """The place of the latest change."""

    def batch(self) -> AbstractContextManager[None]: ...
    def snapshot(self) -> AbstractContextManager[None]: ...
    def signed_in(self) -> frozenset[int]:
        """The askers that are told anything."""

    def told_as(self, asker_id: int) -> int:
        """The number by which an asker knows its account."""

    def every(self) -> list[Subscription]: ...
    def get(self, subscription_id: int) -> Subscription | None: ...
    def note(self, subscription_id: int, **columns: object) -> None: ...
    def changes(self, subscription: Subscription, limit: int) -> list[Change]:
        """The next changes that it was not told of, oldest first; each record once, as it is now."""

    def wait(self, subscription_id: int, body: bytes, signed_at: int) -> None: ...
    def due(self, now: float) -> list[Waiting]: ...
    def put_off(self, notification_id: int, attempts: int, due_at: float) -> None: ...
    def accepted(self, notification_id: int) -> None: ...
    def drop_waiting(self, subscription_id: int) -> None: ...


class Telling(Protocol):
    """Whoever sends to the URLs of programs."""

    def verify(self, url: str) -> str | None:
        """Ask a URL whether it wants to be told; what is wrong with its answer, or None."""

    def close(self) -> None: ...
