"""Bad input, as issue 2 lists it: one sentence that says what happened and what to do, the right exit code, nothing lost."""

from __future__ import annotations

import resource
import shutil
import sqlite3
from pathlib import Path
from wsgiref.types import WSGIApplication

import pytest
from mirror_cli import TOKEN, Cli, Ran, Upstream, answering

from mirror.sandbox.faults import Fault, answer, body, cut, drop, garble

HTML = b"<!doctype html><html><body>Welcome to nginx!</body></html>"


def refused(ran: Ran, code: int, *said: str) -> None:
    """One sentence on stderr, nothing on stdout, and no trace of how the program is made."""
    assert ran.code == code, ran
    assert ran.out == ""
    assert ran.err.startswith("mirror: ")
    assert ran.err.count("\n") == 1, ran.err
    assert "Traceback" not in ran.err
    for words in said:
        assert words in ran.err


# --- the server -------------------------------------------------------------------------------------------------------------


def test_an_unreachable_server_is_named_and_costs_nothing(mirrored: Cli) -> None:
    before = mirrored.dump()
    mirrored.write("UPDATE accounts SET base_url = 'http://127.0.0.1:9'")

    ran = mirrored("sync", MIRROR_RETRY_BUDGET_S="0")
    document = mirrored("sync", "--json", MIRROR_RETRY_BUDGET_S="0")

    refused(ran, 1, "work: http://127.0.0.1:9 can't be reached", "Connection refused", "try again later")
    assert document.code == document.json()["exit_code"] == 1
    assert mirrored.dump() == before
    assert mirrored.query("SELECT outcome, error <> '' FROM runs ORDER BY id DESC LIMIT 1") == [("failed", 1)]


def test_a_wrong_token_says_how_to_give_the_right_one(cli: Cli, upstream: Upstream) -> None:
    cli("account", "add", "work", "--base-url", upstream.url, "--token-stdin", typed="not-the-token")

    refused(cli("sync"), 3, "the server does not accept the token (401)", "mirror account login work --token-stdin")
    assert cli.query("SELECT status FROM accounts") == [("needs_auth",)]


@pytest.mark.parametrize(("status", "said"), [("dead", "withdrawn its permission"), ("invalid", "sign-in has run out")])
def test_a_token_that_has_died_says_why(mirrored: Cli, upstream: Upstream, status: str, said: str) -> None:
    upstream.state.set_token_status(upstream.account.id, status)  # type: ignore[arg-type]  # one of its literals

    refused(mirrored("sync"), 3, said, "mirror account login work --token-stdin")


@pytest.mark.parametrize(
    "application",
    [
        answering("200 OK", HTML, "text/html"),
        answering("200 OK", b'{"hello": "world"}'),
        answering("200 OK", b"[1, 2, 3]"),
        answering("200 OK", b"null"),
        answering("200 OK", b""),
        answering("200 OK", b"\xff\xfe\x00"),
        answering("404 Not Found", HTML, "text/html"),
        answering("405 Method Not Allowed", b""),
        answering("301 Moved", b""),
        answering("418 I'm a teapot", b"short and stout"),
    ],
    ids=["html", "other-json", "list", "null", "empty", "binary", "404", "405", "redirect", "teapot"],
)
def test_a_server_that_does_not_speak_aurinko_is_said_to_be_none(
    mirrored: Cli, upstream: Upstream, application: WSGIApplication
) -> None:
    before = mirrored.dump()
    upstream.served.plug_in(application)

    ran = mirrored("sync", MIRROR_RETRY_BUDGET_S="0")

    refused(ran, 1, "work: ")
    assert "not an answer of Aurinko's API" in ran.err or "cut or garbled" in ran.err
    assert mirrored.dump() == before


@pytest.mark.parametrize(
    "effect",
    [
        body(b"[]"),
        body(b'{"records": "none"}'),
        body(b'{"length": 0, "records": []}'),
        body(HTML),
        body(b""),
        answer(500, body=HTML),
        cut(),
        garble(),
        drop(),
    ],
    ids=["list", "text", "no-tokens", "html", "empty", "500", "cut", "garbled", "dropped"],
)
def test_a_wrong_answer_in_the_middle_of_a_walk_leaves_the_cursor_and_the_rest(
    mirrored: Cli, upstream: Upstream, effect: object
) -> None:
    upstream.contact("Annie Easley")
    upstream.create("messages", {"subject": "More"}, body="more")
    cursor = mirrored.query("SELECT cursor FROM feeds WHERE kind = 'contacts'")
    upstream.behind.faults.add(Fault(effect, path="/v1/contacts/sync/updated", times=None))  # type: ignore[arg-type]  # ids above

    ran = mirrored("sync", MIRROR_RETRY_BUDGET_S="0")

    assert ran.code == 1
    assert ran.err.startswith("work contacts: ")
    assert ran.err.count("\n") == 1
    assert "work messages: 1 new" in ran.out
    assert mirrored.query("SELECT cursor FROM feeds WHERE kind = 'contacts'") == cursor
    assert mirrored.query("SELECT count(*) FROM contacts") == [(3,)]
    upstream.behind.faults.clear()
    assert "work contacts: 1 new" in mirrored("sync").out


