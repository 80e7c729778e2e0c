"""Merging three ways: by examples, and by what must hold for any three records."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mirror.errors import Invalid
from mirror.fields import FORMS, Field, key_of
from mirror.merge import Given, Merged, Overlap, apply, basis, differences, merge, resolve, same


def mail(address: str, kind: str | None = None, **more: Any) -> dict[str, Any]:
    return {"address": address, **({"type": kind} if kind else {}), **more}


def phone(number: str, kind: str | None = None, **more: Any) -> dict[str, Any]:
    return {"number": number, **({"type": kind} if kind else {}), **more}


def guest(address: str, **more: Any) -> dict[str, Any]:
    return {"emailAddress": {"address": address}, **more}


def at(hour: int, zone: str | None = "Europe/Berlin") -> dict[str, Any]:
    return {"dateTime": f"2026-03-01T{hour:02d}:00:00+01:00", **({"timezone": zone} if zone else {})}


# --- the same ---------------------------------------------------------------------------------------------------------

SAME = [
    ("contacts", "notes", None, ""),
    ("contacts", "keywords", None, []),
    ("contacts", "keywords", ["a", "b"], ["b", "a"]),
    ("contacts", "name", {}, {"givenName": ""}),
    ("contacts", "emailAddresses", [mail("Ada@Example.org")], [mail("ada@example.org", name=None)]),
    ("contacts", "phoneNumbers", [phone("+49 30 1")], [phone("+49-30-1", canonicalForm="+49301")]),
    ("contacts", "emailAddresses", [mail("a@b.c")], [mail("a@b.c", id="7", deleted=False)]),
    ("contacts", "notes", "a\r\nb", "a\nb"),
    ("events", "start", {"dateTime": "2026-03-01T10:00:00+01:00"}, {"dateTime": "2026-03-01T09:00:00.000Z"}),
    ("events", "start", at(10), at(10, None)),
    ("events", "meetingInfo", {"attendees": [guest("A@b.c")]},
     {"canceled": False, "attendees": [guest("a@b.c", id="1", response="accepted")]}),
    ("events", "meetingInfo", {"onlineMeeting": True}, None),
    ("events", "recurrence", {"ical": {"rules": ["RRULE:FREQ=DAILY"]}},
     {"original": "ical", "ical": {"rules": ["RRULE:FREQ=DAILY"], "recurrenceStart": at(10)},
      "simple": {"pattern": {"frequency": "daily"}}}),
    ("tasks", "due", "2026-03-01T00:00:00Z", "2026-03-01T01:00:00+01:00"),
    ("tasks", "unheard", None, []),
]  # fmt: skip
OTHER = [
    ("contacts", "notes", "a", "A"),
    ("contacts", "keywords", ["a"], ["A"]),
    ("contacts", "emailAddresses", [mail("a@b.c", "work")], [mail("a@b.c", "home")]),
    ("contacts", "emailAddresses", [mail("a@b.c")], [mail("a@b.c"), mail("a@b.c")]),
    ("contacts", "phoneNumbers", [phone("1-800-ADA")], [phone("1-800-BOB")]),
    ("events", "start", at(10), at(10, "Europe/Paris")),
    ("events", "start", {"dateOnly": "2026-03-01"}, {"dateTime": "2026-03-01T00:00:00Z"}),
    ("events", "recurrence", {"ical": {"rules": ["RRULE:FREQ=DAILY"]}}, {"ical": {"rules": ["RRULE:FREQ=WEEKLY"]}}),
    ("events", "recurrence", {"ical": {"rules": ["RRULE:FREQ=DAILY"]}}, {"simple": {"pattern": {"frequency": "daily"}}}),
    ("events", "reminder", {"useDefault": False}, None),
    ("messages", "unread", False, None),
    ("contacts", "notes", "1", 1),
    ("messages", "unread", True, 1),
]  # fmt: skip


@pytest.mark.parametrize(("form", "name", "one", "other"), SAME)
def test_what_upstream_would_not_tell_apart_is_the_same(form: str, name: str, one: Any, other: Any) -> None:
    assert same(form, name, one, other)
    assert same(form, name, other, one)


@pytest.mark.parametrize(("form", "name", "one", "other"), OTHER)
def test_what_a_person_would_miss_is_not_the_same(form: str, name: str, one: Any, other: Any) -> None:
    assert not same(form, name, one, other)
    assert not same(form, name, other, one)


# --- laid over --------------------------------------------------------------------------------------------------------


def test_a_patch_is_laid_over_and_keeps_what_upstream_alone_writes() -> None:
    record = {
        "id": "1", "notes": "x",
        "phoneNumbers": [phone("1", canonicalForm="+1"), phone("2", canonicalForm="+2")],
    }  # fmt: skip

    read = apply("contacts", record, {"notes": None, "phoneNumbers": [phone("2", "work"), phone("3")]})

    assert read == {"id": "1", "phoneNumbers": [phone("2", "work", canonicalForm="+2"), phone("3")]}
    assert record["notes"] == "x"


def test_the_answers_of_attendees_stay_with_them() -> None:
    record = {"meetingInfo": {"canceled": False, "attendees": [guest("a@b.c", response="accepted")]}}

    read = apply("events", record, {"meetingInfo": {"attendees": [guest("x@y.z"), guest("A@b.c", type="optional")]}})

    attendees = [guest("x@y.z"), guest("A@b.c", type="optional", response="accepted")]
    assert read == {"meetingInfo": {"canceled": False, "attendees": attendees}}


def test_the_status_of_a_message_reads_as_labels() -> None:
    record = {"sysLabels": ["inbox", "unread", "flagged"]}

    assert apply("messages", record, {"unread": False})["sysLabels"] == ["inbox", "flagged"]
    assert apply("messages", record, {"archived": True})["sysLabels"] == ["unread", "flagged"]
    assert apply("messages", {"sysLabels": []}, {"archived": False, "unread": True})["sysLabels"] == ["unread", "inbox"]
    assert merge("messages", record, {"unread": False}, {"sysLabels": ["inbox"]}).patch == {}
    assert merge("messages", record, {"unread": False}, record).patch == {"unread": False}


def test_a_task_that_is_open_again_was_not_completed() -> None:
    assert apply("tasks", {"status": "completed", "completed": "2026-03-01T00:00:00Z"}, {"status": "notStarted"}) == {
        "status": "notStarted"
    }


def test_differences_are_whole_top_level_fields_and_nothing_else() -> None:
    base = {
        "etag": "1", "nickName": "A", "notes": "x", "hasPhoto": True,
        "emailAddresses": [mail("a@b.c"), mail("d@e.f")], "phoneNumbers": [phone("1", canonicalForm="+1")],
    }  # fmt: skip
    wanted = {
        "nickName": "B", "emailAddresses": [mail("d@e.f"), mail("A@b.c")], "phoneNumbers": [phone("1"), phone("2")], "fileAs": "",
    }  # fmt: skip

    patch = differences("contacts", base, wanted)

    assert patch == {"nickName": "B", "phoneNumbers": [phone("1"), phone("2")], "notes": None}


def test_a_change_of_what_is_upstreams_is_told_so_that_it_can_be_refused() -> None:
    assert differences("contacts", {"etag": "1"}, {"etag": "2"}) == {"etag": "2"}


def test_a_message_differs_by_its_status_not_by_its_labels() -> None:
    base = {"sysLabels": ["inbox", "unread"]}

    assert differences("messages", base, {**base, "unread": False}) == {"unread": False}
    assert differences("messages", base, apply("messages", base, {"archived": True})) == {"archived": True}


def test_the_basis_of_a_merge_is_what_the_patch_touches() -> None:
    event = {"id": "1", "subject": "x", "start": at(10), "end": at(11)}

    assert basis("events", event, {"subject": "y", "location": "z"}) == {"subject": "x", "location": None}
    assert basis("events", event, {"end": at(12)}) == {"start": at(10), "end": at(11), "recurrence": None}
    assert basis("messages", {"sysLabels": ["inbox"]}, {"unread": True}) == {"unread": False}


# --- merged: examples -------------------------------------------------------------------------------------------------

Row = tuple[str, dict[str, Any], dict[str, Any], dict[str, Any], dict[str, Any], list[str]]

MERGES: dict[str, Row] = {
    "each another field": ("contacts", {"nickName": "A", "notes": "x"}, {"nickName": "B"}, {"nickName": "A", "notes": "y"},
        {"nickName": "B"}, []),
    "both the same": ("contacts", {"notes": "x"}, {"notes": "y"}, {"notes": "y"}, {}, []),
    "both cleared": ("contacts", {"notes": "x"}, {"notes": None}, {}, {}, []),
    "one text, two wishes": ("contacts", {"notes": "x"}, {"notes": "y"}, {"notes": "z"}, {}, ["notes"]),
    "mine cleared, theirs changed": ("contacts", {"notes": "x"}, {"notes": None}, {"notes": "z"}, {}, ["notes"]),
    "parts of a name": ("contacts", {"name": {"givenName": "Ada", "familyName": "Byron"}},
        {"name": {"givenName": "Augusta", "familyName": "Byron"}}, {"name": {"givenName": "Ada", "familyName": "King"}},
        {"name": {"givenName": "Augusta", "familyName": "King"}}, []),
    "the same part of a name": ("contacts", {"name": {"givenName": "Ada", "familyName": "Byron"}},
        {"name": {"givenName": "Augusta", "familyName": "Byron"}}, {"name": {"givenName": "A.", "familyName": "King"}},
        {}, ["name.givenName"]),
    "one adds, one adds": ("contacts", {"emailAddresses": [mail("a@b.c")]}, {"emailAddresses": [mail("a@b.c"), mail("m@m.m")]},
        {"emailAddresses": [mail("t@t.t"), mail("a@b.c")]},
        {"emailAddresses": [mail("a@b.c"), mail("m@m.m"), mail("t@t.t")]}, []),
    "one adds, one removes": ("contacts", {"emailAddresses": [mail("a@b.c"), mail("d@e.f")]},
        {"emailAddresses": [mail("a@b.c"), mail("d@e.f"), mail("m@m.m")]}, {"emailAddresses": [mail("d@e.f")]},
        {"emailAddresses": [mail("d@e.f"), mail("m@m.m")]}, []),
    "mine changes one, theirs another": ("contacts", {"phoneNumbers": [phone("1", "work"), phone("2", "home")]},
        {"phoneNumbers": [phone("1", "mobile"), phone("2", "home")]}, {"phoneNumbers": [phone("1", "work"), phone("2", "other")]},
        {"phoneNumbers": [phone("1", "mobile"), phone("2", "other")]}, []),
    "the same entry in two ways": ("contacts", {"phoneNumbers": [phone("1", "work")]}, {"phoneNumbers": [phone("1", "mobile")]},
        {"phoneNumbers": [phone("1", "home")]}, {}, ["phoneNumbers[1]"]),
    "the same entry alike": ("contacts", {"phoneNumbers": [phone("1", "work")]}, {"phoneNumbers": [phone("1", "mobile")]},
        {"phoneNumbers": [phone("1", "mobile", canonicalForm="+1")]}, {}, []),
    "mine changes, theirs removes": ("contacts", {"phoneNumbers": [phone("1", "work")]},
        {"phoneNumbers": [phone("1", "mobile")]}, {}, {}, ["phoneNumbers[1]"]),
    "mine removes, theirs changes": ("contacts", {"phoneNumbers": [phone("1", "work")]}, {"phoneNumbers": None},
        {"phoneNumbers": [phone("1", "mobile")]}, {}, ["phoneNumbers[1]"]),
    "the same number edited on both sides": ("contacts", {"phoneNumbers": [phone("111", "mobile"), phone("2", "work")]},
        {"phoneNumbers": [phone("222", "mobile"), phone("2", "work")]},
        {"phoneNumbers": [phone("2", "work"), phone("333", "mobile")]},
        {}, ["phoneNumbers[111]"]),
    "a number edited here, another added there": ("contacts", {"phoneNumbers": [phone("111", "mobile")]},
        {"phoneNumbers": [phone("222", "mobile")]}, {"phoneNumbers": [phone("111", "mobile"), phone("333", "mobile")]},
        {"phoneNumbers": [phone("222", "mobile"), phone("333", "mobile")]}, []),
    "a number edited here, that number added there": ("contacts", {"phoneNumbers": [phone("111", "mobile")]},
        {"phoneNumbers": [phone("222", "mobile")]}, {"phoneNumbers": [phone("111", "mobile"), phone("222", "mobile")]},
        {"phoneNumbers": [phone("222", "mobile")]}, []),
    "both add the same, one says more": ("contacts", {}, {"emailAddresses": [mail("a@b.c")]},
        {"emailAddresses": [mail("A@B.C", "work")]}, {}, []),
    "both add the same, each says something": ("contacts", {}, {"emailAddresses": [mail("a@b.c", name="Ada")]},
        {"emailAddresses": [mail("a@b.c", "work")]}, {"emailAddresses": [mail("a@b.c", "work", name="Ada")]}, []),
    "both add the same, and contradict": ("contacts", {}, {"emailAddresses": [mail("a@b.c", "home")]},
        {"emailAddresses": [mail("a@b.c", "work")]}, {}, ["emailAddresses[a@b.c]"]),
    "keywords": ("contacts", {"keywords": ["a", "b"]}, {"keywords": ["a", "b", "m"]}, {"keywords": ["b", "t"]},
        {"keywords": ["b", "m", "t"]}, []),
    "an entry twice": ("contacts", {"keywords": ["a", "a"]}, {"keywords": ["a"]}, {"keywords": ["a", "a", "t"]},
        {"keywords": ["a", "t"]}, []),
    "an entry twice, told apart by nothing": ("contacts", {"keywords": ["a", "a"]}, {"keywords": ["a"]},
        {"keywords": ["a", "a", "a"]}, {}, ["keywords[a]"]),
    "attendees keep their answers out of it": ("events", {"meetingInfo": {"attendees": [guest("a@b.c")]}},
        {"meetingInfo": {"attendees": [guest("a@b.c"), guest("m@m.m")]}},
        {"meetingInfo": {"attendees": [guest("a@b.c", response="declined"), guest("t@t.t")]}},
        {"meetingInfo": {"attendees": [guest("a@b.c", response="declined"), guest("m@m.m"), guest("t@t.t")]}}, []),
    "one attendee for another, twice": ("events", {"meetingInfo": {"attendees": [guest("a@b.c")]}},
        {"meetingInfo": {"attendees": [guest("m@m.m")]}}, {"meetingInfo": {"attendees": [guest("t@t.t")]}},
        {"meetingInfo": {"attendees": [guest("m@m.m"), guest("t@t.t")]}}, []),
    "a move and a new subject": ("events", {"subject": "x", "start": at(10), "end": at(11)}, {"start": at(12), "end": at(13)},
        {"subject": "y", "start": at(10), "end": at(11)}, {"start": at(12), "end": at(13)}, []),
    "two moves": ("events", {"start": at(10), "end": at(11)}, {"start": at(12), "end": at(13)}, {"start": at(14), "end": at(15)},
        {}, ["when"]),
    "a start here, an end there": ("events", {"start": at(10), "end": at(11)}, {"start": at(9)}, {"start": at(10), "end": at(12)},
        {}, ["when"]),
    "a move here, a series there": ("events", {"start": at(10), "end": at(11), "recurrence": None}, {"start": at(9)},
        {"start": at(10), "end": at(11), "recurrence": {"ical": {"rules": ["RRULE:FREQ=DAILY"]}}}, {}, ["when"]),
    "the same move": ("events", {"start": at(10), "end": at(11)}, {"start": at(12), "end": at(13)},
        {"start": at(12, None), "end": {"dateTime": "2026-03-01T12:00:00Z"}}, {}, []),
    "a zone is added, nothing moved there": ("events", {"start": at(10, None)}, {"start": at(10)}, {"start": at(10, None)},
        {"start": at(10)}, []),
    "a task": ("tasks", {"status": "notStarted", "title": "x"}, {"status": "completed"}, {"status": "notStarted", "title": "y"},
        {"status": "completed"}, []),
    "a picture is a whole": ("contacts", {"photo": {"content": "YQ==", "mimeType": "image/png"}},
        {"photo": {"content": "Yg==", "mimeType": "image/png"}}, {"photo": {"content": "YQ==", "mimeType": "image/jpeg"}},
        {}, ["photo"]),
    "parts that nobody knows are theirs": ("contacts", {"company": {"name": "x", "ref": 1}}, {"company": {"name": "y", "ref": 1}},
        {"company": {"name": "x", "department": "d", "ref": 2}}, {"company": {"name": "y", "department": "d", "ref": 2}}, []),
    "a field that nobody knows": ("contacts", {"mood": {"a": 1}}, {"mood": {"a": 2}}, {"mood": {"a": 3}}, {}, ["mood"]),
}  # fmt: skip


@pytest.mark.parametrize("case", MERGES)
def test_three_sides_become_one_patch_or_a_question(case: str) -> None:
    form, base, mine, theirs, patch, asked = MERGES[case]

    merged = merge(form, base, mine, theirs)

    assert [overlap.path for overlap in merged.overlaps] == asked
    assert merged.patch == patch


def test_an_overlap_has_all_three_sides() -> None:
    base, mine, theirs = phone("111", "mobile"), phone("222", "mobile"), phone("333", "mobile")

    merged = merge("contacts", {"phoneNumbers": [base]}, {"phoneNumbers": [mine]}, {"phoneNumbers": [theirs]})

    assert merged.overlaps == (Overlap("phoneNumbers[111]", base, mine, theirs),)


def test_what_went_in_from_theirs_can_be_read() -> None:
    base = {"name": {"givenName": "Ada"}, "keywords": ["a"], "notes": "x"}
    mine = {"name": {"givenName": "Ada", "suffix": "Jr."}, "keywords": ["a", "m"], "notes": "y"}
    theirs = {"name": {"givenName": "Augusta"}, "keywords": ["t"], "notes": "x", "nickName": "not sent, so not told"}

    merged = merge("contacts", base, mine, theirs)

    assert merged.taken == (
        "name.givenName: Ada became Augusta", "keywords[a]: removed a", "keywords[t]: added t",
    )  # fmt: skip


def test_what_is_decided_already_is_sent_with_what_needs_a_decision_left_out() -> None:
    merged = merge("contacts", {"notes": "x"}, {"notes": "y", "nickName": "A"}, {"notes": "z"})

    assert merged.patch == {"nickName": "A"}


# --- decided ----------------------------------------------------------------------------------------------------------

BASE = {"notes": "x", "phoneNumbers": [phone("1", "work"), phone("5")]}
MINE = {"notes": "y", "phoneNumbers": [phone("1", "mobile"), phone("5"), phone("6")]}
THEIRS = {"notes": "z", "phoneNumbers": [phone("1", "home"), phone("5"), phone("7")]}


@pytest.mark.parametrize(
    ("notes", "number", "patch"),
    [
        ("mine", "mine", {"notes": "y", "phoneNumbers": [phone("1", "mobile"), phone("5"), phone("6"), phone("7")]}),
        ("theirs", "theirs", {"phoneNumbers": [phone("1", "home"), phone("5"), phone("6"), phone("7")]}),
        (Given("y and z"), Given(None), {"notes": "y and z", "phoneNumbers": [phone("5"), phone("6"), phone("7")]}),
    ],
)  # fmt: skip
def test_a_decision_fills_its_place_and_only_that(notes: Any, number: Any, patch: dict[str, Any]) -> None:
    merged = merge("contacts", BASE, MINE, THEIRS)

    assert resolve("contacts", merged, {"notes": notes, "phoneNumbers[1]": number}) == patch


def test_every_overlap_has_to_be_decided_and_nothing_else() -> None:
    merged = merge("contacts", BASE, MINE, THEIRS)

    with pytest.raises(Invalid) as refused:
        resolve("contacts", merged, {"notes": "mine", "nickName": "mine"})

    assert [problem.path for problem in refused.value.problems] == ["nickName", "phoneNumbers[1]"]


def test_a_move_of_ones_own_is_an_object() -> None:
    merged = merge("events", {"start": at(10)}, {"start": at(9)}, {"start": at(14)})

    with pytest.raises(Invalid):
        resolve("events", merged, {"when": Given("tomorrow")})


def test_my_move_is_sent_whole_over_another() -> None:
    merged = merge("events", {"start": at(10), "end": at(11)}, {"start": at(9)}, {"start": at(14), "end": at(15)})

    assert resolve("events", merged, {"when": "mine"}) == {"start": at(9), "end": at(11)}
    assert resolve("events", merged, {"when": "theirs"}) == {}
    assert resolve("events", merged, {"when": Given({"start": at(14), "end": at(16)})}) == {"end": at(16)}


# --- what holds for any three records ---------------------------------------------------------------------------------

TYPES = st.sampled_from(["work", "home", None])
ADDRESSES = st.sampled_from(["a@x.y", "A@X.Y", "b@x.y", "c@x.y", "d@x.y"])
RULES = [{}, {"ical": {"rules": ["RRULE:FREQ=DAILY"]}}, {"simple": {"pattern": {"frequency": "daily"}}}]
MINUTES = st.builds(lambda minutes: {"minutes": minutes}, st.integers(0, 2))
RECORDS = st.fixed_dictionaries(
    {},
    optional={
        "notes": st.sampled_from(["", "a", "b", "c"]),
        "name": st.dictionaries(st.sampled_from(["givenName", "familyName", "suffix"]), st.sampled_from(["", "A", "B", "C"])),
        "keywords": st.lists(st.sampled_from(["a", "b", "c", "d"]), max_size=4),
        "emailAddresses": st.lists(st.builds(mail, ADDRESSES, TYPES), max_size=4),
        "phoneNumbers": st.lists(
            st.builds(lambda n, t, c: phone(n, t, **({"canonicalForm": c} if c else {})),
                      st.sampled_from(["1", "2", "3", "+1-2"]), TYPES, st.sampled_from([None, "+1"])), max_size=4),
        "photo": st.fixed_dictionaries({"content": st.sampled_from(["YQ==", "Yg=="])}),
    },
)  # fmt: skip
MOMENTS = st.builds(at, st.integers(8, 11), st.sampled_from(["Europe/Berlin", "UTC", None]))
EVENTS = st.fixed_dictionaries(
    {"start": MOMENTS, "end": MOMENTS},
    optional={
        "subject": st.sampled_from(["a", "b"]),
        "recurrence": st.sampled_from(RULES),
        "meetingInfo": st.fixed_dictionaries({}, optional={
            "onlineMeeting": st.booleans(),
            "attendees": st.lists(st.builds(guest, st.sampled_from(["a@x.y", "b@x.y", "c@x.y"]),
                                            response=st.sampled_from(["accepted", "declined"])), max_size=3)}),
        "reminder": st.fixed_dictionaries({"overrides": st.lists(MINUTES, max_size=3)}),
    },
)  # fmt: skip
SIDES = st.one_of(
    st.tuples(st.just("contacts"), RECORDS, RECORDS, RECORDS), st.tuples(st.just("events"), EVENTS, EVENTS, EVENTS)
)
Sides = tuple[str, dict[str, Any], dict[str, Any], dict[str, Any]]
LISTS = ("keywords", "emailAddresses", "phoneNumbers")
many = settings(max_examples=100, deadline=None)


def named(form: str, name: str) -> Field:
    field = FORMS[form].part(name)
    assert field is not None
    return field


def keys(name: str, record: Mapping[str, Any]) -> set[str]:
    return {key_of(named("contacts", name), entry) for entry in record.get(name) or []}


def equal(form: str, one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return all(same(form, name, one.get(name), other.get(name)) for name in {*one, *other})


def merged_of(form: str, base: dict[str, Any], mine: dict[str, Any], theirs: dict[str, Any]) -> Merged:
    patch = differences(form, base, mine)
    return merge(form, basis(form, base, patch), patch, theirs)


@given(SIDES)
@many
def test_a_patch_of_all_differences_makes_the_one_record_of_the_other(sides: Sides) -> None:
    form, base, wanted, _ = sides

    assert differences(form, apply(form, base, differences(form, base, wanted)), wanted) == {}


@given(SIDES)
@many
def test_nothing_changed_upstream_sends_the_patch_as_wanted(sides: Sides) -> None:
    form, base, mine, _ = sides
    patch = differences(form, base, mine)

    merged = merge(form, base, patch, base)

    assert (merged.patch, merged.taken, merged.overlaps) == (patch, (), ())


@given(SIDES)
@many
def test_nothing_changed_here_sends_nothing(sides: Sides) -> None:
    form, base, _, theirs = sides

    merged = merge(form, base, base, theirs)

    assert (merged.patch, merged.overlaps) == ({}, ())


@given(SIDES)
@many
def test_both_sides_alike_send_nothing(sides: Sides) -> None:
    form, base, mine, _ = sides

    merged = merged_of(form, base, mine, mine)

    assert (merged.patch, merged.overlaps) == ({}, ())


@given(SIDES)
@many
def test_sides_can_be_exchanged(sides: Sides) -> None:
    form, base, mine, theirs = sides
    here, there = merged_of(form, base, mine, theirs), merged_of(form, base, theirs, mine)

    assert {overlap.path for overlap in here.overlaps} == {overlap.path for overlap in there.overlaps}
    if not here.overlaps:
        assert equal(form, apply(form, theirs, here.patch), apply(form, mine, there.patch))


@given(SIDES)
@many
def test_merging_again_what_was_sent_sends_nothing_more(sides: Sides) -> None:
    form, base, mine, theirs = sides
    patch = differences(form, base, mine)
    seen = basis(form, base, patch)
    merged = merge(form, seen, patch, theirs)

    again = merge(form, seen, patch, apply(form, theirs, merged.patch))

    assert (again.patch, again.overlaps) == ({}, merged.overlaps)


@given(RECORDS, RECORDS, RECORDS)
@many
def test_no_entry_is_dropped_that_nobody_removed_and_none_invented(
    base: dict[str, Any], mine: dict[str, Any], theirs: dict[str, Any]
) -> None:
    merged = merged_of("contacts", base, mine, theirs)
    read = apply("contacts", theirs, merged.patch)

    for name in LISTS:
        if any(overlap.path.startswith(name) for overlap in merged.overlaps):
            assert name not in merged.patch
            continue
        was, here, there = (keys(name, side) for side in (base, mine, theirs))
        assert keys(name, read) == (was & here & there) | (here - was) | (there - was)


@given(RECORDS, RECORDS, RECORDS, st.sampled_from(["mine", "theirs"]))
@many
def test_a_side_chosen_for_every_overlap_is_in_what_is_read(
    base: dict[str, Any], mine: dict[str, Any], theirs: dict[str, Any], side: Any
) -> None:
    merged = merged_of("contacts", base, mine, theirs)

    patch = resolve("contacts", merged, {overlap.path: side for overlap in merged.overlaps})
    read = apply("contacts", theirs, patch)

    for overlap in merged.overlaps:
        if overlap.path in ("notes", "photo"):
            assert same("contacts", overlap.path, read.get(overlap.path), getattr(overlap, side))
        elif overlap.path.split("[")[0] in LISTS:
            name = overlap.path.split("[")[0]
            chosen = getattr(overlap, side) or []
            assert keys(name, {name: chosen if isinstance(chosen, list) else [chosen]}) <= keys(name, read)


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["address", "emailAddress", "number", "type", "ical", "rules", "simple", "dateTime", "dateOnly",
                         "timezone", "attendees", "overrides", "sysLabels", "x"]),
        inner, max_size=3,
    ),
    max_leaves=8,
)  # fmt: skip


@st.composite
def junk_sides(draw: st.DrawFn) -> Sides:
    form = draw(st.sampled_from(list(FORMS)))
    names = st.sampled_from([*(field.name for field in FORMS[form].fields), "sysLabels", "nonsense"])
    base, mine, theirs = (draw(st.dictionaries(names, JUNK, max_size=4)) for _ in range(3))
    return form, base, mine, theirs


@given(junk_sides(), st.sampled_from(["mine", "theirs", Given("x")]))
@settings(max_examples=150, deadline=None)
def test_junk_in_the_place_of_any_field_never_raises(sides: Sides, choice: Any) -> None:
    form, base, mine, theirs = sides
    before = json.dumps(sides)

    merged = merge(form, base, mine, theirs)
    chosen = {overlap.path: "mine" if overlap.path == "when" else choice for overlap in merged.overlaps}
    apply(form, theirs, resolve(form, merged, chosen))
    differences(form, base, theirs)
    for name in {*base, *theirs}:
        assert same(form, name, base.get(name), base.get(name))

    assert json.dumps(sides) == before, "nothing that was handed in is changed"
