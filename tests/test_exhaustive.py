"""All short stories of one feed: whatever happens in whatever order, nothing is lost and nothing is made up."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest

from mirror.simulator.run import make_template
from mirror.simulator.small import Small

ACTS = ("create", "change", "delete", "vanish", "expire", "page", "crash", "sweep")
LENGTH = 4 if os.environ.get("CI") else 3
PULLS = ("page", "crash", "sweep")


def stories(length: int) -> Iterator[tuple[str, ...]]:
    """All that begin with a record, in which everything can happen, and nothing happens twice for the same."""
    for acts in product(ACTS, repeat=length - 1):
        story = ("create", *acts)
        live = 0
        for before, act in zip(("", *story), story, strict=False):
            live += {"create": 1, "delete": -1, "vanish": -1}.get(act, 0)
            if live < 0 or (act == "change" and live == 0) or (act == before and act in ("expire", "change")):
                break
        else:
            if any(act in PULLS for act in story):
                yield story


def told(folder: Path, template: Path, story: tuple[str, ...]) -> list[str]:
    folder.mkdir()
    small = Small(folder, template)
    try:
        for at, act in enumerate(story):
            # Each crash is at another statement, with the power gone or the connection dropped.
            more = {"statement": 6 + 5 * at, "power": at % 2 == 0, "after": at % 3 == 0} if act == "crash" else {}
            getattr(small, act)(**more)
        return small.faults()
    finally:
        small.close()
        shutil.rmtree(folder)


@pytest.mark.parametrize("second", ACTS)
def test_every_short_story_ends_with_the_truth(tmp_path: Path, second: str) -> None:
    template = make_template(tmp_path)
    wrong = {
        story: faults
        for number, story in enumerate(story for story in stories(LENGTH) if story[1] == second)
        if (faults := told(tmp_path / str(number), template, story))
    }

    assert wrong == {}


@pytest.mark.parametrize("act", PULLS)
def test_stories_reach_what_they_are_about(tmp_path: Path, act: str) -> None:
    assert sum(act in story for story in stories(4)) > 50
