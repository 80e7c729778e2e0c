"""The Datasette plugin: what mirror adds, through hooks that Datasette 0.65 and 1.0 both have. It only reads."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

from datasette.app import Datasette
from datasette.utils.asgi import Request, Response
from jinja2 import Environment
from markupsafe import Markup
from pluggy import HookimplMarker

from mirror.clock import SystemClock
from mirror.web import cells, functions, layout, links, pages, rows, words
from mirror.web.access import LOGIN, Access, Asgi, door, sign_in
from mirror.web.guard import guard
from mirror.web.page import DATABASE
from mirror.web.pages import home

hookimpl = HookimplMarker("datasette")  # datasette.hookimpl is the same, without types

# Scripts come from our own files only: what upstream wrote can't run, even if it got into a page unescaped.
POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
HEADERS = (
    (b"content-security-policy", POLICY.encode("ascii")),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"same-origin"),
    (b"x-content-type-options", b"nosniff"),
)


@hookimpl
def prepare_connection(conn: sqlite3.Connection, database: str) -> None:
    if database == DATABASE:
        functions.register(conn)
        guard(conn)


@hookimpl
def prepare_jinja2_environment(env: Environment) -> None:
    env.finalize = words.unturned
    env.filters["size"] = words.size
    env.filters["moment"] = lambda text: cells.moment(text or "") or ""
    env.filters["column_label"] = layout.label
    env.globals["shown_columns"] = layout.shown_columns
    env.globals["answer_columns"] = layout.answer_columns
    env.globals["plumbing"] = layout.PLUMBING
    env.globals["kind_names"] = words.KIND_NAMES
    env.globals["grouped"] = home.grouped
    env.globals["links"] = links
    env.globals["login_path"] = LOGIN


@hookimpl
def render_cell(
    row: Any, value: Any, column: str, table: str | None, database: str, datasette: Datasette
) -> Markup | None:
    if database != DATABASE:
        return None
    return cells.cell(value, column, table, row, lambda path: datasette.urls.table(database, path))


@hookimpl
def register_routes() -> list[tuple[str, Any]]:
    return pages.routes()


@hookimpl
def extra_css_urls() -> list[str]:
    return ["/-/mirror/static/mirror.css"]


@hookimpl
def extra_js_urls() -> list[dict[str, Any]]:
    return [{"url": "/-/mirror/static/mirror.js", "module": True}]


@hookimpl
def extra_template_vars(
    database: str | None, table: str | None, view_name: str | None, request: Any, datasette: Datasette
) -> Any:
    async def variables() -> dict[str, Any]:
        if view_name != "row" or database != DATABASE or table is None or request is None:
            return {}
        return {"beside": await rows.beside(datasette, database, table, request.url_vars["pks"])}

    return variables


@hookimpl
def forbidden(datasette: Datasette, request: Request) -> Response | None:
    """Who has not signed in is asked to, instead of being told that this is not for them."""
    return sign_in(request) if access_of(datasette).password_hash and request.actor is None else None


@hookimpl
def asgi_wrapper(datasette: Datasette) -> Callable[[Asgi], Asgi]:
    def wrap(app: Asgi) -> Asgi:
        behind_the_door = door(app, access_of(datasette), SystemClock())

        async def with_headers(scope: dict[str, Any], receive: Any, send: Any) -> None:
            async def send_with_headers(message: dict[str, Any]) -> None:
                if message["type"] == "http.response.start":
                    given = list(message.get("headers", []))
                    names = {name.lower() for name, _ in given}  # Datasette's own are stricter where it has any
                    message = {**message, "headers": given + [header for header in HEADERS if header[0] not in names]}
                await send(message)

            await behind_the_door(scope, receive, send_with_headers if scope["type"] == "http" else send)

        return with_headers

    return wrap


def access_of(datasette: Datasette) -> Access:
    return getattr(datasette, "access", None) or Access()
