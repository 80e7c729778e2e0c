"""Who is let in, by which name, and to do what: the door in front of Datasette. It knows no records, and no page behind it.

Without a password, the pages answer to this machine's own names only: otherwise a web page elsewhere, whose name is made to
lead here (DNS rebinding), could read them. With one, they answer to whoever has it. Nothing can be changed by them either way.
"""

from __future__ import annotations

import base64
import re
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from datasette.utils.asgi import Request, Response
from datasette_auth_passwords.utils import hash_password

from mirror.clock import Clock

OWNER = "owner"
LOGIN = "/-/login"
POSTS = frozenset({LOGIN, "/-/logout"})
"""Addresses that take something and change the browser's own cookie alone."""

EDITING = ("/edit/", "/outbox/")
"""Below these, forms are posted into the outbox: `posting.py` looks at each."""

CLOSED = frozenset({"/-/auth-token", "/-/password-tool"})
"""Of Datasette and its plugin, and of no use here."""

MOST_BYTES = 10_000
MOST_FORM_BYTES = 1_000_000
MOST_WRONG, WITHIN_S = 10, 60.0
CHALLENGE = {"www-authenticate": 'Basic realm="mirror", charset="UTF-8"'}
FOR_PROGRAMS = (".ics", ".vcf")
"""What is subscribed to, by programs that know no cookies: they send the name and the password along."""

FORWARDED = frozenset(
    {b"forwarded", b"x-forwarded-for", b"x-forwarded-host", b"x-real-ip", b"cf-connecting-ip", b"cf-ray", b"via"}
)
"""What tunnels and proxies add to a request."""

_PORT = re.compile(r":[0-9]+\Z")
_THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "[::1]"})

Asgi = Callable[[dict[str, Any], Any, Any], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Access:
    """What the pages ask of whoever opens them. `host`: the name or address that they are served on.

    `cookie_secret` signs what a browser shows once somebody has signed in: another one ends all sessions.
    """

    password_hash: str | None = field(default=None, repr=False)
    cookie_secret: str | None = field(default=None, repr=False)
    host: str | None = None

    @property
    def plugin_config(self) -> dict[str, str]:
        """For datasette-auth-passwords."""
        return {f"{OWNER}_password_hash": self.password_hash} if self.password_hash else {}

    @property
    def allow(self) -> dict[str, str] | None:
        """For Datasette: who may see anything at all."""
        return {"id": OWNER} if self.password_hash else None

    def answers_to(self, host: str) -> bool:
        """Whether a request with this Host header is meant for us."""
        if self.password_hash is not None:
            return True  # a browser that was led here by another name has no cookie of ours
        name = _PORT.sub("", host.lower())
        return name in _THIS_MACHINE or (self.host is not None and name.strip("[]") == self.host.lower())


def is_from_here(scope: dict[str, Any]) -> bool:
    """Whether a request comes from this machine itself, and through no tunnel or proxy."""
    caller = (scope.get("client") or ("",))[0]
    return caller in ("127.0.0.1", "::1") and not any(name in FORWARDED for name, _ in scope["headers"])


def hash_of(password: str) -> str:
    """What is kept of a password."""
    return str(hash_password(password))


def sign_in(request: Request) -> Response:
    """What somebody is told who must sign in first."""
    if "authorization" in request.headers or request.path.endswith(FOR_PROGRAMS):
        return Response.text("The name or the password is not right.\n", status=401, headers=CHALLENGE)
    if "text/html" in request.headers.get("accept", ""):
        return Response.redirect(LOGIN)
    return Response.text(f"Sign in first, at {LOGIN}.\n", status=401)


class WrongTries:
    """Passwords tried lately that were not the right one. It counts for everybody together, since addresses can be had."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._at: deque[float] = deque()

    def one_more(self) -> bool:
        """Whether another may be looked at. It counts as wrong until it is known to be right."""
        now = self._clock.monotonic()
        while self._at and self._at[0] <= now - WITHIN_S:
            self._at.popleft()
        if len(self._at) >= MOST_WRONG:
            return False
        self._at.append(now)
        return True

    def was_right(self) -> None:
        if self._at:
            self._at.pop()


def door(app: Asgi, access: Access, clock: Clock) -> Asgi:
    """Datasette behind the door."""
    tries = WrongTries(clock)

    async def guarded(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        request = Request(scope, receive)
        refused = _refused(request, access)
        if refused is None and (trying := _tries_a_password(request, access)) and not tries.one_more():
            refused = _told(429, "Too many wrong passwords. Wait a minute.", {"retry-after": str(int(WITHIN_S))})
        if refused is not None:
            await refused.asgi_send(send)
            return

        async def send_guarded(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                if trying and message["status"] != (401 if "authorization" in request.headers else 200):
                    tries.was_right()
                message = {**message, "headers": _with_private_cookie(message.get("headers", []), request)}
            await send(message)

        await app(scope, receive, send_guarded)

    return guarded


def _refused(request: Request, access: Access) -> Response | None:
    host = request.headers.get("host", "")
    if not access.answers_to(host):
        return _told(
            421, "This is mirror. It answers to this machine's own names only: open it as 127.0.0.1, with its port."
        )
    if _is_within_another_site(request):
        return _told(403, "Pages of other sites may lead here, but not hold anything from here.")
    if request.path in CLOSED:
        return _told(404, "There is nothing here.")
    takes = request.path in POSTS or request.path.startswith(EDITING)
    if request.method not in ("GET", "HEAD") and (request.method != "POST" or not takes):
        return _told(405, "Nothing can be changed here.", {"allow": "GET, HEAD"})
    most = MOST_FORM_BYTES if request.path.startswith(EDITING) else MOST_BYTES
    if request.method == "POST" and not 0 <= _number(request.headers.get("content-length", "")) <= most:
        return _told(413, "That is more than a form has.")
    if not _readable(request.headers.get("authorization", "")):
        return _told(401, "The name or the password is not right.", CHALLENGE)
    return None


def _is_within_another_site(request: Request) -> bool:
    """Whether a browser asks for a part of somebody else's page: it could not read it, but make us work for nothing."""
    headers = request.headers
    if headers.get("sec-fetch-site", "none") in ("same-origin", "none"):
        return False
    return bool(headers.get("sec-fetch-mode") != "navigate" or headers.get("sec-fetch-dest") != "document")


def _told(status: int, sentence: str, headers: dict[str, str] | None = None) -> Response:
    return Response.text(f"{sentence}\n", status=status, headers=headers)


def _tries_a_password(request: Request, access: Access) -> bool:
    posted = request.method == "POST" and request.path == LOGIN
    return access.password_hash is not None and (posted or "authorization" in request.headers)


def _number(written: str) -> int:
    return int(written) if written.isascii() and written.isdigit() and len(written) < 10 else -1


def _readable(authorization: str) -> bool:
    """Whether datasette-auth-passwords can take it apart; it fails on others."""
    if not authorization.startswith("Basic "):
        return True
    try:
        base64.b64decode(authorization.split("Basic ")[1]).decode("ascii")
    except ValueError:
        return False
    return True


def _with_private_cookie(headers: list[tuple[bytes, bytes]], request: Request) -> list[tuple[bytes, bytes]]:
    """No script reads the cookie of a session, and where the way here is HTTPS, it goes no other way."""
    https = request.scheme == "https" or request.headers.get("x-forwarded-proto") == "https"
    more = b"; HttpOnly" + (b"; Secure" if https else b"")
    return [
        (name, value + more if name.lower() == b"set-cookie" and value.startswith(b"ds_actor=") else value)
        for name, value in headers
    ]
