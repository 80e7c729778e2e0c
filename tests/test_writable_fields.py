"""Tables of writable fields: held against the vendor's file, checked with one sentence a field, typed by a person."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openapi import api

from mirror.errors import Invalid, Problem
from mirror.fields import FORMS, Field, check, parse, sendable

# The schemas of each form: what is told, what is taken when new, what is taken later. None: nothing is.
SCHEMAS: dict[str, tuple[str | None, str | None, str | None]] = {
    "contacts": ("Contact", "Contact", "Contact"),
    "events": ("Event", "Event", "Event"),
    "tasks": ("Task", "TaskCreate", "TaskUpdate"),
    "task_lists": ("TaskList", "TaskListCreate", "TaskListUpdate"),
    "calendars": ("Calendar", "CalendarCreate", "CalendarUpdate"),
    "folders": ("EmailFolderInfo", "EmailFolderCreate", None),
    "messages": ("EmailMessage", "UpdateMessageStatusData", "UpdateMessageStatusData"),
    "mail": (None, "OutgoingEmail", "OutgoingEmail"),
    "drafts": (None, "OutgoingEmail", "OutgoingEmail"),
    "reply": (None, "OutgoingEmailReply", "OutgoingEmailReply"),
    "response": (None, "MeetingResponse", "MeetingResponse"),
}
OURS_ALONE = {
    "events.occurrenceInfo": "the vendor's file marks nothing in it; which occurrence it is follows from the id",
    "events.attachments": "each of its parts is read-only",
    "events.meetingInfo.onlineMeetingDetails": "its schema is read-only, which a reference can't repeat",
}

BEYOND = {"events": ("iCalUId",)}
"""Other spellings that upstream's answers have."""


# --- held against the vendor's file -----------------------------------------------------------------------------------


def schema(name: str | None) -> dict[str, Any]:
    return api()["components"]["schemas"][name] if name else {"properties": {}}


