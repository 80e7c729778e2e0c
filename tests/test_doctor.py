"""`mirror doctor`: each check has something really wrong in front of it, says so, and says what to do."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import sys
import zoneinfo
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from mirror_cli import TOKEN, Cli, Upstream, answering
from test_credentials import InMemory, using

from mirror import credentials
from mirror.clock import SystemClock, VirtualClock
from mirror.credentials import App
from mirror.doctor import CHECKS, Examination, Line, examine, home, machine, pages, upstream
from mirror.errors import DatabaseDamaged, RetryLater
from mirror.feed import Mailbox
from mirror.sources.memory import Memory
from mirror.sources.reach import reach
from mirror.store import engine, journal
from mirror.store.connection import open_store


@pytest.fixture
def examination(quick_path: Path) -> Iterator[Examination]:
    """Of a mirror with one account, whose source is in memory."""
    clock = VirtualClock()
    store = open_store(quick_path / "home", clock)
    journal.add_account(store, "work", "memory", "http://127.0.0.1:9")
    credentials.save(store.home, "work", {"token": "x"}, in_file=True)
    accounts = tuple(journal.accounts(store))
    source = Memory(clock)
    yield Examination(store.home, clock, store, accounts, lambda _: source, "127.0.0.1", 0, os.getuid())
    store.close()


def said(check: Callable[[Examination], Any], examination: Examination) -> list[tuple[str, str]]:
    return [(line.verdict, line.what) for line in check(examination)]


def only(check: Callable[[Examination], Any], examination: Examination) -> Line:
    (line,) = check(examination)
    assert isinstance(line, Line)
    return line


# --- the machine ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("year", [1970, 2106])
def test_a_clock_that_says_an_impossible_year_is_wrong(examination: Examination, year: int) -> None:
    line = only(machine.clock, replace(examination, clock=VirtualClock(datetime(year, 1, 1, tzinfo=UTC))))

    assert (line.verdict, line.help) == ("wrong", "set the clock: timedatectl set-ntp true")


def test_a_clock_that_was_set_back_is_noticed_by_what_is_in_the_file(examination: Examination) -> None:
    assert examination.store is not None
    with examination.store.transaction() as conn:
        conn.execute("UPDATE change_order SET observed_at = '2026-03-01T00:00:00.000Z'")

    assert "it was set back" in only(machine.clock, examination).what


def test_a_clock_that_is_right_is_ok(examination: Examination) -> None:
    assert only(machine.clock, examination).verdict == "ok"
    assert only(machine.clock, replace(examination, store=None)).verdict == "ok"


def test_a_machine_without_time_zones_is_told_what_to_install(examination: Examination) -> None:
    parts = {"tzdata", *(name for name in sys.modules if name.startswith("tzdata."))}
    before = {name: sys.modules.get(name) for name in parts}
    sys.modules.update(dict.fromkeys(parts))  # type: ignore[arg-type]  # None: how Python notes that a package is not there
    zoneinfo.reset_tzpath(to=())
    try:
        line = only(machine.time_zones, examination)
    finally:
        zoneinfo.reset_tzpath()
        for name, module in before.items():
            del sys.modules[name]
            if module is not None:
                sys.modules[name] = module

    assert (line.verdict, line.help) == ("wrong", "pip install --upgrade tzdata")
    assert only(machine.time_zones, examination).verdict == "ok"


@pytest.mark.parametrize(
    ("version", "has_it"),
    [
        ((3, 6, 23), False), ((3, 7, 0), True), ((3, 40, 1), True), ((3, 44, 5), True), ((3, 44, 6), False),
        ((3, 45, 0), True), ((3, 50, 6), True), ((3, 50, 7), False), ((3, 51, 0), True), ((3, 51, 2), True),
        ((3, 51, 3), False), ((3, 53, 0), False), ((4, 0, 0), False),
    ],
)  # fmt: skip
def test_the_wal_reset_bug_is_in_the_versions_that_sqlite_names(version: engine.Version, has_it: bool) -> None:
    assert engine.BUGS[0].is_in(version) is has_it


def test_an_sqlite_that_is_too_old_or_lacks_something_is_wrong() -> None:
    (old,) = machine.sqlite_of((3, 36, 0), [])
    (bare,) = machine.sqlite_of((3, 53, 0), ["FTS5 (search)"])
    (buggy,) = machine.sqlite_of((3, 40, 1), [])
    (new,) = machine.sqlite_of((3, 53, 0), [])

    assert [line.verdict for line in (old, bare, buggy, new)] == ["wrong", "wrong", "note", "ok"]
    assert "FTS5" in bare.what


def test_what_an_sqlite_lacks_is_found_out_by_trying() -> None:
    conn = sqlite3.connect(":memory:")
    refused = (sqlite3.SQLITE_CREATE_VTABLE, sqlite3.SQLITE_FUNCTION)
    conn.set_authorizer(lambda action, *_: sqlite3.SQLITE_DENY if action in refused else sqlite3.SQLITE_OK)

    assert engine.missing_features(conn) == list(engine.FEATURES)
    assert engine.missing_features() == []
    conn.close()


@contextmanager
def on_the_path(folder: Path) -> Iterator[None]:
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))


def test_a_second_sqlite_is_wrong(examination: Examination, tmp_path: Path) -> None:
    (tmp_path / "pysqlite3.py").write_text("")
    with on_the_path(tmp_path):
        line = only(machine.one_sqlite, examination)

    assert (line.verdict, line.help) == ("wrong", "pip uninstall pysqlite3 pysqlite3-binary")
    assert only(machine.one_sqlite, examination).verdict == "ok"


def test_little_room_is_said(examination: Examination) -> None:
    rooms = [machine.room(free, 5_000_000_000).verdict for free in (50_000_000, 3_000_000_000, 6_000_000_000)]

    assert rooms == ["wrong", "note", "ok"]
    assert "GB are free" in only(machine.disk, examination).what
    assert only(machine.disk, replace(examination, home=examination.home / "not" / "there")).check == "disk"


MOUNTS = """\
/dev/sda1 / ext4 rw 0 0
tmpfs /run tmpfs rw 0 0
server:/export /home nfs4 rw 0 0
/dev/sdb1 /home/ada/My\\040disk xfs rw 0 0
odd
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/srv/mirror", "ext4"),
        ("/run/x", "tmpfs"),
        ("/home/ada", "nfs4"),
        ("/home/ada/My disk/m", "xfs"),
        ("/homes", "ext4"),
    ],
)
def test_the_file_system_is_that_of_the_innermost_mount(path: str, kind: str) -> None:
    assert machine.file_system_of(Path(path), MOUNTS) == kind


