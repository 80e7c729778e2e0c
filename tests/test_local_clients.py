"""Programs that nobody here wrote, against a mirror: a client generated from the vendor's file, and dlt's pipelines.

They are as they are for Aurinko itself, but for the base URL. Everything goes over HTTP on loopback.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from generated_client import Client, generate
from local_served import new_token, served_api
from mirror_cli import ROOT, Cli, Served, Upstream

WINDOW = {"time_min": datetime(2020, 1, 1, tzinfo=UTC), "time_max": datetime(2035, 1, 1, tzinfo=UTC)}
HOME, TODO = "ada@example.org", "todo"


@dataclass
class Mailbox:
    """A mailbox, and a mirror of it that serves its API; programs know the address of that, and a token of it."""

    cli: Cli
    upstream: Upstream
    url: str
    token: str

    def sync(self) -> None:
        ran = self.cli("sync")
        assert ran.code == 0, ran


@pytest.fixture
def mailbox(mirrored: Cli, upstream: Upstream) -> Iterator[Mailbox]:
    mirrored("account", "writable", "work", "on")
    with served_api(mirrored) as url:
        yield Mailbox(mirrored, upstream, url, new_token(mirrored, "tests"))


@pytest.fixture
def offline(served: Served, mailbox: Mailbox) -> None:
    """Upstream can't be reached any more."""
    served.unplug()


# --- a client generated from the vendor's file ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def generated(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    generate(shared / "aurinko" / "openapi.yaml", tmp_path_factory.mktemp("generated"))


@pytest.fixture
def client(generated: None, mailbox: Mailbox) -> Iterator[Client]:
    made = Client(mailbox.url, mailbox.token)
    yield made
    made.close()


def event(subject: str, hour: int = 9) -> dict[str, Any]:
    return {"subject": subject} | {
        name: {"dateTime": f"2026-03-02T{hour + later:02}:00:00Z", "timezone": "UTC"}
        for later, name in enumerate(("start", "end"))
    }


@pytest.mark.shared
@pytest.mark.parametrize(
    ("tag", "one", "place", "model", "field", "first", "then"),
    [
        ("contacts", "contact", (), "Contact", "nick_name", {"nickName": "Ada"}, {"nickName": "Countess"}),
        ("events", "event", (HOME,), "Event", "subject", event("Tea"), {"subject": "Coffee"}),
        ("tasks", "task", (TODO,), "Task", "title", {"title": "Note A"}, {"title": "Note G"}),
    ],
    ids=["contacts", "events", "tasks"],
)
def test_a_generated_client_creates_reads_changes_and_deletes(
    client: Client,
    offline: None,
    tag: str,
    one: str,
    place: tuple[str, ...],
    model: str,
    field: str,
    first: Any,
    then: Any,
) -> None:
    create, update = ("TaskCreate", "TaskUpdate") if tag == "tasks" else (model, model)

    made = client.call(f"{tag}.create_{one}", *place, body=client.model(create, first))
    assert made.status == 201
    path = (*place, made.parsed.id)
    read = client.good(f"{tag}.{one}", *path)
    changed = client.good(f"{tag}.update_{one}", *path, body=client.model(update, then), if_match=read.etag)
    refused = client.call(f"{tag}.update_{one}", *path, body=client.model(update, first), if_match=read.etag)
    reread = client.good(f"{tag}.{one}", *path)
    deleted = client.call(f"{tag}.delete_{one}", *path)
    after = client.call(f"{tag}.{one}", *path)

    assert [getattr(read, field), getattr(reread, field)] == [next(iter(fields.values())) for fields in (first, then)]
    assert changed.etag == reread.etag != read.etag
    assert [refused.status, deleted.status, after.status] == [412, 200, 404]


