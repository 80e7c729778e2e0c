"""The account itself: what it is, and its end. Signing in belongs elsewhere."""

from __future__ import annotations

from mirror.contract.backend import AccountLike, Record
from mirror.contract.grant import Grant
from mirror.contract.refusals import bad_request, token_dead, token_refresh_failed
from mirror.contract.router import Route
from mirror.contract.services import PINGABLE, provider_of
from mirror.contract.wire import EMPTY, Answer, Call, without_nulls

_ERRORS = {
    "dead": "invalid_grant: the authorization was withdrawn",
    "invalid": "The provider answered 401",
}


def shown(account: AccountLike, grant: Grant) -> Record:
    """The account as the vendor's file describes it: an ApiAccountOutDto."""
    daemon = grant.type == "daemon"
    return without_nulls(
        {
            "id": account.id,
            "parentId": grant.parent_id,
            "serviceType": account.service_type or None,
            "serviceProvider": provider_of(account.service_type) or None,
            "active": True,
            "tokenStatus": account.status,
            "tokenError": _ERRORS.get(account.status),
            "type": grant.type,
            "daemon": daemon,
            "loginString": account.email or None,
            "email": account.email or None,
            "email2": grant.email2,
            "mailboxAddress": None if daemon else account.email or None,
            "name": account.name,
            "serverUrl": grant.server_url,
            "clientOrgId": grant.client_org_id,
            "authUserId": grant.auth_user_id,
            "authOrgId": grant.auth_org_id,
            "timezone": grant.timezone,
            "tokenIssuedAt": grant.token_issued_at,
            "authScopes": list(grant.scopes),
            "authNativeScopes": list(grant.native_scopes) or None,
            "authObtainedAt": grant.obtained_at or account.created_at,
            "userId": grant.user_id,
            "copyToSent": grant.copy_to_sent,
            "trustServer": grant.trust_server,
            "createdAt": account.created_at,
            "updatedAt": grant.obtained_at or account.created_at,
        }
    )


def read(call: Call) -> Answer:
    account = call.account
    if call.flag("pingProvider"):
        _ping(call, account)
    record = shown(account, call.server.grants.granted(account))
    token = call.server.grants.provider_token(account) if call.flag("includeProviderAuth") else None
    return Answer(record if token is None else {**record, "providerAccessToken": token})


def _ping(call: Call, account: AccountLike) -> None:
    if call.server.options.mirrored:
        raise bad_request("pingProvider: a mirror asks no provider")
    if account.service_type not in PINGABLE:
        raise bad_request(f"pingProvider is for {', '.join(PINGABLE)} only")
    if account.status == "dead":
        raise token_dead()
    if account.status == "invalid":
        raise token_refresh_failed()


def remove(call: Call) -> Answer:
    call.writer.remove_account(call)
    return EMPTY


def revoke(call: Call) -> Answer:
    call.writer.revoke_token(call)
    return EMPTY


ROUTES = (
    Route("GET", "/v1/account", read),
    Route("DELETE", "/v1/account", remove),
    Route("DELETE", "/v1/account/token", revoke),
)
