"""`mirror sync` and `mirror accept`: what is told, to whom, and with which exit code."""

from __future__ import annotations

import pytest
from mirror_cli import Cli, Terminal, Upstream

from mirror.sandbox.faults import Fault, answer, body


def outcomes(document: dict[str, list[dict[str, list[dict[str, str]]]]]) -> dict[str, str]:
    return {feed["kind"]: feed["outcome"] for account in document["accounts"] for feed in account["feeds"]}


# --- what is said ---------------------------------------------------------------------------------------------------------


def test_a_sync_says_a_line_for_each_feed_by_names_that_people_use(cli: Cli, upstream: Upstream) -> None:
    cli.add("work", upstream)

    ran = cli("sync")

    assert ran.code == 0
    assert ran.err == ""
    assert ran.out.splitlines() == [
        "work calendars: 1 new",
        "work folders: 1 new",
        "work task_lists: 1 new",
        "work contacts: 3 new",
        "work events of “Work”: 2 new",
        "work tasks of “To do”: 2 new",
        "work messages: 3 new",
    ]


def test_a_second_sync_says_what_changed_and_what_is_up_to_date(mirrored: Cli, upstream: Upstream) -> None:
    first, second, _ = upstream.ids("contacts")
    upstream.state.change(upstream.account.id, "contacts", first, {"notes": "met at the fair"})
    upstream.delete("contacts", second)
    upstream.contact("Annie Easley")

    ran = mirrored("sync")

    assert ran.code == 0
    assert "work contacts: 1 new, 1 changed, 1 deleted" in ran.out.splitlines()
    assert "work messages: up to date" in ran.out.splitlines()


def test_json_is_one_document_with_all_counts_and_nothing_else(cli: Cli, upstream: Upstream) -> None:
    cli.add("work", upstream)

    ran = cli("sync", "--json")
    document = ran.json()

    assert (ran.code, ran.err) == (0, "")
    assert document["home"] == str(cli.home)
    assert document["exit_code"] == 0
    assert [account["name"] for account in document["accounts"]] == ["work"]
    assert document["accounts"][0]["status"] == "active"
    created = {feed["kind"]: feed["created"] for feed in document["accounts"][0]["feeds"]}
    assert created == {
        "calendars": 1,
        "folders": 1,
        "task_lists": 1,
        "contacts": 3,
        "events": 2,
        "tasks": 2,
        "messages": 3,
    }


def test_a_terminal_gets_bars_and_no_control_characters_of_upstreams(cli: Cli, upstream: Upstream) -> None:
    upstream.create("calendars", {"name": "Evil \x1b]0;owned\x07 [red]calendar"}, remote_id="evil")
    cli.add("work", upstream)

    with Terminal(cli, "sync") as terminal:
        shown = terminal.read_to_the_end()

    assert terminal.code == 0
    assert "contacts" in shown
    assert "✓" in shown
    assert "\x1b]0;" not in shown
    assert "[red]calendar" in shown


def test_a_proxy_of_the_environment_is_not_asked_for_a_server_on_this_machine(cli: Cli, upstream: Upstream) -> None:
    cli.add("work", upstream)

    ran = cli("sync", MIRROR_RETRY_BUDGET_S="0", HTTP_PROXY="http://127.0.0.1:9", http_proxy="http://127.0.0.1:9")

    assert ran.code == 0, ran.err


# --- which accounts and kinds ---------------------------------------------------------------------------------------------


def test_only_the_named_accounts_are_synced_and_each_once(cli: Cli, upstream: Upstream) -> None:
    for name in ("work", "private", "other"):
        cli.add(name, upstream)

    document = cli("sync", "work", "other", "work", "--json").json()

    assert [account["name"] for account in document["accounts"]] == ["work", "other"]
    assert cli.query("SELECT name FROM accounts WHERE email IS NULL") == [("private",)]


def test_only_the_named_kinds_are_synced_with_the_parents_that_they_need(cli: Cli, upstream: Upstream) -> None:
    cli.add("work", upstream)

    first = cli("sync", "--kind", "event", "--kind", "contacts", "--json").json()
    second = cli("sync", "--kind", "events", "--json").json()

    assert set(outcomes(first)) == {"calendars", "contacts", "events"}
    assert set(outcomes(second)) == {"events"}
    assert cli.query("SELECT count(*) FROM messages") == [(0,)]


