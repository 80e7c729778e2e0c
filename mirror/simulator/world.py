"""One simulated world: a sandbox, a mirror, the wire between them and the clocks. Everything in it comes from the seed.

It lets things happen; what they should have led to is judged in `verdict.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from urllib.parse import unquote

from mirror import clock as clocks
from mirror.clock import VirtualClock
from mirror.feed import Settings, Write
from mirror.resources import KINDS
from mirror.sandbox.app import create_app, sandbox_of
from mirror.sandbox.options import Options
from mirror.simulator.clocks import Offset
from mirror.simulator.crash import Mortal, copy_files
from mirror.simulator.ledger import Ledger, Place
from mirror.simulator.person import Person
from mirror.simulator.recorded import RecordedState
from mirror.simulator.setting import Setting
from mirror.simulator.spoil import Answer
from mirror.simulator.story import Story
from mirror.simulator.upstream import Upstream
from mirror.simulator.wire import Wire
from mirror.simulator.wishes import Wishes
from mirror.simulator.witness import Witness, Witnessed
from mirror.sources.aurinko import Aurinko
from mirror.store import journal
from mirror.store.connection import Store, open_store
from mirror.store.journal import Account

ROOTS = {"contacts": "contacts", "email": "messages", "tasklists": "tasks", "calendars": "events"}
MEANWHILE = 0.06  # how much less a person does between two requests than between two passes
LAG_S = 60.0  # how long a feed may take to show what was written
LISTS = {"/v1/calendars": "calendars", "/v1/tasklists": "task_lists", "/v1/email/folders": "folders"}


class World:
    """Everything that a story acts on: furnished, before the first request. `template`: a fresh home to be copied."""

    def __init__(self, story: Story, folder: Path, template: Path | None = None) -> None:
        chance = story.setting()
        self.story = story
        self.setting = setting = Setting.draw(chance, story.setting_of_far())
        self.base = VirtualClock(seed=story.seed)
        self.ours = Offset(self.base, f"ours {story.seed}")
        self.theirs = Offset(self.base, f"theirs {story.seed}", timedelta(seconds=setting.upstream_ahead_s))
        self.ledger, self.witness = Ledger(), Witness()
        self.wishes = Wishes(self.ledger)
        self.person = Person(self.wishes, self.theirs.now)
        self.writing: int | None = None  # the edit whose request is on its way
        self.looked: dict[Place, int] = {}  # the state that push last read of a record
        self.visit: Callable[[], None] = lambda: None  # what the mirror of the mirror does between two requests
        self._wrote_at: float | None = None
        state = RecordedState(clock=self.theirs, ledger=self.ledger)
        omitted = {one.service: one.omitted for one in setting.accounts}
        app = create_app(state, Options(omitted=omitted, **setting.options))
        accounts = {
            one.name: state.add_account(email=f"{one.name}@example.org", service_type=one.service)
            for one in setting.accounts
        }
        ids = {name: account.id for name, account in accounts.items()}
        state.names = {account.id: name for name, account in accounts.items()}
        self.tokens = {name: str(account.token) for name, account in accounts.items()}
        self.upstream = Upstream(state, sandbox_of(app).tokens, self.ledger, ids)
        for one in setting.accounts:
            self.upstream.settle(one.name, chance, one.amounts)
        self.wire = Wire(
            app, story, trouble=setting.trouble, between=self.between_requests, tick=self.tick,
            may_look_empty=self.may_look_empty, is_pinned=self.is_pinned, at_work=self.at_work, may_lag=self.may_lag,
        )  # fmt: skip
        self.pulled: str | None = None  # the account whose pass is under way
        self.watched: Witnessed | None = None
        self._folder, self._homes, self._expired = folder, 1, 0
        if template is not None:
            copy_files(template, folder / "home-1")
        self.store = opened(folder / "home-1", self.ours)
        self.mortal().on_commit = self.committed
        for one in setting.accounts:
            journal.add_account(
                self.store, one.name, "aurinko", "http://sandbox", since=one.since,
                attachments_up_to_bytes=one.attachments_up_to_bytes,
            )  # fmt: skip
            if setting.edits:
                journal.set_writable(self.store, journal.account_named(self.store, one.name).id, writable=True)

    def now(self) -> str:
        return clocks.text(self.base.now())

    def between_requests(self) -> None:
        """What upstream does while nobody looks."""
        if self.setting.upstream_jitter_s:  # several servers, whose clocks disagree a little
            off_s = self.theirs.random.uniform(-1, 1) * self.setting.upstream_jitter_s
            self.theirs.offset = timedelta(seconds=self.setting.upstream_ahead_s + off_s)
        self._edit_meanwhile()
        if self.pulled is not None and not self.store.conn.in_transaction:
            self.visit()
        chance = self.story.draw(self.setting.happening)
        if chance is None:
            return
        for _ in range(chance.choice((1, 1, 1, 2, 4))):
            said = self.upstream.act(chance)
            if said is not None:
                self.story.decided(self.now(), said)
        if self.upstream.expired != self._expired:
            self._expired = self.upstream.expired
            self.wire.forget()

    def _edit_meanwhile(self) -> None:
        """What a person does while a pass is under way, in another window. That one does not die with this process."""
        if not self.setting.edits or self.pulled is None or self.store.conn.in_transaction:
            return
        chance = self.story.draw(self.setting.edits * MEANWHILE)
        if chance is None:
            return
        plan, self.mortal().plan = self.mortal().plan, None
        said = self.person.act(chance, self.store, journal.account_named(self.store, self.pulled))
        self.mortal().plan = plan
        if said is not None:
            self.story.decided(self.now(), f"meanwhile, {said}")

    def tick(self, seconds: float) -> str:
        self.base.sleep(seconds)
        return clocks.text(self.ours.now())

    def may_look_empty(self, path: str, token: str) -> bool:
        """Whether a listing without anything in it can be noticed: rows are there, and this listing has shown none yet."""
        kind, parent = kind_of(path)
        if self.pulled is None or kind is None or (kind == "messages" and self.setting.of(self.pulled).since):
            return False
        account = journal.account_named(self.store, self.pulled)
        feeds = [f for f in journal.feeds(self.store, account.id) if f.kind == kind and (f.parent or "") == parent]
        if not feeds or (path not in LISTS and (feeds[0].state != "listing" or not feeds[0].cursor)):
            return False
        if path in LISTS and (token or feeds[0].cursor):
            return False
        column = {"events": "calendar_id", "tasks": "task_list_id"}.get(kind, "account_id")
        value = feeds[0].parent_id if column != "account_id" else account.id
        inside = "AND starts_at > ? AND ends_at < ? AND recurrence_type <> 'master'" if kind == "events" else ""
        bounds = [feeds[0].covers_from, feeds[0].covers_until] if kind == "events" else []
        generation = feeds[0].generation if path not in LISTS else 1 << 40
        sql = f"SELECT count(*), coalesce(max(generation), 0) FROM {kind} WHERE {column} = ? AND deleted_at IS NULL {inside}"
        live, newest = self.store.conn.execute(sql, [value, *bounds]).fetchone()
        return bool(live > 0 and newest < generation)

    def is_pinned(self) -> bool:
        """Whether the account being pulled knows its mailbox. Until then any mailbox is the right one."""
        return self.pulled is not None and journal.account_named(self.store, self.pulled).remote_id is not None

    def at_work(self, call: Callable[[], Answer]) -> Answer:
        """Upstream carries out a request: what changes by it is the doing of the edit that is being sent."""
        self.ledger.by, length = self.writing, self.ledger.length()
        answer = call()
        self.ledger.by = None
        if answer.status >= 400:
            self.ledger.undo(length)
        return answer

    def may_lag(self, path: str) -> bool:
        """Whether a feed may not have heard yet of what we have just written. It hears in time, and a listing at once."""
        kind, parent = kind_of(path)
        if self.pulled is None or self._wrote_at is None or self.base.monotonic() - self._wrote_at > LAG_S:
            return False
        account = journal.account_named(self.store, self.pulled)
        feeds = [f for f in journal.feeds(self.store, account.id) if f.kind == kind and (f.parent or "") == parent]
        return bool(feeds) and feeds[0].state == "following"

    @contextmanager
    def sending(self, write: Write) -> Iterator[None]:
        """Watch a request of push, and what upstream does by it."""
        row = self.store.conn.execute(
            "SELECT edits.id FROM edits JOIN accounts ON accounts.id = account_id WHERE state = 'sending' AND name = ?",
            [self.pulled],
        ).fetchone()
        wish = self.wishes.known[row[0]] if row is not None else None
        if wish is None:
            self.wishes.faults.append(f"a {write.verb} leaves that is not in the outbox as being sent")
        else:
            self.wishes.asked(wish, write.fields)
            self.writing = wish.id
        length = self.ledger.length()
        self._wrote_at = self.base.monotonic()
        try:
            yield
        finally:
            self.writing = None
            if wish is not None:
                self.wishes.written(wish, length, self.looked)

    # --- the mirror's side ----------------------------------------------------------------------------------------------

    def source(self, account: Account) -> Witnessed:
        chosen = self.setting.of(account.name)
        source = Aurinko(
            "http://sandbox", {"token": self.tokens[account.name]}, clock=self.ours, transport=self.wire,
            settings=Settings(chosen.since, chosen.attachments_up_to_bytes),
        )  # fmt: skip
        self.watched = Witnessed(source, account.name, account.id, self.witness, sending=self.sending, looked=self.look)
        return self.watched

    def place_of(self, account: str, record: tuple[str, int] | None) -> Place | None:
        """Where a record of the mirror is upstream."""
        if record is None or record[1] < 0:
            return None
        kind = KINDS[record[0]]
        up = f"(SELECT remote_id FROM {kind.parent} WHERE id = {kind.parent_column})" if kind.parent else "''"
        row = self.store.conn.execute(f"SELECT remote_id, {up} FROM {kind.name} WHERE id = ?", [record[1]]).fetchone()
        return Place(account, kind.name, row[1], row[0])

    def look(self, place: Place, number: int | None) -> None:
        """Push has read a record, in the state of this number; None: it is gone."""
        self.looked[place] = self.ledger.number if number is None else number

    def committed(self, moved: bool) -> None:
        if self.watched is not None:
            self.watched.committed(self.store, moved)

    def mortal(self) -> Mortal:
        conn = self.store.conn
        assert isinstance(conn, Mortal)
        return conn

    def reopen(self, home: Path) -> None:
        """The next process begins where the last one was stopped."""
        self.watched = None
        self.store.close()
        self.store = opened(home, self.ours)
        self.mortal().on_commit = self.committed

    def next_home(self) -> Path:
        """A folder that is not there yet."""
        self._homes += 1
        return self._folder / f"home-{self._homes}"


def kind_of(path: str) -> tuple[str | None, str]:
    """The kind, and the parent's id, that a path of pages is about."""
    if path in LISTS:
        return LISTS[path], ""
    parts = path.split("/")
    kind = ROOTS.get(parts[2])
    return kind, unquote(parts[3]) if kind in ("events", "tasks") else ""


def opened(home: Path, clock: Offset) -> Store:
    """The home's store over a connection that can die, and that leaves the waiting for the disk out.

    `synchronous` decides what a power cut takes from what the system had not yet written. Nothing here reads a disk after
    one: a crash is the death of a process, and the files are copied as that process had them.
    """
    store = open_store(home, clock, factory=Mortal)
    store.conn.execute("PRAGMA synchronous = OFF")
    assert isinstance(store.conn, Mortal)
    store.conn.home = home
    return store
