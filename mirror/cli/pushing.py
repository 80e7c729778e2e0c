"""`mirror push`: what waits in the outbox is sent, or with --dry-run only shown. Offline is a normal state."""

from __future__ import annotations

import json
from typing import Any

import click

from mirror.cli.edits import told_of, waits_for_a_person, wish
from mirror.cli.opening import leave, source_for, store_of
from mirror.cli.outbox import document, needs_a_person
from mirror.cli.sync import chosen_accounts
from mirror.cli.words import DONE, FAILED, exit_code, plain, sentence
from mirror.errors import AccountBusy, DatabaseDamaged, DiskFull, MirrorError, RetryLater, Stopped
from mirror.feed import Request
from mirror.store import dispatch
from mirror.store import outbox as edits
from mirror.store.connection import Store
from mirror.store.edits import NEEDS_A_PERSON
from mirror.store.journal import Account


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--dry-run", is_flag=True, help="Print the requests that would be sent, and send nothing.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_context
def push(ctx: click.Context, names: tuple[str, ...], dry_run: bool, as_json: bool) -> None:
    """Send what waits in the outbox, of all accounts or the named ones. The next sync shows it."""
    store = store_of(ctx)
    told: list[dict[str, Any]] = []
    away: list[str] = []
    worst = DONE
    for account in chosen_accounts(store, names):
        if not _takes_edits(store, account):
            continue
        try:
            (_dry if dry_run else _push)(store, account, told, quiet=as_json)
        except (Stopped, DatabaseDamaged, DiskFull):
            raise
        except AccountBusy as busy:
            click.echo(f"mirror: {sentence(busy, account.name)}", err=True)
        except MirrorError as error:
            if isinstance(error, RetryLater) and error.status is None:
                away.append(account.name)
                _tell_offline(store, account, error)
                continue
            click.echo(f"mirror: {sentence(error, account.name, account.base_url)}", err=True)
            worst = max(worst, exit_code(error))
    left = edits.edits(store, states=NEEDS_A_PERSON)
    if as_json:
        document_ = {"home": str(store.home), "edits": told, "offline": away}
        click.echo(json.dumps(document_, indent=2, ensure_ascii=False))
    elif not told and not away and not worst:
        click.echo(f"Nothing to send; {waits_for_a_person(len(left))}" if left else "Nothing to send.")
    if any(one.get("state") == "pending" and one["error"] for one in told):
        worst = max(worst, FAILED)
    leave(max(worst, needs_a_person(left)))


def _takes_edits(store: Store, account: Account) -> bool:
    """Whether an account's edits are to be sent; says why not, when there are some."""
    if account.writable and account.status != "paused":
        return True
    if edits.edits(store, account_id=account.id):
        how = f"read-only; send its edits after: mirror account writable {account.name} on"
        if account.writable:
            how = f"paused; its edits wait until: mirror account resume {account.name}"
        click.echo(f"{account.name} is {how}", err=True)
    return False


def _tell_offline(store: Store, account: Account, error: RetryLater) -> None:
    waiting = len(edits.edits(store, account_id=account.id, states=("pending", "unsure")))
    many = "1 edit waits here and goes" if waiting == 1 else f"{waiting:,} edits wait here and go"
    click.echo(
        plain(f"{account.name}: {account.base_url} can't be reached ({error.detail}). {many} when it can be."), err=True
    )


def _push(store: Store, account: Account, told: list[dict[str, Any]], *, quiet: bool) -> None:
    from mirror.push import push_account

    edits.at_once(store, account.id)
    source = source_for(store.home, account, store.clock)
    try:
        for done in push_account(store, source, account):
            told.append(document(store, done.edit))
            if not quiet:
                click.echo(plain(f"{account.name}: {told_of(store, done.edit)}"))
    finally:
        source.close()


def _dry(store: Store, account: Account, told: list[dict[str, Any]], *, quiet: bool) -> None:
    from mirror.push import planned

    source = source_for(store.home, account, store.clock)
    try:
        for one, request in planned(store, source, account):
            told.append({"id": one.id, "request": _request(request)})
            if not quiet:
                click.secho(plain(f"{account.name}: edit {one.id}: {wish(store, one)}"), bold=True)
                _print_request(request)
    finally:
        source.close()
    later = len(edits.edits(store, account_id=account.id)) - len(dispatch.due(store, account.id))
    if later > 0 and not quiet:
        click.echo(f"{account.name}: {later} more edits go after these, or wait for a decision.")


def _request(request: Request | str) -> Any:
    if isinstance(request, str):
        return request
    return {"method": request.method, "path": request.path, "params": request.params, "headers": request.headers,
            "body": request.body}  # fmt: skip


def _print_request(request: Request | str) -> None:
    if isinstance(request, str):
        click.echo(f"    not sent: {plain(request)}")
        return
    query = "&".join(f"{name}={value}" for name, value in request.params.items())
    click.echo(plain(f"    {request.method} {request.path}{'?' + query if query else ''}"))
    for name, value in request.headers.items():
        click.echo(plain(f"    {name}: {value}"))
    if request.body is not None:
        for line in json.dumps(request.body, indent=2, ensure_ascii=False).splitlines():
            click.echo(plain(f"    {line}"))
