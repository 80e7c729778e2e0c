"""Schemathesis against a mirror: every operation of the vendor's file that it serves, with requests right and wrong.

Each operation is asked of a copy of one mirror, so that what one destroys is there for the next; each deletion has a copy of
its own. Many requests have ids that exist. What of the vendor's file a mirror does not serve stands here with the reason.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from local_wire import SMALL_PAGES, client, local
from openapi import api
from sandbox_wire import Box
from schemathesis import Case, GenerationMode
from test_openapi_schemathesis import CHECKS, willing
from worlds import CONTACTS, EVENTS, FOLDERS, MESSAGES, TASKS

from mirror.local_api.app import ROUTES, create_app
from mirror.store.connection import open_store

CHOSEN = replace(SMALL_PAGES, signing_secret="only-this-mirror-and-its-programs-know")
EXAMPLES = {GenerationMode.POSITIVE: 8, GenerationMode.NEGATIVE: 4}
WEEKLY = {"ical": {"rules": ["RRULE:FREQ=WEEKLY"]}}

# By the beginning of their paths.
NOT_SERVED = {
    "/v1/am/": "an application's accounts are Aurinko's; a mirror's token is for one account, and no application asks here",
    "/v1/auth/": "signing in leads to a provider's pages; a mirror has tokens of its own (mirror token new)",
    "/v1/user": "users own accounts at Aurinko; a mirror has one owner",
    "/v1/book/": "booking pages are served to strangers and kept by Aurinko, in no feed",
    "/v1/followup/": "follow-ups are sent by Aurinko by its own clock, and are in no feed",
    "/v1/email/tracking": "opens and clicks are seen by Aurinko alone, and are in no feed",
    "/v1/email/draftTracking/": "tracking again: a pixel in a draft has to lead to Aurinko",
}
# What a right request gets where it can't get what it asks for.
REFUSED = {
    ("DELETE", "/v1/account"): 403,  # its owner alone removes an account
    ("PATCH", "/v1/email/folders/wellKnown"): 403,  # chosen upstream, and nothing that an outbox holds
    ("GET", "/v1/email/messages/{messageId}/raw"): 404,  # MIME is not kept
}
TIMES = {"start": {"dateTime": "2026-01-06T09:00:00Z"}, "end": {"dateTime": "2026-01-06T10:00:00Z"}}
SPAN = {"timeMin": "2026-01-05T00:00:00Z", "timeMax": "2026-01-06T00:00:00Z"}
MAIL = {"subject": "Note A", "body": "It is done.", "to": [{"address": "ben@example.org"}]}
BODIES: dict[tuple[str, str], dict[str, Any]] = {
    ("POST", "/v1/contacts"): {"nickName": "Ada"},
    ("PATCH", "/v1/contacts/{contId}"): {"nickName": "Countess"},
    ("POST", "/v1/calendars"): {"name": "Home"},
    ("PATCH", "/v1/calendars/{id}"): {"name": "Work"},
    ("POST", "/v1/calendars/freeBusy"): {**SPAN, "emails": ["ada@example.com"]},
    ("POST", "/v1/calendars/suggestMeetingTimes"): {**SPAN, "durationMinutes": 30, "attendees": []},
    ("POST", "/v1/calendars/{calendarId}/events"): {"subject": "Tea", **TIMES},
    ("PATCH", "/v1/calendars/{calendarId}/events/{eventId}"): {"subject": "Coffee"},
    ("PUT", "/v1/calendars/{calendarId}/events/{eventId}/response"): {"response": "accepted"},
    ("POST", "/v1/email/messages"): MAIL,
    ("POST", "/v1/email/messages/{messageId}/status"): {"unread": False},
    ("POST", "/v1/email/messages/{messageId}/reply"): MAIL,
    ("POST", "/v1/email/folders"): {"name": "Later"},
    ("PATCH", "/v1/email/folders/wellKnown"): {"archive": "inbox"},
    ("POST", "/v1/email/drafts"): MAIL,
    ("PUT", "/v1/email/drafts/{draftId}"): MAIL,
    ("POST", "/v1/email/drafts/{draftId}/send"): {},
    ("POST", "/v1/subscriptions"): {"resource": "/contacts", "notificationUrl": "http://127.0.0.1:9/told"},
    ("POST", "/v1/tasklists"): {"title": "Garden"},
    ("PATCH", "/v1/tasklists/{taskListId}"): {"title": "House"},
    ("POST", "/v1/tasklists/{taskListId}/tasks"): {"title": "Paint"},
    ("PATCH", "/v1/tasklists/{taskListId}/tasks/{id}"): {"title": "Paint it white"},
}
MEMORY = Path("/dev/shm")  # nothing here is about disks
Names = dict[str, list[str]]

pytestmark = pytest.mark.shared


class Copied:
    """A copy of the mirror, and what there is in it by the name of the parameter that takes it there."""

    def __init__(self, home: Path, mirrored: Mirrored) -> None:
        self.store = open_store(home, mirrored.clock)
        self.app: Flask = create_app(self.store, CHOSEN, willing)
        self.token, self.names, self.names_in = mirrored.token, mirrored.names, mirrored.names_in
        self.http: httpx.Client = client(self.app, self.token, checked=False)

    start = Box.start

    def known(self, template: str) -> Names:
        """What fits this path."""
        known = {**self.names, **self.names_in.get(template, {})}
        root, feed, side = template.partition("/sync/")
        if feed:
            window = SPAN if "calendars" in root else {}
            path = root.removeprefix("/v1").format(calendarId="primary", taskListId="default")
            known |= {"deltaToken": [self.start(path, **window)[side == "deleted"]], "pageToken": [""]}
        return known

    def ask(self, case: Case) -> Any:
        return case.call(app=self.app, headers={"Authorization": f"Bearer {self.token}"})


class Mirrored:
    """One mirror with something of everything, some of it edited, to be copied."""

    def __init__(self, folder: Path) -> None:
        made = local(folder, choices=CHOSEN)
        put, account_id, change = made.upstream.put, made.upstream.account.id, made.upstream.state.change
        attached = {"attachments": {"1": b"a"}}
        listed = {"attachments": [{"id": "1", "name": "a", "size": 1}]}
        put(CONTACTS, "c", "Ben")
        put(EVENTS, "e", "Lunch", **attached)
        put(EVENTS, "s", "Standup", recurrence=WEEKLY)
        put(FOLDERS, "inbox", "Inbox", sysLabel="inbox")
        put(TASKS, "t", "Paint")
        put(MESSAGES, "m", "hi", sysLabels=["inbox", "unread"], threadId="thread", body="<p>hi</p>", **attached)
        spare = made.upstream.state.create(account_id, "task_lists", {"title": "Spare"})["id"]
        change(account_id, "messages", "m", listed)
        change(account_id, "events", "e", listed, parent="home")
        made.world.pull()
        contact = made.http.post("/contacts", json={"nickName": "new"}).json()["id"]
        draft = made.http.post("/email/drafts", json=MAIL).json()["id"]
        telling = client(create_app(made.world.store, CHOSEN, willing), made.token)
        told = telling.post("/subscriptions", json=BODIES["POST", "/v1/subscriptions"]).json()["id"]
        etags = [made.http.get(path).json()["etag"] for path in ("/contacts/c", "/calendars/home/events/e")]
        self.names: Names = {
            "contId": ["c", contact],
            "calendarId": ["home", "primary"],
            "eventId": ["e", "s", "s_20260117T090000Z"],
            "masterId": ["s"],
            "ost": ["2026-01-17"],
            "messageId": ["m", draft],
            "attachmentId": ["1"],
            "threadId": ["thread"],
            "folderId": ["inbox"],
            "draftId": [draft],
            "taskListId": ["chores", "default"],
            "id": ["t"],
            "If-Match": ["*", "*", *etags],
            "timeMin": ["2026-01-01T00:00:00Z"],
            "timeMax": ["2026-02-01T00:00:00+01:00"],
            "q": ["from:ben", "hi"],
            "iCalUId": [made.upstream.live(EVENTS)["e"]["iCalUId"]],
        }
        # The list of tasks that every mailbox has can't be deleted.
        self.names_in: dict[str, Names] = {
            "/v1/calendars/{id}": {"id": ["home", "primary"]},
            "/v1/subscriptions/{id}": {"id": [str(told)]},
            "/v1/tasklists/{taskListId}": {"taskListId": [spare, "chores", "default"]},
        }
        self.home, self.token, self.clock = folder / "home", made.token, made.clock
        made.world.store.close()

    @contextmanager
    def copy(self) -> Iterator[Copied]:
        with TemporaryDirectory(dir=self.home.parent) as folder:
            shutil.copytree(self.home, Path(folder) / "home")
            copied = Copied(Path(folder) / "home", self)
            try:
                yield copied
            finally:
                copied.store.close()


@pytest.fixture(scope="module")
def mirrored(shared: object) -> Iterator[Mirrored]:
    with TemporaryDirectory(prefix="mirror-test-", dir=MEMORY if MEMORY.is_dir() else None) as folder:
        yield Mirrored(Path(folder))


@cache
def operations() -> schemathesis.BaseSchema:
    document = json.loads(json.dumps(api(), default=str))
    return schemathesis.openapi.from_dict({**document, "servers": []})


def operation(route: Any) -> Any:
    return operations()[route.template][route.method]


def of_each(function: Any) -> Any:
    return pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.template}")(function)


def test_every_operation_of_the_vendors_file_is_asked_here_or_named_with_the_reason_why_not(mirrored: Mirrored) -> None:
    asked = {(route.method, route.template) for route in ROUTES}
    reasons: dict[str, list[tuple[str, str]]] = {beginning: [] for beginning in NOT_SERVED}
    served: set[tuple[str, str]] = set()
    with mirrored.copy() as mirror:
        for template, item in api()["paths"].items():
            for verb in item.keys() - {"parameters"}:
                path = template.removeprefix("/v1").replace("{", "").replace("}", "")
                refusal = mirror.http.request(verb.upper(), path, headers={"Authorization": "none"})
                assert refusal.status_code in (401, 404, 405), (verb, template)
                if refusal.status_code == 401:  # somebody else would be answered
                    served.add((verb.upper(), template))
                    continue
                (why,) = (one for one in NOT_SERVED if template.startswith(one))
                reasons[why].append((verb, template))

    assert served == asked
    assert all(reasons.values()), "what is served needs no reason"


@of_each
def test_a_right_request_is_answered_as_the_vendors_file_says(mirrored: Mirrored, route: Any) -> None:
    name = (route.method, route.template)
    with mirrored.copy() as mirror:
        known = mirror.known(route.template)
        given: dict[str, dict[str, str]] = {"path": {}, "header": {}, "query": {}}
        for parameter in operation(route).iter_parameters():
            wanted = parameter.name in known and parameter.name not in ("q", "pageToken")
            if wanted and (parameter.is_required or parameter.name == "deltaToken"):
                given[parameter.location][parameter.name] = known[parameter.name][0]
        body = {"body": BODIES[name], "media_type": "application/json"} if operation(route).body else {}
        case = operation(route).Case(
            path_parameters=given["path"], headers=given["header"], query=given["query"], **body
        )
        response = mirror.ask(case)

    assert response.status_code in ((REFUSED[name],) if name in REFUSED else (200, 201)), response.text
    case.validate_response(response, checks=CHECKS)


@pytest.mark.parametrize("mode", EXAMPLES)
@of_each
def test_no_request_makes_a_mirror_leave_the_vendors_file(mirrored: Mirrored, route: Any, mode: GenerationMode) -> None:
    cases = operation(route).as_strategy(generation_mode=mode)

    @settings(
        max_examples=EXAMPLES[mode], derandomize=True, deadline=None, database=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=cases, choose=st.data())
    def holds(case: Case, choose: st.DataObject) -> None:
        if route.method == "DELETE":
            with mirrored.copy() as mirror:
                ask(mirror, case, choose)
        else:
            ask(once, case, choose)

    def ask(mirror: Copied, case: Case, choose: st.DataObject) -> None:
        known = mirror.known(route.template)
        for given_values in (case.path_parameters, case.headers, case.query):
            for name, real in known.items() if given_values is not None else ():
                if (name in given_values or name == "deltaToken") and choose.draw(st.integers(0, 3)):
                    given_values[name] = choose.draw(st.sampled_from(real))
        response = mirror.ask(case)
        # Wrong requests come with credentials of their own, which are wrong too.
        assert response.status_code != 401 or mode is GenerationMode.NEGATIVE, "nothing here is asked by a stranger"
        case.validate_response(response, checks=CHECKS)

    with mirrored.copy() as once:
        holds()
