"""Trouble on demand: each fault does what it says, when it says, and the log remembers."""

from __future__ import annotations

import json
import random

import httpx
import pytest
from sandbox_wire import Box, sandbox, segment

from mirror.errors import PortInUse
from mirror.sandbox import faults
from mirror.sandbox.faults import Fault
from mirror.sandbox.serve import serve


def a_box() -> Box:
    box = sandbox()
    for at in range(8):
        box.state.create(box.account.id, "contacts", {"nickName": f"p{at}"})
    return box


def test_a_fault_answers_on_its_nth_request_for_a_while() -> None:
    box = a_box()
    box.behind.faults.add(Fault(faults.answer(503, headers={"Retry-After": "7"}), r"/v1/cal.*", nth=2, times=2))

    answers = [box.http.get("/calendars") for _ in range(4)]

    assert [answer.status_code for answer in answers] == [200, 503, 503, 200]
    assert answers[1].headers["Retry-After"] == "7"
    assert box.http.get("/tasklists").status_code == 200
    assert [(seen.path, seen.status, seen.fault) for seen in box.behind.faults.requests][:2] == [
        ("/v1/calendars", 200, False),
        ("/v1/calendars", 503, True),
    ]


def test_a_fault_can_be_for_one_verb_or_one_query_and_last_for_ever() -> None:
    box = a_box()
    always = faults.answer(500, body=b"<html>oops", headers={"Content-Type": "text/html"})
    box.behind.faults.add(Fault(always, method="POST", times=None), Fault(faults.answer(429), query="withShared=true"))

    assert [box.http.post("/contacts/sync").status_code for _ in range(3)] == [500] * 3
    assert box.http.get("/calendars", params={"withShared": "true"}).status_code == 429
    assert box.http.get("/calendars").status_code == 200
    box.behind.faults.clear()
    assert box.http.post("/contacts/sync").status_code == 200


def test_a_dropped_request_is_not_carried_out_and_a_lost_answer_is() -> None:
    box = a_box()
    box.behind.faults.add(Fault(faults.drop(), method="POST"), Fault(faults.lose(), method="POST", nth=2))

    for _ in range(2):
        with pytest.raises(httpx.ReadError):
            box.http.post("/tasklists", json={"title": "Boat"})

    assert len(box.state.records(box.account.id, "task_lists")) == 2
    assert [seen.status for seen in box.behind.faults.requests] == [0, 0]


def test_a_body_can_be_cut_garbled_or_replaced() -> None:
    box = a_box()
    whole = box.http.get("/calendars")
    kinds = (faults.cut(0.25), faults.garble(3), faults.body(b""))
    box.behind.faults.add(*(Fault(effect, nth=at) for at, effect in enumerate(kinds, 1)))

    cut, garbled, empty = (box.http.get("/calendars") for _ in range(3))

    assert whole.content.startswith(cut.content)
    assert int(cut.headers["Content-Length"]) == len(whole.content) > len(cut.content)
    assert len(garbled.content) == len(whole.content)
    assert garbled.content != whole.content
    assert empty.content == b""


def test_records_can_come_twice_and_in_another_order() -> None:
    box = a_box()
    token, _ = box.start("/contacts")
    query = {"deltaToken": token}
    whole = box.http.get("/contacts/sync/updated", params=query).json()["records"]
    box.behind.faults.add(Fault(faults.duplicate(), seed=1), Fault(faults.reorder(), nth=2, seed=1))

    doubled = box.http.get("/contacts/sync/updated", params=query).json()
    shuffled = box.http.get("/contacts/sync/updated", params=query).json()["records"]

    assert doubled["length"] == len(doubled["records"]) > len(whole)
    assert [record for record in whole if record not in doubled["records"]] == []
    assert shuffled != whole
    assert sorted(map(json.dumps, shuffled)) == sorted(map(json.dumps, whole))


def test_any_answer_can_be_edited() -> None:
    box = a_box()

    def forget(page: dict[str, object], _: random.Random) -> dict[str, object]:
        return {name: value for name, value in page.items() if name != "records"}

    box.behind.faults.add(Fault(faults.edit(forget)))
    assert box.http.get("/calendars").json() == {"length": 1}


def test_a_slow_answer_takes_its_time_and_then_comes() -> None:
    box = a_box()
    box.behind.faults.add(Fault(faults.slow(30)))
    before = box.clock.monotonic()
    assert box.http.get("/calendars").status_code == 200
    assert box.clock.monotonic() - before == 30


def test_the_same_story_gives_the_same_bytes() -> None:
    def story(seed: int) -> list[bytes]:
        box = sandbox(seed=seed)
        box.behind.faults.add(Fault(faults.garble(), nth=3, times=2))
        day = {"start": {"dateOnly": "2026-01-07"}, "end": {"dateOnly": "2026-01-08"}}
        answers = [
            box.http.post("/contacts", json={"nickName": "a"}),
            box.http.post("/calendars/primary/events", json=day),
            box.http.post("/email/messages", json={"to": [{"address": "ada@example.com"}], "body": "hi"}),
            box.http.post("/contacts/sync"),
            box.http.get("/contacts/nobody"),
            box.http.get("/email/messages"),
        ]
        return [answer.content for answer in answers]

    assert story(1) == story(1)
    assert story(1) != story(2)


def test_it_is_served_on_loopback_until_it_is_stopped() -> None:
    box = a_box()
    made = box.http.post("/contacts", json={"nickName": "a"}).json()
    headers = {"Authorization": f"Bearer {box.account.token}"}
    served = serve(box.app)
    with httpx.Client(base_url=served.url, headers=headers) as http:
        answer = http.get(f"/v1/contacts/{segment(made['id'])}")
        box.behind.faults.add(Fault(faults.drop()), Fault(faults.cut(), nth=2))
        with pytest.raises(httpx.TransportError):
            http.get("/v1/calendars")
        with pytest.raises(httpx.RemoteProtocolError):
            http.get("/v1/calendars")
        with pytest.raises(PortInUse) as refused:
            serve(box.app, port=served.port)
        served.stop()
        with pytest.raises(httpx.ConnectError):
            http.get("/v1/calendars")

    assert answer.json() == made["record"]
    assert refused.value.port == served.port
    again = serve(box.app, port=served.port)
    again.stop()
