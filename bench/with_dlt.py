"""dlt over the same pages: its own REST source, merging by id into SQLite or DuckDB, child rows in tables of their own.

    python bench/with_dlt.py HOME URL contacts|messages sqlite|duckdb [--token list0] [--format parquet]

The token is where to begin: that of a listing, or of what has changed since one. dlt keeps no raw, no search index and
no history. Its SQLite destination writes with synchronous=NORMAL. The settings are the best of those that were tried
(bench/README.md).
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

FORMATS = {"sqlite": "parquet", "duckdb": "jsonl"}
ROOTS = {"contacts": "contacts", "messages": "email"}
DRIVER = """name = "SQLite"
[ADBC]
version = "1.1.0"
[Driver]
shared = "{path}"
"""


def settings(home: Path, into: str) -> None:
    """Read by dlt when it is imported."""
    os.environ |= {
        "RUNTIME__DLTHUB_TELEMETRY": "false",
        "RUNTIME__LOG_LEVEL": "ERROR",
        "DLT_DATA_DIR": str(home / "dlt"),
        "DATA_WRITER__BUFFER_MAX_ITEMS": "10000",
        "DATA_WRITER__DISABLE_COMPRESSION": "true",
        "NORMALIZE__DATA_WRITER__DISABLE_COMPRESSION": "true",
        "LOAD__DELETE_COMPLETED_JOBS": "true",
    }
    if into == "sqlite":
        os.environ["LOAD__WORKERS"] = "1"  # twenty of them find the database locked, and wait to try again
        _name_the_driver(home / "drivers")


def _name_the_driver(folder: Path) -> None:
    """Let dlt's quick way into SQLite find the driver that pip has installed: it looks for it by this file."""
    import adbc_driver_sqlite

    folder.mkdir(exist_ok=True)
    (folder / "sqlite.toml").write_text(DRIVER.format(path=adbc_driver_sqlite._driver_path()), encoding="utf-8")
    os.environ["ADBC_DRIVER_PATH"] = str(folder)


def source(url: str, kind: str, token: str) -> Any:
    from dlt.sources.rest_api import rest_api_source
    from dlt.sources.rest_api.typing import RESTAPIConfig

    config: RESTAPIConfig = {
        "client": {"base_url": f"{url}/v1/"},
        "resources": [
            {
                "name": kind,
                "primary_key": "id",
                "write_disposition": "merge",
                "endpoint": {
                    "path": f"{ROOTS[kind]}/sync/updated",
                    "params": {"deltaToken": token},
                    "data_selector": "records",
                    "paginator": {"type": "cursor", "cursor_path": "nextPageToken", "cursor_param": "pageToken"},
                },
            }
        ],
    }
    return rest_api_source(config)


def run(home: Path, url: str, kind: str, into: str, token: str, file_format: str) -> None:
    import dlt

    destination: Any = dlt.destinations.duckdb(str(home / "mirror.duckdb"))
    if (
        into == "sqlite"
    ):  # with keys, which it does not make by itself, a second merge takes half the time, and the first no more
        keys = {"create_primary_keys": True, "create_unique_indexes": True}
        destination = dlt.destinations.sqlalchemy(f"sqlite:///{home / 'mirror.sqlite'}", **keys)
    pipeline = dlt.pipeline(
        pipeline_name="bench", destination=destination, dataset_name="main", pipelines_dir=str(home / "pipelines")
    )
    info = pipeline.run(source(url, kind, token), loader_file_format=file_format)
    info.raise_on_failed_jobs()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("home", type=Path)
    parser.add_argument("url")
    parser.add_argument("kind", choices=ROOTS)
    parser.add_argument("into", choices=FORMATS)
    parser.add_argument("--token", default="list0")
    parser.add_argument("--format")
    chosen = parser.parse_args()
    chosen.home.mkdir(parents=True, exist_ok=True)
    settings(chosen.home, chosen.into)
    run(chosen.home, chosen.url, chosen.kind, chosen.into, chosen.token, chosen.format or FORMATS[chosen.into])


if __name__ == "__main__":
    main()
