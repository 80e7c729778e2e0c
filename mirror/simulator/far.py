"""A third party: a mirror of the mirror, which knows nothing of it but its API. In the end it must hold what the mirror holds.

It pulls between the mirror's passes, by a clock of its own, so that the story is the same with it and without. It edits nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote

import httpx

from mirror.clock import VirtualClock
from mirror.contract.dispatch import Asked, Dispatch
from mirror.feed import Settings
from mirror.local_api.app import CHOICES, create
from mirror.local_api.state import Mirror
from mirror.pull import EVERYTHING, pull_account
from mirror.resources import KINDS
from mirror.simulator import checks
from mirror.simulator.ledger import Place
from mirror.sources.aurinko import Aurinko
from mirror.store import api_tokens, journal, sweep
from mirror.store.connection import Store, open_store
from mirror.store.journal import Account

if TYPE_CHECKING:
    from mirror.simulator.world import World

READING = ("Contacts.Read", "Calendar.Read", "Mail.Read", "Tasks.Read")
LONG_AGO = Settings(since="2000-01-01")
MOST_QUIET_PASSES = 8
PAGE_SIZES = (1, 2, 5, 50)


class Far:
    """The mirror of a world's mirror, in a home of its own."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world = world
        self.clock = VirtualClock(world.base.now(), seed=world.story.seed)
        self.store = open_store(folder / "far", self.clock)
        self.store.conn.execute("PRAGMA synchronous = OFF")
        self._tokens: dict[str, str] = {}
        self._choices = replace(
            CHOICES, page_size=PAGE_SIZES[world.story.seed % len(PAGE_SIZES)], page_sizes={}, rate_limit=None
        )

    def follow(self) -> int:
        """One pass over every account that the mirror knows by now. How much it has written."""
        self.clock.sleep((self.world.base.now() - self.clock.now()).total_seconds())
        written = 0
        with self._near() as (near, dispatch):
            for theirs in journal.accounts(near):
                if theirs.remote_id is not None:
                    written += self._pull(near, dispatch, theirs)
        return written

    def faults(self) -> list[str]:
        """What it holds otherwise than the mirror, when both have become quiet."""
        for _ in range(MOST_QUIET_PASSES):
            if not self.follow():
                break
        else:
            return [f"a mirror of the mirror still finds something new after {MOST_QUIET_PASSES} quiet passes"]
        ours, theirs = held(self.world.store), held(self.store)
        gone = {place for place, found in ours.items() if found is None}
        return [
            f"{place}: the mirror has {_told(ours, place)}, a mirror of it {_told(theirs, place)}"
            for place in sorted(ours.keys() | theirs.keys(), key=str)
            # What is in a calendar or list that has vanished stays as it was last seen, in each of them.
            if ours.get(place) != theirs.get(place)
            and Place(place.account, KINDS[place.kind].parent or "", "", place.parent) not in gone
            and not (place not in theirs and self._is_too_late(place))
        ]

    def close(self) -> None:
        self.store.close()

    # --- inside -------------------------------------------------------------------------------------------------------

    @contextmanager
    def _near(self) -> Iterator[tuple[Store, Dispatch]]:
        """The mirror's file over a connection that can't die, and its API."""
        near = open_store(self.world.store.home, self.clock)
        mirror = Mirror(near)
        try:
            yield near, create(mirror, self._choices)
        finally:
            mirror.close()
            near.close()

    def _pull(self, near: Store, dispatch: Dispatch, theirs: Account) -> int:
        account = self._account(near, theirs)
        token, wire = self._tokens[theirs.name], Wire(dispatch)
        source = Aurinko("http://mirror", {"token": token}, clock=self.clock, settings=LONG_AGO, transport=wire)
        written = 0
        try:
            for done in pull_account(self.store, source, account, appetite=EVERYTHING):
                written += done.counts.written + done.counts.completed
                if done.outcome != "ok" and done.feed.state != "held":
                    raise AssertionError(f"a mirror of the mirror: {done.feed.kind} {done.outcome} {done.error}")
        finally:
            source.close()
        return written + self._accept(account)

    def _account(self, near: Store, theirs: Account) -> Account:
        if theirs.name not in self._tokens:
            journal.add_account(self.store, theirs.name, "aurinko", "http://mirror", attachments_up_to_bytes=0)
            self._tokens[theirs.name] = api_tokens.new(near, theirs.name, theirs.id, READING)
        return journal.account_named(self.store, theirs.name)

    def _accept(self, account: Account) -> int:
        """Whatever the mirror has lost, it has lost."""
        held = [feed for feed in journal.feeds(self.store, account.id) if feed.state == "held"]
        for feed in held:
            with self.store.lease(account.id):
                sweep.finish_listing(self.store, feed, checks.counts(), accepted=True)
        return len(held)

    def _is_too_late(self, place: Place) -> bool:
        """Whether an event lies behind the window that is asked for."""
        until = self.store.conn.execute("SELECT min(covers_until) FROM feeds WHERE kind = 'events'").fetchone()[0]
        row = self.world.store.conn.execute(
            "SELECT 1 FROM events WHERE remote_id = ? AND starts_at >= ?", [place.remote_id, until]
        ).fetchone()
        return place.kind == "events" and row is not None


class Wire(httpx.BaseTransport):
    """The way to the mirror's API, on which nothing is lost."""

    def __init__(self, dispatch: Dispatch) -> None:
        self._dispatch = dispatch

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        raw_path, _, query = request.url.raw_path.decode("ascii").partition("?")
        headers = {name.title(): value for name, value in request.headers.items()}
        asked = Asked(request.method, unquote(raw_path), raw_path, parse_qs(query), headers, request.read())
        told = self._dispatch.answer(asked)
        content_type = {"Content-Type": told.content_type} if told.content_type else {}
        return httpx.Response(
            told.status, headers={**told.headers, **content_type}, content=told.content, request=request
        )


def held(store: Store) -> dict[Place, Any]:
    """Every record that was ever known: as upstream sent it, with the body of a mail; None for a tombstone."""
    bodies = dict(store.conn.execute("SELECT message_id, coalesce(html, text) FROM message_bodies").fetchall())
    return {
        Place(one.account, one.kind, one.parent, one.remote_id): None
        if one.row["deleted_at"]
        else (json.loads(one.row["raw"]), bodies.get(one.record_id) if one.kind == "messages" else None)
        for one in checks.histories(store.conn)
    }


def _told(found: dict[Place, Any], place: Place) -> str:
    return (
        "nothing" if place not in found else "a tombstone" if found[place] is None else json.dumps(found[place])[:300]
    )
