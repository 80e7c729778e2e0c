"""`mirror api` as a process of its own, as programs meet it, tokens for them, and a mailbox behind it."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mirror_cli import Cli, Served, Upstream, new_upstream

EVERY_SCOPE = ("Contacts.ReadWrite", "Calendar.ReadWrite", "Tasks.ReadWrite", "Mail.All")


@contextmanager
def served_api(cli: Cli, *arguments: str) -> Iterator[str]:
    """The address of the mirror's own API, without `/v1`."""
    process = cli.process("api", "--port", "0", *arguments, stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert line.startswith("Ask http://"), line
        yield line.split()[1].removesuffix("/v1")
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=10)
    assert process.returncode == 0


def new_token(cli: Cli, name: str, *scopes: str, account: str = "work") -> str:
    """What opens an account of the mirror: all of it, unless scopes are named."""
    wanted = [word for scope in scopes or EVERY_SCOPE for word in ("--scope", scope)]
    ran = cli("token", "new", name, "--account", account, *wanted)
    assert ran.code == 0, ran
    return ran.out.strip()


@dataclass
class Mailbox:
    """A mailbox, and a mirror of it that serves its API; programs know the address of that, and a token of it."""

    cli: Cli
    upstream: Upstream
    url: str
    token: str

    def sync(self) -> None:
        ran = self.cli("sync")
        assert ran.code == 0, ran


@contextmanager
def served_mailbox(served: Served, home: Path) -> Iterator[Mailbox]:
    """A small mailbox behind a real server, synced once and writable."""
    cli, upstream = Cli(home), new_upstream(served)
    cli.add("work", upstream)
    mailbox = Mailbox(cli, upstream, "", "")
    mailbox.sync()
    cli("account", "writable", "work", "on")
    mailbox.token = new_token(cli, "tests")
    with served_api(cli) as mailbox.url:
        yield mailbox
    served.unplug()