def resolved(node: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in node:
        node = schema(node["$ref"].rsplit("/", 1)[1])
    return node


def upstream_type(node: dict[str, Any]) -> str:
    node = resolved(node)
    if "enum" in node:
        return "enum"
    if node["type"] == "object":
        return "map" if "additionalProperties" in node else "object"
    by_format = {"date-time": "moment", "date": "date", "base64": "text", "email": "text", None: "text"}
    return {"integer": "number", "boolean": "boolean", "array": "list"}.get(node["type"]) or by_format[
        node.get("format")
    ]


# What we know of a text beyond its being one.
FINER = {"zone": "text", "address": "text", "phone": "text", "base64": "text", "when": "object"}


def differing(field: Field, node: dict[str, Any], path: str, *, marks: bool) -> list[str]:
    """Where our field is not upstream's, part by part."""
    node_marked = bool(node.get("readOnly") or resolved(node).get("readOnly"))
    node = resolved(node)
    found = []
    if FINER.get(field.type, field.type) != upstream_type(node):
        found.append(f"{path} is {upstream_type(node)}")
    if marks and node_marked != (not field.writable) and path not in OURS_ALONE:
        found.append(f"{path} is {'read-only' if node_marked else 'writable'}")
    if field.type == "enum" and list(field.values) != node["enum"]:
        found.append(f"{path} has the words {node['enum']}")
    if field.fields:
        parts = {part.name: part for part in field.fields}
        if set(parts) != set(node["properties"]):
            found.append(f"{path} has the parts {sorted(node['properties'])}")
        for name in parts.keys() & node["properties"].keys():
            found += differing(parts[name], node["properties"][name], f"{path}.{name}", marks=field.writable)
    if field.entry is not None:
        found += differing(field.entry, node["items"], f"{path}[]", marks=field.writable)
    return found


@pytest.mark.shared
@pytest.mark.parametrize("form", FORMS)
def test_every_field_is_upstreams_in_name_type_words_and_marks(form: str, shared: Path) -> None:
    told, new, later = (schema(name)["properties"] for name in SCHEMAS[form])
    marked = SCHEMAS[form][0] == SCHEMAS[form][1]  # else being in a schema says who writes it
    ours = {field.name: field for field in FORMS[form].fields}

    assert set(ours) == {*told, *new, *later, *BEYOND.get(form, ())}
    for name, field in ours.items():
        if name in BEYOND.get(form, ()):
            assert not field.writable
            continue
        node = new.get(name) or later.get(name) or told[name]
        assert differing(field, node, f"{form}.{name}", marks=marked) == []
        if not marked:
            assert (field.create, field.change) == (name in new, name in later), name
        if field.shown is False:
            assert name not in told


@pytest.mark.shared
def test_what_upstream_only_takes_and_never_tells_is_marked_so(shared: Path) -> None:
    meeting = schema("MeetingInfo")["properties"]
    ours = FORMS["events"].part("meetingInfo")

    assert ours is not None
    assert {part.name for part in ours.fields if not part.shown} == {
        name for name, node in meeting.items() if node.get("writeOnly")
    }


@pytest.mark.shared
def test_what_we_mark_beyond_the_vendors_file_is_still_needed(shared: Path) -> None:
    for path in OURS_ALONE:
        field: Field | None = FORMS["events"]
        for name in path.split(".")[1:]:
            field = field.part(name) if field else None
        assert field is not None
        assert not field.writable


@pytest.mark.shared
def test_the_required_parts_of_an_answer_are_upstreams(shared: Path) -> None:
    required = [field.name for field in FORMS["response"].fields if field.required]

    assert required == schema("MeetingResponse")["required"]


def every_field(field: Field) -> list[Field]:
    within = [one for part in field.fields for one in every_field(part)]
    return [field, *within, *(every_field(field.entry) if field.entry else [])]


def test_the_keys_labels_and_main_parts_that_the_tables_name_exist() -> None:
    for form in FORMS.values():
        for field in every_field(form):
            if field.main:
                assert field.part(field.main) is not None, field.name
            for key in [*field.keys, *([field.label] if field.label else [])]:
                inner = field.entry
                for name in key.split("."):
                    inner = inner.part(name) if inner else None
                assert inner is not None, (field.name, key)
            assert (field.type == "list") == (field.entry is not None)
            assert (field.type == "enum") == bool(field.values)


# --- check ------------------------------------------------------------------------------------------------------------


def said(
    form: str, fields: dict[str, Any], *, creating: bool = False, current: dict[str, Any] | None = None
) -> list[str]:
    return [str(problem) for problem in check(form, fields, creating=creating, current=current)]


def meeting(start: str, end: str, zone: str = "Europe/Berlin") -> dict[str, Any]:
    return {"start": {"dateTime": start, "timezone": zone}, "end": {"dateTime": end, "timezone": zone}}


TEN, ELEVEN = "2026-03-01T10:00:00+01:00", "2026-03-01T11:00:00+01:00"

GOOD = [
    ("contacts", {"name": {"givenName": "Ada"}, "emailAddresses": [{"address": "ada@example.org", "type": "work"}]}, True),
    ("contacts", {"notes": None}, False),
    ("contacts", {"notes": "one\ntwo", "addresses": [{"city": "Paris"}], "nativeProperties": {"a": "b"}}, False),
    ("events", {"subject": "Lunch", **meeting(TEN, ELEVEN)}, True),
    ("events", {"start": {"dateOnly": "2026-03-01"}, "end": {"dateOnly": "2026-03-01"}}, True),
    ("events", {"recurrence": {"ical": {"rules": ["RRULE:FREQ=DAILY"]}}}, False),
    ("tasks", {"title": "Buy milk", "status": "notStarted", "due": "2026-03-01T00:00:00Z"}, True),
    ("task_lists", {"title": "Home"}, True),
    ("calendars", {"name": "Work", "color": "#fff"}, True),
    ("folders", {"name": "Bills", "parentId": "f1"}, True),
    ("messages", {"unread": False, "keywords": []}, False),
    ("mail", {"to": [{"address": "ada@example.org"}], "attachments": [{"name": "a.txt", "content": "YQ=="}]}, True),
    ("drafts", {"subject": "Not yet"}, True),
    ("reply", {"body": "Thanks"}, True),
    ("response", {"response": "accepted", "comment": "Yes!"}, True),
]  # fmt: skip


@pytest.mark.parametrize(("form", "fields", "creating"), GOOD)
def test_what_can_be_written_has_no_problem(form: str, fields: dict[str, Any], creating: bool) -> None:
    assert said(form, fields, creating=creating) == []


BAD = [
    ("contacts", {"emailAddresses": [{"address": "a@b.c"}, {"address": "x y"}]}, False,
     "emailAddresses[1].address: “x y” is no e-mail address"),
    ("contacts", {"nickname": "Ada"}, False, "nickname: is no field of contacts; did you mean nickName?"),
    ("contacts", {"etag": "1"}, False, "etag: is upstream’s own and can’t be written"),
    ("contacts", {"phoneNumbers": [{"number": "1", "canonicalForm": "+1"}]}, False,
     "phoneNumbers[0].canonicalForm: is upstream’s own and can’t be written"),
    ("contacts", {"phoneNumbers": [{"number": "1", "type": "cell"}]}, False, "phoneNumbers[0].type: “cell” is none of work, "),
    ("contacts", {"phoneNumbers": [{"type": "work"}]}, False, "phoneNumbers[0].number: is missing"),
    ("contacts", {"phoneNumbers": [{"number": "-"}]}, False, "phoneNumbers[0].number: “-” is no phone number"),
    ("contacts", {"emailAddresses": [{}]}, False, "emailAddresses[0]: is empty"),
    ("contacts", {"emailAddresses": "a@b.c"}, False, "emailAddresses: “a@b.c” is no list"),
    ("contacts", {"name": "Ada"}, False, "name: “Ada” is no object with fields; write name.displayName for that"),
    ("contacts", {"name": {"first": "Ada"}}, False, "name.first: is no field of name"),
    ("contacts", {"nickName": "a\x00"}, False, "nickName: holds characters that no text can have (NUL, or half of a pair)"),
    ("contacts", {"nickName": "a\ud800"}, False, "nickName: holds characters that no text can have (NUL, or half of a pair)"),
    ("contacts", {"nickName": "a\nb"}, False, "nickName: can’t hold line breaks"),
    ("contacts", {"nickName": "  "}, False, "nickName: is blank"),
    ("contacts", {"nickName": 5}, False, "nickName: 5 is no text"),
    ("contacts", {"notes": "x" * 1_000_001}, False, "notes: has 1,000,001 characters; more than 1,000,000 can’t be meant"),
    ("contacts", {"keywords": ["x"] * 501}, False, "keywords: has 501 entries; more than 500 can’t be meant"),
    ("contacts", {"photo": {"content": "no!"}}, False, "photo.content: is no base64"),
    ("contacts", {}, False, "there is nothing to write"),
    ("contacts", {"nickName": None, "keywords": []}, True, "there is nothing to write"),
    ("events", {"subject": "Lunch"}, True, "start: is required"),
    ("events", {"start": None}, False, "start: can’t be empty"),
    ("events", meeting(ELEVEN, TEN), True, "end: is before start"),
    ("events", meeting(TEN, ELEVEN, "Europe/Berln"), True,
     "start.timezone: “Europe/Berln” is no IANA time zone; did you mean Europe/Berlin?"),
    ("events", meeting("2026-03-01 10:00", ELEVEN), True,
     "start.dateTime: “2026-03-01 10:00” is no moment with an offset; write"),
    ("events", {"start": {"dateOnly": "2026-02-30"}, "end": {"dateOnly": "2026-03-01"}}, True,
     "start.dateOnly: “2026-02-30” is no date; write it like 2026-03-01"),
    ("events", {**meeting(TEN, ELEVEN), "end": {"dateOnly": "2026-03-01"}}, True, "end: must be a day when start is a day"),
    ("events", {**meeting(TEN, ELEVEN), "end": {"dateOnly": "2026-03-01", "dateTime": ELEVEN}}, True,
     "end: is either a dateOnly or a dateTime, not both"),
    ("events", {"start": {"timezone": "UTC"}}, False, "start: needs a dateTime or a dateOnly"),
    ("events", {"categories": ["x"]}, False, "categories: is upstream’s own and can’t be written"),
    ("events", {"recurrence": {"simple": {"pattern": {"interval": 0}}}}, False,
     "recurrence.simple.pattern.interval: 0 is out of range: 1 to 10,000"),
    ("events", {"recurrence": {"simple": {"pattern": {"frequency": "daily"}, "range": {"type": "byCount"}}}}, False,
     "recurrence.simple.range.count: is missing: the series ends byCount"),
    ("events", {"recurrence": {"ical": {}}}, False, "recurrence: needs ical.rules or simple.pattern"),
    ("events", {"reminder": {"overrides": [{"minutes": "15"}]}}, False,
     "reminder.overrides[0].minutes: “15” is no whole number"),
    ("tasks", {"status": "done"}, False,
     "status: “done” is none of notStarted, inProgress, completed, waitingOnOthers, deferred"),
    ("tasks", {"status": "complete"}, False, "did you mean completed?"),
    ("tasks", {"title": None}, False, "title: can’t be empty"),
    ("tasks", {"notes": "x"}, True, "title: is required"),
    ("tasks", {"completed": TEN}, False, "completed: is upstream’s own and can’t be written"),
    ("task_lists", {"owner": True}, False, "owner: is upstream’s own and can’t be written"),
    ("task_lists", {}, True, "there is nothing to write"),
    ("calendars", {"color": "#fff"}, False, "color: can only be set when it is new, not changed later"),
    ("folders", {"name": "x"}, False, "name: can only be set when it is new, not changed later"),
    ("messages", {"unread": 1}, False, "unread: 1 is neither true nor false"),
    ("messages", {"subject": "x"}, False, "subject: is upstream’s own and can’t be written"),
    ("mail", {"subject": "Hello"}, True, "to: needs at least one recipient, here or in cc or bcc"),
    ("mail", {"to": [{"address": "a@b.c"}], "subject": "Hi\r\nBcc: x@y.z"}, True, "subject: can’t hold line breaks"),
    ("mail", {"to": [{"address": "a@b.c"}], "followUp": {"actionVars": {"a": 5}}}, True, "followUp.actionVars.a: 5 is no text"),
    ("response", {"comment": "x"}, True, "response: is required"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("form", "fields", "creating", "sentence"), BAD, ids=[f"{row[0]}-{row[3][:40]}" for row in BAD]
)
def test_what_cannot_be_written_gets_one_clear_sentence(
    form: str, fields: dict[str, Any], creating: bool, sentence: str
) -> None:
    found = said(form, fields, creating=creating)

    assert any(sentence in line for line in found), found
    assert len(found) == len({line.split(":")[0] for line in found})


def test_a_task_can_not_be_part_of_itself() -> None:
    assert said("tasks", {"parentId": "t1"}, current={"id": "t1"}) == ["parentId: a task can’t be part of itself"]


def test_what_upstream_has_already_is_never_a_problem() -> None:
    current = {
        "phoneNumbers": [{"number": "+49 30 1", "type": "carPhone", "canonicalForm": "+49301", "id": "7"}],
        "emailAddresses": [{"address": "not an address"}],
    }
    patch = {**current, "phoneNumbers": [*current["phoneNumbers"], {"number": "2", "type": "carPhone"}]}

    found = said("contacts", patch, current=current)

    assert len(found) == 1
    assert found[0].startswith("phoneNumbers[1].type: “carPhone” is none of")


def test_what_is_handed_back_unchanged_is_no_change() -> None:
    calendar = {"id": "1", "name": "Work", "color": "#fff", "accessRole": "owner", "novelty": 1}
    backwards = {"id": "1", **meeting(ELEVEN, TEN)}

    assert said("calendars", {**calendar, "name": "Home"}, current=calendar) == []
    assert said("events", {**backwards, "subject": "x"}, current=backwards) == []
    assert said("calendars", {"accessRole": "reader"}, current=calendar) != []


def test_a_start_is_held_against_the_end_that_stays() -> None:
    current = meeting("2026-03-01T08:00:00Z", "2026-03-01T09:00:00Z")

    assert said("events", {"start": {"dateTime": TEN}}, current=current) == []
    assert said("events", {"start": {"dateTime": "2026-03-01T11:00:00+01:00"}}, current=current) == [
        "end: is before start"
    ]


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["address", "number", "type", "ical", "simple", "pattern", "dateTime", "x"]), inner),
    max_leaves=8,
)  # fmt: skip
NAMES = {name: [field.name for field in form.fields] for name, form in FORMS.items()}


