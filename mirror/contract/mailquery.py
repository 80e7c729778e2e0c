"""The `q` of mail lists: words and Gmail's operators, all of which a message must satisfy. It reads one message at a time."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable

from mirror.contract.backend import Record

Texts = Callable[[], str]

_OPERATORS = frozenset(
    {"from", "to", "cc", "bcc", "subject", "after", "before", "newer", "older", "has", "is", "in", "label"}
)

_IS = {"unread": "unread", "starred": "flagged", "flagged": "flagged", "important": "important"}
_IN = {
    "inbox": "inbox",
    "sent": "sent",
    "trash": "trash",
    "spam": "junk",
    "junk": "junk",
    "drafts": "draft",
    "draft": "draft",
}


def matches(query: str, message: Record, body: Texts) -> bool:
    """Whether the message satisfies the query. `body` is asked for only when a word needs it."""
    return all(_satisfies(term, message, body) for term in _terms(query))


def plain_words(query: str) -> list[str]:
    """The words that a message must have somewhere, in a header or in its text."""
    return [term for term in _terms(query) if not term.startswith("-") and term.partition(":")[0] not in _OPERATORS]


def _terms(query: str) -> list[str]:
    try:
        return shlex.split(query)
    except ValueError:  # an open quote
        return query.split()


def _satisfies(term: str, message: Record, body: Texts) -> bool:
    if term.startswith("-") and len(term) > 1:
        return not _satisfies(term[1:], message, body)
    operator, colon, value = term.partition(":")
    wanted, labels = value.lower(), message.get("sysLabels") or []
    if not colon or not value:
        return term.lower() in f"{_written(message)} {body()}".lower()
    if operator in ("from", "to", "cc", "bcc"):
        return wanted in _addresses(message, operator)
    if operator == "subject":
        return wanted in str(message.get("subject") or "").lower()
    if operator in ("after", "before", "newer", "older"):
        return _dated(operator, wanted, message)
    if operator == "has":
        return wanted == "attachment" and bool(message.get("hasAttachments"))
    if operator == "is":
        return "unread" not in labels if wanted == "read" else _IS.get(wanted) in labels
    if operator == "in":
        return wanted == "anywhere" or _IN.get(wanted) in labels
    if operator == "label":
        return wanted in [str(keyword).lower() for keyword in message.get("keywords") or []] + labels
    return term.lower() in f"{_written(message)} {body()}".lower()


def _dated(operator: str, wanted: str, message: Record) -> bool:
    """Days in UTC: on or after the day, or before it, as Gmail counts."""
    match = re.fullmatch(r"(\d{4})[/-](\d{1,2})[/-](\d{1,2})", wanted)
    at = str(message.get("receivedAt") or message.get("sentAt") or "")
    if match is None or not at:
        return False
    day = f"{int(match[1]):04d}-{int(match[2]):02d}-{int(match[3]):02d}"
    return at[:10] >= day if operator in ("after", "newer") else at[:10] < day


def _addresses(message: Record, field: str) -> str:
    held = message.get(field) or []
    every = held if isinstance(held, list) else [held]
    return " ".join(f"{one.get('name') or ''} {one.get('address') or ''}" for one in every).lower()


def _written(message: Record) -> str:
    people = " ".join(_addresses(message, field) for field in ("from", "to", "cc"))
    return f"{message.get('subject') or ''} {people}"
