"""The limits of a search: account, kind, time, folder and the like, from the form and from what was typed into the box."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any

from datasette.utils.asgi import Request

from mirror.resources import SEARCHABLE
from mirror.web import links
from mirror.web.page import Asked, Row
from mirror.web.queries import search as queries
from mirror.web.search_terms import Typed

KIND_WORDS = {
    "mail": "messages", "mails": "messages", "message": "messages", "email": "messages", "contact": "contacts",
    "event": "events", "meeting": "events", "meetings": "events", "calendar": "events", "task": "tasks",
}  # fmt: skip
ATTACHMENT_WORDS = ("attachment", "attachments", "file", "files")

_DAY = re.compile(r"^(\d{4})(?:[-/.](\d{1,2})(?:[-/.](\d{1,2}))?)?$")


@dataclass(frozen=True, slots=True)
class Form:
    """What the form says, which is what the address says."""

    q: str = ""
    kind: str = ""
    account: str = ""
    since: str = ""
    until: str = ""
    folder: str = ""
    attachment: str = ""
    deleted: str = ""
    sort: str = ""
    page: int = 1

    @classmethod
    def of(cls, request: Request) -> Form:
        """What cannot be is as if it were not there."""

        def given(name: str, *allowed: str) -> str:
            value = str(request.args.get(name) or "").strip()
            return value if not allowed or value in allowed else ""

        number = given("page")
        kind = given("kind").lower()
        return cls(
            q=str(request.args.get("q") or "").replace("\x00", " "),
            kind=KIND_WORDS.get(kind, kind if kind in SEARCHABLE else ""),
            account=given("account"),
            since=given("since"),
            until=given("until"),
            folder=given("folder"),
            attachment=given("attachment", "1"),
            deleted=given("deleted", "only", "no"),
            sort=given("sort", "newest"),
            page=int(number) if number.isascii() and number.isdigit() and len(number) < 6 else 1,
        )

    @property
    def narrowed(self) -> bool:
        """Whether any of the filters of the form is set."""
        return bool(self.account or self.since or self.until or self.folder or self.attachment or self.deleted)

    def address(self, **changed: Any) -> str:
        """The address of this search with something changed."""
        names = ("kind", "account", "since", "until", "folder", "attachment", "deleted", "sort")
        given = {name: getattr(self, name) for name in names} | changed
        if given.get("page") == 1:
            given["page"] = None
        return links.search(self.q, **given)


@dataclass(slots=True)
class Limits:
    """What a search is limited to. `notes`: what was typed and can't be done, in sentences."""

    kinds: tuple[str, ...] = SEARCHABLE
    account_ids: list[int] | None = None
    since: date | None = None
    until: date | None = None  # the first day that is too late
    folder_ids: list[int] | None = None
    labels: bool = False
    attachments: bool = False
    deleted: bool | None = None
    chips: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def any(self) -> bool:
        """Whether there is anything to look for without a word."""
        return bool(
            self.account_ids is not None or self.since or self.until or self.folder_ids is not None or self.attachments
            or self.deleted is not None or self.chips
        )  # fmt: skip

    @property
    def wanted(self) -> queries.Wanted:
        return queries.Wanted(
            since=self.since is not None, until=self.until is not None, account=self.account_ids is not None,
            folder=self.folder_ids is not None, labels=self.labels, attachments=self.attachments, deleted=self.deleted,
        )  # fmt: skip

    def parameters(self, asked: Asked, kind: str) -> dict[str, Any]:
        """The values of the conditions, as far as a kind has them."""
        given: dict[str, Any] = {}
        index = queries.INDEXES[kind]
        if self.since is not None and index.since:
            given["since"] = asked.utc(datetime.combine(self.since, time()))
        if self.until is not None and index.until:
            given["until"] = asked.utc(datetime.combine(self.until, time()))
        if self.account_ids is not None:
            given["accounts"] = json.dumps(self.account_ids)
        if self.folder_ids is not None:
            given["folders"] = json.dumps(self.folder_ids)
        return given


def limits_of(asked: Asked, typed: Typed, form: Form, accounts: list[Row], folders: list[Row]) -> Limits:
    """What the form and the box say together."""
    limits = Limits(attachments=bool(form.attachment), deleted={"only": True, "no": False}.get(form.deleted))
    today = date.fromisoformat(asked.today)
    _of_form(limits, form, today, accounts, folders)
    for name, value, excluded in typed.filters:
        _of_box(limits, name, value, excluded, today, accounts, folders)
    if limits.folder_ids is not None:
        limits.labels = bool(asked.value(None, queries.ANY_WITHOUT_FOLDER))
    if form.kind:
        limits.kinds = tuple(kind for kind in limits.kinds if kind == form.kind) or (form.kind,)
    return limits


