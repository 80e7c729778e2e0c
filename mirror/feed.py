"""The vocabulary that sources, pull and store speak with each other: frozen values, no I/O.

A *source* is asked for the *page* that comes after a *cursor* of a *feed*. A page holds *changes* (`Record`, `Gone`,
`Unreadable`), the cursor that stands after exactly these changes, and whether there is more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any, Literal

Cursor = dict[str, Any]
"""What a source needs to go on, as a JSON object that only it understands. Upstream's tokens are in it verbatim."""

LOCAL = "local-"
"""How the names begin that a mirror's own API gives to what upstream has not named yet."""


@dataclass(frozen=True, slots=True)
class Feed:
    """What is asked for changes: a kind of an account, within a parent where the kind has one."""

    kind: str
    parent: str | None = None  # remote_id of the calendar or task list


@dataclass(frozen=True, slots=True)
class Record:
    """A record as upstream sent it, and what must be known of it before it is taken apart."""

    remote_id: str
    raw: bytes  # JSON, verbatim (of a message: without its body)
    etag: str | None = None
    modified_at: str | None = None  # as the mirror writes moments
    omitted: tuple[str, ...] = ()  # upstream's names of fields that it left out: unknown, not empty
    body: str | None = None  # of a message, as upstream sent it ...
    text: str | Callable[[], str] | None = None  # ... and as readable text, or how to come by it: most is known already

    def readable(self) -> str | None:
        """The body as readable text."""
        return self.text() if callable(self.text) else self.text


@dataclass(frozen=True, slots=True)
class Gone:
    """Upstream says that a record does not exist any more."""

    remote_id: str
    at: str | None = None  # upstream's time of the deletion
    now: str | None = None  # of a name that was a mirror's own: the one by which the record is known since


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Something in the place of a record that can't be taken as one. It is kept, and the page goes on."""

    raw: bytes
    reason: str
    remote_id: str | None = None


Change = Record | Gone | Unreadable


@dataclass(frozen=True, slots=True)
class Write:
    """Something to be done upstream. `verb` as in `edits.verb`; `fields` are upstream's own, whole top-level ones."""

    verb: str
    feed: Feed
    remote_id: str | None = None
    fields: dict[str, Any] = field(default_factory=dict)
    etag: str | None = None  # what the record must still be, where upstream can check that
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Request:
    """What would be sent for a `Write`."""

    method: str
    path: str
    params: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    body: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """What upstream answered when it was done. `remote_id` None where the answer names none."""

    remote_id: str | None = None
    etag: str | None = None
    answer: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Coverage:
    """The time that a listing covers. None: without an end on that side; both None: everything."""

    since: str | None = None
    until: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """A step of a walk.

    `cursor` None at the end of a walk means that the next one lists again. `more` is False on the last page only:
    upstream has nothing more for now. `covers` is given once, by the page that starts a listing.
    """

    changes: tuple[Change, ...]
    cursor: Cursor | None
    more: bool
    covers: Coverage | None = None


@dataclass(frozen=True, slots=True)
class Mailbox:
    """Who a source's credentials answer for. `scopes`: what was granted, empty where upstream does not say."""

    remote_id: str
    email: str | None = None
    service: str | None = None
    scopes: tuple[str, ...] = ()


@dataclass(slots=True)
class Traffic:
    """What a pass has cost so far. Sources count, pull writes it into the run."""

    requests: int = 0
    retries: int = 0
    bytes: int = 0
    waited_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Settings:
    """What a person has decided about an account, as far as a source must know."""

    since: str | None = None  # ISO date: how far back mail and events are asked for
    attachments_up_to_bytes: int | None = None


@dataclass(slots=True)
class Counts:
    """What a pass changed."""

    created: int = 0
    changed: int = 0
    deleted: int = 0
    unchanged: int = 0
    stuck: int = 0
    completed: int = 0
    attachments: int = 0

    def add(self, more: Counts) -> None:
        for one in fields(self):
            setattr(self, one.name, getattr(self, one.name) + getattr(more, one.name))

    @property
    def written(self) -> int:
        return self.created + self.changed + self.deleted


@dataclass(frozen=True, slots=True)
class Subscribed:
    """Upstream's word of what it tells of by itself, and to which URL."""

    remote_id: str
    resource: str
    notification_url: str
    active: bool = True
    error: str | None = None  # since it can't tell: why
    unpaid: bool = False  # upstream has switched it off until a bill is paid


@dataclass(frozen=True, slots=True)
class Notice:
    """What upstream told by itself: that something has changed, or how a subscription is doing.

    `mailbox` as `Mailbox.remote_id`. `base_urls`: those whose key it is signed with. `digest`: the same for a notice that
    is sent again.
    """

    mailbox: str
    subscription: str
    resource: str
    received_at: str
    digest: str
    base_urls: tuple[str, ...]
    event: Literal["changed", "failing", "active"] = "changed"
    error: str | None = None
