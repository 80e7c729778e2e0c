"""A mirror of a mirror equals the mirror: raw, parents and tombstones, also after edits at both ends."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from chain import Chain, differences
from worlds import CONTACTS

from mirror.errors import RetryLater

SEEDS = 24 if os.environ.get("CI") else 6


@pytest.mark.parametrize("seed", range(SEEDS))
def test_a_mirror_of_a_mirror_equals_it_after_any_life_and_edits_at_both_ends(tmp_path: Path, seed: int) -> None:
    chain = Chain(tmp_path, seed)
    chain.sync()
    chain.live(120)

    chain.quiet()

    assert differences(chain.near.store, chain.far.store) == []
    for world in (chain.near, chain.far):
        world.is_sound()
    chain.close()


def test_a_mirror_that_has_never_synced_does_not_say_whose_mailbox_it_is(tmp_path: Path) -> None:
    chain = Chain(tmp_path, 0)

    with pytest.raises(RetryLater, match="408"):
        chain.far.pull()
    chain.sync()
    chain.far.pull()

    numbers = [world.value("SELECT remote_id FROM accounts") for world in (chain.near, chain.far)]
    assert numbers == [str(chain.upstream.account.id)] * 2
    chain.close()


def test_a_change_follows_a_record_to_the_name_that_upstream_gave_it_meanwhile(tmp_path: Path) -> None:
    chain, local = created_far_away(tmp_path)
    chain.far.edit(CONTACTS, local, "change", {"nickName": "Countess"})
    settle_near(chain)
    chain.far.pull()

    chain.far.push()
    chain.quiet()

    assert [record["nickName"] for record in chain.upstream.live(CONTACTS).values()] == ["Countess"]
    assert differences(chain.near.store, chain.far.store) == []
    chain.close()


def test_a_deletion_of_what_has_another_name_by_now_is_not_taken_for_done(tmp_path: Path) -> None:
    chain, local = created_far_away(tmp_path)
    chain.far.edit(CONTACTS, local, "delete")
    settle_near(chain)
    chain.far.pull()

    (edit,) = chain.far.push()

    assert (edit.state, (edit.theirs or {})["nickName"]) == ("conflict", "Ada"), "upstream has added fields of its own"
    chain.close()


def created_far_away(folder: Path) -> tuple[Chain, str]:
    """A contact that the far mirror has made, and the name by which both mirrors know it before upstream does."""
    chain = Chain(folder, 0)
    chain.sync()
    chain.far.edit(CONTACTS, None, "create", {"nickName": "Ada"})
    chain.far.push()
    chain.far.pull()
    return chain, chain.far.value("SELECT remote_id FROM contacts")


def settle_near(chain: Chain) -> None:
    chain.near.push()
    chain.near.pull()
