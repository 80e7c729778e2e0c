"""`mirror search` and `mirror show`: the mirror in the terminal, offline."""

from __future__ import annotations

import json
from typing import Any

import click

from mirror.cli.edits import told_of
from mirror.cli.history import body_text
from mirror.cli.opening import leave, store_of
from mirror.cli.records import RECORD, RecordCommand
from mirror.cli.words import plain
from mirror.resources import SEARCHABLE, Kind
from mirror.store import outbox, reading
from mirror.store.connection import Store

TEXT_LINES = 40
SHOWN = {
    "pending": "edited, not sent yet", "sending": "edited, on its way", "sent": "edited", "unsure": "edited, not sure yet",
    "conflict": "edited, in conflict",
}  # fmt: skip


@click.command()
@click.argument("words", nargs=-1, required=True)
@click.option("--kind", "kinds", multiple=True, metavar="KIND", help="Only this kind; may be repeated.")
@click.option("--account", metavar="NAME", help="Only this account.")
@click.option("--deleted", is_flag=True, help="Tombstones too.")
@click.option(
    "--limit", default=20, show_default=True, type=click.IntRange(1, 10_000), help="At most this many of a kind."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_context
def search(ctx: click.Context, words: tuple[str, ...], kinds: tuple[str, ...], account: str | None, deleted: bool,
           limit: int, as_json: bool) -> None:  # fmt: skip
    """Find contacts, events, mail and tasks by their words. FTS5's operators work: "two words", word*, NOT, OR, NEAR."""
    store = store_of(ctx)
    chosen = tuple(reading.kind_named(kind).name for kind in kinds) or SEARCHABLE
    found = reading.search(store, " ".join(words), kinds=chosen, account=account, deleted=deleted, limit=limit)
    if as_json:
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
        leave(0)
    for one in found:
        gone = f" ({SHOWN[one['edit']]})" if one["edit"] else " (deleted)" if one["deleted_at"] else ""
        number = click.style(f"{one['kind']} {one['id']}", fg="cyan")
        click.echo(f"{number}  {(one['at'] or '')[:10]:<10}  {_one_line(one['title'] or '(no title)')}{gone}")
        click.echo(f"    {_one_line(one['snippet'] or '')}")
    if not found:
        click.echo("Nothing found.")


@click.command(cls=RecordCommand)
@click.argument("kind")
@click.argument("record", type=RECORD, metavar="ID")
@click.option(
    "--at", metavar="TIME", help="As it was known then: 2026-03-01, “2026-03-01 14:30”, yesterday, “2 days ago”."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document, with raw.")
@click.pass_context
def show(ctx: click.Context, kind: str, record: str, at: str | None, as_json: bool) -> None:
    """One record, whole, as it reads with its edits. ID is its id, or upstream's; below zero: of what is to be created."""
    store = store_of(ctx)
    chosen = reading.kind_named(kind)
    document = _known_at(store, chosen, record, at) if at else reading.show(store, chosen, record)
    if as_json:
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
        leave(0)
    click.secho(_one_line(document[chosen.title] or "(no title)"), bold=True)
    click.echo(f"{chosen.singular} {document['id']} of {document['account']}" + _history(document))
    for one in document.get("edits", []):
        click.secho(plain(told_of(store, outbox.edit(store, one["id"]))), fg="yellow")
    for name, value in reading.readable(chosen, document):
        if name != chosen.title:
            click.echo(f"  {name:<18} {_one_line(value)}")
    for table, rows in document.items():
        if isinstance(rows, list) and rows and table not in ("raw", "edits"):
            click.echo(f"  {table}")
            for row in rows:
                click.echo("    " + " · ".join(_one_line(value) for value in row.values() if value not in (None, "")))
    written = document.get("body") or {}
    if body := written.get("text") or body_text(written.get("html")):
        lines = plain(body).splitlines()
        click.echo("\n" + "\n".join(lines[:TEXT_LINES]))
        if len(lines) > TEXT_LINES:
            click.echo(f"… {len(lines) - TEXT_LINES} more lines; all of it with --json")


def _known_at(store: Store, kind: Kind, record: str, at: str) -> dict[str, Any]:
    from mirror.moments import typed
    from mirror.store import versions

    document = versions.show(store, kind, record, typed(at, store.clock.now()))
    if document.get("body"):
        document["body"]["text"] = body_text(document["body"]["html"])
    return document


def _history(document: dict[str, Any]) -> str:
    parts = [f"as known at {document['at']}"] if "at" in document else []
    if document["deleted_at"] and not document["deletion"]:
        parts.append("to be deleted")
    elif document["deleted_at"]:
        parts.append(f"deleted {document['deleted_at']} ({document['deletion']})")
    if document["versions"]:
        parts.append(f"{document['versions']} earlier versions")
    return f" · {', '.join(parts)}" if parts else ""


def _one_line(value: Any) -> str:
    return plain(" ".join(str(value).split()))[:300]
