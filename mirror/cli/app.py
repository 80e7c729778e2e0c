"""`mirror app …`: the application at Aurinko in whose name mailboxes are signed in to. Its secrets are never printed."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import click

from mirror import credentials
from mirror.cli.asking import check_url, one_word, typed, variable
from mirror.cli.opening import home_of, store_of
from mirror.cli.words import AURINKO_URL, at
from mirror.credentials import App
from mirror.errors import SignInAgain, Usage
from mirror.sign_in import RETURN_PORT, return_url

FIRST_HELP = (
    "register one in Aurinko's portal (https://app.aurinko.io), then say: mirror app set --client-id ID --secret-stdin"
)


@click.group(help="The application at Aurinko that mailboxes are signed in to with.")
def app() -> None:
    """The group of application commands."""


@app.command(name="set")
@click.option("--base-url", default=AURINKO_URL, show_default=True, help="With or without /v1.")
@click.option("--client-id", metavar="ID", help="The application's id, from the portal.")
@click.option("--secret-stdin", is_flag=True, help="Read its client secret from standard input.")
@click.option("--secret-env", metavar="VAR", help="Read the client secret from this environment variable.")
@click.option("--signing-secret-stdin", is_flag=True, help="Read the signing secret of its webhooks from standard input "
              "(the line after the client secret).")  # fmt: skip
@click.option("--signing-secret-env", metavar="VAR", help="Read the signing secret from this environment variable.")
@click.pass_context
def set_app(ctx: click.Context, base_url: str, client_id: str | None, secret_stdin: bool, secret_env: str | None,
            signing_secret_stdin: bool, signing_secret_env: str | None) -> None:  # fmt: skip
    """Keep the application's id and secrets, or change one of them. On a terminal, what is missing is asked for."""
    check_url(base_url)
    if (secret_stdin and secret_env) or (signing_secret_stdin and signing_secret_env):
        raise Usage("a secret comes from standard input or from a variable, not from both")
    store = store_of(ctx, create=True)
    known = _known(store.home, base_url)
    if client_id is not None and known is not None and known.client_id != client_id:
        known = None  # another application has other secrets
    if client_id is None and known is None:
        raise Usage("which application is it? Give its id with --client-id")
    found = known or App(base_url, one_word(client_id or "", "application's id"), "")
    asking = not (secret_stdin or secret_env or signing_secret_stdin or signing_secret_env) and _terminal()
    if secret_stdin or secret_env or (asking and known is None):
        found = replace(found, client_secret=_read("client secret", secret_env))
    if signing_secret_stdin or signing_secret_env:
        found = replace(found, signing_secret=_read("signing secret", signing_secret_env))
    elif asking and (signing := typed("Signing secret of webhooks (Enter: none, or as it is)", optional=True)):
        found = replace(found, signing_secret=one_word(signing, "signing secret"))
    if not found.client_secret:
        raise Usage("hand the application's client secret over with --secret-stdin or with --secret-env VAR (never on the"
                    " command line, where other programs can read it)")  # fmt: skip
    kept = credentials.keep_app(store.home, found)
    where = "in the keyring" if kept == "keyring" else f"in {kept}, readable by you alone (there is no usable keyring)"
    click.echo(f"The application {found.client_id} is set for {base_url}. Its secrets are {where}.")
    if found.signing_secret is None:
        click.echo(
            "It has no signing secret: webhooks can't be verified. Add it with: mirror app set --signing-secret-stdin"
        )
    click.echo(f"Register this return URL in the portal: {return_url(RETURN_PORT)}")
    click.echo("Next: mirror account login NAME --service Google")


@app.command()
@click.pass_context
def show(ctx: click.Context) -> None:
    """Which applications are set. Secrets are not shown."""
    home = home_of(ctx)
    bases = credentials.apps(home) if home.is_dir() else []
    for base_url in bases:
        try:
            found = credentials.app(home, base_url)
        except SignInAgain:
            click.echo(
                f"{base_url}: the keyring that has its secrets is locked or gone. Unlock it, or: mirror app set{at(base_url)}"
            )
            continue
        if found is not None:
            signing = (
                "set" if found.signing_secret else f"not set (mirror app set --signing-secret-stdin{at(base_url)})"
            )
            click.echo(f"{base_url}: client id {found.client_id}, client secret set, signing secret {signing}")
    if not bases:
        click.echo(f"No application is set. To sign in to mailboxes, {FIRST_HELP}")


@app.command()
@click.option("--base-url", default=AURINKO_URL, show_default=True, help="With or without /v1.")
@click.pass_context
def forget(ctx: click.Context, base_url: str) -> None:
    """Forget an application's id and secrets. Tokens of accounts stay, and stay good."""
    check_url(base_url)
    home = home_of(ctx)
    if not home.is_dir() or not credentials.has_app(home, base_url):
        click.echo(f"No application is set for {base_url}.")
        return
    left = credentials.referring_to(home, base_url)
    credentials.forget_app(home, base_url)
    click.echo(f"The application for {base_url} is forgotten.")
    if left:
        click.echo(f"{len(left):,} accounts are called with its rights and wait until it is set again.")


def _read(what: str, from_variable: str | None) -> str:
    """Raises: Usage."""
    return one_word(variable(from_variable) if from_variable else typed(what.capitalize()), what)


def _known(home: Path, base_url: str) -> App | None:
    try:
        return credentials.app(home, base_url)
    except SignInAgain:
        return None  # in a keyring that is locked: it is set anew


def _terminal() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()
