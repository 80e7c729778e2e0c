"""E-mail headers: encoded words, addresses, message ids and dates, read as mailers write them, not as RFC 5322 asks.

Written by hand because the standard library's address parsers raise, take quadratic time or change their mind between
versions of Python when a header is hostile. Never raises.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_tz
from quopri import decodestring

from mirror.formats.text import clean, decode

_ENCODED_WORD = re.compile(r"=\?([^?\s*]{1,60})(?:\*[^?\s]{0,20})?\?([bBqQ])\?([^?\r\n]*)\?=")
_MESSAGE_ID = re.compile(r"<[^<>\s]+>")


def header_text(raw: str) -> str:
    """A header's value as a person reads it: unfolded, encoded words decoded."""
    raw = clean(re.sub(r"[\r\n]+[ \t]?", lambda fold: " " if fold[0][-1] in " \t" else "", raw))
    pieces: list[str] = []
    pending: tuple[str, bytes] | None = None
    end = 0
    for word in _ENCODED_WORD.finditer(raw):
        between = raw[end : word.start()]
        charset, content = word[1].lower(), _word_bytes(word[2], word[3])
        if pending and not between.strip():
            # Some mailers cut a character in two: words of one charset are joined before they are decoded.
            if pending[0] == charset:
                pending = (charset, pending[1] + content)
            else:
                pieces.append(decode(pending[1], pending[0]))
                pending = (charset, content)
        else:
            pieces += [decode(pending[1], pending[0]) if pending else "", between]
            pending = (charset, content)
        end = word.end()
    pieces += [decode(pending[1], pending[0]) if pending else "", raw[end:]]
    return re.sub(r"[\r\n]+", " ", "".join(pieces)).strip()


def _word_bytes(encoding: str, written: str) -> bytes:
    if encoding in "qQ":
        return decodestring(written.replace("_", " ").encode("utf-8"), header=True)
    letters = re.sub(r"[^A-Za-z0-9+/]", "", written)
    letters = letters[: -1 if len(letters) % 4 == 1 else None]
    try:
        return b64decode(letters + "=" * (-len(letters) % 4))
    except (binascii.Error, ValueError):
        return written.encode("utf-8")


def address_list(raw: str) -> list[dict[str, str]]:
    """The mailboxes of a From, To, Cc … header, each `{address, name, raw}` with what it has. Groups are flattened."""
    found = []
    for written in _mailboxes(clean(re.sub(r"\s+", " ", raw))):
        mailbox = _mailbox(written)
        if mailbox:
            found.append(mailbox)
    return found


def _mailboxes(raw: str) -> Iterator[str]:
    """The pieces between commas and semicolons that stand outside quotes, comments and angle brackets."""
    start = comments = 0
    quoted = in_angle = escaped = False
    for at, letter in enumerate(raw):
        if escaped:
            escaped = False
        elif letter == "\\":
            escaped = True
        elif quoted or letter == '"':
            quoted = quoted != (letter == '"')
        elif letter in "()":
            comments = max(0, comments + (1 if letter == "(" else -1))
        elif not comments and letter in "<>":
            in_angle = letter == "<"
        elif not comments and not in_angle and letter == ":":
            start = at + 1
        elif not comments and letter in ",;":
            # A comma inside angle brackets only comes from a bracket that was never closed.
            yield raw[start:at]
            start, in_angle = at + 1, False
    yield raw[start:]


def _mailbox(written: str) -> dict[str, str] | None:
    written = written.strip()
    before, angle, rest = written.rpartition("<")
    if angle:
        address, name = rest.partition(">")[0], before
    else:
        # The old form: `nsb (Nathaniel Borenstein)`.
        address, _, comment = written.partition("(")
        name = comment.rpartition(")")[0] or comment
    name = header_text(re.sub(r"\\(.)", r"\1", name.strip().removeprefix('"').removesuffix('"')))
    name = name.strip().strip("'").strip()
    address = header_text(address.strip().strip("'\""))
    if " " in address and "@" not in address:
        # `<Undisclosed Recipients>`: words, no address.
        name, address, angle = name or address, "", "<"
    address = address.replace(" ", "")
    entry = {"address": address, "name": name, "raw": header_text(written)}
    return {key: value for key, value in entry.items() if value} if address or (angle and name) else None


def message_ids(raw: str) -> list[str]:
    """The message ids in a References, In-Reply-To or Message-ID header, each with its angle brackets, in order."""
    found = _MESSAGE_ID.findall(clean(re.sub(r"\s+", " ", raw)))
    return list(dict.fromkeys(found))


def moment(raw: str) -> str | None:
    """The moment that a Date header names, as RFC 3339 in UTC; None when it names none."""
    # Comments go first: `00:19:00 (EDT) -0400` hides the offset from the parser.
    try:
        parsed = parsedate_tz(re.sub(r"\([^()]*\)", " ", clean(raw)).strip())
        if parsed is None:
            return None
        local = datetime(*parsed[:5], min(parsed[5], 59), tzinfo=UTC)
        return (local - timedelta(seconds=parsed[9] or 0)).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, TypeError, IndexError):
        return None