# --- the home ---------------------------------------------------------------------------------------------------------------

OPENING = ["sync", "status", "search x", "show contact 1", "account list", "accept work contacts", "serve", "run"]


@pytest.mark.parametrize("command", OPENING)
def test_without_a_mirror_commands_say_how_to_make_one_and_make_nothing(cli: Cli, command: str) -> None:
    refused(cli(*command.split()), 2, f"there is no mirror in {cli.home}", "mirror account add NAME", "mirror demo")
    assert not cli.home.exists()


@pytest.mark.parametrize("command", ["sync", "status"])
def test_json_is_printed_on_failure_too(cli: Cli, command: str) -> None:
    ran = cli(command, "--json")

    assert ran.code == 2
    assert ran.json()["home"] == str(cli.home)
    assert ran.json()["accounts"] == []
    assert ran.json()["error"] in ran.err


def directory(home: Path) -> None:
    (home / "mirror.db").mkdir(parents=True)


def no_database(home: Path) -> None:
    home.mkdir()
    (home / "mirror.db").write_text("Dear diary, this is not a database. " * 100)


def another_program(home: Path) -> None:
    home.mkdir()
    conn = sqlite3.connect(home / "mirror.db")
    conn.execute("CREATE TABLE bookmarks (url TEXT)")
    conn.close()


def from_the_future(home: Path) -> None:
    home.mkdir()
    conn = sqlite3.connect(home / "mirror.db")
    conn.execute("PRAGMA user_version = 4711")
    conn.close()


BROKEN = {
    directory: "unable to open database file",
    no_database: "is not a sound SQLite database. Leave it as it is",
    another_program: "it is another program's database",
    from_the_future: "was written by a newer mirror (schema 4711",
}


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.__name__)
@pytest.mark.parametrize("command", [*OPENING, "account add work --token-env TOKEN"])
def test_a_home_that_can_not_be_used_is_left_as_it_is(cli: Cli, broken: object, command: str) -> None:
    assert callable(broken)
    broken(cli.home)
    before = {path: path.is_file() and path.read_bytes() for path in cli.home.iterdir()}

    refused(cli(*command.split(), TOKEN=TOKEN), 1, BROKEN[broken])  # type: ignore[index]  # one of its keys
    for path, content in before.items():
        assert (path.is_file() and path.read_bytes()) == content


def test_a_home_that_is_a_file_is_refused(cli: Cli) -> None:
    cli.home.write_text("x")

    for ran in (cli("status"), cli("account", "add", "work", "--token-stdin", typed=TOKEN)):
        assert ran.code == 2
        assert "is a file" in ran.err
    assert cli.home.read_text() == "x"


def test_a_folder_that_can_not_be_made_is_refused(cli: Cli) -> None:
    ran = cli("account", "add", "work", "--token-stdin", typed=TOKEN, home=Path("/proc/mirror"))

    refused(ran, 1, "/proc/mirror can't be used", "--home")


