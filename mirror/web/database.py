"""Datasette's questions to a mirror, put so that SQLite answers them by an index however big the file is.

The rows are the ones that Datasette asked for, in its order. Counts that are not quick are left out. It only reads.
"""

from __future__ import annotations

import re
from typing import Any

from datasette.database import Database, QueryInterrupted, Results

from mirror.web import guard

COUNT_LIMIT_MS = 80
COUNT_AT_MOST = 1000  # of the rows that lead to a record; beyond that, how many is of no interest

_NAME = r'(?:\w+|\[[^\]]+\]|"[^"]+")'
_PAGE = re.compile(
    rf"(?P<head>select {_NAME}(?:, {_NAME})* from {_NAME} )(?:where (?P<others>.*) )?"
    rf"order by (?P<column>{_NAME})(?P<desc> desc)? limit (?P<limit>\d+)",
    re.DOTALL,
)
"""The first page of a table. Rows with the same value come in no order, the next page goes on by the primary key."""

_NEXT_PAGE = re.compile(
    rf"(?P<head>select .* from {_NAME} where (?:(?P<others>.*) and )?"
    rf"\((?P<column>{_NAME}) (?P<op>[<>]) :(?P<value>p\d+)(?: or (?P=column) is null)?"
    rf" or \((?P=column) = :(?P=value) and (?:\(\({_NAME} > :p\d+\)\)|rowid > :p\d+)\)\))"
    rf"(?P<order> order by (?P=column)(?: desc)?, {_NAME} limit )(?P<limit>\d+)",
    re.DOTALL,
)
"""A later page: what comes after the last row of the page before, by Datasette's own condition."""

_LEADS_TO = re.compile(rf"\(select count\(\*\) from ({_NAME} where {_NAME}=:id)\)")
_FREE_HAND = re.compile(r"\b(?:or|group|union|limit)\b|--|/\*", re.IGNORECASE)
"""What a person's own `_where` may hold that would give a condition added behind it another meaning."""


class MirrorDatabase(Database):  # type: ignore[misc]  # datasette is untyped
    """A mirror.db as Datasette reads it."""

    async def execute(self, sql: str, params: Any = None, truncate: bool = False, **more: Any) -> Results:
        guard.check(sql)
        if sql.startswith("select count(*) from ") and not more.get("custom_time_limit"):
            more["custom_time_limit"] = COUNT_LIMIT_MS
        elif sql.startswith("select (select count(*) from "):
            sql = _LEADS_TO.sub(rf"(select count(*) from (select 1 from \1 limit {COUNT_AT_MOST + 1}))", sql)
            more["custom_time_limit"] = COUNT_LIMIT_MS
        elif truncate and " limit " in sql:
            if next_page := _NEXT_PAGE.fullmatch(sql):
                return await self._next_page(sql, next_page, params, **more)
            sql = await self._first_page(sql)
        return await super().execute(sql, params, truncate=truncate, **more)

    async def _first_page(self, sql: str) -> str:
        """The same rows, those of one value in the order in which the next page goes on."""
        page = _PAGE.fullmatch(sql)
        if page is None or _FREE_HAND.search(page["others"] or ""):
            return sql
        table = page["head"].split()[-1].strip('[]"')
        keys = await self.primary_keys(table) if await self.table_exists(table) else []
        if len(keys) != 1 or page["column"].strip('[]"') == keys[0]:
            return sql
        before, _, limit = sql.rpartition(" limit ")
        return f"{before}, [{keys[0]}] limit {limit}"

    async def _next_page(self, sql: str, page: re.Match[str], params: Any, **more: Any) -> Results:
        """The same rows by ranges of an index: first what has a value, then, in a falling order, what has none.

        The condition itself has an OR in it, over which SQLite reads everything from the beginning of the table on.
        """
        if _FREE_HAND.search(page["others"] or ""):
            return await super().execute(sql, params, truncate=True, **more)
        column, falling = page["column"], page["op"] == "<"
        bound = f" and {column} {'<=' if falling else '>='} :{page['value']}"
        found = await super().execute(
            page["head"] + bound + page["order"] + page["limit"], params, truncate=True, **more
        )
        missing = int(page["limit"]) - len(found.rows)
        if falling and missing > 0 and not found.truncated:
            nothing = f" and {column} is null"
            rest = await super().execute(
                page["head"] + nothing + page["order"] + str(missing), params, truncate=True, **more
            )
            return Results(found.rows + rest.rows, rest.truncated, found.description)
        return found

    async def table_counts(self, limit: int = 10) -> dict[str, int | None]:
        """Rows of each table that a person sees; None for the others, and for what takes longer than `limit` ms."""
        hidden = set(await self.hidden_table_names())
        counts: dict[str, int | None] = {}
        for table in await self.table_names():
            try:
                counts[table] = None if table in hidden else await self._count(table, limit)
            except QueryInterrupted:
                counts[table] = None
        return counts

    async def _count(self, table: str, limit: int) -> int:
        found = await self.execute(f"select count(*) from [{table}]", custom_time_limit=limit)
        return int(found.rows[0][0])
