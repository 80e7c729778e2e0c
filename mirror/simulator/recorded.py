"""The sandbox's state with a witness: every change, whoever makes it, gets a number and is written into the ledger.

It changes nothing but that: the number stands in each record as a field of upstream's own, `revision`.
"""

from __future__ import annotations

from typing import Any

from mirror.clock import Clock
from mirror.contract.shown import as_html
from mirror.sandbox.accounts import Record
from mirror.sandbox.state import State, looks_like_html
from mirror.simulator.ledger import Entry, Ledger, Place


class RecordedState(State):
    """`names`: what the mirror calls the accounts, by the sandbox's ids."""

    def __init__(self, *, clock: Clock, ledger: Ledger) -> None:
        super().__init__(clock=clock)
        self.names: dict[int, str] = {}
        self._ledger = ledger

    def create(self, account_id: int, kind: str, record: Record, **more: Any) -> Record:
        number = self._ledger.next()
        stored = super().create(account_id, kind, {**record, "revision": f"#{number}#"}, **more)
        body = _shown(more.get("body"), more.get("html"))
        place = self._place(account_id, kind, more.get("parent"), stored["id"])
        self._ledger.write(place, Entry(number, stored, body, more.get("attachments") or {}, self._ledger.by))
        return stored

    def change(self, account_id: int, kind: str, remote_id: str, fields: Record, **more: Any) -> Record:
        number = self._ledger.next()
        stored = super().change(account_id, kind, remote_id, {**fields, "revision": f"#{number}#"}, **more)
        place = self._place(account_id, kind, more.get("parent"), remote_id)
        before = self._ledger.entries[place][-1]
        body = before.body if more.get("body") is None else _shown(more["body"], more.get("html"))
        contents = before.attachments if more.get("attachments") is None else more["attachments"]
        self._ledger.write(place, Entry(number, stored, body, contents, self._ledger.by))
        return stored

    def delete(self, account_id: int, kind: str, remote_id: str, *, parent: str | None = None) -> None:
        super().delete(account_id, kind, remote_id, parent=parent)
        place = self._place(account_id, kind, parent, remote_id)
        self._ledger.write(place, Entry(self._ledger.next(), None, by=self._ledger.by))

    def _place(self, account_id: int, kind: str, parent: str | None, remote_id: str) -> Place:
        return Place(self.names[account_id], kind, parent or "", remote_id)


def _shown(body: str | None, html: bool | None) -> str | None:
    """A body as the mirror asks for it."""
    if body is None or (looks_like_html(body) if html is None else html):
        return body
    return as_html(body)
