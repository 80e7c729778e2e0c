"""`mirror api`: the mirror's own API alone, and what puts it in front of the pages in `mirror run`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mirror.cli.ending import Ending
from mirror.cli.opening import home_of, opened, store_of, system_clock
from mirror.cli.password import access_of
from mirror.cli.serving import is_loopback, listen, serve_until_stopped, serving_options, url_of

if TYPE_CHECKING:
    from mirror.local_api.asgi import Served
    from mirror.web.access import Access


@click.command()
@serving_options
@click.pass_context
def api(ctx: click.Context, host: str, port: int) -> None:
    """Serve the mirror's own API alone, for programs that have a token (mirror token new). Nothing is synced."""
    store_of(ctx).close()
    access = access_of(home_of(ctx), host)
    listening = listen(host, port, guarded=access.password_hash is not None)
    with Ending() as ending, served_api(home_of(ctx), access) as served:
        click.echo(f"Ask {url_of(listening)}v1  (Ctrl-C ends it)")
        if not is_loopback(host):
            click.echo("Others can reach it, and read along: it speaks plain HTTP. Put HTTPS in front of it.", err=True)
        serve_until_stopped(served, listening, ending)


@contextmanager
def served_api(home: Path, access: Access) -> Iterator[Served]:
    """The API over a home, answering to the names that its pages answer to."""
    from mirror.local_api.app import create
    from mirror.local_api.asgi import Served
    from mirror.local_api.state import Mirror

    store = opened(home, system_clock())
    mirror = Mirror(store)
    served: Any = Served(create(mirror), access.answers_to)
    try:
        yield served
    finally:
        served.close()
        mirror.close()
        store.close()
