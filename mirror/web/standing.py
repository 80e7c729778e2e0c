"""How the accounts stand, in words: how fresh each feed is, and what waits for a person, with the command that helps."""

from __future__ import annotations

import shlex
from typing import Any

from mirror import clock as clocks
from mirror import health
from mirror.store import health as stored
from mirror.web import words
from mirror.web.page import Asked, Behind, Row
from mirror.web.queries import home as queries

ORDER = ("messages", "contacts", "events", "tasks", "calendars", "folders", "task_lists")
PLURAL = {"messages": "mails", "task_lists": "task lists"}
FRESH_S = 3600

Shown = dict[str, Any]


def accounts(asked: Asked) -> list[Shown]:
    """The accounts with their feeds, a row for each kind."""
    feeds: dict[int, list[Shown]] = {}
    for row in asked.rows("How fresh each feed is", queries.FEEDS, now=asked.now):
        feeds.setdefault(row["account_id"], []).append(_feed(row))
    found = []
    for row in asked.rows("Accounts", queries.ACCOUNTS):
        mine = sorted(feeds.get(row["id"], []), key=lambda feed: ORDER.index(feed["kind"]))
        found.append({**row, "status": row["status"], "feeds": mine, "help": _help(row, mine)})
    return found


def needs(asked: Asked) -> list[Shown]:
    """What a person must decide or do, most urgent first: a sentence, the command that helps, and how bad it is."""
    if asked.at:
        return []  # what was wrong then, nobody can do anything about
    asked.behind.append(Behind("How each account does", stored.FEEDS.strip(), {"account": ""}))
    now = clocks.moment(asked.now)
    judged = health.judge_all(stored.facts(asked.conn, now), now, stale_after_s=asked.stale_after_s)
    troubles = [trouble for one in judged for trouble in one.troubles]
    troubles.sort(key=lambda trouble: -health.UNHEALTHY.index(trouble.state))
    return [{"kind": one.state, "what": one.what, "command": one.command} for one in troubles]


def _plural(kind: str, count: int = 2) -> str:
    return words.KIND_NAMES[kind] if count == 1 else PLURAL.get(kind, kind)


def _feed(row: Row) -> Shown:
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
        state, fresh = "fresh" if (row["age_s"] or 0) < FRESH_S else "stale", words.ago(row["age_s"])
    label = _plural(row["kind"])
    if row["feeds"] > 1:
        label += f" in {row['feeds']} " + ("calendars" if row["kind"] == "events" else "lists")
    return {
        "kind": row["kind"], "label": label, "state": state, "fresh": fresh, "caught_up_at": row["caught_up_at"],
        "error": row["error"],
    }  # fmt: skip


def _help(account: Row, feeds: list[Shown]) -> str | None:
    """The command that makes an account go on that nobody waits for."""
    if account["status"] == "paused":
        return f"mirror account resume {shlex.quote(account['name'])}"
    if account["status"] == "active" and not feeds:
        return f"mirror sync {shlex.quote(account['name'])}"
    return None
