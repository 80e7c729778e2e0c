"""Being told: real commands and real pings, once each, also when the process dies in between."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from mirror_cli import Served

from mirror import notify
from mirror.clock import SystemClock, VirtualClock
from mirror.errors import RetryLater, Stopped
from mirror.notify import Notice, Watch
from mirror.settings import Notify, Settings
from mirror.sources.ping import ping
from mirror.store import health as kept
from mirror.store import journal
from mirror.store.connection import Store, open_store

PYTHON = sys.executable
NOTICE = Notice("1-x-held", "my work", "held", "healthy", "2026-01-05T09:00:00.000Z", "my work: look.", "mirror accept x",
                "/home/x", False)  # fmt: skip

WRITES = """
import json, os, sys
said = json.load(sys.stdin)
env = {name: value for name, value in os.environ.items()}
with open(sys.argv[1], "a") as file:
    file.write(json.dumps({"stdin": said, "env": env, "argv": sys.argv[1:]}) + "\\n")
"""


def never() -> bool:
    return False


class Crash(BaseException):
    """The process dies here."""


class Recorded:
    """A hook that keeps what it was told, and may fail or die."""

    def __init__(self) -> None:
        self.notices: list[Notice] = []
        self.before: list[BaseException] = []
        self.after: list[BaseException] = []

    def __call__(self, notice: Notice) -> None:
        if self.before:
            raise self.before.pop()
        self.notices.append(notice)
        if self.after:
            raise self.after.pop()

    @property
    def states(self) -> list[str]:
        return [notice.state for notice in self.notices]


@pytest.fixture
def store(quick_path: Path) -> Iterator[Store]:
    store = open_store(quick_path / "home", VirtualClock())
    journal.add_account(store, "work", "memory", "memory:")
    yield store
    store.close()


def told(store: Store, hook: Recorded, **more: Recorded) -> Watch:
    return Watch(Settings(), store.clock, {"exec": hook, **more})


def sign_out(store: Store, name: str = "work") -> None:
    journal.set_status(store, journal.account_named(store, name).id, "needs_auth")


def sign_in(store: Store, name: str = "work") -> None:
    account = journal.account_named(store, name)
    journal.set_status(store, account.id, "active")
    for feed in journal.feeds(store, account.id):
        with store.transaction() as conn:
            journal.caught_up(conn, feed, "2026-01-05T09:00:00.000Z")


# --- the command ------------------------------------------------------------------------------------------------------


def test_a_command_is_told_by_its_environment_and_by_json_on_its_input(tmp_path: Path) -> None:
    file = tmp_path / "said"

    notify.run((PYTHON, "-c", WRITES, str(file), "$HOME; `date`"), NOTICE, 20, never)

    said = json.loads(file.read_text())
    assert said["stdin"] == NOTICE.document
    assert said["argv"] == [str(file), "$HOME; `date`"]  # no shell has seen it
    assert said["env"]["MIRROR_ACCOUNT"] == "my work"
    assert said["env"]["MIRROR_STATE"] == "held"
    assert said["env"]["MIRROR_COMMAND"] == "mirror accept x"
    assert said["env"]["MIRROR_HOME"] == "/home/x"
    assert said["env"]["MIRROR_ALL_HEALTHY"] == "0"


def test_a_command_sees_nothing_of_the_environment_that_may_be_secret(tmp_path: Path) -> None:
    os.environ["WORK_TOKEN"] = "hush"
    try:
        notify.run((PYTHON, "-c", WRITES, str(tmp_path / "said")), NOTICE, 20, never)
    finally:
        del os.environ["WORK_TOKEN"]

    assert "hush" not in (tmp_path / "said").read_text()


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (("/nowhere/at/all",), "can't be run: No such file"),
        ((PYTHON, "-c", "raise SystemExit(3)"), "ended with 3"),
        ((PYTHON, "-c", "import time; time.sleep(60)"), "took more than 0.3 s"),
    ],
)
def test_a_command_that_does_not_work_is_said_to(command: tuple[str, ...], why: str) -> None:
    with pytest.raises(RetryLater) as failed:
        notify.run(command, NOTICE, 0.3 if "sleep" in command[-1] else 20, never)

    assert why in failed.value.detail


def test_a_command_that_reads_nothing_and_says_much_is_no_trouble() -> None:
    notify.run((PYTHON, "-c", "import os; os.close(0); print('x' * 1_000_000)"), NOTICE, 20, never)


def test_a_command_ends_with_the_process_that_is_asked_to_stop() -> None:
    clock = SystemClock()
    began = clock.monotonic()

    with pytest.raises(Stopped):
        notify.run((PYTHON, "-c", "import time; time.sleep(60)"), NOTICE, 60, lambda: True)

    assert clock.monotonic() - began < 5


# --- the ping ---------------------------------------------------------------------------------------------------------


def test_a_ping_asks_for_the_url_or_for_its_fail() -> None:
    asked: list[httpx.Request] = []
    transport = httpx.MockTransport(lambda request: asked.append(request) or httpx.Response(200))

    ping("https://hc.example/abc?x=1", healthy=True, transport=transport)
    ping("https://hc.example/abc/?x=1", healthy=False, transport=transport)

    assert [str(request.url) for request in asked] == ["https://hc.example/abc?x=1", "https://hc.example/abc/fail?x=1"]
    assert {request.method for request in asked} == {"GET"}


def test_a_ping_that_is_not_answered_well_is_tried_again_and_names_no_url(served: Served) -> None:
    served.unplug()  # it says 503

    for url in (served.url + "/secret", "http://127.0.0.1:9/secret"):
        with pytest.raises(RetryLater) as failed:
            ping(url, healthy=True)
        assert "secret" not in repr(failed.value) + repr(failed.value.__cause__)


# --- once each --------------------------------------------------------------------------------------------------------


def test_each_change_is_told_once_to_each_hook(store: Store) -> None:
    first, second = Recorded(), Recorded()
    watch = told(store, first, ping_url=second)
    for change in (sign_out, sign_in, sign_out):
        change(store)
        for _ in range(3):
            watch.look(store, 1)
            watch.tell(store)
        store.clock.sleep(60)

    assert first.states == second.states == ["needs_auth", "healthy", "needs_auth"]
    assert first.notices[0].what == "work: nothing arrives until you sign in again."
    assert first.notices[0].command == "mirror account login work"
    assert (first.notices[1].was, first.notices[1].command) == ("needs_auth", None)
    assert len({notice.notice for notice in first.notices}) == 3


def test_a_restart_tells_nothing_again(store: Store) -> None:
    hook = Recorded()
    sign_out(store)
    for _ in range(3):
        told(store, hook).tell(store)

    assert hook.states == ["needs_auth"]


def test_a_crash_between_deciding_and_telling_is_told_after_the_restart(store: Store) -> None:
    hook = Recorded()
    sign_out(store)
    hook.before = [Crash()]
    with pytest.raises(Crash):
        told(store, hook).tell(store)
    store.clock.sleep(60)

    told(store, hook).tell(store)
    told(store, hook).tell(store)

    assert hook.states == ["needs_auth"]


def test_a_crash_between_telling_and_noting_it_tells_twice_under_one_number(store: Store) -> None:
    hook = Recorded()
    sign_out(store)
    hook.after = [Crash()]
    with pytest.raises(Crash):
        told(store, hook).tell(store)
    store.clock.sleep(60)

    told(store, hook).tell(store)
    told(store, hook).tell(store)

    assert hook.states == ["needs_auth", "needs_auth"]
    assert len({notice.notice for notice in hook.notices}) == 1


def test_what_is_over_before_anybody_could_be_told_is_not_mentioned(store: Store) -> None:
    hook = Recorded()
    sign_out(store)
    told(store, hook).look(store, 1)  # decided, and then it dies
    sign_in(store)

    told(store, hook).tell(store)

    assert hook.states == []


def test_a_hook_that_does_not_work_is_tried_later_and_later_and_keeps_no_other_waiting(store: Store) -> None:
    broken, well = Recorded(), Recorded()
    broken.before = [RetryLater("no")] * 3
    watch = told(store, broken, ping_url=well)
    sign_out(store)
    tried = []
    for _ in range(120):
        before = len(broken.before)
        watch.tell(store)
        if len(broken.before) < before or broken.notices:
            tried.append(store.clock.monotonic())
            if broken.notices:
                break
        store.clock.sleep(5)

    assert tried == [0, 60, 180, 420]
    assert broken.states == well.states == ["needs_auth"]


def test_a_hook_that_is_taken_out_of_the_settings_is_forgotten(store: Store) -> None:
    broken = Recorded()
    broken.before = [RetryLater("no")]
    told(store, Recorded(), ping_url=broken).look(store, 1)
    sign_out(store)
    told(store, Recorded(), ping_url=broken).tell(store)

    told(store, Recorded()).tell(store)

    row = kept.told(store.conn, 1)
    assert row is not None
    assert row.untold == {}


def test_of_two_processes_one_tells(store: Store) -> None:
    first, second = Recorded(), Recorded()
    sign_out(store)
    other = open_store(store.home, store.clock)
    with store.alone("telling"):
        told(other, second).tell(other)
    told(store, first).tell(store)
    told(other, second).tell(other)
    other.close()

    assert (first.states, second.states) == (["needs_auth"], [])


def test_the_ping_says_how_the_whole_mirror_does(store: Store) -> None:
    journal.add_account(store, "home", "memory", "memory:")
    ping_url = Recorded()
    watch = Watch(Settings(), store.clock, {"ping_url": ping_url})
    for change, name in ((sign_out, "work"), (sign_out, "home"), (sign_in, "work"), (sign_in, "home")):
        change(store, name)
        watch.tell(store)
        store.clock.sleep(60)

    assert [notice.all_healthy for notice in ping_url.notices] == [False, False, False, True]


def test_a_sign_of_life_goes_out_at_its_interval_whatever_happens(store: Store) -> None:
    beats: list[bool] = []

    def beat(healthy: bool) -> None:
        beats.append(healthy)
        if len(beats) == 2:
            raise RetryLater("no")

    watch = Watch(Settings(Notify(ping_url="https://x.example", ping_every_s=60)), store.clock, {}, beat)
    watch.hooks = {"ping_url": Recorded()}
    for _ in range(37):
        watch.tell(store)
        store.clock.sleep(5)
        if store.clock.monotonic() == 90:
            sign_out(store)

    assert beats == [True, True, False, False]


def test_a_removed_account_is_told_of_no_more_and_comes_back_as_new(store: Store) -> None:
    hook = Recorded()
    watch = told(store, hook)
    sign_out(store)
    watch.tell(store)
    journal.remove_account(store, 1)
    watch.tell(store)
    watch.look(store, 1)
    journal.add_account(store, "work", "memory", "memory:")
    watch.tell(store)
    sign_in(store)
    watch.tell(store)

    assert hook.states == ["needs_auth"]


def test_the_hooks_are_those_of_the_settings(tmp_path: Path, store: Store) -> None:
    file = tmp_path / "said"
    settings = Settings(Notify(exec=(PYTHON, "-c", WRITES, str(file)), ping_url="http://127.0.0.1:9/"))
    watch = notify.watch(settings, store.clock)
    sign_out(store)

    watch.tell(store)

    assert set(watch.hooks) == {"exec", "ping_url"}
    assert json.loads(file.read_text())["stdin"]["state"] == "needs_auth"
    row = kept.told(store.conn, 1)
    assert row is not None
    assert row.untold == {"ping_url": "healthy"}  # nobody is there: it is tried again


def test_a_note_on_the_desktop_is_text_and_never_an_option(tmp_path: Path) -> None:
    program = tmp_path / "notify-send"
    program.write_text(f"#!{PYTHON}\n{WRITES.replace('sys.argv[1]', repr(str(tmp_path / 'said')))}")
    program.chmod(0o700)
    before = os.environ["PATH"]
    os.environ["PATH"] = f"{tmp_path}:{before}"
    try:
        watch = notify.watch(Settings(Notify(desktop=True)), VirtualClock())
        watch.hooks["desktop"](NOTICE)
    finally:
        os.environ["PATH"] = before

    said = json.loads((tmp_path / "said").read_text())["argv"]
    assert said == ["--app-name=mirror", "--", "mirror: my work", "my work: look. What helps: mirror accept x"]