def test_a_database_that_is_damaged_inside_is_not_made_worse(mirrored: Cli) -> None:
    path = mirrored.home / "mirror.db"
    content = bytearray(path.read_bytes())
    content[16_384:] = b"\xde\xad\xbe\xef" * ((len(content) - 16_384) // 4)
    path.write_bytes(content)

    ran = mirrored("status")

    refused(ran, 1, "not a sound SQLite database", "backup")
    assert path.read_bytes() == content


@pytest.mark.parametrize("place", ["locks", "credentials.json"])
def test_something_else_in_the_place_of_our_files_is_named(mirrored: Cli, place: str) -> None:
    found = mirrored.home / place
    shutil.rmtree(found) if found.is_dir() else found.unlink()
    found.write_text("{") if place == "locks" else found.mkdir()

    refused(mirrored("sync"), 1, str(found), "can't be used")


@pytest.mark.parametrize("written", ["{", "[]", '{"work": "token"}', '{"work": {"user": "ada"}}', "\xff"])
def test_credentials_that_are_no_credentials_are_named(mirrored: Cli, written: str) -> None:
    (mirrored.home / "credentials.json").write_bytes(written.encode("latin-1"))

    refused(mirrored("sync"), 1, "credentials.json can't be used")


def test_a_database_that_another_program_locks_is_waited_for_and_then_named(mirrored: Cli, upstream: Upstream) -> None:
    upstream.contact("Annie Easley")
    other = sqlite3.connect(mirrored.home / "mirror.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    ran = mirrored("sync", MIRROR_BUSY_S="0.1")
    read = mirrored("search", "Hopper", MIRROR_BUSY_S="0.1")
    other.execute("ROLLBACK")
    other.close()

    refused(ran, 1, "another program keeps the database locked", "nothing was lost")
    assert read.code == 0
    assert "work contacts: 1 new" in mirrored("sync").out


def test_a_disk_that_takes_no_more_is_named_and_the_next_sync_goes_on(mirrored: Cli, upstream: Upstream) -> None:
    for number in range(100):
        upstream.create("messages", {"subject": f"Long {number}"}, body=f"{number}" * 20_000)
    room_bytes = (mirrored.home / "mirror.db").stat().st_size + 200_000

    process = mirrored.process("sync", preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (room_bytes,) * 2))
    _, err = process.communicate(timeout=30)

    assert process.returncode == 1
    assert "can't be used: a file may not grow beyond" in err
    assert err.count("\n") == 1
    assert mirrored("sync").code == 0
    assert mirrored.query("SELECT count(*) FROM messages") == [(103,)]


# --- the environment --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("variable", ["MIRROR_RETRY_BUDGET_S", "MIRROR_BUSY_S", "MIRROR_NOW_OFFSET_S"])
@pytest.mark.parametrize("written", ["lots", "1,5", "0x10"])
def test_a_variable_that_is_no_number_is_named(mirrored: Cli, variable: str, written: str) -> None:
    refused(mirrored("sync", **{variable: written}), 2, variable, "not a number of seconds")


def test_a_second_sqlite_library_is_refused(mirrored: Cli, tmp_path: Path) -> None:
    (tmp_path / "pysqlite3").mkdir()
    (tmp_path / "pysqlite3" / "__init__.py").touch()

    process = mirrored.process("status", env={"PYTHONPATH": f"{Path(__file__).parents[1]}:{tmp_path}"})
    out, err = process.communicate(timeout=20)

    refused(Ran(process.returncode, out, err), 2, "uninstall pysqlite3")


@pytest.mark.parametrize("command", ["serve", "run", "demo", "sandbox"])
@pytest.mark.parametrize("port", ["70000", "-1", "http"])
def test_a_port_that_is_none_is_refused(cli: Cli, command: str, port: str) -> None:
    ran = cli(command, "--port", port)

    assert ran.code == 2
    assert "--port" in ran.err
    assert not cli.home.exists()


@pytest.mark.parametrize("command", ["serve", "run"])
def test_a_port_in_use_is_named_with_the_option_that_helps(mirrored: Cli, upstream: Upstream, command: str) -> None:
    port = upstream.url.rsplit(":", 1)[1]

    refused(mirrored(command, "--port", port), 1, f"port {port} on 127.0.0.1 can't be used", "in use", "--port")


@pytest.mark.parametrize("command", ["demo", "sandbox"])
def test_a_port_in_use_is_named_by_demo_and_sandbox_too(cli: Cli, upstream: Upstream, command: str) -> None:
    port = upstream.url.rsplit(":", 1)[1]

    ran = cli(command, "--port", port, "--size", "0.01")

    refused(ran, 1, f"port {port} on 127.0.0.1 can't be used", "--port")
    assert not cli.home.exists()


def test_pages_are_not_served_to_others(mirrored: Cli) -> None:
    for command in ("serve", "run"):
        refused(mirrored(command, "--host", "0.0.0.0"), 2, "Set a password first")


def test_a_home_that_is_not_a_demos_is_not_touched_by_a_demo(mirrored: Cli) -> None:
    before = mirrored.dump()

    refused(mirrored("demo", "--once"), 2, "is not empty and not a demo's folder", "--home")

    assert mirrored.dump() == before


def test_files_that_can_not_be_read_are_refused_and_the_rest_is_served(cli: Cli, tmp_path: Path) -> None:
    ran = cli("sandbox", "--load", str(tmp_path / "nothing.vcf"))

    assert ran.code == 2
    assert "nothing.vcf" in ran.err
