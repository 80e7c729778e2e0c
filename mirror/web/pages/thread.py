"""One mail in its conversation, and its HTML in a page of its own, which can do nothing but be looked at."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from datasette.app import Datasette
from datasette.utils.asgi import Request, Response

from mirror.errors import UnreadableFile
from mirror.formats import ical, mail_html, quotes
from mirror.formats.filenames import filename
from mirror.store.attachments import stored
from mirror.web import links
from mirror.web.page import DATABASE, Asked, NotFound, Row, ask, number, show
from mirror.web.pages.attachments import may_open
from mirror.web.queries import mail as queries

MOST_MAILS = 200
MOST_EARLIER = 2
MOST_TEXT_CHARS = 400_000
MOST_INVITATION_BYTES = 400_000
MOST_RAW_CHARS = 60_000
ROLES = (("to", "To"), ("cc", "Cc"), ("bcc", "Bcc"), ("reply_to", "Reply to"))

# The frame of a mail. Same origin, so that the page around it can measure it; without scripts it can do nothing with that.
SANDBOX = "allow-same-origin allow-popups allow-popups-to-escape-sandbox"
BODY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "img-src data:",
        "style-src 'unsafe-inline'",
        "form-action 'none'",
        "base-uri 'none'",
        "frame-ancestors 'self'",
        f"sandbox {SANDBOX}",
    )
)
BODY_HEADERS = {
    "Content-Security-Policy": BODY_POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-DNS-Prefetch-Control": "off",
    "Cache-Control": "no-store",
}
BODY_STYLE = (
    "html{background:#fff;color:#16202c;color-scheme:light}"
    "body{margin:0;padding:2px 6px 10px;display:flow-root;overflow-x:auto;overflow-wrap:anywhere;"
    "font:15px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,'Noto Sans',sans-serif}"
    "img{max-width:100%;height:auto}a{color:#1f6391;text-decoration:underline}pre{white-space:pre-wrap}"
    "blockquote{border-left:3px solid #dfe4ea;margin-left:0;padding-left:1em}"
    "summary{cursor:pointer;color:#1f6391;font:14px system-ui,sans-serif;padding:4px 0}"
    ".not-loaded{display:inline-block;border:1px dashed #8793a3;border-radius:4px;padding:0 6px;color:#5d6878;"
    "font:12px/1.5 system-ui,sans-serif}"
)

NOT_LOADED = (
    ("images", "remote image", "remote images"),
    ("pixels", "tracking pixel", "tracking pixels"),
    ("fonts", "web font", "web fonts"),
    ("styles", "style sheet", "style sheets"),
    ("scripts", "script", "scripts"),
    ("forms", "part of a form", "parts of forms"),
    ("frames", "embedded page", "embedded pages"),
    ("media", "film or sound", "films or sounds"),
    ("drawings", "drawing", "drawings"),
    ("links", "link that led nowhere good", "links that led nowhere good"),
)


async def thread(request: Request, datasette: Datasette) -> Response:
    """A mail, open, among the others of its conversation."""
    message_id = number(request)
    home = Path(datasette.get_database(DATABASE).path).parent
    as_text = request.args.get("view") == "text"
    response = await show(
        request, datasette, "mail_thread.html", lambda asked: _thread(asked, message_id, home, as_text)
    )
    response.headers |= {"X-DNS-Prefetch-Control": "off", "Referrer-Policy": "no-referrer"}
    return response


async def body(request: Request, datasette: Datasette) -> Response:
    """A mail's HTML, made safe, as a page that loads nothing and runs nothing."""
    message_id = number(request)
    home = Path(datasette.get_database(DATABASE).path).parent
    html = await ask(request, datasette, lambda asked: _body(asked, message_id, home))
    page = (
        '<!DOCTYPE html>\n<html lang="und"><head><meta charset="utf-8"><title>The text of a mail</title>'
        f"<style>{BODY_STYLE}</style></head>\n<body>{html}</body></html>\n"
    )
    return Response(page, headers=BODY_HEADERS, content_type="text/html; charset=utf-8")


def labels_of(row: Mapping[str, Any]) -> list[str]:
    """A mail's labels, upstream's and the person's own."""
    found: list[str] = []
    for column in ("labels", "keywords"):
        try:
            items = json.loads(row[column] or "[]")
        except ValueError:
            continue
        found += [str(item) for item in items] if isinstance(items, list) else []
    return list(dict.fromkeys(found))


def _body(asked: Asked, message_id: int, home: Path) -> str:
    written = asked.row(None, queries.BODY, id=message_id)
    if written is None:
        raise NotFound(f"There is no text of a mail {message_id}.")
    return mail_html.safe(written["html"] or "", _pictures(asked, message_id, written["html"] or "", home)).html


def _pictures(asked: Asked, message_id: int, html: str, home: Path) -> dict[str, bytes]:
    """The bytes of the attachments that a mail shows in its text, by content id."""
    if "cid:" not in html.lower():
        return {}
    found: dict[str, bytes] = {}
    left = mail_html.MOST_IMAGES_BYTES
    for row in asked.rows(None, queries.ATTACHMENTS, id=message_id):
        if row["kept"] == "yes" and row["content_id"] and 0 < (row["size_bytes"] or 0) <= mail_html.MOST_IMAGE_BYTES:
            content = stored(home, row["sha256"]) if row["size_bytes"] <= left else None
            if content is not None:
                left -= len(content)
                found[row["content_id"]] = content
    return found


