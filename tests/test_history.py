"""Time travel: what a record was, what changed it, and how it is told."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from mirror.cli import cli
from mirror.clock import VirtualClock
from mirror.errors import Usage
from mirror.feed import Feed
from mirror.moments import typed
from mirror.pull import pull_account
from mirror.resources import KINDS
from mirror.sources.memory import Memory
from mirror.store import journal, versions
from mirror.store.connection import Store, open_store
from mirror.store.differences import NOTHING, differences

CONTACTS, MESSAGES = Feed("contacts"), Feed("messages")


class Life:
    """A mailbox with a past, and the store that watched it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.clock = VirtualClock(datetime(2026, 3, 1, 9, 0, tzinfo=UTC))
        self.store: Store = open_store(home, self.clock)
        self.upstream = Memory(self.clock)
        journal.add_account(self.store, "work", "memory", "memory:")

    def day(self) -> str:
        """Mirror what there is, and let a day pass. Returns noon of the day."""
        list(pull_account(self.store, self.upstream, journal.account_named(self.store, "work")))
        noon = self.clock.now() + timedelta(hours=3)
        self.clock.sleep(86_400)
        return noon.strftime("%Y-%m-%dT%H:%M:%S.000Z")

    def mirror(self, *arguments: str) -> Result:
        return CliRunner().invoke(cli, ["--home", str(self.home), *arguments])


@pytest.fixture
def life(tmp_path: Path) -> Any:
    life = Life(tmp_path / "home")
    yield life
    life.store.close()


def ada(family: str, **more: Any) -> dict[str, Any]:
    return {"name": {"givenName": "Ada", "familyName": family}, **more}


def a_full_life(life: Life) -> list[str]:
    days = [life.day()]
    life.upstream.put(CONTACTS, "a", ada("Byron", emailAddresses=[{"address": "ada@example.org", "type": "home"}]))
    life.upstream.put(CONTACTS, "b", ada("Other"))
    days.append(life.day())
    life.upstream.put(CONTACTS, "a", ada("Lovelace", emailAddresses=[{"address": "ada@example.org", "type": "work"}]))
    days.append(life.day())
    life.upstream.drop(CONTACTS, "a")
    days.append(life.day())
    life.upstream.put(CONTACTS, "a", ada("King"))
    days.append(life.day())
    return days


def test_every_version_of_a_record_is_told_once_and_says_what_it_was(life: Life) -> None:
    a_full_life(life)
    steps = versions.history(life.store, KINDS["contacts"], 1)
    assert [step.change for step in steps] == ["created", "changed", "deleted", "restored"]
    assert [step.version.deletion for step in steps] == [None, None, "reported", None]
    changed = {one.path: (one.before, one.after) for one in steps[1].differences if not one.is_mark}
    assert changed == {
        "name.familyName": ("Byron", "Lovelace"),
        "emailAddresses[ada@example.org].type": ("home", "work"),
    }
    assert not steps[2].differences


def test_a_record_as_of_any_moment_is_the_version_that_was_known_then(life: Life) -> None:
    days = a_full_life(life)
    with pytest.raises(Usage, match="was first seen at 2026-03-02"):
        versions.show(life.store, KINDS["contacts"], "a", days[0])
    found = [versions.show(life.store, KINDS["contacts"], "a", day) for day in days[1:]]
    assert [one["family_name"] for one in found] == ["Byron", "Lovelace", "Lovelace", "King"]
    assert [one["deletion"] for one in found] == [None, None, "reported", None]
    assert found[0]["contact_emails"] == [{"email": "ada@example.org", "name": None, "type": "home"}]
    assert [one["versions"] for one in found] == [0, 1, 2, 3]


def test_one_query_gives_a_whole_kind_as_of_a_moment(life: Life) -> None:
    days = a_full_life(life)
    sql = (
        "SELECT group_concat(json_extract(raw, '$.name.familyName'), ' ') FROM (SELECT * FROM all_versions"
        " WHERE kind = 'contacts' AND observed_at <= :t AND (superseded_at IS NULL OR superseded_at > :t)"
        " AND deleted_at IS NULL ORDER BY record_id)"
    )
    known = [life.store.conn.execute(sql, {"t": day}).fetchone()[0] for day in days]
    assert known == [None, "Byron Other", "Lovelace Other", "Other", "King Other"]


def test_a_record_as_of_a_moment_is_found_by_its_index(life: Life) -> None:
    plan = life.store.conn.execute(
        "EXPLAIN QUERY PLAN SELECT * FROM all_versions WHERE kind = 'messages' AND record_id = 5 AND observed_at <= '2026'"
        " AND (superseded_at IS NULL OR superseded_at > '2026')"
    ).fetchall()
    scans = [row["detail"] for row in plan if row["detail"].startswith("SCAN") and "all_versions" not in row["detail"]]
    assert not scans


