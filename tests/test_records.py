"""Records on their way into the tables: those that can't be stored, those that came without some fields, and bodies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from worlds import (
    CONTACTS,
    EVENTS,
    FOLDERS,
    MESSAGES,
    TASKS,
    MemoryUpstream,
    SandboxUpstream,
    Scripted,
    World,
    memory,
    page,
    record,
)

from mirror.errors import NotPermitted, RestartFeed, RetryLater, WrongAnswer
from mirror.feed import Coverage, Feed, Gone, Page, Record, Unreadable
from mirror.pull import Appetite
from mirror.sandbox import faults
from mirror.sandbox.faults import Fault
from mirror.sandbox.options import Options
from mirror.sources.aurinko_answers import change_of
from mirror.store import omitted

DEEP = b"[" * 50_000 + b"]" * 50_000
IMAP = Options(page_size=3, omitted={"Google": {"messages": ("body", "attachments", "recipients", "internetHeaders")}})


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(MemoryUpstream(), tmp_path / "home")


# --- what can't be stored -----------------------------------------------------------------------------------------------

STUCK = [
    ("no id", b'{"nickName": "x"}', None),
    ("an id that is null", b'{"id": null}', None),
    ("an id that is empty", b'{"id": ""}', None),
    ("an id that is no text", b'{"id": ["a"]}', None),
    ("an id of 3 KB", b'{"id": "' + b"x" * 3000 + b'"}', None),
    ("no object", b"[1, 2]", None),
    ("a NUL in the id", b'{"id": "a\\u0000b"}', "a\x00b"),
    ("invalid UTF-8", b'{"id": "a", "nickName": "\xff\xfe"}', "a"),
    ("a control character", b'{"id": "a", "nickName": "\x02"}', "a"),
    ("NaN", b'{"id": "a", "nickName": NaN}', "a"),
    ("deep nesting", b'{"id": "a", "nickName": ' + DEEP + b"}", "a"),
    ("a number of 5,000 digits", b'{"id": "a", "size": ' + b"9" * 5000 + b"}", "a"),
]
STORED = [
    ("a NUL", b'{"id": "a", "nickName": "x\\u0000y"}', "x\ufffdy"),
    ("a lone surrogate", b'{"id": "a", "nickName": "x\\ud800"}', "x?"),
    ("a number as text", b'{"id": "a", "nickName": 17}', "17"),
    ("an object as text", b'{"id": "a", "nickName": {"x": 1}}', None),
    ("a text where a list should be", b'{"id": "a", "nickName": "x", "emailAddresses": "ada@example.org"}', "x"),
    ("lists of everything", b'{"id": "a", "nickName": "x", "emailAddresses": [1, null, "a", {"address": 5}, []]}', "x"),
    ("an infinite number", b'{"id": "a", "nickName": 1e999}', "inf"),
    ("5 MB of text", b'{"id": "a", "nickName": "x", "notes": "' + b"n" * 5_000_000 + b'"}', "x"),
    ("a number as id", b'{"id": 17, "nickName": "x"}', "x"),
    ("members twice", b'{"id": "a", "nickName": "w", "nickName": "x"}', "x"),
    ("strange times", b'{"id": "a", "nickName": "x", "lastModifiedTime": "99999-01-01", "createdTime": 5}', "x"),
]


@pytest.mark.parametrize("listing", [True, False], ids=["listing", "following"])
@pytest.mark.parametrize(("raw", "remote_id"), [case[1:] for case in STUCK], ids=[case[0] for case in STUCK])
def test_a_record_that_can_not_be_stored_is_kept_as_stuck_and_the_page_goes_on(
    world: World, raw: bytes, remote_id: str | None, listing: bool
) -> None:
    bad = change_of(CONTACTS, raw)
    if not listing:
        world.one("contacts", source=Scripted(CONTACTS, page(record("before"), n=1)))
    source = Scripted(CONTACTS, page(record("g1", "good"), bad, record("g2", "good"), n=2, covers=Coverage()))

    done = world.one("contacts", source=source)

    assert (done.outcome, done.counts.stuck) == ("ok", 1)
    assert {"g1", "g2"} <= set(world.live(CONTACTS))
    [(kept_raw, kept_id, reason, tries)] = world.rows("SELECT raw, remote_id, reason, tries FROM stuck")
    assert (kept_raw, kept_id, tries) == (raw, remote_id, 1)
    assert reason
    assert world.feed("contacts").state == "following"
    world.is_sound()

    world.clock.sleep(60)
    world.one("contacts", source=Scripted(CONTACTS, page(bad, n=3)))
    assert world.rows("SELECT tries, first_at < last_at FROM stuck") == [(2, 1)]


@pytest.mark.parametrize(("raw", "name"), [case[1:] for case in STORED], ids=[case[0] for case in STORED])
def test_a_record_with_odd_fields_is_stored_as_it_came(world: World, raw: bytes, name: str | None) -> None:
    world.one("contacts", source=Scripted(CONTACTS, page(record("g"), change_of(CONTACTS, raw), n=1)))

    assert world.rows("SELECT raw, nickname FROM contacts WHERE remote_id <> 'g'") == [(raw.decode(), name)]
    assert world.value("SELECT count(*) FROM stuck") == 0
    done = world.one("contacts", source=Scripted(CONTACTS, page(change_of(CONTACTS, raw), n=2)))
    assert done.counts.written == 0
    world.is_sound()


def test_a_repaired_record_leaves_stuck(world: World) -> None:
    bad = change_of(CONTACTS, b'{"id": "a", "nickName": "\xff"}')
    world.one("contacts", source=Scripted(CONTACTS, page(bad, n=1)))

    world.one("contacts", source=Scripted(CONTACTS, page(record("a", "repaired"), n=2)))

    assert world.rows("SELECT * FROM stuck") == []
    assert world.live(CONTACTS)["a"]["nickName"] == "repaired"


def test_a_stuck_record_that_upstream_deletes_keeps_its_bytes_and_needs_nobody(world: World) -> None:
    bad = change_of(CONTACTS, b'{"id": "a", "nickName": "\xff"}')
    world.one("contacts", source=Scripted(CONTACTS, page(record("a", "was well"), n=1)))
    world.one("contacts", source=Scripted(CONTACTS, page(bad, n=2)))
    assert world.live(CONTACTS)["a"]["nickName"] == "was well"

    world.one("contacts", source=Scripted(CONTACTS, page(Gone("a"), n=3)))

    assert world.rows("SELECT raw FROM stuck WHERE gone_at IS NOT NULL") == [(b'{"id": "a", "nickName": "\xff"}',)]
    assert world.rows("SELECT sum(stuck) FROM feed_status") == [(0,)]
    assert world.tombstones(CONTACTS) == {"a": "reported"}


@pytest.mark.parametrize("named", [True, False])
def test_what_is_not_in_a_new_listing_any_more_is_not_stuck_any_more(world: World, named: bool) -> None:
    bad = change_of(CONTACTS, b'{"id": "a", "nickName": "\xff"}' if named else b'{"nickName": "nameless"}')
    world.one("contacts", source=Scripted(CONTACTS, page(bad, record("b"), n=1)))
    world.clock.sleep(60)
    source = Scripted(CONTACTS, *expired(page(record("b"), n=2, covers=Coverage())))

    world.one("contacts", source=source)

    assert [bytes(row[0]) for row in world.rows("SELECT raw FROM stuck WHERE gone_at IS NOT NULL")] == [bad.raw]


def expired(*pages: Page) -> tuple[Any, ...]:
    return (RestartFeed("410", status=410), *pages)


@pytest.mark.parametrize("kind", ["contacts", "folders"])
@pytest.mark.parametrize(
    "bad",
    [
        change_of(CONTACTS, b'{"id": "a", "nickName": "\xff"}'),
        change_of(CONTACTS, b'{"id": "a", "nickName": ' + DEEP + b"}"),
        Unreadable(b"what is this", "it is broken", "a"),
    ],
    ids=["invalid UTF-8", "deep", "unreadable"],
)
def test_a_record_that_was_listed_but_could_not_be_stored_is_not_absent(world: World, kind: str, bad: Any) -> None:
    feed = Feed(kind)
    known = page(*(record(name, "stored") for name in "abc"), n=1, covers=Coverage())
    world.one(kind, source=Scripted(feed, whole(feed, known)))
    again = page(bad, record("b", "stored"), record("c", "stored"), n=2, covers=Coverage())
    steps = expired(again) if kind == "contacts" else (whole(feed, again),)

    world.one(kind, source=Scripted(feed, *steps))

    assert set(world.live(feed)) == {"a", "b", "c"}
    assert world.tombstones(feed) == {}
    assert world.value("SELECT count(*) FROM stuck") == 1


@pytest.mark.parametrize("kind", ["contacts", "folders"])
def test_a_listing_with_something_nameless_in_it_is_not_believed_about_what_is_missing(world: World, kind: str) -> None:
    feed = Feed(kind)
    known = page(*(record(name, "stored") for name in "abcd"), n=1, covers=Coverage())
    world.one(kind, source=Scripted(feed, whole(feed, known)))
    nameless = change_of(feed, b'{"nickName": "who is it?"}')
    again = page(nameless, record("b", "stored"), n=2, covers=Coverage())
    steps = expired(again) if kind == "contacts" else (whole(feed, again),)
    source = Scripted(feed, *steps, now={"a": record("a", "stored"), "d": WrongAnswer("400")})
    world.store.conn.execute("UPDATE feeds SET failures = 3")  # it has been refused for some passes

    world.one(kind, source=source)

    assert sorted(source.read_one_by_one) == ["a", "c", "d"]
    assert set(world.live(feed)) == {"a", "b", "d"}
    assert world.tombstones(feed) == {"c": "absent"}


def whole(feed: Feed, listed: Page) -> Page:
    """A page of a kind that is listed in one piece has no cursor after it."""
    return listed if feed == CONTACTS else Page(listed.changes, None, False, listed.covers)


def test_a_bad_record_over_http_stops_nothing(tmp_path: Path) -> None:
    upstream = SandboxUpstream(Options(page_size=50))
    world = World(upstream, tmp_path / "home")
    for number in range(3):
        upstream.put(CONTACTS, f"r{number}", "good")
    deep = b'{"id": "deep", "x": ' + DEEP + b"}"
    answer = b'{"records": [{"id": "r1"}, ' + deep + b', {"id": "r2"}, {"no": "id"}, "text"], "nextDeltaToken": "t=="}'
    upstream.behind.faults.add(Fault(faults.body(answer), path=".*/contacts/sync/updated"))

    assert world.one("contacts").counts.stuck == 3

    assert set(world.live(CONTACTS)) == {"r1", "r2"}
    assert world.rows("SELECT remote_id FROM stuck ORDER BY remote_id") == [(None,), (None,), ("deep",)]


# --- fields that upstream left out ----------------------------------------------------------------------------------------


def left_out(world: World, *names: str, kind: str = "messages") -> None:
    memory(world).omit = {kind: names}


def test_omitted_fields_are_completed_by_single_reads_newest_first(tmp_path: Path) -> None:
    upstream = SandboxUpstream(IMAP)
    world = World(upstream, tmp_path / "home")
    for day in range(1, 6):
        more = {"to": [{"address": f"to{day}@example.org"}], "receivedAt": f"2026-01-0{day}T10:00:00.000Z"}
        upstream.put(MESSAGES, f"m{day}", f"day {day}", body=f"<p>body {day}</p>", attachments={}, **more)

    done = world.one("messages", appetite=Appetite(reads=2, attachments=0))

    reads = [request.rsplit("/", 1)[1] for request in upstream.asked if "GET /email/messages/" in request]
    assert reads == ["m5", "m4"]
    assert done.counts.completed == 2
    assert len(world.rows("SELECT * FROM incomplete")) == 3
    world.reopened()
    world.one("messages")
    reads = [request.rsplit("/", 1)[1] for request in upstream.asked if "GET /email/messages/" in request]
    assert reads == ["m5", "m4", "m3", "m2", "m1"], "each once, and on where it stopped"
    assert world.rows("SELECT * FROM incomplete") == []
    world.equals_upstream(MESSAGES)
    bodies = world.rows("SELECT html, text FROM message_bodies ORDER BY message_id")
    assert [html for html, _ in bodies] == [f"<p>body {day}</p>" for day in range(1, 6)]
    assert world.rows("SELECT recipients FROM messages WHERE remote_id = 'm3'") == [("to3@example.org",)]
    assert world.rows("SELECT rowid FROM messages_fts WHERE messages_fts MATCH 'body 3'")
    world.is_sound()

    asked = len(upstream.asked)
    assert world.one("messages").counts.written == 0
    assert not [request for request in upstream.asked[asked:] if "GET /email/messages/" in request]


OMITTED: list[tuple[Feed, str, dict[str, Any], dict[str, Any]]] = [
    (EVENTS, "description", {"description": "long"}, {"description": "longer"}),
    (EVENTS, "attendees", {"meetingInfo": {"canceled": False, "attendees": [{"emailAddress": {"address": "b@x"}}]}},
     {"meetingInfo": {"canceled": True, "attendees": [{"emailAddress": {"address": "c@x"}}]}}),
    (EVENTS, "attachments", {"attachments": [{"id": "1", "name": "a"}]}, {"attachments": []}),
    (MESSAGES, "threadId", {"threadId": "t1"}, {"threadId": "t2"}),
    (MESSAGES, "attachments", {"attachments": [{"id": "1", "name": "a"}]}, {"attachments": []}),
    (MESSAGES, "recipients", {"to": [{"address": "b@x"}], "cc": [{"address": "c@x"}]}, {"to": [{"address": "d@x"}]}),
    (MESSAGES, "internetHeaders", {"internetHeaders": [{"name": "X", "value": "1"}]}, {"internetHeaders": []}),
    (TASKS, "notes", {"notes": "long"}, {"notes": "longer"}),
]  # fmt: skip
omissions = pytest.mark.parametrize(
    ("feed", "name", "content", "changed"), OMITTED, ids=[f"{case[0].kind} {case[1]}" for case in OMITTED]
)


def without(name: str) -> Any:
    """How upstream's pages show records when it leaves a field out."""

    def rewrite(feed: Feed, shown: Page) -> Page:
        return Page(tuple(_without(change, name) for change in shown.changes), shown.cursor, shown.more, shown.covers)

    return rewrite


