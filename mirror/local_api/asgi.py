"""The mirror's own API for an ASGI server: in front of the pages, or alone. Requests are answered by a few threads of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import parse_qsl

from mirror.contract.dispatch import Asked, Dispatch, Told
from mirror.contract.refusals import Refusal

Asgi = Callable[[dict[str, Any], Any, Any], Awaitable[None]]

PREFIX = "/v1/"
THREADS = 4
MOST_BYTES = 60_000_000
"""An attachment of 25 MB is a third larger in base64, and mails have several."""


class Served:
    """Answers as `dispatch` does. `answers_to`: whether a request with this Host header is meant for us; `is_from_here`:
    whether it comes from this machine."""

    def __init__(
        self, dispatch: Dispatch, answers_to: Callable[[str], bool], is_from_here: Callable[[dict[str, Any]], bool]
    ) -> None:
        self._dispatch = dispatch
        self._answers_to = answers_to
        self._is_from_here = is_from_here
        self._threads = ThreadPoolExecutor(THREADS, "mirror-api")

    def close(self) -> None:
        self._threads.shutdown(wait=True, cancel_futures=True)

    def in_front_of(self, behind: Asgi) -> Asgi:
        """What is asked under `/v1/` is answered here, all else there."""

        async def chosen(scope: dict[str, Any], receive: Any, send: Any) -> None:
            here = scope["type"] == "http" and scope["path"].startswith(PREFIX)
            await (self if here else behind)(scope, receive, send)

        return chosen

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        headers = {name.decode("latin-1").title(): value.decode("latin-1") for name, value in scope["headers"]}
        told = self._turned_away(headers) or self._kept_from_asking(scope)
        if told is None:
            content = await _content(receive)
            if content is None:
                told = self._dispatch.refused(Refusal(413, "tooLarge", "That is more than a request has"))
            else:
                asked = _asked(scope, headers, content)
                told = await asyncio.get_running_loop().run_in_executor(self._threads, self._dispatch.answer, asked)
        await _send(told, send)

    def _turned_away(self, headers: dict[str, str]) -> Told | None:
        if self._answers_to(headers.get("Host", "")):
            return None
        # A page elsewhere whose name is made to lead here has no token, and is told nothing at all.
        return self._dispatch.refused(Refusal(421, "misdirected", "This is mirror: ask it by this machine's own names"))

    def _kept_from_asking(self, scope: dict[str, Any]) -> Told | None:
        """Who subscribes has a URL of this machine asked whether it wants that: nobody elsewhere may."""
        if (scope["method"], scope["path"]) != ("POST", f"{PREFIX}subscriptions") or self._is_from_here(scope):
            return None
        return self._dispatch.refused(Refusal(403, "forbidden", "A mirror tells programs of its own machine alone"))


def _asked(scope: dict[str, Any], headers: dict[str, str], content: bytes) -> Asked:
    query: dict[str, list[str]] = {}
    for name, value in parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True):
        query.setdefault(name, []).append(value)
    raw = scope.get("raw_path")
    return Asked(
        scope["method"], scope["path"], raw.decode("latin-1").split("?", 1)[0] if raw else None, query, headers, content
    )


async def _content(receive: Any) -> bytes | None:
    """The body; None of one that is too long."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return b"".join(parts)
        size += len(message.get("body", b""))
        if size > MOST_BYTES:
            return None
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


async def _send(told: Told, send: Any) -> None:
    headers = [
        (name.lower().encode("latin-1"), value.encode("latin-1", "replace")) for name, value in told.headers.items()
    ]
    headers += [
        (b"content-length", str(len(told.content)).encode("ascii")),
        (b"x-content-type-options", b"nosniff"),
        (b"cache-control", b"no-store"),
    ]
    if told.content_type is not None:
        headers.append((b"content-type", told.content_type.encode("ascii")))
    await send({"type": "http.response.start", "status": told.status, "headers": headers})
    await send({"type": "http.response.body", "body": told.content})
