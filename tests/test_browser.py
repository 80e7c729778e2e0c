"""The pages as a person sees them: in Chromium, with every request and every message of the console watched.

Screenshots go to `artifacts/`, to be looked at with a critical eye.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

pytestmark = pytest.mark.browser

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
ARTIFACTS = Path(__file__).resolve().parents[1] / "artifacts"
WIDE, PHONE = {"width": 1280, "height": 1000}, {"width": 390, "height": 844}

PAGES = {
    "start": "/",
    "contacts": "/mirror/contacts",
    "contact": "/mirror/contacts/3",
    "messages": "/mirror/messages",
    "message": "/mirror/messages/1990",
    "events": "/mirror/events",
    "event": "/mirror/events/20",
    "tasks": "/mirror/tasks",
    "everything": "/mirror",
    "who-do-i-write-to-most": "/mirror/write-to-most",
    "meetings-per-week": "/mirror/meetings-per-week",
    "unanswered-mail": "/mirror/unanswered-mail",
}


@pytest.fixture(scope="module")
def served(demo_home: Path) -> Iterator[str]:
    """The URL of `mirror serve` over the demo."""
    command = [sys.executable, "-m", "mirror.cli", "--home", str(demo_home), "serve", "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    line = process.stdout.readline()
    yield line.split()[1].rstrip("/")
    process.terminate()
    assert process.wait(timeout=10) == 0
    process.stdout.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    if CHROMIUM is None:
        pytest.skip("needs Chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
                     "--disable-sync", "--no-first-run"]  # fmt: skip
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield launched
        launched.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_loads_without_errors_and_asks_nobody_else(browser, served: str, name: str, scheme: str) -> None:
    context = browser.new_context(viewport=WIDE, color_scheme=scheme)
    page = context.new_page()
    troubles: list[str] = []
    page.on("console", lambda message: troubles.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: troubles.append(str(error)))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))

    answer = page.goto(served + PAGES[name], wait_until="load")

    ARTIFACTS.mkdir(exist_ok=True)
    page.screenshot(path=str(ARTIFACTS / f"{name}-{scheme}.png"))
    if scheme == "light":
        page.set_viewport_size(PHONE)
        page.screenshot(path=str(ARTIFACTS / f"{name}-phone.png"))
        wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wider <= 0, "the page scrolls sideways on a phone"
    assert answer is not None
    assert answer.status == 200
    assert troubles == []
    assert {urlsplit(url).hostname for url in asked if not url.startswith("data:")} == {"127.0.0.1"}
    context.close()
