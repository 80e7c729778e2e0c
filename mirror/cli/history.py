"""`mirror history`: what the mirror has seen of one record, version after version, each with what it changed."""

from __future__ import annotations

import difflib
import json
import re
from datetime import datetime
from itertools import islice
from typing import Any

import click

from mirror.cli.opening import leave, store_of
from mirror.cli.words import plain
from mirror.formats.text import from_html
from mirror.moments import in_words
from mirror.store import journal, reading, versions
from mirror.store.columns import derive
from mirror.store.differences import NOTHING, Difference

A_TAG = re.compile(r"</?[a-z][a-z0-9]*[\s>/]", re.I)
BODY_LINES = 30
VALUE_LENGTH = 160
COLORS = {"created": "green", "restored": "green", "deleted": "red", "changed": "cyan"}
EVIDENCE = {"reported": "upstream said so", "absent": "it was no longer in a complete listing"}


@click.command()
@click.argument("kind")
@click.argument("record", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="One JSON document, with every version's raw.")
@click.pass_context
def history(ctx: click.Context, kind: str, record: str, as_json: bool) -> None:
    """All versions of a record, newest last, and what each changed. ID is its id, or upstream's."""
    store = store_of(ctx)
    chosen = reading.kind_named(kind)
    row = reading.find(store, chosen, record)
    steps = versions.history(store, chosen, row["id"])
    account = reading.account_name(store, row["account_id"])
    if as_json:
        head = {"kind": chosen.name, "id": row["id"], "remote_id": row["remote_id"], "account": account}
        head["title"] = row[chosen.title]
        click.echo(json.dumps({**head, "versions": versions.told(steps)}, indent=2, ensure_ascii=False))
        leave(0)
    now = store.clock.now()
    click.secho(plain(row[chosen.title] or "(no title)"), bold=True)
    many = f"{len(steps)} versions" if len(steps) > 1 else "1 version"
    click.echo(f"{chosen.singular} {row['id']} of {account} · {many}")
    for number, step in enumerate(steps, 1):
        _print_step(chosen.name, number, step, now)
    if len(steps) > 1 and journal.account(store, row["account_id"]).writable:
        click.echo(f"\nMake it what it was with: mirror revert {chosen.singular.replace(' ', '_')} {row['id']}@VERSION")


def _print_step(kind: str, number: int, step: versions.Step, now: datetime) -> None:
    version = step.version
    click.echo()
    change = click.style(f"{step.change:<9}", fg=COLORS[step.change], bold=True)
    click.echo(f"{number:>3}  {change}{in_words(version.observed_at, now)}")
    if step.change == "deleted":
        click.echo(
            f"    {EVIDENCE[version.deletion or 'absent']} ({version.deletion}); deleted at {version.deleted_at}"
        )
    elif step.change == "created":
        for name, value in _columns(kind, version.fields):
            click.echo(f"    {name}: {said(value)}")
    else:
        told = [one for one in step.differences if not one.is_mark]
        for one in told:
            click.echo(f"    {plain(one.path)}: {change_in_words(one)}")
        if not told and step.body is None and step.change == "changed":
            marks = ", ".join(one.path for one in step.differences)
            click.echo(f"    nothing that can be read ({marks or 'upstream sent it anew'})")
    if step.body is not None:
        _print_body(*step.body)


def _columns(kind: str, fields: dict[str, Any]) -> list[tuple[str, Any]]:
    return [
        (name, value)
        for name, value in reading.named_columns(kind, derive(kind, fields).columns)
        if value not in (None, "", 0)
    ]


def change_in_words(one: Difference) -> str:
    if one.before is NOTHING:
        return click.style(f"+ {said(one.after)}", fg="green")
    if one.after is NOTHING:
        return click.style(f"- {said(one.before)}", fg="red")
    if isinstance(one.before, list) and isinstance(one.after, list):
        return "the same entries in another order"
    return f"{said(one.before)} → {said(one.after)}"


def said(value: Any) -> str:
    """A value in one line."""
    if isinstance(value, dict):
        value = ", ".join(f"{name}: {said(inner)}" for name, inner in value.items())
    elif isinstance(value, list):
        value = "; ".join(map(said, value)) or "(empty)"
    elif value is None or isinstance(value, bool):
        value = {None: "(none)", True: "yes", False: "no"}[value]
    line = plain(" ".join(str(value).split())) or "(empty)"
    return line if len(line) <= VALUE_LENGTH else line[: VALUE_LENGTH - 1] + "…"


def body_text(html: str | None) -> str:
    """A stored body as text; mails without HTML are stored as the plain text that they came as."""
    return from_html(html) if html and A_TAG.search(html) else html or ""


def _print_body(before: str | None, after: str | None) -> None:
    old, new = (body_text(html).splitlines() for html in (before, after))
    lines = list(islice(difflib.unified_diff(old, new, n=1, lineterm=""), 2, None))
    click.echo("    the body:")
    for line in lines[:BODY_LINES]:
        click.secho(f"      {plain(line)[:VALUE_LENGTH]}", fg={"+": "green", "-": "red"}.get(line[:1]))
    if len(lines) > BODY_LINES:
        click.echo(f"      … {len(lines) - BODY_LINES} more lines; all of it with --json")
    if not lines:
        click.echo("      the same text, written in another way")
