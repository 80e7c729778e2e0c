"""The list of people, a page at a time: by latest mail, by how often, or by words. It counts the mail of a while.

It never counts all mail. Addresses come first, in order; only those of one page are asked whose they are. So a page takes
as long on a mirror of ten years as on one of one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta

from mirror import clock as clocks
from mirror.web import person
from mirror.web.page import Asked, Row
from mirror.web.person import Person
from mirror.web.queries import people as queries

A_PAGE = 40
A_SLICE = 60
"""Addresses whose persons are asked for at once."""

PERIODS = {365: "12 months", 91: "3 months", 30: "30 days"}
"""Days that figures are about, and how they are called: the longest that has no more mail than `MOST_MAILS`."""

MOST_MAILS = 25_000
MOST_LATER = 3_000
END_OF_TIME = "9999"
FIRST_YEAR = 1001
"""The mirror knows no moments before the year 1000, whose texts would have three digits."""
LAST_EMAIL = chr(0x10FFFF)
NOTHING: Row = {"received": 0, "sent": 0, "meetings": 0, "last_at": None}

Counted = dict[str, Row]
Rank = Callable[[Row], tuple[str | int, str]]
"""Where an address stands; the highest is shown first."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A person of the list, with what there was in the year."""

    who: Person
    received: int
    sent: int
    meetings: int
    since: str | None
    last_at: str | None


@dataclass(frozen=True, slots=True)
class Period:
    """What the figures of a page are about: mails and meetings after `since` and until `until`."""

    since: str
    until: str
    called: str


@dataclass(frozen=True, slots=True)
class Page:
    """People, what their figures are about, and where the next page begins (None at the end)."""

    entries: list[Entry] = field(default_factory=list)
    period: Period | None = None
    next_key: str | None = None
    has_more: bool = False


def latest(asked: Asked, before: str | None, *, most_mails: int = MOST_MAILS, most_later: int = MOST_LATER) -> Page:
    """Those with the latest mail first. `before`: the `next_key` of the page before."""
    at, _, email = (before or "").partition(" ")
    own = person.own_addresses(asked)
    newest: str | None = at or END_OF_TIME
    while newest is not None:
        newest = asked.value(None, queries.OLDER_MAIL, before=newest)
        if newest is None:
            break
        period = _period(asked, at and newest, most_mails)
        counted = _counted(asked, period, is_open=not at)
        found = _Persons(asked, own, at or None, most_later)
        with_mail = [row for row in counted.values() if row["last_at"]]
        groups = found.of(with_mail, counted, lambda row: (row["last_at"], row["email"]), (at, email) if at else None)
        if groups:
            key = found.next_key or (f"{period.since} {LAST_EMAIL}" if _is_older(asked, period.since) else None)
            return Page(_entries(asked, groups, counted), period, key)
        at, email, newest = period.since, LAST_EMAIL, period.since
    return Page()


def often(asked: Asked, before: str | None) -> Page:
    """Those with most mail lately first; each stands where the address that is used most does."""
    number, _, email = (before or "").partition(" ")
    period = _period(asked, "")
    counted = _counted(asked, period, is_open=True)
    found = _Persons(asked, person.own_addresses(asked), None)
    with_mail = [row for row in counted.values() if row["received"] + row["sent"]]
    groups = found.of(
        with_mail, counted, lambda row: (row["received"] + row["sent"], row["email"]),
        (int(number), email) if number.isascii() and number.isdigit() else None,
    )  # fmt: skip
    entries = sorted(_entries(asked, groups, counted), key=lambda entry: -(entry.received + entry.sent))
    return Page(entries, period, found.next_key)


def with_words(asked: Asked, words: str) -> Page:
    """Those whose names or addresses have all the words, as far as a page goes; those with the latest mail first."""
    wanted = words.casefold().split()
    emails = {row["email"] for row in asked.rows("Cards with these words", queries.FOUND_CARDS, q=words)}
    on_mails = asked.rows("The latest mails with these words", queries.FOUND_MAILS, q=words)
    for row in (*on_mails, *asked.rows(None, queries.FOUND_NAMES)):
        text = f"{row['name'] or ''} {row['email']}".casefold()
        if all(word in text for word in wanted):
            emails.add(row["email"])
    own = person.own_addresses(asked)
    groups = sorted({group for group in person.same(asked, emails).values() if not own.keys() & set(group)})
    spans = _spans(asked, [email for group in groups for email in group])
    groups.sort(key=lambda group: max((spans[email][1] or "" for email in group), default=""), reverse=True)
    period = _period(asked, "")
    counted = _counted(asked, period, is_open=True)
    ordered = [tuple(sorted(group, key=lambda one: spans[one][1] or "", reverse=True)) for group in groups[:A_PAGE]]
    return Page(_entries(asked, ordered, counted), period, None, len(groups) > A_PAGE)


