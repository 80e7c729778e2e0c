"""Bulk edits: SQL on a scratch copy becomes a plan, which is looked at, applied, resumed and taken back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from mirror_cli import Cli, Upstream

from mirror.sandbox.faults import Fault, lose

HOME = {"address": "Home@Example.org", "type": "home"}
COMPANY = "UPDATE contacts SET company = 'Navy'"


@pytest.fixture
def writable(mirrored: Cli) -> Cli:
    assert mirrored("account", "writable", "work", "on").code == 0
    return mirrored


def records(upstream: Upstream, kind: str, parent: str | None = None) -> list[dict[str, Any]]:
    return upstream.state.records(upstream.account.id, kind, parent=parent)


def change(upstream: Upstream, kind: str, record: dict[str, Any], parent: str | None = None, **fields: Any) -> None:
    upstream.state.change(upstream.account.id, kind, record["id"], {**record, **fields}, parent=parent)


def planned(cli: Cli, sql: str) -> dict[str, Any]:
    ran = cli("plan", sql, "--json")
    assert ran.code == 0, ran
    document: dict[str, Any] = ran.json()
    return document


def patches(cli: Cli, sql: str) -> list[Any]:
    """What a statement would have sent, in the order of the records."""
    items = planned(cli, sql)["items"]
    assert [one["why"] for one in items] == [None] * len(items), items
    return [one["patch"] for one in sorted(items, key=lambda one: one["record_id"] or 0)]


# --- what a statement means ----------------------------------------------------------------------------------------------


def test_a_plan_shows_what_would_change_and_changes_nothing(writable: Cli, upstream: Upstream) -> None:
    before, asked = writable.dump(), len(upstream.asked)

    ran = writable("plan", COMPANY, "WHERE name LIKE 'Grace%'")

    assert ran.code == 0
    assert "change 1 contact" in ran.out
    assert "fields: contacts.company (1)" in ran.out
    assert "1 request, about a second" in ran.out
    assert "company: + name: Navy" in ran.out
    assert "that is 33% of all contacts of work" in ran.out
    assert ran.out.endswith("Make the edits with: mirror apply 1\n")
    assert (writable.dump(), len(upstream.asked)) == (before, asked)
    assert writable.query("SELECT count(*) FROM edits") == [(0,)]
    assert writable.query("SELECT id, state FROM plans") == [(1, "planned")]


@pytest.mark.parametrize(
    ("sql", "patch"),
    [
        ("UPDATE contacts SET given_name = upper(given_name) WHERE id = 1",
         {"name": {"displayName": "Grace Hopper", "givenName": "GRACE", "familyName": "Hopper"}}),
        ("UPDATE contacts SET name = 'Grace B. Hopper' WHERE id = 1",
         {"name": {"displayName": "Grace B. Hopper", "givenName": "Grace", "middleName": "B.", "familyName": "Hopper"}}),
        ("UPDATE contacts SET nickname = 'G', notes = NULL WHERE id = 1", {"nickName": "G", "notes": None}),
        ("UPDATE contacts SET company = NULL, job_title = 'Admiral' WHERE id = 1", {"company": {"jobTitle": "Admiral"}}),
        ("UPDATE contacts SET birthday = '1906-12-09' WHERE id = 1", {"birthday": "1906-12-09"}),
        ("UPDATE contacts SET categories = json_array('navy', 'math') WHERE id = 1", {"keywords": ["navy", "math"]}),
        ("UPDATE contacts SET raw = json_set(raw, '$.fileAs', 'Hopper, Grace') WHERE id = 1", {"fileAs": "Hopper, Grace"}),
        ("UPDATE contact_emails SET email = replace(email, 'navy', 'yale') WHERE email LIKE '%@navy.example'",
         {"emailAddresses": [{"address": "grace@yale.example", "type": "work"}, HOME]}),
        ("DELETE FROM contact_emails WHERE type = 'work'", {"emailAddresses": [HOME]}),
        ("INSERT INTO contact_phones (contact_id, phone, type) SELECT id, '+1 1', 'home' FROM contacts WHERE id = 1",
         {"phoneNumbers": [{"number": "+1 1", "type": "home"}]}),
        ("UPDATE contact_addresses SET city = 'New Haven', postal_code = NULL",
         {"addresses": [{"street": "1 Main St", "streetLine2": "Room 2", "city": "New Haven", "type": "work"}]}),
        ("UPDATE contact_addresses SET street = '2 Main St'",
         {"addresses": [{"street": "2 Main St", "city": "Arlington", "postalCode": "1", "type": "work"}]}),
        ("WITH g(i) AS (SELECT id FROM contacts WHERE name LIKE 'Grace%') UPDATE contacts SET notes = 'x' WHERE id IN g",
         {"notes": "x"}),
    ],
)  # fmt: skip
def test_columns_and_lists_of_contacts_lead_back_to_their_fields(
    writable: Cli, upstream: Upstream, sql: str, patch: dict[str, Any]
) -> None:
    grace = next(one for one in records(upstream, "contacts") if one["name"]["displayName"] == "Grace Hopper")
    name = {"displayName": "Grace Hopper", "givenName": "Grace", "familyName": "Hopper"}
    mails = [{"address": "grace@navy.example", "type": "work"}, HOME]
    home = {"street": "1 Main St", "streetLine2": "Room 2", "city": "Arlington", "postalCode": "1", "type": "work"}
    change(
        upstream,
        "contacts",
        grace,
        name=name,
        notes="old",
        company={"name": "Navy"},
        emailAddresses=mails,
        addresses=[home],
    )
    writable("sync")

    assert patches(writable, sql) == [patch]


@pytest.mark.parametrize(
    ("sql", "patch"),
    [
        ("UPDATE events SET location = 'Room 1', show_as = 'free', sensitivity = 'private', description = 'x'",
         {"location": "Room 1", "showAs": "free", "sensitivity": "private", "description": "x"}),
        ("UPDATE events SET starts_at = datetime(starts_at, '+1 hour'), ends_at = datetime(ends_at, '+1 hour')",
         {"start": {"dateTime": "2026-07-01T11:00:00+02:00", "timezone": "Europe/Berlin"},
          "end": {"dateTime": "2026-07-01T12:00:00+02:00", "timezone": "Europe/Berlin"}}),
        ("UPDATE events SET timezone = 'America/New_York'",
         {"start": {"dateTime": "2026-07-01T04:00:00-04:00", "timezone": "America/New_York"},
          "end": {"dateTime": "2026-07-01T05:00:00-04:00", "timezone": "America/New_York"}}),
        ("UPDATE events SET all_day = 1", {"start": {"dateOnly": "2026-07-01"}, "end": {"dateOnly": "2026-07-02"}}),
        ("DELETE FROM event_attendees WHERE email = 'bo@example.org'",
         {"meetingInfo": {"attendees": [{"emailAddress": {"address": "charles@example.org"}, "type": "required"}]}}),
    ],
)  # fmt: skip
def test_columns_of_events_lead_back_to_their_fields(
    writable: Cli, upstream: Upstream, sql: str, patch: dict[str, Any]
) -> None:
    for event in records(upstream, "events", "ada@example.org"):
        upstream.delete("events", event["id"], "ada@example.org")
    when = {"dateTime": "2026-07-01T10:00:00+02:00", "timezone": "Europe/Berlin"}
    people = [{"emailAddress": {"address": f"{who}@example.org"}, "type": "required"} for who in ("charles", "bo")]
    upstream.create(
        "events",
        {"subject": "Tea", "start": when, "end": {**when, "dateTime": "2026-07-01T11:00:00+02:00"},
         "meetingInfo": {"attendees": people}},
        parent="ada@example.org",
    )  # fmt: skip
    writable("sync")

    document = planned(writable, sql)

    assert [one["patch"] for one in document["items"]] == [patch]
    assert "attendees of 1 events are told" in document["risks"][0]


def test_tasks_and_mail_can_be_changed_too(writable: Cli) -> None:
    assert patches(writable, "UPDATE tasks SET status = 'completed', due_at = date('2026-12-01') WHERE id = 1") == [
        {"status": "completed", "due": "2026-12-01T00:00:00Z"}
    ]
    assert patches(writable, "UPDATE messages SET unread = 1, keywords = '[\"later\"]' WHERE id = 1") == [
        {"unread": True, "keywords": ["later"]}
    ]
    assert patches(writable, "UPDATE task_lists SET title = 'Chores'") == [{"title": "Chores"}]
    assert planned(writable, "DELETE FROM messages WHERE subject LIKE '%part 1'")["records"] == {"delete messages": 1}
    assert planned(writable, "INSERT INTO tasks (title) VALUES ('Sing'), ('Dance')")["records"] == {"create tasks": 2}


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("UPDATE contacts SET emails = 'x'", "contacts.emails can't be written (contact_emails has a row for each)"),
        ("UPDATE contacts SET id = 5", "contacts.id can't be written; these can: name, given_name"),
        (
            "UPDATE contact_emails SET contact_id = 1",
            "contact_emails.contact_id can't be written; these can: email, name, type",
        ),
        ("UPDATE folders SET name = 'x'", "folders can't be written"),
        ("UPDATE message_recipients SET email = 'x'", "message_recipients can't be written"),
        ("UPDATE events SET response = 'accepted'", "mirror respond"),
        ("UPDATE accounts SET name = 'x'", "accounts can only be read"),
        ("UPDATE edits SET state = 'settled'", "no such table: edits"),
        ("UPDATE versions SET raw = '{}'", "no such table: versions"),
        ("SELECT 1", "a plan is an UPDATE"),
        ("DROP TABLE contacts", "and nothing else"),
        ("ATTACH 'mirror.db' AS file", "and nothing else"),
        ("PRAGMA user_version = 9", "and nothing else"),
        ("CREATE TABLE x (y)", "and nothing else"),
        ("UPDATE contacts SET notes = (SELECT sql FROM sqlite_master)", "and nothing else"),
        ("UPDATE contacts SET notes = (SELECT count(*) FROM mirror_old_contacts)", "no such table"),
        ("UPDATE contacts SET notes = load_extension('x')", "and nothing else"),
        ("UPDATE contacts SET notes = 1; DELETE FROM contacts", "a plan is one statement"),
        ("UPDATE contacts SET", "incomplete input"),
        ("UPDATE contacts SET phnoe = 1", "no such column: phnoe"),
        ("UPDATE contacts SET notes = 'x' WHERE 0", "that changes nothing"),
        ("REPLACE INTO contacts (id, name) VALUES (1, 'x')", "use UPDATE"),
    ],
)
def test_what_is_no_plan_is_refused_by_name_and_changes_nothing(writable: Cli, sql: str, said: str) -> None:
    before = writable.dump()

    ran = writable("plan", sql)

    assert ran.code == 2
    assert said in ran.err
    assert len(ran.err.splitlines()) == 1
    assert writable.dump() == before
    assert writable.query("SELECT count(*) FROM plans") == [(0,)]


@pytest.mark.parametrize(
    ("sql", "why"),
    [
        ("UPDATE contacts SET raw = json_set(raw, '$.etag', 'x')", "etag: is upstream’s own and can’t be written"),
        ("UPDATE contacts SET raw = '[]'", "raw: is no JSON object any more"),
        ("UPDATE contacts SET categories = 'x'", "categories: “x” is no JSON array"),
        ("UPDATE tasks SET status = 'perhaps'", "status: “perhaps” is none of"),
        ("UPDATE tasks SET title = NULL", "title: can’t be empty"),
        ("UPDATE events SET starts_at = 'soon'", "starts_at: “soon” is no time"),
        ("UPDATE events SET ends_at = '2001-01-01'", "end: is before start"),
        ("UPDATE events SET timezone = 'Mars'", "timezone: “Mars” is no IANA time zone"),
        ("INSERT INTO contacts (name, remote_id) VALUES ('x', 'y')", "remote_id can't be written"),
        ("INSERT INTO events (subject) VALUES ('x')", "start: is required"),
        ("INSERT INTO messages (subject) VALUES ('x')", "mirror send"),
        ("INSERT INTO contact_emails (contact_id, email) VALUES (99, 'x@example.org')", "there is no contact 99"),
        ("INSERT INTO contact_emails (contact_id, email) VALUES (1, 'x')", "is no e-mail address"),
        ("DELETE FROM folders", "folders can't be deleted through this API"),
    ],
)
def test_records_that_can_not_be_so_are_left_out_and_named(writable: Cli, sql: str, why: str) -> None:
    ran = writable("plan", sql)

    assert ran.code == 0
    assert "left out" in ran.out
    assert why in ran.out
    assert "Nothing of it can be done." in ran.out
    assert writable("apply", "1").out == "plan 1: 0 edits made.\n"


def test_read_only_accounts_are_left_out(mirrored: Cli) -> None:
    document = planned(mirrored, COMPANY)

    assert {one["why"] for one in document["items"]} == {"“work” is read-only"}
    assert document["left_out"] == 3


# --- applying -------------------------------------------------------------------------------------------------------------


def test_a_plan_is_applied_once_and_arrives(writable: Cli, upstream: Upstream) -> None:
    writable("plan", COMPANY)

    assert "3 edits made" in writable("apply", "1").out
    assert "0 edits made (3 were made before)" in writable("apply", "1").out
    outbox = writable("outbox").out
    assert "plan 1: 3 to be sent" in outbox
    assert "edit" not in outbox.replace("edits", "")
    assert len(writable("outbox", "--plan", "1").out.splitlines()) == 3
    assert "3 to be sent" in writable("status").out
    assert writable("sync").code == 0

    assert [one["company"] for one in records(upstream, "contacts")] == [{"name": "Navy"}] * 3
    assert writable.query("SELECT DISTINCT state FROM edits") == [("settled",)]
    assert "applied, 3 of 3 edits made" in writable("plan", "--list").out
    assert writable("plan", "--list", "--json").json()["plans"][0]["edits"] == {"settled": 3}
    assert "It is applied" in writable("plan", "show", "1").out


def test_a_plan_goes_on_where_its_budget_ended(writable: Cli) -> None:
    writable("plan", COMPANY)

    first = writable("apply", "1", "--limit", "2")
    assert "2 edits made" in first.out
    assert "1 more are to be made; go on with: mirror apply 1" in first.out
    assert writable.query("SELECT state FROM plans") == [("planned",)]
    ran = writable("apply", "1", "--json").json()

    assert (len(ran["made"]), ran["made_before"], ran["left"]) == (1, 2, 0)
    assert writable.query("SELECT state, applied_at IS NOT NULL FROM plans") == [("applied", 1)]
    assert writable("apply", "9").code == 2


def test_a_record_that_has_changed_since_is_skipped_and_named(writable: Cli, upstream: Upstream) -> None:
    writable("plan", COMPANY)
    change(upstream, "contacts", records(upstream, "contacts")[0], notes="news")
    upstream.delete("contacts", upstream.ids("contacts")[1])
    writable("sync")
    writable("edit", "contact", "3", "company=Bell Labs")

    ran = writable("apply", "1")

    assert "0 edits made" in ran.out
    assert "contact 1 “Grace Hopper”: it has changed since the plan was made" in ran.out
    assert "contact 2 “Katherine Johnson”: it is deleted by now" in ran.out
    assert "contact 3 “Radia Perlman”: it has changed since the plan was made" in ran.out


def test_new_records_of_a_plan_are_created_once(writable: Cli, upstream: Upstream) -> None:
    writable("plan", "INSERT INTO tasks (title, due_at) SELECT 'Call ' || name, '2026-12-01' FROM contacts")
    writable("apply", "1", "--limit", "1")
    writable("apply", "1")
    writable("apply", "1")
    upstream.behind.faults.add(Fault(lose(), method="POST", path="/v1/tasklists/.*"))
    for _ in range(3):
        writable("sync")

    assert sorted(one["title"] for one in records(upstream, "tasks", "todo") if one["title"].startswith("Call ")) == [
        "Call Charles", "Call Grace Hopper", "Call Katherine Johnson", "Call Radia Perlman",
    ]  # fmt: skip


def test_attendees_are_left_in_peace_when_told_to(writable: Cli, upstream: Upstream) -> None:
    writable("plan", "UPDATE events SET location = 'Room 1'")
    writable("apply", "1", "--no-notify")

    assert "notifyAttendees=false" in writable("push", "--dry-run").out


# --- taking back ----------------------------------------------------------------------------------------------------------


def test_what_is_not_sent_is_taken_back_and_what_was_typed_stays(writable: Cli, upstream: Upstream) -> None:
    writable("edit", "contact", "1", "email=typed@example.org")
    writable("plan", "INSERT INTO contact_emails (contact_id, email) SELECT id, 'planned@example.org' FROM contacts")
    assert "1 of the records have edits" in writable("plan", "show", "1").out
    writable("apply", "1")
    writable("edit", "contact", "1", "email+=later@example.org")
    assert writable.query("SELECT plan_id FROM edits WHERE record_id = 1 ORDER BY id") == [(None,), (1,), (None,)]

    assert "3 edits would be taken back" in writable("revert", "--plan", "1", "--dry-run").out
    assert "3 edits taken back that were not upstream yet" in writable("revert", "--plan", "1").out
    assert writable("apply", "1").code == 2

    shown = writable("show", "contact", "1", "--json").json()["contact_emails"]
    assert [one["email"] for one in shown] == ["typed@example.org", "later@example.org"]
    for _ in range(3):
        assert writable("sync").code == 0
    mails = {
        one["name"]["displayName"]: [m["address"] for m in one.get("emailAddresses", [])]
        for one in records(upstream, "contacts")
    }
    assert mails == {
        "Grace Hopper": ["typed@example.org", "later@example.org"], "Katherine Johnson": [], "Radia Perlman": [],
    }  # fmt: skip


def test_what_is_upstream_is_undone_by_opposite_edits_that_leave_what_others_did(
    writable: Cli, upstream: Upstream
) -> None:
    writable("plan", "UPDATE contacts SET company = 'Navy', categories = json_array('navy')")
    writable("apply", "1")
    assert writable("sync").code == 0
    grace, katherine, radia = records(upstream, "contacts")
    change(upstream, "contacts", grace, keywords=["navy", "friend"])
    change(upstream, "contacts", katherine, company={"name": "NASA"})
    assert writable("sync").code == 0

    ran = writable("revert", "--plan", "1")

    assert "3 opposite edits made of what is" in ran.out
    assert "contact 2 “Katherine Johnson”: changed since, and left as it is: company" in ran.out
    assert "3 were undone before" in writable("revert", "--plan", "1").out
    assert writable("sync").code == 0
    grace, katherine, radia = records(upstream, "contacts")
    assert [one.get("company") for one in (grace, katherine, radia)] == [None, {"name": "NASA"}, None]
    assert [one.get("keywords") for one in (grace, katherine, radia)] == [["friend"], None, None]
    assert writable.query("SELECT state FROM plans") == [("reverted",)]


def test_deletions_and_creations_of_a_plan_are_undone(writable: Cli, upstream: Upstream) -> None:
    writable("plan", "DELETE FROM contacts WHERE name LIKE 'Grace%'")
    writable("plan", "INSERT INTO contacts (name) VALUES ('Mary Somerville')")
    for number in ("1", "2"):
        writable("apply", number)
    for _ in range(2):
        assert writable("sync").code == 0
    assert sorted(one["name"]["displayName"] for one in records(upstream, "contacts")) == [
        "Katherine Johnson", "Mary Somerville", "Radia Perlman",
    ]  # fmt: skip

    for number in ("1", "2"):
        assert "1 opposite edits made" in writable("revert", "--plan", number).out
    for _ in range(2):
        assert writable("sync").code == 0

    assert sorted(one["name"]["displayName"] for one in records(upstream, "contacts")) == [
        "Grace Hopper", "Katherine Johnson", "Radia Perlman",
    ]  # fmt: skip


def test_a_plan_that_was_never_applied_is_let_go(writable: Cli) -> None:
    writable("plan", COMPANY)

    assert "nothing was to be taken back" in writable("revert", "--plan", "1").out
    assert writable.query("SELECT state FROM plans") == [("discarded",)]
    assert writable("apply", "1").code == 2
    assert writable("revert", "--plan", "1", "contact").code == 2


def test_a_plan_sees_records_as_they_read_with_edits_and_lists_by_the_mirrors_ids(
    writable: Cli, upstream: Upstream
) -> None:
    grace = records(upstream, "contacts")[0]
    odd = [{"type": "work"}, {"address": "one@example.org"}, {"address": "two@example.org"}]
    change(upstream, "contacts", grace, emailAddresses=odd)
    writable("sync")
    two = writable.query("SELECT id FROM contact_emails WHERE email = 'two@example.org'")[0][0]
    assert patches(writable, f"UPDATE contact_emails SET type = 'home' WHERE id = {two}") == [
        {"emailAddresses": [*odd[:2], {"address": "two@example.org", "type": "home"}]}
    ]

    writable("edit", "contact", "1", "email+=three@example.org", "company=Navy")

    assert patches(writable, "UPDATE contacts SET notes = company WHERE company = 'Navy'") == [{"notes": "Navy"}]
    assert patches(writable, "DELETE FROM contact_emails WHERE email = 'three@example.org'") == [
        {"emailAddresses": odd}
    ]


def test_a_large_plan_is_made_and_applied_in_batches(writable: Cli, upstream: Upstream) -> None:
    for number in range(450):
        upstream.contact(f"Person {number}")
    writable("sync")

    writable("plan", COMPANY)
    ran = writable("apply", "1")

    assert "453 edits made" in ran.out
    assert writable.query("SELECT count(*), count(DISTINCT record_id) FROM edits") == [(453, 453)]
    assert json.loads(writable.query("SELECT items FROM plans")[0][0])[0].keys() >= {
        "account_id", "kind", "record_id", "seq", "patch", "base",
    }  # fmt: skip
