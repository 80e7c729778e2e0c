"""Whatever bytes come, a format answers with values or with UnreadableFile, and every text can be stored."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mirror.errors import UnreadableFile
from mirror.formats.ical import calendar, expand
from mirror.formats.mime import mbox, message, thread_ids
from mirror.formats.text import clean, decode, from_html
from mirror.formats.vcard import contacts

QUICK = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def read_contacts(content: bytes) -> Any:
    return [(contact.uid, contact.record) for contact in contacts(content)]


def read_calendar(content: bytes) -> Any:
    found = calendar(content)
    start = datetime(2024, 1, 1, tzinfo=UTC)
    for event in found.events:
        try:
            expand([event.record], start, datetime(2024, 2, 1, tzinfo=UTC))
        except UnreadableFile as error:
            found.refused.append(error.reason)
    events = [(event.uid, event.recurrence_id, event.record) for event in found.events]
    return [found.name, events, [(task.uid, task.record) for task in found.tasks], found.refused]


def read_message(content: bytes) -> Any:
    found = message(content)
    thread_ids([found.record])
    return [found.record, found.body, found.text]


def read_mbox(content: bytes) -> Any:
    return [read_message(one) for one in mbox(content) if one.strip()]


READERS: dict[str, Callable[[bytes], Any]] = {
    "vcards": read_contacts,
    "calendars": read_calendar,
    "mail": read_message,
    "mbox": read_mbox,
}
VCARD_LINES = [
    *("BEGIN:VCARD", "END:VCARD", "VERSION:2.1", "VERSION:4.0", "N:a;b;;", "FN;CHARSET=utf-7:+", 'N;X="', "AGENT:"),
    *("PHOTO;ENCODING=b:/9j/", "PHOTO:data:image/png;base64,x", "NOTE;ENCODING=QUOTED-PRINTABLE:=C3=", "ADR:;;;;;;;;"),
    *(
        "item1.TEL:+1",
        "item1.X-ABLabel:_$!<",
        "BDAY:99999999",
        "REV:9999-99-99",
        "ORG:;;",
        "\\",
        " folded",
        "TEL;TYPE=:1",
    ),
]
ICAL_LINES = [
    *("BEGIN:VCALENDAR", "END:VCALENDAR", "BEGIN:VEVENT", "END:VEVENT", "BEGIN:VTODO", "END:VTODO", "BEGIN:VTIMEZONE"),
    *("END:VTIMEZONE", "TZID:x", "DTSTART:20240101T000000", "DTSTART;TZID=x:20240101T000000", "DTSTART:00010101"),
    *("DTSTART;TZID=Europe/Berlin:00010101T000000", "DTEND:99991231T235959Z", "DURATION:P99999999D", "DURATION:-P1D"),
    *("RRULE:FREQ=DAILY", "RRULE:FREQ=MONTHLY;BYDAY=99MO", "RRULE:FREQ=DAILY;UNTIL=1", "RRULE:FREQ=WEEKLY;COUNT=-1"),
    *("EXDATE:x", "EXDATE;VALUE=DATE:20240101", "RDATE;VALUE=PERIOD:20240101T000000/P1D", "RECURRENCE-ID:20240101"),
    *(
        "TRIGGER:-PT99999999999H",
        "BEGIN:VALARM",
        "END:VALARM",
        "ACTION:DISPLAY",
        "ATTENDEE:",
        "ORGANIZER;CN=:x",
        "GEO:1",
    ),
    *("X-WR-TIMEZONE:../../etc/passwd", "CATEGORIES:,", "ATTACH;ENCODING=BASE64;VALUE=BINARY:!", "PRIORITY:x", "DUE:1"),
    *("CONFERENCE:tel:", "CLASS:", "TZOFFSETFROM:+9999", "TZOFFSETTO:x", "BEGIN:STANDARD", "END:STANDARD", "\x00"),
]
MAIL_LINES = [
    *(
        "From: a@b",
        "From a@b Mon Jan  1 00:00:00 2024",
        "Content-Type: multipart/mixed; boundary=b",
        "--b",
        "--b--",
        "",
    ),
    *(
        "Content-Type: text/html; charset=utf-16",
        "Content-Type: message/rfc822",
        "Content-Type: /",
        "Content-Length: 5",
    ),
    *("Content-Type: message/delivery-status", "Content-Transfer-Encoding: base64", "Content-Disposition: x; a*0*=''%"),
    *(
        "Content-Transfer-Encoding: x-uuencode",
        "begin 644 x",
        "#0V%T",
        "Date: Thu, 99 Foo 99999 99:99:99 +9999",
        "=?x?q?",
    ),
    *(
        "Subject: =?utf-8?b?/w==?= =?\x00?q?=?=",
        'To: ((("<,;:',
        "References: <>",
        "Received: ;",
        "X-Mozilla-Status: ffff",
    ),
    *(
        'Content-Type: text/plain; charset="\udcff',
        "Message-ID: <\udc80>",
        "X-Gmail-Labels: ,",
        "Content-Type: text/calendar",
    ),
]


def storable(value: Any) -> bool:
    """Whether every text in it can be written as UTF-8, and the whole as JSON."""
    json.dumps(value, ensure_ascii=False).encode("utf-8")
    return "\\u0000" not in json.dumps(value)


def answers(read: Callable[[bytes], Any], content: bytes) -> None:
    found: Any = None
    refusal = "."
    try:
        found = read(content)
    except UnreadableFile as error:
        refusal = error.reason
    assert refusal.endswith(".")
    assert storable([found, refusal])


def lined(lines: list[str]) -> st.SearchStrategy[bytes]:
    """Files of lines that mean something, in no order, some of them torn."""
    line = st.one_of(st.sampled_from(lines), st.tuples(st.sampled_from(lines), st.binary(max_size=6)).map(_torn))
    return st.lists(line, max_size=25).map(lambda found: b"\r\n".join(_bytes(item) for item in found))


def _torn(pair: tuple[str, bytes]) -> bytes:
    written, junk = _bytes(pair[0]), pair[1]
    return written[: len(written) * 2 // 3] + junk + written[len(written) * 2 // 3 :]


def _bytes(line: str | bytes) -> bytes:
    return line if isinstance(line, bytes) else line.encode("utf-8", "surrogateescape")


@pytest.mark.parametrize("kind", READERS)
@given(content=st.binary(max_size=400))
@QUICK
def test_random_bytes_are_read_or_refused(kind: str, content: bytes) -> None:
    answers(READERS[kind], content)


@given(content=lined(VCARD_LINES))
@example(b"BEGIN:VCARD\nN:\\")
@QUICK
def test_garbled_vcards_are_read_or_refused(content: bytes) -> None:
    answers(read_contacts, b"BEGIN:VCARD\r\n" + content)


@given(content=lined(ICAL_LINES))
@QUICK
def test_garbled_calendars_are_read_or_refused(content: bytes) -> None:
    answers(read_calendar, b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nDTSTART:20240101T000000Z\r\n" + content)


@given(content=lined(MAIL_LINES))
@QUICK
def test_garbled_mails_are_read_or_refused(content: bytes) -> None:
    answers(read_message, b"From: a@b\r\n" + content)
    answers(read_mbox, b"From a@b Mon Jan  1 00:00:00 2024\r\n" + content)


@cache
def small_files(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted(folder.iterdir()) if path.stat().st_size < 8_000]


def garbled(content: bytes, cuts: list[tuple[float, int, bytes]]) -> bytes:
    for where, width, junk in cuts:
        at = int(where * len(content))
        content = content[:at] + junk + content[at + width :]
    return content


@pytest.mark.shared
@pytest.mark.parametrize("kind", ["vcards", "calendars", "mail"])
@given(
    choice=st.integers(min_value=0),
    cuts=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 40), st.binary(max_size=8)), min_size=1, max_size=6),
)
@QUICK
def test_damaged_files_of_the_corpus_are_read_or_refused(
    corpus: Path, kind: str, choice: int, cuts: list[tuple[float, int, bytes]]
) -> None:
    files = small_files(corpus / kind)

    answers(READERS[kind], garbled(files[choice % len(files)], cuts))


@pytest.mark.shared
@pytest.mark.parametrize("kind", ["vcards", "calendars", "mail"])
def test_every_file_is_read_as_every_other_kind_without_a_crash(corpus: Path, kind: str) -> None:
    for content in small_files(corpus / kind):
        for read in READERS.values():
            answers(read, content)


@given(st.text(alphabet=st.characters(), max_size=200))
@QUICK
def test_any_text_is_clean_and_its_html_readable(written: str) -> None:
    assert storable([clean(written), from_html(written), from_html(f"<p>{written}</p>")])


def surrogates() -> Iterator[str]:
    yield from ("\ud800", "a\udfffb", "\udc80\ud83d", "\ude00\ud83d")


def test_lone_surrogates_never_come_out() -> None:
    for written in surrogates():
        assert storable([clean(written), from_html(f"<p>{written}")])


@given(
    st.binary(max_size=80),
    st.one_of(st.none(), st.text(max_size=12), st.sampled_from(["utf-7", "idna", "utf-16", "hz"])),
)
@QUICK
def test_any_bytes_in_any_charset_are_text(content: bytes, charset: str | None) -> None:
    assert storable(decode(content, charset))
