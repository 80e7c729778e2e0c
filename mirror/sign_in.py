"""Signing in: one go with its state, what comes back from it, the code for a token, and the account that it is kept for.

A go is good once. A token is kept only after it has answered for the right mailbox; before that nothing is changed.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from mirror import credentials, loopback
from mirror.clock import Clock
from mirror.credentials import App, ServiceAccount
from mirror.errors import NotSignedIn, SignInAgain, Usage, WrongAnswer, WrongMailbox
from mirror.feed import Mailbox
from mirror.loopback import Heard
from mirror.sources.aurinko_auth import READ_SCOPES, WRITE_SCOPES, Application, Owner, authorize_url
from mirror.store import journal
from mirror.store.connection import Store
from mirror.store.journal import Account

RETURN_PORT = 8810
"""Where the browser comes back to, unless that port is taken: upstream wants its return URLs registered beforehand."""

PATIENCE_S = 300.0
LONGEST_CODE = 4096

_A_CODE = re.compile(rf"[\x21-\x7e]{{1,{LONGEST_CODE}}}")
_CLIENTS_OWN = re.compile(r"[?&]clientId=")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a person wants to sign in to, and as what. `account_id`: upstream's, of an account that is known already."""

    service: str
    scopes: tuple[str, ...]
    account_id: str | None = None
    login_hint: str | None = None
    server_url: str | None = None
    daemon: bool = False


@dataclass(frozen=True, slots=True)
class Reach:
    """What of a new account is mirrored."""

    since: str | None = None
    attachments_up_to_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class SignedIn:
    """What came of it. `kept`: where the token is; `missing`: scopes that were asked for and not granted."""

    account: Account
    kept: str
    missing: tuple[str, ...]
    also: tuple[str, ...]  # other accounts here that are the same mailbox


class Attempt:
    """One go: the URL to be opened, and the one answer that it may bring."""

    def __init__(self, app: App, wanted: Wanted, return_to: str, clock: Clock) -> None:
        self._state = clock.secret()
        self._code: str | None = None
        self._denied: str | None = None
        self.url = authorize_url(
            app.base_url,
            {
                "clientId": app.client_id, "serviceType": wanted.service, "scopes": " ".join(wanted.scopes),
                "responseType": "code", "accountId": wanted.account_id, "loginHint": wanted.login_hint,
                "serverUrl": wanted.server_url, "returnUrl": return_to, "state": self._state,
            },
            daemon=wanted.daemon,
        )  # fmt: skip

    def hear(self, query: Mapping[str, list[str]]) -> Heard:
        """What a browser came back with: accepted or denied, once; all else is ignored and changes nothing."""
        if self._code is not None or self._denied is not None or not self._is_ours(query):
            return "ignored"
        code = _only(query, "code")
        if code is not None and _A_CODE.fullmatch(code) and not query.get("error"):
            self._code = code
            return "accepted"
        said = _only(query, "error") or _only(query, "status")
        if said is None or said == "success":
            return "ignored"
        more = _only(query, "error_description") or _only(query, "errorDescription") or _only(query, "message")
        self._denied = f"{said}: {more}" if more else said
        return "denied"

    def hear_pasted(self, text: str) -> None:
        """What a person copied: the code, or the whole address that the browser came back to.

        Raises: NotSignedIn (no_code, stranger: they may try again; denied).
        """
        written = text.strip()
        if not re.search(r"(^|[?&])(code|error|state)=|://", written):
            if not _A_CODE.fullmatch(written):
                raise NotSignedIn("no_code")
            self._code = written
            return
        query = parse_qs(urlsplit(written).query if "?" in written else written, keep_blank_values=True)
        if _CLIENTS_OWN.search(written) or not (query.get("code") or query.get("error")):
            raise NotSignedIn("no_code")
        if self.hear(query) == "ignored":
            raise NotSignedIn("stranger")

    @property
    def code(self) -> str:
        """Raises: NotSignedIn."""
        if self._denied is not None:
            raise NotSignedIn("denied", self._denied)
        if self._code is None:
            raise NotSignedIn("timed_out")
        return self._code

    def _is_ours(self, query: Mapping[str, list[str]]) -> bool:
        given = _only(query, "state") or ""
        return hmac.compare_digest(given.encode("utf-8", "replace"), self._state.encode())