def test_a_home_on_a_network_file_system_is_wrong(examination: Examination) -> None:
    mounts = f"/dev/sda1 / ext4 rw 0 0\nserver:/x {examination.home.parent} nfs4 rw 0 0\n"

    verdicts = [
        only(machine.file_system, replace(examination, mounts=text)).verdict
        for text in (mounts, mounts.replace("nfs4", "ext4"), mounts.replace("nfs4", "tmpfs"), "")
    ]

    assert verdicts == ["wrong", "ok", "note", "ok"]


# --- the home ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "mode", "helps"),
    [(".", 0o755, "chmod 700"), ("mirror.db", 0o644, "chmod 600"), ("credentials.json", 0o640, "chmod 600")],
)  # fmt: skip
def test_what_others_can_read_is_wrong(examination: Examination, name: str, mode: int, helps: str) -> None:
    before = only(home.owner_alone, examination).verdict
    (examination.home / name).chmod(mode)

    line = only(home.owner_alone, examination)

    assert (before, line.verdict) == ("ok", "wrong")
    assert line.help is not None
    assert line.help.startswith(helps)


def test_files_of_another_user_are_wrong(examination: Examination) -> None:
    line = only(home.owner_alone, replace(examination, uid=os.getuid() + 1))

    assert line.verdict == "wrong"
    assert "sudo" in line.what


def test_a_home_that_is_not_there_yet_is_no_mistake(examination: Examination) -> None:
    assert only(home.owner_alone, replace(examination, home=examination.home / "x")).verdict == "note"


def test_what_another_process_is_at_is_named(examination: Examination) -> None:
    other = open_store(examination.home, VirtualClock())
    with other.lease(1), other.alone("telling"):
        busy = only(home.locks, examination)
    other.close()

    assert "work, notifications right now" in busy.what
    assert only(home.locks, examination).verdict == "ok"


@pytest.mark.parametrize(
    ("written", "verdict", "what"),
    [
        ("", "ok", "tells nobody"),
        ("[notify]\nexec = ['sh']", "ok", "tells by exec"),
        ("[notify]\nexec = ['/nowhere/tell']", "wrong", "there is no command /nowhere/tell"),
        ("[notify]\nexe = 1", "wrong", "line 2: there is no exe"),
    ],
)
def test_a_mirror_toml_that_can_not_work_is_wrong(
    examination: Examination, written: str, verdict: str, what: str
) -> None:
    assert only(home.settings_file, examination).verdict == "ok"
    (examination.home / "mirror.toml").write_text(written)

    line = only(home.settings_file, examination)

    assert line.verdict == verdict
    assert what in line.what


