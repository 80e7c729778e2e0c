"""The one way out: a POST over HTTP to a notification URL. It keeps nothing, follows no redirect, tries once."""

from __future__ import annotations

from collections.abc import Mapping

import httpx

from mirror.contract.notifications import Reply


class Poster:
    """Posts through one client, opened when it is first needed. Tests hand in a transport without sockets."""

    def __init__(self, transport: httpx.BaseTransport | None = None) -> None:
        self._transport = transport
        self._client: httpx.Client | None = None

    def __call__(self, url: str, headers: Mapping[str, str], content: bytes, timeout_s: float) -> Reply:
        """What was answered, or why nothing was."""
        if self._client is None:
            self._client = httpx.Client(transport=self._transport, trust_env=False, follow_redirects=False)
        try:
            answer = self._client.post(url, headers=dict(headers), content=content, timeout=timeout_s)
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
            return Reply(None, text=f"{type(error).__name__}: {error}"[:200])
        return Reply(answer.status_code, answer.headers.get("Content-Type", ""), answer.text)

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None