@st.composite
def junk_of_a_form(draw: st.DrawFn) -> tuple[str, dict[str, Any], dict[str, Any]]:
    form = draw(st.sampled_from(list(FORMS)))
    names = st.sampled_from([*NAMES[form], "nonsense"])
    return form, *(draw(st.dictionaries(names, JUNK, max_size=4)) for _ in range(2))


@given(junk_of_a_form(), st.booleans())
@settings(max_examples=150, deadline=None)
def test_junk_is_named_and_never_raises(junk: tuple[str, dict[str, Any], dict[str, Any]], creating: bool) -> None:
    form, fields, current = junk

    for problem in check(form, fields, creating=creating, current=current):
        assert isinstance(problem, Problem)
        assert problem.sentence
        str(problem).encode()
    sendable(form, fields, creating=creating)


# --- what is sent -----------------------------------------------------------------------------------------------------


def test_what_is_sent_is_without_what_upstream_alone_writes() -> None:
    fields = {
        "etag": "1",
        "meetingInfo": {
            "canceled": False,
            "attendees": [{"id": "1", "emailAddress": {"address": "a@b.c", "raw": "x"}, "response": "accepted", "extra": 1}],
        },
        "location": None,
    }  # fmt: skip

    sent = sendable("events", fields, creating=False)

    attendees = [{"emailAddress": {"address": "a@b.c"}, "extra": 1}]
    assert sent == {"meetingInfo": {"attendees": attendees}, "location": None}
    assert sendable("events", fields, creating=True) == {"meetingInfo": {"attendees": attendees}}


