"""Datasette over one mirror.db, with our metadata, plugin, pages and settings. It opens the file for reading only."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from datasette.app import Datasette
from datasette.plugins import pm

from mirror.store.connection import shipped
from mirror.web import plugin
from mirror.web.access import Access
from mirror.web.database import MirrorDatabase
from mirror.web.page import DATABASE

HERE = Path(__file__).parent

SETTINGS = {
    "suggest_facets": False,  # it would try every column of every table on every page
    "facet_time_limit_ms": 40,  # each; a page has up to three
    "sql_time_limit_ms": 5000,  # for questions over everything; counts and facets have limits of their own
    "num_sql_threads": 4,
    "default_page_size": 50,
    "truncate_cells_html": 240,
    "default_cache_ttl": 0,  # the file changes while you watch
    "allow_download": False,
    "max_returned_rows": 2000,
}


class MirrorDatasette(Datasette):  # type: ignore[misc]  # datasette is untyped
    """Datasette that knows who is let in. The hash of the password is kept out of the metadata, which has a page."""

    def __init__(self, *, access: Access, **more: Any) -> None:
        self.access = access  # first: Datasette asks the plugins while it is made
        super().__init__(secret=access.cookie_secret, **more)

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
    from datasette import handle_exception  # imported before datasette.app, it would register without its hook

    handle_exception.rich = None  # with it, each page that is not found prints the values of all variables on its way
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
        access=access,
    )
    datasette.remove_database(next(name for name, db in datasette.databases.items() if not db.is_memory))
    datasette.add_database(MirrorDatabase(datasette, path=str(db_path), is_mutable=True), name=DATABASE)
    return datasette
