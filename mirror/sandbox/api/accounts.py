"""The account itself: what it is, and its end. Signing in belongs elsewhere."""

from __future__ import annotations

from mirror.sandbox.api.router import Route
from mirror.sandbox.api.wire import EMPTY, Answer, Call

SCOPES = (
    "Mail.Read",
    "Mail.ReadWrite",
    "Mail.Send",
    "Mail.Drafts",
    "Calendar.ReadWrite",
    "Contacts.ReadWrite",
    "Tasks.ReadWrite",
)


def read(call: Call) -> Answer:
    account = call.account
    shown = {
        "id": account.id,
        "serviceType": account.service_type,
        "serviceProvider": account.service_type,
        "active": True,
        "tokenStatus": account.status,
        "type": "personal",
        "daemon": False,
        "loginString": account.email,
        "email": account.email,
        "mailboxAddress": account.email,
        "authScopes": list(SCOPES),
        "authObtainedAt": account.created_at,
        "createdAt": account.created_at,
        "updatedAt": account.created_at,
    }
    if account.name:
        shown["name"] = account.name
    if account.status != "active":
        shown["tokenError"] = "invalid_grant: the authorization was withdrawn"
    return Answer(shown)


def remove(call: Call) -> Answer:
    call.backend.remove_account(call.account.id)
    return EMPTY


def revoke(call: Call) -> Answer:
    call.backend.set_token(call.account.id, None)
    return EMPTY


ROUTES = (
    Route("GET", "/v1/account", read),
    Route("DELETE", "/v1/account", remove),
    Route("DELETE", "/v1/account/token", revoke),
)
