"""A mirror of a mirror: a mailbox, a mirror `near` it, and a mirror `far` from it that knows the near one's API only.

Life goes on in the mailbox and people edit at both ends; `quiet` lets everything settle; `differences` says what is not equal.
"""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

from openapi import API_FILE
from sandbox_wire import Transport, validated
from worlds import SandboxUpstream, World

from mirror.clock import VirtualClock
from mirror.contract.grant import SCOPES
from mirror.feed import LOCAL, Settings
from mirror.local_api.app import CHOICES, create_app
from mirror.resources import KINDS
from mirror.sandbox.life import Life
from mirror.sandbox.options import Options
from mirror.simulator.ledger import Ledger
from mirror.simulator.person import Person
from mirror.simulator.wishes import EDIT_MARK, Wishes
from mirror.sources.aurinko import Aurinko
from mirror.sources.base import Source
from mirror.store import api_tokens, journal, outbox
from mirror.store.connection import Store
from mirror.store.edits import Edit

EVERYTHING = Settings(since="2000-01-01")
MOST_QUIET_ROUNDS = 60
A_WHILE_S = 180.0  # longer than an edit whose fate is unknown is looked for

# A record by its kind, its parent and its id upstream.
Key = tuple[str, str, str]


class Asked:
    """The near mirror, as the far one sees it."""

    def __init__(self, clock: VirtualClock, source: Source) -> None:
        self.clock, self.source = clock, source


def asked(world: World, page_size: int) -> Source:
    """What pulls from a mirror by its own API, and pushes to it, without a socket."""
    token = api_tokens.new(world.store, "far", world.account.id, [*SCOPES])
    app = create_app(world.store, replace(CHOICES, page_size=page_size, page_sizes={}, rate_limit=None))
    return Aurinko(
        "http://mirror.example",
        {"token": token},
        clock=world.clock,
        settings=EVERYTHING,
        transport=Transport(validated(app) if API_FILE.exists() else app),
    )


class Somebody(Person):
    """Decides about nothing but their own edits: others came by the API."""

    def _open(self, *states: str) -> list[Edit]:
        return [one for one in super()._open(*states) if one.id in self.wishes.known]


class Chain:
    """All three, and the people at both ends. Everything comes from the seed."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.chance = random.Random(seed)
        self.upstream = SandboxUpstream(Options(page_size=self.chance.choice((2, 7, 50))), settings=EVERYTHING)
        self.upstream.clock.random.seed(seed)
        self.clock = self.upstream.clock
        self.near = World(self.upstream, folder / "near")
        source = asked(self.near, self.chance.choice((2, 7, 50)))
        self.far = World(Asked(self.clock, source), folder / "far")  # type: ignore[arg-type]  # less than an Upstream
        self.life = Life(self.upstream.state, self.upstream.account.id, clock=self.clock)
        self.people = {
            id(world): Somebody(Wishes(Ledger(), first_mark), self.clock.now)
            for world, first_mark in ((self.near, 0), (self.far, 1_000))
        }
        for world in (self.near, self.far):
            journal.set_writable(world.store, world.account.id, True)

    def sync(self) -> None:
        """Both know what there is."""
        for world in (self.near, self.far):
            world.pull()

    def live(self, steps: int) -> None:
        """Some of what may happen, in any order."""
        for _ in range(steps):
            self.clock.sleep(self.chance.choice((1, 20, 400)))
            world = self.chance.choice((self.near, self.far))
            match self.chance.randrange(6):
                case 0 | 1:
                    self.life.step()
                case 2:
                    world.pull()
                case 3:
                    world.push()
                case _:
                    self._edit(world)

    def _edit(self, world: World) -> None:
        self.people[id(world)].act(self.chance, world.store, journal.account(world.store, world.account.id))

    def quiet(self) -> None:
        """Nothing more happens; passes at both ends until neither has anything to do."""
        for _ in range(MOST_QUIET_ROUNDS):
            before = self._state()
            for world in (self.far, self.near):
                give_way(world)
                world.push()
            for world in (self.near, self.far):
                world.pull()
            self.clock.sleep(A_WHILE_S)
            if self._state() == before and not any(open_edits(world.store) for world in (self.near, self.far)):
                return
        raise AssertionError(f"not quiet: {[open_edits(world.store) for world in (self.near, self.far)]}")

    def made_twice(self) -> list[str]:
        """What somebody wanted made once, at either end, and is there more than once."""
        again = {mark for person in self.people.values() for mark in person.wishes.remade}
        made: dict[str, set[Any]] = {}
        ours = records(self.near.store)
        for key, found in ours.items():
            if found is None or ours.get(parent_of(key), "there") is None:
                continue
            name = found[0].get("internetMessageId") or key  # a mail that is sent leaves its draft's id
            for mark in EDIT_MARK.findall(json.dumps(found)):
                made.setdefault(mark, set()).add(name)
        return [
            f"{mark}: {sorted(map(str, names))}" for mark, names in made.items() if len(names) > 1 and mark not in again
        ]

    def _state(self) -> list[Any]:
        return [world.dump(generation=False) for world in (self.near, self.far)]

    def close(self) -> None:
        for world in (self.near, self.far):
            world.store.close()


def open_edits(store: Store) -> list[str]:
    return [f"{one.id} {one.verb} {one.kind} {one.state} {one.error or ''}" for one in outbox.edits(store)]


def give_way(world: World) -> None:
    """What only a person can decide is decided for the other side."""
    for one in outbox.edits(world.store, states=("conflict", "rejected")):
        outbox.discard(world.store, outbox.edit(world.store, one.id))


def records(store: Store) -> dict[Key, Any]:
    """Every record that was ever known: what is live as it was sent, with the body of a mail; None for a tombstone."""
    found: dict[Key, Any] = {}
    for kind in KINDS.values():
        parent = (
            f"(SELECT remote_id FROM {kind.parent} WHERE id = {kind.name}.{kind.parent_column})"
            if kind.parent
            else "''"
        )
        body = "(SELECT coalesce(html, text) FROM message_bodies WHERE message_id = messages.id)"
        rows = store.conn.execute(
            f"SELECT {parent}, remote_id, raw, {body if kind.name == 'messages' else 'NULL'}, deleted_at FROM {kind.name}"
        )
        for parent_id, remote_id, raw, text, deleted_at in rows:
            found[kind.name, parent_id, remote_id] = None if deleted_at else (json.loads(raw), text)
    return found


def differences(near: Store, far: Store) -> list[str]:
    """What of the near mirror the far one has otherwise. It may lack tombstones of what it never saw alive.

    What was created offline has a name of the near mirror's own until upstream gives it another: a far mirror that has seen it
    under the first has a tombstone of that. What is in a list that has vanished stays as it was last seen, in every mirror.
    """
    ours, theirs = records(near), records(far)
    passing = {key for key, found in theirs.items() if found is None and key[2].startswith(LOCAL)}
    return [
        f"{' '.join(key)}: near {ours.get(key, 'unknown')}, far {theirs.get(key, 'unknown')}"
        for key in sorted((ours.keys() | theirs.keys()) - passing)
        if parent_of(key) not in passing
        and (parent_of(key) not in ours or ours[parent_of(key)] is not None)
        and (ours.get(key) != theirs.get(key) or (key in theirs and key not in ours))
    ]


def parent_of(key: Key) -> Key:
    return KINDS[key[0]].parent or "", "", key[1]
