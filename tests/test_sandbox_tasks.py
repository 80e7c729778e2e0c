"""Task lists and tasks over HTTP: etags, the default list, completion, order among siblings."""

from __future__ import annotations

from typing import Any

import pytest
from sandbox_wire import Box, asking_wrongly, sandbox, segment

from mirror.sandbox.options import Options

TASKS = "/tasklists/default/tasks"


def task(box: Box, title: str, **more: Any) -> dict[str, Any]:
    answer = box.http.post(TASKS, json={"title": title, **more})
    assert answer.status_code == 201
    record: dict[str, Any] = answer.json()["record"]
    return record


def titles(box: Box) -> list[str]:
    records = [record for page in box.pages(TASKS) for record in page]
    return [record["title"] for record in sorted(records, key=lambda record: record["position"])]


def test_task_lists_are_made_renamed_and_deleted() -> None:
    box = sandbox(Options(page_size=1))
    made = box.http.post("/tasklists", json={"title": "Boat"})
    path = f"/tasklists/{segment(made.json()['id'])}"
    renamed = box.http.patch(path, json={"title": "Boats"}, headers={"If-Match": made.json()["etag"]})
    stale = box.http.patch(path, json={"title": "Ships"}, headers={"If-Match": made.json()["etag"]})

    assert (made.status_code, renamed.status_code, stale.status_code) == (201, 200, 412)
    assert asking_wrongly(box).patch(path, json={"title": "x"}).status_code == 400
    assert [one["title"] for page in box.pages("/tasklists") for one in page] == ["Tasks", "Boats"]
    assert box.http.delete(path).json() == {"status": "Ok"}
    assert box.http.get(path).status_code == 404
    assert box.http.delete("/tasklists/default").status_code == 400


def test_a_task_comes_back_as_it_was_written() -> None:
    box = sandbox()
    body = {
        "notes": "red",
        "importance": "high",
        "due": "2026-01-09T00:00:00Z",
        "categories": ["boat"],
        "status": "inProgress",
    }
    record = task(box, "Paint", **body)

    assert {name: record[name] for name in body} == body
    assert box.http.get(f"{TASKS}/{segment(record['id'])}").json() == record
    assert "omitted" not in record


def test_an_etag_is_checked_only_when_it_is_given() -> None:
    box = sandbox()
    record = task(box, "Paint")
    path = f"{TASKS}/{segment(record['id'])}"
    first = box.http.patch(path, json={"title": "Varnish"})
    stale = box.http.patch(path, json={"title": "Oil"}, headers={"If-Match": record["etag"]})
    fresh = box.http.patch(path, json={"title": "Oil"}, headers={"If-Match": first.json()["etag"]})

    assert [first.status_code, stale.status_code, fresh.status_code] == [200, 412, 200]


def test_completion_follows_the_status() -> None:
    box = sandbox()
    path = f"{TASKS}/{segment(task(box, 'Paint')['id'])}"
    done = box.http.patch(path, json={"status": "completed"}).json()["record"]
    box.clock.sleep(60)
    again = box.http.patch(path, json={"status": "completed", "notes": "well"}).json()["record"]
    reopened = box.http.patch(path, json={"status": "notStarted"}).json()["record"]

    assert done["completed"] == again["completed"] == "2026-01-05T09:00:00.000Z"
    assert "completed" not in reopened
    assert task(box, "Born done", status="completed")["completed"] == "2026-01-05T09:01:00.000Z"


def test_tasks_stand_where_they_are_put() -> None:
    box = sandbox()
    first = task(box, "one")
    second = task(box, "two", previousId=first["id"])
    task(box, "between", previousId=first["id"])
    task(box, "top")
    assert titles(box) == ["top", "one", "between", "two"]

    box.http.patch(f"{TASKS}/{segment(first['id'])}", json={"previousId": second["id"]})
    assert titles(box) == ["top", "between", "two", "one"]


def test_a_task_can_be_part_of_another() -> None:
    box = sandbox()
    whole = task(box, "whole")
    part = task(box, "part", parentId=whole["id"])
    assert part["parentId"] == whole["id"]
    assert box.http.post(TASKS, json={"title": "x", "parentId": "nothing"}).status_code == 404
    assert box.http.post(TASKS, json={"title": "x", "previousId": "nothing"}).status_code == 404


def test_a_deleted_task_is_gone() -> None:
    box = sandbox()
    path = f"{TASKS}/{segment(task(box, 'Paint')['id'])}"
    assert box.http.delete(path).json() == {"status": "Ok"}
    assert box.http.get(path).status_code == 404
    assert box.http.delete(path).status_code == 404


@pytest.mark.parametrize(
    "body",
    [{"status": "later"}, {"due": "tomorrow"}, {"due": "2026-02-30T00:00:00Z"}, {"categories": "boat"}, {"title": 3}],
)
def test_a_task_of_the_wrong_form_is_refused(body: dict[str, Any]) -> None:
    box = sandbox()
    assert asking_wrongly(box).post(TASKS, json=body).status_code == 400
