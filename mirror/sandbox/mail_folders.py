"""The mail folders of one account: finds them by their role or full name, and makes those that are missing.

It only ever adds folders; messages are none of its business.
"""

from __future__ import annotations

from mirror.sandbox.state import Record, State

# Role (the name the sandbox's own code uses), id at Google, name, sysLabel.
_SYSTEM = (
    ("inbox", "INBOX", "Inbox", "inbox"),
    ("sent", "SENT", "Sent", "sent"),
    ("draft", "DRAFT", "Drafts", "draft"),
    ("trash", "TRASH", "Trash", "trash"),
    ("junk", "SPAM", "Spam", "junk"),
)
_SHELVES = ("Archive", "Newsletters", "Receipts", "Projects")


class Folders:
    """The folders of an account, by full name (`Projects/Harbour survey`) or by role (`inbox`)."""

    def __init__(self, state: State, account_id: int) -> None:
        self.state = state
        self.account_id = account_id
        self._ids: dict[str, str] = {}
        for record in state.records(account_id, "folders"):
            for name in (record.get("fullName") or record.get("name"), record.get("sysLabel")):
                if name:
                    self._ids.setdefault(name, record["id"])

    def furnish(self, shelves: list[str], labels: list[str]) -> None:
        """The system folders, a few of a person's own, and labels, each of them once."""
        for role, *_ in _SYSTEM:
            self.role(role)
        for name in (*_SHELVES, *shelves):
            self.named(name)
        for name in labels:
            self.named(name, label=True)
        known = {"archive": self.named("Archive"), "sent": self.role("sent")}
        self.state.set_settings(self.account_id, {**self.state.settings(self.account_id), "wellKnown": known})

    def role(self, role: str) -> str:
        """The id of the inbox, sent, draft, trash or junk folder."""
        if role not in self._ids:
            _, google_id, name, label = next(row for row in _SYSTEM if row[0] == role)
            google = self.state.account(self.account_id).service_type == "Google"
            record = {"name": name, "fullName": name, "isFolder": True, "isLabel": False, "sysLabel": label}
            stored = self.state.create(self.account_id, "folders", record, remote_id=google_id if google else None)
            self._ids[role] = self._ids[name] = stored["id"]
        return self._ids[role]

    def named(self, full_name: str, *, label: bool = False) -> str:
        """The id of a folder of the person's own, its parents made where needed."""
        if full_name not in self._ids:
            parent, _, name = full_name.rpartition("/")
            record: Record = {"name": name, "fullName": full_name, "isFolder": not label, "isLabel": label}
            if parent:
                record["parentId"] = self.named(parent)
            self._ids[full_name] = self.state.create(self.account_id, "folders", record)["id"]
        return self._ids[full_name]

    def existing(self, name: str) -> str | None:
        """The id of a folder that is there already."""
        return self._ids.get(name)