def _without(change: Any, name: str) -> Any:
    if not isinstance(change, Record) or "list" in json.loads(change.raw):
        return change
    fields = json.loads(change.raw)
    hidden = {"recipients": ["to", "cc", "bcc", "replyTo"]}.get(name, [name])
    if name == "attendees":
        fields["meetingInfo"].pop("attendees")
    shown = {key: value for key, value in fields.items() if key not in hidden or name == "attendees"}
    raw = json.dumps({**shown, "omitted": [name]}).encode()
    return Record(change.remote_id, raw, change.etag, change.modified_at, (name,), change.body, change.text)


@omissions
def test_what_is_omitted_is_unknown_and_erases_nothing(
    world: World, feed: Feed, name: str, content: dict[str, Any], changed: dict[str, Any]
) -> None:
    parents = ("calendars", "task_lists")
    world.pull(*parents)
    world.upstream.put(feed, "r", "one", **content)
    world.one(feed.kind)
    stored = world.live(feed)["r"]
    children = world.dump()
    memory(world).rewrite = without(name)

    # The same again, in a listing: nothing is new.
    world.upstream.expire(feed)
    assert world.one(feed.kind, appetite=Appetite(reads=0)).counts.written == 0
    assert world.live(feed)["r"] == stored

    # Another field changes: what was left out stays as it was known, until it is read.
    world.upstream.put(feed, "r", "two", **content)
    done = world.one(feed.kind, appetite=Appetite(reads=0, attachments=0))
    assert done.counts.changed == 1
    known = world.live(feed)["r"]
    for field in content:
        assert known[field] == stored[field]
    for table in ("event_attendees", "message_recipients"):
        assert [row[1:] for row in world.dump()[table]] == [row[1:] for row in children[table]]

    # Then the omitted field itself changes.
    world.upstream.put(feed, "r", "three", **changed)
    world.one(feed.kind)
    world.equals_upstream(feed)
    assert world.history(feed.kind, "r")[0] == "one"
    assert world.history(feed.kind, "r")[-1] == "three"
    world.is_sound()


