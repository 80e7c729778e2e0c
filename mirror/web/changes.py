"""What changed in a period, newest first, and how much of it on each day. It only reads, and only what it shows.

Every change but the first of a record superseded a version, and `versions` is indexed by when. New records are found by
their ids: those are given in the order in which records came, so that the first of a moment is found by halving.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

from mirror.resources import KINDS
from mirror.store.columns import COLUMNS, derive, fields_of, text
from mirror.store.differences import differences
from mirror.web import halving, news
from mirror.web.page import Asked, Behind, Row
from mirror.web.queries import history as queries
from mirror.web.words import KIND_NAMES

WHAT = ("created", "changed", "deleted", "restored")
MOST_COUNTED = 5_000
MOST_FIELDS = 4
ORDER = {kind: place for place, kind in enumerate(KINDS)}


class Place(NamedTuple):
    """Where a change stands, newest first: its moment; new records before others; then kind by kind, by number."""

    at: str
    kind: str | None  # None: the change superseded a version, and `number` is that one's id; else it is the record's
    number: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """A period [since, until) in UTC text, and what of it. `account` is an id or ''; `what` one of WHAT or ''."""

    since: str
    until: str
    kinds: tuple[str, ...]
    account: int | str = ""
    what: str = ""
    before: Place | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """One change, as a person reads it."""

    kind: str
    record_id: int
    account_id: int
    at: str
    seq: int
    what: str
    words: str
    title: str
    who: str | None
    fields: tuple[str, ...]
    more_fields: int
    deleted_at: str | None
    deletion: str | None
    place: Place


def newest(asked: Asked, wanted: Wanted, most: int) -> tuple[list[Change], Place | None]:
    """The newest changes of a period, and the place to go on from where there are more."""
    found: list[tuple[tuple[Any, ...], str, Row]] = []
    for kind in wanted.kinds:
        if wanted.what in ("", "created"):
            found += [
                ((row["at"], 1, -ORDER[kind], row["record_id"]), kind, row)
                for row in _created(asked, wanted, kind, most + 1)
            ]
        if wanted.what != "created":
            found += [
                ((row["at"], 0, 0, row["version_id"]), kind, row) for row in _superseded(asked, wanted, kind, most + 1)
            ]
    found.sort(key=lambda one: one[0], reverse=True)
    shown = [_change(asked, kind, row) for _, kind, row in found[:most]]
    return shown, shown[-1].place if len(found) > most else None


def per_day(asked: Asked, wanted: Wanted, days: Sequence[dict[str, str]]) -> list[Row]:
    """For each of the days (`day`, `since`, `until`; oldest first and without gaps), how many changes of each sort."""
    rows: dict[str, Row] = {day["day"]: {"day": day["day"], **dict.fromkeys(WHAT, 0)} for day in days}
    given = {"days": json.dumps(days), "account": wanted.account}
    bounds = [*(day["since"] for day in days), days[-1]["until"]]
    for kind in wanted.kinds:
        for row in _behind(asked, f"Changes of {KIND_NAMES[kind]}s per day", queries.PER_DAY[kind], **given):
            counted = rows[row["day"]]
            counted["restored"] += row["restored"]
            counted["deleted"] += row["deleted"]
            counted["changed"] += row["superseded"] - row["restored"] - row["deleted"]
        for day, count in zip(days, _created_between(asked, kind, bounds, wanted.account), strict=True):
            rows[day["day"]]["created"] += count
    return list(rows.values())


# --- new records ----------------------------------------------------------------------------------------------------------


def first_id(asked: Asked, kind: str, at: str, low: int = 1, high: int | None = None) -> int:
    """The first id of the records that were new at a moment or later; one more than the last where none was.

    `low`, `high`: bounds that are known already.
    """

    def new_from(record_id: int) -> tuple[int, str] | None:
        found = asked.row(None, queries.FIRST[kind], id=record_id)
        return (found["id"], found["at"]) if found else None

    if high is None:
        high = (asked.value(None, queries.LAST_ID[kind]) or 0) + 1
    return halving.first_id(new_from, at, low, high)


def _created(asked: Asked, wanted: Wanted, kind: str, most: int) -> list[Row]:
    end, first = first_id(asked, kind, wanted.until), first_id(asked, kind, wanted.since)
    if (before := wanted.before) is not None:
        if before.kind is None or ORDER[kind] < ORDER[before.kind]:
            end = min(end, first_id(asked, kind, before.at))
        elif kind == before.kind:
            end = min(end, before.number)
        else:
            end = min(end, first_id(asked, kind, before.at + "~"))  # after all of that moment
    given = {"first": first, "end": end, "account": wanted.account, "most": most}
    return _behind(asked, f"New {KIND_NAMES[kind]}s", queries.CREATED[kind], **given) if first < end else []


def _created_between(asked: Asked, kind: str, bounds: Sequence[str], account: int | str) -> list[int]:
    """How many records were new between each bound and the next."""
    ids = [0] * len(bounds)
    ids[0] = first_id(asked, kind, bounds[0])
    ids[-1] = first_id(asked, kind, bounds[-1], low=ids[0])

    def halve(left: int, right: int) -> None:
        if right - left > 1:
            middle = (left + right) // 2
            ids[middle] = first_id(asked, kind, bounds[middle], ids[left], ids[right])
            halve(left, middle)
            halve(middle, right)

    halve(0, len(bounds) - 1)
    return [_count(asked, kind, first, end, account) for first, end in pairwise(ids)]


def _count(asked: Asked, kind: str, first: int, end: int, account: int | str) -> int:
    """Ids have no gaps but for what was purged; counting is left out where that would read very much."""
    if first >= end or (account == "" and end - first > MOST_COUNTED):
        return max(0, end - first)
    return int(asked.value(None, queries.COUNT[kind], first=first, end=end, account=account))


# --- all other changes ------------------------------------------------------------------------------------------------------


def _superseded(asked: Asked, wanted: Wanted, kind: str, most: int) -> list[Row]:
    until, before = wanted.until, 0
    if (place := wanted.before) is not None and place.at < until:
        until, before = place.at, place.number if place.kind is None else 1 << 62
    given: dict[str, Any] = {"since": wanted.since, "until": until, "before": before}
    given |= {"account": wanted.account, "what": wanted.what, "most": most}
    return _behind(asked, f"Changed {KIND_NAMES[kind]}s", queries.SUPERSEDED[kind], **given)


def _change(asked: Asked, kind: str, row: Row) -> Change:
    if "version_id" not in row:
        return _said(kind, row, row, None, Place(row["at"], kind, row["record_id"]))
    now = asked.row(None, queries.NEXT, kind=kind, record_id=row["record_id"], seq=row["seq"])
    place = Place(row["at"], None, row["version_id"])
    return _said(kind, row, now or row, (row["raw"], row["deleted_at"]), place)


def _said(kind: str, row: Row, now: Row, before: tuple[str, str | None] | None, place: Place) -> Change:
    deleted_at = now.get("deleted_at") if before is not None else None
    what = "created"
    changed: list[str] = []
    fields = fields_of(now["raw"])
    if before is not None:
        what = "deleted" if deleted_at else "restored" if before[1] else "changed"
    if before is not None and what == "changed":
        changed = [text(one.path) or "" for one in differences(fields_of(before[0]), fields) if not one.is_mark]
    columns = dict(zip(COLUMNS[kind], derive(kind, fields).columns, strict=True))
    return Change(
        kind, row["record_id"], row["account_id"], row["at"], now["seq"], what,
        news.change(kind, now["raw"], deleted_at, before), columns[KINDS[kind].title] or "",
        columns["from_name"] or columns["from_email"] if kind == "messages" else None,
        tuple(changed[:MOST_FIELDS]), max(0, len(changed) - MOST_FIELDS), deleted_at, now.get("deletion"), place,
    )  # fmt: skip


def _behind(asked: Asked, title: str, sql: str, **given: Any) -> list[Row]:
    """Rows, with the question shown beneath the page where it had an answer: there is one for every kind."""
    rows = asked.rows(None, sql, **given)
    if rows:
        asked.behind.append(Behind(title, sql.strip(), given))
    return rows
