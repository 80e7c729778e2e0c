"""Two programs and a socket between them: what the server holds is what the mirror has, now and after every change."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from mirror_cli import TABLES, Cli
from served_api import Api, Record

TOKEN = "the-sandbox-token"
PARENTS = {"events": ("calendars", "calendar_id"), "tasks": ("task_lists", "task_list_id")}


class Server:
    """`mirror sandbox` as a process."""

    def __init__(self, cli: Cli, *arguments: str) -> None:
        self.process = cli.process("sandbox", "--port", "0", "--token", TOKEN, *arguments, stderr=subprocess.DEVNULL)
        assert self.process.stdout is not None
        said = iter(self.process.stdout)
        line = next(said)
        self.loaded = 0
        if line.startswith("Loaded "):
            self.loaded = int(line.split()[1].replace(",", ""))
            line = next(said)
        assert line.startswith("Aurinko's API is at http://"), line
        self.url = line.split()[4]
        self.api = Api(self.url, TOKEN)

    def stop(self) -> int:
        self.api.close()
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=10)
        return self.process.returncode


@pytest.fixture
def person(cli: Cli) -> Iterator[Server]:
    """A synthetic person's mailbox."""
    server = Server(cli, "--size", "0.04")
    yield server
    assert server.stop() == 0


@pytest.fixture
def real(cli: Cli, corpus: Path) -> Iterator[Server]:
    """A mailbox with everything that is in the corpus."""
    server = Server(cli, "--load", str(corpus), "--page-size", "37")
    yield server
    assert server.stop() == 0


def add(cli: Cli, server: Server) -> None:
    ran = cli(
        "account", "add", "work", "--source", "aurinko", "--base-url", server.url, "--since", "all",
        "--token-stdin", typed=TOKEN + "\n",
    )  # fmt: skip
    assert ran.code == 0, ran


def sync(cli: Cli, *arguments: str) -> subprocess.CompletedProcess[str]:
    """In a process of its own."""
    process = cli.process("sync", *arguments)
    out, err = process.communicate(timeout=60)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def stored(cli: Cli) -> dict[str, dict[tuple[str, str], Record]]:
    """Every live record of the mirror, as the server would show it."""
    found: dict[str, dict[tuple[str, str], Record]] = {}
    for kind in TABLES:
        parent, join = "''", ""
        if kind in PARENTS:
            table, column = PARENTS[kind]
            parent, join = f"{table}.remote_id", f" JOIN {table} ON {table}.id = {kind}.{column}"
        rows = cli.query(
            f"SELECT {parent}, {kind}.remote_id, {kind}.raw FROM {kind}{join} WHERE {kind}.deleted_at IS NULL"
        )
        found[kind] = {(row[0], row[1]): json.loads(row[2]) for row in rows}
    bodies = dict(cli.query("SELECT remote_id, html FROM message_bodies JOIN messages ON messages.id = message_id"))
    for (_, remote_id), record in found["messages"].items():
        assert "body" not in record
        if remote_id in bodies:
            record["body"] = bodies[remote_id]
    return found


def assert_equal(cli: Cli, api: Api) -> dict[str, int]:
    """Every record of the server is in the mirror and the other way round, equal on raw. Returns how many there are."""
    held, mirrored = api.holds(), stored(cli)
    for kind in TABLES:
        assert mirrored[kind].keys() == held[kind].keys(), kind
        for key, record in held[kind].items():
            assert mirrored[kind][key] == record, (kind, key)
    return {kind: len(records) for kind, records in held.items()}


# --- three syncs ------------------------------------------------------------------------------------------------------------


def three_syncs(cli: Cli, server: Server) -> dict[str, int]:
    """Load, change, sync, sync again. Returns how many records there were at first."""
    add(cli, server)
    first = sync(cli)
    assert (first.returncode, first.stderr) == (0, "")
    counts = assert_equal(cli, server.api)
    assert cli.query("SELECT count(*) FROM versions") == [(0,)]

    before, gone, changed = stored(cli), *change_everything(server.api)
    second = sync(cli, "--json")
    assert second.returncode == 0, second.stderr
    assert_equal(cli, server.api)
    assert_history(cli, before, gone, changed)

    dump = cli.dump()
    assert sync(cli).returncode == 0
    assert cli.dump() == dump
    return counts


def change_everything(api: Api) -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    """Something of every kind is changed, deleted and created through the API. Returns the ids of what is gone and changed."""
    held = api.holds()
    gone: dict[str, set[str]] = {kind: set() for kind in TABLES}
    changed: dict[str, set[str]] = {kind: set() for kind in TABLES}
    patches: dict[str, tuple[tuple[str, ...], Record]] = {
        "contacts": (("contacts",), {"notes": "changed by a test"}),
        "events": (("calendars", "{parent}", "events"), {"subject": "moved by a test"}),
        "tasks": (("tasklists", "{parent}", "tasks"), {"title": "reworded by a test"}),
    }
    for kind, (path, patch) in patches.items():
        singles = [key for key, record in held[kind].items() if record.get("recurrenceType", "single") == "single"]
        (parent, first), (other, second) = singles[0], singles[-1]
        place = [part.format(parent=parent) for part in path]
        etag = held[kind][parent, first].get("etag")
        api.call("PATCH", *place, first, json=patch, headers={"If-Match": etag} if etag else {})
        api.call("DELETE", *[part.format(parent=other) for part in path], second)
        changed[kind].add(first)
        gone[kind].add(second)
    api.call("POST", "contacts", json={"name": {"displayName": "Somebody new"}})
    parent = next(iter(held["calendars"]))[1]
    start, end = ({"dateTime": f"2026-03-02T{hour}:00:00Z", "timezone": "UTC"} for hour in (10, 11))
    api.call("POST", "calendars", parent, "events", json={"subject": "New", "start": start, "end": end})
    (_, read), (_, trashed) = list(held["messages"])[:2]
    unread = "unread" in held["messages"]["", read].get("sysLabels", ())
    api.call("POST", "email", "messages", read, "status", json={"unread": not unread})
    api.call("DELETE", "email", "messages", trashed)
    changed["messages"].add(read)
    return gone, changed


def assert_history(
    cli: Cli, before: dict[str, dict[tuple[str, str], Record]], gone: dict[str, set[str]], changed: dict[str, set[str]]
) -> None:
    """What was changed has its version, what was deleted its tombstone and its version, each as it was before."""
    for kind in TABLES:
        known = {remote_id: record for (_, remote_id), record in before[kind].items()}
        for remote_id in gone[kind] | changed[kind]:
            deleted, versions = cli.query(
                f"SELECT deletion, (SELECT json_group_array(json(raw)) FROM versions WHERE kind = ? AND record_id = {kind}.id)"
                f" FROM {kind} WHERE remote_id = ?", kind, remote_id,
            )[0]  # fmt: skip
            assert deleted == ("reported" if remote_id in gone[kind] else None), (kind, remote_id)
            known[remote_id].pop("body", None)
            assert known[remote_id] in json.loads(versions), (kind, remote_id)


@pytest.mark.shared
def test_the_whole_corpus_is_mirrored_and_followed(cli: Cli, real: Server) -> None:
    counts = three_syncs(cli, real)

    assert counts["contacts"] + counts["events"] + counts["tasks"] + counts["messages"] == real.loaded
    assert counts["messages"] > 400


def test_a_synthetic_person_is_mirrored_and_followed(cli: Cli, person: Server) -> None:
    counts = three_syncs(cli, person)

    assert all(counts.values())
    assert counts["messages"] > 50
