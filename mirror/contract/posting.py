"""The one way out: a POST over HTTP to a notification URL. It keeps nothing, follows no redirect, tries once."""

from __future__ import annotations

from collections.abc import Mapping

import httpx

from mirror.clock import Clock, SystemClock
from mirror.contract.notifications import Reply

MOST_BYTES = 65_536


class Poster:
    """Posts through one client, opened when it is first needed. Tests hand in a transport without sockets."""

    def __init__(self, transport: httpx.BaseTransport | None = None, clock: Clock | None = None) -> None:
        self._transport = transport
        self._clock = clock or SystemClock()
        self._client: httpx.Client | None = None

    def __call__(self, url: str, headers: Mapping[str, str], content: bytes, timeout_s: float) -> Reply:
        """What was answered, or why nothing was."""
        if self._client is None:
            self._client = httpx.Client(transport=self._transport, trust_env=False, follow_redirects=False)
        until = self._clock.monotonic() + timeout_s
        told = b""
        try:
            with self._client.stream("POST", url, headers=dict(headers), content=content, timeout=timeout_s) as answer:
                for part in answer.iter_bytes():
                    told += part
                    # httpx's own limit is on the time between two parts.
                    if len(told) > MOST_BYTES or self._clock.monotonic() > until:
                        return Reply(None, text="Its answer does not end")
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
            return Reply(None, text=f"{type(error).__name__}: {error}"[:200])
        return Reply(answer.status_code, answer.headers.get("Content-Type", ""), told.decode("utf-8", "replace"))

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None