def return_url(port: int) -> str:
    """The address that a browser comes back to, on this port of this machine."""
    return loopback.address(port)


def scopes_for(writable: bool) -> tuple[str, ...]:
    """What is asked for: to read, unless the account is to be written to."""
    return WRITE_SCOPES if writable else READ_SCOPES


def application(store: Store, base_url: str) -> App:
    """The application to sign in with. Raises: NotSignedIn (app_missing, app_locked), HomeUnusable."""
    try:
        app = credentials.app(store.home, base_url)
    except SignInAgain:
        raise NotSignedIn("app_locked", base_url) from None
    if app is None:
        raise NotSignedIn("app_missing", base_url)
    return app


def finish(store: Store, name: str, base_url: str, wanted: Wanted, code: str, upstream: Application, *,
           reach: Reach | None) -> SignedIn:  # fmt: skip
    """Exchange the code and keep its token, for a new account (`reach` says of what) or for the one of that name.

    Raises: NotSignedIn, WrongMailbox, SignInAgain, Usage, RetryLater, WrongAnswer, HomeUnusable; then nothing was changed.
    """
    grant = upstream.exchange(code)
    owner = upstream.owner(grant.token)
    if owner.account_id != grant.account_id:
        raise WrongAnswer("GET /account: the token answers for another account than was signed in to")
    known = journal.account_named(store, name) if reach is None else journal.removed_account_named(store, name)
    _must_be_the_same(known, owner)
    writes = wanted.scopes == WRITE_SCOPES
    if reach is not None:
        known = journal.add_account(
            store, name, "aurinko", base_url, since=reach.since, attachments_up_to_bytes=reach.attachments_up_to_bytes
        )
    elif known is None:
        raise Usage(f"there is no account “{name}” any more")
    if writes or reach is not None:
        journal.set_writable(store, known.id, writes)
    journal.pin(store, known.id, Mailbox(owner.account_id, owner.email, owner.service or wanted.service))
    kept = credentials.save(store.home, name, {"token": grant.token})
    journal.answered(store, known.id)
    missing = tuple(scope for scope in wanted.scopes if not granted(scope, owner.scopes))
    same = [one for one in journal.accounts(store) if one.remote_id == owner.account_id and one.id != known.id]
    return SignedIn(
        journal.account(store, known.id), kept, missing, tuple(one.name for one in same if one.base_url == base_url)
    )


def finish_service(store: Store, name: str, base_url: str, wanted: Wanted, code: str,
                   upstream: Application) -> ServiceAccount:  # fmt: skip
    """Exchange the code of an administrator. The token is not kept: mailboxes are called with the application's rights.

    Raises: NotSignedIn, WrongMailbox, RetryLater, WrongAnswer, HomeUnusable; then nothing was changed.
    """
    grant = upstream.exchange(code)
    if wanted.account_id is not None and grant.account_id != wanted.account_id:
        raise WrongMailbox(wanted.account_id, grant.account_id)
    service = ServiceAccount(credentials.root(base_url), grant.account_id, wanted.service)
    credentials.keep_service(store.home, name, service)
    return service


def _must_be_the_same(known: Account | None, owner: Owner) -> None:
    """Raises: WrongMailbox."""
    if known is not None and known.remote_id is not None and known.remote_id != owner.account_id:
        raise WrongMailbox(known.email or known.remote_id, owner.account_id, owner.email)


def granted(scope: str, scopes: tuple[str, ...]) -> bool:
    """Whether a scope is among those that were granted, or within one of them.

    Source: the vendor's guide to scopes: to read and write includes to read; Mail.All includes all of mail.
    """
    if not scopes:
        return True  # upstream did not say
    written = scope.replace(".Read", ".ReadWrite") if scope.endswith(".Read") else scope
    return scope in scopes or written in scopes or (scope.startswith("Mail.") and "Mail.All" in scopes)


def _only(query: Mapping[str, list[str]], name: str) -> str | None:
    """The value of a parameter that is given once."""
    values = query.get(name, [])
    return values[0] if len(values) == 1 and values[0] else None
