"""Whether a mirror that has become quiet holds what upstream holds, and its history what it was told. It writes nothing."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from mirror import clock as clocks
from mirror.contract.spans import span
from mirror.resources import KINDS
from mirror.simulator import checks
from mirror.simulator.checks import History, Version
from mirror.simulator.invented import received_at
from mirror.simulator.ledger import Entry, Ledger, Place, omitted_names
from mirror.simulator.witness import Witness
from mirror.store import attachments, incomplete, journal, records
from mirror.store.connection import Store
from mirror.store.journal import Account, FeedRow

if TYPE_CHECKING:
    from mirror.simulator.world import World

EDGE = timedelta(days=3)  # round the ends of a window, where either is right
EDGE_OF_DAYS = timedelta(days=20)  # where it is counted back from a clock, as far as clocks are wrong here


class Broken(Exception):
    """A promise that did not hold, found before the end."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__(faults)
        self.faults = faults


def faults(world: World) -> list[str]:
    """Everything that is wrong, in words; none is what we want."""
    conn = world.store.conn
    found = list(checks.histories(conn))
    wrong = checks.file_faults(conn, found)
    wrong += history_faults(found, world.ledger, world.witness)
    windows = _windows(world)
    wrong += content_faults(found, world.ledger, windows)
    wrong += _content_beside(world, found)
    return wrong + [
        f"stuck: {row[0]} {row[1]}" for row in conn.execute("SELECT remote_id, reason FROM stuck WHERE gone_at IS NULL")
    ]


# --- history against what was told ----------------------------------------------------------------------------------------


def history_faults(found: list[History], ledger: Ledger, witness: Witness) -> list[str]:
    """Every state that was told and committed is there once and in order, and nothing else is."""
    wrong: list[str] = []
    places = set()
    for history in found:
        place = Place(history.account, history.kind, history.parent, history.remote_id)
        places.add(place)
        wrong += [f"{history.name}: {fault}" for fault in _history(history, place, ledger, witness)]
    for place, told in witness.told.items():
        if place not in places and any(one.number is not None for one in told):
            wrong.append(f"{place}: it was delivered, and is not there")
    return wrong


def _history(history: History, place: Place, ledger: Ledger, witness: Witness) -> Iterator[str]:
    told = witness.of(place)
    numbers = [version.number for version in history.versions if version.deleted_at is None]
    delivered = {one.number for one in told}
    for version in history.versions:
        if version.deleted_at is None:
            yield from _version(version, place, ledger, delivered)
    if any(at in numbers[:place] and not _completed(history, place) for place, at in enumerate(numbers)):
        yield f"states are there more than once: {numbers}"
    elif numbers != sorted(numbers, key=lambda number: number or 0):
        yield f"states are out of order: {numbers}"
    for one in told:
        if one.number is not None and one.number not in numbers:
            later = [n for n in numbers if n is not None and n > one.number]
            if not later or not any(
                o.order < one.order and o.number is not None and o.number > one.number for o in told
            ):
                yield f"state #{one.number}# was told, and is not in its history {numbers}"
    yield from _tombstones(history, place, ledger, witness)
    yield from _kept_fields(history)


def _completed(history: History, place: int) -> bool:
    """Whether the live version at this place is the one before it with what had been left out: a second look at one state,
    and a version of its own when it shows something else than was known."""
    live = [version for version in history.versions if version.deleted_at is None]
    earlier, later = live[place - 1], live[place]
    return earlier.number == later.number and "omitted" in json.loads(earlier.raw)


def _version(version: Version, place: Place, ledger: Ledger, delivered: set[int | None]) -> Iterator[str]:
    number = version.number
    if number not in delivered:
        yield f"seq {version.seq} holds state #{number}#, which was never told"
        return
    entry = ledger.state(place, number or 0)
    if entry is None or entry.fields is None:
        yield f"seq {version.seq} holds state #{number}#, which it never had upstream"
    elif difference := differs(json.loads(version.raw), entry.fields):
        yield f"seq {version.seq}, state #{number}#: {difference}"


def differs(stored: dict[str, Any], upstream: dict[str, Any]) -> str | None:
    """How a stored record is not upstream's; fields that it says were left out may be missing or of an earlier state."""
    left_out = omitted_names(stored) | {"omitted", "photo"}
    nested = "attendees" in stored.get("omitted", ())
    for name in sorted({*stored, *upstream} - left_out):
        mine, theirs = stored.get(name), upstream.get(name)
        if nested and name == "meetingInfo":
            mine, theirs = _without_attendees(mine), _without_attendees(theirs)
        elif (name in stored) != (name in upstream):
            return f"{name} is {'' if name in stored else 'not '}there, upstream it is otherwise"
        if mine != theirs:
            return f"{name} is {mine!r:.80}, upstream it is {theirs!r:.80}"
    return None


