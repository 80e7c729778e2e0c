"""What is sent to Aurinko for each write, and what its answer says. It sends nothing itself.

Contacts, events and task lists must carry `If-Match`, tasks may; nothing else has an etag, and no DELETE takes one (the
vendor's OpenAPI file; "Etag and If-Match").
"""

from __future__ import annotations

import json
from typing import Any

from mirror.errors import Refused
from mirror.feed import Receipt, Request, Write
from mirror.sources.aurinko_paths import RECORDS, path_of
from mirror.sources.http import Answer

CREATED_IN = {
    "contacts": "/contacts",
    "calendars": "/calendars",
    "events": "/calendars/{parent}/events",
    "folders": "/email/folders",
    "messages": "/email/drafts",
    "task_lists": "/tasklists",
    "tasks": "/tasklists/{parent}/tasks",
}
CHANGED = frozenset({"contacts", "calendars", "events", "task_lists", "tasks"})
DELETED = frozenset({"contacts", "events", "task_lists", "tasks", "messages"})
CONDITIONAL = frozenset({"contacts", "events", "task_lists", "tasks"})
MARKER = "X-Mirror-Edit"
"""A header that goes with every mail, by which it is found again when the answer to its sending got lost."""


def request(write: Write) -> Request:
    """The one request that does it. Raises: Refused."""
    kind, verb = write.feed.kind, write.verb
    if kind == "messages":
        return _mail(write)
    if verb == "create" and kind in CREATED_IN:
        return Request("POST", path_of(CREATED_IN[kind], write.feed), _params(write, creating=True), body=write.fields)
    record = path_of(RECORDS[kind], write.feed, write.remote_id or "")
    if verb == "change" and kind in CHANGED:
        headers = {"If-Match": write.etag} if write.etag is not None and kind in CONDITIONAL else {}
        return Request("PATCH", record, _params(write), headers, write.fields)
    if verb == "delete" and kind in DELETED:
        return Request("DELETE", record, _params(write))
    if verb == "respond" and kind == "events":
        return Request("PUT", record + "/response", _params(write), body=write.fields)
    raise Refused(f"upstream has no way to {verb} {kind}")


def _mail(write: Write) -> Request:
    """Drafts have paths of their own; a message itself can only be marked, answered and thrown away."""
    record = path_of(RECORDS["messages"], write.feed, write.remote_id or "")
    draft = path_of("/email/drafts/{id}", write.feed, write.remote_id or "")
    body_type = {"bodyType": str(write.options.get("body_type", "text"))}
    sending = {**body_type, "returnIds": "true"}
    is_draft = bool(write.options.get("draft"))
    if write.verb == "create":
        return Request("POST", "/email/drafts", body_type, body=_marked(write))
    if write.verb == "change":
        if is_draft:
            return Request("PUT", draft, body_type, body=_marked(write))
        return Request("POST", record + "/status", body=write.fields)
    if write.verb == "delete":
        return Request("DELETE", draft if is_draft else record)
    if write.verb == "reply":
        return Request("POST", record + "/reply", sending, body=_marked(write))
    if write.verb == "send":
        if write.remote_id is not None:
            return Request("POST", draft + "/send")
        return Request("POST", "/email/messages", sending, body=_marked(write))
    raise Refused(f"upstream has no way to {write.verb} mail")


def _marked(write: Write) -> dict[str, Any]:
    marker = write.options.get("marker")
    if not marker:
        return write.fields
    headers = [*write.fields.get("xHeaders", []), {"name": MARKER, "value": marker}]
    return {**write.fields, "xHeaders": headers}


def _params(write: Write, *, creating: bool = False) -> dict[str, str]:
    if write.feed.kind != "events":
        return {}
    params = {"notifyAttendees": "true" if write.options.get("notify_attendees", True) else "false"}
    if creating and (body_type := write.options.get("body_type")):
        params["bodyType"] = str(body_type)
    return params


def receipt(write: Write, answer: Answer) -> Receipt:
    """What the answer names. A body that can't be read does not undo what was done: the status says so."""
    try:
        body = json.loads(answer.content or b"{}")
    except (ValueError, RecursionError):
        body = {}
    if not isinstance(body, dict):
        body = {}
    named = body.get("id")
    etag = body.get("etag")
    return Receipt(
        named if isinstance(named, str) and named else write.remote_id if write.verb not in ("reply", "send") else None,
        etag if isinstance(etag, str) else None,
        {key: value for key, value in body.items() if key != "record"},
    )
