"""`mirror account …`: mailboxes are added, paused, removed and come back, and their secrets stay where they belong."""

from __future__ import annotations

import json
import sqlite3
import stat
from pathlib import Path

import pytest
from mirror_cli import TABLES, TOKEN, Cli, Terminal, Typed, Upstream

SECRET = "an-application-secret"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def rows(cli: Cli) -> dict[str, int]:
    return {table: cli.query(f"SELECT count(*) FROM {table}")[0][0] for table in TABLES}


# --- add ----------------------------------------------------------------------------------------------------------------


def test_adding_an_account_says_where_its_credentials_are_and_what_comes_next(cli: Cli) -> None:
    ran = cli("account", "add", "work", "--token-stdin", typed=f"{TOKEN}\n")

    assert ran.code == 0
    assert "credentials.json, readable by you alone" in ran.out
    assert "Next: mirror sync work" in ran.out
    assert ran.err == ""


def test_a_home_can_be_read_by_its_owner_only(mirrored: Cli) -> None:
    home = mirrored.home

    modes = {path.name: mode(path) for path in (home, home / "mirror.db", home / "credentials.json")}

    assert modes == {"home": 0o700, "mirror.db": 0o600, "credentials.json": 0o600}


def test_a_token_can_come_from_the_environment(cli: Cli, upstream: Upstream) -> None:
    ran = cli("account", "add", "work", "--base-url", upstream.url, "--token-env", "MY_TOKEN", MY_TOKEN=TOKEN)

    assert ran.code == 0
    assert cli("sync").code == 0


def test_a_token_that_is_typed_on_a_terminal_is_asked_for_and_not_shown(cli: Cli) -> None:
    with Terminal(cli, "account", "add", "work", "--token-stdin") as terminal:
        terminal.read_until("Access token:")
        terminal.type(f"{TOKEN}\n")
        shown = terminal.read_to_the_end()

    assert terminal.code == 0
    assert "Added work" in shown
    assert TOKEN not in shown
    assert json.loads((cli.home / "credentials.json").read_text()) == {"work": {"token": TOKEN}}


def test_an_applications_own_credentials_work_instead_of_a_token(cli: Cli, upstream: Upstream) -> None:
    options = upstream.behind.options
    ran = cli(
        "account", "add", "work", "--base-url", upstream.url, "--client-id", options.client_id,
        "--client-secret-env", "MY_SECRET", "--account-id", str(upstream.account.id), MY_SECRET=options.client_secret,
    )  # fmt: skip

    assert ran.code == 0
    assert cli("sync").code == 0
    assert rows(cli)["contacts"] == 3


@pytest.mark.parametrize("suffix", ["", "/", "/v1", "/v1/"])
def test_a_base_url_may_end_with_v1_or_not(cli: Cli, upstream: Upstream, suffix: str) -> None:
    cli("account", "add", "work", "--base-url", upstream.url + suffix, "--token-stdin", typed=TOKEN)

    assert cli("sync", "--kind", "contacts").code == 0


@pytest.mark.parametrize(
    ("written", "kept"), [("all", None), ("none", 0), ("0", 0), ("0.5", 500_000), ("25", 25_000_000)]
)
def test_attachments_says_up_to_which_size_their_bytes_are_kept(cli: Cli, written: str, kept: int | None) -> None:
    cli("account", "add", "work", "--attachments", written, "--token-stdin", typed=TOKEN)

    assert cli.query("SELECT attachments_up_to_bytes FROM accounts") == [(kept,)]


def test_attachments_none_keeps_no_bytes_and_all_keeps_them(cli: Cli, upstream: Upstream) -> None:
    content = b"x" * 1000
    attached = [{"id": "a1", "name": "note.txt", "mimeType": "text/plain", "size": len(content), "inline": False}]
    upstream.create(
        "messages", {"subject": "Attached", "attachments": attached}, body="see", attachments={"a1": content}
    )
    cli.add("frugal", upstream, "--attachments", "none")
    cli.add("greedy", upstream, "--attachments", "all")

    assert cli("sync").code == 0

    kept = cli.query(
        "SELECT accounts.name, kept FROM attachments JOIN messages ON messages.id = message_id"
        " JOIN accounts ON accounts.id = account_id ORDER BY 1"
    )
    assert kept == [("frugal", "policy"), ("greedy", "yes")]


