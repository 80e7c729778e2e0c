"""How quickly pages answer on a big mirror while a sync writes to it: each is asked for again and again, over loopback.

    python bench/pages.py HOME [--rounds 20] [--only TEXT] [--json FILE] [--port 8918] [--no-sync]

HOME is a mirror as bench/big_mirror.py makes them; it is written to. A server runs as a process of its own, and another
process writes pages of changes through the store, about twenty transactions a second. Prints 50th and 95th percentiles, and
what the server computes for a page (with what it does beside it).
Exit code 1: a page took longer than 300 ms in more than 5 of 100 times, or did not answer.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import httpx

LIMIT_MS = 300
SYNC = Path(__file__).with_name("sync_writer.py")
METADATA = Path(__file__).resolve().parents[1] / "datasette_metadata.json"
TABLES = ("contacts", "events", "messages", "tasks", "attachments", "message_recipients", "event_attendees", "versions",
          "runs", "contact_emails")  # fmt: skip
VIEWS = ("records", "tombstones", "changes", "all_versions", "agenda", "feed_status")
"""Without `people`, which works out who is who among everybody: seconds on a big mirror. It has a page of its own."""

Paths = dict[str, list[str]]


def own_pages(conn: sqlite3.Connection, chance: random.Random) -> Paths:
    """Our own pages, each with a few addresses that differ in what they show."""

    def some(sql: str) -> list[Any]:
        found = [row[0] for row in conn.execute(sql)]
        return chance.sample(found, min(len(found), 12))

    days = [(datetime.now(UTC) - timedelta(days=chance.randint(-30, 900))).strftime("%Y-%m-%d") for _ in range(8)]
    folders = [row[0] for row in conn.execute("SELECT id FROM folders ORDER BY id LIMIT 12")]
    long_threads = some(
        "SELECT max(id) FROM messages WHERE account_id = 1 GROUP BY thread_id HAVING count(*) > 8 LIMIT 300"
    )
    busy = some(
        "SELECT from_email FROM messages WHERE account_id = 1 GROUP BY from_email ORDER BY count(*) DESC LIMIT 40"
    )
    rare_words = [row[0].split()[-1] for row in conn.execute(
        "SELECT subject FROM messages WHERE length(subject) > 30 LIMIT 12")]  # fmt: skip
    messages = some("SELECT id FROM messages WHERE id % 9973 = 0")
    known = some(
        "SELECT contact_id FROM contact_emails WHERE email IN (SELECT from_email FROM messages WHERE id % 997 = 0)"
    )
    return {
        "home": ["/"],
        "search, common words": [f"/search?q={word}" for word in ("the", "report", "please+thanks", "meeting")],
        "search, rare words": [f"/search?{urlencode({'q': word})}" for word in rare_words],
        "search, a name": [f"/search?q={name}" for name in ("Petersen", "Annika", "Müller")],
        "search, filtered": ["/search?q=report+from:annika", "/search?q=invoice+has:attachment", "/search?q=the&kind=events"],
        "mail": ["/mail"],
        "mail, a folder": [f"/mail?folder={folder}" for folder in folders],
        "mail, one message": [f"/mail/{one}" for one in messages],
        "mail, a long thread": [f"/mail/{one}" for one in long_threads],
        "calendar, month": [f"/calendar/month/{day}" for day in days],
        "calendar, week": [f"/calendar/week/{day}" for day in days],
        "calendar, agenda": [f"/calendar/agenda/{day}" for day in days],
        "event": [f"/events/{one}" for one in some("SELECT id FROM events WHERE attendee_count > 0 LIMIT 5000")],
        "event, 100 attendees": [f"/events/{one}" for one in some("SELECT id FROM events WHERE attendee_count > 100")],
        "contacts": ["/contacts"],
        "contact": [f"/contacts/{one}" for one in some("SELECT id FROM contacts WHERE id % 997 = 0")],
        "contact, a correspondent": [f"/contacts/{one}" for one in known],
        "people": ["/people"],
        "person": [f"/people/{quote(one, safe='@')}" for one in busy],
        "tasks": ["/tasks"],
        "task": [f"/tasks/{one}" for one in some("SELECT id FROM tasks")],
        "history": ["/history"],
        "history of a mail": [f"/history/messages/{one}" for one in some(
            "SELECT record_id FROM versions WHERE kind = 'messages' LIMIT 500")],
        "sync": ["/sync"],
    }  # fmt: skip


def table_pages(client: httpx.Client, conn: sqlite3.Connection, chance: random.Random) -> Paths:
    """Datasette's pages: first and second pages of tables and views, searches, filters, rows."""
    found: Paths = {"database": ["/mirror"]}
    for table in (*TABLES, *VIEWS):
        found[f"table {table}"] = [f"/mirror/{table}"]
        answer = client.get(f"/mirror/{table}.json", params={"_size": 50, "_nofacet": 1, "_nocount": 1}).json()
        if answer.get("next"):
            found[f"table {table}, page 2"] = [f"/mirror/{table}?{urlencode({'_next': answer['next']})}"]
    for table in ("contacts", "events", "messages", "tasks"):
        found[f"table {table}, search"] = [
            f"/mirror/{table}?_search={word}" for word in ("report", "the", "petersen", "TG-4711")
        ]
        found[f"table {table}, JSON"] = [f"/mirror/{table}.json?_shape=array"]
        ids = [row[0] for row in conn.execute(f"SELECT id FROM {table} WHERE id % 97 = 5 LIMIT 400")]
        found[f"row of {table}"] = [f"/mirror/{table}/{one}" for one in chance.sample(ids, 8)]
    for table in ("accounts", "calendars", "folders", "task_lists"):
        found[f"row of {table}"] = [f"/mirror/{table}/{number}" for number in (1, 2)]
    sender = conn.execute("SELECT from_email FROM messages WHERE id = 777").fetchone()[0]
    found["table messages, one sender"] = [f"/mirror/messages?{urlencode({'from_email': sender})}"]
    found["table messages, a folder"] = ["/mirror/messages?folder_id=1", "/mirror/messages?folder_id=7"]
    found["table messages, unread"] = ["/mirror/messages?unread=1"]
    found["table messages, oldest first"] = ["/mirror/messages?_sort=received_at"]
    return found


