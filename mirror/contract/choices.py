"""What about the contract is a choice of whoever stands behind it: page sizes, patience, lifetimes, habits. Values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

# What each service leaves out of records in lists, conversations and feeds (`omitted`); single reads are always whole.
# Bodies are left out besides wherever no bodyType was asked for.
OMITTED: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "IMAP": {"messages": ("body", "attachments", "internetHeaders")},
    "EWS": {"messages": ("body",)},
}

# The names under which this machine, and no other, is reached.
LOOPBACK = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True, slots=True)
class Choices:
    """The defaults are the friendly case. Names of feeds and lists are in the table of `page_sizes`."""

    page_size: int = 50
    # By name, e.g. `contacts.updated`, `events.deleted`, `messages.updated`, `tasks.deleted`, `calendars`, `events.range`,
    # `events.find`, `messages`, `conversations`, `folders`, `task_lists`, `tasks`.
    page_sizes: Mapping[str, int] = field(default_factory=dict)
    # How often a sync start answers `ready: false` before it is ready, per account, feed and parameters.
    ready_polls: int = 0
    # Lifetimes by the clock, and by how often a token may be shown. None: for ever.
    delta_token_lifetime_s: float | None = None
    page_token_lifetime_s: float | None = None
    delta_token_uses: int | None = None
    page_token_uses: int | None = None
    # An expired page token of a feed: 410 like a delta token, or 400 `token.notValid`. Both occur.
    expired_page_status: Literal[400, 410] = 410
    # Requests per second and account before 429; None: no limit.
    rate_limit: int | None = None
    omitted: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=lambda: OMITTED)
    # A change to a record that lies outside the bounds of the sync start (or has just left them): told, or kept silent.
    silent_outside: bool = False
    # How often `requireThreadId` meets 408 before the thread of an IMAP message is known.
    thread_polls: int = 0
    # Services that send bodies in lists and feeds at all, when a bodyType was asked for; None: all do.
    bodies_in_lists: frozenset[str] | None = frozenset({"Google", "Office365"})
    # A mirror stands behind: no provider can be asked anything, and how long pages are is asked for by `pageSize`.
    mirrored: bool = False
    longest_page: int = 1_000
    # What notifications are signed with.
    signing_secret: str = ""
    # Whether programs on other machines are told, too.
    tells_others: bool = True
    # Changes in one notification, seconds that a receiver may take, and how long it may fail before its subscription is
    # made inactive. The vendor publishes none of these but the 30 seconds of the validation.
    notification_size: int = 100
    notification_timeout_s: float = 10
    validation_timeout_s: float = 30
    give_up_after_s: float = 86_400
    # How long one may be inactive before it is forgotten; None: for ever.
    forget_after_s: float | None = None
    # The application that may act for accounts by id and secret; none where there is no secret.
    client_id: str = ""
    client_secret: str = ""
    # A scope that was not granted: which status is not documented, and clients have met both.
    missing_scope_status: Literal[401, 403] = 403

    def size_of(self, name: str) -> int:
        """Records per page of this feed or list."""
        return self.page_sizes.get(name, self.page_size)
