"""Attachments: what is listed, whose bytes are fetched by which policy, and that bytes are stored once and never lost."""

from __future__ import annotations

import hashlib
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from worlds import EVENTS, MAKERS, MESSAGES, MemoryUpstream, SandboxUpstream, World, memory

from mirror.errors import NotPermitted, RecordGone, RetryLater, WrongAnswer
from mirror.pull import Appetite
from mirror.sandbox import faults
from mirror.sandbox.faults import Fault
from mirror.sandbox.options import Options
from mirror.store import attachments, journal, purge

SMALL, LARGE = b"small" * 10, b"large" * 1000


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(MemoryUpstream(), tmp_path / "home")


@pytest.fixture(params=MAKERS)
def either(request: pytest.FixtureRequest, tmp_path: Path) -> World:
    return World(MAKERS[request.param](), tmp_path / "home")


def with_limit(world: World, limit: int | None) -> None:
    with world.store.transaction() as conn:
        conn.execute("UPDATE accounts SET attachments_up_to_bytes = ?", [limit])


def listed(*items: tuple[str, bytes | None]) -> list[dict[str, Any]]:
    return [
        {"id": name, "name": f"{name}.bin", **({"size": len(content)} if content is not None else {})}
        for name, content in items
    ]


def mail(world: World, name: str, *items: tuple[str, bytes], sized: bool = True) -> None:
    """A mail with these attachments."""
    memory(world).contents |= dict(items)
    shown = listed(*(item if sized else (item[0], None) for item in items))
    world.upstream.put(MESSAGES, name, name, attachments=shown)


def kept(world: World) -> dict[str, tuple[Any, ...]]:
    return {
        name: (kept, tries)
        for name, kept, tries in world.rows("SELECT remote_id, kept, tries FROM attachments ORDER BY id")
    }


def bytes_of(world: World, name: str) -> bytes | None:
    sha256 = world.value("SELECT sha256 FROM attachments WHERE remote_id = ?", name)
    return attachments.blob(world.store, sha256) if sha256 else None


def fetched(world: World) -> list[Any]:
    return [what[1] for verb, _, what in memory(world).asked if verb == "attachment"]


@pytest.mark.parametrize("feed", [MESSAGES, EVENTS], ids=lambda feed: feed.kind)
def test_attachments_are_listed_and_their_bytes_are_kept(either: World, feed: Any) -> None:
    either.upstream.put(feed, "r", "with attachment")
    either.upstream.attach(feed, "r", "a/1=", SMALL)

    either.pull()

    owner = "message_id" if feed == MESSAGES else "event_id"
    rows = either.rows(f"SELECT remote_id, name, size_bytes, kept, sha256 FROM attachments WHERE {owner} IS NOT NULL")
    assert rows == [("a/1=", "a.bin", len(SMALL), "yes", hashlib.sha256(SMALL).hexdigest())]
    assert bytes_of(either, "a/1=") == SMALL
    assert (either.store.home / "blobs.db").stat().st_mode & 0o777 == 0o600
    either.is_sound()


POLICIES = [
    # limit, what is fetched, what is kept
    (0, [], {"small": "policy", "large": "policy"}),
    (100, ["small"], {"small": "yes", "large": "policy"}),
    (None, ["large", "small"], {"small": "yes", "large": "yes"}),
]


@pytest.mark.parametrize(("limit", "asked", "expected"), POLICIES, ids=["none", "up to a size", "all"])
def test_the_policy_says_whose_bytes_are_fetched(
    world: World, limit: int | None, asked: list[str], expected: dict[str, str]
) -> None:
    with_limit(world, limit)
    mail(world, "m", ("small", SMALL), ("large", LARGE))

    world.pull()

    assert fetched(world) == asked
    assert {name: state for name, (state, _) in kept(world).items()} == expected


def test_an_attachment_of_unknown_size_is_measured_once_and_kept_only_within_the_limit(world: World) -> None:
    with_limit(world, 100)
    mail(world, "m", ("small", SMALL), ("large", LARGE), sized=False)

    world.pull()
    world.pull()

    assert fetched(world) == ["large", "small"]
    assert world.rows("SELECT remote_id, kept, size_bytes FROM attachments ORDER BY id") == [
        ("small", "yes", 50), ("large", "policy", 5000),
    ]  # fmt: skip
    assert bytes_of(world, "large") is None


