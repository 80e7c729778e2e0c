"""What happens in the simulated person's address book and task lists: people change number and job, chores come and go.

Each happening is one change of the state, or two where entries are merged; when it happens is decided in `life`.
"""

from __future__ import annotations

from datetime import timedelta

from mirror.clock import Clock, moment, text
from mirror.sandbox.life_pool import Pool
from mirror.sandbox.person_cast import Cast, address_book
from mirror.sandbox.person_names import OWN_COMPANY, PARTNERS
from mirror.sandbox.person_tasks import TITLES
from mirror.sandbox.person_words import said, words
from mirror.sandbox.person_year import Year
from mirror.sandbox.state import Record, State

# An address book of fewer people is not thinned out any further.
_FEW = 12


class ContactLife:
    """The address book part of a life."""

    def __init__(self, state: State, account_id: int, clock: Clock) -> None:
        self.state, self.account_id, self.clock, self.chance = state, account_id, clock, clock.random
        self.pool = Pool(state, account_id, "contacts", self.chance)
        drawn = self.pool.draw()
        # Somebody changes far more often than everybody else.
        self.restless = drawn[1]["id"] if drawn else None

    def changed(self) -> str | None:
        contact = self._somebody()
        if contact is None:
            return None
        word, fields = self.chance.choice((self._new_number, self._new_number, self._new_job, self._new_note))(contact)
        self.pool.change(contact, fields)
        return f"contact: {_name(contact)} – {word}"

    def added(self) -> str | None:
        entry = self.chance.choice(address_book(Year(self.clock.now()), self.chance, 0.05))
        record = {
            name: value for name, value in entry.record.items() if name not in ("createdTime", "lastModifiedTime")
        }
        stored = self.state.create(self.account_id, "contacts", record)
        self.pool.add(stored)
        return f"contact: {_name(stored)} – new"

    def merged(self) -> str | None:
        """Two entries of one name become one; where there are none, an entry is deleted."""
        contacts = self.state.records(self.account_id, "contacts")
        if len(contacts) < _FEW:
            return None
        first_of: dict[str, Record] = {}
        for contact in contacts:
            kept = first_of.setdefault(_name(contact), contact)
            if kept is not contact and _name(contact) != "(no name)":
                return self._merge(kept, contact)
        drawn = self.pool.draw()
        if drawn is None:
            return None
        self.pool.delete(drawn[1])
        return f"contact: {_name(drawn[1])} – deleted"

    def _merge(self, kept: Record, double: Record) -> str:
        fields = {}
        for field in ("phoneNumbers", "emailAddresses"):
            both = [*(kept.get(field) or []), *(double.get(field) or [])]
            if len(both) > len(kept.get(field) or []):
                fields[field] = both
        if fields:
            self.pool.change(kept, fields)
        self.pool.delete(double)
        return f"contact: {_name(double)} – merged with its double"

    def _somebody(self) -> Record | None:
        if self.restless and self.chance.random() < 0.3:
            record = self.state.read(self.account_id, "contacts", self.restless)
            if record is not None:
                return record
        drawn = self.pool.draw()
        return None if drawn is None else drawn[1]

    def _new_number(self, contact: Record) -> tuple[str, Record]:
        number = f"+49 {self.chance.randint(100, 999)} 555 {self.chance.randint(1000, 9999)}"
        others = [phone for phone in contact.get("phoneNumbers") or [] if phone.get("type") != "mobile"]
        return "new number", {"phoneNumbers": [{"number": number, "type": "mobile"}, *others]}

    def _new_job(self, contact: Record) -> tuple[str, Record]:
        left = (contact.get("company") or {}).get("name")
        company = self.chance.choice([one for one in (OWN_COMPANY, *PARTNERS) if one.name != left])
        role = self.chance.choice(company.roles)
        return f"now {role} at {company.name}", {"company": {"name": company.name, "jobTitle": role}}

    def _new_note(self, contact: Record) -> tuple[str, Record]:
        line = f"Met on {self.clock.now():%d %B %Y}."
        return "new note", {"notes": f"{contact['notes']}\n{line}"[-2000:] if contact.get("notes") else line}


class TaskLife:
    """The task list part of a life."""

    def __init__(self, state: State, account_id: int, cast: Cast, clock: Clock) -> None:
        self.state, self.account_id, self.cast, self.clock, self.chance = state, account_id, cast, clock, clock.random
        self.pool = Pool(state, account_id, "tasks", self.chance)

    def added(self) -> str | None:
        lists = self.state.records(self.account_id, "task_lists")
        if not lists:
            return None
        target, now = self.chance.choice(lists), self.clock.now()
        filling = words(self.chance, now, other=self.cast.draw("team", self.chance).called)
        record: Record = {
            "title": said(self.chance, self.chance.choice(TITLES), filling),
            "status": "notStarted",
            "importance": "normal",
        }
        record["position"] = f"{self.state.seq:020d}"
        if self.chance.random() < 0.6:
            record["due"] = text(
                (now + timedelta(days=self.chance.randint(1, 21))).replace(hour=0, minute=0, second=0, microsecond=0)
            )
        stored = self.state.create(self.account_id, "tasks", record, parent=target["id"])
        self.pool.add(stored, target["id"])
        return f"task: {record['title']} – new"

    def done(self) -> str | None:
        drawn = self.pool.draw(lambda task: task.get("status") != "completed")
        if drawn is None:
            return None
        parent, task = drawn
        self.pool.change(task, {"status": "completed", "completed": text(self.clock.now())}, parent)
        return f"task: {_title(task)} – done"

    def postponed(self) -> str | None:
        drawn = self.pool.draw(lambda task: task.get("status") != "completed" and bool(task.get("due")))
        if drawn is None:
            return None
        parent, task = drawn
        due = moment(task["due"]) + timedelta(days=self.chance.choice((1, 2, 7)))
        self.pool.change(task, {"due": text(due)}, parent)
        return f"task: {_title(task)} – postponed to {due:%d.%m.}"

    def deleted(self) -> str | None:
        """A task goes, together with its steps."""
        drawn = self.pool.draw()
        if drawn is None:
            return None
        parent, task = drawn
        for step in self.state.records(self.account_id, "tasks", parent=parent):
            if step.get("parentId") == task["id"]:
                self.pool.delete(step, parent)
        self.pool.delete(task, parent)
        return f"task: {_title(task)} – deleted"


def _name(contact: Record) -> str:
    name, company = contact.get("name") or {}, contact.get("company") or {}
    return str(name.get("displayName") or contact.get("fileAs") or company.get("name") or "(no name)")


def _title(task: Record) -> str:
    return str(task.get("title") or "(no title)")
