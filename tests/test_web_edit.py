"""Editing on the pages: forms and buttons, the outbox and its conflicts, and what must never get in by the same door."""

from __future__ import annotations

import asyncio
import html
import json
import re
import shutil
import sqlite3
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from datasette.app import Datasette
from web_demo import browse

HOST = "localhost"


@pytest.fixture
def home(demo_home: Path, tmp_path: Path) -> Path:
    """A copy of the demo whose account takes edits."""
    copied = tmp_path / "home"
    copied.mkdir(mode=0o700)
    shutil.copy(demo_home / "mirror.db", copied / "mirror.db")
    with sqlite3.connect(copied / "mirror.db") as conn:
        conn.execute("UPDATE accounts SET writable = 1")
    conn.close()
    return copied


@pytest.fixture
def pages(home: Path) -> Datasette:
    return browse(home / "mirror.db")


def rows(home: Path, sql: str, *values: object) -> list[tuple[Any, ...]]:
    conn = sqlite3.connect(home / "mirror.db")
    try:
        return conn.execute(sql, values).fetchall()
    finally:
        conn.close()


class Browser:
    """A browser with its cookie jar, which posts the forms that it was shown."""

    def __init__(self, datasette: Datasette) -> None:
        self.datasette = datasette
        self.cookies: dict[str, str] = {}

    def get(self, path: str) -> httpx.Response:
        answer: httpx.Response = asyncio.run(self.datasette.client.get(path, cookies=self.cookies))
        self.cookies.update(answer.cookies)
        return answer

    def post(self, path: str, fields: dict[str, str], headers: dict[str, str] | None = None) -> httpx.Response:
        answer: httpx.Response = asyncio.run(
            self.datasette.client.post(
                path,
                content=urlencode(fields),
                cookies=self.cookies,
                headers={"content-type": "application/x-www-form-urlencoded", **(headers or {})},
            )
        )
        return answer

    def form(self, path: str, action: str | None = None) -> dict[str, str]:
        """The fields of the form of a page as they are filled in."""
        page = self.get(path).text
        forms = re.findall(r'<form[^>]*action="([^"]*)" method="post"[^>]*>(.*?)</form>', page, re.DOTALL)
        body = next(body for found, body in forms if action is None or html.unescape(found) == action)
        fields = {
            html.unescape(name): html.unescape(value)
            for name, value in re.findall(
                r'<input(?![^>]*type="(?:checkbox|radio)")[^>]*name="([^"]*)" value="([^"]*)"', body
            )
        }
        fields |= {
            html.unescape(name): html.unescape(text)
            for name, text in re.findall(r'<textarea[^>]*name="([^"]*)"[^>]*>(.*?)</textarea>', body, re.DOTALL)
        }
        for name, options in re.findall(r'<select[^>]*name="([^"]*)">(.*?)</select>', body, re.DOTALL):
            chosen = re.search(r'<option(?: value="([^"]*)")? selected>([^<]*)', options)
            fields[html.unescape(name)] = html.unescape((chosen[1] or chosen[2]) if chosen else "")
        return fields


@pytest.fixture
def browser(pages: Datasette) -> Browser:
    return Browser(pages)


def first(home: Path, kind: str, where: str = "1") -> int:
    (found,) = rows(home, f"SELECT id FROM {kind} WHERE deleted_at IS NULL AND {where} ORDER BY id LIMIT 1")[0]
    return int(found)


def test_a_form_that_is_saved_unchanged_is_no_edit(home: Path, browser: Browser) -> None:
    for kind, where in (
        ("contacts", "1"),
        ("events", "all_day = 0 AND rrule IS NULL"),
        ("events", "all_day = 1"),
        ("tasks", "due_at IS NOT NULL"),
    ):
        path = f"/edit/{kind}/{first(home, kind, where)}"
        fields = browser.form(path)
        if where == "all_day = 1":
            fields["all_day"] = "yes"

        assert browser.post(path, fields).status_code == 302

    assert rows(home, "SELECT kind, patch FROM edits") == []


