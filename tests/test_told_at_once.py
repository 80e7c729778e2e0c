"""The whole way over HTTP: `mirror run --webhook-url` subscribes, is asked whether it is itself, is told, and pulls at once."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import pytest
from mirror_cli import Cli, Upstream
from signing import set_app
from test_serving import Running, running
from told import notification

from mirror.clock import SystemClock

RESOURCES = {"/contacts", "/email/messages", "/calendars/ada@example.org/events", "/tasklists/todo/tasks"}
ALLOWED = (b"200", b"400", b"401", b"404", b"413")
SOON_S = 5.0  # a second, and whatever else this machine is doing


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def eventually(true: Callable[[], object], what: str, within_s: float = 30.0) -> float:
    """The seconds that it took."""
    clock = SystemClock()
    began = clock.monotonic()
    while not true():
        assert clock.monotonic() - began < within_s, f"not in time: {what}"
        clock.sleep(0.02)
    return clock.monotonic() - began


def subscribed(upstream: Upstream) -> dict[str, int]:
    return {one.resource: one.id for one in upstream.behind.server.subscriptions.every()}


@pytest.fixture
def told(cli: Cli, upstream: Upstream) -> Iterator[Cli]:
    """An account that would not be asked again within hours."""
    cli.add("work", upstream)
    cli.write("UPDATE accounts SET interval_factor = 1000")
    set_app(cli, upstream)
    yield cli
    upstream.behind.notifications.close()


@contextmanager
def being_told(cli: Cli, upstream: Upstream) -> Iterator[tuple[Running, str]]:
    """`mirror run --webhook-url`, once it has caught up with all that it subscribed to; and where it is."""
    url = f"http://127.0.0.1:{free_port()}"
    with running(cli, "run", "--port", url.rpartition(":")[2], "--webhook-url", url) as run:
        run.url()
        eventually(
            lambda: (
                {one.url.startswith(url) for one in upstream.behind.server.subscriptions.every()} == {True}
                and set(subscribed(upstream)) == RESOURCES
            ),
            "subscriptions",
        )
        eventually(
            lambda: (
                cli.query("SELECT count(*), count(pulled_at) FROM hints WHERE digest IS NULL")[0] in ((4, 4), (8, 8))
            ),
            "caught up",
        )
        yield run, url


def test_a_change_upstream_is_in_the_mirror_within_a_second_and_subscriptions_come_and_go(
    told: Cli, upstream: Upstream
) -> None:
    with being_told(told, upstream) as (run, _):
        first = subscribed(upstream)
        asked_before = len(upstream.asked)
        upstream.contact("Annie Easley")
        delivered = upstream.behind.notifications.pump()
        took_s = eventually(lambda: told.query("SELECT 1 FROM contacts WHERE name = 'Annie Easley'"), "the new contact")
        eventually(
            lambda: told.query("SELECT 1 FROM hints WHERE digest IS NOT NULL AND pulled_at IS NOT NULL"), "the hint"
        )
        asked = [path for path in upstream.asked[asked_before:] if "subscriptions" not in path]
        listed = told("webhook", "list")
        assert run.stop() == 0
    with being_told(told, upstream) as (run, _):
        second = subscribed(upstream)
        assert run.stop() == 0

    assert delivered == 1
    assert took_s < SOON_S
    assert asked == ["/v1/account", "/v1/contacts/sync/updated", "/v1/contacts/sync/deleted"]
    assert set(first.values()).isdisjoint(second.values())  # at another address
    assert listed.code == 0
    assert [line.split()[:2] for line in listed.out.splitlines()] == [
        ["work", "contacts"], ["work", "events"], ["work", "tasks"], ["work", "messages"]
    ]  # fmt: skip
    off = told("webhook", "off")
    assert (off.code, subscribed(upstream)) == (0, {})
    assert "4 ended" in off.out
    assert "mirror run --webhook-url" in told("webhook", "list").out
    assert not any("/-/webhook/" in line for line in run.said)


def test_an_account_that_is_removed_is_no_longer_told_of_even_when_upstream_can_not_be_asked(
    told: Cli, upstream: Upstream
) -> None:
    def watch() -> None:
        url = "https://mirror.example.org/-/webhook/token"
        made = upstream.behind.server.subscriptions.add(upstream.account, "/contacts", url, [], None)
        told.write("INSERT INTO subscriptions (account_id, kind, remote_id, resource, notification_url, created_at, checked_at)"
                   f" SELECT id, 'contacts', '{made.id}', '/contacts', '{url}', '', '' FROM accounts")  # fmt: skip

    watch()
    removed = told("account", "remove", "work", "--yes")
    left = subscribed(upstream)
    told.add("work", upstream)
    watch()
    upstream.served.unplug()
    alone = told("account", "remove", "work", "--yes", MIRROR_RETRY_BUDGET_S="0")

    assert (removed.code, removed.err, left) == (0, "", {})
    assert alone.code == 0
    assert "until it gives up" in alone.err
    assert told.query("SELECT count(*) FROM subscriptions") == [(0,)]


def raw(url: str, request: bytes, *, ends: bool = False) -> bytes:
    """The status that whatever is sent there is answered with; empty: the connection was closed. `ends`: by us, before that."""
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        answer = b""
        try:
            connection.sendall(request)
            if ends:
                connection.shutdown(socket.SHUT_WR)
            while more := connection.recv(65_536):
                answer += more
        except ConnectionError:  # it did not read to the end
            pass
    return answer.split(b" ")[1] if answer else b""


def test_whatever_is_sent_to_the_address_over_a_socket_is_answered_and_never_with_422(
    told: Cli, upstream: Upstream
) -> None:
    body = notification()
    with being_told(told, upstream) as (run, url):
        (path,) = {one.url.removeprefix(url) for one in upstream.behind.server.subscriptions.every()}
        post = f"POST {path} HTTP/1.1\r\nHost: some-tunnel.example\r\nConnection: close\r\n".encode()
        answers = [
            raw(url, post + b"Content-Length: %d\r\n\r\n" % len(body) + body),
            raw(url, post + b"Transfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n"),
            raw(url, post + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"),
            raw(url, post + b"Content-Length: nothing\r\n\r\n"),
            raw(url, post + b"Content-Length: 2000000\r\n\r\n" + b"x" * 2_000_000),
            raw(url, post + b"Content-Length: 50\r\n\r\nshort", ends=True),
            raw(url, post + b"\r\n"),
            raw(url, post + b"X: " + b"y" * 200_000 + b"\r\n\r\n"),
            raw(url, b"POST " + path.encode() + b" HTTP/1.0\r\n\r\n"),
            raw(url, b"GET " + path.encode() + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
            raw(url, b"\x16\x03\x01\x00\xff" * 20),
        ]
        refused = httpx.get(url + "/mirror/contacts", headers={"host": "some-tunnel.example"}, trust_env=False)
        assert run.stop() == 0

    assert [status for status in answers if status and status not in ALLOWED] == []
    assert answers[0] == b"401"
    assert answers[4] in (b"413", b"")  # told, and cut off, while it was still sending
    assert refused.status_code == 421
    assert not any("Traceback" in line for line in run.said)


def test_without_a_signing_secret_it_says_what_to_do_and_asks_as_ever(cli: Cli, upstream: Upstream) -> None:
    cli.add("work", upstream)
    url = f"http://127.0.0.1:{free_port()}"

    with running(cli, "run", "--port", url.rpartition(":")[2], "--webhook-url", url) as run:
        run.url()
        run.read_until("mirror app set --signing-secret-stdin")
        eventually(lambda: cli.query("SELECT count(*) FROM messages") == [(3,)], "the mail")
        assert run.stop() == 0

    assert subscribed(upstream) == {}


def test_an_address_that_nobody_could_call_is_refused_at_once(cli: Cli, upstream: Upstream) -> None:
    cli.add("work", upstream)

    ran = cli("run", "--webhook-url", "http://mirror.example.org")

    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert "https://" in ran.err
