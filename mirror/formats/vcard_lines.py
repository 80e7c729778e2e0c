"""vCard 2.1, 3.0 and 4.0 as logical lines: unfolded, decoded, split into group, name, parameters and value.

Written by hand because vobject's own reader takes exponential time on hostile parameters and quadratic time on folded
photos, and gives up on a whole file for one bad line; its splitting of structured values is used in `vcard.py`.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass, field
from quopri import decodestring

from mirror.formats.text import clean, decode

_NEWLINE = re.compile(rb"\r*\n|\r")
_PROPERTY = re.compile(rb"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)?[ \t]*[;:]")
_ENCODINGS = {"QUOTED-PRINTABLE", "BASE64", "B", "8BIT", "7BIT"}
_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]")


@dataclass(frozen=True, slots=True)
class Line:
    """One property. Parameter names are upper case, their values as written; `value` still has its escapes."""

    name: str
    value: str
    group: str = ""
    params: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def types(self) -> frozenset[str]:
        """The TYPE parameters in lower case, however they were written: repeated, listed, quoted, or bare (2.1)."""
        return frozenset(word.strip().lower() for value in self.params.get("TYPE", ()) for word in value.split(","))

    def parameter(self, name: str) -> str:
        return next(iter(self.params.get(name, ())), "")

    @property
    def is_base64(self) -> bool:
        return self.parameter("ENCODING").upper() in {"B", "BASE64"}


@dataclass(frozen=True, slots=True)
class Card:
    version: str
    lines: list[Line]


def cards(content: bytes) -> Iterator[Card]:
    """Every card of a file. A card that never ends counts; one inside another (AGENT) is left out."""
    lines: list[Line] | None = None
    nested = 0
    for raw in _logical(content):
        line = _parsed(raw)
        if line is None:
            continue
        word = line.value.strip().upper()
        if line.name == "BEGIN" and word == "VCARD":
            if lines and lines[-1].name == "AGENT":
                nested += 1
                continue
            if lines:
                yield _card(lines)
            lines, nested = [], 0
        elif line.name == "END" and word == "VCARD":
            if nested:
                nested -= 1
            elif lines is not None:
                yield _card(lines)
                lines = None
        elif lines is not None and not nested:
            lines.append(line)
    if lines:
        yield _card(lines)


def photo_bytes(base64: str) -> bytes:
    """What can be decoded of base64 text, however it was broken; empty when nothing can."""
    letters = _NOT_BASE64.sub(b"", base64.encode("ascii", "ignore"))
    letters = letters[: -1 if len(letters) % 4 == 1 else None]
    try:
        return b64decode(letters + b"=" * (-len(letters) % 4))
    except (binascii.Error, ValueError):
        return b""


def _card(lines: list[Line]) -> Card:
    version = next((line.value.strip() for line in lines if line.name == "VERSION"), "3.0")
    return Card(version, lines)


def _logical(content: bytes) -> Iterator[bytes]:
    """Lines put together again: folded ones, quoted-printable ones, and those that broke without any mark."""
    chunks: list[bytes] = []
    quoted = base64 = False
    for physical in _NEWLINE.split(_as_utf8(content)):
        property_starts = _PROPERTY.match(physical) is not None
        if chunks:
            soft_break = quoted and chunks[-1].endswith(b"=")
            if soft_break and not physical.upper().startswith(b"END:VCARD"):
                chunks[-1] = chunks[-1][:-1]
                chunks.append(physical)
                continue
            if physical[:1] in (b" ", b"\t"):
                chunks.append(physical.strip() if base64 else physical[1:])
                continue
            if physical and not property_starts:
                chunks.append(physical if base64 else b"\n" + physical)
                continue
            yield b"".join(chunks)
        chunks = [physical] if property_starts else []
        head = physical.partition(b":")[0].upper()
        quoted = b"QUOTED-PRINTABLE" in head
        base64 = b"BASE64" in head or b"ENCODING=B" in head
    if chunks:
        yield b"".join(chunks)


def _as_utf8(content: bytes) -> bytes:
    """The bytes with a byte order mark honoured, so that what follows may look for ASCII."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", "replace").encode("utf-8", "replace")
    return content.removeprefix(b"\xef\xbb\xbf")


def _parsed(raw: bytes) -> Line | None:
    head, colon, value = _cut(raw)
    if not colon:
        return None
    name, *parameters = _split_outside_quotes(decode(head), ";")
    group, _, name = name.rpartition(".")
    params: dict[str, list[str]] = {}
    for parameter in parameters:
        key, equals, written = parameter.partition("=")
        key, written = key.strip().upper(), written.strip()
        if not equals:
            # vCard 2.1 writes bare values: `TEL;WORK;FAX`, `PHOTO;BASE64`.
            key, written = ("ENCODING" if key in _ENCODINGS else "TYPE"), key
        values = [_unquoted(item) for item in _split_outside_quotes(written, ",")]
        params.setdefault(key, []).extend(value for value in values if value)
    charset = next(iter(params.get("CHARSET", [])), None)
    if "QUOTED-PRINTABLE" in (encoding.upper() for encoding in params.get("ENCODING", [])):
        value = decodestring(value)
    return Line(
        name=name.strip().upper().replace("_", "-"),
        value=decode(value, charset),
        group=group.strip().lower(),
        params={key: tuple(values) for key, values in params.items()},
    )


def _cut(raw: bytes) -> tuple[bytes, bytes, bytes]:
    """Name and parameters, the colon, and the value; a colon inside quotes does not end the parameters."""
    in_quotes = False
    for at, byte in enumerate(raw):
        if byte == 0x22:
            in_quotes = not in_quotes
        elif byte == 0x3A and not in_quotes:
            return raw[:at], b":", raw[at + 1 :]
    return raw.partition(b":")


def _split_outside_quotes(written: str, separator: str) -> list[str]:
    pieces, start, in_quotes = [], 0, False
    for at, letter in enumerate(written):
        if letter == '"':
            in_quotes = not in_quotes
        elif letter == separator and not in_quotes:
            pieces.append(written[start:at])
            start = at + 1
    return [*pieces, written[start:]]


def _unquoted(written: str) -> str:
    """A parameter's value without its quotes and RFC 6868 escapes."""
    written = written.strip().strip('"')
    return clean(written.replace("^n", "\n").replace("^'", '"').replace("^^", "^"))
