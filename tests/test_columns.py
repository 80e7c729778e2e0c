"""The readable columns and child rows of records: derived from `raw` alone, and never with an error, whatever is in it."""

from __future__ import annotations

import json
import re
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mirror.resources import KINDS
from mirror.store import columns
from mirror.store.columns import (
    CHILDREN,
    COLUMNS,
    Derived,
    derive,
    event_time,
    fields_of,
    iana_name,
    moment,
    text,
    texts,
)
from mirror.store.connection import shipped
from mirror.store.windows_zones import WINDOWS_ZONES

NAMES = sorted(set(re.findall(r"\"([a-zA-Z]+)\"", Path(columns.__file__).read_text())))
"""Every name that the derivation could look for."""
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(codec=None), max_size=8)
    | st.sampled_from(
        ["2026-01-05T10:00:00Z", "2026-01-05", "Europe/Berlin", "a@example.org", "\ud800", "\x00", "tentitive"]
    )
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=6),
    max_leaves=12,
)


def row(kind: str, **fields: Any) -> dict[str, Any]:
    derived = derive(kind, fields)
    return dict(zip(COLUMNS[kind], derived.columns, strict=True))


def can_be_bound(derived: Derived) -> None:
    rows = [derived.columns, *(one for children in derived.children.values() for one in children)]
    rows += [tuple(getattr(item, name) for name in item.__slots__) for item in derived.attachments]
    for one in rows:
        BINDING.execute(f"SELECT {', '.join('?' * len(one))}", one).fetchone()


BINDING = sqlite3.connect(":memory:")


@pytest.mark.parametrize("kind", KINDS)
@given(fields=st.dictionaries(st.sampled_from(NAMES), JSON, max_size=12))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@example(
    fields={"name": [], "company": "x", "start": [], "end": 5, "from": [[]], "attachments": [{"id": 1, "size": 2**70}]}
)
def test_any_json_at_all_gives_a_row_that_sqlite_can_hold(kind: str, fields: dict[str, Any]) -> None:
    derived = derive(kind, fields)

    assert len(derived.columns) == len(COLUMNS[kind])
    for table, rows in derived.children.items():
        assert {len(one) for one in rows} <= {len(CHILDREN[kind][table]) - 1}
    can_be_bound(derived)


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_record_gives_an_empty_row(kind: str) -> None:
    written = {name: value for name, value in row(kind).items() if value not in (None, 0)}

    assert written == {}


def test_columns_and_child_tables_are_those_of_the_schema() -> None:
    conn = sqlite3.connect(":memory:")
    conn.executescript(shipped("schema.sql").read_text())
    for kind, derived in COLUMNS.items():
        there = [name for _, name, *_ in conn.execute(f"PRAGMA table_info({kind})")]
        assert tuple(there[there.index("generation") + 1 : -1]) == derived
        assert there[-1] == "raw"
        for table, names in CHILDREN.get(kind, {}).items():
            assert ["id", *names] == [name for _, name, *_ in conn.execute(f"PRAGMA table_info({table})")]
    conn.close()


MOMENTS = [
    ("2026-01-05T10:00:00Z", None, "2026-01-05T10:00:00.000Z"),
    ("2026-01-05T10:00:00.123456+02:00", None, "2026-01-05T08:00:00.123Z"),
    ("2026-01-05T10:00:00+02:00", "America/New_York", "2026-01-05T08:00:00.000Z"),
    ("2026-01-05T10:00:00", "Europe/Berlin", "2026-01-05T09:00:00.000Z"),
    ("2026-07-05T10:00:00", "Europe/Berlin", "2026-07-05T08:00:00.000Z"),
    ("2026-07-05T10:00:00", "W. Europe Standard Time", "2026-07-05T08:00:00.000Z"),
    ("2026-01-05T10:00:00", "Tokyo Standard Time", "2026-01-05T01:00:00.000Z"),
    ("2026-01-05T10:00:00", "UTC", "2026-01-05T10:00:00.000Z"),
    ("2026-01-05T10:00:00", None, "2026-01-05T10:00:00.000Z"),
    ("2026-01-05T10:00:00", "Nowhere/At All", "2026-01-05T10:00:00.000Z"),
    ("2026-01-05T10:00:00", "../../etc/passwd", "2026-01-05T10:00:00.000Z"),
    ("2026-01-05T10:00:00", "Europe", "2026-01-05T10:00:00.000Z"),
    ("2026-01-05T10:00:00", "x\x00y", "2026-01-05T10:00:00.000Z"),
    ("2026-01-05T10:00:00", "\ud800", "2026-01-05T10:00:00.000Z"),
    ("2026-01-05T10:00:00", "x" * 5000, "2026-01-05T10:00:00.000Z"),
    ("2026-03-29T02:30:00", "Europe/Berlin", "2026-03-29T01:30:00.000Z"),  # an hour that does not exist
    ("2026-10-25T02:30:00", "Europe/Berlin", "2026-10-25T00:30:00.000Z"),  # one that exists twice: the first
    ("2026-01-05", None, "2026-01-05T00:00:00.000Z"),
    ("0001-01-01T00:00:00+14:00", None, None),
    ("9999-12-31T23:59:59-14:00", None, None),
    ("0999-01-01T00:00:00Z", None, None),
    ("soon", None, None),
    ("", None, None),
    (None, None, None),
    (20260105, None, None),
]


