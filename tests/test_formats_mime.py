"""Mail as it is in the wild becomes messages: every file of the corpus, mailboxes, threads, and the oddities one by one."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from openapi import schema_validator

from mirror.errors import UnreadableFile
from mirror.formats.mime import ParsedMessage, mbox, message, thread_ids

# (subject, whether the body is HTML, names of the attachments)
FILES: dict[str, tuple[str, bool, list[str]]] = {
    "bounce.eml": ("Undelivered Mail Returned to Sender", False, ["attachment-1", "message.eml"]),
    "delivery-status.eml": ("email delivery error", False, ["attachment-1", "message.eml"]),
    "disposition-notification.eml": ("Disposition notification", False, ["attachment-1", "message.eml"]),
    "empty-multipart.eml": ("test of empty multipart/alternative", False, []),
    "epilogue.eml": ("Re: The Once and Future OS", False, ["attachment-1"]),
    "feedback-report.eml": ("FW: Earn money", False, ["attachment-1", "message.eml"]),
    "gmail.eml": ("Testing verification of Google DKIM-Signature headers", True, []),
    "issue1130.eml": ("Test of text body with format=flowed; delsp=yes", False, []),
    "issue358.eml": ("R: R: R: I: FR-selca LA selcaE", True, []),
    "japanese.eml": ("日本語メールテスト (testing Japanese emails)", False, []),
    "missing-subtype.eml": ("Test of an invalid mime-type", False, ["document.xml.gz"]),
    "multipart-no-end-boundary.eml": ("Multipart message without closing boundary", True, []),
    "multipart-related-mhtml.eml": ("", True, ["attachment-1"]),
    "related.eml": ("Google DKIM-Signature test for issue #181", True, ["Christopher-Lloyd-as-Doc-Brown.jpg"]),
    "simple-embedded-message.eml": ("test of simple embedded message/rfc822 part", False, ["message.eml"]),
    "simple-multipart.eml": ("this is a simple multipart message", False, ["attachment.txt"]),
    "startrek.eml": ("Star Trek Party!", False, [f"attachment-{number}" for number in range(1, 7)]),
    "ukr.eml": ("rr test 7", False, ["winmail.dat"]),
}
MAILBOXES = {"content-length.mbox": 29, "linux-mips-2019-11.mbox": 400}


def parsed(corpus: Path, name: str) -> ParsedMessage:
    return message((corpus / "mail" / name).read_bytes())


def mail(*header: str, body: str = "Hello") -> ParsedMessage:
    return message("\r\n".join([*header, "", body]).encode())


def check(found: ParsedMessage) -> None:
    schema_validator("EmailMessage", closed=True).validate(found.record)
    for attachment, listed in zip(found.attachments, found.record["attachments"], strict=True):
        assert attachment.record == listed
        assert len(attachment.content) == listed["size"]
    for written in (found.body, found.text, found.record["bodySnippet"]):
        written.encode("utf-8")


@pytest.mark.shared
def test_the_corpus_has_no_file_without_an_expectation(corpus: Path) -> None:
    assert {path.name for path in (corpus / "mail").iterdir()} == {*FILES, *MAILBOXES}


@pytest.mark.shared
@pytest.mark.parametrize("name", FILES)
def test_every_mail_of_the_corpus_is_a_message_that_the_api_could_have_sent(corpus: Path, name: str) -> None:
    subject, is_html, attached = FILES[name]

    found = parsed(corpus, name)

    check(found)
    assert found.record["subject"] == subject
    assert found.body_is_html is is_html
    assert [attachment.record["name"] for attachment in found.attachments] == attached


@pytest.mark.shared
@pytest.mark.parametrize("name", MAILBOXES)
def test_every_message_of_the_mailboxes_is_found_and_read(corpus: Path, name: str) -> None:
    found = [message(content) for content in mbox(corpus / "mail" / name)]

    assert len(found) == MAILBOXES[name]
    for one in found:
        check(one)
        assert one.record["sentAt"]
        assert one.record["from"]["address"]
        assert one.record["subject"]
        assert one.text or one.attachments


@pytest.mark.shared
def test_times_are_moments_and_the_topmost_received_counts(corpus: Path) -> None:
    times = {
        name: (parsed(corpus, name).record["sentAt"], parsed(corpus, name).record["receivedAt"])
        for name in ("bounce.eml", "disposition-notification.eml", "startrek.eml", "related.eml")
    }

    assert times == {
        "bounce.eml": ("2022-01-26T09:06:48Z", "2022-01-26T09:06:52Z"),
        "disposition-notification.eml": ("1995-09-20T04:19:00Z", "1995-09-20T04:19:00Z"),
        "startrek.eml": ("1991-09-19T16:41:43Z", "1991-09-19T16:41:43Z"),
        "related.eml": ("2015-10-16T17:43:10Z", "2015-10-16T17:43:12Z"),
    }


@pytest.mark.shared
def test_other_scripts_come_out_right(corpus: Path) -> None:
    assert parsed(corpus, "ukr.eml").text.startswith("шостий")
    assert "正常に" in parsed(corpus, "japanese.eml").text


@pytest.mark.shared
def test_addresses_in_the_old_form_and_without_a_host_are_kept(corpus: Path) -> None:
    record = parsed(corpus, "startrek.eml").record

    assert record["from"]["name"] == "Nathaniel Borenstein"
    assert record["from"]["address"] == "nsb"
    assert len(record["to"]) == 18
    assert record["cc"][1]["address"] == "trina@flash"
    assert parsed(corpus, "delivery-status.eml").record["to"] == []


@pytest.mark.shared
def test_attachments_are_decoded_to_the_byte(corpus: Path) -> None:
    (photo,) = parsed(corpus, "related.eml").attachments
    (text,) = parsed(corpus, "simple-multipart.eml").attachments
    (tnef,) = parsed(corpus, "ukr.eml").attachments

    assert photo.record["inline"] is True
    assert photo.record["contentId"] == "ii_15071bf7ff349334"
    assert photo.content.startswith(b"\xff\xd8\xff")
    assert len(photo.content) == 156223
    assert text.content == b"This is the base64 encoded attachment."
    assert tnef.record["mimeType"] == "application/ms-tnef"
    assert tnef.content.startswith(b"\x78\x9f\x3e\x22")


@pytest.mark.shared
def test_an_embedded_message_is_an_attachment_that_can_be_read_again(corpus: Path) -> None:
    (embedded,) = parsed(corpus, "simple-embedded-message.eml").attachments

    assert message(embedded.content).record["subject"] == "embedded message"
    assert message(embedded.content).text == "This is the embedded message body."


@pytest.mark.shared
def test_a_header_line_that_broke_in_two_does_not_end_the_header(corpus: Path) -> None:
    found = parsed(corpus, "issue358.eml")

    assert found.text == "Test headers"
    assert found.record["inReplyTo"].startswith("<5185e377-81c5")
    assert len(found.record["references"].split(" ")) == 2


@pytest.mark.shared
def test_words_before_the_first_boundary_are_the_text_when_there_is_no_other(corpus: Path) -> None:
    assert "err.nosuchuser" in parsed(corpus, "delivery-status.eml").text


@pytest.mark.shared
def test_quoted_from_lines_are_unquoted(corpus: Path) -> None:
    texts = [message(content).text for content in mbox(corpus / "mail" / "linux-mips-2019-11.mbox")]

    assert sum("\nFrom what I read vDSO is a library" in text for text in texts) == 1
    assert not any("\n>From what I read" in text for text in texts)


@pytest.mark.shared
def test_a_mailing_list_has_its_threads(corpus: Path) -> None:
    records = [message(content).record for content in mbox(corpus / "mail" / "linux-mips-2019-11.mbox")]

    ids = thread_ids(records)

    assert len(set(ids)) == 67
    by_id = {record["internetMessageId"]: thread for record, thread in zip(records, ids, strict=True)}
    answers = [record for record in records if record.get("inReplyTo") in by_id]
    assert len(answers) > 200
    assert all(by_id[answer["internetMessageId"]] == by_id[answer["inReplyTo"]] for answer in answers)


@pytest.mark.shared
def test_mozilla_flags_are_labels(corpus: Path) -> None:
    labels = [message(content).record.get("sysLabels") for content in mbox(corpus / "mail" / "content-length.mbox")]

    assert labels.count(["unread"]) == 3
    assert ["unread", "flagged"] in labels


def test_gmail_labels_are_labels_classifications_and_keywords() -> None:
    record = mail("X-Gmail-Labels: =?UTF-8?Q?Inbox,Unread,Category_Updates,Opened,B=C3=BCro?=", "From: a@b").record

    assert record["sysLabels"] == ["inbox", "unread"]
    assert record["sysClassifications"] == ["updates"]
    assert record["keywords"] == ["Büro"]


def test_mbox_status_tells_what_is_read() -> None:
    assert mail("From: a@b", "Status: O").record["sysLabels"] == ["unread"]
    assert "sysLabels" not in mail("From: a@b", "Status: RO").record
    assert mail("From: a@b", "Status: RO", "X-Status: F").record["sysLabels"] == ["flagged"]


@pytest.mark.parametrize(
    ("written", "mailboxes"),
    [
        ('"Doe, Jane" <jane@x.org>, bob@x.org', [("jane@x.org", "Doe, Jane"), ("bob@x.org", None)]),
        ("=?utf-8?q?J=C3=B6rg?= <j@x.org>", [("j@x.org", "Jörg")]),
        ('"=?utf-8?B?SsO2cmc=?=" <j@x.org>', [("j@x.org", "Jörg")]),
        ("Team: a@x.org, Bo <b@x.org>; c@x.org", [("a@x.org", None), ("b@x.org", "Bo"), ("c@x.org", None)]),
        ("undisclosed-recipients:;", []),
        ("<Undisclosed Recipients>", [(None, "Undisclosed Recipients")]),
        (r'"a \"b\" c" <q@x.org>', [("q@x.org", 'a "b" c')]),
        ("broken <a@x.org, whole <b@x.org>", [("a@x.org", "broken"), ("b@x.org", "whole")]),
        ("", []),
    ],
)
def test_recipients_are_read_as_mailers_write_them(
    written: str, mailboxes: list[tuple[str | None, str | None]]
) -> None:
    found = mail("From: a@b", f"To: {written}").record["to"]

    assert [(entry.get("address"), entry.get("name")) for entry in found] == mailboxes


def test_a_character_that_is_cut_between_two_encoded_words_is_whole_again() -> None:
    assert mail("Subject: =?utf-8?B?R3LDvA==?= =?utf-8?B?w58=?=\r\n =?utf-8?Q?e_an_=C3?= =?utf-8?Q?=BC?=").record[
        "subject"
    ] == ("Grüße an ü")


def test_raw_bytes_in_headers_are_read_as_text() -> None:
    assert message("From: Jörg <j@x>\nSubject: Grüße\n\nx".encode()).record["from"]["name"] == "Jörg"
    assert message("From: a@b\nSubject: Grüße\n\nx".encode("latin-1")).record["subject"] == "Grüße"


def test_a_charset_that_lies_or_does_not_exist_costs_nothing() -> None:
    lying = b"From: a@b\nContent-Type: text/plain; charset=us-ascii\n\nGr\xc3\xbc\xc3\x9fe"
    unknown = b"From: a@b\nContent-Type: text/plain; charset=x-nonsense\n\nGr\xfc\xdfe"
    no_charset = b"From: a@b\nContent-Type: text/plain; charset=base64\n\nGr\xfc\xdfe"

    assert [message(content).text for content in (lying, unknown, no_charset)] == ["Grüße"] * 3


def multipart(*parts: str, kind: str = "mixed") -> ParsedMessage:
    body = "".join(f"--b\r\n{part}\r\n" for part in parts) + "--b--\r\n"
    return mail("From: a@b", f'Content-Type: multipart/{kind}; boundary="b"', body=body)


def test_of_alternatives_the_html_is_the_body_and_the_plain_is_the_text() -> None:
    found = multipart(
        "Content-Type: text/plain\r\n\r\nplain", "Content-Type: text/html\r\n\r\n<b>rich</b>", kind="alternative"
    )

    assert (found.body.strip(), found.text, found.body_is_html) == ("<b>rich</b>", "plain", True)


def test_a_footer_beside_the_html_is_shown_and_readable() -> None:
    found = multipart("Content-Type: text/html\r\n\r\n<p>rich</p>", "Content-Type: text/plain\r\n\r\nlist <footer>")

    assert "<pre>list &lt;footer&gt;</pre>" in found.body
    assert found.text.split() == ["rich", "list", "<footer>"]


def test_an_invitation_has_its_method() -> None:
    found = multipart(
        "Content-Type: text/plain\r\n\r\nCome!",
        "Content-Type: text/calendar; method=REQUEST\r\n\r\nBEGIN:VCALENDAR",
    )

    assert found.record["meetingMessageMethod"] == "request"
    assert found.attachments[0].record["name"] == "invite.ics"


def test_names_of_attachments_are_read_in_every_way_they_are_written() -> None:
    names = [
        'attachment; filename="plain.txt"',
        'attachment; filename="=?utf-8?B?w7wudHh0?="',
        "attachment; filename*=utf-8''%C3%BC%20b.txt",
        "attachment; filename*0*=iso-8859-1''%FC; filename*1=-long; filename*2*=%2Etxt",
        'attachment; filename="C:\\\\evil\\\\..\\\\passwd"',
    ]

    found = multipart(*[f"Content-Disposition: {name}\r\n\r\nx" for name in names])

    assert [attachment.record["name"] for attachment in found.attachments] == [
        "plain.txt",
        "ü.txt",
        "ü b.txt",
        "ü-long.txt",
        "passwd",
    ]


def test_parts_without_a_boundary_between_them_are_a_text() -> None:
    found = mail("From: a@b", "Content-Type: multipart/mixed", body="Just words")

    assert found.text == "Just words"
    assert found.attachments == []


def test_flowed_lines_flow_and_quotes_stay_apart() -> None:
    body = "> quoted \r\n> words\r\nmy own \r\nwords\r\n-- \r\nsignature"

    assert mail("From: a@b", "Content-Type: text/plain; format=flowed", body=body).text == (
        "> quoted words\nmy own words\n-- \nsignature"
    )


def test_parts_nested_without_end_cost_only_themselves() -> None:
    parts = "".join(
        f"Content-Type: multipart/mixed; boundary=b{number}\r\n\r\n--b{number}\r\n" for number in range(3000)
    )

    found = message(("From: a@b\r\nSubject: deep\r\n" + parts).encode())

    assert found.record["subject"] == "deep"


def test_a_snippet_is_short_and_in_one_line() -> None:
    snippet = mail("From: a@b", body="one\r\n\r\ntwo " + "x" * 500).record["bodySnippet"]

    assert snippet.startswith("one two xxx")
    assert len(snippet) == 200


@pytest.mark.parametrize("content", [b"", b"\r\n", b"no header here", b"\x89PNG\r\n", b"From a@b Mon\nno header"])
def test_what_is_no_mail_is_refused_with_a_sentence(content: bytes) -> None:
    with pytest.raises(UnreadableFile, match="not an e-mail"):
        message(content)


def test_a_mailbox_splits_at_separators_only() -> None:
    content = (
        b"From a@x.org Mon Nov  4 10:00:00 2019\nSubject: one\n\n>From here\n>>From there\n"
        b"From now on, no separator\n\nFrom the start, none either\n\n"
        b"From 0123456789abcdef0123456789abcdef01234567 Mon Sep 17 00:00:00 2001\n\n"
        b"From b@x.org Mon Nov  4 11:00:00 2019\nSubject: two\n\nbody\n"
    )

    one, two = mbox(content)

    assert one == (
        b"Subject: one\n\nFrom here\n>From there\nFrom now on, no separator\n\nFrom the start, none either\n\n"
        b"From 0123456789abcdef0123456789abcdef01234567 Mon Sep 17 00:00:00 2001\n"
    )
    assert two == b"Subject: two\n\nbody\n"


def test_content_length_is_believed_only_where_it_is_right() -> None:
    separator = b"From a@x.org Mon Nov  4 10:00:00 2019\n"
    inner = b"A\n\n" + separator + b"B\n"
    right = separator + b"Content-Length: %d\n\n" % len(inner) + inner + b"\n" + separator + b"Subject: 2\n\nend\n"
    wrong = separator + b"Content-Length: 99999\n\nA\n\n" + separator + b"Subject: 2\n\nend\n"

    assert [content.rpartition(b"\n\n")[2] for content in mbox(right)] == [separator + b"B\n", b"end\n"]
    assert len(list(mbox(wrong))) == 2


def test_a_mailbox_is_read_from_its_path_as_from_its_bytes(tmp_path: Path) -> None:
    content = b"From - \r\nSubject: a\r\n\r\nx\r\n\r\nFrom - \r\nSubject: b\r\n\r\ny\r\n"
    path = tmp_path / "Inbox"
    path.write_bytes(content)

    assert list(mbox(path)) == list(mbox(str(path))) == list(mbox(content))
    assert [message(one).record["subject"] for one in mbox(path)] == ["a", "b"]


@pytest.mark.parametrize("content", [b"", b"Subject: x\n\ny", b"\n\n"])
def test_what_is_no_mailbox_is_refused_with_a_sentence(content: bytes) -> None:
    with pytest.raises(UnreadableFile, match="not a mailbox file"):
        list(mbox(content))


def record(own: str, references: str = "", in_reply_to: str = "") -> dict[str, Any]:
    return {"internetMessageId": own, "references": references, "inReplyTo": in_reply_to, "subject": "Re: same"}


def test_threads_are_grouped_by_references_and_never_by_subject() -> None:
    ids = thread_ids([record("<1>"), record("<2>", "<1>"), record("<3>", in_reply_to="<2>"), record("<4>")])

    assert ids[0] == ids[1] == ids[2]
    assert ids[3] != ids[0]


def test_a_thread_is_named_after_its_first_message_even_when_that_is_missing() -> None:
    with_root = thread_ids([record("<1>"), record("<2>", "<1>"), record("<3>", "<1> <2>")])
    without = thread_ids([record("<3>", "<1> <2>"), record("<2>", "<1>")])

    assert set(with_root) == set(without) == {hashlib.sha256(b"<1>").hexdigest()[:16]}


def test_messages_that_refer_to_each_other_in_a_circle_are_one_thread() -> None:
    assert len(set(thread_ids([record("<a>", "<b>"), record("<b>", "<a>")]))) == 1


def test_messages_without_an_id_are_threads_of_their_own() -> None:
    assert len(set(thread_ids([{"subject": "a"}, {"subject": "b"}]))) == 2
