"""The style of one element in a mail, property by property: what it looks like, never where it stands or what it loads."""

from __future__ import annotations

import re

PROPERTIES = frozenset(
    {
        "background", "background-color", "border-collapse", "border-radius", "border-spacing", "box-sizing", "caption-side",
        "clear", "color", "direction", "display", "empty-cells", "float", "font", "font-family", "font-size", "font-style",
        "font-variant", "font-weight", "height", "letter-spacing", "line-height", "list-style", "list-style-position",
        "list-style-type", "max-height", "max-width", "min-height", "min-width", "overflow-wrap", "table-layout", "text-align",
        "text-decoration", "text-decoration-color", "text-decoration-line", "text-decoration-style", "text-indent",
        "text-transform", "unicode-bidi", "vertical-align", "white-space", "width", "word-break", "word-spacing", "word-wrap",
        *(f"{box}{side}" for box in ("margin", "padding") for side in ("", "-top", "-right", "-bottom", "-left")),
        *(
            f"border{side}{what}" for side in ("", "-top", "-right", "-bottom", "-left")
            for what in ("", "-color", "-style", "-width")
        ),
    }
)  # fmt: skip
"""Without `position` and what lays one thing over another, and without everything that names a resource."""

LONGEST = 2000
_FUNCTIONS = frozenset({"rgb", "rgba", "hsl", "hsla", "calc", "min", "max"})
_VALUE = re.compile(r"[\w\s#%.,'\"/+!*()-]*+")  # no colon, no backslash: neither an address nor a disguised letter
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_CALL = re.compile(r"([\w-]*+)\s*\(")


def safe_style(style: str) -> str:
    """The declarations of a style that may stay, one after the other."""
    if len(style) > LONGEST:
        return ""
    kept = []
    for declaration in _COMMENT.sub(" ", style).split(";"):
        name, colon, value = declaration.partition(":")
        name, value = name.strip().lower(), value.strip()
        if colon and value and name in PROPERTIES and _is_harmless(value):
            kept.append(f"{name}:{value}")
    return ";".join(kept)


def _is_harmless(value: str) -> bool:
    if not _VALUE.fullmatch(value) or "/*" in value:
        return False
    return all(function.lower() in _FUNCTIONS for function in _CALL.findall(value))
