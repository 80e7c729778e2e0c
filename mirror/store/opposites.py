"""An edit undone while other things have changed: what it did is taken out, what anybody else did stays. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mirror import merge
from mirror.merge.comparing import readable

Fields = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Opposite:
    """The patch that undoes, and the paths where something else has changed since: they stay as they are."""

    patch: Fields
    kept: tuple[str, ...]


def opposite(form: str, before: Mapping[str, Any], patch: Mapping[str, Any], now: Mapping[str, Any]) -> Opposite:
    """What takes `patch`, that was laid over `before`, out of the record as it is now."""
    done = merge.apply(form, before, patch)
    back = {name: readable(form, before).get(name) for name in patch}
    merged = merge.merge(form, merge.basis(form, done, back), back, now)
    undone = merge.resolve(form, merged, {overlap.path: "theirs" for overlap in merged.overlaps})
    return Opposite(
        {name: value for name, value in undone.items() if not merge.same(form, name, value, now.get(name))},
        tuple(overlap.path for overlap in merged.overlaps),
    )


def without(
    form: str,
    taken_back: tuple[Mapping[str, Any], Mapping[str, Any]],
    base: Mapping[str, Any],
    patch: Mapping[str, Any],
) -> tuple[Fields, Fields]:
    """An edit that was made on top of one that is taken back (its base and patch): its own base and patch without that one."""
    shared = {name: value for name, value in taken_back[1].items() if name in patch}
    world = merge.apply(form, base, opposite(form, taken_back[0], shared, base).patch)
    merged = merge.merge(form, merge.basis(form, base, patch), patch, world)
    return world, merge.resolve(form, merged, {overlap.path: "mine" for overlap in merged.overlaps})
