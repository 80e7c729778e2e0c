"""Mail files into messages of the sandbox: a folder per mailbox file or directory, threads across all of them.

The original bytes are kept as they are. Mailbox files are read twice, headers first, because a thread's messages may lie in
different files; none is ever held in memory as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from mirror.clock import moment
from mirror.errors import UnreadableFile
from mirror.formats import mbox, mime, threads
from mirror.sandbox.mail_folders import Folders
from mirror.sandbox.state import Record, State

MAIL_ENDINGS = (".eml", ".mbox")

_END_OF_HEADER = re.compile(rb"\r?\n\r?\n")
_THREADED = ("references", "inReplyTo")


class MailLoader:
    """Takes over mail files: first `announce` all of them, then `load` each."""

    def __init__(self, state: State, account_id: int) -> None:
        self.state, self.account_id = state, account_id
        self.folders = Folders(state, account_id)
        self._announced: list[tuple[tuple[Path, int], Record]] = []
        self._threads: dict[tuple[Path, int], str] | None = None

    def announce(self, path: Path) -> None:
        """Read who answers whom. A file that can't be read is left for `load` to refuse."""
        try:
            for number, raw in enumerate(_messages(path), 1):
                self._announced.append(((path, number), _header(raw, f"<{number}@{path.as_posix()}>")))
        except (OSError, UnreadableFile):
            return

    def load(self, path: Path, shelf: str, refused: list[str]) -> int:
        """How many messages were made. Raises: UnreadableFile, when it is no mail; OSError."""
        count = 0
        for number, raw in enumerate(_messages(path), 1):
            try:
                parsed = mime.message(raw)
            except UnreadableFile as error:
                if path.suffix.lower() == ".eml":
                    raise
                refused.append(f"Message {number} was left out: {error.reason}")
                continue
            self._store(parsed, raw, self.folders.named(shelf), self._thread((path, number)))
            count += 1
        if count == 0 and not refused:
            raise UnreadableFile("There is no message in it.")
        return count

    def _store(self, parsed: mime.ParsedMessage, raw: bytes, folder_id: str, thread_id: str | None) -> None:
        record = {**parsed.record, "folderId": folder_id, "sysLabels": parsed.record.get("sysLabels") or []}
        if thread_id:
            record["threadId"] = thread_id
        described, contents = [], {}
        for number, attachment in enumerate(parsed.attachments, 1):
            described.append({"id": f"0.{number}", **attachment.record})
            contents[f"0.{number}"] = attachment.content
        record["attachments"] = described
        self.state.create(
            self.account_id,
            "messages",
            record,
            body=parsed.body,
            html=parsed.body_is_html,
            mime=raw,
            attachments=contents,
            at=_arrived_at(parsed.record),
        )

    def _thread(self, key: tuple[Path, int]) -> str | None:
        if self._threads is None:
            named = threads.thread_ids(record for _, record in self._announced)
            self._threads = {announced: name for (announced, _), name in zip(self._announced, named, strict=True)}
        return self._threads.get(key)


def _messages(path: Path) -> Iterator[bytes]:
    if path.suffix.lower() == ".mbox":
        yield from mbox.mbox(path)
    else:
        yield path.read_bytes()


def _header(raw: bytes, stand_in: str) -> Record:
    """What threads are made of. A message without an id of its own gets one that no other can have."""
    end = _END_OF_HEADER.search(raw.lstrip(b"\r\n"))
    header = raw.lstrip(b"\r\n") if end is None else raw.lstrip(b"\r\n")[: end.end()]
    try:
        record = mime.message(header).record
    except UnreadableFile:
        record = {}
    kept = {name: record[name] for name in _THREADED if record.get(name)}
    return kept | {"internetMessageId": record.get("internetMessageId") or stand_in}


def _arrived_at(record: Record) -> datetime | None:
    for name in ("receivedAt", "sentAt"):
        try:
            return moment(record[name])
        except (KeyError, ValueError, OverflowError):
            continue
    return None
