"""Records that can't be stored: kept with their bytes, tried again, told with the reason, and never in the way of others."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from mirror import credentials
from mirror.cli import cli
from mirror.clock import VirtualClock
from mirror.errors import RetryLater
from mirror.feed import Feed, Record, Unreadable
from mirror.pull import pull_account
from mirror.retry import retry_stuck
from mirror.sources.aurinko import Aurinko
from mirror.sources.memory import Memory
from mirror.store import journal, stuck
from mirror.store.connection import Store, open_store
from mirror.store.verify import verify

CONTACTS = Feed("contacts")
GOOD = b'{"id":"good","etag":"1","name":{"displayName":"Good"}}'
DEEP = b'{"id":"odd","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}"


class Upstream:
    """A server of contacts, byte by byte, which no library would send like that."""

    def __init__(self, records: dict[str, bytes]) -> None:
        self.records = records
        self.updates: list[bytes] = list(records.values())
        self.deleted: list[bytes] = []

    def answer(self, method: str, path: str) -> tuple[int, bytes]:
        path = path.removeprefix("/v1")
        if path == "/account":
            return 200, b'{"id":1,"email":"ada@example.org","serviceType":"Google"}'
        if path in ("/calendars", "/tasklists", "/email/folders"):
            return 200, b'{"length":0,"records":[]}'
        if path.endswith("/sync"):
            return 200, b'{"ready":true,"syncUpdatedToken":"u","syncDeletedToken":"d"}'
        if path.endswith("/sync/deleted") or path.startswith("/email"):
            gone, self.deleted = (self.deleted, []) if path.startswith("/contacts") else ([], self.deleted)
            return 200, b'{"nextDeltaToken":"t","records":[' + b",".join(gone) + b"]}"
        if path == "/contacts/sync/updated":
            sent, self.updates = self.updates, []
            return 200, b'{"nextDeltaToken":"t","records":[' + b",".join(sent) + b"]}"
        record = self.records.get(path.removeprefix("/contacts/"))
        return (200, record) if record is not None else (404, b'{"code":"notFound","message":"no such contact"}')

    def transport(self) -> httpx.MockTransport:
        def handle(request: httpx.Request) -> httpx.Response:
            status, body = self.answer(request.method, request.url.path)
            return httpx.Response(status, content=body, headers={"content-type": "application/json"})

        return httpx.MockTransport(handle)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = open_store(tmp_path / "home", VirtualClock())
    journal.add_account(store, "work", "aurinko", "https://upstream.test")
    yield store
    store.close()


def source(store: Store, upstream: Upstream) -> Aurinko:
    return Aurinko("https://upstream.test", {"token": "t"}, clock=store.clock, transport=upstream.transport())


def sync(store: Store, upstream: Upstream) -> list[str]:
    account = journal.account_named(store, "work")
    return [done.outcome for done in pull_account(store, source(store, upstream), account)]


def retry(store: Store, upstream: Upstream) -> list[str]:
    account = journal.account_named(store, "work")
    return [tried.outcome for tried in retry_stuck(store, source(store, upstream), account)]


def live(store: Store) -> set[str]:
    return {row[0] for row in store.conn.execute("SELECT remote_id FROM contacts WHERE deleted_at IS NULL")}


STUCK = {
    "no id": b'{"name":{"displayName":"Nobody"}}',
    "an empty id": b'{"id":""}',
    "an id of more than 2 KB": b'{"id":"' + b"x" * 2049 + b'"}',
    "an id with a lone surrogate": rb'{"id":"a\ud800"}',
    "a NUL in the id": rb'{"id":"a\u0000b"}',
    "not an object": b"17",
    "text that is no UTF-8": b'{"id":"odd","notes":"\xff\xfe"}',
    "lists nested a hundred thousand deep": DEEP,
    "a number that no JSON has": b'{"id":"odd","x":NaN}',
}
STORED = {
    "a NUL in a text": rb'{"id":"odd","notes":"a\u0000b"}',
    "a lone surrogate in a text": rb'{"id":"odd","notes":"a\ud800b","name":{"displayName":"\udc00"}}',
    "a number in the place of a text": b'{"id":"odd","nickName":5,"etag":7,"name":{"displayName":12.5}}',
    "an object in the place of a text": b'{"id":"odd","notes":{"a":1},"company":"text","emailAddresses":{}}',
    "five megabytes of text": b'{"id":"odd","notes":"' + b"x" * 5_000_000 + b'"}',
    "a number beyond all integers": b'{"id":"odd","x":' + b"9" * 400 + b"}",
    "an id of 2 KB with everything in it": json.dumps({"id": ("/?#% ü\u2028\\\"'" * 200)[:1500]}).encode(),
}


@pytest.mark.parametrize("what", STUCK)
def test_what_can_not_be_stored_is_kept_with_its_bytes_and_its_page_goes_on(store: Store, what: str) -> None:
    upstream = Upstream({"odd": STUCK[what], "good": GOOD})
    assert set(sync(store, upstream)) == {"ok"}
    assert "good" in live(store)
    [row] = store.conn.execute("SELECT raw, reason FROM stuck").fetchall()
    assert row["raw"] == STUCK[what]
    assert row["reason"]
    assert verify(store).findings == []


@pytest.mark.parametrize("what", STORED)
def test_what_is_odd_but_can_be_stored_is_stored_whole(store: Store, what: str) -> None:
    upstream = Upstream({"odd": STORED[what], "good": GOOD})
    assert set(sync(store, upstream)) == {"ok"}
    assert len(live(store)) == 2
    raw = store.conn.execute("SELECT raw FROM contacts WHERE remote_id <> 'good'").fetchone()[0]
    assert raw.encode() == STORED[what]
    assert store.conn.execute("SELECT count(*) FROM stuck").fetchone()[0] == 0
    assert verify(store).findings == []


def test_a_stuck_record_is_stored_when_upstream_has_mended_it(store: Store) -> None:
    upstream = Upstream({"odd": STUCK["text that is no UTF-8"], "good": GOOD})
    sync(store, upstream)
    upstream.updates.append(b'{"id":"odd","notes":"mended"}')
    sync(store, upstream)
    assert live(store) == {"good", "odd"}
    assert stuck.of_account(store, 1) == []


def test_a_retry_reads_each_stuck_record_anew_and_stores_what_can_be_stored(store: Store) -> None:
    odd, blank = STUCK["text that is no UTF-8"], STUCK["no id"]
    upstream = Upstream(
        {"odd": odd, "other": odd.replace(b"odd", b"other"), "gone": odd.replace(b"odd", b"gone"), "": blank}
    )
    sync(store, upstream)
    assert {(one.remote_id, one.tries) for one in stuck.of_account(store, 1)} == {
        ("odd", 1), ("other", 1), ("gone", 1), (None, 1),
    }  # fmt: skip
    upstream.records["odd"] = b'{"id":"odd","notes":"mended"}'
    del upstream.records["gone"]
    assert retry(store, upstream) == ["stored", "still_stuck", "gone", "waiting"]
    assert live(store) == {"odd"}
    assert {(one.remote_id, one.tries) for one in stuck.of_account(store, 1)} == {("other", 2), ("gone", 1), (None, 1)}
    assert verify(store).findings == []


def test_a_retry_moves_no_cursor_and_a_failing_server_loses_nothing(store: Store) -> None:
    upstream = Upstream({"odd": STUCK["text that is no UTF-8"]})
    sync(store, upstream)
    before = [tuple(row) for row in store.conn.execute("SELECT cursor, generation, state FROM feeds ORDER BY id")]
    memory = Memory(store.clock)
    memory.fail("read", RetryLater("down"))
    with pytest.raises(RetryLater):
        list(retry_stuck(store, memory, journal.account_named(store, "work")))
    retry(store, upstream)
    assert [
        tuple(row) for row in store.conn.execute("SELECT cursor, generation, state FROM feeds ORDER BY id")
    ] == before
    assert len(stuck.of_account(store, 1)) == 1


def test_the_bytes_of_a_stuck_message_have_its_body(store: Store) -> None:
    upstream = Memory(store.clock)
    mails = Feed("messages")

    def spoil(feed: Feed, page: Any) -> Any:
        raw = b'{"id":"m","subject":"\xff"}'
        changes = tuple(Record("m", raw, body="the body", text="the body") for _ in page.changes)
        return page.__class__(changes, page.cursor, page.more, page.covers) if feed == mails else page

    upstream.put(mails, "m", {"subject": "x"})
    upstream.rewrite = spoil
    list(pull_account(store, upstream, journal.account_named(store, "work")))
    [raw] = store.conn.execute("SELECT raw FROM stuck").fetchone()
    assert raw == b'{"id":"m","subject":"\xff","body":"the body"}'


def test_a_record_without_an_id_counts_its_tries_and_is_kept_once(store: Store) -> None:
    upstream = Memory(store.clock)
    upstream.put(CONTACTS, "a", {})

    def spoil(feed: Feed, page: Any) -> Any:
        changes = (Unreadable(b"17", "it has no id, or is no JSON object"), *page.changes)
        return page.__class__(changes, page.cursor, page.more, page.covers) if feed == CONTACTS else page

    upstream.rewrite = spoil
    for _ in range(3):
        list(pull_account(store, upstream, journal.account_named(store, "work")))
    [one] = stuck.of_account(store, 1)
    assert (one.tries, one.remote_id, one.size_bytes) == (3, None, 2)


# --- as a person sees it ------------------------------------------------------------------------------------------------


@pytest.fixture
def serve() -> Iterator[Callable[[Upstream], str]]:
    servers = []

    def start(upstream: Upstream) -> str:
        @Request.application
        def application(request: Request) -> Response:
            status, body = upstream.answer(request.method, request.path)
            return Response(body, status, content_type="application/json")

        server = make_server("127.0.0.1", 0, application)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        servers.append((server, thread))
        return f"http://127.0.0.1:{server.port}"

    yield start
    for server, thread in servers:
        server.shutdown()
        thread.join()
        server.server_close()


def test_status_names_what_is_stuck_and_retry_tells_what_became_of_it(
    tmp_path: Path, serve: Callable[[Upstream], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
    upstream = Upstream({"odd": STUCK["text that is no UTF-8"], "gone": b'{"id":"gone","x":NaN}', "good": GOOD})
    home = tmp_path / "home"
    setup = open_store(home)
    journal.add_account(setup, "work", "aurinko", serve(upstream))
    credentials.save(home, "work", {"token": "t"})
    setup.close()

    def mirror(*arguments: str) -> str:
        result = CliRunner().invoke(cli, ["--home", str(home), *arguments])
        assert result.exit_code == 0, (result.output, result.exception)
        return result.stdout

    assert "Nothing is stuck." in mirror("retry")
    mirror("sync")
    told = mirror("status")
    assert "could not be stored; try again with: mirror retry work" in told
    assert "contacts odd: " in told
    assert "Error" not in told
    upstream.records["odd"] = b'{"id":"odd","notes":"mended"}'
    del upstream.records["gone"]
    tried = mirror("retry", "work")
    assert "work contacts: odd is stored now" in tried
    assert "work contacts: gone is no longer there upstream; its bytes are kept." in tried
    document = json.loads(mirror("retry", "--forget-gone", "--json"))
    assert [one["outcome"] for one in document["tried"]] == ["forgotten"]
    assert "could not be stored" not in mirror("status")
