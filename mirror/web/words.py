"""Times, sizes and names as people say them. Plain text in, plain text out; no HTML, no clock."""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime

from mirror.resources import KINDS

KIND_NAMES = {name: kind.singular for name, kind in KINDS.items()} | {"messages": "mail"}
"""What one record is called on a page."""

MOMENT = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?$")
_DAY = re.compile(r"^\d{4}-\d\d-\d\d$")
_TURNS = {0x202D: "\ufffd", 0x202E: "\ufffd"}
_UNITS = ("bytes", "kB", "MB", "GB", "TB")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_STEPS = ((60, 1, "second"), (3600, 60, "minute"), (86_400, 3600, "hour"), (86_400 * 45, 86_400, "day"),
          (86_400 * 700, 86_400 * 30.44, "month"), (float("inf"), 86_400 * 365.25, "year"))  # fmt: skip


def unturned(value: object) -> object:
    """A text without the characters that turn what follows around: with one, `invoice\\u202efdp.exe` reads as a PDF."""
    return value.translate(_TURNS) if isinstance(value, str) and ("\u202d" in value or "\u202e" in value) else value


def ago(seconds: float | None) -> str:
    """How long ago that was: `3 seconds ago`."""
    if seconds is None:
        return "never yet"
    seconds = max(0.0, seconds)
    if seconds < 2:
        return "just now"
    for below, unit_s, unit in _STEPS:
        if seconds < below:
            count = int(seconds // unit_s)
            return f"{count} {unit}{'' if count == 1 else 's'} ago"
    raise AssertionError("the last step has no end")


def moment(written: str) -> datetime | None:
    """The UTC moment that a text of the mirror names, None when it is none."""
    if not MOMENT.match(written):
        return None
    try:
        parsed = datetime.fromisoformat(written)
        return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def day(written: str) -> str | None:
    """A date of ours as `Fri 20 Nov 2026`, None when it is none."""
    if not _DAY.match(written):
        return None
    try:
        found = date.fromisoformat(written)
    except ValueError:
        return None
    return f"{_WEEKDAYS[found.weekday()]} {found.day} {_MONTHS[found.month - 1]} {found.year}"


def birthday(written: str) -> str | None:
    """`8 Nov 1954`, or `8 Nov` where the year is not known."""
    match = re.match(r"^(\d{4}|-)-(\d\d)-(\d\d)$", written)
    if match is None or not 1 <= int(match[2]) <= 12:
        return None
    return f"{int(match[3])} {_MONTHS[int(match[2]) - 1]}" + (f" {match[1]}" if match[1] != "-" else "")


def clock_time(found: datetime) -> str:
    """`20 Nov 2026, 13:05`."""
    return f"{found.day} {_MONTHS[found.month - 1]} {found.year}, {found:%H:%M}"


def size(count_bytes: float) -> str:
    """`2.1 MB`, in steps of a thousand."""
    if count_bytes < 1000:
        return f"{count_bytes:.0f} byte{'' if count_bytes == 1 else 's'}"
    power = min(4, max(1, int(math.log(count_bytes / 0.9995, 1000))))
    scaled = count_bytes / 1000**power
    return f"{scaled:.1f} {_UNITS[power]}" if scaled < 9.95 else f"{scaled:,.0f} {_UNITS[power]}"
