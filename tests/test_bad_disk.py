"""Disks that are full, read-only or rotten: a sentence, no damage, and the next run goes on."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner
from keeping import CONTACTS, MESSAGES, a_mirror, an_upstream, sync

from mirror.cli import cli
from mirror.clock import VirtualClock
from mirror.errors import DatabaseDamaged, DiskFull, HomeUnusable, MirrorError
from mirror.sources.memory import Memory
from mirror.store.connection import Store, open_store
from mirror.store.verify import verify


@pytest.fixture(scope="module")
def sound_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("disk") / "home"
    clock = VirtualClock()
    a_mirror(home, clock, an_upstream(clock)).close()
    return home


@pytest.fixture
def home(sound_home: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(sound_home, tmp_path / "home"))


def a_busy_day(upstream: Memory) -> None:
    """More than fits: many new records, long ones, changed ones, gone ones."""
    for number in range(40):
        upstream.put(CONTACTS, f"new{number}", {"notes": f"{number} " * 2_000})
        upstream.put(MESSAGES, f"late{number}", {"subject": f"Late {number}"}, body="<p>words</p>" * 500)
    upstream.put(CONTACTS, "c4", {"company": "Changed"})
    upstream.drop(CONTACTS, "c5")


def live(store: Store) -> dict[str, object]:
    rows = store.conn.execute("SELECT remote_id, raw FROM contacts WHERE deleted_at IS NULL")
    return {row["remote_id"]: json.loads(row["raw"]) for row in rows}


@pytest.mark.parametrize("room_pages", [0, 2, 9, 20])
def test_a_disk_that_fills_up_anywhere_in_a_sync_loses_nothing(tmp_path: Path, room_pages: int) -> None:
    clock = VirtualClock()
    upstream = an_upstream(clock)
    store = a_mirror(tmp_path / "home", clock, upstream)
    a_busy_day(upstream)
    used = store.conn.execute("PRAGMA page_count").fetchone()[0]
    store.conn.execute(f"PRAGMA max_page_count = {used + room_pages}")

    with pytest.raises(DiskFull):
        sync(store, upstream)
    store.close()

    store = open_store(tmp_path / "home", clock)
    assert verify(store).findings == []
    assert {done.outcome for done in sync(store, upstream)} == {"ok"}
    assert live(store) == {name: json.loads(record.raw) for name, record in upstream.live(CONTACTS).items()}
    assert verify(store).findings == []
    store.close()


# --- limits that only a process of its own can have ---------------------------------------------------------------------

PROLOGUE = f"""
import ctypes, os, resource, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from pathlib import Path
from keeping import CONTACTS, an_upstream, sync
from test_bad_disk import a_busy_day
from mirror import cli
from mirror.clock import VirtualClock
from mirror.store.connection import open_store
home = Path(sys.argv[1])

def without_the_powers_of_root():
    # root may write everywhere; without CAP_DAC_OVERRIDE and its like it is a user as any other
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    nothing = (ctypes.c_uint32 * 6)()
    if os.geteuid() == 0 and libc.capset(header, nothing) != 0:
        raise OSError(ctypes.get_errno(), "capset")
"""


def run(home: Path, code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    project = str(Path(__file__).parents[1])
    return subprocess.run(
        [sys.executable, "-c", PROLOGUE + code, str(home), *arguments], capture_output=True, text=True, timeout=60,
        check=False, env={**os.environ, "PYTHONPATH": project},
    )  # fmt: skip


LIMITED = """
clock = VirtualClock()
store = open_store(home, clock)
upstream = an_upstream(clock)
a_busy_day(upstream)
upstream.contents.update({f"a{n}": os.urandom(200_000) for n in range(3)})
limit = int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
from mirror.cli.words import sentence
from mirror.errors import MirrorError
from mirror.cli.opening import guarded
from mirror.store import journal
try:
    with guarded(home):
        if not journal.accounts(store):
            journal.add_account(store, "work", "memory", "memory:")
        print(sorted({done.outcome for done in sync(store, upstream)}))
except MirrorError as error:
    print(sentence(error))
