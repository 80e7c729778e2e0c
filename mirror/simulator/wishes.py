"""What the person wanted, kept apart from the outbox: each edit with what was seen and what should be, path by path.

It judges what is written upstream against that, and at the end what has become of each edit. It writes nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from mirror.fields import FORMS, Field, canonical, is_empty, key_of
from mirror.merge import Overlap
from mirror.merge.comparing import PUT_AWAY, readable
from mirror.sandbox.state import PARENTS
from mirror.simulator.ledger import Entry, Ledger, Place, number_of

EDIT_MARK = re.compile(r"#edit-\d+#")
MAIL = ("mail", "drafts", "reply")
SEEN_BY_NOBODY = (
    "messages",
    "calendars",
)  # kinds without an etag: what comes between reading and writing is lost on all sides

Flat = dict[str, str]


def flat(form: str, record: Mapping[str, Any] | None) -> Flat:
    """A record's writable fields, path by path: a part of an object, an entry of a list by its key."""
    found: dict[str, list[str]] = {}
    for part in FORMS[form].fields:
        for path, value in _flat(part, part.name, readable(form, record or {}).get(part.name)):
            found.setdefault(path, []).append(value)
    return {path: " ".join(sorted(values)) for path, values in found.items()}


def _flat(known: Field, path: str, value: Any) -> Iterator[tuple[str, str]]:
    if is_empty(value) or not known.writable or not known.shown:
        return
    if known.type == "list" and isinstance(value, list) and known.entry is not None:
        for entry in value:
            if told := canonical(known.entry, entry):
                yield f"{path}[{key_of(known, entry)}]", told
    elif known.type == "object" and isinstance(value, dict) and not known.unit:
        for part in known.fields:
            yield from _flat(part, f"{path}.{part.name}", value.get(part.name))
    elif told := canonical(known, value):
        yield path, told


def _head(path: str) -> str:
    """The top-level field that a path is in."""
    return re.split(r"[.\[]", path)[0]


def paths_of(form: str, overlap: Overlap) -> set[str]:
    """What an overlap is about: its path, and an entry of a list also under the key that I gave it."""
    name, entry, _ = overlap.path.partition("[")
    head, *parts = name.split(".")
    known = FORMS[form].part(head)
    for part in parts:
        known = known.part(part) if known is not None else None
    if not entry or known is None:
        return {overlap.path}
    mine = overlap.mine if isinstance(overlap.mine, list) else [overlap.mine]
    return {overlap.path, *(path for path, _ in _flat(known, name, mine))}


def _is_both(told: str, one: str, other: str) -> bool:
    """Whether an entry that was added on both sides says what either of them said of it, and nothing else."""
    try:
        whole, *sides = (json.loads(text) for text in (told, one, other))
    except ValueError:  # nothing was there, or several entries
        return False
    if not all(isinstance(side, dict) for side in (whole, *sides)):
        return False
    return bool(whole == {**sides[0], **sides[1]} == {**sides[1], **sides[0]})


@dataclass(frozen=True, slots=True)
class Change:
    """One path: what the person saw there, and what should be there. Empty: nothing."""

    saw: str
    want: str


def changes(form: str, seen: Mapping[str, Any] | None, wanted: Mapping[str, Any]) -> dict[str, Change]:
    before, after = flat(form, seen), flat(form, wanted)
    return {
        path: Change(before.get(path, ""), after.get(path, ""))
        for path in sorted({*before, *after})
        if before.get(path, "") != after.get(path, "")
    }


@dataclass(slots=True)
class Wish:
    """An edit as the person remembers it."""

    id: int
    account: str
    kind: str
    verb: str
    form: str
    since: int  # the number of upstream's last state when it was made
    wants: dict[str, Change]
    saw: int | None = None  # the number of the state that it was made over
    mark: str | None = None
    text: str | None = None
    ended_at: int | None = None  # taken back when upstream's states had come to this number
    sent: list[int] = field(default_factory=list)

    def and_then(self, verb: str, wants: dict[str, Change]) -> None:
        """More of the same edit."""
        for path, change in wants.items():
            mine = self.wants.get(path)
            saw = mine.saw if mine is not None and mine.want == change.saw else change.saw
            self.wants[path] = Change(saw, change.want)
        self.wants = {path: change for path, change in self.wants.items() if change.saw != change.want}
        self.verb = verb


