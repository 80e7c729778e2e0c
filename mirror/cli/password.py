"""`mirror password …`: what the pages ask for before they show anything. Only its hash is kept, with the other secrets."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mirror import credentials
from mirror.cli.opening import home_of, store_of, system_clock
from mirror.errors import SignInAgain, Usage

if TYPE_CHECKING:
    from mirror.web.access import Access

SHORTEST = 8
LONGEST = 1000
FROM_NOW_ON = "It holds from the next start of `mirror run` or `mirror serve`."


@click.group(help="Set or remove the password of the pages.")
def password() -> None:
    """The group of password commands."""


@password.command(name="set")
@click.option("--stdin", "from_stdin", is_flag=True, help="Read it from the first line of standard input.")
@click.pass_context
def set_password(ctx: click.Context, from_stdin: bool) -> None:
    """Ask for a password twice, and for that password whenever somebody opens the pages. All sessions end."""
    from mirror.web.access import hash_of

    store = store_of(ctx, create=True)
    chosen = _first_line() if from_stdin else _typed_twice()
    if not SHORTEST <= len(chosen) <= LONGEST:
        raise Usage(f"a password has {SHORTEST} to {LONGEST:,} characters")
    secret = {"password_hash": hash_of(chosen), "cookie_secret": system_clock().secret()}
    kept = credentials.save(store.home, credentials.PAGES, secret)
    click.echo(
        f"The pages have a password; its hash is in {'the keyring' if kept == 'keyring' else kept}. {FROM_NOW_ON}"
    )


@password.command(name="remove")
@click.pass_context
def remove_password(ctx: click.Context) -> None:
    """Let everybody on this machine open the pages, and nobody else."""
    home = home_of(ctx)
    if not home.is_dir() or not credentials.has_password(home):
        click.echo("The pages have no password.")
        return
    credentials.forget(home, credentials.PAGES)
    click.echo(f"The pages have no password any more. {FROM_NOW_ON}")


def access_of(home: Path, host: str) -> Access:
    """What the pages of this home ask for, served on this host. Raises: Usage when a password was set and can't be read."""
    from mirror.web.access import Access

    try:
        secret = credentials.load_password(home)
    except SignInAgain:
        raise Usage(
            "the pages have a password, but the keyring that keeps it is locked or gone. Unlock it, or set another one"
            " with: mirror password set"
        ) from None
    if secret is None:
        return Access(host=host)
    return Access(secret["password_hash"], secret["cookie_secret"], host)


def _typed_twice() -> str:
    if sys.stdin is None or not sys.stdin.isatty():
        raise Usage("a password is typed on a terminal, or handed over with --stdin")
    typed: str = click.prompt("Password of the pages", hide_input=True, confirmation_prompt=True, err=True)
    return typed


def _first_line() -> str:
    try:
        return sys.stdin.readline().rstrip("\r\n") if sys.stdin is not None else ""
    except UnicodeDecodeError:
        return ""
