"""What is measured of the mirror alone: many accounts, idle feeds, commands of a moment, files of a real mailbox."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from cases import (
    EIGHT,
    FAR_EIGHT,
    FAR_ONE,
    HELP,
    IDLE,
    INTERPRETER,
    ONE,
    REAL,
    RESUMED,
    STATUS,
    Bench,
    Row,
    check,
    file_bytes,
    timed,
)
from contenders import MIRROR, Contender, prepared, sync
from measure import Served, cost, environment, mirror, script, served

FEEDS_OF_AN_ACCOUNT = 11  # three lists, contacts, mail, three calendars, three task lists
CURSORS_OF_AN_ACCOUNT = 3 + 2 * 8


def resumed(bench: Bench, kind: str, rows: int, page: int) -> Iterator[Row]:
    """Killed (-9) when half of the pages have been asked for, then run again. What counts is the second run."""
    able = [one for one in bench.contenders if one.later and one.does(kind)]
    found = {one.name: Row(RESUMED, kind, rows, page, one.name) for one in able}
    for _ in range(bench.rounds):
        with served(bench.records(**{kind: rows}), page) as server:
            for number, one in enumerate(able):
                home = bench.home(f"home-{number}")
                if one.name == MIRROR:
                    prepared(home, server.url)
                first = _killed_half_way(one, home, server, kind, -(-rows // page))
                row = found[one.name]
                second = timed(row, one.first(home, server.url, kind), server)["asked"].get("updated", 0)
                row.told = {"pages_there_are": -(-rows // page), "pages_first": first, "pages_then": second}
            check(bench, kind, rows, {one.name: bench.folder / f"home-{number}" for number, one in enumerate(able)})
    yield from found.values()


def _killed_half_way(one: Contender, home: Path, server: Served, kind: str, pages: int) -> int:
    """The pages that were asked for until then."""
    server.steer("stats")
    asked = 0

    def half_way() -> bool:
        nonlocal asked
        time.sleep(0.02)
        asked += server.steer("stats")["asked"].get("updated", 0)
        return asked >= pages / 2

    cost(one.first(home, server.url, kind), kill_when=half_way)
    return asked + int(server.steer("stats")["asked"].get("updated", 0))


def eight_accounts(bench: Bench, rows: int, page: int, wait_ms: float = 0.0) -> Iterator[Row]:
    """As many records in eight accounts at once as in one account alone. `wait_ms`: how far away upstream is."""
    cases = (FAR_EIGHT, FAR_ONE) if wait_ms else (EIGHT, ONE)
    several, alone = (Row(case, "contacts", rows, page, MIRROR) for case in cases)
    for _ in range(bench.rounds):
        for row, accounts in ((several, 8), (alone, 1)):
            with served(bench.records(contacts=rows // accounts), page, wait_ms=wait_ms) as server:
                home = prepared(bench.home("home"), server.url, accounts)
                row.told = timed(row, sync(home, "contacts"), server)
                cost(script("checks.py", "contacts", rows, home / "mirror.db"))
    yield from (several, alone)


def idle_feeds(bench: Bench, accounts: int) -> Iterator[Row]:
    """A pass over feeds in which nothing has happened. Not a row may be written, nor a request be too many."""
    row = Row(IDLE, "feeds", accounts * FEEDS_OF_AN_ACCOUNT, 0, MIRROR)
    with served(bench.records(tasks=100), 250) as server:
        home = prepared(bench.home("home"), server.url, accounts)
        cost(mirror(home, "sync"))
        for _ in range(bench.rounds):
            before = _written(home)
            asked = timed(row, mirror(home, "sync"), server)
            row.told = {
                "records_written": _written(home) - before, "requests": asked["requests"],
                "requests_wanted": accounts * (CURSORS_OF_AN_ACCOUNT + 1), "cpu_ms_per_feed": 0.0,
            }  # fmt: skip
        row.told["cpu_ms_per_feed"] = median(one.cpu_s for one in row.costs) * 1000 / row.rows
    yield row


def _written(home: Path) -> int:
    """The records and versions that were ever written: each took a place in the order of change."""
    conn = sqlite3.connect(f"file:{home / 'mirror.db'}?mode=ro", uri=True)
    found: int = conn.execute("SELECT seq FROM change_order").fetchone()[0]
    conn.close()
    return found


def moments(bench: Bench, rows: int) -> Iterator[Row]:
    """Commands that a person waits for, on a mirror of so many contacts; beside them, Python that does nothing."""
    commands = {
        STATUS: lambda home: mirror(home, "status"),
        HELP: lambda home: mirror(home, "--help"),
        INTERPRETER: lambda _: [sys.executable, "-c", "pass"],
    }
    found = {case: Row(case, "contacts", rows, 250, MIRROR if case != INTERPRETER else "python") for case in commands}
    with served(bench.records(contacts=rows), 250) as server:
        home = prepared(bench.home("home"), server.url)
        cost(sync(home, "contacts"))
    for _ in range(bench.rounds):
        for case, row in found.items():
            row.costs.append(cost(commands[case](home)))
    yield from found.values()


def real_mail(bench: Bench, corpus: Path) -> Iterator[Row]:
    """A folder of .eml, .mbox, .vcf and .ics files through the sandbox, which is a real server and not a quick one."""
    row = Row(REAL, "messages", 0, 50, MIRROR)
    for _ in range(bench.rounds):
        with sandboxed(corpus) as url:
            home = bench.home("home")
            cost(script("prepare.py", home, url, "--token", "sandbox-token"))
            row.costs.append(cost(mirror(home, "sync")))
        conn = sqlite3.connect(f"file:{home / 'mirror.db'}?mode=ro", uri=True)
        row.rows, raw = conn.execute(
            "SELECT count(*), sum(length(CAST(raw AS BLOB)) + ifnull(length(CAST(html AS BLOB)), 0))"
            " FROM messages LEFT JOIN message_bodies ON message_id = messages.id"
        ).fetchone()
        conn.close()
        row.told = {"file_bytes": file_bytes(home / "mirror.db"), "raw_bytes": raw}
    yield row


@contextmanager
def sandboxed(corpus: Path) -> Iterator[str]:
    """The URL of a sandbox that has the files in its account."""
    command = [sys.executable, "-m", "mirror.cli", "sandbox", "--load", str(corpus), "--port", "8919"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment())
    url = "http://127.0.0.1:8919"
    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(
                    urllib.request.Request(f"{url}/v1/account", headers={"Authorization": "Bearer sandbox-token"})
                )
                break
            except OSError:
                time.sleep(0.1)
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
