"""The start page in a real browser: it grows while you watch, asks nobody else, and has nothing to complain about."""

from __future__ import annotations

import shutil
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from web_demo import blank_mirror, insert

from mirror.web import create_datasette

pytestmark = pytest.mark.browser
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture
def growing(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A small mirror's pages on loopback, and its file."""
    path = blank_mirror(tmp_path)
    insert(path, "accounts", name="ada", email="ada@me.example")
    insert(path, "feeds", kind="messages", state="following", caught_up_at="2026-01-05T09:00:00.000Z")
    insert(path, "contacts", name="Bo Harbour", emails="bo@host.example")
    listening = socket.create_server(("127.0.0.1", 0))
    app = create_datasette(path, live_interval_ms=100).app()
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}", path
    server.should_exit = True
    thread.join(10)
    listening.close()


@pytest.fixture
def page() -> Iterator[Any]:
    """A page in Chromium that collects what it complains about and whom it asks."""
    if CHROMIUM is None:
        pytest.skip("needs Chromium")
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        opened = browser.new_page(timezone_id="Asia/Tokyo")
        opened.complaints = []
        opened.asked = set()
        opened.on("console", lambda message: opened.complaints.append(message.text))
        opened.on("pageerror", lambda error: opened.complaints.append(str(error)))
        opened.on("request", lambda request: opened.asked.add(request.url.split("/", 3)[2]))
        yield opened
        browser.close()


def test_the_start_page_grows_while_you_watch(growing: tuple[str, Path], page: Any) -> None:
    url, path = growing
    page.goto(url)
    assert page.inner_text('[data-count="messages"]') == "0"
    page.evaluate("window.stayed = true")

    insert(path, "messages", subject="Re: <b>Tea</b>", from_name="Ada Okafor", received_at="2026-01-05T20:00:00.000Z")

    page.wait_for_selector("text=Re: <b>Tea</b>")
    page.wait_for_function("document.querySelector('[data-count=messages]').textContent === '1'")
    assert page.is_hidden("[data-needs]")
    insert(path, "stuck", feed_id=1, kind="messages", reason="not JSON", raw=b"x", first_at="2026-01-05T20:00:00.000Z",
           last_at="2026-01-05T20:00:00.000Z")  # fmt: skip
    page.wait_for_selector("[data-needs] >> text=mirror retry ada")
    assert page.inner_text(".changes li:first-child .kind") == "new mail"
    assert page.evaluate("window.stayed")
    assert page.complaints == []
    assert page.asked == {url.removeprefix("http://")}


def test_pages_work_under_their_own_policy_and_tell_the_readers_time(growing: tuple[str, Path], page: Any) -> None:
    url, path = growing
    insert(path, "messages", subject="Tea", from_name="Ada Okafor", received_at="2026-01-05T20:00:00.000Z")

    page.goto(f"{url}/mirror/messages")
    assert page.inner_text("td.col-received_at time") == "6 Jan 2026, 05:00"
    assert page.get_attribute("td.col-received_at time", "title") == "2026-01-05 20:00:00 UTC"
    page.click("th[data-column=subject] svg")
    assert page.is_visible("text=Facet by this")
    page.keyboard.press("/")
    page.keyboard.type("harb")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search?q=harb")
    page.goto(f"{url}/mirror?sql=select+1+as+one")
    assert page.is_visible(".CodeMirror")

    assert page.complaints == []
    assert page.asked == {url.removeprefix("http://")}


def test_nothing_is_wider_than_a_telephone(growing: tuple[str, Path], page: Any) -> None:
    url, _ = growing
    page.set_viewport_size({"width": 390, "height": 800})

    for where in (
        "/",
        "/mirror",
        "/mirror/contacts",
        "/mirror/contacts/1",
        "/mirror/search?q=harb",
        "/search",
        "/search?q=harb&account=ada",
        "/search?q=zz&kind=tasks",
        "/mirror/latest-runs",
    ):
        page.goto(url + where)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, where
