"""A consistent copy of a mirror while everything goes on: a folder that is itself a home, without credentials.

mirror.db is copied first and blobs.db second: bytes are always written before the row that points to them, so the later copy
has all that the earlier one needs. The copy is verified before it takes its place; until then the place is untouched.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from mirror import __version__
from mirror import clock as clocks
from mirror.errors import MirrorError, Usage
from mirror.store.connection import Store, open_reader, open_store, translated
from mirror.store.findings import OnProgress
from mirror.store.verify import Report, verify

MARK = "backup.json"
OURS = frozenset({
    MARK, "mirror.db", "mirror.db-wal", "mirror.db-shm", "blobs.db", "blobs.db-wal", "blobs.db-shm", "locks", "migrate.lock",
})  # fmt: skip
"""What may be in a folder that a backup replaces: a backup, and what looking into it with `mirror --home` leaves behind."""

PAGES_AT_ONCE = 64  # of 16 KB: a megabyte
MOST_COPIES = 3


class Unsound(MirrorError):
    """The copy is not sound, and nothing was replaced: verify and repair the mirror, or insist."""


class PlaceUnusable(MirrorError):
    """The file system does not take a backup there."""


@dataclass(frozen=True, slots=True)
class Backup:
    """A finished one. Its report has findings only where the person insisted."""

    path: Path
    made_at: str
    size_bytes: int
    report: Report


def back_up(store: Store, destination: Path, *, force: bool, on_progress: OnProgress) -> Backup:
    """A copy in the folder `destination`, which is made or, where it is an older backup of this mirror, replaced.

    `force`: also a newer one or another mirror's, and though the copy be unsound. Raises: Usage (something else is there),
    Unsound, PlaceUnusable, DiskFull, DatabaseBusy, DatabaseDamaged.
    """
    destination = Path(os.path.abspath(destination))
    _refuse_bad_place(store.home.resolve(), destination)
    part, old = (destination.with_name(f".{destination.name}.{word}") for word in ("part", "old"))
    with _alone(store), _told_of(destination):
        if old.exists() and not destination.exists():
            old.rename(destination)  # a backup that was killed between its two renames
        _refuse_to_replace(store, destination, force=force)
        shutil.rmtree(part, ignore_errors=True)
        destination.parent.mkdir(parents=True, exist_ok=True)
        part.mkdir(mode=0o700)
        try:
            report = _copy(store, part, on_progress)
            if not report.sound and not force:
                raise Unsound(
                    f"the copy is not sound: {'; '.join(finding.sentence for finding in report.findings)}. {destination} was left"
                    " as it was. Try: mirror verify --repair; or keep the copy all the same with --force"
                )
            made_at = clocks.text(store.clock.now())
            _write_mark(part, made_at)
            size_bytes = sum(path.stat().st_size for path in part.iterdir())
            _put_in_place(part, old, destination)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    return Backup(destination, made_at, size_bytes, report)


# --- the place ----------------------------------------------------------------------------------------------------------


@contextmanager
def _alone(store: Store) -> Iterator[None]:
    """One backup of a mirror at a time."""
    folder = store.home / "locks"
    folder.mkdir(mode=0o700, exist_ok=True)
    lock = FileLock(folder / "backup.lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise Usage("another backup of this mirror is being made; wait for it") from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _told_of(destination: Path) -> Iterator[None]:
    try:
        with translated(destination):
            yield
    except OSError as error:
        raise PlaceUnusable(
            f"no backup can be written to {destination}: {error.strerror or error}. What was there is as it was"
        ) from error


def _refuse_bad_place(home: Path, destination: Path) -> None:
    place = destination.resolve()
    if not place.name:
        raise Usage(f"{place} is no place for a backup; name a new folder")
    if place == home or home in place.parents or place in home.parents:
        raise Usage(f"{destination} and the mirror in {home} must not contain each other; name a folder elsewhere")


def _refuse_to_replace(store: Store, destination: Path, *, force: bool) -> None:
    """Only a backup is ever replaced, and only an older one of this mirror without `force`. Raises: Usage."""
    if not destination.exists() and not destination.is_symlink():
        return
    if not destination.is_dir() or destination.is_symlink():
        raise Usage(f"{destination} is there already and is no folder; name a new folder")
    names = {path.name for path in destination.iterdir()}
    if not names:
        return
    if MARK not in names or names - OURS:
        other = sorted(names - OURS or names)[0]
        raise Usage(
            f"{destination} is not a backup (it holds {other}); name a new folder, like {destination / 'mirror'}"
        )
    if force:
        return
    there, here = _standing(destination / "mirror.db"), _standing(store.path)
    if there is None:
        raise Usage(f"what is in {destination} can't be read; replace it with --force")
    if there[0] != here[0] if here else True:
        raise Usage(f"{destination} is a backup of another mirror; name a new folder, or replace it with --force")
    if here is not None and there[1] > here[1]:
        raise Usage(
            f"the backup in {destination} knows more than this mirror; name a new folder, or replace it with --force"
        )


def _standing(path: Path) -> tuple[str | None, int] | None:
    """Which mirror a file is of, told by its first account, and how far it has come; None when it can't be read."""
    try:
        with closing(open_reader(path)) as conn:
            row = conn.execute("SELECT (SELECT min(created_at) FROM accounts), seq FROM change_order").fetchone()
    except sqlite3.Error:
        return None
    return row[0], row[1]


