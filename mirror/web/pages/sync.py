"""Sync: how each feed stands, what its passes did over time, and the records that could not be stored."""

from __future__ import annotations

import json
import re
import shlex
from datetime import UTC, datetime, timedelta
from typing import Any

from datasette.app import Datasette
from datasette.utils.asgi import Request

from mirror import clock as clocks
from mirror.resources import KINDS
from mirror.store.stuck import Stuck
from mirror.web import links, standing, words
from mirror.web.page import Asked, BadRequest, NotFound, Response, Row, ask, number, show
from mirror.web.queries import sync as queries

DAYS = (1, 7, 30)
MOST_FAILURES = 12
PAGE = 40
MOST_STUCK = 50
MOST_BYTES = 4_000

_PLACE = re.compile(r"^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)\.(\d{1,18})$")


async def overview(request: Request, datasette: Datasette) -> Response:
    """All feeds, or with `?feed=` one: their state, their passes of the last `?days=`, and what is stuck."""

    def read(asked: Asked) -> dict[str, Any]:
        given = {name: _number(request, name) for name in ("feed", "account")}
        days = _number(request, "days") or 7
        if days not in DAYS:
            raise BadRequest(f"Passes are shown of the last {', '.join(map(str, DAYS))} days.")
        feeds = [] if asked.at else _feeds(asked)  # how feeds stood then was not kept
        known = standing.accounts(asked)
        if given["feed"] and not asked.at and given["feed"] not in {feed["id"] for feed in feeds}:
            raise BadRequest(f"There is no feed {given['feed']}.")
        stretches = _stretches(asked, int(days))
        period = {"since": stretches[0]["since"], "until": stretches[-1]["until"]}
        return {
            "given": given,
            "days": days,
            "all_days": DAYS,
            "needs": standing.needs(asked),
            "accounts": [
                {**row, "feeds": [feed for feed in feeds if feed["account_id"] == row["id"]]} for row in known
            ],
            "chosen": next((feed for feed in feeds if feed["id"] == given["feed"]), None),
            "counts": _over_time(asked, given, stretches),
            "per": "hour" if days == 1 else "day",
            "failures": asked.rows("Passes that failed", queries.FAILURES, **given, **period, most=MOST_FAILURES),
            **_latest(asked, request, given),
            **({"stuck": [], "more_stuck": None} if asked.at else _stuck(asked, request, given)),
            "address": lambda **other: links.sync(**{**given, "days": days, "at": asked.at, **other}),
        }

    return await show(request, datasette, "sync.html", read)


async def stuck_bytes(request: Request, datasette: Datasette) -> Response:
    """The bytes of a record that could not be stored, as a file to keep: never as something that a browser opens."""
    stuck_id = number(request)

    def read(asked: Asked) -> tuple[str, bytes]:
        found = asked.row(None, queries.STUCK_BYTES, id=stuck_id)
        if found is None:
            raise NotFound(f"There is no stuck record {stuck_id}.")
        raw = found["raw"]
        return found["kind"], raw if isinstance(raw, bytes) else str(raw).encode("utf-8", "replace")

    kind, raw = await ask(request, datasette, read)
    name = f"stuck-{kind if kind in KINDS else 'record'}-{stuck_id}.bin"
    return Response(
        raw,
        content_type="application/octet-stream",
        headers={"content-disposition": f'attachment; filename="{name}"', "cache-control": "no-store"},
    )


# --- feeds ------------------------------------------------------------------------------------------------------------------


def _feeds(asked: Asked) -> list[Row]:
    rows = {(kind, row["place"]): row["records"] for kind, sql in queries.ROWS.items() for row in asked.rows(None, sql)}
    found = asked.rows("How each feed stands", queries.FEEDS)
    order = {kind: place for place, kind in enumerate(standing.ORDER)}
    for feed in found:
        place = feed["parent_id"] if KINDS[feed["kind"]].parent_column else feed["account_id"]
        feed["rows"] = rows.get((feed["kind"], place), 0)
        feed["says"], feed["mood"] = _state(asked, feed)
        feed["fresh"] = words.ago(_age_s(asked, feed["caught_up_at"]))
        feed["token"] = None if KINDS[feed["kind"]].feed == "listing" else words.ago(_age_s(asked, feed["token_at"]))
    return sorted(found, key=lambda feed: (order[feed["kind"]], feed["parent"] or "", feed["id"]))


def _narrowed(feeds: list[Row], account: Row, given: dict[str, Any]) -> list[Row]:
    """An account's feeds, as far as they were asked for."""
    mine = [feed for feed in feeds if feed["account_id"] == account["id"]]
    wanted = given["account"] in ("", account["id"])
    return [feed for feed in mine if wanted and given["feed"] in ("", feed["id"])]


