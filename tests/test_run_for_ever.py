"""`mirror run` over power cuts, upgrades and trouble of its accounts, as real processes; and its memory over a month."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from mirror_cli import ROOT, TOKEN, Cli, Upstream
from test_serving import Held, eventually, get, running

from mirror.clock import SystemClock, VirtualClock
from mirror.errors import HomeTooNew
from mirror.store import journal, migrations
from mirror.store.connection import open_store

NEWER = """
import sys
from pathlib import Path
from mirror.store import migrations
from mirror.store.connection import open_store
def step(conn):
    conn.execute("ALTER TABLE accounts ADD COLUMN horoscope TEXT")
migrations.STEPS = (*migrations.STEPS, step)
migrations.VERSION += 1
migrations.migrate.__defaults__ = (migrations.STEPS,)
open_store(Path(sys.argv[1])).close()
"""

TELLS = """
import json, sys
with open(sys.argv[1], "a") as file:
    file.write(json.dumps(json.load(sys.stdin)) + "\\n")
"""


def upgrade(home: Path) -> None:
    """A newer mirror opens the home."""
    subprocess.run([sys.executable, "-c", NEWER, str(home)], check=True, cwd=ROOT)


def told(file: Path) -> list[tuple[str, str]]:
    lines = file.read_text().splitlines() if file.exists() else []
    return [(notice["account"], notice["state"]) for notice in map(json.loads, lines)]


def wait_until_told(file: Path, expected: list[tuple[str, str]]) -> None:
    clock = SystemClock()
    for _ in range(600):
        if told(file) == expected:
            return
        clock.sleep(0.1)
    pytest.fail(f"told: {told(file)}")


def wait_until_noted(cli: Cli) -> None:
    """A process that is killed before this tells again, and rightly so."""
    clock = SystemClock()
    for _ in range(600):
        if cli.query("SELECT untold FROM health") == [(None,)]:
            return
        clock.sleep(0.1)
    pytest.fail("it was not noted")


# --- upgrades ---------------------------------------------------------------------------------------------------------


def test_a_process_that_a_newer_mirror_has_overtaken_writes_nothing_more(quick_path: Path) -> None:
    store = open_store(quick_path / "home", VirtualClock())
    journal.add_account(store, "work", "memory", "memory:")
    upgrade(store.home)

    with pytest.raises(HomeTooNew) as refused, store.transaction() as conn:
        conn.execute("DELETE FROM accounts")
    with pytest.raises(HomeTooNew):
        store.again()

    assert (refused.value.found, refused.value.known) == (migrations.VERSION + 1, migrations.VERSION)
    assert store.conn.execute("SELECT count(*) FROM accounts").fetchone()[0] == 1
    assert not store.conn.in_transaction
    store.close()


def test_a_transaction_that_is_under_way_ends_before_a_newer_mirror_changes_the_file(quick_path: Path) -> None:
    store = open_store(quick_path / "home", VirtualClock())
    with store.transaction() as conn:
        newer = subprocess.Popen([sys.executable, "-c", NEWER, str(store.home)], cwd=ROOT)
        with pytest.raises(subprocess.TimeoutExpired):
            newer.wait(0.5)
        conn.execute("DELETE FROM hints")
    assert newer.wait(20) == 0
    store.close()


def test_run_stops_with_a_sentence_when_a_newer_mirror_has_changed_the_file(mirrored: Cli) -> None:
    with running(mirrored, "run", "--port", "0") as run:
        eventually(run.url(), lambda found: found["counts"]["messages"] == 3)
        upgrade(mirrored.home)
        run.read_until("was written by a newer mirror")
        code = run.process.wait(20)

    assert code == 1
    assert "start it again" in run.said[-1]
    assert "Traceback" not in "".join(run.said)
    refused = mirrored("sync")
    assert (refused.code, refused.err.count("\n")) == (1, 1)


# --- power cuts -------------------------------------------------------------------------------------------------------


def test_run_goes_on_after_a_power_cut_in_the_middle_of_a_pull(cli: Cli, upstream: Upstream) -> None:
    cli.add("work", upstream)
    held = Held(upstream, "/v1/email/sync/updated")
    with running(cli, "run", "--port", "0") as run:
        run.url()
        assert held.asked.wait(20)
        run.process.kill()
        run.process.wait(20)
    held.go_on.set()
    left = {path.name for path in (cli.home / "locks").iterdir()}

    with running(cli, "run", "--port", "0") as run:
        url = run.url()
        eventually(url, lambda found: found["counts"]["messages"] == 3)
        assert get(url + "/-/health").json()["healthy"]
        assert run.stop() == 0

    assert "account-1.lock" in left  # the file stays, the lock does not
    assert cli.query("PRAGMA integrity_check") == [("ok",)]
    assert cli("status").code == 0
    assert cli("verify").code == 0


def test_run_tells_once_over_restarts_and_power_cuts(cli: Cli, upstream: Upstream, tmp_path: Path) -> None:
    cli.add("work", upstream)
    cli.write("UPDATE accounts SET interval_factor = 0.01")
    file = tmp_path / "told"
    settings = json.dumps([sys.executable, "-c", TELLS, str(file)])
    (cli.home / "mirror.toml").write_text(f"[notify]\nexec = {settings}\n")
    with running(cli, "run", "--port", "0") as run:
        eventually(run.url(), lambda found: found["counts"]["messages"] == 3)
        upstream.state.set_token_status(upstream.account.id, "dead")
        wait_until_told(file, [("work", "needs_auth")])
        wait_until_noted(cli)
        run.process.kill()
        run.process.wait(20)

    with running(cli, "run", "--port", "0") as run:
        url = run.url()
        sick = get(url + "/-/health")
        upstream.state.set_token_status(upstream.account.id, "active")
        assert cli("account", "login", "work", "--token-stdin", typed=TOKEN).code == 0
        wait_until_told(file, [("work", "needs_auth"), ("work", "healthy")])
        well = get(url + "/-/health")
        assert run.stop() == 0

    assert (sick.status_code, sick.json()["accounts"][0]["command"]) == (503, "mirror account login work")
    assert well.status_code == 200
    assert told(file) == [("work", "needs_auth"), ("work", "healthy")]
    assert TOKEN not in file.read_text()


def test_run_refuses_a_mirror_toml_that_it_does_not_understand(mirrored: Cli) -> None:
    (mirrored.home / "mirror.toml").write_text("[notify]\nexce = ['x']\n")

    ran = mirrored("run", "--port", "0")

    assert ran.code == 1
    assert "mirror.toml: line 2: there is no exce in [notify]" in ran.err
