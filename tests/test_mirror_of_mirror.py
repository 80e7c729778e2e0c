"""A mirror of a mirror equals the mirror: raw, parents and tombstones, also after edits at both ends."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from chain import Chain, differences, open_edits
from local_served import new_token, served_api
from mirror_cli import Cli, Upstream
from worlds import CALENDARS, CONTACTS, EVENTS, MESSAGES, TASK_LISTS, TASKS

from mirror.errors import RetryLater, Unsure
from mirror.feed import LOCAL, Feed, Gone, Receipt, Write
from mirror.sources.base import Source
from mirror.store import journal, outbox
from mirror.store.connection import open_store

SEEDS = 24 if os.environ.get("CI") else 6


@pytest.mark.parametrize("seed", range(SEEDS))
def test_a_mirror_of_a_mirror_equals_it_after_any_life_and_edits_at_both_ends(tmp_path: Path, seed: int) -> None:
    chain = Chain(tmp_path, seed)
    chain.sync()
    chain.live(120)

    chain.quiet()

    all_agree(chain, CONTACTS, MESSAGES)
    assert chain.made_twice() == []
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


def test_both_ends_change_one_contact_offline_and_nothing_of_either_is_lost(tmp_path: Path) -> None:
    chain = with_ada(tmp_path)
    chain.near.edit(CONTACTS, "ada", "change", {"notes": "from near", "emailAddresses": addresses("ada", "near")})
    chain.far.edit(CONTACTS, "ada", "change", {"nickName": "Countess", "emailAddresses": addresses("ada", "far")})
    chain.upstream.put(CONTACTS, "ada", "Ada", company={"jobTitle": "Analyst"}, emailAddresses=addresses("ada", "up"))

    chain.quiet()

    ada = chain.upstream.live(CONTACTS)["ada"]
    assert (ada["notes"], ada["nickName"], ada["company"]["jobTitle"]) == ("from near", "Countess", "Analyst")
    assert {one["address"] for one in ada["emailAddresses"]} == {
        f"{name}@example.org" for name in ("ada", "near", "far", "up")
    }
    all_agree(chain)
    chain.close()


def test_of_two_offline_changes_of_one_field_the_later_to_arrive_is_for_its_person(tmp_path: Path) -> None:
    chain = with_ada(tmp_path)
    chain.near.edit(CONTACTS, "ada", "change", {"nickName": "Said near"})
    chain.far.edit(CONTACTS, "ada", "change", {"nickName": "Said far away", "notes": "kept"})

    (edit,) = chain.far.push()

    assert (edit.state, (edit.theirs or {})["nickName"]) == ("conflict", "Said near")
    outbox.resolve(chain.far.store, edit, {"nickName": "Said far away", "notes": "kept"})
    chain.quiet()
    ada = chain.upstream.live(CONTACTS)["ada"]
    assert (ada["nickName"], ada["notes"]) == ("Said far away", "kept")
    all_agree(chain)
    chain.close()


def test_a_deletion_far_away_of_what_was_changed_near_meanwhile_is_for_its_person(tmp_path: Path) -> None:
    chain = with_ada(tmp_path)
    chain.near.edit(CONTACTS, "ada", "change", {"nickName": "Said near"})
    chain.far.edit(CONTACTS, "ada", "delete")

    (edit,) = chain.far.push()

    assert (edit.state, (edit.theirs or {})["nickName"]) == ("conflict", "Said near")
    chain.quiet()
    assert chain.upstream.live(CONTACTS)["ada"]["nickName"] == "Said near"
    all_agree(chain)
    chain.close()


def test_a_change_far_away_of_what_was_deleted_near_meanwhile_is_for_its_person(tmp_path: Path) -> None:
    chain = with_ada(tmp_path)
    chain.near.edit(CONTACTS, "ada", "delete")
    chain.far.edit(CONTACTS, "ada", "change", {"nickName": "Said far away"})

    (edit,) = chain.far.push()

    assert (edit.state, edit.theirs) == ("conflict", None)
    outbox.create_anew(chain.far.store, edit)
    chain.quiet()
    assert [record["nickName"] for record in chain.upstream.live(CONTACTS).values()] == ["Said far away"]
    all_agree(chain)
    chain.close()


def test_a_list_and_a_task_in_it_that_were_made_far_away_come_to_be_once_and_both_names_lead_to_them(
    tmp_path: Path,
) -> None:
    chain = Chain(tmp_path, 0)
    chain.sync()
    made = chain.far.edit(TASK_LISTS, None, "create", {"title": "Trip"})
    account = journal.account(chain.far.store, chain.far.account.id)
    outbox.add(chain.far.store, account, "tasks", "create", {"title": "Pack"}, parent_id=-made.id)
    chain.far.push()
    chain.far.pull()
    chain.far.push()
    chain.far.pull()
    (local,) = chain.far.rows("SELECT remote_id FROM task_lists WHERE title = 'Trip'")

    chain.quiet()

    (trip,) = [one for one, fields in chain.upstream.live(TASK_LISTS).items() if fields["title"] == "Trip"]
    assert [fields["title"] for fields in chain.upstream.live(Feed("tasks", trip)).values()] == ["Pack"]
    assert local[0].startswith(LOCAL)
    found = chain.far.upstream.source.read(TASK_LISTS, local[0])
    assert isinstance(found, Gone)
    assert found.now == trip
    all_agree(chain)
    chain.close()


@pytest.mark.parametrize("form", ["contact", "mail"])
def test_what_was_made_far_away_is_made_once_though_the_near_mirrors_answer_got_lost(tmp_path: Path, form: str) -> None:
    chain = with_ada(tmp_path)
    patch = {"nickName": "Bo"} if form == "contact" else {"to": addresses("ada"), "subject": "Bo", "body": "Hello"}
    feed, verb = (CONTACTS, "create") if form == "contact" else (MESSAGES, "send")
    chain.far.edit(feed, None, verb, patch)

    (edit,) = chain.far.push(source=Losing(chain.far.upstream.source))
    assert edit.state == "unsure"
    chain.quiet()

    named = "nickName" if form == "contact" else "subject"
    made = [one for one in chain.upstream.live(feed).values() if one.get(named) == "Bo"]
    assert len(made) == 1
    assert [one.state for one in outbox.edits(chain.far.store, states=("settled",))] == ["settled"]
    all_agree(chain)
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


class Losing:
    """The near mirror, whose answers to what it is asked to write never arrive."""

    def __init__(self, source: Source) -> None:
        self.source = source

    def __getattr__(self, name: str) -> Any:
        return getattr(self.source, name)

    def write(self, write: Write) -> Receipt:
        self.source.write(write)
        raise Unsure("the answer got lost")


def with_ada(folder: Path) -> Chain:
    """A contact that all three know."""
    chain = Chain(folder, 0)
    chain.upstream.put(CONTACTS, "ada", "Ada", emailAddresses=addresses("ada"))
    chain.sync()
    return chain


def addresses(*names: str) -> list[dict[str, str]]:
    return [{"address": f"{name}@example.org"} for name in names]


def all_agree(chain: Chain, *feeds: Feed) -> None:
    """What upstream has, the near mirror has, and what that has, the far one; nothing is on its way."""
    assert differences(chain.near.store, chain.far.store) == []
    for feed in feeds or (CONTACTS, CALENDARS, TASK_LISTS, MESSAGES, EVENTS, TASKS):
        there = chain.upstream.live(feed)
        assert chain.near.live(feed) == {name: without_photo(fields) for name, fields in there.items()}
    for world in (chain.near, chain.far):
        assert open_edits(world.store) == []
        world.is_sound()


def without_photo(fields: dict[str, Any]) -> dict[str, Any]:
    """A photo is kept beside its record."""
    return {name: value for name, value in fields.items() if name != "photo"}


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
