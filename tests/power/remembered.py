"""An upstream that remembers every state that a record ever had, and what a mirror of it must be like. It changes no mirror."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from mirror.clock import SystemClock
from mirror.resources import KINDS
from mirror.sandbox.app import create_app, sandbox_of
from mirror.sandbox.life import Life
from mirror.sandbox.options import Options
from mirror.sandbox.person import ADDRESS, NAME, populate
from mirror.sandbox.state import PARENTS, Record, State
from mirror.simulator.verdict import differs
from mirror.store.attachments import blob
from mirror.store.connection import Store, open_store
from mirror.store.verify import verify

TOKEN = "a-token-that-nobody-may-see"


class Place(NamedTuple):
    """Where upstream keeps a record."""

    kind: str
    parent: str
    remote_id: str


class Remembering(State):
    """A state that keeps what it was: `told` has every version of every record in order, None for a deletion."""

    def __init__(self, clock: SystemClock) -> None:
        super().__init__(clock=clock)
        self.told: dict[Place, list[Record | None]] = {}

    def create(self, account_id: int, kind: str, record: Record, **more: Any) -> Record:
        with self.batch():
            stored = super().create(account_id, kind, record, **more)
            self._remember(kind, more.get("parent"), stored["id"], stored)
        return stored

    def change(self, account_id: int, kind: str, remote_id: str, fields: Record, **more: Any) -> Record:
        with self.batch():
            stored = super().change(account_id, kind, remote_id, fields, **more)
            self._remember(kind, more.get("parent"), remote_id, stored)
        return stored

    def delete(self, account_id: int, kind: str, remote_id: str, *, parent: str | None = None) -> None:
        with self.batch():
            super().delete(account_id, kind, remote_id, parent=parent)
            self._remember(kind, parent, remote_id, None)

    def _remember(self, kind: str, parent: str | None, remote_id: str, state: Record | None) -> None:
        self.told.setdefault(Place(kind, parent or "", remote_id), []).append(json.loads(json.dumps(state)))


class Mailbox:
    """A synthetic person's mailbox behind the sandbox's API, who may go on living between any two requests."""

    def __init__(self, *, service: str = "Google", page_size: int = 5, size: float = 0.03, seed: int = 1) -> None:
        clock = SystemClock()
        clock.random.seed(seed)
        self.chance = random.Random(f"mailbox {seed}")
        self.state = Remembering(clock)
        self.account = self.state.add_account(email=ADDRESS, name=NAME, token=TOKEN, service_type=service)
        populate(self.state, clock=clock, account_id=self.account.id, size=size)
        app = create_app(self.state, Options(page_size=page_size))
        self.behind = sandbox_of(app)
        self.application = self._living(app)
        self.life = Life(self.state, self.account.id, clock=clock)
        self.liveliness = 0.0  # how likely it is that something happens before a request is answered
        self.requests = 0

    def live(self, steps: int) -> None:
        for _ in range(steps):
            self.life.step()

    def records(self) -> Iterator[tuple[Place, Record]]:
        for kind in KINDS:
            for parent in self._parents(kind):
                for record in self.state.records(self.account.id, kind, parent=parent):
                    yield Place(kind, parent or "", record["id"]), record

    def _parents(self, kind: str) -> list[str | None]:
        if kind not in PARENTS:
            return [None]
        return [record["id"] for record in self.state.records(self.account.id, PARENTS[kind])]

    def _living(self, app: WSGIApplication) -> WSGIApplication:
        def application(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
            with self.state.batch():
                self.requests += 1
                if self.chance.random() < self.liveliness:
                    self.life.step()
            return app(environ, start)

        return application


# --- the mirror -----------------------------------------------------------------------------------------------------------


@contextmanager
def as_it_lies(home: Path, copy: Path) -> Iterator[Store]:
    """A copy of a home, opened as the next command would open it. The home itself stays as its dead process left it."""
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir()
    for name in ("mirror.db", "mirror.db-wal", "mirror.db-journal", "blobs.db", "blobs.db-wal", "blobs.db-journal"):
        if (home / name).exists():
            shutil.copyfile(home / name, copy / name)
    store = open_store(copy)
    try:
        yield store
    finally:
        store.close()


def unsound(store: Store) -> list[str]:
    """Why the mirror is not sound in itself; empty when it is."""
    return [finding.sentence for finding in verify(store).findings]


class Versions:
    """Every version that a mirror has, as numbers: which of upstream's states each of them is."""

    def __init__(self, store: Store, mailbox: Mailbox) -> None:
        self.faults: list[str] = []
        self.states: set[tuple[Place, int]] = set()
        self.deleted: set[tuple[Place, str]] = set()
        self.newest: dict[Place, Record | None] = {}
        self.places: dict[tuple[str, int], Place] = {}
        for kind in KINDS:
            for place, record_id in _places(store.conn, kind):
                self.places[kind, record_id] = place
                self._follow(store, place, record_id, mailbox.state.told.get(place, []))

    def _follow(self, store: Store, place: Place, record_id: int, told: list[Record | None]) -> None:
        at = -1
        for raw, deletion in store.conn.execute(
            "SELECT raw, deletion FROM all_versions WHERE kind = ? AND record_id = ? ORDER BY seq",
            [place.kind, record_id],
        ):
            if deletion is not None:
                at = next((n for n in range(at + 1, len(told)) if told[n] is None), len(told))
                self.newest[place] = None
                self.deleted.add((place, deletion))
            else:
                fields = json.loads(raw)
                at = next((n for n in range(at + 1, len(told)) if _is(fields, told[n])), len(told))
                self.newest[place] = fields
                self.states.add((place, at))
            if at == len(told):
                self.faults.append(f"{place}: a version that upstream did not have then: {deletion or raw[:200]}")
                return


