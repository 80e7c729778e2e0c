"""The list of mail: folders on the left, the newest mails on the right, every choice in the address."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from datasette.app import Datasette
from datasette.utils.asgi import Request, Response

from mirror.web import links, words
from mirror.web.page import Asked, BadRequest, NotFound, Row, show
from mirror.web.pages import thread
from mirror.web.queries import mail as queries

MOST = 50
FIRST = ("9999", 1 << 62)
"""Before this, everything."""

WELL_KNOWN = {
    "inbox": "Inbox", "draft": "Drafts", "sent": "Sent", "archive": "Archive", "important": "Important", "flagged": "Flagged",
    "junk": "Spam", "trash": "Trash",
}  # fmt: skip
"""Folders that every mailbox has some of, in the order in which people look for them."""

CHIPS_LEFT_OUT = frozenset({"inbox", "unread", "sent", "personal"})
"""Labels that a list shows in other ways, or that say nothing."""

DEEPEST = 6


@dataclass(frozen=True, slots=True)
class Filters:
    """What a list was asked for. `folder`: an id, or the name of a well-known one, which is that of all accounts."""

    account: int | None = None
    folder: int | str | None = None
    label: str | None = None
    unread: bool = False
    attachments: bool = False
    sender: str | None = None
    at: str | None = None

    def url(self, **changed: Any) -> str:
        """The list with these filters, some of them changed."""
        wanted = replace(self, **{key: value for key, value in changed.items() if key != "before"})
        return links.mail(
            account=wanted.account,
            folder=wanted.folder,
            label=wanted.label,
            unread="1" if wanted.unread else None,
            attachments="1" if wanted.attachments else None,
            **{"from": wanted.sender},
            before=changed.get("before"),
            at=wanted.at,
        )


async def mail(request: Request, datasette: Datasette) -> Response:
    """The list."""
    filters = _filters(request)
    before = _before(request.args.get("before"))
    return await show(request, datasette, "mail_list.html", lambda asked: _list(asked, filters, before))


def _filters(request: Request) -> Filters:
    given = {name: (request.args.get(name) or "").strip() for name in ("account", "folder", "label", "from")}
    account, folder = given["account"], given["folder"]
    if account and not _is_number(account):
        raise BadRequest(f"“{account}” is no number of an account.")
    if folder and not _is_number(folder) and folder not in WELL_KNOWN:
        raise BadRequest(f"“{folder}” is no folder: give its number, or one of {', '.join(WELL_KNOWN)}.")
    return Filters(
        account=int(account) if account else None,
        folder=int(folder) if _is_number(folder) else folder or None,
        label=given["label"] or None,
        unread=bool(request.args.get("unread")),
        attachments=bool(request.args.get("attachments")),
        sender=given["from"].lower() or None,
        at=request.args.get("at") or None,
    )


def _is_number(written: str) -> bool:
    return written.isascii() and written.isdigit() and len(written) < 19


def _before(written: str | None) -> tuple[str, int]:
    """The place in the list that a page begins after: a time and an id."""
    if not written:
        return FIRST
    at, _, record_id = written.rpartition("_")
    if not at or not _is_number(record_id) or words.moment(at) is None:
        raise BadRequest(f"“{written}” is no place in a list.")
    return at, int(record_id)


def _list(asked: Asked, filters: Filters, before: tuple[str, int]) -> dict[str, Any]:
    folders = {row["id"]: row for row in asked.rows("Folders", queries.FOLDERS)}
    accounts = asked.rows(None, queries.ACCOUNTS)
    unread = asked.rows("Unread mail", queries.UNREAD)
    folder = folders.get(filters.folder) if isinstance(filters.folder, int) else None
    if isinstance(filters.folder, int) and folder is None:
        raise NotFound(f"There is no folder {filters.folder}.")
    search = _search(filters, folders, unread)
    rows, older = _page(asked, search, before)
    return {
        "filters": filters,
        "title": _title(filters, folder, accounts),
        "tree": [_branch(account, folders, unread, filters) for account in accounts],
        "unread_in_inboxes": _unread_in(unread, [f for f in folders.values() if f["label"] == "inbox"]),
        "several": len(accounts) > 1 and filters.account is None and folder is None,
        "rows": [_shown(asked, row) for row in rows],
        "older": filters.url(before=older) if older else None,
        "goes_on": bool(older) and len(rows) < MOST,
        "first": filters.url() if before != FIRST else None,
    }


# --- what to ask ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Search:
    """How the mails of a list are found, what else they must meet, and the values of both."""

    way: str
    conditions: tuple[str, ...]
    values: Mapping[str, Any]


def _search(filters: Filters, folders: Mapping[int, Row], unread: list[Row]) -> Search:
    """The way that reads least: a sender's mails, else what is unread, else those of folders, of an account, all."""
    conditions: list[str] = []
    values: dict[str, Any] = {}
    if filters.folder is not None:
        chosen = _chosen(filters, folders)
        if all(folder["is_folder"] for folder in chosen):
            conditions.append("folders")
        else:  # a label: of the mails that carry it, some lie in no folder
            conditions.append("place")
            label = next(folder["label"] or folder["name"] for folder in chosen if not folder["is_folder"])
            values["place"] = json.dumps(label, ensure_ascii=False)
        values["folders"] = json.dumps([folder["id"] for folder in chosen if folder["is_folder"]])
    if filters.account is not None:
        conditions.append("account")
        values["account"] = filters.account
    if filters.sender:
        conditions.append("sender")
        values["sender"] = filters.sender
    if filters.unread:
        conditions.append("unread")
        values["places"] = _unread_places(filters, values, unread, conditions)
    if filters.label:
        conditions.append("label")
        values["label"] = json.dumps(filters.label, ensure_ascii=False)
    if filters.attachments:
        conditions.append("attachments")
    way = next((name for name in ("sender", "unread", "folders", "account") if name in conditions), "all")
    met = {way}
    if way == "unread":  # its places are those that were asked for
        met |= {"account", "folders"}
    elif way == "folders" and isinstance(filters.folder, int):
        met |= {"account"}
    return Search(way, tuple(name for name in conditions if name not in met), values)