@pytest.mark.parametrize(("since", "asked"), [("all", "1980-01-01"), ("2015-01-31", "2015-01-31")])
def test_since_reaches_upstream_as_the_time_that_is_asked_for(
    cli: Cli, upstream: Upstream, since: str, asked: str
) -> None:
    cli.add("work", upstream, "--since", since)

    assert cli("sync").code == 0

    started = next(r for r in upstream.behind.faults.requests if r.path.endswith("example.org/sync"))
    assert f"timeMin={asked}T00" in started.query
    assert any(r.path == "/v1/email/sync" and "daysWithin=" in r.query for r in upstream.behind.faults.requests)


@pytest.mark.parametrize(
    ("arguments", "typed", "said"),
    [
        (["work"], "", "--token-stdin or with --token-env"),
        (["work", "--token-stdin", "--token-env", "X"], TOKEN, "--token-stdin or with --token-env"),
        (["work", "--token-stdin"], "", "no access token"),
        (["work", "--token-stdin"], "\n", "no access token"),
        (["work", "--token-stdin"], "two words", "no access token"),
        (["work", "--token-stdin"], "dåtå", "no access token"),
        (["work", "--token-env", "NOT_SET"], "", "NOT_SET is empty"),
        (["two words", "--token-stdin"], TOKEN, "one word"),
        (["a/b", "--token-stdin"], TOKEN, "without slashes"),
        (["x" * 65, "--token-stdin"], TOKEN, "64 characters"),
        (["", "--token-stdin"], TOKEN, "one word"),
        (["work", "--since", "yesterday", "--token-stdin"], TOKEN, "is no date"),
        (["work", "--since", "2999-01-01", "--token-stdin"], TOKEN, "in the future"),
        (["work", "--attachments", "big", "--token-stdin"], TOKEN, "is no size"),
        (["work", "--attachments", "-1", "--token-stdin"], TOKEN, "is no size"),
        (["work", "--attachments", "nan", "--token-stdin"], TOKEN, "is no size"),
        (["work", "--source", "imap", "--token-stdin"], TOKEN, "imap"),
        (["work", "--client-id", "x"], "", "all of --client-id"),
        (["work", "--client-id", "x", "--client-secret-env", "S", "--account-id", "y"], "", "is a number"),
        (["work", "--client-id", "x", "--client-secret-env", "T", "--account-id", "1"], "", "T is empty"),
    ],
)  # fmt: skip
def test_what_can_not_be_meant_is_refused_before_anything_is_made(
    cli: Cli, arguments: list[str], typed: str, said: str
) -> None:
    ran = cli("account", "add", *arguments, typed=typed, S=SECRET)

    assert ran.code == 2
    assert said in ran.err
    assert ran.out == ""
    assert not cli.home.exists()


@pytest.mark.parametrize(
    "url",
    [
        "example.com", "ftp://example.com", "https://", "http://[::1", "http://example.com:99999", "http://exa mple.com",
        "http://user:secret@example.com", "https://example.com?x=1", "https://example.com#top", "http://example.com:0",
        "",
    ],
)  # fmt: skip
def test_a_base_url_that_is_none_or_holds_credentials_is_refused(cli: Cli, url: str) -> None:
    ran = cli("account", "add", "work", "--base-url", url, "--token-stdin", typed=TOKEN)

    assert ran.code == 2
    assert "base URL" in ran.err
    assert ran.err.count("\n") == 1
    assert not cli.home.exists()


def test_a_name_that_is_taken_is_refused_and_its_token_stays(cli: Cli) -> None:
    cli("account", "add", "work", "--token-stdin", typed=TOKEN)

    ran = cli("account", "add", "work", "--token-stdin", typed="another-token")

    assert ran.code == 2
    assert "mirror account login work" in ran.err
    assert json.loads((cli.home / "credentials.json").read_text()) == {"work": {"token": TOKEN}}


# --- list, pause, resume, login --------------------------------------------------------------------------------------------


def test_list_names_the_accounts_in_text_and_json(mirrored: Cli, upstream: Upstream) -> None:
    mirrored.add("private", upstream)

    text, document = mirrored("account", "list"), mirrored("account", "list", "--json").json()

    assert [line.split()[:2] for line in text.out.splitlines()] == [["private", "active"], ["work", "active"]]
    assert "(not synced yet)" in text.out
    assert "ada@example.org" in text.out
    assert [(one["name"], one["email"], one["base_url"]) for one in document] == [
        ("private", None, upstream.url),
        ("work", "ada@example.org", upstream.url),
    ]


