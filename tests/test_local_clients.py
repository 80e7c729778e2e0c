"""A client that others generate from the vendor's file, against a mirror: it is as it is for Aurinko, but for the base URL.

What is created, changed and deleted goes over HTTP on loopback, with upstream out of reach. The feeds are followed in process,
in pages of three, and there every request and answer is held against the vendor's file besides.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from generated_client import Client, generate
from local_served import Mailbox, served_mailbox
from local_wire import local
from mirror_cli import Served
from openapi import API_FILE
from sandbox_wire import Transport, validated
from worlds import CONTACTS, EVENTS, MESSAGES, TASKS

from mirror.feed import Feed

WINDOW = {"time_min": datetime(2020, 1, 1, tzinfo=UTC), "time_max": datetime(2035, 1, 1, tzinfo=UTC)}
HOME, TODO = "ada@example.org", "todo"

pytestmark = pytest.mark.shared


@pytest.fixture(scope="module")
def generated(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    pytest.importorskip("openapi_python_client", reason="needs openapi-python-client, of the extra `test`")
    generate(API_FILE, tmp_path_factory.mktemp("generated"))


@pytest.fixture(scope="module")
def mailbox(served: Served, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mailbox]:
    with served_mailbox(served, tmp_path_factory.mktemp("home") / "home") as mailbox:
        served.unplug()  # and upstream is out of reach
        yield mailbox


@pytest.fixture(scope="module")
def client(generated: None, mailbox: Mailbox) -> Iterator[Client]:
    made = Client(mailbox.url, mailbox.token)
    yield made
    made.close()


NOTE = {"subject": "Note A", "body": "It is done.", "to": [{"address": "charles@example.org"}]}


def event(subject: str, hour: int = 9) -> dict[str, Any]:
    return {"subject": subject} | {
        name: {"dateTime": f"2026-03-02T{hour + later:02}:00:00Z", "timezone": "UTC"}
        for later, name in enumerate(("start", "end"))
    }


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


def test_a_generated_client_reads_mail_marks_it_answers_it_and_throws_it_away(client: Client) -> None:
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


def test_a_generated_client_writes_changes_and_sends_a_draft(client: Client) -> None:
    draft = client.good("drafts.create_draft", body=client.model("OutgoingEmail", NOTE))
    client.good("drafts.update_draft", draft.id, body=client.model("OutgoingEmail", {**NOTE, "subject": "Note G"}))
    read = client.good("drafts.get_draft", draft.id)
    sent = client.good("drafts.send_draft", draft.id)

    assert read.message.subject == "Note G"
    assert sent.status.value == "Ok"


@pytest.mark.parametrize(
    ("feed", "path", "params", "mirrored", "create", "fields"),
    [
        ("cont", (), {}, CONTACTS, ("contacts.create_contact", "Contact"), {"nickName": "new"}),
        ("cal", ("home",), WINDOW, EVENTS, ("events.create_event", "Event"), event("new")),
        ("email", (), {"days_within": 36_500}, MESSAGES, ("drafts.create_draft", "OutgoingEmail"), NOTE),
        ("task", ("chores",), {}, TASKS, ("tasks.create_task", "TaskCreate"), {"title": "new"}),
    ],
    ids=["contacts", "events", "messages", "tasks"],
)
def test_a_generated_client_follows_all_four_feeds_page_by_page(
    generated: None,
    tmp_path: Path,
    feed: str,
    path: tuple[str, ...],
    params: dict[str, Any],
    mirrored: Feed,
    create: tuple[str, str],
    fields: dict[str, Any],
) -> None:
    mirror = local(tmp_path)
    client = Client("http://mirror.example", mirror.token, transport=Transport(validated(mirror.app)))
    names = [f"record {number}" for number in range(7)]
    for name in names:
        mirror.upstream.put(mirrored, name)
    mirror.world.pull()

    tokens = client.start(feed, *path, **params)
    first = client.walk(feed, tokens, *path)
    for name in names[:3]:
        mirror.upstream.put(mirrored, name, "changed")
    for name in names[3:]:
        mirror.upstream.drop(mirrored, name)
    mirror.world.pull()
    operation, model = create
    made = client.good(operation, *path, body=client.model(model, fields)).id
    then, nothing = (client.walk(feed, tokens, *path) for _ in range(2))
    client.close()

    assert [len(page) for page in first["updated"]] == [3, 3, 1]
    assert {record.id for page in first["updated"] for record in page} == set(names)
    assert [len(page) for page in then["updated"]] == [3, 1]
    assert {record.id for page in then["updated"] for record in page} == {*names[:3], made}
    assert [len(page) for page in then["deleted"]] == [3, 1]
    assert {record.id for page in then["deleted"] for record in page} == set(names[3:])
    assert first["deleted"] == nothing["updated"] == nothing["deleted"] == [[]]


def test_a_generated_client_knows_the_account_and_its_lists(client: Client, mailbox: Mailbox) -> None:
    assert client.good("account.get_my_account").email == "ada@example.org"
    assert [one.id for one in client.listed("calendars.calendars")] == [HOME]
    assert [one.id for one in client.listed("task_lists.task_lists_list")] == [TODO]
    assert [one.name for one in client.good("email_folders.folders").records] == ["Inbox"]
    ranged = client.good("events.range_", HOME, **WINDOW).records
    assert sorted(one.id for one in ranged) == sorted(mailbox.upstream.ids("events", HOME))
