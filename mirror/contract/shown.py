"""How stored records look in answers: what lists and feeds omit, and bodies in the wanted type. It stores nothing."""

from __future__ import annotations

import base64
import html
import re

import msgspec
from selectolax.lexbor import LexborHTMLParser

from mirror.contract.backend import Record, Stored
from mirror.contract.wire import Call
from mirror.formats.text import from_html

_COVERS = {"recipients": ("to", "cc", "bcc", "replyTo")}
_INTRODUCTION = re.compile(
    r"^(?:On|Am|Le|El|Il) .{0,300}?(?:wrote|schrieb|écrit|escribió|scritto)\b.{0,40}:\s*\Z", re.S
)


def listed_message(call: Call, record: Stored, body_type: str | None) -> Stored:
    """A message as lists, conversations and feeds give it."""
    habits = call.server.options.omitted.get(call.account.service_type, {}).get("messages", ())
    sending = call.server.options.bodies_in_lists
    without_body = body_type is None or (sending is not None and call.account.service_type not in sending)
    omitted = {*habits, *(("body",) if without_body else ())}
    if omitted == {"body"} and isinstance(record, msgspec.Raw) and _lacks(record, b"body", b"omitted"):
        return msgspec.Raw(bytes(record).rstrip()[:-1] + b',"omitted":["body"]}')
    shown = {**opened(record)}
    record = shown
    if "body" not in omitted:
        body = body_of(call, record["id"], body_type or "html")
        if body is not None:
            shown["body"] = body
    return _without(shown, omitted, ("threadId", "body", "attachments", "recipients", "internetHeaders"))


def listed(call: Call, kind: str, record: Stored, known: tuple[str, ...]) -> Stored:
    """An event or a task as lists and feeds give it."""
    habits = call.server.options.omitted.get(call.account.service_type, {}).get(kind, ())
    return _without({**opened(record)}, set(habits), known) if habits else record


def listed_event(call: Call, record: Stored) -> Stored:
    return listed(call, "events", record, ("description", "attendees", "attachments"))


def listed_task(call: Call, record: Stored) -> Stored:
    return listed(call, "tasks", record, ("notes",))


def listed_contact(record: Stored) -> Stored:
    """A contact without its photo, which only a single read with `withPhoto` gives."""
    if _lacks(record, b"photo"):
        return record
    return {name: value for name, value in opened(record).items() if name != "photo"}


def opened(record: Stored) -> Record:
    """The record read, where it is still text."""
    if not isinstance(record, msgspec.Raw):
        return record
    decoded: Record = msgspec.json.decode(record)
    return decoded


def _lacks(record: Stored, *names: bytes) -> bool:
    """Whether a record that is still text surely has none of these fields, whatever its strings hold."""
    return isinstance(record, msgspec.Raw) and not any(b'"%s"' % name in bytes(record) for name in names)


def whole_message(call: Call, record: Record, body_type: str) -> Record:
    """A message as a single read gives it."""
    body = body_of(call, record["id"], body_type)
    if body is not None and call.flag("stripQuoted"):
        body = unquoted(body, body_type)
    shown = record if body is None else {**record, "body": body}
    if call.flag("loadInlines") and record.get("attachments"):
        loaded = [_with_content(call, record["id"], one) if one.get("inline") else one for one in record["attachments"]]
        shown = {**shown, "attachments": loaded}
    return shown


def body_of(call: Call, message_id: str, body_type: str) -> str | None:
    """The stored body as HTML or text, converted where it is the other."""
    body, is_html = call.backend.body(call.account.mailbox_id, message_id)
    if body is None or is_html == (body_type == "html"):
        return body
    if is_html:
        return from_html(body)
    return as_html(body)


def as_html(text: str) -> str:
    return f'<div style="white-space: pre-wrap">{html.escape(text, quote=False)}</div>'


def unquoted(body: str, body_type: str) -> str:
    """The body without what it quotes of earlier messages."""
    if body_type == "html":
        tree = LexborHTMLParser(body)
        for quoted in tree.css("blockquote, .gmail_quote, #divRplyFwdMsg"):
            quoted.decompose()
        return tree.html or ""
    kept = [line for line in body.splitlines() if not line.startswith(">")]
    text = "\n".join(kept).rstrip()
    return "\n\n".join(part for part in text.split("\n\n") if not _INTRODUCTION.match(part)).rstrip()


def snippet(body: str, is_html: bool) -> str:
    """The beginning of a body as one line of text."""
    return " ".join((from_html(body) if is_html else body).split())[:200]


def content(found: bytes) -> dict[str, str]:
    return {"content": base64.b64encode(found).decode()}


def _with_content(call: Call, message_id: str, attachment: Record) -> Record:
    found = call.backend.attachment(call.account.mailbox_id, "messages", message_id, str(attachment.get("id")))
    return attachment if found is None else {**attachment, **content(found)}


def _without(record: Record, omitted: set[str], known: tuple[str, ...]) -> Record:
    for name in omitted:
        for covered in _COVERS.get(name, (name,)):
            record.pop(covered, None)
    if "attendees" in omitted and record.get("meetingInfo"):
        record["meetingInfo"] = {name: value for name, value in record["meetingInfo"].items() if name != "attendees"}
    said = [name for name in known if name in omitted]
    return {**record, "omitted": said} if said else record