def versions_of(store: Store, mailbox: Mailbox) -> Versions:
    return Versions(store, mailbox)


def _is(fields: Record, state: Record | None) -> bool:
    return state is not None and differs(fields, state) is None


def _places(conn: sqlite3.Connection, kind: str) -> list[tuple[Place, int]]:
    column = KINDS[kind].parent_column
    parent = f"(SELECT remote_id FROM {KINDS[kind].parent} AS parent WHERE parent.id = {column})" if column else "''"
    rows = conn.execute(f"SELECT {parent}, remote_id, id FROM {kind}")
    return [(Place(kind, row[0], row[1]), row[2]) for row in rows]


def unequal(store: Store, mailbox: Mailbox, history: Versions) -> list[str]:
    """What in a mirror that has caught up is not as upstream has it; empty when nothing is."""
    wrong = list(history.faults)
    live = {place: fields for place, fields in history.newest.items() if fields is not None}
    there = dict(mailbox.records())
    wrong += [f"{place} is not upstream any more" for place in live.keys() - there.keys()]
    for place, record in there.items():
        if place not in live:
            wrong.append(f"{place} is missing")
        elif difference := (differs(live[place], record) or ("omitted" in live[place] and "not complete")):
            wrong.append(f"{place}: {difference}")
    reported = {tuple(row) for row in mailbox.state.rows("SELECT kind, parent, remote_id FROM tombstones", ())}
    wrong += [
        f"{place}: nobody reported that it is deleted"
        for place, deletion in history.deleted
        if deletion == "reported" and tuple(place) not in reported
    ]
    wrong += _beside(store, mailbox, history, there)
    wrong += [f"stuck: {row[0]}" for row in store.conn.execute("SELECT reason FROM stuck")]
    return wrong


def _beside(store: Store, mailbox: Mailbox, history: Versions, there: dict[Place, Record]) -> Iterator[str]:
    """Bodies and attachments."""
    bodies = dict(store.conn.execute("SELECT message_id, html FROM message_bodies").fetchall())
    for (kind, record_id), place in history.places.items():
        if place not in there or not KINDS[kind].attachments:
            continue
        account_id = mailbox.account.id
        if kind == "messages":
            body, is_html = mailbox.state.body(account_id, place.remote_id)
            if is_html and bodies.get(record_id) != body:
                yield f"{place}: its body is {bodies.get(record_id)!r:.80}, not {body!r:.80}"
        rows = store.conn.execute(
            f"SELECT remote_id, sha256 FROM attachments WHERE {KINDS[kind].singular}_id = ? AND removed_at IS NULL",
            [record_id],
        )
        kept = {row[0]: blob(store, row[1]) if row[1] else None for row in rows}
        wanted = mailbox.state.attachments(account_id, kind, place.remote_id, parent=place.parent or None)
        if kept != wanted:
            yield f"{place}: its attachments are {sorted(kept)}, not {sorted(wanted)}, or have other bytes"


def fingerprint(conn: sqlite3.Connection) -> str | None:
    """The same text for the same rows in all tables; None while there are no tables. Search indexes are not looked at."""
    tables = [row[0] for row in conn.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
    digest = hashlib.sha256()
    for table in (name for name in tables if "_fts" not in name):
        rows = sorted(repr(tuple(row)) for row in conn.execute(f"SELECT * FROM {table}"))
        digest.update(repr((table, rows)).encode())
    return digest.hexdigest() if tables else None


def fingerprint_of(path: Path) -> str | None:
    with closing(sqlite3.connect(path)) as conn:
        conn.execute("PRAGMA synchronous = OFF")  # the test's own copy, which may be lost
        return fingerprint(conn)


def rows_of(path: Path, sql: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as conn:
        return conn.execute(sql).fetchall()
