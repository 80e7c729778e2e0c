"""What a first sync of a large address book costs: memory that has a bound, whatever the number of records."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs
from wsgiref.types import StartResponse, WSGIEnvironment

import msgspec
import pytest
from mirror_cli import ROOT, TOKEN, Cli

from mirror.sandbox.serve import serve

ON_CI = bool(os.environ.get("CI"))
CONTACTS = 100_000 if ON_CI else 10_000
ENOUGH = 30_000 if ON_CI else 8_000  # after so many everything is loaded, and SQLite's cache is full or nearly so
PAGE = 250
MOST_BYTES = 150_000_000

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="needs Linux, which tells a process's peak"
)

# The process itself tells its peak at its end: what its parent is told counts the parent's own memory in.
SYNC = """
import sys
from mirror.cli import main
try:
    main(sys.argv[1:])
finally:
    print(open("/proc/self/status").read(), file=sys.stderr)
"""


@dataclass(frozen=True)
class Peaks:
    """The most bytes of memory that a sync had needed: when so many contacts had been asked for, and at its end."""

    after: dict[int, int]
    at_last: int
    stored: tuple[int, int]  # contacts, and how many ids they have


class AddressBook:
    """An upstream with nothing but contacts of about 1 KB, whose pages cost it no time: one page, each time with other ids."""

    def __init__(self, count: int) -> None:
        self.pages = count // PAGE
        self.client: int | None = None  # the process whose memory is watched
        self.peaks: dict[int, int] = {}
        self._page = msgspec.json.encode([_contact(number) for number in range(PAGE)])

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        path, query = environ["PATH_INFO"], parse_qs(environ["QUERY_STRING"])
        content = b'{"nextDeltaToken": "later", "length": 0, "records": []}'
        if path == "/v1/account":
            content = b'{"id": 1, "email": "ada@example.org", "serviceType": "Google"}'
        elif path == "/v1/contacts/sync":
            content = b'{"syncUpdatedToken": "first", "syncDeletedToken": "first", "ready": true}'
        elif path == "/v1/contacts/sync/updated":
            content = self._updated(int(query.get("pageToken", ["0"])[0]))
        start("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(content)))])
        return [content]

    def _updated(self, number: int) -> bytes:
        if self.client is not None:
            self.peaks[number * PAGE] = _peak_bytes(Path(f"/proc/{self.client}/status").read_text())
        last = number + 1 >= self.pages
        token = b'"nextDeltaToken": "later"' if last else b'"nextPageToken": "%d"' % (number + 1)
        records = self._page.replace(b"PAGE", b"%06d" % number)
        return b'{%s, "length": %d, "records": %s}' % (token, PAGE, records)


def _contact(number: int) -> dict[str, object]:
    name = f"Person PAGE {number:03}"
    return {
        "id": f"people/cPAGE{number:06}",
        "etag": f"%PAGE{number:06}",
        "createdTime": "2025-01-05T09:00:00.000Z",
        "lastModifiedTime": "2026-01-05T09:00:00.000Z",
        "name": {"displayName": name, "givenName": "Person", "familyName": f"PAGE {number:03}"},
        "emailAddresses": [{"address": f"pPAGE.{number}.{at}@example.org", "type": at} for at in ("work", "home")],
        "phoneNumbers": [{"number": f"+49 PAGE {number:06}", "type": "mobile"}],
        "company": {"name": "Tidemark Surveys", "jobTitle": "Hydrographer"},
        "addresses": [
            {"street": "Kaistraße 1", "city": "Hamburg", "postalCode": "20457", "country": "Germany", "type": "home"}
        ],
        "keywords": ["Friends"],
        "notes": f"{name} measures harbours, tides and the depth of rivers. " * 8,
    }


def _peak_bytes(status: str) -> int:
    """From the process's own words, see proc(5)."""
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) * 1024


@pytest.fixture(scope="module")
def peaks(tmp_path_factory: pytest.TempPathFactory) -> Peaks:
    """Of one first sync, over real HTTP."""
    cli, book = Cli(tmp_path_factory.mktemp("memory") / "home"), AddressBook(CONTACTS)
    server = serve(book)
    try:
        assert cli("account", "add", "work", "--base-url", server.url, "--token-stdin", typed=TOKEN).code == 0
        process = subprocess.Popen(
            [sys.executable, "-c", SYNC, "--home", str(cli.home), "sync", "--kind", "contacts"],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        book.client = process.pid
        _, said = process.communicate()
    finally:
        server.stop()
    assert process.returncode == 0, said
    counts = cli.query("SELECT count(*), count(DISTINCT remote_id) FROM contacts")[0]
    shutil.rmtree(cli.home)
    return Peaks(book.peaks, _peak_bytes(said), (counts[0], counts[1]))


def test_a_large_address_book_is_synced_in_little_memory(peaks: Peaks) -> None:
    assert peaks.stored == (CONTACTS, CONTACTS)
    assert peaks.at_last < MOST_BYTES


def test_memory_does_not_grow_with_the_number_of_contacts(peaks: Peaks) -> None:
    assert peaks.at_last - peaks.after[ENOUGH] < 10_000_000, f"{peaks.after[ENOUGH]:,} bytes, then {peaks.at_last:,}"
