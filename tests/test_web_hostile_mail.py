"""Hostile mails in a real browser: nothing runs, nothing is asked for, nothing is navigated to, nothing is complained about."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest
from browser import Watched, served
from hostile_mails import EVIL, HEADERS, HOSTILE, NAMES, PWN
from web_demo import blank_mirror, insert

pytestmark = [pytest.mark.browser, pytest.mark.long]

AT = "2026-01-05T09:00:00.000Z"


class Spied(Watched):
    """A page that also notes dialogs, where its window went, and what it was made to set."""

    def __init__(self, chromium: Any) -> None:
        super().__init__(chromium)
        self.dialogs: list[str] = []
        self.went: list[str] = []
        self.page.on("dialog", self._dialog)
        self.page.on("framenavigated", lambda frame: self.went.append(frame.url))
        self.page.on("popup", lambda popup: self.went.append(popup.url))

    def _dialog(self, dialog: Any) -> None:
        self.dialogs.append(dialog.message)
        dialog.dismiss()

    def harm(self) -> dict[str, Any]:
        """Everything that a mail did; empty where it did nothing."""
        script = "() => [window.pwned, document.querySelector('iframe')?.contentWindow?.pwned].filter(Boolean)"
        found = {
            "asked": {host for host in self.asked if "127.0.0.1" not in host},
            "dialogs": self.dialogs,
            "went": [url for url in self.went if "//127.0.0.1" not in url and url != "about:blank"],
            "set": self.page.evaluate(script),
            "complaints": self.complaints,
            "cookies": [cookie["name"] for cookie in self.context.cookies() if cookie["name"] != "mirror_zone"],
        }
        return {name: value for name, value in found.items() if value}

    def forget(self) -> None:
        for noted in (self.asked, self.dialogs, self.went, self.complaints):
            noted.clear()


@pytest.fixture(scope="module")
def mailbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, dict[str, int]]]:
    """A mirror full of hostile mails, served; their ids by name."""
    path = blank_mirror(tmp_path_factory.mktemp("hostile"))
    insert(path, "accounts", name="ada", email="ada@me.example")
    insert(path, "folders", name="<script>top.pwned=1</script>", label="inbox", is_folder=1)
    link = f"<a href='{EVIL}/landing'>our offer</a><blockquote type=cite>old</blockquote>" + "<p>line</p>" * 60
    mails: list[tuple[str, str, dict[str, str]]] = [
        *((name, f"<p>{html}", {"snippet": html[:90]}) for name, html in HOSTILE.items()),
        *((name, "<p>x", columns) for name, columns in HEADERS.items()),
        ("names", f"Plain {PWN} <{EVIL}/> text", {}),
        ("link", link, {}),
    ]
    conn = sqlite3.connect(path)
    with conn:  # at once: the index for searching, which takes its time, is not what these pages are made from
        ids = {name: put(conn, number, name, html, columns) for number, (name, html, columns) in enumerate(mails)}
        conn.executemany(
            "INSERT INTO attachments (message_id, remote_id, name, inline, kept, sha256) VALUES (?, ?, ?, 0, 'yes', '0')",
            [(ids["names"], str(number), name) for number, name in enumerate(NAMES) if "\ud800" not in name],
        )
    conn.close()
    with served(path) as url:
        yield url, ids


def put(conn: sqlite3.Connection, number: int, name: str, html: str, columns: dict[str, str]) -> int:
    row: dict[str, Any] = {
        "account_id": 1, "remote_id": name, "observed_at": AT, "received_at": AT, "seq": 100 + number, "generation": 1,
        "raw": "{}", "folder_id": 1, "thread_id": name, "subject": name, **columns,
    }  # fmt: skip
    made = conn.execute(
        f"INSERT INTO messages ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", list(row.values())
    ).lastrowid
    conn.execute("INSERT INTO message_bodies (message_id, seq, html, text) VALUES (?, 1, ?, ?)", [made, html, html])
    return int(made or 0)


@pytest.fixture(scope="module")
def spied(chromium: Any) -> Iterator[Spied]:
    opened = Spied(chromium)
    yield opened
    opened.close()


def test_the_spy_sees_what_an_unsafe_page_does(chromium: Any) -> None:
    page = Spied(chromium)
    page.page.route("**/*", lambda route: route.abort())

    page.page.set_content(f"<img src={EVIL}/i.png onerror='{PWN}'>")
    page.page.wait_for_function("window.pwned")

    assert set(page.harm()) == {"asked", "dialogs", "set", "complaints"}
    page.close()


@pytest.mark.parametrize("name", [*HOSTILE, *HEADERS, "names"])
def test_a_hostile_mail_does_nothing(name: str, mailbox: tuple[str, dict[str, int]], spied: Spied) -> None:
    url, ids = mailbox
    spied.forget()

    assert spied.open(f"{url}/mail/{ids[name]}") == 200
    spied.page.mouse.move(500, 420)

    assert spied.harm() == {}
    assert spied.page.url == f"{url}/mail/{ids[name]}"
    assert spied.page.locator("article.mail").count() == 1


def test_nor_does_its_text_its_frame_alone_or_the_list(mailbox: tuple[str, dict[str, int]], spied: Spied) -> None:
    url, ids = mailbox
    spied.forget()

    for path in ("/mail", *(f"/mail/{ids[name]}?view=text" for name in list(HOSTILE)[::12])):
        assert spied.open(url + path) == 200
        assert spied.harm() == {}, path
    for name in list(HOSTILE)[::8]:
        assert spied.open(f"{url}/mail/{ids[name]}/body") == 200
        assert spied.harm() == {}, name


def test_the_frame_is_as_high_as_the_mail_and_grows_with_what_is_unfolded(
    mailbox: tuple[str, dict[str, int]], spied: Spied
) -> None:
    url, ids = mailbox
    spied.open(f"{url}/mail/{ids['link']}")
    frame = spied.page.frame_locator("iframe")
    spied.page.wait_for_selector("iframe[style*=height]")
    before = spied.page.get_attribute("iframe", "style")
    assert spied.page.evaluate("document.querySelector('iframe').clientHeight") > 1500
    assert not frame.get_by_text("old").is_visible()

    frame.locator("summary").click()

    spied.page.wait_for_selector(f"iframe:not([style='{before}'])")
    assert frame.get_by_text("old").is_visible()
    assert spied.page.evaluate("document.documentElement.scrollWidth") <= 1280


def test_a_click_opens_the_link_elsewhere_and_tells_nobody_from_where(
    mailbox: tuple[str, dict[str, int]], chromium: Any
) -> None:
    url, ids = mailbox
    page = Spied(chromium)
    asked: list[dict[str, str]] = []

    def answer(route: Any) -> None:
        asked.append(route.request.all_headers())
        route.fulfill(
            body="<script>document.title = String(window.opener) + document.referrer</script>", content_type="text/html"
        )

    page.context.route(f"{EVIL}/**", answer)
    page.open(f"{url}/mail/{ids['link']}")
    with page.page.expect_popup() as opened:
        page.page.frame_locator("iframe").get_by_text("our offer").click()
    opened.value.wait_for_load_state()

    assert opened.value.url == f"{EVIL}/landing"
    assert opened.value.title() == "null"
    assert [name for headers in asked for name in headers if name in ("referer", "cookie", "origin")] == []
    assert page.page.url == f"{url}/mail/{ids['link']}"
    page.close()


def test_the_frame_may_neither_run_scripts_nor_send_forms(mailbox: tuple[str, dict[str, int]], spied: Spied) -> None:
    url, ids = mailbox
    answer = spied.page.request.get(f"{url}/mail/{ids['script']}/body")
    spied.open(f"{url}/mail/{ids['script']}")

    sandbox = spied.page.get_attribute("iframe", "sandbox") or ""
    policy = dict(part.strip().partition(" ")[::2] for part in answer.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert "script-src" not in policy
    assert policy["img-src"] == "data:"
    for forbidden in ("allow-scripts", "allow-forms", "allow-top-navigation", "allow-modals", "allow-downloads"):
        assert forbidden not in sandbox + policy["sandbox"]
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
