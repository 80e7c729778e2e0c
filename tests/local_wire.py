"""How tests talk to the mirror's own API: a sandbox, a mirror of it, and a client of the mirror without sockets.

Every request and answer is held against the vendor's file, as those of the sandbox are; `beyond` asks what is not in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
from flask import Flask
from openapi import API_FILE
from sandbox_wire import Box, Transport, validated
from worlds import SandboxUpstream, World

from mirror.clock import VirtualClock
from mirror.contract.choices import Choices
from mirror.contract.grant import SCOPES
from mirror.feed import Settings
from mirror.local_api.app import CHOICES, create_app
from mirror.sandbox.options import Options
from mirror.store import api_tokens, journal

# No limit by the second: the clock of these tests stands still.
SMALL_PAGES = replace(CHOICES, page_size=3, page_sizes={}, rate_limit=None)


@dataclass(frozen=True)
class Local:
    """A mirrored mailbox and a program that uses the mirror. It stands still in January 2026."""

    world: World
    upstream: SandboxUpstream
    app: Flask
    token: str
    http: httpx.Client

    @property
    def clock(self) -> VirtualClock:
        return self.upstream.clock

    @property
    def beyond(self) -> httpx.Client:
        """The same program, asking for what only mirrors have."""
        return client(self.app, self.token, checked=False)

    def token_for(self, *scopes: str) -> str:
        """Another token, which may do this alone."""
        return api_tokens.new(self.world.store, " ".join(scopes), self.world.account.id, scopes)

    def settle(self) -> None:
        """What waits goes upstream, and comes back."""
        self.world.push()
        self.world.pull()

    # The same walks as a client of the sandbox does.
    walk = Box.walk
    start = Box.start
    pages = Box.pages


def local(
    folder: Path, *, writable: bool = True, choices: Choices = SMALL_PAGES, scopes: Sequence[str] = SCOPES,
    service_type: str = "Google",
) -> Local:  # fmt: skip
    """A mirror of a mailbox with a primary calendar, a default task list, and nothing in them; not pulled yet."""
    everything = Settings(since="2000-01-01")
    upstream = SandboxUpstream(Options(page_size=50), settings=everything, service_type=service_type)
    account_id = upstream.account.id
    upstream.state.change(account_id, "calendars", "home", {"primary": True})
    upstream.state.change(account_id, "task_lists", "chores", {"defaultList": True})
    world = World(upstream, folder / "home")
    journal.set_writable(world.store, world.account.id, writable)
    token = api_tokens.new(world.store, "tests", world.account.id, scopes)
    app = create_app(world.store, choices)
    return Local(world, upstream, app, token, client(app, token))


def client(app: Flask, token: str, *, checked: bool = True) -> httpx.Client:
    """A client of the mirror. Without the vendor's file, in a clone on its own, the same tests still say what it does."""
    transport = Transport(validated(app) if checked and API_FILE.exists() else app)
    headers: dict[str, Any] = {"Authorization": f"Bearer {token}"}
    return httpx.Client(transport=transport, base_url="http://mirror.example/v1", headers=headers)
