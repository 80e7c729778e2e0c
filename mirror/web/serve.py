"""Datasette over one mirror.db, with our metadata, plugin, pages and settings. It opens the file for reading only."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from datasette.app import Datasette
from datasette.database import Database, QueryInterrupted, Results
from datasette.plugins import pm

from mirror.store.connection import shipped
from mirror.web import plugin
from mirror.web.access import Access
from mirror.web.home import DATABASE

HERE = Path(__file__).parent

SETTINGS = {
    "suggest_facets": False,  # it would try every column of every table on every page
    "facet_time_limit_ms": 200,
    "sql_time_limit_ms": 5000,  # for questions over everything; counts and facets have limits of their own
    "num_sql_threads": 4,
    "default_page_size": 50,
    "truncate_cells_html": 240,
    "default_cache_ttl": 0,  # the file changes while you watch
    "allow_download": False,
    "max_returned_rows": 2000,
}

COUNT_LIMIT_MS = 150


class MirrorDatabase(Database):  # type: ignore[misc]  # datasette is untyped
    """Datasette counts whatever it shows. Here a count that is not quick is left out."""

    async def execute(self, sql: str, params: Any = None, truncate: bool = False, **more: Any) -> Results:
        if sql.startswith("select count(*) from ") and not more.get("custom_time_limit"):
            more["custom_time_limit"] = COUNT_LIMIT_MS
        return await super().execute(sql, params, truncate=truncate, **more)

    async def table_counts(self, limit: int = 10) -> dict[str, int | None]:
        """Rows of each table that a person sees; None for the others, and for what takes longer than `limit` ms."""
        hidden = set(await self.hidden_table_names())
        counts: dict[str, int | None] = {}
        for table in await self.table_names():
            try:
                counts[table] = None if table in hidden else await self._count(table, limit)
            except QueryInterrupted:
                counts[table] = None
        return counts

    async def _count(self, table: str, limit: int) -> int:
        found = await self.execute(f"select count(*) from [{table}]", custom_time_limit=limit)
        return int(found.rows[0][0])


class MirrorDatasette(Datasette):  # type: ignore[misc]  # datasette is untyped
    """Datasette that knows who is let in. The hash of the password is kept out of the metadata, which has a page."""

    access = Access()

    def plugin_config(self, plugin_name: str, *where: Any, **more: Any) -> Any:
        if plugin_name == "datasette-auth-passwords":
            return self.access.plugin_config
        return super().plugin_config(plugin_name, *where, **more)


def create_datasette(
    db_path: Path, *, live_interval_ms: int = 2000, zone: str | None = None, access: Access | None = None
) -> Datasette:
    """The browse part over a mirror: serve its `.app()`. The database is at `/mirror`, whatever the file is called.

    `zone`: IANA name of the time zone of this machine, for readers whose browser tells none. `access`: who is let in;
    without one, everybody on this machine.
    """
    access = access or Access()
    if not pm.is_registered(plugin):
        pm.register(plugin, "mirror.web.plugin")
    metadata = json.loads(shipped("datasette_metadata.json").read_text(encoding="utf-8"))
    metadata["plugins"] = {"mirror": {"live_interval_ms": live_interval_ms, "zone": zone}}
    if access.allow is not None:
        metadata["allow"] = access.allow
    datasette = MirrorDatasette(
        files=[str(db_path)],
        metadata=metadata,
        settings=SETTINGS,
        template_dir=str(HERE / "templates"),
        static_mounts=[("-/mirror/static", str(HERE / "static"))],
        secret=access.cookie_secret,
    )
    datasette.access = access
    datasette.remove_database(next(name for name, db in datasette.databases.items() if not db.is_memory))
    datasette.add_database(MirrorDatabase(datasette, path=str(db_path), is_mutable=True), name=DATABASE)
    return datasette
