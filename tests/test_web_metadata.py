"""datasette_metadata.json says something about everything that a person sees, and about nothing else."""

from __future__ import annotations

import json
import re
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from mirror.resources import SEARCHABLE
from mirror.web import functions

ROOT = Path(__file__).resolve().parents[1]
METADATA: dict[str, Any] = json.loads((ROOT / "datasette_metadata.json").read_text(encoding="utf-8"))
MIRROR = METADATA["databases"]["mirror"]
QUERIES: dict[str, Any] = MIRROR["queries"]
SEEN = {name: table for name, table in MIRROR["tables"].items() if not table.get("hidden")}


@pytest.fixture(scope="module")
def schema() -> sqlite3.Connection:
    conn = sqlite3.connect(":memory:")
    conn.executescript((ROOT / "schema.sql").read_text(encoding="utf-8"))
    functions.register(conn)
    conn.create_function("escape_fts", 1, lambda text: text)
    return conn


def columns_of(schema: sqlite3.Connection, table: str) -> list[str]:
    return [row[1] for row in schema.execute(f"PRAGMA table_info({table})")]


def tables_of(schema: sqlite3.Connection) -> set[str]:
    rows = schema.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%'")
    return {name for (name,) in rows if "_fts" not in name}


def test_every_table_and_view_is_described_or_hidden_and_nothing_else_is(schema: sqlite3.Connection) -> None:
    assert set(MIRROR["tables"]) == tables_of(schema)


@pytest.mark.parametrize("table", sorted(SEEN))
def test_every_column_that_a_person_sees_is_described_and_nothing_else_is(
    schema: sqlite3.Connection, table: str
) -> None:
    described = SEEN[table]["columns"]

    assert list(described) == columns_of(schema, table)
    assert all(re.match(r"^[A-Za-z0-9…#].*[.…]$", text) for text in described.values()), described
    assert SEEN[table]["title"]
    assert SEEN[table]["description"].endswith((".", "("))


def test_sorts_facets_labels_and_units_name_real_columns(schema: sqlite3.Connection) -> None:
    for name, table in SEEN.items():
        named = [
            table.get("sort"),
            table.get("sort_desc"),
            table.get("label_column"),
            *table.get("facets", ()),
            *table.get("units", ()),
        ]
        assert {column for column in named if column} <= set(columns_of(schema, name)), name


@pytest.mark.parametrize("table", SEARCHABLE)
def test_every_searchable_table_names_its_index(table: str) -> None:
    assert (SEEN[table]["fts_table"], SEEN[table]["fts_pk"]) == (f"{table}_fts", "id")


def test_what_nobody_should_see_is_hidden() -> None:
    hidden = {name for name, table in MIRROR["tables"].items() if table.get("hidden")}

    assert hidden == {
        "change_order",
        "purges",
        "walk_seen",
        "incomplete",
        "hints",
        "messages_search",
        "overlays",
        "local_changes",
        "api_notifications",
    }
    assert {name for name in hidden if MIRROR["tables"][name].get("allow") is False} == {
        "purges",
        "walk_seen",
        "messages_search",
    }


def test_there_are_more_than_thirty_questions() -> None:
    assert len(QUERIES) > 30
    assert len({query["title"] for query in QUERIES.values()}) == len(QUERIES)


def test_no_question_takes_the_address_of_a_table() -> None:
    assert not set(QUERIES) & set(MIRROR["tables"])


@pytest.mark.parametrize("name", QUERIES)
def test_every_question_is_described_and_its_sql_prepares(schema: sqlite3.Connection, name: str) -> None:
    query = QUERIES[name]
    asked = set(re.findall(r"(?<![:\w]):([a-z_]+)", re.sub(r"'[^']*'", "''", query["sql"])))

    schema.execute("EXPLAIN " + query["sql"], dict.fromkeys(asked, ""))

    assert query["title"]
    assert query["description"].endswith(".")
    assert query["group"] in ("Find", "People", "Calendar", "Mail", "Tasks", "History", "The mirror")
    assert asked == set(query.get("params", ())) == set(query.get("fields", ()))
    assert all(field["label"] for field in query.get("fields", {}).values())
