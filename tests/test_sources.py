"""What every source promises (`mirror/sources/base.py`), held against all of them."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from worlds import (
    CALENDARS,
    CONTACTS,
    DELTA,
    EVENTS,
    FEEDS,
    FOLDERS,
    LISTED,
    MAKERS,
    MESSAGES,
    TASK_LISTS,
    TASKS,
    SandboxUpstream,
    Upstream,
    ids,
    is_listed,
    pages,
    walk,
)

from mirror.errors import NotReady, RecordGone, RestartFeed, WrongAnswer
from mirror.feed import Change, Coverage, Feed, Gone, Record, Unreadable
from mirror.resources import KINDS
from mirror.sandbox.faults import Fault, body, edit
from mirror.sandbox.options import Options

ODD_IDS = ["a/b", "ä é 😀", "a?b=c&d", "#holiday", "%41", "+ +", "..", ".", "a;b,c", "'\"<>", "x" * 2000, "a\\b", "~"]


@pytest.fixture(params=MAKERS)
def upstream(request: pytest.FixtureRequest) -> Upstream:
    made = MAKERS[request.param]()
    made.source.mailbox()
    return made


every_feed = pytest.mark.parametrize("feed", FEEDS, ids=lambda feed: feed.kind)
delta_feeds = pytest.mark.parametrize("feed", DELTA, ids=lambda feed: feed.kind)
listed_feeds = pytest.mark.parametrize("feed", LISTED, ids=lambda feed: feed.kind)


def fill(upstream: Upstream, feed: Feed, count: int = 7) -> list[str]:
    """So many records more; the ids of all that there are."""
    for number in range(count):
        upstream.put(feed, f"r{number}", f"number {number}")
    return list(upstream.live(feed))


def test_the_mailbox_says_who_it_is(upstream: Upstream) -> None:
    mailbox = upstream.source.mailbox()

    assert mailbox.remote_id
    assert mailbox.email is not None
    assert "@" in mailbox.email


@every_feed
def test_a_listing_holds_every_record_once_as_upstream_has_it(upstream: Upstream, feed: Feed) -> None:
    fill(upstream, feed)

    changes, _ = walk(upstream.source, feed)

    found = {change.remote_id: change for change in changes if isinstance(change, Record)}
    assert len(found) == len(changes)
    assert {name: json.loads(change.raw) for name, change in found.items()} == upstream.live(feed)


@every_feed
def test_what_a_listing_covers_is_said_by_its_first_page_alone(upstream: Upstream, feed: Feed) -> None:
    fill(upstream, feed)

    said = [page.covers for page in pages(upstream.source, feed)]

    assert said == [upstream.source.coverage(feed)] + [None] * (len(said) - 1)


@every_feed
def test_a_walk_ends_where_the_next_one_begins(upstream: Upstream, feed: Feed) -> None:
    fill(upstream, feed)

    walked = list(pages(upstream.source, feed))

    assert [page.more for page in walked] == [True] * (len(walked) - 1) + [False]
    assert (walked[-1].cursor is None) == is_listed(feed)


@every_feed
def test_a_walk_goes_on_from_any_of_its_cursors(upstream: Upstream, feed: Feed) -> None:
    fill(upstream, feed)
    walked = list(pages(upstream.source, feed))

    for place, page in enumerate(walked[:-1]):
        rest, _ = walk(upstream.source, feed, page.cursor)
        assert ids(rest) == [name for later in walked[place + 1 :] for name in ids(later.changes)]


@every_feed
def test_asking_twice_with_one_cursor_gives_the_same(upstream: Upstream, feed: Feed) -> None:
    fill(upstream, feed)

    for page in list(pages(upstream.source, feed))[:-1]:
        once, again = upstream.source.page(feed, page.cursor), upstream.source.page(feed, page.cursor)
        assert ids(once.changes) == ids(again.changes)


@delta_feeds
def test_later_walks_tell_what_changed_since_and_nothing_else(upstream: Upstream, feed: Feed) -> None:
    fill(upstream, feed)
    _, cursor = walk(upstream.source, feed)
    upstream.put(feed, "r1", "changed")
    upstream.put(feed, "new", "created")
    upstream.drop(feed, "r2")

    changes, cursor = walk(upstream.source, feed, cursor)

    assert sorted((type(change).__name__, change.remote_id) for change in changes) == [
        ("Gone", "r2"), ("Record", "new"), ("Record", "r1"),
    ]  # fmt: skip
    gone = next(change for change in changes if isinstance(change, Gone))
    assert gone.at is not None
    changes, _ = walk(upstream.source, feed, cursor)
    assert changes == []


@listed_feeds
def test_a_list_without_a_feed_is_listed_again(upstream: Upstream, feed: Feed) -> None:
    fill(upstream, feed)
    walk(upstream.source, feed)
    upstream.drop(feed, "r2")
    upstream.put(feed, "r3", "renamed")

    changes, _ = walk(upstream.source, feed)

    assert set(ids(changes)) == set(upstream.live(feed))


@delta_feeds
def test_what_is_deleted_while_it_is_listed_is_told_in_the_same_walk(upstream: Upstream, feed: Feed) -> None:
    names = fill(upstream, feed)
    told: set[str | None] = set()

    for page in pages(upstream.source, feed):
        told -= {change.remote_id for change in page.changes if isinstance(change, Gone)}
        told |= {change.remote_id for change in page.changes if isinstance(change, Record)}
        if names[0] in told and names[0] in upstream.live(feed):
            upstream.drop(feed, names[0])

    assert told == set(names[1:])


@delta_feeds
def test_an_expired_cursor_asks_for_a_new_listing(upstream: Upstream, feed: Feed) -> None:
    names = fill(upstream, feed)
    _, cursor = walk(upstream.source, feed)
    upstream.expire(feed)

    with pytest.raises(RestartFeed) as expired:
        upstream.source.page(feed, cursor)

    assert expired.value.retry_with is None
    changes, _ = walk(upstream.source, feed)
    assert ids(changes) == names


@every_feed
def test_an_empty_feed_is_one_walk_without_changes(upstream: Upstream, feed: Feed) -> None:
    for name in upstream.live(feed):
        upstream.drop(feed, name)

    changes, cursor = walk(upstream.source, feed)

    assert changes == []
    if not is_listed(feed):
        upstream.put(feed, "first", "first")
        changes, _ = walk(upstream.source, feed, cursor)
        assert ids(changes) == ["first"]


@every_feed
def test_a_single_record_is_what_the_feed_says(upstream: Upstream, feed: Feed) -> None:
    fill(upstream, feed)
    changes, _ = walk(upstream.source, feed)
    told = next(change for change in changes if change.remote_id == "r1")

    read = upstream.source.read(feed, "r1")

    assert isinstance(read, Record)
    assert isinstance(told, Record)
    assert (read.remote_id, read.etag, read.modified_at, read.omitted) == ("r1", told.etag, told.modified_at, ())
    assert json.loads(read.raw) == upstream.live(feed)["r1"]


@every_feed
def test_a_record_that_is_not_there_is_gone_not_an_error(upstream: Upstream, feed: Feed) -> None:
    fill(upstream, feed, 2)
    upstream.drop(feed, "r1")

    for name in ("r1", "never"):
        assert upstream.source.read(feed, name) == Gone(name)


@pytest.mark.parametrize("feed", [EVENTS, MESSAGES], ids=lambda feed: feed.kind)
def test_attachments_come_byte_for_byte(upstream: Upstream, feed: Feed) -> None:
    content = bytes(range(256)) * 9
    upstream.put(feed, "r1", "with attachment")
    for attachment_id in ("0", "a/b +=="):
        upstream.attach(feed, "r1", attachment_id, content)

        assert upstream.source.attachment(feed, "r1", attachment_id) == content
    with pytest.raises(RecordGone):
        upstream.source.attachment(feed, "r1", "none")


@every_feed
def test_ids_may_hold_any_character(upstream: Upstream, feed: Feed) -> None:
    for name in ODD_IDS:
        upstream.put(feed, name, name[:20])

    changes, _ = walk(upstream.source, feed)
    assert set(ODD_IDS) <= set(ids(changes))
    for name in ODD_IDS:
        read = upstream.source.read(feed, name)
        assert isinstance(read, Record), name
        assert read.remote_id == name


@pytest.mark.parametrize(("parents", "kind"), [(CALENDARS, "events"), (TASK_LISTS, "tasks")])
def test_parents_may_hold_any_character(upstream: Upstream, parents: Feed, kind: str) -> None:
    for name in ODD_IDS:
        upstream.put(parents, name, name[:20])
        within = Feed(kind, name)
        upstream.put(within, "r1", "inside")

        changes, _ = walk(upstream.source, within)
        assert ids(changes) == ["r1"], name
        assert isinstance(upstream.source.read(within, "r1"), Record)


# --- what is Aurinko's alone --------------------------------------------------------------------------------------------


def test_a_pass_without_changes_costs_one_request_per_cursor_and_one_per_account() -> None:
    upstream = SandboxUpstream()
    upstream.source.mailbox()
    cursors = {}
    for feed in FEEDS:
        fill(upstream, feed, 2)
        _, cursors[feed] = walk(upstream.source, feed)
    before = len(upstream.asked)

    upstream.source.mailbox()
    for feed in FEEDS:
        changes, _ = walk(upstream.source, feed, cursors[feed])
        assert is_listed(feed) or changes == []

    asked = Counter(upstream.asked[before:])
    assert asked == {
        "GET /account": 1,
        "GET /calendars": 1, "GET /email/folders": 1, "GET /tasklists": 1,
        "GET /contacts/sync/updated": 1, "GET /contacts/sync/deleted": 1,
        "GET /calendars/home/sync/updated": 1, "GET /calendars/home/sync/deleted": 1,
        "GET /tasklists/chores/sync/updated": 1, "GET /tasklists/chores/sync/deleted": 1,
        "GET /email/sync/updated": 1, "GET /email/sync/deleted": 1,
    }  # fmt: skip


def test_tokens_are_stored_as_upstream_sent_them_and_one_is_sent_at_a_time() -> None:
    upstream = SandboxUpstream()
    fill(upstream, CONTACTS)

    for page in pages(upstream.source, CONTACTS):
        assert page.cursor is not None
        assert all(cursor.endswith("=") for side in ("updated", "deleted") for cursor in page.cursor[side].values())

    for request in upstream.behind.faults.requests:
        if "/sync/" in request.path:
            assert ("deltaToken=" in request.query) != ("pageToken=" in request.query)


@pytest.mark.parametrize(("polls", "budget_s", "ready"), [(3, 300.0, True), (3, 5.0, False), (50, 300.0, False)])
def test_a_feed_that_is_not_ready_is_asked_again_with_growing_waits(polls: int, budget_s: float, ready: bool) -> None:
    upstream = SandboxUpstream(Options(ready_polls=polls), budget_s=budget_s)

    if ready:
        walk(upstream.source, EVENTS)
        assert upstream.clock.monotonic() == 1 + 2 + 4
    else:
        with pytest.raises(NotReady):
            walk(upstream.source, EVENTS)
        assert upstream.clock.monotonic() <= budget_s


@delta_feeds
def test_a_start_that_is_not_ready_is_the_same_request_in_the_next_run(feed: Feed) -> None:
    upstream = SandboxUpstream(Options(ready_polls=4), budget_s=4)

    with pytest.raises(NotReady):
        walk(upstream.source, feed)
    upstream.clock.sleep(3600)
    upstream.source.new_patience()
    walk(upstream.source, feed)

    starts = {request.query for request in upstream.behind.faults.requests if request.method == "POST"}
    assert len(starts) == 1


@pytest.mark.parametrize("status", [400, 410])
def test_an_expired_page_token_is_dropped_once_for_the_delta_token_it_came_from(status: int) -> None:
    upstream = SandboxUpstream(Options(page_size=2, expired_page_status=status))  # type: ignore[arg-type]  # both are literals
    fill(upstream, CONTACTS)
    start, first, *_ = pages(upstream.source, CONTACTS)
    upstream.behind.tokens.expire("page")

    with pytest.raises(RestartFeed) as once:
        upstream.source.page(CONTACTS, first.cursor)
    assert start.cursor is not None
    retry = dict(once.value.retry_with or {})
    assert {**start.cursor, **retry} == {**retry}
    assert retry["updated"] == start.cursor["updated"]

    page = upstream.source.page(CONTACTS, retry)
    upstream.behind.tokens.expire("page")
    with pytest.raises(RestartFeed) as twice:
        upstream.source.page(CONTACTS, page.cursor)
    assert twice.value.retry_with is None


@pytest.mark.parametrize("cursor", [{}, {"walking": "updated"}, {"walking": "updated", "updated": {}}, {"updated": 5}])
def test_a_cursor_of_another_form_begins_anew(cursor: dict[str, object]) -> None:
    upstream = SandboxUpstream()

    with pytest.raises(RestartFeed) as restart:
        upstream.source.page(CONTACTS, cursor)

    assert restart.value.retry_with is None


WRONG_PAGES = [
    ({}, "no tokens"),
    ({"records": []}, "no tokens"),
    ({"records": None, "nextDeltaToken": ""}, "empty token"),
    ({"nextDeltaToken": "t", "length": 3}, "records were lost"),
    ({"records": {}, "nextDeltaToken": "t"}, "not a list"),
    ({"records": [], "nextDeltaToken": 5}, "not a token"),
]


@pytest.mark.parametrize("answer", [case[0] for case in WRONG_PAGES], ids=[case[1] for case in WRONG_PAGES])
def test_a_page_of_another_form_is_a_wrong_answer(answer: dict[str, object]) -> None:
    upstream = SandboxUpstream()
    start = next(pages(upstream.source, CONTACTS))
    upstream.behind.faults.add(Fault(edit(lambda _, __: answer), path=r".*/sync/updated"))

    with pytest.raises(WrongAnswer):
        upstream.source.page(CONTACTS, start.cursor)


@pytest.mark.parametrize("answer", [{}, {"length": 2}, {"records": "none"}, {"nextPageToken": "", "length": 1}])
@listed_feeds
def test_a_listing_without_records_is_not_an_empty_one(feed: Feed, answer: dict[str, object]) -> None:
    upstream = SandboxUpstream()
    upstream.behind.faults.add(Fault(edit(lambda _, __: answer), method="GET"))

    with pytest.raises(WrongAnswer):
        upstream.source.page(feed, None)


@listed_feeds
def test_a_listing_that_says_it_is_empty_may_leave_its_records_out(feed: Feed) -> None:
    upstream = SandboxUpstream()
    upstream.behind.faults.add(Fault(edit(lambda _, __: {"length": 0}), method="GET"))

    assert upstream.source.page(feed, None).changes == ()


def test_a_page_token_that_does_not_advance_is_a_wrong_answer() -> None:
    upstream = SandboxUpstream(Options(page_size=2))
    fill(upstream, CONTACTS)
    _, first, *_ = pages(upstream.source, CONTACTS)
    assert first.cursor is not None
    same = first.cursor["updated"]["page"]
    upstream.behind.faults.add(Fault(edit(lambda page, _: {**page, "nextPageToken": same}), path=r".*/sync/updated"))

    with pytest.raises(WrongAnswer, match="does not advance"):
        upstream.source.page(CONTACTS, first.cursor)


def test_the_coverage_of_a_calendar_is_a_year_back_and_two_ahead_in_whole_days() -> None:
    upstream = SandboxUpstream()

    assert upstream.source.coverage(EVENTS) == Coverage("2025-01-05T00:00:00.000Z", "2028-01-05T00:00:00.000Z")
    assert upstream.source.coverage(MESSAGES).until is None
    for feed in (CONTACTS, TASKS, CALENDARS, FOLDERS, TASK_LISTS):
        assert upstream.source.coverage(feed) == Coverage()
    assert {kind.covers for kind in KINDS.values()} == {"whole", "window", "days"}


DEEP = b"[" * 50_000 + b"]" * 50_000
BAD_RECORDS = [
    (b'{"nickName": "no id"}', Unreadable, None),
    (b'{"id": null}', Unreadable, None),
    (b'{"id": ""}', Unreadable, None),
    (b'{"id": true}', Unreadable, None),
    (b'{"id": {"id": "a"}}', Unreadable, None),
    (b'{"id": "' + b"x" * 2049 + b'"}', Unreadable, None),
    (b'{"id": "\\ud800"}', Unreadable, None),
    (b'{"id": "a\xff"}', Unreadable, None),
    (b'"a text"', Unreadable, None),
    (b"17", Unreadable, None),
    (b"null", Unreadable, None),
    (b'["a", "b"]', Unreadable, None),
    (DEEP, Unreadable, None),
    (b'{"id": 17}', Record, "17"),
    (b'{"id": "a", "etag": 5, "lastModifiedTime": {}, "omitted": "body", "deleted": "no"}', Record, "a"),
    (b'{"id": "a", "lastModifiedTime": "yesterday"}', Record, "a"),
    (b'{"id": "a", "nickName": "\\ud800 lone"}', Record, "a"),
    (b'{"id": "a", "nickName": "control \x01"}', Record, "a"),
    (b'{"id": "a", "nickName": "\xff\xfe"}', Record, "a"),
    (b'{"id": "a", "nickName": NaN}', Record, "a"),
    (b'{"id": "a", "nickName": 1e999}', Record, "a"),
    (b'{"id": "a", "etag": "\\ud800", "body": "\\ud800 lone"}', Record, "a"),
    (b'{"id": "a", "body": {"html": "x"}}', Record, "a"),
    (b'{"id": "a", "deep": ' + DEEP + b"}", Record, "a"),
    (b'{"deep": ' + DEEP + b', "id": "a", "body": "x"}', Record, "a"),
    (b'{"id": "a", "text": "' + b"x" * 5_000_000 + b'"}', Record, "a"),
    (b'{"id": "a", "deleted": true}', Gone, "a"),
]


@pytest.mark.parametrize("feed", [CONTACTS, MESSAGES], ids=lambda feed: feed.kind)
@pytest.mark.parametrize(("bad", "kind", "remote_id"), BAD_RECORDS, ids=lambda value: repr(value)[:40])
def test_a_bad_record_is_bad_alone(feed: Feed, bad: bytes, kind: type[Change], remote_id: str | None) -> None:
    upstream = SandboxUpstream()
    start = next(pages(upstream.source, feed))
    page = b'{"length": 3, "records": [{"id": "g1"}, ' + bad + b', {"id": "g2"}], "nextDeltaToken": "t=="}'
    upstream.behind.faults.add(Fault(body(page), path=r".*/sync/updated"))

    first, change, last = upstream.source.page(feed, start.cursor).changes

    assert (first.remote_id, last.remote_id) == ("g1", "g2")
    assert (type(change), change.remote_id) == (kind, remote_id)
    if isinstance(change, (Record, Unreadable)) and b'"body"' not in bad:
        assert change.raw == bad, "byte for byte"
    if isinstance(change, Record) and change.body is not None:
        change.body.encode()


@pytest.mark.parametrize(
    "bad", [b"{}", b'{"timestamp": "x"}', b"5", b'{"id": "\xff"}', DEEP], ids=lambda bad: repr(bad)[:20]
)
def test_a_bad_deletion_is_bad_alone(bad: bytes) -> None:
    upstream = SandboxUpstream()
    *_, end = pages(upstream.source, CONTACTS)
    page = b'{"records": [' + bad + b', {"id": 5}, {"id": "b", "timestamp": "soon"}], "nextDeltaToken": "t"}'
    upstream.behind.faults.add(Fault(body(page), path=r".*/sync/deleted"))

    changes, _ = walk(upstream.source, CONTACTS, end.cursor)

    assert [type(change) for change in changes] == [Unreadable, Gone, Gone]
    assert ids(changes) == [None, "5", "b"]


@pytest.mark.parametrize("answer", [b'{"id": "a"}, {"id": "b"}', b'{"id": "b"}', b"{}", b'{"id": "a"', b"5", b""])
def test_a_single_record_that_is_another_one_is_a_wrong_answer(answer: bytes) -> None:
    upstream = SandboxUpstream()
    upstream.put(CONTACTS, "a")
    upstream.behind.faults.add(Fault(body(answer), path=r".*/contacts/a", times=None))

    with pytest.raises(WrongAnswer):
        upstream.source.read(CONTACTS, "a")


def attachment_that_says(content: object) -> bytes:
    upstream = SandboxUpstream()
    upstream.put(MESSAGES, "m")
    upstream.attach(MESSAGES, "m", "0", b"bytes")
    upstream.behind.faults.add(Fault(edit(lambda answer, _: {**answer, "content": content}), path=r".*/attachments/0"))
    return upstream.source.attachment(MESSAGES, "m", "0")


@pytest.mark.parametrize("content", ["****", "YWJ*jZA==", "é", "Y", 5, None])
def test_an_attachment_that_is_not_base64_is_a_wrong_answer(content: object) -> None:
    with pytest.raises(WrongAnswer):
        attachment_that_says(content)


@pytest.mark.parametrize(
    ("content", "read"), [("", b""), ("/+8=", b"\xff\xef"), ("_-8", b"\xff\xef"), ("YWJj\r\nZGVm\n", b"abcdef")]
)
def test_every_form_of_base64_is_read(content: str, read: bytes) -> None:
    assert attachment_that_says(content) == read
