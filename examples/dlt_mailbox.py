"""A whole mailbox into DuckDB, and from then on only what changed. It never writes upstream.

    pip install 'dlt[duckdb]'
    mirror token new dlt --account work           # shows a token that may read everything
    mirror run                                    # in another window
    BASE_URL=http://127.0.0.1:8801/v1 ACCESS_TOKEN=… python examples/dlt_mailbox.py

Calendars, folders and task lists have no feed, so they are listed again each time. Contacts, events, tasks and mail come by
the sync endpoints: all of them at first, later what was created, changed or deleted. dlt keeps each feed's tokens with the
rows that they stand after. Another destination (bigquery, snowflake, postgres, …) is one word below, and its credentials.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import dlt
from dlt.common.pipeline import LoadInfo
from dlt.pipeline.exceptions import PipelineStepFailed
from dlt.sources.helpers.rest_client import RESTClient
from dlt.sources.helpers.rest_client.auth import BearerTokenAuth
from dlt.sources.rest_api import RESTAPIConfig, rest_api_resources

Row = dict[str, Any]

FROM, UNTIL = "2000-01-01T00:00:00Z", "2100-01-01T00:00:00Z"  # the events that are asked for
DAYS_OF_MAIL = 36_500
# Rows of the deleted feeds take their records away; of two rows about one record the later one counts.
DELETIONS: Any = {"deleted": {"hard_delete": True, "data_type": "bool"}, "changed_at": {"dedup_sort": "desc"}}


@dlt.source(name="mailbox")
def mailbox(
    access_token: str = dlt.secrets.value, base_url: str = "https://api.aurinko.io/v1"
) -> Iterator[dlt.sources.DltResource]:
    lists = listed(base_url, access_token)
    yield from lists.values()
    api = RESTClient(base_url, auth=BearerTokenAuth(access_token))

    @dlt.resource(primary_key="id", write_disposition="merge", columns=DELETIONS)
    def contacts() -> Iterator[list[Row]]:
        yield from changes(api, "contacts")

    @dlt.resource(primary_key="id", write_disposition="merge", columns=DELETIONS)
    def email_messages() -> Iterator[list[Row]]:
        yield from changes(api, "email", daysWithin=DAYS_OF_MAIL, bodyType="html")

    @dlt.transformer(
        data_from=lists["calendars"], primary_key=("calendar_id", "id"), write_disposition="merge", columns=DELETIONS
    )
    def calendar_events(calendars: list[Row]) -> Iterator[list[Row]]:
        for calendar in calendars:
            for rows in changes(api, f"calendars/{quote(calendar['id'], safe='')}", timeMin=FROM, timeMax=UNTIL):
                yield [{**row, "calendarId": calendar["id"]} for row in rows]

    @dlt.transformer(
        data_from=lists["task_lists"], primary_key=("task_list_id", "id"), write_disposition="merge", columns=DELETIONS
    )
    def tasks(task_lists: list[Row]) -> Iterator[list[Row]]:
        for task_list in task_lists:
            for rows in changes(api, f"tasklists/{quote(task_list['id'], safe='')}"):
                yield [{**row, "taskListId": task_list["id"]} for row in rows]

    yield from (contacts, email_messages, calendar_events, tasks)


def listed(base_url: str, access_token: str) -> dict[str, dlt.sources.DltResource]:
    """The kinds without a feed, by the names of their tables."""
    config: RESTAPIConfig = {
        "client": {
            "base_url": base_url,
            "auth": {"type": "bearer", "token": access_token},
            "paginator": {"type": "cursor", "cursor_path": "nextPageToken", "cursor_param": "pageToken"},
        },
        "resource_defaults": {"write_disposition": "replace", "endpoint": {"data_selector": "records"}},
        "resources": [
            {"name": "calendars", "endpoint": "calendars"},
            {"name": "email_folders", "endpoint": "email/folders"},
            {"name": "task_lists", "endpoint": "tasklists"},
        ],
    }
    return {resource.name: resource for resource in rest_api_resources(config)}


def changes(api: RESTClient, root: str, **start: str | int) -> Iterator[list[Row]]:
    """The pages of a feed since the last time; at first, since it was started: everything."""
    tokens = dlt.current.resource_state().setdefault("tokens", {})
    side = dict(tokens.get(root) or started(api, root, start))
    for path, moment in (("updated", "lastModifiedTime"), ("deleted", "timestamp")):
        asked = {"deltaToken": side[path]}
        while asked:
            page = called(api, "GET", f"{root}/sync/{path}", asked)
            yield [{**row, "deleted": path == "deleted", "changedAt": row.get(moment)} for row in page["records"]]
            side[path] = page.get("nextDeltaToken", side[path])
            asked = {"pageToken": page["nextPageToken"]} if page.get("nextPageToken") else {}
    tokens[root] = side


def started(api: RESTClient, root: str, start: Row) -> Row:
    """The tokens of a new sync. A mirror is ready at once; Aurinko may have to be asked again."""
    while not (status := called(api, "POST", f"{root}/sync", start))["ready"]:
        time.sleep(1)
    return {"updated": status["syncUpdatedToken"], "deleted": status["syncDeletedToken"]}


def called(api: RESTClient, method: str, path: str, params: Row) -> Row:
    response = api.request(path, method=method, params=params)
    response.raise_for_status()
    answer: Row = response.json()
    return answer


def load(pipeline: dlt.Pipeline, source: Any = mailbox) -> LoadInfo:
    """What changed. Where a token has expired (410) nobody tells what was deleted since: then everything, from the beginning."""
    try:
        return pipeline.run(source())
    except PipelineStepFailed as failed:
        if not expired(failed):
            raise
        pipeline.drop_pending_packages()
        return pipeline.run(source(), refresh="drop_data")


def expired(error: BaseException | None) -> bool:
    while error is not None and getattr(getattr(error, "response", None), "status_code", None) != 410:
        error = error.__cause__
    return error is not None


if __name__ == "__main__":
    print(load(dlt.pipeline(pipeline_name="mailbox", destination="duckdb", dataset_name="mailbox_data")))
