"""The person before the mirror, who edits offline, looks at what became of it, and decides what only a person can.

What is done goes through the outbox as every command does it; what was meant is written into `wishes.py`.
"""

from __future__ import annotations

import json
import random
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mirror import merge
from mirror.errors import Invalid, Usage
from mirror.simulator import invented
from mirror.simulator.ledger import number_of
from mirror.simulator.wishes import EDIT_MARK, MAIL, Wish, Wishes, changes, flat, paths_of, revised
from mirror.store import outbox
from mirror.store.connection import Store
from mirror.store.edits import OPEN, Edit
from mirror.store.journal import Account
from mirror.store.overlays import form_of

Fields = dict[str, Any]

ACTS = {
    "new contact": 6, "change a contact": 16, "change an address list": 12, "delete a contact": 4, "new event": 5,
    "change an event": 7, "move an event": 5, "invite": 5, "answer": 4, "delete an event": 4, "new task": 6,
    "change a task": 10, "label a task": 4, "delete a task": 3, "new list": 3, "rename a list": 3, "delete a list": 1,
    "new calendar": 2, "rename a calendar": 2, "new folder": 2, "mark mail": 7, "label mail": 5, "trash mail": 3,
    "new draft": 5, "change a draft": 4, "send a draft": 4, "delete a draft": 2, "send": 6, "reply": 5,
    "change what is new": 8, "delete what is new": 2, "take back": 5, "decide": 14,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Shown:
    """A record as it reads."""

    id: int
    raw: Fields


class Person:
    """Acts on one store; `is_upstream` tells what a look at the mailbox itself would show of a mark."""

    def __init__(self, wishes: Wishes, now: Callable[[], Any]) -> None:
        self.wishes = wishes
        self._now = now
        self.store: Store
        self.account: Account
        self.last: tuple[str, int] | None = None  # the record that was edited last
        self._acts: dict[str, Callable[[random.Random], str | None]] = {
            "new contact": self._new_contact, "change a contact": self._change_contact,
            "change an address list": self._change_list, "delete a contact": lambda c: self._delete(c, "contacts"),
            "new event": self._new_event, "change an event": self._change_event, "move an event": self._move_event,
            "invite": self._invite, "answer": self._answer, "delete an event": lambda c: self._delete(c, "events"),
            "new task": self._new_task, "change a task": self._change_task, "label a task": self._label_task,
            "delete a task": lambda c: self._delete(c, "tasks"), "new list": lambda c: self._new_named(c, "task_lists", "title"),
            "rename a list": lambda c: self._rename(c, "task_lists", "title"),
            "delete a list": lambda c: self._delete(c, "task_lists"),
            "new calendar": lambda c: self._new_named(c, "calendars", "name"),
            "rename a calendar": lambda c: self._rename(c, "calendars", "name"),
            "new folder": lambda c: self._new_named(c, "folders", "name"), "mark mail": self._mark_mail,
            "label mail": self._label_mail, "trash mail": self._trash, "new draft": self._new_draft,
            "change a draft": self._change_draft, "send a draft": self._send_draft, "delete a draft": self._delete_draft,
            "send": self._send, "reply": self._reply, "change what is new": self._change_new,
            "delete what is new": self._delete_new, "take back": self._take_back, "decide": self._decide_one,
        }  # fmt: skip

    def act(self, chance: random.Random, store: Store, account: Account) -> str | None:
        """Does something; a sentence that says what, None when there was nothing to do it to."""
        self.store, self.account = store, account
        act = chance.choices(list(ACTS), weights=list(ACTS.values()))[0]
        try:
            said = self._acts[act](chance)
        except (Usage, Invalid) as refused:
            return f"{account.name}: {act}: {type(refused).__name__} {refused}"
        return said and f"{account.name}: {act}: {said}"

    # --- what every act does ----------------------------------------------------------------------------------------------

    def _wish(
        self, kind: str, verb: str, patch: Fields | None = None, *, record: Shown | None = None,
        parent_id: int | None = None, options: Fields | None = None, mark: str | None = None,
    ) -> str:  # fmt: skip
        patch, options = patch or {}, options or {}
        self.last = (kind, record.id) if record is not None else None
        before = self.open_ids()
        edit = outbox.add(
            self.store, self.account, kind, verb, patch, record_id=record.id if record else None, parent_id=parent_id,
            options=options,
        )  # fmt: skip
        seen = record.raw if record is not None and verb != "reply" else None
        return self.noted(edit, before, kind, verb, patch, seen=seen, options=options, mark=mark)

    def noted(
        self, edit: Edit | None, before: set[int], kind: str, verb: str, patch: Fields, *, seen: Fields | None,
        options: Fields, mark: str | None,
    ) -> str:  # fmt: skip
        """Remember what was asked of a record that read as `seen`. `edit`: what became of it, where `before` was open."""
        form = form_of(kind, verb, options)
        wants = (
            {} if verb in ("delete", "send") and seen is not None else changes(form, seen, {**(seen or {}), **patch})
        )
        known = self.wishes.known.get(edit.id) if edit is not None else None
        if edit is None:
            return self._came_to_nothing(before, verb, wants)
        saw = number_of(json.dumps(seen)) if seen is not None else None
        if known is None:
            self.wishes.known[edit.id] = Wish(
                edit.id, self.account.name, kind, verb, form, self.wishes.ledger.number, wants, saw, mark,
            )  # fmt: skip
        elif verb == "delete":
            known.verb, known.saw, known.wants = "delete", saw, {}
        elif verb == "send":
            known.verb, known.form = "send", "mail"
        else:
            known.and_then(known.verb, wants)
        return f"edit {edit.id}, {verb} {kind} {json.dumps(patch, ensure_ascii=False)[:100]}"

    def _came_to_nothing(self, before: set[int], verb: str, wants: dict[str, Any]) -> str:
        ended = before - {one.id for one in self._open()}
        for one in ended:
            wish = self.wishes.known[one]
            if verb != "delete":
                wish.and_then(wish.verb, wants)
                if wish.wants:
                    self.wishes.faults.append(f"edit {one} came to nothing, though it wants {sorted(wish.wants)}")
            wish.ended_at = self.wishes.ledger.number
        if not ended and wants and verb != "delete":
            self.wishes.faults.append(f"a wish was not taken in: {sorted(wants)}")
        return f"nothing is left of {sorted(ended)}" if ended else "nothing to change"

    def open_ids(self) -> set[int]:
        return {one.id for one in self._open()}

    def _open(self, *states: str) -> list[Edit]:
        return outbox.edits(self.store, states=states or OPEN, account_id=self.account.id)

    def _shown(self, kind: str) -> list[Shown]:
        rows: list[sqlite3.Row] = self.store.conn.execute(
            f"SELECT id, raw FROM {kind}_now WHERE account_id = ? AND deleted_at IS NULL ORDER BY id", [self.account.id]
        ).fetchall()
        return [Shown(row[0], json.loads(row[1])) for row in rows]

    def _pick(self, chance: random.Random, kind: str, *, new: bool = False) -> Shown | None:
        """One of them; most often one that is being edited already."""
        found = [one for one in self._shown(kind) if (one.id < 0) == new]
        busy = {one.record_id for one in self._open() if one.kind == kind}
        wanted = [one for one in found if one.id in busy] if chance.random() < 0.4 else []
        found = wanted or found
        return chance.choice(found) if found else None

    def _change(self, kind: str, record: Shown, patch: Fields) -> str:
        return self._wish(kind, "change", patch, record=record)

    # --- contacts ---------------------------------------------------------------------------------------------------------

    def _new_contact(self, chance: random.Random) -> str:
        mark = self.wishes.new_mark()
        patch: Fields = {"name": {"displayName": f"New {mark}"}}
        if chance.random() < 0.5:
            patch["emailAddresses"] = [{"address": f"n{chance.randrange(50)}@example.org", "type": "work"}]
        return self._wish("contacts", "create", patch, mark=mark)

    def _change_contact(self, chance: random.Random) -> str | None:
        record = self._pick(chance, "contacts")
        return None if record is None else self._change("contacts", record, self._contact_patch(chance, record))

    def _contact_patch(self, chance: random.Random, record: Shown) -> Fields:
        name = chance.choice(("notes", "nickName", "name", "company"))
        if name in ("name", "company"):
            before = record.raw.get(name)
            part = {"name": ("givenName", "familyName"), "company": ("department", "jobTitle")}[name]
            return {name: {**(before if isinstance(before, dict) else {}), chance.choice(part): self._text(chance)}}
        return {name: self._text(chance)}

    def _change_list(self, chance: random.Random) -> str | None:
        record = self._pick(chance, "contacts")
        if record is None:
            return None
        name, key = chance.choice(
            (("emailAddresses", "address"), ("emailAddresses", "address"), ("phoneNumbers", "number"))
        )
        entries = record.raw.get(name)
        if entries is not None and not isinstance(entries, list):
            return None
        new = f"p{chance.randrange(50)}@example.org" if key == "address" else str(chance.randrange(10**6, 10**7))
        return self._change("contacts", record, {name: _edited(chance, entries or [], {key: new, "type": "home"}, key)})

    # --- calendars ----------------------------------------------------------------------------------------------------------

    def _new_event(self, chance: random.Random) -> str | None:
        home = self._home(chance, "calendars")
        mark = self.wishes.new_mark()
        if home is None:
            return None
        patch = {"subject": f"New {mark}", **invented.when(chance, self._now())}
        return self._wish("events", "create", patch, parent_id=home, mark=mark)

    def _change_event(self, chance: random.Random) -> str | None:
        record = self._pick(chance, "events")
        name = chance.choice(("subject", "location", "description"))
        return None if record is None else self._change("events", record, {name: self._text(chance)})

    def _move_event(self, chance: random.Random) -> str | None:
        record = self._pick(chance, "events")
        if record is None or record.raw.get("recurrence") or record.raw.get("occurrenceInfo"):
            return None
        return self._change("events", record, invented.when(chance, self._now()))

    def _invite(self, chance: random.Random) -> str | None:
        record = self._pick(chance, "events")
        if record is None:
            return None
        meeting = record.raw.get("meetingInfo") or {}
        new = {"emailAddress": {"address": f"p{chance.randrange(50)}@example.org"}, "type": "optional"}
        attendees = _edited(chance, meeting.get("attendees") or [], new, None)
        return self._change("events", record, {"meetingInfo": {**meeting, "attendees": attendees}})

    def _answer(self, chance: random.Random) -> str | None:
        record = self._pick(chance, "events")
        response = chance.choice(("accepted", "declined", "tentative"))
        return None if record is None else self._wish("events", "respond", {"response": response}, record=record)

    # --- tasks --------------------------------------------------------------------------------------------------------------

    def _new_task(self, chance: random.Random) -> str | None:
        home = self._home(chance, "task_lists")
        mark = self.wishes.new_mark()
        return (
            None if home is None else self._wish("tasks", "create", {"title": f"New {mark}"}, parent_id=home, mark=mark)
        )

    def _change_task(self, chance: random.Random) -> str | None:
        record = self._pick(chance, "tasks")
        name = chance.choice(("title", "notes", "status", "importance"))
        words = {"status": ("notStarted", "inProgress", "completed"), "importance": ("low", "normal", "high")}
        return (
            None
            if record is None
            else self._change("tasks", record, {name: chance.choice(words.get(name, (self._text(chance),)))})
        )

    def _label_task(self, chance: random.Random) -> str | None:
        record = self._pick(chance, "tasks")
        if record is None:
            return None
        labels = _edited(chance, record.raw.get("categories") or [], f"label {chance.randrange(9)}", None)
        return self._change("tasks", record, {"categories": labels})

    def _new_named(self, chance: random.Random, kind: str, name: str) -> str:  # noqa: ARG002
        mark = self.wishes.new_mark()
        return self._wish(kind, "create", {name: f"New {mark}"}, mark=mark)

    def _rename(self, chance: random.Random, kind: str, name: str) -> str | None:
        record = self._pick(chance, kind)
        return None if record is None else self._change(kind, record, {name: self._text(chance)})

    def _home(self, chance: random.Random, kind: str) -> int | None:
        record = self._pick(chance, kind, new=chance.random() < 0.3) or self._pick(chance, kind)
        return record.id if record else None

    def _delete(self, chance: random.Random, kind: str) -> str | None:
        record = self._pick(chance, kind)
        return None if record is None else self._wish(kind, "delete", record=record)

    # --- mail ---------------------------------------------------------------------------------------------------------------

    def _letter(self, chance: random.Random, *, labelled: bool = False) -> Shown | None:
        found = [one for one in self._shown("messages") if one.id > 0 and "draft" not in one.raw.get("sysLabels", ())]
        if labelled:
            found = [one for one in found if not isinstance(one.raw.get("keywords", []), str)]
        return chance.choice(found) if found else None

    def _mark_mail(self, chance: random.Random) -> str | None:
        record = self._letter(chance)
        name = chance.choice(("unread", "unread", "archived"))
        return None if record is None else self._change("messages", record, {name: chance.random() < 0.5})

    def _label_mail(self, chance: random.Random) -> str | None:
        record = self._letter(chance, labelled=True)
        if record is None:
            return None
        keywords = _edited(chance, record.raw.get("keywords") or [], f"label {chance.randrange(9)}", None)
        return self._change("messages", record, {"keywords": keywords})

    def _trash(self, chance: random.Random) -> str | None:
        record = self._letter(chance)
        return None if record is None else self._wish("messages", "delete", record=record)

    def _written(self, chance: random.Random, mark: str) -> Fields:
        to = chance.choice(("ada@example.org", "bob@example.org", "carl@example.com"))
        return {"to": [{"address": to}], "subject": f"Letter {mark}", "body": f"{self._text(chance)} {mark}"}

    def _draft(self, chance: random.Random) -> Shown | None:
        ours = {one.shown_id for one in outbox.edits(self.store, states=STATES, account_id=self.account.id)
                if one.kind == "messages" and one.verb == "create"}  # fmt: skip
        found = [one for one in self._shown("messages") if one.id in ours and "draft" in one.raw.get("sysLabels", ())]
        return chance.choice(found) if found else None

    def _new_draft(self, chance: random.Random) -> str:
        mark = self.wishes.new_mark()
        return self._wish("messages", "create", self._written(chance, mark), options={"draft": True}, mark=mark)

    def _change_draft(self, chance: random.Random) -> str | None:
        record = self._draft(chance)
        if record is None:
            return None
        patch = {"to": [{"address": "carl@example.com"}], "subject": f"{record.raw.get('subject')} again",
                 "body": self._text(chance)}  # fmt: skip
        return self._wish("messages", "change", patch, record=record, options={"draft": True})

    def _send_draft(self, chance: random.Random) -> str | None:
        record = self._draft(chance)
        return None if record is None else self._wish("messages", "send", record=record, options={"draft": True})

    def _delete_draft(self, chance: random.Random) -> str | None:
        record = self._draft(chance)
        return None if record is None else self._wish("messages", "delete", record=record, options={"draft": True})

    def _send(self, chance: random.Random) -> str:
        mark = self.wishes.new_mark()
        return self._wish("messages", "send", self._written(chance, mark), mark=mark)

    def _reply(self, chance: random.Random) -> str | None:
        record = self._letter(chance)
        mark = self.wishes.new_mark()
        return (
            None
            if record is None
            else self._wish("messages", "reply", self._written(chance, mark), record=record, mark=mark)
        )

    # --- what is still to be created --------------------------------------------------------------------------------------------

    def _change_new(self, chance: random.Random) -> str | None:
        kind = chance.choice(("contacts", "events", "tasks", "task_lists"))
        record = self._pick(chance, kind, new=True)
        if record is None:
            return None
        if kind == "contacts":
            return self._change(kind, record, self._contact_patch(chance, record))
        name = {"events": "location", "tasks": "notes", "task_lists": "title"}[kind]
        before = record.raw.get("title", "")
        return self._change(kind, record, {name: self._text(chance) if name != "title" else f"{before}+"})

    def _delete_new(self, chance: random.Random) -> str | None:
        kind = chance.choice(("contacts", "events", "tasks"))
        record = self._pick(chance, kind, new=True)
        return None if record is None else self._wish(kind, "delete", record=record)

    # --- decisions ------------------------------------------------------------------------------------------------------------

    def _take_back(self, chance: random.Random) -> str | None:
        found = [one for one in self._open("pending", "rejected", "conflict", "unsure") if not self._may_be_a_mail(one)]
        return self.discard(chance.choice(found)) if found else None

    def discard(self, edit: Edit) -> str:
        before = self._states()
        outbox.discard(self.store, edit)
        after = self._states()
        for one, state in after.items():
            if state == "discarded" and before[one] != state:
                self.wishes.known[one].ended_at = self.wishes.ledger.number
        return f"edit {edit.id}, which was {edit.state}, is taken back"

    def _states(self) -> dict[int, str]:
        return dict(self.store.conn.execute("SELECT id, state FROM edits").fetchall())

    def _may_be_a_mail(self, edit: Edit) -> bool:
        return edit.state == "unsure" and edit.verb in ("send", "reply")

    def _decide_one(self, chance: random.Random) -> str | None:
        found = self._open("rejected", "conflict", "unsure")
        return self.decide(chance, chance.choice(found), patient=True) if found else None

    def decide(self, chance: random.Random, edit: Edit, *, patient: bool) -> str | None:
        """What a person does about an edit that can't go on by itself. `patient`: what is unsure may still be found."""
        if edit.state == "conflict":
            return self._resolve(chance, edit)
        if edit.state == "rejected":
            return self._again(edit) if chance.random() < 0.5 and patient else self.discard(edit)
        if edit.state != "unsure":
            return None
        there = self._is_upstream(edit)
        if self._may_be_a_mail(edit) or edit.form in MAIL:
            if there:
                return None if patient or self._can_be_found(edit) else self.discard(edit)
            return self._again(edit) if chance.random() < 0.7 else self.discard(edit)
        if patient:
            return None
        return self.discard(edit) if there else self._again(edit)

    def _is_upstream(self, edit: Edit) -> bool:
        mark = self.wishes.known[edit.id].mark
        if edit.form in MAIL and edit.record_id is not None and edit.verb != "reply":
            return any(edit.id == entry.by for entries in self.wishes.ledger.entries.values() for entry in entries)
        return mark in self.wishes.marked()

    def _can_be_found(self, edit: Edit) -> bool:
        """Whether the mail still has the header that it was sent with; what others have received is theirs to pull."""
        ledger, name = self.wishes.ledger, self.account.name
        every = (ledger.now(place) for place in ledger.entries if (place.account, place.kind) == (name, "messages"))
        return any(edit.marker in json.dumps(entry.fields) for entry in every if entry is not None)

    def _again(self, edit: Edit) -> str:
        if edit.state == "rejected":
            self.wishes.refused.add(edit.id)
        outbox.retry(self.store, edit)
        return f"edit {edit.id}, which was {edit.state}, is to be sent again"

    def _resolve(self, chance: random.Random, edit: Edit) -> str:
        wish = self.wishes.known[edit.id]
        if edit.verb != "change":
            if edit.verb == "delete" and edit.theirs is not None and chance.random() < 0.5:
                outbox.resolve(self.store, edit, {})
                self.wishes.known[edit.id] = revised(wish, edit.theirs, edit.theirs)
                return f"edit {edit.id}: it is to be deleted all the same"
            return self.discard(edit)
        if edit.theirs is None:
            if chance.random() < 0.5 or edit.kind not in ("contacts", "tasks", "events"):
                return self.discard(edit)
            outbox.create_anew(self.store, edit)
            self.wishes.remade.update(EDIT_MARK.findall(json.dumps(outbox.edit(self.store, edit.id).patch)))
            wish.verb, wish.mark = "create", None
            return f"edit {edit.id}: it is to be made anew"
        merged = outbox.conflicts_of(edit)
        choices: dict[str, merge.Choice] = {
            one.path: chance.choice(("mine", "mine", "theirs")) for one in merged.overlaps
        }
        for path in choices:
            if path in ("notes", "subject", "title", "location", "nickName") and chance.random() < 0.2:
                choices[path] = merge.Given(self._text(chance))
        patch = merge.resolve(edit.form, merged, choices)
        given_up = {path for one in merged.overlaps if choices[one.path] != "mine" for path in paths_of(edit.form, one)}
        self._nothing_forgotten(wish, edit, patch, given_up)
        outbox.resolve(self.store, edit, patch)
        if patch:
            self.wishes.known[edit.id] = revised(wish, edit.theirs, {**edit.theirs, **patch})
        else:
            wish.ended_at = self.wishes.ledger.number
        return f"edit {edit.id}: decided {choices}"

    def _nothing_forgotten(self, wish: Wish, edit: Edit, patch: Fields, given_up: set[str]) -> None:
        """What the person did not give up is in the patch, or upstream already."""
        theirs = edit.theirs or {}
        now = flat(wish.form, {**theirs, **patch})
        for path, change in wish.wants.items():
            overlaps = any(path == one or path.startswith((one + ".", one + "[")) for one in given_up)
            moved = "when" in given_up and path in ("start", "end")
            if not overlaps and not moved and now.get(path, "") != change.want:
                self.wishes.faults.append(f"edit {wish.id}: the merge has lost {path} = {change.want!r:.80}")

    def _text(self, chance: random.Random) -> str:
        return f"words {chance.randrange(10**6)}"


STATES = ("pending", "sending", "sent", "settled", "conflict", "unsure", "rejected", "discarded")


def _edited(chance: random.Random, entries: list[Any], new: Any, key: str | None) -> list[Any]:
    """A list with an entry more, one less, or another one."""
    act = chance.choice(("add", "add", "remove", "edit")) if entries else "add"
    if act == "add":
        return [*entries, new]
    at = chance.randrange(len(entries))
    if act == "remove":
        return [*entries[:at], *entries[at + 1 :]]
    changed = (
        new
        if not isinstance(entries[at], dict)
        else {**entries[at], **({key: new[key]} if key else {"type": "resource"})}
    )
    return [*entries[:at], changed, *entries[at + 1 :]]
