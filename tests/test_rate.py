"""How many requests leave in a second, of one account and of all of them together."""

from __future__ import annotations

import httpx
import pytest

from mirror.clock import VirtualClock
from mirror.feed import Feed
from mirror.sources.aurinko import Aurinko
from mirror.sources.rate import ACCOUNT_PER_S, BURST, PROCESS_PER_S, Rate, rates

LIMIT_OF_UPSTREAM_PER_S = 250


def test_a_burst_leaves_at_once_and_then_the_pace_is_kept() -> None:
    clock = VirtualClock()
    rate = Rate(clock, per_s=10, burst=5)

    waits = [rate.take() for _ in range(8)]

    assert waits[:5] == [0.0] * 5
    assert waits[5:] == pytest.approx([0.1, 0.2, 0.3])


def test_unused_seconds_are_saved_up_to_a_burst_only() -> None:
    clock = VirtualClock()
    rate = Rate(clock, per_s=10, burst=5)
    for _ in range(20):
        rate.take()

    clock.sleep(3600)

    assert [rate.take() for _ in range(5)] == [0.0] * 5
    assert rate.take() == pytest.approx(0.1)


def test_all_accounts_together_stay_below_what_upstream_allows() -> None:
    clock = VirtualClock()
    first = rates(clock)
    several = [first, *(first.of_another(clock) for _ in range(7))]
    while several[0].process.take() == 0:
        pass

    before = clock.monotonic()
    sent = 0
    while clock.monotonic() - before < 10:
        for one in several:
            wait_s = one.take()
            clock.sleep(wait_s)
            sent += 1

    assert sent / 10 <= PROCESS_PER_S + 1
    assert PROCESS_PER_S < LIMIT_OF_UPSTREAM_PER_S
    assert ACCOUNT_PER_S <= PROCESS_PER_S


def test_waiting_for_ones_turn_takes_nothing_from_the_patience() -> None:
    clock = VirtualClock()
    budget = rates(clock)
    pages = httpx.MockTransport(lambda request: httpx.Response(200, json={"records": []}))
    source = Aurinko("http://upstream", {"token": "t"}, clock=clock, budget_s=0.0, rates=budget, transport=pages)

    for _ in range(4 * BURST):
        source.page(Feed("calendars"), None)

    assert clock.monotonic() > 0.5
    assert source.traffic.retries == 0
    assert source.traffic.waited_s == 0.0
