"""The start page in a real browser: it grows while you watch, asks nobody else, and has nothing to complain about."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import PHONE, Watched, served
from web_demo import blank_mirror, insert

from mirror import clock as clocks
from mirror.clock import SystemClock

pytestmark = pytest.mark.browser


@pytest.fixture
def growing(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A small mirror's pages on loopback, and its file."""
    path = blank_mirror(tmp_path)
    insert(path, "accounts", name="ada", email="ada@me.example")
    insert(path, "feeds", kind="messages", state="following", caught_up_at=clocks.text(SystemClock().now()))
    insert(path, "contacts", name="Bo Harbour", emails="bo@host.example")
    with served(path, live_interval_ms=100) as url:
        yield url, path


@pytest.fixture
def watched(chromium: Any) -> Iterator[Watched]:
    """A page far from where the mirror is."""
    opened = Watched(chromium, timezone_id="Asia/Tokyo")
    yield opened
    opened.close()


def test_the_start_page_grows_while_you_watch(growing: tuple[str, Path], watched: Watched) -> None:
    url, path = growing
    page = watched.page
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
    assert watched.complaints == []
    assert watched.asked == {url}


def test_pages_work_under_their_own_policy_and_tell_the_readers_time(
    growing: tuple[str, Path], watched: Watched
) -> None:
    url, path = growing
    page = watched.page
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

    assert watched.complaints == []
    assert watched.asked == {url}


def test_nothing_is_wider_than_a_telephone(growing: tuple[str, Path], watched: Watched) -> None:
    url, _ = growing
    page = watched.page
    page.set_viewport_size(PHONE)

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
