"""Drafts: messages with the label `draft`, reached by draft ids of their own, sent at once or at a set time."""

from __future__ import annotations

from collections.abc import Callable

from mirror.contract import bodies, compose, sending
from mirror.contract.backend import Record
from mirror.contract.refusals import bad_request, not_found
from mirror.contract.router import Route
from mirror.contract.shown import whole_message
from mirror.contract.spans import stamp
from mirror.contract.wire import OK, Answer, Call, found

# A draft's id is its message's with this before it; only the sandbox knows.
_PREFIX = "r-"
# Services whose drafts can be replaced.
_REPLACEABLE = ("Google", "Office365")


def create(call: Call) -> Answer:
    record, body, is_html, contents = _drafted(call)
    return _created(sending.store(call, record, body, is_html, contents, ["draft"], "draft"))


def read(call: Call) -> Answer:
    draft = _draft(call)
    answer = {"id": call.path["draftId"], "message": whole_message(call, draft, call.body_type("html") or "html")}
    scheduled = _scheduled(call).get(draft["id"])
    return Answer({**answer, "scheduled": scheduled} if scheduled else answer)


def replace(call: Call) -> Answer:
    draft = _draft(call)
    if call.account.service_type not in _REPLACEABLE:
        raise bad_request("Drafts of this service can't be updated")
    record, body, is_html, contents = _drafted(call)
    kept = ("id", "threadId", "sysLabels", "createdTime", "internetMessageId", "folderId", "webLink")
    cleared = {name: None for name in draft if name not in (*kept, "lastModifiedTime")}
    fields = {**cleared, **{name: value for name, value in record.items() if name not in kept}}
    raw = compose.mime({**draft, **fields}, body, is_html, contents)
    changed = call.backend.change(
        call.account.mailbox_id,
        "messages",
        draft["id"],
        fields,
        body=body,
        html=is_html,
        mime=raw,
        attachments=contents,
    )
    return _created(changed)


def delete(call: Call) -> Answer:
    call.backend.delete(call.account.mailbox_id, "messages", _draft(call)["id"])
    return OK


def send(call: Call) -> Answer:
    draft = _draft(call)
    given = call.fields(bodies.DraftSend) if call.content.strip() else {}
    if not compose.addresses(draft, "to", "cc", "bcc"):
        raise bad_request("At least one recipient is required")
    answer: Record = {"status": "Ok"}
    if given.get("tracking"):
        answer["trackingId"] = str(call.backend.clock.random.randrange(10**9))
    send_at = call.moment("sendTime")
    if send_at is not None and send_at > call.backend.clock.now():
        settings = call.backend.settings(call.account.mailbox_id)
        job = {
            "jobId": call.backend.clock.random.randrange(10**9),
            "sendTime": stamp(send_at),
            "status": "scheduled",
        }
        settings["scheduled"] = {**(settings.get("scheduled") or {}), draft["id"]: job}
        call.backend.set_settings(call.account.mailbox_id, settings)
        return Answer({**answer, "status": "Scheduled"})
    _send(call, draft)
    return Answer(answer)


def after_due(answer: Callable[[Call], Answer]) -> Callable[[Call], Answer]:
    """The same answer, given after the drafts that were due by now have been sent."""

    def timely(call: Call) -> Answer:
        now = stamp(call.backend.clock.now())
        for message_id, job in _scheduled(call).items():
            draft = call.backend.read(call.account.mailbox_id, "messages", message_id)
            if job["sendTime"] <= now and draft is not None and "draft" in draft["sysLabels"]:
                _send(call, draft)
        return answer(call)

    return timely


def _drafted(call: Call) -> sending.Prepared:
    record, body, is_html, contents = sending.prepared(call, call.fields(bodies.Outgoing))
    undated = {name: value for name, value in record.items() if name not in ("sentAt", "receivedAt")}
    return undated, body, is_html, contents


def _send(call: Call, draft: Record) -> None:
    at = stamp(call.backend.clock.now())
    fields: Record = {"sentAt": at, "receivedAt": at, "sysLabels": sending.sent_labels(call, draft)}
    folder_id = sending.folder_with(call, call.account.mailbox_id, "sent")
    if "folderId" in draft and folder_id is not None:
        fields["folderId"] = folder_id
    body, is_html = call.backend.body(call.account.mailbox_id, draft["id"])
    contents = call.backend.attachments(call.account.mailbox_id, "messages", draft["id"])
    raw = compose.mime({**draft, **fields}, body or "", is_html, contents)
    sent = call.backend.change(call.account.mailbox_id, "messages", draft["id"], fields, mime=raw)
    sending.deliver(call, sent, body or "", is_html, contents)
    settings = call.backend.settings(call.account.mailbox_id)
    if (settings.get("scheduled") or {}).pop(draft["id"], None):
        call.backend.set_settings(call.account.mailbox_id, settings)


def _scheduled(call: Call) -> dict[str, Record]:
    scheduled: dict[str, Record] = call.backend.settings(call.account.mailbox_id).get("scheduled") or {}
    return scheduled


def _draft(call: Call) -> Record:
    given = call.path["draftId"]
    if not given.startswith(_PREFIX):
        raise not_found("draft")
    message = found(call.backend.read(call.account.mailbox_id, "messages", given.removeprefix(_PREFIX)), "draft")
    if "draft" not in (message.get("sysLabels") or []):
        raise not_found("draft")
    return message


def _created(message: Record) -> Answer:
    draft_id = f"{_PREFIX}{message['id']}"
    return Answer({"id": draft_id, "webLink": f"https://mail.sandbox.example/drafts/{message['id']}"})


ROUTES = (
    Route("POST", "/v1/email/drafts", after_due(create)),
    Route("GET", "/v1/email/drafts/{draftId}", after_due(read)),
    Route("PUT", "/v1/email/drafts/{draftId}", after_due(replace)),
    Route("DELETE", "/v1/email/drafts/{draftId}", after_due(delete)),
    Route("POST", "/v1/email/drafts/{draftId}/send", after_due(send)),
)
