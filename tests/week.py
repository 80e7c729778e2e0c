"""Weeks of many accounts in a minute: each a mailbox in memory with a fate, pulled by the real loop, on a clock that jumps.

A process may die between any two of its steps: what it had in memory is gone, and another opens the file.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from worlds import unsynced

from mirror.clock import VirtualClock
from mirror.errors import RetryLater, SignInAgain
from mirror.feed import Change, Counts, Feed, Page, Record, Unreadable
from mirror.loop import Loop
from mirror.notify import Notice, Watch
from mirror.settings import Settings
from mirror.sources.memory import Memory
from mirror.store import journal, outbox, sweep
from mirror.store.connection import open_store
from mirror.store.journal import Account

CONTACTS, MESSAGES = Feed("contacts"), Feed("messages")
STEP_S = 1800.0
STALE_AFTER_S = 6 * 3600.0
FACTOR = 8.0  # passes come seldom enough for a week to be over soon
ADDRESS_BOOK = 60


class Mailbox(Memory):
    """One account's upstream, with the troubles that a week has."""

    def __init__(self, clock: VirtualClock, chance: random.Random) -> None:
        super().__init__(clock, page_size=100)
        self.chance = chance
        self.flaky = 0.0
        self.down = self.dead = False
        self.spoilt: set[str] = set()
        self.rewrite = self._spoil
        for number in range(ADDRESS_BOOK):
            self.put(CONTACTS, f"c{number}", {"nickName": f"contact {number}", "notes": "old"})
        self.put(Feed("calendars"), "home", {"name": "Home"})
        self.mail(0)

    def mail(self, number: int) -> None:
        self.put(MESSAGES, f"m{number}", {"subject": f"mail {number}", "receivedAt": "2026-01-04T10:00:00.000Z"})

    def _ask(self, verb: str, feed: Feed, what: object) -> None:
        self.asked.clear()  # nobody looks, and a week is long
        super()._ask(verb, feed, what)
        if self.dead:
            raise SignInAgain("no", status=401, code="token.dead")
        if self.down or self.chance.random() < self.flaky:
            raise RetryLater("no route to host")

    def _spoil(self, _: Feed, page: Page) -> Page:
        def spoilt(change: Change) -> Change:
            odd = isinstance(change, Record) and change.remote_id in self.spoilt
            return Unreadable(b'{"odd": 1}', "ValueError: odd", change.remote_id) if odd else change

        changes = tuple(map(spoilt, page.changes))
        return Page(changes, page.cursor, page.more, page.covers)


@dataclass(frozen=True)
class Fate:
    """What becomes of an account: at which hours what happens to it, what its person is told, and how it ends."""

    name: str
    happens: tuple[tuple[float, str], ...]
    told: tuple[str, ...]
    ends: str = "healthy"


FATES = (
    Fate("fine", (), ()),
    Fate("flaky", ((0, "flaky"),), ()),
    Fate("offline for half an hour", ((30, "down"), (30.5, "up"), (90, "down"), (90.5, "up")), ()),
    Fate("dead token", ((20, "die"), (65, "sign in")), ("needs_auth", "healthy")),
    Fate("unreachable for two days", ((40, "down"), (88, "up")), ("stale", "healthy")),
    Fate("held", ((25, "shrink"), (70, "accept")), ("held", "healthy")),
    Fate("stuck", ((33, "spoil"), (75, "heal")), ("stuck", "healthy")),
    Fate("conflict", ((28, "edit"), (80, "resolve")), ("conflict", "healthy")),
    Fate("paused", ((50, "pause"),), (), "paused"),
    Fate("paused over a weekend", ((50, "pause"), (120, "resume")), ()),
    Fate("removed", ((45, "remove"),), (), "removed"),
    Fate("removed while it waits", ((20, "die"), (60, "remove")), ("needs_auth",), "removed"),
    Fate("dead for good", ((100, "die"),), ("needs_auth",), "needs_auth"),
    Fate("unreachable to the end", ((130, "down"),), ("stale",), "stale"),
    Fate("one after the other", ((20, "spoil"), (44, "die"), (66, "sign in"), (90, "heal"), (110, "shrink"), (140, "accept")),
         ("stuck", "needs_auth", "healthy", "held", "healthy")),
    Fate("put aside with its trouble", ((20, "die"), (40, "pause"), (90, "resume"), (100, "sign in")), ("needs_auth",
         "healthy")),
    Fate("twice", ((20, "die"), (40, "sign in"), (100, "die"), (120, "sign in")), ("needs_auth", "healthy") * 2),
)  # fmt: skip


