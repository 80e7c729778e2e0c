"""A third party: a mirror of the mirror, which knows nothing of it but its API. In the end it must hold what the mirror holds.

It pulls between the mirror's passes and amid them, by a clock and by decisions of its own: where nobody edits there, the story is
the same with it and without. Where somebody does, the edits are pushed through the API into the mirror's outbox.
"""

from __future__ import annotations

import json
import random
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mirror.clock import VirtualClock
from mirror.contract.grant import SCOPES
from mirror.feed import LOCAL, Settings
from mirror.local_api.app import CHOICES, create
from mirror.local_api.state import Mirror
from mirror.pull import EVERYTHING, pull_account
from mirror.push import push_account
from mirror.resources import KINDS
from mirror.simulator import checks
from mirror.simulator.clocks import Offset
from mirror.simulator.far_wire import Notes, Wire
from mirror.simulator.ledger import Place
from mirror.simulator.person import Person
from mirror.simulator.wishes import Wishes
from mirror.sources.aurinko import Aurinko
from mirror.store import api_tokens, journal, outbox, sweep
from mirror.store.connection import Store, open_store
from mirror.store.edits import Edit
from mirror.store.journal import Account

if TYPE_CHECKING:
    from mirror.simulator.world import World

READING = ("Contacts.Read", "Calendar.Read", "Mail.Read", "Tasks.Read")
LONG_AGO = Settings(since="2000-01-01")
MOST_QUIET_PASSES = 8
PAGE_SIZES = (1, 2, 5, 50)
MOST_ACTS = 3  # of the person there, between two passes
PUSHES = 0.7  # how often what was edited is pushed before the mirror's next pass; else it waits for a later one
VISITS = 0.03  # ... and how often something is done there between two requests of the mirror's own
FIRST_MARK = 1_000_000  # of what is created there
NEVER_LOST = "/v1/email/drafts/"  # answers about drafts: nothing tells a draft that was changed from one that was not


class Elsewhere(Person):
    """The person at the mirror of the mirror: what they look at to see whether something was done is the mirror."""

    asked_for: Wishes
    made: dict[str, list[int]]
    is_there: Callable[[Edit], bool]

    def _is_upstream(self, edit: Edit) -> bool:
        made = self.made.get(self.wishes.known[edit.id].mark or "", [])
        return any(self.asked_for.known[one].ended_at is None for one in made)

    def _resolve(self, chance: random.Random, edit: Edit) -> str:
        if edit.theirs is None and self.is_there(edit):
            self.wishes.faults.append(
                f"edit {edit.id} ({edit.verb} {edit.kind}) is told that its record is gone: {edit.error}"
            )
        return super()._resolve(chance, edit)


