"""Loading other programs' files into the sandbox: everything in them arrives or is refused by name, and nothing is changed."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from openapi import schema_validator

from mirror.clock import VirtualClock
from mirror.sandbox.load import Loaded, load
from mirror.sandbox.state import PARENTS, State

SCHEMAS = {
    "contacts": "Contact",
    "calendars": "Calendar",
    "events": "Event",
    "folders": "EmailFolderInfo",
    "messages": "EmailMessage",
    "task_lists": "TaskList",
    "tasks": "Task",
}

SERIES = b"""BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//Somebody//Something//EN
X-WR-CALNAME:Rowing
BEGIN:VEVENT
UID:row@boats.example
RECURRENCE-ID:20260310T170000Z
DTSTART:20260311T170000Z
DTEND:20260311T180000Z
SUMMARY:Rowing a day later
END:VEVENT
BEGIN:VEVENT
UID:row@boats.example
DTSTART:20260303T170000Z
DTEND:20260303T180000Z
RRULE:FREQ=WEEKLY;COUNT=4
SUMMARY:Rowing
END:VEVENT
BEGIN:VEVENT
UID:row@boats.example
DTSTART:20260601T170000Z
DTEND:20260601T180000Z
SUMMARY:The same UID once more
END:VEVENT
BEGIN:VEVENT
UID:bring@boats.example
DTSTART:20260603T170000Z
ATTACH;FMTTYPE=text/plain;ENCODING=BASE64;VALUE=BINARY:b2Fycw==
SUMMARY:With something attached
END:VEVENT
BEGIN:VTODO
UID:step@boats.example
RELATED-TO:whole@boats.example
SUMMARY:Sand it
END:VTODO
BEGIN:VTODO
UID:whole@boats.example
SUMMARY:Paint the boat
END:VTODO
BEGIN:VTODO
UID:lost@boats.example
RELATED-TO:nowhere@boats.example
SUMMARY:Step of nothing
END:VTODO
END:VCALENDAR
"""


def mail(message_id: str, subject: str, *more: str) -> bytes:
    lines = [
        f"Message-ID: {message_id}",
        f"Subject: {subject}",
        "From: Ida <ida@mail.example>",
        "To: me@mail.example",
        *more,
    ]
    return "\n".join([*lines, "Date: Tue, 3 Mar 2026 10:00:00 +0100", "", f"This is {subject}.", ""]).encode()


class Filled:
    """An account, what loading into it said, and quick ways to read it."""

    def __init__(self, *paths: Path) -> None:
        self.state = State(clock=VirtualClock(seed=3))
        self.account_id = self.state.add_account(email="me@mail.example").id
        self.told: list[tuple[Path, int, list[str]]] = []
        self.loaded: Loaded = load(
            self.state,
            self.account_id,
            paths,
            on_file=lambda path, count, refused: self.told.append((path, count, refused)),
        )

    def all(self, kind: str) -> list[dict[str, Any]]:
        parents: list[str | None] = [None]
        if kind in PARENTS:
            parents = [record["id"] for record in self.all(PARENTS[kind])]
        return [record for parent in parents for record in self.state.records(self.account_id, kind, parent=parent)]


@pytest.fixture(scope="module")
def everything(corpus: Path) -> Filled:
    return Filled(corpus)


# --- the corpus -------------------------------------------------------------------------------------------------------


@pytest.mark.shared
def test_every_card_of_the_corpus_becomes_a_contact(everything: Filled, corpus: Path) -> None:
    cards = {path: len(re.findall(rb"(?mi)^BEGIN:VCARD", path.read_bytes())) for path in corpus.rglob("*.vcf")}

    assert len(cards) == 17
    assert {path: everything.loaded.counts[path] for path in cards} == cards
    assert len(everything.all("contacts")) == sum(cards.values())


@pytest.mark.shared
def test_every_event_and_task_of_the_corpus_arrives_or_is_refused_by_name(everything: Filled, corpus: Path) -> None:
    refused: Counter[Path] = Counter()
    for path, sentence in everything.loaded.refused:
        refused[path] += bool(re.match(r"(Event|Task) \d+ “.*” was left out: ", sentence, re.DOTALL))
    written = {path: len(re.findall(rb"BEGIN:(?:VEVENT|VTODO)\b", path.read_bytes())) for path in corpus.rglob("*.ics")}

    assert len(written) == 29
    assert {path: everything.loaded.counts[path] + refused[path] for path in written} == written
    assert refused[corpus / "calendars" / "broken_ical.ics"] == 1
    assert len(everything.all("events")) + len(everything.all("tasks")) == sum(written.values()) - sum(refused.values())


@pytest.mark.shared
def test_every_mail_of_the_corpus_becomes_a_message_with_its_bytes(everything: Filled, corpus: Path) -> None:
    counts = everything.loaded.counts
    stored = {everything.state.mime(everything.account_id, record["id"]) for record in everything.all("messages")}

    assert counts[corpus / "mail" / "content-length.mbox"] == 29
    assert counts[corpus / "mail" / "linux-mips-2019-11.mbox"] == 400
    for path in corpus.rglob("*.eml"):
        assert counts[path] == 1
        assert path.read_bytes() in stored
    assert len(everything.all("messages")) == 429 + 18


@pytest.mark.shared
def test_what_is_no_data_is_ignored_by_name_and_every_file_is_told_of_once(everything: Filled, corpus: Path) -> None:
    files = sorted(path for path in corpus.rglob("*") if path.is_file())

    assert everything.loaded.ignored == [corpus / "README.md"]
    assert sorted([*everything.loaded.counts, *everything.loaded.ignored]) == files
    assert [path for path, _, _ in everything.told] == list(everything.loaded.counts)
    assert sum(count for _, count, _ in everything.told) == everything.loaded.records


@pytest.mark.shared
@pytest.mark.parametrize("kind", SCHEMAS)
def test_every_loaded_record_is_valid_and_names_only_fields_of_the_api(everything: Filled, kind: str) -> None:
    validator = schema_validator(SCHEMAS[kind], closed=True)

    for record in everything.all(kind):
        known = {name: value for name, value in record.items() if name != "iCalUId"}
        assert [error.message for error in validator.iter_errors(known)] == []


@pytest.mark.shared
def test_the_lists_threads_are_threads_here(everything: Filled) -> None:
    threads = Counter(r["threadId"] for r in everything.all("messages"))
    ids = {r["internetMessageId"]: r["threadId"] for r in everything.all("messages") if "internetMessageId" in r}
    answers = [r for r in everything.all("messages") if r.get("inReplyTo") in ids]

    assert len(answers) > 100
    assert all(ids[r["inReplyTo"]] == r["threadId"] for r in answers)
    assert max(threads.values()) >= 10


@pytest.mark.shared
def test_attachments_of_the_corpus_are_stored_with_their_bytes(everything: Filled) -> None:
    attached = [(r["id"], a) for r in everything.all("messages") for a in r["attachments"]]

    assert len(attached) > 30
    for remote_id, attachment in attached:
        content = everything.state.attachment(everything.account_id, "messages", remote_id, attachment["id"])
        assert content is not None
        assert len(content) == attachment["size"]


@pytest.mark.shared
def test_loading_the_same_files_with_the_same_seed_gives_the_same_records(corpus: Path) -> None:
    first, second = (Filled(corpus / "vcards", corpus / "calendars") for _ in range(2))

    assert [first.all(kind) for kind in SCHEMAS] == [second.all(kind) for kind in SCHEMAS]


# --- calendars --------------------------------------------------------------------------------------------------------


def test_a_calendar_file_becomes_a_calendar_of_its_name_and_exceptions_know_their_series(tmp_path: Path) -> None:
    (tmp_path / "boats.ics").write_bytes(SERIES)

    filled = Filled(tmp_path / "boats.ics")

    master = next(event for event in filled.all("events") if event["recurrenceType"] == "master")
    moved = next(event for event in filled.all("events") if event["recurrenceType"] == "occurrence")
    assert [record["name"] for record in filled.all("calendars")] == ["Rowing"]
    assert moved["occurrenceInfo"]["masterId"] == master["id"]
    assert moved["occurrenceInfo"]["type"] == "modified"


def test_events_that_share_a_uid_are_all_kept(tmp_path: Path) -> None:
    (tmp_path / "boats.ics").write_bytes(SERIES)

    events = Filled(tmp_path).all("events")

    assert len(events) == 4
    assert len({event["id"] for event in events}) == 4
    assert Counter(event["iCalUId"] for event in events)["row@boats.example"] == 3


def test_an_exception_without_its_series_stands_alone(tmp_path: Path) -> None:
    start, end = SERIES.index(b"BEGIN:VEVENT"), SERIES.index(b"END:VEVENT") + len(b"END:VEVENT\n")
    (tmp_path / "lonely.ics").write_bytes(b"BEGIN:VCALENDAR\nVERSION:2.0\n" + SERIES[start:end] + b"END:VCALENDAR\n")

    filled = Filled(tmp_path)

    assert filled.all("calendars")[0]["name"] == "lonely"
    assert "masterId" not in filled.all("events")[0]["occurrenceInfo"]


def test_an_events_attachment_is_stored_with_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "boats.ics").write_bytes(SERIES)

    filled = Filled(tmp_path)

    event = next(event for event in filled.all("events") if event.get("hasAttachments"))
    stored = filled.state.attachment(
        filled.account_id, "events", event["id"], event["attachments"][0]["id"], parent=event["calendarId"]
    )
    assert stored == b"oars"
    assert "content" not in event["attachments"][0]


def test_tasks_become_a_list_and_steps_know_what_they_are_steps_of(tmp_path: Path) -> None:
    (tmp_path / "boats.ics").write_bytes(SERIES)

    filled = Filled(tmp_path)

    tasks = {task["title"]: task for task in filled.all("tasks")}
    assert [record["title"] for record in filled.all("task_lists")] == ["Rowing"]
    assert tasks["Sand it"]["parentId"] == tasks["Paint the boat"]["id"]
    assert "parentId" not in tasks["Step of nothing"]


def test_tasks_that_are_steps_of_each_other_are_both_kept(tmp_path: Path) -> None:
    todo = "BEGIN:VTODO\nUID:{0}\nRELATED-TO:{1}\nSUMMARY:{0}\nEND:VTODO\n"
    text = "BEGIN:VCALENDAR\n" + todo.format("a", "b") + todo.format("b", "a") + "END:VCALENDAR\n"
    (tmp_path / "circle.ics").write_text(text)

    filled = Filled(tmp_path)

    assert {task["title"] for task in filled.all("tasks")} == {"a", "b"}
    assert filled.all("calendars") == []


def test_the_first_loaded_calendar_is_primary_only_where_there_is_none(tmp_path: Path) -> None:
    for name in ("a.ics", "b.ics"):
        (tmp_path / name).write_bytes(SERIES)

    filled = Filled(tmp_path)

    assert [record["primary"] for record in filled.all("calendars")] == [True, False]
    assert [record["defaultList"] for record in filled.all("task_lists")] == [True, False]


# --- mail -------------------------------------------------------------------------------------------------------------


def test_a_thread_is_one_although_its_mails_lie_in_different_files(tmp_path: Path) -> None:
    (tmp_path / "a.eml").write_bytes(mail("<2@x.example>", "Re: oars", "In-Reply-To: <1@x.example>"))
    (tmp_path / "b.mbox").write_bytes(b"From ida Tue Mar  3 10:00:00 2026\n" + mail("<1@x.example>", "oars"))
    (tmp_path / "c.eml").write_bytes(mail("<9@x.example>", "something else"))

    messages = {r["internetMessageId"]: r for r in Filled(tmp_path).all("messages")}

    assert messages["<1@x.example>"]["threadId"] == messages["<2@x.example>"]["threadId"]
    assert messages["<9@x.example>"]["threadId"] != messages["<1@x.example>"]["threadId"]


def test_mails_without_an_id_that_say_the_same_stay_two_threads(tmp_path: Path) -> None:
    bare = b"From: ida@mail.example\nSubject: hello\n\nhello\n"
    (tmp_path / "a.eml").write_bytes(bare)
    (tmp_path / "b.eml").write_bytes(bare)

    assert len({r["threadId"] for r in Filled(tmp_path).all("messages")}) == 2


def test_each_directory_and_each_mailbox_file_is_a_folder(tmp_path: Path) -> None:
    post = tmp_path / "post"
    (post / "old").mkdir(parents=True)
    (post / "new.eml").write_bytes(mail("<1@x.example>", "new"))
    (post / "old" / "old.eml").write_bytes(mail("<2@x.example>", "old"))
    (post / "old" / "list.mbox").write_bytes(b"From ida Tue Mar  3 10:00:00 2026\n" + mail("<3@x.example>", "list"))

    filled = Filled(post)

    names = {record["id"]: record["fullName"] for record in filled.all("folders")}
    lies_in = {record["subject"]: names[record["folderId"]] for record in filled.all("messages")}
    assert lies_in == {"new": "post", "old": "post/old", "list": "post/old/list"}
    parents = {record["fullName"]: names.get(record.get("parentId", "")) for record in filled.all("folders")}
    assert parents == {"post": None, "post/old": "post", "post/old/list": "post/old"}


def test_a_mail_is_as_old_as_it_says(tmp_path: Path) -> None:
    (tmp_path / "a.eml").write_bytes(mail("<1@x.example>", "old"))

    assert Filled(tmp_path).all("messages")[0]["createdTime"] == "2026-03-03T09:00:00.000Z"


# --- what can't be converted ------------------------------------------------------------------------------------------


def test_files_that_are_not_what_they_are_called_are_refused_and_the_rest_goes_on(tmp_path: Path) -> None:
    for name in ("a.vcf", "b.ics", "c.eml", "d.mbox"):
        (tmp_path / name).write_bytes(b"\x00\x01 this is nothing \xff")
    (tmp_path / "e.eml").write_bytes(mail("<1@x.example>", "fine"))

    filled = Filled(tmp_path)

    refused = {path.name: sentence for path, sentence in filled.loaded.refused}
    assert set(refused) == {"a.vcf", "b.ics", "c.eml", "d.mbox"}
    assert all(sentence.endswith(".") and len(sentence) > 15 for sentence in refused.values())
    assert filled.loaded.records == 1
    assert filled.all("contacts") == []
    assert filled.all("calendars") == []


def test_a_path_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    filled = Filled(tmp_path / "nowhere", tmp_path / "nothing.vcf")

    assert filled.loaded.refused == [
        (tmp_path / "nowhere", "There is no such file or folder."),
        (tmp_path / "nothing.vcf", "There is no such file or folder."),
    ]


def test_empty_files_are_refused_with_a_sentence(tmp_path: Path) -> None:
    for name in ("a.vcf", "b.ics", "c.eml", "d.mbox"):
        (tmp_path / name).write_bytes(b"")

    filled = Filled(tmp_path)

    assert [path.name for path, _ in filled.loaded.refused] == ["a.vcf", "b.ics", "c.eml", "d.mbox"]


def test_a_file_named_twice_is_loaded_once(tmp_path: Path) -> None:
    path = tmp_path / "a.eml"
    path.write_bytes(mail("<1@x.example>", "once"))

    filled = Filled(path, tmp_path, path)

    assert len(filled.all("messages")) == 1


def test_endings_are_read_whatever_their_case(tmp_path: Path) -> None:
    (tmp_path / "A.VCF").write_bytes(b"BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Ida\r\nN:;Ida;;;\r\nEND:VCARD\r\n")

    assert Filled(tmp_path).all("contacts")[0]["name"]["displayName"] == "Ida"
