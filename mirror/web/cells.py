"""One cell of a table as a person likes to read it: records and people lead to their own pages. Everything that upstream
wrote is escaped; nothing is fetched."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from markupsafe import Markup, escape

from mirror.resources import KINDS
from mirror.web import links, words

MOST_ADDRESSES = 8
MOST_RAW_CHARS = 20_000

ADDRESSES = frozenset({"email", "from_email", "organizer"})
ADDRESS_LISTS = frozenset({"emails", "recipients", "attendees"})
CHIPS = frozenset({"categories", "labels", "keywords", "omitted"})
SIZES = frozenset({"bytes", "size_bytes", "attachments_up_to_bytes"})
YES_OR_NO = frozenset(
    {
        "all_day", "canceled", "unread", "flagged", "has_attachments", "has_photo", "is_primary", "is_folder", "is_label",
        "is_default", "is_owner", "is_shared", "inline", "writable", "can_unsubscribe",
    }
)  # fmt: skip
FOLDED = frozenset({"raw", "patch", "base", "html"})
STATES = frozenset(
    {"outcome", "state", "status", "deletion", "change", "response", "kept", "importance", "what", "occurrence_type"}
)
TITLES = frozenset({"title", "subject", "name", "attachment", "latest"})
LINKED = {
    "contact_id": "contacts",
    "event_id": "events",
    "message_id": "messages",
    "task_id": "tasks",
    "run_id": "runs",
}
"""Columns that say which record a row is about, in the order in which a row is about them."""

_ADDRESS = re.compile(r"[^\s<>,;\"()]+@[^\s<>,;\"()]+")
_COLOR = re.compile(r"^#[0-9a-fA-F]{3,8}$")

Row = Mapping[str, Any]
Links = Callable[[str], str]


def cell(value: Any, column: str, table: str | None, row: Row, at: Links) -> Markup | None:
    """The cell's HTML; None where Datasette's own way will do. `at` gives the URL of a path within the database."""
    if value is None or isinstance(value, bytes):
        return None
    if isinstance(value, dict):
        return _record_beside(value, column)
    if column in LINKED and table is not None and isinstance(value, int):
        return Markup('<a class="record" href="{}">{}</a>').format(links.record(LINKED[column], value), value)
    link = _record_link(column, table, row, at)
    if link is not None:
        return Markup('<a class="record" href="{}">{}</a>').format(link, _shortened(str(value)) or "(without a name)")
    if column in YES_OR_NO and value in (0, 1):
        return Markup('<span class="yes">yes</span>') if value else Markup('<span class="no">no</span>')
    if column in SIZES and isinstance(value, (int, float)):
        return Markup('<span class="size" title="{:,} bytes">{}</span>').format(int(value), words.size(value))
    if isinstance(value, (int, float)):
        return (
            Markup("{}").format(f"{value:,}")
            if table is None and column != "day" and not column.endswith("id")
            else None
        )
    return _text_cell(str(value), column, table, row)


def _text_cell(text: str, column: str, table: str | None, row: Row) -> Markup | None:
    if column in FOLDED:
        return folded(text)
    if column == "found":
        return Markup("{}").format(escape(text).replace("⟦", Markup("<mark>")).replace("⟧", Markup("</mark>")))
    if column == "kind" and text in KINDS:
        return Markup('<span class="kind kind-{}">{}</span>').format(text, words.KIND_NAMES[text])
    if column == "color" and _COLOR.match(text):
        return Markup('<span class="swatch" style="background:{0}" title="{0}"></span>').format(text)
    if column == "birthday":
        return Markup("{}").format(words.birthday(text) or text)
    if column in ADDRESSES and _ADDRESS.fullmatch(text):
        return address(text)
    if column in ADDRESS_LISTS:
        return addresses(text)
    if column in CHIPS:
        return chips(text)
    if column in STATES and len(text) < 40:
        return Markup('<span class="state state-{}">{}</span>').format(re.sub(r"\W+", "-", text), _spaced(text))
    if table is None and (day := words.day(text)):
        return Markup('<span class="date">{}</span>').format(day)
    return moment(text, as_date=_whole_day(column, row))


def moment(text: str, *, as_date: bool = False) -> Markup | None:
    """A time that the page's script turns into the reader's own zone; a whole day stays the day that it is."""
    found = words.moment(text)
    if found is None:
        return None
    if as_date:
        return Markup('<span class="date">{}</span>').format(words.day(text[:10]) or text)
    return Markup('<time datetime="{}" title="{} UTC">{}</time>').format(
        text, f"{found:%Y-%m-%d %H:%M:%S}", words.clock_time(found)
    )


def folded(text: str) -> Markup:
    """A long text behind its size; JSON with line breaks."""
    try:
        shown = msgspec.json.format(
            text, indent=2
        )  # a page has fifty of them; json would take longer than all else on it
    except (ValueError, RecursionError):
        shown = text  # upstream's HTML, or bytes that are no JSON: shown as they are
    note = (
        ""
        if len(shown) <= MOST_RAW_CHARS
        else f"\n… {len(shown) - MOST_RAW_CHARS:,} more characters: see the row as JSON"
    )
    shown = shown.encode("utf-8", "replace").decode("utf-8")  # JSON may name half a character, which no page can hold
    return Markup('<details class="raw"><summary>{}</summary><pre tabindex="0">{}</pre></details>').format(
        words.size(len(text.encode("utf-8", "replace"))), shown[:MOST_RAW_CHARS] + note
    )


def address(text: str) -> Markup:
    """An address that leads to its person."""
    return Markup('<a class="address" href="{}">{}</a>').format(links.person(text.lower()), text)


def addresses(text: str) -> Markup:
    """A list of names and addresses with each address linked; a long list is folded after its beginning."""
    people = [part.strip() for part in re.split(r",\s*(?=[^,]*@)|,\s+(?=\S)", text) if part.strip()]
    marked = [_person(part) for part in people]
    if len(marked) <= MOST_ADDRESSES + 1:
        return Markup(", ").join(marked)
    return Markup('{}<details class="more"><summary>and {} more</summary>{}</details>').format(
        Markup(", ").join(marked[:MOST_ADDRESSES]),
        f"{len(marked) - MOST_ADDRESSES:,}",
        Markup(", ").join(marked[MOST_ADDRESSES:]),
    )


def chips(text: str) -> Markup | None:
    """A JSON array as little labels."""
    try:
        items = json.loads(text)
    except ValueError:
        return None
    if not isinstance(items, list):
        return None
    return Markup(" ").join(Markup('<span class="chip">{}</span>').format(str(item)) for item in items)


def _person(text: str) -> Markup:
    """`Ada Okafor <ada@host>` as the name, linked to the address; an address alone as itself."""
    found = _ADDRESS.search(text)
    if found is None:
        return escape(text)
    name = text[: found.start()].strip(" <\"'")
    if not name:
        return address(found[0])
    return Markup('<a class="address" href="{}" title="{}">{}</a>').format(
        links.person(found[0].lower()), found[0], name
    )


def _record_link(column: str, table: str | None, row: Row, at: Links) -> str | None:
    """Where a title leads: to the record that the row is, or is about."""
    if column not in TITLES:
        return None
    columns = row.keys()
    if table in KINDS:
        is_title = column == KINDS[table].title and "id" in columns
        return links.record(table, row["id"]) if is_title else None
    if table == "attachments":
        return f"{at(table)}/{row['id']}" if column == "name" and "id" in columns else None
    if {"kind", "record_id"} <= set(columns) and row["kind"] in KINDS and isinstance(row["record_id"], int):
        return links.record(row["kind"], row["record_id"])
    if table is None or table == "agenda":
        for key, target in LINKED.items():
            if key in columns and isinstance(row[key], int):
                return links.record(target, row[key])
    if column == "name" and table != "accounts" and "email" in columns and isinstance(row["email"], str):
        return links.person(row["email"])
    return None


def _record_beside(value: dict[str, Any], column: str) -> Markup | None:
    """Another record that a column names, which Datasette has given its title."""
    kind = LINKED.get(column)
    if kind is None or kind not in KINDS or not isinstance(value.get("value"), int):
        return None
    shown = _shortened(str(value.get("label") or "")) or "(without a name)"
    return Markup('<a class="record" href="{}">{}</a>').format(links.record(kind, value["value"]), shown)


def _whole_day(column: str, row: Row) -> bool:
    return column in ("starts_at", "ends_at", "when") and "all_day" in row.keys() and row["all_day"] == 1  # noqa: SIM118  (sqlite3.Row)


def _shortened(text: str, most: int = 160) -> str:
    text = " ".join(text.split())
    return text if len(text) <= most else f"{text[:most]}…"


def _spaced(text: str) -> str:
    """`waitingOnOthers` and `not_ready` with spaces."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text).replace("_", " ").lower() if " " not in text else text
