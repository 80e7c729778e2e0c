"""dlt over the same pages: its own REST source, merging by id into SQLite or DuckDB, child rows in tables of their own.

    python bench/with_dlt.py HOME URL contacts|messages sqlite|duckdb [--token list0] [--format typed-jsonl] [--rotate 20000]

The token is where to begin: that of a listing, or of what has changed since one. dlt keeps no raw, no search index and
no history. Its SQLite destination writes with synchronous=NORMAL. The settings are the best of those that were tried
(bench/README.md).
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

FORMATS = {"sqlite": "typed-jsonl", "duckdb": "parquet"}
ROOTS = {"contacts": "contacts", "messages": "email"}


def settings(home: Path, rotate: int, workers: int) -> None:
    """Read by dlt when it is imported."""
    os.environ |= {
        "RUNTIME__DLTHUB_TELEMETRY": "false",
        "RUNTIME__LOG_LEVEL": "ERROR",
        "DLT_DATA_DIR": str(home / "dlt"),
        "DATA_WRITER__DISABLE_COMPRESSION": "true",
        "DATA_WRITER__BUFFER_MAX_ITEMS": "10000",
        "NORMALIZE__DATA_WRITER__DISABLE_COMPRESSION": "true",
        "EXTRACT__DATA_WRITER__FILE_MAX_ITEMS": str(rotate),
        "NORMALIZE__WORKERS": str(workers),
        "LOAD__DELETE_COMPLETED_JOBS": "true",
    }


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

    destination = (
        dlt.destinations.duckdb(str(home / "mirror.duckdb"))
        if into == "duckdb"
        else dlt.destinations.sqlalchemy(f"sqlite:///{home / 'mirror.sqlite'}")
    )
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
    parser.add_argument("--rotate", type=int, default=1_000_000)
    parser.add_argument("--workers", type=int, default=1)
    chosen = parser.parse_args()
    chosen.home.mkdir(parents=True, exist_ok=True)
    settings(chosen.home, chosen.rotate, chosen.workers)
    run(chosen.home, chosen.url, chosen.kind, chosen.into, chosen.token, chosen.format or FORMATS[chosen.into])


if __name__ == "__main__":
    main()