class _Persons:
    """Whose the addresses of a ranking are, until a page is full. `until`: those with mail after that were shown before."""

    def __init__(self, asked: Asked, own: dict[str, str], until: str | None, most_later: int = MOST_LATER) -> None:
        self.asked, self.until, self.most_later = asked, until, most_later
        self.seen = set(own)
        self.next_key: str | None = None
        self._soon: set[str] | None = None
        self._is_all = True

    def of(
        self, rows: list[Row], counted: Counted, rank: Rank, after: tuple[str | int, str] | None
    ) -> list[tuple[str, ...]]:
        """The addresses of each person, the one that stands highest first. `after`: the place where the page before ended."""
        ranked = sorted((row for row in rows if after is None or rank(row) < after), key=rank, reverse=True)
        groups: list[tuple[str, ...]] = []
        last: Row | None = None
        for start in range(0, len(ranked), A_SLICE):
            for row, group in self._slice(ranked[start : start + A_SLICE]):
                if self.seen & set(group):
                    continue
                self.seen.update(group)
                if after is not None and any(email in counted and rank(counted[email]) >= after for email in group):
                    continue
                if len(groups) == A_PAGE and last is not None:
                    self.next_key = " ".join(map(str, rank(last)))
                    return groups
                groups.append((row["email"], *(email for email in group if email != row["email"])))
                last = row
        return groups

    def _slice(self, rows: list[Row]) -> Iterator[tuple[Row, tuple[str, ...]]]:
        groups = person.same(self.asked, (row["email"] for row in rows if row["email"] not in self.seen))
        if self.until is not None:
            self.seen.update(self._with_later_mail({email for group in groups.values() for email in group}, self.until))
        for row in rows:
            if row["email"] in groups:
                yield row, groups[row["email"]]

    def _with_later_mail(self, emails: set[str], until: str) -> set[str]:
        """Whoever is on a mail after a moment. Those who are on many are found by the mails, the others by themselves."""
        if self._soon is None:
            soon = self.asked.rows(None, queries.SOON_WRITTEN_TO, until=until, most=self.most_later)
            self._soon = {row["email"] for row in soon}
            self._is_all = not soon or soon[0]["mails"] < self.most_later
        later = emails & self._soon
        for sql in (queries.LATER_FROM, *(() if self._is_all else (queries.LATER_TO,))):
            rows = self.asked.rows(None, sql, emails=json.dumps(sorted(emails - later)), until=until)
            later |= {row["email"] for row in rows}
        return later


def _period(asked: Asked, until: str, most_mails: int = MOST_MAILS) -> Period:
    """The longest of the periods until a moment, else until now, whose mail can be counted while one waits."""
    end = clocks.moment(until or asked.now)
    for days, called in PERIODS.items():
        since = clocks.text(end - timedelta(days=days)) if end.year > FIRST_YEAR else "0"
        found = Period(since, until or asked.now, called)
        many = asked.value(None, queries.MANY_MAILS, since=found.since, until=found.until, most=most_mails)
        if many < most_mails:
            break
    return found


def _counted(asked: Asked, period: Period, *, is_open: bool) -> Counted:
    """What there was in a period, by address. `is_open`: what is dated later counts as well, since clocks differ."""
    until = END_OF_TIME if is_open else period.until
    rows = asked.rows("Mails and meetings of a period, by address", queries.PERIOD, since=period.since, until=until)
    return {row["email"]: row for row in rows}


def _is_older(asked: Asked, at: str) -> bool:
    return asked.value(None, queries.OLDER_MAIL, before=at) is not None


def _entries(asked: Asked, groups: list[tuple[str, ...]], counted: Counted) -> list[Entry]:
    spans = _spans(asked, [email for group in groups for email in group])
    return [
        _entry(who, [counted.get(email, NOTHING) for email in who.emails], spans) for who in person.named(asked, groups)
    ]


def _entry(who: Person, rows: list[Row], spans: dict[str, tuple[str | None, str | None]]) -> Entry:
    first = [at for email in who.emails if (at := spans[email][0])]
    last = [at for at in (*(spans[email][1] for email in who.emails), *(row["last_at"] for row in rows)) if at]
    received, sent, meetings = (sum(row[key] for row in rows) for key in ("received", "sent", "meetings"))
    return Entry(who, received, sent, meetings, min(first, default=None), max(last, default=None))


def _spans(asked: Asked, emails: list[str]) -> dict[str, tuple[str | None, str | None]]:
    """First and last mail of each address."""
    spans = {}
    for row in asked.rows(None, queries.SPAN, emails=json.dumps(emails)):
        first_to, last_to = json.loads(row["some_to"] or "[null, null]")
        first = [at for at in (row["first_from"], first_to) if at]
        last = [at for at in (row["last_from"], last_to) if at]
        spans[row["email"]] = (min(first, default=None), max(last, default=None))
    return spans
