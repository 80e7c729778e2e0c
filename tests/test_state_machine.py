"""Long stories of one feed, as Hypothesis thinks them up; the verdict at the end is the simulator's."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from mirror.simulator.run import make_template
from mirror.simulator.small import NAMES, Small

names = st.sampled_from(NAMES)


class OneFeed(RuleBasedStateMachine):
    """Upstream and machine misbehave in any order, for as long as Hypothesis likes."""

    small: Small | None = None

    @initialize(page_size=st.integers(1, 3))
    def begin(self, page_size: int) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="mirror-machine-")
        folder = Path(self.folder.name)
        self.small = Small(folder, make_template(folder), page_size)

    @property
    def world(self) -> Small:
        assert self.small is not None
        return self.small

    @rule(name=names)
    def create(self, name: str) -> None:
        self.world.create(name)

    @rule(name=names)
    def change(self, name: str) -> None:
        self.world.change(name)

    @rule(name=names, silently=st.booleans())
    def delete(self, name: str, silently: bool) -> None:
        self.world.delete(name, silently=silently)

    @rule()
    def expire(self) -> None:
        self.world.expire()

    @rule()
    def page(self) -> None:
        self.world.page()

    @rule()
    def sweep(self) -> None:
        self.world.sweep()

    @rule(statement=st.integers(1, 60), after=st.booleans(), power=st.booleans())
    def crash(self, statement: int, after: bool, power: bool) -> None:
        self.world.crash(statement, after=after, power=power)

    def teardown(self) -> None:
        if self.small is None:
            return
        try:
            assert self.small.faults() == []
        finally:
            self.small.close()
            self.folder.cleanup()


TestOneFeed = OneFeed.TestCase
TestOneFeed.settings = settings(
    max_examples=100 if os.environ.get("CI") else 15,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
