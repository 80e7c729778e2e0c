"""Over HTTP, between processes: `mirror api` tells a program of this machine, and a mirror of a mirror is told at once."""

from __future__ import annotations

import json
import os
import queue
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
from local_served import new_token, served_api
from mirror_cli import Cli, Upstream
from test_serving import running
from test_told_at_once import eventually, free_port

from mirror import clock as clocks
from mirror import webhook
from mirror.sandbox.serve import serve

NOW = clocks.moment("2026-01-05T09:00:00Z")
SOON_S = 20.0
A_WHILE_S = 1.0


class Program:
    """A program of this machine that is told. It answers as `mirror/webhook.py` does."""

    def __init__(self, secret: str) -> None:
        self.secret = secret
        self.status = 200
        self.told: queue.Queue[dict[str, Any]] = queue.Queue()

    def __call__(self, environ: Any, start_response: Any) -> list[bytes]:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        headers = {name[5:].replace("_", "-").lower(): value for name, value in environ.items() if name[:5] == "HTTP_"}
        asked = environ["QUERY_STRING"].encode()
        answer = webhook.answer("POST", asked, headers, body, NOW, {"near": self.secret})
        status = answer.status if b"validationToken" in asked or not answer.verified else self.status
        start_response(f"{status} Said", [("Content-Type", answer.content_type)])
        if answer.verified and "validationToken" not in parse_qs(asked.decode()) and status == 200:
            self.told.put(json.loads(body))
        return [answer.body]

    def next(self, within_s: float = SOON_S) -> dict[str, Any]:
        return self.told.get(timeout=within_s)

    def nothing_more(self) -> bool:
        try:
            self.told.get(timeout=A_WHILE_S)
        except queue.Empty:
            return True
        return False


@pytest.fixture
def mirrored(cli: Cli, upstream: Upstream) -> Cli:
    cli.add("work", upstream)
    assert cli("sync").code == 0
    assert cli("account", "writable", "work", "on").code == 0
    return cli


@contextmanager
def listening(cli: Cli) -> Iterator[tuple[Program, str]]:
    """A program that listens, and its URL."""
    program = Program(cli("token", "signing-secret").out.strip())
    served = serve(program)
    try:
        yield program, f"{served.url}/told?key=1"
    finally:
        served.stop()


def subscribe(url: str, token: str, told_at: str, resource: str = "/contacts") -> dict[str, Any]:
    asked = {"resource": resource, "notificationUrl": told_at}
    headers = {"Authorization": f"Bearer {token}"}
    answer = httpx.post(f"{url}/v1/subscriptions", json=asked, headers=headers, trust_env=False, timeout=20)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_a_program_is_told_what_a_sync_brings_and_after_a_restart_what_a_person_edits(
    mirrored: Cli, upstream: Upstream
) -> None:
    token = new_token(mirrored, "crm", "Contacts.Read")
    changed = upstream.ids("contacts")[0]
    with listening(mirrored) as (program, told_at):
        with served_api(mirrored) as url:
            made = subscribe(url, token, told_at)
            upstream.state.change(upstream.account.id, "contacts", changed, {"nickName": "after"})
            assert mirrored("sync").code == 0
            first = program.next()
        assert mirrored("edit", "contact", "1", "nickName=edited").code == 0
        with served_api(mirrored) as url:
            second = program.next()
            listed = httpx.get(
                f"{url}/v1/subscriptions", headers={"Authorization": f"Bearer {token}"}, trust_env=False
            ).json()

    assert first["payloads"] == [{"id": changed, "changeType": "updated"}]
    assert [one["changeType"] for one in second["payloads"]] == ["updated"]
    assert [one["id"] for one in listed["records"]] == [first["subscription"]] == [made["id"]]
    assert mirrored("token", "list").out.rstrip().endswith("is told of 1 resources")
    assert mirrored("token", "list", "--json").json()["tokens"][0]["subscriptions"] == 1