class Far:
    """The mirror of a world's mirror, in a home of its own."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world = world
        self.story = world.story.beside()
        self.clock = VirtualClock(world.base.now(), seed=world.story.seed)
        self.served = Offset(world.base, f"served {world.story.seed}")
        self.store = open_store(folder / "far", self.clock)
        self.store.conn.execute("PRAGMA synchronous = OFF")
        self.edits = world.setting.far_edits if world.setting.edits else 0.0
        self.wishes = Wishes(world.ledger, FIRST_MARK)
        self.wishes.remade = world.wishes.remade
        self.person = Elsewhere(self.wishes, world.theirs.now)
        self.person.asked_for, self.person.made, self.person.is_there = world.wishes, {}, self._is_there
        self._tokens: dict[str, str] = {}
        self._wrong: list[str] = []
        self._choices = replace(
            CHOICES, page_size=PAGE_SIZES[world.story.seed % len(PAGE_SIZES)], page_sizes={}, rate_limit=None
        )
        world.visit = self._visit

    # --- amid trouble -------------------------------------------------------------------------------------------------

    def live(self) -> None:
        """What is done there between two passes of the mirror: edits, a push of them, a pull."""
        for account in journal.accounts(self.store):
            self._edit(account)
        self.follow(pushing=self.story.draw(PUSHES) is not None)

    def follow(self, *, pushing: bool = True) -> int:
        """One pass over every account that the mirror knows by now. How much it has written."""
        self._now()
        written = 0
        with self._near() as (near, mirror):
            for theirs in journal.accounts(near):
                if theirs.remote_id is not None:
                    written += self._pass(near, mirror, theirs, pushing=pushing)
        return written

    def _edit(self, account: Account) -> None:
        for _ in range(MOST_ACTS if self.edits else 0):
            chance = self.story.draw(self.edits)
            said = chance and self.person.act(chance, self.store, account)
            if said:
                self.story.decided(self.world.now(), f"far away, {said}")

    def _visit(self) -> None:
        """Between two requests of the mirror's own pass."""
        chance = self.story.draw(VISITS) if self.edits else None
        if chance is not None and self._tokens:
            self.story.decided(self.world.now(), "far away, meanwhile: a pass")
            self.live()

    def _now(self) -> None:
        self.clock.sleep(max(0.0, (self.world.base.now() - self.clock.now()).total_seconds()))
        self.served.offset = self.world.ours.offset

    # --- quiet --------------------------------------------------------------------------------------------------------

    def settle(self, *, patient: bool) -> None:
        """A pass for what is on its way there. Before it a person decides what only a person can."""
        self.story.calm = True
        for account in journal.accounts(self.store):
            self.person.store, self.person.account = self.store, account
            for one in outbox.edits(self.store, states=("rejected", "conflict", "unsure"), account_id=account.id):
                edit = outbox.edit(self.store, one.id)
                chance = random.Random(f"far {self.world.story.seed} {edit.id} {edit.attempts} {edit.state}")  # noqa: S311
                said = self.person.decide(chance, edit, patient=patient)
                if said:
                    self.story.followed(self.world.now(), f"far away, {account.name}: {said}")
        self.follow()

    def faults(self) -> list[str]:
        """What it holds otherwise than the mirror, when both have become quiet, and what has become of its edits."""
        self.story.calm = True
        for _ in range(MOST_QUIET_PASSES):
            if not self.follow():
                break
        else:
            return [f"a mirror of the mirror still finds something new after {MOST_QUIET_PASSES} quiet passes"]
        return [*self._edits_faults(), *self._differences()]

    def _differences(self) -> list[str]:
        ours, theirs = held(self.world.store), held(self.store)
        # What is in a calendar or list that has vanished stays as it was last seen, in each of them. One that was created here
        # has a name of this mirror's own until upstream names it: under the first name, it vanishes for who has seen it.
        gone = {place for place, found in ours.items() if found is None}
        gone |= {place for place, found in theirs.items() if found is None and place.remote_id.startswith(LOCAL)}
        return [
            f"{place}: the mirror has {_told(ours, place)}, a mirror of it {_told(theirs, place)}"
            for place in sorted(ours.keys() | theirs.keys(), key=str)
            if ours.get(place) != theirs.get(place)
            and Place(place.account, KINDS[place.kind].parent or "", "", place.parent) not in gone
            and not (place not in theirs and self._is_too_late(place))
        ]

    def _edits_faults(self) -> list[str]:
        wrong = [f"far away: {fault}" for fault in (*self.wishes.faults, *self._wrong)]
        left = self.store.conn.execute("SELECT kind, record_id, state FROM overlays").fetchall()
        wrong += [f"far away: an overlay is left of {row['kind']} {row['record_id']} ({row['state']})" for row in left]
        states = dict(self.store.conn.execute("SELECT id, state FROM edits").fetchall())
        for wish in self.wishes.known.values():
            if states[wish.id] == "discarded" and wish.ended_at is None:
                wrong.append(f"far away: edit {wish.id} was discarded, and not by its person")
            deleted = states[wish.id] == "settled" and wish.verb == "delete" and wish.kind != "messages"
            if deleted and self._is_there(outbox.edit(self.store, wish.id)):
                wrong.append(
                    f"far away: edit {wish.id} (delete {wish.kind}) is settled, and nobody has deleted anything"
                )
            if states[wish.id] == "settled" and wish.mark is not None and wish.mark not in self.person.made:
                wrong.append(f"far away: edit {wish.id} is settled, and the mirror was never asked for {wish.mark}")
        return wrong

    def close(self) -> None:
        self.store.close()

    # --- inside -------------------------------------------------------------------------------------------------------

    @contextmanager
    def _near(self) -> Iterator[tuple[Store, Mirror]]:
        """The mirror's file over a connection that can't die, and what its API is served from."""
        near = open_store(self.world.store.home, self.served)
        mirror = Mirror(near)
        try:
            yield near, mirror
        finally:
            mirror.close()
            near.close()

    def _pass(self, near: Store, mirror: Mirror, theirs: Account, *, pushing: bool) -> int:
        account = self._account(near, theirs)
        notes = Notes(Person(self.world.wishes, self.world.theirs.now), near, theirs, self._wrong, self.person.made)
        wire = Wire(create(mirror, self._choices), notes, self._is_lost)
        source = Aurinko("http://mirror", {"token": self._tokens[theirs.name]}, clock=self.clock, settings=LONG_AGO,
                         transport=wire)  # fmt: skip
        try:
            if pushing:
                for pushed in push_account(self.store, source, account):
                    edit = pushed.edit
                    said = f"far away, {account.name} edit {edit.id} {edit.verb} {edit.kind} {edit.state} {edit.error or ''}"
                    self.story.followed(self.world.now(), said.rstrip())
            return self._pull(source, account)
        finally:
            source.close()

    def _pull(self, source: Aurinko, account: Account) -> int:
        written = 0
        failed = []
        for done in pull_account(self.store, source, account, appetite=EVERYTHING):
            written += done.counts.written + done.counts.completed
            if done.outcome != "ok":
                failed.append(f"{done.feed.kind} {done.outcome} {done.error}")
        # Where the last lists of all have vanished, their end waits for a person, and what they contained can't be asked for.
        if failed and not any(feed.state == "held" for feed in journal.feeds(self.store, account.id)):
            raise AssertionError(f"a mirror of the mirror: {'; '.join(failed)}")
        return written + self._accept(account)

    def _is_lost(self, path: str) -> bool:
        return not path.startswith(NEVER_LOST) and self.story.draw(self.world.setting.far_losses) is not None

    def _account(self, near: Store, theirs: Account) -> Account:
        if theirs.name not in self._tokens:
            made = journal.add_account(self.store, theirs.name, "aurinko", "http://mirror", attachments_up_to_bytes=0)
            self._tokens[theirs.name] = api_tokens.new(near, theirs.name, theirs.id, SCOPES if self.edits else READING)
            journal.set_writable(self.store, made.id, bool(self.edits))
        return journal.account_named(self.store, theirs.name)

    def _accept(self, account: Account) -> int:
        """Whatever the mirror has lost, it has lost."""
        held = [feed for feed in journal.feeds(self.store, account.id) if feed.state == "held"]
        for feed in held:
            with self.store.lease(account.id):
                sweep.finish_listing(self.store, feed, checks.counts(), accepted=True)
        return len(held)

    def _is_there(self, edit: Edit) -> bool:
        """Whether the mirror has the record of an edit, by whatever name, and never had reason to think otherwise."""
        row = self.store.conn.execute(f"SELECT remote_id FROM {edit.kind} WHERE id = ?", [edit.record_id]).fetchone()
        if row is None or edit.options.get("draft"):  # a draft that was sent meanwhile is a mail, and no draft any more
            return False
        near, kind = self.world.store.conn, KINDS[edit.kind]
        found = near.execute(
            f"SELECT id, {kind.parent_column or 'NULL'}, (SELECT id FROM edits WHERE 'local-' || marker = ?2) FROM {kind.name}"
            " WHERE account_id = (SELECT id FROM accounts WHERE name = ?1)"
            " AND remote_id IN (SELECT ?2 UNION ALL SELECT remote_id FROM edits WHERE 'local-' || marker = ?2)",
            [journal.account(self.store, edit.account_id).name, row[0]],
        ).fetchone()
        # What is in a list that is deleted, or is to be, can't be reached.
        if found is None or found[2] in self.world.wishes.refused:  # what is not to be created for now, is not there
            return False
        return all(
            _stands(near, above, record_id)
            for above, record_id in ((kind.name, found[0]), (kind.parent, found[1]))
            if above is not None
        )

    def _is_too_late(self, place: Place) -> bool:
        """Whether an event lies behind the window that is asked for."""
        until = self.store.conn.execute("SELECT min(covers_until) FROM feeds WHERE kind = 'events'").fetchone()[0]
        row = self.world.store.conn.execute(
            "SELECT 1 FROM events WHERE remote_id = ? AND starts_at >= ?", [place.remote_id, until]
        ).fetchone()
        return place.kind == "events" and row is not None


