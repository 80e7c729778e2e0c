"""Takes what programs want into the outbox, from where it is pushed: the writing side of the contract. It sends nothing.

What shows at once is the edit laid over what was observed. What can't wait in an outbox is refused in a sentence.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from mirror.contract.backend import Record
from mirror.contract.refusals import bad_request, forbidden, not_found
from mirror.contract.wire import Call, without_nulls
from mirror.errors import Invalid
from mirror.feed import LOCAL
from mirror.local_api.callers import Caller
from mirror.local_api.state import Mirror
from mirror.store import api_tokens, journal, outbox

# Fields of a record that name another one, and that one's kind.
_NAMES = {"tasks": ("parentId", "previousId"), "folders": ("parentId",)}


class Outbox:
    """The writer of a mirror; see `contract/writing.py` for what each method is asked."""

    def __init__(self, mirror: Mirror) -> None:
        self.mirror = mirror

    def catch_up(self, call: Call) -> None:
        """Nothing happens here by itself."""

    # --- records ------------------------------------------------------------------------------------------------------

    def create(self, call: Call, kind: str, fields: Record, parent: str | None = None) -> Record:
        made = self._take_in(call, kind, "create", self._named(call, kind, fields, parent), parent=parent)
        return self._shown(call, kind, -(made or 0))

    def change(self, call: Call, kind: str, stored: Record, fields: Record, parent: str | None = None) -> Record:
        record_id = self._record_id(call, kind, stored, parent)
        self._take_in(call, kind, "change", self._named(call, kind, fields, parent), record_id=record_id)
        return self._shown(call, kind, record_id)

    def delete(self, call: Call, kind: str, stored: Record, parent: str | None = None) -> None:
        self._take_in(call, kind, "delete", {}, record_id=self._record_id(call, kind, stored, parent))

    def respond(self, call: Call, calendar_id: str, event: Record, given: Record) -> None:
        self._take_in(call, "events", "respond", given, record_id=self._record_id(call, "events", event, calendar_id))

    # --- mail ---------------------------------------------------------------------------------------------------------

    def mark(self, call: Call, message: Record, given: Record) -> None:
        self._take_in(call, "messages", "change", given, record_id=self._record_id(call, "messages", message))

    def trash(self, call: Call, message: Record) -> None:
        record_id = self._record_id(call, "messages", message)
        self._take_in(call, "messages", "delete", {}, record_id=record_id, options=_draft_options(message))

    def send(self, call: Call, given: Record, answers: Record | None = None) -> Record:
        fields, options = without_nulls(given), _body_type(call)
        if answers is not None:
            # An answer is part of the message that it answers until it is sent, and has no id.
            record_id = self._record_id(call, "messages", answers)
            self._take_in(call, "messages", "reply", fields, record_id=record_id, options=options)
            return {}
        made = self._take_in(call, "messages", "send", fields, options=options)
        return self._shown(call, "messages", -(made or 0))

    def draft(self, call: Call, given: Record, replaces: Record | None = None) -> str:
        options = {"draft": True, **_body_type(call)}
        if replaces is None:
            made = self._take_in(call, "messages", "create", without_nulls(given), options=options)
            return str(self._shown(call, "messages", -(made or 0))["id"])
        record_id = self._record_id(call, "messages", replaces)
        self._take_in(call, "messages", "change", without_nulls(given), record_id=record_id, options=options)
        return call.path["draftId"]

    def delete_draft(self, call: Call, draft: Record) -> None:
        record_id = self._record_id(call, "messages", draft)
        self._take_in(call, "messages", "delete", {}, record_id=record_id, options={"draft": True})

    def send_draft(self, call: Call, draft: Record, send_at: datetime | None) -> None:
        if send_at is not None:
            raise bad_request("A mirror sends drafts when it can reach upstream; it keeps no set times")
        record_id = self._record_id(call, "messages", draft)
        self._take_in(call, "messages", "send", {}, record_id=record_id, options={"draft": True})

    def choose_folders(self, call: Call, chosen: Record) -> Record:  # noqa: ARG002  (whatever is chosen)
        raise forbidden("Which folders are well known is chosen upstream; a mirror can't take that into its outbox")

    # --- the account --------------------------------------------------------------------------------------------------

    def remove_account(self, call: Call) -> None:
        name = journal.account(self.mirror.store, call.account.mailbox_id).name
        raise forbidden(f"Only its owner removes an account from the mirror, with: mirror account remove {name}")

    def revoke_token(self, call: Call) -> None:
        """The mirror's own token, by which this was asked. Upstream's stays."""
        if isinstance(call.account, Caller):
            api_tokens.end(self.mirror.store, call.account.token.id)

    # --- the outbox ---------------------------------------------------------------------------------------------------

    def _take_in(
        self, call: Call, kind: str, verb: str, patch: Mapping[str, Any], *, record_id: int | None = None,
        parent: str | None = None, options: Mapping[str, Any] | None = None,
    ) -> int | None:  # fmt: skip
        """The edit, within the transaction of the request. Raises: Refusal."""
        store = self.mirror.store
        account = journal.account(store, call.account.mailbox_id)
        if not account.writable:
            raise forbidden(
                f"“{account.name}” is read-only in this mirror, until its owner says: mirror account writable {account.name} on"
            )
        parent_id = None
        if parent is not None:
            above = {"events": "calendars", "tasks": "task_lists"}[kind]
            parent_id = self.mirror.id_of(account.id, above, parent)
        told = dict(options or {})
        if kind == "events":
            told |= {} if call.flag("notifyAttendees", True) else {"notify_attendees": False}
            told |= _body_type(call) if call.body_type() else {}
        try:
            return outbox.add_within(store, store.conn, account, kind, verb, dict(patch), record_id, parent_id, told)
        except Invalid as error:
            raise bad_request("; ".join(map(str, error.problems))) from error

    def _record_id(self, call: Call, kind: str, stored: Record, parent: str | None = None) -> int:
        found = self.mirror.id_of(call.account.mailbox_id, kind, str(stored["id"]), parent)
        if found is None and kind == "events":
            raise bad_request(
                "One occurrence that was never changed can't be changed in a mirror; change the series, or ask upstream"
            )
        if found is None:
            raise not_found(kind)
        return found

    def _shown(self, call: Call, kind: str, record_id: int) -> Record:
        found = self.mirror.by_id(call.account.mailbox_id, kind, record_id)
        if found is None:
            raise not_found(kind)
        return found

    def _named(self, call: Call, kind: str, fields: Record, parent: str | None) -> Record:
        """The fields with the ids that upstream knows: those of the mirror's own are none to it."""
        named = dict(fields)
        for field in _NAMES.get(kind, ()):
            name = named.get(field)
            if not isinstance(name, str) or not name.startswith(LOCAL):
                continue
            found = self.mirror.id_of(call.account.mailbox_id, kind, name, parent)
            if found is None or found < 0:
                raise bad_request(f"{field}: upstream does not have {name} yet")
            named[field] = self._shown(call, kind, found)["id"]
        return named


def _body_type(call: Call) -> dict[str, str]:
    return {"body_type": call.body_type("html") or "html"}


def _draft_options(message: Record) -> dict[str, bool]:
    return {"draft": True} if "draft" in (message.get("sysLabels") or []) else {}
