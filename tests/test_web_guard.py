"""What SQL from a browser can't see or do, and what it must be able to do all the same."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest
from datasette.app import Datasette
from web_demo import blank_mirror, browse, get, insert

SECRET = "delta-token-that-nobody-may-see"


@pytest.fixture(scope="module")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> Datasette:
    path = blank_mirror(tmp_path_factory.mktemp("guard"))
    insert(path, "accounts", name="ada")
    feed = insert(path, "feeds", kind="contacts", cursor=f'{{"delta": "{SECRET}"}}', state="following")
    insert(path, "walk_seen", feed_id=feed, remote_id=SECRET)
    insert(path, "contacts", name="Bo Harbour", emails="bo@host.example")
    return browse(path)


def ask(mirror: Datasette, sql: str) -> Any:
    return get(mirror, "/mirror.json", sql=sql, _shape="arrays")


@pytest.mark.parametrize(
    "sql",
    [
        "select cursor from feeds",
        "select * from feeds",
        "select max(cursor), length(cursor) from feeds",
        "select f.cursor from feeds as f",
        "with x as (select * from feeds) select * from x",
        "select json_group_array(cursor) from feeds",
        "select remote_id from walk_seen",
        "select * from walk_seen",
        "select * from feeds left join walk_seen",
        "select * from feeds where cursor like '%delta%'",
        "select hex(cursor) from feeds",
        "select (select cursor from feeds) as stolen",
    ],
)
def test_no_sql_reads_upstreams_tokens(mirror: Datasette, sql: str) -> None:
    answer = ask(mirror, sql)

    assert answer.status_code == 200
    assert SECRET not in answer.text
    assert SECRET.encode().hex().upper() not in answer.text


@pytest.mark.parametrize(
    "path", ["/mirror/feeds", "/mirror/feeds/1", "/mirror/feeds.json", "/mirror/feeds.csv", "/mirror/feed_status", "/"]
)
def test_no_page_shows_upstreams_tokens(mirror: Datasette, path: str) -> None:
    answer = get(mirror, path)

    assert answer.status_code == 200
    assert SECRET not in answer.text


@pytest.mark.parametrize("table", ["walk_seen", "purges", "messages_search"])
def test_the_machinery_has_no_page(mirror: Datasette, table: str) -> None:
    assert get(mirror, f"/mirror/{table}").status_code == 403


def test_the_database_itself_can_not_be_downloaded(mirror: Datasette) -> None:
    assert get(mirror, "/mirror.db").status_code == 403


@pytest.mark.parametrize(
    "sql", ["delete from contacts", "attach '/tmp/x.db' as x", "pragma query_only = 0", "update contacts set name = ''"]
)
def test_sql_that_is_no_question_is_refused(mirror: Datasette, sql: str) -> None:
    assert ask(mirror, sql).status_code == 400


@pytest.mark.parametrize(
    "sql",
    [
        "ATTACH ':memory:' AS other",
        "CREATE TEMP TABLE t (a)",
        "DELETE FROM contacts",
        "PRAGMA writable_schema = 1",
        "SAVEPOINT s",
    ],
)
def test_the_connection_refuses_by_itself_too(mirror: Datasette, sql: str) -> None:
    database = mirror.get_database("mirror")
    conn = database.connect()
    database.ds._prepare_connection(conn, "mirror")

    with pytest.raises(sqlite3.DatabaseError, match="not authorized"):
        conn.execute(sql)
    conn.close()


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        ("select name from contacts_fts where contacts_fts match search_words('harb')", [["Bo Harbour"]]),
        (
            "select highlight(contacts_fts, 0, '[', ']') from contacts_fts where contacts_fts match 'harbour'",
            [["Bo [Harbour]"]],
        ),
        ("select value from json_each('[1, 2]')", [[1], [2]]),
        (
            "select json_array_length(series_starts('FREQ=DAILY;COUNT=3', '2026-01-01', 'UTC', 0, '2026-01-01', '2026-02-01'))",
            [[3]],
        ),
        ("select kind, state from feeds", [["contacts", "following"]]),
        ("select account, kind from feed_status", [["ada", "contacts"]]),
        ("select name from pragma_table_info('stuck') where cid = 0", [["id"]]),
    ],
)
def test_questions_work(mirror: Datasette, sql: str, rows: list[list[Any]]) -> None:
    answer = ask(mirror, sql)

    assert answer.json()["rows"] == rows


@pytest.mark.parametrize(
    ("typed", "finds"),
    [
        ("harb", 1),
        ("bo harb", 1),
        ("harb bo", 0),
        ('"bo harbour"', 1),
        ('"harbour bo"', 0),
        ("", 0),
        ('"', 0),
        ("AND OR NOT ( * :", 0),
        ("name:bo", 0),
        ("-", 0),
        ("bo\x00", 1),
        ("BÖ", 1),
    ],
)
def test_whatever_is_typed_is_a_valid_search(mirror: Datasette, typed: str, finds: int) -> None:
    answer = get(
        mirror,
        "/mirror.json",
        sql="select 1 from contacts_fts where contacts_fts match search_words(:q)",
        q=typed,
        _shape="arrays",
    )

    assert len(answer.json()["rows"]) == finds