# --- parse ------------------------------------------------------------------------------------------------------------

ADA = {
    "id": "c1", "etag": "1",
    "name": {"displayName": "Dr. Ada Byron", "prefix": "Dr.", "givenName": "Ada", "familyName": "Byron"},
    "company": {"name": "Engines", "jobTitle": "Analyst"},
    "emailAddresses": [{"address": "ada@example.org", "type": "work"}],
    "phoneNumbers": [{"number": "+49 30 1", "type": "mobile", "canonicalForm": "+49301"}, {"number": "2"}],
    "keywords": ["Friends"],
}  # fmt: skip
MEETING = meeting(TEN, ELEVEN)
IN_NEW_YORK = meeting("2026-03-01T10:00:00-05:00", "2026-03-01T11:00:00-05:00", "America/New_York")
DAY_OFF = {"start": {"dateOnly": "2026-03-01"}, "end": {"dateOnly": "2026-03-02"}}


def when(day: str, clock: str, zone: str = "Europe/Berlin", offset: str = "+01:00") -> dict[str, str]:
    return {"dateTime": f"{day}T{clock}:00{offset}", "timezone": zone}


TYPED: list[tuple[str, list[str], dict[str, Any] | None, dict[str, Any]]] = [
    ("contacts", ["name=Ada Lovelace"], None,
     {"name": {"displayName": "Ada Lovelace", "givenName": "Ada", "familyName": "Lovelace"}}),
    ("contacts", ["name=Dr. Ada King"], ADA,
     {"name": {"displayName": "Dr. Ada King", "prefix": "Dr.", "givenName": "Ada", "familyName": "King"}}),
    ("contacts", ["name=Ludwig van Beethoven"], None,
     {"name": {"displayName": "Ludwig van Beethoven", "givenName": "Ludwig", "familyName": "van Beethoven"}}),
    ("contacts", ["name=Lovelace, Ada"], None,
     {"name": {"displayName": "Ada Lovelace", "givenName": "Ada", "familyName": "Lovelace"}}),
    ("contacts", ["name=Cher"], None, {"name": {"displayName": "Cher", "givenName": "Cher"}}),
    ("contacts", ["name.givenName=Augusta"], ADA, {"name": {**ADA["name"], "givenName": "Augusta"}}),  # type: ignore[dict-item]
    ("contacts", ["given_name=Augusta", "job_title=Poet", "nickname=A"], None,
     {"name": {"givenName": "Augusta"}, "company": {"jobTitle": "Poet"}, "nickName": "A"}),
    ("contacts", ["company=Difference Ltd"], ADA, {"company": {"name": "Difference Ltd", "jobTitle": "Analyst"}}),
    ("contacts", ["company="], ADA, {"company": None}),
    ("contacts", ["company.name="], ADA, {"company": {"jobTitle": "Analyst"}}),
    ("contacts", ["email=ada@king.org"], ADA, {"emailAddresses": [{"address": "ada@king.org", "type": "work"}]}),
    ("contacts", ["email=ada@king.org", "phone=+49 30 7"], None,
     {"emailAddresses": [{"address": "ada@king.org"}], "phoneNumbers": [{"number": "+49 30 7"}]}),
    ("contacts", ["emailAddresses[0].address=a@b.c"], ADA, {"emailAddresses": [{"address": "a@b.c", "type": "work"}]}),
    ("contacts", ["emailAddresses[1].address=a@b.c"], ADA,
     {"emailAddresses": [{"address": "ada@example.org", "type": "work"}, {"address": "a@b.c"}]}),
    ("contacts", ["emailAddresses+=Ada <a@b.c>"], ADA,
     {"emailAddresses": [{"address": "ada@example.org", "type": "work"}, {"name": "Ada", "address": "a@b.c"}]}),
    ("contacts", ["emails+=ADA@example.org"], ADA, {"emailAddresses": [{"address": "ada@example.org", "type": "work"}]}),
    ("contacts", ["emailAddresses-=Ada@Example.org"], ADA, {"emailAddresses": None}),
    ("contacts", ["phoneNumbers-=+49 (30) 1"], ADA, {"phoneNumbers": [{"number": "2"}]}),
    ("contacts", ["phoneNumbers+=+49 30 5"], ADA,
     {"phoneNumbers": [{"number": "+49 30 1", "type": "mobile"}, {"number": "2"}, {"number": "+49 30 5"}]}),
    ("contacts", ["phoneNumbers[1]="], ADA, {"phoneNumbers": [{"number": "+49 30 1", "type": "mobile"}]}),
    ("contacts", ["phones=2, 3"], ADA, {"phoneNumbers": [{"number": "2"}, {"number": "3"}]}),
    ("contacts", ["keywords+=Family", "keywords-=Friends"], ADA, {"keywords": ["Family"]}),
    ("contacts", ["categories=A, B"], ADA, {"keywords": ["A", "B"]}),
    ("contacts", ['urls=[{"href": "https://ada.example", "type": "blog"}]'], None,
     {"urls": [{"href": "https://ada.example", "type": "blog"}]}),
    ("contacts", ["notes=a = b\n c"], None, {"notes": "a = b\n c"}),
    ("contacts", ["birthday=1815-12-10"], None, {"birthday": "1815-12-10"}),
    ("contacts", ["addresses[0].city=London", "addresses[0].type=Home"], None,
     {"addresses": [{"city": "London", "type": "home"}]}),
    ("events", ["subject=Lunch", "start=2026-03-01 10:00", "end=2026-03-01 11:00"], None, {"subject": "Lunch", **MEETING}),
    ("events", ["start=2026-03-01"], None, DAY_OFF),
    ("events", ["start=2026-03-01", "end=2026-03-03"], MEETING,
     {"start": {"dateOnly": "2026-03-01"}, "end": {"dateOnly": "2026-03-03"}}),
    ("events", ["start=2026-03-02 09:30"], MEETING, {"start": when("2026-03-02", "09:30"), "end": when("2026-03-02", "10:30")}),
    ("events", ["start=2026-03-02"], MEETING, {"start": when("2026-03-02", "10:00"), "end": when("2026-03-02", "11:00")}),
    ("events", ["start=2026-03-05"], DAY_OFF, {"start": {"dateOnly": "2026-03-05"}, "end": {"dateOnly": "2026-03-06"}}),
    ("events", ["start=2026-07-01 10:00"], MEETING,
     {"start": when("2026-07-01", "10:00", offset="+02:00"), "end": when("2026-07-01", "11:00", offset="+02:00")}),
    ("events", ["end=2026-03-01 12:00"], MEETING, {"end": when("2026-03-01", "12:00")}),
    ("events", ["start=2026-03-01T08:00:00Z", "end=2026-03-01 09:00Z"], None,
     {"start": when("2026-03-01", "08:00", offset="Z"), "end": when("2026-03-01", "09:00", offset="Z")}),
    ("events", ["timezone=America/New_York"], MEETING,
     IN_NEW_YORK),
    ("events", ["start=2026-03-01 10:00", "end=2026-03-01 11:00", "timezone=America/New_York"], None,
     IN_NEW_YORK),
    ("events", ["all_day=yes"], MEETING, DAY_OFF),
    ("events", ["all_day=yes", "start=2026-03-04"], MEETING,
     {"start": {"dateOnly": "2026-03-04"}, "end": {"dateOnly": "2026-03-05"}}),
    ("events", ["all_day=no", "start=2026-03-01 10:00", "end=2026-03-01 11:00"], DAY_OFF, MEETING),
    ("events", ["attendees+=Bob <bob@example.org>, carol@example.org"], None,
     {"meetingInfo": {"attendees": [{"emailAddress": {"name": "Bob", "address": "bob@example.org"}},
                                    {"emailAddress": {"address": "carol@example.org"}}]}}),
    ("events", ["attendees-=BOB@example.org"],
     {"meetingInfo": {"response": "accepted", "attendees": [{"emailAddress": {"address": "bob@example.org"}}]}},
     {"meetingInfo": {"response": "accepted"}}),
    ("events", ["reminder=15", "show_as=free", "rrule=FREQ=DAILY"], {"reminder": {"useDefault": True}},
     {"reminder": {"overrides": [{"minutes": 15}]}, "showAs": "free", "recurrence": {"ical": {"rules": ["RRULE:FREQ=DAILY"]}}}),
    ("events", ["recurrence.ical.rules=RRULE:FREQ=DAILY"], {"recurrence": {"original": "ical", "simple": {"pattern": {}}}},
     {"recurrence": {"ical": {"rules": ["RRULE:FREQ=DAILY"]}}}),
    ("tasks", ["title=Buy milk", "due=2026-03-01", "importance=HIGH"], None,
     {"title": "Buy milk", "due": "2026-03-01T00:00:00Z", "importance": "high"}),
    ("tasks", ["due=2026-03-01 10:00"], None, {"due": TEN}),
    ("tasks", ["done=yes"], {"status": "inProgress"}, {"status": "completed"}),
    ("tasks", ["done=no"], {"status": "completed"}, {"status": "notStarted"}),
    ("tasks", ["done=no"], {"status": "inProgress"}, {"status": "inProgress"}),
    ("tasks", ["status=in progress"], None, {"status": "inProgress"}),
    ("tasks", ["due="], {"due": TEN}, {"due": None}),
    ("mail", ['to="Lovelace, Ada" <ada@example.org>, bob@example.org', "cc=c@d.e", "subject=Hi", "body=Text"], None,
     {"to": [{"name": "Lovelace, Ada", "address": "ada@example.org"}, {"address": "bob@example.org"}],
      "cc": [{"address": "c@d.e"}], "subject": "Hi", "body": "Text"}),
    ("messages", ["unread=no", "keywords+=Paid"], {"keywords": ["Bills"]}, {"unread": False, "keywords": ["Bills", "Paid"]}),
    ("messages", ["read=yes"], {}, {"unread": False}),
    ("task_lists", ["name=Home"], None, {"title": "Home"}),
    ("folders", ["name=Bills", "parent=f1"], None, {"name": "Bills", "parentId": "f1"}),
    ("response", ["answer=accepted"], None, {"response": "accepted"}),
]  # fmt: skip


