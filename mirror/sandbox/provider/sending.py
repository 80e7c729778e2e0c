"""What happens to mail that is sent: the sender's copy, the recipients' copies, the thread it joins. Nothing leaves."""

from __future__ import annotations

from mirror.contract.backend import Record
from mirror.contract.wire import Call, without_nulls
from mirror.contract.writing import recipients
from mirror.sandbox import compose
from mirror.sandbox.state import State

# The message, its body, whether that is HTML, and its attachments' bytes.
Prepared = tuple[Record, str, bool, dict[str, bytes]]


def prepared(call: Call, given: Record) -> Prepared:
    """The message that a client's fields make, ready to be stored."""
    clock = call.backend.clock
    sender = without_nulls({"address": call.account.email, "name": call.account.name})
    record, contents = compose.record_of(given, sender, clock.now(), clock.random)
    body = given.get("body") or ""
    is_html = call.body_type("html") == "html"
    return compose.with_body(record, body, is_html), body, is_html, contents


def sent_labels(call: Call, record: Record) -> list[str]:
    own = call.account.email.lower() in recipients(record, "to", "cc", "bcc")
    return ["sent", "inbox", "unread"] if own else ["sent"]


def store(
    state: State,
    call: Call,
    record: Record,
    body: str,
    is_html: bool,
    contents: dict[str, bytes],
    labels: list[str],
    folder: str,
) -> Record:
    """The message in the caller's own mailbox."""
    account_id = call.account.mailbox_id
    placed = {**record, "sysLabels": labels, **thread_of(state, account_id, record)}
    folder_id = folder_with(state, account_id, folder)
    # Gmail has labels, and rarely a folder id.
    if folder_id is not None and call.account.service_type != "Google":
        placed["folderId"] = folder_id
    raw = compose.mime(record, body, is_html, contents)
    return state.create(account_id, "messages", placed, body=body, html=is_html, mime=raw, attachments=contents)


def deliver(state: State, call: Call, sent: Record, body: str, is_html: bool, contents: dict[str, bytes]) -> None:
    """Copies for those recipients that have an account in here. Nobody sees the blind ones."""
    own = ("id", "threadId", "sysLabels", "folderId", "keywords", "createdTime", "lastModifiedTime", "bcc")
    copy = {name: value for name, value in sent.items() if name not in own}
    raw = compose.mime(copy, body, is_html, contents)
    for address in recipients(sent, "to", "cc", "bcc"):
        account = state.account_for_email(address)
        if account is None or account.mailbox_id == call.account.mailbox_id:
            continue
        arrived = {**copy, "sysLabels": ["inbox", "unread"], **thread_of(state, account.mailbox_id, copy)}
        inbox = folder_with(state, account.mailbox_id, "inbox")
        if inbox is not None and account.service_type != "Google":
            arrived["folderId"] = inbox
        state.create(account.mailbox_id, "messages", arrived, body=body, html=is_html, mime=raw, attachments=contents)


def thread_of(state: State, account_id: int, record: Record) -> Record:
    """The thread of the message that this one answers, where the mailbox has it."""
    answered = {record.get("inReplyTo"), *str(record.get("references") or "").split()} - {None, ""}
    if not answered:
        return {}
    mailbox = state.newest(account_id, after=None, thread_id=None)
    thread_id = next((one.get("threadId") for _, one in mailbox if one.get("internetMessageId") in answered), None)
    return {} if thread_id is None else {"threadId": thread_id}


def folder_with(state: State, account_id: int, label: str) -> str | None:
    """The id of the folder that has this system label."""
    every = state.records(account_id, "folders")
    return next((str(one["id"]) for one in every if one.get("sysLabel") == label), None)
