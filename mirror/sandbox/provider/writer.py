"""Does what clients ask for, as a provider would, in the sandbox's State: the writing side of the contract."""

from __future__ import annotations

from datetime import datetime

from mirror.contract.backend import Record
from mirror.contract.wire import Call
from mirror.sandbox.options import Options
from mirror.sandbox.provider import events, mail, tasks
from mirror.sandbox.state import State


class Provider:
    """The writer of the sandbox; see `contract/writing.py` for what each method is asked."""

    def __init__(self, state: State, options: Options) -> None:
        self.state = state
        self.options = options

    def catch_up(self, call: Call) -> None:
        mail.send_what_is_due(self.state, call)

    # --- records ------------------------------------------------------------------------------------------------------

    def create(self, call: Call, kind: str, fields: Record, parent: str | None = None) -> Record:
        account_id = call.account.mailbox_id
        if kind == "events":
            return events.create(self.state, call, parent or "", fields)
        if kind == "contacts":
            fields = {**fields, "hasPhoto": _has_photo(fields)}
        elif kind == "calendars":
            own = {"accessRole": "owner", "primary": False, "multipleRemindersSupported": True, "defaultReminders": []}
            fields = {**fields, **own}
        elif kind == "task_lists":
            # A provider's first list is its default one.
            default = not self.state.records(account_id, "task_lists")
            fields = {**fields, "owner": True, "shared": False, "defaultList": default, "emailsList": False}
        elif kind == "tasks":
            fields = tasks.created(call, parent or "", fields)
        elif kind == "folders":
            fields = self._folder(call, fields)
        return self.state.create(account_id, kind, fields, parent=parent)

    def change(self, call: Call, kind: str, stored: Record, fields: Record, parent: str | None = None) -> Record:
        if kind == "events":
            return events.change(self.state, call, parent or "", stored, fields)
        if kind == "contacts" and "photo" in fields:
            fields["hasPhoto"] = _has_photo(fields)
        elif kind == "tasks":
            fields = tasks.changed(call, parent or "", stored, fields)
        return self.state.change(call.account.mailbox_id, kind, stored["id"], fields, parent=parent)

    def delete(self, call: Call, kind: str, stored: Record, parent: str | None = None) -> None:
        if kind == "events":
            events.delete(self.state, self.options, call, parent or "", stored)
        else:
            self.state.delete(call.account.mailbox_id, kind, stored["id"], parent=parent)

    def respond(self, call: Call, calendar_id: str, event: Record, given: Record) -> None:
        events.respond(self.state, call, calendar_id, event, given)

    # --- mail ---------------------------------------------------------------------------------------------------------

    def mark(self, call: Call, message: Record, given: Record) -> None:
        mail.mark(self.state, self.options, call, message, given)

    def trash(self, call: Call, message: Record) -> None:
        mail.trash(self.state, self.options, call, message)

    def send(self, call: Call, given: Record, answers: Record | None = None) -> Record:
        return mail.send(self.state, call, given if answers is None else mail.reply(given, answers))

    def draft(self, call: Call, given: Record, replaces: Record | None = None) -> str:
        return mail.draft(self.state, call, given, replaces)

    def delete_draft(self, call: Call, draft: Record) -> None:
        self.state.delete(call.account.mailbox_id, "messages", draft["id"])

    def send_draft(self, call: Call, draft: Record, send_at: datetime | None) -> None:
        mail.send_draft(self.state, call, draft, send_at)

    def choose_folders(self, call: Call, chosen: Record) -> Record:
        settings = self.state.settings(call.account.mailbox_id)
        every = {**(settings.get("wellKnown") or {}), **chosen}
        settings["wellKnown"] = {name: folder_id for name, folder_id in every.items() if folder_id is not None}
        self.state.set_settings(call.account.mailbox_id, settings)
        known: Record = settings["wellKnown"]
        return known

    def _folder(self, call: Call, fields: Record) -> Record:
        labels, name = call.account.service_type == "Google", fields["name"]
        record = {"name": name, "fullName": name, "isFolder": not labels, "isLabel": labels}
        above = fields.get("parentId") and self.state.read(call.account.mailbox_id, "folders", fields["parentId"])
        if above:
            record |= {"fullName": f"{above.get('fullName') or above.get('name')}/{name}", "parentId": above["id"]}
        return record

    # --- the account --------------------------------------------------------------------------------------------------

    def remove_account(self, call: Call) -> None:
        self.state.remove_account(call.account.id)

    def revoke_token(self, call: Call) -> None:
        self.state.set_token(call.account.id, None)


def _has_photo(fields: Record) -> bool:
    return bool((fields.get("photo") or {}).get("content"))
