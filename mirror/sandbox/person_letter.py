"""One mail before it is posted: who, to whom, what it says and what it answers; and how it becomes a stored message.

It renders and stores what it is given; what people say is decided in `person_talk` and `person_mail`.
"""

from __future__ import annotations

import html
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from mirror import clock as clocks
from mirror.sandbox.person_cast import Person
from mirror.sandbox.person_files import File
from mirror.sandbox.person_mime import written
from mirror.sandbox.person_year import HOME
from mirror.sandbox.state import Record, State

# Deeper quotes than this are cut, as polite programs do.
_QUOTE_DEPTH = 3


@dataclass(frozen=True, slots=True)
class Answered:
    """What a reply needs to know of the mail before it."""

    message_id: str
    references: tuple[str, ...]
    author: str
    at: datetime
    text: str


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail as its author wrote it. A `banner` makes it look like a newsletter."""

    sender: Person
    to: tuple[Person, ...]
    subject: str | None
    at: datetime
    message_id: str
    thread_id: str
    paragraphs: tuple[str, ...]
    cc: tuple[Person, ...] = ()
    answers: Answered | None = None
    rich: bool = False
    files: tuple[File, ...] = ()
    group: str = "personal"
    keywords: tuple[str, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    meeting: str | None = None
    banner: str | None = None

    def text(self) -> str:
        """The plain text, with what it answers quoted below."""
        own = "\n\n".join(self.paragraphs)
        if self.answers is None:
            return own + "\n"
        quoted = "\n".join(
            f">{line}" if line.startswith(">") else f"> {line}"
            for line in self.answers.text.rstrip().split("\n")
            if not line.startswith(">" * _QUOTE_DEPTH)
        )
        return f"{own}\n\n{_wrote(self.answers)}\n{quoted}\n"

    def html(self) -> str | None:
        """The same in HTML, or None for a mail that is plain text only."""
        if self.banner is not None:
            return _newsletter(self)
        if not self.rich:
            return None
        pictures = "".join(
            f'<p><img src="cid:{f.content_id}" alt="{html.escape(f.name)}" width="360"></p>'
            for f in self.files
            if f.content_id
        )
        own = "\n".join(_paragraph(paragraph) for paragraph in self.paragraphs)
        quoted = ""
        if self.answers is not None:
            lines = "<br>\n".join(_shown(line) for line in self.answers.text.rstrip().split("\n"))
            border = "margin:0 0 0 .8ex;border-left:1px solid #ccc;padding-left:1ex"
            quoted = f'\n<div class="quote">{_shown(_wrote(self.answers))}<blockquote style="{border}">{lines}</blockquote></div>'
        return f'<div style="font-family:sans-serif;font-size:14px">\n{own}{pictures}{quoted}\n</div>\n'

    def answered(self) -> Answered:
        """This mail, as the next one will quote it."""
        before = self.answers.references if self.answers else ()
        return Answered(self.message_id, (*before, self.message_id), self.sender.name, self.at, self.text())


@dataclass(frozen=True, slots=True)
class Filing:
    """Where a mail lies and how it is marked."""

    folder_id: str | None
    labels: tuple[str, ...]
    keywords: tuple[str, ...] = ()
    touched_at: datetime | None = field(default=None)


def new_id(chance: random.Random, person: Person) -> str:
    """A Message-ID from that person's side."""
    host = (person.address or "@mail.example.org").rsplit("@", 1)[-1]
    return f"<{chance.getrandbits(88):022x}@{host}>"


def new_thread(chance: random.Random) -> str:
    return f"{chance.getrandbits(60) | 1 << 60:016x}"


def post(state: State, account_id: int, letter: Letter, filing: Filing) -> Record:
    """The stored message, with its body, its files and its bytes."""
    text, rich = letter.text(), letter.html()
    record, attachments = as_record(letter, filing)
    mime = written(record, text, rich, letter.files)
    body = text if rich is None else rich
    return state.create(
        account_id,
        "messages",
        record,
        body=body,
        html=rich is not None,
        mime=mime,
        attachments=attachments,
        at=letter.at,
    )


