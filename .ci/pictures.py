#!/usr/bin/env python3
"""Makes the README's pictures: four pages over the demo's person, the same ones each time, but for the file's size.

    python .ci/pictures.py [NAME…]        # all of PICTURES, or these

It writes nothing but the pictures beside it. Needs the test extra, and Chromium.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

SEED, ZONE = "7", "Europe/Berlin"
DAY = datetime(2026, 3, 12, 9, 0, tzinfo=UTC)
LOOKED_AT = DAY + timedelta(minutes=3, seconds=20)
SIZE = {"width": 1280, "height": 800}
MOST_BYTES = 200_000
FOLDER = Path(__file__).resolve().with_suffix("")

CONVERSATION = """
SELECT max(messages.id) FROM messages JOIN attachments ON attachments.message_id = messages.id
WHERE NOT inline AND thread_id IN (SELECT thread_id FROM messages GROUP BY 1 HAVING count(*) BETWEEN 4 AND 8)
"""
FRIEND = """
SELECT contacts.id FROM contacts JOIN contact_emails ON contact_id = contacts.id JOIN messages ON from_email = email
WHERE contacts.deleted_at IS NULL AND birthday IS NOT NULL GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1
"""

PICTURES = {
    "home": ("/", None),
    "mail": ("/mail/{}", CONVERSATION),
    "calendar": (f"/calendar/month/{DAY:%Y-%m-%d}", None),
    "contact": ("/contacts/{}", FRIEND),
}
"""The page of each, and the question whose answer is in its address."""


def main(names: list[str]) -> None:
    if unknown := set(names) - set(PICTURES):
        sys.exit(f"There is no picture {', '.join(sorted(unknown))}; there are {', '.join(PICTURES)}.")
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        subprocess.run(
            [*mirror(home), "demo", "--once", "--seed", SEED], env=at(DAY), check=True, stdout=subprocess.DEVNULL
        )
        with served(home) as url:
            take(home, url, names or list(PICTURES))


def mirror(home: Path) -> list[str]:
    return [sys.executable, "-m", "mirror.cli", "--home", str(home)]


def at(moment: datetime) -> dict[str, str]:
    """The environment of a program for which it is this moment."""
    ahead_s = (moment - datetime.now(UTC)).total_seconds()
    return {**os.environ, "MIRROR_NOW_OFFSET_S": f"{ahead_s:.0f}", "TZ": ZONE}


@contextmanager
def served(home: Path) -> Iterator[str]:
    process = subprocess.Popen(
        [*mirror(home), "serve", "--port", "0"], env=at(LOOKED_AT), stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        yield process.stdout.readline().split()[1].rstrip("/")
    finally:
        process.terminate()
        process.communicate(timeout=20)


def take(home: Path, url: str, names: list[str]) -> None:
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    asked = sqlite3.connect(f"file:{home / 'mirror.db'}?mode=ro", uri=True)
    FOLDER.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport=SIZE, color_scheme="light", timezone_id=ZONE, reduced_motion="reduce")
        page.clock.set_fixed_time(LOOKED_AT)
        for name in names:
            path, question = PICTURES[name]
            page.goto(url + (path.format(asked.execute(question).fetchone()[0]) if question else path))
            page.wait_for_load_state("networkidle")
            picture = FOLDER / f"{name}.png"
            page.screenshot(path=str(picture))
            print(f"{picture}  {picture.stat().st_size:,} bytes")
            if picture.stat().st_size > MOST_BYTES:
                sys.exit(f"{picture} is bigger than {MOST_BYTES:,} bytes.")
        browser.close()
    asked.close()


if __name__ == "__main__":
    main(sys.argv[1:])