@omissions
def test_completing_a_record_is_not_a_version_and_a_change_seen_by_it_is(
    world: World, feed: Feed, name: str, content: dict[str, Any], changed: dict[str, Any]
) -> None:
    world.pull("calendars", "task_lists")
    memory(world).rewrite = without(name)
    world.upstream.put(feed, "r", "one", etag_of=1, **content)
    world.one(feed.kind, appetite=Appetite(reads=0))
    observed_at = world.value(f"SELECT observed_at FROM {feed.kind}")
    world.clock.sleep(3600)

    assert world.one(feed.kind).counts.completed == 1

    world.equals_upstream(feed)
    assert world.value("SELECT count(*) FROM versions") == 0
    assert world.value(f"SELECT observed_at FROM {feed.kind}") == observed_at
    assert world.rows("SELECT * FROM incomplete") == []

    world.upstream.put(feed, "r", "two", etag_of=1, **content)
    world.one(feed.kind, appetite=Appetite(reads=0))
    world.upstream.put(feed, "r", "three", etag_of=1, **content)
    memory(world).rewrite = lambda feed, _: Page((), {"epoch": 0, "after": 3, "listing": 0}, False)
    world.one(feed.kind)

    assert world.history(feed.kind, "r") == ["one", "two", "three"]
    world.is_sound()


