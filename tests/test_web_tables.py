"""Datasette's own table pages over a mirror: every row once, in order, and by an index however big the file is."""

from __future__ import annotations

import asyncio
import random
import re
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from datasette.app import Datasette
from datasette.database import Database
from web_demo import blank_mirror, browse, get, insert

from mirror.web import keyset
from mirror.web.database import FEW_ROWS, MOST_TO_FACET, MirrorDatabase


@pytest.fixture(scope="module")
def demo(demo_home: Path) -> Datasette:
    return browse(demo_home / "mirror.db")


@pytest.fixture(scope="module")
def scattered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Mails of few different times, some without one, in no order."""
    path = blank_mirror(tmp_path_factory.mktemp("tables"))
    insert(path, "accounts", name="ada")
    chance = random.Random(11)
    conn = sqlite3.connect(path)
    with conn:
        for number in range(1, 161):
            at = None if chance.random() < 0.2 else f"2026-03-{chance.randint(1, 9):02}T09:00:00.000Z"
            conn.execute(
                "INSERT INTO messages (id, account_id, remote_id, observed_at, seq, generation, received_at, subject, unread,"
                " raw) VALUES (?, 1, ?, '', ?, 1, ?, ?, ?, '{}')",
                (number * 3, str(number), number, at, chance.choice(["tea", "cake"]), chance.choice([0, 1, None])),
            )
        conn.execute("INSERT INTO messages_fts(messages_fts) VALUES ('rebuild')")
    conn.close()
    return path


def all_pages(datasette: Datasette, table: str, **asked: Any) -> list[dict[str, Any]]:
    """The rows of all pages, one after the other."""
    rows: list[dict[str, Any]] = []
    url, query = f"/mirror/{table}.json", {"_shape": "objects", **asked}
    while True:
        page = get(datasette, url, **query).json()
        rows += page["rows"]
        if not page["next"]:
            return rows
        query["_next"] = page["next"]


SORTS: list[tuple[str, bool]] = [(c, d) for c in ("received_at", "subject", "unread", "id") for d in (False, True)]


@pytest.mark.parametrize(("column", "falling"), SORTS)
@pytest.mark.parametrize(
    "more", [{}, {"subject": "tea"}, {"_search": "cake"}, {"unread__not": "1"}, {"_where": "id > 9"}]
)
def test_the_pages_of_a_table_hold_every_row_once_in_order(
    scattered: Path, column: str, falling: bool, more: dict[str, str]
) -> None:
    rows = all_pages(browse(scattered), "messages", _size=7, **{"_sort_desc" if falling else "_sort": column}, **more)

    conn = sqlite3.connect(scattered)
    wanted = {
        "subject": "subject = 'tea'", "_search": "subject = 'cake'", "unread__not": "unread != 1", "_where": "id > 9",
    }.get(next(iter(more), ""), "1")  # fmt: skip
    way = " DESC" if falling else ""
    expected = conn.execute(f"SELECT id FROM messages WHERE {wanted} ORDER BY {column}{way}, id{way}").fetchall()
    conn.close()
    assert [row["id"] for row in rows] == [row[0] for row in expected]
    assert len(rows) > 40


@pytest.mark.parametrize("where", ["id = 3 or id = 6 or 1", "1 -- all", "id in (select id from messages limit 99)"])
def test_a_condition_of_ones_own_means_what_it_meant(scattered: Path, where: str) -> None:
    class Plain(MirrorDatabase):
        execute = Database.execute

    ours = browse(scattered)
    theirs = browse(scattered)
    theirs.remove_database("mirror")
    theirs.add_database(Plain(theirs, path=str(scattered), is_mutable=True), name="mirror")
    asked = {"_where": where, "_sort_desc": "received_at", "_size": "9", "_next": "2026-03-05T09~3A00~3A00~2E000Z,6"}

    answers = [get(datasette, "/mirror/messages.json", **asked).json() for datasette in (ours, theirs)]

    assert answers[0]["rows"] == answers[1]["rows"]


def plan(path: Path, datasette: Datasette, **asked: Any) -> str:
    """How SQLite finds the rows of a table page: its plans for the statements that were asked, joined."""
    statements: list[tuple[str, Any]] = []

    class Watched(MirrorDatabase):
        async def execute_fn(self, fn: Any) -> Any:
            def watching(conn: sqlite3.Connection) -> Any:
                conn.set_trace_callback(lambda sql: statements.append((sql, None)))
                try:
                    return fn(conn)
                finally:
                    conn.set_trace_callback(None)

            return await super().execute_fn(watching)

    datasette.remove_database("mirror")
    datasette.add_database(Watched(datasette, path=str(path), is_mutable=True), name="mirror")
    assert get(datasette, "/mirror/messages.json", **asked).status_code == 200
    conn = sqlite3.connect(path)
    rows = [s for s, _ in statements if s.startswith("select id, account_id") and "limit 8" in s]
    found = [row[3] for sql in rows for row in conn.execute(f"EXPLAIN QUERY PLAN {sql}")]
    conn.close()
    return "; ".join(found)


@pytest.mark.parametrize("sort", ["_sort_desc", "_sort"])
def test_a_later_page_of_mail_is_a_range_of_an_index(scattered: Path, sort: str) -> None:
    first = get(browse(scattered), "/mirror/messages.json", _size=7, **{sort: "received_at"}).json()
    asked = {"_size": 7, sort: "received_at", "_next": "2026-03-05T09~3A00~3A00~2E000Z,6"}

    found = plan(scattered, browse(scattered), **asked)

    assert first["next"]
    assert re.search(r"SEARCH messages USING INDEX messages_received_at \(received_at[<>]\?\)", found), found


def test_a_search_that_matches_much_goes_by_the_order_of_the_page() -> None:
    sql = "select id from messages where id in (select rowid from messages_fts where messages_fts match escape_fts(:search))"

    assert keyset.probe_of_search(sql, 500) == (
        "select count(*) from (select 1 from messages_fts where messages_fts match escape_fts(:search) limit 501)"
    )
    assert " where +id in (select" in keyset.of_many_matches(sql)
    assert keyset.probe_of_search("select id from messages where id in (select 1)", 500) is None


def test_what_is_found_is_counted_by_the_search_index(scattered: Path) -> None:
    found = get(browse(scattered), "/mirror/messages.json", _search="cake").json()

    conn = sqlite3.connect(scattered)
    assert (
        found["filtered_table_rows_count"]
        == conn.execute("SELECT count(*) FROM messages WHERE subject = 'cake'").fetchone()[0]
    )
    conn.close()


def test_a_large_table_without_an_index_is_not_counted(scattered: Path) -> None:
    conn = sqlite3.connect(scattered)
    with conn:
        conn.executemany(
            "INSERT INTO message_bodies (message_id, seq) VALUES (?, 1)",
            [(number,) for number in range(1, FEW_ROWS + 2)],
        )
    conn.close()

    counts = asyncio.run(browse(scattered).get_database("mirror").table_counts())
    page = get(browse(scattered), "/mirror/message_bodies")

    assert (counts["message_bodies"], counts["messages"]) == (None, 160)
    assert page.status_code == 200
    assert "20,001 rows" not in page.text


def test_a_table_that_is_new_is_known_at_the_next_page(tmp_path: Path) -> None:
    path = blank_mirror(tmp_path)
    datasette = browse(path)
    assert get(datasette, "/mirror/later").status_code == 404
    conn = sqlite3.connect(path)
    conn.execute("CREATE TABLE later (id INTEGER PRIMARY KEY)")
    conn.close()

    assert get(datasette, "/mirror/later").status_code == 200


def test_what_a_record_leads_to_is_counted_up_to_a_limit(scattered: Path) -> None:
    conn = sqlite3.connect(scattered)
    with conn:
        conn.executemany(
            "INSERT INTO message_recipients (message_id, role, email) VALUES (3, 'cc', ?)",
            [(f"p{number}@host.example",) for number in range(1200)],
        )
        conn.execute("INSERT INTO message_recipients (message_id, role, email) VALUES (6, 'to', 'one@host.example')")
    conn.close()
    datasette = browse(scattered)

    pages = [get(datasette, f"/mirror/messages/{number}").text for number in (3, 6)]

    assert "more than 1,000 rows</a> in message_recipients" in pages[0]
    assert "1 row</a> in message_recipients" in pages[1]


@pytest.mark.parametrize(
    ("table", "place", "said"),
    [
        ("contacts", "/contacts/", "card"),
        ("messages", "/mail/", "mail"),
        ("events", "/events/", "event"),
        ("tasks", "/tasks/", "task"),
    ],
)
def test_rows_and_their_numbers_lead_to_the_page_of_the_record(
    demo: Datasette, table: str, place: str, said: str
) -> None:
    number = get(demo, f"/mirror/{table}.json", _shape="array", _size=1).json()[0]["id"]

    row = get(demo, f"/mirror/{table}/{number}").text
    listed = get(demo, f"/mirror/{table}", _size=1).text

    assert f'href="{place}{number}">Open as {said}</a>' in row
    assert f'<a href="{place}{number}">{number}</a>' in listed


def test_a_table_shows_its_columns_in_the_order_of_what_matters(demo: Datasette) -> None:
    page = get(demo, "/mirror/messages").text
    everything = get(demo, "/mirror/messages", _all=1).text

    heads = re.findall(r'<th [^>]*data-column="(\w+)"', page)
    assert heads[:4] == ["id", "received_at", "from_name", "subject"]
    assert "raw" not in heads
    first_row = re.findall(r'<td class="col-([\w-]+) ', page)[: len(heads)]
    assert first_row == heads
    assert re.findall(r'<th [^>]*data-column="(\w+)"', everything)[:3] == ["id", "account_id", "remote_id"]


def test_more_rows_than_can_be_counted_quickly_have_no_facets(scattered: Path) -> None:
    conn = sqlite3.connect(scattered)
    with conn:
        conn.execute(
            "INSERT INTO accounts (id, name, source, base_url, created_at) VALUES (?, 'b', 'x', 'x', '')",
            [MOST_TO_FACET + 1],
        )
    conn.close()

    page = get(browse(scattered), "/mirror/accounts", _facet="source").text
    small = get(browse(scattered), "/mirror/messages", _facet="subject").text

    assert "Too many rows to count by source" in page
    assert "Too many rows" not in small
