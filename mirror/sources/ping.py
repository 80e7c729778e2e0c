"""A sign of life to a health-check service: one GET, whose answer means nothing but that it came. No record goes this way."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

import httpx

from mirror.errors import RetryLater

LONGEST_S = 10.0


def ping(
    url: str, *, healthy: bool, timeout_s: float = LONGEST_S, transport: httpx.BaseTransport | None = None
) -> None:
    """Ask for `url`, or for its `/fail` when all is not well. Raises: RetryLater when that was not answered with 2xx.

    The URL is in no error: whoever knows it may ping. Source: the HTTP API of healthchecks.io, which others have taken over.
    """
    parts = urlsplit(url)
    path = parts.path if healthy else parts.path.rstrip("/") + "/fail"
    here = parts.hostname in ("localhost", "127.0.0.1", "::1")
    try:
        with httpx.Client(
            timeout=min(timeout_s, LONGEST_S), transport=transport, trust_env=not here, headers={"User-Agent": "mirror"}
        ) as client, client.stream("GET", urlunsplit(parts._replace(path=path))) as answer:  # fmt: skip
            status = answer.status_code
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise RetryLater(type(error).__name__) from None  # not `from error`, which has the URL
    if not 200 <= status < 300:
        raise RetryLater(f"answered with {status}", status=status)
