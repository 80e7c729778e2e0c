"""`mirror token …`: who may use the mirror's own API, for which account, and to do what. It is shown once."""

from __future__ import annotations

import json

import click

from mirror import credentials
from mirror.cli.opening import leave, store_of
from mirror.cli.words import DONE, plain
from mirror.contract.grant import SCOPES
from mirror.errors import HomeUnusable, SignInAgain, Usage
from mirror.moments import ago
from mirror.store import api_subscriptions, api_tokens, journal, reading

READING = ("Contacts.Read", "Calendar.Read", "Mail.Read", "Tasks.Read")
LONGEST_NAME = 100


@click.group(
    help="Let programs use the mirror's own API: make, list and revoke tokens, and show what notifications are signed with."
)
def token() -> None:
    """The group of token commands."""


@token.command(name="new")
@click.argument("name")
@click.option("--account", metavar="NAME", help="The account that it opens; needed where there are several.")
@click.option("--scope", "scopes", multiple=True, metavar="SCOPE",
              help=f"What it may do, by upstream's names; may be repeated. Without any: {', '.join(READING)}.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_context
def new_token(ctx: click.Context, name: str, account: str | None, scopes: tuple[str, ...], as_json: bool) -> None:
    """Make a token for a program. It is shown now, and never again."""
    store = store_of(ctx)
    if not name.strip() or len(name) > LONGEST_NAME:
        raise Usage(f"the name of a token has 1 to {LONGEST_NAME} characters")
    wanted = tuple(dict.fromkeys(word for scope in scopes for word in scope.replace(",", " ").split())) or READING
    unknown = [scope for scope in wanted if scope not in SCOPES]
    if unknown:
        raise Usage(f"there is no scope {unknown[0]}; there are: {', '.join(SCOPES)}")
    known = journal.accounts(store)
    if account is None and len(known) != 1:
        names = ", ".join(one.name for one in known)
        raise Usage(f"say which account it opens, with --account: {names}" if names else "there is no account yet")
    whose = journal.account_named(store, account) if account is not None else known[0]
    made = api_tokens.new(store, name, whose.id, wanted)
    if as_json:
        click.echo(json.dumps({"name": name, "account": whose.name, "scopes": list(wanted), "token": made}, indent=2))
        leave(DONE)
    click.echo(made)
    click.echo(f"It opens “{plain(whose.name)}” for {', '.join(wanted)}, and is not shown again.", err=True)
    if not whose.writable and any(not scope.endswith(".Read") for scope in wanted):
        click.echo(f"Until you say `mirror account writable {whose.name} on`, nothing is changed there.", err=True)


@token.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_context
def list_tokens(ctx: click.Context, as_json: bool) -> None:
    """The tokens that there are, what each may do, and when it was last used."""
    store = store_of(ctx)
    found = [(one, reading.account_name(store, one.account_id)) for one in api_tokens.every(store)]
    told = api_subscriptions.how_many(store.conn)
    if as_json:
        document = [
            {"name": one.name, "account": account, "scopes": list(one.scopes), "created_at": one.created_at,
             "last_used_at": one.last_used_at, "subscriptions": told.get(one.id, 0)}
            for one, account in found
        ]  # fmt: skip
        click.echo(json.dumps({"tokens": document}, indent=2))
        leave(DONE)
    now = store.clock.now()
    for one, account in found:
        used = f"used {ago(one.last_used_at, now)}" if one.last_used_at else "never used"
        watches = f"; is told of {told[one.id]} resources" if one.id in told else ""
        click.echo(plain(f"{one.name:<20} {account:<16} {used:<22} {', '.join(one.scopes)}{watches}"))
    if not found:
        click.echo("There are no tokens. Make one with: mirror token new NAME")


@token.command()
@click.argument("name")
@click.pass_context
def revoke(ctx: click.Context, name: str) -> None:
    """End a token: what uses it is let in no more, at once, nor told of anything."""
    api_tokens.revoke(store_of(ctx), name)
    click.echo(f"“{plain(name)}” opens nothing any more.")


@token.command(name="signing-secret")
@click.pass_context
def signing_secret(ctx: click.Context) -> None:
    """Show what notifications to programs are signed with. They need it to make sure that it was this mirror who told them."""
    store = store_of(ctx)
    try:
        click.echo(credentials.signing_secret(store.home, store.clock.secret))
    except SignInAgain as error:
        raise HomeUnusable(
            str(store.home), "the keyring that holds the signing secret can't be read; unlock it"
        ) from error
