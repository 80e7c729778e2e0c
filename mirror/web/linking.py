"""Addresses on the web in text that others wrote: which are, and the text with links to them. Everything is escaped."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

_ADDRESS = re.compile(r"https?://[^\s<>\"'\\^`{|}\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069]+", re.IGNORECASE)
_AFTER = ".,;:!?»”’)]"
LONGEST = 2_000


def web_address(written: str | None) -> str | None:
    """The address, if it is one that a browser may safely be led to: http or https, and nothing else in it."""
    text = (written or "").strip()
    return text if len(text) <= LONGEST and _ADDRESS.fullmatch(text) else None


def linked(text: str) -> Markup:
    """The text, its web addresses as links that tell the other side nothing about this page."""
    pieces, at = [], 0
    for found in _ADDRESS.finditer(text):
        url = found[0][:LONGEST].rstrip(_AFTER)
        if found[0][len(url) :].startswith(")") and "(" in url:
            url += ")"
        pieces += [escape(text[at : found.start()]), _link(url)]
        at = found.start() + len(url)
    return Markup("").join([*pieces, escape(text[at:])])


def _link(url: str) -> Markup:
    return Markup('<a href="{0}" rel="noopener noreferrer" target="_blank">{0}</a>').format(url)
