"""One result of a search as a page shows it: what it is, when, and where the words are in it."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from mirror.web import links, words
from mirror.web.marks import Marker
from mirror.web.page import Row
from mirror.web.search_terms import Typed

TITLE_CHARS = 300
LINE_CHARS = 160
NAMELESS = {"messages": "(mail without a subject)", "events": "(event without a title)", "contacts": "(contact without a name)",
            "tasks": "(task without a title)"}  # fmt: skip

Shown = dict[str, Any]


def result(row: Row, typed: Typed) -> Shown:
    """Title, excerpt and a line about it, all marked and escaped, ready for the page."""
    kind = row["kind"]
    plain = Marker(typed.wanted)
    about, excerpt = _ABOUT[kind](row, typed, plain)
    return {
        "url": links.record(kind, row["id"]),
        "kind": kind,
        "title": plain.whole((row["title"] or "")[:TITLE_CHARS]) or NAMELESS[kind],
        "about": [part for part in about if part],
        "excerpt": excerpt,
        "at": row.get("at"),
        "day": words.day(str(row["at"])[:10]) if row.get("at") and row.get("all_day") else None,
        "account": row["account"],
        "deleted_at": row["deleted_at"],
        "unread": row.get("unread"),
        "attached": row.get("has_attachments"),
    }


def _mail(row: Row, typed: Typed, plain: Marker) -> tuple[list[Any], Markup | None]:
    sender, receiver = Marker(typed.wanted, "from"), Marker(typed.wanted, "to")
    name, email = row["from_name"], row["from_email"]
    who = sender.whole(name or email or "")
    if name and email and sender.holds(email) and not sender.holds(name):
        who = Markup("{} <small>{}</small>").format(who, sender.whole(email))
    to = row["recipients"] or ""
    about = [Markup("<b>{}</b>").format(who) if who else "", row["folder"]]
    if receiver.holds(to[:20_000]):
        about.insert(1, Markup("to {}").format(receiver.excerpt(to[:20_000])))
    text = row["text"] if row["text"] is not None else row["snippet"]
    return about, plain.excerpt(text)


def _event(row: Row, typed: Typed, plain: Marker) -> tuple[list[Any], Markup | None]:
    organizer, invited = Marker(typed.wanted, "from"), Marker(typed.wanted, "to")
    about: list[Any] = ["cancelled" if row["canceled"] else "", plain.whole((row["location"] or "")[:LINE_CHARS])]
    if row["recurrence_type"] == "master":
        about.insert(0, "repeats")
    if organizer.holds(row["organizer"]):
        about.append(Markup("by {}").format(organizer.whole(row["organizer"])))
    if invited.holds(row["attendees"]):
        about.append(Markup("with {}").format(invited.excerpt(row["attendees"])))
    return [*about, row["calendar"]], plain.excerpt(row["text"])


def _contact(row: Row, _typed: Typed, plain: Marker) -> tuple[list[Any], Markup | None]:
    names = ("nickname", "job_title", "company", "emails", "phones")
    about = [plain.whole(str(row[name])[:LINE_CHARS]) for name in names if row[name] and row[name] != row["title"]]
    return about, plain.excerpt(row["text"])


def _task(row: Row, _typed: Typed, plain: Marker) -> tuple[list[Any], Markup | None]:
    status = {"completed": "done", "notStarted": "", "inProgress": "under way", "waitingOnOthers": "waiting"}
    return [status.get(row["status"] or "", row["status"]), row["list"]], plain.excerpt(row["text"])


_ABOUT = {"messages": _mail, "events": _event, "contacts": _contact, "tasks": _task}
