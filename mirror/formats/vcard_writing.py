"""Contact, in the upstream API's shape → vCard 3.0, which every address book reads. What no vCard can say is left out.

The tables of `vcard.py` are read from right to left here, so that reading what was written gives the same contact.
"""

from __future__ import annotations

import re
from base64 import b64decode
from typing import Any

import vobject
from vobject.base import Component
from vobject.vcard import Address, Name

from mirror.formats.images import raster_type
from mirror.formats.vcard import ADDRESS_TYPES, PHONE_TYPES, TEXTS, URL_TYPES

MIME_TYPE = "text/vcard; charset=utf-8"

_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029]")
_WORD = re.compile(r"[^a-z0-9-]")
_DAY = re.compile(r"\d{4}-\d\d-\d\d|--\d\d-\d\d")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")

Fields = dict[str, Any]


def card(record: Fields, *, uid: str, name: str) -> bytes:
    """A whole vCard file with one contact. `name` is what it is called where it has no display name."""
    made = vobject.vCard()
    names, company = _mapping(record, "name"), _mapping(record, "company")
    made.add("uid").value = _text(uid)
    made.add("fn").value = _text(names.get("displayName")) or _text(name) or "?"
    made.add("n").value = Name(
        family=_text(names.get("familyName")),
        given=_text(names.get("givenName")),
        additional=_text(names.get("middleName")),
        prefix=_text(names.get("prefix")),
        suffix=_text(names.get("suffix")),
    )
    for (*parents, key), (written, *_) in TEXTS:
        of = record if not parents else company if parents == ["company"] else names
        if key != "displayName":
            _add(made, written, of.get(key))
    units = [_text(company.get("name")), _text(company.get("department"))]
    if any(units):
        made.add("org").value = units if units[1] else units[:1]
    _add(made, "NICKNAME", record.get("nickName"))
    _add(made, "NOTE", record.get("notes"))
    if _DAY.fullmatch(day := _text(record.get("birthday"))):
        _add(made, "BDAY", day)
    if _MOMENT.fullmatch(moment := _text(record.get("lastModifiedTime"))):
        _add(made, "REV", moment)
    _lists(made, record)
    _photo(made, _mapping(record, "photo"))
    return str(made.serialize(validate=False)).encode("utf-8")


def photo_of(record: Fields) -> tuple[str, bytes] | None:
    """MIME type and bytes of a contact's picture, where the record has them and they are a picture made of dots."""
    content = _mapping(record, "photo").get("content")
    if not isinstance(content, str):
        return None
    try:
        picture = b64decode(content)
    except ValueError:
        return None
    kind = raster_type(picture)
    return (kind, picture) if kind else None


def _lists(made: Component, record: Fields) -> None:
    for item in _items(record, "emailAddresses"):
        _add(made, "EMAIL", item.get("address"), ("internet", *_words(item.get("type"))))
    for item in _items(record, "phoneNumbers"):
        _add(made, "TEL", item.get("number"), _types(PHONE_TYPES, item.get("type")) or ("voice",))
    for item in _items(record, "urls"):
        _add(made, "URL", item.get("href"), _types(URL_TYPES, item.get("type")))
    for item in _items(record, "addresses"):
        parts = {
            "street": "street", "city": "city", "region": "state", "code": "postalCode", "country": "country",
            "box": "poBox", "extended": "streetLine2",
        }  # fmt: skip
        place = Address(**{part: _text(item.get(key)) for part, key in parts.items()})
        if any(vars(place).values()):
            line = made.add("adr")
            line.value = place
            _type(line, _types(ADDRESS_TYPES, item.get("type")))
    for item in _items(record, "relations"):
        kind = item.get("type")
        _add(
            made,
            f"X-{kind.upper()}" if kind in ("spouse", "manager", "assistant") else "X-ABRELATEDNAMES",
            item.get("name"),
        )
    keywords = [found for word in record.get("keywords") or () if (found := _text(word))]
    if keywords:
        made.add("categories").value = keywords


def _photo(made: Component, photo: Fields) -> None:
    found = photo_of({"photo": photo})
    if found:
        line = made.add("photo")
        line.value, line.encoding_param = found[1], "b"
        _type(line, (found[0].removeprefix("image/"),))


def _add(made: Component, name: str, value: object, types: tuple[str, ...] = ()) -> None:
    written = _text(value)
    if written:
        line = made.add(name.lower())
        line.value = written
        _type(line, types)


def _type(line: Any, types: tuple[str, ...]) -> None:
    if types:
        line.type_paramlist = [word.upper() for word in types]


def _types(table: tuple[tuple[frozenset[str], str], ...], kind: object) -> tuple[str, ...]:
    """The vCard types that an API type is written with."""
    return next((tuple(sorted(words)) for words, meant in table if meant == kind), ())


def _words(kind: object) -> tuple[str, ...]:
    """A free type as one word that needs no quotes."""
    word = _WORD.sub("-", _text(kind).lower()).strip("-")
    return (word,) if word else ()


def _text(value: object) -> str:
    """A text without what would end a line of a vCard or that no UTF-8 can carry."""
    return (
        _UNPRINTABLE.sub("", value.replace("\r\n", "\n").replace("\r", "\n")).strip() if isinstance(value, str) else ""
    )


def _mapping(record: Fields, key: str) -> Fields:
    found = record.get(key)
    return found if isinstance(found, dict) else {}


def _items(record: Fields, key: str) -> list[Fields]:
    found = record.get(key)
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []
