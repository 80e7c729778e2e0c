"""`mirror status`, `search` and `show`: the mirror in the terminal, without a server."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from mirror_cli import Cli, Upstream

from mirror.cli.status import ago
from mirror.clock import VirtualClock, text


@pytest.fixture
def offline(mirrored: Cli, upstream: Upstream) -> Cli:
    """A mirror whose server does not answer any more."""
    upstream.served.unplug()
    return mirrored


# --- status -----------------------------------------------------------------------------------------------------------------


def test_status_shows_each_feed_with_its_rows_and_age(offline: Cli) -> None:
    ran = offline("status")

    assert ran.code == 0
    lines = [line.split() for line in ran.out.splitlines()]
    assert lines[0] == [str(offline.home / "mirror.db")]
    assert ["work", "·", "ada@example.org", "·", "Google"] in lines
    assert ["contacts", "3", "just", "now"] in lines
    assert ["events", "·", "Work", "2", "just", "now"] in lines
    assert not [line for line in ran.out.splitlines() if line != line.rstrip()]


def test_status_json_has_the_agreed_form(offline: Cli) -> None:
    ran = offline("status", "--json")
    document = ran.json()

    assert (ran.code, ran.err) == (0, "")
    assert document["home"] == str(offline.home)
    (account,) = document["accounts"]
    assert {"name", "source", "status", "status_detail", "feeds"} <= account.keys()
    assert all(
        {"kind", "parent", "state", "caught_up_at", "error", "rows", "stuck"} <= feed.keys()
        for feed in account["feeds"]
    )
    assert {feed["kind"]: feed["rows"] for feed in account["feeds"]} == {
        "calendars": 1, "folders": 1, "task_lists": 1, "contacts": 3, "events": 2, "tasks": 2, "messages": 3,
    }  # fmt: skip


def test_status_of_an_account_that_was_never_synced_says_what_to_do(cli: Cli, upstream: Upstream) -> None:
    cli.add("work", upstream)

    ran = cli("status")

    assert ran.code == 0
    assert "work · not synced yet\n  nothing yet; bring it in with: mirror sync work" in ran.out
    assert cli("status", "--json").json()["accounts"][0]["feeds"] == []


def test_status_says_who_needs_a_person_and_exits_with_3(mirrored: Cli, upstream: Upstream) -> None:
    upstream.state.set_token_status(upstream.account.id, "dead")
    mirrored("sync")

    text_, document = mirrored("status"), mirrored("status", "--json")

    assert text_.code == document.code == 3
    assert "needs you: sign in again with: mirror account login work --reauth (or --token-stdin)" in text_.out
    assert document.json()["accounts"][0]["status"] == "needs_auth"


def test_status_while_another_program_writes_does_not_wait(offline: Cli) -> None:
    from mirror.store.connection import open_store

    store = open_store(offline.home)
    with store.transaction():
        ran = offline("status", MIRROR_BUSY_S="0.1")
    store.close()

    assert ran.code == 0
    assert "contacts" in ran.out


@pytest.mark.parametrize(
    ("passed", "said"),
    [
        (timedelta(seconds=-5), "just now"),
        (timedelta(seconds=59), "just now"),
        (timedelta(seconds=60), "1 minute ago"),
        (timedelta(minutes=59), "59 minutes ago"),
        (timedelta(hours=1), "1 hour ago"),
        (timedelta(hours=47), "47 hours ago"),
        (timedelta(hours=49), "2 days ago"),
        (timedelta(days=400), "400 days ago"),
    ],
)
def test_ages_are_said_as_people_say_them(passed: timedelta, said: str) -> None:
    now = VirtualClock().now()

    assert ago(text(now - passed), now) == said


# --- search -----------------------------------------------------------------------------------------------------------------


def test_search_finds_mail_by_a_word_in_its_body(offline: Cli) -> None:
    ran = offline("search", "subroutine")

    assert ran.code == 0
    assert ran.out.splitlines()[0].endswith("Notes, part 2")
    assert "The [subroutine] is ready." in ran.out


def test_search_finds_every_kind_that_can_be_searched(offline: Cli) -> None:
    found = {
        word: [one["kind"] for one in offline("search", word, "--json").json()]
        for word in ("Perlman", "engine", "Charles", "loop")
    }

    assert found == {"Perlman": ["contacts"], "engine": ["events"], "Charles": ["tasks"], "loop": ["messages"]}


@pytest.mark.parametrize(
    ("arguments", "titles"),
    [
        (["notes", "--limit", "2"], 2),
        (["notes", "--kind", "messages"], 3),
        (["notes", "--kind", "contact"], 0),
        (["notes", "--account", "work"], 3),
        (["notes", "NOT", "part"], 0),
        (['"part 2"'], 1),
        (["subrout*"], 1),
        (["two", "words", "nowhere"], 0),
        (['an"unfinished', "(query", "AND"], 0),
        (["grace@example.org"], 3),
        (["--", "-notes"], 3),
    ],
)
def test_search_takes_words_operators_and_limits(offline: Cli, arguments: list[str], titles: int) -> None:
    ran = offline("search", "--json", *arguments)

    assert ran.code == 0
    assert len(ran.json()) == titles


def test_search_shows_tombstones_only_when_asked(mirrored: Cli, upstream: Upstream) -> None:
    upstream.delete("contacts", upstream.ids("contacts")[2])
    mirrored("sync")

    assert mirrored("search", "Perlman").out == "Nothing found.\n"
    assert "(deleted)" in mirrored("search", "Perlman", "--deleted").out


@pytest.mark.parametrize(
    "arguments",
    [["x", "--kind", "folders"], ["x", "--kind", "flies"], ["x", "--account", "nobody"], ["x", "--limit", "0"], []],
)
def test_search_refuses_what_can_not_be_meant(offline: Cli, arguments: list[str]) -> None:
    ran = offline("search", *arguments)

    assert ran.code == 2
    assert ran.out == ""
    assert "Traceback" not in ran.err


def test_what_upstream_wrote_can_not_steer_the_terminal(mirrored: Cli, upstream: Upstream) -> None:
    upstream.create("messages", {"subject": "Free\x1b[2J\x1b]0;owned\x07 money"}, body="hostile\x1b[31m\x9b2J text")
    mirrored("sync")

    shown = mirrored("search", "hostile").out + mirrored("show", "message", "4").out

    assert "Free" in shown
    assert "hostile" in shown
    assert not [character for character in shown if ord(character) < 32 and character != "\n"]
    assert "\x9b" not in shown


# --- show -------------------------------------------------------------------------------------------------------------------


def test_show_prints_a_mail_with_its_people_and_its_text(offline: Cli) -> None:
    ran = offline("show", "message", "1")

    assert ran.code == 0
    lines = ran.out.splitlines()
    assert lines[0] == "Notes, part 0"
    assert lines[1] == "message 1 of work"
    assert "  from_email         grace@example.org" in lines
    assert "    to · ada@example.org" in lines
    assert lines[-1] == "The compiler is ready."


def test_show_json_has_raw_as_upstream_sent_it(offline: Cli, upstream: Upstream) -> None:
    (remote_id, *_) = upstream.ids("contacts")

    document = offline("show", "contacts", remote_id, "--json").json()

    assert document["raw"] == upstream.state.read(upstream.account.id, "contacts", remote_id)
    assert document["name"] == "Grace Hopper"
    assert document["account"] == "work"
    assert document["versions"] == 0


def test_show_tells_that_a_record_has_a_past(mirrored: Cli, upstream: Upstream) -> None:
    (remote_id, *_) = upstream.ids("contacts")
    upstream.state.change(upstream.account.id, "contacts", remote_id, {"notes": "met at the fair"})
    mirrored("sync")
    upstream.delete("contacts", remote_id)
    mirrored("sync")

    ran = mirrored("show", "contact", remote_id)

    assert "(reported), 2 earlier versions" in ran.out


@pytest.mark.parametrize(
    "arguments", [["message", "99"], ["message", "x" * 3000], ["fly", "1"], ["message", str(2**70)], ["message"]]
)
def test_show_refuses_what_is_not_there(offline: Cli, arguments: list[str]) -> None:
    ran = offline("show", *arguments)

    assert ran.code == 2
    assert ran.out == ""
    assert "Traceback" not in ran.err


def test_search_and_show_read_the_whole_demo(demo_home: object) -> None:
    from pathlib import Path

    cli = Cli(Path(str(demo_home)))

    found = cli("search", "meeting", "--limit", "3", "--json").json()
    shown = [cli("show", one["kind"], str(one["id"]), "--json") for one in found]

    assert found
    assert [ran.code for ran in shown] == [0] * len(found)
    assert all(json.loads(ran.out)["raw"] for ran in shown)
