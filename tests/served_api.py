"""What a server of the API holds, read by a client of a few lines that shares nothing with the mirror's own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx

Record = dict[str, Any]


class Api:
    """One mailbox behind a URL."""

    def __init__(self, url: str, token: str) -> None:
        self.http = httpx.Client(
            base_url=url + "/v1", headers={"Authorization": f"Bearer {token}"}, timeout=30, trust_env=False
        )

    def close(self) -> None:
        self.http.close()

    def call(self, method: str, *path: str, **more: Any) -> Any:
        """The JSON of a good answer. Parts of the path are ids, and quoted."""
        answer = self.http.request(method, "/" + "/".join(quote(part, safe="") for part in path), **more)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def listed(self, *path: str) -> Iterator[Record]:
        params: dict[str, str] = {}
        while True:
            page = self.call("GET", *path, params=params)
            yield from page["records"]
            if not page.get("nextPageToken"):
                return
            params = {"pageToken": page["nextPageToken"]}

    def walked(self, *root: str, **start: str) -> Iterator[Record]:
        """All records of a feed, from its start."""
        tokens = self.call("POST", *root, "sync", params=start)
        params = {"deltaToken": tokens["syncUpdatedToken"]}
        while True:
            page = self.call("GET", *root, "sync", "updated", params=params)
            yield from page["records"]
            if not page.get("nextPageToken"):
                return
            params = {"pageToken": page["nextPageToken"]}

    def holds(self) -> dict[str, dict[tuple[str, str], Record]]:
        """Every record, by kind, and by the remote id of its parent and its own."""
        held = {
            "calendars": self._by_id(self.listed("calendars")),
            "folders": self._by_id(self.listed("email", "folders")),
            "task_lists": self._by_id(self.listed("tasklists")),
            "contacts": self._by_id(self.walked("contacts")),
            "messages": self._by_id(self.walked("email", daysWithin="36500", bodyType="html")),
            "events": {},
            "tasks": {},
        }
        window = {"timeMin": "0002-01-01T00:00:00Z", "timeMax": "9998-01-01T00:00:00Z"}
        for _, calendar in held["calendars"]:
            held["events"] |= self._by_id(self.walked("calendars", calendar, **window), calendar)
        for _, task_list in held["task_lists"]:
            held["tasks"] |= self._by_id(self.walked("tasklists", task_list), task_list)
        return held

    @staticmethod
    def _by_id(records: Iterator[Record], parent: str = "") -> dict[tuple[str, str], Record]:
        return {(parent, record["id"]): record for record in records}
