"""What the HTTP contract asks to have done. Types only: the sandbox's provider does it at once, a mirror takes it in."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from mirror.contract.backend import Record

if TYPE_CHECKING:
    from mirror.contract.wire import Call


class Writer(Protocol):
    """Called within the transaction of its request, with fields that were checked and records as they were read in it.

    What it returns is what the answer shows. Raises: Refusal, for what it will not do.
    """

    def catch_up(self, call: Call) -> None:
        """Do first what was to happen by now: mail that was to leave at a set time."""

    def create(self, call: Call, kind: str, fields: Record, parent: str | None = None) -> Record: ...
    def change(self, call: Call, kind: str, stored: Record, fields: Record, parent: str | None = None) -> Record: ...
    def delete(self, call: Call, kind: str, stored: Record, parent: str | None = None) -> None: ...
    def respond(self, call: Call, calendar_id: str, event: Record, given: Record) -> None: ...

    def mark(self, call: Call, message: Record, given: Record) -> None: ...
    def trash(self, call: Call, message: Record) -> None: ...
    def send(self, call: Call, given: Record, answers: Record | None = None) -> Record:
        """The mail that leaves, or is to; `answers`: the message that it is a reply to."""

    def draft(self, call: Call, given: Record, replaces: Record | None = None) -> str:
        """The id of the draft."""

    def delete_draft(self, call: Call, draft: Record) -> None: ...
    def send_draft(self, call: Call, draft: Record, send_at: datetime | None) -> None: ...
    def choose_folders(self, call: Call, chosen: Record) -> Record: ...

    def remove_account(self, call: Call) -> None: ...
    def revoke_token(self, call: Call) -> None: ...


def recipients(record: Record, *fields: str) -> Sequence[str]:
    """The addresses in these fields of a mail, in lower case, each once."""
    every = [str(one.get("address") or "").lower() for field in fields for one in record.get(field) or []]
    return list(dict.fromkeys(address for address in every if address))