def _state(asked: Asked, feed: Row) -> tuple[str, str]:
    """The state in words, and how it is to be looked upon: good, busy, waiting or bad."""
    if feed["state"] == "held":
        return "held: too much would be deleted", "waiting"
    if feed["error"]:
        times = "" if feed["failures"] < 2 else f" {feed['failures']:,} times in a row"
        return f"failed{times}", "bad"
    if feed["state"] == "stopped":
        return "stopped: gone upstream", "idle"
    if feed["state"] == "listing":
        return "listing all under way" if feed["generation"] < 2 else "listing all again", "busy"
    if feed["state"] == "following" and feed["walking"]:
        return "catching up", "busy"
    if feed["state"] == "following":
        age_s = _age_s(asked, feed["caught_up_at"])
        return "following", "good" if age_s is not None and age_s < standing.FRESH_S else "idle"
    return "not asked yet", "idle"


def _age_s(asked: Asked, written: str | None) -> float | None:
    return None if written is None else (clocks.moment(asked.now) - clocks.moment(written)).total_seconds()


# --- passes -------------------------------------------------------------------------------------------------------------------


def _stretches(asked: Asked, days: int) -> list[dict[str, str]]:
    """The hours of the last day, or the reader's last days, each with its bounds in UTC."""
    now = asked.local(asked.now)
    if days == 1:
        first = now.replace(minute=0, second=0, microsecond=0)
        starts = [first.astimezone(UTC) + timedelta(hours=hour) for hour in range(-23, 2)]
        names = [f"{start.astimezone(asked.zone):%Y-%m-%d %H:%M}" for start in starts]
    else:
        dates = [now.date() + timedelta(day) for day in range(1 - days, 2)]
        starts = [datetime(day.year, day.month, day.day, tzinfo=asked.zone) for day in dates]
        names = [day.isoformat() for day in dates]
    bounds = [asked.utc(start) for start in starts]
    return [
        {"name": name, "since": since, "until": until}
        for name, since, until in zip(names, bounds, bounds[1:], strict=False)
    ]


def _over_time(asked: Asked, given: dict[str, Any], stretches: list[dict[str, str]]) -> list[Row]:
    sums = ("passes", "ok", "failed", "requests", "retries", "bytes", "created", "changed", "deleted")
    found = {
        row["since"]: row
        for row in asked.rows("Passes over time", queries.OVER_TIME, **given, stretches=json.dumps(stretches))
    }
    rows = []
    for stretch in stretches:
        row = found.get(stretch["since"]) or dict.fromkeys(sums, 0)
        rows.append({**row, "name": stretch["name"], "other": row["passes"] - row["ok"] - row["failed"]})
    return rows


def _latest(asked: Asked, request: Request, given: dict[str, Any]) -> dict[str, Any]:
    before = request.args.get("before") or ""
    found = _PLACE.match(before)
    if before and found is None:
        raise BadRequest(f"“{before}” is no place in the list.")
    place = {"until": found[1], "before": int(found[2])} if found else {"until": asked.now, "before": 1 << 62}
    rows = asked.rows("The latest passes", queries.LATEST, **given, **place, most=PAGE + 1)
    last = rows[PAGE - 1] if len(rows) > PAGE else None
    more = {**given, "days": request.args.get("days"), "at": asked.at}
    return {
        "runs": [{**row, "took_ms": _took_ms(row)} for row in rows[:PAGE]],
        "older": links.sync(**more, before=f"{last['started_at']}.{last['id']}") + "#passes" if last else None,
        "newest": links.sync(**more) + "#passes" if before else None,
    }


def _took_ms(run: Row) -> int:
    return round((clocks.moment(run["ended_at"]) - clocks.moment(run["started_at"])).total_seconds() * 1000)


# --- what is stuck ------------------------------------------------------------------------------------------------------------


def _stuck(asked: Asked, request: Request, given: dict[str, Any]) -> dict[str, Any]:
    after = _number(request, "after") or 0
    asked_for = {**given, "after": after, "most": MOST_STUCK + 1, "most_bytes": MOST_BYTES}
    rows = asked.rows("Records that could not be stored", queries.STUCK, **asked_for)
    shown = []
    for row in rows[:MOST_STUCK]:
        one = Stuck(**{name: row[name] for name in Stuck.__slots__})
        beginning = row["beginning"]
        text = beginning.decode("utf-8", "replace") if isinstance(beginning, bytes) else str(beginning)
        command = f"mirror retry {shlex.quote(row['account'])}"
        shown.append({**row, "name": one.name, "why": one.why, "text": text.replace("\x00", "�"), "command": command})
    more = len(rows) > MOST_STUCK
    return {"stuck": shown, "more_stuck": links.sync(**given, after=shown[-1]["id"]) + "#stuck" if more else None}


def _number(request: Request, name: str) -> int | str:
    written = request.args.get(name) or ""
    if not re.fullmatch(r"[0-9]{0,18}", written):
        raise BadRequest(f"“{written}” is no number.")
    return int(written) if written else ""


ROUTES: list[tuple[str, Any]] = [(r"^/sync$", overview), (r"^/sync/stuck/(?P<id>\d+)$", stuck_bytes)]
