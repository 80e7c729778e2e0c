"""Processes and what they cost: the clock, the CPU of them and their children, the peak of their memory.

Whoever imports this must stay small: on Linux a child's peak begins with what its parent had when it was started.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent


@dataclass(frozen=True, slots=True)
class Cost:
    """What a process took, from its start to its end. `rss_mb`: of the largest one, when it had children."""

    wall_s: float
    cpu_s: float
    rss_mb: float
    code: int
    out: str


def script(name: str, *arguments: object) -> list[str]:
    """A script of this folder as a command."""
    return [sys.executable, str(HERE / name), *map(str, arguments)]


def mirror(home: Path, *arguments: object) -> list[str]:
    """The product's command as a person types it."""
    return [sys.executable, "-m", "mirror.cli", "--home", str(home), *map(str, arguments)]


def cost(command: Sequence[str], *, kill_when: Callable[[], bool] | None = None, codes: Sequence[int] = (0,)) -> Cost:
    """Run a command and measure it; with `kill_when`, until that is true, then kill -9. Raises: SystemExit when it fails."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        began = time.perf_counter()
        process = subprocess.Popen(command, stdout=out, stderr=err, env=environment())
        if kill_when is not None:
            while not kill_when():
                time.sleep(0.001)
            process.send_signal(signal.SIGKILL)  # of one that has ended, too, as long as nobody has asked for its end
        _, status, used = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - began
        process.returncode = code = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        if code not in codes and kill_when is None:
            raise SystemExit(f"{' '.join(command)} ended with {code}:\n{err.read().decode()[-4000:]}")
        return Cost(wall_s, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, code, out.read().decode())


def environment() -> dict[str, str]:
    """This checkout's modules; without what a person has set for their own mirror."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MIRROR_")}
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}


class Served:
    """The server, as those who steer it see it."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        self.process = process
        self.url = f"http://127.0.0.1:{int(process.stdout.readline())}"

    def steer(self, verb: str) -> dict[str, Any]:
        with urllib.request.urlopen(f"{self.url}/control/{verb}", timeout=60) as answer:
            told: dict[str, Any] = json.load(answer)
        return told

    def cpu_s(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def served(folder: Path, page: int, *, wait_ms: float = 0.0) -> Iterator[Served]:
    """The server of `upstream.py` over the records in `folder`, until the end of the block."""
    command = script("upstream.py", folder, "--page", page, "--wait-ms", wait_ms)
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment())
    try:
        yield Served(process)
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
