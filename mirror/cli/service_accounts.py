"""`mirror account login-service` and `add-all`: an organisation's administrator signs in once, for all of its mailboxes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from typing import TextIO

import click

from mirror import credentials, sign_in
from mirror.cli.asking import account_name, check_url, megabytes, reach_options, since_date
from mirror.cli.opening import store_of, system_clock
from mirror.cli.signing_in import Browser, base_of_app, browser_options, get_code, saying_why
from mirror.cli.words import plain
from mirror.credentials import ServiceAccount
from mirror.errors import Usage
from mirror.organisation import Choice, Found, add_all
from mirror.sign_in import Reach, Wanted
from mirror.sources.aurinko_auth import DAEMON_SERVICES, Application, service_named
from mirror.store import journal

_AN_ADDRESS = re.compile(r"[^\s@]+@[^\s@]+")
_TOLD = {
    "there": "is mirrored already, as {name}",
    "repaired": "has its credentials back, as {name}",
    "removed": "was removed here and stays so (--also-removed brings it back), as {name}",
    "refused": "is not to be had ({why})",
}


@click.command(name="login-service")
@click.argument("name")
@click.option("--service", metavar="NAME", help=f"{', '.join(DAEMON_SERVICES[:4])} ...")
@click.option("--reauth", is_flag=True, help="Sign in again for the organisation of that name.")
@click.option("--writable", is_flag=True, help="Ask for the right to write, too.")
@browser_options
@click.pass_context
def login_service(ctx: click.Context, name: str, service: str | None, reauth: bool, writable: bool, base_url: str | None,
                  no_browser: bool, return_port: int | None) -> None:  # fmt: skip
    """Sign in as the administrator of an organisation, under a NAME of your choice. Its mailboxes come with: add-all."""
    store = store_of(ctx, create=True)
    known = credentials.services(store.home).get(account_name(name))
    if known is None and reauth:
        raise _unknown(name, credentials.services(store.home))
    if known is not None and not reauth:
        raise Usage(f"“{name}” is there already; to sign in to it again: mirror account login-service {name} --reauth")
    if any(one.name == name for one in journal.accounts(store)):
        raise Usage(f"“{name}” is an account already; choose another name for the organisation")
    if service is None and known is None:
        raise Usage(f"which service is it? Say --service and one of: {', '.join(DAEMON_SERVICES)}")
    chosen = known.base_url if known is not None else base_url or base_of_app(store)
    check_url(chosen)
    kind = service_named(service or (known.service if known else ""), DAEMON_SERVICES)
    wanted = Wanted(kind, sign_in.scopes_for(writable), known.account_id if known else None, daemon=True)
    how = "--reauth" if reauth else f"--service {kind}"
    with saying_why(name, chosen, f"mirror account login-service {name} {how}"):
        app = sign_in.application(store, chosen)
        code = get_code(app, wanted, Browser(not no_browser, return_port), store.clock)
        with closing(Application(chosen, app.client_id, app.client_secret, clock=store.clock)) as upstream:
            kept = sign_in.finish_service(store, name, chosen, wanted, code, upstream)
    click.echo(f"Signed in: {name} is service account {kept.account_id} at {kind}.")
    click.echo(f"Next: mirror account add-all {name} --dry-run")


@click.command(name="add-all")
@click.argument("name", metavar="SERVICE_NAME")
@click.option("--match", metavar="PATTERN", help="Only addresses that fit, as in '*@example.org'.")
@click.option("--addresses", type=click.File(encoding="utf-8"), metavar="FILE", help="Mailboxes to be put under it, too: an "
              "address on each line; - is standard input.")  # fmt: skip
@click.option("--writable", is_flag=True, help="Let edits be made.")
@click.option("--also-removed", is_flag=True, help="Bring back those that were removed here, with their records.")
@click.option("--dry-run", is_flag=True, help="Only say what would be added.")
@reach_options
@click.pass_context
def add_all_command(ctx: click.Context, name: str, match: str | None, addresses: TextIO | None, writable: bool,
                    also_removed: bool, dry_run: bool, since: str | None, attachments: str) -> None:  # fmt: skip
    """Add every mailbox under a service account, named by its address. What is here already stays as it is."""
    store = store_of(ctx)
    services = credentials.services(store.home)
    if name not in services:
        raise _unknown(name, services)
    service = services[name]
    reach = Reach(since_date(since), megabytes(attachments))
    choice = Choice(match, reach, sign_in.scopes_for(writable), writable, also_removed, dry_run)
    typed = list(_addresses(addresses)) if addresses is not None else []
    counts: Counter[str] = Counter()
    with saying_why(name, service.base_url, f"mirror account add-all {name}"):
        app = sign_in.application(store, service.base_url)
        with closing(Application(service.base_url, app.client_id, app.client_secret, clock=system_clock())) as upstream:
            for found in add_all(store, service, upstream, choice, typed):
                counts[found.outcome] += 1
                click.echo(_told(found, dry_run))
    _sum_up(name, counts, dry_run, match)


def _told(found: Found, dry_run: bool) -> str:
    if found.outcome == "new":
        return plain(f"{'would add' if dry_run else 'added'} {found.name}")
    return plain(f"{found.email} {_TOLD[found.outcome].format(name=found.name, why=found.why)}")


def _sum_up(name: str, counts: Counter[str], dry_run: bool, match: str | None) -> None:
    if not counts:
        which = f" that fits {match}" if match else ""
        click.echo(
            f"There is no mailbox{which} under {name}. Put some there: mirror account add-all {name} --addresses FILE"
        )
        return
    added = f"{counts['new']:,} {'would be added' if dry_run else 'added'}"
    rest = sum(counts.values()) - counts["new"]
    click.echo(f"{added}, {rest:,} left as they are.")
    if dry_run:
        click.echo("Nothing was changed. Do it without --dry-run.")
    elif counts["new"] or counts["repaired"]:
        click.echo("Next: mirror sync")


def _addresses(file: TextIO) -> Iterator[str]:
    """Raises: Usage."""
    where = getattr(file, "name", "<stdin>")
    try:
        for number, line in enumerate(file, start=1):
            written = line.partition("#")[0].strip()
            if written and not _AN_ADDRESS.fullmatch(written):
                raise Usage(f"line {number} of {where} is no address: “{plain(written[:80])}”")
            if written:
                yield written
    except UnicodeDecodeError:
        raise Usage(f"{where} is no text in UTF-8") from None


def _unknown(name: str, services: dict[str, ServiceAccount]) -> Usage:
    there = f"there are: {', '.join(services)}" if services else "sign in to one"
    return Usage(
        f"there is no service account “{name}”; {there} with: mirror account login-service NAME --service Google"
    )
