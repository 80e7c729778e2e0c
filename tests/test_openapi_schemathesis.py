"""Schemathesis against the sandbox: every operation it serves, with requests right and wrong, many with ids that exist.

Each operation gets a mailbox of its own, and each deletion too, so that what one destroys is there for the next. Not
asked of the sandbox: that it accepts whatever the vendor's file lets pass (an event without a time), and that it refuses
what it ignores (unknown parameters, null for a field).
"""

from __future__ import annotations

import json
from base64 import b64encode
from functools import cache
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from openapi import api
from sandbox_wire import Box, sandbox
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    allow_header_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from mirror.contract.grant import Grant
from mirror.contract.notifications import Reply
from mirror.sandbox.app import ROUTES

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    allow_header_conformance,
]
EXAMPLES = {GenerationMode.POSITIVE: 8, GenerationMode.NEGATIVE: 4}
WEEKLY = {"ical": {"rules": ["RRULE:FREQ=WEEKLY"]}}

pytestmark = pytest.mark.shared


def a_full_box(template: str) -> tuple[Box, dict[str, list[str]]]:
    """A sandbox with something of everything, and what exists in it by the name of the parameter that takes it there."""
    box = sandbox(post=willing)
    create, account_id = box.state.create, box.account.id
    home, tasks = "ada@example.com", box.state.records(box.account.id, "task_lists")[0]["id"]
    contact = create(account_id, "contacts", {"nickName": "Ben"})
    times = {"start": {"dateTime": "2026-01-06T09:00:00Z"}, "end": {"dateTime": "2026-01-06T10:00:00Z"}}
    listed = {"attachments": [{"id": "1", "name": "a"}]}
    event = create(account_id, "events", {**times, **listed}, parent=home, attachments={"1": b"a"})
    master = create(account_id, "events", {**times, "recurrence": WEEKLY}, parent=home)
    record = {"subject": "hi", "from": {"address": "ben@example.org"}, "sysLabels": ["inbox", "unread"], **listed}
    message = create(account_id, "messages", record, body="<p>hi</p>", attachments={"1": b"a"})
    folder = create(account_id, "folders", {"name": "Inbox", "sysLabel": "inbox"})
    task = create(account_id, "tasks", {"title": "Paint"}, parent=tasks)
    draft = box.http.post("/email/drafts", json={"to": [{"address": "ben@example.org"}]}).json()["id"]
    etags = [one["etag"] for one in (contact, event, master, task, *box.state.records(account_id, "task_lists"))]
    known = {
        **of_the_application(box, template),
        "contId": [contact["id"]],
        "calendarId": [home, "primary"],
        "eventId": [event["id"], master["id"], f"{master['id']}_20260113T090000Z"],
        "masterId": [master["id"]],
        "ost": ["2026-01-13"],
        "messageId": [message["id"]],
        "attachmentId": ["1"],
        "threadId": [message["threadId"]],
        "folderId": [folder["id"]],
        "draftId": [draft],
        "taskListId": [tasks, "default"],
        "id": [task["id"], home] if template.startswith(("/v1/tasklists", "/v1/calendars")) else numbers(box, template),
        "If-Match": [*etags, *["*"] * len(etags)],
        "timeMin": ["2026-01-01T00:00:00Z"],
        "timeMax": ["2026-02-01T00:00:00+01:00"],
        "q": ["from:ben", "hi"],
        "iCalUId": [event["iCalUId"]],
    }
    return box, known


def willing(url: str, headers: object, content: bytes, timeout_s: float) -> Reply:
    """A receiver of notifications that answers the question rightly."""
    return Reply(200, "text/plain", parse_qs(urlsplit(url).query)["validationToken"][0])


def of_the_application(box: Box, template: str) -> dict[str, list[str]]:
    """What the application is known by, and what it has: a code, and a service account."""
    grants = box.behind.server.grants
    service = grants.new_account(None, "admin@example.com", "Google", Grant(type="daemon"))
    return {
        "clientId": [box.behind.options.client_id],
        "returnUrl": ["http://127.0.0.1:8123/back?to=1"],
        "serviceType": ["Google"],
        "accountId": [str(service.id if "Daemon" in template else box.account.id)],
        "code": [grants.new_code(box.account.id) for _ in range(20)],
        "accId": [str(service.id), str(box.account.id)],
        "limit": ["1", "50"],
        "offset": ["0", "1"],
        "recycleKeys": ["email,clientOrgId"],
    }


def numbers(box: Box, template: str) -> list[str]:
    """Ids of subscriptions or of accounts."""
    if "subscriptions" not in template:
        return [str(box.account.id)]
    made = box.behind.server.subscriptions.add(box.account, "/contacts", "http://127.0.0.1:9/", (), None)
    return [str(made.id)]


def tokens(box: Box, template: str) -> dict[str, list[str]]:
    """What a feed can be asked with."""
    root, feed, side = template.partition("/sync/")
    if not feed:
        return {}
    window = {"timeMin": "2026-01-01T00:00:00Z", "timeMax": "2026-02-01T00:00:00Z"} if "calendars" in root else {}
    path = root.removeprefix("/v1").format(calendarId="primary", taskListId="default")
    return {"deltaToken": [box.start(path, **window)[side == "deleted"]], "pageToken": [""]}


@cache
def operations() -> schemathesis.BaseSchema:
    """The part of the vendor's file that the sandbox serves."""
    document = json.loads(json.dumps(api(), default=str))
    served = {(route.method.lower(), route.template) for route in ROUTES}
    paths = {
        template: {
            verb: operation for verb, operation in item.items() if (verb, template) in served or verb == "parameters"
        }
        for template, item in document["paths"].items()
        if any(template == one for _, one in served)
    }
    assert sum(len(item.keys() - {"parameters"}) for item in paths.values()) == len(served), (
        "a route is not in the file"
    )
    return schemathesis.openapi.from_dict({**document, "paths": paths, "servers": []})


@pytest.mark.parametrize("mode", EXAMPLES)
@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.template}")
def test_no_request_makes_the_sandbox_leave_the_vendors_file(shared: object, route: Any, mode: GenerationMode) -> None:
    operation = operations()[route.template][route.method]
    cases = operation.as_strategy(generation_mode=mode)
    shared_box = a_full_box(route.template)
    app = (shared_box[0].behind.options.client_id, shared_box[0].behind.options.client_secret)
    basic = "Basic " + b64encode(":".join(app).encode()).decode()

    @settings(
        max_examples=EXAMPLES[mode],
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases, choose=st.data())
    def holds(case: Case, choose: st.DataObject) -> None:
        box, known = a_full_box(route.template) if route.method == "DELETE" else shared_box
        real = {**known, **tokens(box, route.template)}
        for given_values in (case.path_parameters, case.headers, case.query):
            for name in real if given_values is not None else ():
                if (name in given_values or name == "deltaToken") and choose.draw(st.integers(0, 3)):
                    given_values[name] = choose.draw(st.sampled_from(real[name]))
        authorization = basic if route.access == "application" else f"Bearer {box.account.token}"
        response = case.call(app=box.app, headers={"Authorization": authorization})
        # Wrong requests come with credentials of their own, which are wrong too.
        assert response.status_code != 401 or mode is GenerationMode.NEGATIVE, "nothing here is asked by a stranger"
        case.validate_response(response, checks=CHECKS)

    holds()
