"""What a person reads of a contact: its record in groups with labels, its age, its versions in words. It reads nothing itself.

What upstream calls a web address is a link only if a browser may safely be led there; everything else is text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from zlib import crc32

from mirror.store.columns import fields_of, text
from mirror.store.differences import differences
from mirror.web import colors, links, words
from mirror.web.linking import web_address
from mirror.web.page import Row

Fields = dict[str, Any]

_TYPES = {
    "work": "work", "home": "home", "other": "", "mobile": "mobile", "workMobile": "work mobile", "main": "main",
    "companyMain": "company", "assistant": "assistant", "workFax": "work fax", "homeFax": "home fax", "otherFax": "fax",
    "callback": "callback", "pager": "pager", "workPager": "work pager", "radio": "radio", "telex": "telex", "tty": "text phone",
    "blog": "blog", "profile": "profile", "homePage": "home page", "ftp": "FTP", "reservations": "reservations",
    "manager": "manager", "spouse": "spouse",
}  # fmt: skip
_NAMES = {
    "prefix": "Title", "givenName": "Given name", "middleName": "Middle name", "familyName": "Family name", "suffix": "Suffix",
    "yomiGivenName": "Given name, as read", "yomiFamilyName": "Family name, as read",
}  # fmt: skip
_COMPANY = {
    "name": "Company", "jobTitle": "Job", "department": "Department", "officeLocation": "Office",
    "yomiCompanyName": "Company, as read",
}  # fmt: skip
_SHOWN_ELSEWHERE = frozenset(
    {
        "id", "etag", "createdTime", "lastModifiedTime", "name", "nickName", "fileAs", "company", "relations", "birthday",
        "keywords", "notes", "emailAddresses", "phoneNumbers", "addresses", "urls", "nativeProperties", "hasPhoto", "photo",
        "omitted", "__meta", "companyId",
    }
)  # fmt: skip
_WORDS = {
    "name": "name", "nickName": "nickname", "fileAs": "filing name", "company": "company", "relations": "relations",
    "birthday": "birthday", "keywords": "categories", "notes": "notes", "emailAddresses": "e-mail addresses",
    "phoneNumbers": "phone numbers", "addresses": "addresses", "urls": "web addresses", "photo": "photo", "hasPhoto": "photo",
    "nativeProperties": "other fields",
}  # fmt: skip
_BARE = re.compile(r"(?:[a-z0-9-]+\.)+[a-z]{2,}(?:[/?#]\S*)?", re.IGNORECASE)
_DIALLED = re.compile(r"[^0-9+*#]")
MOST_OTHER = 100
LONGEST_OTHER = 2_000


@dataclass(frozen=True, slots=True)
class Value:
    """One value of a field. `url`: where it leads; `outward`: out of the mirror; `lines`: an address as it is written."""

    text: str
    type: str = ""
    url: str | None = None
    outward: bool = False
    note: str = ""


@dataclass(slots=True)
class Group:
    """Values under one heading."""

    title: str
    values: list[Value] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Change:
    """A version, and in words what it changed."""

    what: str
    at: str
    details: str


def groups(fields: Fields, today: str) -> list[Group]:
    """All that the record says, in the order in which it is wanted; groups without values are left out."""
    found = [
        Group("E-mail", list(_emails(fields))),
        Group("Phone", list(_phones(fields))),
        Group(
            "Address", [Value(place, _type(item)) for item in _items(fields, "addresses") if (place := postal(item))]
        ),
        Group("Web", list(_urls(fields))),
        Group("Birthday", list(_birthday(fields, today))),
        Group("Company", list(_labelled(_mapping(fields, "company"), _COMPANY))),
        Group(
            "Relations",
            [Value(who, _type(item)) for item in _items(fields, "relations") if (who := _text(item.get("name")))],
        ),
        Group("Name", list(_name(fields))),
        Group("Other fields", list(_others(fields))),
    ]
    return [group for group in found if group.values]


def postal(item: Fields) -> str:
    """A postal address as lines."""
    place = " ".join(filter(None, (_text(item.get("postalCode")), _text(item.get("city")))))
    box = _text(item.get("poBox"))
    lines = (
        _text(item.get("street")), _text(item.get("streetLine2")), f"P.O. box {box}" if box else "", place,
        _text(item.get("state")), _text(item.get("country")),
    )  # fmt: skip
    return "\n".join(filter(None, lines))


def initials(name: str | None) -> str:
    """One or two letters for somebody without a picture."""
    parts = [
        letters[0] for word in re.split(r"[\s,.@<>()\"]+", name or "") if (letters := [c for c in word if c.isalnum()])
    ]
    if not parts:
        return "?"
    return (parts[0] + (parts[-1] if len(parts) > 1 and "@" not in (name or "") else "")).upper()


def colour(name: str | None) -> tuple[str, str]:
    """A colour that is always the same for a name, and the one to write on it with."""
    chosen = colors.PALETTE[crc32((name or "").casefold().encode("utf-8", "replace")) % len(colors.PALETTE)]
    return chosen, colors.ink(chosen)


def age(birthday: str, today: str) -> int | None:
    """Full years, None when the year is not known or lies ahead."""
    try:
        born, now = date.fromisoformat(birthday[:10]), date.fromisoformat(today)
    except ValueError:
        return None
    years = now.year - born.year - ((now.month, now.day) < (born.month, born.day))
    return years if 0 <= years < 130 else None


def changes(versions: list[Row]) -> list[Change]:
    """What each version changed, newest first. `versions`: newest first; the last one is told of only if it is the first ever."""
    found = []
    for version, before in zip(versions, [*versions[1:], None], strict=True):
        if before is None:
            found.append(Change("added", version["observed_at"], ""))
        elif version["deleted_at"]:
            found.append(Change("deleted", version["observed_at"], ""))
        else:
            told = differences(fields_of(before["raw"]), fields_of(version["raw"]))
            named = dict.fromkeys(_in_words(one.path) for one in told if not one.is_mark)
            what = "restored" if before["deleted_at"] else "changed"
            found.append(Change(what, version["observed_at"], ", ".join(named)))
    return found


def _in_words(path: str) -> str:
    top = re.split(r"[.\[]", path, maxsplit=1)[0]
    return _WORDS.get(top, top)


def _emails(fields: Fields) -> Iterator[Value]:
    for item in _items(fields, "emailAddresses"):
        if address := _text(item.get("address")):
            name = _text(item.get("name"))
            note = (
                name if name and name != _text(_mapping(fields, "name").get("displayName")) and name != address else ""
            )
            yield Value(address, _type(item), links.person(address.lower()), note=note)


def _phones(fields: Fields) -> Iterator[Value]:
    for item in _items(fields, "phoneNumbers"):
        if number := _text(item.get("number")):
            dialled = _DIALLED.sub("", number)
            yield Value(number, _type(item), f"tel:{dialled}" if dialled else None)


def _urls(fields: Fields) -> Iterator[Value]:
    for item in _items(fields, "urls"):
        if written := _text(item.get("href")) or _text(item.get("value")):
            url = web_address(written) or (web_address(f"https://{written}") if _BARE.fullmatch(written) else None)
            yield Value(written, _type(item), url, outward=url is not None)


def _birthday(fields: Fields, today: str) -> Iterator[Value]:
    if written := _text(fields.get("birthday")):
        years = age(written, today)
        is_today = written[-5:] == today[-5:] and words.birthday(written) is not None
        note = " · ".join(filter(None, ("" if years is None else f"{years} years old", "today" if is_today else "")))
        yield Value(words.birthday(written[:10]) or written, note=note)


def _name(fields: Fields) -> Iterator[Value]:
    yield from _labelled(_mapping(fields, "name"), _NAMES)
    if nickname := _text(fields.get("nickName")):
        yield Value(nickname, "Nickname")
    if file_as := _text(fields.get("fileAs")):
        yield Value(file_as, "Filed as")


def _labelled(fields: Fields, labels: dict[str, str]) -> Iterator[Value]:
    for key, label in labels.items():
        if said := _text(fields.get(key)):
            yield Value(said, label)


def _others(fields: Fields) -> Iterator[Value]:
    """The provider's own fields, and those of which we do not know what they are."""
    rest = {
        **_mapping(fields, "nativeProperties"),
        **{key: value for key, value in fields.items() if key not in _SHOWN_ELSEWHERE},
    }
    for number, (key, value) in enumerate(rest.items()):
        if number == MOST_OTHER:
            return
        if said := _flat(value):
            yield Value(said[:LONGEST_OTHER], _text(key))


def _flat(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{_text(key)}: {said}" for key, inner in value.items() if (said := _flat(inner)))
    if isinstance(value, list):
        return ", ".join(filter(None, map(_flat, value)))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return text(value) or ""


def _type(item: Fields) -> str:
    written = _text(item.get("type"))
    return _TYPES.get(written, written)


def _text(value: Any) -> str:
    """A text or number as the mirror writes texts: without what UTF-8 can't carry."""
    return (text(value) or "").strip()


def _mapping(fields: Fields, key: str) -> Fields:
    found = fields.get(key)
    return found if isinstance(found, dict) else {}


def _items(fields: Fields, key: str) -> list[Fields]:
    found = fields.get(key)
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


LOOK = {"card_initials": initials, "card_colour": colour}
"""What the templates need to draw somebody without a picture."""
