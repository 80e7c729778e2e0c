"""A real browser for tests: one Chromium for each module, pages that keep note of what goes wrong, and mirrors served to it."""

from __future__ import annotations

import os
import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIETLY = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
           "--no-first-run"]  # fmt: skip
ARTEFACTS = Path(__file__).resolve().parents[1] / ".ci" / "artefacts"
WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
ZONE = "Europe/Berlin"
A_LONG_PAGE = 2500

_TOO_WIDE = """() => document.documentElement.scrollWidth <= window.innerWidth ? [] : [
    `${document.documentElement.scrollWidth} pixels`,
    ...[...document.querySelectorAll("body *")].filter((one) => one.getBoundingClientRect().right > window.innerWidth + 1)
        .slice(0, 5).map((one) => one.outerHTML.slice(0, 160))]"""

Options = dict[str, Any]
WCAG_A_AND_AA: Options = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
}
WITHOUT_COLOURS: Options = {
    **WCAG_A_AND_AA,
    "rules": {"color-contrast": {"enabled": False}, "link-in-text-block": {"enabled": False}},
}
CONTRAST: Options = {"runOnly": {"type": "rule", "values": ["color-contrast"]}}


@contextmanager
def served(path: Path, **more: Any) -> Iterator[str]:
    """The address at which a mirror's pages are served on loopback."""
    import uvicorn  # here, since every test session imports this file

    from mirror.web import create_datasette

    listening = socket.create_server(("127.0.0.1", 0))
    app = create_datasette(path, **{"zone": ZONE, **more}).app()
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
        listening.close()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """One browser for a module; each test opens a context of its own in it.

    Not for longer: while Playwright is there, its thread has a running event loop, and `asyncio.run` fails in it.
    """
    if CHROMIUM is None:
        pytest.skip("needs Chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIETLY)
        yield launched
        launched.close()


class Watched:
    """A page that keeps note of what it complains about, whom it asks, and what those answer."""

    def __init__(self, chromium: Any, **context: Any) -> None:
        self.context = chromium.new_context(
            **{"viewport": WIDE, "color_scheme": "light", "timezone_id": ZONE, **context}
        )
        self.page = self.context.new_page()
        self.complaints: list[str] = []
        self.asked: set[str] = set()
        self.refused: list[str] = []
        self.page.on("console", lambda message: self._complaint(message.type, message.text))
        self.page.on("pageerror", lambda error: self._complaint("error", str(error)))
        self.page.on("request", lambda request: self._asked(request.url))
        self.page.on("response", lambda response: self._answered(response.status, response.url))

    def _complaint(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.complaints.append(text)

    def _asked(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("data", "about", "blob"):
            self.asked.add(f"{parts.scheme}://{parts.netloc}")

    def _answered(self, status: int, url: str) -> None:
        if status >= 400:
            self.refused.append(f"{status} {url}")

    def open(self, url: str) -> int:
        """The status of a page, loaded with all that belongs to it."""
        answer = self.page.goto(url, wait_until="load")
        assert answer is not None
        return int(answer.status)

    def troubles(self, status: int, address: str) -> list[str]:
        """What the console told and servers refused, but for the page's own status, when that was to be expected."""
        own = [f"{status} {address}"] if status >= 400 else []
        told = [text for text in self.complaints if not (own and f"status of {status}" in text)]
        return told + [one for one in self.refused if one not in own]

    def too_wide(self) -> list[str]:
        """The elements that make the page wider than the window."""
        found: list[str] = self.page.evaluate(_TOO_WIDE)
        return found

    def out_of_reach(self) -> list[str]:
        """What works by mouse alone."""
        found: list[str] = self.page.evaluate(
            "[...document.querySelectorAll('a:not([href]), [onclick], [role=button]:not(button):not([tabindex])')]"
            ".map((one) => one.outerHTML.slice(0, 120))"
        )
        return found

    def violations(self, options: Options = WCAG_A_AND_AA) -> list[str]:
        """What axe finds, each with the element and the reason."""
        from axe_playwright_python.base import AXE_SCRIPT

        if not self.page.evaluate("typeof axe === 'object'"):
            self.page.evaluate(AXE_SCRIPT)
        found = self.page.evaluate(
            "options => axe.run(document, options)", {**options, "resultTypes": ["violations"], "iframes": False}
        )
        return [
            f"{violation['id']}: {node['target']} {' '.join(node['failureSummary'].split())[:300]}"
            for violation in found["violations"]
            for node in violation["nodes"]
        ]

    def keep_picture(self, name: str) -> None:
        """A screenshot among the artefacts, where they are wanted: on CI, or with MIRROR_PICTURES set."""
        if not (os.environ.get("CI") or os.environ.get("MIRROR_PICTURES")):
            return
        ARTEFACTS.mkdir(parents=True, exist_ok=True)
        height = int(self.page.evaluate("document.documentElement.scrollHeight"))
        size = self.page.viewport_size
        clip = {"x": 0, "y": 0, "width": size["width"], "height": min(max(height, size["height"]), A_LONG_PAGE)}
        self.page.screenshot(path=str(ARTEFACTS / f"{name}.jpg"), type="jpeg", quality=70, full_page=True, clip=clip)

    def start_anew(self) -> None:
        """As a page that was just opened: much quicker than another one, which is a process of its own."""
        self.page.goto("about:blank")
        self.page.set_viewport_size(WIDE)
        self.page.emulate_media(color_scheme="light", media="screen")
        self.context.clear_cookies()
        self.complaints.clear()
        self.asked.clear()
        self.refused.clear()

    def close(self) -> None:
        self.context.close()


@pytest.fixture
def watched(chromium: Any) -> Iterator[Watched]:
    opened = Watched(chromium)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def one_page(chromium: Any) -> Iterator[Watched]:
    """A page on which nothing moves, for all tests of a module."""
    opened = Watched(chromium, reduced_motion="reduce")
    yield opened
    opened.close()


@pytest.fixture
def still(one_page: Watched) -> Watched:
    """The same, as if it were new."""
    one_page.start_anew()
    return one_page
