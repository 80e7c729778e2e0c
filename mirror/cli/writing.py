"""`mirror new`, `edit`, `delete`, `respond` and `send`: what a person wants goes into the outbox. Nothing is sent here."""

from __future__ import annotations

import base64
import json
import mimetypes
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import tzlocal

from mirror.cli.editor import FORM_SUFFIX, Form, facts_of, filled_in
from mirror.cli.edits import told_of
from mirror.cli.from_files import fields_of_file
from mirror.cli.opening import leave, store_of
from mirror.cli.records import RECORD, RecordCommand
from mirror.cli.words import DONE, plain
from mirror.errors import UnreadableFile, Usage
from mirror.fields import parse
from mirror.merge.comparing import readable
from mirror.resources import KINDS, Kind
from mirror.store import journal, outbox, overlays, reading
from mirror.store.connection import Store
from mirror.store.edits import Edit
from mirror.store.journal import Account
from mirror.store.overlays import form_of
from mirror.store.undoing import takeable

Fields = dict[str, Any]

MOST_ATTACHED_BYTES = 25_000_000
ANSWERS = {"yes": "accepted", "no": "declined", "maybe": "tentative", "accept": "accepted", "decline": "declined"}


@click.command()
@click.argument("kind")
@click.argument("written", nargs=-1, metavar="[field=value | FILE | -]...")
@click.option("--account", metavar="NAME", help="Whose it will be; needed where there are several writable accounts.")
@click.option(
    "--in", "parent", metavar="NAME", help="The calendar or task list, by name or id. Default: the account's own."
)
@click.option("--no-notify", is_flag=True, help="Don't tell the attendees.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_context
def new(ctx: click.Context, kind: str, written: tuple[str, ...], account: str | None, parent: str | None, no_notify: bool,
        as_json: bool) -> None:  # fmt: skip
    """Create a record: from field=value, from a .vcf, .ics or .eml file, or from JSON on standard input (-). Mail becomes a
    draft; to send one: mirror send."""
    store = store_of(ctx)
    chosen = reading.kind_named("messages" if kind in ("mail", "draft") else kind)
    whose = _account(store, account)
    options: Fields = {"draft": True} if chosen.name == "messages" else {}
    if no_notify:
        options["notify_attendees"] = False
    parent_id = parent_named(store, whose, chosen, parent)
    form = form_of(chosen.name, "create", options)

    def create(fields: Fields, more: Fields) -> Edit | None:
        wanted = {**options, **more}
        return outbox.add(store, whose, chosen.name, "create", fields, parent_id=parent_id, options=wanted)

    if (typed := _by_form(written)) is not None:
        empty = Form(store, form, None, [f"a new {_word(chosen)} of {whose.name}"], f"new {_typed(chosen)}", zone())
        _tell(store, [filled_in(empty, typed, lambda fields: create(fields, {}))], as_json)
    _tell(store, [create(fields, more) for fields, more in _given(form, chosen, written)], as_json)


def _given(form: str, kind: Kind, written: Sequence[str]) -> list[tuple[Fields, Fields]]:
    """The fields of each record that was typed, or is in a file, and the options that go with them."""
    assignments = [one for one in written if one != "-" and "=" in one]
    files = [one for one in written if one == "-" or "=" not in one]
    typed = parse(form, assignments, None, zone=zone()) if assignments else {}
    if not files:
        return [(typed, {})]
    found: list[tuple[Fields, Fields]] = []
    for name in files:
        records = [(_json_on(sys.stdin.read()), {})] if name == "-" else _takeable(form, Path(name), kind)
        found += [({**fields, **typed}, more) for fields, more in records]
    return found


def _takeable(form: str, path: Path, kind: Kind) -> list[tuple[Fields, Fields]]:
    """As much of the records in a file as upstream would take; what it would not is named. Raises: Invalid."""
    found = []
    for fields, more in fields_of_file(path, kind.name):
        taken, refused = takeable(form, fields, creating=True, current=None)
        for problem in refused:
            click.echo(plain(f"{path.name}: left out, since upstream would not take it: {problem}"), err=True)
        found.append((taken, more))
    return found


def _json_on(text: str) -> Fields:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise UnreadableFile(f"It is not JSON: {error}.", "standard input") from error
    if not isinstance(found, dict):
        raise UnreadableFile("It must be one JSON object with upstream's fields.", "standard input")
    return found


@click.command(cls=RecordCommand)
@click.argument("kind")
@click.argument("record", type=RECORD, metavar="ID")
@click.argument("assignments", nargs=-1, metavar="[field=value]...")
@click.option("--no-notify", is_flag=True, help="Don't tell the attendees.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_context
def edit(
    ctx: click.Context, kind: str, record: str, assignments: tuple[str, ...], no_notify: bool, as_json: bool
) -> None:
    """Change a record: field=value (also field+=entry, field-=entry, field= to clear), or without any in $EDITOR, as TOML."""
    store = store_of(ctx)
    chosen = reading.kind_named(kind)
    record_id, now = shown(store, chosen, record)
    whose = journal.account(store, now["account_id"])
    draft = chosen.name == "messages" and "draft" in (now["labels"] or "")
    options: Fields = {"draft": True} if draft else {}
    if no_notify:
        options["notify_attendees"] = False
    form = form_of(chosen.name, "change", options)
    current = draft_as_written(store, record_id, now) if draft else dict(readable(form, json.loads(now["raw"])))

    def change(patch: Fields) -> Edit | None:
        if draft:
            patch = {name: value for name, value in {**current, **patch}.items() if value is not None}
        return outbox.add(store, whose, chosen.name, "change", patch, record_id=record_id, options=options)

    if assignments and not assignments[0].endswith(FORM_SUFFIX):
        made = change(parse(form, assignments, current, zone=zone()))
    else:
        facts = [f"{_word(chosen)} {record_id} of {whose.name}", *facts_of(json.loads(now["raw"]))]
        filled = Form(store, form, current, facts, f"edit {_typed(chosen)} {record_id}", zone())
        made = filled_in(filled, assignments[0] if assignments else "", change)
    if made is None and not as_json:
        click.echo("Nothing is changed by that.")
        leave(DONE)
    _tell(store, [made], as_json)


def draft_as_written(store: Store, record_id: int, now: Fields) -> Fields:
    """A draft as it is written: upstream takes it whole."""
    raw = json.loads(now["raw"])
    found = {
        name: raw[name]
        for name in ("subject", "to", "cc", "bcc", "replyTo", "inReplyTo", "references", "keywords")
        if raw.get(name)
    }
    found["body"] = overlays.body(store, record_id) or ""
    return found


def _by_form(written: tuple[str, ...]) -> str | None:
    """The file with a form that was begun; empty: a new one, for a person at a terminal; None: something else was typed."""
    if len(written) == 1 and written[0].endswith(FORM_SUFFIX) and "=" not in written[0]:
        return written[0]
    return "" if not written and sys.stdin.isatty() and sys.stdout.isatty() else None


def _word(kind: Kind) -> str:
    return "mail" if kind.name == "messages" else kind.singular


def _typed(kind: Kind) -> str:
    return _word(kind).replace(" ", "_")


@click.command(cls=RecordCommand)
@click.argument("kind")
@click.argument("record", type=RECORD, metavar="ID")
@click.option("--no-notify", is_flag=True, help="Don't tell the attendees.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_context
def delete(ctx: click.Context, kind: str, record: str, no_notify: bool, as_json: bool) -> None:
    """Delete a record upstream (mail goes to the trash). Here it stays, as a tombstone: mirror undelete brings it back."""
    store = store_of(ctx)
    chosen = reading.kind_named(kind)
    record_id, now = shown(store, chosen, record)
    draft = chosen.name == "messages" and "draft" in (now["labels"] or "")
    options = {**({"draft": True} if draft else {}), **({"notify_attendees": False} if no_notify else {})}
    account = journal.account(store, now["account_id"])
    made = outbox.add(store, account, chosen.name, "delete", record_id=record_id, options=options)
    if made is None and not as_json:
        click.echo("It was never sent, and is taken back.")
        leave(DONE)
    _tell(store, [made], as_json)


@click.command(cls=RecordCommand)
@click.argument("event", type=RECORD, metavar="ID")
@click.argument(
    "answer", type=click.Choice(["accepted", "declined", "tentative", *ANSWERS]), metavar="accepted|declined|tentative"
)
@click.option("--comment", help="A word to the organiser.")
@click.option("--no-notify", is_flag=True, help="Don't tell the organiser.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_context
def respond(ctx: click.Context, event: str, answer: str, comment: str | None, no_notify: bool, as_json: bool) -> None:
    """Answer an invitation."""
    store = store_of(ctx)
    record_id, now = shown(store, KINDS["events"], event)
    patch = {"response": ANSWERS.get(answer, answer), **({"comment": comment} if comment else {})}
    options = {"notify_attendees": False} if no_notify else {}
    account = journal.account(store, now["account_id"])
    _tell(
        store, [outbox.add(store, account, "events", "respond", patch, record_id=record_id, options=options)], as_json
    )


@click.command(cls=RecordCommand)
@click.argument("written", nargs=-1, type=RECORD, metavar="[DRAFT | field=value | FILE.eml | -]...")
@click.option("--account", metavar="NAME", help="From whom; needed where there are several writable accounts.")
@click.option("--reply-to", "answered", metavar="ID", help="An answer to this mail.")
@click.option("--attach", "attached", multiple=True, type=click.Path(path_type=Path, dir_okay=False, exists=True),
              help="A file that goes with it; may be repeated.")  # fmt: skip
@click.option("--html", is_flag=True, help="The body is HTML.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_context
def send(ctx: click.Context, written: tuple[str, ...], account: str | None, answered: str | None, attached: tuple[Path, ...],
         html: bool, as_json: bool) -> None:  # fmt: skip
    """Send mail: a draft by its id, or to=… subject=… body=…, or a file. It leaves with the next push, once and never twice."""
    store = store_of(ctx)
    options: Fields = {"body_type": "html"} if html else {}
    if len(written) == 1 and "=" not in written[0] and _is_number(written[0]) and not answered:
        record_id, now = shown(store, KINDS["messages"], written[0])
        if "draft" not in (now["labels"] or ""):
            raise Usage(f"mail {written[0]} is no draft; answer it with: mirror send --reply-to {written[0]} body=…")
        whose = journal.account(store, now["account_id"])
        made = outbox.add(store, whose, "messages", "send", record_id=record_id, options={"draft": True})
        _tell(store, [made], as_json)
    verb, record_id_or_none = ("reply", shown(store, KINDS["messages"], answered)) if answered else ("send", None)
    form = form_of("messages", verb, options)
    ((fields, more),) = _given(form, KINDS["messages"], written)[:1]
    if attached:
        fields["attachments"] = [*fields.get("attachments", []), *map(_attachment, attached)]
    whose = (
        journal.account(store, record_id_or_none[1]["account_id"]) if record_id_or_none else _account(store, account)
    )
    record = record_id_or_none[0] if record_id_or_none else None
    made = outbox.add(store, whose, "messages", verb, fields, record_id=record, options={**more, **options})
    _tell(store, [made], as_json)


def _attachment(path: Path) -> Fields:
    content = path.read_bytes()
    if len(content) > MOST_ATTACHED_BYTES:
        raise Usage(
            f"{path.name} has {len(content) / 1e6:,.0f} MB; mail takes up to {MOST_ATTACHED_BYTES / 1e6:,.0f} MB"
        )
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return {"name": path.name, "mimeType": kind, "inline": False, "content": base64.b64encode(content).decode("ascii")}


# --- what they have in common ---------------------------------------------------------------------------------------------


def zone() -> str:
    """The IANA name of this machine's time zone: what a time without an offset is in."""
    try:
        return tzlocal.get_localzone_name() or "UTC"
    except Exception:  # a machine whose zone has no name
        return "UTC"


def shown(store: Store, kind: Kind, wanted: str) -> tuple[int, Fields]:
    """The id and row of a record as it reads with its edits. A number below zero is of one that is to be created.

    Raises: Usage.
    """
    if not (wanted.startswith("-") and wanted[1:].isdecimal()):
        wanted = str(reading.find(store, kind, wanted)["id"])
    row = overlays.shown(store, kind.name, int(wanted))
    if row is None:
        raise Usage(f"there is no {kind.singular} {wanted}; find one with: mirror search WORDS")
    return int(wanted), row


def _is_number(written: str) -> bool:
    return written.removeprefix("-").isdecimal()


def _account(store: Store, name: str | None) -> Account:
    if name is not None:
        return journal.account_named(store, name)
    writable = [account for account in journal.accounts(store) if account.writable]
    if len(writable) == 1:
        return writable[0]
    if not writable:
        raise Usage("no account is writable yet; let edits be made with: mirror account writable NAME on")
    raise Usage(f"say whose it is, with --account: {', '.join(account.name for account in writable)}")


def parent_named(store: Store, account: Account, kind: Kind, wanted: str | None) -> int | None:
    if kind.parent is None:
        if wanted is not None:
            raise Usage(f"a {kind.singular} is in no calendar or list; leave --in away")
        return None
    found = overlays.parent(store, account.id, kind, wanted)
    if found is None:
        what = KINDS[kind.parent].singular
        raise Usage(
            f"{account.name} has no {what} “{wanted}”" if wanted else f"{account.name} has no {what} yet; sync it first"
        )
    return found


def _tell(store: Store, made: Sequence[Edit | None], as_json: bool) -> None:
    from mirror.cli.outbox import document

    edits = [one for one in made if one is not None]
    if as_json:
        click.echo(json.dumps({"edits": [document(store, one) for one in edits]}, indent=2, ensure_ascii=False))
        leave(DONE)
    for one in edits:
        click.echo(plain(told_of(store, one)))
    for one in edits:
        if one.verb == "create":
            word = _typed(KINDS[one.kind])
            click.echo(f"Until it is there, it is {word} {one.shown_id}, as in: mirror show {word} {one.shown_id}")
    click.echo("It is sent with the next sync, or now with: mirror push")
    leave(DONE)
