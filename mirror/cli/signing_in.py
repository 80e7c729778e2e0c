"""`mirror account login`: signing in through the browser, or with what it came back to, or with a token that is there already."""

from __future__ import annotations

import os
import sys
import threading
import webbrowser
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import click

from mirror import credentials, sign_in
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
from mirror.cli.opening import home_of, leave, store_of, system_clock
from mirror.cli.words import AURINKO_URL, PERSON, exit_code, plain, sentence, start_again, why_not_signed_in
from mirror.clock import Clock
from mirror.credentials import App
from mirror.errors import MirrorError, NotSignedIn, PortInUse, Stopped, Usage
from mirror.loopback import Loopback
from mirror.sign_in import Attempt, Reach, SignedIn, Wanted
from mirror.sources.aurinko_auth import MAILBOXES, Application, service_named
from mirror.store import journal
from mirror.store.connection import Store
from mirror.store.journal import Account

TRIES = 3  # at pasting


@dataclass(frozen=True, slots=True)
class Browser:
    """How a person gets to the page that asks for the permission, and back."""

    wanted: bool
    return_port: int | None


def browser_options(command: click.decorators.FC) -> click.decorators.FC:
    """What every way of signing in through a browser takes."""
    for option in reversed((
        click.option("--base-url", metavar="URL", help="Default: the account's, else the one of your application."),
        click.option("--no-browser", is_flag=True, help="Print the URL, and take what the browser came back to."),
        click.option("--return-port", type=click.IntRange(1, 65535), metavar="N", help="Where the browser comes back to on "
                     f"this machine. Default: {sign_in.RETURN_PORT}, or any free port."),
    )):  # fmt: skip
        command = option(command)
    return command


@click.command()
@click.argument("name")
@click.option("--service", metavar="NAME", help=f"Sign in in the browser: {', '.join(MAILBOXES)} ...")
@click.option("--reauth", is_flag=True, help="Sign in again to the mailbox of an account that is there.")
@click.option("--writable", is_flag=True, help="Ask for the right to write, and let edits be made.")
@click.option("--server-url", metavar="URL", help="Of an IMAP or Exchange server: filled into its form.")
@browser_options
@reach_options
@credential_options
@click.pass_context
def login(ctx: click.Context, name: str, service: str | None, reauth: bool, writable: bool, server_url: str | None,
          base_url: str | None, no_browser: bool, return_port: int | None, since: str | None, attachments: str,
          token_stdin: bool, token_env: str | None, client_id: str | None, client_secret_env: str | None,
          account_id: str | None) -> None:  # fmt: skip
    """Sign in to a mailbox in the browser, or give an account a new token for the same mailbox."""
    handed_over = bool(token_stdin or token_env or client_id or client_secret_env or account_id)
    if not (service or reauth or handed_over):
        reauth = _can_sign_in_again(ctx, name)
    if not (service or reauth):
        _take_token(ctx, name, secret_from(token_stdin, token_env, client_id, client_secret_env, account_id))
        return
    if handed_over:
        raise Usage("sign in in the browser, or hand a token over; not both")
    if reauth and since is not None:
        raise Usage("--since is for a new account; what an account that is there asks for stays as it is")
    reach = Reach(since_date(since), megabytes(attachments))
    store = store_of(ctx, create=not reauth)
    known = _known(store, free_name(store.home, account_name(name)), reauth)
    wanted, chosen = _wanted(store, name, known, service, base_url, writable, server_url)
    how = "--reauth" if reauth else f"--service {wanted.service}"
    with saying_why(name, chosen, f"mirror account login {name} {how}"):
        browser = Browser(not no_browser, return_port)
        _tell(_signed_in(store, name, chosen, wanted, None if reauth else reach, browser), wanted)


def _can_sign_in_again(ctx: click.Context, name: str) -> bool:
    """True, for an account that is there and has an application to sign in with. Raises: Usage, which says what else."""
    home = home_of(ctx)
    there = [one for one in journal.accounts(store_of(ctx)) if one.name == name] if home.is_dir() else []
    if any(one.service and credentials.has_app(home, one.base_url) for one in there):
        return True
    raise Usage(f"say how: mirror account login {name} --service Google (in the browser), --reauth (again, for an account that"
                " is there), or hand its access token over with --token-stdin")  # fmt: skip


def _wanted(store: Store, name: str, known: Account | None, service: str | None, base_url: str | None, writable: bool,
            server_url: str | None) -> tuple[Wanted, str]:  # fmt: skip
    """What to ask for, and the base URL to ask at. Raises: Usage."""
    chosen = base_url or (known.base_url if known else base_of_app(store))
    check_url(chosen)
    before = known or journal.removed_account_named(store, name)
    same_server = before is not None and credentials.root(before.base_url) == credentials.root(chosen)
    if known is not None and not same_server:
        raise Usage(f"{name} is at {known.base_url}; an account can't move to another server")
    wanted = Wanted(
        service_named(_service_of(service, known)),
        sign_in.scopes_for(writable or bool(known and known.writable)),
        before.remote_id if before is not None and same_server else None,
        before.email if before is not None else None,
        server_url,
    )
    return wanted, chosen


def _signed_in(
    store: Store, name: str, base_url: str, wanted: Wanted, reach: Reach | None, browser: Browser
) -> SignedIn:
    """Raises: NotSignedIn, WrongMailbox, PortInUse, Usage, and what the store and upstream raise."""
    clock = system_clock()
    app = sign_in.application(store, base_url)
    code = get_code(app, wanted, browser, clock)
    with closing(Application(base_url, app.client_id, app.client_secret, clock=clock)) as upstream:
        return sign_in.finish(store, name, base_url, wanted, code, upstream, reach=reach)


