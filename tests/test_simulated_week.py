"""A week with many accounts of mixed health: at its end every state is right, and each notice has been sent exactly once."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from week import FATES, Fate, Week

ON_CI = bool(os.environ.get("CI"))
ACCOUNTS = 50 if ON_CI else len(FATES)
SEEDS = range(1, 3) if ON_CI else range(1, 2)
WEEK_H = 7 * 24


@pytest.fixture
def week(quick_path: Path) -> Iterator[Callable[..., Week]]:
    made: list[Week] = []

    def make(count: int, **more: float) -> Week:
        fates: list[Fate] = [FATES[number % len(FATES)] for number in range(count)]
        made.append(Week(quick_path / f"home-{len(made)}", fates, **more))
        return made[-1]

    yield make
    for one in made:
        one.close()


def told(week: Week, hook: str) -> dict[str, list[str]]:
    return {name: week.told[hook].distinct(name) for name in week.fates}


def test_after_a_week_every_state_is_right_and_each_notice_was_sent_exactly_once(week: Callable[..., Week]) -> None:
    lived = week(ACCOUNTS)

    lived.go_on(WEEK_H)

    assert lived.states() == lived.expected()
    expected = {name: list(fate.told) for name, fate in lived.fates.items()}
    assert told(lived, "exec") == expected
    assert told(lived, "ping_url") == expected
    assert lived.told["exec"].repeated() == lived.told["ping_url"].repeated() == set()


@pytest.mark.parametrize("seed", SEEDS)
def test_a_process_that_dies_again_and_again_sends_each_notice_and_none_twice_but_what_it_could_not_note(
    week: Callable[..., Week], seed: int
) -> None:
    lived = week(len(FATES), seed=seed, crashes=0.01)

    lived.go_on(WEEK_H)

    assert lived.died > 30
    assert lived.states() == lived.expected()
    expected = {name: list(fate.told) for name, fate in lived.fates.items()}
    for hook in lived.told:
        assert told(lived, hook) == expected
        assert lived.told[hook].repeated() <= lived.told[hook].unnoted


def test_what_is_told_says_since_when_and_what_helps(week: Callable[..., Week]) -> None:
    lived = week(4)

    lived.go_on(48)

    (notice,) = [one for one in lived.told["exec"].arrived if one.account.endswith("dead token")]
    assert notice.command == f"mirror account login '{notice.account}'"
    assert notice.was == "healthy"
    assert notice.what == f"{notice.account}: nothing arrives until you sign in again."
