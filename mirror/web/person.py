"""One person out of many addresses: who it is, what they are called, and what there is of them. It only reads."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import groupby
from typing import Any

from mirror import clock as clocks
from mirror.web.page import Asked, Behind, Row
from mirror.web.queries import people as queries

MOST_MAILS_LISTED = 10
MOST_MEETINGS_LISTED = 8
MAILS_OF_COMPANY = 200
"""So many of the latest mails are looked at for who else is on them."""
MONTHS_AHEAD = timedelta(days=92)
MOST_MONTHS = 120


@dataclass(frozen=True, slots=True)
class Person:
    """Who has some addresses. `key` is the same for all of them; `email` is the one to name the person by."""

    key: str
    email: str
    emails: tuple[str, ...]
    name: str | None
    contact_id: int | None

    @property
    def called(self) -> str:
        return self.name or self.email


@dataclass(slots=True)
class Together:
    """What there is of mails and meetings with a person."""

    received: int = 0
    sent: int = 0
    meetings: int = 0
    coming: list[Row] = field(default_factory=list)
    first_at: str | None = None
    last_at: str | None = None
    mails: list[Row] = field(default_factory=list)
    latest_meetings: list[Row] = field(default_factory=list)
    months: list[Row] = field(default_factory=list)
    others: list[Row] = field(default_factory=list)
    all_meetings: Behind | None = None


def own_addresses(asked: Asked) -> dict[str, str]:
    """All addresses of the mirror's owner, with the account that makes them so."""
    accounts = {row["email"]: row["name"] for row in asked.rows(None, queries.OWN)}
    return {email: accounts[of] for of, email in _pairs(asked, accounts)}


def same(asked: Asked, emails: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Of each address, all addresses of the one who has it, itself included."""
    return {
        of: tuple(email for _, email in group) for of, group in groupby(_pairs(asked, emails), lambda pair: pair[0])
    }


def named(asked: Asked, groups: Iterable[Sequence[str]]) -> list[Person]:
    """The persons who have these addresses. The first address of each is the one to name the person by."""
    wanted = [tuple(group) for group in groups]
    emails = json.dumps([email for group in wanted for email in group])
    known = {row["email"]: row for row in asked.rows(None, queries.NAMES, emails=emails)}
    ids = json.dumps(sorted({row["contact_id"] for row in known.values() if row["contact_id"]}))
    cards = {row["id"]: row["name"] for row in asked.rows(None, queries.CARD_NAMES, ids=ids)}
    return [_named(group, [known[email] for email in group], cards) for group in wanted]


def _named(emails: tuple[str, ...], known: list[Row], cards: dict[int, str]) -> Person:
    said = [row["said"] for row in sorted(known, key=lambda row: str(row["email"])) if row["said"]]
    contact_id = min((row["contact_id"] for row in known if row["contact_id"]), default=None)
    names = [*said, cards.get(contact_id or 0), *(row[key] for key in ("writes_as", "written_to_as") for row in known)]
    name = next((name for name in names if name), None)
    return Person(min(emails), emails[0], emails, name, contact_id)


def together(asked: Asked, emails: Sequence[str], without: Iterable[str]) -> Together:
    """Mails and meetings with whoever has these addresses. `without`: addresses that are no company, one's own."""
    given = json.dumps(list(emails))
    mails = asked.rows("All mails with this person", queries.MAILS, emails=given)
    tomorrow = clocks.text(clocks.moment(asked.now).replace(hour=0, minute=0, second=0, microsecond=0) + MONTHS_AHEAD)
    meetings = asked.rows("All meetings with this person", queries.MEETINGS, emails=given, until=tomorrow)
    all_meetings = asked.behind[-1]
    past = [row for row in meetings if row["at"] and row["at"] <= asked.now]
    times = [row["at"] for row in mails if row["at"]]
    found = Together(
        received=sum(row["direction"] == "received" for row in mails),
        sent=sum(row["direction"] == "sent" for row in mails),
        meetings=len(past),
        coming=[row for row in meetings if row["at"] and row["at"] > asked.now][-3:][::-1],
        first_at=min(times, default=None),
        last_at=max(times, default=None),
        latest_meetings=past[:MOST_MEETINGS_LISTED],
        all_meetings=all_meetings,
        months=months([*mails, *({**row, "direction": "meetings"} for row in past)]),
    )
    found.mails = _mail_lines(asked, mails[:MOST_MAILS_LISTED])
    ids = json.dumps([row["id"] for row in mails[:MAILS_OF_COMPANY]])
    found.others = asked.rows(
        "Who else is on these mails", queries.OTHERS, ids=ids, without=json.dumps([*emails, *without])
    )
    return found


def _mail_lines(asked: Asked, mails: list[Row]) -> list[Row]:
    directions = {row["id"]: row["direction"] for row in mails}
    lines = asked.rows(None, queries.MAIL_LINES, ids=json.dumps(list(directions)))
    return [{**row, "direction": directions[row["id"]]} for row in lines]


def months(rows: Iterable[Row]) -> list[Row]:
    """How many of each `direction` there were in each month, from the first to the last, without gaps; at most ten years."""
    counts: dict[str, dict[str, Any]] = {}
    for row in rows:
        if row["at"]:
            month = counts.setdefault(row["at"][:7], {"received": 0, "sent": 0, "meetings": 0})
            month[row["direction"]] += 1
    if not counts:
        return []
    first, last = _number(min(counts)), _number(max(counts))
    none = {"received": 0, "sent": 0, "meetings": 0}
    names = [
        f"{number // 12:04d}-{number % 12 + 1:02d}" for number in range(max(first, last - MOST_MONTHS + 1), last + 1)
    ]
    return [{"month": name, **counts.get(name, none)} for name in names]


def _number(month: str) -> int:
    return int(month[:4]) * 12 + int(month[5:7]) - 1


def _pairs(asked: Asked, emails: Iterable[str]) -> list[tuple[str, str]]:
    return [(row["asked"], row["email"]) for row in asked.rows(None, queries.SAME, emails=json.dumps(list(emails)))]
