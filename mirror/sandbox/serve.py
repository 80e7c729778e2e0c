"""The sandbox (or any WSGI application) on a port of this machine, in a thread of its own. It prints nothing."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from wsgiref.types import WSGIApplication

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from mirror.errors import PortInUse

# How soon a stopping server notices.
_POLL_S = 0.05


class _Quiet(WSGIRequestHandler):
    """A handler that logs nothing: paths hold ids, queries hold tokens."""

    def log(self, *_: object) -> None:
        return

    def connection_dropped(self, *_: object) -> None:
        # Werkzeug keeps an HTTP/1.1 connection open here, and the client would wait for an answer that never comes.
        self.close_connection = True


@dataclass(frozen=True, slots=True)
class Served:
    """A server that runs until it is stopped."""

    host: str
    port: int
    _server: BaseWSGIServer
    _threads: tuple[threading.Thread, ...]
    _stopping: threading.Event

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    def stop(self) -> None:
        """End it: no further request is taken, and the port is free again."""
        self._stopping.set()
        self._server.shutdown()
        for thread in self._threads:
            thread.join()
        self._server.server_close()


def serve(
    app: WSGIApplication,
    host: str = "127.0.0.1",
    port: int = 0,
    meanwhile: Callable[[threading.Event], None] | None = None,
) -> Served:
    """The running server; port 0 is any free one. `meanwhile` runs beside it, until the event that it is handed is set.

    Raises: PortInUse, when the address is taken or not allowed.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Bound here and not by werkzeug, which ends the process when the address is taken.
    with socket.socket(family, socket.SOCK_STREAM) as listening:
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind((host, port))
            listening.listen(128)
        except (OSError, OverflowError) as error:
            raise PortInUse(host, port, getattr(error, "strerror", None) or str(error)) from error
        bound_port = listening.getsockname()[1]
        server = make_server(host, bound_port, app, threaded=True, request_handler=_Quiet, fd=listening.fileno())
    stopping = threading.Event()
    threads = [threading.Thread(target=server.serve_forever, args=(_POLL_S,), name="sandbox", daemon=True)]
    if meanwhile is not None:
        threads.append(threading.Thread(target=meanwhile, args=(stopping,), name="sandbox beside", daemon=True))
    for thread in threads:
        thread.start()
    return Served(host, bound_port, server, tuple(threads), stopping)
