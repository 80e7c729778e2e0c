"""Messages out of what a client sends, or out of a record: the MIME bytes and the fields. It sends and stores nothing."""

from __future__ import annotations

import base64
import binascii
import random
import re
from datetime import datetime
from email import encoders, utils
from email.header import Header
from email.mime.base import MIMEBase
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from typing import Any

from mirror import clock as clocks
from mirror.contract.backend import Record
from mirror.contract.refusals import bad_request
from mirror.contract.shown import snippet
from mirror.contract.wire import without_nulls

_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")
_RECIPIENTS = ("to", "cc", "bcc", "replyTo")


def record_of(given: Record, sender: Record, at: datetime, chance: random.Random) -> tuple[Record, dict[str, bytes]]:
    """The message that a client's fields describe, without labels and thread, and the bytes of its attachments."""
    attachments, contents = _attachments(given.get("attachments") or [], chance)
    fields = {name: [without_nulls(one) for one in given[name]] for name in _RECIPIENTS if given.get(name)}
    record: Record = {
        "sentAt": clocks.text(at),
        "receivedAt": clocks.text(at),
        "internetMessageId": f"<{chance.getrandbits(96):024x}@mail.sandbox.example>",
        "subject": given.get("subject") or "",
        "from": without_nulls(given.get("from") or {}) or sender,
        **fields,
        "hasAttachments": bool(attachments),
        "attachments": attachments,
        "internetHeaders": [without_nulls(one) for one in given.get("xHeaders") or []],
        **{name: given[name] for name in ("inReplyTo", "references", "keywords") if given.get(name)},
    }
    return record, contents


def with_body(record: Record, body: str, is_html: bool) -> Record:
    return {**record, "bodySnippet": snippet(body, is_html)}


def mime(record: Record, body: str, is_html: bool, contents: dict[str, bytes]) -> bytes:
    """The message as MIME. Its boundary follows from its Message-ID, so that the same message gives the same bytes."""
    text = MIMEText(body, "html" if is_html else "plain", "utf-8")
    whole: MIMEBase = text
    if contents:
        boundary = re.sub(r"\W", "", str(record.get("internetMessageId") or "")) or "boundary"
        parts = [
            _part(one, contents[one["id"]]) for one in record.get("attachments") or [] if one.get("id") in contents
        ]
        whole = MIMEMultipart("mixed", f"={boundary[:60]}", [text, *parts])
    for name, value in _headers(record):
        whole[name] = value
    return whole.as_bytes()


def _attachments(given: list[Record], chance: random.Random) -> tuple[list[Record], dict[str, bytes]]:
    attachments, contents = [], {}
    for one in given:
        try:
            content = base64.b64decode((one.get("content") or "").encode(), validate=False)
        except (binascii.Error, ValueError) as error:
            raise bad_request("The content of an attachment is not base64") from error
        attachment = without_nulls({name: one.get(name) for name in ("name", "mimeType", "contentId")})
        attachment |= {
            "id": f"ANGj{chance.getrandbits(120):030x}==",
            "size": len(content),
            "inline": bool(one.get("inline")),
        }
        attachments.append(attachment)
        contents[attachment["id"]] = content
    return attachments, contents


def _part(attachment: Record, content: bytes) -> MIMEBase:
    kind = re.fullmatch(r"([\w.+-]+)/([\w.+-]+)", str(attachment.get("mimeType") or ""), re.ASCII)
    part = MIMEBase(*(kind.groups() if kind else ("application", "octet-stream")))
    part.set_payload(content)
    encoders.encode_base64(part)
    disposition = "inline" if attachment.get("inline") else "attachment"
    part.add_header(
        "Content-Disposition", disposition, filename=("utf-8", "", _plain(attachment.get("name") or "file"))
    )
    if attachment.get("contentId"):
        part["Content-ID"] = f"<{_ascii(attachment['contentId'])}>"
    return part


def _headers(record: Record) -> list[tuple[str, str]]:
    headers = [("Message-ID", _ascii(record.get("internetMessageId") or ""))]
    at = record.get("sentAt") or record.get("receivedAt")
    if at:
        headers.append(("Date", utils.format_datetime(clocks.moment(at))))
    people = {"From": [record.get("from") or {}], "To": record.get("to"), "Cc": record.get("cc")}
    people["Reply-To"] = record.get("replyTo")
    headers += [(name, ", ".join(_address(one) for one in every)) for name, every in people.items() if every]
    headers.append(("Subject", _encoded(record.get("subject") or "")))
    headers += [(name, _ascii(record[key])) for key, name in _THREADING.items() if record.get(key)]
    for one in record.get("internetHeaders") or []:
        name = re.sub(r"[^\w-]", "", str(one.get("name") or ""), flags=re.ASCII)
        if name and name.lower().startswith("x-"):
            headers.append((name, _encoded(one.get("value") or "")))
    return headers


_THREADING = {"inReplyTo": "In-Reply-To", "references": "References"}


def _address(person: Record) -> str:
    address = _ascii(person.get("address") or "")
    name = _encoded(person.get("name") or "")
    return f"{name} <{address}>" if name else address


def _encoded(text: Any) -> str:
    plain = _plain(text)
    return plain if plain.isascii() and '"' not in plain else Header(plain, "utf-8").encode()


def _ascii(text: Any) -> str:
    return _plain(text).encode("ascii", "replace").decode()


def _plain(text: Any) -> str:
    return _CONTROL.sub(" ", str(text))
