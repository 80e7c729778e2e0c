"""Aurinko's side of signing in: where a person allows it, the code for a token, and whose mailbox that opens.

It keeps nothing, and what it raises never holds a code, a token or a secret.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import httpx
import msgspec

from mirror.clock import Clock
from mirror.errors import NotSignedIn, RecordGone, Refused, RetryLater, SignInAgain, Unsure, Usage, WrongAnswer
from mirror.feed import Request
from mirror.sources.aurinko_paths import segment
from mirror.sources.http import CONNECT_PATIENCE_S, Http, api_root

T = TypeVar("T")

SERVICES = (
    "Google", "Office365", "iCloud", "IMAP", "EWS", "Zoho",
    # What follows are no mailboxes, but some have calendars, contacts or tasks.
    "Salesforce", "Salesflare", "Repfabric", "Slack", "SugarCRM", "HighLevel", "Hubspot", "Zoom", "Webex", "WebexBot",
    "Pipedrive", "EclipseERP", "AutoQuotes", "NetSuite", "SpecPath", "Clientify", "QuickBooks", "ActiveCampaign", "Creatio",
    "ConstantContact", "Fishbowl",
)  # fmt: skip
"""What a person can sign in to. Source: `ServiceTypeNonDaemon` of the vendor's file."""

MAILBOXES = SERVICES[:6]

DAEMON_SERVICES = (
    "Google", "Office365", "EWS", "Zoho", "Slack", "GoogleBot", "MsTeamsBot", "SlackBot", "ZoomBot", "MCTrade",
)  # fmt: skip
"""What an organisation's administrator can sign in to. Source: `ServiceTypeDaemon` of the vendor's file."""

ALSO_CALLED = {
    "gmail": "Google", "workspace": "Google", "gsuite": "Google", "outlook": "Office365", "microsoft": "Office365",
    "microsoft365": "Office365", "o365": "Office365", "exchange": "EWS", "apple": "iCloud",
}  # fmt: skip

READ_SCOPES = ("Mail.Read", "Calendar.Read", "Contacts.Read", "Tasks.Read")
WRITE_SCOPES = (
    "Mail.ReadWrite", "Mail.Send", "Mail.Drafts", "Calendar.ReadWrite", "Contacts.ReadWrite", "Tasks.ReadWrite",
)  # fmt: skip

PATIENCE_S = 30.0  # a person is waiting
PAGE_SIZE = 100


@dataclass(frozen=True, slots=True)
class Grant:
    """What a code was exchanged for."""

    account_id: str
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose account it is, and what may be done with it."""

    account_id: str
    email: str | None
    service: str | None
    scopes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Listed:
    """An account of an application."""

    account_id: str
    service_account_id: str | None
    email: str | None
    service: str | None
    daemon: bool
    token_status: str | None


def service_named(written: str, services: Sequence[str] = SERVICES) -> str:
    """Upstream's name of a service, however it is capitalised. Raises: Usage."""
    known = {name.lower(): name for name in services}
    low = written.strip().lower().replace(" ", "").replace("-", "")
    found = known.get(low) or known.get(ALSO_CALLED.get(low, "").lower())
    if found:
        return found
    near = difflib.get_close_matches(low, known, 1)
    meant = f"; did you mean {known[near[0]]}?" if near else ""
    raise Usage(f"there is no service “{written}”{meant} There are: {', '.join(services)}")


def authorize_url(base_url: str, params: Mapping[str, str | None], *, daemon: bool = False) -> str:
    """Where a person's browser goes to allow it."""
    given = {name: value for name, value in params.items() if value}
    return f"{api_root(base_url)}/auth/authorize{'Daemon' if daemon else ''}?{urlencode(given, quote_via=quote)}"