@pytest.mark.shared
def test_a_generated_client_reads_mail_marks_it_answers_it_and_throws_it_away(client: Client, offline: None) -> None:
    newest = next(client.listed("messages.messages"))
    path = (newest.id,)
    whole = client.good("messages.message", *path, body_type=client.models.BodyType.HTML)
    raw = client.call("messages.message_raw", *path)
    client.good("messages.update_message_status", *path, body=client.model("UpdateMessageStatusData", {"unread": True}))
    marked = client.good("messages.message", *path)
    body = client.model("OutgoingEmailReply", {"body": "Thanks", "to": [{"address": "grace@example.org"}]})
    answered = client.good("messages.reply", *path, body=body)
    client.good("messages.delete_message", *path)
    trashed = client.good("messages.message", *path)

    assert "subroutine" in whole.body
    assert raw.status == 404, "a mirror keeps no MIME, and says so"
    assert "unread" in [label.value for label in marked.sys_labels]
    assert answered.status.value == "Ok"
    assert "trash" in [label.value for label in trashed.sys_labels]


@pytest.mark.shared
def test_a_generated_client_writes_changes_and_sends_a_draft(client: Client, offline: None) -> None:
    def outgoing(subject: str) -> Any:
        return client.model(
            "OutgoingEmail", {"subject": subject, "body": "It is done.", "to": [{"address": "c@example.org"}]}
        )

    draft = client.good("drafts.create_draft", body=outgoing("Note A"))
    client.good("drafts.update_draft", draft.id, body=outgoing("Note G"))
    read = client.good("drafts.get_draft", draft.id)
    sent = client.good("drafts.send_draft", draft.id)

    assert read.message.subject == "Note G"
    assert sent.status.value == "Ok"


@pytest.mark.shared
def test_a_generated_client_follows_all_four_feeds(client: Client, mailbox: Mailbox) -> None:
    started: list[tuple[str, tuple[str, ...], dict[str, Any], str]] = [
        ("cont", (), {}, "contacts"),
        ("cal", (HOME,), WINDOW, "events"),
        ("email", (), {"days_within": 36500, "body_type": client.models.BodyType.HTML}, "messages"),
        ("task", (TODO,), {}, "tasks"),
    ]
    for feed, path, params, kind in started:
        parent = path[0] if path else None
        tokens = client.start(feed, *path, **params)
        first = client.walk(feed, tokens, *path)
        assert sorted(record.id for record in first["updated"]) == sorted(mailbox.upstream.ids(kind, parent)), kind
        assert first["deleted"] == []

        changed, gone = mailbox.upstream.ids(kind, parent)[:2]
        mailbox.upstream.state.change(mailbox.upstream.account.id, kind, changed, {"etag": None}, parent=parent)
        mailbox.upstream.delete(kind, gone, parent)
        mailbox.sync()

        then, nothing = (client.walk(feed, tokens, *path) for _ in range(2))
        assert [record.id for record in then["updated"]] == [changed], kind
        assert [record.id for record in then["deleted"]] == [gone], kind
        assert nothing == {"updated": [], "deleted": []}


@pytest.mark.shared
def test_a_generated_client_knows_the_account_and_its_lists(client: Client, mailbox: Mailbox) -> None:
    assert client.good("account.get_my_account").email == "ada@example.org"
    assert [one.id for one in client.listed("calendars.calendars")] == [HOME]
    assert [one.id for one in client.listed("task_lists.task_lists_list")] == [TODO]
    assert [one.name for one in client.good("email_folders.folders").records] == ["Inbox"]
    ranged = client.good("events.range_", HOME, **WINDOW).records
    assert sorted(one.id for one in ranged) == sorted(mailbox.upstream.ids("events", HOME))


# --- dlt ------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def dlt(tmp_path: Path, mailbox: Mailbox) -> Dlt:
    return Dlt(tmp_path, mailbox)