def _of_form(limits: Limits, form: Form, today: date, accounts: list[Row], folders: list[Row]) -> None:
    if form.account:
        _account(limits, form.account, False, accounts)
    if form.since:
        _time(limits, "after", form.since, today)
    if form.until:
        last = _day(form.until, today)
        if last:
            limits.until = last[1]
        else:
            limits.notes.append(f"“{form.until}” is no date; write it like 2026-03-01.")
    if form.folder:
        known = [row["id"] for row in folders if str(row["id"]) == form.folder]
        limits.folder_ids = known
        if not known:
            limits.notes.append("There is no such folder.")


def _of_box(
    limits: Limits, name: str, value: str, excluded: bool, today: date, accounts: list[Row], folders: list[Row]
) -> None:
    before = len(limits.notes)
    wanted = value.casefold().strip()
    if name == "kind":
        _kind(limits, wanted, excluded)
    elif name == "in":
        _folder(limits, wanted, excluded, folders)
    elif name == "account":
        _account(limits, value, excluded, accounts)
    elif name in ("before", "after") and not excluded:
        _time(limits, name, value, today)
    elif name == "has" and wanted in ATTACHMENT_WORDS and not excluded:
        limits.attachments = True
    elif name == "is" and wanted == "deleted":
        limits.deleted = not excluded
    else:
        limits.notes.append(f"“{'-' * excluded}{name}:{value}” means nothing here and was left out.")
    if len(limits.notes) == before:
        limits.chips.append(f"{'not ' * excluded}{name}: {value}")


def _kind(limits: Limits, wanted: str, excluded: bool) -> None:
    kind = KIND_WORDS.get(wanted, wanted)
    if kind not in SEARCHABLE:
        limits.notes.append(f"There is no kind “{wanted}”; there are mail, event, contact and task.")
    else:
        limits.kinds = tuple(known for known in limits.kinds if (known == kind) != excluded) or limits.kinds


def _folder(limits: Limits, wanted: str, excluded: bool, folders: list[Row]) -> None:
    named = [
        row["id"] for row in folders
        if wanted in {str(row[name] or "").casefold() for name in ("name", "full_name", "label")}
    ]  # fmt: skip
    if not named:
        limits.notes.append(f"There is no folder “{wanted}”; the filters list those there are.")
        return
    chosen = [row["id"] for row in folders if row["id"] not in named] if excluded else named
    limits.folder_ids = chosen if limits.folder_ids is None else [id_ for id_ in limits.folder_ids if id_ in chosen]


def _account(limits: Limits, wanted: str, excluded: bool, accounts: list[Row]) -> None:
    ids = [row["id"] for row in accounts if (str(row["name"]).casefold() == wanted.casefold()) != excluded]
    if not ids or (len(ids) == len(accounts) and excluded):
        limits.notes.append(f"There is no account “{wanted}”.")
    else:
        limits.account_ids = ids if limits.account_ids is None else [id_ for id_ in limits.account_ids if id_ in ids]


def _time(limits: Limits, name: str, value: str, today: date) -> None:
    days = _day(value, today)
    if days is None:
        limits.notes.append(f"“{value}” is no date; write it like 2026-03-01, 2026-03 or 2026.")
    elif name == "after":
        limits.since = max(limits.since or days[0], days[0])
    else:
        limits.until = min(limits.until or days[0], days[0])


def _day(written: str, today: date) -> tuple[date, date] | None:
    """The first day of what was named, and the first after it."""
    near = {"yesterday": -1, "today": 0, "tomorrow": 1}.get(written.casefold().strip())
    try:
        if near is not None:
            return today + timedelta(days=near), today + timedelta(days=near + 1)
        if not (match := _DAY.match(written.strip())):
            return None
        year, month, day = (int(part) if part else None for part in match.groups())
        first = date(year or 1, month or 1, day or 1)
        if day is not None:
            return first, first + timedelta(days=1)
        if month is not None:
            return first, date(first.year + first.month // 12, first.month % 12 + 1, 1)
        return first, date(first.year + 1, 1, 1)
    except (ValueError, OverflowError):
        return None
