"""The webhook's address, in front of the pages: what upstream calls through a tunnel or proxy. It opens nothing behind it.

It asks for no password and no host name: whoever calls must know the address' unguessable end, and sign what they say.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mirror import webhook
from mirror.clock import Clock
from mirror.errors import MirrorError
from mirror.feed import Notice
from mirror.web.access import FORWARDED, Asgi
from mirror.webhook import MOST_BYTES, NOTHING_HERE, PATH, Answer

BODY_WITHIN_S = 20.0
SAID_AGAIN_S = 60.0
NOT_NOW = Answer(404, b"Not now.\n")  # to be sent again: of what may be answered here, nothing else says so
CUT_SHORT = Answer(400, b"The request did not come to its end.\n")
log = logging.getLogger("mirror.webhook")

Take = Callable[[Sequence[Notice]], Sequence[bool]]
"""Records notices, and says of each whether it concerns an account here. Raises: MirrorError; then none is recorded."""


class Hook:
    """Receives at one address. `secrets`: the signing secret of each base URL; may be slow, and raise MirrorError."""

    def __init__(self, token: str, secrets: Callable[[], Mapping[str, str]], clock: Clock) -> None:
        self.times_validated = 0
        self._token = token
        self._secrets = secrets
        self._clock = clock
        self._inbox: list[tuple[Notice, asyncio.Future[bool | None]]] = []
        self._writer: asyncio.Task[None] | None = None
        self._said: dict[str, float] = {}

    def in_front_of(self, app: Asgi, take: Take, *, guarded: bool) -> Asgi:
        """The pages with the webhook's address before them. `guarded`: a password guards the pages."""

        async def with_hook(scope: dict[str, Any], receive: Any, send: Any) -> None:
            path = scope.get("path", "")
            if scope["type"] == "http" and (path == PATH or path.startswith(PATH + "/")):
                answer = await self._answer(scope, receive, take)
                if answer is not None:
                    await _send(answer, send)
            elif scope["type"] == "http" and not guarded and any(name in FORWARDED for name, _ in scope["headers"]):
                self._say("webhook.pages_refused what comes through a tunnel or proxy sees the pages only with a password:"
                          " mirror password set")  # fmt: skip
                await _send(
                    Answer(421, b"From elsewhere, mirror shows its pages only when they have a password.\n"), send
                )
            else:
                await app(scope, receive, send)

        return with_hook

    async def _answer(self, scope: dict[str, Any], receive: Any, take: Take) -> Answer | None:
        token = scope["path"].removeprefix(PATH).removeprefix("/")
        known = hmac.compare_digest(token.encode("utf-8", "surrogateescape"), self._token.encode())
        if not known or scope["method"] != "POST":
            return NOTHING_HERE
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        try:
            body = await asyncio.wait_for(_body(receive), BODY_WITHIN_S)
        except TimeoutError:
            return CUT_SHORT
        if body is None:
            return None
        try:
            secrets = await asyncio.to_thread(self._secrets)
        except MirrorError as error:
            self._say(f"webhook.secrets error={type(error).__name__}")
            return NOT_NOW
        answer = webhook.answer("POST", scope["query_string"], headers, body, self._clock.now(), secrets)
        self._explain(answer, secrets)
        if answer.notice is None:
            self.times_validated += answer.status == 200
            return answer
        concerns = await self._record(answer.notice, take)
        if concerns is None:
            return NOT_NOW
        return answer if concerns else NOTHING_HERE

    def _explain(self, answer: Answer, secrets: Mapping[str, str]) -> None:
        if answer.status == 401 and not secrets:
            self._say(
                "webhook.refused status=401 no signing secret is known; set it with:"
                " mirror app set --signing-secret-stdin"
            )
        elif answer.status == 401:
            self._say("webhook.refused status=401 the signature is not right; if it comes from Aurinko, set the portal's"
                      " signing secret with: mirror app set --signing-secret-stdin")  # fmt: skip
        elif answer.status != 200:
            self._say(f"webhook.refused status={answer.status}")

    def _say(self, line: str) -> None:
        """Into the log, but not again and again."""
        now = self._clock.monotonic()
        if now - self._said.get(line, -SAID_AGAIN_S) >= SAID_AGAIN_S:
            self._said[line] = now
            log.warning(line)

    async def _record(self, notice: Notice, take: Take) -> bool | None:
        """Whether it concerns an account here, once it is on the disk; None: it could not be recorded."""
        recorded: asyncio.Future[bool | None] = asyncio.get_running_loop().create_future()
        self._inbox.append((notice, recorded))
        if self._writer is None:
            self._writer = asyncio.create_task(self._write(take))
        return await recorded

    async def _write(self, take: Take) -> None:
        """What has come in while the disk was busy is written in one go."""
        try:
            while self._inbox:
                batch, self._inbox = self._inbox, []
                found: Sequence[bool | None]
                try:
                    found = await asyncio.to_thread(take, [notice for notice, _ in batch])
                except MirrorError as error:
                    self._say(f"webhook.not_recorded error={type(error).__name__}")
                    found = [None] * len(batch)
                for (_, recorded), concerns in zip(batch, found, strict=True):
                    if not recorded.done():
                        recorded.set_result(concerns)
        finally:
            self._writer = None


async def _body(receive: Any) -> bytes | None:
    """As much of it as there is, up to one byte too many; None: whoever asked has gone."""
    body = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        part: bytes = message.get("body", b"")
        body += part
        if len(body) > MOST_BYTES or not message.get("more_body"):
            return body


async def _send(answer: Answer, send: Any) -> None:
    headers = [
        (b"content-type", answer.content_type.encode("ascii")),
        (b"content-length", str(len(answer.body)).encode("ascii")),
        (b"x-content-type-options", b"nosniff"),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
