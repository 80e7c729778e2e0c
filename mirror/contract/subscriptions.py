"""Subscriptions to changes, and the question to a new URL whether it wants to be told. Telling belongs elsewhere."""

from __future__ import annotations

from typing import Literal
from urllib.parse import urlsplit

from msgspec import UNSET, UnsetType

from mirror.contract import scopes
from mirror.contract.admission import check_scope
from mirror.contract.backend import Record
from mirror.contract.bodies import Form, Text
from mirror.contract.choices import LOOPBACK
from mirror.contract.paging import numbered
from mirror.contract.refusals import Refusal, bad_request
from mirror.contract.router import Route
from mirror.contract.watching import Subscription, watched
from mirror.contract.wire import EMPTY, Answer, Call, found, int64, without_nulls


class SubscriptionIn(Form):
    """SubscriptionRequest, and the `detailLevel` that newer clients send."""

    resource: Text = UNSET
    notification_url: Text = UNSET
    filters: list[Literal["withoutDrafts"]] | UnsetType | None = UNSET
    detail_level: Literal["signal", "status"] | UnsetType | None = UNSET


def subscribe(call: Call) -> Answer:
    asked = without_nulls(call.fields(SubscriptionIn))
    resource, url = asked.get("resource", ""), asked.get("notificationUrl", "")
    with call.backend.batch():
        _check_resource(call, resource)
    beyond = call.server.options.tells_others
    if not _may_be_asked(url, beyond=beyond):
        allowed = (
            "an https URL, or an http one of this machine"
            if beyond
            else "a URL of this machine, since a mirror sends nothing elsewhere"
        )
        raise bad_request(f"notificationUrl must be {allowed}")
    if not call.server.options.signing_secret:
        raise Refusal(503, "unavailable", "What notifications are signed with can't be read now", {"Retry-After": "60"})
    wrong = call.watching[1].verify(url)
    if wrong is not None:
        raise bad_request(f"The validation of notificationUrl failed: {wrong}")
    with call.backend.batch():
        made = call.watching[0].add(call.account, resource, url, asked.get("filters", []), asked.get("detailLevel"))
        return Answer(_shown(made))


def listed(call: Call) -> Answer:
    inactive = call.flag("includeInactive")
    every = call.watching[0].of(call.account)
    return numbered(call, [_shown(one) for one in every if one.active or inactive])


def read(call: Call) -> Answer:
    return Answer(_shown(_own(call)))


def unsubscribe(call: Call) -> Answer:
    call.watching[0].remove(_own(call).id)
    return EMPTY


def _check_resource(call: Call, resource: str) -> None:
    named = watched(resource)
    if named is None:
        raise bad_request("resource is not one that can be watched")
    check_scope(call.server, call.account, scopes.to_watch(resource))
    if named[1] is not None and not call.watching[0].is_there(call.account, resource):
        raise bad_request("resource names no calendar and no task list of this account")


def _may_be_asked(written: str, *, beyond: bool) -> bool:
    """Whether anything is sent there. Plain http stays on this machine."""
    try:
        url = urlsplit(written)
        plain = written.isascii() and written.isprintable() and " " not in written
        port = url.port
    except ValueError:
        return False
    if not plain or not url.hostname or url.fragment or url.username is not None or port == 0:
        return False
    here = url.hostname in LOOPBACK
    return (url.scheme == "https" and (beyond or here)) or (url.scheme == "http" and here)


def _own(call: Call) -> Subscription:
    wanted = int64("id", call.path["id"])
    return found(next((one for one in call.watching[0].of(call.account) if one.id == wanted), None), "subscription")


def _shown(subscription: Subscription) -> Record:
    return without_nulls(
        {
            "id": subscription.id,
            "resource": subscription.resource,
            "notificationUrl": subscription.url,
            "active": subscription.active,
            "failSince": subscription.fail_since,
            "failDescription": subscription.fail_description,
            "disabledByBilling": False,
            "filters": list(subscription.filters),
            "detailLevel": subscription.detail_level,
        }
    )


ROUTES = (
    Route("GET", "/v1/subscriptions", listed),
    Route("POST", "/v1/subscriptions", subscribe, unlocked=True),
    Route("GET", "/v1/subscriptions/{id}", read),
    Route("DELETE", "/v1/subscriptions/{id}", unsubscribe),
)