def test_an_account_that_comes_back_with_another_policy_fetches_by_it(world: World) -> None:
    with_limit(world, 100)
    mail(world, "m", ("small", SMALL), ("large", LARGE))
    world.pull()
    for limit, expected in ((None, "yes"), (0, "yes")):
        journal.remove_account(world.store, world.account.id)
        journal.add_account(world.store, "work", "test", "http://x.example", attachments_up_to_bytes=limit)
        mail(world, "n", ("new", LARGE))
        world.pull()
        assert kept(world)["large"][0] == expected, "what is here stays"
    assert kept(world)["new"][0] == "yes"
    mail(world, "o", ("newest", SMALL))
    world.pull()
    assert kept(world)["newest"][0] == "policy"


def test_the_same_bytes_are_stored_once(world: World) -> None:
    for name in ("m1", "m2", "m3"):
        mail(world, name, (f"a of {name}", SMALL))

    world.pull()

    blobs = sqlite3.connect(world.store.home / "blobs.db")
    assert blobs.execute("SELECT sha256, size_bytes FROM blobs").fetchall() == [
        (hashlib.sha256(SMALL).hexdigest(), len(SMALL))
    ]
    blobs.close()
    assert {bytes_of(world, f"a of {name}") for name in ("m1", "m2", "m3")} == {SMALL}


def test_newest_attachments_come_first_within_the_budget_and_the_rest_later(world: World) -> None:
    for number in range(5):
        mail(world, f"m{number}", (f"a{number}", b"%d" % number))

    world.one("messages", appetite=Appetite(attachments=2))
    assert fetched(world) == ["a4", "a3"]
    world.reopened()
    world.one("messages")

    assert fetched(world) == ["a4", "a3", "a2", "a1", "a0"]
    assert world.one("messages").counts.attachments == 0


def test_what_is_no_longer_attached_keeps_its_row_and_its_bytes(world: World) -> None:
    mail(world, "draft", ("a", SMALL), ("b", LARGE))
    world.pull()

    mail(world, "draft", ("b", LARGE))
    world.pull()
    assert world.rows("SELECT remote_id FROM attachments WHERE removed_at IS NOT NULL") == [("a",)]
    assert bytes_of(world, "a") == SMALL

    mail(world, "draft", ("a", SMALL), ("b", LARGE))
    world.pull()
    assert world.value("SELECT count(*) FROM attachments WHERE removed_at IS NOT NULL") == 0
    assert world.value("SELECT count(*) FROM attachments") == 2
    assert len(fetched(world)) == 2


def test_a_deleted_mail_keeps_its_attachments(world: World) -> None:
    mail(world, "m", ("a", SMALL))
    mail(world, "n", ("b", LARGE))
    world.pull()

    world.upstream.drop(MESSAGES, "m")
    world.pull()

    assert world.tombstones(MESSAGES) == {"m": "reported"}
    assert bytes_of(world, "a") == SMALL


def test_bytes_are_not_fetched_for_what_is_deleted_or_removed(world: World) -> None:
    mail(world, "m", ("a", SMALL))
    mail(world, "n", ("b", SMALL), ("c", SMALL))
    world.one("messages", appetite=Appetite(attachments=0))
    world.upstream.drop(MESSAGES, "m")
    mail(world, "n", ("c", SMALL))

    world.pull()

    assert fetched(world) == ["c"]


@pytest.mark.parametrize("error", [RecordGone("404"), WrongAnswer("no base64"), NotPermitted("403")])
def test_an_attachment_that_is_not_to_be_had_is_tried_once_in_a_pass_and_given_up_after_five(
    world: World, error: Exception
) -> None:
    mail(world, "m", ("good", SMALL), ("bad", LARGE))

    for tries in range(1, 8):
        memory(world).fail("attachment", error)
        assert world.one("messages").outcome == "ok"
        assert kept(world)["good"] == ("yes", 0)
        assert kept(world)["bad"] == ("wanted" if tries < 5 else "failed", min(tries, 5))
        if tries >= 5:
            memory(world)._faults.clear()

    memory(world)._faults.clear()
    mail(world, "m", ("good", SMALL), ("bad", LARGE), ("third", SMALL))
    world.one("messages")
    assert kept(world)["bad"] == ("yes", 0), "it is tried anew when its mail changes"


