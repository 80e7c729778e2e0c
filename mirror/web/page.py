"""What every page of ours goes by: how it asks the mirror, shows the SQL behind it, and turns to an earlier moment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from datasette.app import Datasette
from datasette.utils.asgi import BadRequest, NotFound, Request, Response

from mirror import clock as clocks
from mirror import moments, settings
from mirror.clock import Clock, SystemClock
from mirror.errors import Usage
from mirror.health import STALE_AFTER_S
from mirror.web import links, over, then

DATABASE = "mirror"
ZONE_COOKIE = "mirror_zone"

Answer = TypeVar("Answer")
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Behind:
    """A question that a page asked: its SQL is shown beneath the page and can be run there."""

    title: str
    sql: str
    parameters: dict[str, Any]

    @property
    def url(self) -> str:
        return links.sql(self.sql, self.parameters)


class Asked:
    """The mirror as one page asks it: as it is, or as it was at `at`. `now` is UTC text; `zone` is the reader's.

    `stale_after_s`: how long nothing may come in before a person hears of it.
    """

    def __init__(
        self, conn: Any, now: str, zone: ZoneInfo, at: str | None = None, *, stale_after_s: float = STALE_AFTER_S
    ) -> None:
        self.stale_after_s = stale_after_s
        self.conn = conn
        self.now = at or now
        self.zone = zone
        self.at = at
        self.behind: list[Behind] = []
        self.pending = {} if at else over.pending(conn)
        self.writable = set() if at else over.writable(conn)

    def rows(self, title: str | None, sql: str, /, **parameters: Any) -> list[Row]:
        """All rows. The question is shown beneath the page under `title`; without one it is a mere look-up."""
        if title is not None:
            self.behind.append(Behind(title, sql.strip(), parameters))
        return [dict(row) for row in self.conn.execute(sql, parameters)]

    def row(self, title: str | None, sql: str, /, **parameters: Any) -> Row | None:
        """The first row."""
        found = self.rows(title, sql, **parameters)
        return found[0] if found else None

    def value(self, title: str | None, sql: str, /, **parameters: Any) -> Any:
        """The first column of the first row, None when there is no row."""
        found = self.row(title, sql, **parameters)
        return next(iter(found.values())) if found else None

    def local(self, written: str) -> datetime:
        """A moment of the mirror in the reader's zone."""
        return clocks.moment(written).astimezone(self.zone)

    def utc(self, local: datetime) -> str:
        """A moment of the reader's as the mirror writes it; without a zone it is in the reader's."""
        return clocks.text((local if local.tzinfo else local.replace(tzinfo=self.zone)).astimezone(UTC))

    @property
    def today(self) -> str:
        """The reader's date."""
        return self.local(self.now).date().isoformat()


async def ask(request: Request, datasette: Datasette, read: Callable[[Asked], Answer]) -> Answer:
    """What `read` makes of the mirror, now or at the request's `?at=`. It runs in a thread of its own.

    Raises: BadRequest for a moment that can't be understood, NotFound as `read` raises it, Forbidden.
    """
    answer, _ = await _ask(request, datasette, read)
    return answer


async def show(
    request: Request, datasette: Datasette, template: str, read: Callable[[Asked], dict[str, Any]], *, status: int = 200
) -> Response:
    """A page: what `read` returns, in a template of `templates/ours/`, with the SQL behind it.

    (Not `templates/pages/`: what lies there, Datasette shows to whoever names it, without what it needs.)
    """
    context, asked = await _ask(request, datasette, read)
    given = {
        **context,
        "at": asked.at,
        "now": asked.now,
        "today": asked.today,
        "zone": asked.zone.key,
        "behind": asked.behind,
        "here": request.path,
        "pending_edits": asked.pending,
        "writable_accounts": asked.writable,
        "query": [(name, value) for name in request.args for value in request.args.getlist(name)],
        "back_to_now": _without(request, "at"),
    }
    page = await datasette.render_template(f"ours/{template}", given, request=request, view_name="page")
    return Response.html(page, status=status)


async def _ask(request: Request, datasette: Datasette, read: Callable[[Asked], Answer]) -> tuple[Answer, Asked]:
    await datasette.ensure_permissions(request.actor, [("view-database", DATABASE), "view-instance"])
    database = datasette.get_database(DATABASE)
    clock: Clock = SystemClock()
    zone = zone_of(request, datasette)
    now = clock.now()
    at = _moment(request.args.get("at"), now, zone)

    def run(conn: Any) -> tuple[Answer, Asked]:
        asked = Asked(conn, clocks.text(now), zone, at, stale_after_s=settings.read_if_right(path.parent).stale_after_s)
        return read(asked), asked

    path = Path(database.path)

    def run_now(conn: Any) -> tuple[Answer, Asked]:
        if not over.pending(conn):
            return run(conn)
        with over.opened(path) as laid_over:
            return run(laid_over)

    if at is None:
        return await database.execute_fn(run_now)  # type: ignore[no-any-return]  # datasette is untyped

    def run_then(_conn: Any) -> tuple[Answer, Asked]:
        with then.opened(path, at) as conn:
            return run(conn)

    return await database.execute_fn(run_then)  # type: ignore[no-any-return]  # datasette is untyped


def zone_of(request: Request, datasette: Datasette) -> ZoneInfo:
    """The reader's time zone: what the address says, else what the browser told, else that of this machine."""
    configured = (datasette.plugin_config("mirror") or {}).get("zone")
    for name in (request.args.get("zone"), request.cookies.get(ZONE_COOKIE), configured):
        if name:
            try:
                return ZoneInfo(name)
            except (ValueError, OSError):  # no such zone, or no name of one
                continue
    return ZoneInfo("UTC")


def _moment(written: str | None, now: datetime, zone: ZoneInfo) -> str | None:
    if not written:
        return None
    try:
        return moments.typed(written, now, zone)
    except Usage as error:
        raise BadRequest(str(error)) from error


def _without(request: Request, *names: str) -> str:
    kept = [(name, value) for name in request.args if name not in names for value in request.args.getlist(name)]
    return f"{request.path}?{urlencode(kept)}" if kept else str(request.path)


def number(request: Request, name: str = "id") -> int:
    """The number that the address has in this place; below zero it is of what is to be created. Raises: NotFound."""
    written = request.url_vars[name]
    digits = written.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) < 19):
        raise NotFound(f"“{written}” is no number of a record.")
    return int(written)


__all__ = ["Asked", "BadRequest", "Behind", "NotFound", "Response", "Row", "ask", "number", "show", "zone_of"]