class Dlt:
    """The examples, run as a person runs them, in a folder of their own."""

    def __init__(self, folder: Path, mailbox: Mailbox) -> None:
        self.folder, self.mailbox = folder, mailbox

    def run(self, example: str) -> str:
        env = {
            **os.environ, "BASE_URL": f"{self.mailbox.url}/v1", "ACCESS_TOKEN": self.mailbox.token,
            "DLT_DATA_DIR": str(self.folder / "dlt"), "RUNTIME__DLTHUB_TELEMETRY": "false", "NO_PROXY": "127.0.0.1",
        }  # fmt: skip
        command = [sys.executable, str(ROOT / "examples" / example)]
        ran = subprocess.run(
            command, env=env, cwd=self.folder, capture_output=True, text=True, check=False, timeout=120
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout

    def rows(self, database: str, sql: str) -> list[tuple[Any, ...]]:
        conn = duckdb.connect(str(self.folder / database), read_only=True)
        try:
            return conn.execute(sql).fetchall()
        finally:
            conn.close()

    def ids(self, table: str) -> list[str]:
        return [one for (one,) in self.rows("mailbox.duckdb", f"SELECT id FROM mailbox_data.{table} ORDER BY id")]

    def version(self, table: str, record_id: str, column: str) -> Any:
        return self.rows("mailbox.duckdb", f"SELECT {column} FROM mailbox_data.{table} WHERE id = '{record_id}'")[0][0]


def test_the_pipeline_of_dlts_documentation_loads_calendars_and_mail(dlt: Dlt, mailbox: Mailbox) -> None:
    ran = dlt.run("dlt_aurinko.py")

    assert "contains no failed jobs" in ran
    database = "aurinko_pipeline.duckdb"
    assert dlt.rows(database, "SELECT id, name FROM aurinko_data.calendars") == [(HOME, "Work")]
    mails = dlt.rows(database, "SELECT id FROM aurinko_data.email_messages ORDER BY id")
    assert [one for (one,) in mails] == sorted(mailbox.upstream.ids("messages"))


def test_the_fuller_pipeline_loads_everything_and_then_only_what_changed(dlt: Dlt, mailbox: Mailbox) -> None:
    upstream, state = mailbox.upstream, mailbox.upstream.state
    parents = {"contacts": None, "calendar_events": HOME, "email_messages": None, "tasks": TODO}
    kinds = {table: table.removeprefix("calendar_").removeprefix("email_") for table in parents}
    dlt.run("dlt_mailbox.py")
    for table, parent in parents.items():
        assert dlt.ids(table) == sorted(upstream.ids(kinds[table], parent)), table
    assert [dlt.ids(table) for table in ("calendars", "email_folders", "task_lists")] == [[HOME], ["INBOX"], [TODO]]

    titles = {"contacts": "nickName", "calendar_events": "subject", "email_messages": "subject", "tasks": "title"}
    changed: dict[str, str] = {}
    for table, parent in parents.items():
        changed[table], gone = upstream.ids(kinds[table], parent)[:2]
        state.change(upstream.account.id, kinds[table], changed[table], {titles[table]: "new"}, parent=parent)
        upstream.delete(kinds[table], gone, parent)
    added = upstream.contact("Emmy Noether")["id"]
    mailbox.sync()
    dlt.run("dlt_mailbox.py")

    for table, parent in parents.items():
        column = {"nickName": "nick_name"}.get(titles[table], titles[table])
        assert dlt.ids(table) == sorted(upstream.ids(kinds[table], parent)), table
        assert dlt.version(table, changed[table], column) == "new"
    assert added in dlt.ids("contacts")
    loads = dlt.rows("mailbox.duckdb", "SELECT count(DISTINCT _dlt_load_id) FROM mailbox_data.contacts")
    assert loads == [(2,)], "what had not changed was loaded again"


def test_the_fuller_pipeline_begins_again_when_its_tokens_have_expired(dlt: Dlt, mailbox: Mailbox) -> None:
    dlt.run("dlt_mailbox.py")
    gone, *kept = mailbox.upstream.ids("contacts")
    mailbox.upstream.delete("contacts", gone)
    assert mailbox.cli("account", "remove", "work", "--purge", "--yes").code == 0
    mailbox.cli.add("work", mailbox.upstream)
    mailbox.sync()
    mailbox.token = new_token(mailbox.cli, "again")

    dlt.run("dlt_mailbox.py")

    assert dlt.ids("contacts") == sorted(kept)