def _put_in_place(part: Path, old: Path, destination: Path) -> None:
    """The finished folder under its name: the one moment in which the older backup goes."""
    for path in (*part.iterdir(), part):
        _to_disk(path)
    shutil.rmtree(old, ignore_errors=True)
    if destination.exists():
        destination.rename(old)
    part.rename(destination)
    _to_disk(destination.parent)
    shutil.rmtree(old, ignore_errors=True)


def _to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


# --- the copy -----------------------------------------------------------------------------------------------------------


def _copy(store: Store, part: Path, on_progress: OnProgress) -> Report:
    """Both files, looked over. A purge between the two copies takes bytes that the first still needs: then once more."""
    for _ in range(MOST_COPIES):
        _copy_file(store.path, part / "mirror.db", on_progress)
        if (store.home / "blobs.db").is_file():
            _copy_file(store.home / "blobs.db", part / "blobs.db", on_progress)
        copy = open_store(part, store.clock, create=False)
        try:
            report = verify(copy, on_progress=on_progress)
        finally:
            copy.close()
        for name in ("mirror.db", "blobs.db"):
            _make_one_file(part / name)
        if all(finding.check != "attachments" for finding in report.findings):
            break
    return report


def _copy_file(source: Path, target: Path, on_progress: OnProgress) -> None:
    """A snapshot: what is written meanwhile is not in it, and is not kept waiting."""
    target.unlink(missing_ok=True)
    os.close(os.open(target, os.O_CREAT | os.O_RDWR, 0o600))

    def progress(_: int, remaining: int, total: int) -> None:
        on_progress(f"copying {source.name}", total - remaining, total)

    with closing(open_reader(source)) as reader, closing(sqlite3.connect(target)) as writer:
        reader.execute("BEGIN")
        reader.execute(
            "SELECT count(*) FROM sqlite_master"
        ).fetchone()  # a transaction sees nothing before its first read
        reader.backup(writer, pages=PAGES_AT_ONCE, progress=progress)


def _make_one_file(path: Path) -> None:
    """No write-ahead log beside it, so that it can be moved, and read from a medium that can't be written."""
    if path.is_file():
        with closing(sqlite3.connect(path)) as conn:
            conn.execute("PRAGMA journal_mode = DELETE")


def _write_mark(part: Path, made_at: str) -> None:
    with closing(open_reader(part / "mirror.db")) as conn:
        accounts = [row[0] for row in conn.execute("SELECT name FROM accounts WHERE removed_at IS NULL ORDER BY name")]
        records = conn.execute("SELECT count(*) FROM records WHERE deleted_at IS NULL").fetchone()[0]
    mark = {"made_at": made_at, "mirror": __version__, "accounts": accounts, "records": records}
    (part / MARK).write_text(json.dumps(mark, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