class Application:
    """Calls with an application's own rights."""

    def __init__(self, base_url: str, client_id: str, client_secret: str, *, clock: Clock,
                 transport: httpx.BaseTransport | None = None) -> None:  # fmt: skip
        self._base_url = base_url
        self._clock = clock
        self._transport = transport
        headers = {"Accept": "application/json"}
        self._http = Http(
            base_url, clock=clock, headers=headers, auth=(client_id, client_secret), budget_s=PATIENCE_S,
            transport=transport,
        )  # fmt: skip

    def close(self) -> None:
        self._http.close()

    def exchange(self, code: str) -> Grant:
        """The token for a code. It is asked for once: a code is good for one time only.

        Raises: NotSignedIn, RetryLater, WrongAnswer, Stopped. None of them holds the code.
        """
        path = f"/auth/token/{segment(code)}"
        try:
            answer = self._http.write(Request("POST", path))
            found = _decode_grant(answer.content)
        except SignInAgain:
            raise NotSignedIn("app_refused") from None
        except (Refused, RecordGone) as error:
            raise NotSignedIn("code_refused", f"{error.status} {error.code or ''}".strip()) from None
        except (RetryLater, Unsure) as error:
            raise RetryLater(
                error.detail.replace(path, "/auth/token/…"), status=error.status, code=error.code
            ) from None
        except (msgspec.DecodeError, UnicodeDecodeError, ValueError):
            raise WrongAnswer("POST /auth/token/…: no account and token in the answer", status=200) from None
        return Grant(str(found.accountId), found.accessToken)

    def owner(self, token: str) -> Owner:
        """Whose account a token opens. Raises: SignInAgain, RetryLater, NotPermitted, WrongAnswer, Stopped."""
        headers = {"Accept": "application/json", "Authorization": f"Bearer {token}"}
        http = Http(self._base_url, clock=self._clock, headers=headers, budget_s=PATIENCE_S, transport=self._transport)
        try:
            return _owner(http)
        finally:
            http.close()

    def accounts(self) -> Iterator[Listed]:
        """All accounts of the application, each once, page by page.

        Raises: NotSignedIn (`app_refused`), RetryLater, NotPermitted, WrongAnswer, Stopped.
        """
        seen: set[str] = set()
        offset = 0
        while True:
            params = {"limit": PAGE_SIZE, "offset": offset}
            try:
                answer, page = self._http.get("/am/accounts", params, decode=_decode_page)
            except SignInAgain:
                raise NotSignedIn("app_refused") from None
            if page is None:
                raise WrongAnswer(
                    f"GET /am/accounts: {answer.status} {answer.code or ''}".strip(), status=answer.status
                )
            new = [one for one in page.records if str(one.id) not in seen]
            seen.update(str(one.id) for one in new)
            yield from map(_listed, new)
            offset += len(page.records)
            if not new or page.done or (page.totalSize is not None and offset >= page.totalSize):
                return

    def add_mailbox(self, service_account_id: str, service: str, email: str, scopes: Sequence[str]) -> str:
        """The id of the account for a mailbox of an organisation: made, or the one that is there.

        Raises: NotSignedIn (`app_refused`), Refused (no such mailbox), RetryLater (to be repeated is safe), WrongAnswer.
        """
        path = f"/am/svc_accounts/{segment(service_account_id)}/accounts"
        body = {"active": True, "serviceType": service, "email": email, "authScopes": list(scopes)}
        try:
            found = _decode_grant(self._http.write(Request("POST", path, {"recycleKeys": "email"}, body=body)).content)
        except SignInAgain:
            raise NotSignedIn("app_refused") from None
        except RecordGone as error:
            raise Refused(error.detail, status=error.status, code=error.code) from None
        except Unsure as error:
            raise RetryLater(error.detail, status=error.status, code=error.code) from error
        except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as error:
            raise WrongAnswer(f"POST {path}: no account in the answer", status=200) from error
        return str(found.accountId)


def revoke(base_url: str, credentials: Mapping[str, str], *, clock: Clock,
           transport: httpx.BaseTransport | None = None) -> bool:  # fmt: skip
    """Let upstream delete an account's token and withdraw the provider's permission; False: there was none any more.

    Raises: RetryLater (it may be done or not; to be repeated is safe), Refused, Stopped.
    """
    http = Http(base_url, clock=clock, budget_s=PATIENCE_S, transport=transport, **account_rights(credentials))
    try:
        http.write(Request("DELETE", "/account/token"))
    except (SignInAgain, RecordGone):
        return False
    except Unsure as error:
        raise RetryLater(error.detail, status=error.status, code=error.code) from error
    finally:
        http.close()
    return True


def account_rights(credentials: Mapping[str, str]) -> dict[str, Any]:
    """The headers, and the name and password, that an account is called with.

    Source: the vendor's file, security schemes `AccountAuth` and `AppAuth` with `X-Aurinko-Account-Id`.
    """
    headers = {"Accept": "application/json"}
    if "token" in credentials:
        return {"headers": {**headers, "Authorization": f"Bearer {credentials['token']}"}, "auth": None}
    return {
        "headers": {**headers, "X-Aurinko-Account-Id": credentials["account_id"]},
        "auth": (credentials["client_id"], credentials["client_secret"]),
    }


class _Saved(msgspec.Struct):
    accountId: int | str  # noqa: N815  (upstream's names, as in all of these)
    accessToken: str  # noqa: N815


class _Account(msgspec.Struct):
    id: int | str
    parentId: int | str | None = None  # noqa: N815
    type: str | None = None
    daemon: bool | None = None
    email: str | None = None
    mailboxAddress: str | None = None  # noqa: N815
    loginString: str | None = None  # noqa: N815
    serviceType: str | None = None  # noqa: N815
    tokenStatus: str | None = None  # noqa: N815
    authScopes: list[str] | None = None  # noqa: N815

    @property
    def address(self) -> str | None:
        login = self.loginString if self.loginString and "@" in self.loginString else None
        return self.email or self.mailboxAddress or login


class _Page(msgspec.Struct):
    records: list[_Account]
    totalSize: int | None = None  # noqa: N815
    done: bool | None = None


_decode_grant = msgspec.json.Decoder(_Saved).decode
_decode_account = msgspec.json.Decoder(_Account).decode
_decode_page = msgspec.json.Decoder(_Page).decode


def _owner(http: Http) -> Owner:
    answer, account = http.get("/account", decode=_decode_account, connect_patience_s=CONNECT_PATIENCE_S)
    if account is None:
        raise WrongAnswer("GET /account", status=answer.status, code=answer.code)
    return Owner(str(account.id), account.address, account.serviceType, tuple(account.authScopes or ()))


def _listed(account: _Account) -> Listed:
    parent = None if account.parentId is None else str(account.parentId)
    daemon = bool(account.daemon) or account.type == "daemon"
    return Listed(str(account.id), parent, account.address, account.serviceType, daemon, account.tokenStatus)
