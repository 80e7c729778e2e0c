"""Single fields of iCalendar components → the API's fields and enums; the tables read both ways."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import icalendar.prop
from icalendar import Component
from icalendar.prop import vBinary

from mirror.formats.ical_times import instant, rfc3339
from mirror.formats.text import clean

# `tentitive` is how the API spells it.
ATTENDEE_RESPONSES = {"ACCEPTED": "accepted", "DECLINED": "declined", "TENTATIVE": "tentitive"}
ATTENDEE_ROLES = {"REQ-PARTICIPANT": "required", "OPT-PARTICIPANT": "optional"}
RESOURCE_TYPES = {"ROOM", "RESOURCE"}
SENSITIVITIES = {"PUBLIC": "normal", "PRIVATE": "private", "CONFIDENTIAL": "confidential"}
BUSY_STATUSES = {"FREE": "free", "TENTATIVE": "tentative", "BUSY": "busy", "OOF": "outOfOffice"}
MEETING_PROVIDERS = {
    "meet.google.com": "hangoutsMeet",
    "teams.microsoft.com": "teamsForBusiness",
    "teams.live.com": "teamsForBusiness",
    "meet.lync.com": "skypeForBusiness",
    "join.skype.com": "skypeForConsumer",
}
# Where programs put the link to an online meeting that have no CONFERENCE yet.
_MEETING_LINKS = (
    "X-GOOGLE-CONFERENCE",
    "X-MICROSOFT-SKYPETEAMSMEETINGURL",
    "X-MICROSOFT-ONLINEMEETINGCONFLINK",
    "X-MICROSOFT-ONLINEMEETINGEXTERNALLINK",
    "X-TEAMS-MEETING-URL",
)
# icalendar 7 keeps what it could not read as an object that raises whatever one asks of it; 6 leaves it out.
_BROKEN: tuple[type, ...] = tuple(filter(None, [getattr(icalendar.prop, "vBroken", None)]))
_ALARMS_THAT_REMIND = {"DISPLAY", "AUDIO", "EMAIL"}


def every(component: Component, name: str) -> list[Any]:
    """Every property of a name that could be read, however often it stands there."""
    value = component.get(name)
    found = value if isinstance(value, list) else [] if value is None else [value]
    return [readable for readable in found if not isinstance(readable, _BROKEN)]


def first(component: Component, name: str) -> Any:
    return next(iter(every(component, name)), None)


def text_of(component: Component, name: str) -> str:
    value = first(component, name)
    return clean(str(value)).replace("\r\n", "\n").strip() if value is not None else ""


def utc_moment(component: Component, name: str) -> str | None:
    value = getattr(first(component, name), "dt", None)
    return rfc3339(instant(value).astimezone(UTC)) if isinstance(value, date) and _has_zone(value) else None


def _has_zone(value: date) -> bool:
    return not isinstance(value, datetime) or value.tzinfo is not None


def show_as(event: Component) -> str:
    outlook = BUSY_STATUSES.get(text_of(event, "X-MICROSOFT-CDO-BUSYSTATUS").upper())
    if outlook:
        return outlook
    if text_of(event, "TRANSP").upper() == "TRANSPARENT":
        return "free"
    return "tentative" if text_of(event, "STATUS").upper() == "TENTATIVE" else "busy"


def sensitivity(event: Component) -> str:
    """RFC 5545, 3.8.1.3: public when nothing is said, private when something unknown is."""
    said = text_of(event, "CLASS").upper()
    return SENSITIVITIES.get(said, "private") if said else "normal"


def categories(component: Component) -> list[str]:
    found = [str(word) for prop in every(component, "CATEGORIES") for word in getattr(prop, "cats", [])]
    return list(dict.fromkeys(word for written in found if (word := clean(written).strip())))


def mailbox(prop: Any) -> dict[str, str] | None:
    """The name and address of an ORGANIZER or ATTENDEE; None when it has neither."""
    if prop is None:
        return None
    params = getattr(prop, "params", {})
    address = re.sub("^mailto:", "", str(prop).strip(), flags=re.IGNORECASE)
    if "@" not in address:
        # Exchange writes `invalid:nomail` or a directory name, and the address beside it.
        address = str(params.get("EMAIL", "")) or ("" if ":" in address else address)
    found = {"address": clean(address).strip(), "name": clean(str(params.get("CN", ""))).strip()}
    return {key: value for key, value in found.items() if value} or None


def attendees(event: Component) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for prop in every(event, "ATTENDEE"):
        who = mailbox(prop)
        if who is None:
            continue
        params = {key.upper(): str(value) for key, value in prop.params.items()}
        is_resource = params.get("CUTYPE", "").upper() in RESOURCE_TYPES
        role = ATTENDEE_ROLES.get(params.get("ROLE", "REQ-PARTICIPANT").upper())
        if role is None:
            role = "required" if params["ROLE"].upper() == "CHAIR" else "optional"
        entry: dict[str, Any] = {"emailAddress": who, "type": "resource" if is_resource else role}
        if response := ATTENDEE_RESPONSES.get(params.get("PARTSTAT", "").upper()):
            entry["response"] = response
        if comment := params.get("X-RESPONSE-COMMENT", ""):
            entry["comment"] = clean(comment)
        found.append(entry)
    return found


def online_meeting(event: Component) -> dict[str, Any]:
    """`onlineMeetingDetails` and `onlineMeetingProvider`, from CONFERENCE (RFC 7986) or what came before it."""
    details: dict[str, str] = {}
    for uri, features in _conferences(event):
        scheme = uri.partition(":")[0].lower()
        if scheme in ("http", "https"):
            details.setdefault("url", uri)
        elif scheme in ("sip", "sips"):
            details.setdefault("sip", uri)
        elif scheme == "tel" and "phone" not in details and "MODERATOR" not in features:
            # `tel:+1-412-555-0123,,,555123`: commas are pauses before the code.
            phone, _, pin = uri[4:].partition(",")
            details |= {"phone": phone} | ({"pin": code} if (code := pin.strip(",#* ")) else {})
    if not details:
        return {}
    host = re.sub(r"^https?://([^/:?#]*).*", r"\1", details.get("url", ""), flags=re.DOTALL | re.IGNORECASE).lower()
    provider = next((known for ending, known in MEETING_PROVIDERS.items() if host.endswith(ending)), None)
    return {"onlineMeetingDetails": details} | ({"onlineMeetingProvider": provider} if provider else {})


def _conferences(event: Component) -> Iterator[tuple[str, set[str]]]:
    for prop in every(event, "CONFERENCE"):
        features = prop.params.get("FEATURE", []) if hasattr(prop, "params") else []
        words = features if isinstance(features, list) else str(features).split(",")
        yield clean(str(prop)).strip(), {str(word).strip().upper() for word in words}
    for name in _MEETING_LINKS:
        if link := text_of(event, name):
            yield link, set()


def reminder(event: Component, start: date | datetime, end: date | datetime) -> dict[str, Any] | None:
    """The alarms as minutes before the start; alarms after it have no place in the API."""
    minutes: list[int] = []
    for alarm in event.walk("VALARM"):
        if text_of(alarm, "ACTION").upper() not in _ALARMS_THAT_REMIND:
            continue
        trigger = first(alarm, "TRIGGER")
        when = getattr(trigger, "dt", None)
        if isinstance(when, timedelta):
            from_end = str(trigger.params.get("RELATED", "START")).upper() == "END"
            before = -when - (instant(end) - instant(start) if from_end else timedelta())
        elif isinstance(when, datetime) and when.tzinfo is not None:
            before = instant(start) - when
        else:
            continue
        if before >= timedelta():
            minutes.append(int(before.total_seconds() // 60))
    found = list(dict.fromkeys(minutes))
    return {"useDefault": False, "overrides": [{"minutes": count} for count in found]} if found else None


def attachments(event: Component) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for number, prop in enumerate(every(event, "ATTACH"), 1):
        params = {key.upper(): str(value) for key, value in getattr(prop, "params", {}).items()}
        entry: dict[str, Any] = {"inline": False}
        if isinstance(prop, vBinary):
            content = b64decode(prop.to_ical())
            entry |= {"content": b64encode(content).decode("ascii"), "size": len(content)}
            default_name = f"attachment-{number}"
        else:
            uri = clean(str(prop)).strip()
            entry["contentLocation"] = uri
            default_name = uri.rstrip("/").rpartition("/")[2] or f"attachment-{number}"
        entry["name"] = clean(params.get("FILENAME") or params.get("X-FILENAME") or default_name)
        if kind := params.get("FMTTYPE", ""):
            entry["mimeType"] = clean(kind)
        found.append(entry)
    return found
