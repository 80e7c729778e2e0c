"""The one page that a browser comes back to after a person has signed in: on this machine only, for as long as that takes.

It answers GET of one path, hands what came with it to whoever waits, and knows nothing of what that means. No thread: it
serves while it is waited on.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import html
import selectors
import socket
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler
from typing import Literal, cast
from urllib.parse import parse_qs, urlsplit

from mirror.clock import Clock
from mirror.errors import PortInUse

HOST = "127.0.0.1"
PATH = "/signed-in"
READ_S = 2.0  # for a request that has begun; it comes from this machine
LONGEST_BODY_BYTES = 65_536
MOST_WAITING = 32  # connections; browsers open some before they need them

Heard = Literal["accepted", "denied", "ignored"]
Hear = Callable[[Mapping[str, list[str]]], Heard]

_WORDS: dict[str, tuple[int, str, str]] = {
    "accepted": (200, "You can close this tab", "Thank you. mirror goes on in your terminal, and says there how it went."),
    "denied": (200, "Not allowed", "Nothing was changed. You can close this tab; your terminal says how to start again."),
    "ignored": (400, "Not what mirror waits for", "Nothing was changed. If you were signing in, start again in your terminal."),
    "over": (410, "This sign-in is over", "Nothing was changed. You can close this tab."),
    "elsewhere": (404, "Nothing here", "This address only waits for you to come back from signing in."),
    "method": (405, "Nothing here", "This address only waits for you to come back from signing in."),
}  # fmt: skip

_STYLE = (
    ":root{color-scheme:light dark}body{font:1.125rem/1.6 system-ui,sans-serif;margin:0;min-height:100vh;display:grid;"
    "place-items:center}main{max-width:32rem;padding:2rem;text-align:center}h1{font-size:1.75rem;line-height:1.2}"
)
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Connection": "close",
}  # fmt: skip


def address(port: int) -> str:
    """The URL at which a browser comes back to this port."""
    return f"http://{HOST}:{port}{PATH}"


class Loopback:
    """A listening port of this machine; `wait` answers on it."""

    def __init__(self, port: int = 0) -> None:
        """Port 0 is any free one. Raises: PortInUse."""
        self._listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            self._listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._listening.bind((HOST, port))
            self._listening.listen(MOST_WAITING)
        except (OSError, OverflowError) as error:
            self._listening.close()
            raise PortInUse(HOST, port, getattr(error, "strerror", None) or str(error)) from error
        self._listening.setblocking(False)
        self._port: int = self._listening.getsockname()[1]
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listening, selectors.EVENT_READ)
        self._waiting: list[socket.socket] = []

    def __enter__(self) -> Loopback:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def url(self) -> str:
        return address(self._port)

    def wait(self, hear: Hear, *, clock: Clock, patience_s: float) -> bool:
        """Answer until `hear` has accepted or denied; False: the time was over before."""
        until = clock.monotonic() + patience_s
        while (left_s := until - clock.monotonic()) > 0:
            heard = False
            for connection in self._readable(left_s):
                heard = self._answer(connection, None if heard else hear) in ("accepted", "denied") or heard
            if heard:
                return True
        return False

    def close(self) -> None:
        """Turn away what has come meanwhile, and give the port back."""
        if self._listening.fileno() < 0:
            return
        self._take_all()
        for connection in self._readable(0):
            self._answer(connection, None)
        for connection in self._waiting:
            connection.close()
        self._selector.close()
        self._listening.close()

    def _readable(self, patience_s: float) -> list[socket.socket]:
        """The connections on which something was sent; new ones are taken meanwhile."""
        found = [cast("socket.socket", key.fileobj) for key, _ in self._selector.select(patience_s)]
        ready = [one for one in found if one is not self._listening]
        for connection in ready:
            self._let_go(connection)
        if len(ready) < len(found):
            self._take_all()
        return ready

    def _take_all(self) -> None:
        """Every connection that waits to be taken; of too many, those go that have said nothing for longest."""
        with contextlib.suppress(OSError):  # there is no further one, or it has gone again
            for _ in range(MOST_WAITING):
                connection, _ = self._listening.accept()
                if len(self._waiting) >= MOST_WAITING:
                    oldest = self._waiting[0]
                    self._let_go(oldest)
                    oldest.close()
                self._selector.register(connection, selectors.EVENT_READ)
                self._waiting.append(connection)

    def _let_go(self, connection: socket.socket) -> None:
        self._selector.unregister(connection)
        self._waiting.remove(connection)

    @staticmethod
    def _answer(connection: socket.socket, hear: Hear | None) -> Heard:
        """What was heard on a connection, which is closed."""
        heard: list[Heard] = ["ignored"]
        connection.settimeout(READ_S)
        with connection, contextlib.suppress(OSError):  # what was heard counts, though nobody stayed to be answered
            _Handler(connection, hear, heard)
        return heard[-1]


class _Handler(BaseHTTPRequestHandler):
    """One request. Nothing is logged: what comes here holds a code."""

    def __init__(self, connection: socket.socket, hear: Hear | None, heard: list[Heard]) -> None:
        self._heard = heard
        self._hear = hear
        super().__init__(connection, (HOST, 0), None)  # type: ignore[arg-type]  # no server: nothing here asks for it

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if parts.path != PATH:
            return self._page("elsewhere")
        if self._hear is None:
            return self._page("over")
        try:
            query = parse_qs(parts.query, keep_blank_values=True, max_num_fields=50)
        except ValueError:
            return self._page("ignored")
        self._heard.append(self._hear(query))
        return self._page(self._heard[-1])

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:  # noqa: ARG002
        """Every other method, and what is no HTTP at all."""
        if code != 501:
            return self._page("ignored")
        with contextlib.suppress(ValueError):  # read what was sent, or closing would cut off the answer
            self.rfile.read(min(int(self.headers.get("Content-Length", "0")), LONGEST_BODY_BYTES))
        return self._page("method")

    def version_string(self) -> str:
        return "mirror"

    def log_message(self, *_: object) -> None:
        return

    def _page(self, name: str) -> None:
        status, title, text = _WORDS[name]
        title, text = html.escape(title), html.escape(text)
        content = (
            f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title} · mirror</title>'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<style>{_STYLE}</style></head><body><main><h1>{title}</h1><p>{text}</p></main></body></html>\n"
        ).encode()
        self.close_connection = True
        self.send_response(status)
        for header, value in _HEADERS.items():
            self.send_header(header, value)
        if name == "method":
            self.send_header("Allow", "GET")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)
