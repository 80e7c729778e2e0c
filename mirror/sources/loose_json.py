"""JSON cut into its parts without being read, for answers in which one part is something that no parser takes.

Whatever nests a million deep, or holds characters that JSON forbids, is cut out like any other part. It never decides whether
a part is sound.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

_STRING = rb'"[^"\\]*(?:\\.[^"\\]*)*"'
_TOKEN = re.compile(_STRING + rb"|[\[\]{},]", re.DOTALL)
_KEY = re.compile(b"(" + _STRING + rb")\s*:\s*", re.DOTALL)


def parts(content: bytes) -> list[bytes]:
    """The elements of an array, or the members of an object with their keys, as they were written."""
    return [part for part in _cut(content) if part]


def members(content: bytes) -> dict[str, bytes]:
    """The values of an object by their keys, as they were written; empty when it is no object."""
    found: dict[str, bytes] = {}
    for part in parts(content) if content.lstrip()[:1] == b"{" else ():
        if key := _KEY.match(part):
            found[_text(key[1])] = part[key.end() :]
    return found


def without(content: bytes, name: str) -> bytes:
    """An object without one of its members; the others stay byte for byte as they came."""
    kept = [part for part in parts(content) if not ((key := _KEY.match(part)) and _text(key[1]) == name)]
    return b"{" + b",".join(kept) + b"}"


def value(written: bytes | None) -> object:
    """What a part says; None when it says nothing that Python can hold."""
    try:
        return json.loads(written.decode("utf-8", "replace"), strict=False) if written else None
    except (ValueError, RecursionError):
        return None


def _cut(content: bytes) -> Iterator[bytes]:
    depth = start = 0
    for token in _TOKEN.finditer(content):
        mark = token.group()[:1]
        if mark in b"[{":
            depth += 1
            start = token.end() if depth == 1 else start
        elif mark in b"]}":
            depth -= 1
            if depth == 0:
                yield content[start : token.start()].strip()
                return
        elif mark == b"," and depth == 1:
            yield content[start : token.start()].strip()
            start = token.end()


def _text(key: bytes) -> str:
    text = value(key)
    return text if isinstance(text, str) else key.decode("utf-8", "replace")
