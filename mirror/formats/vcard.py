"""vCard → contact, in the upstream API's shape. Invents nothing: no ids, no etags, no times that the card lacks.

The tables are read from left to right here; each API type names the vCard types that it is written with.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote_to_bytes

from vobject.icalendar import stringToTextValues

from mirror.errors import UnreadableFile
from mirror.formats.text import clean
from mirror.formats.vcard_lines import Card, Line, cards, photo_bytes

# The first row whose vCard types are all present decides; so the more special rows come first.
PHONE_TYPES: tuple[tuple[frozenset[str], str], ...] = (
    (frozenset({"home", "fax"}), "homeFax"),
    (frozenset({"work", "fax"}), "workFax"),
    (frozenset({"fax"}), "otherFax"),
    (frozenset({"work", "pager"}), "workPager"),
    (frozenset({"pager"}), "pager"),
    (frozenset({"work", "cell"}), "workMobile"),
    (frozenset({"cell"}), "mobile"),
    (frozenset({"iphone"}), "mobile"),
    (frozenset({"mobile"}), "mobile"),
    (frozenset({"work", "main"}), "companyMain"),
    (frozenset({"x-company"}), "companyMain"),
    (frozenset({"x-evolution-company"}), "companyMain"),
    (frozenset({"main"}), "main"),
    (frozenset({"main-number"}), "main"),
    (frozenset({"assistantphone"}), "assistant"),
    (frozenset({"assistant"}), "assistant"),
    (frozenset({"x-assistant"}), "assistant"),
    (frozenset({"x-evolution-assistant"}), "assistant"),
    (frozenset({"callback"}), "callback"),
    (frozenset({"x-evolution-callback"}), "callback"),
    (frozenset({"radio"}), "radio"),
    (frozenset({"x-evolution-radio"}), "radio"),
    (frozenset({"telex"}), "telex"),
    (frozenset({"tlx"}), "telex"),
    (frozenset({"x-evolution-telex"}), "telex"),
    (frozenset({"textphone"}), "tty"),
    (frozenset({"tty"}), "tty"),
    (frozenset({"ttytdd"}), "tty"),
    (frozenset({"x-evolution-ttytdd"}), "tty"),
    (frozenset({"work"}), "work"),
    (frozenset({"home"}), "home"),
)
ADDRESS_TYPES: tuple[tuple[frozenset[str], str], ...] = (
    (frozenset({"work"}), "work"),
    (frozenset({"home"}), "home"),
)
URL_TYPES: tuple[tuple[frozenset[str], str], ...] = (
    (frozenset({"homepage"}), "homePage"),
    (frozenset({"home-page"}), "homePage"),
    (frozenset({"blog"}), "blog"),
    (frozenset({"profile"}), "profile"),
    (frozenset({"ftp"}), "ftp"),
    (frozenset({"reservations"}), "reservations"),
    (frozenset({"work"}), "work"),
    (frozenset({"home"}), "home"),
)
# Words in TYPE that say nothing about where an address belongs.
_NO_EMAIL_TYPE = {"internet", "pref", "x400", "x-internet", "smtp", "email", ""}

NAME_PARTS = ("familyName", "givenName", "middleName", "prefix", "suffix")
ADDRESS_PARTS = ("poBox", "streetLine2", "street", "city", "state", "postalCode", "country")

# Properties with one text each: (where in the record, the vCard names that carry it, best first).
TEXTS: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    (("name", "displayName"), ("FN", "NAME")),
    (("name", "yomiGivenName"), ("X-PHONETIC-FIRST-NAME",)),
    (("name", "yomiFamilyName"), ("X-PHONETIC-LAST-NAME",)),
    (("fileAs",), ("X-EVOLUTION-FILE-AS", "X-FILE-AS", "SORT-STRING")),
    (("company", "jobTitle"), ("TITLE", "ROLE")),
    (("company", "officeLocation"), ("X-EVOLUTION-OFFICE", "X-MS-OFFICE")),
    (("company", "yomiCompanyName"), ("X-PHONETIC-ORG",)),
)
RELATION_NAMES: dict[str, str] = {
    f"{prefix}{relation.upper()}": relation
    for relation in ("spouse", "manager", "assistant")
    for prefix in ("X-MS-", "X-EVOLUTION-", "X-")
}
# Apple and Google escape the colon too, which vCard does not ask for.
_ESCAPED = '\\;,:Nn"'
_PHOTO_MAGIC = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG", "image/png"),
    (b"GIF8", "image/gif"),
    (b"BM", "image/bmp"),
    (b"RIFF", "image/webp"),
)


@dataclass(frozen=True, slots=True)
class ParsedContact:
    """One card: its own UID where it has one, and the contact."""

    uid: str | None
    record: dict[str, Any]


def contacts(content: bytes) -> Iterator[ParsedContact]:
    """The contacts of a vCard file, in its order.

    Raises: UnreadableFile, when there is no card in it.
    """
    found = False
    for card in cards(content):
        found = True
        reader = _Reader(card)
        yield ParsedContact(reader.first("UID") or None, reader.record())
    if not found:
        raise UnreadableFile("It is not a vCard file: there is no line BEGIN:VCARD in it.")


class _Reader:
    """One card with its properties by name and its Apple labels by group."""

    def __init__(self, card: Card) -> None:
        self._plain_commas = card.version.startswith("2")
        self._by_name: dict[str, list[Line]] = {}
        self._labels: dict[str, str] = {}
        for line in card.lines:
            self._by_name.setdefault(line.name, []).append(line)
            if line.name == "X-ABLABEL" and line.group:
                # Apple wraps its own labels: `_$!<HomePage>!$_`.
                self._labels[line.group] = self._text(line.value).removeprefix("_$!<").removesuffix(">!$_").lower()

    def record(self) -> dict[str, Any]:
        record: dict[str, Any] = {"name": self._name()}
        company = self._company()
        for (*parents, key), names in TEXTS:
            written = next((text for name in names if (text := self.first(name))), "")
            target = record if not parents else company if parents == ["company"] else record["name"]
            if written:
                target[key] = written
        if not record["name"].get("displayName"):
            order = ("prefix", "givenName", "middleName", "familyName", "suffix")
            record["name"]["displayName"] = " ".join(record["name"][part] for part in order if part in record["name"])
        record |= {
            "company": company,
            "nickName": ", ".join(self._words("NICKNAME")),
            "birthday": _calendar_day(self.first("BDAY")),
            "notes": "\n".join(filter(None, (self._text(line.value) for line in self._lines("NOTE")))),
            "keywords": self._words("CATEGORIES"),
            "relations": self._relations(),
            "emailAddresses": self._each(self._email, "EMAIL"),
            "phoneNumbers": self._each(self._phone, "TEL", "X-MS-TEL"),
            "addresses": self._each(self._address, "ADR"),
            "urls": self._each(self._url, "URL"),
            "photo": next(filter(None, map(_photo, self._lines("PHOTO"))), None),
            "lastModifiedTime": _moment(self.first("REV")),
        }
        record["name"] = {key: value for key, value in record["name"].items() if value}
        return {key: value for key, value in record.items() if value} | {"hasPhoto": record["photo"] is not None}

    def first(self, name: str) -> str:
        return next((text for line in self._lines(name) if (text := self._text(line.value))), "")

    def _lines(self, name: str) -> list[Line]:
        return self._by_name.get(name, [])

    def _text(self, value: str) -> str:
        if self._plain_commas:
            return value.replace("\\;", ";").replace("\r\n", "\n").strip()
        # vobject takes a backslash at the very end for the start of an escape that never comes.
        return "".join(stringToTextValues(_whole(value), listSeparator="", charList=_ESCAPED)).strip()

    def _words(self, name: str) -> list[str]:
        pieces = [
            stringToTextValues(_whole(line.value), charList=";," if self._plain_commas else "\\;,Nn")
            for line in self._lines(name)
        ]
        return list(dict.fromkeys(word.strip() for words in pieces for word in words if word.strip()))

    def _fields(self, value: str) -> list[list[str]]:
        """The parts of a structured value, each of which may be a list itself (but not in 2.1)."""
        parts = stringToTextValues(_whole(value), listSeparator=";", charList=";")
        lists = [
            [part] if self._plain_commas else stringToTextValues(_whole(part), charList=_ESCAPED) for part in parts
        ]
        return [[item.strip() for item in items if item.strip()] for items in lists]

    def _name(self) -> dict[str, str]:
        line = next(iter(self._lines("N")), None)
        fields = zip(NAME_PARTS, self._fields(line.value), strict=False) if line else ()
        return {part: (", " if part == "suffix" else " ").join(items) for part, items in fields if items}

    def _company(self) -> dict[str, str]:
        line = next((line for line in self._lines("ORG") if line.value.strip(" ;")), None)
        if line is None:
            return {}
        name, *units = [", ".join(items) for items in self._fields(line.value) if items] or [""]
        return {key: value for key, value in (("name", name), ("department", ", ".join(units))) if value}

    def _kind(self, line: Line) -> frozenset[str]:
        """Everything that says what kind of entry this is: its types and, in Apple's cards, its label."""
        label = self._labels.get(line.group)
        return line.types | ({label} if label else set())

    def _each(self, convert: Callable[[Line], dict[str, str] | None], *names: str) -> list[dict[str, str]]:
        return [entry for name in names for line in self._lines(name) if (entry := convert(line))]

    def _email(self, line: Line) -> dict[str, str] | None:
        address = re.sub("^mailto:", "", self._text(line.value), flags=re.IGNORECASE)
        kinds = sorted(self._kind(line) - _NO_EMAIL_TYPE)
        return ({"address": address} | ({"type": kinds[0]} if kinds else {})) if address else None

    def _phone(self, line: Line) -> dict[str, str] | None:
        number = re.sub("^tel:", "", self._text(line.value), flags=re.IGNORECASE)
        return {"number": number, "type": _mapped(PHONE_TYPES, self._kind(line))} if number else None

    def _url(self, line: Line) -> dict[str, str] | None:
        href = self._text(line.value)
        return {"href": href, "type": _mapped(URL_TYPES, self._kind(line))} if href else None

    def _address(self, line: Line) -> dict[str, str] | None:
        fields = zip(ADDRESS_PARTS, self._fields(line.value), strict=False)
        parts = {part: ", ".join(items).replace("\r\n", "\n") for part, items in fields if items}
        if "streetLine2" in parts and "street" not in parts:
            parts["street"] = parts.pop("streetLine2")
        return parts | {"type": _mapped(ADDRESS_TYPES, self._kind(line))} if parts else None

    def _relations(self) -> list[dict[str, str]]:
        found = [
            (self._text(line.value), RELATION_NAMES[name]) for name in RELATION_NAMES for line in self._lines(name)
        ]
        for name in ("X-ABRELATEDNAMES", "RELATED"):
            for line in self._lines(name):
                kinds = self._kind(line) & set(RELATION_NAMES.values())
                found.append((self._text(line.value), next(iter(sorted(kinds)), "")))
        # The API knows three relations; any other keeps its name and goes without a type.
        return [{"name": name} | ({"type": kind} if kind else {}) for name, kind in dict.fromkeys(found) if name]


