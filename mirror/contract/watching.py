"""Subscriptions as the contract sees them: what can be watched, and who keeps and tells. It keeps and sends nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

_RESOURCES = {
    re.compile(r"/email/messages"): "messages",
    re.compile(r"/email/tracking"): "tracking",
    re.compile(r"/contacts"): "contacts",
    re.compile(r"/calendars/([^/]+)/events"): "events",
    re.compile(r"/tasklists/([^/]+)/tasks"): "tasks",
}


@dataclass(frozen=True, slots=True)
class Subscription:
    """One resource of one account, watched for one URL."""

    id: int
    account_id: int
    resource: str
    url: str
    filters: tuple[str, ...]
    detail_level: str | None
    seen_seq: int
    active: bool
    failing: Literal["delivery", "account"] | None
    fail_since: str | None
    fail_description: str | None


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
        self, account_id: int, resource: str, url: str, filters: Sequence[str], detail_level: str | None
    ) -> Subscription: ...
    def of(self, account_id: int) -> list[Subscription]: ...
    def remove(self, subscription_id: int) -> None: ...
    def parent(self, account_id: int, resource: str) -> str | None: ...


class Telling(Protocol):
    """Whoever sends to the URLs of programs."""

    def verify(self, url: str) -> str | None: ...
