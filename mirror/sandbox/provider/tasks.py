"""What a provider adds to a task: the moment of completion, and its place among its siblings. It writes nothing."""

from __future__ import annotations

from mirror import clock as clocks
from mirror.contract.backend import Record
from mirror.contract.refusals import not_found
from mirror.contract.wire import Call

# Room between the positions of neighbours, for what is put between them later.
_STEP = 1 << 32


def created(call: Call, parent: str, fields: Record) -> Record:
    """A new task, as it is stored."""
    previous = fields.pop("previousId", None)
    record = {"status": "notStarted", **fields}
    record |= {name: value for name, value in _completion(call, record, {}).items() if value is not None}
    return {**record, "position": _position(call, parent, fields.get("parentId"), previous, None)}


def changed(call: Call, parent: str, stored: Record, fields: Record) -> Record:
    """The fields of a task that change with those that a client changes."""
    previous = fields.pop("previousId", None)
    if previous is not None or fields.get("parentId", stored.get("parentId")) != stored.get("parentId"):
        sibling_of = fields.get("parentId", stored.get("parentId"))
        fields["position"] = _position(call, parent, sibling_of, previous, stored["id"])
    return {**fields, **_completion(call, fields, stored)}


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
