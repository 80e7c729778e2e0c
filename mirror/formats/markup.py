"""The tags and texts of HTML, one after the other, as a browser's tokenizer finds them. It builds no tree.

What has no place in a mail (comments, declarations, instructions) is passed over. Its time grows with the length of what
it reads and nothing else: this is what stands between hostile HTML and parsers that are quadratic in depth.

Source: HTML Living Standard, 13.2.5 "Tokenization".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import unescape
from html.entities import html5

RAW = frozenset({"script", "style", "title", "textarea", "xmp", "iframe", "noembed", "noframes"})
"""Elements whose content is text up to their own end tag, whatever it looks like."""

_NAME = re.compile(r"[a-zA-Z][^\t\n\f\r />]*+")
_ATTRIBUTE = re.compile(
    r"[\t\n\f\r /]*+([^\t\n\f\r />][^\t\n\f\r />=]*+)"
    r"(?:[\t\n\f\r ]*+=[\t\n\f\r ]*+(?:\"([^\"]*+)\"|'([^']*+)'|([^\t\n\f\r >]*+)))?+"
)
_TAG_END = re.compile(r"[\t\n\f\r /]*+>")
_COMMENT_END = re.compile(r"--!?>")
_REFERENCE = re.compile(r"&(?:#[xX]?[0-9a-fA-F]++;?|[a-zA-Z][a-zA-Z0-9]*+;?)(=?)")


@dataclass(frozen=True, slots=True)
class Text:
    """Characters as they were written, references and all; never a `<`."""

    written: str


@dataclass(frozen=True, slots=True)
class Start:
    """`<name …>`. Names are lower case, values without references; `raw` is what a raw element contains."""

    name: str
    attributes: dict[str, str] = field(default_factory=dict)
    raw: str = ""


@dataclass(frozen=True, slots=True)
class End:
    """`</name>`."""

    name: str


Token = Text | Start | End


def tokens(html: str) -> Iterator[Token]:
    """The tokens in their order."""
    at = 0
    while at < len(html):
        opened = html.find("<", at)
        if opened < 0:
            yield Text(html[at:])
            return
        if opened > at:
            yield Text(html[at:opened])
        at = opened + 1
        if name := _NAME.match(html, at):
            attributes, at = _attributes(html, name.end())
            start = name[0].lower()
            if at > len(html):
                return  # a tag that the text ends in is none
            raw = ""
            if start in RAW:
                end = _end_of(start, html, at)
                raw, at = html[at:end], end
            elif start == "plaintext":
                yield Text(html[at:].replace("<", "&lt;"))
                return
            yield Start(start, attributes, raw)
        elif html.startswith("/", at) and (name := _NAME.match(html, at + 1)):
            _, at = _attributes(html, name.end())
            yield End(name[0].lower())
        elif html.startswith(("!", "?", "/"), at):
            at = _past(html, at)
        else:
            yield Text("&lt;")


def _attributes(html: str, at: int) -> tuple[dict[str, str], int]:
    """A tag's attributes, the first of each name, and the place after its `>`; beyond the end where it has none."""
    found: dict[str, str] = {}
    while not (end := _TAG_END.match(html, at)):
        attribute = _ATTRIBUTE.match(html, at)
        if attribute is None:
            return found, len(html) + 1
        name = attribute[1].lower()
        if name not in found:
            written = next((value for value in attribute.group(2, 3, 4) if value is not None), "")
            found[name] = _without_references(written)
        at = attribute.end()
    return found, end.end()


def _without_references(value: str) -> str:
    """An attribute's value. `?a=1&copy=2` keeps its `&copy`, which is a © only in text."""
    return _REFERENCE.sub(_character, value) if "&" in value else value


def _character(reference: re.Match[str]) -> str:
    written = reference[0]
    if written.startswith("&#"):
        return unescape(written.removesuffix("=")) + reference[1]
    if reference[1] and not written.endswith(";="):
        return written
    name = written[1:].removesuffix("=")
    return html5[name] + reference[1] if name in html5 else written


def _end_of(name: str, html: str, at: int) -> int:
    end = re.compile(rf"</{name}(?=[\t\n\f\r />])", re.IGNORECASE).search(html, at)
    return end.start() if end else len(html)


def _past(html: str, at: int) -> int:
    """The place after a comment, declaration or instruction."""
    if not html.startswith("!--", at):
        end = html.find(">", at)
        return end + 1 if end >= 0 else len(html)
    if html.startswith((">", "->"), at + 3):  # <!--> and <!---> are comments already
        return html.index(">", at) + 1
    closed = _COMMENT_END.search(html, at + 3)
    return closed.end() if closed else len(html)
