"""Trouble (DESIGN §4, rules 9 to 11): a bad feed, a dead account, a server that fails for a while, a second process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from worlds import (
    CONTACTS,
    FEEDS,
    MESSAGES,
    MemoryUpstream,
    World,
    fill,
    memory,
    sandboxed,
)

from mirror.errors import AccountBusy, HomeUnusable, RetryLater, SignInAgain, WrongAnswer, WrongMailbox
from mirror.feed import Feed, Mailbox, Page
from mirror.pull import Appetite, pull_account
from mirror.sandbox import faults
from mirror.sandbox.faults import Fault
from mirror.sandbox.options import Options
from mirror.store import journal


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(MemoryUpstream(), tmp_path / "home")


# --- 9: one bad feed, one dead account --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error", [RetryLater("503", status=503), WrongAnswer("html"), WrongAnswer("again", status=400)]
)
@pytest.mark.parametrize("feed", FEEDS, ids=lambda feed: feed.kind)
def test_one_bad_feed_does_not_stop_the_others(world: World, feed: Feed, error: Exception) -> None:
    world.pull()
    for other in FEEDS:
        fill(world, other, 2)

    def breaks(asked: Feed, page: Page) -> Page:
        if asked.kind == feed.kind:
            raise error
        return page

    memory(world).rewrite = breaks
    outcomes = {done.feed.kind: done.outcome for done in world.pull()}

    assert outcomes == {**{other.kind: "ok" for other in FEEDS}, feed.kind: "failed"}
    world.equals_upstream(*(other for other in FEEDS if other != feed))
    assert world.value("SELECT error FROM runs WHERE outcome = 'failed'")
    failed = world.feed(feed.kind)
    assert (failed.failures, bool(failed.error), failed.retry_at is not None) == (1, True, True)

    memory(world).rewrite = None
    assert {done.outcome for done in world.pull()} == {"ok"}
    world.equals_upstream(*FEEDS)
    assert world.feed(feed.kind).failures == 0


def test_failures_in_a_row_are_retried_later_and_later_with_jitter(world: World) -> None:
    def breaks(asked: Feed, page: Page) -> Page:
        raise RetryLater("503", after_s=20_000 if len(waits) == 12 else None)

    memory(world).rewrite = breaks
    waits: list[float] = []
    for _ in range(13):
        world.one("contacts")
        retry_at = world.value("SELECT julianday(retry_at) FROM feeds WHERE kind = 'contacts'")
        waits.append((retry_at - world.value("SELECT julianday(?)", world.clock.now().isoformat())) * 86_400)

    assert 20 <= waits[0] <= 40
    assert all(2000 <= wait <= 4600 for wait in waits[7:12])
    assert waits[12] == pytest.approx(20_000, abs=1), "upstream's own wish"
    assert len({round(wait) for wait in waits[7:12]}) > 1


@pytest.mark.parametrize("when", ["mailbox", "feed", "record"])
def test_a_401_asks_for_a_person_and_nothing_more_is_requested(tmp_path: Path, when: str) -> None:
    world, upstream = sandboxed(tmp_path, Options(omitted={"Google": {"messages": ("body",)}}))
    fill(world)
    fill(world, MESSAGES, 3)
    path = {"mailbox": ".*/account", "feed": ".*/contacts/sync", "record": ".*/messages/r1"}[when]
    upstream.behind.faults.add(Fault(faults.answer(401, "token.dead"), path=path))

    with pytest.raises(SignInAgain):
        world.pull()

    assert upstream.behind.faults.requests[-1].status == 401
    account = journal.account(world.store, world.account.id)
    assert (account.status, account.status_detail) == ("needs_auth", "token.dead")
    assert world.value("SELECT outcome FROM runs ORDER BY id DESC") == "needs_auth"
    assert world.value("SELECT error FROM runs ORDER BY id DESC")

    assert {done.outcome for done in world.pull()} == {"ok"}
    assert journal.account(world.store, world.account.id).status == "active"
    world.equals_upstream(*FEEDS)


@pytest.mark.parametrize("status", [401, 403])
def test_a_scope_that_was_not_granted_stops_its_feed_alone(tmp_path: Path, status: int) -> None:
    world, upstream = sandboxed(tmp_path)
    fill(world, MESSAGES)
    scopes = faults.edit(
        lambda account, _: {**account, "authScopes": ["Mail.Read", "Calendar.ReadWrite", "Tasks.Read"]}
    )
    upstream.behind.faults.add(
        Fault(scopes, path=".*/account", times=None),
        Fault(faults.answer(status, "forbidden"), path=".*/contacts/sync.*", times=None),
    )

    outcomes = {done.feed.kind: (done.outcome, done.error) for done in world.pull()}

    assert outcomes.pop("contacts")[0] == "not_permitted"
    assert {outcome for outcome, _ in outcomes.values()} == {"ok"}
    assert "Contacts.Read" in (world.feed("contacts").error or "")
    assert journal.account(world.store, world.account.id).status == "active"
    world.equals_upstream(MESSAGES)


def test_a_token_for_another_mailbox_applies_nothing(world: World) -> None:
    fill(world)
    world.pull()
    dump = world.dump()
    world.upstream.put(CONTACTS, "r0", "of somebody else")
    memory(world).answers_as = Mailbox("2", "eve@example.org")
    asked = len(memory(world).asked)

    with pytest.raises(WrongMailbox) as wrong:
        world.pull()

    assert (wrong.value.pinned, wrong.value.answered, wrong.value.email) == ("1", "2", "eve@example.org")
    assert [verb for verb, *_ in memory(world).asked[asked:]] == ["mailbox"]
    assert world.dump() == dump
    account = journal.account(world.store, world.account.id)
    assert (account.status, account.status_detail, account.remote_id, account.email) == (
        "needs_auth", "wrong_mailbox", "1", "ada@example.org",
    )  # fmt: skip
    assert world.value("SELECT error FROM runs ORDER BY id DESC")


@pytest.mark.parametrize("error", [RetryLater("down"), WrongAnswer("html")])
def test_a_mailbox_that_does_not_answer_ends_the_accounts_pass_there(world: World, error: Exception) -> None:
    memory(world).fail("mailbox", error)

    with pytest.raises(type(error)):
        world.pull()

    assert [verb for verb, *_ in memory(world).asked] == ["mailbox"]
    assert world.value("SELECT outcome || ' ' || error FROM runs").startswith("failed ")
    assert journal.account(world.store, world.account.id).status == "active"


# --- 10: trouble that passes by ---------------------------------------------------------------------------------------

TROUBLE: dict[str, tuple[faults.Effect, ...]] = {
    "408": (faults.answer(408),),
    "429 seconds": (faults.answer(429, headers={"Retry-After": "3"}),),
    "429 date": (faults.answer(429, headers={"Retry-After": "Mon, 05 Jan 2026 09:00:30 GMT"}),),
    "400 with a wish": (faults.answer(400, headers={"Retry-After": "3"}),),
    "5xx": tuple(faults.answer(status) for status in (500, 502, 503, 504)),
    "html": (faults.answer(502, body=b"<html>bad gateway</html>"), faults.body(b"<html>ok?</html>")),
    "drop": (faults.drop(), faults.drop()),
    "lose": (faults.lose(),),
    "cut": (faults.cut(0.3), faults.cut(0.9)),
    "cut at once": (faults.cut(0.0),),
    "unavailable": (faults.answer(409, "mailbox.unavailable", "Try again later."),),
}


@pytest.mark.parametrize("trouble", TROUBLE)
def test_trouble_that_passes_by_is_not_seen_in_the_mirror(tmp_path: Path, trouble: str) -> None:
    world, upstream = sandboxed(tmp_path, Options(page_size=2))
    for feed in FEEDS:
        fill(world, feed, 5)
    for path in (".*/account", ".*/calendars", ".*/sync", ".*/sync/updated", ".*/sync/deleted"):
        # Every kind of request meets it, more than once.
        for nth in (1, 3):
            for effect in TROUBLE[trouble]:
                upstream.behind.faults.add(Fault(effect, path=path, nth=nth))

    passes = world.pull()

    assert {done.outcome for done in passes} == {"ok"}
    assert sum(done.traffic.retries for done in passes) > 5
    world.equals_upstream(*FEEDS)
    assert world.value("SELECT count(*) FROM versions") + world.value("SELECT count(*) FROM stuck") == 0


def test_a_pass_gives_up_after_its_budget_and_the_next_resumes_from_the_cursor(tmp_path: Path) -> None:
    world, upstream = sandboxed(tmp_path, Options(page_size=2), budget_s=20)
    fill(world)
    upstream.behind.faults.add(Fault(faults.answer(503), path=".*/contacts/sync/updated", nth=3, times=None))

    done = world.one("contacts")

    assert done.outcome == "failed"
    assert done.traffic.waited_s == pytest.approx(20)
    assert len(world.live(CONTACTS)) == 4
    assert world.value("SELECT error FROM runs WHERE outcome = 'failed'")
    asked = len(upstream.asked)
    upstream.behind.faults.clear()
    world.one("contacts")
    assert "POST /contacts/sync" not in upstream.asked[asked:], "it went on where it stood"
    world.equals_upstream(CONTACTS)


def test_a_walk_that_was_resumed_is_walked_once_more(tmp_path: Path) -> None:
    world, upstream = sandboxed(tmp_path, Options(page_size=2), budget_s=0)
    fill(world)
    upstream.behind.faults.add(Fault(faults.answer(503), path=".*/contacts/sync/deleted"))
    assert world.one("contacts").outcome == "failed"
    world.upstream.put(CONTACTS, "late", "after its page")

    assert world.one("contacts", appetite=Appetite(until_caught_up=False)).outcome == "ok"
    assert "late" not in world.live(CONTACTS)
    upstream.behind.faults.add(Fault(faults.answer(503), path=".*/contacts/sync/deleted"))
    world.one("contacts")
    world.one("contacts")
    world.equals_upstream(CONTACTS)


def test_pages_that_are_reordered_or_doubled_lose_and_double_nothing(tmp_path: Path) -> None:
    world, upstream = sandboxed(tmp_path, Options(page_size=4))
    for feed in FEEDS:
        fill(world, feed, 9)
    for effect in (faults.reorder(), faults.duplicate()):
        upstream.behind.faults.add(Fault(effect, path=".*", method="GET", times=None, seed=3))

    world.pull()

    world.equals_upstream(*FEEDS)
    assert world.value("SELECT count(*) FROM versions") == 0
    world.is_sound()


# --- 11: one process at a time ----------------------------------------------------------------------------------------

HOLDER = """
import pathlib, sys
from mirror.store.connection import open_store
with open_store(pathlib.Path(sys.argv[1])).lease(int(sys.argv[2])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_two_processes_never_pull_one_account_and_a_killed_ones_lease_is_free(world: World) -> None:
    fill(world)
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(world.store.home), str(world.account.id)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert holder.stdout is not None
    assert holder.stdin is not None
    try:
        assert holder.stdout.readline() == b"held\n"

        with pytest.raises(AccountBusy):
            world.pull()
        assert memory(world).asked == []
        other = journal.add_account(world.store, "home", "test", "http://other.example")
        assert list(pull_account(world.store, MemoryUpstream().source, other)), "the others go on"
    finally:
        holder.kill()
        holder.wait()
        holder.stdin.close()
        holder.stdout.close()

    world.pull()
    world.equals_upstream(CONTACTS)


def test_two_stores_of_one_process_do_not_pull_one_account_at_once(world: World) -> None:
    other = world.store.again()
    with world.store.lease(world.account.id), pytest.raises(AccountBusy), other.lease(world.account.id):
        pass
    with other.lease(world.account.id):
        pass
    other.close()


def test_locks_that_can_not_be_taken_make_the_home_unusable(world: World) -> None:
    (world.store.home / "locks").write_text("in the way")

    with pytest.raises(HomeUnusable):
        world.pull()
