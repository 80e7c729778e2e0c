"""The records that the simulated person may touch next. It reads them anew each time, since others change them too."""

from __future__ import annotations

import random
from collections.abc import Callable

from mirror.sandbox.state import PARENTS, Record, State

Key = tuple[str | None, str]


class Pool:
    """The live records of one kind, by parent and id, to draw from."""

    def __init__(self, state: State, account_id: int, kind: str, chance: random.Random) -> None:
        self.state, self.account_id, self.kind, self.chance = state, account_id, kind, chance
        self._keys: list[Key] = [
            (parent, record["id"])
            for parent in self.parents()
            for record in state.records(account_id, kind, parent=parent)
        ]

    def __len__(self) -> int:
        return len(self._keys)

    def parents(self) -> list[str | None]:
        """Where such records may be made: the ids of calendars or task lists, or just None."""
        if self.kind not in PARENTS:
            return [None]
        return [record["id"] for record in self.state.records(self.account_id, PARENTS[self.kind])]

    def add(self, record: Record, parent: str | None = None) -> None:
        self._keys.append((parent, record["id"]))

    def draw(self, wanted: Callable[[Record], bool] = bool, *, tries: int = 30) -> tuple[str | None, Record] | None:
        """The parent and a record that is as wanted, or None where a few tries find none. Later ones are likelier."""
        for _ in range(tries):
            if not self._keys:
                return None
            place = int(len(self._keys) * self.chance.random() ** 0.5)
            parent, remote_id = self._keys[place]
            record = self.state.read(self.account_id, self.kind, remote_id, parent=parent)
            if record is None:
                self._keys[place] = self._keys[-1]
                self._keys.pop()
            elif wanted(record):
                return parent, record
        return None

    def change(self, record: Record, fields: Record, parent: str | None = None) -> None:
        self.state.change(self.account_id, self.kind, record["id"], fields, parent=parent)

    def delete(self, record: Record, parent: str | None = None) -> None:
        self.state.delete(self.account_id, self.kind, record["id"], parent=parent)
