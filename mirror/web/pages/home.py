"""The start page, and the JSON that keeps it moving: what is in the mirror, how fresh it is, what just changed."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from datasette.app import Datasette
from datasette.utils.asgi import Request, Response

from mirror.resources import KINDS
from mirror.web import links, news, standing, words
from mirror.web import year as years
from mirror.web.page import DATABASE, Asked, Behind, Row, ask, show
from mirror.web.queries import home as queries
from mirror.web.standing import ORDER, PLURAL

MOST_CHANGES = 12
MOST_TODAY = 500
"""So many of the newest versions of each kind are looked at for what changed today."""

CHANGES = ("created", "changed", "deleted")
_CHANGED = {"created": "new", "changed": "changed", "deleted": "deleted"}

_hours: dict[Path, tuple[tuple[object, ...], list[Row]]] = {}
"""Meeting hours of each mirror, for as long as no event changes: they take longer than all the rest of the page."""


async def page(request: Request, datasette: Datasette) -> Response:
    """The start page, complete without any script."""
    path = Path(datasette.get_database(DATABASE).path)
    canned = await datasette.get_canned_queries(DATABASE, request.actor)
    fixed = {
        "database": DATABASE,
        "interval_ms": (datasette.plugin_config("mirror") or {}).get("live_interval_ms", 2000),
        "order": ORDER,
        "plural": PLURAL,
        "groups": grouped(list(canned.values())),
    }
    return await show(
        request,
        datasette,
        "home.html",
        lambda asked: {**fixed, "live": _snapshot(asked, path, 0), **_year(asked, path)},
    )


async def live(request: Request, datasette: Datasette) -> Response:
    """What the start page's script asks for every other second: `?since=` the last place in the order of change it knows."""
    since = request.args.get("since") or "0"
    after = int(since) if since.isascii() and since.isdigit() and len(since) < 16 else 0
    path = Path(datasette.get_database(DATABASE).path)
    found = await ask(request, datasette, lambda asked: _snapshot(asked, path, after))
    return Response.json(found, headers={"Cache-Control": "no-store"})


def grouped(canned: list[dict[str, Any]]) -> list[tuple[str, list[dict[str, Any]]]]:
    """The canned queries in the groups that the metadata puts them in, in its order."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for query in canned:
        groups.setdefault(query.get("group", "More"), []).append(query)
    return list(groups.items())


def _snapshot(asked: Asked, path: Path, since: int) -> dict[str, Any]:
    """Counts, freshness, what needs a person, what changed today, and the newest changes after `since`.

    As of a date there are no counts: no index knows how many there were, and reading all mail takes too long.
    """
    seq = asked.value(None, queries.STAND)
    counts = (asked.row("How many there are of each kind", queries.COUNTS) or {}) if asked.at is None else {}
    accounts = standing.accounts(asked)
    return {
        "seq": seq,
        "counts": {kind: counts[kind] for kind in ORDER if kind in counts},
        "size": words.size(path.stat().st_size),
        "accounts": accounts,
        "needs": standing.needs(asked),
        "today": _today(asked) if seq > since else None,
        "changes": _changes(asked, since) if seq > since else [],
    }


def _today(asked: Asked) -> list[dict[str, str]]:
    """What changed since the reader's midnight: how many of each kind, and where they are listed."""
    begun = _midnight(asked, date.fromisoformat(asked.today))
    rows = asked.rows("What changed today", queries.TODAY, since=begun, most=MOST_TODAY)
    rows.sort(key=lambda row: (ORDER.index(row["kind"]), CHANGES.index(row["change"])))
    return [
        {
            "kind": row["kind"],
            "number": f"{row['records']:,}" + ("+" if row["records_read"] == MOST_TODAY else ""),
            "what": _what_changed(row),
            "url": links.changes(kind=row["kind"], what=row["change"], since=asked.today),
        }
        for row in rows
    ]


def _what_changed(row: Row) -> str:
    name = words.KIND_NAMES[row["kind"]] if row["records"] == 1 else PLURAL.get(row["kind"], row["kind"])
    change = _CHANGED[row["change"]]
    return f"{change} {name}" if change == "new" else f"{name} {change}"


def _changes(asked: Asked, since: int) -> list[dict[str, Any]]:
    rows = asked.rows("The newest changes", queries.NEWEST, now=asked.now, since=since, most=MOST_CHANGES)
    return [_change(asked, row) for row in rows]


def _change(asked: Asked, row: Row) -> dict[str, Any]:
    kind = row["kind"]
    before = asked.row(None, queries.VERSION_BEFORE, kind=kind, id=row["id"], seq=row["seq"])
    return {
        "seq": row["seq"],
        "kind": kind,
        "what": news.change(kind, row["raw"], row["deleted_at"], (before["raw"], before["deleted_at"]) if before else None),
        "title": row["title"] or f"({words.KIND_NAMES[kind]} without a {KINDS[kind].title})",
        "who": row["who"] if kind == "messages" else None,
        "of": row["who"] if kind == "contacts" and row["who"] != row["title"] else None,
        "starts_at": row["who"] if kind == "events" and not row["all_day"] else None,
        "day": words.day(str(row["who"])[:10]) if row["all_day"] else None,
        "url": links.record(kind, row["id"]),
        "at": row["observed_at"],
        "ago": words.ago(row["age_s"]),
    }  # fmt: skip


def _year(asked: Asked, path: Path) -> dict[str, Any]:
    """Mail per day and meeting hours per week of the last year, in the reader's days."""
    today = date.fromisoformat(asked.today)
    first = years.first_day(today)
    reach = {
        "zone": years.zone_periods(asked.zone, first, today),
        "first": first.isoformat(),
        "last": today.isoformat(),
    }
    reach["since"] = _midnight(asked, first)
    days = asked.rows("Mail per day", queries.MAIL_PER_DAY, **reach, until=_midnight(asked, today + timedelta(days=1)))
    monday = _midnight(asked, today + timedelta(days=7 - today.weekday()))
    return {"days": days, "map": years.mail_map(days), "hours": _meeting_hours(asked, path, {**reach, "until": monday})}


def _midnight(asked: Asked, day: date) -> str:
    return asked.utc(datetime.combine(day, time()))


def _meeting_hours(asked: Asked, path: Path, given: dict[str, str]) -> list[Row]:
    title = "Meeting hours per week"
    stand = asked.value(None, queries.NEWEST_EVENT)
    known = _hours.get(path)
    if asked.at is None and known is not None and known[0] == (stand, *given.values()):
        asked.behind.append(Behind(title, queries.MEETING_HOURS.strip(), given))
        return known[1]
    rows = asked.rows(title, queries.MEETING_HOURS, **given)
    if asked.at is None:
        _hours[path] = ((stand, *given.values()), rows)
    return rows


ROUTES: list[tuple[str, Any]] = [(r"^/$", page), (r"^/-/mirror/live\.json$", live)]