def test_a_contact_is_edited_and_shows_it_at_once(home: Path, browser: Browser) -> None:
    contact = first(home, "contacts")
    path = f"/edit/contacts/{contact}"
    fields = browser.form(path)
    fields["nickName"] = "Zed & Co"
    empty = max(int(n) for n in re.findall(r"emailAddresses\[(\d+)\]", " ".join(fields)))
    fields[f"emailAddresses[{empty}].address"] = "zed@new.example"
    emails = json.loads(rows(home, "SELECT raw FROM contacts WHERE id = ?", contact)[0][0])["emailAddresses"]

    answer = browser.post(path, fields)

    assert (answer.status_code, answer.headers["location"]) == (302, f"/contacts/{contact}")
    ((patch, state),) = rows(home, "SELECT patch, state FROM edits")
    assert state == "pending"
    assert json.loads(patch) == {"nickName": "Zed & Co", "emailAddresses": [*emails, {"address": "zed@new.example"}]}
    page = browser.get(f"/contacts/{contact}").text
    assert "Zed &amp; Co" in page
    assert "not sent yet" in page
    assert "zed@new.example" in page


def test_an_event_is_moved_and_a_task_is_done(home: Path, browser: Browser) -> None:
    event = first(home, "events", "all_day = 0 AND rrule IS NULL AND recurrence_type = 'single'")
    fields = browser.form(f"/edit/events/{event}")
    fields |= {"start": "2031-05-06T09:30", "end": "2031-05-06T10:30"}
    browser.post(f"/edit/events/{event}", fields)
    task = first(home, "tasks", "status <> 'completed'")
    browser.post(f"/edit/tasks/{task}/done", browser.form(f"/tasks/{task}", f"/edit/tasks/{task}/done"))

    assert rows(home, "SELECT starts_at FROM events_now WHERE id = ?", event) == [("2031-05-06T09:30:00.000Z",)]
    assert rows(home, "SELECT status FROM tasks_now WHERE id = ?", task) == [("completed",)]


def test_a_new_record_has_a_page_before_it_is_sent(home: Path, browser: Browser) -> None:
    fields = {**browser.form("/edit/tasks/new"), "title": "Buy <milk>", "due": "2031-01-02"}

    answer = browser.post("/edit/tasks/new", fields)

    assert re.fullmatch(r"/tasks/-\d+", answer.headers["location"])
    page = browser.get(answer.headers["location"])
    assert page.status_code == 200
    assert "Buy &lt;milk&gt;" in page.text
    assert "Buy &lt;milk&gt;" in browser.get("/outbox").text


def test_a_mistake_is_said_beside_the_form_and_nothing_that_was_typed_is_lost(home: Path, browser: Browser) -> None:
    contact = first(home, "contacts")
    fields = {
        **browser.form(f"/edit/contacts/{contact}"),
        "nickName": "Kept",
        "emailAddresses[0].address": "no address",
    }

    answer = browser.post(f"/edit/contacts/{contact}", fields)

    assert answer.status_code == 422
    assert "is no e-mail address" in html.unescape(answer.text)
    assert 'value="Kept"' in answer.text
    assert rows(home, "SELECT * FROM edits") == []


def test_what_changed_upstream_while_the_form_was_open_is_not_overwritten(home: Path, browser: Browser) -> None:
    contact = first(home, "contacts")
    fields = {**browser.form(f"/edit/contacts/{contact}"), "nickName": "Mine"}
    with sqlite3.connect(home / "mirror.db") as conn:
        conn.execute(
            "UPDATE contacts SET raw = json_set(raw, '$.notes', 'Theirs'), seq = 1 + (SELECT seq FROM change_order)"
            " WHERE id = ?",
            [contact],
        )
        conn.execute("UPDATE change_order SET seq = seq + 1")
    conn.close()

    browser.post(f"/edit/contacts/{contact}", fields)

    assert [json.loads(patch) for (patch,) in rows(home, "SELECT patch FROM edits")] == [{"nickName": "Mine"}]


@pytest.mark.parametrize(
    ("headers", "break_token"),
    [
        ({"origin": "https://evil.example"}, False),
        ({"origin": "null"}, False),
        ({"sec-fetch-site": "cross-site"}, False),
        ({}, True),
    ],
)
def test_a_form_that_is_not_ours_changes_nothing(
    home: Path, browser: Browser, headers: dict[str, str], break_token: bool
) -> None:
    contact = first(home, "contacts")
    fields = {**browser.form(f"/edit/contacts/{contact}"), "nickName": "Evil"}
    if break_token:
        browser.cookies.clear()

    answer = browser.post(f"/edit/contacts/{contact}", fields, headers)

    assert answer.status_code == 403
    assert rows(home, "SELECT * FROM edits") == []