def test_a_failure_that_passes_by_is_followed_by_a_fetch(world: World) -> None:
    mail(world, "m", ("a", SMALL))
    memory(world).fail("attachment", RecordGone("404"))
    world.pull()
    assert bytes_of(world, "a") is None

    world.pull()

    assert bytes_of(world, "a") == SMALL


def test_an_attachment_that_breaks_the_server_lets_the_others_go_first_next_time(world: World) -> None:
    for number in range(3):
        mail(world, f"m{number}", (f"a{number}", SMALL))
    memory(world).fail("attachment", RetryLater("500", status=500))
    assert world.one("messages").outcome == "failed"

    world.one("messages")

    assert fetched(world) == ["a2", "a1", "a0", "a2"]
    assert {state for state, _ in kept(world).values()} == {"yes"}


def test_an_attachment_with_other_bytes_under_its_old_id_is_fetched_again(world: World) -> None:
    mail(world, "m", ("a", SMALL))
    world.pull()

    mail(world, "m", ("a", LARGE))
    world.pull()

    assert bytes_of(world, "a") == LARGE
    assert attachments.blob(world.store, hashlib.sha256(SMALL).hexdigest()) == SMALL, "what was seen stays"


def test_attachments_that_a_feed_leaves_out_are_found_by_reading_the_record(tmp_path: Path) -> None:
    upstream = SandboxUpstream(Options(omitted={"Google": {"messages": ("attachments", "body")}}))
    world = World(upstream, tmp_path / "home")
    upstream.put(MESSAGES, "m", "mail")
    upstream.attach(MESSAGES, "m", "a", SMALL)

    world.pull()
    assert bytes_of(world, "a") == SMALL
    upstream.put(MESSAGES, "m", "changed", sysLabels=["flagged"])
    world.one("messages", appetite=Appetite(reads=0))

    assert world.rows("SELECT remote_id, removed_at FROM attachments") == [("a", None)]


def test_trouble_over_http_is_waited_out_and_a_404_given_up(tmp_path: Path) -> None:
    upstream = SandboxUpstream()
    world = World(upstream, tmp_path / "home")
    for name in ("m1", "m2"):
        upstream.put(MESSAGES, name, name)
        upstream.attach(MESSAGES, name, "a", SMALL)
    upstream.behind.faults.add(
        Fault(faults.answer(503), path=".*/m2/attachments/a", times=2),
        Fault(faults.answer(404), path=".*/m1/attachments/a"),
    )

    done = world.one("messages")

    assert (done.outcome, done.counts.attachments, done.traffic.retries) == ("ok", 1, 2)
    assert sorted(state for (state,) in world.rows("SELECT kept FROM attachments")) == ["wanted", "yes"]


def test_a_purge_drops_the_bytes_that_nobody_else_has(tmp_path: Path) -> None:
    worlds = [World(MemoryUpstream(), tmp_path / "home")]
    other = World.__new__(World)
    other.upstream, other.clock, other.store = MemoryUpstream(), worlds[0].clock, worlds[0].store
    other.account = journal.add_account(other.store, "play", "test", "http://other.example")
    worlds.append(other)
    mail(worlds[0], "m", ("mine", SMALL), ("shared", b"both"))
    mail(other, "m", ("theirs", LARGE), ("shared", b"both"))
    for world in worlds:
        world.pull()

    purge.purge_account(other.store, worlds[0].account.id)

    assert attachments.blob(other.store, hashlib.sha256(SMALL).hexdigest()) is None
    assert attachments.blob(other.store, hashlib.sha256(LARGE).hexdigest()) == LARGE
    assert attachments.blob(other.store, hashlib.sha256(b"both").hexdigest()) == b"both"


@pytest.mark.parametrize("there", [False, True], ids=["no blobs.db", "an empty blobs.db"])
def test_a_purge_needs_no_attachments(world: World, there: bool) -> None:
    world.pull()
    if there:
        (world.store.home / "blobs.db").touch()

    purge.purge_account(world.store, world.account.id)

    assert world.value("SELECT count(*) FROM accounts") == 0
