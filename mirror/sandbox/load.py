"""Fills an account of the sandbox from other programs' files: .vcf, .ics, .eml and .mbox, and folders of them.

What can't be converted is refused with a sentence, and the rest goes on. It changes nothing that is already in the account
and never writes to the files.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from mirror.errors import UnreadableFile
from mirror.formats import vcard
from mirror.sandbox.load_calendar import load_calendar
from mirror.sandbox.load_mail import MAIL_ENDINGS, MailLoader
from mirror.sandbox.state import State

CONTACT_ENDINGS = (".vcf", ".vcard")
CALENDAR_ENDINGS = (".ics", ".ical", ".ifb", ".icalendar")

OnFile = Callable[[Path, int, list[str]], None]


@dataclass(slots=True)
class Loaded:
    """What came of it: records by file, what was refused and why, and files that are of no kind known here."""

    counts: dict[Path, int] = field(default_factory=dict)
    refused: list[tuple[Path, str]] = field(default_factory=list)
    ignored: list[Path] = field(default_factory=list)

    @property
    def records(self) -> int:
        """Contacts, events, tasks and messages; not the calendars, lists and folders made to hold them."""
        return sum(self.counts.values())


def load(state: State, account_id: int, paths: Iterable[Path], *, on_file: OnFile | None = None) -> Loaded:
    """What was taken over from these files and folders, which are read in alphabetical order.

    `on_file` is told of each file when it is done: how many records came of it, and what in it was refused.
    """
    loaded = Loaded()
    files = list(_files(paths, loaded))
    mail = MailLoader(state, account_id)
    for path, _ in files:
        if path.suffix.lower() in MAIL_ENDINGS:
            mail.announce(path)
    for path, shelf in files:
        refused: list[str] = []
        count = 0
        try:
            count = _load_file(state, account_id, mail, path, shelf, refused)
        except UnreadableFile as error:
            refused.append(error.reason)
        except OSError as error:
            refused.append(f"It can't be read: {error.strerror or error}.")
        loaded.counts[path] = count
        loaded.refused += [(path, sentence) for sentence in refused]
        if on_file is not None:
            on_file(path, count, refused)
    return loaded


def _files(paths: Iterable[Path], loaded: Loaded) -> Iterator[tuple[Path, str]]:
    """Each file of a known kind once, with the name of the mail folder that it would go to."""
    seen: set[Path] = set()
    for given in paths:
        root = Path(given)
        for path in _walk(root):
            whole = path.resolve()
            if whole in seen:
                continue
            seen.add(whole)
            ending = path.suffix.lower()
            if not root.exists():
                loaded.refused.append((path, "There is no such file or folder."))
            elif ending in (*CONTACT_ENDINGS, *CALENDAR_ENDINGS, *MAIL_ENDINGS):
                base = root.resolve().parent
                place = whole.with_suffix("") if ending == ".mbox" else whole.parent
                shelf = place.relative_to(base).as_posix() if place.is_relative_to(base) else place.name
                yield path, place.name or "Mail" if shelf == "." else shelf
            else:
                loaded.ignored.append(path)


def _walk(root: Path) -> Iterator[Path]:
    if not root.is_dir():
        yield root
        return
    for folder, folders, names in os.walk(root):
        folders.sort()
        for name in sorted(names):
            yield Path(folder) / name


def _load_file(state: State, account_id: int, mail: MailLoader, path: Path, shelf: str, refused: list[str]) -> int:
    """How many records came of one file. What is refused inside of it is added to `refused`."""
    ending = path.suffix.lower()
    with state.batch():
        if ending in CONTACT_ENDINGS:
            return _load_contacts(state, account_id, path)
        if ending in CALENDAR_ENDINGS:
            return load_calendar(state, account_id, path, refused)
        return mail.load(path, shelf, refused)


def _load_contacts(state: State, account_id: int, path: Path) -> int:
    # All of them first: a file that turns out to be none must leave nothing behind.
    parsed = list(vcard.contacts(path.read_bytes()))
    for contact in parsed:
        state.create(account_id, "contacts", contact.record)
    return len(parsed)
