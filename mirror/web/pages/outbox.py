"""The outbox: what is on its way upstream, and a page for each edit, where a conflict shows both sides and is decided."""

from __future__ import annotations

import json
from typing import Any

from datasette.app import Datasette
from datasette.utils.asgi import Request

from mirror import merge
from mirror.errors import Invalid, MirrorError
from mirror.fields import check
from mirror.resources import KINDS
from mirror.store import outbox
from mirror.store.connection import Store
from mirror.store.edits import ONE, Edit, edit_of
from mirror.web import links, words
from mirror.web.page import Asked, BadRequest, NotFound, Response, Row, number, show
from mirror.web.posting import Form, posted, write
from mirror.web.queries import outbox as queries

STATES = {
    "pending": "waits to be sent", "sending": "is on its way", "sent": "was sent; the next sync shows it", "settled": "is done",
    "unsure": "was sent, and the answer got lost: it is looked for", "conflict": "was changed on both sides",
    "rejected": "was refused upstream", "discarded": "was taken back",
}  # fmt: skip
VERBS = {
    "create": "new",
    "change": "change",
    "delete": "delete",
    "respond": "answer",
    "send": "send",
    "reply": "reply to",
}


async def overview(request: Request, datasette: Datasette) -> Response:
    """What waits, what needs a decision, and what was done lately."""

    def read(asked: Asked) -> dict[str, Any]:
        return {
            "open": [_told(asked, row) for row in asked.rows("What is on its way", queries.OPEN)],
            "done": [_told(asked, row) for row in asked.rows("What was done lately", queries.DONE)],
        }

    return await show(request, datasette, "outbox.html", read)


async def one(request: Request, datasette: Datasette) -> Response:
    """One edit; by POST, what a person decides about it."""
    edit_id = number(request)
    if request.method == "POST":
        return await _decide(request, datasette, edit_id)
    return await _show(request, datasette, edit_id)


async def _show(
    request: Request, datasette: Datasette, edit_id: int, problem: str | None = None, status: int = 200
) -> Response:
    def read(asked: Asked) -> dict[str, Any]:
        row = asked.row("The edit", ONE, id=edit_id)
        if row is None:
            raise NotFound(f"There is no edit {edit_id}.")
        edit = edit_of(row)
        overlaps = (
            outbox.conflicts_of(edit).overlaps
            if edit.state == "conflict" and edit.verb == "change" and edit.theirs
            else ()
        )
        return {
            "edit": _told(asked, row),
            "changes": [_change(edit, name) for name in edit.patch],
            "overlaps": [
                {"path": found.path, **{side: _shown(getattr(found, side)) for side in ("base", "mine", "theirs")}}
                for found in overlaps
            ],
            "taken": edit.taken or [],
            "gone": edit.state == "conflict" and edit.theirs is None,
            "problem": problem,
        }

    return await show(request, datasette, "outbox_edit.html", read, status=status)


def _change(edit: Edit, name: str) -> dict[str, str | None]:
    before = (edit.base or {}).get(name)
    return {"name": name, "before": None if before is None else _shown(before), "after": _shown(edit.patch[name])}


def _shown(value: Any) -> str:
    if value is None:
        return "(nothing)"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=1)


def _told(asked: Asked, row: Row) -> dict[str, Any]:
    kind = KINDS[row["kind"]]
    shown_id = row["record_id"] if row["record_id"] is not None else -row["id"]
    title = asked.value(None, queries.TITLE.format(title=kind.title, kind=kind.name), id=shown_id)
    there = row["state"] not in ("discarded",) and (shown_id > 0 or row["state"] not in ("settled", "rejected"))
    kept = ("id", "kind", "state", "created_at", "sent_at", "settled_at", "error", "attempts", "account")
    return {
        **{name: row[name] for name in kept}, "verb": VERBS[row["verb"]], "what": words.KIND_NAMES[row["kind"]],
        "title": title or "(without a name)", "said": STATES[row["state"]],
        "url": links.record(row["kind"], shown_id) if there else None,
    }  # fmt: skip


async def _decide(request: Request, datasette: Datasette, edit_id: int) -> Response:
    given = await posted(request)

    def do(store: Store) -> None:
        _carry_out(store, outbox.edit(store, edit_id), given)

    try:
        await write(request, datasette, do)
    except (Invalid, MirrorError) as error:
        return await _show(request, datasette, edit_id, problem=str(error), status=422)
    return Response.redirect(links.outbox(edit_id))


def _carry_out(store: Store, edit: Edit, given: Form) -> None:
    act = given.get("act")
    if act == "discard":
        outbox.discard(store, edit)
    elif act == "retry":
        outbox.retry(store, edit)
    elif act == "again" and edit.state == "conflict":
        if edit.theirs is None and edit.verb != "delete":
            outbox.create_anew(store, edit)
        else:
            outbox.resolve(store, edit, edit.patch)
    elif act == "resolve" and edit.state == "conflict":
        merged = outbox.conflicts_of(edit)
        choices = {
            one.path: _choice(given.get(f"choice {one.path}"), given.get(f"value {one.path}"))
            for one in merged.overlaps
        }
        patch = merge.resolve(
            edit.form, merged, {path: choice for path, choice in choices.items() if choice is not None}
        )
        problems = check(edit.form, patch, creating=False, current=edit.theirs) if patch else []
        if problems:
            raise Invalid(problems)
        outbox.resolve(store, edit, patch)
    else:
        raise BadRequest("There is no such button.")


def _choice(which: str, value: str) -> merge.Choice | None:
    if which == "mine":
        return "mine"
    if which == "theirs":
        return "theirs"
    if which != "other":
        return None
    try:
        return merge.Given(json.loads(value))
    except ValueError:
        return merge.Given(value)


ROUTES = [(r"^/outbox$", overview), (r"^/outbox/(?P<id>\d+)$", one)]
