"""What mail programs leave in headers about a message's state: Gmail's labels, mbox Status, Mozilla's flags.

Never guesses: a message whose headers say nothing has no labels.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

GMAIL_SYSTEM_LABELS = {
    "inbox": "inbox",
    "unread": "unread",
    "sent": "sent",
    "trash": "trash",
    "spam": "junk",
    "starred": "flagged",
    "important": "important",
    "draft": "draft",
    "drafts": "draft",
}
GMAIL_CATEGORIES = {
    "category personal": "personal",
    "category social": "social",
    "category promotions": "promotions",
    "category updates": "updates",
    "category forums": "forums",
}
_GMAIL_STATES_WITHOUT_A_LABEL = {"opened", "archived", "chat"}
_MOZILLA_READ, _MOZILLA_FLAGGED = 0x0001, 0x0004


def labels(header: Callable[[str], str]) -> dict[str, list[str]]:
    """`sysLabels`, `sysClassifications` and `keywords`, each only where a header speaks of it."""
    system: list[str] = []
    classifications: list[str] = []
    keywords = _words(header("Keywords"))
    for label in _words(header("X-Gmail-Labels")):
        known = label.lower()
        if known in GMAIL_SYSTEM_LABELS:
            system.append(GMAIL_SYSTEM_LABELS[known])
        elif known in GMAIL_CATEGORIES:
            classifications.append(GMAIL_CATEGORIES[known])
        elif known not in _GMAIL_STATES_WITHOUT_A_LABEL:
            keywords.append(label)
    system += _flags(header("Status"), header("X-Status"), header("X-Mozilla-Status"))
    if header("Importance").lower() == "high" or header("X-Priority")[:1] == "1":
        system.append("important")
    found: dict[str, Any] = {
        "sysLabels": list(dict.fromkeys(system)),
        "sysClassifications": list(dict.fromkeys(classifications)),
        "keywords": list(dict.fromkeys(keywords)),
    }
    return {key: value for key, value in found.items() if value}


def _flags(status: str, x_status: str, mozilla: str) -> list[str]:
    found = []
    if status and re.fullmatch("[A-Za-z]+", status) and "R" not in status:
        found.append("unread")
    if "F" in x_status:
        found.append("flagged")
    if "T" in x_status:
        found.append("draft")
    if re.fullmatch("[0-9a-fA-F]{4}", mozilla):
        flags = int(mozilla, 16)
        found += ["unread"] if not flags & _MOZILLA_READ else []
        found += ["flagged"] if flags & _MOZILLA_FLAGGED else []
    return found


def _words(value: str) -> list[str]:
    return [word for piece in value.split(",") if (word := piece.strip().strip('"'))]