def test_list_without_accounts_says_how_to_add_one(cli: Cli) -> None:
    cli("account", "add", "work", "--token-stdin", typed=TOKEN)
    cli("account", "remove", "work", "--yes")

    assert "mirror account add NAME" in cli("account", "list").out
    assert cli("account", "list", "--json").json() == []


def test_a_paused_account_is_left_alone_until_it_is_resumed(mirrored: Cli, upstream: Upstream) -> None:
    assert mirrored("account", "pause", "work").code == 0
    upstream.contact("Annie Easley")
    before = len(upstream.asked)

    ran = mirrored("sync")

    assert ran.code == 0
    assert "paused; go on with: mirror account resume work" in ran.out
    assert len(upstream.asked) == before
    assert "paused" in mirrored("status").out

    assert mirrored("account", "resume", "work").code == 0
    assert mirrored("sync").code == 0
    assert rows(mirrored)["contacts"] == 4


def test_an_account_that_needs_its_person_is_not_resumed_but_signed_in_again(mirrored: Cli, upstream: Upstream) -> None:
    upstream.state.set_token_status(upstream.account.id, "dead")
    assert mirrored("sync").code == 3

    ran = mirrored("account", "resume", "work")

    assert ran.code == 2
    assert "mirror account login work" in ran.err


def test_a_new_token_for_the_same_mailbox_ends_needs_auth(mirrored: Cli, upstream: Upstream) -> None:
    upstream.state.set_token(upstream.account.id, "the-new-one")
    assert mirrored("sync").code == 3
    assert mirrored.query("SELECT status FROM accounts") == [("needs_auth",)]

    ran = mirrored("account", "login", "work", "--token-stdin", typed="the-new-one")

    assert ran.code == 0
    assert "mirror sync work" in ran.out
    assert mirrored("sync").code == 0
    assert mirrored.query("SELECT status, status_detail FROM accounts") == [("active", None)]


def test_a_token_of_another_mailbox_is_refused_and_nothing_is_applied(mirrored: Cli, upstream: Upstream) -> None:
    other = upstream.state.add_account(email="eve@example.org", token="eves-token")
    upstream.state.create(other.id, "contacts", {"name": {"displayName": "Eve's friend"}})
    before = mirrored.dump()
    mirrored("account", "login", "work", "--token-stdin", typed="eves-token")

    ran = mirrored("sync")

    assert ran.code == 3
    assert "another mailbox (eve@example.org)" in ran.err
    assert "mirror account login work" in ran.err
    assert mirrored.dump() == before
    assert "answers for another mailbox" in mirrored("status").out

    mirrored("account", "login", "work", "--token-stdin", typed=TOKEN)
    assert mirrored("sync").code == 0


@pytest.mark.parametrize("command", [["login", "--token-stdin"], ["pause"], ["resume"], ["remove", "--yes"]])
def test_an_account_that_does_not_exist_is_named_with_those_that_do(mirrored: Cli, command: list[str]) -> None:
    ran = mirrored("account", command[0], "nobody", *command[1:], typed=TOKEN)

    assert ran.code == 2
    assert ran.err == "mirror: there is no account “nobody”; there are: work\n"


# --- remove -------------------------------------------------------------------------------------------------------------------


def test_remove_asks_on_a_terminal_and_keeps_everything_when_the_answer_is_no(mirrored: Cli) -> None:
    ran = mirrored("account", "remove", "work", typed=Typed("n\n", terminal=True))

    assert ran.code == 0
    assert "keep its records" in ran.out
    assert "Nothing was changed." in ran.out
    assert mirrored("sync").code == 0


def test_remove_refuses_without_a_terminal_unless_it_is_told_yes(mirrored: Cli) -> None:
    ran = mirrored("account", "remove", "work", typed="y\n")

    assert ran.code == 2
    assert "--yes" in ran.err
    assert mirrored("sync").code == 0


def test_a_removed_account_keeps_its_records_and_loses_its_credentials(mirrored: Cli) -> None:
    before = mirrored.dump()

    ran = mirrored("account", "remove", "work", typed=Typed("y\n", terminal=True))

    assert ran.code == 0
    assert "its records stay" in ran.out
    assert mirrored.dump() == before
    assert TOKEN not in (mirrored.home / "credentials.json").read_text()
    assert mirrored("sync").code == 2
    assert mirrored("account", "list", "--json").json() == []