def test_nothing_is_changed_by_looking(home: Path, browser: Browser) -> None:
    contact = first(home, "contacts")

    assert browser.get(f"/edit/contacts/{contact}/delete").status_code == 302
    assert browser.get(f"/edit/contacts/{contact}").status_code == 200

    assert rows(home, "SELECT * FROM edits") == []


def test_a_read_only_account_has_no_buttons_and_takes_nothing(home: Path, browser: Browser) -> None:
    contact = first(home, "contacts")
    fields = browser.form(f"/edit/contacts/{contact}")
    with sqlite3.connect(home / "mirror.db") as conn:
        conn.execute("UPDATE accounts SET writable = 0")
    conn.close()

    assert "/edit/" not in browser.get(f"/contacts/{contact}").text
    assert browser.get(f"/edit/contacts/{contact}").status_code == 400
    assert browser.post(f"/edit/contacts/{contact}", {**fields, "nickName": "X"}).status_code == 400
    assert rows(home, "SELECT * FROM edits") == []


def in_conflict(home: Path, contact: int) -> int:
    raw = json.loads(rows(home, "SELECT raw FROM contacts WHERE id = ?", contact)[0][0])
    theirs = {**raw, "nickName": "Theirs", "notes": "<script>alert(1)</script>"}
    with sqlite3.connect(home / "mirror.db") as conn:
        made = conn.execute(
            "INSERT INTO edits (account_id, kind, record_id, verb, patch, base, state, marker, theirs, created_at)"
            " VALUES (1, 'contacts', ?, 'change', ?, ?, 'conflict', 'm', ?, '2026-01-05T09:00:00.000Z') RETURNING id",
            [
                contact,
                json.dumps({"nickName": "Mine", "notes": "n"}),
                json.dumps({**raw, "nickName": "Old"}),
                json.dumps(theirs),
            ],
        ).fetchone()[0]
    conn.close()
    return int(made)


def test_a_conflict_shows_both_sides_and_is_decided_with_a_click(home: Path, browser: Browser) -> None:
    edit = in_conflict(home, first(home, "contacts"))
    page = browser.get(f"/outbox/{edit}").text
    assert "Both sides changed this" in page
    assert "<script>alert" not in page
    fields = browser.form(f"/outbox/{edit}")
    assert {name for name in fields if name.startswith("value ")} == {"value nickName", "value notes"}

    answer = browser.post(
        f"/outbox/{edit}", {**fields, "choice nickName": "mine", "choice notes": "other", "value notes": "both"}
    )

    assert answer.status_code == 302
    ((patch, state),) = rows(home, "SELECT patch, state FROM edits")
    assert (json.loads(patch), state) == ({"nickName": "Mine", "notes": "both"}, "pending")


def test_half_a_decision_is_none(home: Path, browser: Browser) -> None:
    edit = in_conflict(home, first(home, "contacts"))
    fields = browser.form(f"/outbox/{edit}")

    answer = browser.post(f"/outbox/{edit}", {**fields, "choice nickName": "mine"})

    assert answer.status_code == 422
    assert "is not decided" in answer.text
    assert rows(home, "SELECT state FROM edits") == [("conflict",)]


def test_an_edit_is_taken_back_on_its_page(home: Path, browser: Browser) -> None:
    edit = in_conflict(home, first(home, "contacts"))
    fields = {**browser.form(f"/outbox/{edit}"), "act": "discard"}

    browser.post(f"/outbox/{edit}", fields)

    assert rows(home, "SELECT state FROM edits") == [("discarded",)]
    assert rows(home, "SELECT * FROM overlays") == []


def test_the_pages_of_what_is_not_there_say_so(browser: Browser) -> None:
    for path in ("/edit/contacts/999999", "/outbox/99", "/edit/tasks/-5"):
        assert browser.get(path).status_code == 404, path