def test_notes_where_nothing_shows_them_are_wrong(examination: Examination, tmp_path: Path) -> None:
    (examination.home / "mirror.toml").write_text("[notify]\ndesktop = true")
    before, os.environ["PATH"] = os.environ["PATH"], str(tmp_path)
    try:
        line = only(home.settings_file, examination)
    finally:
        os.environ["PATH"] = before

    assert line.verdict == "wrong"


# --- upstream ---------------------------------------------------------------------------------------------------------


def test_it_says_where_the_secrets_are(examination: Examination) -> None:
    in_file = only(upstream.secrets, examination)
    with contextmanager(using)(InMemory()):
        credentials.save(examination.home, "work", {"token": "x"})
        in_keyring = only(upstream.secrets, examination)

    assert in_file.what.endswith("credentials.json, since there is no usable keyring")
    assert in_keyring.what == "those of work are in the system's keyring"


def test_an_account_without_credentials_needs_its_person(examination: Examination) -> None:
    credentials.forget(examination.home, "work")

    line = only(upstream.secrets, examination)

    assert (line.verdict, line.help) == ("person", "mirror account login work")


def test_an_application_that_is_incomplete_or_out_of_reach_is_said(examination: Examination) -> None:
    url = "https://api.example"
    with contextmanager(using)(InMemory()):
        credentials.keep_app(examination.home, App(url, "id", "secret"))
        incomplete = only(upstream.applications, examination)
        credentials.keep_app(examination.home, App(url, "id", "secret", "signing"))
        complete = only(upstream.applications, examination)
    locked = only(upstream.applications, examination)

    assert [line.verdict for line in (incomplete, complete, locked)] == ["note", "ok", "person"]
    assert "secret" not in complete.what


def test_an_upstream_that_does_not_answer_is_wrong(examination: Examination) -> None:
    line = only(upstream.reachable, examination)

    assert line.verdict == "wrong"
    assert "ConnectError" in line.what


def test_an_upstream_in_trouble_is_wrong_and_a_refusal_is_an_answer(
    examination: Examination, upstream: Upstream
) -> None:
    from mirror.doctor.upstream import reachable

    account = replace(examination.accounts[0], base_url=upstream.url)
    asked = replace(examination, accounts=(account,), clock=SystemClock())
    answers = [only(reachable, asked).verdict]
    upstream.served.plug_in(answering("503 Service Unavailable", b""))
    answers.append(only(reachable, asked).verdict)

    assert answers == ["ok", "wrong"]


def test_a_clock_that_differs_from_upstreams_is_wrong(examination: Examination, upstream: Upstream) -> None:
    from mirror.doctor.upstream import reachable

    account = replace(examination.accounts[0], base_url=upstream.url)
    behind = VirtualClock(SystemClock().now() - timedelta(hours=1))
    lines = list(reachable(replace(examination, accounts=(account,), clock=behind)))

    assert [(line.check, line.verdict) for line in lines] == [("upstream", "ok"), ("clock", "wrong")]
    assert "60 minutes behind" in lines[1].what


def test_a_date_that_is_none_is_no_date() -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(200, headers={"date": "yesterday"}))

    assert reach("https://api.example", transport=transport).date is None


def test_reaching_takes_no_credentials_along() -> None:
    asked: list[httpx.Request] = []
    transport = httpx.MockTransport(lambda request: asked.append(request) or httpx.Response(401))

    assert reach("https://api.example/v1/", transport=transport).status == 401
    assert str(asked[0].url) == "https://api.example/v1/account"
    assert "authorization" not in asked[0].headers


class Answering(Memory):
    """A source whose mailbox answers so, or fails."""

    def __init__(self, answer: Mailbox | Exception) -> None:
        super().__init__(VirtualClock())
        if isinstance(answer, Mailbox):
            self.answers_as = answer
        else:
            self.fail("mailbox", answer)  # type: ignore[arg-type]  # a MirrorError, each time


@pytest.mark.parametrize(
    ("answer", "verdict", "what"),
    [
        (Mailbox("1", "ada@example.org"), "ok", "is signed in as ada@example.org"),
        (Mailbox("2"), "person", "answers for another mailbox"),
        (Mailbox("1", scopes=("Mail.Read", "Contacts.ReadWrite", "Tasks.Read")), "note", "but not to: Calendar.Read"),
        (RetryLater("503"), "wrong", "did not answer (503)"),
    ],
)
def test_whether_an_account_is_let_in_and_to_what(
    examination: Examination, answer: Mailbox | Exception, verdict: str, what: str
) -> None:
    account = replace(examination.accounts[0], remote_id="1")

    line = only(upstream.signed_in, replace(examination, accounts=(account,), source_for=lambda _: Answering(answer)))

    assert line.verdict == verdict
    assert what in line.what


