"""The server that every contender reads from: pages put together before anybody asks, sent as fast as a socket takes
them.

    python bench/upstream.py FOLDER [--page 250] [--port 0] [--wait-ms 0]

It speaks as much of Aurinko's API as a pass needs: an account, lists, the start of a sync, both of its feeds, 410 for a
cursor that has expired. `FOLDER` is what `workload.py` wrote. Accounts differ by the first part of the path (`/a3/v1/…`
is number 3) and have the same records. The first line on stdout is the port. Benchmarks steer it by `/control/…`:
`change` (every hundredth record is another one from now on), `expire` (all cursors), `stats` (what was asked for since
the last time).
"""

from __future__ import annotations

import argparse
import json
import socket
import threading
import time
from pathlib import Path
from urllib.parse import parse_qs

from workload import lists

FEEDS = {"contacts": "contacts", "email": "messages", "calendars": "events", "tasklists": "tasks"}


def answer(body: bytes, status: str = "200 OK") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


EXPIRED = answer(b'{"code":"syncToken.expired","message":"The token has expired"}', "410 Gone")
UNKNOWN = answer(b'{"code":"notFound","message":"No such path"}', "404 Not Found")
DONE = answer(b'{"done":true}')


class Feed:
    """The pages of one kind: of the whole listing, and of what has changed. A token names its page."""

    def __init__(self, folder: Path, kind: str, size: int) -> None:
        self.size, self.epoch, self.stage = size, 0, 0
        self.lines = _lines(folder / f"{kind}.jsonl")
        self.news = _lines(folder / f"{kind}.changed.jsonl")
        self.pages: dict[str, bytes] = {}
        self._put_together()

    def change(self) -> None:
        self.stage = 1
        self.lines[:: max(1, -(-len(self.lines) // max(1, len(self.news))))] = self.news
        self._put_together()

    def expire(self) -> None:
        self.epoch += 1
        self._put_together()

    def page(self, token: str) -> bytes:
        return self.pages.get(token, EXPIRED)

    def _put_together(self) -> None:
        now = f"now{self.epoch}.{self.stage}"
        self.pages = {now: _page([], delta=now)}
        self._walk(f"list{self.epoch}", self.lines, now)
        if self.stage:
            self._walk(f"now{self.epoch}.0", self.news, now)

    def _walk(self, token: str, lines: list[bytes], end: str) -> None:
        """One page after the other, and the delta token after the last."""
        for start in range(0, max(1, len(lines)), self.size):
            following = f"{token.partition('/')[0]}/{start + self.size}"
            last = start + self.size >= len(lines)
            part = lines[start : start + self.size]
            self.pages[token] = _page(part, delta=end) if last else _page(part, more=following)
            token = following


def _lines(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines() if path.exists() else []


def _page(records: list[bytes], *, delta: str = "", more: str = "") -> bytes:
    token = f'"nextPageToken":"{more}"' if more else f'"nextDeltaToken":"{delta}"'
    return answer(f'{{{token},"length":{len(records)},"records":['.encode() + b",".join(records) + b"]}")


class Upstream:
    """All of it. Each connection has a thread of its own."""

    def __init__(self, folder: Path, size: int, wait_s: float = 0.0) -> None:
        self.wait_s = wait_s  # before each answer: how long others' networks take
        self.feeds = {root: Feed(folder, kind, size) for root, kind in FEEDS.items()}
        self.listings = {
            root: answer(json.dumps({"records": records, "length": len(records)}).encode())
            for root, records in lists().items()
        }
        self.asked: dict[str, int] = {}
        self.sent_bytes = 0

    def answer(self, target: str) -> bytes:
        path, _, query = target.partition("?")
        _, account, *rest = path.split("/")
        if account == "control":
            return self._steer(rest[0])
        time.sleep(self.wait_s)
        rest = rest[1:] if rest[:1] == ["v1"] else rest
        what = rest[-1] if rest[-1] in ("account", "sync", "updated", "deleted") else "lists"
        self.asked[what] = self.asked.get(what, 0) + 1
        made = self._answer(account, rest, query)
        self.sent_bytes += len(made)
        return made

    def _answer(self, account: str, rest: list[str], query: str) -> bytes:
        if rest == ["account"]:
            number = int(account.strip("a") or 0)
            return answer(
                json.dumps({"id": number, "email": f"ada{number}@example.org", "serviceType": "Office365"}).encode()
            )
        if rest[-1] in self.listings:
            return self.listings[rest[-1]]
        feed = self.feeds.get(rest[0])
        # Only the first calendar and task list have anything in them.
        if feed is None or (rest[0] in ("calendars", "tasklists") and rest[1] not in ("cal-Work", "list-Tasks")):
            feed = self.feeds["empty"] if feed else None
        if feed is None:
            return UNKNOWN
        if rest[-1] == "sync":
            tokens = {"syncUpdatedToken": f"list{feed.epoch}", "syncDeletedToken": f"gone{feed.epoch}"}
            return answer(json.dumps({"ready": True, **tokens}).encode())
        asked = parse_qs(query)
        token = (asked.get("pageToken") or asked.get("deltaToken") or [""])[0]
        if rest[-1] == "deleted":
            return _page([], delta=token) if token == f"gone{feed.epoch}" else EXPIRED
        return feed.page(token)

    def _steer(self, verb: str) -> bytes:
        if verb == "stats":
            asked, self.asked = self.asked, {}
            sent, self.sent_bytes = self.sent_bytes, 0
            return answer(json.dumps({"asked": asked, "requests": sum(asked.values()), "bytes": sent}).encode())
        for feed in self.feeds.values():
            getattr(feed, verb)()
        return DONE

    def serve(self, connection: socket.socket) -> None:
        """The requests of a connection, one after the other, until whoever asks has gone or was killed."""
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            with connection, connection.makefile("rb") as incoming:
                while line := incoming.readline():
                    body_bytes = 0
                    while (header := incoming.readline()) not in (b"\r\n", b""):
                        if header.lower().startswith(b"content-length:"):
                            body_bytes = int(header.partition(b":")[2])
                    incoming.read(body_bytes)
                    connection.sendall(self.answer(line.split()[1].decode()))
        except (BrokenPipeError, ConnectionResetError):
            pass


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--page", type=int, default=250)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--wait-ms", type=float, default=0.0, help="before each answer, as a network far away does")
    chosen = parser.parse_args()
    upstream = Upstream(chosen.folder, chosen.page, chosen.wait_ms / 1000)
    upstream.feeds["empty"] = Feed(Path(chosen.folder) / "none", "nothing", chosen.page)
    listener = socket.create_server(("127.0.0.1", chosen.port), backlog=256)
    print(listener.getsockname()[1], flush=True)
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=upstream.serve, args=[connection], daemon=True).start()


if __name__ == "__main__":
    main()