class Crash(BaseException):
    """The process dies here."""


@dataclass
class Told:
    """A hook at the outermost edge: what arrived there, and which of it the process did not live to cross out."""

    arrived: list[Notice] = field(default_factory=list)
    unnoted: set[str] = field(default_factory=set)

    def distinct(self, account: str) -> list[str]:
        """The states that an account's person has heard of, repetitions under one number left out."""
        return [notice.state for notice in {one.notice: one for one in self.arrived if one.account == account}.values()]

    def repeated(self) -> set[str]:
        numbers = [notice.notice for notice in self.arrived]
        return {number for number in numbers if numbers.count(number) > 1}


class Week:
    """The accounts, their mirror, and the process that keeps it."""

    def __init__(self, home: Path, fates: list[Fate], *, seed: int = 1, crashes: float = 0.0) -> None:
        self.clock = VirtualClock(seed=seed)
        self.chance = random.Random(seed)
        self.crashes = crashes  # how likely the process dies at each of the places where it may
        self.died = 0
        self.told = {"exec": Told(), "ping_url": Told()}
        self.home = home
        self.store = unsynced(open_store(home, self.clock))
        self.fates = {f"{number:02} {fate.name}": fate for number, fate in enumerate(fates)}
        self.mailboxes: dict[str, Mailbox] = {}
        self.ids: dict[str, int] = {}
        self.to_come: list[tuple[float, str, str]] = []
        for name, fate in self.fates.items():
            account = journal.add_account(self.store, name, "memory", "memory:", interval_factor=FACTOR)
            self.ids[name] = account.id
            self.mailboxes[name] = Mailbox(self.clock, random.Random(f"{seed} {name}"))
            late = self.chance.uniform(0, 3)
            self.to_come += [(3600 * (hour + late), name, what) for hour, what in fate.happens]
        self.to_come.sort()
        self._start()

    def _start(self) -> None:
        """A new process: it knows what is in the file, and nothing else."""
        self.loops = {account_id: Loop() for account_id in self.ids.values()}
        self.watch = Watch(
            Settings(stale_after_s=STALE_AFTER_S), self.clock, {name: self._hook(name) for name in self.told}
        )

    def _hook(self, name: str) -> Callable[[Notice], None]:
        told = self.told[name]

        def hook(notice: Notice) -> None:
            self._may_die()
            if name == "ping_url" and self.chance.random() < 0.2:
                raise RetryLater("no route to host")
            told.arrived.append(notice)
            if self.chance.random() < self.crashes:
                told.unnoted.add(notice.notice)
                raise Crash

        return hook

    def _may_die(self) -> None:
        if self.chance.random() < self.crashes:
            raise Crash

    # --- time passes --------------------------------------------------------------------------------------------------

    def go_on(self, hours: float) -> None:
        until_s = self.clock.monotonic() + hours * 3600
        while self.clock.monotonic() < until_s:
            self._happen()
            try:
                self._step()
            except Crash:
                self.died += 1
                self.store.close()
                self.store = unsynced(open_store(self.home, self.clock))
                self._start()
            self.clock.sleep(STEP_S)

    def _step(self) -> None:
        """What `Schedule` does between two moments: `_tick` for each account, and then `_tell`."""
        for account_id, loop in self.loops.items():
            if loop.begin(self.clock.monotonic()):
                loop.run(self.store, account_id, self._source, self.clock)
                loop.rest(self.store, account_id, self.clock)
                self._may_die()
                self.watch.look(self.store, account_id)
                loop.end()
        self._may_die()
        self.watch.tell(self.store)

    def _source(self, account: Account) -> Mailbox:
        return self.mailboxes[account.name]

    def _happen(self) -> None:
        now_s = self.clock.monotonic()
        for mailbox in self.mailboxes.values():
            if self.chance.random() < 0.01:
                mailbox.mail(round(now_s))
        while self.to_come and self.to_come[0][0] <= now_s:
            _, name, what = self.to_come.pop(0)
            getattr(self, "_" + what.replace(" ", "_"))(name, self.mailboxes[name])

    # --- what may happen to an account: upstream, or by its person ------------------------------------------------------

    def _flaky(self, _: str, mailbox: Mailbox) -> None:
        mailbox.flaky = 0.1

    def _down(self, _: str, mailbox: Mailbox) -> None:
        mailbox.down = True

    def _up(self, _: str, mailbox: Mailbox) -> None:
        mailbox.down = False

    def _die(self, _: str, mailbox: Mailbox) -> None:
        mailbox.dead = True

    def _sign_in(self, name: str, mailbox: Mailbox) -> None:
        mailbox.dead = False
        journal.set_status(self.store, self.ids[name], "active")

    def _pause(self, name: str, _: Mailbox) -> None:
        journal.set_status(self.store, self.ids[name], "paused")

    def _resume(self, name: str, _: Mailbox) -> None:
        journal.set_status(self.store, self.ids[name], "active")

    def _remove(self, name: str, _: Mailbox) -> None:
        journal.remove_account(self.store, self.ids[name])

    def _shrink(self, _: str, mailbox: Mailbox) -> None:
        for remote_id in list(mailbox.live(CONTACTS))[: ADDRESS_BOOK // 2]:
            mailbox.drop(CONTACTS, remote_id, silently=True)
        mailbox.expire(CONTACTS)

    def _accept(self, name: str, _: Mailbox) -> None:
        """As `mirror accept` does it."""
        with self.store.lease(self.ids[name]):
            for feed in journal.feeds(self.store, self.ids[name]):
                if feed.state == "held":
                    sweep.finish_listing(self.store, feed, Counts(), accepted=True)

    def _spoil(self, _: str, mailbox: Mailbox) -> None:
        mailbox.spoilt.add("c59")
        self._touch(mailbox, "c59")

    def _heal(self, _: str, mailbox: Mailbox) -> None:
        mailbox.spoilt.clear()
        self._touch(mailbox, "c59")

    def _touch(self, mailbox: Mailbox, remote_id: str, **more: Any) -> None:
        fields = json.loads(mailbox.live(CONTACTS)[remote_id].raw)
        for name in ("id", "etag", "lastModifiedTime"):
            del fields[name]
        mailbox.put(CONTACTS, remote_id, {**fields, **more})

    def _edit(self, name: str, mailbox: Mailbox) -> None:
        """An edit that meets a change made elsewhere before the mirror has seen it."""
        journal.set_writable(self.store, self.ids[name], True)
        record_id = self.value("SELECT id FROM contacts WHERE account_id = ? AND remote_id = 'c58'", self.ids[name])
        account = journal.account(self.store, self.ids[name])
        outbox.add(self.store, account, "contacts", "change", {"notes": "mine"}, record_id=record_id)
        self._touch(mailbox, "c58", notes="theirs")

    def _resolve(self, name: str, _: Mailbox) -> None:
        for edit in outbox.edits(self.store, account_id=self.ids[name]):
            if edit.state == "conflict":
                outbox.resolve(self.store, edit, {"notes": "mine"})

    # --- what came of it ------------------------------------------------------------------------------------------------

    def value(self, sql: str, *values: object) -> Any:
        return self.store.conn.execute(sql, values).fetchone()[0]

    def states(self) -> dict[str, str]:
        """The state that the mirror has of each account, `removed` where it was."""
        rows = self.store.conn.execute(
            "SELECT name, CASE WHEN removed_at IS NOT NULL THEN 'removed' ELSE state END FROM accounts"
            " LEFT JOIN health ON health.account_id = accounts.id"
        )
        return dict(rows)

    def expected(self) -> dict[str, str]:
        return {name: fate.ends for name, fate in self.fates.items()}

    def close(self) -> None:
        self.store.close()
