"""The sync protocol of a mirror: tokens out of its own order of change, in which edits have their places too."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from local_wire import SMALL_PAGES, Local, client, local
from worlds import CONTACTS, DELTA, EVENTS, MESSAGES, TASKS, unsynced

from mirror.feed import Feed
from mirror.local_api.app import create_app
from mirror.store import api_tokens, journal, outbox
from mirror.store.connection import open_store
from mirror.store.purge import purge_account

ROOTS = {"contacts": "/contacts", "events": "/calendars/home", "tasks": "/tasklists/chores", "messages": "/email"}
START: dict[str, dict[str, Any]] = {
    "events": {"timeMin": "2026-01-01T00:00:00Z", "timeMax": "2026-02-01T00:00:00Z"},
    "messages": {"daysWithin": 1000, "bodyType": "html"},
}


@pytest.fixture
def mirrored(tmp_path: Path) -> Iterator[Local]:
    made = local(tmp_path)
    yield made
    made.world.store.close()


def ids(records: list[dict[str, Any]]) -> list[str]:
    return [record["id"] for record in records]


def started(mirrored: Local, feed: Feed) -> tuple[str, str]:
    return mirrored.start(ROOTS[feed.kind], **START.get(feed.kind, {}))


@pytest.mark.parametrize("feed", DELTA, ids=lambda feed: feed.kind)
def test_a_walk_gives_everything_and_the_next_what_changed_and_what_is_gone(mirrored: Local, feed: Feed) -> None:
    root, upstream = ROOTS[feed.kind], mirrored.upstream
    for number in range(7):
        upstream.put(feed, f"r{number}", f"number {number}")
    mirrored.world.pull()
    updated, deleted = started(mirrored, feed)

    first, updated = mirrored.walk(root, updated)
    nothing, deleted = mirrored.walk(root, deleted, "deleted")
    upstream.put(feed, "r2", "changed")
    upstream.put(feed, "r9", "new")
    upstream.drop(feed, "r5")
    mirrored.world.pull()
    then, updated = mirrored.walk(root, updated)
    gone, deleted = mirrored.walk(root, deleted, "deleted")

    theirs = upstream.live(feed)
    shown = [{name: value for name, value in record.items() if name != "body"} for record in [*first, *then]]
    assert {record["id"]: record for record in shown if record["id"] != "r5"} == theirs
    assert nothing == []
    assert sorted(ids(then)) == ["r2", "r9"]
    assert ids(gone) == ["r5"]
    assert mirrored.walk(root, updated)[0] == mirrored.walk(root, deleted, "deleted")[0] == []


def test_a_page_token_shown_again_gives_the_same_page(mirrored: Local) -> None:
    for number in range(5):
        mirrored.upstream.put(CONTACTS, f"r{number}", "x")
    mirrored.world.pull()
    token, _ = mirrored.start("/contacts")
    first = mirrored.http.get("/contacts/sync/updated", params={"deltaToken": token}).json()

    pages = [
        mirrored.http.get("/contacts/sync/updated", params={"pageToken": first["nextPageToken"]}).json()
        for _ in range(2)
    ]

    assert pages[0]["records"] == pages[1]["records"]
    assert ids(first["records"] + pages[0]["records"]) == ["r0", "r1", "r2", "r3", "r4"]


def test_bodies_come_down_the_feed_in_the_type_that_it_was_started_with(mirrored: Local) -> None:
    mirrored.upstream.put(MESSAGES, "m", "Hi")
    mirrored.world.pull()

    html, text, none = (
        mirrored.walk("/email", mirrored.start("/email", **params)[0])[0][0]
        for params in ({"bodyType": "html"}, {"bodyType": "text"}, {})
    )

    assert html["body"] == "<p>body of Hi</p>"
    assert text["body"] == "body of Hi"
    assert none["omitted"] == ["body"]
    assert "body" not in none


def test_a_start_limits_the_first_load_and_later_changes_are_told_all_the_same(mirrored: Local) -> None:
    outside = {"start": {"dateTime": "2026-03-01T09:00:00Z"}, "end": {"dateTime": "2026-03-01T10:00:00Z"}}
    mirrored.upstream.put(EVENTS, "inside", "a")
    mirrored.upstream.put(EVENTS, "outside", "b", **outside)
    mirrored.upstream.put(TASKS, "done", "c", status="completed", completed="2025-01-01T00:00:00Z")
    mirrored.upstream.put(TASKS, "open", "d")
    mirrored.world.pull()

    events, token = mirrored.walk("/calendars/home", started(mirrored, EVENTS)[0])
    tasks, _ = mirrored.walk(
        "/tasklists/chores", mirrored.start("/tasklists/chores", skipCompletedBeforeDate="2025-06-01T00:00:00Z")[0]
    )
    mirrored.upstream.put(EVENTS, "outside", "moved", **outside)
    mirrored.world.pull()

    assert (ids(events), ids(tasks)) == (["inside"], ["open"])
    assert ids(mirrored.walk("/calendars/home", token)[0]) == ["outside"]


# --- edits in the order of change ---------------------------------------------------------------------------------------------


def test_an_edit_comes_down_the_feed_with_a_local_etag_and_again_when_it_is_taken_back(mirrored: Local) -> None:
    mirrored.upstream.put(CONTACTS, "r", "before")
    mirrored.world.pull()
    (observed,), token = mirrored.walk("/contacts", mirrored.start("/contacts")[0])

    edit = mirrored.world.edit(CONTACTS, "r", "change", {"nickName": "after"})
    (edited,), token = mirrored.walk("/contacts", token)
    outbox.discard(mirrored.world.store, edit)
    (back,), token = mirrored.walk("/contacts", token)

    assert (edited["nickName"], edited["etag"][:6]) == ("after", "local-")
    assert back == observed
    assert mirrored.walk("/contacts", token)[0] == []


def test_an_edit_that_settles_is_told_as_the_version_that_upstream_made_of_it(mirrored: Local) -> None:
    mirrored.upstream.put(CONTACTS, "r", "before")
    mirrored.world.pull()
    mirrored.world.edit(CONTACTS, "r", "change", {"nickName": "after"})
    _, token = mirrored.walk("/contacts", mirrored.start("/contacts")[0])

    mirrored.settle()

    told, _ = mirrored.walk("/contacts", token)
    assert told[-1] == mirrored.upstream.live(CONTACTS)["r"]


def test_a_deletion_that_waits_is_told_as_one_and_taken_back_as_a_change(mirrored: Local) -> None:
    mirrored.upstream.put(CONTACTS, "r", "here")
    mirrored.world.pull()
    updated, deleted = mirrored.start("/contacts")
    _, updated = mirrored.walk("/contacts", updated)

    edit = mirrored.world.edit(CONTACTS, "r", "delete")
    nothing, updated = mirrored.walk("/contacts", updated)
    gone, deleted = mirrored.walk("/contacts", deleted, "deleted")
    outbox.discard(mirrored.world.store, edit)
    back, _ = mirrored.walk("/contacts", updated)
    none, _ = mirrored.walk("/contacts", deleted, "deleted")

    assert (nothing, ids(gone), ids(back), none) == ([], ["r"], ["r"], [])


def test_what_is_created_offline_leaves_the_feed_under_its_local_id_when_upstream_has_named_it(mirrored: Local) -> None:
    mirrored.world.pull()
    updated, deleted = mirrored.start("/contacts")

    made = mirrored.http.post("/contacts", json={"nickName": "Grace"}).json()
    first, updated = mirrored.walk("/contacts", updated)
    mirrored.settle()
    then, _ = mirrored.walk("/contacts", updated)
    gone, _ = mirrored.walk("/contacts", deleted, "deleted")

    (theirs,) = mirrored.upstream.live(CONTACTS)
    assert (ids(first), ids(then), ids(gone)) == ([made["id"]], [theirs], [made["id"]])


def test_a_pull_under_an_open_edit_tells_the_record_with_the_edit_never_without(mirrored: Local) -> None:
    mirrored.upstream.put(CONTACTS, "r", "before", notes="old")
    mirrored.world.pull()
    mirrored.world.edit(CONTACTS, "r", "change", {"nickName": "mine"})
    _, token = mirrored.walk("/contacts", mirrored.start("/contacts")[0])

    mirrored.upstream.put(CONTACTS, "r", "before", notes="new")
    mirrored.world.pull()

    (told,), _ = mirrored.walk("/contacts", token)
    assert (told["nickName"], told["notes"]) == ("mine", "new")


# --- tokens ---------------------------------------------------------------------------------------------------------------------


def test_tokens_survive_a_restart(mirrored: Local, tmp_path: Path) -> None:
    mirrored.world.pull()
    _, token = mirrored.walk("/contacts", mirrored.start("/contacts")[0])
    mirrored.upstream.put(CONTACTS, "r", "x")
    mirrored.world.pull()
    store = unsynced(open_store(tmp_path / "home", mirrored.clock))

    again = client(create_app(store, SMALL_PAGES), mirrored.token)
    page = again.get("/contacts/sync/updated", params={"deltaToken": token}).json()

    assert ids(page["records"]) == ["r"]
    store.close()


def test_a_token_from_before_a_purge_has_expired(mirrored: Local) -> None:
    mirrored.upstream.put(CONTACTS, "r", "x")
    mirrored.world.pull()
    updated, deleted = mirrored.start("/contacts")
    purge_account(mirrored.world.store, mirrored.world.account.id)
    mirrored.clock.sleep(60)
    account = journal.add_account(mirrored.world.store, "work", "test", "http://sandbox.example")
    assert account.id == mirrored.world.account.id, "else the token is simply not this account's"
    token = api_tokens.new(mirrored.world.store, "again", account.id, ["Contacts.Read"])

    again = client(mirrored.app, token)
    answers = [
        again.get(f"/contacts/sync/{side}", params={"deltaToken": old})
        for side, old in (("updated", updated), ("deleted", deleted))
    ]

    assert [(one.status_code, one.json()["code"]) for one in answers] == [(410, "syncToken.expired")] * 2


def test_a_token_of_changes_that_a_restored_backup_does_not_have_has_expired(mirrored: Local) -> None:
    mirrored.world.pull()
    before = mirrored.world.value("SELECT seq FROM change_order")
    mirrored.upstream.put(CONTACTS, "r", "x")
    mirrored.world.pull()
    _, token = mirrored.walk("/contacts", mirrored.start("/contacts")[0])

    mirrored.world.store.conn.execute("UPDATE change_order SET seq = ?", [before])

    answer = mirrored.http.get("/contacts/sync/updated", params={"deltaToken": token})
    assert (answer.status_code, answer.json()["code"]) == (410, "syncToken.expired")


def test_tokens_are_of_one_feed_and_one_side_of_it(mirrored: Local) -> None:
    mirrored.world.pull()
    updated, deleted = mirrored.start("/contacts")

    wrong = [
        mirrored.http.get(path, params={name: token})
        for path, name, token in (
            ("/contacts/sync/updated", "deltaToken", deleted), ("/email/sync/updated", "deltaToken", updated),
            ("/contacts/sync/updated", "pageToken", updated), ("/contacts/sync/updated", "deltaToken", "nonsense"),
        )
    ]  # fmt: skip

    assert [(one.status_code, one.json()["code"]) for one in wrong] == [(400, "token.notValid")] * 4