def test_a_paused_account_is_not_asked(examination: Examination) -> None:
    account = replace(examination.accounts[0], status="paused")
    source = Memory(VirtualClock())

    line = only(upstream.signed_in, replace(examination, accounts=(account,), source_for=lambda _: source))

    assert line.verdict == "ok"
    assert source.asked == []


# --- the pages --------------------------------------------------------------------------------------------------------


def test_a_port_that_is_taken_is_said(examination: Examination) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        line = only(pages.port, replace(examination, port=taken.getsockname()[1]))

    assert (line.verdict, line.help) == ("note", "mirror run --port 8802")
    assert only(pages.port, examination).verdict == "ok"


def distribution(folder: Path, name: str, version: str, entry_points: str = "") -> None:
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (info / "entry_points.txt").write_text(entry_points)


def test_another_datasette_and_plugins_of_others_are_said(examination: Examination, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    distribution(tmp_path / "a", "datasette", "1.0a20")
    distribution(tmp_path / "b", "datasette-dashboards", "0.8", "[datasette]\ndashboards = datasette_dashboards\n")
    with on_the_path(tmp_path / "a"):
        newer = only(pages.datasette, examination)
    with on_the_path(tmp_path / "b"):
        crowded = only(pages.datasette, examination)

    assert (newer.verdict, crowded.verdict) == ("wrong", "note")
    assert crowded.what.endswith("datasette-dashboards")
    assert only(pages.datasette, examination).verdict == "ok"


# --- the whole --------------------------------------------------------------------------------------------------------


def test_a_check_that_fails_keeps_no_other_from_being_made(examination: Examination) -> None:
    def broken(_: Examination) -> Iterator[Line]:
        raise DatabaseDamaged("mirror.db")

    def denied(_: Examination) -> Iterator[Line]:
        raise PermissionError(13, "Permission denied")

    lines = list(examine(examination, [broken, denied, machine.clock]))

    assert [(line.check, line.verdict) for line in lines] == [("broken", "wrong"), ("denied", "wrong"), ("clock", "ok")]
    assert lines[1].what == "could not be looked at: Permission denied"


def test_every_check_has_said_something_well_on_a_mirror_that_works(mirrored: Cli, upstream: Upstream) -> None:
    ran = mirrored("doctor", "--port", "0")

    assert ran.code == 0, ran.out
    lines = ran.out.splitlines()
    assert [line for line in lines if line.startswith(("WRONG", "YOU"))] == []
    for name in ("clock", "time zones", "sqlite", "one sqlite", "disk", "file system", "permissions", "locks", "mirror.toml",
                 "secrets", "upstream", "account", "port", "datasette"):  # fmt: skip
        assert any(f" {name}" in line for line in lines), name
    assert "work is signed in as ada@example.org" in ran.out
    assert TOKEN not in ran.out + ran.err


def test_a_dead_token_is_three_and_something_wrong_here_is_one(mirrored: Cli, upstream: Upstream) -> None:
    (mirrored.home / "mirror.toml").write_text("[notify]\nexec = 7\n")
    wrong = mirrored("doctor", "--port", "0", "--json")
    mirrored("account", "login", "work", "--token-stdin", typed="another-token")
    dead = mirrored("doctor", "--port", "0", "--json")

    assert (wrong.code, wrong.json()["exit_code"]) == (1, 1)
    assert (dead.code, dead.json()["exit_code"]) == (3, 3)
    (line,) = [line for line in dead.json()["lines"] if line["verdict"] == "person"]
    assert line["help"] == "mirror account login work"
    assert {"check", "verdict", "what", "help"} == set(line)


def test_a_home_that_can_not_be_opened_is_examined_all_the_same(cli: Cli) -> None:
    cli.home.mkdir(mode=0o700)
    (cli.home / "mirror.db").write_bytes(b"Dear diary, " * 1000)
    (cli.home / "mirror.db").chmod(0o600)

    ran = cli("doctor", "--port", "0", "--json")

    assert ran.code == 1
    assert [line["check"] for line in ran.json()["lines"] if line["verdict"] == "wrong"] == ["mirror.db"]
    assert len(json.loads(ran.out)["lines"]) > 8


def test_without_a_home_it_looks_at_the_machine(cli: Cli) -> None:
    ran = cli("doctor", "--port", "0")

    assert ran.code == 0, ran.out
    assert not cli.home.exists()


def test_every_check_is_named_in_a_test_here() -> None:
    source = Path(__file__).read_text()

    assert [check.__name__ for check in CHECKS if f".{check.__name__}" not in source] == []
