"""How tests type commands: in this process with captured streams, or as a process of its own; and what they sync from."""

from __future__ import annotations

import contextlib
import io
import json
import os
import pty
import select
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import pytest

import mirror.cli
from mirror.clock import SystemClock
from mirror.sandbox.app import Sandbox, create_app, sandbox_of
from mirror.sandbox.options import Options
from mirror.sandbox.serve import serve
from mirror.sandbox.state import Account, State

ROOT = Path(__file__).resolve().parents[1]
TOKEN = "a-token-that-nobody-may-see"
TABLES = ("contacts", "calendars", "events", "folders", "messages", "task_lists", "tasks")


@dataclass(frozen=True)
class Ran:
    """What came of a command."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """The one document on stdout."""
        return json.loads(self.out)


class Typed(io.StringIO):
    """Standard input that says whether it is a terminal."""

    def __init__(self, text: str, *, terminal: bool = False) -> None:
        super().__init__(text)
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal


@dataclass
class Cli:
    """`mirror --home HOME …`."""

    home: Path

    def __call__(self, *arguments: str, typed: str | Typed = "", home: Path | None = None, **env: str) -> Ran:
        """In this process."""
        out, err = io.StringIO(), io.StringIO()
        before, stdin = dict(os.environ), sys.stdin
        os.environ.update(env)
        sys.stdin = typed if isinstance(typed, Typed) else Typed(typed)
        code = 0
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                mirror.cli.main(["--home", str(home or self.home), *arguments])
        except SystemExit as exit_:
            code = int(exit_.code or 0)
        finally:
            sys.stdin = stdin
            os.environ.clear()
            os.environ.update(before)
        return Ran(code, out.getvalue(), err.getvalue())

    def process(self, *arguments: str, **more: Any) -> subprocess.Popen[str]:
        """As a process of its own, with pipes."""
        env = {**os.environ, "PYTHONPATH": str(ROOT), **more.pop("env", {})}
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **more}
        command = [sys.executable, "-m", "mirror.cli", "--home", str(self.home), *arguments]
        return subprocess.Popen(command, env=env, text=True, **pipes)

    def add(self, name: str, upstream: Upstream, *more: str) -> None:
        ran = self("account", "add", name, "--base-url", upstream.url, "--token-stdin", *more, typed=upstream.token)
        assert ran.code == 0, ran

    def query(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        """What a person would see with sqlite3 (whose module is for the store alone, also here)."""
        from mirror.store.connection import open_reader

        conn = open_reader(self.home / "mirror.db")
        try:
            return [tuple(row) for row in conn.execute(sql, parameters)]
        finally:
            conn.close()

    def write(self, sql: str) -> None:
        """What a person might do to the file by hand."""
        from mirror.store.connection import open_store

        store = open_store(self.home)
        with store.transaction() as conn:
            conn.execute(sql)
        store.close()

    def dump(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every row of every record table, and of history."""
        tables = (*TABLES, "versions", "message_bodies", "attachments")
        return {table: self.query(f"SELECT * FROM {table} ORDER BY 1") for table in tables}


class Terminal:
    """A command on a terminal of its own."""

    def __init__(self, cli: Cli, *arguments: str, **more: Any) -> None:
        self._ours, theirs = pty.openpty()
        pipes = {"stdin": theirs, "stdout": theirs, "stderr": theirs}
        self.process = cli.process(*arguments, start_new_session=True, **pipes, **more)
        os.close(theirs)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._ours)

    @property
    def code(self) -> int | None:
        return self.process.returncode

    def type(self, text: str) -> None:
        os.write(self._ours, text.encode())

    def read_until(self, text: str, timeout_s: float = 15.0) -> str:
        """What is shown, up to and with this text."""
        shown = ""
        while text not in shown:
            shown += self._more(shown, timeout_s) or pytest.fail(f"it ended with {shown!r}")
        return shown

    def read_to_the_end(self, timeout_s: float = 15.0) -> str:
        shown = ""
        while more := self._more(shown, timeout_s):
            shown += more
        self.process.wait(timeout_s)
        return shown

    def _more(self, shown: str, timeout_s: float) -> str:
        if not select.select([self._ours], [], [], timeout_s)[0]:
            pytest.fail(f"nothing more was shown after {shown!r}")
        try:
            return os.read(self._ours, 65_536).decode(errors="replace")
        except OSError:  # how a terminal whose other end is closed says so
            return ""


