"""`mirror account …`: the mailboxes that are mirrored."""

from __future__ import annotations

import json
import os
import re
import sys
from datetime import date
from urllib.parse import urlsplit

import click

from mirror import credentials
from mirror.cli.opening import store_of, system_clock
from mirror.cli.words import plain
from mirror.errors import Usage
from mirror.sources.http import api_root
from mirror.store import journal, outbox, purge

AURINKO_URL = "https://api.aurinko.io"


@click.group(help="Add, list, pause, resume and remove mailboxes.")
def account() -> None:
    """The group of account commands."""


def _credential_options(command: click.decorators.FC) -> click.decorators.FC:
    for option in reversed((
        click.option("--token-stdin", is_flag=True, help="Read the account's access token from standard input."),
        click.option("--token-env", metavar="VAR", help="Read it from this environment variable."),
        click.option("--client-id", metavar="ID", help="Instead of a token: your application's id ..."),
        click.option("--client-secret-env", metavar="VAR", help="... the variable that holds its secret ..."),
        click.option("--account-id", metavar="N", help="... and the mailbox it acts for."),
    )):  # fmt: skip
        command = option(command)
    return command


@account.command()
@click.argument("name")
@click.option("--source", default="aurinko", show_default=True, type=click.Choice(["aurinko"]))
@click.option("--base-url", default=AURINKO_URL, show_default=True, help="With or without /v1.")
@click.option("--since", metavar="DATE", help="How far back mail and events are asked for (YYYY-MM-DD, or “all”). "
              "Default: all mail, one year of events.")  # fmt: skip
@click.option("--attachments", default="10", show_default=True, metavar="MB|all|none",
              help="Keep the bytes of attachments up to this size.")  # fmt: skip
@_credential_options
@click.pass_context
def add(ctx: click.Context, name: str, source: str, base_url: str, since: str | None, attachments: str,
        token_stdin: bool, token_env: str | None, client_id: str | None, client_secret_env: str | None,
        account_id: str | None) -> None:  # fmt: skip
    """Add a mailbox under a NAME of your choice. It is not contacted before the first sync."""
    if not re.fullmatch(r"[^\s/\\\x00-\x1f]{1,64}", name):
        raise Usage("an account's name is one word of up to 64 characters, without slashes")
    _check_url(base_url)
    since_date, up_to_bytes = _since(since), _megabytes(attachments)
    secret = _secret(token_stdin, token_env, client_id, client_secret_env, account_id)
    store = store_of(ctx, create=True)
    journal.add_account(store, name, source, base_url, since=since_date, attachments_up_to_bytes=up_to_bytes)
    kept = credentials.save(store.home, name, secret)
    click.echo(f"Added {name}. Its credentials are in the {kept}." if kept == "keyring" else
               f"Added {name}. There is no usable keyring: its credentials are in {kept}, readable by you alone.")  # fmt: skip
    click.echo(f"Next: mirror sync {name}")


@account.command()
@click.argument("name")
@_credential_options
@click.pass_context
def login(ctx: click.Context, name: str, token_stdin: bool, token_env: str | None, client_id: str | None,
          client_secret_env: str | None, account_id: str | None) -> None:  # fmt: skip
    """Give an account new credentials for the same mailbox."""
    store = store_of(ctx)
    found = journal.account_named(store, name)
    credentials.save(store.home, name, _secret(token_stdin, token_env, client_id, client_secret_env, account_id))
    if found.status == "needs_auth":
        journal.set_status(store, found.id, "active")
    click.echo(f"{name} has new credentials. Next: mirror sync {name}")


@account.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_context
def list_accounts(ctx: click.Context, as_json: bool) -> None:
    """The accounts, and how each is."""
    store = store_of(ctx)
    found = journal.accounts(store)
    if as_json:
        fields = ("name", "source", "base_url", "email", "service", "status", "status_detail", "since",
                  "attachments_up_to_bytes")  # fmt: skip
        click.echo(json.dumps([{field: getattr(one, field) for field in fields} for one in found], indent=2))
        return
    for one in found:
        click.echo(f"{one.name:<16} {one.status:<11} {plain(one.email or '(not synced yet)'):<32} {one.base_url}")
    if not found:
        click.echo("No accounts yet. Add one with: mirror account add NAME --token-stdin")


@account.command()
@click.argument("name")
@click.pass_context
def pause(ctx: click.Context, name: str) -> None:
    """Leave an account alone until it is resumed."""
    store = store_of(ctx)
    journal.set_status(store, journal.account_named(store, name).id, "paused")
    click.echo(f"{name} is paused. Go on with: mirror account resume {name}")


@account.command()
@click.argument("name")
@click.pass_context
def resume(ctx: click.Context, name: str) -> None:
    """Go on with a paused account."""
    store = store_of(ctx)
    found = journal.account_named(store, name)
    if found.status == "needs_auth":
        raise Usage(
            f"{name} is not paused: it needs you to sign in again, with: mirror account login {name} --token-stdin"
        )
    journal.set_status(store, found.id, "active")
    click.echo(f"{name} goes on with the next sync.")