@pytest.mark.parametrize(("form", "typed", "current", "patch"), TYPED, ids=["; ".join(row[1])[:60] for row in TYPED])
def test_what_a_person_types_becomes_whole_fields(
    form: str, typed: list[str], current: dict[str, Any] | None, patch: dict[str, Any]
) -> None:
    assert parse(form, typed, current, zone="Europe/Berlin") == patch
    assert [
        problem for problem in check(form, patch, creating=False, current=current) if "can only" not in str(problem)
    ] == []


UNREADABLE = [
    ("contacts", ["nonsense"], None, "“nonsense” is not of the form field=value"),
    ("contacts", ["nickame=A"], None, "nickame: is no field of contacts; did you mean nickName?"),
    ("contacts", ["phone=3"], ADA, "phoneNumbers: has 2 entries; say phoneNumbers[0].number=… to change the first"),
    ("contacts", ["emailAddresses[5].address=a@b.c"], ADA,
     "emailAddresses[5]: is beyond the end: the next entry is emailAddresses[1]"),
    ("contacts", ["emailAddresses.address=a@b.c"], ADA,
     "emailAddresses: is a list: say which entry, as in emailAddresses[0].address"),
    ("contacts", ["emailAddresses-=x@y.z"], ADA, "emailAddresses: has no entry “x@y.z”"),
    ("contacts", ["notes+=more"], ADA, "notes: is no list; write notes=… to set it"),
    ("contacts", ["photo=me"], None, "photo: has parts: write photo.id, photo.name"),
    ("events", ["start=tomorrow"], None, "start: “tomorrow” is no time; write it like “2026-03-01 10:00”"),
    ("events", ["all_day=no"], DAY_OFF, "start: needs a time of day"),
    ("events", ["all_day=perhaps"], None, "all_day: “perhaps” is neither yes nor no"),
    ("events", ["timezone=UTC"], DAY_OFF, "timezone: needs a start and an end with a time of day"),
    ("tasks", ["done=perhaps"], None, "done: “perhaps” is neither yes nor no"),
]  # fmt: skip


