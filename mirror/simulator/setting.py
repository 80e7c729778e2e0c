"""How a world is: its accounts, upstream's habits, and how much happens. Drawn once, before the story begins."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

SERVICES = ("Google", "Office365", "EWS", "IMAP")
OMITTED = {
    "messages": ("threadId", "body", "attachments", "recipients", "internetHeaders"),
    "events": ("description", "attendees", "attachments"),
    "tasks": ("notes",),
}


@dataclass(frozen=True, slots=True)
class AccountSetting:
    """One mailbox and what its owner has decided."""

    name: str
    service: str
    amounts: dict[str, int]
    omitted: dict[str, tuple[str, ...]]
    since: str | None
    attachments_up_to_bytes: int | None


@dataclass(frozen=True, slots=True)
class Setting:
    """All that is fixed for one seed."""

    accounts: tuple[AccountSetting, ...]
    options: dict[str, Any]
    upstream_ahead_s: float
    upstream_jitter_s: float
    rounds: int
    happening: float  # the probability of something upstream, before and after each request
    trouble: float  # ... of trouble on the wire, for each request
    crash: float  # ... of a crash, for each pass over an account
    reads: int | None
    attachments: int | None
    edits: float  # the probability of each act of a person between two passes; 0: the accounts are read-only
    interference: float  # ... that somebody else changes the same record
    far: bool  # whether there is a mirror of the mirror, too
    far_edits: float  # the probability of each act of a person at that one, between two passes
    far_losses: float  # ... that the mirror's answer to it gets lost

    @classmethod
    def draw(cls, chance: random.Random, far: random.Random) -> Setting:
        """`far`: what the mirror of the mirror is drawn from, so that everything else is the same with it and without."""
        services = chance.sample(SERVICES, k=chance.choice((1, 1, 1, 2)))
        jitter_s = chance.choice((0, 0, 0, 20))
        followed = far.random() < 0.3
        return cls(
            accounts=tuple(
                _account(chance, name, service) for name, service in zip(("ada", "bob"), services, strict=False)
            ),
            options=_options(chance, jitter_s),
            upstream_ahead_s=chance.choice((0, 0, 0, 30, -3600, 86_400, -86_400 * 2, 86_400 * 9)),
            upstream_jitter_s=jitter_s,
            rounds=chance.choice((2, 3, 4, 5)),
            happening=chance.choice((0.0, 0.05, 0.15, 0.15, 0.4)),
            trouble=chance.choice((0.0, 0.03, 0.08, 0.08, 0.2)),
            crash=chance.choice((0.0, 0.3, 0.6)),
            reads=chance.choice((None, None, 3, 20)),
            attachments=chance.choice((None, None, 0, 2)),
            edits=chance.choice((0.0, 0.0, 0.3, 0.7)),
            interference=chance.choice((0.0, 0.2, 0.4)),
            far=followed,
            far_edits=far.choice((0.0, 0.3, 0.7)) if followed else 0.0,
            far_losses=far.choice((0.0, 0.0, 0.1)),
        )

    def of(self, name: str) -> AccountSetting:
        return next(one for one in self.accounts if one.name == name)


def _account(chance: random.Random, name: str, service: str) -> AccountSetting:
    amounts = {
        "folders": chance.randrange(1, 4), "calendars": chance.randrange(1, 3), "task_lists": chance.randrange(1, 3),
        "contacts": chance.choice((0, 1, 3, 8, 8, 60)), "events": chance.choice((0, 1, 6, 12)),
        "messages": chance.choice((0, 1, 6, 12)), "tasks": chance.choice((0, 1, 5)),
    }  # fmt: skip
    omitted = {
        kind: tuple(name for name in names if chance.random() < 0.5)
        for kind, names in OMITTED.items()
        if chance.random() < 0.6
    }
    since = chance.choice((None, None, "2025-06-01", "2024-09-15"))
    return AccountSetting(name, service, amounts, omitted, since, chance.choice((None, 0, 100)))


def _options(chance: random.Random, jitter_s: float) -> dict[str, Any]:
    hours = 3600.0
    limit = chance.choice((None, None, None, 2))
    return {
        "page_size": chance.choice((1, 2, 2, 3, 5, 50)),
        "ready_polls": chance.choice((0, 0, 0, 1, 3)),
        # Long enough for a walk when nothing is in its way: against shorter ones nobody could ever finish.
        "delta_token_lifetime_s": chance.choice((None, None, None, 600.0, 2 * hours, 24 * 20 * hours)),
        "page_token_lifetime_s": chance.choice((None, None, None, 60.0 if limit or jitter_s else 3.0, 120.0)),
        "delta_token_uses": chance.choice((None, None, None, None, 1, 2)),
        "page_token_uses": chance.choice((None, None, None, None, 1, 2)),
        "expired_page_status": chance.choice((400, 410)),
        "rate_limit": limit,
        "silent_outside": chance.random() < 0.5,
    }
