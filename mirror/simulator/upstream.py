"""Upstream as the simulator moves it: what people and providers do to a mailbox.

It acts on the sandbox's state only, which writes each act into the ledger, and never on the mirror.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from mirror import clock as clocks
from mirror.contract.tokens import Tokens
from mirror.sandbox.state import PARENTS, State
from mirror.simulator import invented
from mirror.simulator.ledger import Ledger, Place

Fields = dict[str, Any]
LEAVES = ("contacts", "events", "messages", "tasks")

# What happens to a mailbox, and how often it does.
ACTS = {
    "create": 26, "change": 30, "delete": 16, "come back": 8, "move mail": 8, "change a parent": 4, "create a parent": 2,
    "delete a parent": 2, "parent comes back": 3, "delete silently": 3, "expire tokens": 3, "expire page tokens": 4,
    "die": 1, "cancel an instance": 3, "many": 2, "replace": 7,
}  # fmt: skip


class Upstream:
    """The mailboxes of a simulation. `ids` are the sandbox's account ids by the mirror's names of them."""

    def __init__(self, state: State, tokens: Tokens, ledger: Ledger, ids: dict[str, int]) -> None:
        self.state = state
        self.tokens = tokens
        self.ledger = ledger
        self.ids = ids
        self.expired = 0
        self._acts: dict[str, Callable[[random.Random, str], str | None]] = {
            "create": self._create_some, "change": self._change_some, "delete": self._delete_some,
            "come back": self._come_back, "move mail": self._move_mail, "change a parent": self._change_parent,
            "create a parent": self._create_parent, "delete a parent": self._delete_parent,
            "parent comes back": self._parent_comes_back, "delete silently": self._delete_silently,
            "expire tokens": self._expire, "expire page tokens": self._expire_pages, "die": self._die,
            "cancel an instance": self._cancel_instance, "many": self._many, "replace": self._replace,
        }  # fmt: skip

    def act(self, chance: random.Random) -> str | None:
        """Something happens; a sentence that says what, None when it couldn't."""
        account = chance.choice(list(self.ids))
        act = chance.choices(list(ACTS), weights=list(ACTS.values()))[0]
        said = self._acts[act](chance, account)
        return None if said is None else f"upstream of {account}: {said}"

    def touch(self, chance: random.Random, place: Place) -> str | None:
        """Somebody else is at the same record."""
        if not self.is_live(place) or not self.has_home(place):
            return None
        if place.kind in LEAVES and chance.random() < 0.15 and self._to_delete([place]):
            self._delete(place)
            return f"upstream of {place.account}: deleted {_name(place)}, too"
        self._change(chance, place)
        return f"upstream of {place.account}: changed {_name(place)}, too {self._mark(place)}"

    def settle(self, account: str, chance: random.Random, amounts: dict[str, int]) -> None:
        """Furnish a new mailbox."""
        for kind, amount in amounts.items():
            for _ in range(amount):
                self._create(chance, account, kind)

    def revive(self) -> None:
        """All credentials are good again."""
        for account_id in self.ids.values():
            self.state.set_token_status(account_id, "active")

    def is_live(self, place: Place) -> bool:
        return self.ledger.now(place) is not None

    def has_home(self, place: Place) -> bool:
        """Whether the calendar or list that a record is in exists."""
        parent = PARENTS.get(place.kind)
        return parent is None or self.is_live(Place(place.account, parent, "", place.parent))

    # --- single records -----------------------------------------------------------------------------------------------

    def _create(self, chance: random.Random, account: str, kind: str, *, remote_id: str | None = None,
                parent: str | None = None, like: Fields | None = None) -> Place | None:  # fmt: skip
        if kind in PARENTS and parent is None:
            parents = self.ledger.live(account, PARENTS[kind])
            if not parents:
                return None
            parent = chance.choice(parents).remote_id
        number = self.ledger.coming
        record, body, contents = invented.record(kind, number, chance, self._now(), self._folder(account, chance))
        if like is not None:
            record = {**record, **like}
        stored = self.state.create(
            self.ids[account],
            kind,
            record,
            parent=parent,
            remote_id=remote_id,
            body=body,
            html=True,
            attachments=contents,
        )
        return Place(account, kind, parent or "", stored["id"])

    def _change(self, chance: random.Random, place: Place) -> None:
        number = self.ledger.coming
        before = self.ledger.now(place)
        assert before is not None
        fields, body = invented.change(place.kind, number, chance, before.fields or {}, self._now())
        self.state.change(
            self.ids[place.account], place.kind, place.remote_id, fields, parent=place.parent or None, body=body,
            html=None if body is None else True,
        )  # fmt: skip

    def _delete(self, place: Place, *, silently: bool = False) -> None:
        self.state.delete(self.ids[place.account], place.kind, place.remote_id, parent=place.parent or None)
        if silently:
            self.state.write(
                "DELETE FROM tombstones WHERE account_id = ? AND kind = ? AND parent = ? AND remote_id = ?",
                (self.ids[place.account], place.kind, place.parent, place.remote_id),
            )

    def _pick(self, chance: random.Random, account: str, kinds: tuple[str, ...] = LEAVES) -> Place | None:
        kind = chance.choice(kinds)
        places = [place for place in self.ledger.live(account, kind) if self.has_home(place)]
        return chance.choice(places) if places else None

    def _to_delete(self, places: list[Place]) -> list[Place]:
        """Those that are gone when they are deleted: the instance behind a deleted exception is still there to be read."""
        return [place for place in places if "occurrenceInfo" not in self._fields(place) and self.has_home(place)]

    def _fields(self, place: Place) -> Fields:
        entry = self.ledger.now(place)
        return entry.fields or {} if entry is not None else {}

    def _folder(self, account: str, chance: random.Random) -> str | None:
        folders = self.ledger.live(account, "folders")
        return chance.choice(folders).remote_id if folders else None

    def _now(self) -> datetime:
        return self.state.clock.now()

    # --- acts -----------------------------------------------------------------------------------------------------------

    def _create_some(self, chance: random.Random, account: str) -> str | None:
        place = self._create(chance, account, chance.choice((*LEAVES, "folders")))
        return place and f"new {_name(place)} {self._mark(place)}"

    def _change_some(self, chance: random.Random, account: str) -> str | None:
        place = self._pick(chance, account)
        if place is None:
            return None
        self._change(chance, place)
        return f"changed {_name(place)} {self._mark(place)}"

    def _delete_some(self, chance: random.Random, account: str) -> str | None:
        kind = chance.choice((*LEAVES, "folders"))
        places = self._to_delete(self.ledger.live(account, kind))
        if len(places) < (2 if kind == "folders" else 1):
            return None
        place = chance.choice(places)
        self._delete(place)
        return f"deleted {_name(place)}"

    def _come_back(self, chance: random.Random, account: str) -> str | None:
        """Re-created under its own id."""
        kind = chance.choice(("contacts", "events", "messages", "tasks"))
        gone = [place for place in self.ledger.gone(account, kind) if self.has_home(place)]
        if not gone:
            return None
        place = chance.choice(gone)
        self._create_again(chance, place)
        return f"re-created {_name(place)} {self._mark(place)}"

    def _replace(self, chance: random.Random, account: str) -> str | None:
        """Deleted and re-created under one id before anybody can look."""
        places = self._to_delete(self.ledger.live(account, chance.choice(LEAVES)))
        if not places:
            return None
        place = chance.choice(places)
        self._delete(place)
        self.state.clock.sleep(chance.choice((0.0, 1.0, 600.0)))
        self._create_again(chance, place)
        return f"deleted {_name(place)} and re-created it {self._mark(place)}"

    def _create_again(self, chance: random.Random, place: Place) -> None:
        """Under its own id. What a mail is now may differ; when it was received does not."""
        before = next((entry.fields for entry in reversed(self.ledger.entries[place]) if entry.fields is not None), {})
        like = {"receivedAt": invented.received_at(before)} if place.kind == "messages" else None
        self._create(
            chance, place.account, place.kind, remote_id=place.remote_id, parent=place.parent or None, like=like
        )

    def _move_mail(self, chance: random.Random, account: str) -> str | None:
        """Into another folder; where ids change with that, under a new id."""
        place = self._pick(chance, account, ("messages",))
        folder = self._folder(account, chance)
        if place is None or folder is None:
            return None
        entry = self.ledger.now(place)
        assert entry is not None
        assert entry.fields is not None
        service = self.state.account(self.ids[account]).service_type
        if service in ("EWS", "IMAP"):
            kept: Fields = {
                name: entry.fields[name]
                for name in ("internetMessageId", "from", "to", "internetHeaders")
                if name in entry.fields
            }
            kept["receivedAt"] = invented.received_at(entry.fields)
            self._delete(place)
            new = self._create(chance, account, "messages", like={**kept, "folderId": folder})
            return f"moved {_name(place)}, which is now {new and _name(new)}"
        self._change(chance, place)
        return f"moved {_name(place)} {self._mark(place)}"

    def _change_parent(self, chance: random.Random, account: str) -> str | None:
        place = self._pick(chance, account, ("calendars", "task_lists", "folders"))
        if place is None:
            return None
        self._change(chance, place)
        return f"renamed {_name(place)} {self._mark(place)}"

    def _create_parent(self, chance: random.Random, account: str) -> str | None:
        kind = chance.choice(("calendars", "task_lists"))
        if len(self.ledger.live(account, kind)) > 3:
            return None
        place = self._create(chance, account, kind)
        return place and f"new {_name(place)} {self._mark(place)}"

    def _delete_parent(self, chance: random.Random, account: str) -> str | None:
        kind = chance.choice(("calendars", "task_lists"))
        places = self.ledger.live(account, kind)
        if len(places) < 2:
            return None
        place = chance.choice(places)
        contained = {parent: child for child, parent in PARENTS.items()}[kind]
        with_it = chance.random() < 0.5
        if with_it:
            for child in self.ledger.live(account, contained, place.remote_id):
                self._delete(child)
        self._delete(place)
        return f"deleted {_name(place)} {'with' if with_it else 'without'} what it contained"

    def _parent_comes_back(self, chance: random.Random, account: str) -> str | None:
        kind = chance.choice(("calendars", "task_lists"))
        gone = self.ledger.gone(account, kind)
        if not gone:
            return None
        place = chance.choice(gone)
        self._create(chance, account, kind, remote_id=place.remote_id)
        return f"re-created {_name(place)} {self._mark(place)}"

    def _delete_silently(self, chance: random.Random, account: str) -> str | None:
        """No feed will tell: cursors expire with it, as only a new listing can show it."""
        names = []
        for _ in range(chance.choice((1, 1, 2, 5))):
            places = self._to_delete(self.ledger.live(account, chance.choice(LEAVES)))
            if places:
                place = chance.choice(places)
                self._delete(place, silently=True)
                names.append(_name(place))
        self._forget_tokens()
        return f"deleted silently: {', '.join(names)}; all tokens have expired"

    def _expire(self, chance: random.Random, account: str) -> str | None:  # noqa: ARG002  (of all accounts at once)
        self._forget_tokens()
        return "all tokens have expired"

    def _expire_pages(self, chance: random.Random, account: str) -> str | None:  # noqa: ARG002
        self.tokens.expire("page")
        return "page tokens have expired"

    def _forget_tokens(self) -> None:
        self.tokens.expire()
        self.expired += 1

    def _die(self, chance: random.Random, account: str) -> str | None:
        self.state.set_token_status(self.ids[account], chance.choice(("dead", "invalid")))
        return "its credentials have died"

    def _cancel_instance(self, chance: random.Random, account: str) -> str | None:
        """One instance of a series is cancelled: an exception, a bare tombstone, or a change of the series alone."""
        places = [p for p in self.ledger.live(account, "events") if self.has_home(p) and self._is_series(p)]
        if not places:
            return None
        place = chance.choice(places)
        entry = self.ledger.now(place)
        assert entry is not None
        assert entry.fields is not None
        form = chance.choice(("occurrence", "tombstone", "exclusion"))
        start = clocks.moment(entry.fields["start"]["dateTime"]) + timedelta(days=7 * chance.randrange(1, 9))
        original = {"dateTime": clocks.text(start), "timezone": "UTC"}
        if form == "occurrence":
            info = {"type": "deleted", "originalStart": original, "masterId": place.remote_id}
            number = self.ledger.coming
            end = {"dateTime": clocks.text(start + timedelta(hours=1)), "timezone": "UTC"}
            record = {"subject": f"cancelled #{number}#", "start": original, "end": end, "occurrenceInfo": info}
            self.state.create(self.ids[account], "events", record, parent=place.parent)
        elif form == "tombstone":
            self.state.bury(self.ids[account], "events", f"{place.remote_id}_{start:%Y%m%d}", parent=place.parent)
        else:
            self._change(chance, place)
        return f"cancelled an instance of {_name(place)} as {form}"

    def _is_series(self, place: Place) -> bool:
        fields = self._fields(place)
        return fields.get("recurrenceType") == "master" and "dateTime" in fields["start"]

    def _many(self, chance: random.Random, account: str) -> str | None:
        """Enough at once to be held: most of a kind is deleted, or all of it."""
        kind = chance.choice(LEAVES)
        places = self._to_delete(self.ledger.live(account, kind))
        share = chance.choice((0.3, 0.6, 1.0))
        for place in places:
            if chance.random() < share:
                self._delete(place)
        return f"deleted about {share:.0%} of {len(places)} {kind}"

    def _mark(self, place: Place) -> str:
        entry = self.ledger.now(place)
        return f"#{entry.number}#" if entry else ""


def _name(place: Place) -> str:
    return f"{place.kind} {place.remote_id[-12:]}"
