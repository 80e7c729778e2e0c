"""Drafts: messages with the label `draft`, reached by draft ids of their own, sent at once or at a set time."""

from __future__ import annotations

from collections.abc import Callable

from mirror.contract import bodies
from mirror.contract.backend import Record
from mirror.contract.refusals import bad_request, not_found
from mirror.contract.router import Route
from mirror.contract.shown import whole_message
from mirror.contract.wire import OK, Answer, Call, found
from mirror.contract.writing import recipients


def create(call: Call) -> Answer:
    return _created(call, call.writer.draft(call, call.fields(bodies.Outgoing)))


def read(call: Call) -> Answer:
    draft = _draft(call)
    answer = {"id": call.path["draftId"], "message": whole_message(call, draft, call.body_type("html") or "html")}
    scheduled = (call.backend.settings(call.account.mailbox_id).get("scheduled") or {}).get(draft["id"])
    return Answer({**answer, "scheduled": scheduled} if scheduled else answer)


def replace(call: Call) -> Answer:
    draft = _draft(call)
    return _created(call, call.writer.draft(call, call.fields(bodies.Outgoing), draft))


def delete(call: Call) -> Answer:
    call.writer.delete_draft(call, _draft(call))
    return OK


def send(call: Call) -> Answer:
    draft = _draft(call)
    given = call.fields(bodies.DraftSend) if call.content.strip() else {}
    if not recipients(draft, "to", "cc", "bcc"):
        raise bad_request("At least one recipient is required")
    answer: Record = {"status": "Ok"}
    if given.get("tracking"):
        if call.server.options.mirrored:
            raise bad_request("A mirror sends drafts as they are: say in the draft itself what is to be tracked")
        answer["trackingId"] = str(call.backend.clock.random.randrange(10**9))
    send_at = call.moment("sendTime")
    if send_at is not None and send_at > call.backend.clock.now():
        call.writer.send_draft(call, draft, send_at)
        return Answer({**answer, "status": "Scheduled"})
    call.writer.send_draft(call, draft, None)
    return Answer(answer)


def after_due(answer: Callable[[Call], Answer]) -> Callable[[Call], Answer]:
    """The same answer, given after the drafts that were due by now have been sent."""

    def timely(call: Call) -> Answer:
        call.writer.catch_up(call)
        return answer(call)

    return timely


def _draft(call: Call) -> Record:
    message = found(call.backend.draft(call.account.mailbox_id, call.path["draftId"]), "draft")
    if "draft" not in (message.get("sysLabels") or []):
        raise not_found("draft")
    return message


def _created(call: Call, draft_id: str) -> Answer:
    stored = found(call.backend.draft(call.account.mailbox_id, draft_id), "draft")
    return Answer({"id": draft_id, **({"webLink": stored["webLink"]} if stored.get("webLink") else {})})


ROUTES = (
    Route("POST", "/v1/email/drafts", after_due(create)),
    Route("GET", "/v1/email/drafts/{draftId}", after_due(read)),
    Route("PUT", "/v1/email/drafts/{draftId}", after_due(replace)),
    Route("DELETE", "/v1/email/drafts/{draftId}", after_due(delete)),
    Route("POST", "/v1/email/drafts/{draftId}/send", after_due(send)),
)
