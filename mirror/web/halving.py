"""Ids are given in the order in which records came: the first id of a moment is found by halving. It reads nothing itself."""

from __future__ import annotations

from collections.abc import Callable


def first_id(new_from: Callable[[int], tuple[int, str] | None], at: str, low: int, high: int) -> int:
    """The first id in [low, high) of a record that was new at `at` or later; `high` where there is none.

    `new_from(id)`: the first record from an id on and when it was new; None where there is no more.
    """
    while low < high:
        middle = (low + high) // 2
        found = new_from(middle)
        if found is None or found[0] >= high:
            high = middle  # nothing between: ids that were purged
        elif found[1] >= at:
            high = middle
        else:
            low = found[0] + 1
    return low
