"""Task lists and tasks, with their etags, the order among siblings, and the feed of each list."""

from __future__ import annotations

from mirror import clock as clocks
from mirror.contract import bodies, feeds, paging
from mirror.contract.backend import Record
from mirror.contract.refusals import bad_request, not_found
from mirror.contract.router import Route
from mirror.contract.shown import listed_task
from mirror.contract.spans import stamp
from mirror.contract.wire import OK, Answer, Call, found, rfc3339, without_nulls

# Room between the positions of neighbours, for what is put between them later.
_STEP = 1 << 32


def lists(call: Call) -> Answer:
    return paging.listing(call, "task_lists", "task_lists")


def create_list(call: Call) -> Answer:
    title = call.fields(bodies.TaskList).get("title")
    if not title:
        raise bad_request("title is required")
    # A provider's first list is its default one.
    default = not call.backend.records(call.account.mailbox_id, "task_lists")
    record = {"title": title, "owner": True, "shared": False, "defaultList": default, "emailsList": False}
    return Answer(call.backend.create(call.account.mailbox_id, "task_lists", record), 201)


def read_list(call: Call) -> Answer:
    return Answer(_list(call))


def update_list(call: Call) -> Answer:
    fields = call.fields(bodies.TaskList)
    stored = _list(call)
    call.check_etag(stored)
    return Answer(call.backend.change(call.account.mailbox_id, "task_lists", stored["id"], without_nulls(fields)))


def delete_list(call: Call) -> Answer:
    stored = _list(call)
    if stored.get("defaultList"):
        raise bad_request("The default list can't be deleted")
    call.backend.delete(call.account.mailbox_id, "task_lists", stored["id"])
    return OK


def tasks(call: Call) -> Answer:
    parent = _list(call)["id"]
    return paging.listing(call, "tasks", "tasks", parent=parent, show=lambda record: listed_task(call, record))


def create(call: Call) -> Answer:
    parent = _list(call)["id"]
    fields = without_nulls(_checked(call.fields(bodies.Task)))
    previous = fields.pop("previousId", None)
    record = {"status": "notStarted", **fields}
    record |= without_nulls(_completion(call, record, {}))
    record["position"] = _position(call, parent, fields.get("parentId"), previous, None)
    return _record_or_id(call.backend.create(call.account.mailbox_id, "tasks", record, parent=parent), 201)


def read(call: Call) -> Answer:
    return Answer(_task(call, _list(call)["id"]))


def update(call: Call) -> Answer:
    parent = _list(call)["id"]
    fields = _checked(call.fields(bodies.Task))
    stored = _task(call, parent)
    call.check_etag(stored, required=False)
    previous = fields.pop("previousId", None)
    if previous is not None or fields.get("parentId", stored.get("parentId")) != stored.get("parentId"):
        sibling_of = fields.get("parentId", stored.get("parentId"))
        fields["position"] = _position(call, parent, sibling_of, previous, stored["id"])
    fields |= _completion(call, fields, stored)
    return _record_or_id(
        call.backend.change(call.account.mailbox_id, "tasks", stored["id"], fields, parent=parent), 200
    )


def delete(call: Call) -> Answer:
    parent = _list(call)["id"]
    call.backend.delete(call.account.mailbox_id, "tasks", _task(call, parent)["id"], parent=parent)
    return OK


def start(call: Call) -> Answer:
    limit = call.moment("skipCompletedBeforeDate")
    return feeds.start(call, _feed(call), {} if limit is None else {"not_before": stamp(limit)})


def _feed(call: Call) -> feeds.Feed:
    return feeds.Feed("tasks", _list(call)["id"], lambda record, _: listed_task(call, record))


def _list(call: Call) -> Record:
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


def _completion(call: Call, fields: Record, stored: Record) -> Record:
    """The moment of completion follows the status; a status set again to completed keeps the moment it had."""
    if "status" not in fields:
        return {}
    if fields["status"] != "completed":
        return {"completed": None}
    return {"completed": stored.get("completed") or clocks.text(call.backend.clock.now())}


def _position(call: Call, parent: str, parent_id: str | None, previous: str | None, own_id: str | None) -> str:
    """The sort key that puts a task after `previous`, or first, among the children of `parent_id`."""
    every = [
        task for task in call.backend.records(call.account.mailbox_id, "tasks", parent=parent) if task["id"] != own_id
    ]
    if parent_id is not None and not any(task["id"] == parent_id for task in every):
        raise not_found("parent task")
    siblings = sorted(
        (_number(task), task["id"]) for task in every if task.get("parentId") == parent_id and task.get("position")
    )
    if previous is None:
        return f"{siblings[0][0] // 2 if siblings else _STEP:020d}"
    place = next((at for at, (_, task_id) in enumerate(siblings) if task_id == previous), None)
    if place is None:
        raise not_found("previous task")
    before = siblings[place][0]
    after = siblings[place + 1][0] if place + 1 < len(siblings) else before + 2 * _STEP
    return f"{(before + after) // 2:020d}"


def _number(task: Record) -> int:
    written = str(task["position"])
    return int(written) if written.isascii() and written.isdigit() else 0


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
