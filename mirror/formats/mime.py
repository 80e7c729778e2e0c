"""MIME → message, in the upstream API's shape, with its body, its readable text and its attachments apart.

Headers are read from the standard library's old policy (compat32), which keeps them as they are; its new one raises on
hostile ones. Nothing here follows a link or opens an attachment.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesHeaderParser, BytesParser
from email.policy import compat32
from typing import Any

from mirror.errors import UnreadableFile
from mirror.formats.addresses import address_list, header_text, message_ids, moment
from mirror.formats.labels import labels
from mirror.formats.mbox import mbox
from mirror.formats.mime_parts import Leaf, leaves
from mirror.formats.text import clean, decode, from_html
from mirror.formats.threads import thread_ids

__all__ = ["ParsedAttachment", "ParsedMessage", "mbox", "message", "thread_ids"]

_SNIPPET_LENGTH = 200
_RECIPIENTS = (("to", "To"), ("cc", "Cc"), ("bcc", "Bcc"), ("replyTo", "Reply-To"))
_SENSITIVITIES = {
    "personal": "personal",
    "private": "private",
    "company-confidential": "confidential",
    "confidential": "confidential",
    "normal": "normal",
}
_MEETING_METHODS = {"request": "request", "reply": "reply", "cancel": "cancel", "counter": "counter"}
_HEADER_LINE = re.compile(rb"[!-9;-~]+[ \t]*:")
_FIELD = re.compile(rb"[A-Za-z0-9_.-]+[ \t]*:")
# Only when one of these follows is a line that breaks the header taken for a part of it.
_SURE_HEADER = re.compile(
    rb"(content-(type|transfer-encoding|disposition)|mime-version|message-id|date|subject|from|to|received):",
    re.IGNORECASE,
)
# What an attachment is called that came without a name.
_NAMES = {"text/calendar": "invite.ics", "text/vcard": "contact.vcf", "message/rfc822": "message.eml"}


@dataclass(frozen=True, slots=True)
class ParsedAttachment:
    """One attachment: its metadata as the API has it (without an id), and its bytes."""

    record: dict[str, Any]
    content: bytes


@dataclass(frozen=True, slots=True)
class ParsedMessage:
    """One message. `body` is HTML where it has any, else text; `text` is always text; `record` has neither."""

    record: dict[str, Any]
    body: str
    text: str
    attachments: list[ParsedAttachment]
    body_is_html: bool


def message(content: bytes) -> ParsedMessage:
    """The message that these bytes hold.

    Raises: UnreadableFile, when they do not begin with a header.
    """
    content = content.removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n")
    if content.startswith((b"From ", b">From ")):
        content = content.partition(b"\n")[2]
    if not _HEADER_LINE.match(content):
        raise UnreadableFile("It is not an e-mail: it does not begin with a header line such as “From: …”.")
    parsed = _parsed(_mended(content))
    headers = [(clean(name), str(value)) for name, value in parsed.raw_items()]
    parts = leaves(parsed)
    body, text, is_html = _bodies(parts)
    attachments = [_attachment(leaf, number) for number, leaf in enumerate(filter(_is_attached, parts), 1)]
    record = _record(_Headers(headers))
    method = _meeting_method(parts)
    record |= {
        "hasAttachments": any(not attachment.record["inline"] for attachment in attachments),
        "attachments": [attachment.record for attachment in attachments],
        "bodySnippet": re.sub(r"\s+", " ", text[: _SNIPPET_LENGTH * 4]).strip()[:_SNIPPET_LENGTH],
        "internetHeaders": [{"name": name, "value": header_text(value)} for name, value in headers],
    }
    if method:
        record["meetingMessageMethod"] = method
    return ParsedMessage(record, body, text, attachments, is_html)


def _mended(content: bytes) -> bytes:
    """The message with header lines that broke without a mark folded, so that the header ends where it ends."""
    blank = re.search(rb"\r?\n\r?\n", content)
    if blank is None:
        return content
    lines = content[: blank.start()].split(b"\n")
    last = max((at for at, line in enumerate(lines) if _SURE_HEADER.match(line)), default=0)
    lines = [
        b" " + line if at <= last and line[:1] not in (b" ", b"\t") and not _FIELD.match(line) else line
        for at, line in enumerate(lines)
    ]
    return b"\n".join(lines) + content[blank.start() :]


def _parsed(content: bytes) -> Message[str, str]:
    try:
        return BytesParser(policy=compat32).parsebytes(content)
    except Exception:
        # Parts nested too deeply and whatever else the parser dies of: the header is worth having without them.
        bare = BytesHeaderParser(policy=compat32).parsebytes(content)
        for name in ("Content-Type", "Content-Transfer-Encoding"):
            del bare[name]
        return bare


class _Headers:
    """Raw header values by name, whatever its case."""

    def __init__(self, headers: list[tuple[str, str]]) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in headers:
            self._values.setdefault(name.lower(), []).append(value)

    def first(self, name: str) -> str:
        return next(iter(self.all(name)), "")

    def all(self, name: str) -> list[str]:
        return self._values.get(name.lower(), [])

    def text(self, name: str) -> str:
        return header_text(self.first(name))


def _record(headers: _Headers) -> dict[str, Any]:
    sent_at = moment(headers.first("Date"))
    received = next((at for value in headers.all("Received")[:1] if (at := moment(value.rpartition(";")[2]))), None)
    own_id = headers.text("Message-ID")
    record: dict[str, Any] = {
        "internetMessageId": next(iter(message_ids(own_id)), own_id),
        "subject": headers.text("Subject"),
        "from": next(iter(address_list(headers.first("From") or headers.first("Sender"))), None),
        "sentAt": sent_at,
        "receivedAt": received or sent_at,
        "inReplyTo": next(iter(message_ids(headers.first("In-Reply-To"))), ""),
        "references": " ".join(message_ids(" ".join(headers.all("References")))),
        "threadIndex": headers.text("Thread-Index").replace(" ", ""),
        "sensitivity": _SENSITIVITIES.get(headers.text("Sensitivity").lower()),
    }
    for key, name in _RECIPIENTS:
        record[key] = [mailbox for value in headers.all(name) for mailbox in address_list(value)]
    record |= labels(headers.text)
    # A recipient list that is empty is a fact and stays; anything else that is empty was not said.
    return {key: value for key, value in record.items() if value or key in ("to", "cc", "bcc", "subject")}


def _is_attached(leaf: Leaf) -> bool:
    return not leaf.is_body


def _bodies(parts: list[Leaf]) -> tuple[str, str, bool]:
    """Body, readable text, and whether the body is HTML."""
    shown = [leaf for leaf in parts if leaf.is_body]
    has_html = any(leaf.mime_type == "text/html" for leaf in shown)
    bodies: list[str] = []
    texts: list[str] = []
    for leaf in shown:
        written = decode(leaf.content, leaf.charset).replace("\r\n", "\n")
        is_html = leaf.mime_type == "text/html"
        if is_html or not has_html:
            bodies.append(written)
        elif not leaf.is_alternative:
            # A footer that a mailing list adds beside the HTML, say.
            bodies.append(f"<pre>{html.escape(written, quote=False)}</pre>")
        if not is_html:
            texts.append(_unflowed(written, leaf.delsp) if leaf.flowed else written)
        elif not leaf.is_alternative:
            texts.append(from_html(written))
    return "\n".join(bodies), "\n".join(texts).strip(), has_html


def _unflowed(written: str, delsp: bool) -> str:
    """RFC 3676: a line that ends in a space goes on in the next one, unless that is quoted more or less deeply."""
    pieces: list[str] = []
    soft = False
    depth = 0
    for line in written.split("\n"):
        quotes = len(line) - len(line.lstrip(">"))
        if soft and quotes == depth:
            pieces.append(line[quotes:].removeprefix(" ") if quotes else line)
        else:
            pieces += ["\n", line]
        soft = line.endswith(" ") and line != "-- "
        depth = quotes
        if soft and delsp and (len(line) < 2 or not line[-2].isascii() or line[-2] == " "):
            # DelSp is for scripts without spaces. Mailers set it for Latin text as well, and mean the space to stay.
            pieces[-1] = pieces[-1][:-1]
    return "".join(pieces[1:])


def _attachment(leaf: Leaf, number: int) -> ParsedAttachment:
    record: dict[str, Any] = {
        "name": leaf.name or _NAMES.get(leaf.mime_type, f"attachment-{number}"),
        "mimeType": leaf.mime_type,
        "size": len(leaf.content),
        "inline": leaf.inline,
    }
    if leaf.content_id:
        record["contentId"] = leaf.content_id
    if leaf.content_location:
        record["contentLocation"] = leaf.content_location
    return ParsedAttachment(record, leaf.content)


def _meeting_method(parts: list[Leaf]) -> str | None:
    for leaf in parts:
        if leaf.mime_type == "text/calendar":
            said = re.search(rb"^METHOD:\s*([A-Za-z]+)", leaf.content, re.MULTILINE | re.IGNORECASE)
            method = leaf.method or (said[1].decode("ascii") if said else "")
            return _MEETING_METHODS.get(method.lower(), "other")
    return None
