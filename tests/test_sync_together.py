"""Several accounts synced at once: what is said, in which order, and how all of them end when they must."""

from __future__ import annotations

import contextlib
import json
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from mirror_cli import Cli, Terminal, Upstream

from mirror.cli.together import AT_ONCE, InOrder, Together
from mirror.errors import DatabaseDamaged, DiskFull, Stopped
from mirror.sandbox.faults import Effect, Fault
from mirror.store.connection import Store, open_store

NAMES = ("zebra", "ant", "mule")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(tmp_path / "home")
    yield opened
    opened.close()


@pytest.fixture
def three(cli: Cli, upstream: Upstream) -> Cli:
    for name in NAMES:
        cli.add(name, upstream)
    return cli


class Meeting:
    """An effect that holds requests until so many of them are there at once, or too long has passed."""

    def __init__(self, requests: int) -> None:
        self._barrier = threading.Barrier(requests)
        self.met = False

    def __call__(self, _: object) -> None:
        with contextlib.suppress(threading.BrokenBarrierError):
            self._barrier.wait(10)
            self.met = True


def accounts_said(out: str) -> list[str]:
    """The accounts that lines begin with, each once for lines that follow each other."""
    said = [line.split()[0].rstrip(":") for line in out.splitlines()]
    return [name for place, name in enumerate(said) if place == 0 or said[place - 1] != name]


# --- a person's view ------------------------------------------------------------------------------------------------------


def test_accounts_are_asked_for_at_once(three: Cli, upstream: Upstream) -> None:
    meeting = Meeting(len(NAMES))
    upstream.behind.faults.add(Fault(Effect(before=meeting), path="/v1/contacts/sync/updated", times=len(NAMES)))

    ran = three("sync", "--kind", "contacts")

    assert ran.code == 0, ran
    assert meeting.met
    assert three.query("SELECT count(DISTINCT account_id), count(*) FROM contacts") == [(3, 9)]


def test_lines_come_in_the_order_of_accounts(three: Cli) -> None:
    shown = three("sync", "mule", "zebra", "ant", "--kind", "contacts").out
    again = three("sync", "zebra", "ant", "mule", "--kind", "contacts", "--json").json()

    assert shown.splitlines() == ["mule contacts: 3 new", "zebra contacts: 3 new", "ant contacts: 3 new"]
    assert [account["name"] for account in again["accounts"]] == ["zebra", "ant", "mule"]


def test_a_paused_account_among_others_has_its_line_in_its_place(three: Cli) -> None:
    three("account", "pause", "ant")

    ran = three("sync", "zebra", "ant", "mule", "--kind", "contacts")

    assert accounts_said(ran.out) == ["zebra", "ant", "mule"]
    assert "ant: paused" in ran.out


def test_a_terminal_shows_the_bars_of_each_account_together(three: Cli) -> None:
    with Terminal(three, "sync", "--kind", "contacts", "--kind", "messages") as terminal:
        shown = terminal.read_to_the_end()

    assert terminal.code == 0
    last = [line for line in shown.replace("\r", "\n").splitlines() if "✓" in line][-6:]
    assert [next(name for name in NAMES if name in line) for line in last] == [
        "ant",
        "ant",
        "mule",
        "mule",
        "zebra",
        "zebra",
    ]


@pytest.mark.parametrize("as_json", [False, True])
def test_ctrl_c_ends_all_accounts_and_what_was_written_stands(three: Cli, upstream: Upstream, as_json: bool) -> None:
    held = [threading.Event(), threading.Event()]

    def hold(_: object) -> None:
        held[0].set()
        held[1].wait(20)

    upstream.behind.faults.add(Fault(Effect(before=hold), path="/v1/email/sync/updated", times=None))

    process = three.process("sync", "--kind", "contacts", "--kind", "messages", *(["--json"] if as_json else []))
    assert held[0].wait(20)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    held[1].set()
    upstream.behind.faults.clear()

    assert process.returncode == 130
    assert "Traceback" not in err
    assert json.loads(out)["error"] == "stopped" if as_json else err.strip() == "Stopped. What was written stands."
    assert three("sync").code == 0
    assert three.query("SELECT count(*) FROM contacts UNION ALL SELECT count(*) FROM messages") == [(9,), (9,)]


# --- the parts of it ----------------------------------------------------------------------------------------------------------


def test_each_of_many_is_called_once_with_a_connection_of_its_threads_own(store: Store) -> None:
    called: list[tuple[int, Store]] = []
    numbers = range(3 * AT_ONCE)

    Together(store, lambda: None, len(numbers)).run(numbers, lambda own, number: called.append((number, own)))

    assert sorted(number for number, _ in called) == list(numbers)
    assert store not in {own for _, own in called}
    assert len({id(own) for _, own in called}) <= AT_ONCE


def test_one_alone_is_called_here_with_the_store_itself(store: Store) -> None:
    here: list[object] = []

    Together(store, lambda: None, 1).run([1], lambda own, _: here.append((own, threading.current_thread())))

    assert here == [(store, threading.current_thread())]


@pytest.mark.parametrize("error", [DiskFull("/x"), DatabaseDamaged("/x"), KeyboardInterrupt()])
def test_what_concerns_the_file_ends_the_others_and_is_raised_when_they_have_ended(
    store: Store, error: BaseException
) -> None:
    stopped, ended = threading.Event(), list[int]()

    together = Together(store, stopped.set, 2)

    def call(_: Store, number: int) -> None:
        if number == 0:
            raise error
        assert stopped.wait(10)
        with pytest.raises(Stopped):
            together.go_on()
        ended.append(number)

    with pytest.raises(type(error)):
        together.run([0, 1, *range(2, 9)], call)

    assert set(ended) <= set(range(1, AT_ONCE))


def test_what_waits_for_its_turn_is_said_at_the_end_all_the_same() -> None:
    said: list[str] = []
    order = InOrder(3)

    order.say(2, lambda: said.append("third"))
    order.say(1, lambda: said.append("second"))
    order.over(1)
    order.say(0, lambda: said.append("first"))
    assert said == ["first"]
    order.over(0)
    assert said == ["first", "second", "third"]
    order.say(2, lambda: said.append("third again"))
    order.rest()

    assert said == ["first", "second", "third", "third again"]
