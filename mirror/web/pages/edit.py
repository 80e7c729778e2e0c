"""Editing: the forms of contacts, events and tasks, and the small buttons. Everything goes into the outbox, by POST."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from datasette.app import Datasette
from datasette.utils.asgi import Request

from mirror import merge
from mirror.errors import Invalid, MirrorError, Problem
from mirror.resources import KINDS
from mirror.store import journal, outbox, overlays
from mirror.store.connection import Store
from mirror.store.edits import Edit
from mirror.web import forms, links
from mirror.web.page import Asked, BadRequest, NotFound, Response, show, zone_of
from mirror.web.posting import Form, posted, write
from mirror.web.queries import outbox as queries

Fields = dict[str, Any]
ANSWERS = ("accepted", "tentative", "declined")
MARKS = {
    "read": {"unread": False},
    "unread": {"unread": True},
    "archive": {"archived": True},
    "inbox": {"archived": False},
}


async def form(request: Request, datasette: Datasette) -> Response:
    """The form of a record, or what becomes of it when it is posted."""
    kind, record_id = request.url_vars["kind"], int(request.url_vars["id"])
    if request.method == "POST":
        return await _change(request, datasette, kind, record_id)
    return await _show(request, datasette, kind, record_id)


async def _show(
    request: Request, datasette: Datasette, kind: str, record_id: int, *, given: Form | None = None,
    problems: Mapping[str, str] | None = None, status: int = 200,
) -> Response:  # fmt: skip
    def read(asked: Asked) -> dict[str, Any]:
        row = asked.row(None, queries.RECORD.format(kind=kind), id=record_id)
        if row is None:
            raise NotFound(f"There is no {KINDS[kind].singular} {record_id}.")
        _must_be_writable(asked, row["account_id"])
        fields = json.loads(row["raw"])
        return {
            **_context(kind, fields, asked, given, problems),
            "title": row["title"],
            "action": links.edit(kind, record_id),
            "back": links.record(kind, record_id),
            "account": row["account"],
            "creating": False,
        }

    return await show(request, datasette, "edit.html", read, status=status)


async def new(request: Request, datasette: Datasette) -> Response:
    """The form of a new record, or its creation."""
    kind = request.url_vars["kind"]
    if request.method == "POST":
        return await _create(request, datasette, kind)
    return await _show_new(request, datasette, kind)


async def _show_new(
    request: Request, datasette: Datasette, kind: str, *, given: Form | None = None,
    problems: Mapping[str, str] | None = None, status: int = 200,
) -> Response:  # fmt: skip
    def read(asked: Asked) -> dict[str, Any]:
        places = asked.rows(None, queries.PLACES[KINDS[kind].parent or "accounts"])
        if not places:
            raise BadRequest("No account is writable yet; let edits be made with: mirror account writable NAME on")
        return {
            **_context(kind, {}, asked, given, problems),
            "title": None,
            "action": links.new(kind),
            "back": {"contacts": "/contacts", "events": "/calendar", "tasks": "/tasks"}[kind],
            "places": places,
            "place": (given.get("place") if given else request.args.get("place")) or str(places[0]["id"]),
            "place_label": {"events": "Calendar", "tasks": "List"}.get(kind, "Account"),
            "creating": True,
        }

    return await show(request, datasette, "edit.html", read, status=status)


def _context(
    kind: str, fields: Fields, asked: Asked, given: Form | None, problems: Mapping[str, str] | None
) -> dict[str, Any]:
    values = forms.shown(kind, fields, asked.zone)
    if given is not None:
        for one in forms.entries(kind):
            values[one.path] = given.get(one.path)
        for rows in forms.lists(kind):
            values[rows.path] = [
                {one.path: given.get(f"{rows.path}[{number}].{one.path}") for one in rows.entries}
                for number in range(len(values[rows.path]))
            ]
    singular = KINDS[kind].singular
    return {
        "kind": kind,
        "singular": singular,
        "groups": forms.FORM[kind],
        "values": values,
        "base": given.get("base") if given else json.dumps(fields),
        "problems": problems or {},
    }


def _must_be_writable(asked: Asked, account_id: int) -> None:
    if not asked.value(None, queries.IS_WRITABLE, id=account_id):
        name = asked.value(None, queries.ACCOUNT_NAME, id=account_id)
        raise BadRequest(f"“{name}” is read-only; let edits be made with: mirror account writable {name} on")


# --- what was posted ------------------------------------------------------------------------------------------------------


async def _change(request: Request, datasette: Datasette, kind: str, record_id: int) -> Response:
    given = await posted(request)
    zone = zone_of(request, datasette)

    def do(store: Store) -> Edit | None:
        row = _row(store, kind, record_id)
        base = json.loads(given.get("base") or "{}")
        patch = forms.wanted(kind, given, base, zone, creating=False)
        merged = merge.merge(kind, merge.basis(kind, base, patch), patch, json.loads(row["raw"]))
        if merged.overlaps:
            raise Invalid([Problem(one.path, f"was changed meanwhile, to “{one.theirs}”") for one in merged.overlaps])
        account = journal.account(store, row["account_id"])
        options = {} if given.get("notify", "yes") else {"notify_attendees": False}
        return outbox.add(store, account, kind, "change", merged.patch, record_id=record_id, options=options)

    try:
        await write(request, datasette, do)
    except Invalid as invalid:
        problems = forms.by_path(invalid.problems)
        return await _show(request, datasette, kind, record_id, given=given, problems=problems, status=422)
    except (MirrorError, ValueError) as error:
        raise BadRequest(str(error)) from error
    return Response.redirect(links.record(kind, record_id))


async def _create(request: Request, datasette: Datasette, kind: str) -> Response:
    given = await posted(request)
    zone = zone_of(request, datasette)

    def do(store: Store) -> Edit | None:
        patch = forms.wanted(kind, given, {}, zone, creating=True)
        place = int(given.get("place") or 0)
        parent = KINDS[kind].parent
        account_id = place if parent is None else _row(store, parent, place)["account_id"]
        account = journal.account(store, account_id)
        return outbox.add(store, account, kind, "create", patch, parent_id=place if parent is not None else None)

    try:
        made = await write(request, datasette, do)
    except Invalid as invalid:
        return await _show_new(
            request, datasette, kind, given=given, problems=forms.by_path(invalid.problems), status=422
        )
    except (MirrorError, ValueError) as error:
        raise BadRequest(str(error)) from error
    return Response.redirect(links.record(kind, made.shown_id) if made else links.outbox())


async def act(request: Request, datasette: Datasette) -> Response:
    """A button: delete, done, an answer to an invitation, a mark on a mail."""
    kind, record_id, what = request.url_vars["kind"], int(request.url_vars["id"]), request.url_vars["act"]
    if request.method != "POST":
        return Response.redirect(links.record(kind, record_id))
    given = await posted(request)
    verb, patch = _wish(kind, what, given)

    def do(store: Store) -> Edit | None:
        row = _row(store, kind, record_id)
        draft = kind == "messages" and "draft" in (row["labels"] or "")
        options = {"draft": True} if draft and verb in ("delete", "send") else {}
        account = journal.account(store, row["account_id"])
        return outbox.add(store, account, kind, verb, patch, record_id=record_id, options=options)

    try:
        await write(request, datasette, do)
    except MirrorError as error:
        raise BadRequest(str(error)) from error
    return Response.redirect(links.record(kind, record_id) if verb != "delete" else links.outbox())


def _wish(kind: str, what: str, given: Form) -> tuple[str, Fields]:
    if what == "delete":
        return "delete", {}
    if kind == "tasks" and what in ("done", "open"):
        return "change", {"status": "completed" if what == "done" else "notStarted"}
    if kind == "events" and what == "respond" and given.get("response") in ANSWERS:
        comment = given.get("comment").strip()
        return "respond", {"response": given.get("response"), **({"comment": comment} if comment else {})}
    if kind == "messages" and what in MARKS:
        return "change", dict(MARKS[what])
    raise NotFound("There is no such button.")


def _row(store: Store, kind: str, record_id: int) -> dict[str, Any]:
    row = overlays.shown(store, kind, record_id)
    if row is None:
        raise NotFound(f"There is no {KINDS[kind].singular} {record_id}.")
    return row


_FORMS = r"(?P<kind>contacts|events|tasks)"
ROUTES = [
    (rf"^/edit/{_FORMS}/new$", new),
    (rf"^/edit/{_FORMS}/(?P<id>-?\d{{1,18}})$", form),
    (r"^/edit/(?P<kind>contacts|events|tasks|messages)/(?P<id>-?\d{1,18})/(?P<act>[a-z]+)$", act),
]
