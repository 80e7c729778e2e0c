"""History: what changed in a period, and all versions of one record with what each changed."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from itertools import groupby, islice
from typing import Any

from datasette.app import Datasette
from datasette.utils.asgi import Request

from mirror.formats.text import from_html
from mirror.resources import KINDS
from mirror.store.columns import COLUMNS, derive, fields_of, text
from mirror.store.differences import NOTHING, Difference, differences
from mirror.web import cells, changes, links, words
from mirror.web.changes import WHAT, Place, Wanted
from mirror.web.page import Asked, BadRequest, NotFound, Response, Row, number, show
from mirror.web.queries import history as queries

PAGE = 60
DAYS_SHOWN = 7
MOST_DAYS = 62  # a longer period is drawn by months
VERSIONS_SHOWN = 30
BODY_LINES = 60
BODY_CHARS = 40_000
VALUE_CHARS = 600

_PLACE = re.compile(r"^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)\.(?:([a-z_]+)\.)?(\d{1,18})$")
_A_TAG = re.compile(r"</?[a-z][a-z0-9]*[\s>/]", re.I)  # mails without HTML come as plain text


async def period(request: Request, datasette: Datasette) -> Response:
    """What changed between two days of the reader's."""

    def read(asked: Asked) -> dict[str, Any]:
        since, until = _days(request, asked)
        accounts = asked.rows(None, queries.ACCOUNTS)
        wanted = _wanted(request, asked, accounts, since, until)
        found, more = changes.newest(asked, wanted, PAGE)
        given = _given(request)
        days = _calendar(asked, since, until)
        return {
            "days": [(day, list(group)) for day, group in groupby(found, lambda one: asked.local(one.at).date())],
            "day_name": words.day,
            "since": since.isoformat(),
            "until": until.isoformat(),
            "given": given,
            "address": lambda **other: links.changes(**{**given, "at": asked.at, **other}),
            "older": links.changes(**given, at=asked.at, before=_written(more)) if more else None,
            "newest": links.changes(**given, at=asked.at) if wanted.before else None,
            "accounts": {row["id"]: row["name"] for row in accounts},
            "account_rows": accounts,
            "kinds": tuple(KINDS),
            "what": WHAT,
            "per": "day" if len(days) <= MOST_DAYS and until - since < timedelta(MOST_DAYS) else "month",
            "counts": changes.per_day(asked, wanted, days),
        }

    return await show(request, datasette, "history.html", read)


async def record(request: Request, datasette: Datasette) -> Response:
    """All versions of one record, newest first, each with what it changed."""
    kind, record_id = request.url_vars["kind"], number(request)

    def read(asked: Asked) -> dict[str, Any]:
        if kind not in KINDS:
            raise NotFound(f"There is no kind of record called “{kind}”.")
        found = asked.row(f"The {words.KIND_NAMES[kind]}", queries.RECORD[kind], id=record_id)
        if found is None:
            raise NotFound(f"There is no {words.KIND_NAMES[kind]} {record_id}.")
        before = request.args.get("before") or ""
        if not re.fullmatch(r"\d{0,18}", before):
            raise BadRequest(f"“{before}” is no place in the order of change.")
        given = {"kind": kind, "id": record_id, "before": int(before) if before else "", "most": VERSIONS_SHOWN + 1}
        versions = asked.rows("Its versions, newest first", queries.VERSIONS, **given)
        bodies = _bodies(asked, record_id) if kind == "messages" else []
        older = versions[VERSIONS_SHOWN - 1]["seq"] if len(versions) > VERSIONS_SHOWN else None
        pairs = zip(versions[:VERSIONS_SHOWN], [*versions[1:], None], strict=False)
        return {
            "record": {**found, "kind": kind},
            "count": 1 + asked.value(None, queries.COUNT_VERSIONS, kind=kind, id=record_id),
            "steps": [_step(kind, version, earlier, bodies) for version, earlier in pairs],
            "older": links.history(kind, record_id, before=older, at=asked.at) if older else None,
            "newest": links.history(kind, record_id, at=asked.at) if before else None,
            "has_page": links.record(kind, record_id) != links.row(kind, record_id),
        }

    return await show(request, datasette, "versions.html", read)


# --- what is asked for ------------------------------------------------------------------------------------------------------


def _given(request: Request) -> dict[str, str]:
    given = {name: request.args.get(name) or "" for name in ("kind", "account", "what", "since", "until")}
    given["what"] = given["what"] or request.args.get("change") or ""
    return given


def _days(request: Request, asked: Asked) -> tuple[date, date]:
    """The first and the last day."""
    until = _day(request.args.get("until")) or date.fromisoformat(asked.today)
    since = _day(request.args.get("since")) or until - timedelta(DAYS_SHOWN - 1)
    if since > until:
        raise BadRequest("The first day of the period comes after its last.")
    return since, until


def _day(written: str | None) -> date | None:
    if not written:
        return None
    try:
        day = date.fromisoformat(written)
    except ValueError:
        day = date.min
    if not 1970 <= day.year <= 2999:
        raise BadRequest(f"“{written}” is no day; write it like 2026-03-01.")
    return day


