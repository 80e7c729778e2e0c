"""The mirror's own API as an application: which operations there are, and what stands behind them.

Where it deviates from the vendor's file, or decides what the file leaves open:

- Everything is answered from the mirror, upstream reachable or not. A write is taken into the outbox and shows at once; whether
  upstream takes it is known later. What the outbox can't hold is refused in a sentence: a draft's set time, one occurrence of a
  series that was never changed, the choice of well-known folders. An account that is read-only here: 403.
- A record with open edits has an etag of the mirror's own, `local-…`, and so has a record that is to be created an id. The id
  keeps leading to the record after upstream gave it another; feeds then tell of the new one, and that the old one is gone.
- Sync tokens are places in the mirror's order of change: they survive restarts, and do not expire, but for two cases that get
  410: the account was purged and added anew, or the mirror was put back from an older backup.
- Feeds and lists carry bodies whenever a bodyType is asked for, whatever the service.
- Attachments that are not kept: 404 `notKept`, or 408 with `Retry-After` while they are still to be fetched. MIME: 404 always.
- Free/busy knows the token's own account, and calendars of it that have an address as their id.
- Accepted credentials: a bearer token of the mirror's own. `DELETE /account/token` ends it, and nothing upstream.
- Subscriptions are their token's, and tell programs of this machine alone, of edits too, within a second of their being here.
  They end with the token, and are forgotten after a month without an answer. `/email/tracking` may be watched, and never tells.
- Not served, so 404 `notServed`: signing in, managing accounts, tracking, follow-up, booking, users, `/direct`. Mail that is
  to be tracked or followed up is, when upstream has it; only upstream's answer would have the `trackingId`.
- Beyond the vendor's file: see `beyond.py` and `past.py`.
"""

from __future__ import annotations

from flask import Flask

from mirror.contract import (
    accounts,
    calendars,
    contacts,
    drafts,
    events,
    folders,
    mail,
    meeting_times,
    subscriptions,
    tasks,
)
from mirror.contract.application import application
from mirror.contract.choices import Choices
from mirror.contract.dispatch import Dispatch
from mirror.contract.notifications import Notifications, Post
from mirror.contract.posting import Poster
from mirror.contract.router import Route
from mirror.contract.tokens import Tokens
from mirror.contract.wire import Server
from mirror.local_api import beyond, past
from mirror.local_api.callers import Granted
from mirror.local_api.elsewhere import not_here
from mirror.local_api.state import Mirror
from mirror.local_api.subscriptions import Subscriptions
from mirror.local_api.writer import Outbox
from mirror.store.connection import Store

# In a second, for each token: eight times what upstream takes, and what one program alone hardly reaches.
RATE_LIMIT = 2_000
CHOICES = Choices(
    page_size=100,
    page_sizes={"contacts.updated": 500, "events.updated": 500, "tasks.updated": 500, "messages.updated": 100,
                **{f"{kind}.deleted": 1_000 for kind in ("contacts", "events", "tasks", "messages")}},
    rate_limit=RATE_LIMIT,
    omitted={},
    bodies_in_lists=None,
    mirrored=True,
    tells_others=False,
    # With ids of two thousand bytes it is less than a megabyte, which receivers take.
    notification_size=400,
    # Receivers are on this machine. One that hangs holds up the others, and what serves the questions.
    notification_timeout_s=3,
    validation_timeout_s=10,
    forget_after_s=30 * 86_400,
)  # fmt: skip

_CONTRACT = (
    *accounts.ROUTES,
    *contacts.ROUTES,
    *calendars.ROUTES,
    *meeting_times.ROUTES,
    *events.ROUTES,
    *mail.ROUTES,
    *folders.ROUTES,
    *drafts.ROUTES,
    *tasks.ROUTES,
    *subscriptions.ROUTES,
)
# Those of the vendor's file.
ROUTES: tuple[Route, ...] = (
    *(one for one in _CONTRACT if (one.method, one.template) != (beyond.TASKS.method, beyond.TASKS.template)),
    beyond.TASKS,
)


def create(mirror: Mirror, choices: Choices = CHOICES, post: Post | None = None) -> Dispatch:
    """What answers requests out of this mirror. `post` sends the question to a URL that is to be told of changes."""
    tokens = Tokens(choices, mirror.clock, mirror.born)
    watching = Subscriptions(mirror)
    notifications = Notifications(watching, choices, mirror.clock, post or Poster())
    server = Server(mirror, choices, tokens, Granted(), Outbox(mirror), watching, notifications)
    return Dispatch(server, (*ROUTES, *beyond.ROUTES), past.behind, not_here)


def create_app(store: Store, choices: Choices = CHOICES, post: Post | None = None) -> Flask:
    """The same as a WSGI application, over connections of its own to the store's file."""
    return application("mirror.local_api", create(Mirror(store), choices, post))
