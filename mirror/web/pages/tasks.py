"""Tasks: the lists, what is due and what is done, and one task with all that belongs to it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from datasette.app import Datasette
from datasette.utils.asgi import Request

from mirror.formats.text import clean
from mirror.store.columns import array, fields_of, mapping, text
from mirror.web import links, words
from mirror.web.page import Asked, BadRequest, NotFound, Response, Row, number, show
from mirror.web.queries import tasks as queries

MOST_OPEN = 300
PAGE = 60
RECENTLY_DONE = 8
DEEPEST = 6
"""How far subtasks are moved in; what lies deeper stands at the same place."""

GROUPS = (
    ("overdue", "Overdue"),
    ("today", "Due today"),
    ("week", "This week"),
    ("later", "Later"),
    ("undated", "Without a date"),
)
STATUS = {
    "notStarted": "not started", "inProgress": "in progress", "completed": "done", "waitingOnOthers": "waiting on others",
    "deferred": "deferred",
}  # fmt: skip

_PLACE = re.compile(r"^(\d{4}-\d\d-\d\dT[\d:.]{8,12}Z)\.(\d{1,18})$")


async def overview(request: Request, datasette: Datasette) -> Response:
    """What there is to do, by when; with `?done=1` what is done."""

    def read(asked: Asked) -> dict[str, Any]:
        given = {"list": _number(request, "list"), "account": _number(request, "account")}
        lists = asked.rows("The lists", queries.LISTS)
        counts = {row["task_list_id"]: row for row in asked.rows("How much is open and done", queries.COUNTS)}
        chosen = next((row for row in lists if row["id"] == given["list"]), None)
        if given["list"] != "" and chosen is None:
            raise NotFound(f"There is no task list {given['list']}.")
        is_done = request.args.get("done") == "1"
        context = _done(asked, request, given) if is_done else _open(asked, given)
        return {
            **context,
            "done": is_done,
            "given": given,
            "chosen": chosen,
            "accounts": _by_account(lists, counts),
            "address": lambda **other: links.tasks(**{**given, "at": asked.at, **other}),
        }

    return await show(request, datasette, "tasks.html", read)


async def one(request: Request, datasette: Datasette) -> Response:
    """A task with all its fields, what it is a part of, and its own parts."""
    task_id = number(request)

    def read(asked: Asked) -> dict[str, Any]:
        task = asked.row("The task", queries.TASK, id=task_id)
        if task is None:
            raise NotFound(f"There is no task {task_id}.")
        place = {"list": task["task_list_id"], "remote_id": task["remote_id"]}
        parts = asked.rows("Its parts", queries.BENEATH, **place)
        fields = fields_of(task["raw"])
        return {
            "task": _dated(asked, task),
            "above": list(_above(asked, task)),
            "subtasks": [_dated(asked, part) for part in parts],
            "parts_done": sum(part["status"] == "completed" for part in parts),
            "notes": clean(task["notes"]) if task["notes"] else None,
            "categories": [label for item in array(fields.get("categories")) if (label := text(item))],
            "links_of": [_link(item) for item in map(mapping, array(fields.get("links")))],
            "status": STATUS.get(task["status"], task["status"]),
        }

    return await show(request, datasette, "task.html", read)


# --- what there is to do --------------------------------------------------------------------------------------------------


def _open(asked: Asked, given: dict[str, Any]) -> dict[str, Any]:
    found = [_dated(asked, row) for row in asked.rows("What there is to do", queries.OPEN, **given, most=MOST_OPEN + 1)]
    parts = {
        (row["task_list_id"], row["parent_remote_id"]): row
        for row in asked.rows("Parts of tasks", queries.PARTS, list=given["list"])
    }
    for task in found:
        task["parts"] = parts.get((task["task_list_id"], task["remote_id"]))
    groups: dict[str, list[Row]] = {name: [] for name, _ in GROUPS}
    today = date.fromisoformat(asked.today)
    for tree in _trees(found[:MOST_OPEN]):
        groups[_group([task["due_on"] for task in tree if task["due_on"]], today)] += tree
    recently = asked.rows("What was done last", queries.DONE, **given, before_at="", before_id="", most=RECENTLY_DONE)
    return {
        "groups": [(name, label, groups[name]) for name, label in GROUPS if groups[name]],
        "more": len(found) > MOST_OPEN,
        "recently": [{**row, "done_on": _day(asked, row["done_at"])} for row in recently],
    }


def _group(due: list[date], today: date) -> str:
    """Where a task with its parts stands: by what of it is due first."""
    if not due:
        return "undated"
    first = min(due)
    if first <= today:
        return "overdue" if first < today else "today"
    return "week" if first <= today + timedelta(6 - today.weekday()) else "later"


def _trees(tasks: list[Row]) -> Iterator[list[Row]]:
    """Each task that is a part of no other one here, followed by its parts, with their `depth`. All tasks, each once."""
    known = {(task["task_list_id"], task["remote_id"]): task for task in tasks}
    parts: dict[int, list[Row]] = {}
    for task in tasks:
        above = known.get((task["task_list_id"], task["parent_remote_id"]))
        if above is not None:
            parts.setdefault(above["id"], []).append(task)
    held = {part["id"] for beneath in parts.values() for part in beneath}
    seen: set[int] = set()
    # What only hangs on itself, as hostile input can have it, comes last and is begun anywhere.
    for root in [*(task for task in tasks if task["id"] not in held), *tasks]:
        if root["id"] not in seen:
            yield list(_walk(root, parts, seen))


def _walk(root: Row, parts: dict[int, list[Row]], seen: set[int]) -> Iterator[Row]:
    waiting = [(root, 0)]
    while waiting:
        task, depth = waiting.pop()
        if task["id"] in seen:
            continue
        seen.add(task["id"])
        yield {**task, "depth": min(depth, DEEPEST)}
        beneath = sorted(parts.get(task["id"], []), key=lambda part: (part["position"] or "", part["id"]))
        waiting += [(part, depth + 1) for part in reversed(beneath)]


def _by_account(lists: list[Row], counts: dict[int, Row]) -> list[dict[str, Any]]:
    accounts: dict[int, dict[str, Any]] = {}
    for row in lists:
        known = accounts.setdefault(
            row["account_id"], {"id": row["account_id"], "name": row["account"], "lists": [], "open": 0}
        )
        count = counts.get(row["id"], {"open": 0, "done": 0})
        known["lists"].append({**row, "open": count["open"], "done": count["done"]})
        known["open"] += count["open"]
    return list(accounts.values())


# --- what is done -----------------------------------------------------------------------------------------------------------


def _done(asked: Asked, request: Request, given: dict[str, Any]) -> dict[str, Any]:
    before = request.args.get("before") or ""
    found = _PLACE.match(before)
    if before and found is None:
        raise BadRequest(f"“{before}” is no place in the list.")
    place = {"before_at": found[1] if found else "", "before_id": int(found[2]) if found else ""}
    rows = asked.rows("What is done", queries.DONE, **given, **place, most=PAGE + 1)
    shown = [{**row, "done_on": _day(asked, row["done_at"])} for row in rows[:PAGE]]
    last = shown[-1] if len(rows) > PAGE else None
    more = {**given, "done": 1, "at": asked.at}
    return {
        "tasks": shown,
        "older": links.tasks(**more, before=f"{last['done_at']}.{last['id']}") if last else None,
        "newest": links.tasks(**more) if before else None,
    }


# --- one task ---------------------------------------------------------------------------------------------------------------


def _above(asked: Asked, task: Row) -> Iterator[Row]:
    """What it is a part of, nearest first."""
    seen = {task["id"]}
    wanted = task["parent_remote_id"]
    while wanted and len(seen) <= DEEPEST:
        above = asked.row(None, queries.ABOVE, list=task["task_list_id"], remote_id=wanted)
        if above is None or above["id"] in seen:
            return
        seen.add(above["id"])
        yield above
        wanted = above["parent_remote_id"]


def _link(item: dict[str, Any]) -> dict[str, str]:
    """Where upstream says that a task came from. Its address is shown, never led to: nobody has looked at it."""
    return {name: said for name in ("source", "description", "link") if (said := text(item.get(name)))}


def _dated(asked: Asked, task: Row) -> Row:
    """The task with the day that it is due on for the reader, in words too, and whether that has passed."""
    due_at = task["due_at"]
    if due_at is None:
        return {**task, "due_on": None, "due": None, "is_late": False}
    day, time = (due_at[:10], "00:00") if _is_date(due_at) else _day_and_time(asked, due_at)
    is_late = day < asked.today if time == "00:00" else due_at < asked.now
    due = words.day(day) if time == "00:00" else f"{words.day(day)}, {time}"
    return {**task, "due_on": date.fromisoformat(day), "due": due, "is_late": is_late and task["status"] != "completed"}


def _is_date(due_at: str) -> bool:
    """Midnight in UTC is a date, as some providers know no other due times; any other moment lies in the reader's day."""
    return due_at.endswith("T00:00:00.000Z")


def _day_and_time(asked: Asked, written: str) -> tuple[str, str]:
    """A moment in the reader's zone, as 2026-03-01 and 14:30."""
    try:
        local = asked.local(written)
    except OverflowError:  # in the year 1 or 9999, which upstream may well say
        return written[:10], written[11:16]
    return local.date().isoformat(), f"{local:%H:%M}"


def _day(asked: Asked, written: str) -> str | None:
    return words.day(_day_and_time(asked, written)[0])


def _number(request: Request, name: str) -> int | str:
    written = request.args.get(name) or ""
    if not re.fullmatch(r"[0-9]{0,18}", written):
        raise BadRequest(f"“{written}” is no number of a {'list' if name == 'list' else 'an account'}.")
    return int(written) if written else ""


ROUTES: list[tuple[str, Any]] = [(r"^/tasks$", overview), (r"^/tasks/(?P<id>-?\d+)$", one)]