def _thread(asked: Asked, message_id: int, home: Path, as_text: bool) -> dict[str, Any]:
    message = asked.row("The mail", queries.MESSAGE, id=message_id)
    if message is None:
        raise NotFound(f"There is no mail {message_id}.")
    attachments = [_attachment(row) for row in asked.rows("Attachments", queries.ATTACHMENTS, id=message_id)]
    return {
        "message": message,
        **_conversation(asked, message),
        "labels": [{"name": label, "url": links.mail(label=label)} for label in labels_of(message)],
        "recipients": _recipients(asked, message_id),
        "attachments": [row for row in attachments if not row["removed_at"]],
        "earlier_attachments": [row for row in attachments if row["removed_at"]],
        "invitation": _invitation(asked, message, attachments, home),
        "headers": _headers(message["raw"]),
        "raw": _pretty(message["raw"]),
        "sandbox": SANDBOX,
        **_text(asked, message_id, as_text),
    }


def _conversation(asked: Asked, message: Row) -> dict[str, Any]:
    """The mails before and after one in its conversation; of a very long one the newest."""
    earlier: list[Row] = []
    later: list[Row] = []
    left_out = 0
    if message["thread_id"]:
        place = {"account": message["account_id"], "thread": message["thread_id"]}
        mails = asked.rows("The conversation", queries.THREAD, **place, most=MOST_MAILS)[::-1]
        if len(mails) == MOST_MAILS:
            left_out = asked.value(None, queries.THREAD_LENGTH, **place) - MOST_MAILS
        here = (message["received_at"] or "", message["id"])
        earlier = [mail for mail in mails if (mail["received_at"] or "", mail["id"]) < here]
        later = [mail for mail in mails if (mail["received_at"] or "", mail["id"]) > here]
    folded = len(earlier) - MOST_EARLIER if len(earlier) > MOST_EARLIER + 1 else 0
    return {"folded": earlier[:folded], "earlier": earlier[folded:], "later": later, "left_out": left_out}


def _recipients(asked: Asked, message_id: int) -> list[dict[str, Any]]:
    people = asked.rows("Recipients", queries.RECIPIENTS, id=message_id)
    return [
        {"label": label, "people": found}
        for role, label in ROLES
        if (found := [one for one in people if one["role"] == role])
    ]


def _text(asked: Asked, message_id: int, as_text: bool) -> dict[str, Any]:
    """How the mail's text is shown: `html` in a frame, or `pieces` of text; neither while it is not here."""
    written = asked.row("Its text", queries.BODY, id=message_id)
    if written is None:
        return {"known": False, "html": None, "pieces": [], "switch": False}
    source = written["html"] or ""
    is_html = mail_html.is_html(source)
    if is_html and not as_text:
        safe = mail_html.safe(source)
        return {
            "known": True, "html": links.message_body(message_id, asked.at), "pieces": [], "switch": True, "cut": safe.cut,
            "not_loaded": _not_loaded(safe.blocked),
        }  # fmt: skip
    text = (written["text"] or "") if is_html else source
    pieces = [
        {"kind": piece.kind, "spans": list(quotes.spans(piece.text))} for piece in quotes.pieces(text[:MOST_TEXT_CHARS])
    ]
    return {
        "known": True, "html": None, "pieces": pieces if text.strip() else [], "switch": is_html,
        "cut": len(text) > MOST_TEXT_CHARS, "not_loaded": "",
    }  # fmt: skip


def _not_loaded(blocked: mail_html.Blocked) -> str:
    """What a mail wanted and did not get, in words; empty where it got all."""
    counted = [(getattr(blocked, name), one, many) for name, one, many in NOT_LOADED]
    return ", ".join(f"{count:,} {one if count == 1 else many}" for count, one, many in counted if count)


def _attachment(row: Row) -> dict[str, Any]:
    opens = may_open(row["mime_type"])
    return {**row, "shown_name": filename(row["name"], f"attachment {row['id']}"), "opens": opens}


def _invitation(asked: Asked, message: Row, attachments: list[dict[str, Any]], home: Path) -> Row | None:
    """The event that a mail invites to, or answers for, where it is in the mirror."""
    for row in attachments:
        is_calendar = row["mime_type"] == "text/calendar" or row["shown_name"].lower().endswith(".ics")
        if is_calendar and row["kept"] == "yes" and (row["size_bytes"] or 0) <= MOST_INVITATION_BYTES:
            for uid in _uids(stored(home, row["sha256"]) or b""):
                event = asked.row(None, queries.EVENT, uid=uid, account=message["account_id"])
                if event is not None:
                    return event
    return None


def _uids(content: bytes) -> list[str]:
    try:
        return [event.uid for event in ical.calendar(content).events[:5] if event.uid]
    except UnreadableFile:
        return []


def _pretty(raw: str) -> str:
    """The record as upstream sent it, with line breaks."""
    try:
        shown = json.dumps(json.loads(raw), indent=2, ensure_ascii=False)
    except ValueError:
        shown = raw
    more = len(shown) - MOST_RAW_CHARS
    return shown if more <= 0 else f"{shown[:MOST_RAW_CHARS]}\n… {more:,} more characters: see the row as JSON"


def _headers(raw: str) -> list[tuple[str, str]]:
    """The mail's header lines as upstream tells them, in their order."""
    try:
        lines = json.loads(raw).get("internetHeaders") or []
        return [(str(line.get("name", "")), str(line.get("value", ""))) for line in lines]
    except (ValueError, AttributeError, TypeError):
        return []


ROUTES: list[tuple[str, Any]] = [(r"^/mail/(?P<id>-?\d+)$", thread), (r"^/mail/(?P<id>\d+)/body$", body)]
