"""What SQL from a browser can't see or do, and what it must be able to do all the same."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from datasette.app import Datasette
from web_demo import blank_mirror, browse, get, insert

SECRET = "delta-token-that-nobody-may-see"


def with_secret(folder: Path, secret: str | None) -> Datasette:
    path = blank_mirror(folder)
    insert(path, "accounts", name="ada")
    cursor = f'{{"delta": "{secret}"}}' if secret else None
    feed = insert(path, "feeds", kind="contacts", cursor=cursor, state="following")
    insert(path, "walk_seen", feed_id=feed, remote_id=secret or "another")
    insert(path, "contacts", name="Bo Harbour", emails="bo@host.example")
    return browse(path)


@pytest.fixture(scope="module")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> Datasette:
    return with_secret(tmp_path_factory.mktemp("guard"), SECRET)


@pytest.fixture(scope="module")
def without(tmp_path_factory: pytest.TempPathFactory) -> Datasette:
    """The same mirror, without any token: whoever sees a difference between the two has learnt something."""
    return with_secret(tmp_path_factory.mktemp("without"), None)


def ask(mirror: Datasette, sql: str) -> Any:
    return get(mirror, "/mirror.json", sql=sql, _shape="arrays")


WAYS_IN = [
    "select cursor from feeds",
    "select * from feeds",
    "select max(cursor), length(cursor), typeof(cursor), count(cursor) from feeds",
    "select f.cursor from main.feeds as f",
    "with x as (select * from feeds) select * from x",
    "with recursive x(c, n) as (select cursor, 1 from feeds union all select substr(c, 2), n + 1 from x where n < 9)"
    " select c from x",
    "select json_group_array(cursor), json_group_object(kind, cursor), group_concat(cursor) from feeds",
    "select * from feeds where cursor like '%delta%'",
    "select * from feeds where cursor glob '*' or cursor > ''",
    "select id from feeds where instr(cursor, 'delta') > 0",
    "select id from feeds order by cursor",
    "select count(*) from feeds group by cursor having cursor is not null",
    "select hex(cursor), quote(cursor), cast(cursor as blob), printf('%s', cursor) from feeds",
    "select json_extract(cursor, '$.delta'), cursor ->> 'delta' from feeds",
    "select value from feeds, json_each(cursor)",
    "select fullkey from feeds, json_tree(feeds.cursor)",
    "select (select cursor from feeds) as stolen",
    "select case when (select cursor from feeds) like '{%' then 'yes' else 'no' end",
    "select exists (select 1 from feeds where cursor is not null)",
    "select id from contacts where (select length(cursor) from feeds) > 0",
    "select name from contacts union select cursor from feeds",
    "select cursor from feeds except select null",
    "select first_value(cursor) over (order by id), lag(cursor, 0) over () from feeds",
    "select iif(cursor is null, 'none', 'some') from feeds",
    "select unicode(cursor), abs(cursor), cursor + 1 from feeds",
    "select search_words(cursor) from feeds",
    "select remote_id from walk_seen",
    "select * from walk_seen",
    "select count(remote_id) from walk_seen where remote_id > ''",
    "select * from feeds left join walk_seen on feeds.id = feed_id",
    "select 1 from contacts where remote_id in (select remote_id from walk_seen)",
    "select * from purges",
    "select * from feed_status",
    "select name, sql from sqlite_schema where sql like '%delta%'",
    "select * from sqlite_temp_schema",
    "select * from contacts_fts where contacts_fts match 'delta*'",
    "select hex(block) from contacts_fts_data",
    "select * from contacts_fts_idx",
    "select * from messages_search",
    "select cursor from pragma_table_info('feeds'), feeds",
    "explain select cursor from feeds where cursor = 'x'",
]
"""By which somebody might try to get at upstream's tokens."""


@pytest.mark.parametrize("sql", WAYS_IN)
def test_no_sql_reads_upstreams_tokens_nor_learns_whether_there_are_any(
    mirror: Datasette, without: Datasette, sql: str
) -> None:
    answer, other = ask(mirror, sql), ask(without, sql)

    assert answer.status_code == 200
    assert SECRET not in answer.text
    assert SECRET.encode().hex().upper() not in answer.text
    assert answer.json()["rows"] == other.json()["rows"]