def _stands(conn: sqlite3.Connection, kind: str, record_id: int) -> bool:
    """Whether a record was never gone, and nobody wanted it to be."""
    row = conn.execute(
        f"SELECT 1 FROM {kind} AS record WHERE id = ?1 AND deleted_at IS NULL"
        " AND NOT EXISTS (SELECT 1 FROM versions WHERE kind = ?2 AND record_id = ?1 AND deleted_at IS NOT NULL)"
        " AND NOT EXISTS (SELECT 1 FROM edits WHERE kind = ?2 AND record_id = ?1 AND verb = 'delete')",
        [record_id, kind],
    ).fetchone()
    return row is not None


def held(store: Store) -> dict[Place, Any]:
    """Every record that was ever known: as upstream sent it, with the body of a mail; None for a tombstone."""
    bodies = dict(store.conn.execute("SELECT message_id, coalesce(html, text) FROM message_bodies").fetchall())
    return {
        Place(one.account, one.kind, one.parent, one.remote_id): None
        if one.row["deleted_at"]
        else (json.loads(one.row["raw"]), bodies.get(one.record_id) if one.kind == "messages" else None)
        for one in checks.histories(store.conn)
    }


def _told(found: dict[Place, Any], place: Place) -> str:
    return (
        "nothing" if place not in found else "a tombstone" if found[place] is None else json.dumps(found[place])[:300]
    )
