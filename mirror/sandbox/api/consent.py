"""Signing in, the person's side of it: the page of the sandbox that plays the provider, and what their answer leads to.

What a person can mend is said on the page again. Everything else goes to the return URL: `code`, `state` and
`status=success`, or `error` and `state`. These routes are the sandbox's own; the vendor's file has none of them.
"""

from __future__ import annotations

import re
from dataclasses import replace
from urllib.parse import parse_qs, quote, urlencode, urlsplit, urlunsplit

import msgspec

from mirror.contract.grant import Grant
from mirror.contract.router import Route
from mirror.contract.services import BY_PASSWORD, WITH_SERVER
from mirror.contract.wire import Answer, Call
from mirror.errors import MirrorError
from mirror.sandbox import consent_page
from mirror.sandbox.accounts import Account
from mirror.sandbox.api.auth import CONSENT
from mirror.sandbox.api.behind import behind
from mirror.sandbox.consent_page import Choice
from mirror.sandbox.grants import SignIn

_ADDRESS = re.compile(r"[^\s@<>\"',;]+@[^\s@<>\"',;]+")
_HTML = "text/html; charset=utf-8"


class _Mend(MirrorError):
    """Something on the page that the person can put right: a sentence."""


class _Failed(MirrorError):
    """The sign-in ends without an account: the word that the return URL is told."""


def show(call: Call) -> Answer:
    asked = behind(call).grants.asked(call.path["ticket"])
    return _over() if asked is None else _page(call, asked, {}, asked.scopes)


def decide(call: Call) -> Answer:
    asked = behind(call).grants.asked(call.path["ticket"])
    if asked is None:
        return _over()
    form = parse_qs(call.content.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=100)
    given = {name: values[0] for name, values in form.items()}
    granted = [scope for scope in asked.scopes if scope in form.get("scope", [])]
    try:
        if given.get("decision") != "allow":
            raise _Failed("access_denied")
        account = _signed_in(call, asked, given, tuple(granted))
    except _Mend as sentence:
        return _page(call, asked, given, granted, str(sentence))
    except _Failed as word:
        return _leave(call, asked, {"error": str(word)})
    if asked.response_type == "token":
        told = {"token": behind(call).grants.new_token(account.id), "accountId": str(account.id)}
    else:
        told = {"code": behind(call).grants.new_code(account.id)}
    return _leave(call, asked, {**told, "status": "success"})


def _signed_in(call: Call, asked: SignIn, given: dict[str, str], granted: tuple[str, ...]) -> Account:
    """The account that the person has opened: the one to authorize again, one to recycle, or a new one."""
    grants = behind(call).grants
    email, mailbox = _mailbox(call, asked, given)
    if asked.auth_email is not None and email.lower() != asked.auth_email.lower():
        raise _Failed("email_mismatch")
    if asked.ensure_scopes and set(granted) != set(asked.scopes):
        raise _Failed("insufficient_scopes")
    # A service account is nobody's mailbox, so two of one administrator are two.
    account = _account_to_keep(call, asked, email)
    before = Grant() if account is None else grants.of(account.id)
    grant = msgspec.structs.replace(
        before,
        scopes=granted,
        native_scopes=asked.native_scopes,
        type="daemon" if asked.daemon else before.type,
        client_org_id=asked.client_org_id or before.client_org_id,
        auth_org_id=email.rpartition("@")[2] if asked.daemon else before.auth_org_id,
        auth_user_id=email,
        server_url=given.get("server") or before.server_url,
        obtained_at=grants.state.now(),
    )
    if account is None:
        return grants.new_account(None if asked.daemon else mailbox, email, asked.service_type, grant)
    grants.allow(account, grant)
    grants.state.set_token_status(account.id, "active")
    return account


def _account_to_keep(call: Call, asked: SignIn, email: str) -> Account | None:
    state, grants = behind(call).grants.state, behind(call).grants
    if asked.account_id is not None:
        account = state.find_account(asked.account_id)
        if account is None or account.email.lower() != email.lower():
            raise _Failed("account_mismatch")
        return account
    if not asked.recycle or asked.daemon:
        return None
    for account in state.accounts():
        same = account.email.lower() == email.lower() and account.service_type == asked.service_type
        if same and grants.of(account.id).type == "personal" and _same_org(grants.of(account.id), asked):
            return account
    return None


def _same_org(grant: Grant, asked: SignIn) -> bool:
    return asked.client_org_id in (None, grant.client_org_id)


def _mailbox(call: Call, asked: SignIn, given: dict[str, str]) -> tuple[str, Account | None]:
    """The address that was signed in to, and its mailbox where the sandbox has one already."""
    state, address = behind(call).grants.state, given.get("address", "").strip()
    if asked.service_type not in BY_PASSWORD:
        offered = {str(one.id): one for one in _offered(call, asked)}
        picked = offered.get(given.get("mailbox", ""))
        if picked is not None:
            return picked.email, picked
    if not _ADDRESS.fullmatch(address):
        raise _Mend("Say which mailbox: pick one, or type an e-mail address.")
    mailbox = state.account_for_email(address)
    if asked.service_type in BY_PASSWORD:
        if asked.service_type in WITH_SERVER and not given.get("server", "").strip():
            raise _Mend("Name the server of the mailbox.")
        if given.get("password") != behind(call).options.mailbox_password:
            raise _Mend(f"The password is wrong. In this sandbox it is {behind(call).options.mailbox_password}.")
    elif mailbox is not None and mailbox.service_type != asked.service_type:
        raise _Mend(f"{mailbox.email} is a mailbox of {mailbox.service_type}, not of {asked.service_type}.")
    return (address, None) if mailbox is None else (mailbox.email, replace(mailbox, service_type=asked.service_type))


def _offered(call: Call, asked: SignIn) -> list[Account]:
    """The mailboxes of this service, each once."""
    grants = behind(call).grants
    every = [one for one in grants.state.accounts() if one.id == one.mailbox_id and grants.of(one.id).type != "daemon"]
    return [one for one in every if one.service_type == asked.service_type]


def _page(
    call: Call, asked: SignIn, given: dict[str, str], granted: list[str] | tuple[str, ...], wrong: str | None = None
) -> Answer:
    choice = Choice(_offered(call, asked), given, granted, wrong)
    headers = consent_page.headers(asked.return_url)
    status = 200 if wrong is None else 422
    return Answer(None, status, headers, consent_page.consent(asked, choice), _HTML)


def _over() -> Answer:
    return Answer(None, 410, consent_page.headers(), consent_page.over(), _HTML)


def _leave(call: Call, asked: SignIn, told: dict[str, str]) -> Answer:
    """Back to the application, once."""
    behind(call).grants.answered(call.path["ticket"])
    more = told if asked.state is None else {**told, "state": asked.state}
    url = urlsplit(asked.return_url)
    query = "&".join(part for part in (url.query, urlencode(more, quote_via=quote)) if part)
    return Answer(status=303, headers={"Location": urlunsplit(url._replace(query=query)), "Cache-Control": "no-store"})


ROUTES = (
    Route("GET", CONSENT, show, access="anyone"),
    Route("POST", CONSENT, decide, access="anyone"),
)
