"""`mirror run` and `mirror serve`: the pages, with the scheduler beside them or without.

On this machine alone, unless there is a password: then wherever the person says.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import ipaddress
import logging
import os
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import tzlocal

from mirror.cli.ending import Ending
from mirror.cli.opening import home_of, leave, opened, source_for, store_of, system_clock
from mirror.cli.password import access_of
from mirror.cli.webhook import receiving, say_what_is_missing
from mirror.cli.words import DONE, FAILED, sentence
from mirror.clock import SystemClock
from mirror.errors import HomeTooNew, PortInUse, Usage
from mirror.settings import Settings, read
from mirror.store import journal
from mirror.subscribe import base_of

if TYPE_CHECKING:
    from mirror.web.access import Access, Asgi

PORT = 8801
GRACE_S = 1  # for pages that are on their way; then up to 3 s for pulls: together less than five


def serving_options(command: click.decorators.FC) -> click.decorators.FC:
    command = click.option("--port", default=PORT, show_default=True, type=click.IntRange(0, 65535),
                           help="0: any free one.")(command)  # fmt: skip
    return click.option("--host", default="127.0.0.1", show_default=True,
                        help="Another than loopback needs a password: mirror password set.")(command)  # fmt: skip


@click.command()
@serving_options
@click.pass_context
def serve(ctx: click.Context, host: str, port: int) -> None:
    """Serve the pages of the mirror. Nothing is synced."""
    store_of(ctx).close()
    access = access_of(home_of(ctx), host)
    listening = listen(host, port, guarded=access.password_hash is not None)
    with Ending() as ending:
        _say_where(listening, host)
        serve_pages(home_of(ctx) / "mirror.db", listening, ending, access)


@click.command()
@serving_options
@click.option("--webhook-url", metavar="URL", help="Where upstream reaches this machine (a tunnel or proxy that forwards"
              " /-/webhook): changes are told at once.")  # fmt: skip
@click.pass_context
def run(ctx: click.Context, host: str, port: int, webhook_url: str | None) -> None:
    """Keep all accounts up to date and serve the pages and the API (under /v1), until Ctrl-C or SIGTERM."""
    if webhook_url is not None:
        base_of(webhook_url)
    store = store_of(ctx)
    access = access_of(home_of(ctx), host)
    settings = read(home_of(ctx))
    listening = listen(host, port, guarded=access.password_hash is not None)
    with Ending() as ending:
        _say_where(listening, host)
        if not journal.accounts(store):
            click.echo(
                "No accounts yet. Add one with: mirror account add NAME --token-stdin (it is noticed while this runs)"
            )
        if webhook_url is not None:
            say_what_is_missing(store)
        store.close()
        run_until_stopped(home_of(ctx), listening, ending, access, settings=settings, webhook_url=webhook_url)


def _say_where(listening: socket.socket, host: str) -> None:
    click.echo(f"Browse {url_of(listening)}  (Ctrl-C ends it)")
    if not is_loopback(host):
        click.echo("Others can reach it, and read along: it speaks plain HTTP. Put HTTPS in front of it.", err=True)


def run_until_stopped(
    home: Path,
    listening: socket.socket,
    ending: Ending,
    access: Access,
    *,
    tick_s: float | None = None,
    on_ready: Callable[[], None] | None = None,
    settings: Settings | None = None,
    webhook_url: str | None = None,
) -> None:
    """The scheduler, the pages and the API in this process; ends within five seconds of being asked to."""
    from mirror import loop, notify, schedule
    from mirror.cli.api import served_api

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    for chatty in ("httpx", "uvicorn", "uvicorn.error", "uvicorn.access", "httpcore"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    clock = system_clock()
    store = opened(home, clock)
    overtaken: list[HomeTooNew] = []

    def on_overtaken(error: HomeTooNew) -> None:
        if not overtaken:
            overtaken.append(error)
            ending.ask()

    told = receiving(store, clock, webhook_url) if webhook_url is not None else None
    loops = schedule.Schedule(
        store, functools.partial(_source, home, clock), clock, tick_s=tick_s if tick_s is not None else loop.TICK_S,
        address=told.address if told is not None else None,
        watch=notify.watch(settings or Settings(), clock, lambda: clock.stopping), on_overtaken=on_overtaken,
    )  # fmt: skip
    in_front: Callable[[Asgi], Asgi] = lambda app: app  # noqa: E731
    if told is not None:
        guarded = access.password_hash is not None
        in_front = functools.partial(told.hook.in_front_of, take=told.take(loops.hurry), guarded=guarded)
    ending.then(clock.stop)
    loops.start()
    try:
        with served_api(home, access) as programs:
            serve_pages(
                store.path, listening, ending, access, on_ready=on_ready,
                in_front=lambda pages: in_front(programs.in_front_of(pages)),
            )  # fmt: skip
    finally:
        finished = loops.stop()
    if overtaken:
        click.echo(f"mirror: {sentence(overtaken[0])}. Nothing more was written; then start it again", err=True)
    else:
        click.echo("Stopped. Everything that was shown is in the file.")
    if not finished:
        # A request is still waiting for its answer; its page is not begun to be written, so nothing is torn.
        sys.stdout.flush()
        os._exit(FAILED if overtaken else DONE)
    if overtaken:
        leave(FAILED)  # so that what restarts a service that failed starts the new version


def _source(home: Path, clock: SystemClock, account: Any) -> Any:
    return source_for(home, account, clock)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name: who knows where it leads
        return False


def listen(host: str, port: int, *, guarded: bool = False) -> socket.socket:
    """The socket to serve on. Raises: PortInUse; Usage for an address that others could reach, unless a password guards it."""
    if not guarded and not is_loopback(host):
        raise Usage(
            f"{host} would show your mail to everybody who can reach it."
            " Set a password first, with: mirror password set"
        )
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with contextlib.ExitStack() as on_failure:
        try:
            # Said to be TCP, so that asyncio turns Nagle's algorithm off: else an answer in two parts takes 40 ms longer.
            listening = on_failure.enter_context(socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP))
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind((host, port))
            listening.listen(128)
        except OSError as error:
            raise PortInUse(host, port, error.strerror or str(error)) from error
        on_failure.pop_all()
    return listening


def url_of(listening: socket.socket) -> str:
    """The address of a listening socket, as a browser wants it."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def time_zone() -> str | None:
    """The IANA name of this machine's time zone, None where it has none that is known."""
    try:
        return tzlocal.get_localzone_name()
    except (LookupError, ValueError, OSError):
        return None


