"""Where Aurinko has its records: the path of each kind, and how an id becomes a part of it."""

from __future__ import annotations

from urllib.parse import quote

from mirror.feed import Feed

RECORDS = {
    "contacts": "/contacts/{id}",
    "calendars": "/calendars/{id}",
    "events": "/calendars/{parent}/events/{id}",
    "folders": "/email/folders/{id}",
    "messages": "/email/messages/{id}",
    "task_lists": "/tasklists/{id}",
    "tasks": "/tasklists/{parent}/tasks/{id}",
}


def path_of(template: str, feed: Feed, remote_id: str = "") -> str:
    """A path with its ids filled in."""
    return template.format(parent=segment(feed.parent or ""), id=segment(remote_id))


def segment(remote_id: str) -> str:
    """An id as a part of a path: dots alone would be taken for a way up."""
    return remote_id.replace(".", "%2E") if remote_id in (".", "..") else quote(remote_id, safe="")