@pytest.mark.parametrize(("written", "zone", "read"), MOMENTS)
def test_moments_are_written_in_utc_with_milliseconds_or_not_at_all(
    written: Any, zone: str | None, read: str | None
) -> None:
    assert moment(written, zone) == read


TIMES = [
    ({"dateTime": "2026-01-05T10:00:00", "timezone": "Europe/Berlin"}, ("2026-01-05T09:00:00.000Z", 0)),
    ({"dateTime": "2026-01-05T10:00:00Z", "timezone": 5}, ("2026-01-05T10:00:00.000Z", 0)),
    ({"dateOnly": "2026-01-05"}, ("2026-01-05T00:00:00.000Z", 1)),
    ({"dateOnly": "2026-01-05", "timezone": "Asia/Tokyo"}, ("2026-01-05T00:00:00.000Z", 1)),
    ({"dateOnly": "2026-01-05T00:00:00Z"}, ("2026-01-05T00:00:00.000Z", 1)),
    ({"dateOnly": "the fifth"}, (None, 1)),
    ({"dateOnly": "", "dateTime": "2026-01-05T10:00:00Z"}, ("2026-01-05T10:00:00.000Z", 0)),
    ({}, (None, 0)),
    ("2026-01-05", (None, 0)),
]


@pytest.mark.parametrize(("when", "read"), TIMES)
def test_the_time_of_an_event_is_a_moment_or_a_date(when: Any, read: tuple[str | None, int]) -> None:
    assert event_time(when) == read


def test_zones_named_as_windows_does_are_told_by_their_iana_name() -> None:
    event = row("events", start={"dateTime": "2026-07-01T09:00:00", "timezone": "Pacific Standard Time"})

    assert (event["timezone"], event["starts_at"]) == ("America/Los_Angeles", "2026-07-01T16:00:00.000Z")
    assert iana_name("Mars/Olympus") == "Mars/Olympus"
    assert len(WINDOWS_ZONES) > 130
    for name in WINDOWS_ZONES:
        assert moment("2026-01-05T10:00:00", name) is not None


SENDERS = [
    ({"name": "Ada", "address": "Ada@Example.org"}, ("Ada", "ada@example.org")),
    ([{"name": "Ada", "address": "ada@example.org"}, {"address": "b@x"}], ("Ada", "ada@example.org")),
    ("Ada <ada@example.org>", ("Ada", "ada@example.org")),
    ("ada@example.org", (None, "ada@example.org")),
    (["ada@example.org"], (None, "ada@example.org")),
    ({"address": "not an address"}, (None, "not an address")),
    ({"name": "Ada"}, ("Ada", None)),
    ([], (None, None)),
    (None, (None, None)),
    (5, (None, None)),
]


@pytest.mark.parametrize(("sender", "read"), SENDERS)
def test_the_sender_of_a_mail_comes_in_many_shapes(sender: Any, read: tuple[str | None, str | None]) -> None:
    message = row("messages", **{"from": sender})

    assert (message["from_name"], message["from_email"]) == read


def test_recipients_are_rows_in_their_roles() -> None:
    derived = derive("messages", {
        "to": [{"name": "Bo", "address": "BO@x"}, "Cy <cy@x>", {}, 5], "cc": {"address": "d@x"}, "bcc": None,
        "replyTo": [{"name": "List"}],
    })  # fmt: skip

    assert derived.children["message_recipients"] == [
        ("to", "bo@x", "Bo"), ("to", "cy@x", "Cy"), ("cc", "d@x", None), ("reply_to", None, "List"),
    ]  # fmt: skip
    assert dict(zip(COLUMNS["messages"], derived.columns, strict=True))["recipients"] == "Bo <bo@x>, Cy <cy@x>, d@x"


