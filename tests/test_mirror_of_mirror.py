"""A mirror of a mirror equals the mirror: raw, parents and tombstones, also after edits at both ends."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from chain import Chain, differences
from local_served import new_token, served_api
from mirror_cli import Cli, Upstream
from worlds import CONTACTS

from mirror.errors import RetryLater
from mirror.store.connection import open_store

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


def test_two_mirrors_in_a_row_are_equal_over_http_after_edits_at_both_ends(
    cli: Cli, upstream: Upstream, quick_path: Path
) -> None:
    far = Cli(quick_path / "far")
    cli.add("work", upstream, "--since", "all")
    typed(cli, "sync")
    typed(cli, "account", "writable", "work", "on")
    token = new_token(cli, "far")
    with served_api(cli) as url:
        typed(far, "account", "add", "copy", "--base-url", f"{url}/v1", "--since", "all", "--token-stdin", by=token)
        typed(far, "sync")
        typed(far, "account", "writable", "copy", "on")
        assert different(cli, far) == []

        changed, gone, *_ = upstream.ids("contacts")
        upstream.state.change(upstream.account.id, "contacts", changed, {"nickName": "Amazing Grace"})
        upstream.delete("contacts", gone)
        typed(cli, "edit", "event", "1", "location=Room 1")
        typed(cli, "new", "contact", "nickName=Made near")
        typed(far, "edit", "task", "1", "title=Reworded far away")
        typed(far, "new", "contact", "nickName=Made far away")
        for mirror in (far, cli, far):
            typed(mirror, "sync")

        assert different(cli, far) == []
    names = {record.get("nickName") for record in upstream.state.records(upstream.account.id, "contacts")}
    assert names == {"Amazing Grace", "Made near", "Made far away", None}
    assert far.query("SELECT title FROM tasks WHERE id = 1") == [("Reworded far away",)]
    assert far.query("SELECT location FROM events WHERE id = 1") == [("Room 1",)]
    assert far.query("SELECT deletion FROM contacts WHERE remote_id = ?", gone) == [("reported",)]


def typed(cli: Cli, *arguments: str, by: str = "") -> None:
    ran = cli(*arguments, typed=by)
    assert ran.code == 0, ran


def different(near: Cli, far: Cli) -> list[str]:
    stores = [open_store(cli.home) for cli in (near, far)]
    try:
        return differences(*stores)
    finally:
        for store in stores:
            store.close()


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
