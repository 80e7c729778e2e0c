"""What a provider does with mail: labels and folders, the trash, sending at once or at a set time, drafts."""

from __future__ import annotations

from datetime import datetime

from mirror.contract.backend import Record
from mirror.contract.refusals import bad_request
from mirror.contract.spans import stamp
from mirror.contract.wire import Call
from mirror.contract.writing import recipients
from mirror.sandbox import compose
from mirror.sandbox.options import Options
from mirror.sandbox.provider import sending
from mirror.sandbox.state import DRAFT_PREFIX, State

# Services whose drafts can be replaced.
_REPLACEABLE = ("Google", "Office365")


def mark(state: State, options: Options, call: Call, message: Record, given: Record) -> None:
    """Read or unread, archived or not, and the person's own labels."""
    labels = list(message.get("sysLabels") or [])
    if "unread" in given:
        labels = _labelled(labels, "unread", given["unread"])
    fields: Record = {}
    if "archived" in given:
        labels = _labelled(labels, "inbox", not given["archived"])
        fields |= _folder(state, call, message, "archive" if given["archived"] else "inbox")
    if "keywords" in given:
        fields["keywords"] = given["keywords"]
    _moved(state, options, call, message, {**fields, "sysLabels": labels})


def trash(state: State, options: Options, call: Call, message: Record) -> None:
    labels = [label for label in message.get("sysLabels") or [] if label not in ("inbox", "junk")]
    placed = _folder(state, call, message, "trash")
    _moved(state, options, call, message, {"sysLabels": _labelled(labels, "trash", True), **placed})


def reply(given: Record, original: Record) -> Record:
    """What is sent in answer to a message: to whom it came from, under its subject, in its thread."""
    answered = original.get("internetMessageId") or ""
    subject = str(original.get("subject") or "")
    back = original.get("replyTo") or [original.get("from") or {}]
    return {
        **given,
        "to": given.get("to") or [{name: one[name] for name in ("name", "address") if name in one} for one in back],
        "subject": given.get("subject") or (subject if subject.lower().startswith("re:") else f"Re: {subject}"),
        "inReplyTo": answered,
        "references": f"{original.get('references') or ''} {answered}".strip(),
    }


def draft(state: State, call: Call, given: Record, replaces: Record | None) -> str:
    record, body, is_html, contents = sending.prepared(call, given)
    record = {name: value for name, value in record.items() if name not in ("sentAt", "receivedAt")}
    if replaces is None:
        return DRAFT_PREFIX + str(sending.store(state, call, record, body, is_html, contents, ["draft"], "draft")["id"])
    if call.account.service_type not in _REPLACEABLE:
        raise bad_request("Drafts of this service can't be updated")
    kept = ("id", "threadId", "sysLabels", "createdTime", "internetMessageId", "folderId", "webLink")
    cleared = {name: None for name in replaces if name not in (*kept, "lastModifiedTime")}
    fields = {**cleared, **{name: value for name, value in record.items() if name not in kept}}
    raw = compose.mime({**replaces, **fields}, body, is_html, contents)
    state.change(
        call.account.mailbox_id, "messages", replaces["id"], fields, body=body, html=is_html, mime=raw, attachments=contents
    )  # fmt: skip
    return DRAFT_PREFIX + str(replaces["id"])


def send_draft(state: State, call: Call, stored: Record, send_at: datetime | None) -> None:
    """Now, or when it is time: the first request about mail after that sends it."""
    if send_at is None:
        _send(state, call, stored)
        return
    settings = state.settings(call.account.mailbox_id)
    job = {"jobId": state.clock.random.randrange(10**9), "sendTime": stamp(send_at), "status": "scheduled"}
    settings["scheduled"] = {**(settings.get("scheduled") or {}), stored["id"]: job}
    state.set_settings(call.account.mailbox_id, settings)


def send_what_is_due(state: State, call: Call) -> None:
    """The drafts whose time has come by now."""
    now = stamp(state.clock.now())
    for message_id, job in (state.settings(call.account.mailbox_id).get("scheduled") or {}).items():
        stored = state.read(call.account.mailbox_id, "messages", message_id)
        if job["sendTime"] <= now and stored is not None and "draft" in stored["sysLabels"]:
            _send(state, call, stored)


def _send(state: State, call: Call, stored: Record) -> None:
    at = stamp(state.clock.now())
    fields: Record = {"sentAt": at, "receivedAt": at, "sysLabels": sending.sent_labels(call, stored)}
    folder_id = sending.folder_with(state, call.account.mailbox_id, "sent")
    if "folderId" in stored and folder_id is not None:
        fields["folderId"] = folder_id
    body, is_html = state.body(call.account.mailbox_id, stored["id"])
    contents = state.attachments(call.account.mailbox_id, "messages", stored["id"])
    raw = compose.mime({**stored, **fields}, body or "", is_html, contents)
    sent = state.change(call.account.mailbox_id, "messages", stored["id"], fields, mime=raw)
    sending.deliver(state, call, sent, body or "", is_html, contents)
    settings = state.settings(call.account.mailbox_id)
    if (settings.get("scheduled") or {}).pop(stored["id"], None):
        state.set_settings(call.account.mailbox_id, settings)


def send(state: State, call: Call, given: Record) -> Record:
    """The sent message, as it lies in the sender's mailbox."""
    record, body, is_html, contents = sending.prepared(call, given)
    if not recipients(record, "to", "cc", "bcc"):
        raise bad_request("At least one recipient is required")
    stored = sending.store(state, call, record, body, is_html, contents, sending.sent_labels(call, record), "sent")
    sending.deliver(state, call, stored, body, is_html, contents)
    return stored


def _labelled(labels: list[str], label: str, wanted: bool) -> list[str]:
    kept = [one for one in labels if one != label]
    return [*kept, label] if wanted else kept


def _folder(state: State, call: Call, message: Record, label: str) -> Record:
    """The folder field after a move, for a mailbox that has folders rather than labels."""
    if call.account.service_type == "Google" and "folderId" not in message:
        return {}
    chosen = (state.settings(call.account.mailbox_id).get("wellKnown") or {}).get(label)
    folder_id = chosen or sending.folder_with(state, call.account.mailbox_id, label)
    return {} if folder_id is None else {"folderId": folder_id}


def _moved(state: State, options: Options, call: Call, message: Record, fields: Record) -> None:
    """Write the fields; a message that goes to another folder comes back under a new id where providers do so."""
    changed = {name: value for name, value in fields.items() if message.get(name) != value}
    account_id = call.account.mailbox_id
    if "folderId" in changed and call.account.service_type in options.moving_changes_ids:
        body, is_html = state.body(account_id, message["id"])
        copy = {name: value for name, value in {**message, **fields}.items() if name not in ("id", "lastModifiedTime")}
        raw = state.stored_mime(account_id, message["id"])
        contents = state.attachments(account_id, "messages", message["id"])
        state.delete(account_id, "messages", message["id"])
        state.create(account_id, "messages", copy, body=body, html=is_html, mime=raw, attachments=contents)
    elif changed:
        state.change(account_id, "messages", message["id"], changed)