def canned_queries() -> Paths:
    """Each question with nothing filled in."""
    metadata = json.loads(METADATA.read_text(encoding="utf-8"))
    return {f"query {name}": [f"/mirror/{name}"] for name in metadata["databases"]["mirror"]["queries"]}


@contextmanager
def running(command: list[str], ready: Callable[[], bool]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        began = time.monotonic()
        while not ready():
            if process.poll() is not None or time.monotonic() - began > 60:
                raise SystemExit(f"{' '.join(command)} did not start")
            time.sleep(0.1)
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def cpu_ms(pid: int) -> float:
    """What a process has computed so far: on a machine that does other work too, a better measure than the clock."""
    threads = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(thread.read_text().split()[0]) for thread in threads) / 1e6


@dataclass(slots=True)
class Page:
    """What a page has taken so far."""

    name: str
    taken_ms: list[float] = field(default_factory=list)
    cpu_ms: float = 0.0
    bytes: int = 0
    wrong: str = ""

    def figures(self) -> dict[str, Any]:
        return {
            "page": self.name, "p50_ms": percentile(self.taken_ms, 50), "p95_ms": percentile(self.taken_ms, 95),
            "cpu_ms": round(self.cpu_ms / len(self.taken_ms), 1), "bytes": self.bytes, "wrong": self.wrong,
        }  # fmt: skip


def measure(client: httpx.Client, server: int, paths: Paths, rounds: int) -> list[dict[str, Any]]:
    """What each page took. The pages take turns, so that none is asked for when all of it is still at hand."""
    pages = [Page(name) for name, addresses in paths.items() if addresses]
    for number in range(rounds):
        for page in pages:
            addresses = paths[page.name]
            ask(client, server, page, addresses[number % len(addresses)])
        print(f"round {number + 1} of {rounds}", end="\r", file=sys.stderr, flush=True)
    return [page.figures() for page in pages]


def ask(client: httpx.Client, server: int, page: Page, path: str) -> None:
    before, began = cpu_ms(server), time.perf_counter()
    try:
        answer = client.get(path)
        page.bytes = max(page.bytes, len(answer.content))
        if answer.status_code != 200:
            page.wrong = f"answered {answer.status_code} to {path}"
    except httpx.TimeoutException:
        page.wrong = f"no answer to {path}"
    page.taken_ms.append((time.perf_counter() - began) * 1000)
    page.cpu_ms += cpu_ms(server) - before


def percentile(values: list[float], percent: int) -> float:
    return round(sorted(values)[max(0, math.ceil(len(values) * percent / 100) - 1)], 1)


def tell(figures: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Print the figures; returns those that are not good enough."""
    bad = [one for one in figures if one["p95_ms"] > LIMIT_MS or one["wrong"]]
    width = max(len(one["page"]) for one in figures)
    print(f"| {'page':<{width}} | p50 ms | p95 ms | CPU ms |  kB |")
    print(f"|{'-' * (width + 2)}|-------:|-------:|-------:|----:|")
    for one in figures:
        times = " | ".join(f"{one[name]:6.0f}" for name in ("p50_ms", "p95_ms", "cpu_ms"))
        mark = one["wrong"] or ("too slow" if one in bad else "")
        print(f"| {one['page']:<{width}} | {times} | {one['bytes'] // 1000:3} |{' ' + mark if mark else ''}")
    return bad


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("home", type=Path)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--only", default="", help="pages whose name holds this text")
    parser.add_argument("--json", type=Path, help="where the figures go as JSON")
    parser.add_argument("--port", type=int, default=8918)
    parser.add_argument("--no-sync", action="store_true", help="measure without anything being written")
    chosen = parser.parse_args()
    url = f"http://127.0.0.1:{chosen.port}"
    server = [sys.executable, "-m", "mirror.cli", "--home", str(chosen.home), "serve", "--port", str(chosen.port)]
    conn = sqlite3.connect(f"file:{chosen.home / 'mirror.db'}?mode=ro", uri=True)
    chance = random.Random(1)
    client = httpx.Client(base_url=url, timeout=30, follow_redirects=True)
    with running(server, lambda: answers(url)) as process, client:
        pages = own_pages(conn, chance) | table_pages(client, conn, chance) | canned_queries()
        pages = {name: paths for name, paths in pages.items() if chosen.only in name}
        conn.close()
        if chosen.no_sync:
            figures = measure(client, process.pid, pages, chosen.rounds)
        else:
            with running([sys.executable, str(SYNC), str(chosen.home)], lambda: True):
                figures = measure(client, process.pid, pages, chosen.rounds)
    if chosen.json:
        chosen.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    if bad := tell(figures):
        raise SystemExit(f"{len(bad)} of {len(figures)} pages are too slow or do not answer")


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/-/versions.json", timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


if __name__ == "__main__":
    main()