@pytest.mark.parametrize(("form", "typed", "current", "sentence"), UNREADABLE, ids=[row[1][0] for row in UNREADABLE])
def test_what_cannot_be_read_is_refused_with_a_way_out(
    form: str, typed: list[str], current: dict[str, Any] | None, sentence: str
) -> None:
    with pytest.raises(Invalid) as refused:
        parse(form, typed, current, zone="Europe/Berlin")

    assert sentence in str(refused.value)


def test_all_that_cannot_be_read_is_named_at_once() -> None:
    with pytest.raises(Invalid) as refused:
        parse("contacts", ["nickame=A", "notes+=x", "birthday=1815"], None, zone="UTC")

    assert [problem.path for problem in refused.value.problems] == ["nickame", "notes"]


def test_reading_leaves_the_record_as_it_was() -> None:
    current = {"phoneNumbers": [{"number": "1", "canonicalForm": "+1"}]}

    parse("contacts", ["phoneNumbers[0].number=2", "phoneNumbers+=3"], current, zone="UTC")

    assert current == {"phoneNumbers": [{"number": "1", "canonicalForm": "+1"}]}


PATHS = st.sampled_from(
    ["name", "start", "end", "timezone", "all_day", "emailAddresses[0].address", "email", "keywords",
     "recurrence.simple.range.count", "to", "due", "done",
     "meetingInfo.attendees[0].emailAddress", "x.y", "nativeProperties.a", "read", "addresses"]
)  # fmt: skip


@given(
    st.sampled_from(list(FORMS)),
    st.lists(
        st.one_of(
            st.text(max_size=12),
            st.tuples(PATHS, st.sampled_from(["=", "+=", "-="]), st.text(max_size=8) | st.just("2026-03-01")).map("".join),
        ),
        max_size=4,
    ),
    st.dictionaries(st.sampled_from(["start", "end", "name", "emailAddresses", "meetingInfo", "keywords"]), JUNK),
)  # fmt: skip
@settings(max_examples=150, deadline=None)
def test_reading_refuses_with_problems_or_gives_a_patch(form: str, typed: list[str], current: dict[str, Any]) -> None:
    patch, problems = parsed(form, typed, current)

    assert patch is not None or problems
    check(form, patch or {}, creating=False, current=current)


def parsed(form: str, typed: list[str], current: dict[str, Any]) -> tuple[dict[str, Any] | None, tuple[Problem, ...]]:
    try:
        return parse(form, typed, current, zone="Europe/Berlin"), ()
    except Invalid as refused:
        return None, refused.problems
