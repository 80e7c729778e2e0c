"""How the accounts stand, in words: how fresh each feed is, and what waits for a person, with the command that helps."""

from __future__ import annotations

import shlex
from typing import Any

from mirror.web import words
from mirror.web.page import Asked, Row
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


def needs(asked: Asked, known: list[Shown]) -> list[Shown]:
    """What a person must decide or do, most urgent first: a sentence, the command that helps, and how bad it is."""
    found = []
    for account in known:
        name = account["name"]
        if account["status"] == "needs_auth":
            wrong = account["status_detail"] == "wrong_mailbox"
            why = "its token answers for another mailbox" if wrong else "nothing arrives until you sign in again"
            found.append(_need("needs_auth", f"{name}: {why}.", f"mirror account login {shlex.quote(name)}"))
        for feed in account["feeds"]:
            if feed["state"] == "held":
                kind = feed["kind"]
                what = f"{name}: upstream lists so few {_plural(kind)} that too many would be deleted. Nothing was; look first."
                found.append(_need("held", what, f"mirror accept {shlex.quote(name)} {kind}"))
    names = {account["id"]: account["name"] for account in known}
    for row in asked.rows("Edits in conflict", queries.CONFLICTS):
        count, kind = row["edits"], row["kind"]
        what = f"of your edits of {_plural(kind)} {'meets a change' if count == 1 else 'meet changes'} made elsewhere: choose."
        found.append(_need("conflict", f"{names.get(row['account_id'], '?')}: {count:,} {what}", "mirror outbox"))
    for row in asked.rows("Records that could not be stored", queries.STUCK):
        name, count, kind = names.get(row["account_id"]), row["records"], row["kind"]
        if name is not None:
            what = (
                f"{name}: {count:,} {_plural(kind, count)} could not be stored. The bytes are kept; the rest goes on."
            )
            found.append(_need("stuck", what, f"mirror retry {shlex.quote(name)}"))
    return found


def _need(kind: str, what: str, command: str) -> Shown:
    return {"kind": kind, "what": what, "command": command}


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