def _wanted(request: Request, asked: Asked, accounts: list[Row], since: date, until: date) -> Wanted:
    kind, what, account = (_given(request)[name] for name in ("kind", "what", "account"))
    if kind and kind not in KINDS:
        raise BadRequest(f"“{kind}” is no kind of record. There are: {', '.join(KINDS)}.")
    if what and what not in WHAT:
        raise BadRequest(f"“{what}” is nothing that happens to a record. There are: {', '.join(WHAT)}.")
    if account and account not in {str(row["id"]) for row in accounts}:
        raise BadRequest(f"There is no account {account}.")
    return Wanted(
        _midnight(asked, since), _midnight(asked, until + timedelta(1)), (kind,) if kind else tuple(KINDS),
        int(account) if account else "", what, _place(request.args.get("before")),
    )  # fmt: skip


def _midnight(asked: Asked, day: date) -> str:
    return asked.utc(datetime(day.year, day.month, day.day, tzinfo=asked.zone))


def _place(written: str | None) -> Place | None:
    if not written:
        return None
    found = _PLACE.match(written)
    if found is None or (found[2] and found[2] not in KINDS):
        raise BadRequest(f"“{written}” is no place in the order of change.")
    return Place(found[1], found[2], int(found[3]))


def _written(place: Place) -> str:
    return ".".join(part for part in (place.at, place.kind, str(place.number)) if part)


def _calendar(asked: Asked, since: date, until: date) -> list[dict[str, str]]:
    """The days of the period, or its months, with their bounds in UTC."""
    by_day = until - since < timedelta(MOST_DAYS)
    starts = [since]
    while (day := _next(starts[-1], by_day)) <= until:
        starts.append(day)
    bounds = [*(_midnight(asked, day) for day in starts), _midnight(asked, until + timedelta(1))]
    names = [day.isoformat() if by_day else day.isoformat()[:7] for day in starts]
    return [
        {"day": name, "since": first, "until": end} for name, first, end in zip(names, bounds, bounds[1:], strict=False)
    ]


def _next(day: date, by_day: bool) -> date:
    return day + timedelta(1) if by_day else (day.replace(day=1) + timedelta(32)).replace(day=1)


# --- one record's versions --------------------------------------------------------------------------------------------------


def _step(kind: str, version: Row, before: Row | None, bodies: list[Row]) -> dict[str, Any]:
    what = "created"
    fields = fields_of(version["raw"])
    found: list[Difference] = []
    lines: list[tuple[str, str]] | None = None
    if before is not None:
        what = "deleted" if version["deleted_at"] else "restored" if before["deleted_at"] else "changed"
        found = differences(fields_of(before["raw"]), fields)
        old, new = _body(bodies, before), _body(bodies, version)
        lines = list(_body_lines(old, new)) if old != new else None
    told = [_told(one) for one in found if not one.is_mark]
    return {
        **version,
        "what": what,
        "differences": told,
        "marks": [one.path for one in found if one.is_mark],
        "body": lines,
        "columns": list(_columns(kind, fields)) if before is None else [],
        "folded": cells.folded(version["raw"]),
    }


def _columns(kind: str, fields: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """What a person reads of a first version."""
    for name, value in zip(COLUMNS[kind], derive(kind, fields).columns, strict=True):
        if value not in (None, "", 0):
            if name in cells.CHIPS:
                value = json.loads(value)
            yield name, _said(bool(value) if name in cells.YES_OR_NO else value)


def _told(one: Difference) -> dict[str, Any]:
    """One difference in the form that the page shows: what is there no more, and what is there now."""
    reordered = isinstance(one.before, list) and isinstance(one.after, list)
    return {
        "path": text(one.path),
        "before": None if one.before is NOTHING or reordered else _said(one.before),
        "after": None if one.after is NOTHING or reordered else _said(one.after),
        "reordered": reordered,
    }


def _said(value: Any) -> str:
    """A value of JSON as text; a moment as the pages show moments."""
    if isinstance(value, dict):
        value = ", ".join(f"{name}: {_said(inner)}" for name, inner in value.items()) or "(empty)"
    elif isinstance(value, list):
        value = "; ".join(map(_said, value)) or "(empty)"
    elif value is None or isinstance(value, bool):
        value = {None: "(none)", True: "yes", False: "no"}[value]
    said = (text(str(value)) or "").strip() or "(empty)"
    if (moment := cells.moment(said)) is not None:
        return moment
    return said if len(said) <= VALUE_CHARS else f"{said[:VALUE_CHARS]}…"


def _bodies(asked: Asked, message_id: int) -> list[Row]:
    return asked.rows("The bodies that it had", queries.BODIES, id=message_id)


def _body(bodies: list[Row], version: Row) -> str | None:
    """The newest body that came before the version was superseded: with it, before it, or when it was completed."""
    html: str | None = None
    for body in bodies:
        if version["superseded_seq"] is None or body["seq"] < version["superseded_seq"]:
            html = body["html"]
    return html


def _body_lines(before: str | None, after: str | None) -> Iterator[tuple[str, str]]:
    """The lines that differ, each with `-`, `+` or a blank; none when it is the same text, written in another way."""
    old, new = (_text(html)[:BODY_CHARS].splitlines() for html in (before, after))
    compared = islice(difflib.unified_diff(old, new, n=1, lineterm=""), 2, BODY_LINES + 2)
    for line in compared:
        yield line[:1], line[1:] if line[:1] in "+- " else "…"


def _text(html: str | None) -> str:
    return from_html(html) if html and _A_TAG.search(html) else html or ""


ROUTES: list[tuple[str, Any]] = [
    (r"^/history$", period),
    (r"^/history/(?P<kind>[a-z_]+)/(?P<id>\d+)$", record),
]
