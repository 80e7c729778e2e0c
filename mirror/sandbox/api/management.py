"""What the application manages in its own right, without any account's token: `/am`, its accounts and service accounts."""

from __future__ import annotations

import re

import msgspec
from msgspec import UNSET, UnsetType

from mirror.contract import accounts
from mirror.contract.backend import Record
from mirror.contract.bodies import Flag, Form, Moment, Text, Texts
from mirror.contract.grant import SCOPES, AccountType, Grant
from mirror.contract.paging import numbered
from mirror.contract.refusals import bad_request
from mirror.contract.router import Route
from mirror.contract.services import BY_PASSWORD, CONNECTABLE, DAEMON, NOT_DAEMON, SERVICES
from mirror.contract.wire import EMPTY, OK, Answer, Call, found, int64, without_nulls
from mirror.sandbox.accounts import Account
from mirror.sandbox.api.behind import behind

# What accounts may be recycled by, and what each is called in here.
_KEYS = ("email", "orgId", "userId", "serverUrl", "username", "clientOrgId")
_ADDRESS = re.compile(r"[^\s@]+@[^\s@]+")


class AccountIn(Form):
    """What an application may say of an account: ApiAccountInDto."""

    active: bool
    service_type: str
    service_provider: Text = UNSET
    auth_scopes: Texts = UNSET
    auth_org_id: Text = UNSET
    auth_user_id: Text = UNSET
    client_org_id: Text = UNSET
    server_url: Text = UNSET
    server_info: Text = UNSET
    login_string: Text = UNSET
    oauth_client_id: Text = UNSET
    auth_string1: Text = UNSET
    auth_string2: Text = UNSET
    password: Text = UNSET
    auth_obtained_at: Moment | UnsetType | None = UNSET
    auth_expires_at: Moment | UnsetType | None = UNSET
    email: Text = UNSET
    email2: Text = UNSET
    name: Text = UNSET
    timezone: Text = UNSET
    copy_to_sent: Flag = UNSET
    trust_server: Flag = UNSET


def listed(call: Call) -> Answer:
    return _page(call, ("personal", "managed"), NOT_DAEMON)


def services(call: Call) -> Answer:
    return _page(call, ("daemon",), DAEMON)


def read(call: Call) -> Answer:
    account = _account(call, "id")
    return Answer(accounts.shown(account, behind(call).grants.of(account.id)))


def remove(call: Call) -> Answer:
    behind(call).grants.state.remove_account(_account(call, "id").id)
    return EMPTY


def save_personal(call: Call) -> Answer:
    return _saved(call, "personal", None)


def save_service(call: Call) -> Answer:
    return _saved(call, "daemon", None)


def save_managed(call: Call) -> Answer:
    parent = _account(call, "accId")
    if behind(call).grants.of(parent.id).type != "daemon":
        raise bad_request("accId is not that of a service account")
    if parent.status != "active":
        raise bad_request("The service account is not authorized any more")
    return _saved(call, "managed", parent)


def connect(call: Call) -> Answer:
    fields = _fields(call)
    if fields["serviceType"] not in CONNECTABLE:
        raise bad_request(f"Credentials can be tried for {', '.join(CONNECTABLE)} only")
    _check_password(call, fields)
    return OK


# --- listing ----------------------------------------------------------------------------------------------------------


def _page(call: Call, types: tuple[AccountType, ...], services: tuple[str, ...]) -> Answer:
    service, org, own_org = call.choice("serviceType", services), call.text("authOrgId"), call.text("clientOrgId")
    subscription_id = call.identity("subscriptionId")
    records = []
    for account in behind(call).grants.state.accounts():
        grant = behind(call).grants.of(account.id)
        asked = (
            grant.type in types
            and service in (None, account.service_type)
            and org in (None, grant.auth_org_id)
            and own_org in (None, grant.client_org_id)
        )
        if asked and (subscription_id is None or _has_subscription(call, account, subscription_id)):
            records.append(accounts.shown(account, grant))
    return numbered(call, records)


def _has_subscription(call: Call, account: Account, subscription_id: int) -> bool:
    return any(one.id == subscription_id for one in behind(call).subscriptions.of(account))


# --- saving -----------------------------------------------------------------------------------------------------------


