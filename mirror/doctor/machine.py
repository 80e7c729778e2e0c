"""This machine: its clock, its time zones, its SQLite, its disk."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from mirror import clock as clocks
from mirror.doctor.line import Examination, Line, note, ok, wrong
from mirror.store import engine

PLAUSIBLE_YEARS = range(2025, 2101)
SET_BACK = timedelta(minutes=1)
SOME_ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Tokyo")
LEAST_FREE_BYTES = 100_000_000
LITTLE_FREE_BYTES = 1_000_000_000

REMOTE = frozenset(
    {
        "nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ceph", "glusterfs", "lustre", "9p", "davfs", "vboxsf", "fuse.sshfs",
        "fuse.s3fs", "fuse.rclone", "fuse.glusterfs", "fuse.ceph", "fuse.gvfsd-fuse", "fuse.vmhgfs-fuse",
    }
)  # fmt: skip
"""File systems on which processes can't share memory, which SQLite's write-ahead log needs (sqlite.org/wal.html)."""

FLEETING = frozenset({"tmpfs", "ramfs"})


def clock(examination: Examination) -> Iterator[Line]:
    """Whether it can be the time that it says (what upstream says of it is in `upstream.reachable`)."""
    now = examination.clock.now()
    if now.year not in PLAUSIBLE_YEARS:
        yield wrong("clock", f"it says {now:%Y-%m-%d}, which can't be", "set the clock: timedatectl set-ntp true")
        return
    newest = engine.newest_moment(examination.store.conn) if examination.store is not None else None
    if newest is not None and clocks.moment(newest) - now > SET_BACK:
        yield wrong(
            "clock",
            f"it says {clocks.text(now)}, and the mirror was written at {newest}: it was set back, or was wrong then",
            "set the clock: timedatectl set-ntp true",
        )
        return
    yield ok("clock", f"{now:%Y-%m-%d %H:%M:%S} UTC")


def time_zones(_: Examination) -> Iterator[Line]:
    """Whether events can be placed in their zones."""
    missing = [name for name in SOME_ZONES if not _has_zone(name)]
    if missing:
        yield wrong("time zones", f"there is no data about {', '.join(missing)}", "pip install --upgrade tzdata")
    else:
        yield ok("time zones", "their data is there")


def _has_zone(name: str) -> bool:
    try:
        ZoneInfo.no_cache(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def sqlite(_: Examination) -> Iterator[Line]:
    """Whether this SQLite can do what is needed, and what is known against it."""
    yield from sqlite_of(engine.version(), engine.missing_features())


def sqlite_of(version: engine.Version, missing: list[str]) -> Iterator[Line]:
    """The same, of a version that lacks features."""
    name = ".".join(map(str, version))
    if version < engine.OLDEST:
        oldest = ".".join(map(str, engine.OLDEST))
        yield wrong("sqlite", f"{name} is older than {oldest}", "install a newer Python, or a newer libsqlite3")
        return
    if missing:
        yield wrong("sqlite", f"{name} was built without {', '.join(missing)}", "install another Python or libsqlite3")
        return
    bugs = [bug for bug in engine.BUGS if bug.is_in(version)]
    for bug in bugs:
        fixed = ", ".join(".".join(map(str, one)) for one in reversed(bug.fixed))
        yield note(
            "sqlite",
            f"{name} may have the {bug.name} bug: {bug.what}",
            f"it is fixed in {fixed}, perhaps also by your distribution; see {bug.source}, and keep backups: mirror backup",
        )
    if not bugs:
        yield ok("sqlite", f"{name}, with full-text search and JSON")


def one_sqlite(_: Examination) -> Iterator[Line]:
    """Two SQLite libraries in one process drop each other's locks (sqlite.org/howtocorrupt.html)."""
    if importlib.util.find_spec("pysqlite3") is None:
        yield ok("one sqlite", "there is no second one (pysqlite3)")
    else:
        yield wrong(
            "one sqlite",
            "pysqlite3 is installed: two SQLite libraries in one process lose locks",
            "pip uninstall pysqlite3 pysqlite3-binary",
        )


def disk(examination: Examination) -> Iterator[Line]:
    """Whether there is room to go on, and for a backup."""
    place = _existing(examination.home)
    free = shutil.disk_usage(place).free
    mirrored = sum(path.stat().st_size for path in examination.home.glob("*.db*") if path.is_file())
    yield room(free, mirrored)


def room(free_bytes: int, mirrored_bytes: int) -> Line:
    """What so much room means for a mirror of that size."""
    told = f"{free_bytes / 1e9:,.1f} GB are free, and the mirror has {mirrored_bytes / 1e9:,.2f}"
    if free_bytes < LEAST_FREE_BYTES:
        return wrong("disk", f"{told}: it is nearly full", "make room")
    if free_bytes < max(LITTLE_FREE_BYTES, mirrored_bytes):
        return note("disk", f"{told}: that is little", "make room, or move the home with --home")
    return ok("disk", told)


def file_system(examination: Examination) -> Iterator[Line]:
    """Whether SQLite's log works where the home is."""
    kind = file_system_of(_existing(examination.home).resolve(), examination.mounts)
    if kind in REMOTE:
        yield wrong(
            "file system",
            f"{examination.home} is on {kind}: SQLite can't share its log over it, and the file may be damaged",
            "move the home to a disk of this machine, with --home or MIRROR_HOME",
        )
    elif kind in FLEETING:
        yield note(
            "file system", f"{examination.home} is in memory ({kind}): it is gone after a restart", "move the home"
        )
    else:
        yield ok("file system", kind or "not known, on this system")


def file_system_of(path: Path, mounts: str) -> str | None:
    """The kind of file system that a path is on, by the text of /proc/mounts; None when that does not say."""
    best: tuple[int, str] | None = None
    for line in mounts.splitlines():
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        point = Path(fields[1].replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\"))
        if path.is_relative_to(point) and (best is None or len(point.parts) >= best[0]):
            best = (len(point.parts), fields[2])
    return best[1] if best else None


def _existing(path: Path) -> Path:
    return next(place for place in (path, *path.absolute().parents) if place.exists())