@pytest.mark.parametrize(
    ("fields", "received_at"),
    [
        ({"receivedAt": "2026-01-03T00:00:00Z", "sentAt": "2026-01-02T00:00:00Z"}, "2026-01-03T00:00:00.000Z"),
        ({"receivedAt": "?", "sentAt": "2026-01-02T00:00:00Z"}, "2026-01-02T00:00:00.000Z"),
        ({"createdTime": "2026-01-01T00:00:00Z"}, "2026-01-01T00:00:00.000Z"),
        ({}, None),
    ],
)
def test_a_mail_was_received_when_anything_says_when(fields: dict[str, Any], received_at: str | None) -> None:
    assert row("messages", **fields)["received_at"] == received_at


def test_labels_say_what_is_unread_and_flagged() -> None:
    message = row("messages", sysLabels=["inbox", "unread", 5, None, "ünknown"])

    assert (message["unread"], message["flagged"]) == (1, 0)
    assert json.loads(message["labels"]) == ["inbox", "unread", "5", "ünknown"]


NAMED = [
    ({"name": {"displayName": "Ada L.", "givenName": "Ada"}}, "Ada L."),
    ({"name": {"prefix": "Lady", "givenName": "Ada", "familyName": "Lovelace"}}, "Lady Ada Lovelace"),
    ({"name": {}, "fileAs": "Lovelace, Ada", "nickName": "A"}, "Lovelace, Ada"),
    ({"nickName": "A", "company": {"name": "Engines"}}, "A"),
    ({"company": {"name": "Engines"}, "emailAddresses": [{"address": "a@x"}]}, "Engines"),
    ({"emailAddresses": [{"address": "A@x"}]}, "a@x"),
    ({"name": "Ada"}, None),
]


@pytest.mark.parametrize(("fields", "name"), NAMED)
def test_a_contact_is_named_by_the_best_that_is_known(fields: dict[str, Any], name: str | None) -> None:
    assert row("contacts", **fields)["name"] == name


def test_an_attendee_who_is_tentitive_is_tentative() -> None:
    attendees = [
        {"emailAddress": {"name": "Bo", "address": "BO@x"}, "type": "required", "response": answer}
        for answer in ("tentitive", "tentative", "accepted", None)
    ]
    derived = derive("events", {"meetingInfo": {"attendees": attendees, "canceled": False}})

    assert [child[3] for child in derived.children["event_attendees"]] == ["tentative", "tentative", "accepted", None]
    assert dict(zip(COLUMNS["events"], derived.columns, strict=True))["attendee_count"] == 4


@pytest.mark.parametrize(("spelling", "value"), [("canceled", True), ("cancelled", True), ("canceled", None)])
def test_both_spellings_of_canceled_are_read(spelling: str, value: bool | None) -> None:
    assert row("events", meetingInfo={spelling: value})["canceled"] == (1 if value else None)


def test_a_series_shows_its_rules_and_an_occurrence_its_series() -> None:
    series = row(
        "events", recurrenceType="master", recurrence={"ical": {"rules": ["RRULE:FREQ=DAILY", 5, "", "EXDATE:2026"]}}
    )
    instance = row(
        "events",
        recurrenceType="occurrence",
        occurrenceInfo={"masterId": "m", "type": "modified", "originalStart": {"dateOnly": "2026-01-05"}},
    )

    assert series["rrule"] == "RRULE:FREQ=DAILY\n5\nEXDATE:2026"
    assert (instance["series_remote_id"], instance["occurrence_type"], instance["original_start"]) == (
        "m", "modified", "2026-01-05T00:00:00.000Z",
    )  # fmt: skip


@pytest.mark.parametrize("name", ["iCalUid", "iCalUId"])
def test_both_spellings_of_the_uid_are_read(name: str) -> None:
    assert row("events", **{name: "uid@x"})["ical_uid"] == "uid@x"


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("", None),
        (" \n\u2003", None),
        (" a ", " a "),
        ("a\x00b", "a\ufffdb"),
        ("x\ud800", "x?"),
        (5, "5"),
        (1.5, "1.5"),
        (True, None),
        ([], None),
        ({}, None),
    ],
)
def test_text_is_what_sqlite_and_utf8_can_carry(value: Any, read: str | None) -> None:
    assert text(value) == read


def test_a_list_of_texts_is_json_or_nothing() -> None:
    assert texts(["a", 5, "", None, {}]) == '["a", "5"]'
    assert texts([]) is None
    assert texts("a") is None


@pytest.mark.parametrize("raw", ["[]", "5", "null", '"a"', "{", "", '{"a": NaN', "[" * 10_000])
def test_what_is_no_object_is_refused(raw: str) -> None:
    with pytest.raises((ValueError, RecursionError)):
        fields_of(raw)