def _without_attendees(meeting: Any) -> dict[str, Any]:
    return {key: value for key, value in (meeting or {}).items() if key != "attendees"}


def _tombstones(history: History, place: Place, ledger: Ledger, witness: Witness) -> Iterator[str]:
    gone = [entry.number for entry in ledger.entries.get(place, ()) if entry.fields is None]
    reports = [one for one in witness.of(place) if one.number is None]
    versions = history.versions
    if versions[0].deleted_at is not None:
        yield "its history begins with a deletion"
    for at, version in enumerate(versions):
        if version.deleted_at is None or at == 0:
            continue
        before = versions[at - 1].number or 0
        after = versions[at + 1].number or 0 if at + 1 < len(versions) else 1 << 60
        if not any(before < number < after for number in gone):
            yield f"seq {version.seq} says deleted ({version.deletion}), but upstream still had it"
        if version.deletion == "reported" and not reports:
            yield f"seq {version.seq} says that the deletion was reported, which it was not"
        times = {one.at for one in reports}
        if version.deletion == "reported" and reports and None not in times and version.deleted_at not in times:
            yield f"seq {version.seq} says deleted at {version.deleted_at}, upstream said {sorted(map(str, times))}"


def _kept_fields(history: History) -> Iterator[str]:
    """What was known and is then left out stays known."""
    for earlier, later in pairwise(history.versions):
        if earlier.deleted_at is not None or later.deleted_at is not None:
            continue
        was, now = json.loads(earlier.raw), json.loads(later.raw)
        lost = [name for name in omitted_names(now) if name in was and name not in now]
        if "attendees" in now.get("omitted", ()) and "attendees" in (was.get("meetingInfo") or {}):
            lost += ["meetingInfo.attendees"] * ("attendees" not in now.get("meetingInfo", {"attendees": []}))
        if lost:
            yield f"seq {later.seq} has forgotten {lost}, which upstream only left out"


# --- rows against upstream ------------------------------------------------------------------------------------------------

Window = tuple[str | None, str | None]


def content_faults(found: list[History], ledger: Ledger, windows: dict[tuple[str, str, str], Window]) -> list[str]:
    """Live rows are upstream's records. `windows`: what the feeds cover, by account, kind and parent; those not in it have
    stopped, and what they contained stays as it was."""
    wrong = []
    live = {Place(h.account, h.kind, h.parent, h.remote_id): h for h in found if h.versions[-1].deleted_at is None}
    for place, history in live.items():
        if place[:3] in windows:
            fault = _live(history, ledger.now(place), windows[place[:3]])
            if fault:
                wrong.append(f"{history.name}: {fault}")
    for place in ledger.entries:
        entry = ledger.now(place)
        if entry is None or place in live or place[:3] not in windows:
            continue
        if not _perhaps_outside(place.kind, entry.fields or {}, windows[place[:3]]):
            wrong.append(
                f"{place.account} {place.kind} {place.remote_id[-12:]}: #{entry.number}# is upstream, and not here"
            )
    return wrong


def _live(history: History, entry: Entry | None, window: Window) -> str | None:
    stored = json.loads(history.row["raw"])
    if entry is None:
        if _perhaps_outside(history.kind, stored, window):
            return None
        return f"state #{history.versions[-1].number}# is live, but upstream it is gone"
    assert entry.fields is not None
    difference = differs(stored, entry.fields)
    if difference and not _perhaps_outside(history.kind, entry.fields, window):
        return f"state #{history.versions[-1].number}# is live, upstream has #{entry.number}#: {difference}"
    return None


def _perhaps_outside(kind: str, fields: dict[str, Any], window: Window) -> bool:
    """Whether a record lies outside what the feed covers, or so near to its ends that it may."""
    if KINDS[kind].covers == "whole":
        return False
    if kind == "messages":
        at = clocks.moment(received_at(fields))
        spans = [(at, at)]
    else:  # an occurrence that was moved lies at both places
        spans = [span(fields), span({**fields, "occurrenceInfo": None})]
    since, until = window
    edge = EDGE if kind == "events" else EDGE_OF_DAYS
    return any(
        (since is not None and ends < clocks.moment(since) + edge)
        or (until is not None and starts > clocks.moment(until) - EDGE)
        for starts, ends in spans
    )


def _windows(world: World) -> dict[tuple[str, str, str], Window]:
    return {
        (account.name, feed.kind, feed.parent or ""): (feed.covers_from, feed.covers_until)
        for account in journal.accounts(world.store)
        for feed in journal.feeds(world.store, account.id)
        if feed.state != "stopped"
    }


