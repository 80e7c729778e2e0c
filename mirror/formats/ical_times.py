"""iCalendar's dates, times and zones ⇄ the API's `{dateOnly}` and `{dateTime, timezone}`.

Works from wall-clock times and TZIDs: the zones that a file defines itself count for that file only. The icalendar
library keeps them for the whole process, so that one file's meaning would depend on which were read before; therefore
it never sees a TZID.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from icalendar import Timezone
from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

_IANA = re.compile(
    r"(?:Africa|America|Antarctica|Arctic|Asia|Atlantic|Australia|Etc|Europe|Indian|Pacific|US|Canada)/[A-Za-z0-9_+/-]+$"
)
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9+-]{1,10}")
_UTC_NAMES = {"utc", "gmt", "z", "etc/utc", "etc/gmt", "zulu", "coordinated universal time", "greenwich mean time"}
# Names that programs write without defining them (Lotus Notes, old Exchange), beside Windows' own.
_OTHER_NAMES = {
    "western/central europe": "Europe/Berlin",
    "central europe": "Europe/Berlin",
    "eastern europe": "Europe/Helsinki",
    "gmt standard": "Europe/London",
    "eastern": "America/New_York",
    "central": "America/Chicago",
    "mountain": "America/Denver",
    "pacific": "America/Los_Angeles",
    "tokyo": "Asia/Tokyo",
    "india": "Asia/Kolkata",
    "china": "Asia/Shanghai",
}
# A file's own parameter TZID is renamed to this before the icalendar library sees it.
TZID = "X-TZID"
# When a definition fits many zones, one that people know.
_WELL_KNOWN = (
    *("Europe/Berlin", "Europe/London", "Europe/Helsinki", "America/New_York", "America/Chicago", "America/Denver"),
    *("America/Los_Angeles", "Australia/Sydney", "Asia/Kolkata"),
)
_WINDOWS = {name.lower(): zone for name, zone in WINDOWS_TO_OLSON.items()}


@dataclass(frozen=True, slots=True)
class Zone:
    """What to reckon with, and the IANA name to tell others, where there is one."""

    rules: tzinfo
    name: str | None


@dataclass(slots=True)
class Zones:
    """The zones of one file: its own definitions, and what its times without a zone are meant in."""

    definitions: dict[str, Timezone] = field(default_factory=dict)
    floating: Zone = field(default_factory=lambda: Zone(UTC, None))
    _known: dict[tuple[str, int], Zone] = field(default_factory=dict)

    def zone(self, tzid: str, year: int) -> Zone:
        """The zone that a TZID means here. One that nobody knows is taken for the calendar's own."""
        key = (tzid, year if tzid in self.definitions else 0)
        if key not in self._known:
            self._known[key] = named_zone(tzid) or self._defined(tzid, year) or self.floating
        return self._known[key]

    def aware(self, value: datetime, tzid: str | None) -> tuple[datetime, str | None]:
        """A moment of the file with its zone, and that zone's IANA name."""
        if tzid is None and value.tzinfo is not None:
            return value.astimezone(UTC), "UTC"
        zone = self.zone(tzid, value.year) if tzid else self.floating
        return value.replace(tzinfo=zone.rules), zone.name

    def _defined(self, tzid: str, year: int) -> Zone | None:
        definition = self.definitions.get(tzid)
        if definition is None:
            return None
        located = named_zone(str(definition.get("X-LIC-LOCATION", "")))
        if located is not None:
            return located
        try:
            rules: tzinfo = definition.to_tz(lookup_tzid=False)
            offsets = _offsets(rules, year)
        except Exception:
            # The definition is broken in one of the many ways the library does not expect.
            return None
        return _equal_zone(offsets, year, self.floating) or Zone(rules, None)


def named_zone(name: str) -> Zone | None:
    """The zone that a name means by itself: IANA's, with whatever a program put before it, Windows', or a known other."""
    name = name.strip().strip("\"'")
    lowered = name.lower()
    if lowered in _UTC_NAMES:
        return Zone(UTC, "UTC")
    if other := _WINDOWS.get(lowered) or _OTHER_NAMES.get(lowered):
        return Zone(ZoneInfo(other), other)
    # `/mozilla.org/20050126_1/Europe/Berlin`, `custom_America/New_York`
    iana = _IANA.search(name) or _PLAIN.fullmatch(name)
    if iana is None:
        return None
    try:
        return Zone(ZoneInfo(iana[0]), iana[0])
    except (LookupError, ValueError, OSError):
        return None


def _offsets(rules: tzinfo, year: int) -> list[timedelta | None]:
    return [datetime(at, month, 15, 12, tzinfo=rules).utcoffset() for at in (year, year + 1) for month in range(1, 13)]


def _equal_zone(offsets: list[timedelta | None], year: int, preferred: Zone) -> Zone | None:
    """The well-known zone whose clocks show the same all year round and the next."""
    hours, rest = divmod(offsets[0] or timedelta(), timedelta(hours=1))
    if len(set(offsets)) == 1 and not rest and -12 <= hours <= 14:
        # Without daylight saving time any of a dozen countries would do; these names claim none.
        name = f"Etc/GMT{-hours:+d}" if hours else "UTC"
        return Zone(ZoneInfo(name), name)
    names = [preferred.name] if preferred.name else []
    for name in dict.fromkeys([*names, *_WELL_KNOWN, *WINDOWS_TO_OLSON.values()]):
        rules = ZoneInfo(name)
        if _offsets(rules, year) == offsets:
            return Zone(rules, name)
    return None


def rfc3339(moment: datetime) -> str:
    """An aware moment as RFC 3339, with the offset it has; offsets with seconds (before 1900) go to UTC."""
    offset = moment.utcoffset() or timedelta()
    if not offset or offset % timedelta(minutes=1):
        return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"
    return moment.isoformat(timespec="seconds")


def event_time(value: date | datetime, name: str | None = None) -> dict[str, str]:
    """A day or an aware moment as the API writes it; `name` is the moment's IANA zone."""
    if not isinstance(value, datetime):
        return {"dateOnly": value.isoformat()}
    return {"dateTime": rfc3339(value)} | ({"timezone": name} if name else {})


def day_or_moment(written: dict[str, Any]) -> date | datetime:
    """The day, or the aware moment in its own zone, that the API's form names. Raises: ValueError when it names none."""
    if written.get("dateOnly"):
        return date.fromisoformat(written["dateOnly"])
    if not written.get("dateTime"):
        raise ValueError("neither dateTime nor dateOnly")
    moment = datetime.fromisoformat(written["dateTime"])
    zone = named_zone(written.get("timezone") or "")
    if moment.tzinfo is None:
        return moment.replace(tzinfo=zone.rules if zone else UTC)
    return moment.astimezone(zone.rules) if zone else moment


def instant(value: date | datetime, zone: tzinfo = UTC) -> datetime:
    """The moment at which a day begins (in `zone`), or the moment itself."""
    return value if isinstance(value, datetime) else datetime.combine(value, time(), zone)