def test_mirror_run_tells_too_and_of_two_processes_one_tells_and_then_the_other(
    mirrored: Cli, upstream: Upstream
) -> None:
    token = new_token(mirrored, "crm", "Contacts.Read")
    with (
        listening(mirrored) as (program, told_at),
        running(mirrored, "run", "--port", "0") as run,
        served_api(mirrored),
    ):
        subscribe(run.url(), token, told_at)
        made = upstream.create("contacts", {"nickName": "new"})
        assert mirrored("sync").code == 0
        told = program.next()
        alone = program.nothing_more()
        code = run.stop()
        upstream.delete("contacts", made["id"])
        assert mirrored("sync").code == 0
        by_the_other = program.next()

    assert told["payloads"] == [{"id": made["id"], "changeType": "created"}]
    assert (alone, code) == (True, 0)
    assert by_the_other["payloads"] == [{"id": made["id"], "changeType": "deleted"}]


def test_a_program_that_never_answers_does_not_hold_up_the_end(mirrored: Cli, upstream: Upstream) -> None:
    token = new_token(mirrored, "crm", "Contacts.Read")
    asked, go_on = queue.Queue[bool](), queue.Queue[bool]()
    with listening(mirrored) as (program, _), running(mirrored, "run", "--port", "0") as run:

        def slow(environ: Any, start_response: Any) -> list[bytes]:
            if "validationToken" not in environ["QUERY_STRING"]:
                asked.put(True)
                go_on.get(timeout=30)
            return program(environ, start_response)

        served = serve(slow)
        subscribe(run.url(), token, served.url)
        upstream.create("contacts", {"nickName": "new"})
        assert mirrored("sync").code == 0
        asked.get(timeout=SOON_S)
        code = run.stop()
        for _ in range(5):
            go_on.put(True)
        served.stop()

    assert code == 0


def test_the_signing_secret_is_made_once_kept_outside_the_database_and_readable_by_its_owner_alone(
    mirrored: Cli,
) -> None:
    secret = mirrored("token", "signing-secret").out.strip()
    with served_api(mirrored):
        pass

    kept = mirrored.home / "credentials.json"
    assert len(secret) >= 40
    assert mirrored("token", "signing-secret").out.strip() == secret
    assert secret in kept.read_text()
    assert stat.S_IMODE(os.stat(kept).st_mode) == 0o600
    assert [path for path in mirrored.home.glob("mirror.db*") if secret.encode() in path.read_bytes()] == []


def test_a_mirror_of_a_mirror_is_told_at_once(mirrored: Cli, upstream: Upstream, quick_path: Path) -> None:
    far = Cli(quick_path / "far")
    token = new_token(mirrored, "far")
    secret = mirrored("token", "signing-secret").out.strip()
    at = f"http://127.0.0.1:{free_port()}"
    with served_api(mirrored) as near:
        typed(far, "app", "set", "--base-url", f"{near}/v1", "--client-id", "near", "--secret-stdin",
              "--signing-secret-stdin", by=f"unused\n{secret}\n")  # fmt: skip
        typed(far, "account", "add", "copy", "--base-url", f"{near}/v1", "--token-stdin", by=token)
        typed(far, "sync")
        far.write("UPDATE accounts SET interval_factor = 1000")
        with running(far, "run", "--port", at.rpartition(":")[2], "--webhook-url", at) as run:
            run.url()
            eventually(lambda: mirrored.query("SELECT count(*) FROM api_subscriptions")[0][0] >= 4, "subscriptions")
            eventually(lambda: far.query("SELECT count(*) FROM hints WHERE pulled_at IS NULL") == [(0,)], "caught up")
            made = upstream.create("contacts", {"nickName": "made upstream"})
            typed(mirrored, "sync")
            near_id = json.loads(mirrored("new", "contact", "nickName=made near", "--json").out)
            took_s = eventually(lambda: names(far) >= {"made upstream", "made near"}, "told", SOON_S)

    assert took_s < SOON_S
    assert far.query("SELECT count(*) FROM contacts WHERE remote_id = ?", made["id"]) == [(1,)]
    assert near_id
    assert [one[0] for one in far.query("SELECT kind FROM hints WHERE digest IS NOT NULL")][:1] == ["contacts"]


def names(cli: Cli) -> set[str]:
    return {one[0] for one in cli.query("SELECT nickname FROM contacts_now WHERE deleted_at IS NULL")}


def typed(cli: Cli, *arguments: str, by: str = "") -> None:
    ran = cli(*arguments, typed=by)
    assert ran.code == 0, ran
