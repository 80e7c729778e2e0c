"""What is asked of a form before anything is done: that it came from our own page, in one piece. And the door to the outbox.

A page elsewhere can make a browser post to this machine. Its post has another origin, and can't know our token.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar
from urllib.parse import parse_qs, urlsplit

from datasette.app import Datasette
from datasette.utils.asgi import Forbidden, Request

from mirror.store.connection import Store, open_store
from mirror.web.page import DATABASE

CSRF_COOKIE = "ds_csrftoken"
MOST_FIELDS = 2_000

Answer = TypeVar("Answer")


class Form:
    """The fields of a posted form, in their order."""

    def __init__(self, fields: dict[str, list[str]]) -> None:
        self.fields = fields

    def get(self, name: str, default: str = "") -> str:
        return self.fields.get(name, [default])[-1]

    def has(self, name: str) -> bool:
        return name in self.fields


async def posted(request: Request) -> Form:
    """The form. Raises: Forbidden, when it is not one of ours."""
    origin = request.headers.get("origin")
    foreign = origin is not None and (origin == "null" or urlsplit(origin).netloc != request.headers.get("host"))
    if foreign or request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise Forbidden("This form did not come from a page of mirror. Nothing was changed.")
    body = await request.post_body()
    form = Form(parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=MOST_FIELDS))
    cookie = request.cookies.get(CSRF_COOKIE, "")
    if not cookie or not hmac.compare_digest(form.get("csrftoken").encode(), cookie.encode()):
        raise Forbidden(
            "This form is too old, or did not come from a page of mirror. Go back, reload the page and try again."
        )
    return form


async def write(request: Request, datasette: Datasette, do: Callable[[Store], Answer]) -> Answer:
    """What `do` makes of the store, opened for writing, in a thread of its own. It writes into the outbox only.

    Raises: what `do` raises, and Forbidden.
    """
    await datasette.ensure_permissions(request.actor, [("view-database", DATABASE), "view-instance"])
    home = Path(datasette.get_database(DATABASE).path).parent

    def run() -> Answer:
        store = open_store(home, create=False)
        try:
            return do(store)
        finally:
            store.close()

    return await asyncio.to_thread(run)
