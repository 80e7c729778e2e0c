"""`mirror webhook …`, and what `mirror run --webhook-url` puts together: what upstream tells at once, and where."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from mirror import credentials, subscribe
from mirror.cli.opening import leave, retry_budget_s, source_for, store_of
from mirror.cli.words import DONE, exit_code, plain, sentence
from mirror.clock import Clock
from mirror.errors import MirrorError, SignInAgain, Stopped
from mirror.feed import Notice
from mirror.moments import ago
from mirror.store import hints, journal, reading, subscriptions
from mirror.store.connection import Store, translated
from mirror.store.journal import Account

if TYPE_CHECKING:
    from mirror.web.hook import Hook

PATIENCE_S = 10.0
SECRETS_LAST_S = 60.0


@click.group(help="What upstream tells at once (mirror run --webhook-url): list it, or end it.")
def webhook() -> None:
    """The group of webhook commands."""


@webhook.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_context
def list_subscriptions(ctx: click.Context, as_json: bool) -> None:
    """What upstream tells of at once, and how each subscription does. Feeds that are not listed are asked."""
    store = store_of(ctx)
    found = [
        (account, one) for account in journal.accounts(store) for one in subscriptions.of_account(store, account.id)
    ]
    if as_json:
        fields = ("kind", "state", "error", "created_at", "checked_at", "notified_at")
        document = [
            {"account": account.name, "parent": _parent(store, account, one)} | {f: getattr(one, f) for f in fields}
            for account, one in found
        ]
        click.echo(json.dumps(document, indent=2))
        return
    now = store.clock.now()
    for account, one in found:
        parent = _parent(store, account, one)
        name = f"{one.kind} · {parent}" if parent else one.kind
        told = f"told {ago(one.notified_at, now)}" if one.notified_at else "told nothing yet"
        click.echo(
            plain(f"{account.name:<16} {name:<34.34} {one.state:<8} {told}" + (f"; {one.error}" if one.error else ""))
        )
    if not found:
        click.echo(
            "Upstream tells nothing by itself; everything is asked for. To be told: mirror run --webhook-url URL"
        )


def _parent(store: Store, account: Account, one: subscriptions.Subscription) -> str | None:
    feeds = (feed for feed in journal.known_feeds(store, account.id) if (feed.kind, feed.parent_id) == one.place)
    feed = next(feeds, None)
    return (reading.parent_name(store, feed) or feed.parent) if feed is not None else None


@webhook.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.pass_context
def off(ctx: click.Context, names: tuple[str, ...]) -> None:
    """End what upstream tells of all accounts, or of the named ones. They are asked, as without it."""
    store = store_of(ctx)
    code = DONE
    for account in [journal.account_named(store, name) for name in names] or journal.accounts(store):
        try:
            ended = _end(store, account)
            click.echo(f"{account.name}: {ended} ended.")
        except MirrorError as error:
            code = max(code, exit_code(error))
            click.echo(f"mirror: {sentence(error, account.name, account.base_url)}", err=True)
    click.echo("A mirror run with --webhook-url begins anew: stop it first, and start it without.")
    leave(code)


def end_if_possible(store: Store, account: Account) -> None:
    """End what upstream tells of an account that is about to be removed. What can't be ended now, upstream gives up by itself."""
    own = [one.remote_id for one in subscriptions.of_account(store, account.id)]
    if not own:
        return
    try:
        _end(store, account)
    except Stopped:
        raise
    except MirrorError as error:
        subscriptions.forget(store, account.id, own)
        click.echo(f"Upstream goes on telling of {account.name} until it gives up ({plain(error)}).", err=True)


def _end(store: Store, account: Account) -> int:
    source = source_for(store.home, account, store.clock, budget_s=min(PATIENCE_S, retry_budget_s()))
    try:
        return subscribe.unsubscribe(store, source.subscriptions, account) if source.subscriptions else 0
    finally:
        source.close()


# --- mirror run --webhook-url ---------------------------------------------------------------------------------------------


class Secrets:
    """The signing secrets of the accounts' applications, by base URL. They are looked up again every minute."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[str, str] = {}
        self._until: float | None = None

    def __call__(self) -> Mapping[str, str]:
        now = self._store.clock.monotonic()
        if self._until is None or now >= self._until:
            self._known = signing_secrets(self._store)
            self._until = now + SECRETS_LAST_S
        return self._known

    def verifies(self, account: Account) -> bool:
        return bool(self().get(account.base_url))


def signing_secrets(store: Store) -> dict[str, str]:
    """Those that are known, by the accounts' base URLs. Raises: HomeTooNew, HomeUnusable, DatabaseBusy and the like."""
    with translated(store.path):
        again = store.again()  # it may be another thread that asks
        try:
            base_urls = {account.base_url for account in journal.accounts(again)}
        finally:
            again.close()
    found = {}
    for base_url in base_urls:
        try:
            app = credentials.app(store.home, base_url)
        except SignInAgain:  # a locked keyring is as good as none
            continue
        if app is not None and app.signing_secret:
            found[base_url] = app.signing_secret
    return found


@dataclass(frozen=True, slots=True)
class Receiving:
    """What `mirror run --webhook-url` needs: the address for the scheduler, and the hook for the pages."""

    address: subscribe.Address
    hook: Hook
    store: Store

    def take(self, hurry: Callable[[Iterable[int]], None]) -> Callable[[Sequence[Notice]], list[bool]]:
        """Records notices, and hurries the accounts that they are about."""

        def taken(notices: Sequence[Notice]) -> list[bool]:
            found = hints.take(self.store, notices)
            hurry({account_id for concerned in found for account_id in concerned or ()})
            return [concerned is not None for concerned in found]

        return taken


def receiving(store: Store, clock: Clock, webhook_url: str) -> Receiving:
    """What is received, and where. Raises: Usage."""
    from mirror.web.hook import Hook

    base = subscribe.base_of(webhook_url)
    token = subscribe.token_of(store)
    secrets = Secrets(store)
    hook = Hook(token, secrets, clock)
    address = subscribe.Address(f"{base}/{token}", secrets.verifies, lambda: hook.times_validated)
    return Receiving(address, hook, store.again())


def say_what_is_missing(store: Store) -> None:
    """Of which base URLs nothing can be verified."""
    known = signing_secrets(store)
    for base_url in sorted({account.base_url for account in journal.accounts(store)} - known.keys()):
        click.echo(f"What {base_url} tells can't be verified, so its accounts are asked as ever. Its application's signing secret"
                   " is set with: mirror app set --signing-secret-stdin", err=True)  # fmt: skip
