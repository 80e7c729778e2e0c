"""Mailbox files (mboxrd, and mboxcl with Content-Length) → the bytes of one message after another.

Never holds more than one message in memory.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from mirror.errors import UnreadableFile

_SEPARATOR = re.compile(rb"From ")
# What a separator looks like when no empty line stands before it, as some programs write it.
_SURE_SEPARATOR = re.compile(rb"From (-|\S+)( +(Mon|Tue|Wed|Thu|Fri|Sat|Sun) .*\d\d:\d\d.*)?\s*$")
_LIKELY_SEPARATOR = re.compile(rb"From (\S+ .*\d\d:\d\d.*|-.*|\S+@\S+|-)\s*$")
# The first line of every patch that git writes: a separator only in files that git wrote from end to end.
_GIT_PATCH = re.compile(rb"From [0-9a-f]{40} Mon Sep 17 00:00:00 2001\s*$")
_QUOTED_FROM = re.compile(rb"^>(>*From )", re.MULTILINE)
_CONTENT_LENGTH = re.compile(rb"content-length:\s*(\d{1,18})\s*$", re.IGNORECASE)


def mbox(content_or_path: bytes | str | Path) -> Iterator[bytes]:
    """The messages of a mailbox file, in its order, without their `From ` lines and with `>From ` unquoted.

    Raises: UnreadableFile, when it does not begin as a mailbox file does.
    """
    if isinstance(content_or_path, bytes):
        yield from _messages(io.BytesIO(content_or_path))
        return
    with Path(content_or_path).open("rb") as file:
        yield from _messages(file)


def _messages(file: BinaryIO) -> Iterator[bytes]:
    line = file.readline()
    while line and not line.strip():
        line = file.readline()
    if not _SEPARATOR.match(line.removeprefix(b"\xef\xbb\xbf")):
        raise UnreadableFile("It is not a mailbox file (mbox): its first line does not begin with “From ”.")
    written_by_git = _GIT_PATCH.match(line) is not None
    while line:
        message, line = _one(file, written_by_git)
        if message.strip():
            yield _QUOTED_FROM.sub(rb"\1", message)


def _one(file: BinaryIO, written_by_git: bool) -> tuple[bytes, bytes]:
    """The message from here on, and the separator line after it (empty at the end of the file)."""
    lines: list[bytes] = []
    length: int | None = None
    in_header = True
    previous = b"\n"
    while line := file.readline():
        if in_header:
            if match := _CONTENT_LENGTH.match(line):
                length = int(match[1])
            if not line.strip():
                in_header = False
                body = _counted(file, length)
                if body is not None:
                    return b"".join([*lines, line, body]), _next_line(file)
        if _separates(line, previous, written_by_git):
            break
        lines.append(line)
        previous = line
    if lines and not lines[-1].strip():
        # The empty line before a separator belongs to the mailbox, not to the message.
        lines.pop()
    return b"".join(lines), line


def _separates(line: bytes, previous: bytes, written_by_git: bool) -> bool:
    if not line.startswith(b"From "):
        return False
    if _GIT_PATCH.match(line):
        return written_by_git
    return bool((_SURE_SEPARATOR if previous.strip() else _LIKELY_SEPARATOR).match(line))


def _counted(file: BinaryIO, length: int | None) -> bytes | None:
    """The body that Content-Length announces, if a separator or the end of the file stands where it then ends."""
    if length is None:
        return None
    start = file.tell()
    size = file.seek(0, io.SEEK_END)
    if start + length <= size:
        file.seek(start + length)
        after = _next_line(file)
        if not after or after.startswith(b"From "):
            file.seek(start)
            return file.read(length)
    file.seek(start)
    return None


def _next_line(file: BinaryIO) -> bytes:
    line = file.readline()
    while line and not line.strip():
        line = file.readline()
    return line
