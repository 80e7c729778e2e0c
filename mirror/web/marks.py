"""Marks the words that were found in the texts of a record. What upstream wrote is escaped word by word; no text can mark itself.

FTS5's own highlight() finds a word again by searching the whole index for it: for the beginning of a word that takes 4 s
for a page of results. Here each text is read once. Words are told apart as the index does it: without case and diacritics.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache

from markupsafe import Markup, escape

from mirror.web.search_terms import Term

EXCERPT_CHARS = 220
BEFORE_CHARS = 60  # so much is shown before the first word that was found
NEXT_FROM = 90  # a second excerpt is worth its place when it is so much further on

_WORD = re.compile(r"[^\W_]+(?:[\u0300-\u036f]+[^\W_]*)*")
_SPACE = re.compile(r"\s+")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")

Span = tuple[int, int]


@lru_cache(maxsize=20_000)
def folded(word: str) -> str:
    """The word as the index has it: `Jörg` is `jorg`."""
    if word.isascii():
        return word.lower()
    return "".join(c for c in unicodedata.normalize("NFD", word.lower()) if not unicodedata.combining(c))


class Marker:
    """Knows what was looked for. `who`: also the words that were looked for among senders, or among those written to."""

    def __init__(self, terms: Iterable[Term], *who: str) -> None:
        self._phrases: list[tuple[tuple[str, ...], bool]] = []
        for term in terms:
            words = tuple(folded(match[0]) for match in _WORD.finditer(term.text))
            if words and not term.excluded and term.who in (None, *who):
                self._phrases.append((words, term.beginning))
        self._first = {words[0] for words, begins in self._phrases if len(words) > 1 or not begins}
        self._beginnings = tuple({words[0] for words, begins in self._phrases if len(words) == 1 and begins})

    def whole(self, text: str | None) -> Markup:
        """All of a text, marked."""
        plain = _plain(text)
        return _marked(plain, list(self._spans(plain)))

    def excerpt(self, text: str | None) -> Markup | None:
        """Where the words are in a long text, marked; its beginning, where they are not in it. None without a text."""
        plain = _plain(text)
        if not plain:
            return None
        spans = list(self._spans(plain))
        first = _cut(plain, spans[0][0] if spans else 0, EXCERPT_CHARS if len(spans) < 2 else EXCERPT_CHARS * 2 // 3)
        parts = [first]
        further = next((start for start, _ in spans if start > first[1] + NEXT_FROM), None)
        if further is not None:
            parts.append(_cut(plain, further, EXCERPT_CHARS // 2))
        shown = Markup(" … ").join(_marked(plain, spans, part) for part in parts)
        return Markup("{}{}{}").format("… " if parts[0][0] else "", shown, " …" if parts[-1][1] < len(plain) else "")

    def holds(self, text: str | None) -> bool:
        """Whether any of the words is in it."""
        return next(self._spans(_plain(text)), None) is not None

    def _spans(self, text: str) -> Iterator[Span]:
        if not self._phrases:
            return
        words = [(match.span(), folded(match[0])) for match in _WORD.finditer(text)]
        done = 0
        for place, (span, word) in enumerate(words):
            if span[0] < done or not (word in self._first or word.startswith(self._beginnings)):
                continue
            for phrase, begins in self._phrases:
                here = [found for _, found in words[place : place + len(phrase)]]
                if _is_there(phrase, begins, here):
                    done = max(done, words[place + len(phrase) - 1][0][1])
            if done > span[0]:
                yield span[0], done


def _is_there(phrase: tuple[str, ...], begins: bool, here: list[str]) -> bool:
    if len(here) < len(phrase) or tuple(here[:-1]) != phrase[:-1]:
        return False
    return here[-1].startswith(phrase[-1]) if begins else here[-1] == phrase[-1]


def _plain(text: str | None) -> str:
    """One line, without the characters that show nothing."""
    return _CONTROL.sub("\ufffd", _SPACE.sub(" ", text or "").strip())


def _cut(text: str, at: int, most: int) -> Span:
    """About `most` characters around a place, at the edges of words."""
    start = max(0, at - BEFORE_CHARS)
    end = min(len(text), start + most)
    if start:
        space = text.find(" ", start, at)
        start = space + 1 if space >= 0 else start
    if end < len(text):
        space = text.rfind(" ", at + 1, end)
        end = space if space > start else end
    return start, end


def _marked(text: str, spans: list[Span], part: Span | None = None) -> Markup:
    start, end = part or (0, len(text))
    shown: list[Markup] = []
    for first, last in spans:
        if last <= start or first >= end:
            continue
        shown += (
            escape(text[start : max(start, first)]),
            Markup("<mark>{}</mark>").format(text[max(start, first) : min(last, end)]),
        )
        start = min(last, end)
    return Markup("").join([*shown, escape(text[start:end])])
