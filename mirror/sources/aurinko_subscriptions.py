"""Aurinko's webhooks: what it is to tell of by itself, and to whom. It receives nothing, and keeps no list.

Source: the vendor's OpenAPI file, “Webhooks”. Upstream keeps two subscriptions to one thing apart: whoever asks looks first.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import msgspec

from mirror.errors import RecordGone, WrongAnswer
from mirror.feed import Feed, Request, Subscribed
from mirror.sources.aurinko_paths import segment
from mirror.sources.http import Http

RESOURCES = {
    "contacts": "/contacts",
    "events": "/calendars/{parent}/events",
    "messages": "/email/messages",
    "tasks": "/tasklists/{parent}/tasks",
}
SAFE = "@:!$&'()*+,;=~"  # what a part of a path may hold as it is: RFC 3986 §3.3
PER_PAGE = 100
MOST_PAGES = 100


class _Subscription(msgspec.Struct):
    id: int | str
    resource: str = ""
    notificationUrl: str = ""  # noqa: N815  (upstream's name, as all fields here)
    active: bool | None = None
    failSince: str | None = None  # noqa: N815
    failDescription: str | None = None  # noqa: N815
    disabledByBilling: bool | None = None  # noqa: N815


class _Page(msgspec.Struct):
    records: list[_Subscription] | None = None
    done: bool | None = None


_decode_page = msgspec.json.Decoder(_Page).decode
_decode_one = msgspec.json.Decoder(_Subscription).decode


class AurinkoSubscriptions:
    """See `base.Subscriber` for what each method promises."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def resource(self, feed: Feed) -> str | None:
        template = RESOURCES.get(feed.kind)
        return template.format(parent=quote(feed.parent or "", safe=SAFE)) if template else None

    def subscriptions(self) -> list[Subscribed]:
        found: list[Subscribed] = []
        for _ in range(MOST_PAGES):
            params = {"limit": PER_PAGE, "offset": len(found), "includeInactive": "true"}
            answer, page = self._http.get("/subscriptions", params, decode=_decode_page)
            if page is None:
                raise WrongAnswer("GET /subscriptions", status=answer.status, code=answer.code)
            found += map(_subscribed, page.records or [])
            if page.done is not False or not page.records:
                return found
        raise WrongAnswer("GET /subscriptions: the list has no end", status=200)

    def subscribe(self, resource: str, url: str) -> Subscribed:
        body: dict[str, Any] = {"resource": resource, "notificationUrl": url}
        answer = self._http.write(Request("POST", "/subscriptions", body=body))
        try:
            return _subscribed(_decode_one(answer.content))
        except (msgspec.DecodeError, ValueError) as error:
            raise WrongAnswer(f"POST /subscriptions: {error}", status=answer.status) from error

    def unsubscribe(self, remote_id: str) -> None:
        try:
            self._http.write(Request("DELETE", f"/subscriptions/{segment(remote_id)}"))
        except RecordGone:
            return


def _subscribed(one: _Subscription) -> Subscribed:
    failing = one.failDescription or one.failSince
    return Subscribed(
        str(one.id), one.resource, one.notificationUrl, one.active is not False, failing, bool(one.disabledByBilling)
    )