def _chosen(filters: Filters, folders: Mapping[int, Row]) -> list[Row]:
    if isinstance(filters.folder, int):
        return [folders[filters.folder]]
    return [
        folder
        for folder in folders.values()
        if folder["label"] == filters.folder and filters.account in (None, folder["account_id"])
    ]


def _unread_places(filters: Filters, values: Mapping[str, Any], unread: list[Row], conditions: list[str]) -> str:
    """Accounts and folders that have unread mail and are asked for, as JSON."""
    wanted = set(json.loads(values["folders"])) if "folders" in conditions else None
    return json.dumps(
        [
            [row["account_id"], row["folder_id"]]
            for row in unread
            if filters.account in (None, row["account_id"]) and (wanted is None or row["folder_id"] in wanted)
        ]
    )


def _page(asked: Asked, search: Search, before: tuple[str, int]) -> tuple[list[Row], str | None]:
    """One page of a list, and the place after which the next one begins."""
    places = json.loads(search.values.get({"folders": "folders", "unread": "places"}.get(search.way, ""), "[0]"))
    window = queries.WINDOW // max(1, len(places)) if search.conditions else MOST + 1
    given = {**search.values, "before_at": before[0], "before_id": before[1], "window": max(window, MOST + 1)}
    rows = _ask(asked, "Mail", queries.listing(search.way, search.conditions), {**given, "most": MOST + 1})
    if search.conditions and len(rows) <= MOST:
        (until,) = _ask(asked, None, queries.horizon(search.way), given)[0].values()
        if until is not None:  # what is older was looked through in some places only
            return [row for row in rows if row["received_at"] >= until], f"{until}_0"
    if len(rows) > MOST:
        return rows[:MOST], f"{rows[MOST - 1]['received_at']}_{rows[MOST - 1]['id']}"
    conditions = search.conditions if search.way == "all" else (*search.conditions, search.way)
    return rows + _ask(asked, None, queries.undated(conditions), {**given, "most": MOST}), None


def _ask(asked: Asked, title: str | None, sql: str, values: Mapping[str, Any]) -> list[Row]:
    return asked.rows(title, sql, **{name: value for name, value in values.items() if re.search(rf":{name}\b", sql)})


# --- what to show -----------------------------------------------------------------------------------------------------


