"""A process that has imported the program already and forks for each command, so that a command starts in milliseconds.

Each child is a real process of its own that runs `mirror` with its arguments, and can be killed like any other; only Python's
own start is spared. Spoken to by lines of JSON: `Commands` is the other side.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import select
import signal
import subprocess
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
NEEDED = (
    "mirror.cli.accounts", "mirror.cli.sync", "mirror.cli.status", "mirror.sources.aurinko", "mirror.credentials",
    "mirror.store.migrations", "anyio", "certifi", "encodings.idna", "h11", "httpcore",
)  # fmt: skip
"""What commands import when they need it."""


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit code, or -9 when it was killed."""

    code: int
    output: str


class Commands:
    """Starts commands, and kills them at the moment that was asked for."""

    def __init__(self, folder: Path) -> None:
        self._output = folder / "output.txt"
        self._process = subprocess.Popen(
            [sys.executable, __file__, str(self._output)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            text=True,
        )

    def start(self, *arguments: str, typed: str = "", env: dict[str, str] | None = None) -> None:
        self._say({"arguments": arguments, "typed": typed, "env": env or {}})

    def kill_after(self, seconds: float) -> None:
        """Kill the command that runs now, so many seconds from here. Too late is not an error."""
        self._say({"kill_after_s": seconds})

    def wait(self) -> Ended:
        assert self._process.stdout is not None
        code = json.loads(self._process.stdout.readline())["code"]
        return Ended(code, self._output.read_text(encoding="utf-8", errors="replace"))

    def run(self, *arguments: str, typed: str = "", env: dict[str, str] | None = None) -> Ended:
        self.start(*arguments, typed=typed, env=env)
        return self.wait()

    def close(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()
        self._process.wait(10)

    def _say(self, line: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(line) + "\n")
        self._process.stdin.flush()


class _Lines:
    """Lines from a file descriptor, for a loop that also waits for other things."""

    def __init__(self, handle: int) -> None:
        self.handle = handle
        self._rest = b""

    def next(self) -> dict[str, Any] | None:
        while b"\n" not in self._rest:
            more = os.read(self.handle, 65_536)
            if not more:
                return None
            self._rest += more
        line, self._rest = self._rest.split(b"\n", 1)
        said: dict[str, Any] = json.loads(line)
        return said

    @property
    def waiting(self) -> bool:
        return b"\n" in self._rest


def _serve(output: Path) -> None:
    for name in NEEDED:
        importlib.import_module(name)
    lines = _Lines(sys.stdin.fileno())
    while (command := lines.next()) is not None:
        if "arguments" not in command:
            continue  # the kill came after the end
        child = os.fork()
        if child == 0:
            _become(command, output)
        code = _watch(child, lines)
        sys.stdout.write(json.dumps({"code": code}) + "\n")
        sys.stdout.flush()


def _watch(child: int, lines: _Lines) -> int:
    handle = os.pidfd_open(child)  # names this very process, also after its number has gone to another
    try:
        wait_s: float | None = None
        while True:
            ready = [lines.handle] if lines.waiting else select.select([handle, lines.handle], [], [], wait_s)[0]
            if lines.handle in ready and handle not in ready:
                said = lines.next()
                wait_s = said["kill_after_s"] if said is not None else 0.0
                continue
            if not ready:
                with contextlib.suppress(ProcessLookupError):
                    signal.pidfd_send_signal(handle, signal.SIGKILL)
            return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    finally:
        os.close(handle)


def _become(command: dict[str, Any], output: Path) -> None:
    """The child: run the command as its own process would."""
    code = 70
    try:
        reader, writer = os.pipe()
        os.write(writer, command["typed"].encode())
        os.close(writer)
        os.dup2(reader, 0)
        to = os.open(output, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
        os.dup2(to, 1)
        os.dup2(to, 2)
        sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
        os.environ.update(command["env"])
        from mirror.cli import main

        main(command["arguments"])
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    _serve(Path(sys.argv[1]))
