"""HTML put in order: every element closed where it belongs, none nested absurdly, quotations folded. No tree is built.

It makes the input of a parser harmless to the parser, whose time grows with depth times length. It does not make it safe:
that is for the sanitiser, which comes after (mail_html.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape, unescape

from mirror.formats import quotes

MOST_TAGS = 40_000
MOST_TEXTS = 150_000
MOST_TEXT_CHARS = 2_000_000
DEEPEST = 120
MOST_FORMATTING = 12
MOST_REOPENED_CHARS = 500_000

QUOTED = '<details class="quoted"><summary>Quoted text</summary>'

VOID = frozenset({"br", "col", "hr", "img", "wbr"})
# Elements that a browser opens again in the next block when they were left open: they multiply, so they are few.
_FORMATTING = frozenset(
    {"a", "b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong", "tt", "u"}
)
_BLOCKS = frozenset(
    {
        "address", "article", "aside", "blockquote", "center", "dd", "details", "div", "dl", "dt", "figcaption", "figure",
        "footer", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main", "nav", "ol", "p", "pre", "section", "summary",
        "table", "ul",
    }
)  # fmt: skip
_CELLS = frozenset({"td", "th", "caption"})
_ROWS = frozenset({"tr", "colgroup"}) | _CELLS
_TABLE_PARTS = frozenset({"tbody", "thead", "tfoot"}) | _ROWS
_SCOPE = frozenset({"table"}) | _CELLS

# What a start tag closes that was left open, and how far up it looks.
_CLOSES: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    "li": (frozenset({"li"}), _SCOPE | {"ul", "ol"}),
    "dd": (frozenset({"dd", "dt"}), _SCOPE | {"dl"}),
    "dt": (frozenset({"dd", "dt"}), _SCOPE | {"dl"}),
    "a": (frozenset({"a"}), _SCOPE),
    "table": (frozenset({"table"}), _CELLS),  # one that is not in a cell of the other
    "td": (_CELLS, frozenset({"table"})),
    "th": (_CELLS, frozenset({"table"})),
    "tr": (_ROWS, frozenset({"table"})),
    **dict.fromkeys(("tbody", "thead", "tfoot", "caption", "colgroup"), (_TABLE_PARTS, frozenset({"table"}))),
}


@dataclass(slots=True)
class _Open:
    """An element that is not closed yet: its start tag, where that is in the output, how much text was before it."""

    name: str
    tag: str
    at: int
    text_before: int
    ended: bool = False  # its end tag came too early, while others were open in it
    of_lines: bool = False  # a fold around lines that begin with ">"
    keeps_lines: bool = False  # the line ends in its text are seen


@dataclass(slots=True)
class _Run:
    """The line under way: where it began, how deep, and what it says so far."""

    at: int
    depth: int
    text_before: int = 0
    text: str = ""
    after_br: bool = False


class Writer:
    """Takes start tags, end tags and texts as they come; `finish` gives them as well-formed HTML.

    `full` is set when it is more than anybody reads: what follows should be left out.
    """

    def __init__(self) -> None:
        self.full = False
        self._out: list[str] = []
        self._open: list[_Open] = []
        self._names: Counter[str] = Counter()  # of what is open
        self._left_out: Counter[str] = Counter()
        self._tags = self._texts = self._text = 0  # so many tags, pieces of text, characters in them
        self._reopened = self._formatting = self._preformatted = 0
        self._run = _Run(0, 0)

    def start(self, name: str, written: str, attributes: Mapping[str, str]) -> None:
        """`<name …>`: `written` are the attributes to be written, `attributes` the mail's own, by which quotations are known."""
        self._tags += 1
        self.full = self._tags > MOST_TAGS
        if name in _TABLE_PARTS | {"col"} and self._topmost({"table"}) is None:
            self._left_out[name] += name != "col"
            return
        reopen = self._close_what_ends(name)
        if name in _BLOCKS and self._open and self._open[-1].of_lines:
            self._close_down_to(len(self._open) - 1)
        if name in _BLOCKS or name in _TABLE_PARTS or name == "br":
            self._break_line(after_br=name == "br")
        if name in VOID:
            self._out.append(f"<{name}{written}>")
        elif len(self._open) >= DEEPEST or (name in _FORMATTING and self._is_too_much_formatting()):
            self._left_out[name] += 1
        else:
            self._fold_before(name, attributes)
            element = _Open(name, f"<{name}{written}>", len(self._out), self._text)
            element.keeps_lines = name == "pre" or "white-space:pre" in written.replace(" ", "").lower()
            self._push(element)
            if name in _BLOCKS or name in _TABLE_PARTS:
                self._break_line()
        self._reopen(reopen)

    def end(self, name: str) -> None:
        """`</name>`, wherever it stands."""
        if self._left_out[name]:
            self._left_out[name] -= 1
            return
        scope = frozenset({"table"}) if name in _TABLE_PARTS else frozenset() if name == "table" else _SCOPE
        place = self._topmost({name}, scope)
        if place is None:
            return
        begun_at = self._open[place].at
        if place == len(self._open) - 1 or name not in _FORMATTING:
            self._reopen(self._close_down_to(place, again=name not in _SCOPE | _TABLE_PARTS))
        else:
            self._open[place].ended = True
        if name in _BLOCKS:
            self._break_line()
            if self._run.text and self._run.at == begun_at + 1:  # an introduction in a block of its own
                self._run.at, self._run.depth = begun_at, len(self._open)

    def text(self, written: str) -> None:
        """Characters, with references; a `<` in them is one."""
        self._texts += 1
        self.full = self.full or self._texts > MOST_TEXTS or self._text > MOST_TEXT_CHARS
        shown = written.strip()
        if shown:
            self._fold_line(quoted=shown.startswith((">", "&gt;")))
        self._out.append(self._folded_lines(written) if self._preformatted and "\n" in written else written)
        self._text += len(shown)
        if shown and len(self._run.text) <= quotes.LONGEST_INTRODUCTION:
            self._run.text += unescape(written[: 2 * quotes.LONGEST_INTRODUCTION])

    def finish(self) -> str:
        """All of it, everything closed."""
        self._close_down_to(0)
        return "".join(self._out)

    # --- what is open -------------------------------------------------------------------------------------------------

    def _topmost(self, names: frozenset[str] | set[str], scope: frozenset[str] = frozenset()) -> int | None:
        if not any(self._names[name] for name in names):
            return None
        for place in range(len(self._open) - 1, -1, -1):
            if self._open[place].name in names:
                return place
            if self._open[place].name in scope:
                return None
        return None

    def _is_too_much_formatting(self) -> bool:
        """More than anybody nests, or between the cells of a table, from where parsers carry it into everything after."""
        if self._formatting >= MOST_FORMATTING:
            return True
        place = self._topmost(_SCOPE)
        return place is not None and self._open[place].name == "table"

    def _push(self, element: _Open) -> None:
        self._open.append(element)
        self._names[element.name] += 1
        self._preformatted += element.keeps_lines
        self._out.append(element.tag)
        self._formatting += element.name in _FORMATTING

    def _close_what_ends(self, name: str) -> list[_Open]:
        """Close what a start tag ends by itself; the formatting that goes on in the new element."""
        closes, scope = _CLOSES.get(name, (frozenset[str](), frozenset[str]()))
        reopen: list[_Open] = []
        if name in _BLOCKS and (place := self._topmost({"p"}, _SCOPE)) is not None:
            reopen = self._close_down_to(place, again=True)
        while closes and (place := self._topmost(closes, scope)) is not None:
            reopen = self._close_down_to(place, again=name not in _TABLE_PARTS) + reopen
        return reopen

    def _close_down_to(self, place: int, *, again: bool = False) -> list[_Open]:
        """Close an element and all within it; the formatting within it that was still open, if it is to go on."""
        closed = self._open[place:]
        for element in reversed(closed):
            self._pop(element)
        while self._open and self._open[-1].ended:
            self._pop(self._open[-1])
        return [e for e in closed[1:] if again and e.name in _FORMATTING and not e.ended]

    def _pop(self, element: _Open) -> None:
        self._open.pop()
        self._names[element.name] -= 1
        self._preformatted -= element.keeps_lines
        self._out.append(f"</{element.name}>")
        self._formatting -= element.name in _FORMATTING

    def _reopen(self, elements: list[_Open]) -> None:
        for element in elements:
            self._reopened += len(element.tag)
            if self._reopened <= MOST_REOPENED_CHARS and len(self._open) < DEEPEST:
                self._push(_Open(element.name, element.tag, len(self._out), self._text))

    # --- quotations ---------------------------------------------------------------------------------------------------

    def _break_line(self, *, after_br: bool = False) -> None:
        """A line ends here. What introduces a quotation stays in mind until the quotation comes."""
        if not quotes.introduces(self._run.text):
            self._run = _Run(len(self._out), len(self._open), self._text, after_br=after_br)

    def _fold_line(self, *, quoted: bool) -> None:
        """Fold lines that `<br>` parts and that begin with ">"; what begins otherwise ends the fold."""
        begins = not self._run.text.strip()
        if self._open and self._open[-1].of_lines and begins and not quoted:
            self._close_down_to(len(self._open) - 1)
        elif quoted and self._run.text_before and self._run.depth == len(self._open) and not self._names["details"]:
            if not (begins and self._run.after_br) and not quotes.introduces(self._run.text):
                return
            self._insert_fold(self._run.at, len(self._open), of_lines=True)
            self._run = _Run(len(self._out), len(self._open), self._text)

    def _folded_lines(self, written: str) -> str:
        """A text whose line ends are seen, with what is quoted in it folded."""
        if self._names["details"] or not ("\n&gt;" in written or "\n>" in written):
            return written
        pieces = quotes.pieces(written.replace("&gt;", ">"))
        first = 0 if self._text else 1
        return "".join(
            f"{QUOTED}{piece.text}</details>" if piece.kind == "quote" and number >= first else f"{piece.text}\n"
            for number, piece in enumerate(pieces)
        )

    def _fold_before(self, name: str, attributes: Mapping[str, str]) -> None:
        """Open a fold if this element begins a quotation; not where there would be nothing but the fold."""
        if self._names["details"]:
            return
        introduced = self._run.depth == len(self._open) and quotes.introduces(self._run.text)
        if quotes.is_quotation(name, attributes) or (name == "blockquote" and introduced):
            before = self._run.text_before if introduced else self._text
            if before:
                self._insert_fold(self._run.at if introduced else len(self._out), len(self._open), ended=True)
        elif quotes.begins_quotation(attributes) and self._text:
            place = len(self._open)
            while place and self._open[place - 1].name == "div" and self._open[place - 1].text_before == self._text:
                place -= 1
            at = self._open[place].at if place < len(self._open) else len(self._out)
            self._insert_fold(at, place)

    def _insert_fold(self, at: int, place: int, *, ended: bool = False, of_lines: bool = False) -> None:
        self._out.insert(at, QUOTED)
        for element in self._open[place:]:
            element.at += 1
        self._open.insert(place, _Open("details", QUOTED, at, self._text, ended, of_lines))
        self._names["details"] += 1


def attribute(name: str, value: str) -> str:
    """An attribute as it is written in a tag, with the space before it."""
    return f' {name}="{escape(value, quote=True)}"'