def _title(filters: Filters, folder: Row | None, accounts: list[Row]) -> str:
    account = next((row["name"] for row in accounts if row["id"] == filters.account), None)
    if folder:
        return str(folder["full_name"] or folder["name"] or "(folder without a name)")
    if isinstance(filters.folder, str):
        name = WELL_KNOWN[filters.folder]
        return f"{name} of {account}" if account else f"All {name.lower()}{'es' if name == 'Inbox' else ''}"
    return f"All mail of {account}" if account else "All mail"


def _branch(account: Row, folders: Mapping[int, Row], unread: list[Row], filters: Filters) -> dict[str, Any]:
    """One account of the tree: its well-known folders, then the others beneath each other, then its labels."""
    own = [folder for folder in folders.values() if folder["account_id"] == account["id"]]
    known = sorted(
        (f for f in own if f["label"] in WELL_KNOWN), key=lambda f: (list(WELL_KNOWN).index(f["label"]), f["id"])
    )
    others = [f for f in own if f["label"] not in WELL_KNOWN]
    nested = _nested([f for f in others if f["is_folder"] or not f["is_label"]])
    counts = {row["folder_id"]: row["unread"] for row in unread if row["account_id"] == account["id"]}

    def leaf(folder: Row, depth: int = 0) -> dict[str, Any]:
        return {
            "name": WELL_KNOWN.get(folder["label"] or "") or folder["name"] or "(without a name)",
            "url": links.mail(folder=folder["id"]),
            "unread": counts.get(folder["id"], 0),
            "depth": depth,
            "current": filters.folder == folder["id"]
            or (filters.folder == folder["label"] and filters.account == account["id"]),
        }

    return {
        "name": account["name"],
        "email": account["email"],
        "url": links.mail(account=account["id"]),
        "current": filters.account == account["id"] and filters.folder is None,
        "known": [leaf(folder) for folder in known],
        "folders": [leaf(folder, depth) for folder, depth in nested],
        "labels": [leaf(f) for f in others if f["is_label"] and not f["is_folder"]],
    }


def _nested(folders: list[Row]) -> list[tuple[Row, int]]:
    """Folders, each after the one that contains it, with how deep it lies. A circle is shown flat."""
    children: dict[str | None, list[Row]] = {}
    ids = {folder["remote_id"] for folder in folders}
    for folder in sorted(folders, key=lambda f: (f["name"] or "").casefold()):
        parent = folder["parent_remote_id"] if folder["parent_remote_id"] in ids else None
        children.setdefault(parent, []).append(folder)
    found: list[tuple[Row, int]] = []
    waiting = [(folder, 0) for folder in reversed(children.get(None, []))]
    seen: set[int] = set()
    while waiting:
        folder, depth = waiting.pop()
        if folder["id"] not in seen:
            seen.add(folder["id"])
            found.append((folder, min(depth, DEEPEST)))
            waiting += [(child, depth + 1) for child in reversed(children.get(folder["remote_id"], []))]
    return found + [(folder, 0) for folder in folders if folder["id"] not in seen]


def _unread_in(unread: list[Row], folders: list[Row]) -> int:
    ids = {folder["id"] for folder in folders}
    return sum(row["unread"] for row in unread if row["folder_id"] in ids)


def _shown(asked: Asked, row: Row) -> dict[str, Any]:
    labels = thread.labels_of(row)
    is_own = bool(row["from_email"]) and row["from_email"] == (row["own_email"] or "").lower()
    recipients = re.sub(r"\s*<[^<>]*>", "", (row["recipients"] or "")[:400])
    return {
        **row,
        "url": links.message(row["id"], asked.at),
        "who": f"To {recipients}" if is_own and recipients else row["from_name"] or row["from_email"] or "unknown",
        "chips": [label for label in labels if label not in CHIPS_LEFT_OUT],
        "when": short(row["received_at"], asked),
        "utc": (row["received_at"] or "")[:16].replace("T", " "),
    }


def short(written: str | None, asked: Asked) -> str:
    """A moment as a list shows it: `13:05` today, `20 Nov` this year, `20 Nov 2024` before."""
    if not written or words.moment(written) is None:
        return ""
    at: datetime = asked.local(written)
    today = asked.local(asked.now)
    if at.date() == today.date():
        return f"{at:%H:%M}"
    day = f"{at.day} {at:%b}"
    return day if at.year == today.year else f"{day} {at.year}"


ROUTES: list[tuple[str, Any]] = [(r"^/mail$", mail)]
