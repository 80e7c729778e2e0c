"""Calendars and mail into DuckDB, by dlt's pipeline for Aurinko. It never writes upstream.

    pip install 'dlt[duckdb]'
    mirror token new dlt --account work           # shows a token that may read everything
    mirror run                                    # in another window
    BASE_URL=http://127.0.0.1:8801/v1 ACCESS_TOKEN=… python examples/dlt_aurinko.py

This is what dlt's documentation gives for Aurinko: a base URL, a bearer token, two resources and where their records are.
Against a mirror the base URL is the only thing that differs. `dlt_mailbox.py` takes everything, and then only what changed.
"""

from __future__ import annotations

from collections.abc import Iterator

import dlt
from dlt.sources.rest_api import RESTAPIConfig, rest_api_resources


@dlt.source
def aurinko_source(
    access_token: str = dlt.secrets.value, base_url: str = "https://api.aurinko.io/v1"
) -> Iterator[dlt.sources.DltResource]:
    config: RESTAPIConfig = {
        "client": {
            "base_url": base_url,
            "auth": {"type": "bearer", "token": access_token},
            # dlt finds nextPageToken by itself, but would send it back as `cursor`, and get the first page for ever.
            "paginator": {"type": "cursor", "cursor_path": "nextPageToken", "cursor_param": "pageToken"},
        },
        "resources": [
            {"name": "calendars", "endpoint": {"path": "calendars", "data_selector": "records"}},
            {"name": "email_messages", "endpoint": {"path": "email/messages", "data_selector": "records"}},
        ],
    }
    yield from rest_api_resources(config)


if __name__ == "__main__":
    pipeline = dlt.pipeline(pipeline_name="aurinko_pipeline", destination="duckdb", dataset_name="aurinko_data")
    print(pipeline.run(aurinko_source()))
