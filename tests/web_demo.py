"""A mirror for the tests of the pages: the synthetic person, pulled through the real path, who then lives on a little."""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
from datasette.app import Datasette
from sandbox_wire import Transport

from mirror.clock import SystemClock
from mirror.pull import pull_account
from mirror.sandbox.app import create_app
from mirror.sandbox.options import Options
from mirror.sandbox.person import populate
from mirror.sandbox.state import State
from mirror.sources.aurinko import Aurinko
from mirror.store import journal
from mirror.store.connection import open_store
from mirror.web import create_datasette

SCHEMA = Path(__file__).resolve().parents[1] / "schema.sql"


@cache
def demo_home() -> Path:
    """A home folder with a mirror that was pulled twice, with changes and deletions in between."""
    home = Path(tempfile.mkdtemp(prefix="mirror-web-"))
    clock = SystemClock()  # the pages' queries ask SQLite for the time, so the person's year must be this one
    clock.random.seed(7)
    state = State(":memory:", clock=clock)
    person = state.add_account(email="ada@example.org", name="Ada Lindqvist", token="web-token")
    populate(state, clock=clock, account_id=person.id)
    source = Aurinko(
        "http://sandbox.test/v1", {"token": "web-token"}, clock=clock, transport=Transport(create_app(state, Options()))
    )
    store = open_store(home, clock)
    account = journal.add_account(store, "ada", "aurinko", "http://sandbox.test", attachments_up_to_bytes=0)
    pull(store, source, account)
    live_on(state, person.id)
    pull(store, source, account)
    source.close()
    store.close()
    return home


def pull(store: Any, source: Any, account: Any) -> None:
    outcomes = [
        (done.feed.kind, done.outcome) for done in pull_account(store, source, journal.account(store, account.id))
    ]
    assert {outcome for _, outcome in outcomes} == {"ok"}, outcomes


def live_on(state: State, account_id: int) -> None:
    """Some of everything that happens to records: changed twice, moved, done, thrown away."""
    contacts = state.records(account_id, "contacts")
    for number, contact in enumerate(contacts[:5]):
        state.change(account_id, "contacts", contact["id"], {"nickName": f"Nick {number}"})
    state.delete(account_id, "contacts", contacts[9]["id"])
    for calendar in state.records(account_id, "calendars"):
        single = [
            e for e in state.records(account_id, "events", parent=calendar["id"]) if e["recurrenceType"] == "single"
        ]
        state.delete(account_id, "events", single[0]["id"], parent=calendar["id"])
    for task_list in state.records(account_id, "task_lists"):
        tasks = state.records(account_id, "tasks", parent=task_list["id"])
        # Which tasks are open depends on the day: it is this year that the person lives in.
        done = next((task for task in tasks if task["status"] != "completed"), tasks[0])
        gone = next(task for task in tasks if task is not done)
        state.change(account_id, "tasks", done["id"], {"status": "completed"}, parent=task_list["id"])
        state.delete(account_id, "tasks", gone["id"], parent=task_list["id"])


def browse(path: Path) -> Datasette:
    return create_datasette(path)


def get(datasette: Datasette, path: str, **query: Any) -> httpx.Response:
    """An answer of the pages, in process."""
    url = f"{path}?{urlencode(query)}" if query else path
    return asyncio.run(datasette.client.get(url))


def blank_mirror(folder: Path) -> Path:
    """A mirror.db with the schema and nothing in it."""
    path = folder / "mirror.db"
    conn = sqlite3.connect(path)
    conn.executescript(SCHEMA.read_text(encoding="utf-8"))
    conn.close()
    return path


def insert(path: Path, table: str, **values: Any) -> int:
    """A row, with what every record must have filled in; the search index of its table is made anew."""
    conn = sqlite3.connect(path)
    columns = {row[1] for row in conn.execute(f"PRAGMA table_info({table})")}
    seq = 1 + conn.execute("SELECT seq FROM change_order").fetchone()[0]
    given: Mapping[str, Any] = {
        "account_id": 1, "remote_id": f"{table}-{seq}", "observed_at": "2026-01-05T09:00:00.000Z", "seq": seq,
        "generation": 1, "raw": "{}", "marker": "m",
        "source": "aurinko", "base_url": "http://x.test", "created_at": "2026-01-05T09:00:00.000Z",
    }  # fmt: skip
    row = {name: value for name, value in given.items() if name in columns} | values
    if table == "accounts":
        row.pop("remote_id")
    with conn:
        made = conn.execute(
            f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", list(row.values())
        ).lastrowid
        conn.execute("UPDATE change_order SET seq = ?", (seq,))
        if conn.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (f"{table}_fts",)).fetchone():
            conn.execute(f"INSERT INTO {table}_fts({table}_fts) VALUES ('rebuild')")
    conn.close()
    return int(made or 0)