class Wishes:
    """All of them, by the ids of their edits."""

    def __init__(self, ledger: Ledger, first_mark: int = 0) -> None:
        self.ledger = ledger
        self.known: dict[int, Wish] = {}
        self.faults: list[str] = []
        self.refused: set[int] = set()  # edits that upstream has said no to, and that were sent again
        self.remade: set[str] = set()  # marks of what a person has made anew, after it was deleted
        self._marks = first_mark

    def new_mark(self) -> str:
        self._marks += 1
        return f"#edit-{self._marks}#"

    # --- while it is written --------------------------------------------------------------------------------------------

    def asked(self, wish: Wish, fields: Mapping[str, Any]) -> None:
        """What a request says of a record is what was wanted, and nothing besides."""
        if wish.verb != "change" or wish.form in MAIL:
            return
        heads = {_head(path) for path in wish.wants}
        if heads & {"start", "end"}:
            heads |= {"start", "end", "recurrence"}
        for name in sorted(set(fields) - heads):
            self.faults.append(f"edit {wish.id}: a request has {name} in it, which nobody changed")

    def written(self, wish: Wish, length: int, looked: dict[Place, int]) -> None:
        """The states that a request has made since the ledger had this length. `looked`: the state last read of each record."""
        for place in self.ledger.since(length):
            entries = self.ledger.entries[place]
            for before, entry in zip([None, *entries[:-1]], entries, strict=True):
                if entry.by == wish.id and entry.number not in wish.sent:
                    wish.sent.append(entry.number)
                    if wish.ended_at is not None:
                        self.faults.append(f"edit {wish.id} was taken back, and yet written as #{entry.number}#")
                    self.faults += [f"edit {wish.id}: {fault}" for fault in
                                    self._effect(wish, place, before, entry, looked.get(place))]  # fmt: skip

    def _effect(
        self, wish: Wish, place: Place, before: Entry | None, entry: Entry, looked: int | None
    ) -> Iterator[str]:
        if before is None or before.fields is None or wish.form in MAIL or place.account != wish.account:
            return
        raced = looked is not None and before.number > looked
        if entry.fields is None:
            if (
                wish.verb == "delete"
                and place.kind != "messages"
                and not raced
                and not self._went_with_its_series(wish, place, before.fields)
                and not self._was_seen(wish, place, before)
            ):
                yield f"deleted {place.kind} in state #{before.number}#, which nobody saw"
            return
        if wish.verb != "change":
            return
        was, now = flat(wish.form, before.fields), flat(wish.form, entry.fields)
        if raced and place.kind in SEEN_BY_NOBODY:
            was = self._as_read(wish, place, was, looked or 0)
        for path in sorted({*was, *now}):
            old, new = was.get(path, ""), now.get(path, "")
            wanted = wish.wants.get(path)
            if old == new or (wanted is not None and wanted.saw == "" and _is_both(new, old, wanted.want)):
                continue
            if wanted is None:
                yield f"{path} became {new!r:.80} from {old!r:.80}, which nobody wanted"
            elif new != wanted.want:
                yield f"{path} became {new!r:.80}, not {wanted.want!r:.80}"
            elif old != wanted.saw and path not in ("unread", "archived"):
                yield f"{path} was {old!r:.80} and is covered, which nobody saw ({wanted.saw!r:.80})"

    def _as_read(self, wish: Wish, place: Place, was: Flat, looked: int) -> Flat:
        """What the record was as far as push could know: the fields that it writes as it read them, the others as they were.

        A field is written whole. What somebody put into it after it was read can't be kept where no etag guards it.
        """
        read = next(entry for entry in reversed(self.ledger.entries[place]) if entry.number <= looked)
        written = {_head(path) for path in wish.wants}
        kept = {path: value for path, value in was.items() if _head(path) not in written}
        return kept | {p: value for p, value in flat(wish.form, read.fields).items() if _head(p) in written}

    def _went_with_its_series(self, wish: Wish, place: Place, fields: Mapping[str, Any]) -> bool:
        """Whether it was upstream who deleted it, because the series that it is of was deleted.

        Whoever deletes a series wants to see no instance of it again. Which of them have been changed since can't be asked
        for: instances are no part of the series' own record, and neither its etag nor a feed at rest tells of new ones.
        """
        series = place._replace(remote_id=str((fields.get("occurrenceInfo") or {}).get("masterId")))
        last = self.ledger.entries.get(series, [None])[-1]
        return last is not None and last.fields is None and last.by == wish.id

    def _was_seen(self, wish: Wish, place: Place, state: Entry) -> bool:
        """Whether everything between what the person saw and this state is our own doing."""
        since = wish.saw or 0
        return all(entry.by is not None for entry in self.ledger.entries[place] if since < entry.number <= state.number)

    # --- when it is quiet -----------------------------------------------------------------------------------------------

    def marked(self) -> dict[str, set[str]]:
        """For every mark, the records that ever had it: mail by its Message-Id, which a move leaves as it is."""
        found: dict[str, set[str]] = {}
        for place, entries in self.ledger.entries.items():
            for entry in entries:
                if entry.fields is None:
                    continue
                for mark in EDIT_MARK.findall(json.dumps(entry.fields)):
                    name = entry.fields.get("internetMessageId") if place.kind == "messages" else None
                    found.setdefault(mark, set()).add(name or repr(place))
        return found

    def became(self, wish: Wish, place: Place | None) -> str | None:
        """Why upstream never was as a settled edit wants it; None: it was. `place`: of its record."""
        states = [entry for one in self.ledger.entries.values() for entry in one if entry.by == wish.id]
        of_record = self.ledger.entries.get(place, []) if place is not None else []
        at = max((n for n, entry in enumerate(of_record) if entry.number <= wish.since), default=0)
        states += of_record[at:]
        if wish.verb == "delete":
            done = self._lost_its_home(place) or any(
                entry.fields is None or _is_put_away(entry.fields) for entry in states
            )
            return None if done else "it is settled, and was never deleted"
        if wish.verb == "respond":
            wanted = wish.wants["response"].want
            done = any(
                canonical(None, ((entry.fields or {}).get("meetingInfo") or {}).get("response")) == wanted
                for entry in states
            )
            return None if done else f"it is settled, and was never answered with {wanted}"
        if wish.verb in ("send", "reply") or wish.form in MAIL:
            return None  # counted by their marks
        if any(entry.fields is not None and self._has(wish, entry) for entry in states):
            return None
        return f"it is settled, and upstream never had { ({path: change.want for path, change in wish.wants.items()}) }"

    def _lost_its_home(self, place: Place | None) -> bool:
        """Whether the calendar or list of a record was gone at some time: nothing in it can be reached then."""
        if place is None or place.kind not in PARENTS:
            return False
        home = self.ledger.entries[Place(place.account, PARENTS[place.kind], "", place.parent)]
        return any(entry.fields is None for entry in home)

    def _has(self, wish: Wish, entry: Entry) -> bool:
        now = flat(wish.form, entry.fields)
        untold = PUT_AWAY & set(
            (entry.fields or {}).get("sysLabels") or ()
        )  # of these nobody can see whether they are archived
        return all(
            now.get(path, "") == change.want or (path == "archived" and untold) for path, change in wish.wants.items()
        )


def _is_put_away(fields: dict[str, Any]) -> bool:
    return "trash" in (fields.get("sysLabels") or []) or (fields.get("occurrenceInfo") or {}).get("type") == "deleted"


def revised(wish: Wish, seen: Mapping[str, Any] | None, wanted: Mapping[str, Any]) -> Wish:
    """The wish after a person has decided a conflict, seeing upstream's side."""
    return replace(wish, wants=changes(wish.form, seen, wanted), saw=number_of(json.dumps(seen)) if seen else wish.saw)
