"""Who may do what: credentials, the state of their token, and scopes. It knows nothing of what is then done."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping

from mirror.contract import scopes
from mirror.contract.backend import AccountLike
from mirror.contract.refusals import application_only, forbidden, token_dead, token_refresh_failed, unauthorized
from mirror.contract.router import Route
from mirror.contract.wire import Server


def admitted(server: Server, route: Route, headers: Mapping[str, str]) -> AccountLike | None:
    """The account that the request is made for, None where none is needed. Raises: Refusal 401, or 403 for want of a scope."""
    if route.access == "anyone":
        return None
    scheme, _, given = headers.get("Authorization", "").partition(" ")
    if route.access == "application":
        if scheme.lower() != "basic" or not _is_application(server, given):
            raise application_only()
        return None
    account = _account(server, scheme.lower(), given.strip(), headers.get("X-Aurinko-Account-Id", ""))
    if account is None:
        raise unauthorized()
    if route.template == "/v1/account" and scheme.lower() == "basic":
        return account
    if account.status == "dead":
        raise token_dead()
    if account.status == "invalid":
        raise token_refresh_failed()
    check_scope(server, account, scopes.sufficient(route.method, route.template))
    return account


def check_scope(server: Server, account: AccountLike, enough: tuple[str, ...]) -> None:
    """Raises: Refusal, when the account was granted none of these. Where there are none, every account may."""
    if not enough:
        return
    grant = server.grants.granted(account)
    if grant.type == "daemon":
        raise forbidden("A service account has no mailbox of its own")
    if not set(enough) & set(grant.scopes):
        raise forbidden(f"The scope {enough[0]} was not granted", server.options.missing_scope_status)


def _account(server: Server, scheme: str, given: str, account_id: str) -> AccountLike | None:
    if scheme == "bearer":
        return server.backend.account_for_token(given)
    if scheme != "basic" or not _is_application(server, given):
        return None
    known = account_id.isascii() and account_id.isdigit() and len(account_id) < 19
    return server.backend.find_account(int(account_id)) if known else None


def _is_application(server: Server, given: str) -> bool:
    try:
        pair = base64.b64decode(given.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return False
    known = f"{server.options.client_id}:{server.options.client_secret}"
    return bool(server.options.client_secret) and hmac.compare_digest(pair.encode(), known.encode())
