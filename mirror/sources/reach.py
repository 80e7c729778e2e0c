"""Whether upstream is there at all: one request that takes nothing along and wants nothing but an answer."""

from __future__ import annotations

import email.utils
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx

from mirror.errors import RetryLater
from mirror.sources.http import LOOPBACK, api_root

LONGEST_S = 10.0


@dataclass(frozen=True, slots=True)
class Reached:
    """What came back. `date`: what time it is there, by the header of that name."""

    status: int
    date: datetime | None


def reach(base_url: str, *, transport: httpx.BaseTransport | None = None) -> Reached:
    """An answer of upstream's, whatever it says: without credentials, a 401 is what is to be expected.

    Raises: RetryLater when there was none, Usage for what is no URL.
    """
    root = httpx.URL(api_root(base_url))
    try:
        with httpx.Client(timeout=LONGEST_S, transport=transport, trust_env=root.host not in LOOPBACK) as client:
            answer = client.get(f"{root}/account")
    except (httpx.TransportError, httpx.InvalidURL) as error:
        raise RetryLater(f"{type(error).__name__}: {error}") from error
    return Reached(answer.status_code, _date(answer.headers.get("date")))


def _date(value: str | None) -> datetime | None:
    try:
        moment = email.utils.parsedate_to_datetime(value or "")
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
