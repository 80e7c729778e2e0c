"""`mirror demo` and `mirror sandbox`: a local Aurinko, and the whole program on top of it within a minute."""

from __future__ import annotations

import shutil
import socket
import sys
import threading
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import platformdirs
from filelock import FileLock, Timeout

from mirror import credentials
from mirror.cli.ending import Ending
from mirror.cli.opening import leave, opened, system_clock
from mirror.cli.password import access_of
from mirror.cli.serving import PORT, listen, run_until_stopped, url_of
from mirror.cli.words import plain
from mirror.clock import SystemClock
from mirror.errors import Stopped, Usage
from mirror.store import journal, reading
from mirror.store.connection import Store

if TYPE_CHECKING:
    from mirror.sandbox.state import State

MARK = "this-is-a-demo"
HOST = "127.0.0.1"
DEMO_INTERVAL_FACTOR = 0.05  # mail every three seconds, so that there is something to watch

_size = click.option("--size", default=1.0, show_default=True, type=click.FloatRange(0.01, 100), metavar="FACTOR",
                     help="How much there is; 1: a year with 2,000 mails.")  # fmt: skip


@click.command()
@click.option("--load", "paths", multiple=True, type=click.Path(exists=True, path_type=Path), metavar="PATH",
              help="Fill the account from .vcf, .ics, .eml and .mbox files; may be repeated.")  # fmt: skip
@click.option("--life", is_flag=True, help="Let the simulated person go on living.")
@click.option("--life-every", default=5.0, show_default=True, type=click.FloatRange(0.01), metavar="SECONDS")
@click.option(
    "--state",
    "state_path",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Keep the sandbox's data in this file.",
)
@click.option("--seed", default=1, show_default=True, help="Of the simulated person.")
@_size
@click.option("--token", default="sandbox-token", show_default=True, help="The account's access token.")
@click.option(
    "--service", default="Google", show_default=True, help="Whose habits to show: Google, Office365, IMAP ..."
)
@click.option("--page-size", default=50, show_default=True, type=click.IntRange(1))
@click.option(
    "--ready-polls", default=0, show_default=True, type=click.IntRange(0), help="Answer “not ready” this often."
)
@click.option("--token-life", type=click.FloatRange(0), metavar="SECONDS", help="Let delta tokens expire.")
@click.option("--page-token-life", type=click.FloatRange(0), metavar="SECONDS", help="Let page tokens expire.")
@click.option("--rate-limit", type=click.IntRange(1), help="Requests per second before 429.")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8800, show_default=True, type=click.IntRange(0, 65535), help="0: any free one.")
def sandbox(paths: tuple[Path, ...], life: bool, life_every: float, state_path: Path | None, seed: int, token: str,
            service: str, host: str, port: int, **habits: Any) -> None:  # fmt: skip
    """Serve a faithful local copy of Aurinko's API, with a synthetic person's mailbox or your own files in it."""
    from mirror.sandbox.options import Options
    from mirror.sandbox.state import State

    clock = system_clock()
    clock.random.seed(seed)
    state = State(str(state_path) if state_path else ":memory:", clock=clock)
    options = Options(
        page_size=habits["page_size"], ready_polls=habits["ready_polls"], delta_token_lifetime_s=habits["token_life"],
        page_token_lifetime_s=habits["page_token_life"], rate_limit=habits["rate_limit"],
    )  # fmt: skip
    _fill(state, clock, paths, token=token, service=service, size=habits["size"])
    served = _serve_sandbox(state, options, host, port)
    click.echo(f"Aurinko's API is at {served.url} for the token “{token}”. Mirror it with:")
    click.echo(
        f"  echo {token} | mirror account add NAME --base-url {served.url} --since all --token-stdin && mirror sync"
    )
    click.echo(
        f"Its application: client id {options.client_id}, client secret {options.client_secret},"
        f" signing secret {options.signing_secret}. IMAP mailboxes open with the password {options.mailbox_password}."
    )
    sys.stdout.flush()
    with Ending() as ending:
        if life:
            _live(state, clock, life_every)
        ending.wait()
    clock.stop()
    served.stop()


def _fill(state: State, clock: SystemClock, paths: tuple[Path, ...], *, token: str, service: str, size: float) -> None:
    from mirror.sandbox.load import load
    from mirror.sandbox.person import populate

    if state.account_for_token(token) is not None:
        return  # a state file of an earlier time
    account = state.add_account(email="ada@example.org", name="Ada Lindqvist", service_type=service, token=token)
    if not paths:
        populate(state, clock=clock, account_id=account.id, size=size)
        return
    loaded = load(state, account.id, paths)
    for path, reason in loaded.refused:
        click.echo(f"{plain(path)}: {plain(reason)}", err=True)
    click.echo(f"Loaded {loaded.records:,} contacts, events, tasks and mails from {len(loaded.counts):,} files.")


def _serve_sandbox(state: State, options: Any, host: str, port: int) -> Any:
    from mirror.sandbox.app import create_app, sandbox_of
    from mirror.sandbox.serve import serve

    app = create_app(state, options)
    return serve(app, host, port, sandbox_of(app).notifications.run)