@pytest.mark.parametrize(
    "arguments", [["nobody"], ["work", "nobody"], ["--kind", "flies"], ["work", "--kind", "blobs"]]
)
def test_an_unknown_account_or_kind_is_named_and_nothing_is_asked(
    mirrored: Cli, upstream: Upstream, arguments: list[str]
) -> None:
    before = len(upstream.asked)

    text, as_json = mirrored("sync", *arguments), mirrored("sync", *arguments, "--json")

    assert (text.code, text.out) == (2, "")
    assert text.err.startswith("mirror: there is no ")
    assert text.err.count("\n") == 1
    assert any(f"“{name}”" in text.err for name in ("nobody", "flies", "blobs"))
    assert as_json.code == as_json.json()["exit_code"] == 2
    assert as_json.json()["error"] in as_json.err
    assert len(upstream.asked) == before


def test_without_accounts_sync_says_how_to_add_one(mirrored: Cli) -> None:
    mirrored("account", "remove", "work", "--yes")

    text, as_json = mirrored("sync"), mirrored("sync", "--json")

    assert text.code == as_json.code == 2
    assert "mirror account add NAME --token-stdin" in text.err
    assert as_json.json()["accounts"] == []


# --- one of several is in trouble ------------------------------------------------------------------------------------------


def test_one_dead_account_does_not_stop_the_others_and_decides_the_exit_code(cli: Cli, upstream: Upstream) -> None:
    dead = upstream.state.add_account(email="eve@example.org", token="eves-token")
    upstream.state.set_token_status(dead.id, "dead")
    cli("account", "add", "dead", "--base-url", upstream.url, "--token-stdin", typed="eves-token")
    cli("account", "add", "gone", "--base-url", "http://127.0.0.1:9", "--token-stdin", typed="x")
    cli.add("work", upstream)

    ran = cli("sync", MIRROR_RETRY_BUDGET_S="0")

    assert ran.code == 3
    assert (
        "dead: the mailbox has withdrawn its permission (401). Sign in again with: mirror account login dead" in ran.err
    )
    assert "gone: http://127.0.0.1:9 can't be reached" in ran.err
    assert "work messages: 3 new" in ran.out
    assert cli("sync", "gone", "work", MIRROR_RETRY_BUDGET_S="0").code == 1
    assert cli("sync", "work").code == 0


def test_a_dead_token_is_asked_about_once_for_each_sync(mirrored: Cli, upstream: Upstream) -> None:
    upstream.state.set_token_status(upstream.account.id, "dead")
    before = len(upstream.asked)

    document = mirrored("sync", "--json").json()

    assert upstream.asked[before:] == ["/v1/account"]
    assert document["exit_code"] == 3
    assert document["accounts"][0]["status"] == "needs_auth"
    assert "mirror account login work" in document["accounts"][0]["error"]
    assert mirrored.query("SELECT outcome FROM runs ORDER BY id DESC LIMIT 1") == [("needs_auth",)]


def test_one_bad_feed_does_not_stop_the_others(mirrored: Cli, upstream: Upstream) -> None:
    upstream.behind.faults.add(Fault(answer(500), path="/v1/contacts/sync/.*", times=None))
    upstream.create("messages", {"subject": "More"}, body="more")

    ran = mirrored("sync", MIRROR_RETRY_BUDGET_S="0")

    assert ran.code == 1
    assert "work messages: 1 new" in ran.out
    assert "work contacts: the server did not answer as it should (GET /contacts/sync/updated: 500" in ran.err
    assert "Traceback" not in ran.err
    assert "RetryLater" not in ran.err + mirrored("status").out

    upstream.behind.faults.clear()
    assert mirrored("sync").code == 0


def test_a_feed_that_is_not_ready_yet_is_no_failure(cli: Cli, upstream: Upstream) -> None:
    upstream.behind.faults.add(Fault(body(b'{"ready": false}'), path="/v1/contacts/sync", method="POST", times=None))
    cli.add("work", upstream)

    ran = cli("sync", MIRROR_RETRY_BUDGET_S="0")
    document = cli("sync", "--json", MIRROR_RETRY_BUDGET_S="0").json()

    assert ran.code == 0
    assert "work contacts: upstream is still preparing it; the next sync goes on" in ran.err
    assert outcomes(document)["contacts"] == "not_ready"
    upstream.behind.faults.clear()
    assert "work contacts: 3 new" in cli("sync").out


