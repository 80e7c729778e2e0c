"""Task lists and tasks, with their etags, the order among siblings, and the feed of each list."""

from __future__ import annotations

from mirror.contract import bodies, feeds, paging
from mirror.contract.backend import Record
from mirror.contract.refusals import bad_request
from mirror.contract.router import Route
from mirror.contract.shown import listed_task
from mirror.contract.spans import stamp
from mirror.contract.wire import OK, Answer, Call, found, rfc3339, without_nulls


def lists(call: Call) -> Answer:
    return paging.listing(call, "task_lists", "task_lists")


def create_list(call: Call) -> Answer:
    title = call.fields(bodies.TaskList).get("title")
    if not title:
        raise bad_request("title is required")
    return Answer(call.writer.create(call, "task_lists", {"title": title}), 201)


def read_list(call: Call) -> Answer:
    return Answer(task_list(call))


def update_list(call: Call) -> Answer:
    fields = call.fields(bodies.TaskList)
    stored = task_list(call)
    call.check_etag(stored)
    return Answer(call.writer.change(call, "task_lists", stored, without_nulls(fields)))


def delete_list(call: Call) -> Answer:
    stored = task_list(call)
    if stored.get("defaultList"):
        raise bad_request("The default list can't be deleted")
    call.writer.delete(call, "task_lists", stored)
    return OK


def tasks(call: Call) -> Answer:
    parent = task_list(call)["id"]
    return paging.listing(call, "tasks", "tasks", parent=parent, show=lambda record: listed_task(call, record))


def create(call: Call) -> Answer:
    parent = task_list(call)["id"]
    fields = without_nulls(_checked(call.fields(bodies.Task)))
    return _record_or_id(call.writer.create(call, "tasks", fields, parent), 201)


def read(call: Call) -> Answer:
    return Answer(_task(call, task_list(call)["id"]))


def update(call: Call) -> Answer:
    parent = task_list(call)["id"]
    fields = _checked(call.fields(bodies.Task))
    stored = _task(call, parent)
    call.check_etag(stored, required=False)
    return _record_or_id(call.writer.change(call, "tasks", stored, fields, parent), 200)


def delete(call: Call) -> Answer:
    parent = task_list(call)["id"]
    call.writer.delete(call, "tasks", _task(call, parent), parent)
    return OK


def start(call: Call) -> Answer:
    limit = call.moment("skipCompletedBeforeDate")
    return feeds.start(call, _feed(call), {} if limit is None else {"not_before": stamp(limit)})


def _feed(call: Call) -> feeds.Feed:
    return feeds.Feed("tasks", task_list(call)["id"], lambda record, _: listed_task(call, record))


def task_list(call: Call) -> Record:
    wanted = call.path["taskListId"]
    if wanted == "default":
        every = call.backend.records(call.account.mailbox_id, "task_lists")
        return found(next((one for one in every if one.get("defaultList")), None), "task list")
    return found(call.backend.read(call.account.mailbox_id, "task_lists", wanted), "task list")


def _task(call: Call, parent: str) -> Record:
    return found(call.backend.read(call.account.mailbox_id, "tasks", call.path["id"], parent=parent), "task")


def _checked(fields: Record) -> Record:
    for name in ("due", "startDateTime"):
        if fields.get(name) is not None:
            rfc3339(name, fields[name])
    return fields


def _record_or_id(record: Record, status: int) -> Answer:
    return Answer({"id": record["id"], "etag": record["etag"], "record": record}, status)


ROUTES = (
    Route("GET", "/v1/tasklists", lists),
    Route("POST", "/v1/tasklists", create_list),
    Route("GET", "/v1/tasklists/{taskListId}", read_list),
    Route("PATCH", "/v1/tasklists/{taskListId}", update_list),
    Route("DELETE", "/v1/tasklists/{taskListId}", delete_list),
    Route("GET", "/v1/tasklists/{taskListId}/tasks", tasks),
    Route("POST", "/v1/tasklists/{taskListId}/tasks", create),
    Route("GET", "/v1/tasklists/{taskListId}/tasks/{id}", read),
    Route("PATCH", "/v1/tasklists/{taskListId}/tasks/{id}", update),
    Route("DELETE", "/v1/tasklists/{taskListId}/tasks/{id}", delete),
    Route("POST", "/v1/tasklists/{taskListId}/sync", start),
    Route("GET", "/v1/tasklists/{taskListId}/sync/updated", lambda call: feeds.updated(call, _feed(call))),
    Route("GET", "/v1/tasklists/{taskListId}/sync/deleted", lambda call: feeds.deleted(call, _feed(call))),
)