@account.command()
@click.argument("name")
@click.argument("switch", type=click.Choice(["on", "off"]))
@click.pass_context
def writable(ctx: click.Context, name: str, switch: str) -> None:
    """Let edits be made and sent (on), or keep a mirror that only reads (off, as it begins)."""
    store = store_of(ctx)
    found = journal.account_named(store, name)
    journal.set_writable(store, found.id, switch == "on")
    if switch == "on":
        click.echo(
            f"{name} is writable: edits are kept here at once, and sent with the next sync. See them with: mirror outbox"
        )
        return
    waiting = len(outbox.edits(store, account_id=found.id))
    click.echo(f"{name} is read-only." + (f" {waiting} edits stay in the outbox and are not sent." if waiting else ""))


@account.command()
@click.argument("name")
@click.option("--purge", "and_purge", is_flag=True, help="Delete its records and their history for good.")
@click.option("--yes", is_flag=True, help="Don't ask.")
@click.pass_context
def remove(ctx: click.Context, name: str, and_purge: bool, yes: bool) -> None:
    """Stop mirroring an account. Its records stay, unless --purge."""
    store = store_of(ctx)
    gone = journal.removed_account_named(store, name) if and_purge else None
    found = gone or journal.account_named(store, name)
    what = (
        "DELETE all its records and their history for good" if and_purge else "keep its records, forget its credentials"
    )
    if not yes:
        if not sys.stdin.isatty():
            raise Usage("removing an account asks first; without a terminal, say --yes")
        if not click.confirm(f"Stop mirroring {name} and {what}?"):
            click.echo("Nothing was changed.")
            return
    with store.lease(found.id):
        credentials.forget(store.home, name)
        journal.remove_account(store, found.id)
        if and_purge:
            purge.purge_account(store, found.id)
    click.echo(f"{name} is removed" + (" with all that was stored of it." if and_purge else
               "; its records stay. It comes back with: mirror account add " + name))  # fmt: skip


def _secret(token_stdin: bool, token_env: str | None, client_id: str | None, client_secret_env: str | None,
            account_id: str | None) -> credentials.Secret:  # fmt: skip
    if client_id or client_secret_env or account_id:
        if not (client_id and client_secret_env and account_id) or token_stdin or token_env:
            raise Usage("give either a token, or all of --client-id, --client-secret-env and --account-id")
        if not account_id.isascii() or not account_id.isdecimal():
            raise Usage(f"“{account_id}” is no mailbox: --account-id is a number")
        return {
            "client_id": _one_word(client_id, "application's id"),
            "client_secret": _one_word(_variable(client_secret_env), "application's secret"),
            "account_id": account_id,
        }
    if token_stdin == bool(token_env):
        raise Usage("hand the account's access token over with --token-stdin or with --token-env VAR (never on the command "
                    "line, where other programs can read it)")  # fmt: skip
    return {"token": _one_word(_variable(token_env) if token_env else _typed(), "access token")}


def _typed() -> str:
    """The first line of standard input; of a terminal, without showing it."""
    if sys.stdin is None:
        return ""
    if sys.stdin.isatty():
        typed: str = click.prompt("Access token", hide_input=True, err=True)
        return typed.strip()
    try:
        return sys.stdin.readline().strip()
    except UnicodeDecodeError:
        return ""


def _one_word(secret: str, what: str) -> str:
    if not secret or not secret.isprintable() or not secret.isascii() or " " in secret:
        raise Usage(f"that is no {what}: it must be one line of printable characters without spaces")
    return secret


def _check_url(base_url: str) -> None:
    """Raises: Usage."""
    try:
        parts = urlsplit(api_root(base_url))
        sound = parts.port != 0 and parts.hostname is not None and re.fullmatch(r"[\w.:%-]+", parts.hostname)
    except ValueError:
        sound = None
    if not sound:
        raise Usage(f"“{base_url}” is not a base URL; give one like https://api.aurinko.io")


def _variable(name: str) -> str:
    value = os.environ.get(name, "").strip()
    if not value:
        raise Usage(f"the environment variable {name} is empty")
    return value


def _since(written: str | None) -> str | None:
    if written is None:
        return None
    if written == "all":
        return "1980-01-01"
    try:
        since = date.fromisoformat(written)
    except ValueError:
        raise Usage(f"“{written}” is no date; write it like 2015-01-31, or say “all”") from None
    if since > system_clock().now().date():
        raise Usage(f"{since} is in the future; nothing would be mirrored")
    return since.isoformat()


def _megabytes(written: str) -> int | None:
    if written == "all":
        return None
    if written == "none":
        return 0
    try:
        megabytes = float(written)
    except ValueError:
        megabytes = -1.0
    if not 0 <= megabytes < 1e9:
        raise Usage(f"“{written}” is no size; say how many MB, or “all”, or “none”")
    return int(megabytes * 1_000_000)
