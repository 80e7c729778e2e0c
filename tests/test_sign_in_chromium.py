"""Signing in as a person does it: the command opens a real browser, the page asks, and the terminal goes on."""

from __future__ import annotations

import os
import select
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from browser import Watched
from mirror_cli import Cli, Upstream
from signing import set_app

PATIENCE_S = 30.0


class Desktop:
    """Where the command's browser opens: what was opened is read here, and opened in Chromium instead."""

    def __init__(self, folder: Path) -> None:
        pipe = folder / "opened"
        os.mkfifo(pipe)
        self._opened = os.open(pipe, os.O_RDWR)
        self.browser = folder / "browser"
        self.browser.write_text(f'#!/bin/sh\nprintf "%s\\n" "$*" > "{pipe}"\n')
        self.browser.chmod(0o700)

    def opened(self) -> str:
        """The arguments of the browser."""
        assert select.select([self._opened], [], [], PATIENCE_S)[0], "no browser was opened"
        return os.read(self._opened, 65_536).decode().strip()

    def close(self) -> None:
        os.close(self._opened)


@pytest.fixture
def desktop(quick_path: Path) -> Iterator[Desktop]:
    made = Desktop(quick_path)
    yield made
    made.close()


@contextmanager
def signing_in(cli: Cli, desktop: Desktop, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    process = cli.process("account", "login", *arguments, env={"BROWSER": str(desktop.browser)})
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_the_whole_dance_in_a_browser_ends_in_a_sync(
    cli: Cli, upstream: Upstream, desktop: Desktop, watched: Watched
) -> None:
    set_app(cli, upstream)
    with signing_in(cli, desktop, "work", "--service", "Google") as process:
        url = desktop.opened()
        assert url.startswith(f"{upstream.url}/v1/auth/authorize?")
        assert watched.open(url) == 200
        watched.keep_picture("sign-in-consent")
        watched.page.click("text=Allow")
        watched.page.wait_for_url("http://127.0.0.1:*/signed-in?*")

        assert watched.page.inner_text("h1") == "You can close this tab"
        assert watched.violations() == []
        assert watched.asked == {upstream.url, watched.page.evaluate("location.origin")}
        watched.keep_picture("sign-in-done")
        out, err = process.communicate(timeout=PATIENCE_S)

    assert (process.returncode, err) == (0, "")
    assert "Signed in: work is ada@example.org at Google, to read only." in out
    assert [one for one in watched.complaints if "favicon" not in one] == []
    assert cli("sync").code == 0
    assert cli.query("SELECT count(*) FROM contacts") == [(3,)]


def test_saying_no_in_a_browser_is_told_there_and_in_the_terminal(
    cli: Cli, upstream: Upstream, desktop: Desktop, watched: Watched
) -> None:
    set_app(cli, upstream)
    with signing_in(cli, desktop, "work", "--service", "Google") as process:
        watched.open(desktop.opened())
        watched.page.click("text=Deny")
        watched.page.wait_for_url("http://127.0.0.1:*/signed-in?*")
        assert watched.page.inner_text("h1") == "Not allowed"
        _, err = process.communicate(timeout=PATIENCE_S)

    assert process.returncode == 3
    assert "the permission was not given" in err


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="reads /proc")
def test_no_secret_is_on_a_command_line_while_a_person_signs_in(cli: Cli, upstream: Upstream, desktop: Desktop) -> None:
    set_app(cli, upstream)
    options = upstream.behind.options
    with signing_in(cli, desktop, "work", "--service", "Google") as process:
        arguments = desktop.opened()
        listed = [path.read_bytes() for path in Path("/proc").glob(f"{process.pid}/cmdline")]
        children = Path(f"/proc/{process.pid}/environ").read_bytes()

    for seen in (arguments.encode(), *listed, children):
        assert options.client_secret.encode() not in seen
        assert options.signing_secret.encode() not in seen
    assert len(listed) == 1