def _content_beside(world: World, found: list[History]) -> Iterator[str]:
    """Bodies and attachments of live records are upstream's, and nothing waits to be completed."""
    conn = world.store.conn
    # What upstream has refused to give again and again waits for its next change, or for `mirror retry`.
    rows = conn.execute(
        "SELECT feeds.kind, record_id FROM incomplete JOIN feeds ON feeds.id = feed_id WHERE tries >= ?",
        [incomplete.MOST_READS],
    )
    refused = {tuple(row) for row in rows}
    bodies = dict(conn.execute("SELECT message_id, html FROM message_bodies").fetchall())
    for history in found:
        place = Place(history.account, history.kind, history.parent, history.remote_id)
        entry = world.ledger.now(place)
        if entry is None or history.versions[-1].number != entry.number or not world.upstream.has_home(place):
            continue
        if (history.kind, history.record_id) in refused:
            continue
        if history.kind == "messages" and bodies.get(history.record_id) != entry.body:
            yield f"{history.name}: its body is {bodies.get(history.record_id)!r}, upstream it is {entry.body!r}"
        if "omitted" in json.loads(history.row["raw"]) and not _outside_by_row(world, history):
            yield f"{history.name}: it was never completed"
        if KINDS[history.kind].attachments:
            yield from _attachments(world, history, entry)


def _outside_by_row(world: World, history: History) -> bool:
    window = _windows(world).get((history.account, history.kind, history.parent), (None, None))
    return _perhaps_outside(history.kind, json.loads(history.row["raw"]), window)


def _attachments(world: World, history: History, entry: Entry) -> Iterator[str]:
    limit = world.setting.of(history.account).attachments_up_to_bytes
    owner = KINDS[history.kind].singular
    rows = {row["remote_id"]: row for row in world.store.conn.execute(
        f"SELECT * FROM attachments WHERE {owner}_id = ? AND removed_at IS NULL", [history.record_id])}  # fmt: skip
    for name, content in entry.attachments.items():
        row = rows.get(name)
        wanted = limit is None or 0 < limit >= len(content)
        if row is None:
            yield f"{history.name}: attachment {name} is missing"
        elif not wanted:
            if row["kept"] != "policy":
                yield f"{history.name}: attachment {name} is {row['kept']}, though it is not wanted"
        elif row["kept"] == "failed":  # given up after a few passes, and told so
            continue
        elif row["kept"] != "yes" or row["sha256"] != hashlib.sha256(content).hexdigest():
            yield f"{history.name}: attachment {name} is {row['kept']}"
        elif attachments.blob(world.store, row["sha256"]) != content:
            yield f"{history.name}: the bytes of attachment {name} are others"


# --- on the way -----------------------------------------------------------------------------------------------------------


def unsettled(world: World) -> list[str]:
    """The feeds that are not where quiet should have brought them."""
    return [
        f"{account.name} {feed.kind} {feed.state} {feed.error or ''}".rstrip()
        for account in journal.accounts(world.store)
        for feed in journal.feeds(world.store, account.id)
        if feed.state not in ("following", "stopped")
    ]


def held_is_true(world: World, account: Account, feed: FeedRow) -> bool:
    """Whether upstream really has lost every record that a held sweep would bury."""
    return all(
        not world.upstream.is_live(Place(account.name, feed.kind, feed.parent or "", remote_id))
        for remote_id in _would_bury(world.store, feed)
    )


def _would_bury(store: Store, feed: FeedRow) -> list[str]:
    column, value = records.place(KINDS[feed.kind], feed)
    rows: list[sqlite3.Row] = store.conn.execute(
        f"SELECT remote_id, raw FROM {feed.kind} WHERE {column} = ? AND deleted_at IS NULL AND generation < ?",
        [value, feed.generation],
    ).fetchall()
    window = (feed.covers_from, feed.covers_until)
    return [row[0] for row in rows if not _surely_outside(feed.kind, json.loads(row[1]), window)]


def _surely_outside(kind: str, fields: dict[str, Any], window: Window) -> bool:
    since, until = window
    if KINDS[kind].covers == "whole" or fields.get("recurrenceType") == "master":
        return False
    if kind == "messages":
        starts = ends = clocks.moment(received_at(fields))
    else:
        starts, ends = span({**fields, "occurrenceInfo": None})
    return (since is not None and ends < clocks.moment(since) - EDGE) or (
        until is not None and starts > clocks.moment(until) + EDGE
    )


def most_requests(world: World) -> int:
    """More than a pass over one account could need, whatever happens on the wire."""
    return 400 + 40 * len(world.ledger.entries) + 40 * 12
