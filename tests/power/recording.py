"""What a command really does to the files below a folder: its system calls, recorded by strace and read back in order.

Only what changes files or makes them durable is kept. A call that changes files in a way that can't be replayed is an error, so
that a recording never claims to be whole when it is not. SQLite's `-shm` is left out: it is made anew after a power cut.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

CALLS = (
    "open,openat,creat,mkdir,mkdirat,rmdir,unlink,unlinkat,rename,renameat,renameat2,link,linkat,symlink,symlinkat,"
    "write,pwrite64,writev,pwritev,pwritev2,ftruncate,truncate,fallocate,copy_file_range,sendfile,splice,lseek,mmap,"
    "fsync,fdatasync,sync,syncfs,sync_file_range,msync"
)
MOST_BYTES = 4_000_000  # of one write; SQLite's are a page

_TEXT = r'"((?:\\x[0-9a-f]{2})*)"'
_AT = r"(?:AT_FDCWD|(\d+))<((?:\\x[0-9a-f]{2})*)>"
_LINE = re.compile(r"(\d+) +(\w+)\((.*)\) += (-?\w+)(?:<((?:\\x[0-9a-f]{2})*)>)?.*\n")
_FILE = re.compile(r"(\d+)<((?:\\x[0-9a-f]{2})*)>")
_UNFINISHED = re.compile(r"(\d+) +(.*) <unfinished \.\.\.>\n")
_RESUMED = re.compile(r"(\d+) +<\.\.\. \w+ resumed>(.*\n)")


@dataclass(frozen=True, slots=True)
class Call:
    """One change. `what`: create, mkdir, write, truncate, unlink, rename (to `to`) or sync."""

    what: str
    path: str
    to: str = ""
    offset: int = 0
    content: bytes = b""


class NotReplayable(Exception):
    """A recorded call that changes files in a way that the replay does not know."""


def can_record() -> bool:
    """Whether strace is there and may watch a process."""
    if shutil.which("strace") is None:
        return False
    return subprocess.run(["strace", "-qq", "-o", os.devnull, "true"], capture_output=True, check=False).returncode == 0


def record(root: Path, folder: Path, *arguments: str, typed: str = "") -> tuple[int, list[Call]]:
    """The exit code of `mirror` with these arguments, and what it did to the files below `root`."""
    log = folder / "strace.txt"
    command = [
        "strace",
        "-f",
        "--seccomp-bpf",
        "-qq",
        "-y",
        "-xx",
        "-s",
        str(MOST_BYTES),
        "-e",
        f"trace={CALLS}",
        "-e",
        "signal=none",
    ]
    ended = subprocess.run(
        [*command, "-o", str(log), sys.executable, "-m", "mirror.cli", *arguments],
        input=typed,
        text=True,
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
    )
    with log.open(encoding="ascii") as lines:
        calls = [call for call in _calls(_whole(lines)) if _is_below(call.path, root)]
    log.unlink()
    return ended.returncode, calls


def _is_below(path: str, root: Path) -> bool:
    return f"{path}/".startswith(f"{root}/") and not path.endswith("-shm")


def _whole(lines: Iterator[str]) -> Iterator[str]:
    """The lines, with the calls put together that another thread's calls interrupted; they count when they end."""
    begun: dict[str, str] = {}
    for line in lines:
        if found := _UNFINISHED.fullmatch(line):
            begun[found[1]] = found[2]
        elif found := _RESUMED.fullmatch(line):
            yield f"{found[1]} {begun.pop(found[1])}{found[2]}"
        else:
            yield line


def _calls(lines: Iterator[str]) -> Iterator[Call]:
    places: dict[tuple[str, str], int] = {}  # how far the files that are written without an offset have come
    for line in lines:
        found = _LINE.fullmatch(line)
        if found is None or found[4].startswith("-") or found[4] == "?":
            continue
        process, name, given, returned = found[1], found[2], found[3], found[4]
        if name in ("open", "openat", "creat"):
            places[process, returned] = 0
            yield from _opened(name, given)
        elif name in ("write", "lseek"):
            file = _FILE.match(given)
            if file is None:
                continue
            place = (process, file[1])
            if name == "write":
                yield Call("write", _text(file[2]), offset=places.get(place, 0), content=_first_text(given))
                places[place] = places.get(place, 0) + int(returned)
            else:
                places[place] = int(returned)
        else:
            yield from _other(name, given)


def _opened(name: str, given: str) -> Iterator[Call]:
    path = _paths(given)[0]
    if "O_APPEND" in given and "O_CREAT" in given and path.endswith((".db", "-wal", ".json", ".new")):
        raise NotReplayable(f"{name} {path} to append")
    if "O_TRUNC" in given or name == "creat":
        yield Call("create", path)
        yield Call("truncate", path)
    elif "O_CREAT" in given:
        yield Call("create", path)


def _other(name: str, given: str) -> Iterator[Call]:
    file = _FILE.match(given)
    path = _text(file[2]) if file else ""
    if name == "pwrite64":
        yield Call("write", path, offset=int(given.rpartition(", ")[2]), content=_first_text(given))
    elif name == "ftruncate":
        yield Call("truncate", path, offset=int(given.rpartition(", ")[2]))
    elif name in ("fsync", "fdatasync"):
        yield Call("sync", path)
    elif name in ("mkdir", "mkdirat"):
        yield Call("mkdir", _paths(given)[0])
    elif name in ("unlink", "unlinkat", "rmdir"):
        yield Call("unlink", _paths(given)[0])
    elif name in ("rename", "renameat", "renameat2"):
        before, after = _paths(given)
        yield Call("rename", before, to=after)
    elif name == "mmap":
        found = _FILE.search(given)
        if found and "MAP_SHARED" in given and "PROT_WRITE" in given:
            yield Call("unknown", _text(found[2]), to=name)
    else:
        yield from (Call("unknown", _text(found[2]), to=name) for found in _FILE.finditer(given))


def _paths(given: str) -> list[str]:
    """The paths of a call, whether they are given whole or from a folder on."""
    return [
        os.path.normpath(os.path.join(_text(folder or ""), _text(written)))
        for folder, written in re.findall(rf"(?:(?:AT_FDCWD|\d+)<((?:\\x[0-9a-f]{{2}})*)>, )?{_TEXT}", given)
    ]


def _first_text(given: str) -> bytes:
    begin = given.index('"') + 1
    end = given.index('"', begin)
    if given[end + 1 : end + 4] == "...":
        raise NotReplayable("a write that is longer than what strace keeps")
    return bytes.fromhex(given[begin:end].replace("\\x", ""))


def _text(escaped: str) -> str:
    return os.fsdecode(bytes.fromhex(escaped.replace("\\x", "")))