@pytest.mark.parametrize(
    "sql",
    [
        "select data from sqlite_dbpage",
        "select * from dbstat",
        "select load_extension('x')",
        "select readfile('/etc/passwd')",
        "select writefile('/tmp/x', 'y')",
        "select fts3_tokenizer('unicode61')",
        "select * from bytecode('select cursor from feeds')",
        "select * from other.feeds",
        "select hex(zeroblob(900000000))",
        "select a.id from feeds as a join feeds as b using (cursor)",
        "select a.id from Feeds as a join (select 'guessed' as cursor) Using(cursor)",
        "select * from [feeds] natural left join (select 'guessed' as cursor)",
    ],
)
def test_what_could_lead_past_the_guard_is_not_there(mirror: Datasette, sql: str) -> None:
    answer = ask(mirror, sql)

    assert answer.status_code == 400 or not any(value for row in answer.json()["rows"] for value in row)
    assert SECRET not in answer.text


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"_all": "1"},
        {"_sort": "cursor"},
        {"_sort_desc": "cursor"},
        {"_facet": "cursor"},
        {"_facet_array": "cursor"},
        {"_col": "cursor"},
        {"cursor__contains": "delta"},
        {"cursor__notnull": "1"},
        {"cursor__gt": ""},
        {"cursor__like": "{%"},
        {"_where": "cursor is not null"},
        {"_where": "(select count(*) from walk_seen where remote_id <> '') > 0"},
        {"_through": '{"table": "walk_seen", "column": "remote_id", "value": "x"}'},
        {"_search": "delta"},
        {"_nocount": "1", "_trace": "1"},
    ],
)
@pytest.mark.parametrize("path", ["/mirror/feeds.json", "/mirror/feeds.csv", "/mirror/feeds"])
def test_no_table_page_shows_or_tells_of_upstreams_tokens(
    mirror: Datasette, without: Datasette, path: str, query: dict[str, str]
) -> None:
    answer, other = (get(one, path, **query) for one in (mirror, without))

    assert SECRET not in answer.text
    assert answer.status_code == other.status_code
    if path.endswith(".csv"):
        assert answer.text == other.text
    elif path.endswith(".json") and answer.status_code != 403:
        assert told_by(answer) == told_by(other)


def told_by(answer: Any) -> dict[str, Any]:
    """All of a JSON answer but how long it took."""
    found: dict[str, Any] = answer.json()
    return {name: value for name, value in found.items() if name not in ("query_ms", "_trace")}


@pytest.mark.parametrize(
    "path",
    ["/mirror/feeds/1", "/mirror/feeds/1.json", "/mirror/feed_status", "/mirror/feed_status.json", "/mirror.json", "/",
     "/-/mirror/live.json", "/-/metadata.json", "/mirror?sql=select+*+from+feeds"],
)  # fmt: skip
def test_no_page_shows_upstreams_tokens(mirror: Datasette, path: str) -> None:
    answer = get(mirror, path)

    assert answer.status_code == 200
    assert SECRET not in answer.text


@pytest.mark.parametrize("ending", ["", ".json", ".csv"])
@pytest.mark.parametrize("table", ["walk_seen", "purges", "messages_search"])
def test_the_machinery_has_no_page(mirror: Datasette, table: str, ending: str) -> None:
    assert get(mirror, f"/mirror/{table}{ending}").status_code == 403


def test_the_database_itself_can_not_be_downloaded(mirror: Datasette) -> None:
    assert get(mirror, "/mirror.db").status_code == 403


@pytest.mark.parametrize(
    "sql",
    [
        "delete from contacts",
        "update contacts set name = ''",
        "insert into contacts default values",
        "replace into change_order values (1, 0, '')",
        "with x as (select 1) delete from contacts",
        "/* */ drop table contacts",
        "select 1; select cursor from feeds",
        "create temp table t as select * from feeds",
        "create temp view v as select * from feeds",
        "attach '/tmp/x.db' as x",
        "detach main",
        "vacuum into '/tmp/x.db'",
        "pragma query_only = 0",
        "pragma table_info(feeds)",
        "begin",
        "reindex",
        "analyze",
    ],
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
        "VACUUM",
        "ANALYZE",
        "CREATE VIRTUAL TABLE temp.v USING fts5vocab('main', 'contacts_fts', 'row')",
        "INSERT INTO contacts_fts(contacts_fts) VALUES ('rebuild')",
        "PRAGMA trusted_schema = 1",
        "SELECT load_extension('x')",
    ],
)
def test_the_connection_refuses_by_itself_too(mirror: Datasette, sql: str) -> None:
    database = mirror.get_database("mirror")
    conn = database.connect()
    database.ds._prepare_connection(conn, "mirror")

    with pytest.raises(sqlite3.DatabaseError, match=r"not authorized|authorization denied"):
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