class Served:
    """A server on loopback whose application can be changed while it runs."""

    def __init__(self) -> None:
        self.application: WSGIApplication = _nobody
        self._server = serve(self._answer)

    @property
    def url(self) -> str:
        return self._server.url

    def plug_in(self, application: WSGIApplication) -> None:
        self.application = application

    def unplug(self) -> None:
        self.application = _nobody

    def stop(self) -> None:
        self._server.stop()

    def _answer(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        return self.application(environ, start)


def _nobody(_: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
    start("503 Service Unavailable", [("Content-Length", "0")])
    return [b""]


def answering(status: str, content: bytes, content_type: str = "application/json") -> WSGIApplication:
    """An application that gives this answer to everything."""

    def application(_: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        start(status, [("Content-Type", content_type), ("Content-Length", str(len(content)))])
        return [content]

    return application


@dataclass(frozen=True)
class Upstream:
    """A sandbox with one account."""

    served: Served
    state: State
    account: Account
    behind: Sandbox

    @property
    def url(self) -> str:
        return self.served.url

    @property
    def token(self) -> str:
        return TOKEN

    @property
    def asked(self) -> list[str]:
        """The paths of all requests so far."""
        return [request.path for request in self.behind.faults.requests]

    def create(self, kind: str, record: dict[str, Any], **more: Any) -> dict[str, Any]:
        return self.state.create(self.account.id, kind, record, **more)

    def contact(self, name: str) -> dict[str, Any]:
        return self.create("contacts", {"name": {"displayName": name}})

    def ids(self, kind: str, parent: str | None = None) -> list[str]:
        return [record["id"] for record in self.state.records(self.account.id, kind, parent=parent)]

    def delete(self, kind: str, remote_id: str, parent: str | None = None) -> None:
        self.state.delete(self.account.id, kind, remote_id, parent=parent)


def new_upstream(
    served: Served, options: Options | None = None, fill: Callable[[Upstream], None] | None = None
) -> Upstream:
    """A new sandbox behind the server, with a small mailbox in it."""
    clock = SystemClock()
    clock.random.seed(1)
    state = State(clock=clock)
    account = state.add_account(email="ada@example.org", name="Ada", token=TOKEN)
    app = create_app(state, options)
    served.plug_in(app)
    upstream = Upstream(served, state, account, sandbox_of(app))
    (fill or small_mailbox)(upstream)
    return upstream


def small_mailbox(upstream: Upstream) -> None:
    """A few of everything."""
    create = upstream.create
    for name in ("Grace Hopper", "Katherine Johnson", "Radia Perlman"):
        upstream.contact(name)
    create("calendars", {"name": "Work", "primary": True}, remote_id="ada@example.org")
    day = upstream.state.clock.now().strftime("%Y-%m-%d")
    for subject, hour in (("Stand-up", 9), ("Review of the analytical engine", 14)):
        moments = {
            f: {"dateTime": f"{day}T{h:02}:00:00Z", "timezone": "UTC"} for f, h in (("start", hour), ("end", hour + 1))
        }
        create("events", {"subject": subject, **moments}, parent="ada@example.org")
    folder = create("folders", {"name": "Inbox", "sysLabel": "inbox"}, remote_id="INBOX")
    for number in range(3):
        create(
            "messages",
            {
                "subject": f"Notes, part {number}",
                "from": {"address": "grace@example.org", "name": "Grace Hopper"},
                "to": [{"address": "ada@example.org"}],
                "receivedAt": f"{day}T0{number}:00:00.000Z",
                "folderId": folder["id"],
                "sysLabels": ["inbox"],
            },
            body=f"<p>The {('compiler', 'loop', 'subroutine')[number]} is ready.</p>",
        )
    tasks = create("task_lists", {"title": "To do", "defaultList": True}, remote_id="todo")
    for title in ("Write the note G", "Call Charles"):
        create("tasks", {"title": title, "status": "notStarted"}, parent=tasks["id"])
