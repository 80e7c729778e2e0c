"""`mirror doctor`: the whole set-up looked over, line by line, with what to do where something is not well."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click

from mirror.cli.opening import home_of, leave, opened, source_for, system_clock
from mirror.cli.serving import PORT
from mirror.cli.words import DONE, FAILED, PERSON, plain, sentence
from mirror.doctor import Examination, Line, examine
from mirror.errors import MirrorError
from mirror.store import journal
from mirror.store.connection import Store

BUDGET_S = 5.0
MARKS = {"ok": ("ok", "green"), "note": ("note", "yellow"), "wrong": ("WRONG", "red"), "person": ("YOU", "red")}
CODES = {"ok": DONE, "note": DONE, "wrong": FAILED, "person": PERSON}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address that the pages are served on ...")
@click.option("--port", default=PORT, show_default=True, type=click.IntRange(0, 65535), help="... and the port.")
@click.pass_context
def doctor(ctx: click.Context, as_json: bool, host: str, port: int) -> None:
    """Look the whole set-up over. Exit code 1: something is to be put right here; 3: you are needed (sign in again)."""
    clock = system_clock()
    home = home_of(ctx)
    store, lines = _opened(home)
    if store is not None:
        ctx.call_on_close(store.close)
    accounts = tuple(journal.accounts(store)) if store is not None else ()
    examination = Examination(
        home, clock, store, accounts, lambda account: source_for(home, account, clock, budget_s=BUDGET_S), host, port,
        os.getuid(), _mounts(),
    )  # fmt: skip
    for line in [] if as_json else lines:
        _print(line)
    for line in examine(examination):
        lines.append(line)
        if not as_json:
            _print(line)
    code = max(
        (CODES[line.verdict] for line in lines), key=lambda code: (DONE, FAILED, PERSON).index(code), default=DONE
    )
    if as_json:
        told = [{"check": one.check, "verdict": one.verdict, "what": one.what, "help": one.help} for one in lines]
        click.echo(json.dumps({"home": str(home), "lines": told, "exit_code": code}, indent=2))
    leave(code)


def _opened(home: Path) -> tuple[Store | None, list[Line]]:
    """The store, and what there is to say when it can't be opened."""
    if not (home / "mirror.db").exists():
        return None, []
    try:
        return opened(home, system_clock(), create=False), [Line("mirror.db", "ok", f"{home / 'mirror.db'} opens")]
    except MirrorError as error:
        return None, [Line("mirror.db", "wrong", sentence(error))]


def _print(line: Line) -> None:
    mark, color = MARKS[line.verdict]
    click.echo(click.style(f"{mark:<6}", fg=color) + plain(f"{line.check:<13} {line.what}"))
    if line.help is not None:
        click.echo(plain(f"{'':<19} → {line.help}"))


def _mounts() -> str:
    try:
        return Path("/proc/mounts").read_text(encoding="utf-8", errors="replace")
    except OSError:  # not on this system
        return ""