def serve_pages(
    path: Path,
    listening: socket.socket,
    ending: Ending,
    access: Access,
    *,
    on_ready: Callable[[], None] | None = None,
    in_front: Callable[[Asgi], Asgi] | None = None,
) -> None:
    """Datasette over the file, in this thread, until it is time to end. `in_front`: makes what answers before it does."""
    from mirror.web import create_datasette

    pages = create_datasette(path, zone=time_zone(), access=access).app()
    serve_until_stopped(pages if in_front is None else in_front(pages), listening, ending, on_ready=on_ready)


def serve_until_stopped(
    app: Any, listening: socket.socket, ending: Ending, *, on_ready: Callable[[], None] | None = None
) -> None:
    """An ASGI application, in this thread, until it is time to end."""
    import uvicorn

    class Server(uvicorn.Server):
        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            """The handlers are ours: they also stop the scheduler."""
            yield

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if on_ready is not None:
                on_ready()

    # lifespan off: Datasette starts on its first request; what it starts then lives in this loop
    config = uvicorn.Config(
        app, log_level="warning", lifespan="off", timeout_graceful_shutdown=GRACE_S, server_header=False
    )
    server = Server(config)

    def stop() -> None:
        server.force_exit = server.should_exit
        server.should_exit = True

    ending.then(stop)
    try:
        asyncio.run(server.serve(sockets=[listening]))
    finally:
        listening.close()
