"""What an idle `mirror run` costs: 200 accounts of 8 feeds each, polled in their usual intervals, one of them dead and one
slow. Prints the CPU share of the process and how late its passes were. Figures are kept in bench/README.md.

    python bench/idle.py [--accounts 200] [--seconds 60]
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from mirror import credentials
from mirror.resources import KINDS
from mirror.store import journal
from mirror.store.connection import open_store

EMPTY = {"records": [], "length": 0, "nextDeltaToken": "d"}
LISTS = {
    "/v1/calendars": [{"id": "work", "name": "Work"}, {"id": "home", "name": "Home"}],
    "/v1/tasklists": [{"id": "tasks", "title": "Tasks"}],
    "/v1/email/folders": [{"id": "inbox", "name": "Inbox"}],
}


class Upstream(BaseHTTPRequestHandler):
    """A mailbox in which nothing ever happens."""

    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        token = self.headers["Authorization"].split()[1]
        path = self.path.partition("?")[0]
        if token == "dead":
            return self.send(401, {"code": "token.dead", "message": "Not authorized"})
        if token == "slow":
            time.sleep(20)
        if path == "/v1/account":
            return self.send(200, {"id": int(token) if token.isdigit() else 0, "email": f"{token}@example.org"})
        if path in LISTS:
            return self.send(200, {"records": LISTS[path], "length": len(LISTS[path])})
        if path.endswith("/sync"):
            return self.send(200, {"ready": True, "syncUpdatedToken": "u", "syncDeletedToken": "d"})
        return self.send(200, EMPTY)

    do_GET = do_POST = answer  # noqa: N815

    def send(self, status: int, body: object) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Nothing."""


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--accounts", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=60)
    chosen = parser.parse_args()
    if sys.argv[0].endswith("idle.py") and os.fork() == 0:
        serve_forever()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        run(home, chosen.accounts, chosen.seconds)


def serve_forever() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 8917), Upstream)
    server.request_queue_size = 256
    threading.Timer(600, os._exit, [0]).start()
    server.serve_forever()


def run(home: Path, accounts: int, seconds: float) -> None:
    store = open_store(home)
    tokens = [*map(str, range(1, accounts - 1)), "dead", "slow"]
    for token in tokens:
        journal.add_account(store, f"a{token}", "aurinko", "http://127.0.0.1:8917")
        credentials.save(home, f"a{token}", {"token": token}, in_file=True)
    process = subprocess.Popen([sys.executable, "-m", "mirror.cli", "--home", str(home), "run", "--port", "0"],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
    reader = sqlite3.connect(home / "mirror.db")
    caught_up = "SELECT count(DISTINCT account_id) FROM feeds WHERE kind = 'messages' AND caught_up_at IS NOT NULL"
    began = time.monotonic()
    while reader.execute(caught_up).fetchone()[0] < accounts - 2 and time.monotonic() - began < 300:
        time.sleep(0.5)
    print(f"first sync of {accounts} accounts: {time.monotonic() - began:.0f} s")
    time.sleep(5)
    before, started = cpu_s(process.pid), time.monotonic()
    time.sleep(seconds)
    share = (cpu_s(process.pid) - before) / (time.monotonic() - started)
    passes = reader.execute(
        "SELECT count(*) FROM runs WHERE started_at > strftime('%Y-%m-%dT%H:%M:%fZ', 'now', ?)", [f"-{seconds} seconds"]
    ).fetchone()[0]
    late = reader.execute(
        "SELECT max(unixepoch('now') - unixepoch(caught_up_at)) FROM feeds JOIN accounts ON accounts.id = account_id"
        " WHERE kind = 'messages' AND accounts.name NOT IN ('adead', 'aslow')"
    ).fetchone()[0]
    print(
        f"idle: {100 * share:.1f} % of one core, {100 * share / (os.cpu_count() or 1):.1f} % of this machine;"
        f" {passes / seconds:.1f} passes a second; the longest wait of a mail feed:"
        f" {late} s of {KINDS['messages'].interval_s} s"
    )
    process.send_signal(signal.SIGTERM)
    process.wait(10)


if __name__ == "__main__":
    main()
