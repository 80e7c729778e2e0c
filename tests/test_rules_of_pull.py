"""The rules of pull (DESIGN §4), each as tests named after the promise: 1 to 5, and servers that never end.

Rules 6 to 8: test_sweep.py. 9 to 11: test_trouble.py, and what can't be stored: test_records.py. 12: test_crash.py.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from worlds import (
    CONTACTS,
    DELTA,
    FEEDS,
    MAKERS,
    MESSAGES,
    MemoryUpstream,
    Scripted,
    World,
    fill,
    memory,
    page,
    record,
    sandboxed,
)

from mirror.errors import RestartFeed, RetryLater, WrongAnswer
from mirror.feed import Counts, Coverage, Feed, Gone, Page, Record, Unreadable
from mirror.pull import MOST_RESTARTS
from mirror.sandbox import faults
from mirror.sandbox.faults import Fault
from mirror.sandbox.options import Options
from mirror.store import journal, records

EARLY, LATE = "2026-01-05T08:00:00.000Z", "2026-01-05T11:00:00.000Z"


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(MemoryUpstream(), tmp_path / "home")


@pytest.fixture(params=MAKERS)
def either(request: pytest.FixtureRequest, tmp_path: Path) -> World:
    """A mirror of the in-memory upstream, and one of the sandbox."""
    return World(MAKERS[request.param](), tmp_path / "home")


# --- 1: the cursor is saved with the page it stands after -------------------------------------------------------------


@pytest.mark.parametrize("broken_at", [1, 2])
def test_a_cursor_is_saved_with_the_page_it_stands_after_and_the_next_run_goes_on_there(
    world: World, broken_at: int
) -> None:
    fill(world)
    delivered: list[Page] = []

    def breaks(feed: Feed, page: Page) -> Page:
        if feed == CONTACTS:
            if len(delivered) == broken_at:
                raise RetryLater("the line broke")
            delivered.append(page)
        return page

    memory(world).rewrite = breaks
    assert world.one("contacts").outcome == "failed"
    stored = world.feed("contacts")
    assert stored.cursor == delivered[-1].cursor
    assert set(world.live(CONTACTS)) == {change.remote_id for page in delivered for change in page.changes}

    memory(world).rewrite = None
    asked_before = len(memory(world).asked)
    assert world.one("contacts").outcome == "ok"
    asked = [cursor for verb, feed, cursor in memory(world).asked[asked_before:] if verb == "page" and feed == CONTACTS]
    assert asked[0] == stored.cursor
    world.equals_upstream(CONTACTS)


def test_rows_and_cursor_are_seen_together_by_others(world: World) -> None:
    fill(world)
    other = world.store.again()
    seen: list[tuple[int, int]] = []

    def look(*_: object) -> None:
        rows = other.conn.execute("SELECT count(*) FROM contacts").fetchone()[0]
        cursor = other.conn.execute("SELECT cursor FROM feeds WHERE kind = 'contacts'").fetchone()[0]
        seen.append((rows, json.loads(cursor)["after"]))

    world.one("contacts", on_progress=look)
    other.close()

    assert [rows for rows, _ in seen] == [after for _, after in seen] == [3, 6, 8]


def test_upstreams_tokens_are_stored_verbatim(tmp_path: Path) -> None:
    world, upstream = sandboxed(tmp_path)
    fill(world)
    world.one("contacts")

    stored = json.loads(world.value("SELECT cursor FROM feeds WHERE kind = 'contacts'"))

    for side in ("updated", "deleted"):
        upstream.behind.tokens.read(stored[side]["delta"], "delta", f"contacts.{side}:", upstream.account.id)


# --- 2: applying a page twice equals applying it once -----------------------------------------------------------------


@pytest.mark.parametrize("feed", FEEDS, ids=lambda feed: feed.kind)
def test_a_page_applied_twice_is_applied_once(world: World, feed: Feed) -> None:
    world.pull()
    name = next(iter(memory(world).live(feed)), None)
    changes = (
        *(Record(f"n{n}", json.dumps({"id": f"n{n}", "title": "x", "omitted": ["y"]}).encode()) for n in range(3)),
        Unreadable(b"broken", "it is broken", "b"),
        Unreadable(b"nameless", "it has no id"),
        *((Gone(name),) if name else ()),
    )
    row = world.feed(feed.kind, feed.parent)
    once = Page(changes, {"n": 1}, more=True)
    records.apply(world.store, row, once, Counts())
    dump = world.dump()
    seq = world.value("SELECT seq FROM change_order")

    records.apply(world.store, row, once, Counts())

    again = world.dump()
    bare = [[(*row[:7], row[9]) for row in rows.pop("stuck")] for rows in (again, dump)]
    assert bare[0] == bare[1], "only when it was last tried, and how often, may move"
    assert again == dump
    assert world.value("SELECT seq FROM change_order") == seq
    world.is_sound()


def test_a_record_that_comes_twice_in_a_page_is_two_versions_when_it_differs(world: World) -> None:
    source = Scripted(
        CONTACTS, page(record("a", "one"), record("a", "one"), record("a", "two"), Gone("a"), record("a", "three"))
    )

    world.one("contacts", source=source)

    assert world.history("contacts", "a") == ["one", "two", "reported", "three"]
    world.is_sound()


def test_a_pass_without_changes_writes_no_record(either: World) -> None:
    for feed in FEEDS:
        fill(either, feed, 5)
    either.upstream.attach(MESSAGES, "r0", "at1", b"bytes")
    either.pull()
    dump = either.dump(generation=False)
    written: list[str] = []
    either.store.conn.set_trace_callback(written.append)

    passes = either.pull()

    either.store.conn.set_trace_callback(None)
    assert sum(done.counts.written for done in passes) == 0
    assert either.dump(generation=False) == dump
    touching = [sql for sql in written if WRITES.match(sql) and not MAY_BE_WRITTEN.match(sql)]
    assert [sql for sql in touching if " SET generation = " not in sql] == []


WRITES = re.compile(r"\s*(INSERT|UPDATE|DELETE|REPLACE)\b")
MAY_BE_WRITTEN = re.compile(r"(INSERT (OR IGNORE )?INTO|UPDATE|DELETE FROM) (runs|feeds|walk_seen|accounts|stuck)\b")


@pytest.mark.parametrize("feed", FEEDS, ids=lambda feed: feed.kind)
def test_a_listing_repeated_moves_generations_alone(either: World, feed: Feed) -> None:
    fill(either, feed)
    either.pull()
    dump = either.dump(generation=False)
    either.upstream.expire(feed)

    either.pull()

    assert either.dump(generation=False) == dump


@pytest.mark.parametrize(
    ("before", "after", "differs"),
    [
        ('{"id": "a", "x": 1, "y": {"z": [1]}}', '{"y":{"z":[1]},"id":"a","x":1}', False),
        ('{"id": "a", "x": "é"}', '{"id": "a", "x": "\\u00e9"}', False),
        ('{"id": "a", "x": 1}', '{"id": "a", "x": true}', True),
        ('{"id": "a", "x": 0}', '{"id": "a", "x": false}', True),
        ('{"id": "a", "x": null}', '{"id": "a"}', True),
        ('{"id": "a", "x": [1, 2]}', '{"id": "a", "x": [2, 1]}', True),
        ('{"id": "a", "x": "1"}', '{"id": "a", "x": 1}', True),
    ],
)
def test_what_is_a_change_is_judged_on_what_the_record_says(
    world: World, before: str, after: str, differs: bool
) -> None:
    world.one("contacts", source=Scripted(CONTACTS, page(Record("a", before.encode(), "e"))))

    done = world.one("contacts", source=Scripted(CONTACTS, page(Record("a", after.encode(), "e"))))

    assert (done.counts.changed, done.counts.unchanged) == (int(differs), int(not differs))


# --- 3: updated and deleted, who is right -----------------------------------------------------------------------------

RACES = [
    # modified, deleted, upstream has it still, expected to be live, asked for by itself
    (EARLY, LATE, False, False, 0),
    (LATE, EARLY, True, True, 0),
    (LATE, LATE, True, True, 1),
    (LATE, LATE, False, False, 1),
    (None, LATE, True, True, 1),
    (None, LATE, False, False, 1),
    (LATE, None, True, True, 1),
    (LATE, None, False, False, 1),
    (None, None, False, False, 1),
]


@pytest.mark.parametrize("crash", [False, True], ids=["", "crash between"])
@pytest.mark.parametrize("listing", [False, True], ids=["following", "listing"])
@pytest.mark.parametrize(("modified_at", "gone_at", "there", "live", "reads"), RACES)
def test_a_record_in_both_feeds_of_a_walk_is_what_the_later_says_or_what_upstream_answers(
    world: World, modified_at: str | None, gone_at: str | None, there: bool, live: bool, reads: int, listing: bool, crash: bool
) -> None:  # fmt: skip
    new = record("a", "new", at=modified_at)
    begin = page(n=1, more=True, covers=Coverage())
    if not listing:
        world.one(
            "contacts", source=Scripted(CONTACTS, begin, page(record("a", "old", at="2026-01-01T00:00:00.000Z"), n=2))
        )
    steps: list[Any] = [begin] if listing else []
    steps += [
        page(new, n=3, more=True),
        *([RetryLater("cut")] if crash else []),
        page(Gone("a", gone_at), n=4),
        page(n=4),
    ]
    source = Scripted(CONTACTS, *steps, now={"a": new} if there else {})

    if crash:
        assert world.one("contacts", source=source).outcome == "failed"
        world.reopened()
    assert world.one("contacts", source=source).outcome == "ok"

    assert ("a" in world.live(CONTACTS), len(source.read_one_by_one)) == (live, reads)
    assert world.history("contacts", "a") == [*([] if listing else ["old"]), "new", *([] if live else ["reported"])]
    assert world.rows("SELECT * FROM walk_seen") == []


@pytest.mark.parametrize("gone_at", [LATE, None])
def test_a_deletion_of_what_this_walk_did_not_bring_is_believed(world: World, gone_at: str | None) -> None:
    world.one("contacts", source=Scripted(CONTACTS, page(record("a", "old", at=EARLY), n=1)))
    source = Scripted(CONTACTS, page(record("b"), n=2, more=True), page(Gone("a", gone_at), n=3))

    world.one("contacts", source=source)

    assert world.tombstones(CONTACTS) == {"a": "reported"}
    assert source.read_one_by_one == []


@pytest.mark.parametrize("there", [True, False])
@pytest.mark.parametrize("gone_at", [EARLY, LATE])
def test_a_deletion_that_is_told_late_does_not_take_what_was_created_anew(
    world: World, gone_at: str, there: bool
) -> None:
    again = record("a", "again", at=LATE)
    world.one("contacts", source=Scripted(CONTACTS, page(again, n=1)))
    source = Scripted(CONTACTS, page(n=2, more=True), page(Gone("a", gone_at), n=3), now={"a": again} if there else {})

    world.one("contacts", source=source)

    assert world.history("contacts", "a") == ["again", *([] if there else ["reported"])]
    assert source.read_one_by_one == ["a"]


@pytest.mark.parametrize(
    ("now", "expected"), [("newest", ["new", "newest"]), (None, ["new", "reported"]), ("new", ["new"])]
)
def test_a_page_older_than_what_is_stored_is_checked_by_asking(
    world: World, now: str | None, expected: list[str]
) -> None:
    world.one("contacts", source=Scripted(CONTACTS, page(record("a", "new", at=LATE), n=1)))
    answer = record("a", now, at=LATE) if now else Gone("a")
    source = Scripted(CONTACTS, page(record("a", "old", at=EARLY), n=2), now={"a": answer})

    world.one("contacts", source=source)

    assert source.read_one_by_one == ["a"]
    assert world.history("contacts", "a") == expected


def test_doubt_that_upstream_will_not_settle_for_three_passes_leaves_the_page_as_it_was_told(world: World) -> None:
    world.one("contacts", source=Scripted(CONTACTS, page(record("a", "old", at=EARLY), n=1)))
    walk = [page(record("a", "new"), n=2, more=True), *4 * [page(Gone("a"), n=3)]]
    source = Scripted(CONTACTS, *walk, page(n=3), now={"a": WrongAnswer("400")})

    outcomes = [world.one("contacts", source=source).outcome for _ in range(4)]

    assert outcomes == ["failed", "failed", "failed", "ok"]
    assert world.tombstones(CONTACTS) == {"a": "reported"}


def test_doubt_that_upstream_settles_in_time_makes_nothing_up(world: World) -> None:
    world.one("contacts", source=Scripted(CONTACTS, page(record("a", "old", at=EARLY), n=1)))
    again = record("a", "again")
    refusing = Scripted(CONTACTS, page(again, n=2, more=True), page(Gone("a"), n=3), now={"a": WrongAnswer("409")})
    world.one("contacts", source=refusing)

    world.one("contacts", source=Scripted(CONTACTS, page(Gone("a"), n=3), page(n=3), page(n=3), now={"a": again}))

    assert world.history("contacts", "a") == ["old", "again"]


def test_doubt_that_can_not_be_settled_now_is_settled_by_the_next_run(world: World) -> None:
    world.one("contacts", source=Scripted(CONTACTS, page(record("a", "old"), n=1)))
    new = record("a", "new")
    source = Scripted(CONTACTS, page(new, n=2, more=True), page(Gone("a"), n=3), now={"a": RetryLater("503")})
    assert world.one("contacts", source=source).outcome == "failed"
    assert world.feed("contacts").cursor == {"n": 2}

    source = Scripted(CONTACTS, page(Gone("a"), n=3), page(n=3), now={"a": new})
    world.one("contacts", source=source)

    assert source.asked[0] == {"n": 2}
    assert world.history("contacts", "a") == ["old", "new"]


# --- 4: not ready -----------------------------------------------------------------------------------------------------


def test_a_feed_that_is_not_ready_ends_its_pass_without_error_and_resumes_later(tmp_path: Path) -> None:
    world, upstream = sandboxed(tmp_path, Options(ready_polls=6), budget_s=10)
    fill(world)

    passes = world.pull()

    outcomes = {done.feed.kind: done.outcome for done in passes}
    assert outcomes == {
        **dict.fromkeys(["calendars", "folders", "task_lists"], "ok"),
        **{feed.kind: "not_ready" for feed in DELTA},
    }
    for done in passes:
        assert done.error is None
        assert done.traffic.waited_s <= 10
    feed = world.feed("contacts")
    assert (feed.state, feed.cursor, feed.error, feed.failures) == ("listing", None, None, 0)
    assert feed.retry_at is not None
    assert world.value("SELECT count(*) FROM runs WHERE error IS NOT NULL") == 0

    world.clock.sleep(60)
    assert {done.outcome for done in world.pull()} == {"ok"}
    world.equals_upstream(*FEEDS)
    starts = [request for request in upstream.asked if request == "POST /contacts/sync"]
    assert len(starts) == 7


# --- 5: cursors that expire -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 410])
@pytest.mark.parametrize("feed", DELTA, ids=lambda feed: feed.kind)
def test_an_expired_page_token_falls_back_to_its_delta_token_in_the_same_generation(
    tmp_path: Path, feed: Feed, status: int
) -> None:
    world, upstream = sandboxed(tmp_path, Options(page_size=2, expired_page_status=status))  # type: ignore[arg-type]  # both are literals
    world.pull("calendars", "task_lists")
    fill(world, feed)
    expired: list[int] = []

    def expire_once(done: Any, what: str) -> None:
        if done.feed.kind == feed.kind and done.pages == 3 and not expired:
            expired.append(1)
            upstream.behind.tokens.expire("page")

    assert world.one(feed.kind, on_progress=expire_once).outcome == "ok"

    assert expired
    assert world.feed(feed.kind).generation == 1
    assert len([request for request in upstream.asked if request.startswith("POST")]) == 1
    world.equals_upstream(feed)
    assert world.value("SELECT count(*) FROM versions") == 0


@pytest.mark.parametrize("feed", DELTA, ids=lambda feed: feed.kind)
def test_an_expired_delta_token_lists_again_and_leaves_no_ghosts(either: World, feed: Feed) -> None:
    fill(either, feed)
    either.pull()
    either.upstream.drop(feed, "r3")
    either.upstream.put(feed, "r4", "changed")
    either.upstream.put(feed, "new", "new")
    either.upstream.expire(feed)

    done = either.one(feed.kind)

    assert (done.outcome, done.counts.deleted, done.counts.changed, done.counts.created) == ("ok", 1, 1, 1)
    assert either.feed(feed.kind).generation == 2
    assert either.tombstones(feed) in ({"r3": "absent"}, {"r3": "reported"})
    either.equals_upstream(feed)


@pytest.mark.parametrize(
    "trouble", [(410, "syncToken.expired"), (410, ""), (404, "badRequest"), (400, "token.notValid")]
)
@pytest.mark.parametrize("side", ["updated", "deleted"])
def test_what_counts_as_an_expired_cursor_of_a_feed_deletes_nothing_by_itself(
    tmp_path: Path, trouble: tuple[int, str], side: str
) -> None:
    world, upstream = sandboxed(tmp_path)
    fill(world)
    world.pull()
    upstream.behind.faults.add(Fault(faults.answer(*trouble), path=f".*/contacts/sync/{side}"))

    done = world.one("contacts")

    assert (done.outcome, done.counts.written) == ("ok", 0)
    assert world.feed("contacts").generation == 2
    world.equals_upstream(CONTACTS)


def test_another_400_is_a_failure_that_leaves_the_cursor(tmp_path: Path) -> None:
    world, upstream = sandboxed(tmp_path)
    fill(world)
    world.pull()
    before = world.feed("contacts")
    upstream.behind.faults.add(Fault(faults.answer(400, "badRequest", "no such parameter"), path=".*/contacts/sync/.*"))

    assert world.one("contacts").outcome == "failed"

    after = world.feed("contacts")
    assert (after.cursor, after.generation, after.state) == (before.cursor, before.generation, "following")
    assert world.one("contacts").outcome == "ok"


@pytest.mark.parametrize("which", ["page_token_uses", "delta_token_uses"])
def test_tokens_that_expire_again_and_again_end_the_pass(tmp_path: Path, which: str) -> None:
    world, upstream = sandboxed(tmp_path, Options(page_size=2, **{which: 0}))  # type: ignore[arg-type]  # both are numbers
    fill(world)

    done = world.one("contacts")

    assert done.outcome == "failed"
    assert "again and again" in (done.error or "")
    assert done.traffic.requests <= 4 * (MOST_RESTARTS + 1)
    assert world.tombstones(CONTACTS) == {}

    upstream.app.extensions["sandbox"].tokens.options = Options(page_size=2)
    assert world.one("contacts").outcome == "ok"
    world.equals_upstream(CONTACTS)


def test_pages_that_repeat_after_a_restart_are_no_circle(world: World) -> None:
    begin, first = page(n=1, more=True, covers=Coverage()), page(record("a"), n=2, more=True)
    source = Scripted(
        CONTACTS,
        begin,
        first,
        RestartFeed("410"),
        begin,
        first,
        RestartFeed("410"),
        begin,
        first,
        page(record("b"), n=3),
    )

    assert world.one("contacts", source=source).outcome == "ok"

    assert set(world.live(CONTACTS)) == {"a", "b"}


def test_a_record_that_upstream_has_lost_is_gone_and_its_feed_goes_on(tmp_path: Path) -> None:
    world, upstream = sandboxed(tmp_path, Options(omitted={"Google": {"messages": ("body",)}}))
    fill(world, MESSAGES, 3)
    for status in (404, 410):
        upstream.behind.faults.add(Fault(faults.answer(status), path=".*/email/messages/r1"))

    done = world.one("messages")

    assert (done.outcome, done.counts.completed) == ("ok", 2)
    assert world.feed("messages").generation == 1
    assert set(world.live(MESSAGES)) == {"r0", "r1", "r2"}, "that it is gone is for the feed to tell"


# --- servers that never end -------------------------------------------------------------------------------------------


def test_a_server_whose_page_token_never_advances_ends_the_pass(tmp_path: Path) -> None:
    world, upstream = sandboxed(tmp_path, Options(page_size=2))
    fill(world)
    stuck = faults.edit(lambda page, _: {"records": page["records"], "nextPageToken": "same=="})
    upstream.behind.faults.add(Fault(stuck, path=".*/contacts/sync/updated"))
    again = faults.answer(200, body=b'{"records": [{"id": "r0"}], "nextPageToken": "same=="}')
    upstream.behind.faults.add(Fault(again, path=".*/contacts/sync/updated", query="pageToken.*", times=None))

    done = world.one("contacts")

    assert done.outcome == "failed"
    assert done.traffic.requests < 10


@pytest.mark.parametrize("kind", ["contacts", "calendars"])
def test_a_server_whose_pages_go_in_a_circle_ends_the_pass(world: World, kind: str) -> None:
    circle = [page(record(f"r{n}"), n=n % 3, more=True, covers=Coverage() if n == 0 else None) for n in range(9)]

    done = world.one(kind, source=Scripted(Feed(kind), *circle))

    assert (done.outcome, done.pages) == ("failed", 4)
    assert "circle" in (done.error or "")


def test_a_server_that_only_ever_says_there_is_more_ends_the_pass(world: World) -> None:
    endless = [page(n=n, more=True, covers=Coverage() if n == 0 else None) for n in range(3000)]

    done = world.one("contacts", source=Scripted(CONTACTS, *endless))

    assert done.outcome == "failed"
    assert done.pages < 1100
    assert world.feed("contacts").cursor == {"n": done.pages - 1} or world.feed("contacts").cursor is not None


class _Pausing:
    """A source during whose first answer a person pauses the account."""

    def __init__(self, world: World) -> None:
        self._world = world

    def __getattr__(self, name: str) -> Any:
        return getattr(self._world.upstream.source, name)

    def mailbox(self) -> Any:
        journal.set_status(self._world.store, self._world.account.id, "paused")
        return self._world.upstream.source.mailbox()


def test_an_account_paused_while_it_is_asked_stays_paused(world: World) -> None:
    world.pull("contacts", source=_Pausing(world))

    assert journal.account(world.store, world.account.id).status == "paused"
