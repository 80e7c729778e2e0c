"""A mirror that is told: an account that is followed, the webhook's address before its pages, and who signs what it says."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import httpx

from mirror import credentials
from mirror.cli.webhook import Receiving, receiving
from mirror.clock import VirtualClock
from mirror.credentials import App
from mirror.feed import Feed, Subscribed
from mirror.pull import pull_account
from mirror.sources.memory import Memory
from mirror.store import journal, subscriptions
from mirror.store.connection import Store, open_store
from mirror.store.subscriptions import Place
from mirror.web import create_datasette
from mirror.web.access import Access, Asgi
from mirror.webhook import signature_of

BASE_URL = "https://api.aurinko.io"
SECRET = "what-only-upstream-and-we-know"
MAILBOX = "42"
PUBLIC = "https://mirror.example.org"
PLACES = {"contacts": "/contacts", "messages": "/email/messages", "events": "/calendars/work/events",
          "tasks": "/tasklists/chores/tasks"}  # fmt: skip


def signed(body: bytes, at: str = "1700000000", secret: str = SECRET) -> dict[str, str]:
    """The headers of a notification."""
    return {
        "X-Aurinko-Request-Timestamp": at,
        "X-Aurinko-Signature": signature_of(secret, b"v0:" + at.encode() + b":" + body),
    }


def notification(resource: str = "/contacts", subscription: int = 1, **more: Any) -> bytes:
    told = {"subscription": subscription, "resource": resource, "accountId": int(MAILBOX), **more}
    return json.dumps(told).encode()


class Told:
    """One home with one account, on a virtual clock, served in process."""

    def __init__(self, home: Path, *, secret: str | None = SECRET, access: Access | None = None) -> None:
        self.clock = VirtualClock()
        self.store: Store = open_store(home, self.clock)
        self.source = Memory(self.clock, remote_id=MAILBOX)
        self.source.put(Feed("calendars"), "work", {"name": "Work"})
        self.source.put(Feed("task_lists"), "chores", {"title": "Chores"})
        self.account = journal.add_account(self.store, "work", "memory", BASE_URL)
        self.pull()
        if secret is not None:
            credentials.keep_app(home, App(BASE_URL, "id", "client-secret", secret))
        self.receiving: Receiving = receiving(self.store, self.clock, PUBLIC)
        self.hurried: list[set[int]] = []
        self.access = access or Access()
        self.pages = create_datasette(self.store.path, access=access).app()
        self.app = self.in_front(self.receiving.take(lambda ids: self.hurried.append(set(ids))))

    def in_front(self, take: Any) -> Asgi:
        return self.receiving.hook.in_front_of(self.pages, take, guarded=self.access.password_hash is not None)

    @property
    def path(self) -> str:
        return self.receiving.address.url.removeprefix(PUBLIC)

    def pull(self) -> None:
        for done in pull_account(self.store, self.source, self.account):
            assert done.outcome == "ok", done

    def subscribe(self, kind: str, remote_id: str = "1") -> Place:
        (place,) = [
            (feed.kind, feed.parent_id)
            for feed in journal.known_feeds(self.store, self.account.id)
            if feed.kind == kind
        ]
        made = Subscribed(remote_id, PLACES[kind], self.receiving.address.url)
        subscriptions.keep(self.store, self.account.id, place, made)
        return place

    def ask(self, method: str = "POST", path: str | None = None, **more: Any) -> httpx.Response:
        return self.ask_all([(method, self.path if path is None else path, more)])[0]

    def tell(self, body: bytes, **more: Any) -> httpx.Response:
        return self.ask(content=body, headers=signed(body, **more))

    def ask_all(
        self, requests: Sequence[tuple[str, str, dict[str, Any]]], *, at_once: bool = False
    ) -> list[httpx.Response]:
        return asyncio.run(_asked(self.app, requests, at_once))

    def hints(self) -> list[tuple[str, bool]]:
        rows = self.store.conn.execute("SELECT kind, pulled_at IS NOT NULL FROM hints ORDER BY id")
        return [(row[0], bool(row[1])) for row in rows]

    def close(self) -> None:
        self.receiving.store.close()
        self.store.close()


async def _asked(app: Asgi, requests: Sequence[tuple[str, str, dict[str, Any]]], at_once: bool) -> list[httpx.Response]:
    transport = httpx.ASGITransport(app=app)  # raises what the application raises
    async with httpx.AsyncClient(transport=transport, base_url="http://some-tunnel.example") as client:
        asking = [client.request(method, path, **more) for method, path, more in requests]
        if at_once:
            return list(await asyncio.gather(*asking))
        return [await one for one in asking]


class Subscriptions:
    """An upstream's subscriptions, of which it calls the address as upstream does."""

    def __init__(self, validate: Callable[[], bool] = lambda: True) -> None:
        self.found: list[Subscribed] = []
        self.asked: list[tuple[str, str]] = []
        self.refuse: dict[str, Exception] = {}
        self.validate = validate
        self.numbers = iter(range(100, 1000))

    def resource(self, feed: Feed) -> str | None:
        return PLACES.get(feed.kind)

    def subscriptions(self) -> list[Subscribed]:
        self.asked.append(("list", ""))
        if "list" in self.refuse:
            raise self.refuse["list"]
        return list(self.found)

    def subscribe(self, resource: str, url: str) -> Subscribed:
        self.asked.append(("subscribe", resource))
        if resource in self.refuse:
            raise self.refuse[resource]
        self.validate()
        self.found.append(Subscribed(str(next(self.numbers)), resource, url))
        return self.found[-1]

    def unsubscribe(self, remote_id: str) -> None:
        self.asked.append(("unsubscribe", remote_id))
        self.found = [one for one in self.found if one.remote_id != remote_id]
