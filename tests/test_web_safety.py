"""What upstream wrote stays text, wherever it shows; the pages run no script but their own files and ask nobody else."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import httpx
import pytest
from datasette.app import Datasette
from selectolax.lexbor import LexborHTMLParser
from web_demo import blank_mirror, browse, get, insert

from mirror.resources import KINDS
from mirror.web import plugin

HOSTILE = "</title></script><script>alert(1)</script><img src=x onerror=alert(2)>"
STATIC = Path(plugin.__file__).parent / "static"


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Datasette:
    path = blank_mirror(tmp_path_factory.mktemp("hostile"))
    insert(path, "accounts", name=HOSTILE, email=HOSTILE, status="needs_auth", status_detail=HOSTILE)
    insert(path, "feeds", kind="contacts", error=HOSTILE)
    insert(path, "calendars", name=HOSTILE, color=HOSTILE)
    insert(path, "folders", name=HOSTILE, full_name=HOSTILE)
    insert(path, "task_lists", title=HOSTILE)
    insert(
        path,
        "contacts",
        name=HOSTILE,
        emails=HOSTILE,
        phones=HOSTILE,
        notes=HOSTILE,
        categories=f'["{HOSTILE}"]',
        raw=f'"{HOSTILE}"',
    )
    insert(path, "contact_emails", contact_id=1, email=HOSTILE, name=HOSTILE)
    insert(
        path,
        "events",
        calendar_id=1,
        subject=HOSTILE,
        organizer=HOSTILE,
        attendees=HOSTILE,
        rrule=HOSTILE,
        recurrence_type="master",
        starts_at=HOSTILE,
        ends_at=HOSTILE,
        location=HOSTILE,
        meeting_url=f"javascript:{HOSTILE}",
        description=HOSTILE,
    )
    insert(path, "event_attendees", event_id=1, email=HOSTILE, name=HOSTILE, response=HOSTILE, type=HOSTILE)
    insert(
        path,
        "messages",
        subject=HOSTILE,
        from_name=HOSTILE,
        from_email=HOSTILE,
        recipients=HOSTILE,
        labels=HOSTILE,
        folder_id=1,
        received_at="2026-01-01T00:00:00.000Z",
        snippet=HOSTILE,
        web_url=f"http://x/{HOSTILE}",
        raw=f'"{HOSTILE}"',
    )
    insert(path, "message_bodies", message_id=1, html=HOSTILE, text=HOSTILE)
    insert(path, "message_recipients", message_id=1, role="to", email=HOSTILE, name=HOSTILE)
    insert(path, "attachments", message_id=1, remote_id="a", name=HOSTILE, mime_type=HOSTILE, size_bytes=3, kept="yes")
    insert(path, "tasks", task_list_id=1, title=HOSTILE, status=HOSTILE, due_at=HOSTILE)
    conn = sqlite3.connect(path)
    for table in ("messages", "events", "tasks"):
        conn.execute(f"INSERT INTO {table}_fts({table}_fts) VALUES ('rebuild')")
    conn.commit()
    conn.close()
    return browse(path)


@pytest.fixture(scope="module")
def hostile_pages(hostile: Datasette) -> dict[str, httpx.Response]:
    return {path: get(hostile, path) for path in pages_of(hostile)}


def pages_of(datasette: Datasette) -> list[str]:
    metadata = datasette.metadata()["databases"]["mirror"]
    tables = [name for name, table in metadata["tables"].items() if not table.get("hidden")]
    return [
        "/",
        "/mirror",
        "/mirror?sql=select+*+from+messages",
        "/mirror/search?q=alert",
        "/nothing-here",
        *(f"/mirror/{name}?_all=1" for name in tables),
        *(f"/mirror/{name}/1" for name in tables if name in KINDS or name == "accounts"),
        *(f"/mirror/{name}" for name in metadata["queries"]),
    ]


def handlers_in(page: str) -> list[str]:
    """Attributes that would run something, as a browser takes the page apart."""
    return [
        f"{node.tag} {name}={value}"
        for node in LexborHTMLParser(page).css("*")
        for name, value in node.attributes.items()
        if name.startswith("on") or (value or "").lstrip().lower().startswith(("javascript:", "vbscript:", "data:text"))
    ]


def test_a_handler_would_be_found() -> None:
    assert handlers_in('<p><b onclick="x()">a</b><a href=" javascript:x">b</a>') == [
        "b onclick=x()",
        "a href= javascript:x",
    ]


def test_hostile_records_stay_text_on_every_page(hostile_pages: dict[str, httpx.Response]) -> None:
    for path, page in hostile_pages.items():
        assert page.status_code == (404 if path == "/nothing-here" else 200), path
        assert "<script>alert" not in page.text, path
        assert "<img" not in page.text, path
        assert 'href="javascript:' not in page.text, path
    assert "&lt;script&gt;alert(1)" in hostile_pages["/mirror/messages/1"].text


def test_no_name_turns_what_stands_beside_it_around(tmp_path: Path) -> None:
    path = blank_mirror(tmp_path)
    insert(path, "accounts", name="ada")
    insert(path, "contacts", name="invoice\u202efdp.exe", company="\u202dx")

    for where in ("/", "/contacts/1", "/mirror/contacts", "/mirror/contacts/1", "/search?q=invoice"):
        page = get(browse(path), where).text
        assert "\ufffdfdp.exe" in page, where
        assert "\u202e" not in page, where


def test_no_page_has_a_script_of_its_own_or_asks_anybody_else(hostile_pages: dict[str, httpx.Response]) -> None:
    fetches = re.compile(r'<(?:script|link|img|iframe|source)[^>]*(?:src|href)="(?:https?:)?//(?!localhost)')
    for path, page in hostile_pages.items():
        assert not re.search(r"<script(?![^>]*\ssrc=)", page.text), path
        assert handlers_in(page.text) == [], path
        assert not fetches.search(page.text), path
        assert "script-src 'self';" in page.headers["content-security-policy"], path
        assert page.headers["referrer-policy"] in ("same-origin", "no-referrer"), path


@pytest.mark.parametrize(
    "name",
    sorted(str(path.relative_to(STATIC)) for path in STATIC.rglob("*") if path.suffix in (".css", ".js")),
)
def test_our_own_files_are_served_and_fetch_nothing_from_elsewhere(hostile: Datasette, name: str) -> None:
    served = get(hostile, f"/-/mirror/static/{name}")

    assert served.status_code == 200
    assert served.text == (STATIC / name).read_text(encoding="utf-8")
    assert "//" not in re.sub(r"^\s*//.*$|(?<=[;{] )//.*$|/\*.*?\*/", "", served.text, flags=re.MULTILINE | re.DOTALL)