"""


@pytest.mark.parametrize("limit_bytes", [700_000, 1_100_000])
def test_a_limit_on_the_size_of_files_is_named_and_the_next_run_goes_on(tmp_path: Path, limit_bytes: int) -> None:
    home = tmp_path / "home"
    open_store(home).close()

    limited = run(home, LIMITED, str(limit_bytes))

    assert limited.returncode == 0, limited.stderr
    assert f"a file may not grow beyond {limit_bytes:,} bytes here (ulimit -f)" in limited.stdout
    assert limited.stdout.count("\n") == 1
    store = open_store(home)
    assert verify(store).findings == []
    store.close()
    assert run(home, LIMITED, str(1 << 30)).stdout == "['ok']\n"
    store = open_store(home)
    assert verify(store).findings == []
    assert len(live(store)) == 47
    store.close()


def test_a_backup_that_finds_no_room_says_so_and_leaves_the_older_one(home: Path, tmp_path: Path) -> None:
    place = tmp_path / "backup"
    CliRunner().invoke(cli, ["--home", str(home), "backup", str(place)], catch_exceptions=False)
    before = (place / "mirror.db").read_bytes()

    code = "resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000)); cli.main(['--home', str(home), 'backup', sys.argv[2]])"
    limited = run(home, code, str(place))

    assert limited.returncode == 1
    assert "a file may not grow beyond 300,000 bytes" in limited.stderr
    assert "Traceback" not in limited.stderr
    assert (place / "mirror.db").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["backup", "home"]


@pytest.mark.parametrize("command", ["status", "sync", "verify", "retry"])
def test_a_home_that_may_only_be_read_is_named_and_left_as_it_is(home: Path, command: str) -> None:
    for path in home.rglob("*"):
        path.chmod(0o500 if path.is_dir() else 0o400)
    home.chmod(0o500)
    before = {path.name: path.read_bytes() for path in home.iterdir() if path.is_file()}
    try:
        refused = run(home, "without_the_powers_of_root(); cli.main(['--home', sys.argv[1], sys.argv[2]])", command)
    finally:
        for path in (home, *home.rglob("*")):
            path.chmod(0o700 if path.is_dir() else 0o600)

    assert refused.returncode == 1, refused.stdout
    assert refused.stderr.startswith(f"mirror: {home}")
    assert "can't be used: " in refused.stderr
    assert refused.stderr.count("\n") == 1
    assert {path.name: path.read_bytes() for path in home.iterdir() if path.is_file()} == before
    assert CliRunner().invoke(cli, ["--home", str(home), "verify"]).exit_code == 0


# --- rot ------------------------------------------------------------------------------------------------------------------


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def overwrite(path: Path, start: int, content: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(start)
        file.write(content)


@pytest.mark.parametrize("command", ["status", "sync", "verify", "history contact c1", "backup"])
def test_a_file_with_its_middle_overwritten_is_named_and_not_made_worse(
    home: Path, tmp_path: Path, command: str
) -> None:
    path = home / "mirror.db"
    size = path.stat().st_size
    overwrite(path, 16_384, random.Random(1).randbytes(size - 32_768))
    before = digest(path)
    arguments = [*command.split(), *([str(tmp_path / "backup")] if command == "backup" else [])]

    rotten = run(home, "cli.main(['--home', sys.argv[1], *sys.argv[2:]])", *arguments)

    said = rotten.stdout + rotten.stderr
    assert rotten.returncode == 1
    assert "Traceback" not in said
    assert said.count("\n") == 1
    assert "put a backup in its place" in said
    assert digest(path) == before
    assert not (tmp_path / "backup").exists()


def test_damage_anywhere_is_told_without_a_traceback_and_never_called_sound(home: Path, tmp_path: Path) -> None:
    """Whatever verify calls sound reads as it did before: the rot lay where nothing is."""
    path = home / "mirror.db"
    whole = path.read_bytes()
    readable = _everything(path)
    chance = random.Random(7)
    verdicts = set()
    for _ in range(40):
        length = chance.choice([8, 64, 1_000, 20_000])
        path.write_bytes(whole)
        overwrite(path, chance.randrange(100, len(whole) - length), chance.randbytes(length))
        verdict = _looked(home)
        verdicts.add(verdict)
        if verdict == "sound":
            assert _everything(path) == readable
    assert verdicts == {"sound", "damaged"}


def _looked(home: Path) -> str:
    try:
        store = open_store(home, VirtualClock())
    except DatabaseDamaged:
        return "damaged"
    try:
        return "sound" if verify(store).sound else "damaged"
    except DatabaseDamaged:
        return "damaged"
    finally:
        store.close()


def _everything(path: Path) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as conn:
        return conn.execute("SELECT * FROM all_versions ORDER BY seq").fetchall()


@pytest.mark.parametrize("keep", [0.9, 0.5, 0.1])
def test_a_file_that_lost_its_end_is_named(home: Path, keep: float) -> None:
    path = home / "mirror.db"
    os.truncate(path, int(path.stat().st_size * keep))
    result = CliRunner().invoke(cli, ["--home", str(home), "verify"])
    assert result.exit_code == 1
    assert isinstance(result.exception, (DatabaseDamaged, SystemExit))


@pytest.fixture
def rotten_blobs(home: Path) -> Iterator[Store]:
    overwrite(home / "blobs.db", 0, b"this is no database, it is a letter to my aunt")
    store = open_store(home, VirtualClock())
    yield store
    store.close()


def test_attachments_that_can_not_be_kept_name_their_file_and_records_go_on(rotten_blobs: Store) -> None:
    upstream = an_upstream(VirtualClock())
    upstream.put(MESSAGES, "m9", {"subject": "New", "attachments": [{"id": "z", "name": "z", "size": 3}]}, body="x")
    upstream.contents["z"] = b"new"
    upstream.expire(MESSAGES)
    with pytest.raises(MirrorError, match=r"blobs\.db") as told:
        sync(rotten_blobs, upstream)
    assert isinstance(told.value, (DatabaseDamaged, HomeUnusable))
    assert rotten_blobs.conn.execute("SELECT count(*) FROM messages WHERE remote_id = 'm9'").fetchone()[0] == 1
    assert verify(rotten_blobs).findings[0].sentence.startswith("blobs.db can't be read")
