"""`mirror verify`: what is sound is called sound; what can go wrong is found, said, and repaired where it can be."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from keeping import a_mirror, an_upstream, break_by_hand

from mirror.cli import cli
from mirror.clock import VirtualClock
from mirror.store.connection import Store, open_store
from mirror.store.verify import Report, verify


@pytest.fixture(scope="module")
def sound_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("verify") / "home"
    clock = VirtualClock()
    a_mirror(home, clock, an_upstream(clock)).close()
    return home


@pytest.fixture
def home(sound_home: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(sound_home, tmp_path / "home"))


@pytest.fixture
def store(home: Path) -> Iterator[Store]:
    store = open_store(home, VirtualClock())
    yield store
    store.close()


def mirror(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["--home", str(home), *arguments])


def looked(home: Path, *, repair: bool = False) -> Report:
    store = open_store(home, VirtualClock())
    try:
        return verify(store, repair=repair)
    finally:
        store.close()


def test_a_mirror_with_a_past_is_sound(store: Store) -> None:
    report = verify(store)
    assert report.findings == []
    assert report.checked["contacts"] == 8
    assert report.checked["earlier versions"] == store.conn.execute("SELECT count(*) FROM versions").fetchone()[0] == 5
    assert report.checked["attachments' contents"] == 3


def test_looking_changes_nothing(store: Store) -> None:
    before = [*store.conn.iterdump()]
    verify(store)
    assert [*store.conn.iterdump()] == before


def test_a_sound_mirror_is_called_sound_in_words_and_for_programs(home: Path) -> None:
    told = mirror(home, "verify")
    assert told.exit_code == 0
    assert "is sound. Looked at" in told.stdout
    assert "8 contacts" in told.stdout
    document = json.loads(mirror(home, "verify", "--json").stdout)
    assert (document["sound"], document["findings"]) == (True, [])


REBUILT = {
    "UPDATE contacts SET name = 'Nobody' WHERE id = 3": "1 contacts (3) have readable columns that are not what their raw says",
    "DELETE FROM contact_emails WHERE contact_id = 5": "rows in contact_emails that are not what their raw says",
    "UPDATE event_attendees SET response = 'declined'": "rows in event_attendees",
    "INSERT INTO message_recipients (message_id, role, email) VALUES (1, 'cc', 'x@y')": "rows in message_recipients",
    "UPDATE attachments SET name = 'other.txt' WHERE message_id = 1": "rows in attachments",
    "INSERT INTO contacts_fts (contacts_fts) VALUES ('delete-all')": "the search index of contacts",
    "UPDATE message_bodies SET text = 'other words' WHERE message_id = 3": "the search index of messages",
    "UPDATE tasks SET title = NULL": "the search index of tasks",
}


@pytest.mark.parametrize("sql", REBUILT)
def test_what_follows_from_raw_is_found_and_repaired(home: Path, sql: str) -> None:
    break_by_hand(home / "mirror.db", sql)
    found = looked(home)
    assert any(REBUILT[sql] in finding.sentence and finding.repairable for finding in found.findings), found.findings
    assert all(finding.repairable for finding in found.findings)
    repaired = looked(home, repair=True)
    assert repaired.findings == []
    assert repaired.repaired


LOST = {
    "UPDATE contacts SET raw = 'garbage' WHERE id = 2": "1 contacts (2) have raw that is no JSON object",
    "UPDATE contacts SET seq = (SELECT max(seq) FROM versions) WHERE id = 1": "taken twice",
    "UPDATE change_order SET seq = 3": "have a place in the order of change that was never taken",
    "UPDATE change_order SET observed_at = '2020'": "are dated later than the last change",
    "DELETE FROM versions WHERE record_id = 4 AND deleted_at IS NOT NULL": "have a gap between two versions",
    "DELETE FROM versions WHERE record_id = 3": "are tombstones of which no living version is kept",
    "UPDATE versions SET superseded_seq = 10000 WHERE record_id = 2": "have versions that overlap",
    "UPDATE versions SET superseded_at = '2020' WHERE record_id = 2": "have a version that ended before it began",
    "UPDATE contacts SET deletion = NULL WHERE id = 3": "are half a tombstone",
    "UPDATE versions SET record_id = 99 WHERE record_id = 2": "have earlier versions but no record",
    "UPDATE versions SET kind = 'letters' WHERE id = 1": "are of a kind that there is not",
    "UPDATE versions SET raw = '[]' WHERE seq = (SELECT min(seq) FROM versions)": "are no JSON object",
    "UPDATE versions SET raw = CAST(x'7b226e223a22ff227d' AS TEXT) WHERE record_id = 2": "not all of versions can be read",
    "UPDATE message_bodies SET html = CAST(x'ff' AS TEXT)": "not all of message_bodies can be read",
    "DELETE FROM message_body_versions; UPDATE message_bodies SET seq = 100000": "never taken",
    "UPDATE message_body_versions SET superseded_seq = superseded_seq + 1": "a gap between two versions of their body",
    "UPDATE attachments SET sha256 = 'feed' WHERE id = 2": "the bytes of 1 attachments (2) are not in blobs.db",
    "UPDATE feeds SET cursor = NULL WHERE kind = 'contacts'": "but have no cursor",
    "UPDATE feeds SET cursor = '{' WHERE kind = 'contacts'": "have a cursor that is no JSON",
    "UPDATE feeds SET parent_id = 77 WHERE kind = 'events'": "belong to a calendar or task list that is not there",
    "UPDATE contacts SET generation = 9 WHERE id = 1": "belong to no feed, or to a listing that has not begun",
    "INSERT INTO incomplete (feed_id, record_id, omitted) SELECT id, 500, '[]' FROM feeds WHERE kind = 'contacts'":
        "are to be completed but are not there",
    "INSERT INTO stuck (account_id, feed_id, kind, reason, first_at, last_at, raw) SELECT 1, id, 'tasks', 'x', '', '', ''"
    " FROM feeds WHERE kind = 'contacts'": "stuck records (1) belong to a feed of another kind",
    "UPDATE contact_emails SET contact_id = 500 WHERE contact_id = 1": "rows of contact_emails",
}  # fmt: skip


@pytest.mark.parametrize("sql", LOST)
def test_what_is_wrong_beyond_repair_is_found(home: Path, sql: str) -> None:
    break_by_hand(home / "mirror.db", sql)
    found = looked(home)
    assert any(LOST[sql] in finding.sentence for finding in found.findings), found.findings


def test_a_lost_trigger_is_found_and_made_anew(home: Path) -> None:
    with sqlite3.connect(home / "mirror.db") as conn:
        conn.execute("DROP TRIGGER contacts_keep_the_old_version")
    conn.close()
    assert [finding.sentence for finding in looked(home).findings] == [
        "the trigger contacts_keep_the_old_version is missing"
    ]
    assert looked(home, repair=True).sound


def test_bytes_that_are_not_what_their_hash_says_are_found(home: Path) -> None:
    with sqlite3.connect(home / "blobs.db") as conn:
        conn.execute("UPDATE blobs SET content = x'00' WHERE rowid = 2")
    conn.close()
    [finding] = looked(home).findings
    assert "1 contents in blobs.db" in finding.sentence


def test_lost_blobs_are_found(home: Path) -> None:
    for path in home.glob("blobs.db*"):
        path.unlink()
    [finding] = looked(home).findings
    assert "the bytes of 3 attachments (1, 2, 3) are not in blobs.db" in finding.sentence


def test_a_repair_says_what_it_did_and_what_it_could_not_do(home: Path) -> None:
    break_by_hand(home / "mirror.db", "UPDATE contacts SET name = 'X'; UPDATE feeds SET cursor = '{'")
    before = mirror(home, "verify")
    assert before.exit_code == 1
    assert "mirror verify --repair" in before.stdout
    after = mirror(home, "verify", "--repair")
    assert after.exit_code == 1
    assert "Repaired: wrote the columns and lists of 8 contacts anew from their raw." in after.stdout
    assert "have a cursor that is no JSON" in after.stdout
    assert "Nothing of this can be rebuilt" in after.stdout


def test_a_repair_leaves_history_alone(home: Path) -> None:
    everything = "SELECT * FROM all_versions ORDER BY seq"
    with sqlite3.connect(home / "mirror.db") as conn:
        before = conn.execute(everything).fetchall()
    conn.close()
    break_by_hand(home / "mirror.db", "UPDATE contacts SET name = 'X'; DELETE FROM message_recipients")
    assert looked(home, repair=True).sound
    with sqlite3.connect(home / "mirror.db") as conn:
        assert conn.execute(everything).fetchall() == before
    conn.close()


def test_progress_is_told_for_every_part(store: Store) -> None:
    told: dict[str, tuple[int, int]] = {}
    verify(store, on_progress=lambda what, done, total: told.update({what: (done, total)}))
    assert {"database", "contacts", "messages", "order of change", "versions", "search", "attachments"} <= told.keys()
    assert all(done == total for done, total in told.values())