COMPLETIONS = [
    # stored, then read whole, is it the same version
    ({"id": 1, "omitted": ["notes"]}, {"id": 1, "notes": "x"}, True),
    ({"id": 1, "omitted": ["notes"]}, {"id": 1}, True),
    ({"id": 1, "omitted": ["notes"]}, {"id": 1, "title": "new"}, False),
    ({"id": 1, "omitted": ["notes"], "title": "a"}, {"id": 1, "notes": "x"}, False),
    ({"id": 1, "omitted": ["notes"], "x": 1}, {"id": 1, "x": True}, False),
    ({"id": 1, "omitted": ["notes"], "notes": "old"}, {"id": 1, "notes": "new"}, False),
    ({"id": 1, "omitted": ["notes", 5, None]}, {"id": 1, "notes": "x"}, True),
    ({"id": 1, "omitted": "notes"}, {"id": 1, "notes": "x"}, False),
    ({"id": 1}, {"id": 1, "notes": "x"}, False),
    ({"id": 1, "omitted": ["recipients"]}, {"id": 1, "to": [1], "cc": [2], "bcc": [], "replyTo": []}, True),
    ({"id": 1, "omitted": ["recipients"]}, {"id": 1, "from": {}}, False),
    ({"id": 1, "omitted": ["attendees"]}, {"id": 1, "meetingInfo": {"attendees": [1]}}, True),
    ({"id": 1, "omitted": ["attendees"], "meetingInfo": {"c": 1}}, {"id": 1, "meetingInfo": {"c": 1, "attendees": []}}, True),
    ({"id": 1, "omitted": ["attendees"], "meetingInfo": {"c": 1}}, {"id": 1, "meetingInfo": {"c": 2, "attendees": []}}, False),
    ({"id": 1, "omitted": ["attendees"]}, {"id": 1, "meetingInfo": {"canceled": True, "attendees": []}}, False),
    ({"id": 1, "omitted": ["attendees"]}, {"id": 1, "meetingInfo": "odd"}, False),
    ({"id": 1, "omitted": ["body"]}, {"id": 1, "omitted": ["threadId"]}, True),
]  # fmt: skip


