"""Rule 12, the process: kill -9 at any instant. The file opens and is sound, nothing is forgotten, the next run goes on.

Every command here is a real process that speaks HTTP to a server whose mailbox changes between its requests.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest
from mirror_cli import Served
from power.forking import Commands, Ended
from power.remembered import TOKEN, Mailbox, Place, as_it_lies, rows_of, unequal, unsound, versions_of

from mirror.sandbox import faults

ON_CI = bool(os.environ.get("CI"))
HOMES = 5 if ON_CI else 1  # for each service
KILLS = 10  # of each home
ROUND = 5  # kills from one time when everything must be equal to the next
KILLED_ADDS = 10 if ON_CI else 3
MONTH_S = 31 * 86_400

pytestmark = pytest.mark.skipif(
    not hasattr(os, "pidfd_open"), reason="needs Linux, to kill the very process that is meant"
)


class Victim:
    """A home whose commands get killed. Its mailbox goes on living meanwhile."""

    def __init__(self, folder: Path, served: Served, service: str) -> None:
        self.folder, self.copy = folder, folder / "copy"
        self.served = served
        self.mailbox = Mailbox(service=service, seed=3, size=0.02)
        self.commands = Commands(folder)
        self.chance = random.Random(f"kill {service}")
        self.deadly, self.deadly_path, self.after_s = 0, "/", 0.0
        served.plug_in(self._answer)
        self.homes = 0
        self.new_home()

    def new_home(self) -> None:
        self.homes += 1
        self.home = self.folder / f"home-{self.homes}"
        self.kept: set[tuple[Place, int]] = set()
        self.kills = 0
        self.usual_requests = 60
        self.ahead_s = 0

    def start(self, *arguments: str, typed: str = "") -> None:
        env = {"MIRROR_RETRY_BUDGET_S": "0.1", "MIRROR_NOW_OFFSET_S": str(self.ahead_s)}
        self.commands.start("--home", str(self.home), *arguments, typed=typed, env=env)

    def mirror(self, *arguments: str, typed: str = "") -> Ended:
        self.start(*arguments, typed=typed)
        return self.commands.wait()

    def start_adding(self) -> None:
        more = ("--base-url", self.served.url, "--attachments", "all", "--since", "2020-01-01", "--token-stdin")
        self.start("account", "add", "work", *more, typed=TOKEN)

    def sync_and_die(self) -> None:
        """A sync that is killed some milliseconds after a request, or right at its start; it may be done before."""
        self.after_s = self.chance.uniform(0, 0.02)
        self.deadly_path = self.chance.choice(("/",) * 6 + ("/attachments/", "/sync/deleted", "/sync"))
        self.deadly = self.chance.randint(0, self.usual_requests if self.deadly_path == "/" else 4)
        from_its_start, asked_before = self.deadly == 0, self.mailbox.requests
        self.start("sync")
        if from_its_start:
            self.commands.kill_after(self.chance.uniform(0, 0.1))
        ended = self.commands.wait()
        self.deadly = 0
        if ended.code == -9:
            self.kills += 1
        else:
            assert ended.code in (0, 1, 3), ended.output
            self.usual_requests = max(4, self.mailbox.requests - asked_before)
        self.look()

    def look(self) -> None:
        """The file is sound as it lies there, and whatever it was seen to hold it still holds."""
        with as_it_lies(self.home, self.copy) as store:
            found = versions_of(store, self.mailbox)
            assert unsound(store) + found.faults == [], self.where
        assert self.kept <= found.states, f"{self.where}: forgotten: {sorted(self.kept - found.states)[:3]}"
        self.kept |= found.states

    def trouble(self) -> None:
        """Something of what makes a walk start over, or stop half-way."""
        self.mailbox.live(self.chance.randint(0, 8))
        self.mailbox.liveliness = self.chance.choice((0.0, 0.1, 0.3))
        what, behind = self.chance.random(), self.mailbox.behind
        if what < 0.2:
            behind.tokens.expire(self.chance.choice((None, "page", "delta")))
        elif what < 0.4:
            effect = self.chance.choice((faults.answer(503, headers={"Retry-After": "0"}), faults.answer(410), faults.cut(),
                                         faults.garble(), faults.drop(), faults.answer(500)))  # fmt: skip
            behind.faults.add(faults.Fault(effect, path=r".*/sync/.*", nth=self.chance.randint(1, 8)))
        elif what < 0.5:
            self.ahead_s += MONTH_S  # the calendars' window moves on

    def catch_up(self) -> None:
        """When upstream is quiet, the next sync brings everything, whatever died before it."""
        self.mailbox.liveliness = 0.0
        self.mailbox.behind.faults.clear()
        told = self.synced()
        for kind in {feed["kind"] for feed in told["feeds"] if feed["state"] == "held"}:
            assert self.mirror("accept", "work", kind).code == 0, self.where
            told = self.synced()
        assert told["status"] == "active"
        assert {feed["outcome"] for feed in told["feeds"]} == {"ok"}, f"{self.where}: {told}"
        self.look()
        with as_it_lies(self.home, self.copy) as store:
            assert unequal(store, self.mailbox, versions_of(store, self.mailbox)) == [], self.where

    def synced(self) -> dict:  # type: ignore[type-arg]  # JSON
        ended = self.mirror("sync", "--json")
        told = json.loads(ended.output)["accounts"][0]
        assert "busy" not in told, f"{self.where}: a dead process still holds the account"
        assert ended.code in (0, 3), f"{self.where}: {ended.output}"
        return told

    @property
    def where(self) -> str:
        return f"after {self.kills} kills; the home is {self.home}"

    def _answer(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        if self.deadly_path in environ["PATH_INFO"]:
            self.deadly -= 1
            if self.deadly == 0:
                self.commands.kill_after(self.after_s)
        return self.mailbox.application(environ, start)


@contextmanager
def a_victim(folder: Path, served: Served, service: str) -> Iterator[Victim]:
    victim = Victim(folder, served, service)
    try:
        yield victim
    finally:
        victim.commands.close()
        served.unplug()


@pytest.mark.parametrize("service", ["Google", "IMAP"])
def test_a_sync_that_is_killed_again_and_again_loses_nothing(service: str, tmp_path: Path, served: Served) -> None:
    with a_victim(tmp_path, served, service) as victim:
        for _ in range(HOMES):
            victim.new_home()
            victim.start_adding()
            assert victim.commands.wait().code == 0
            for kills in range(ROUND, KILLS + 1, ROUND):
                while victim.kills < kills:
                    victim.trouble()
                    victim.sync_and_die()
                victim.catch_up()

            last = rows_of(victim.home / "mirror.db", "SELECT seq FROM change_order")
            victim.synced()
            assert rows_of(victim.home / "mirror.db", "SELECT seq FROM change_order") == last


def test_an_account_whose_adding_was_killed_can_be_added(tmp_path: Path, served: Served) -> None:
    with a_victim(tmp_path, served, "Google") as victim:
        for _ in range(KILLED_ADDS):
            victim.new_home()
            victim.start_adding()
            victim.commands.kill_after(victim.chance.uniform(0, 0.08))
            victim.commands.wait()

            victim.start_adding()
            again = victim.commands.wait()
            if again.code != 0:  # it was there already, perhaps without its token
                assert "there is an account" in again.output
                assert victim.mirror("account", "login", "work", "--token-stdin", typed=TOKEN).code == 0

            assert victim.mirror("sync", "--kind", "contacts").code == 0
            victim.look()
