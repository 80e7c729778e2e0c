"""How an account's health is judged, and what of it is to be told: from facts alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mirror import clock as clocks
from mirror.health import GRACE_S, STATES, Health, decided, judge
from mirror.store.health import AccountFacts, FeedFacts, Told

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def ago(**span: float) -> str:
    return clocks.text(NOW - timedelta(**span))


def feed(kind: str = "messages", **more: Any) -> FeedFacts:
    known = {
        "state": "following", "walking": 0, "caught_up_at": ago(minutes=1), "first_run_at": None, "error": None, "stuck": 0,
        "stuck_at": None, "interval_s": 60.0,
    }  # fmt: skip
    return FeedFacts(kind=kind, **{**known, **more})


def account(*feeds: FeedFacts, **more: Any) -> AccountFacts:
    known: dict[str, Any] = {
        "id": 1, "name": "work", "status": "active", "status_detail": None, "created_at": ago(days=90), "conflicts": {},
        "rejected": {},
    }  # fmt: skip
    return AccountFacts(feeds=feeds, **{**known, **more})


@pytest.mark.parametrize(
    ("facts", "state", "command"),
    [
        (account(feed()), "healthy", None),
        (account(), "new", "mirror sync work"),
        (account(feed(caught_up_at=None, state="new")), "new", "mirror sync work"),
        (account(feed(), status="paused"), "paused", "mirror account resume work"),
        (account(feed(caught_up_at=ago(days=2))), "stale", "mirror sync work"),
        (account(feed(), feed("contacts", stuck=2, stuck_at=ago(days=1))), "stuck", "mirror retry work"),
        (account(feed(), conflicts={"events": 1}), "conflict", "mirror outbox"),
        (account(feed(), rejected={"events": 1}), "conflict", "mirror outbox"),
        (account(feed(state="held")), "held", "mirror accept work messages"),
        (account(feed(), status="needs_auth"), "needs_auth", "mirror account login work"),
    ],
)
def test_each_state_has_its_sentence_and_the_command_that_helps(
    facts: AccountFacts, state: str, command: str | None
) -> None:
    judged = judge(facts, NOW)

    assert (judged.state, judged.command) == (state, command)
    assert judged.what.startswith("work")
    assert judged.what.endswith(".")


def test_the_worst_names_the_state_and_the_others_stay_in_the_list() -> None:
    facts = account(feed(state="held"), feed("contacts", stuck=1, stuck_at=ago(days=3)), status="needs_auth")

    judged = judge(facts, NOW)

    assert [trouble.state for trouble in judged.troubles] == ["needs_auth", "held", "stuck"]
    assert judged.state == "needs_auth"


def test_a_name_with_odd_characters_makes_a_command_that_can_be_typed() -> None:
    assert judge(account(feed(), name="my&work", status="needs_auth"), NOW).command == "mirror account login 'my&work'"


# --- stale ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("facts", "stale"),
    [
        (account(feed(caught_up_at=ago(minutes=59))), False),
        (account(feed(caught_up_at=ago(minutes=61))), True),
        (account(feed(interval_s=3600.0, caught_up_at=ago(hours=2.9))), False),
        (account(feed(interval_s=3600.0, caught_up_at=ago(hours=3.1))), True),
        (account(feed(), feed("contacts", caught_up_at=ago(days=1))), True),
        (account(feed(), feed("contacts", caught_up_at=ago(days=1), state="stopped")), False),
        (account(feed(), feed("contacts", caught_up_at=None, error="NotPermitted: x was not granted",
                              first_run_at=ago(days=9))), False),
        (account(feed(), feed("contacts", caught_up_at=ago(days=1), error="NotPermitted: 403")), True),
        (account(feed(), feed("contacts", caught_up_at=None, first_run_at=ago(days=1), error="RetryLater")), True),
        (account(feed(), feed("contacts", caught_up_at=None, first_run_at=ago(minutes=5), error="RetryLater")), False),
        (account(status_detail="RetryLater: 503", created_at=ago(days=1)), True),
        (account(status_detail="RetryLater: 503", created_at=ago(minutes=5)), False),
        (account(feed(caught_up_at=ago(days=9)), status="paused"), False),
        (account(feed(caught_up_at=ago(days=9)), status="needs_auth"), False),
        (account(feed(caught_up_at=clocks.text(NOW + 9 * DAY))), False),
        # A first listing under way is given a day, and so are the feeds that wait behind it.
        (account(feed(caught_up_at=None, state="listing", first_run_at=ago(hours=20)),
                 feed("contacts", caught_up_at=ago(hours=20))), False),
        (account(feed(caught_up_at=None, state="listing", first_run_at=ago(hours=25))), True),
        (account(feed(caught_up_at=ago(hours=3), walking=1, error="RetryLater: 503")), True),
    ],
)  # fmt: skip
def test_stale_is_what_has_not_caught_up_for_too_long_and_nothing_else(facts: AccountFacts, stale: bool) -> None:
    assert ("stale" in {trouble.state for trouble in judge(facts, NOW).troubles}) is stale


def test_a_person_may_say_how_long_is_too_long() -> None:
    facts = account(feed(caught_up_at=ago(hours=5)))

    assert judge(facts, NOW, stale_after_s=6 * 3600).state == "healthy"


def test_stale_says_since_when_and_what() -> None:
    everything = judge(account(feed(caught_up_at=ago(days=2))), NOW)
    some = judge(account(feed(), feed("contacts", caught_up_at=ago(days=3))), NOW)
    never = judge(account(status_detail="RetryLater: 503", created_at=ago(days=4)), NOW)

    assert everything.what == "work: last up to date 2 days ago."
    assert some.what == "work: contacts were last up to date 3 days ago."
    assert never.what == "work: nothing could be brought in since it was added, 4 days ago."
    assert everything.since == ago(days=2)


# --- what is to be told -------------------------------------------------------------------------------------------------


class Person:
    """Who is told, by one hook, of what `decided` says; time passes in between."""

    def __init__(self, *hooks: str) -> None:
        self.hooks = hooks
        self.now = NOW
        self.row: Told | None = None

    def sees(self, *states: str, after_s: float = 60.0) -> str | None:
        """What is to be told when this is wrong with the account, all of which then is told."""
        self.now += timedelta(seconds=after_s)
        quiet = states[0] if states and states[0] in STATES[:3] else None
        facts = account(
            feed(caught_up_at=ago(days=2) if "stale" in states else clocks.text(self.now),
                 state="held" if "held" in states else "following"),
            feed("contacts", stuck=int("stuck" in states), caught_up_at=clocks.text(self.now)),
            status="needs_auth" if "needs_auth" in states else quiet if quiet == "paused" else "active",
            conflicts={"events": 1} if "conflict" in states else {},
        )  # fmt: skip
        health = judge(facts, self.now) if quiet != "new" else Health(1, "work", "new")
        before = self.row
        self.row = decided(self.row, health, self.hooks, self.now)
        told = self.row.told if self.row.untold else None
        assert (self.row.told_at != (before.told_at if before else None)) is bool(told)
        self.row = replace(self.row, untold={})
        return told


def test_what_comes_about_is_told_once_and_that_it_is_over_once() -> None:
    person = Person("exec")

    told = [person.sees(*states) for states in [(), ("needs_auth",), ("needs_auth",), (), ()]]

    assert told == [None, "needs_auth", None, "healthy", None]


def test_what_is_wrong_from_the_start_is_told() -> None:
    assert Person("exec").sees("held") == "held"


def test_a_second_trouble_is_told_beside_the_first_and_its_end_is_not() -> None:
    person = Person("exec")

    told = [
        person.sees(*states) for states in [("stuck",), ("held", "stuck"), ("stuck",), ("held", "stuck"), ("held",), ()]
    ]

    assert told == ["stuck", "held stuck", None, "held stuck", None, "healthy"]


def test_what_a_lesser_trouble_joins_is_not_hidden_by_the_greater_one() -> None:
    person = Person("exec")
    person.sees("conflict")

    assert person.sees("conflict", "stale") is None
    assert person.sees("conflict", "stale", after_s=GRACE_S) == "conflict stale"


def test_staleness_that_ends_within_its_grace_is_never_mentioned() -> None:
    person = Person("exec")
    person.sees()

    told = [person.sees("stale"), person.sees("stale", after_s=GRACE_S / 2), person.sees(), person.sees("stale")]

    assert told == [None] * 4


def test_staleness_that_lasts_is_told_after_its_grace() -> None:
    person = Person("exec")

    assert [person.sees("stale"), person.sees("stale", after_s=GRACE_S), person.sees()] == [None, "stale", "healthy"]


def test_while_a_person_has_paused_it_nothing_is_told_and_after_that_only_news() -> None:
    person = Person("exec")
    person.sees("held")

    assert [person.sees("paused"), person.sees("held"), person.sees()] == [None, None, "healthy"]


def test_a_new_account_is_no_news_and_that_it_came_in_neither() -> None:
    person = Person("exec")

    assert [person.sees("new"), person.sees()] == [None, None]


def test_without_hooks_nothing_counts_as_told_so_that_a_later_hook_is_told() -> None:
    person = Person()
    person.sees("needs_auth")
    person.hooks = ("exec",)

    assert person.sees("needs_auth") == "needs_auth"


def test_a_hook_that_was_never_reached_is_not_told_that_it_is_over() -> None:
    sick, well = judge(account(feed(state="held")), NOW), judge(account(feed()), NOW)

    first = decided(None, sick, ("exec", "ping_url"), NOW)
    reached = replace(first, untold={"ping_url": first.untold["ping_url"]})  # exec has been told
    second = decided(reached, well, ("exec", "ping_url"), NOW + DAY)

    assert first.untold == {"exec": "healthy", "ping_url": "healthy"}
    assert second.untold == {"exec": "held"}


def test_since_is_when_a_state_was_first_seen() -> None:
    sick = judge(account(feed(state="held")), NOW)

    first = decided(None, sick, (), NOW)
    second = decided(first, sick, (), NOW + DAY)

    assert first.since == second.since == clocks.text(NOW)
    assert second.seen == {"held": clocks.text(NOW)}


def test_a_clock_that_was_set_back_does_not_keep_staleness_quiet_for_ever() -> None:
    stale = judge(account(feed(caught_up_at=ago(days=9))), NOW)
    first = decided(None, stale, ("exec",), NOW)

    assert decided(first, stale, ("exec",), NOW - DAY).untold == {"exec": "healthy"}
