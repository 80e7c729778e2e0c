"""`mirror backup`: a copy that is whole, sound and without secrets, or none; and the way back from it."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from keeping import CALENDARS, CONTACTS, EVENTS, MESSAGES, a_mirror, an_upstream, break_by_hand, sync

from mirror import credentials
from mirror.cli import cli
from mirror.clock import VirtualClock
from mirror.errors import Stopped, Usage
from mirror.feed import Feed
from mirror.sources.memory import Memory
from mirror.store import journal, purge
from mirror.store.backup import Backup, Unsound, back_up
from mirror.store.connection import Store, open_store
from mirror.store.findings import OnProgress
from mirror.store.verify import verify

EVERYTHING = "SELECT * FROM all_versions ORDER BY seq"


class Kept:
    """A mirror, its upstream, and a place for backups."""

    def __init__(self, folder: Path) -> None:
        self.clock = VirtualClock()
        self.upstream = an_upstream(self.clock)
        self.home = folder / "home"
        self.place = folder / "backup"
        self.store = a_mirror(self.home, self.clock, self.upstream)

    def back_up(self, *, force: bool = False, on_progress: OnProgress = lambda what, done, total: None) -> Backup:
        self.clock.sleep(60)
        return back_up(self.store, self.place, force=force, on_progress=on_progress)

    def mirror(self, *arguments: str) -> Result:
        return CliRunner().invoke(cli, ["--home", str(self.home), *arguments])


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    kept = Kept(tmp_path)
    yield kept
    kept.store.close()


def everything(folder: Path) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(folder / "mirror.db")) as conn:
        return conn.execute(EVERYTHING).fetchall()


def rest(folder: Path) -> list[str]:
    """What lies beside the mirror and its backup."""
    return sorted(path.name for path in folder.iterdir() if path.name not in ("home", "backup"))


def test_a_backup_has_everything_but_credentials(kept: Kept) -> None:
    credentials.save(kept.home, "work", {"token": "very-secret-token"})
    made = kept.back_up()
    assert made.report.sound
    assert sorted(path.name for path in kept.place.iterdir()) == ["backup.json", "blobs.db", "mirror.db"]
    assert everything(kept.place) == everything(kept.home)
    assert not any(b"very-secret-token" in path.read_bytes() for path in kept.place.iterdir())
    assert (kept.place.stat().st_mode & 0o777, (kept.place / "mirror.db").stat().st_mode & 0o777) == (0o700, 0o600)
    assert json.loads((kept.place / "backup.json").read_text())["accounts"] == ["work"]


def test_a_backup_is_of_one_moment_though_the_sync_goes_on(kept: Kept) -> None:
    kept.upstream.put(CONTACTS, "big", {"notes": "x" * 3_000_000})
    sync(kept.store, kept.upstream)
    before = everything(kept.home)
    turn = iter(range(10_000))

    def meanwhile(what: str, done: int, total: int) -> None:
        if what.startswith("copying"):
            number = next(turn)
            kept.upstream.put(CONTACTS, f"new{number}", {"notes": "x" * 5_000})
            attached = [{"id": f"b{number}", "name": "late.txt", "size": 5}]
            kept.upstream.contents[f"b{number}"] = b"late %d" % number
            kept.upstream.put(MESSAGES, f"late{number}", {"subject": "Late", "attachments": attached}, body="late")
            sync(kept.store, kept.upstream)

    made = kept.back_up(on_progress=meanwhile)
    assert next(turn) > 4
    assert made.report.sound
    assert everything(kept.place) == before
    assert len(everything(kept.home)) > len(before)


def test_bytes_that_are_purged_during_the_copy_are_not_missed_in_it(kept: Kept) -> None:
    account = journal.account_named(kept.store, "work")
    journal.add_account(kept.store, "other", "memory", "memory:")
    done_once: list[str] = []

    def meanwhile(what: str, done: int, total: int) -> None:
        if what == "copying mirror.db" and not done_once:
            done_once.append(what)
            purge.purge_account(kept.store, account.id)

    assert kept.back_up(on_progress=meanwhile).report.sound
    assert everything(kept.place) == []


def test_an_older_backup_is_replaced_by_a_newer_one(kept: Kept, tmp_path: Path) -> None:
    kept.back_up()
    kept.upstream.put(CONTACTS, "c7", {"company": "new"})
    sync(kept.store, kept.upstream)
    kept.back_up()
    assert everything(kept.place) == everything(kept.home)
    assert rest(tmp_path) == []


def test_a_backup_that_is_cut_short_leaves_the_older_one_and_nothing_else(kept: Kept, tmp_path: Path) -> None:
    kept.back_up()
    before = everything(kept.place)
    kept.upstream.put(CONTACTS, "c7", {"company": "new"})
    sync(kept.store, kept.upstream)
    for word in ("copying mirror.db", "copying blobs.db", "contacts", "search"):

        def stop(what: str, done: int, total: int, word: str = word) -> None:
            if what == word:
                raise Stopped

        with pytest.raises(Stopped):
            kept.back_up(on_progress=stop)
        assert everything(kept.place) == before
        assert rest(tmp_path) == []


def test_a_backup_that_was_killed_while_it_took_its_place_is_put_right_by_the_next(kept: Kept, tmp_path: Path) -> None:
    kept.back_up()
    before = everything(kept.place)
    kept.place.rename(tmp_path / ".backup.old")
    (tmp_path / ".backup.part").mkdir()

    def stop(what: str, done: int, total: int) -> None:
        raise Stopped

    with pytest.raises(Stopped):
        kept.back_up(on_progress=stop)
    assert everything(kept.place) == before
    kept.back_up()
    assert rest(tmp_path) == []


@pytest.mark.parametrize("force", [False, True])
def test_what_is_no_backup_is_never_replaced(kept: Kept, force: bool) -> None:
    kept.place.mkdir()
    (kept.place / "thesis.txt").write_text("years of work")
    with pytest.raises(Usage, match=r"is not a backup \(it holds thesis.txt\)"):
        kept.back_up(force=force)
    shutil.rmtree(kept.place)
    kept.place.write_text("a file")
    with pytest.raises(Usage, match="is no folder"):
        kept.back_up(force=force)
    kept.place.unlink()
    other = open_store(kept.place)
    other.close()
    with pytest.raises(Usage, match="is not a backup"):
        kept.back_up(force=force)


def test_a_live_home_that_was_made_from_a_backup_is_never_replaced(kept: Kept) -> None:
    kept.back_up()
    (kept.place / "credentials.json").write_text("{}")
    with pytest.raises(Usage, match=r"credentials\.json"):
        kept.back_up(force=True)


def test_a_backup_of_another_mirror_or_of_a_later_time_is_replaced_only_by_force(kept: Kept, tmp_path: Path) -> None:
    kept.back_up()
    other = Kept(tmp_path / "other")
    other.clock.sleep(5)
    other.place = kept.place
    with closing(sqlite3.connect(other.home / "mirror.db")) as conn, conn:
        conn.execute("UPDATE accounts SET created_at = '2020-01-01T00:00:00.000Z'")
    with pytest.raises(Usage, match="of another mirror"):
        other.back_up()
    other.store.close()
    with closing(sqlite3.connect(kept.place / "mirror.db")) as conn, conn:
        conn.execute("UPDATE change_order SET seq = seq + 1")
    with pytest.raises(Usage, match="knows more than this mirror"):
        kept.back_up()
    kept.back_up(force=True)
    assert everything(kept.place) == everything(kept.home)


def test_a_mirror_and_its_backup_do_not_contain_each_other(kept: Kept, tmp_path: Path) -> None:
    for place in (kept.home, kept.home / "inside", tmp_path):
        kept.place = place
        with pytest.raises(Usage, match="must not contain each other"):
            kept.back_up()


def test_an_unsound_copy_replaces_nothing_unless_one_insists(kept: Kept) -> None:
    kept.back_up()
    before = everything(kept.place)
    break_by_hand(kept.home / "mirror.db", "UPDATE versions SET superseded_at = '2020'")
    with pytest.raises(Unsound, match="mirror verify --repair"):
        kept.back_up()
    assert everything(kept.place) == before
    assert not kept.back_up(force=True).report.sound
    assert everything(kept.place) == everything(kept.home)


def test_a_backup_can_be_read_where_nothing_can_be_written(kept: Kept) -> None:
    kept.back_up()
    for path in kept.place.glob("*.db"):
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True)) as conn:
            assert conn.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            assert conn.execute("PRAGMA journal_mode").fetchone() == ("delete",)


def test_backup_says_where_it_is_and_what_it_lacks(kept: Kept) -> None:
    told = kept.mirror("backup", str(kept.place))
    assert told.exit_code == 0
    assert f"The backup is in {kept.place}" in told.stdout
    assert "verified. It has no credentials." in told.stdout
    document = json.loads(kept.mirror("backup", str(kept.place), "--json").stdout)
    assert (document["sound"], document["path"]) == (True, str(kept.place))


# --- the way back -------------------------------------------------------------------------------------------------------


def restored(kept: Kept, tmp_path: Path) -> Store:
    """What the README says: the backup's folder, copied to where the home should be."""
    home = Path(shutil.copytree(kept.place, tmp_path / "restored"))
    return open_store(home, kept.clock)


