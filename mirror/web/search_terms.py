"""What is typed into a search box: words, phrases and filters. Whatever is typed is valid; it never asks the mirror itself."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

NOTHING = '""'
"""A search expression that finds nothing. FTS5 takes an empty one for an error."""

MOST_TERMS = 32
"""More words than anybody types. Each is looked up by itself, so that a pasted book must not be."""

PEOPLE = ("from", "to")
"""Filters on who: they look into the search index, so they are words in certain columns."""

FILTERS = ("in", "has", "is", "kind", "account", "before", "after")
"""Filters on all else: they look at the records."""

_PART = re.compile(r'(-?)(?:([A-Za-z]{2,8}):(?=[^\s]))?(?:"([^"]*)"|([^\s"]+))')


@dataclass(frozen=True, slots=True)
class Term:
    """A word or phrase. `who`: `from` or `to` when only a sender or only those written to will do."""

    text: str
    who: str | None = None
    excluded: bool = False
    beginning: bool = False

    @property
    def quoted(self) -> str:
        return f'"{self.text}"*' if self.beginning else f'"{self.text}"'


@dataclass(frozen=True, slots=True)
class Typed:
    """The words and the filters of a search, as they were typed. A filter is name, value and whether it excludes."""

    terms: tuple[Term, ...] = ()
    filters: tuple[tuple[str, str, bool], ...] = field(default=())

    @property
    def wanted(self) -> tuple[Term, ...]:
        return tuple(term for term in self.terms if not term.excluded)

    @property
    def unwanted(self) -> tuple[Term, ...]:
        return tuple(term for term in self.terms if term.excluded)


def read(typed: str | None, *, filters: bool = True) -> Typed:
    """What a person means: all words, quoted parts as phrases, the last word as a beginning, `-word` for without.

    `from:ada`, `in:inbox` and the like are filters, or words like any other where there are none.
    """
    text = str(typed or "").replace("\x00", " ")
    terms: list[Term] = []
    found: list[tuple[str, str, bool]] = []
    for match in _PART.finditer(text):
        minus, name, phrase, word = match.groups()
        value, key = phrase or word or "", (name or "").lower()
        if filters and key in FILTERS:
            found.append((key, value, bool(minus)))
        elif any(c.isalnum() for c in value) and len(terms) < MOST_TERMS:
            who = key if filters and key in PEOPLE else None
            whole = value if who or not name else f"{name}:{value}"
            unfinished = phrase is None and match.end() == len(text)
            terms.append(Term(whole, who, bool(minus), unfinished))
    return Typed(tuple(terms), tuple(found))


def expression(terms: Iterable[Term], columns: dict[str, tuple[str, ...]] | None = None) -> str | None:
    """The FTS5 expression that finds the terms that are wanted, without those that are not. None: there is nothing to find.

    `columns`: those that `from` and `to` mean in the index that is asked.
    """
    given = tuple(terms)
    wanted = [_placed(term, columns) for term in given if not term.excluded]
    without = [_placed(term, columns) for term in given if term.excluded]
    if not wanted:
        return None
    found = " AND ".join(wanted)
    return f"({found}) NOT ({' OR '.join(without)})" if without else found


def any_of(terms: Iterable[Term], columns: dict[str, tuple[str, ...]] | None = None) -> str:
    """The FTS5 expression that finds what holds any of the terms."""
    return " OR ".join(_placed(term, columns) for term in terms) or NOTHING


def _placed(term: Term, columns: dict[str, tuple[str, ...]] | None) -> str:
    names = (columns or {}).get(term.who or "")
    return f"{{{' '.join(names)}}} : {term.quoted}" if names else term.quoted


def search_words(typed: str | None) -> str:
    """What a person typed as an FTS5 expression, filters taken for words. The SQL function of this name."""
    return expression(read(typed, filters=False).terms) or NOTHING
