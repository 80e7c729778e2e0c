"""`mirror run`, `serve`, `demo` and `sandbox` as processes: they serve, they follow, and they end when they are told."""

from __future__ import annotations

import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from mirror_cli import TOKEN, Cli, Upstream
from served_api import Api

from mirror.clock import SystemClock
from mirror.sandbox.faults import Effect, Fault

ENDS_WITHIN_S = 5.0
SIZE = "0.05"


class Running:
    """A command that stays until it is stopped."""

    def __init__(self, cli: Cli, *arguments: str, **more: Any) -> None:
        self.process = cli.process(*arguments, stderr=subprocess.STDOUT, **more)
        self.said: list[str] = []
        self.clock = SystemClock()

    def read_until(self, words: str) -> str:
        """The line that holds these words."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(line)
            if words in line:
                return line
        return pytest.fail(f"it ended with {''.join(self.said)}")

    def url(self) -> str:
        return next(word for word in self.read_until("Browse http").split() if word.startswith("http")).rstrip("/")

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Its exit code; it must come soon."""
        began = self.clock.monotonic()
        self.process.send_signal(number)
        killer = threading.Timer(20, self.process.kill)
        killer.start()
        assert self.process.stdout is not None
        self.said += self.process.stdout  # not communicate(), which passes over what was read ahead
        self.process.wait()
        killer.cancel()
        assert self.clock.monotonic() - began < ENDS_WITHIN_S
        assert "Traceback" not in "".join(self.said)
        return self.process.returncode


@contextmanager
def running(cli: Cli, *arguments: str, **more: Any) -> Iterator[Running]:
    command = Running(cli, *arguments, **more)
    try:
        yield command
    finally:
        command.process.kill()
        command.process.communicate()


def get(url: str) -> httpx.Response:
    return httpx.get(url, timeout=20, trust_env=False)


def eventually(url: str, true_of: Any, tries: int = 100) -> dict[str, Any]:
    """The start page's numbers, once this is true of them."""
    clock = SystemClock()
    for _ in range(tries):
        found: dict[str, Any] = get(url + "/-/mirror/live.json").json()
        if true_of(found):
            return found
        clock.sleep(0.2)
    return pytest.fail(f"not true of {found}")


class Held:
    """Requests that match are held until they are let go."""

    def __init__(self, upstream: Upstream, path: str) -> None:
        self.asked, self.go_on = threading.Event(), threading.Event()
        upstream.behind.faults.add(Fault(Effect(before=self._hold), path=path))

    def _hold(self, _: object) -> None:
        self.asked.set()
        self.go_on.wait(20)


# --- run --------------------------------------------------------------------------------------------------------------------


def test_run_pulls_serves_and_notices_changes_and_new_accounts(cli: Cli, upstream: Upstream) -> None:
    cli.add("work", upstream)
    cli.write("UPDATE accounts SET interval_factor = 0.01")

    with running(cli, "run", "--port", "0") as run:
        url = run.url()
        first = eventually(url, lambda found: found["counts"]["messages"] == 3)
        upstream.create("messages", {"subject": "Look, it grows"}, body="more")
        second = eventually(url, lambda found: found["counts"]["messages"] == 4)
        page = get(url)
        code = run.stop()

    assert code == 0
    assert second["seq"] > first["seq"]
    assert page.status_code == 200
    assert "Look, it grows" in page.text
    assert "Stopped. Everything that was shown is in the file." in run.said[-1]
    assert TOKEN not in "".join(run.said) + page.text


@pytest.mark.parametrize(("number", "hangs"), [(signal.SIGTERM, True), (signal.SIGINT, False)])
def test_run_ends_within_five_seconds_with_the_page_in_flight_whole_or_absent(
    cli: Cli, upstream: Upstream, number: signal.Signals, hangs: bool
) -> None:
    cli.add("work", upstream)
    held = Held(upstream, "/v1/email/sync/updated")

    with running(cli, "run", "--port", "0") as run:
        run.url()
        assert held.asked.wait(20)
        if not hangs:
            held.go_on.set()
        code = run.stop(number)
    held.go_on.set()

    assert code == 0
    assert cli.query("SELECT count(*) FROM contacts") == [(3,)]
    assert cli.query("SELECT count(*) FROM messages")[0][0] in ((0,) if hangs else (0, 3))
    assert cli.query("PRAGMA integrity_check") == [("ok",)]
    assert cli("sync").code == 0
    assert cli.query("SELECT count(*) FROM messages") == [(3,)]


