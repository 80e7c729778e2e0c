"""Datasette's statements for the pages of a table, written so that SQLite answers them by an index. Text in, text out.

The rows are the ones that were asked for, in the order that was asked for. Rows with the same value, which Datasette leaves
in any order on the first page and in that of the primary key on later ones, here follow the direction of the sort on all.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_NAME = r'(?:\w+|\[[^\]]+\]|"[^"]+")'
_FROM = rf"select .* from (?P<table>{_NAME}) "
_KEY = rf"(?:\(\((?P<key>{_NAME}) > :(?P<last>p\d+)\)\)|(?P<rowid>rowid) > :(?P<last_rowid>p\d+))"

_FIRST = re.compile(
    rf"(?P<head>select {_NAME}(?:, {_NAME})* from (?P<table>{_NAME}) (?:where (?P<others>.*) )?"
    rf"order by (?P<column>{_NAME})(?P<down> desc)?)(?P<limit> limit \d+)",
    re.DOTALL,
)
_LATER = re.compile(
    rf"(?P<head>{_FROM}where (?:(?P<others>.*) and )?)"
    rf"\((?P<column>{_NAME}) (?P<op>[<>]) :(?P<value>p\d+)(?: or (?P=column) is null)?"
    rf" or \((?P=column) = :(?P=value) and {_KEY}\)\)"
    rf" order by (?P=column)(?: desc)?, {_NAME} limit (?P<limit>\d+)",
    re.DOTALL,
)
_LATER_WITHOUT_VALUE = re.compile(
    rf"(?P<head>{_FROM}where (?:(?P<others>.*) and )?)"
    rf"\((?P<column>{_NAME}) is null and {_KEY}\) order by (?P=column) desc, {_NAME} limit (?P<limit>\d+)",
    re.DOTALL,
)
_FREE_HAND = re.compile(r"\b(?:or|group|union|limit)\b|--|/\*", re.IGNORECASE)
"""What a person's own `_where` may hold that gives a condition beside it another meaning. Such statements stay as they are."""

_SEARCH = re.compile(
    rf"(?P<key>{_NAME}) in \(select rowid from (?P<index>{_NAME}) where (?P=index) match"
    r" (?P<words>escape_fts\(:search\)|:search)\)"
)
_COUNT_OF_SEARCH = re.compile(rf"select count\(\*\) from {_NAME} where {_SEARCH.pattern} ?")


@dataclass(frozen=True, slots=True)
class Pages:
    """A page as ranges of an index. `rest` is asked for when `sql` gives fewer than `limit` rows, for the missing ones."""

    sql: str
    limit: int
    rest: str | None = None


def first_page(sql: str, key: str) -> str:
    """The first page of a sorted table, with rows of the same value in the order of the primary key of that name."""
    page = _FIRST.fullmatch(sql)
    if page is None or _FREE_HAND.search(page["others"] or "") or page["column"].strip('[]"') == key:
        return sql
    return f"{page['head']}, [{key}]{page['down'] or ''}{page['limit']}"


def later_page(sql: str) -> Pages | None:
    """A page after the first, None where the statement is something else.

    Datasette's own condition has an OR in it, over which SQLite reads from the beginning of the table: what follows is two
    ranges, of rows that have a value and, going down, of rows that have none.
    """
    page = _LATER.fullmatch(sql) or _LATER_WITHOUT_VALUE.fullmatch(sql)
    if page is None or _FREE_HAND.search(page["others"] or ""):
        return None
    head, column, limit = page["head"], page["column"], int(page["limit"])
    key, last = page["key"] or page["rowid"], page["last"] or page["last_rowid"]
    down = f" order by {column} desc, {key} desc limit "
    if page.re is _LATER_WITHOUT_VALUE:
        return Pages(f"{head}{column} is null and {key} < :{last}{down}{limit}", limit)
    value, op = page["value"], page["op"]
    after = f"({column} {op} :{value} or ({column} = :{value} and {key} {op} :{last})) and {column} {op}= :{value}"
    if op == ">":
        return Pages(f"{head}{after} order by {column}, {key} limit {limit}", limit)
    return Pages(f"{head}{after}{down}{limit}", limit, f"{head}{column} is null{down}")


def probe_of_search(sql: str, most: int) -> str | None:
    """A statement that counts what a search matches, up to one more than `most`; None where nothing is searched for."""
    search = _SEARCH.search(sql)
    if search is None:
        return None
    matches = f"select 1 from {search['index']} where {search['index']} match {search['words']} limit {most + 1}"
    return f"select count(*) from ({matches})"


def of_many_matches(sql: str) -> str:
    """The same for a search that matches much: SQLite goes by the order, and asks of each row whether it matches.

    Left to itself it fetches all that match, and sorts them.
    """
    return _SEARCH.sub(lambda search: f"+{search[0]}", sql)


def count_of_search(sql: str) -> str:
    """The count of a search and nothing else, by its index alone. Other statements as they are."""
    search = _COUNT_OF_SEARCH.fullmatch(sql)
    if search is None:
        return sql
    return f"select count(*) from {search['index']} where {search['index']} match {search['words']}"
