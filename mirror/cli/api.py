"""`mirror api`: the mirror's own API alone, and what puts it in front of the pages in `mirror run`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mirror import credentials
from mirror.cli.ending import Ending
from mirror.cli.opening import home_of, opened, store_of, system_clock
from mirror.cli.password import access_of
from mirror.cli.serving import is_loopback, listen, serve_until_stopped, serving_options, url_of
from mirror.errors import HomeUnusable, SignInAgain
from mirror.store.connection import Store

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
    """The API over a home, answering to the names that its pages answer to, and telling programs of what changes."""
    from mirror.contract.posting import Poster
    from mirror.local_api.app import CHOICES, create
    from mirror.local_api.asgi import Served
    from mirror.local_api.state import Mirror
    from mirror.local_api.teller import Teller
    from mirror.web.access import is_from_here

    store = opened(home, system_clock())
    choices = replace(CHOICES, signing_secret=_signing_secret(store))
    mirror, asking = Mirror(store), Poster()
    served: Any = Served(create(mirror, choices, asking), access.answers_to, is_from_here)
    teller = Teller(store, choices, Poster())
    if choices.signing_secret:
        teller.start()
    try:
        yield served
    finally:
        teller.close()
        served.close()
        asking.close()
        mirror.close()
        store.close()


def _signing_secret(store: Store) -> str:
    """What notifications are signed with; empty, and said, where it can't be read now."""
    try:
        return credentials.signing_secret(store.home, store.clock.secret)
    except (SignInAgain, HomeUnusable):
        click.echo(
            "Programs are not told of changes: the signing secret can't be read. Unlock the keyring, and start this again.",
            err=True,
        )
        return ""
