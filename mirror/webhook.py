"""What upstream says by itself, taken or refused: from a request to an answer. It opens no port, and pulls nothing.

The answer is one of 200, 400, 401, 404 and 413. Upstream sends again whatever is not answered with 200; a 422 would make it
forget the subscription, so there is none.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from urllib.parse import parse_qs

from mirror import clock as clocks
from mirror.feed import Notice

PATH = "/-/webhook"
MOST_BYTES = 1_000_000
MOST_TOKEN_BYTES = 4_096
SIGNATURE = "x-aurinko-signature"
TIMESTAMPS = ("x-aurinko-request-timestamp", "x-aurinko-requesttimestamp")  # the second in documents of 2023
EVENTS: Mapping[Any, Literal["changed", "failing", "active"]] = {"error": "failing", "active": "active"}
TEXT = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request is answered with. `notice`: what is to be recorded first."""

    status: int
    body: bytes = b""
    content_type: str = TEXT
    notice: Notice | None = None
    verified: bool = False


NOTHING_HERE = Answer(404, b"There is nothing here.\n")
TOO_LARGE = Answer(413, b"That is more than a notification has.\n")
UNVERIFIED = Answer(401, b"The signature is not right.\n")


def answer(
    method: str, query: bytes, headers: Mapping[str, str], body: bytes, at: datetime, secrets: Mapping[str, str]
) -> Answer:
    """The answer to a request for the webhook's address.

    `headers`: by lower-case name. `secrets`: the signing secret of each base URL that there are accounts of. An old timestamp
    is as good as a new one: what is sent again carries its first. Source: docs.aurinko.io, “Webhooks API”.
    """
    if method != "POST":
        return NOTHING_HERE
    if len(body) > MOST_BYTES:
        return TOO_LARGE
    signed = _signed(headers, body)
    base_urls = _verified_by(signed, headers.get(SIGNATURE, ""), secrets)
    if not base_urls:
        return UNVERIFIED
    try:
        asked = parse_qs(query.decode("ascii"), keep_blank_values=True, errors="strict").get("validationToken")
        if asked is not None:
            return _validation(asked[-1])
        return Answer(200, notice=_notice(json.loads(body), signed, at, base_urls), verified=True)
    except (ValueError, RecursionError):
        return Answer(400, b"That is no notification.\n", verified=True)


def _signed(headers: Mapping[str, str], body: bytes) -> bytes:
    stamp = next((headers[name] for name in TIMESTAMPS if name in headers), "")
    return b"v0:" + stamp.encode("utf-8", "surrogateescape") + b":" + body


def signature_of(secret: str, signed: bytes) -> str:
    """Lower-case hex, as upstream sends it."""
    return hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def _verified_by(signed: bytes, given: str, secrets: Mapping[str, str]) -> tuple[str, ...]:
    """The base URLs whose secret made the signature: all are tried, so that time tells nothing."""
    claimed = given.strip().lower().encode("utf-8", "surrogateescape")
    matches = [
        (base_url, hmac.compare_digest(signature_of(secret, signed).encode(), claimed))
        for base_url, secret in secrets.items()
        if secret
    ]
    return tuple(base_url for base_url, matched in matches if matched)


def _validation(token: str) -> Answer:
    """Upstream makes sure that the address is ours. Raises: ValueError."""
    body = token.encode()
    if not body or len(body) > MOST_TOKEN_BYTES:
        raise ValueError
    return Answer(200, body, "text/plain", verified=True)


def _notice(told: Any, signed: bytes, at: datetime, base_urls: tuple[str, ...]) -> Notice:
    """Raises: ValueError. Which records changed, and how, is left to the pull: it is not reliable here."""
    if not isinstance(told, dict):
        raise ValueError
    return Notice(
        mailbox=_number(told.get("accountId")),
        subscription=_number(told.get("subscription")),
        resource=_text(told.get("resource")) or "",
        received_at=clocks.text(at),
        digest=hashlib.sha256(signed).hexdigest(),
        base_urls=base_urls,
        event=EVENTS.get(_text(told.get("lifecycleEvent")), "changed"),
        error=(_text(told.get("error")) or "")[:500] or None,
    )


def _number(written: Any) -> str:
    """An id, which documents show as a number and as text. Raises: ValueError."""
    if isinstance(written, bool) or not isinstance(written, int | str):
        raise ValueError
    return str(int(written))


def _text(written: Any) -> str | None:
    return written.encode("utf-8", "replace").decode() if isinstance(written, str) else None
