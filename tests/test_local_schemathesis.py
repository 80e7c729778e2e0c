"""Schemathesis against a mirror: every operation of the vendor's file that it serves, with requests right and wrong.

As against the sandbox, many requests have ids that exist, and what a deletion destroys is there again for the next.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from local_wire import SMALL_PAGES, Local, local
from openapi import api
from schemathesis import Case, GenerationMode
from test_openapi_schemathesis import CHECKS
from worlds import CONTACTS, EVENTS, FOLDERS, MESSAGES, TASKS

from mirror.local_api.app import ROUTES

EXAMPLES = {GenerationMode.POSITIVE: 8, GenerationMode.NEGATIVE: 4}
WEEKLY = {"ical": {"rules": ["RRULE:FREQ=WEEKLY"]}}

pytestmark = pytest.mark.shared


def a_full_mirror(folder: Path) -> tuple[Local, dict[str, list[str]]]:
    """Something of everything, some of it edited, and what there is by the name of the parameter that takes it there."""
    folder.mkdir(exist_ok=True)
    mirrored = local(folder, choices=SMALL_PAGES)
    put = mirrored.upstream.put
    attached = {"attachments": {"1": b"a"}}
    put(CONTACTS, "c", "Ben")
    put(EVENTS, "e", "Lunch", **attached)
    put(EVENTS, "s", "Standup", recurrence=WEEKLY)
    put(FOLDERS, "inbox", "Inbox", sysLabel="inbox")
    put(TASKS, "t", "Paint")
    put(MESSAGES, "m", "hi", sysLabels=["inbox", "unread"], threadId="thread", body="<p>hi</p>", **attached)
    listed = {"attachments": [{"id": "1", "name": "a", "size": 1}]}
    account_id = mirrored.upstream.account.id
    mirrored.upstream.state.change(account_id, "messages", "m", listed)
    mirrored.upstream.state.change(account_id, "events", "e", listed, parent="home")
    mirrored.world.pull()
    made = mirrored.http.post("/contacts", json={"nickName": "new"}).json()["id"]
    draft = mirrored.http.post("/email/drafts", json={"to": [{"address": "ben@example.org"}]}).json()["id"]
    etags = [
        mirrored.http.get(path).json()["etag"]
        for path in ("/contacts/c", "/calendars/home/events/e", "/tasklists/chores")
    ]
    known = {
        "contId": ["c", made],
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
        "id": ["t", "home"],
        "If-Match": [*etags, *["*"] * len(etags)],
        "timeMin": ["2026-01-01T00:00:00Z"],
        "timeMax": ["2026-02-01T00:00:00+01:00"],
        "q": ["from:ben", "hi"],
        "iCalUId": [mirrored.upstream.live(EVENTS)["e"]["iCalUId"]],
    }
    return mirrored, known


def tokens(mirrored: Local, template: str) -> dict[str, list[str]]:
    """What a feed can be asked with."""
    root, feed, side = template.partition("/sync/")
    if not feed:
        return {}
    window = {"timeMin": "2026-01-01T00:00:00Z", "timeMax": "2026-02-01T00:00:00Z"} if "calendars" in root else {}
    path = root.removeprefix("/v1").format(calendarId="primary", taskListId="default")
    return {"deltaToken": [mirrored.start(path, **window)[side == "deleted"]], "pageToken": [""]}


@cache
def operations() -> schemathesis.BaseSchema:
    """The part of the vendor's file that a mirror serves."""
    document = json.loads(json.dumps(api(), default=str))
    served = {(route.method.lower(), route.template) for route in ROUTES}
    paths = {
        template: {
            verb: operation for verb, operation in item.items() if (verb, template) in served or verb == "parameters"
        }
        for template, item in document["paths"].items()
        if any(template == one for _, one in served)
    }
    found = sum(len(item.keys() - {"parameters"}) for item in paths.values())
    assert found == len(served), "a route is not in the file"
    return schemathesis.openapi.from_dict({**document, "paths": paths, "servers": []})


@pytest.mark.parametrize("mode", EXAMPLES)
@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.template}")
def test_no_request_makes_a_mirror_leave_the_vendors_file(shared: object, route: Any, mode: GenerationMode) -> None:
    operation = operations()[route.template][route.method]
    cases = operation.as_strategy(generation_mode=mode)
    with TemporaryDirectory() as folder:
        once = a_full_mirror(Path(folder))
        number = iter(range(1, 1000))

        @settings(
            max_examples=EXAMPLES[mode], derandomize=True, deadline=None, database=None, phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(case=cases, choose=st.data())
        def holds(case: Case, choose: st.DataObject) -> None:
            fresh = route.method == "DELETE"
            mirrored, known = a_full_mirror(Path(folder) / str(next(number))) if fresh else once
            real = {**known, **tokens(mirrored, route.template)}
            for given_values in (case.path_parameters, case.headers, case.query):
                for name in real if given_values is not None else ():
                    if (name in given_values or name == "deltaToken") and choose.draw(st.integers(0, 3)):
                        given_values[name] = choose.draw(st.sampled_from(real[name]))
            response = case.call(app=mirrored.app, headers={"Authorization": f"Bearer {mirrored.token}"})
            # Wrong requests come with credentials of their own, which are wrong too.
            assert response.status_code != 401 or mode is GenerationMode.NEGATIVE, "nothing here is asked by a stranger"
            case.validate_response(response, checks=CHECKS)
            if fresh:
                mirrored.world.store.close()

        holds()
        once[0].world.store.close()
