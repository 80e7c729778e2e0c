"""A message's bytes, as they would have travelled: the RFC 5322 form of a record, its texts and its files.

It writes what the record says and invents nothing; reading such bytes back is the work of `mirror.formats.mime`.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Sequence
from email.header import Header
from email.utils import format_datetime, formataddr
from typing import Any

from mirror import clock as clocks
from mirror.sandbox.person_files import File
from mirror.sandbox.person_year import HOME

_ADDRESS_HEADERS = (("From", "from"), ("To", "to"), ("Cc", "cc"), ("Bcc", "bcc"), ("Reply-To", "replyTo"))


def written(record: dict[str, Any], text: str, html: str | None, files: Sequence[File]) -> bytes:
    """The whole message, lines ended by CRLF."""
    mark = f"{zlib.crc32(record['internetMessageId'].encode()):08x}"
    inline = [file for file in files if file.content_id]
    loose = [file for file in files if not file.content_id]
    part = _text("plain", text)
    if html is not None:
        rich = _text("html", html)
        if inline:
            rich = _multipart("related", f"rel_{mark}", [rich, *map(_file, inline)])
        part = _multipart("alternative", f"alt_{mark}", [part, rich])
    if loose or (inline and html is None):
        part = _multipart("mixed", f"mix_{mark}", [part, *map(_file, loose if html is not None else files)])
    return "\r\n".join(_headers(record)).encode() + b"\r\n" + part


def _headers(record: dict[str, Any]) -> list[str]:
    lines = []
    for header, field in _ADDRESS_HEADERS:
        people = record.get(field) or []
        if people:
            people = [people] if isinstance(people, dict) else people
            # One address a line: 60 recipients would otherwise make a line that no server accepts.
            lines.append(f"{header}: " + ",\r\n ".join(formataddr((p.get("name", ""), p["address"])) for p in people))
    if "subject" in record:
        lines.append(f"Subject: {_encoded(record['subject'])}")
    lines.append(f"Date: {format_datetime(clocks.moment(record['sentAt']).astimezone(HOME))}")
    lines.append(f"Message-ID: {record['internetMessageId']}")
    if record.get("inReplyTo"):
        lines.append(f"In-Reply-To: {record['inReplyTo']}")
    if record.get("references"):
        lines.append("References: " + "\r\n ".join(record["references"].split()))
    own = {line.split(":", 1)[0].lower() for line in lines}
    lines += [f"{h['name']}: {h['value']}" for h in record.get("internetHeaders", []) if h["name"].lower() not in own]
    return [*lines, "MIME-Version: 1.0"]


def _encoded(value: str) -> str:
    one_line = " ".join(value.split())
    charset = "us-ascii" if one_line.isascii() else "utf-8"
    return Header(one_line, charset, maxlinelen=76, header_name="Subject").encode(linesep="\r\n")


def _text(subtype: str, content: str) -> bytes:
    coded = binascii.b2a_qp(content.encode(), istext=True).replace(b"\n", b"\r\n")
    header = f"Content-Type: text/{subtype}; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    return header.encode() + coded


def _file(file: File) -> bytes:
    name = file.name if file.name.isascii() else Header(file.name, "utf-8").encode()
    lines = [f'Content-Type: {file.mime_type}; name="{name}"', "Content-Transfer-Encoding: base64"]
    if file.content_id:
        lines += [f"Content-ID: <{file.content_id}>", f'Content-Disposition: inline; filename="{name}"']
    else:
        lines.append(f'Content-Disposition: attachment; filename="{name}"')
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + base64.encodebytes(file.content).replace(b"\n", b"\r\n")


def _multipart(subtype: str, boundary: str, parts: Sequence[bytes]) -> bytes:
    head = f'Content-Type: multipart/{subtype}; boundary="{boundary}"\r\n\r\n'.encode()
    joined = b"".join(f"\r\n--{boundary}\r\n".encode() + part for part in parts)
    return head + joined + f"\r\n--{boundary}--\r\n".encode()
