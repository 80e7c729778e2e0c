"""Text out of whatever other programs wrote: bytes in wrong charsets, HTML, strings with broken characters.

Never raises for its input, however broken: the worst outcome is a replacement character.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator
from html import unescape

from selectolax.lexbor import LexborHTMLParser, LexborNode

# Names that mailers write but Python does not know, or whose usual reading is a superset of what the name says.
_CHARSETS = {
    "iso-8859-1": "cp1252",
    "latin-1": "cp1252",
    "latin1": "cp1252",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "ks_c_5601-1987": "cp949",
    "euc-kr": "cp949",
    "shift_jis": "cp932",
    "iso-8859-8-i": "iso-8859-8",
    "unicode-1-1-utf-7": "utf-7",
    "x-mac-roman": "mac-roman",
    "macintosh": "mac-roman",
}
# Codecs that Python has but that are no charset of any text, or warn and stumble on hostile input.
_NOT_CHARSETS = {"unicode_escape", "raw_unicode_escape", "idna", "punycode", "undefined", "utf-8-sig"}

_SURROGATE = re.compile("[\ud800-\udfff]")

_DROPPED = {"head", "title", "script", "style", "template", "noscript", "svg", "math", "object", "iframe", "select"}
_PARAGRAPHS = {"p", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "ul", "ol", "dl", "table", "pre", "hr"}
_BLOCKS = _PARAGRAPHS | {
    *(
        "address",
        "article",
        "aside",
        "body",
        "center",
        "dd",
        "details",
        "div",
        "dt",
        "fieldset",
        "figcaption",
        "figure",
    ),
    *("footer", "form", "header", "html", "legend", "li", "main", "nav", "section", "summary", "tr", "caption"),
}
_BREAKS = {tag: 2 if tag in _PARAGRAPHS else 1 for tag in _BLOCKS}
_CELLS = {"td", "th"}
_VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "p", "source", "track", "wbr"}
_TAG = re.compile(r"<(/?)([a-zA-Z]+)")
_MAX_DEPTH = 5_000


def clean(written: str) -> str:
    """The same text without lone surrogates and NULs, which neither UTF-8 nor SQLite's text functions can carry."""
    if not written.isascii() and _SURROGATE.search(written):
        try:
            # Python's own way of carrying undecodable bytes through str (PEP 383): bring the bytes back.
            written = decode(written.encode("utf-8", "surrogateescape"))
        except UnicodeEncodeError:
            written = written.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return written.replace("\x00", "")


def decode(content: bytes, charset: str | None = None) -> str:
    """The text that these bytes mean: in the named charset where that works, else UTF-8, else Windows-1252."""
    for name in (_known_charset(charset), "utf-8"):
        if name is None:
            continue
        try:
            return clean(content.decode(name).removeprefix("\ufeff"))
        except (LookupError, ValueError):
            continue
    fallback = _known_charset(charset)
    if fallback not in (None, "ascii", "utf-8"):
        try:
            return clean(content.decode(fallback or "cp1252", "replace"))
        except (LookupError, ValueError):
            pass
    return clean(content.decode("cp1252", "replace"))


def _known_charset(name: str | None) -> str | None:
    if not name:
        return None
    name = name.strip().strip("\"'").lower()
    name = _CHARSETS.get(name, name)
    try:
        found = codecs.lookup(name).name
    except (LookupError, ValueError):
        return None
    return None if found.replace("-", "_") in _NOT_CHARSETS else found


def from_html(html: str) -> str:
    """The readable text of an HTML page or fragment: blocks become lines, what is not shown is left out."""
    html = clean(html)
    if "<" not in html and "&" not in html:
        return _lines([html])
    if _nests_absurdly(html):
        return _lines([unescape(re.sub(r"<[^<>]*>", " ", html))])
    root = LexborHTMLParser(html).root
    return _lines(_pieces(root, styled="white-space" in html)) if root is not None else ""


def _nests_absurdly(html: str) -> bool:
    """Whether tags are opened so much more often than closed that a parser, quadratic in depth, would not come back."""
    depth = 0
    if len(html) <= _MAX_DEPTH * len("<b>"):
        return False
    for tag in _TAG.finditer(html):
        if tag[1]:
            depth -= 1
        elif tag[2].lower() not in _VOID:
            depth += 1
            if depth > _MAX_DEPTH:
                return True
    return False


def _pieces(root: LexborNode, *, styled: bool) -> Iterator[str | int]:
    """The text of a tree in reading order, with breaks as the number of newlines wanted between two texts.

    A loop, not a recursion, since hostile mail nests tags without end. `styled`: a style may ask for line ends to be kept.
    """
    node: LexborNode | None = root
    depth = preformatted = 0
    while node is not None:
        tag = node.tag or ""
        if tag == "-text":
            written = node.text_content or ""
            yield written if preformatted else _collapsed(written)
        elif tag == "br":
            yield "\n"
        else:
            yield _BREAKS.get(tag, 0)
        child = node.child if tag not in _DROPPED else None
        if child is not None:
            if tag == "li":
                yield "- "
            preformatted += _is_preformatted(node, tag, styled)
            depth += 1
            node = child
            continue
        while node is not None and (following := node.next) is None and depth:
            node = node.parent
            depth -= 1
            closed = (node.tag or "") if node is not None else ""
            preformatted -= node is not None and _is_preformatted(node, closed, styled)
            yield "\t" if closed in _CELLS else _BREAKS.get(closed, 0)
        node = following if node is not None and depth else None


def _collapsed(written: str) -> str:
    """White space as HTML shows it: any run of it is one space."""
    words = " ".join(written.split())
    if not words:
        return " " if written else ""
    return f"{' ' if written[0].isspace() else ''}{words}{' ' if written[-1].isspace() else ''}"


def _is_preformatted(node: LexborNode, tag: str, styled: bool) -> bool:
    """`pre`, and what many mailers make of a plain text: a block whose style keeps its line ends."""
    if tag == "pre":
        return True
    return styled and "white-space:pre" in ((node.attributes or {}).get("style") or "").replace(" ", "")


def _lines(pieces: Iterable[str | int]) -> str:
    """One text with the breaks put in, each line trimmed, and never more than one empty line in a row."""
    parts: list[str] = []
    newlines = 0
    for piece in pieces:
        if isinstance(piece, int):
            newlines = max(newlines, piece)
        elif piece.strip() or not newlines:
            parts += ["\n" * newlines, piece]
            newlines = 0
    lines = [line.replace("\xa0", " ").strip() for line in "".join(parts).splitlines()]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
