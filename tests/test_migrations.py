"""Files of older versions: what becomes of them, what is refused, and that a step is written whole or not at all.

`schemas/N.sql` is the schema as version N had it. It is never changed again.
"""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import pytest

from mirror.clock import VirtualClock
from mirror.errors import DatabaseBusy, DatabaseDamaged, HomeTooNew, HomeUnusable, Usage
from mirror.resources import KINDS
from mirror.store import migrations
from mirror.store.connection import open_reader, open_store, shipped

SCHEMAS = Path(__file__).parent / "schemas"
OLD_VERSIONS = range(1, migrations.VERSION)


def schema_of(conn: sqlite3.Connection) -> set[tuple[str, str, str]]:
    """What is in a file; how it was laid out on the page is nobody's business."""
    rows = conn.execute("SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL")
    return {(kind, name, re.sub(r"--[^\n]*|\s", "", sql)) for kind, name, sql in rows}


def old_home(home: Path, version: int) -> Path:
    home.mkdir()
    conn = sqlite3.connect(home / "mirror.db", isolation_level=None)
    conn.executescript((SCHEMAS / f"{version}.sql").read_text())
    conn.execute("INSERT INTO accounts (name, source, base_url, created_at) VALUES ('a', 'memory', 'memory:', '2026')")
    envelope = "'x', '2031-01-01T00:00:00.000Z', {seq}, 1, '{{\"id\": \"x\"}}'"
    columns = "(account_id, {more}remote_id, observed_at, seq, generation, raw)"
    for seq, kind in enumerate(KINDS.values(), start=1):
        parent, value = (f"{kind.parent_column}, ", "1, ") if kind.parent_column else ("", "")
        conn.execute(
            f"INSERT INTO {kind.name} {columns.format(more=parent)} VALUES (1, {value}{envelope.format(seq=seq)})"
        )
    conn.execute('UPDATE contacts SET raw = \'{"id": "x", "n": 2}\', seq = 8')
    conn.execute("UPDATE change_order SET seq = 8")
    conn.execute(f"PRAGMA user_version = {version}")
    conn.close()
    return home


def test_every_older_version_is_kept_to_migrate_from() -> None:
    assert sorted(int(path.stem) for path in SCHEMAS.glob("*.sql")) == list(OLD_VERSIONS)


@pytest.mark.parametrize("version", OLD_VERSIONS)
def test_an_old_file_becomes_what_a_new_one_is_and_keeps_its_rows(tmp_path: Path, version: int) -> None:
    store, new = open_store(old_home(tmp_path / "old", version)), open_store(tmp_path / "new")
    try:
        assert schema_of(store.conn) == schema_of(new.conn)
        assert store.conn.execute("PRAGMA user_version").fetchone()[0] == migrations.VERSION
        assert store.conn.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        for kind in KINDS:
            assert store.conn.execute(f"SELECT count(*) FROM {kind}").fetchone()[0] == 1
        kept = store.conn.execute("SELECT kind, seq, superseded_seq, raw FROM versions").fetchall()
        assert [tuple(row) for row in kept] == [("contacts", 4, 8, '{"id": "x"}')]
        store.conn.execute("UPDATE contacts SET raw = '{}', seq = 9")
        assert store.conn.execute("SELECT count(*) FROM versions").fetchone()[0] == 2
    finally:
        store.close()
        new.close()


def test_a_new_file_says_its_version_and_is_for_its_owner_alone(tmp_path: Path) -> None:
    store = open_store(tmp_path / "a" / "home")
    store.close()

    assert (tmp_path / "a" / "home").stat().st_mode & 0o777 == 0o700
    assert store.path.stat().st_mode & 0o777 == 0o600
    reader = open_reader(store.path)
    assert reader.execute("PRAGMA user_version").fetchone()[0] == migrations.VERSION
    with pytest.raises(sqlite3.OperationalError):
        reader.execute("DELETE FROM accounts")
    reader.close()


def test_a_step_that_fails_is_not_written_and_the_steps_before_it_are(tmp_path: Path) -> None:
    conn = sqlite3.connect(tmp_path / "mirror.db", isolation_level=None)
    conn.execute("PRAGMA user_version = 1")

    def fails(conn: sqlite3.Connection) -> None:
        conn.execute("CREATE TABLE half (a)")
        raise RuntimeError("power cut")

    def works(conn: sqlite3.Connection) -> None:
        conn.execute("CREATE TABLE one (a)")

    with pytest.raises(RuntimeError):
        migrations.migrate(conn, 1, [works, fails])
    assert conn.execute("PRAGMA user_version").fetchone()[0] == 2
    assert [name for (name,) in conn.execute("SELECT name FROM sqlite_master")] == ["one"]
    conn.close()


def test_a_new_file_that_could_not_be_made_is_an_empty_one(tmp_path: Path) -> None:
    conn = sqlite3.connect(tmp_path / "mirror.db", isolation_level=None)
    schema = shipped("schema.sql").read_text() + "\nCREATE TABLE accounts (id);"

    with pytest.raises(sqlite3.OperationalError):
        migrations.create(conn, schema)

    assert conn.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
    assert conn.execute("PRAGMA user_version").fetchone()[0] == 0
    conn.close()


def contents(home: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in home.iterdir() if path.suffix != ".lock"}


def test_a_home_of_a_newer_version_is_refused_untouched(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    conn = sqlite3.connect(home / "mirror.db")
    conn.executescript(f"CREATE TABLE future (a); PRAGMA user_version = {migrations.VERSION + 1};")
    conn.close()
    before = contents(home)

    with pytest.raises(HomeTooNew) as refused:
        open_store(home)

    assert (refused.value.found, refused.value.known) == (migrations.VERSION + 1, migrations.VERSION)
    assert contents(home) == before


def test_another_programs_database_is_refused_untouched(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    conn = sqlite3.connect(home / "mirror.db")
    conn.executescript("CREATE TABLE bookmarks (a);")
    conn.close()
    before = contents(home)

    with pytest.raises(HomeUnusable):
        open_store(home)

    assert contents(home) == before


def test_what_is_no_database_is_refused_untouched(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "mirror.db").write_bytes(b"Dear diary, " * 1000)
    before = contents(home)

    with pytest.raises(DatabaseDamaged):
        open_store(home)

    assert contents(home) == before


@pytest.mark.parametrize("what", ["home is a file", "file is a folder", "no home"])
def test_a_home_that_can_not_be_one_is_refused(tmp_path: Path, what: str) -> None:
    home = tmp_path / "home"
    if what == "home is a file":
        home.write_text("")
    elif what == "file is a folder":
        (home / "mirror.db").mkdir(parents=True)

    with pytest.raises((HomeUnusable, Usage)):
        open_store(home, VirtualClock(), create=what != "no home")


def test_a_file_that_another_program_keeps_locked_is_busy_and_nothing_is_written(tmp_path: Path) -> None:
    store = open_store(tmp_path / "home", busy_s=0.0)
    other = sqlite3.connect(store.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(DatabaseBusy), store.transaction():
        raise AssertionError("not reached")

    other.execute("ROLLBACK")
    other.close()
    with store.transaction() as conn:
        conn.execute("DELETE FROM hints")
    store.close()
