"""A mirror.db as Datasette reads it, however big it is: by indexes, without counting what takes long. It only reads."""

from __future__ import annotations

import copy
import re
import sqlite3
from collections.abc import Awaitable, Callable
from typing import Any

from datasette.database import Database, QueryInterrupted, Results

from mirror.web import guard, keyset

COUNT_LIMIT_MS = 80
COUNT_AT_MOST = 1000  # of the rows that lead to a record; beyond that, how many is of no interest
FEW_MATCHES = 500  # of a search; fetching and sorting these is quicker than going through the table in its order
MOST_TO_FACET = 200_000  # rows of a table: a facet goes through all of them, whatever page it stands on
FEW_ROWS = 20_000  # of a table without an index to count by
CACHE_KB = 16_000  # for each thread that reads; SQLite's own 2 MB are too little for an index of half a million mails

_COUNT = re.compile(r"select count\(\*\) from \[?(\w+)\]? *")
_FACET = re.compile(r"\s+select \S+ as value, count\(\*\) as count from \(\s+select [^()]* from \[?(\w+)\]? ")
_LEADS_TO = re.compile(r"\(select count\(\*\) from (\S+ where \S+=:id)\)")


def _remembered(name: str) -> Callable[..., Awaitable[Any]]:
    """A question of Datasette's about the schema, asked once and again when the schema has changed."""
    ask = getattr(Database, name)

    async def remembered(self: MirrorDatabase, *place: Any) -> Any:
        if (name, place) not in self.schema:
            self.schema[name, place] = await ask(self, *place)
        return copy.copy(self.schema[name, place])

    return remembered


class MirrorDatabase(Database):  # type: ignore[misc]  # datasette is untyped
    """What Datasette asks, answered more quickly. Rows and their order are the ones that it asked for."""

    def __init__(self, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        self.schema: dict[tuple[str, tuple[Any, ...]], Any] = {}
        self.schema_version: int | None = None

    table_names = _remembered("table_names")
    hidden_table_names = _remembered("hidden_table_names")
    view_names = _remembered("view_names")
    table_exists = _remembered("table_exists")
    table_columns = _remembered("table_columns")
    table_column_details = _remembered("table_column_details")
    primary_keys = _remembered("primary_keys")
    fts_table = _remembered("fts_table")
    label_column_for_table = _remembered("label_column_for_table")
    foreign_keys_for_table = _remembered("foreign_keys_for_table")
    get_all_foreign_keys = _remembered("get_all_foreign_keys")
    get_table_definition = _remembered("get_table_definition")

    def connect(self, write: bool = False) -> sqlite3.Connection:
        conn: sqlite3.Connection = super().connect(write)
        conn.execute(f"PRAGMA cache_size = -{CACHE_KB}")
        return conn

    async def execute(self, sql: str, params: Any = None, truncate: bool = False, **more: Any) -> Results:
        guard.check(sql)
        if sql == "PRAGMA schema_version":  # asked before each page
            return await self._look_at_schema(sql)
        if sql.startswith("select count(*) from "):
            return await self._counted(sql, params, **more)
        if (facet := _FACET.match(sql)) and await self._size(facet[1]) > MOST_TO_FACET:
            raise QueryInterrupted(None, sql, params)  # Datasette takes it as one that took too long
        if sql.startswith("select (select count(*) from "):
            sql = _LEADS_TO.sub(rf"(select count(*) from (select 1 from \1 limit {COUNT_AT_MOST + 1}))", sql)
            more["custom_time_limit"] = COUNT_LIMIT_MS
        elif truncate and " limit " in sql:
            return await self._page(sql, params, **more)
        return await super().execute(sql, params, truncate=truncate, **more)

    async def _look_at_schema(self, sql: str) -> Results:
        found = await super().execute(sql)
        if found.rows[0][0] != self.schema_version:
            self.schema.clear()
            self.schema_version = found.rows[0][0]
        return found

    async def _page(self, sql: str, params: Any, **more: Any) -> Results:
        """A page of a table. Other statements come by here too and stay as they are."""
        probe = keyset.probe_of_search(sql, FEW_MATCHES)
        if probe is not None and (await super().execute(probe, params)).rows[0][0] > FEW_MATCHES:
            sql = keyset.of_many_matches(sql)
        pages = keyset.later_page(sql)
        if pages is None:
            return await super().execute(await self._first_page(sql), params, truncate=True, **more)
        found = await super().execute(pages.sql, params, truncate=True, **more)
        missing = pages.limit - len(found.rows)
        if pages.rest is None or missing <= 0 or found.truncated:
            return found
        rest = await super().execute(f"{pages.rest}{missing}", params, truncate=True, **more)
        return Results(found.rows + rest.rows, rest.truncated, found.description)

    async def _first_page(self, sql: str) -> str:
        table = re.match(r"select [^()]* from \[?(\w+)\]? ", sql)
        keys = await self.primary_keys(table[1]) if table and await self.table_exists(table[1]) else []
        return keyset.first_page(sql, keys[0]) if len(keys) == 1 else sql

    # --- counts -------------------------------------------------------------------------------------------------------

    async def _counted(self, sql: str, params: Any, **more: Any) -> Results:
        """A count. Raises: QueryInterrupted where it would not be quick; Datasette then shows none."""
        whole = _COUNT.fullmatch(sql)
        if whole and not await self._is_quick_to_count(whole[1]):
            raise QueryInterrupted(None, sql, params)
        limit = min(more.pop("custom_time_limit", None) or COUNT_LIMIT_MS, COUNT_LIMIT_MS)
        return await super().execute(keyset.count_of_search(sql), params, custom_time_limit=limit, **more)

    async def _is_quick_to_count(self, table: str) -> bool:
        """SQLite counts a table by its smallest index, and where there is none by reading all of it, beyond any limit."""
        if not await self.table_exists(table):
            return True  # a view, which is not counted in one go: the time limit holds
        if ("index", (table,)) not in self.schema:
            indexes = await super().execute(
                "select 1 from pragma_index_list(:table) where partial = 0", {"table": table}
            )
            self.schema["index", (table,)] = bool(indexes.rows)
        if self.schema["index", (table,)]:
            return True
        return await self._size(table) <= FEW_ROWS

    async def _size(self, table: str) -> int:
        """About how many rows a table has, at once; 0 for a view."""
        if not await self.table_exists(table):
            return 0
        largest = await super().execute(f"select max(rowid) from [{table}]")
        return int(largest.rows[0][0] or 0)

    async def table_counts(self, limit: int = 10) -> dict[str, int | None]:
        """Rows of each table that a person sees; None for the others, and for what takes longer than `limit` ms."""
        hidden = set(await self.hidden_table_names())
        counts: dict[str, int | None] = {}
        for table in await self.table_names():
            counts[table] = None if table in hidden else await self._count(table, limit)
        return counts

    async def _count(self, table: str, limit: int) -> int | None:
        try:
            found = await self._counted(f"select count(*) from [{table}]", None, custom_time_limit=limit)
        except QueryInterrupted:
            return None
        return int(found.rows[0][0])
