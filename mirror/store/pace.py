"""When a feed is due: what its row says of how lively it is and of the trouble it was in. It starts no pass."""

from __future__ import annotations

from datetime import timedelta

from mirror import clock as clocks
from mirror import resources
from mirror.clock import Clock
from mirror.resources import KINDS
from mirror.store.journal import FeedRow

CLOCK_JUMPED = timedelta(days=2)  # longer waits than this come from a clock that was set back


def is_due(feed: FeedRow, clock: Clock, factor: float, jitter: float, *, watched: bool = False) -> bool:
    """Whether the schedule wants a pass over this feed now. `jitter` in [0, 1) spreads the feeds over a tenth of their
    interval."""
    return feed.state != "stopped" and due_in_s(feed, clock, factor, jitter, watched=watched) <= 0


def due_in_s(feed: FeedRow, clock: Clock, factor: float, jitter: float = 0.0, *, watched: bool = False) -> float:
    """The seconds until the schedule wants a pass over a feed; 0 or less: now."""
    now = clock.now()
    if feed.retry_at is not None:
        wait = clocks.moment(feed.retry_at) - now
        return wait.total_seconds() if wait <= CLOCK_JUMPED else 0.0
    if feed.caught_up_at is None or feed.state in ("new", "listing"):
        return 0.0
    elapsed_s = (now - clocks.moment(feed.caught_up_at)).total_seconds()
    wanted_s = interval_s(feed, clock, factor, watched=watched) * (0.95 + 0.1 * jitter)
    return wanted_s - elapsed_s if elapsed_s >= -60 else 0.0


def interval_s(feed: FeedRow, clock: Clock, factor: float, *, watched: bool = False) -> float:
    """The seconds between two passes over a feed, as lively as it is now. `factor`: the account's own.

    `watched`: the mirror that asks is told of changes by upstream.
    """
    kind = KINDS[feed.kind]
    if feed.state == "held":
        return kind.interval_s * factor * 24
    quiet_s = None
    if feed.changed_at is not None:
        quiet_s = (clock.now() - clocks.moment(feed.changed_at)).total_seconds()
    return resources.interval_s(kind, quiet_s, watched=watched) * factor
