"""Which parts of a mail repeat an earlier one: found by how mail programs mark them, in plain text and in HTML.

It only says where they are; nothing is ever taken away.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

Kind = Literal["text", "quote", "signature"]

LONGEST_INTRODUCTION = 400
LONGEST_SIGNATURE = 15
_VERBS = (
    "wrote", "writes", "schrieb", "schrieben", "a écrit", "écrit", "escribió", "scrisse", "ha scritto", "skrev", "schreef",
    "napisał(?:\\(a\\))?", "escreveu", "kirjoitti",
)  # fmt: skip
_RULES = (
    "original message", "original appointment", "forwarded message", "ursprüngliche nachricht",
    "weitergeleitete nachricht", "message d'origine",
)  # fmt: skip
_INTRODUCTION = re.compile(
    rf"(?:\b(?:{'|'.join(_VERBS)})(?: [^:]{{0,40}})?|пишет|написал\(?а?\)?|写道|のメール)\s*[:：]$"
    rf"|^[-_\s]*(?:{'|'.join(_RULES)})[-_\s:]*$",
    re.IGNORECASE,
)
_QUOTED_CLASSES = frozenset({"gmail_quote", "gmail_quote_container", "yahoo_quoted", "protonmail_quote", "zmail_extra"})
_HEADER_IDS = frozenset({"divrplyfwdmsg", "x_divrplyfwdmsg", "appendonsend", "mail-editor-reference-message-container"})
# Outlook draws a line of one of these colours above the headers of what it repeats.
_OUTLOOK_LINE = re.compile(r"border-top:solid#(?:e1e1e1|b5c4df)")
_GMAIL_MARGIN = re.compile(r"margin:(?:0(?:px|pt)?){3}0?\.8ex")

_LINK = re.compile(
    r"\b(?P<url>https?://[^\s<>\"'`]+)|(?P<email>(?<![\w.+-])[\w.+-]{1,64}+@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}\b)",
    re.IGNORECASE,
)
_AFTER_A_LINK = ".,;:!?*_~’”»"
_PAIRS = {")": "(", "]": "[", "}": "{"}


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of whole lines of a plain-text mail."""

    kind: Kind
    text: str


@dataclass(frozen=True, slots=True)
class Span:
    """Some characters of a text. `kind` says whether they are an address of a page or of a person."""

    text: str
    kind: Literal["", "url", "email"] = ""


def introduces(line: str) -> bool:
    """Whether a text is what a mail program writes above a quotation: “On Monday Ada wrote:”."""
    line = line.strip()
    if not 0 < len(line) <= LONGEST_INTRODUCTION or line[-1] not in ":：-_eEtT":
        return False
    return _INTRODUCTION.search(line[-80:]) is not None


def is_quotation(name: str, attributes: Mapping[str, str]) -> bool:
    """Whether an HTML element is a quotation as a whole."""
    classes = set(attributes.get("class", "").lower().split())
    if classes & _QUOTED_CLASSES:
        return True
    if name != "blockquote":
        return False
    if attributes.get("type", "").lower() == "cite":
        return True
    return _GMAIL_MARGIN.search(_packed(attributes.get("style", ""))) is not None


def begins_quotation(attributes: Mapping[str, str]) -> bool:
    """Whether an HTML element begins a quotation that goes on after it, as Outlook writes them."""
    if attributes.get("id", "").lower() in _HEADER_IDS:
        return True
    return _OUTLOOK_LINE.search(_packed(attributes.get("style", ""))) is not None


def _packed(style: str) -> str:
    return re.sub(r"\s+", "", style[:500].lower())


def pieces(text: str) -> list[Piece]:
    """A plain text cut into what is new, what is quoted (with the lines that introduce it), and signatures."""
    lines = text.splitlines()
    kinds = _kinds(lines)
    found: list[Piece] = []
    begins = 0
    for at in range(1, len(lines) + 1):
        if at == len(lines) or kinds[at] != kinds[begins]:
            found.append(Piece(kinds[begins], "\n".join(lines[begins:at])))
            begins = at
    return found


def _kinds(lines: list[str]) -> list[Kind]:
    """What each line is."""
    kinds: list[Kind] = ["quote" if line.lstrip().startswith(">") else "text" for line in lines]
    quoted = [at for at, kind in enumerate(kinds) if kind == "quote"]
    for before, after in pairwise(quoted):
        if not any(line.strip() for line in lines[before + 1 : after]):
            kinds[before:after] = ["quote"] * (after - before)
    for at in quoted:
        if at and kinds[at - 1] != "quote":
            begins = _introduction_before(lines, kinds, at)
            kinds[begins:at] = ["quote"] * (at - begins)
    for at, line in enumerate(lines):
        if kinds[at] == "text" and line[:2] in ("--", "__") and introduces(line) and any(kinds[:at]):
            kinds[at:] = ["quote"] * (len(lines) - at)
            break
    for at, line in enumerate(lines):
        if line in ("-- ", "--") and kinds[at] == "text":
            end = next((after for after in range(at, min(len(lines), at + 16)) if kinds[after] == "quote"), at + 16)
            if min(end, len(lines)) - at <= LONGEST_SIGNATURE:
                kinds[at:end] = ["signature"] * (min(end, len(lines)) - at)
    return kinds


def _introduction_before(lines: list[str], kinds: list[Kind], quote: int) -> int:
    """The first of the lines that introduce the quotation in line `quote`, itself where there are none."""
    last = quote - 1
    if not lines[last].strip():
        last -= 1
    for count in range(1, 4):  # “On Monday, 5 January” may be wrapped before “Ada wrote:”
        first = last - count + 1
        if first < 0 or kinds[first] == "quote" or not lines[first].strip():
            break
        if introduces(lines[last]) and (count > 1 or lines[first][:1] != " ") and _opens(lines[first]):
            return first
    return last if last >= 0 and kinds[last] == "text" and introduces(lines[last]) else quote


def _opens(line: str) -> bool:
    """Whether a line may be the first of an introduction, which has a day or begins with a word like “On”."""
    return re.match(r"\s*(?:on|am|le|el|il|em|op|den|dne|w dniu|no dia)\b|\D{0,12}\d", line, re.IGNORECASE) is not None


def spans(text: str) -> Iterator[Span]:
    """A text cut at the addresses in it, of pages and of people, so that a page can link them."""
    at = 0
    for link in _LINK.finditer(text):
        written, kind = link[0], link.lastgroup
        if kind == "url":
            written = _without_what_follows(written)
        if link.start() > at:
            yield Span(text[at : link.start()])
        yield Span(written, "url" if kind == "url" else "email")
        at = link.start() + len(written)
    if at < len(text):
        yield Span(text[at:])


def _without_what_follows(url: str) -> str:
    """A link without the stop or bracket that belongs to the sentence around it."""
    for _ in range(8):
        last = url[-1]
        if last not in _AFTER_A_LINK and not (last in _PAIRS and url.count(last) > url.count(_PAIRS[last])):
            break
        url = url[:-1]
    return url