def live(upstream: Memory, feed: Feed) -> dict[str, object]:
    return {name: json.loads(record.raw) for name, record in upstream.live(feed).items()}


def mirrored(store: Store, feed: Feed) -> dict[str, object]:
    rows = store.conn.execute(f"SELECT remote_id, raw FROM {feed.kind} WHERE deleted_at IS NULL")
    return {row["remote_id"]: json.loads(row["raw"]) for row in rows}


@pytest.mark.parametrize("expired", [False, True])
def test_after_a_restore_the_sync_goes_on_and_nothing_is_lost(kept: Kept, tmp_path: Path, expired: bool) -> None:
    kept.back_up()
    before = everything(kept.place)
    kept.upstream.put(CONTACTS, "c4", {"company": "after the backup"})
    kept.upstream.put(CONTACTS, "c99", {"company": "new"})
    kept.upstream.drop(CONTACTS, "c5")
    sync(kept.store, kept.upstream)
    store = restored(kept, tmp_path)
    if expired:
        for feed in (CONTACTS, EVENTS, MESSAGES, Feed("tasks", "list")):
            kept.upstream.expire(feed)
    passes = sync(store, kept.upstream)
    assert {done.outcome for done in passes} == {"ok"}
    for feed in (CONTACTS, CALENDARS, EVENTS, MESSAGES):
        assert mirrored(store, feed) == live(kept.upstream, feed)
    evidence = store.conn.execute("SELECT deletion FROM contacts WHERE remote_id = 'c5'").fetchone()[0]
    assert evidence == ("absent" if expired else "reported")
    known = {(row[0], row[1], row[6], row[11]) for row in map(tuple, store.conn.execute(EVERYTHING))}
    assert {(row[0], row[1], row[6], row[11]) for row in before} <= known
    assert verify(store).findings == []
    store.close()