def test_the_body_of_a_message_travels_with_it(life: Life) -> None:
    life.upstream.put(MESSAGES, "m", {"subject": "Draft"}, body="<p>Dear Ada,</p><p>see you at noon</p>")
    first = life.day()
    life.upstream.put(MESSAGES, "m", {"subject": "Draft"}, body="<p>Dear Ada,</p><p>see you at ten</p>")
    second = life.day()
    life.upstream.put(MESSAGES, "m", {"subject": "Sent"}, body="<p>Dear Ada,</p><p>see you at ten</p>")
    life.day()
    shown = [versions.show(life.store, KINDS["messages"], "m", at)["body"]["html"] for at in (first, second)]
    assert ["noon" in shown[0], "ten" in shown[1]] == [True, True]
    told = life.mirror("history", "message", "m").output
    assert "-see you at noon" in told
    assert "+see you at ten" in told
    assert told.count("the body:") == 1
    assert "subject: Draft → Sent" in told


def test_history_reads_as_it_happened(life: Life) -> None:
    a_full_life(life)
    result = life.mirror("history", "contact", "1")
    assert result.exit_code == 0
    told = result.output
    order = [told.index(word) for word in ("created ", "changed ", "deleted ", "restored ")]
    assert order == sorted(order)
    assert "name.familyName: Byron → Lovelace" in told
    assert "upstream said so (reported)" in told
    assert "2026-03-02T09:00:00.000Z" in told
    assert "etag" not in told


def test_history_for_programs_has_every_version_whole(life: Life) -> None:
    a_full_life(life)
    document = json.loads(life.mirror("history", "contacts", "a", "--json").stdout)
    assert [one["change"] for one in document["versions"]] == ["created", "changed", "deleted", "restored"]
    assert document["versions"][0]["raw"]["name"]["familyName"] == "Byron"
    assert {"path": "name.familyName", "before": "Byron", "after": "Lovelace"} in document["versions"][1]["differences"]
    assert document["versions"][3]["superseded_at"] is None


def test_show_at_a_time_says_which_time_and_what_was_deleted(life: Life) -> None:
    a_full_life(life)
    then = life.mirror("show", "contact", "a", "--at", "2026-03-02T20:00:00Z")
    assert "Byron" in then.output
    assert "as known at 2026-03-02T20:00:00.000Z" in then.output
    gone = life.mirror("show", "contact", "a", "--at", "2026-03-04T20:00:00Z")
    assert "deleted 2026-03-04T09:00:00.000Z (reported)" in gone.output
    early = life.mirror("show", "contact", "a", "--at", "2026-03-01T20:00:00Z")
    assert early.exit_code != 0
    assert "was not known yet" in str(early.exception)


NOON = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("now", "2026-03-10T12:00:00.000Z"),
        ("today", "2026-03-10T12:00:00.000Z"),
        ("2026-03-10", "2026-03-10T12:00:00.000Z"),
        ("yesterday", "2026-03-09T23:59:59.999Z"),
        ("2026-03-01", "2026-03-01T23:59:59.999Z"),
        ("2026-03-01 14:30", "2026-03-01T14:30:00.000Z"),
        ("2026-03-01T14:30:00+02:00", "2026-03-01T12:30:00.000Z"),
        ("2026-03-01t14:30:00z", "2026-03-01T14:30:00.000Z"),
        ("2 days ago", "2026-03-08T12:00:00.000Z"),
        ("an hour  ago", "2026-03-10T11:00:00.000Z"),
        ("A Week ago", "2026-03-03T12:00:00.000Z"),
    ],
)
def test_a_moment_can_be_typed_as_people_say_it(written: str, meant: str) -> None:
    assert typed(written, NOON, UTC) == meant


@pytest.mark.parametrize("written", ["", "soon", "2026-13-01", "0000-00-00", "99999999 years ago", "0001-01-01"])
def test_what_is_no_time_is_refused_with_examples(written: str) -> None:
    with pytest.raises(Usage, match="is no time; write it like"):
        typed(written, NOON, UTC)


def test_a_moment_to_come_is_refused() -> None:
    with pytest.raises(Usage, match="still to come"):
        typed("2026-03-11", NOON, UTC)


def test_lists_are_compared_by_what_names_their_entries() -> None:
    before = {"phones": [{"number": "1", "type": "home"}, {"number": "2"}], "keywords": ["a", "b"], "same": [1, 2]}
    after = {"phones": [{"number": "2"}, {"number": "1", "type": "work"}], "keywords": ["b", "c"], "same": [2, 1]}
    found = {one.path: (one.before, one.after) for one in differences(before, after)}
    assert found == {
        "phones[1].type": ("home", "work"),
        'keywords["c"]': (NOTHING, "c"),
        'keywords["a"]': ("a", NOTHING),
        "same": ([1, 2], [2, 1]),
    }


def test_true_and_one_are_not_the_same_value() -> None:
    assert [one.path for one in differences({"a": 1, "b": {"x": 1}}, {"a": 1, "b": {"x": True}})] == ["b.x"]
