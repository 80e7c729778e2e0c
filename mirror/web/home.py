"""The start page, and the JSON that keeps it moving: what is in the mirror, how fresh it is, what just changed."""

from __future__ import annotations

import sqlite3
from typing import Any

from datasette.app import Datasette
from datasette.database import Database
from datasette.utils.asgi import Request, Response

from mirror.resources import KINDS
from mirror.web import news, words
from mirror.web.queries import home as queries

DATABASE = "mirror"
MOST_CHANGES = 12
ORDER = ("messages", "contacts", "events", "tasks", "calendars", "folders", "task_lists")
PLURAL = {"messages": "mails", "task_lists": "task lists"}

_counts: dict[str, tuple[tuple[int, int], dict[str, int]]] = {}


async def page(request: Request, datasette: Datasette) -> Response:
    """The start page, complete without any script."""
    await datasette.ensure_permissions(request.actor, [("view-database", DATABASE), "view-instance"])
    database = datasette.get_database(DATABASE)
    live = await database.execute_fn(lambda conn: snapshot(conn, database, datasette, 0))
    days = await database.execute_fn(lambda conn: [tuple(row) for row in conn.execute(queries.MAIL_PER_DAY)])
    canned = await datasette.get_canned_queries(DATABASE, request.actor)
    context = {
        "live": live,
        "database": DATABASE,
        "metadata": datasette.metadata() or {},
        "interval_ms": (datasette.plugin_config("mirror") or {}).get("live_interval_ms", 2000),
        "order": ORDER,
        "plural": PLURAL,
        "groups": grouped(list(canned.values())),
        "year": year(days),
    }
    return Response.html(await datasette.render_template("index.html", context, request=request, view_name="index"))


async def live(request: Request, datasette: Datasette) -> Response:
    """What the start page's script asks for every other second: `?since=` the last place in the order of change it knows."""
    await datasette.ensure_permissions(request.actor, [("view-database", DATABASE), "view-instance"])
    since = request.args.get("since") or "0"
    after = int(since) if since.isascii() and since.isdigit() and len(since) < 16 else 0
    database = datasette.get_database(DATABASE)
    found = await database.execute_fn(lambda conn: snapshot(conn, database, datasette, after))
    return Response.json(found, headers={"Cache-Control": "no-store"})


def snapshot(conn: sqlite3.Connection, database: Database, datasette: Datasette, since: int) -> dict[str, Any]:
    """Counts, freshness and the newest changes after `since`."""
    seq, accounts = conn.execute(queries.STAND).fetchone()
    return {
        "seq": seq,
        "counts": _count(conn, database, (seq, accounts)),
        "size": words.size(database.size),
        "accounts": _accounts(conn),
        "changes": _changes(conn, datasette, since) if seq > since else [],
    }


