"""Mail: lists, single messages, their bytes, status, trash, sending and replying, conversations, and the feed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

from mirror.contract import bodies, drafts, feeds, paging
from mirror.contract.backend import Record
from mirror.contract.mailquery import matches, plain_words
from mirror.contract.refusals import bad_request, not_found, thread_pending
from mirror.contract.router import Route
from mirror.contract.shown import body_of, content, listed_message, whole_message
from mirror.contract.spans import stamp
from mirror.contract.wire import OK, Answer, Call, found
from mirror.contract.writing import recipients

Asked = Callable[[], Record]
Wanted = Callable[[Record, Record], bool]


def messages(call: Call) -> Answer:
    def wanted(message: Record, asked: Record) -> bool:
        hidden = {"trash", "junk"} & set(message.get("sysLabels") or [])
        return (not hidden or asked["hidden"]) and _matches(call, message, asked)

    def asked() -> Record:
        return {**_asked(call), "hidden": call.flag("includeTrashAndJunk")}

    return _walk(call, "messages", "", asked, wanted)


def in_folder(call: Call) -> Answer:
    folder = found(call.backend.read(call.account.mailbox_id, "folders", call.path["folderId"]), "folder")

    def wanted(message: Record, asked: Record) -> bool:
        return _lies_in(message, folder) and _matches(call, message, asked)

    return _walk(call, "folder.messages", folder["id"], lambda: _asked(call), wanted)


def conversation(call: Call) -> Answer:
    thread_id = call.path["threadId"]
    if next(call.backend.newest(call.account.mailbox_id, after=None, thread_id=thread_id), None) is None:
        raise not_found("conversation")
    return _walk(call, "conversations", thread_id, lambda: {"body": call.body_type()}, None, thread_id)


def read(call: Call) -> Answer:
    message = _message(call)
    if call.flag("requireThreadId") and call.account.service_type == "IMAP":
        wait = (call.account.mailbox_id, "thread", message["id"])
        asked = call.server.waits.get(wait, 0)
        if asked < call.server.options.thread_polls:
            call.server.waits[wait] = asked + 1
            raise thread_pending(1)
    return Answer(whole_message(call, message, call.body_type("html") or "html"))


def raw(call: Call) -> Answer:
    stored = call.backend.mime(call.account.mailbox_id, _message(call)["id"])
    return Answer(raw=stored, content_type="text/plain")


def status(call: Call) -> Answer:
    given = {name: value for name, value in call.fields(bodies.Status).items() if value is not None}
    call.writer.mark(call, _message(call), given)
    return OK


def trash(call: Call) -> Answer:
    call.writer.trash(call, _message(call))
    return OK


def send(call: Call) -> Answer:
    given = call.fields(bodies.Outgoing)
    if not recipients(given, "to", "cc", "bcc"):
        raise bad_request("At least one recipient is required")
    return _sent(call, call.writer.send(call, given), given, 201)


def reply(call: Call) -> Answer:
    given = call.fields(bodies.Outgoing)
    original = _message(call)
    # Which message it answers is what the path says.
    for name in ("keywords", "inReplyTo", "references"):
        given.pop(name, None)
    return _sent(call, call.writer.send(call, given, original), given, 200)


def attachment(call: Call) -> Answer:
    message = _message(call)
    stored = call.backend.attachment(call.account.mailbox_id, "messages", message["id"], call.path["attachmentId"])
    return Answer(content(found(stored, "attachment")))


def start(call: Call) -> Answer:
    days = call.number("daysWithin")
    if days is None:
        return feeds.start(call, _feed(call), {}, call.body_type())
    if not 0 <= days <= 36_500:
        raise bad_request("daysWithin must be a number of days")
    since = call.backend.clock.now() - timedelta(days=days)
    return feeds.start(call, _feed(call), {"not_before": stamp(since)}, call.body_type())


def _feed(call: Call) -> feeds.Feed:
    return feeds.Feed("messages", None, lambda record, body_type: listed_message(call, record, body_type))


def _message(call: Call) -> Record:
    return found(call.backend.read(call.account.mailbox_id, "messages", call.path["messageId"]), "message")


def _asked(call: Call) -> Record:
    return {"q": call.text("q"), "body": call.body_type()}


def _matches(call: Call, message: Record, asked: Record) -> bool:
    return not asked["q"] or matches(asked["q"], message, lambda: body_of(call, message["id"], "text") or "")


def _walk(
    call: Call, name: str, scope: str, asked: Asked, wanted: Wanted | None, thread_id: str | None = None
) -> Answer:
    """A page of those messages, newest first, that are wanted."""

    def following(after: list[Any] | None, given: Record) -> Iterable[paging.Placed]:
        words = plain_words(given.get("q") or "")
        mailbox = call.backend.newest(call.account.mailbox_id, after=after, thread_id=thread_id, words=words)
        return (placed for placed in mailbox if wanted is None or wanted(placed[1], given))

    return paging.walk(call, name, scope, asked, following, lambda one, given: listed_message(call, one, given["body"]))


def _lies_in(message: Record, folder: Record) -> bool:
    if message.get("folderId"):
        return bool(message["folderId"] == folder["id"])
    if folder.get("sysLabel"):
        return folder["sysLabel"] in (message.get("sysLabels") or [])
    return folder.get("name") in (message.get("keywords") or [])


def _sent(call: Call, stored: Record, given: Record, status: int) -> Answer:
    answer: Record = {"status": "Ok", "processingStatus": "Ok"}
    if "internetMessageId" in stored:
        answer["submittedMessageId"] = stored["internetMessageId"]
    if call.flag("returnIds"):
        answer |= {name: stored[name] for name in ("id", "threadId") if name in stored}
    if given.get("tracking") and not call.server.options.mirrored:  # upstream makes it, when it sends
        answer["trackingId"] = str(call.backend.clock.random.randrange(10**9))
    return Answer(answer, status)


_MESSAGE = "/v1/email/messages/{messageId}"

ROUTES = tuple(
    Route(method, template, drafts.after_due(answer))
    for method, template, answer in (
        ("GET", "/v1/email/messages", messages),
        ("POST", "/v1/email/messages", send),
        ("GET", _MESSAGE, read),
        ("DELETE", _MESSAGE, trash),
        ("GET", f"{_MESSAGE}/raw", raw),
        ("POST", f"{_MESSAGE}/status", status),
        ("POST", f"{_MESSAGE}/reply", reply),
        ("GET", f"{_MESSAGE}/attachments/{{attachmentId}}", attachment),
        ("GET", "/v1/email/conversations/{threadId}", conversation),
        ("GET", "/v1/email/folders/{folderId}/messages", in_folder),
        ("POST", "/v1/email/sync", start),
        ("GET", "/v1/email/sync/updated", lambda call: feeds.updated(call, _feed(call))),
        ("GET", "/v1/email/sync/deleted", lambda call: feeds.deleted(call, _feed(call))),
    )
)
