"""Rule 12, the machine: the power goes. What was acknowledged is there, the file opens and is sound, the next run goes on.

Real commands run under strace, which records what they write, sync, make and rename. A disk of our own replays that up to some
moment and loses what was not synced by then. What it leaves is opened, compared with what had been committed, and synced on.
"""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from mirror_cli import Served
from power.disk import Disk, Loss
from power.recording import Call, can_record, record
from power.remembered import TOKEN, Mailbox, fingerprint, fingerprint_of, unequal, unsound, versions_of
from sandbox_wire import Transport

from mirror import credentials
from mirror.clock import SystemClock
from mirror.errors import MirrorError, SignInAgain
from mirror.feed import Settings
from mirror.pull import pull_account
from mirror.sandbox import faults
from mirror.sources.aurinko import Aurinko
from mirror.store import journal
from mirror.store.attachments import blob
from mirror.store.connection import Store, open_store

ON_CI = bool(os.environ.get("CI"))
CUTS = 320 if ON_CI else 60
SYNCED_ON = 25 if ON_CI else 8  # of what cuts leave, so many different states are synced until they equal upstream
LOSSES: tuple[Loss, ...] = ("all", "none", "late", "any", "any", "any")
FIRST_TOKEN = "the-token-before-" + TOKEN


@dataclass
class Recording:
    """What some commands did to a disk, and by when each of them had said that it was done."""

    root: Path
    mailbox: Mailbox
    calls: list[Call] = field(default_factory=list)
    done_at: dict[str, int] = field(default_factory=dict)  # so many calls had been made by then
    commits: list[tuple[int, str | None]] = field(default_factory=list)  # and what mirror.db held after so many calls

    def said(self, name: str, cut: int) -> bool:
        return cut >= self.done_at[name]

    def held_at(self, cut: int) -> tuple[str | None, str | None]:
        """What had been committed before the cut, and what the commit after it will add: the file may hold either."""
        before = [held for at, held in self.commits if at <= cut][-1]
        after = next((held for at, held in self.commits if at > cut), before)
        return before, after


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recording]:
    """An account is added, signed in to, synced thrice and backed up twice, while its mailbox changes."""
    if not can_record():
        pytest.skip("needs strace, and to be allowed to use it")
    folder = tmp_path_factory.mktemp("power")
    root = folder / "disk"
    root.mkdir()
    served = Served()
    made = Recording(root, Mailbox(seed=5, size=0.02, page_size=8))
    served.plug_in(made.mailbox.application)

    def run(name: str, *arguments: str, typed: str = "") -> None:
        code, calls = record(root, folder, "--home", str(root / "home"), *arguments, typed=typed)
        assert code == 0, f"{name} ended with {code}"
        made.calls += calls
        made.done_at[name] = len(made.calls)

    try:
        more = ("--base-url", served.url, "--attachments", "all", "--since", "2020-01-01", "--token-stdin")
        run("add", "account", "add", "work", *more, typed=FIRST_TOKEN)
        run("login", "account", "login", "work", "--token-stdin", typed=TOKEN)
        run("sync 1", "sync")
        made.mailbox.live(25)
        run("sync 2", "sync")
        run("backup 1", "backup", str(root / "backup"))
        made.mailbox.live(25)
        # Upstream forgets one walk, and keeps the other tokens: a cursor that claims too much must not be healed by chance.
        made.mailbox.behind.faults.add(faults.Fault(faults.answer(410), path=r".*/contacts/sync/updated"))
        run("sync 3", "sync")
        run("backup 2", "backup", str(root / "backup"))
    finally:
        served.stop()
    made.commits = list(_commits(made, folder / "commit"))
    yield made
    shutil.rmtree(folder, ignore_errors=True)


def _commits(made: Recording, scratch: Path) -> Iterator[tuple[int, str | None]]:
    """What mirror.db held each time when its log was synced, which is how a commit ends."""
    disk, log = Disk(made.root), str(made.root / "home" / "mirror.db-wal")
    held: str | None = None
    yield 0, held
    for at, call in enumerate(made.calls, start=1):
        disk.take(call)
        if call.what == "sync" and call.path == log:
            disk.cut(scratch, "none", random.Random(0))
            now = fingerprint_of(scratch / "home" / "mirror.db")
            shutil.rmtree(scratch)
            if now != held:
                held = now
                yield at, held