@pytest.mark.parametrize(("stored", "read", "same"), COMPLETIONS)
def test_what_completes_a_record_adds_what_was_left_out_and_nothing_else(
    stored: dict[str, Any], read: dict[str, Any], same: bool
) -> None:
    assert omitted.completes(json.dumps(read), json.dumps(stored)) is same


def test_a_record_that_comes_back_is_not_filled_from_the_one_that_was_deleted(world: World) -> None:
    world.pull("task_lists")
    world.upstream.put(TASKS, "r", "one", notes="of the first")
    world.upstream.put(TASKS, "other", "stays")
    world.one("tasks")
    world.upstream.drop(TASKS, "r")
    world.one("tasks")
    memory(world).rewrite = without("notes")
    world.upstream.put(TASKS, "r", "another one")

    world.one("tasks", appetite=Appetite(reads=0))

    assert "notes" not in world.live(TASKS)["r"]


@pytest.mark.parametrize("error", [WrongAnswer("422", status=422), NotPermitted("403", status=403), None])
def test_a_record_that_upstream_refuses_does_not_keep_the_others_from_completion(
    world: World, error: Exception | None
) -> None:
    left_out(world, "body")
    for day in range(1, 5):
        world.upstream.put(MESSAGES, f"m{day}", receivedAt=f"2026-01-0{day}T10:00:00.000Z")
    if error is not None:
        memory(world).fail("read", error)
    else:
        memory(world).fail("read", WrongAnswer("not whole"))

    for left in (1, 0, 0):
        done = world.one("messages")
        assert done.outcome == "ok"
        assert world.value("SELECT count(*) FROM incomplete") == left


def test_a_record_that_is_refused_is_asked_for_once_in_a_pass_and_given_up_after_three(world: World) -> None:
    left_out(world, "body")
    world.upstream.put(MESSAGES, "m", "bad")
    for expected in (1, 2, 3, 3):
        memory(world).fail("read", WrongAnswer("422"))
        world.one("messages")
        assert [verb for verb, *_ in memory(world).asked].count("read") == expected

    memory(world)._faults.clear()
    world.upstream.put(MESSAGES, "m", "changed")
    world.one("messages")
    assert world.rows("SELECT * FROM incomplete") == []