def test_run_ends_at_once_while_it_waits_for_a_server_in_trouble(cli: Cli, upstream: Upstream) -> None:
    cli.add("work", upstream)
    upstream.served.unplug()

    with running(cli, "run", "--port", "0") as run:
        run.url()
        code = run.stop()

    assert code == 0


def test_run_without_accounts_says_so_and_waits_for_one(cli: Cli, upstream: Upstream) -> None:
    cli.add("work", upstream)
    cli("account", "remove", "work", "--yes")

    with running(cli, "run", "--port", "0") as run:
        assert "it is noticed while this runs" in run.read_until("No accounts yet")
        assert run.stop(signal.SIGINT) == 0


def test_run_beside_another_run_leaves_the_account_to_it(cli: Cli, upstream: Upstream) -> None:
    cli.add("work", upstream)
    held = Held(upstream, "/v1/contacts/sync")

    with running(cli, "run", "--port", "0") as first, running(cli, "run", "--port", "0") as second:
        urls = {first.url(), second.url()}
        assert held.asked.wait(20)
        held.go_on.set()
        eventually(min(urls), lambda found: found["counts"]["messages"] == 3)
        codes = [first.stop(), second.stop()]

    assert len(urls) == 2
    assert codes == [0, 0]
    assert upstream.asked.count("/v1/contacts/sync") == 1


# --- serve ------------------------------------------------------------------------------------------------------------------


def test_serve_shows_what_there_is_and_syncs_nothing(mirrored: Cli, upstream: Upstream) -> None:
    before = len(upstream.asked)

    with running(mirrored, "serve", "--port", "0") as serving:
        url = serving.url()
        rows = get(url + "/mirror/contacts.json?_shape=array").json()
        code = serving.stop(signal.SIGINT)

    assert code == 0
    assert [row["name"] for row in rows] == ["Grace Hopper", "Katherine Johnson", "Radia Perlman"]
    assert len(upstream.asked) == before


def test_run_and_api_answer_programs_that_have_a_token(mirrored: Cli) -> None:
    token = mirrored("token", "new", "program", "--scope", "Contacts.Read").out.strip()
    headers = {"Authorization": f"Bearer {token}"}
    for command, beside in (("run", 200), ("api", 404)):
        with running(mirrored, command, "--port", "0") as served:
            line = served.read_until("http")
            url = next(word for word in line.split() if word.startswith("http")).rstrip("/").removesuffix("/v1")
            started = httpx.post(f"{url}/v1/contacts/sync", headers=headers, trust_env=False)
            stranger = httpx.post(f"{url}/v1/contacts/sync", trust_env=False)
            page = get(url)
            assert served.stop() == 0

        assert started.json()["ready"] is True
        assert (stranger.status_code, page.status_code) == (401, beside), command


def test_serve_listens_on_ipv6_or_says_that_there_is_none(mirrored: Cli) -> None:
    if not has_ipv6():
        refused = mirrored("serve", "--port", "0", "--host", "::1")
        assert (refused.code, refused.err.count("\n")) == (1, 1)
        assert "port 0 on ::1 can't be used" in refused.err
        return

    with running(mirrored, "serve", "--port", "0", "--host", "::1") as serving:
        url = serving.url()
        assert url.startswith("http://[::1]:")
        assert get(url).status_code == 200
        assert serving.stop() == 0


