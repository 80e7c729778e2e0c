"""The bytes of an attachment. A browser shows pictures and text of them; everything else it can only keep."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from datasette.app import Datasette
from datasette.utils.asgi import Request, Response

from mirror.formats.filenames import content_disposition, filename
from mirror.formats.images import raster_type
from mirror.formats.text import decode
from mirror.store.attachments import stored
from mirror.web.page import DATABASE, Asked, NotFound, ask, number
from mirror.web.queries import mail as queries

POLICY = "sandbox; default-src 'none'; img-src 'self' data:; style-src 'unsafe-inline'; frame-ancestors 'none'"
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
SHOWN_AS_TEXT = frozenset(
    {"text/plain", "text/csv", "text/calendar", "text/x-patch", "text/x-diff", "text/markdown", "text/vcard"}
)
MOST_TEXT_BYTES = 4_000_000

NOT_KEPT = {
    "policy": "The bytes of this attachment are not kept: the account's policy leaves it out.",
    "wanted": "The bytes of this attachment are not here yet.",
    "failed": "The bytes of this attachment could not be had.",
}


async def attachment(request: Request, datasette: Datasette) -> Response:
    """The bytes; with `?download=1` always to be kept."""
    attachment_id = number(request)
    home = Path(datasette.get_database(DATABASE).path).parent

    def read(asked: Asked) -> tuple[str | None, str | None, bytes]:
        row = asked.row(None, queries.ATTACHMENT, id=attachment_id)
        if row is None:
            raise NotFound(f"There is no attachment {attachment_id}.")
        content = stored(home, row["sha256"]) if row["kept"] == "yes" and row["sha256"] else None
        if content is None:
            raise NotFound(NOT_KEPT.get(row["kept"], "The bytes of this attachment are not in blobs.db."))
        return row["name"], row["mime_type"], content

    name, mime_type, content = await ask(request, datasette, read)
    called = filename(name, f"attachment-{attachment_id}")
    headers = {**HEADERS}
    shown_as = None if request.args.get("download") else _shown_as(mime_type, content)
    headers["Content-Disposition"] = content_disposition(called, inline=shown_as is not None)
    if shown_as and shown_as.startswith("text/"):
        content = decode(content).encode()  # in UTF-8, since the charset that the mail named is not known here
    return Response(content, headers=headers, content_type=shown_as or "application/octet-stream")


def may_open(mime_type: str | None) -> bool:
    """Whether what is called so is likely to be shown by a browser. Its bytes have the last word."""
    named = _plain(mime_type)
    return named in SHOWN_AS_TEXT or (named.startswith("image/") and "svg" not in named)


def _plain(mime_type: str | None) -> str:
    return (mime_type or "").split(";")[0].strip().lower()


def _shown_as(mime_type: str | None, content: bytes) -> str | None:
    """The type under which a browser may show it, None for none."""
    picture = raster_type(content)
    if picture:
        return picture
    is_text = _plain(mime_type) in SHOWN_AS_TEXT
    return "text/plain; charset=utf-8" if is_text and len(content) <= MOST_TEXT_BYTES else None


ROUTES: list[tuple[str, Any]] = [(r"^/attachments/(?P<id>\d+)$", attachment)]
