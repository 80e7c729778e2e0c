"""How quickly a mirror answers the API that it mirrors: the feed of all contacts, and one contact after the other, over HTTP.

    python bench/local_api.py [--contacts 100000] [--home FOLDER] [--rounds 3] [--reads 2000] [--nice -5]
    python bench/local_api.py --small            # a few hundred, once: whether it works, not how fast

Makes a mirror of that many contacts (as bench/big_mirror.py does), serves it by `mirror api` as a process of its own, and asks
over one connection on loopback: for the whole feed, for what is new (nothing is), for one record after the other. A client
decodes what it gets, so this one does, too. FOLDER is kept and used again. It never asks faster than it may.
Exit code 1: in no round 10,000 records a second, or in none a 95th percentile of single reads below 5 ms.
"""

from __future__ import annotations

import argparse
import http.client
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import msgspec
from big_mirror import fill

LEAST_A_SECOND = 10_000
LONGEST_MS = 5.0
APART_S = 1 / 1_500  # a token may ask 2,000 times a second


class Api:
    """One connection to the mirror's API, kept open."""

    def __init__(self, url: str, token: str) -> None:
        self.conn = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
        self.headers = {"Authorization": f"Bearer {token}"}
        self.bytes = 0

    def call(self, method: str, path: str) -> dict[str, Any]:
        self.conn.request(method, f"/v1/{path}", headers=self.headers)
        answer = self.conn.getresponse()
        content = answer.read()
        self.bytes += len(content)
        if answer.status != 200:
            sys.exit(f"{method} {path.partition('?')[0]}: {answer.status} {content[:200]!r}")
        return msgspec.json.decode(content, type=dict[str, Any])

    def walk(self, token: str) -> Iterator[dict[str, Any]]:
        """The pages of the feed of contacts."""
        asked = f"deltaToken={quote(token)}"
        while asked:
            page = self.call("GET", f"contacts/sync/updated?{asked}")
            yield page
            asked = f"pageToken={quote(page['nextPageToken'])}" if "nextPageToken" in page else ""


def mirror(home: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "mirror.cli", "--home", str(home), *arguments]


def new_token(home: Path) -> str:
    name = f"bench-{time.time_ns()}"
    typed = mirror(home, "token", "new", name, "--account", "work", "--scope", "Contacts.Read")
    return subprocess.run(typed, check=True, capture_output=True, text=True).stdout.split()[0]


@contextmanager
def served(home: Path) -> Iterator[tuple[str, int]]:
    """The address and the process id of `mirror api`."""
    process = subprocess.Popen(mirror(home, "api", "--port", "0"), stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process.stdout.readline().split()[1], process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)


@dataclass(frozen=True)
class Round:
    """What one round showed: records a second, and milliseconds."""

    ids: list[str]
    rate: float
    nothing_new_p95_ms: float
    single_p95_ms: float


def one_round(api: Api, pid: int, reads: int, chance: random.Random) -> Round:
    ids, token, rate = feed(api, pid)
    polls = [f"contacts/sync/updated?deltaToken={quote(token)}"] * (reads // 4)
    singles = [f"contacts/{quote(one, safe='')}" for one in chance.choices(ids, k=reads)]
    return Round(ids, rate, each(api, pid, "nothing new", polls), each(api, pid, "GET of one", singles))


def feed(api: Api, pid: int) -> tuple[list[str], str, float]:
    """The ids of all contacts, the token that stands after them, and how many came in a second."""
    ids: list[str] = []
    page: dict[str, Any] = {}
    api.bytes, pages, cpu, began = 0, 0, cpu_s(pid), time.perf_counter()
    for page in api.walk(api.call("POST", "contacts/sync")["syncUpdatedToken"]):
        ids += [record["id"] for record in page["records"]]
        pages += 1
    rate, cpu = len(ids) / (time.perf_counter() - began), cpu_s(pid) - cpu
    size = f"{len(ids):,} records in {pages} pages, {api.bytes / 1e6:.0f} MB"
    print(f"feed: {size}: {rate:,.0f} records/s; the server's CPU: {1e6 * cpu / len(ids):.0f} µs a record")
    return ids, page["nextDeltaToken"], rate


def each(api: Api, pid: int, what: str, paths: list[str]) -> float:
    """The 95th percentile of getting these one by one, in milliseconds."""
    times_ms: list[float] = []
    cpu, first = cpu_s(pid), time.perf_counter()
    for number, path in enumerate(paths):
        began = time.perf_counter()
        if (early_s := first + number * APART_S - began) > 0.02:
            time.sleep(early_s)
            began = time.perf_counter()
        api.call("GET", path)
        times_ms.append((time.perf_counter() - began) * 1000)
    centiles, cpu = statistics.quantiles(times_ms, n=100), cpu_s(pid) - cpu
    told = ", ".join(f"p{at} {centiles[at - 1]:.2f} ms" for at in (50, 95, 99))
    print(f"{what}: {told}; the server's CPU: {1000 * cpu / len(paths):.2f} ms a request")
    return centiles[94]


def measure(api: Api, pid: int, rounds: int, reads: int, contacts: int) -> bool:
    """Prints the figures; whether the best round is good enough: in others the machine was busy with something else."""
    chance = random.Random(1)
    made = [one_round(api, pid, reads, chance) for _ in range(rounds)]
    for one in made:
        if len(set(one.ids)) != contacts:
            sys.exit(f"{len(set(one.ids)):,} contacts came, not {contacts:,}")
    return max(one.rate for one in made) >= LEAST_A_SECOND and min(one.single_p95_ms for one in made) < LONGEST_MS


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--contacts", type=int, default=100_000)
    parser.add_argument("--home", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--reads", type=int, default=2000)
    parser.add_argument("--nice", type=int, default=0, help="precedence over other work, for the server and for this")
    parser.add_argument("--small", action="store_true", help="a few hundred contacts, one round")
    chosen = parser.parse_args()
    if chosen.small:
        chosen.contacts, chosen.rounds, chosen.reads = 600, 1, 40
    os.nice(chosen.nice)
    with tempfile.TemporaryDirectory() as folder:
        home = chosen.home or Path(folder) / "home"
        if not (home / "mirror.db").exists():
            wanted = {"contacts": chosen.contacts, "messages": 0, "events": 0, "tasks": 0}
            fill(home, wanted, accounts=1, seed=1, until=datetime.now(UTC).replace(minute=0, second=0, microsecond=0))
        with served(home) as (url, pid):
            good = measure(Api(url, new_token(home)), pid, chosen.rounds, chosen.reads, live(home))
    sys.exit(not good and not chosen.small)


def live(home: Path) -> int:
    """How many contacts there are: some have gone in the days since the first sync."""
    from mirror.store.connection import open_reader

    conn = open_reader(home / "mirror.db")
    try:
        return int(conn.execute("SELECT count(*) FROM contacts WHERE deleted_at IS NULL").fetchone()[0])
    finally:
        conn.close()


if __name__ == "__main__":
    main()