def test_a_kind_that_the_token_may_not_read_is_named_and_no_failure(cli: Cli, upstream: Upstream) -> None:
    upstream.behind.faults.add(Fault(answer(403, "forbidden", "no Contacts.Read"), path="/v1/contacts/.*", times=None))
    cli.add("work", upstream)

    ran = cli("sync")

    assert "work contacts: upstream refuses this" in ran.err
    assert "mirror account login work" in ran.err
    assert "work messages: 3 new" in ran.out


def test_a_record_that_can_not_be_stored_is_counted_and_no_failure(mirrored: Cli, upstream: Upstream) -> None:
    page = b'{"nextDeltaToken": "later", "length": 1, "records": [{"no": "id"}]}'
    upstream.behind.faults.add(Fault(body(page), path="/v1/contacts/sync/updated"))

    ran = mirrored("sync")

    assert ran.code == 0
    assert "work contacts: 1 stuck (see the table “stuck”)" in ran.out
    assert "1 stuck" in mirrored("status").out


def test_an_account_that_another_process_is_syncing_is_left_to_it(mirrored: Cli, upstream: Upstream) -> None:
    from mirror.store.connection import open_store

    mirrored.add("private", upstream)
    store = open_store(mirrored.home)
    with store.lease(1):
        ran = mirrored("sync")
        document = mirrored("sync", "work", "--json").json()
    store.close()

    assert ran.code == 0
    assert "work: another mirror is syncing this account right now; left to it" in ran.out
    assert "private messages: 3 new" in ran.out
    assert document["exit_code"] == 0
    assert document["accounts"][0]["busy"] is True


def test_an_account_without_credentials_waits_for_its_person(mirrored: Cli) -> None:
    (mirrored.home / "credentials.json").unlink()

    ran = mirrored("sync")

    assert ran.code == 3
    assert ran.err.count("\n") == 1
    assert "its credentials are gone" in ran.err
    assert "mirror account login work" in ran.err


# --- held feeds -------------------------------------------------------------------------------------------------------------


def vanish(upstream: Upstream) -> list[str]:
    """All contacts disappear without a word, and the cursor is no good any more."""
    names = upstream.ids("contacts")
    for name in names:
        upstream.delete("contacts", name)
    upstream.behind.tokens.expire()
    return names


def test_a_held_feed_needs_a_person_and_accept_releases_it(mirrored: Cli, upstream: Upstream) -> None:
    vanish(upstream)

    held = mirrored("sync")
    status = mirrored("status")

    assert held.code == 3
    assert "work contacts: 3 of 3 are missing upstream; held" in held.err
    assert "mirror accept work contacts" in held.err
    assert status.code == 3
    assert "Release it with: mirror accept work contacts" in status.out
    assert mirrored.query("SELECT count(*) FROM contacts WHERE deleted_at IS NULL") == [(3,)]

    released = mirrored("accept", "work", "contact")

    assert released.code == 0
    assert released.out.startswith("work: 3 contacts are tombstones now.")
    assert mirrored.query("SELECT count(*), min(deletion) FROM contacts WHERE deleted_at IS NOT NULL") == [
        (3, "absent")
    ]
    assert mirrored("status").code == 0
    assert mirrored("sync").code == 0


@pytest.mark.parametrize("arguments", [["work", "contacts"], ["nobody", "contacts"], ["work", "flies"]])
def test_accept_refuses_what_is_not_held_or_not_known(mirrored: Cli, arguments: list[str]) -> None:
    ran = mirrored("accept", *arguments)

    assert ran.code == 2
    assert ran.err.count("\n") == 1
    assert ran.out == ""


# --- and nothing more is written --------------------------------------------------------------------------------------------


def test_a_sync_that_finds_nothing_new_leaves_every_row_as_it_was(mirrored: Cli) -> None:
    before = mirrored.dump()

    assert mirrored("sync").code == 0

    assert mirrored.dump() == before
