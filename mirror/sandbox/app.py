"""The sandbox as a WSGI application: a local server of the vendor's API over its own State. It holds no rules of the API.

What it serves: signing in (authorize with consent pages of its own, codes, tokens), the accounts that an application manages,
account, contacts, calendars, events, free/busy, mail with folders, conversations, attachments and drafts, task lists and tasks,
the sync protocol of contacts, calendars, mail and task lists, and subscriptions with their notifications.

Where it knowingly deviates from the vendor's file, or decides what the file leaves open:

- Not served, so 404: tracking, follow-up, booking, users, `authorizeUser`, `prepare`, `/direct`.
- Accepted credentials: a bearer token, or Basic with the application's id and secret and `X-Aurinko-Account-Id`. Sessions,
  cookies and Exchange identity tokens are answered with 401. A scope that was not granted: 403, or 401 by option.
- Authorize refuses what the program got wrong with 400, and goes nowhere. What the person decides goes to the return URL, where
  `error` is one of `access_denied`, `account_mismatch`, `email_mismatch`, `insufficient_scopes`; the vendor names none. With
  `responseType=token` it gets `token` and `accountId`. `ensureAccess` of authorize changes nothing. Every http URL of this
  machine counts as registered. IMAP, EWS and iCloud mailboxes all have the one password of the options.
- Signing in makes a new account of the mailbox, beside those that it has. With `accountId` or `recycle` an account is kept, and
  its former token stops working when the code is exchanged. A mailbox lives as long as the last of its accounts.
- A service account has no mailbox (403), and opens every mailbox of this sandbox. A revoked token counts as dead.
- `includeProviderAuth` adds a `providerAccessToken`, and subscriptions have a `detailLevel`, as the vendor's client knows them.
- Subscribing to plain http is possible on this machine only. `/email/tracking` may be watched and never tells anything. A
  subscription is made inactive after a day without 200, or when its account's token dies; what it missed is not told later.
- A dead or invalid token gets 401 everywhere; with Basic, `GET /v1/account` still tells the token's status.
- Missing `If-Match` where it is required: 400. A wrong one: 412. `If-Match: *` fits every version. DELETE ignores it.
- Events carry `iCalUId` beside `iCalUid`, because the vendor's own client and answers use both.
- `awaitReady` of the vendor's guides is accepted on every sync start.
- Null in a PATCH clears the field. Unknown and read-only fields in a body are ignored.
- Events, mail and task lists without what makes them one (start and end, a recipient, a title) are refused with 400.
- Whole days are compared with windows as UTC days. A sync window holds a series from its start to its last possible end.
- Instances of a series that were never changed have no record: their ids are made of the master's and the original start.
- A body that is stored as text is wrapped for `bodyType=html`, and the other way round it is converted.
- Without `bodyType`, lists, conversations and feeds leave the body out (`omitted`), for Google too.
- `includeUpdateToken`, `nativeProperties`, `withShared` and `mode` are accepted and change nothing.
- Free/busy knows the accounts of this sandbox; every other address gets an `error`.
- Mail that is sent arrives at those recipients that are accounts of this sandbox, and nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass

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
from mirror.contract.dispatch import Dispatch
from mirror.contract.notifications import Notifications, Post
from mirror.contract.posting import Poster
from mirror.contract.tokens import Tokens
from mirror.contract.wire import Server
from mirror.sandbox.api import auth, consent, control, management
from mirror.sandbox.api.behind import Behind
from mirror.sandbox.faults import Faults
from mirror.sandbox.grants import Grants
from mirror.sandbox.options import Options
from mirror.sandbox.provider.writer import Provider
from mirror.sandbox.state import State
from mirror.sandbox.subscriptions import Subscriptions

ROUTES = (
    *accounts.ROUTES,
    *contacts.ROUTES,
    *calendars.ROUTES,
    *meeting_times.ROUTES,
    *events.ROUTES,
    *mail.ROUTES,
    *folders.ROUTES,
    *drafts.ROUTES,
    *tasks.ROUTES,
    *auth.ROUTES,
    *management.ROUTES,
    *subscriptions.ROUTES,
)
# What the vendor's file does not have: playing the provider.
OWN_ROUTES = (*consent.ROUTES, *control.ROUTES)


@dataclass(slots=True)
class Sandbox:
    """What stands behind one application, for whoever wants to reach behind it."""

    state: State
    options: Options
    faults: Faults
    tokens: Tokens
    server: Server
    notifications: Notifications


def create_app(
    state: State, options: Options | None = None, faults: Faults | None = None, post: Post | None = None
) -> Flask:
    """The application over this state. `sandbox_of(app)` gives what stands behind it; `post` sends notifications."""
    options, faults = options or Options(), faults or Faults()
    tokens = Tokens(options, state.clock)
    watching = Subscriptions(state)
    notifications = Notifications(watching, options, state.clock, post or Poster())
    server = Behind(state, options, tokens, Grants(state, options), Provider(state, options), watching, notifications)
    app = application("mirror.sandbox", Dispatch(server, (*ROUTES, *OWN_ROUTES)))
    app.extensions["sandbox"] = Sandbox(state, options, faults, tokens, server, notifications)
    setattr(app, "wsgi_app", faults.around(app.wsgi_app, state.clock))  # noqa: B010  (Flask's way, which mypy refuses)
    return app


def sandbox_of(app: Flask) -> Sandbox:
    """The state, options, faults and tokens of an application."""
    behind: Sandbox = app.extensions["sandbox"]
    return behind