@contextmanager
def saying_why(name: str, base_url: str, again: str) -> Iterator[None]:
    """Say what went wrong, with the account's name and server in it, and how to begin anew. Raises: Usage, Stopped, Exit."""
    try:
        yield
    except (Usage, Stopped):
        raise
    except NotSignedIn as error:
        whole = error.reason.startswith("app_")
        said = sentence(error, name, base_url) if whole else f"{name}: {start_again(error, again)}"
        click.echo(f"mirror: {said}", err=True)
        leave(PERSON)
    except MirrorError as error:
        click.echo(f"mirror: {sentence(error, name, base_url)}", err=True)
        leave(exit_code(error))


def get_code(app: App, wanted: Wanted, browser: Browser, clock: Clock) -> str:
    """The code that a person's permission brings. Raises: NotSignedIn, PortInUse."""
    server = urlsplit(app.base_url).netloc
    if not browser.wanted or not _can_open():
        port = browser.return_port or sign_in.RETURN_PORT
        attempt = Attempt(app, wanted, sign_in.return_url(port), clock)
        click.echo(f"Open this in a browser, on any machine, to sign in at {wanted.service} by way of {server}:\n")
        click.echo(f"  {attempt.url}\n")
        click.echo(f"In the end it goes to {sign_in.return_url(port)}?… which it can't open, and need not.")
        click.echo("Copy that whole address (or the code in it), and paste it here.")
        _take_pasted(attempt)
        return attempt.code
    with _listening(browser.return_port) as listening:
        attempt = Attempt(app, wanted, listening.url, clock)
        click.echo(f"Your browser opens to sign in at {wanted.service} by way of {server}. If it does not, go to:\n")
        click.echo(f"  {attempt.url}\n")
        click.echo("Waiting for you to come back from there, for five minutes (Ctrl-C stops it).")
        # A thread: some browsers keep whoever opens them waiting until they are closed.
        threading.Thread(target=webbrowser.open, args=[attempt.url], daemon=True).start()
        listening.wait(attempt.hear, clock=clock, patience_s=sign_in.PATIENCE_S)
    return attempt.code


def _listening(port: int | None) -> Loopback:
    """On the port that was asked for; else on the one to be registered, or any. Raises: Usage, PortInUse."""
    try:
        return Loopback(port or sign_in.RETURN_PORT)
    except PortInUse as error:
        if port is not None:
            raise Usage(f"port {port} can't be used ({error.reason}); choose another one with --return-port, and register its"
                        " return URL in the portal") from None  # fmt: skip
        return Loopback()


def _take_pasted(attempt: Attempt) -> None:
    terminal = sys.stdin is not None and sys.stdin.isatty()
    for left in reversed(range(TRIES if terminal else 1)):
        try:
            attempt.hear_pasted(_pasted(terminal))
        except NotSignedIn as error:
            if not left or error.reason not in ("no_code", "stranger"):
                raise
            click.echo(f"Sorry, {why_not_signed_in(error)}. Try again.", err=True)
        else:
            return


def _pasted(terminal: bool) -> str:
    if terminal:
        line: str = click.prompt("Address or code")
        return line
    try:
        return sys.stdin.readline() if sys.stdin is not None else ""
    except UnicodeDecodeError:
        return ""


def _can_open() -> bool:
    """Whether there is a browser with a window: one in the terminal would take it away from us."""
    if os.environ.get("BROWSER") or sys.platform == "win32":
        return True
    if sys.platform == "darwin":
        return not os.environ.get("SSH_CONNECTION")
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _take_token(ctx: click.Context, name: str, secret: credentials.Secret) -> None:
    store = store_of(ctx)
    found = journal.account_named(store, name)
    credentials.save(store.home, name, secret)
    if found.status == "needs_auth":
        journal.set_status(store, found.id, "active")
    click.echo(f"{name} has new credentials. Next: mirror sync {name}")


def _known(store: Store, name: str, reauth: bool) -> Account | None:
    """The account of that name, which must be there to sign in again and must not be otherwise. Raises: Usage."""
    if reauth:
        return journal.account_named(store, name)
    if any(one.name == name for one in journal.accounts(store)):
        raise Usage(
            f"there is an account “{name}” already; to sign in to it again: mirror account login {name} --reauth"
        )
    return None


def _service_of(service: str | None, known: Account | None) -> str:
    if service or (known and known.service):
        return service or str(known and known.service)
    raise Usage(f"which service is it? Say --service and one of: {', '.join(MAILBOXES)}")


def base_of_app(store: Store) -> str:
    """The base URL to sign in at when none was named: that of the only application."""
    bases = credentials.apps(store.home)
    return bases[0] if len(bases) == 1 else AURINKO_URL


def _tell(done: SignedIn, wanted: Wanted) -> None:
    name = done.account.name
    where = "in the keyring" if done.kept == "keyring" else f"in {done.kept}, readable by you alone (no usable keyring)"
    rights = "to read and write" if done.account.writable else "to read only"
    who = plain(done.account.email or f"account {done.account.remote_id}")
    click.echo(f"Signed in: {name} is {who} at {wanted.service}, {rights}. Its token is {where}.")
    if done.missing:
        click.echo(f"Not granted: {', '.join(done.missing)}. What needs that is left out; to grant it:"
                   f" mirror account login {name} --reauth")  # fmt: skip
    if done.also:
        click.echo(f"The same mailbox is mirrored already, as {', '.join(done.also)}. To keep it once: mirror account remove"
                   f" {name}")  # fmt: skip
    click.echo(f"Next: mirror sync {name}")