def test_a_record_that_breaks_the_server_lets_the_others_go_first_next_time(world: World) -> None:
    left_out(world, "body")
    for day in range(1, 5):
        world.upstream.put(MESSAGES, f"m{day}", receivedAt=f"2026-01-0{day}T10:00:00.000Z")
    memory(world).fail("read", RetryLater("500", status=500))
    assert world.one("messages").outcome == "failed"

    world.one("messages")

    assert [name for verb, _, name in memory(world).asked if verb == "read"] == ["m4", "m3", "m2", "m1", "m4"]
    for _ in range(10):
        world.upstream.put(MESSAGES, "m5", "breaks")
        memory(world).fail("read", RetryLater("500", status=500))
        world.one("messages")
    world.one("messages")
    assert world.rows("SELECT * FROM incomplete") == [], "trouble alone is never a reason to give up"


# --- bodies -----------------------------------------------------------------------------------------------------------------


def test_a_body_that_is_replaced_is_a_version(tmp_path: Path) -> None:
    upstream = SandboxUpstream()
    world = World(upstream, tmp_path / "home")
    for body in ("<p>first</p>", "<p>second</p>", "third, plain"):
        upstream.put(MESSAGES, "draft", "a draft", body=body, attachments={})
        world.clock.sleep(60)
        world.one("messages")

    seq = world.value("SELECT seq FROM messages")
    assert world.rows("SELECT seq, text FROM message_bodies") == [(seq, "third, plain")]
    versions = world.rows("SELECT html, seq, superseded_seq FROM message_body_versions ORDER BY seq")
    assert [html for html, *_ in versions] == ["<p>first</p>", "<p>second</p>"]
    assert [seq for _, seq, _ in versions] == [seq for (seq,) in world.rows("SELECT seq FROM versions ORDER BY seq")]
    assert "body" not in world.live(MESSAGES)["draft"]
    world.is_sound()


def test_a_change_of_labels_leaves_the_body_alone(tmp_path: Path) -> None:
    upstream = SandboxUpstream()
    world = World(upstream, tmp_path / "home")
    upstream.put(MESSAGES, "m", "mail", body="<p>body</p>", attachments={})
    world.one("messages")

    upstream.put(MESSAGES, "m", "mail", sysLabels=["unread"], body="<p>body</p>", attachments={})
    world.one("messages")

    assert world.rows("SELECT unread, (SELECT count(*) FROM message_body_versions) FROM messages") == [(1, 0)]
    assert world.value("SELECT count(*) FROM versions") == 1


BODIES = [
    ("<p>Hello <b>you</b></p>", "Hello you"),
    ("plain < text & more", "plain < text & more"),
    ("", ""),
    ("a\x00b", "a\x00b"),
]


@pytest.mark.parametrize(("body", "text"), BODIES)
def test_bodies_are_stored_as_they_came_and_as_text(tmp_path: Path, body: str, text: str) -> None:
    upstream = SandboxUpstream()
    world = World(upstream, tmp_path / "home")
    upstream.put(MESSAGES, "m", "mail")
    answer = json.dumps({"records": [{"id": "m", "body": body}], "nextDeltaToken": "t"}).encode()
    upstream.behind.faults.add(Fault(faults.body(answer), path=".*/email/sync/updated"))

    world.one("messages")

    stored = world.rows("SELECT html, text FROM message_bodies")
    assert stored[0][0] == body
    assert (stored[0][1] or "").strip() == text
    world.is_sound()


def test_a_message_knows_its_folder_also_when_the_folder_is_listed_later(world: World) -> None:
    world.upstream.put(MESSAGES, "m", "mail", folderId="f")
    world.upstream.put(MESSAGES, "other", "mail", folderId="elsewhere")
    world.pull()
    assert world.rows("SELECT folder_id FROM messages") == [(None,), (None,)]

    world.upstream.put(FOLDERS, "f", "Receipts")
    world.pull()

    folder = world.value("SELECT id FROM folders WHERE remote_id = 'f'")
    assert world.rows("SELECT folder_id FROM messages ORDER BY remote_id") == [(folder,), (None,)]
    assert world.value("SELECT count(*) FROM versions") == 0
