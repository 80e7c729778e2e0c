"""History: what changed in a period, in words and by day; and every version of one record with what it changed."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import pytest
from datasette.app import Datasette
from web_demo import blank_mirror, browse, get, insert
from worlds import CONTACTS, EVENTS, FOLDERS, MESSAGES, TASKS, MemoryUpstream, World

from mirror.resources import KINDS
from mirror.web import changes, then
from mirror.web.changes import Place, Wanted
from mirror.web.page import Asked
from mirror.web.queries import history as queries


@pytest.fixture
def world(quick_path: Path) -> Iterator[World]:
    made = World(MemoryUpstream(), quick_path / "home")
    yield made
    made.store.close()


@pytest.fixture(scope="module")
def demo(demo_home: Path) -> Datasette:
    return browse(demo_home / "mirror.db")


def a_day(world: World) -> None:
    world.pull()
    world.clock.sleep(86_400)


def a_life(world: World) -> None:
    """From 5 January 2026, 9:00 UTC, a day each: all new; changed; deleted; back."""
    world.upstream.put(FOLDERS, "in", "Inbox")
    world.upstream.put(CONTACTS, "a", "Ada", notes="one")
    world.upstream.put(MESSAGES, "m", "Tea?", sysLabels=["inbox", "unread"], body="<p>Dear Bo,</p><p>at four?</p>")
    world.upstream.put(EVENTS, "e", "Tea")
    world.upstream.put(TASKS, "t", "Buy milk", status="notStarted")
    a_day(world)
    world.upstream.put(CONTACTS, "a", "Ada", notes="two")
    world.upstream.put(MESSAGES, "m", "Tea?", sysLabels=["inbox"], body="<p>Dear Bo,</p><p>at five?</p>")
    world.upstream.put(EVENTS, "e", "Tea", start={"dateTime": "2026-01-11T09:00:00Z"})
    world.upstream.put(TASKS, "t", "Buy milk", status="completed")
    a_day(world)
    world.upstream.drop(CONTACTS, "a")
    world.upstream.drop(MESSAGES, "m")
    a_day(world)
    world.upstream.put(CONTACTS, "a", "Ada", notes="three")
    a_day(world)


def pages_of(world: World) -> Datasette:
    return browse(world.store.home / "mirror.db")


def text_of(datasette: Datasette, path: str, **query: Any) -> str:
    page = get(datasette, path, **query)
    assert page.status_code == 200, (path, page.status_code, page.text[-600:])
    return page.text


def told(page: str) -> list[tuple[str, str]]:
    """What happened and to what, from top to bottom."""
    found = re.findall(r'<span class="kind kind-\w+">([^<]+)</span>\s*<span class="said">\s*<a [^>]*>([^<]*)</a>', page)
    return [(what, title) for what, title in found]


PERIOD = {"since": "2026-01-05", "until": "2026-01-08"}


def test_a_period_is_told_in_words_newest_first_and_by_day(world: World) -> None:
    a_life(world)
    page = text_of(pages_of(world), "/history", **PERIOD)

    assert re.findall(r'<h2 id="day-[-\d]+">([^<]+)<', page) == [
        "Thu 8 Jan 2026", "Wed 7 Jan 2026", "Tue 6 Jan 2026", "Mon 5 Jan 2026",
    ]  # fmt: skip
    assert told(page)[:3] == [("contact restored", "Ada"), ("mail deleted", "Tea?"), ("contact deleted", "Ada")]
    assert set(told(page)[3:7]) == {
        ("mail read", "Tea?"), ("task done", "Buy milk"), ("event moved", "Tea"), ("contact changed", "Ada"),
    }  # fmt: skip
    assert ("new mail", "Tea?") in told(page)
    assert "upstream said so" in page
    assert ">notes</small>" in page


def test_each_change_of_the_period_is_told_exactly_once_however_it_is_paged(world: World) -> None:
    a_life(world)
    conn = sqlite3.connect(world.store.home / "mirror.db")
    conn.row_factory = sqlite3.Row
    known = {
        (row["kind"], row["record_id"], row["change"], row["seq"]) for row in conn.execute("SELECT * FROM changes")
    }
    wanted = Wanted("2026-01-01T00:00:00.000Z", "2026-02-01T00:00:00.000Z", tuple(KINDS))

    for most in (1, 2, 3, 100):
        asked = Asked(conn, "2026-02-01T00:00:00.000Z", ZoneInfo("UTC"))
        found, place = [], None
        while True:
            some, place = changes.newest(asked, Wanted(wanted.since, wanted.until, wanted.kinds, before=place), most)
            found += some
            if place is None:
                break
        assert [
            (one.kind, one.record_id, one.what, one.seq) for one in found if found.count(one) == 1
        ].__len__() == len(known)
        assert {(one.kind, one.record_id, one.what, one.seq) for one in found} == known
        assert [one.at for one in found] == sorted((one.at for one in found), reverse=True)
    conn.close()


def test_counts_per_day_are_those_of_the_changes(world: World) -> None:
    a_life(world)
    conn = sqlite3.connect(world.store.home / "mirror.db")
    conn.row_factory = sqlite3.Row
    days = [f"2026-01-{day:02}" for day in range(4, 10)]
    bounds = [
        {"day": day, "since": f"{day}T00:00:00.000Z", "until": f"2026-01-{place:02}T00:00:00.000Z"}
        for place, day in enumerate(days, 5)
    ]
    asked = Asked(conn, "2026-02-01T00:00:00.000Z", ZoneInfo("UTC"))
    wanted = Wanted(bounds[0]["since"], bounds[-1]["until"], tuple(KINDS))

    counted = {row["day"]: row for row in changes.per_day(asked, wanted, bounds)}

    for day in days:
        said = dict(
            conn.execute(
                "SELECT change, count(*) FROM changes WHERE observed_at LIKE ? GROUP BY 1", [day + "%"]
            ).fetchall()
        )
        assert {what: counted[day][what] for what in changes.WHAT if counted[day][what]} == said
    conn.close()


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"what": "deleted"}, [("mail deleted", "Tea?"), ("contact deleted", "Ada")]),
        ({"change": "deleted"}, [("mail deleted", "Tea?"), ("contact deleted", "Ada")]),
        ({"what": "restored"}, [("contact restored", "Ada")]),
        ({"what": "created", "kind": "tasks"}, [("new task", "Buy milk")]),
        ({"what": "changed", "kind": "contacts"}, [("contact changed", "Ada")]),
        ({"kind": "messages"}, [("mail deleted", "Tea?"), ("mail read", "Tea?"), ("new mail", "Tea?")]),
        ({"account": "1", "kind": "events"}, [("event moved", "Tea"), ("new event", "Tea")]),
        ({"kind": "contacts", "until": "2026-01-06"}, [("contact changed", "Ada"), ("new contact", "Ada")]),
        ({"kind": "contacts", "since": "2026-01-07"}, [("contact restored", "Ada"), ("contact deleted", "Ada")]),
    ],
)  # fmt: skip
def test_a_period_is_narrowed(world: World, filters: dict[str, str], expected: list[tuple[str, str]]) -> None:
    a_life(world)
    assert told(text_of(pages_of(world), "/history", **{**PERIOD, **filters})) == expected


def test_days_are_the_readers(world: World) -> None:
    a_life(world)  # at nine in the morning in London, which is midnight in Anchorage
    page = text_of(pages_of(world), "/history", **{**PERIOD, "zone": "America/Los_Angeles"})

    assert 'id="day-2026-01-05">' in page
    assert told(
        text_of(
            pages_of(world),
            "/history",
            since="2026-01-05",
            until="2026-01-05",
            zone="Pacific/Pago_Pago",
            kind="contacts",
        )
    ) == [("contact changed", "Ada")]


def test_older_changes_are_a_page_further(demo: Datasette) -> None:
    first = text_of(demo, "/history", kind="messages")
    older = re.search(r'<a rel="next" href="([^"]+)"', first)
    assert older
    split = urlsplit(older[1].replace("&amp;", "&"))
    second = text_of(demo, f"{split.path}?{split.query}")

    links = re.compile(r'href="(/history/messages/\d+#version-\d+)"')
    assert len(links.findall(first)) == len(links.findall(second)) == 60
    assert not set(links.findall(first)) & set(links.findall(second))
    assert '<a rel="prev"' in second


def test_the_demo_has_a_week_of_history(demo: Datasette) -> None:
    page = text_of(demo, "/history")

    assert "task done" in page
    assert "contact deleted" in page
    assert 'data-chart="bars" data-stacked' in page
    assert 'src="/-/mirror/static/chart.js"' in page
    assert page.count('<tr><th scope="row"') == 7
    assert "SELECT" in page


def test_a_long_period_is_drawn_by_months(demo: Datasette) -> None:
    page = text_of(demo, "/history", since="2026-01-15", until="2026-06-14")

    assert re.findall(r'<th scope="row" dir="auto">([^<]+)<', page) == [f"2026-{month:02}" for month in range(1, 7)]
    assert "Nothing changed from Thu 15 Jan 2026 to Sun 14 Jun 2026" in page


def test_the_history_of_then_ends_then(world: World) -> None:
    a_life(world)
    page = text_of(pages_of(world), "/history", **PERIOD, kind="contacts", at="2026-01-06T12:00:00Z")

    assert told(page) == [("contact changed", "Ada"), ("new contact", "Ada")]
    assert "at=2026-01-06T12" in page


@pytest.mark.parametrize(
    "query",
    [
        {"since": "soon"}, {"until": "2026-13-01"}, {"since": "2026-02-01", "until": "2026-01-01"}, {"since": "0001-01-01"},
        {"until": "9999-12-31"}, {"kind": "nothing"}, {"what": "eaten"}, {"account": "99"}, {"before": "x"},
        {"before": "2026-01-05T09:00:00.000Z.sqlite_master.1"}, {"before": "1' OR 1"},
    ],
)  # fmt: skip
def test_what_can_not_be_asked_is_refused_in_a_sentence(demo: Datasette, query: dict[str, str]) -> None:
    page = get(demo, "/history", **query)
    assert page.status_code == 400
    assert "Traceback" not in page.text


@pytest.mark.parametrize(
    "before", ["2026-01-05T09:00:00.000Z.7", "2999-01-05T09:00:00.000Z.messages.999999999999999999"]
)
def test_any_place_can_be_gone_on_from(demo: Datasette, before: str) -> None:
    assert get(demo, "/history", before=before).status_code == 200


def test_an_empty_mirror_says_what_would_be_here(quick_path: Path) -> None:
    page = text_of(browse(blank_mirror(quick_path)), "/history")
    assert "The mirror notes every change that a sync brings" in page


HOSTILE = "<script>alert(1)</script>\"'>"


def test_hostile_records_stay_text(quick_path: Path) -> None:
    path = blank_mirror(quick_path)
    insert(path, "accounts", name=HOSTILE)
    raw = '{"subject": "<script>alert(1)</script>", "sysLabels": 7, "<img src=x>": [[]]}'
    insert(path, "messages", subject=HOSTILE, from_name=HOSTILE, raw=raw)
    insert(path, "tasks", title="half", task_list_id=1, raw='{"title": "\\ud800", "notes": "\\udfff"}')
    insert(path, "contacts", name="x", raw='{"name": "not an object", "notes": "\\u0000"}')
    datasette = browse(path)

    for page in (
        text_of(datasette, "/history", **PERIOD),
        text_of(datasette, "/history/messages/1"),
        text_of(datasette, "/history/contacts/1"),
        text_of(datasette, "/history/tasks/1"),
    ):
        assert "<script>alert" not in page
        assert "<img src=x>" not in page


# --- one record --------------------------------------------------------------------------------------------------------------


def test_all_versions_of_a_record_are_told_with_what_they_changed(world: World) -> None:
    a_life(world)
    page = text_of(pages_of(world), "/history/contacts/1")

    assert re.findall(r'<h2><span class="state state-(\w+)">', page) == ["restored", "deleted", "changed", "created"]
    assert "<del>one</del>" in page
    assert "<ins>two</ins>" in page
    assert "Upstream said that it is deleted" in page
    assert "4 versions in work" in page
    assert 'href="/contacts/1?at=2026-01-06T09' in page
    assert page.count('<details class="raw">') == 4


def test_a_mails_text_is_compared_line_by_line(world: World) -> None:
    a_life(world)
    page = text_of(pages_of(world), "/history/messages/1")

    assert "<del>at four?</del>" in page
    assert "<ins>at five?</ins>" in page
    assert "Dear Bo," not in page.split("text-difference")[1].split("</div>")[0]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_record_has_its_history(demo: Datasette, kind: str) -> None:
    page = text_of(demo, f"/history/{kind}/1")
    assert 'id="version-' in page
    assert ("as of then" in page) == (kind in ("contacts", "events", "messages", "tasks"))


def test_a_long_history_is_paged(world: World) -> None:
    world.upstream.put(CONTACTS, "a", "face 0")
    for number in range(1, 40):
        world.upstream.put(CONTACTS, "a", f"face {number}")
        world.pull("contacts")
    datasette = pages_of(world)
    first = text_of(datasette, "/history/contacts/1")
    older = re.search(r'<a rel="next" href="/history/contacts/1\?before=(\d+)"', first)
    assert older
    second = text_of(datasette, "/history/contacts/1", before=older[1])

    assert first.count('class="panel version') == 30
    assert second.count('class="panel version') == 9
    assert "<del>face 9</del>" in first  # compared with the version on the next page
    assert '<span class="state state-created">' in second
    assert '<span class="state state-created">' not in first


@pytest.mark.parametrize(
    "path",
    [
        "/history/contacts/999999",
        "/history/nothing/1",
        "/history/sqlite_master/1",
        "/history/contacts/99999999999999999999",
    ],
)
def test_what_was_never_there_has_no_history(demo: Datasette, path: str) -> None:
    page = get(demo, path)
    assert page.status_code == 404
    assert "Traceback" not in page.text


def test_a_deleted_record_keeps_its_history_and_says_that_it_is_gone(demo: Datasette, demo_home: Path) -> None:
    conn = sqlite3.connect(demo_home / "mirror.db")
    (task,) = conn.execute("SELECT id FROM tasks WHERE deleted_at IS NOT NULL LIMIT 1").fetchone()
    conn.close()

    page = text_of(demo, f"/history/tasks/{task}")
    assert "This is its last version" in page
    assert re.findall(r'<h2><span class="state state-(\w+)">', page) == ["deleted", "created"]


# --- how it is found -----------------------------------------------------------------------------------------------------------


def test_the_first_record_of_a_moment_is_found_by_halving(world: World) -> None:
    for number in range(23):
        world.upstream.put(CONTACTS, f"c{number}", "x")
        if number % 4 == 0:
            world.pull("contacts")
            world.clock.sleep(60)
    world.upstream.put(CONTACTS, "c3", "changed")
    world.pull("contacts")
    asked = Asked(world.store.conn, "2099-01-01T00:00:00.000Z", ZoneInfo("UTC"))
    new_at = dict(world.rows("SELECT record_id, min(observed_at) FROM all_versions WHERE kind = 'contacts' GROUP BY 1"))

    for at in {*new_at.values(), "2000-01-01T00:00:00.000Z", "2099-01-01T00:00:00.000Z"}:
        later = [record_id for record_id, moment in new_at.items() if moment >= at]
        assert changes.first_id(asked, "contacts", at) == min(later, default=24)


def test_ids_that_were_purged_do_not_confuse_the_halving(world: World) -> None:
    for number in range(12):
        world.upstream.put(CONTACTS, f"c{number}", "x")
        world.pull("contacts")
        world.clock.sleep(60)
    with world.store.transaction() as conn:
        conn.execute("INSERT INTO purges VALUES (1)")
        conn.execute("DELETE FROM contacts WHERE id IN (2, 3, 4, 9, 12)")
        conn.execute("DELETE FROM purges")
    asked = Asked(world.store.conn, "2099-01-01T00:00:00.000Z", ZoneInfo("UTC"))
    new_at = dict(world.rows("SELECT id, observed_at FROM contacts"))

    for at in {*new_at.values(), "2099-01-01T00:00:00.000Z"}:
        first = changes.first_id(asked, "contacts", at)
        assert [one for one in new_at if one >= first] == [one for one, moment in new_at.items() if moment >= at]


@pytest.mark.parametrize("back", [False, True])
def test_no_question_reads_a_whole_table(world: World, back: bool) -> None:
    a_life(world)
    asked = {
        **{f"first {kind}": (sql, {"id": 1}) for kind, sql in queries.FIRST.items()},
        **{
            f"created {kind}": (sql, {"first": 1, "end": 9, "account": "", "most": 9})
            for kind, sql in queries.CREATED.items()
        },
        **{
            f"superseded {kind}": (
                sql,
                {"since": "2", "until": "3", "before": 0, "account": "", "what": "deleted", "most": 9},
            )
            for kind, sql in queries.SUPERSEDED.items()
        },
        **{f"per day {kind}": (sql, {"days": "[]", "account": ""}) for kind, sql in queries.PER_DAY.items()},
        "next": (queries.NEXT, {"kind": "contacts", "record_id": 1, "seq": 1}),
        "versions": (queries.VERSIONS, {"kind": "contacts", "id": 1, "before": "", "most": 9}),
    }
    opened = then.opened(world.store.home / "mirror.db", "2026-01-06T12:00:00.000Z")
    with opened as conn:
        for name, (sql, given) in asked.items():
            now = world.store.conn.execute("EXPLAIN QUERY PLAN " + sql, given)
            plan = conn.plan(sql, given) if back else [row["detail"] for row in now]
            tables = [*KINDS, "versions", "record", "newest"]
            scans = [line for line in plan if re.match(rf"SCAN (main\.)?({'|'.join(tables)})\b(?! USING)", line)]
            assert scans == [], (name, plan)


def test_the_place_in_a_page_is_before_all_that_is_older(world: World) -> None:
    a_life(world)
    asked = Asked(world.store.conn, "2099-01-01T00:00:00.000Z", ZoneInfo("UTC"))
    wanted = Wanted("2026-01-01T00:00:00.000Z", "2099-01-01T00:00:00.000Z", tuple(KINDS))
    everything, _ = changes.newest(asked, wanted, 1000)
    for place, one in enumerate(everything):
        rest, _ = changes.newest(asked, Wanted(wanted.since, wanted.until, wanted.kinds, before=one.place), 1000)
        assert rest == everything[place + 1 :]
    assert {type(one.place) for one in everything} == {Place}
