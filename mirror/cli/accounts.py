"""`mirror account …`: the mailboxes that are mirrored."""

from __future__ import annotations

import json
import sys

import click

from mirror import credentials
from mirror.cli.asking import (
    account_name,
    check_url,
    credential_options,
    free_name,
    megabytes,
    reach_options,
    secret_from,
    since_date,
)
from mirror.cli.opening import store_of
from mirror.cli.service_accounts import add_all_command, login_service
from mirror.cli.signing_in import login, saying_why
from mirror.cli.webhook import end_if_possible
from mirror.cli.words import AURINKO_URL, plain
from mirror.errors import Usage
from mirror.sources.aurinko_auth import revoke
from mirror.store import journal, outbox, purge
from mirror.store.connection import Store
from mirror.store.journal import Account


@click.group(help="Add, list, pause, resume and remove mailboxes.")
def account() -> None:
    """The group of account commands."""


for command in (login, login_service, add_all_command):
    account.add_command(command)


@account.command()
@click.argument("name")
@click.option("--source", default="aurinko", show_default=True, type=click.Choice(["aurinko"]))
@click.option("--base-url", default=AURINKO_URL, show_default=True, help="With or without /v1.")
@reach_options
@credential_options
@click.pass_context
def add(ctx: click.Context, name: str, source: str, base_url: str, since: str | None, attachments: str,
        token_stdin: bool, token_env: str | None, client_id: str | None, client_secret_env: str | None,
        account_id: str | None) -> None:  # fmt: skip
    """Add a mailbox under a NAME of your choice. It is not contacted before the first sync."""
    account_name(name)
    check_url(base_url)
    since_text, up_to_bytes = since_date(since), megabytes(attachments)
    secret = secret_from(token_stdin, token_env, client_id, client_secret_env, account_id)
    store = store_of(ctx, create=True)
    journal.add_account(
        store, free_name(store.home, name), source, base_url, since=since_text, attachments_up_to_bytes=up_to_bytes
    )
    kept = credentials.save(store.home, name, secret)
    click.echo(f"Added {name}. Its credentials are in the {kept}." if kept == "keyring" else
               f"Added {name}. There is no usable keyring: its credentials are in {kept}, readable by you alone.")  # fmt: skip
    click.echo(f"Next: mirror sync {name}")


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
    width = min(40, max([16, *(len(one.name) for one in found)]))
    for one in found:
        click.echo(f"{one.name:<{width}} {one.status:<11} {plain(one.email or '(not synced yet)'):<32} {one.base_url}")
    for name, service in credentials.services(store.home).items():
        click.echo(
            f"{name:<{width}} service account of {service.service}; its mailboxes: mirror account add-all {name}"
        )
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
            f"{name} is not paused: it needs you to sign in again, with: mirror account login {name} --reauth (or --token-stdin)"
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
        if found.service and credentials.has_app(store.home, found.base_url):
            click.echo(f"Signed in to read only? Then give it the right to write: mirror account login {name} --reauth")
        return
    waiting = len(outbox.edits(store, account_id=found.id))
    click.echo(f"{name} is read-only." + (f" {waiting} edits stay in the outbox and are not sent." if waiting else ""))


@account.command()
@click.argument("name")
@click.option("--purge", "and_purge", is_flag=True, help="Delete its records and their history for good.")
@click.option("--revoke", "and_revoke", is_flag=True, help="Withdraw the permission upstream, too.")
@click.option("--yes", is_flag=True, help="Don't ask.")
@click.pass_context
def remove(ctx: click.Context, name: str, and_purge: bool, and_revoke: bool, yes: bool) -> None:
    """Stop mirroring an account. Its records stay, unless --purge."""
    store = store_of(ctx)
    if name in credentials.services(store.home) and all(one.name != name for one in journal.accounts(store)):
        credentials.forget_service(store.home, name)
        click.echo(
            f"The service account {name} is forgotten. The mailboxes under it stay; remove each by its own name."
        )
        return
    gone = journal.removed_account_named(store, name) if and_purge else None
    found = gone or journal.account_named(store, name)
    if not yes and not _is_sure(name, and_purge=and_purge, and_revoke=and_revoke):
        click.echo("Nothing was changed.")
        return
    with store.lease(found.id):
        end_if_possible(store, found)
        if and_revoke:
            with saying_why(name, found.base_url, f"mirror account remove {name}"):
                _revoke(store, found)
        credentials.forget(store.home, name)
        journal.remove_account(store, found.id)
        if and_purge:
            purge.purge_account(store, found.id)
    click.echo(f"{name} is removed" + (" with all that was stored of it." if and_purge else
               f"; its records stay. It comes back with: mirror account add {name} (or login)"))  # fmt: skip


def _is_sure(name: str, *, and_purge: bool, and_revoke: bool) -> bool:
    """Raises: Usage, without a terminal to ask at."""
    what = (
        "DELETE all its records and their history for good" if and_purge else "keep its records, forget its credentials"
    )
    upstream = ", and withdraw the permission upstream" if and_revoke else ""
    if not sys.stdin.isatty():
        raise Usage("removing an account asks first; without a terminal, say --yes")
    return click.confirm(f"Stop mirroring {name} and {what}{upstream}?")


def _revoke(store: Store, found: Account) -> None:
    """Raises: SignInAgain (no credentials to do it with), RetryLater, Refused; then nothing was changed."""
    there = revoke(found.base_url, credentials.load(store.home, found.name), clock=store.clock)
    click.echo("The permission was withdrawn upstream." if there else "Upstream had no permission left to withdraw.")