def _live(state: State, clock: SystemClock, every_s: float) -> None:
    from mirror.sandbox.life import Life, run

    life = Life(state, state.accounts()[0].id, clock=clock)

    def living() -> None:
        try:
            run(life, clock, every_s=every_s, stop=lambda: clock.stopping)
        except Stopped:
            return

    threading.Thread(target=living, name="life", daemon=True).start()


@click.command()
@click.option("--once", is_flag=True, help="Do it all, and end.")
@click.option("--no-browser", is_flag=True, help="Don't open a browser.")
@click.option("--port", default=PORT, show_default=True, type=click.IntRange(0, 65535), help="0: any free one.")
@click.option("--seed", default=1, show_default=True, help="Of the simulated person.")
@_size
@click.pass_context
def demo(ctx: click.Context, once: bool, no_browser: bool, port: int, seed: int, size: float) -> None:
    """A synthetic person's mailbox, mirrored and served, while the person goes on living. Needs no account, no network."""
    listening = None if once else listen(HOST, port)
    clock = system_clock()
    clock.random.seed(seed)
    with _fresh_home(ctx.find_root().obj) as home:
        _demonstrate(home, clock, listening, size=size, browser=not no_browser)


def _demonstrate(
    home: Path, clock: SystemClock, listening: socket.socket | None, *, size: float, browser: bool
) -> None:
    from mirror.cli.sync import sync_accounts
    from mirror.sandbox.options import Options
    from mirror.sandbox.person import populate
    from mirror.sandbox.state import State

    began = clock.monotonic()
    click.echo("Making up a person: a year of mail, meetings, tasks and contacts …")
    state = State(":memory:", clock=clock)
    token = clock.secret()
    person = state.add_account(email="ada@example.org", name="Ada Lindqvist", token=token)
    populate(state, clock=clock, account_id=person.id, size=size)
    upstream = _serve_sandbox(state, Options(), "127.0.0.1", 0)
    try:
        store = opened(home, clock)
        account = journal.add_account(
            store, "ada", "aurinko", upstream.url, attachments_up_to_bytes=10_000_000,
            interval_factor=DEMO_INTERVAL_FACTOR,
        )  # fmt: skip
        journal.set_writable(store, account.id, True)  # whose mailbox it is, nobody minds
        account = journal.account(store, account.id)
        credentials.save(home, account.name, {"token": token}, in_file=True)
        click.echo(f"Mirroring {person.email} from {upstream.url} into {store.path}")
        code = sync_accounts(store, [account], (), {"accounts": []})
        _tell_size(store, clock.monotonic() - began)
        store.close()
        if code or listening is None:
            leave(code)
        _live(state, clock, 2.5)
        with Ending() as ending:
            url = url_of(listening)
            click.echo(f"\nBrowse {url}  and watch it grow (Ctrl-C ends it)")
            click.echo(
                f"Or ask it:  sqlite3 '{home / 'mirror.db'}' \"select subject, from_name from messages limit 5\""
            )
            opening = (lambda: _open_browser(url)) if browser else None
            run_until_stopped(home, listening, ending, access_of(home, HOST), tick_s=1.0, on_ready=opening)
    finally:
        clock.stop()
        upstream.stop()


@contextmanager
def _fresh_home(chosen: Path | None) -> Iterator[Path]:
    """The demo's own folder, made anew and held; one that is not a demo's, or is in use, is never touched. Raises: Usage."""
    home = chosen or platformdirs.user_data_path("mirror-demo", appauthor=False)
    if home.exists() and any(home.iterdir()) and not (home / MARK).is_file():
        raise Usage(f"{home} is not empty and not a demo's folder; name another one with --home")
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    mark = home / MARK
    held = FileLock(mark, timeout=0)
    try:
        held.acquire()
    except Timeout:
        raise Usage(f"a demo is running in {home}; stop it first, or name another folder with --home") from None
    try:
        for old in home.iterdir():
            if old != mark:
                shutil.rmtree(old) if old.is_dir() else old.unlink()
        mark.write_text(
            "Made by `mirror demo`, which empties this folder when it is started again.\n", encoding="utf-8"
        )
        yield home
    finally:
        held.release()


def _tell_size(store: Store, seconds: float) -> None:
    rows = dict.fromkeys(("contacts", "events", "messages", "tasks"), 0)
    for feed in reading.status(store)["accounts"][0]["feeds"]:
        if feed["kind"] in rows:
            rows[feed["kind"]] += feed["rows"]
    told = ", ".join(f"{number:,} {kind}" for kind, number in rows.items())
    megabytes = sum(file.stat().st_size for file in store.home.glob("*.db*")) / 1e6
    click.echo(f"{told}: {megabytes:.0f} MB, {seconds:.0f} s after you pressed Enter.")


def _open_browser(url: str) -> None:
    threading.Thread(target=webbrowser.open, args=[url], daemon=True).start()