def test_with_a_password_others_are_served_what_they_sign_in_for(mirrored: Cli) -> None:
    mirrored("password", "set", "--stdin", typed="correct horse")

    with running(mirrored, "serve", "--port", "0", "--host", "0.0.0.0") as serving:
        url = serving.url().replace("0.0.0.0", "127.0.0.1")
        stranger = httpx.get(url + "/mirror/contacts", headers={"host": "mirror.example.org"}, trust_env=False)
        owner = httpx.get(url + "/mirror/contacts", auth=("owner", "correct horse"), trust_env=False)
        listed = (
            Path(f"/proc/{serving.process.pid}/cmdline").read_bytes()
            + Path(f"/proc/{serving.process.pid}/environ").read_bytes()
        )
        assert serving.stop() == 0

    assert (stranger.status_code, owner.status_code) == (401, 200)
    assert "Radia Perlman" not in stranger.text
    assert "Radia Perlman" in owner.text
    assert b"pbkdf2" not in listed
    assert "Put HTTPS in front of it." in "".join(serving.said)


def test_a_name_that_was_made_to_lead_here_gets_no_page(mirrored: Cli) -> None:
    with running(mirrored, "serve", "--port", "0") as serving:
        url = serving.url()
        answer = httpx.get(url + "/mirror/contacts", headers={"host": "evil.example"}, trust_env=False)
        assert serving.stop() == 0

    assert answer.status_code == 421
    assert "Radia Perlman" not in answer.text
    assert "".join(serving.said).count("\n") == 1


def test_the_pages_know_the_time_zone_of_the_machine(mirrored: Cli) -> None:
    with running(mirrored, "serve", "--port", "0", env={"TZ": "Asia/Kolkata"}) as serving:
        told = get(serving.url() + "/-/metadata.json").json()
        assert serving.stop() == 0

    assert told["plugins"]["mirror"]["zone"] == "Asia/Kolkata"


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


# --- demo -------------------------------------------------------------------------------------------------------------------


def test_a_demo_serves_a_page_that_grows_while_you_watch_and_keeps_other_demos_out(cli: Cli) -> None:
    with running(cli, "demo", "--no-browser", "--port", "0", "--size", SIZE) as demo:
        url = demo.url()
        first = get(url + "/-/mirror/live.json").json()
        second = cli("demo", "--once", "--size", SIZE)
        grown = eventually(url, lambda found: found["seq"] > first["seq"])
        code = demo.stop()

    assert code == 0
    assert grown["changes"]
    assert first["counts"]["messages"] > 50
    assert second.code == 2
    assert "a demo is running in" in second.err


def test_demo_once_makes_a_whole_mirror_and_begins_anew_each_time(cli: Cli) -> None:
    ran = [cli("demo", "--once", "--size", SIZE, "--seed", seed) for seed in ("1", "2")]

    assert [(one.code, one.err) for one in ran] == [(0, ""), (0, "")]
    assert "s after you pressed Enter." in ran[0].out
    assert all(
        cli.query(f"SELECT count(*) > 0 FROM {kind}") == [(1,)] for kind in ("contacts", "events", "messages", "tasks")
    )
    assert cli.query("SELECT DISTINCT state FROM feeds") == [("following",)]
    assert cli.query("SELECT count(*) FROM accounts") == [(1,)]
    assert cli.query("SELECT count(*) FROM versions") == [(0,)]
    assert cli("status").code == 0


# --- sandbox ----------------------------------------------------------------------------------------------------------------


def test_a_sandbox_keeps_its_state_in_a_file_and_lives(cli: Cli) -> None:
    state = ("--state", str(cli.home.parent / "upstream.db"))
    ids = []
    for more in (("--size", "0.02"), ("--life", "--life-every", "0.05")):
        with running(cli, "sandbox", "--port", "0", *state, *more) as sandbox:
            url = sandbox.read_until("Aurinko's API is at").split()[4]
            api = Api(url, "sandbox-token")
            ids.append(set(api.holds()["messages"]))
            api.close()
            assert sandbox.stop() == 0

    assert ids[0]
    assert ids[0] <= ids[1]


def test_a_sandbox_says_how_to_mirror_it_in_words_that_work(cli: Cli) -> None:
    with running(cli, "sandbox", "--port", "0", "--size", "0.02") as sandbox:
        line = sandbox.read_until("mirror account add NAME")
        token, _, command = line.strip().removeprefix("echo ").partition(" | mirror ")
        arguments = command.split(" && ")[0].replace("NAME", "work").split()

        added = cli(*arguments, typed=token)

        assert added.code == 0
        assert cli("sync", "--kind", "contacts").code == 0
        assert sandbox.stop() == 0
