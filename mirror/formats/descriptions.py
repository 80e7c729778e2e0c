"""An event's description as text: some services write HTML there, others plain text. Never raises for its input."""

from __future__ import annotations

import re

from mirror.formats.text import clean, from_html

_TAG = re.compile(
    r"<!doctype|</?(?:html|head|body|meta|style|script|p|br|div|span|a|b|i|u|s|em|strong|ul|ol|li|table|tr|td|font|h[1-6]"
    r"|hr|img|blockquote|pre|code|center|svg|iframe|o:p)(?:\s[^<>]*)?/?>",
    re.IGNORECASE,
)


def is_html(description: str) -> bool:
    """Whether it has a tag of HTML in it. An address or a comparison between angle brackets is none."""
    return _TAG.search(description) is not None


def as_text(description: str) -> str:
    """What a person reads of it, line breaks kept."""
    return from_html(description) if is_html(description) else clean(description).strip()