class Judge:
    """Looks at what power cuts leave."""

    def __init__(self, recording: Recording, folder: Path) -> None:
        self.recording = recording
        self.left = folder / "left"
        self.synced_on: set[str | None] = set()

    def faults(self, calls: list[Call], cuts: int, seed: str) -> Iterator[str]:
        """What is wrong after some of the cuts, with where to find it."""
        chance = random.Random(seed)
        disk = Disk(self.recording.root)
        taken = 0
        for number, cut in enumerate(_moments(calls, cuts, chance)):
            for call in calls[taken:cut]:
                disk.take(call)
            taken = cut
            loss = chance.choice(LOSSES)
            disk.cut(self.left, loss, random.Random(f"{seed} {number}"))
            for fault in self._found(cut):
                yield f"{fault} (seed {seed!r}, cut {number} after {cut} calls, losing {loss}: {self.left})"
                return
            shutil.rmtree(self.left)

    def _found(self, cut: int) -> list[str]:
        try:
            return list(self._look(cut))
        except (sqlite3.DatabaseError, MirrorError) as error:
            return [f"{type(error).__name__}: {error}"]

    def _look(self, cut: int) -> Iterator[str]:
        home = self.left / "home"
        if not (home / "mirror.db").exists():
            if self.recording.said("add", cut):
                yield "the mirror is gone"
            return
        yield from self._credentials(home, cut)
        store = open_store(home)
        store.conn.execute("PRAGMA synchronous = OFF")  # what happens from here on may be lost
        try:
            held = fingerprint(store.conn)
            if held not in self.recording.held_at(cut):
                yield "mirror.db is neither as it was last committed nor as the commit after that"
            yield from _lost_bytes(store)
            if held in self.synced_on or len(self.synced_on) >= SYNCED_ON:
                yield from _damages(store)
            else:
                self.synced_on.add(held)
                yield from unsound(store)
                yield from self._sync_on(store)
        finally:
            store.close()
        yield from self._backup(cut)

    def _credentials(self, home: Path, cut: int) -> Iterator[str]:
        """Always either secret whole; the new one once the command has said so."""
        known = {TOKEN} if self.recording.said("login", cut) else {FIRST_TOKEN, TOKEN}
        try:
            if credentials.load(home, "work")["token"] not in known:
                yield "the account's new token is lost"
        except SignInAgain:
            if self.recording.said("add", cut):
                yield "the account's credentials are gone"
        except MirrorError as error:
            yield f"the credentials can't be read: {error}"

    def _sync_on(self, store: Store) -> Iterator[str]:
        mailbox = self.recording.mailbox
        for account in journal.accounts(store):
            settings = Settings(account.since, account.attachments_up_to_bytes)
            transport = Transport(mailbox.application)
            source = Aurinko(
                "http://sandbox.test", {"token": TOKEN}, clock=SystemClock(), settings=settings, transport=transport
            )
            outcomes = {done.outcome for done in pull_account(store, source, account)}
            source.close()
            if outcomes != {"ok"}:
                yield f"the next sync ends with {outcomes}"
            yield from unequal(store, mailbox, versions_of(store, mailbox))
            yield from unsound(store)

    def _backup(self, cut: int) -> Iterator[str]:
        """Once a backup is there, one is always there, if only the older one."""
        if not self.recording.said("backup 1", cut):
            return
        at = self.recording.done_at
        newer, older = (self.recording.held_at(at[name])[0] for name in ("sync 3", "sync 2"))
        there = self.left / "backup"
        if not there.exists() and not self.recording.said("backup 2", cut):
            there = self.left / ".backup.old"
        if not (there / "backup.json").exists() or not (there / "mirror.db").exists():
            yield "there is no backup"
        elif fingerprint_of(there / "mirror.db") not in (
            {newer} if self.recording.said("backup 2", cut) else {newer, older}
        ):
            yield "the backup is not what was backed up"


def _moments(calls: list[Call], count: int, chance: random.Random) -> list[int]:
    """When the power goes: half of the times at any moment, half round what is not a mere write."""
    turns = [at for at, call in enumerate(calls) if call.what != "write"]
    anywhere = [chance.randint(1, len(calls)) for _ in range(count // 2)]
    round_turns = [
        min(len(calls), max(1, chance.choice(turns) + chance.randint(-1, 2))) for _ in range(count - len(anywhere))
    ]
    return sorted(anywhere + round_turns)


def _damages(store: Store) -> Iterator[str]:
    found = [row[0] for row in store.conn.execute("PRAGMA integrity_check")]
    if found != ["ok"]:
        yield f"mirror.db is damaged: {found[:3]}"


def _lost_bytes(store: Store) -> Iterator[str]:
    """Attachments are said to be kept when their bytes are on the disk, not before."""
    for row in store.conn.execute("SELECT DISTINCT sha256 FROM attachments WHERE kept = 'yes'").fetchall():
        kept = blob(store, row[0])
        if kept is None or hashlib.sha256(kept).hexdigest() != row[0]:
            yield f"the bytes of the attachment {row[0]} are {'gone' if kept is None else 'others'}"


def test_the_recording_leaves_out_nothing(recording: Recording, tmp_path: Path) -> None:
    disk = Disk(recording.root)
    for call in recording.calls:
        disk.take(call)
    disk.cut(tmp_path / "left", "none", random.Random(0))

    assert _files(tmp_path / "left") == _files(recording.root)
    assert len(recording.commits) > 30


def test_after_a_power_cut_all_that_was_said_to_be_done_is_done(recording: Recording, tmp_path: Path) -> None:
    judge = Judge(recording, tmp_path)

    assert list(judge.faults(recording.calls, CUTS, "power")) == []
    assert len(judge.synced_on) >= SYNCED_ON // 2


@pytest.mark.parametrize("name", ["mirror.db-wal", "blobs.db-wal", "credentials.new", "home"])
def test_a_program_that_forgot_to_sync_something_would_be_caught(
    name: str, recording: Recording, tmp_path: Path
) -> None:
    forgetful = [call for call in recording.calls if call.what != "sync" or Path(call.path).name != name]
    assert len(forgetful) < len(recording.calls)

    assert list(Judge(recording, tmp_path).faults(forgetful, 200, "forgetful")) != []


def _files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.endswith("-shm")
    }
