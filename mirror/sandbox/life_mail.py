"""What happens in the simulated person's mailbox: mail comes and is sent, read, flagged, put away, thrown away and lost.

Each happening is one change of the state; when it happens is decided in `life`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from mirror.clock import Clock, moment
from mirror.formats import text
from mirror.sandbox.life_pool import Pool
from mirror.sandbox.mail_folders import Folders
from mirror.sandbox.person_cast import Cast, Person
from mirror.sandbox.person_circulars import CIRCULARS
from mirror.sandbox.person_letter import Answered, Filing, Letter, new_thread, post
from mirror.sandbox.person_posts import Posts
from mirror.sandbox.person_talk import Conversation, plain_reply
from mirror.sandbox.person_words import words
from mirror.sandbox.person_year import Year
from mirror.sandbox.state import Record, State

_CIRCLES = ("team", "partner", "family", "friend", "choir", "service")
_CIRCLE_WEIGHTS = (36, 26, 11, 12, 10, 5)
# So many threads are going on at once; one of these many mails is over.
_THREADS = 25
_LONGEST = 6


class MailLife:
    """The mail part of a life."""

    def __init__(self, state: State, account_id: int, cast: Cast, clock: Clock) -> None:
        self.state, self.account_id, self.cast, self.clock, self.chance = state, account_id, cast, clock, clock.random
        self.pool = Pool(state, account_id, "messages", self.chance)
        self.folders = Folders(state, account_id)
        self.threads: list[Conversation] = []

    def arrives(self) -> str | None:
        """A mail comes in or goes out: in a new thread, in one that is going on, or below an old one."""
        drawn, now = self.chance.random(), self.clock.now()
        if self.threads and drawn < 0.42:
            return self._continued(self.chance.choice(self.threads), now)
        if drawn < 0.55:
            return self._circular(now)
        if drawn < 0.7:
            return self._reply(now)
        circle = self.chance.choices(_CIRCLES, weights=_CIRCLE_WEIGHTS)[0]
        conversation = Conversation(self.cast, self.chance, circle)
        self.threads = [*self.threads, conversation][-_THREADS:]
        return self._posted(conversation.open(now, mine=circle != "service" and self.chance.random() < 0.3))

    def is_read(self) -> str | None:
        return self._relabelled("read", lambda labels: "unread" in labels, take=("unread",))

    def flagged(self) -> str | None:
        return self._relabelled("flagged", lambda labels: labels == ["inbox"], give="flagged")

    def archived(self) -> str | None:
        return self._relabelled(
            "archived", lambda labels: "inbox" in labels, take=("inbox", "unread"), folder="Archive"
        )

    def trashed(self) -> str | None:
        return self._relabelled(
            "trashed",
            lambda labels: not {"trash", "sent", "draft"} & set(labels),
            take=("inbox", "junk"),
            give="trash",
            folder="trash",
        )

    def expunged(self) -> str | None:
        """The trash and the junk are emptied, one mail at a time."""
        drawn = self.pool.draw(lambda record: bool({"trash", "junk"} & set(record.get("sysLabels") or [])))
        if drawn is None:
            return None
        self.pool.delete(drawn[1])
        return f"mail: {_title(drawn[1])} – deleted for good"

    def _relabelled(
        self, word: str, wanted: Callable[[list[str]], bool], *, take: tuple[str, ...] = (), give: str | None = None,
        folder: str | None = None,
    ) -> str | None:  # fmt: skip
        drawn = self.pool.draw(lambda record: wanted(record.get("sysLabels") or []))
        if drawn is None:
            return None
        record = drawn[1]
        labels = [label for label in record.get("sysLabels") or [] if label not in take]
        fields: Record = {"sysLabels": [*labels, give] if give and give not in labels else labels}
        if folder and "folderId" in record:
            fields["folderId"] = self.folders.role(folder) if folder == "trash" else self.folders.named(folder)
        self.pool.change(record, fields)
        return f"mail: {_title(record)} – {word}"

    def _continued(self, conversation: Conversation, now: datetime) -> str:
        letter = conversation.go_on(now, final=len(conversation.letters) == _LONGEST - 1)
        if len(conversation.letters) >= _LONGEST:
            self.threads.remove(conversation)
        return self._posted(letter)

    def _circular(self, now: datetime) -> str:
        circular = self.chance.choice(CIRCULARS)
        sender = Person(circular.name, circular.name, circular.address, "machine")
        banner = "#1b4965" if circular.group == "newsletter" else None
        return self._posted(Posts(self.cast, Year(now), self.chance).circular(circular, sender, banner, now))

    def _reply(self, now: datetime) -> str | None:
        """Somebody, or the person, answers a mail of which only the record is known."""
        drawn = self.pool.draw(_answerable)
        if drawn is None:
            return None
        record, me = drawn[1], self.cast.me
        other = _stranger(record["from"])
        mine = other.address != me.address
        if not mine:
            reader = next((one for one in record.get("to") or [] if _writable(one, me)), None)
            if reader is None:
                return None
            other = _stranger(reader)
        letter = plain_reply(
            self.chance, me, me if mine else other, (other,) if mine else (me,), now, self._answered(record),
            record.get("subject"), record.get("threadId") or new_thread(self.chance), words(self.chance, now),
        )  # fmt: skip
        return self._posted(letter)

    def _answered(self, record: Record) -> Answered:
        body, is_html = self.state.body(self.account_id, record["id"])
        plain = text.from_html(body or "") if is_html else body or ""
        before = tuple((record.get("references") or record.get("inReplyTo") or "").split())
        author = record["from"].get("name") or record["from"]["address"]
        at = moment(record.get("sentAt") or record["createdTime"])
        # Nobody quotes a whole patch; a screenful is enough to be a real reply.
        quoted = "\n".join(plain.splitlines()[:60])
        return Answered(record["internetMessageId"], (*before, record["internetMessageId"]), author, at, quoted)

    def _posted(self, letter: Letter) -> str:
        if letter.sender is self.cast.me:
            filing = Filing(self.folders.role("sent"), ("sent",))
        else:
            labels = ("inbox", "unread", "important") if self.chance.random() < 0.08 else ("inbox", "unread")
            filing = Filing(self.folders.role("inbox"), labels)
        record = post(self.state, self.account_id, letter, filing)
        self.pool.add(record)
        return f"mail: {letter.sender.name} – {record.get('subject') or '(no subject)'}"


def _answerable(record: Record) -> bool:
    author = record.get("from") or {}
    address = author.get("address") or ""
    known = "@" in address and address.isascii() and bool(record.get("internetMessageId"))
    personal = "personal" in (record.get("sysClassifications") or ["personal"])
    return known and personal and not {"draft", "junk", "trash"} & set(record.get("sysLabels") or [])


def _writable(address: Record, me: Person) -> bool:
    written = address.get("address") or ""
    return "@" in written and written.isascii() and written != me.address


def _stranger(address: Record) -> Person:
    """Somebody of whom only the mailbox is known."""
    name = (address.get("name") or "").strip() or address["address"].split("@")[0]
    return Person(name, name.split()[0] if name else "you", address["address"], "friend")


def _title(record: Record) -> str:
    author = record.get("from") or {}
    return f"{author.get('name') or author.get('address') or 'nobody'} – {record.get('subject') or '(no subject)'}"
