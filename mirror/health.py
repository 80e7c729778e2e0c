"""How each account does: what is wrong with it, since when, and the command that helps; and when that is to be told.

It judges from the facts that `store/health.py` reads; it asks nobody, and writes nothing.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from mirror import clock as clocks
from mirror import moments
from mirror.resources import KINDS
from mirror.store.health import AccountFacts, FeedFacts, Told

UNHEALTHY = ("stale", "stuck", "conflict", "held", "needs_auth")
"""From bad to worst: the worst that there is names the account's state."""

STATES = ("new", "paused", "healthy", *UNHEALTHY)
FOR_A_PERSON = frozenset({"conflict", "held", "needs_auth"})
"""Nothing that the mirror could do by itself would end these."""

STALE_AFTER_S = 3600.0
LATE_INTERVALS = 3
FIRST_LISTING_S = 86_400.0  # a large mailbox takes hours, in which its other feeds wait
GRACE_S = 900.0  # a laptop that wakes up is stale until its first pass has ended; nobody is told of that

_PLURAL = {"messages": "mails", "task_lists": "task lists"}


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that is wrong. `what` begins with the account's name; `command` is what helps. `kind`: the table's name."""

    state: str
    what: str
    command: str
    since: str | None = None
    kind: str | None = None


@dataclass(frozen=True, slots=True)
class Health:
    """How an account does. `troubles`: worst first; `since`: as far as the facts themselves tell."""

    account_id: int
    account: str
    state: str
    troubles: tuple[Trouble, ...] = ()
    since: str | None = None

    @property
    def unhealthy(self) -> bool:
        return self.state in UNHEALTHY

    @property
    def what(self) -> str:
        """One sentence."""
        if self.unhealthy:
            return self.troubles[0].what
        return {
            "new": f"{self.account}: nothing was brought in yet.",
            "paused": f"{self.account} is paused.",
        }.get(self.state, f"{self.account} is up to date.")

    @property
    def command(self) -> str | None:
        """The command that helps; None: none is needed."""
        if self.unhealthy:
            return self.troubles[0].command
        verb = {"new": "sync", "paused": "account resume"}.get(self.state)
        return f"mirror {verb} {shlex.quote(self.account)}" if verb else None


def judge(account: AccountFacts, now: datetime, *, stale_after_s: float = STALE_AFTER_S) -> Health:
    """The health of one account."""
    troubles = sorted(
        [
            *_needs_auth(account),
            *_held(account),
            *_conflicts(account),
            *_stuck(account),
            *_stale(account, now, stale_after_s),
        ],
        key=lambda trouble: -UNHEALTHY.index(trouble.state),
    )
    if account.status == "paused":  # a person has put it aside, with what is wrong with it
        state = "paused"
    elif troubles:
        state = troubles[0].state
    else:
        state = "healthy" if any(feed.caught_up_at for feed in account.feeds) else "new"
    since = troubles[0].since if troubles and state == troubles[0].state else None
    return Health(account.id, account.name, state, tuple(troubles), since)


def judge_all(accounts: Iterable[AccountFacts], now: datetime, *, stale_after_s: float = STALE_AFTER_S) -> list[Health]:
    """The health of each account."""
    return [judge(account, now, stale_after_s=stale_after_s) for account in accounts]


def plural(kind: str, count: int = 2) -> str:
    """What records of a kind are called in a sentence."""
    if count == 1:
        return "mail" if kind == "messages" else KINDS[kind].singular
    return _PLURAL.get(kind, kind)


# --- what can be wrong ------------------------------------------------------------------------------------------------


def _needs_auth(account: AccountFacts) -> list[Trouble]:
    if account.status != "needs_auth":
        return []
    wrong = account.status_detail == "wrong_mailbox"
    why = "its token answers for another mailbox" if wrong else "nothing arrives until you sign in again"
    return [Trouble("needs_auth", f"{account.name}: {why}.", f"mirror account login {shlex.quote(account.name)}")]


def _held(account: AccountFacts) -> list[Trouble]:
    return [
        Trouble(
            "held",
            f"{account.name}: upstream lists so few {plural(kind)} that too many would be deleted. Nothing was; look first.",
            f"mirror accept {shlex.quote(account.name)} {kind}",
            kind=kind,
        )
        for kind in dict.fromkeys(feed.kind for feed in account.feeds if feed.state == "held")
    ]


def _conflicts(account: AccountFacts) -> list[Trouble]:
    found = []
    for kind, count in account.conflicts.items():
        meets = "meets a change" if count == 1 else "meet changes"
        what = f"{account.name}: {count:,} of your edits of {plural(kind)} {meets} made elsewhere: choose."
        found.append(Trouble("conflict", what, "mirror outbox", kind=kind))
    for kind, count in account.rejected.items():
        was = "was" if count == 1 else "were"
        what = f"{account.name}: {count:,} of your edits of {plural(kind)} {was} refused upstream: look at it."
        found.append(Trouble("conflict", what, "mirror outbox", kind=kind))
    return found


def _stuck(account: AccountFacts) -> list[Trouble]:
    counts: dict[str, int] = {}
    first_at: dict[str, str] = {}
    for feed in account.feeds:
        if feed.stuck:
            counts[feed.kind] = counts.get(feed.kind, 0) + feed.stuck
            first_at[feed.kind] = min(filter(None, (feed.stuck_at, first_at.get(feed.kind))), default="")
    return [
        Trouble(
            "stuck",
            f"{account.name}: {count:,} {plural(kind, count)} could not be stored. The bytes are kept; the rest goes on.",
            f"mirror retry {shlex.quote(account.name)}",
            first_at[kind] or None,
            kind,
        )
        for kind, count in counts.items()
    ]


# --- nothing comes in any more ----------------------------------------------------------------------------------------


def _stale(account: AccountFacts, now: datetime, stale_after_s: float) -> list[Trouble]:
    if account.status != "active":
        return []
    asked = [feed for feed in account.feeds if feed.state not in ("held", "stopped") and not _refused(feed)]
    patience_s = FIRST_LISTING_S if any(_under_way(account, feed) for feed in asked) else 0.0
    late: dict[str, str] = {}
    for feed in asked:
        since = feed.caught_up_at or feed.first_run_at
        allowed_s = max(stale_after_s, LATE_INTERVALS * feed.interval_s, patience_s)
        if since is not None and _age_s(since, now) > allowed_s:
            late[feed.kind] = min(since, late.get(feed.kind, since))
    never = not any(feed.caught_up_at for feed in account.feeds)
    if never and account.status_detail and _age_s(account.created_at, now) > stale_after_s:
        late = {"": account.created_at}
    if not late:
        return []
    since = min(late.values())
    return [Trouble("stale", _not_caught_up(account.name, late, asked, since, never, now),
                    f"mirror sync {shlex.quote(account.name)}", since)]  # fmt: skip


def _not_caught_up(
    name: str, late: Mapping[str, str], asked: Sequence[FeedFacts], since: str, never: bool, now: datetime
) -> str:
    ago = moments.ago(since, now)
    if never:
        return f"{name}: nothing could be brought in since it was added, {ago}."
    if set(late) == {feed.kind for feed in asked}:
        return f"{name}: last up to date {ago}."
    return f"{name}: {' and '.join(plural(kind) for kind in late)} were last up to date {ago}."


def _refused(feed: FeedFacts) -> bool:
    """A scope that was never granted is how a person wanted it."""
    return feed.caught_up_at is None and (feed.error or "").startswith("NotPermitted")


def _under_way(account: AccountFacts, feed: FeedFacts) -> bool:
    return (feed.state == "listing" or bool(feed.walking)) and feed.error is None and account.status_detail is None


def _age_s(since: str, now: datetime) -> float:
    return (now - clocks.moment(since)).total_seconds()


# --- being told -------------------------------------------------------------------------------------------------------


def decided(row: Told | None, health: Health, hooks: Sequence[str], now: datetime, *, grace_s: float = GRACE_S) -> Told:
    """The row of `health` as it is to be: equal to the one before when there is nothing new to keep or to tell.

    A person is told of each state of trouble once, when it comes about, and once when all is well again: `untold` says
    whom that is still to be told. Not told is what a person did (paused, removed), a first bringing-in that went well, and
    staleness that ends within `grace_s`.
    """
    at = clocks.text(now)
    row = row or Told(health.account_id, health.state, at)
    if row.state != health.state:
        row = replace(row, state=health.state, since=at)
    states = {trouble.state for trouble in health.troubles} if health.unhealthy else set()
    row = replace(row, seen={state: row.seen.get(state, at) for state in states})
    if not hooks or not (health.unhealthy or health.state == "healthy"):
        return row
    known = told_of(row.told)
    ripe = {state for state in states if state != "stale" or not _within(row.seen[state], now, grace_s)}
    if ripe - known or (known and not states):
        return _to_be_told(row, ripe, hooks, at)
    if ripe and ripe < known:  # that it is less is no news, but more would be
        return replace(row, told=_joined(ripe))
    return row


def told_of(told: str | None) -> set[str]:
    """The states of trouble in what somebody was told of."""
    return set((told or "").split()) - {"healthy"}


def worst(states: set[str]) -> str:
    """The one that names the others' account."""
    return max(states, key=UNHEALTHY.index, default="healthy")


def _to_be_told(row: Told, states: set[str], hooks: Sequence[str], at: str) -> Told:
    last = {hook: row.untold.get(hook, row.told or "healthy") for hook in hooks}
    untold = {hook: told for hook, told in last.items() if told_of(told) != states}  # who never heard of what is over
    return replace(row, told=_joined(states), told_at=at, untold=untold)


def _joined(states: set[str]) -> str:
    return " ".join(sorted(states, key=UNHEALTHY.index, reverse=True)) or "healthy"


def _within(since: str, now: datetime, seconds: float) -> bool:
    return (
        0 <= _age_s(since, now) < seconds
    )  # below zero, the clock was set back: then there is no telling how long it is