def _saved(call: Call, sort: AccountType, parent: Account | None) -> Answer:
    fields, grants = _fields(call), behind(call).grants
    if call.choice("userAccount", ("primary", "secondary")) is None and call.text("userId") is not None:
        raise bad_request("userAccount is required with userId")
    if sort == "daemon" and fields["serviceType"] not in DAEMON:
        raise bad_request(f"A service account is of {', '.join(DAEMON)}")
    if sort != "daemon" and fields["serviceType"] not in NOT_DAEMON:
        raise bad_request(f"{fields['serviceType']} is for service accounts only")
    if sort == "personal":
        _check_password(call, fields)
    email = fields.get("email") or fields["loginString"]
    mailbox = None if sort == "daemon" else grants.state.account_for_email(email)
    if call.flag("ensureAccess") and sort == "managed" and mailbox is None:
        raise bad_request(f"The organisation has no mailbox {email}")
    account = _recycled(call, fields, email, sort)
    grant = _grant(call, fields, email, sort, parent, Grant() if account is None else grants.of(account.id))
    if account is None:
        account = grants.new_account(mailbox, email, fields["serviceType"], grant)
    else:
        grants.allow(account, grant)
    token = grants.new_token(account.id)
    return Answer(without_nulls({"accountId": account.id, "accessToken": token, "userId": grant.user_id}))


def _grant(call: Call, fields: Record, email: str, sort: AccountType, parent: Account | None, before: Grant) -> Grant:
    own = parent and behind(call).grants.of(parent.id)
    told: Record = {
        "scopes": tuple(fields["authScopes"]) if fields.get("authScopes") else None,
        "parent_id": parent.id if parent else None,
        "client_org_id": fields.get("clientOrgId"),
        "auth_org_id": fields.get("authOrgId") or (own.auth_org_id if own else None),
        "auth_user_id": fields.get("authUserId"),
        "user_id": call.text("userId"),
        "server_url": fields.get("serverUrl"),
        "email2": fields.get("email2"),
        "timezone": fields.get("timezone"),
        "copy_to_sent": fields.get("copyToSent"),
        "trust_server": fields.get("trustServer"),
        "obtained_at": fields.get("authObtainedAt") or behind(call).grants.state.now(),
    }
    if sort == "daemon":
        told["auth_org_id"] = told["auth_org_id"] or email.rpartition("@")[2]
    elif own and not told["scopes"]:
        told["scopes"] = own.scopes
    return msgspec.structs.replace(before, type=sort, **without_nulls(told))


def _recycled(call: Call, fields: Record, email: str, sort: AccountType) -> Account | None:
    """The account that all the keys fit, where any were named."""
    keys = [word for value in call.query.get("recycleKeys", []) for word in value.split(",") if word]
    if any(key not in _KEYS for key in keys):
        raise bad_request(f"recycleKeys must be some of {', '.join(_KEYS)}")
    wanted = {
        "email": email.lower(),
        "username": (fields.get("loginString") or email).lower(),
        "orgId": fields.get("authOrgId"),
        "userId": fields.get("authUserId"),
        "serverUrl": fields.get("serverUrl"),
        "clientOrgId": fields.get("clientOrgId"),
    }
    for account in behind(call).grants.state.accounts() if keys else ():
        grant = behind(call).grants.of(account.id)
        has = {
            "email": account.email.lower(),
            "username": account.email.lower(),
            "orgId": grant.auth_org_id,
            "userId": grant.auth_user_id,
            "serverUrl": grant.server_url,
            "clientOrgId": grant.client_org_id,
        }
        same = grant.type == sort and account.service_type == fields["serviceType"]
        if same and all(has[key] == wanted[key] for key in keys):
            return account
    return None


def _fields(call: Call) -> Record:
    fields = without_nulls(call.fields(AccountIn))
    email = fields.get("email") or fields.get("loginString")
    if not email or not _ADDRESS.fullmatch(email):
        raise bad_request("email or loginString must be an e-mail address")
    if fields["serviceType"] not in SERVICES:
        raise bad_request(f"serviceType must be one of {', '.join(SERVICES)}")
    if any(scope not in SCOPES for scope in fields.get("authScopes") or []):
        raise bad_request(f"authScopes must be some of {', '.join(SCOPES)}")
    return fields


def _check_password(call: Call, fields: Record) -> None:
    if fields["serviceType"] in BY_PASSWORD:
        given = fields.get("password") or fields.get("authString1")
        if given != behind(call).options.mailbox_password:
            raise bad_request("The server did not accept the password")


def _account(call: Call, name: str) -> Account:
    return found(behind(call).grants.state.find_account(int64(name, call.path[name])), "account")


ROUTES = (
    Route("GET", "/v1/am/accounts", listed, access="application"),
    Route("POST", "/v1/am/accounts", save_personal, access="application"),
    Route("POST", "/v1/am/accounts/connect", connect, access="application"),
    Route("GET", "/v1/am/accounts/{id}", read, access="application"),
    Route("DELETE", "/v1/am/accounts/{id}", remove, access="application"),
    Route("GET", "/v1/am/svc_accounts", services, access="application"),
    Route("POST", "/v1/am/svc_accounts", save_service, access="application"),
    Route("POST", "/v1/am/svc_accounts/{accId}/accounts", save_managed, access="application"),
)
