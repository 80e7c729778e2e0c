"""How the mirror does, for programs: `/-/metrics` for Prometheus, `/-/health` for whatever watches over services.

Both say no more than the start page, and ask upstream nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from datasette.app import Datasette
from datasette.utils.asgi import Request

from mirror import __version__, health
from mirror import clock as clocks
from mirror.store import health as stored
from mirror.web.page import Asked, Response, ask
from mirror.web.queries import health as queries

NOT_KEPT = {"cache-control": "no-store"}
PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"

Labels = dict[str, str]
Metric = tuple[str, str, str, list[tuple[Labels, float]]]
"""Name, type, what it is, and its values. Source: Prometheus, “Exposition formats”, text format 0.0.4."""


async def page(request: Request, datasette: Datasette) -> Response:
    """JSON: whether all accounts are healthy, and how each does. 200: they are; 503: they are not."""

    def read(asked: Asked) -> tuple[dict[str, Any], bool]:
        now = clocks.moment(asked.now)
        judged = health.judge_all(stored.facts(asked.conn, now), now, stale_after_s=asked.stale_after_s)
        told = stored.all_told(asked.conn)
        accounts = []
        for one in judged:
            row = told.get(one.account_id)
            since = row.since if row is not None and row.state == one.state else one.since
            said = {"name": one.account, "state": one.state, "since": since, "what": one.what, "command": one.command}
            accounts.append(said)
        healthy = not any(one.unhealthy for one in judged)
        return {"healthy": healthy, "accounts": accounts}, healthy

    document, healthy = await ask(request, datasette, read)
    return Response.json(document, status=200 if healthy else 503, headers=NOT_KEPT)


async def metrics(request: Request, datasette: Datasette) -> Response:
    """Prometheus' text format: a few numbers for each account and kind."""
    found = await ask(request, datasette, lambda asked: list(_metrics(asked)))
    return Response("".join(map(_written, found)), content_type=PROMETHEUS, headers=NOT_KEPT)


def _metrics(asked: Asked) -> Iterator[Metric]:
    now = clocks.moment(asked.now)
    accounts = stored.facts(asked.conn, now)
    judged = health.judge_all(accounts, now, stale_after_s=asked.stale_after_s)
    names = {one.account_id: one.account for one in judged}
    yield "mirror_info", "gauge", "What runs here.", [({"version": __version__}, 1)]
    all_healthy = not any(one.unhealthy for one in judged)
    yield "mirror_healthy", "gauge", "1: no account is in trouble.", [({}, all_healthy)]
    yield "mirror_account_state", "gauge", "1: the account is in this state.", [
        ({"account": one.account, "state": state}, state == one.state) for one in judged for state in health.STATES
    ]  # fmt: skip
    yield "mirror_records", "gauge", "Records that are there, tombstones left out.", [
        ({"account": names[row["account_id"]], "kind": row["kind"]}, row["records"])
        for row in asked.rows(None, queries.RECORDS)
        if row["account_id"] in names
    ]  # fmt: skip
    yield "mirror_stuck_records", "gauge", "Records that could not be stored.", _stuck(accounts)
    yield from _of_feeds(asked, names)


def _stuck(accounts: list[stored.AccountFacts]) -> list[tuple[Labels, float]]:
    counts: dict[tuple[str, str], int] = {}
    for account in accounts:
        for feed in account.feeds:
            counts[account.name, feed.kind] = counts.get((account.name, feed.kind), 0) + feed.stuck
    return [(_place(place), count) for place, count in counts.items()]


def _of_feeds(asked: Asked, names: dict[int, str]) -> Iterator[Metric]:
    states: list[tuple[Labels, float]] = []
    sums: dict[tuple[str, str], dict[str, int]] = {}
    oldest: dict[tuple[str, str], str] = {}
    for row in asked.rows(None, queries.FEEDS):
        if row["account_id"] not in names:
            continue
        place = names[row["account_id"]], row["kind"]
        states.append(({**_place(place), "state": row["state"]}, row["feeds"]))
        known = sums.setdefault(place, dict.fromkeys(("runs", "failed", "requests", "bytes"), 0))
        for name in known:
            known[name] += row[name]
        if row["caught_up_at"] and row["state"] != "stopped":
            oldest[place] = min(row["caught_up_at"], oldest.get(place, row["caught_up_at"]))
    now = clocks.moment(asked.now)
    ages = [(_place(place), (now - clocks.moment(at)).total_seconds()) for place, at in oldest.items()]
    yield "mirror_feeds", "gauge", "Feeds in this state.", states
    yield "mirror_feed_age_seconds", "gauge", "Since the feed, or the oldest of its kind, was last up to date.", ages
    for name, metric, what in (
        ("runs", "mirror_feed_runs_total", "Passes."),
        ("failed", "mirror_feed_failed_runs_total", "Passes that came to nothing."),
        ("requests", "mirror_feed_requests_total", "Requests that passes took."),
        ("bytes", "mirror_feed_received_bytes_total", "Bytes that passes brought."),
    ):
        yield metric, "counter", what, [(_place(place), known[name]) for place, known in sums.items()]


def _place(place: tuple[str, str]) -> Labels:
    return {"account": place[0], "kind": place[1]}


def _written(metric: Metric) -> str:
    name, kind, what, values = metric
    lines = [f"# HELP {name} {what}", f"# TYPE {name} {kind}"]
    lines += [f"{name}{_labels(labels)} {float(value):.15g}" for labels, value in values]
    return "\n".join(lines) + "\n"


def _labels(labels: Labels) -> str:
    escaped = {
        name: value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"') for name, value in labels.items()
    }
    return "{" + ",".join(f'{name}="{value}"' for name, value in escaped.items()) + "}" if labels else ""


ROUTES: list[tuple[str, Any]] = [(r"^/-/metrics$", metrics), (r"^/-/health$", page)]