def _whole(value: str) -> str:
    return value + "\\" if (len(value) - len(value.rstrip("\\"))) % 2 else value


def _mapped(table: tuple[tuple[frozenset[str], str], ...], kinds: frozenset[str]) -> str:
    return next((kind for wanted, kind in table if wanted <= kinds), "other")


def _photo(line: Line) -> dict[str, str] | None:
    """The picture inside a card. One that is only linked to is none: nothing here opens a connection."""
    image, mime_type = b"", ""
    if line.value.lower().startswith("data:"):
        head, _, coded = line.value[5:].partition(",")
        mime_type = head.partition(";")[0].lower()
        image = photo_bytes(coded) if "base64" in head.lower() else unquote_to_bytes(coded)
    elif line.is_base64:
        image = photo_bytes(line.value)
        named = sorted(line.types - {"pref", "home", "work", ""})
        mime_type = named[0] if named and "/" in named[0] else f"image/{named[0]}" if named else ""
    if not image:
        return None
    magic = next((kind for start, kind in _PHOTO_MAGIC if image.startswith(start)), None)
    known = magic or mime_type.replace("jpg", "jpeg") or "application/octet-stream"
    return {"mimeType": clean(known), "content": b64encode(image).decode("ascii")}


def _calendar_day(written: str) -> str:
    """A birthday as the API writes it, `YYYY-MM-DD`; without a year `--MM-DD`; any other text as it is."""
    if match := re.match(r"(\d{4})-?(\d{2})-?(\d{2})(?!\d)", written):
        return "-".join(match.groups())
    if match := re.match(r"--(\d{2})-?(\d{2})(?!\d)", written):
        return f"--{match[1]}-{match[2]}"
    return written


def _moment(written: str) -> str:
    try:
        moment = datetime.fromisoformat(written.strip())
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError):
        return ""