def grouped(canned: list[dict[str, Any]]) -> list[tuple[str, list[dict[str, Any]]]]:
    """The canned queries in the groups that the metadata puts them in, in its order."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for query in canned:
        groups.setdefault(query.get("group", "More"), []).append(query)
    return list(groups.items())


def year(days: list[tuple[str, int]]) -> dict[str, Any]:
    """Mail per day over the year as the path of a strip of bars, 3 units a day and 60 high."""
    most = max((mails for _, mails in days), default=0)
    height = 56 / max(1, most)
    bars = [
        f"M{3 * place + 1} 60v-{max(1.0, mails * height):.1f}h2V60z" for place, (_, mails) in enumerate(days) if mails
    ]
    months = [
        {"x": 3 * place, "label": words.day(day[:8] + "01").split()[2]}  # type: ignore[union-attr]  # SQLite's own dates
        for place, (day, _) in enumerate(days)
        if day.endswith("-01") and place < len(days) - 10
    ]
    total = sum(mails for _, mails in days)
    return {"path": "".join(bars), "months": months, "total": total, "most": most, "width": 3 * len(days)}


def _count(conn: sqlite3.Connection, database: Database, stand: tuple[int, int]) -> dict[str, int]:
    """Live records of each kind. Counted again only when something has changed, since it reads an index from end to end."""
    known = _counts.get(str(database.path))
    if known is None or known[0] != stand:
        row = conn.execute(queries.COUNTS).fetchone()
        known = (stand, {kind: row[kind] for kind in ORDER})
        _counts[str(database.path)] = known
    return known[1]


def _accounts(conn: sqlite3.Connection) -> list[dict[str, Any]]:
    feeds: dict[int, list[dict[str, Any]]] = {}
    for row in conn.execute(queries.FEEDS):
        feeds.setdefault(row["account_id"], []).append(_feed(row))
    accounts = []
    for row in conn.execute(queries.ACCOUNTS):
        mine = sorted(
            feeds.get(row["id"], []), key=lambda feed: ORDER.index(feed["kind"]) if feed["kind"] in ORDER else 9
        )
        accounts.append({**dict(row), "feeds": mine, "help": _help(row, mine)})
    return accounts


def _feed(row: sqlite3.Row) -> dict[str, Any]:
    if row["held"]:
        state, fresh = "held", "held: too much would be deleted"
    elif row["error"]:
        state, fresh = "failed", f"failing; last up to date {words.ago(row['age_s'])}"
    elif row["stopped"]:
        state, fresh = "stopped", "not asked for"
    elif row["listing"]:
        state, fresh = "listing", "first listing under way"
    elif row["walking"]:
        state, fresh = "listing", "catching up"
    else:
        state, fresh = "fresh" if (row["age_s"] or 0) < 3600 else "stale", words.ago(row["age_s"])
    label = PLURAL.get(row["kind"], row["kind"])
    if row["feeds"] > 1:
        label += f" in {row['feeds']} " + ("calendars" if row["kind"] == "events" else "lists")
    return {
        "kind": row["kind"], "label": label, "state": state, "fresh": fresh, "caught_up_at": row["caught_up_at"],
        "error": row["error"], "stuck": row["stuck"] or 0,
    }  # fmt: skip


def _help(account: sqlite3.Row, feeds: list[dict[str, Any]]) -> str | None:
    """The command that helps, where a person is needed."""
    if account["status"] == "needs_auth":
        return f"mirror account login {account['name']}"
    if account["status"] == "paused":
        return f"mirror account resume {account['name']}"
    held = [feed["kind"] for feed in feeds if feed["state"] == "held"]
    return f"mirror accept {account['name']} {held[0]}" if held else None


def _changes(conn: sqlite3.Connection, datasette: Datasette, since: int) -> list[dict[str, Any]]:
    rows: list[sqlite3.Row] = []
    for sql in queries.NEWEST.values():
        rows += conn.execute(sql, {"since": since, "most": MOST_CHANGES})
    rows.sort(key=lambda row: -int(row["seq"]))
    return [_change(conn, datasette, row) for row in rows[:MOST_CHANGES]]


def _change(conn: sqlite3.Connection, datasette: Datasette, row: sqlite3.Row) -> dict[str, Any]:
    kind = row["kind"]
    before = conn.execute(queries.VERSION_BEFORE, {"kind": kind, "id": row["id"]}).fetchone()
    return {
        "seq": row["seq"],
        "kind": kind,
        "what": news.change(kind, row["raw"], row["deleted_at"], tuple(before) if before else None),
        "title": row["title"] or f"({words.KIND_NAMES[kind]} without a {KINDS[kind].title})",
        "who": row["who"] if kind == "messages" else None,
        "of": row["who"] if kind == "contacts" and row["who"] != row["title"] else None,
        "starts_at": row["who"] if kind == "events" and not row["all_day"] else None,
        "day": words.day(str(row["who"])[:10]) if row["all_day"] else None,
        "url": f"{datasette.urls.table(DATABASE, kind)}/{row['id']}",
        "at": row["observed_at"],
        "ago": words.ago(row["age_s"]),
    }
