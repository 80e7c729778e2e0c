"""The way from a mirror of the mirror to the mirror's API. What is asked for on it is noted as wishes; answers may get lost.

It changes neither requests nor answers.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote

import httpx

from mirror.contract.dispatch import Asked, Dispatch
from mirror.resources import KINDS
from mirror.simulator.person import Person
from mirror.simulator.wishes import EDIT_MARK
from mirror.store import outbox
from mirror.store.connection import Store
from mirror.store.edits import CREATING, Edit
from mirror.store.journal import Account
from mirror.store.settling import shows

Fields = dict[str, Any]
WRITING = ("POST", "PUT", "PATCH", "DELETE")


class Wire(httpx.BaseTransport):
    """As a transport. `is_lost`: whether the answer to a request gets lost after it was carried out."""

    def __init__(self, dispatch: Dispatch, notes: Notes, is_lost: Callable[[str], bool]) -> None:
        self._dispatch, self._notes, self._is_lost = dispatch, notes, is_lost

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        raw_path, _, query = request.url.raw_path.decode("ascii").partition("?")
        headers = {name.title(): value for name, value in request.headers.items()}
        asked = Asked(request.method, unquote(raw_path), raw_path, parse_qs(query), headers, request.read())
        before = self._notes.look() if asked.method in WRITING else None
        told = self._dispatch.answer(asked)
        if before is not None and told.status < 300:
            self._notes.note(before, asked, told.content)
        if self._is_lost(asked.path):
            raise httpx.ReadError("the answer got lost", request=request)
        content_type = {"Content-Type": told.content_type} if told.content_type else {}
        return httpx.Response(
            told.status, headers={**told.headers, **content_type}, content=told.content, request=request
        )


@dataclass(frozen=True, slots=True)
class Before:
    """The outbox and all records as they read, before a request."""

    open_ids: set[int]
    edits: dict[int, Edit]
    shown: dict[tuple[str, int], Fields]


@dataclass(slots=True)
class Notes:
    """What programs want of an account of the mirror: as if its person had wanted it, who answers for the outbox."""

    person: Person
    store: Store
    account: Account
    faults: list[str] = field(default_factory=list)
    made: dict[str, list[int]] = field(default_factory=dict)  # by the marks that were asked for, the edits

    def look(self) -> Before:
        shown = {
            (kind, row[0]): json.loads(row[1])
            for kind in KINDS
            for row in self.store.conn.execute(
                f"SELECT id, raw FROM {kind}_now WHERE account_id = ?", [self.account.id]
            )
        }
        self.person.store, self.person.account = self.store, self.account
        return Before(self.person.open_ids(), self._edits(), shown)

    def note(self, before: Before, asked: Asked, told: bytes) -> None:
        """What an edit was made of, or what was added to it; and that a change which was accepted shows."""
        body = json.loads(asked.content or b"{}")
        touched = [one for one in self._edits().values() if before.edits.get(one.id) != one]
        for edit in touched:
            self._note(before, edit, asked, body)
        if len(touched) > 1:
            self.faults.append(f"{asked.method} {asked.path} has made or changed {len(touched)} edits")
        if asked.method == "PATCH":
            answer = json.loads(told)
            form = next(kind for root, kind in PATCHED if asked.path.removeprefix("/v1/").startswith(root))
            form = (
                form if asked.path.count("/") == 3 else {"calendars": "events", "task_lists": "tasks"}.get(form, form)
            )
            if not shows(form, body, answer.get("record", answer)):
                self.faults.append(f"{asked.method} {asked.path} is answered with yes, and does not show: {body}")

    def _note(self, before: Before, edit: Edit, asked: Asked, body: Fields) -> None:
        is_new = edit.id not in before.edits
        verb = edit.verb
        if not is_new:
            sends = asked.path.endswith("/send")
            verb = (
                "delete"
                if asked.method == "DELETE"
                else "send"
                if sends
                else "respond"
                if verb == "respond"
                else "change"
            )
        seen = before.shown.get((edit.kind, edit.shown_id)) if verb != "reply" else None
        marks = EDIT_MARK.findall(json.dumps(body)) if is_new and verb in CREATING else []
        self.person.noted(
            edit if edit.state != "discarded" else None, before.open_ids, edit.kind, verb, body, seen=seen,
            options=edit.options, mark=marks[0] if marks else None,
        )  # fmt: skip
        for mark in marks:
            self.made.setdefault(mark, []).append(edit.id)
        wish = self.person.wishes.known[edit.id]
        if wish.mark is not None and wish.mark not in json.dumps(edit.patch):
            wish.mark = (
                None  # what was new, and has not been sent, was given another title: it is known by its fields alone
            )

    def _edits(self) -> dict[int, Edit]:
        every = ("pending", "sending", "sent", "settled", "conflict", "unsure", "rejected", "discarded")
        return {one.id: one for one in outbox.edits(self.store, states=every, account_id=self.account.id)}


PATCHED = (("contacts", "contacts"), ("calendars", "calendars"), ("tasklists", "task_lists"))
