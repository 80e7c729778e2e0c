"""Signing in, the program's side of it: authorize sends the browser on, and a code is exchanged for an account's token.

What the program got wrong is refused here with 400; what a person decides is told to the return URL, by the consent page.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from mirror.contract.choices import LOOPBACK
from mirror.contract.grant import SCOPES, USUAL_SCOPES
from mirror.contract.refusals import bad_request
from mirror.contract.router import Route
from mirror.contract.services import DAEMON, NOT_DAEMON
from mirror.contract.wire import Answer, Call
from mirror.sandbox.api.behind import behind
from mirror.sandbox.grants import SignIn

CONSENT = "/sandbox/sign-in/{ticket}"


def authorize(call: Call) -> Answer:
    return _begin(call, daemon=False)


def authorize_daemon(call: Call) -> Answer:
    return _begin(call, daemon=True)


def exchange(call: Call) -> Answer:
    account_id = behind(call).grants.redeem(call.path["code"])
    if account_id is None or call.backend.find_account(account_id) is None:
        raise bad_request("The code is not known, was used already, or has expired")
    return Answer({"accountId": account_id, "accessToken": behind(call).grants.new_token(account_id)})


def _begin(call: Call, *, daemon: bool) -> Answer:
    if call.text("clientId") != behind(call).options.client_id:
        raise bad_request("clientId is not that of an application")
    service_type = call.choice("serviceType", DAEMON if daemon else NOT_DAEMON)
    if service_type is None:
        raise bad_request("serviceType is required")
    asked = SignIn(
        daemon=daemon,
        service_type=service_type,
        return_url=_return_url(call),
        scopes=_scopes(call),
        native_scopes=tuple(_words(call, "nativeScopes")),
        response_type=call.choice("responseType", ("code", "token"), "code") or "code",
        account_id=_account_to_authorize_again(call, service_type, daemon=daemon),
        login_hint=call.text("loginHint"),
        state=call.text("state"),
        client_org_id=call.text("clientOrgId"),
        server_url=call.text("serverUrl"),
        ensure_scopes=call.flag("ensureScopes"),
        recycle=call.flag("recycle"),
        auth_email=call.text("authEmail"),
    )
    call.flag("ensureAccess")
    ticket = behind(call).grants.begin(asked)
    return Answer(status=303, headers={"Location": CONSENT.format(ticket=ticket), "Cache-Control": "no-store"})


def _return_url(call: Call) -> str:
    """The registered URL to come back to: every http URL of this machine's own, and those of the options."""
    written = call.text("returnUrl")
    if written is None:
        raise bad_request("returnUrl is required")
    if written in behind(call).options.return_urls:
        return written
    try:
        url = urlsplit(written)
        own = url.scheme == "http" and url.hostname in LOOPBACK and url.username is None and (url.port or 80) > 0
    except ValueError:
        own = False
    if not own or url.fragment or not written.isascii() or not written.isprintable() or " " in written:
        raise bad_request("returnUrl is not registered")
    return written


def _words(call: Call, name: str) -> list[str]:
    """The words of a parameter that may be repeated, separated by spaces, or both."""
    return [word for value in call.query.get(name, []) for word in value.split()]


def _scopes(call: Call) -> tuple[str, ...]:
    asked = list(dict.fromkeys(_words(call, "scopes")))
    unknown = [scope for scope in asked if scope not in SCOPES]
    if unknown:
        raise bad_request(f"scopes must be some of {', '.join(SCOPES)}")
    return tuple(asked) or USUAL_SCOPES


def _account_to_authorize_again(call: Call, service_type: str, *, daemon: bool) -> int | None:
    account_id = call.identity("accountId")
    if account_id is None:
        return None
    account = call.backend.find_account(account_id)
    same_sort = account is not None and (behind(call).grants.of(account_id).type == "daemon") == daemon
    if account is None or not same_sort or account.service_type != service_type:
        raise bad_request("accountId is not that of an account of this service")
    return account_id


ROUTES = (
    Route("GET", "/v1/auth/authorize", authorize, access="anyone"),
    Route("GET", "/v1/auth/authorizeDaemon", authorize_daemon, access="anyone"),
    Route("GET", "/v1/auth/token/{code}", exchange, access="application"),
    Route("POST", "/v1/auth/token/{code}", exchange, access="application"),
)
