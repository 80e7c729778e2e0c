"""The colours of calendars, and what can be read on each of them. What upstream calls a colour and is none is not used."""

from __future__ import annotations

import re

PALETTE = ("#2a6f97", "#b0542a", "#3d7a35", "#7a4a9e", "#a8324f", "#8a6d1b", "#2b7a78", "#5d6878")
"""For calendars without a colour: the same one for the same calendar, always."""

_HEX = re.compile(r"#(?:[0-9a-fA-F]{3,4}|[0-9a-fA-F]{6}|[0-9a-fA-F]{8})")


def color(written: str | None, number: int) -> str:
    """`#rrggbb` of a calendar: its own, else one of ours by its number."""
    if written is None or not _HEX.fullmatch(written.strip()):
        return PALETTE[number % len(PALETTE)]
    digits = written.strip()[1:].lower()
    return "#" + (digits[:6] if len(digits) >= 6 else "".join(digit * 2 for digit in digits[:3]))


def ink(background: str) -> str:
    """Black or white, whichever is easier to read on `#rrggbb`: at least 4.5 to 1, as one of them always is."""
    light = _luminance(background)
    return "#000000" if (light + 0.05) / 0.05 >= 1.05 / (light + 0.05) else "#ffffff"


def _luminance(background: str) -> float:
    """Relative luminance, 0 to 1. Source: WCAG 2.1, 1.4.3."""
    parts = [int(background[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
