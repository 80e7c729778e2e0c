"""The tree of a MIME message, flattened into its leaves: what is shown as the body, and what is attached.

Never raises: a part that can't be decoded is taken as it stands.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.message import Message
from typing import TypeAlias
from urllib.parse import unquote_to_bytes

from mirror.formats.addresses import header_text
from mirror.formats.text import clean, decode

_TEXTS = {"text/plain", "text/html"}
_MIME_TYPE = re.compile(r"[\w!#$&^.+-]+/[\w!#$&^.+-]+")
_PARAMETER = re.compile(r";\s*([\w*'-]+)\s*=\s*(?:\"((?:[^\"\\]|\\.)*)\"|([^;\s]*))")

Part: TypeAlias = "Message[str, str]"


@dataclass(frozen=True, slots=True)
class Leaf:
    """One part without parts: decoded bytes, and what its header says of them."""

    content: bytes
    mime_type: str
    charset: str
    name: str
    inline: bool
    content_id: str
    content_location: str
    is_body: bool
    is_alternative: bool
    """It says the same as another part of another type, so that only one of them is to be read."""
    flowed: bool = False
    delsp: bool = False
    method: str = ""


def leaves(root: Part) -> list[Leaf]:
    """Every leaf in reading order. An embedded message is a leaf, with all that is in it."""
    found: list[Leaf] = []
    waiting: list[tuple[Part, bool, bool]] = [(root, False, False)]
    while waiting:
        part, alternative, related = waiting.pop()
        kind = _content_type(part)
        if part.is_multipart() and not kind.startswith("message/"):
            children = [child for child in part.get_payload() if isinstance(child, Message)]
            alternative = alternative or (kind == "multipart/alternative" and _has_choice(children))
            related = related or kind == "multipart/related"
            waiting += [(child, alternative, related) for child in reversed(children)]
        elif not kind.startswith("multipart/"):
            found.append(_leaf(part, kind, alternative, related))
        elif _content(part).strip():
            # Parts were announced but the boundary between them never comes: a text, then.
            found.append(_leaf(part, "text/plain", alternative, related))
    if root.is_multipart() and root.preamble and not any(leaf.is_body for leaf in found):
        # Old mailers put their whole message before the first boundary.
        text = root.preamble.encode("utf-8", "surrogateescape")
        found.insert(0, Leaf(text, "text/plain", "", "", False, "", "", is_body=True, is_alternative=False))
    return found


def _has_choice(parts: list[Part]) -> bool:
    """Whether both a plain and an HTML text stand among these parts or below them."""
    kinds: set[str] = set()
    waiting = list(parts)
    while waiting:
        part = waiting.pop()
        kinds.add(_content_type(part))
        if part.is_multipart():
            waiting += [child for child in part.get_payload() if isinstance(child, Message)]
    return kinds >= _TEXTS


def _leaf(part: Part, kind: str, alternative: bool, related: bool) -> Leaf:
    typed = _parameters(part, "Content-Type")
    disposition = _header(part, "Content-Disposition")
    disposed = _parameters(part, "Content-Disposition")
    word = disposition.partition(";")[0].strip().lower()
    name = disposed.get("filename") or typed.get("name", "")
    content_id = header_text(_header(part, "Content-ID")).strip("<> ")
    content_location = header_text(_header(part, "Content-Location"))
    is_body = kind in _TEXTS and word != "attachment" and not name
    return Leaf(
        content=_content(part),
        mime_type=kind,
        charset=typed.get("charset", ""),
        name=re.split(r"[/\\]", name)[-1],
        inline=word != "attachment" and (word == "inline" or (related and bool(content_id or content_location))),
        content_id=content_id,
        content_location=content_location,
        is_body=is_body,
        is_alternative=alternative,
        flowed=typed.get("format", "").lower() == "flowed",
        delsp=typed.get("delsp", "").lower() == "yes",
        method=typed.get("method", ""),
    )


def _header(part: Part, name: str) -> str:
    return next((str(value) for key, value in part.raw_items() if key.lower() == name.lower()), "")


def _content_type(part: Part) -> str:
    written = _header(part, "Content-Type")
    if not written.strip():
        return part.get_default_type()
    kind = written.partition(";")[0].strip().lower()
    # A type without a subtype is not `text/plain`, as the standard library has it: nobody knows what it is.
    return kind if _MIME_TYPE.fullmatch(kind) else "application/octet-stream"


def _parameters(part: Part, header: str) -> dict[str, str]:
    """The parameters of a header: plain, with encoded words, or in RFC 2231's pieces and charsets."""
    plain: dict[str, str] = {}
    pieces: dict[str, dict[int, tuple[str, bool]]] = {}
    for match in _PARAMETER.finditer(clean(re.sub(r"[\r\n]+", "", _header(part, header)))):
        key = match[1].lower()
        value = re.sub(r"\\(.)", r"\1", match[2]) if match[2] is not None else match[3]
        name, star, index = key.partition("*")
        if star:
            number = index.rstrip("*")
            at = int(number) if number.isdecimal() and len(number) < 4 else 0
            pieces.setdefault(name, {}).setdefault(at, (value, key.endswith("*")))
        else:
            plain.setdefault(name, header_text(value))
    return plain | {name: _joined(numbered) for name, numbered in pieces.items()}


def _joined(numbered: dict[int, tuple[str, bool]]) -> str:
    content, charset = b"", ""
    for at, (value, encoded) in sorted(numbered.items()):
        if encoded and at == 0 and value.count("'") >= 2:
            charset, _, value = value.split("'", 2)
        content += unquote_to_bytes(value) if encoded else value.encode("utf-8")
    return decode(content, charset)


def _content(part: Part) -> bytes:
    payload = part.get_payload()
    if isinstance(payload, list):
        return b"\n".join(_written(child) for child in payload if isinstance(child, Message))
    encoding = header_text(_header(part, "Content-Transfer-Encoding")).strip().lower()
    if encoding and encoding != str(part["Content-Transfer-Encoding"]).lower():
        # The library only knows an encoding that has nothing around it.
        part.replace_header("Content-Transfer-Encoding", encoding)
    decoded = part.get_payload(decode=True)
    return decoded if isinstance(decoded, bytes) else b""


def _written(part: Part) -> bytes:
    try:
        return part.as_bytes()
    except Exception:
        # The generator dies of what the parser let through (unknown charsets, broken headers): its text is enough.
        headers = "".join(f"{name}: {value}\n" for name, value in part.raw_items())
        payload = part.get_payload()
        body = payload if isinstance(payload, str) else ""
        return f"{headers}\n{body}".encode("utf-8", "replace")