def as_record(letter: Letter, filing: Filing) -> tuple[Record, dict[str, bytes]]:
    """The EmailMessage without its body, and the bytes of its attachments by their ids."""
    sent_at = clocks.text(letter.at)
    record: dict[str, Any] = {
        "threadId": letter.thread_id,
        "sentAt": sent_at,
        "receivedAt": clocks.text(letter.at + timedelta(seconds=7)) if "sent" not in filing.labels else sent_at,
        "internetMessageId": letter.message_id,
        "sysLabels": list(filing.labels),
        "keywords": [*letter.keywords, *filing.keywords],
        "sysClassifications": [letter.group],
        "sensitivity": "normal",
        "from": letter.sender.mailbox,
        "to": [person.mailbox for person in letter.to],
        "cc": [person.mailbox for person in letter.cc],
        "bcc": [],
        "replyTo": [],
        "hasAttachments": any(file.content_id is None for file in letter.files),
        "bodySnippet": " ".join(" ".join(letter.paragraphs).split())[:160],
        "internetHeaders": [{"name": name, "value": value} for name, value in letter.headers],
        "lastModifiedTime": clocks.text(filing.touched_at or letter.at),
    }
    if letter.subject is not None:
        record["subject"] = letter.subject
    if filing.folder_id:
        record["folderId"] = filing.folder_id
    if letter.meeting:
        record["meetingMessageMethod"] = letter.meeting
    if letter.answers:
        record |= {"inReplyTo": letter.answers.message_id, "references": " ".join(letter.answers.references)}
    record["attachments"], contents = _attachments(letter.files)
    return record, contents


def _attachments(files: Sequence[File]) -> tuple[list[Record], dict[str, bytes]]:
    described, contents = [], {}
    for number, file in enumerate(files, 1):
        one: Record = {"id": f"0.{number}", "name": file.name, "mimeType": file.mime_type, "size": len(file.content)}
        one["inline"] = file.content_id is not None
        if file.content_id:
            one["contentId"] = file.content_id
        described.append(one)
        contents[f"0.{number}"] = file.content
    return described, contents


def _shown(text: str) -> str:
    return html.escape(text, quote=False)


def _wrote(answered: Answered) -> str:
    local = answered.at.astimezone(HOME)
    return f"On {local:%a}, {local.day} {local:%b %Y} at {local:%H:%M}, {answered.author} wrote:"


def _paragraph(text: str) -> str:
    lines = [_shown(line) for line in text.split("\n")]
    if not any(line.startswith("- ") for line in lines):
        return f"<p>{'<br>'.join(lines)}</p>"
    items = "".join(f"<li>{line[2:]}</li>" for line in lines if line.startswith("- "))
    lead = "<br>".join(line for line in lines if not line.startswith("- "))
    return (f"<p>{lead}</p>" if lead else "") + f"<ul>{items}</ul>"


def _newsletter(letter: Letter) -> str:
    parts = "\n".join(f'<tr><td style="padding:10px 24px">{_shown(text)}</td></tr>' for text in letter.paragraphs)
    host = (letter.sender.address or "").rsplit("@", 1)[-1]
    title, name = _shown(letter.subject or ""), _shown(letter.sender.name)
    return (
        '<table width="600" align="center" cellspacing="0" style="font-family:Georgia,serif;border:1px solid #ddd">\n'
        f'<tr><td style="background:{letter.banner};color:#fff;padding:18px 24px;font-size:22px">{name}</td></tr>\n'
        f'<tr><td style="padding:18px 24px 4px"><h2>{title}</h2></td></tr>\n{parts}\n'
        f'<tr><td style="padding:12px 24px"><a href="https://{host}/">Read on</a></td></tr>\n'
        f'<tr><td style="padding:12px 24px;color:#888;font-size:12px">You get this because you once said yes. '
        f'<a href="https://{host}/goodbye">Unsubscribe</a></td></tr>\n</table>\n'
    )
