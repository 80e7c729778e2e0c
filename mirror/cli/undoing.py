"""`mirror undelete` and `mirror revert`: edits that bring back what was. They go into the outbox like any other."""

from __future__ import annotations

import json
from typing import Any

import click

from mirror import merge
from mirror.cli.edits import told_of
from mirror.cli.history import body_text, change_in_words
from mirror.cli.opening import leave, store_of
from mirror.cli.outbox import document
from mirror.cli.records import RECORD, RecordCommand
from mirror.cli.words import DONE, plain
from mirror.cli.writing import draft_as_written, parent_named, shown
from mirror.errors import Usage
from mirror.resources import Kind
from mirror.store import journal, outbox, reading, undoing, versions
from mirror.store.connection import Store
from mirror.store.differences import differences
from mirror.store.edits import OPEN, Edit
from mirror.store.overlays import form_of
from mirror.store.undoing import Back, numbered
from mirror.store.versions import Version

Fields = dict[str, Any]

DRAFTED = ("subject", "to", "cc", "bcc", "replyTo", "inReplyTo", "references", "keywords")


@click.command(cls=RecordCommand)
@click.argument("kind")
@click.argument("record", type=RECORD, metavar="ID[@VERSION]")
@click.option("--in", "parent", metavar="NAME", help="The calendar or task list. Default: the one that it was in.")
@click.option("--no-notify", is_flag=True, help="Don't invite the attendees again.")
@click.option("--dry-run", is_flag=True, help="Show what would be created, and do nothing.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_context
def undelete(ctx: click.Context, kind: str, record: str, parent: str | None, no_notify: bool, dry_run: bool,
             as_json: bool) -> None:  # fmt: skip
    """Bring a deleted record back: it is created anew, as it last was, or as it was in a VERSION of its history."""
    store = store_of(ctx)
    chosen = reading.kind_named(kind)
    wanted, number = numbered(record)
    row = reading.find(store, chosen, wanted)
    if row["deleted_at"] is None:
        _take_back_the_deletion(store, chosen, row["id"], dry_run, as_json)
    version = (
        undoing.version_of(store, chosen, row["id"], number)
        if number is not None
        else undoing.last_live(store, chosen, row["id"])
    )
    if version is None:
        raise Usage(f"nothing is known of {chosen.singular} {row['id']} but that it is deleted")
    if (why := undoing.can_come_back(chosen, version.fields)) is not None:
        raise Usage(f"{chosen.singular} {row['id']} can't be brought back: {why}")
    _refuse_twice(store, chosen, row["id"])
    account = journal.account(store, row["account_id"])
    place = parent_named(store, account, chosen, parent) if parent else undoing.place_of(store, chosen, row["id"])
    back = undoing.come_back(store, chosen, account.id, version.fields)
    if dry_run:
        _show({}, back, as_json)
    options = {"undeletes": row["id"], **({"notify_attendees": False} if no_notify else {})}
    made = outbox.add(store, account, chosen.name, "create", back.fields, parent_id=place, options=options)
    _tell(store, made, back, as_json, series=version.fields.get("recurrenceType") == "master")


def _take_back_the_deletion(store: Store, kind: Kind, record_id: int, dry_run: bool, as_json: bool) -> None:
    """Of a record that is there: an edit that would delete it, and is not sent yet, is taken back."""
    open_edits = outbox.edits(store, record=(kind.name, record_id))
    deletion = next((one for one in open_edits if one.verb == "delete"), None)
    if deletion is None:
        raise Usage(
            f"{kind.singular} {record_id} is not deleted; make it what it was with:"
            f" mirror revert {_typed(kind)} {record_id}@VERSION"
        )
    if deletion.state in ("sending", "sent", "unsure"):
        raise Usage(f"edit {deletion.id} deletes it upstream just now; sync first, and bring it back then")
    if not dry_run:
        outbox.discard(store, deletion)
    if as_json:
        click.echo(json.dumps({"edits": [document(store, outbox.edit(store, deletion.id))]}, indent=2))
    else:
        would = "would be" if dry_run else "is"
        click.echo(f"It was not deleted upstream yet: edit {deletion.id} {would} taken back.")
    leave(DONE)


def _refuse_twice(store: Store, kind: Kind, record_id: int) -> None:
    for one in outbox.edits(store, states=(*OPEN, "settled")):
        if one.kind == kind.name and one.options.get("undeletes") == record_id and one.verb == "create":
            known = f", as {kind.singular} {one.record_id}" if one.record_id else ""
            raise Usage(f"edit {one.id} brings {kind.singular} {record_id} back already{known}")


@click.command(cls=RecordCommand)
@click.argument("kind", required=False)
@click.argument("record", type=RECORD, metavar="[ID@VERSION]", required=False)
@click.option("--plan", type=int, metavar="N", help="All that a plan did, instead of one record.")
@click.option("--no-notify", is_flag=True, help="Don't tell the attendees.")
@click.option("--dry-run", is_flag=True, help="Show what would change, and do nothing.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_context
def revert(ctx: click.Context, kind: str | None, record: str | None, plan: int | None, no_notify: bool, dry_run: bool,
           as_json: bool) -> None:  # fmt: skip
    """Make a record what it was in a VERSION, as `mirror history` counts them; without one, what it was before its last
    change. Or take back what a plan did."""
    store = store_of(ctx)
    if plan is not None:
        if kind is not None:
            raise Usage("name a record or a plan, not both")
        from mirror.cli.plans import revert_plan

        revert_plan(store, plan, notify=not no_notify, dry_run=dry_run, as_json=as_json)
    if kind is None or record is None:
        raise Usage("name the record, as in: mirror revert contact 17@3; or a plan: mirror revert --plan 2")
    chosen = reading.kind_named(kind)
    wanted, number = numbered(record)
    record_id, now = shown(store, chosen, wanted)
    if now["deleted_at"] is not None:
        raise Usage(
            f"{chosen.singular} {record_id} is deleted; bring it back with: mirror undelete {_typed(chosen)} {record}"
        )
    version = (
        undoing.version_of(store, chosen, record_id, number)
        if number is not None
        else _before_the_last_change(store, chosen, record_id)
    )
    draft = chosen.name == "messages" and "draft" in (now["labels"] or "")
    options: Fields = {**({"draft": True} if draft else {}), **({"notify_attendees": False} if no_notify else {})}
    form = form_of(chosen.name, "change", options)
    current = draft_as_written(store, record_id, now) if draft else json.loads(now["raw"])
    then = _draft_then(store, record_id, version) if draft else version.fields
    back = undoing.reverted(form, current, then)
    if dry_run or not back.fields:
        _show(current, back, as_json, form=form)
    patch = {name: value for name, value in {**current, **back.fields}.items() if value is not None} if draft else (
        back.fields)  # fmt: skip
    account = journal.account(store, now["account_id"])
    made = outbox.add(store, account, chosen.name, "change", patch, record_id=record_id, options=options)
    _tell(store, made, back, as_json)


def _before_the_last_change(store: Store, kind: Kind, record_id: int) -> Version:
    """What was observed, when an edit is on its way; else the version before."""
    known = [version for version in versions.all_of(store, kind, record_id) if version.deleted_at is None]
    edited = bool(outbox.edits(store, record=(kind.name, record_id)))
    if len(known) < (1 if edited else 2):
        raise Usage(f"{kind.singular} {record_id} has never been anything else")
    return known[-1] if edited else known[-2]


def _draft_then(store: Store, record_id: int, version: Version) -> Fields:
    found = {name: version.fields[name] for name in DRAFTED if version.fields.get(name)}
    return {**found, "body": versions.body_then(store, record_id, version) or ""}


def _show(now: Fields, back: Back, as_json: bool, *, form: str = "") -> None:
    """What would be done; then the end."""
    after = merge.apply(form, now, back.fields) if form else back.fields
    found = differences(now, after)
    if as_json:
        refused = [{"path": one.path, "why": one.sentence} for one in back.refused]
        click.echo(
            json.dumps({"patch": back.fields, "left": back.left, "refused": refused}, indent=2, ensure_ascii=False)
        )
        leave(DONE)
    for one in found:
        before_after = change_in_words(one)
        click.echo(f"  {plain(one.path)}: {before_after if one.path != 'body' else body_text(before_after)}")
    if not found:
        click.echo("It is so already; nothing is changed by that.")
    _tell_of_the_rest(back)
    leave(DONE)


def _tell(store: Store, made: Edit | None, back: Back, as_json: bool, *, series: bool = False) -> None:
    if as_json:
        edits = [document(store, made)] if made is not None else []
        refused = [{"path": one.path, "why": one.sentence} for one in back.refused]
        click.echo(json.dumps({"edits": edits, "left": back.left, "refused": refused}, indent=2, ensure_ascii=False))
        leave(DONE)
    _tell_of_the_rest(back)
    if series:
        click.echo("The series comes back whole: occurrences that were moved or canceled are as the rule has them.")
    if made is None:
        click.echo("The edit that waited is taken back by that: nothing is to be sent.")
        leave(DONE)
    click.echo(plain(told_of(store, made)))
    click.echo("It is sent with the next sync, or now with: mirror push")
    leave(DONE)


def _tell_of_the_rest(back: Back) -> None:
    if back.left:
        click.echo(plain(f"Upstream alone writes these; they stay as they are: {', '.join(back.left)}"))
    for problem in back.refused:
        click.echo(plain(f"Left out, since upstream would not take it: {problem}"))


def _typed(kind: Kind) -> str:
    """The kind as it is typed."""
    return kind.singular.replace(" ", "_")