def test_a_removed_account_that_is_added_again_goes_on_where_it_was(mirrored: Cli, upstream: Upstream) -> None:
    before = mirrored.dump()
    mirrored("account", "remove", "work", "--yes")
    asked = len(upstream.asked)

    mirrored.add("work", upstream)

    assert mirrored("sync").code == 0
    assert mirrored.dump() == before
    assert "/v1/contacts/sync" not in upstream.asked[asked:]


def test_purge_asks_in_capitals_and_deletes_one_account_with_its_history(mirrored: Cli, upstream: Upstream) -> None:
    upstream.delete("contacts", upstream.ids("contacts")[0])
    mirrored.add("private", upstream)
    assert mirrored("sync").code == 0
    kept = mirrored.query("SELECT remote_id FROM messages WHERE account_id = 2")

    ran = mirrored("account", "remove", "work", "--purge", typed=Typed("y\n", terminal=True))

    assert ran.code == 0
    assert "DELETE all its records and their history for good" in ran.out
    assert mirrored.query("SELECT name FROM accounts") == [("private",)]
    for table in (*TABLES, "versions", "runs", "feeds"):
        assert mirrored.query(f"SELECT count(*) FROM {table} WHERE account_id = 1") == [(0,)], table
    assert mirrored.query("SELECT remote_id FROM messages") == kept
    assert mirrored("sync").code == 0


def test_an_account_that_is_being_synced_is_not_removed(mirrored: Cli) -> None:
    from mirror.store.connection import open_store

    store = open_store(mirrored.home)
    with store.lease(1):
        ran = mirrored("account", "remove", "work", "--yes")
    store.close()

    assert ran.code == 1
    assert "try again when it has finished" in ran.err
    assert mirrored("sync").code == 0


# --- secrets ----------------------------------------------------------------------------------------------------------


def test_a_token_is_in_no_file_but_credentials_and_in_no_output(mirrored: Cli, upstream: Upstream) -> None:
    upstream.state.set_token_status(upstream.account.id, "dead")
    said = [
        mirrored(*command.split())
        for command in (
            "sync", "sync --json", "status", "status --json", "account list", "account list --json", "account pause work",
            "account login work --token-env NOTHING", "search token", "account remove nobody --yes",
        )
    ]  # fmt: skip
    keeper = sqlite3.connect(mirrored.home / "mirror.db")  # so that the WAL is not folded in and removed
    keeper.execute("SELECT count(*) FROM accounts").fetchall()
    mirrored("sync")

    files = [path for path in mirrored.home.rglob("*") if path.is_file()]
    holding = {path.name for path in files if TOKEN.encode() in path.read_bytes()}
    keeper.close()

    assert any(path.name == "mirror.db-wal" for path in files)
    assert holding == {"credentials.json"}
    assert not [ran for ran in said if TOKEN in ran.out + ran.err]


def test_an_account_that_was_removed_can_still_be_purged(mirrored: Cli) -> None:
    mirrored("account", "remove", "work", "--yes")

    ran = mirrored("account", "remove", "work", "--purge", "--yes")

    assert ran.code == 0
    assert mirrored.query("SELECT count(*) FROM contacts") == [(0,)]
    assert mirrored.query("SELECT count(*) FROM accounts") == [(0,)]


def test_accounts_that_are_added_at_once_all_keep_their_credentials(cli: Cli) -> None:
    cli("account", "add", "first", "--token-stdin", typed="t0\n")
    names = [f"account-{number}" for number in range(6)]

    running = [
        cli.process("account", "add", name, "--token-env", "ITS_TOKEN", env={"ITS_TOKEN": f"token-of-{name}"})
        for name in names
    ]
    for process in running:
        process.communicate(timeout=30)

    kept = json.loads((cli.home / "credentials.json").read_text())
    assert {name: kept[name]["token"] for name in names} == {name: f"token-of-{name}" for name in names}


def test_status_says_why_a_mailbox_could_not_be_asked_until_it_answers(mirrored: Cli, upstream: Upstream) -> None:
    mirrored.write("UPDATE accounts SET base_url = 'http://127.0.0.1:9'")
    mirrored("sync", MIRROR_RETRY_BUDGET_S="0")

    told = mirrored("status")

    assert "could not be asked the last time" in told.out
    mirrored.write(f"UPDATE accounts SET base_url = '{upstream.url}'")
    mirrored("sync")
    assert "could not be asked" not in mirrored("status").out
