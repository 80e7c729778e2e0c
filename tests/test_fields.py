"""The names that the product uses of upstream's API, held against the vendor's own file: fields, enums, paths, parameters."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest
from openapi import api

from mirror.clock import VirtualClock
from mirror.feed import Feed
from mirror.resources import KINDS
from mirror.sources import aurinko, aurinko_answers
from mirror.store import columns, omitted
from mirror.store.connection import shipped

pytestmark = pytest.mark.shared

SCHEMA_OF = {
    "contacts": "Contact",
    "calendars": "Calendar",
    "events": "Event",
    "folders": "EmailFolderInfo",
    "messages": "EmailMessage",
    "task_lists": "TaskList",
    "tasks": "Task",
}
# What the vendor's file does not have and why it is read all the same.
BEYOND = {
    "cancelled": "the spelling of `canceled` until 2023",
    "iCalUId": "the spelling of `iCalUid` in the vendor's client and answers",
    "deleted": "on updated rows of some providers",
    "omitted": "on every live entity of the vendor's client",
    "etag": "on every live entity of the vendor's client",
    "lastModifiedTime": "on every live entity of the vendor's client",
}


@pytest.fixture(autouse=True)
def _needs_shared(shared: Path) -> None:
    """Everything here reads the vendor's file."""


def schema(name: str) -> dict[str, Any]:
    found: dict[str, Any] = api()["components"]["schemas"][name]
    return found


def resolved(node: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in node:
        node = schema(node["$ref"].rsplit("/", 1)[1])
    return node


def fields_within(node: dict[str, Any], seen: frozenset[str] = frozenset()) -> set[str]:
    """All field names of a schema, those of its parts included."""
    if "$ref" in node:
        name = node["$ref"].rsplit("/", 1)[1]
        return set() if name in seen else fields_within(schema(name), seen | {name})
    found = set(node.get("properties", {}))
    parts = [
        *node.get("properties", {}).values(),
        *node.get("allOf", []),
        *node.get("oneOf", []),
        *node.get("anyOf", []),
    ]
    parts += [node["items"]] if "items" in node else []
    return found.union(*(fields_within(part, seen) for part in parts)) if parts else found


def names_read_by(function: str) -> set[str]:
    """The upstream names that a function of store/columns.py and the ones it calls look up."""
    functions = {
        node.name: node
        for node in ast.walk(ast.parse(Path(columns.__file__).read_text()))
        if isinstance(node, ast.FunctionDef)
    }
    found: set[str] = set()
    todo, seen = [function], set()
    while todo:
        name = todo.pop()
        seen.add(name)
        for node in ast.walk(functions[name]):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get":
                found |= {str(arg.value) for arg in node.args[:1] if isinstance(arg, ast.Constant)}
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in functions:
                todo += [node.func.id] if node.func.id not in seen else []
            if isinstance(node, ast.For) and isinstance(
                node.iter, ast.Tuple
            ):  # (("to", "to"), ("reply_to", "replyTo"))
                found |= {str(part.elts[-1].value) for part in node.iter.elts if isinstance(part, ast.Tuple)
                          and isinstance(part.elts[-1], ast.Constant)}  # fmt: skip
            if isinstance(node, ast.ListComp) and "key" in ast.unparse(node.generators[0].target):
                found |= {
                    str(item.value) for item in ast.walk(node.generators[0].iter) if isinstance(item, ast.Constant)
                }
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_that_columns_read_is_upstreams(kind: str) -> None:
    read = names_read_by(columns._DERIVE[kind].__name__)

    assert read, "this test reads the source"
    assert read - set(BEYOND) <= fields_within(schema(SCHEMA_OF[kind]))


def test_the_reading_of_the_source_finds_the_names() -> None:
    assert {"displayName", "givenName", "suffix", "emailAddresses", "streetLine2"} <= names_read_by("_contact")
    assert {"dateOnly", "masterId", "cancelled", "contentId"} <= names_read_by("_event")
    assert {"replyTo", "to", "bcc", "sysLabels", "from"} <= names_read_by("_message")


STRUCTS = {
    "Account": "ApiAccountOutDto",
    "SyncStatus": "SyncStatus",
    "_Tombstone": "DeletedRecord",
}


@pytest.mark.parametrize(("struct", "name"), STRUCTS.items())
def test_the_fields_of_structs_are_upstreams(struct: str, name: str) -> None:
    assert set(getattr(aurinko_answers, struct).__struct_fields__) <= fields_within(schema(name))


def test_the_fields_of_pages_and_heads_are_upstreams() -> None:
    page = set(aurinko_answers.PageAnswer.__struct_fields__)
    for name in ("ContactsPage", "EventsPage", "EmailMessagesPage", "SyncTasksPage", "DeletedPage", "EmailDeletedPage"):
        assert page <= fields_within(schema(name)), name
    for name in SCHEMA_OF.values():
        assert set(aurinko_answers._Head.__struct_fields__) - set(BEYOND) <= fields_within(schema(name)), name


def test_what_upstream_can_omit_is_known() -> None:
    names = {
        kind: set(resolved(resolved(schema(name)["properties"]["omitted"])["items"])["enum"])
        for kind, name in SCHEMA_OF.items()
        if "omitted" in schema(name)["properties"]
    }

    assert set(names) == {"events", "messages", "tasks"}
    for kind, listed in names.items():
        fields = fields_within(schema(SCHEMA_OF[kind]))
        for name in listed:
            assert set(omitted._UNDER.get(name, (name,))) <= fields
            top = set(schema(SCHEMA_OF[kind])["properties"])
            assert name in top or name in omitted._UNDER or omitted._WITHIN[name] in top


def enums_within(node: Any) -> set[str]:
    if isinstance(node, list):
        return set().union(*map(enums_within, node))
    if not isinstance(node, dict):
        return set()
    found = {value for value in node.get("enum", []) if isinstance(value, str)}
    return found.union(*(enums_within(value) for value in node.values())) if node else found


# The words that comments in schema.sql give for a column, and the schema whose enum they come from.
ENUMERATED = [
    ("calendars.access_role", "Calendar", {"owner", "writer", "reader"}),
    ("events.response", "MeetingInfo", {"noResponse", "declined", "tentative", "accepted"}),
    ("events.show_as", "ShowAs", {"free", "busy", "tentative", "outOfOffice", "unknown"}),
    ("events.recurrence_type", "Event", {"single", "master", "occurrence"}),
    ("events.occurrence_type", "OccurrenceInfo", {"regular", "modified", "deleted"}),
    ("folders.label", "SysLabel", {"inbox", "sent", "draft", "trash", "junk"}),
    ("messages.labels", "SysLabel", {"inbox", "sent", "draft", "trash", "junk", "important"}),
    ("messages.meeting_method", "EmailMessage", {"request", "reply", "cancel", "counter"}),
    ("tasks.status", "Task", {"notStarted", "inProgress", "completed", "waitingOnOthers", "deferred"}),
    ("tasks.importance", "Task", {"low", "normal", "high"}),
]


@pytest.mark.parametrize(("column", "name", "words"), ENUMERATED, ids=[case[0] for case in ENUMERATED])
def test_the_words_that_the_schema_names_for_a_column_are_upstreams(column: str, name: str, words: set[str]) -> None:
    table, name_of_column = column.split(".")
    sql = shipped("schema.sql").read_text()
    body = re.search(rf"CREATE TABLE {table} \((.*?)\n\);", sql, re.DOTALL)
    assert body is not None
    comment = re.search(rf"^ *{name_of_column} .*?--(.*)$", body[1], re.MULTILINE)
    assert comment is not None
    assert all(re.search(rf"\b{word}\b", comment[1]) for word in words), comment[1]
    parts = {part["$ref"].rsplit("/", 1)[1] for part in refs_within(schema(name))}
    assert words <= enums_within(schema(name)).union(*(enums_within(schema(part)) for part in parts))


def refs_within(node: Any) -> list[dict[str, str]]:
    if isinstance(node, list):
        return [ref for part in node for ref in refs_within(part)]
    if not isinstance(node, dict):
        return []
    return [node] if "$ref" in node else [ref for part in node.values() for ref in refs_within(part)]


@pytest.mark.parametrize("word", ["unread", "flagged", "sent"])
def test_the_labels_that_the_code_looks_for_are_upstreams(word: str) -> None:
    assert word in enums_within(schema("SysLabel"))


def test_the_attendees_answer_is_misspelt_by_upstream_still() -> None:
    assert "tentitive" in enums_within([schema("Attendee"), schema("MeetingInfo")]), (
        "columns.py need not mend it any more"
    )


def requests() -> list[tuple[str, str, set[str]]]:
    """Every request that the source can send: verb, path with the vendor's braces, parameters."""
    found: list[tuple[str, str, set[str]]] = [("get", "/account", set())]
    source = aurinko.Aurinko("http://x.example", {"token": "t"}, clock=VirtualClock())
    for kind, path in aurinko.FEEDS.items():
        parameters = set(source._start_params(Feed(kind, "p"), source.coverage(Feed(kind, "p"))))
        found.append(("post", f"{path}/sync", parameters))
        for side in ("updated", "deleted"):
            found.append(("get", f"{path}/sync/{side}", {"deltaToken", "pageToken"}))
    for path in aurinko.LISTINGS.values():
        found.append(("get", path, {"pageToken"}))
    for kind, path in aurinko.RECORDS.items():
        found.append(("get", path, {"bodyType"} if kind == "messages" else set()))
        if KINDS[kind].attachments:
            found.append(("get", f"{path}/attachments/{{attachment}}", set()))
    source.close()
    return found


def test_every_request_that_the_source_can_send_is_in_the_vendors_file() -> None:
    paths = {re.sub(r"\{\w+\}", "{}", path): item for path, item in api()["paths"].items()}

    for verb, path, parameters in requests():
        item = paths["/v1" + re.sub(r"\{\w+\}", "{}", path)]
        there = [resolved_parameter(one) for one in [*item.get("parameters", []), *item[verb].get("parameters", [])]]
        names = {one["name"] for one in there if one["in"] == "query"}
        assert parameters <= names, (verb, path)
        required = {one["name"] for one in there if one["in"] == "query" and one.get("required")}
        assert required <= parameters, (verb, path)


def resolved_parameter(node: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in node:
        found: dict[str, Any] = api()["components"]["parameters"][node["$ref"].rsplit("/", 1)[1]]
        return found
    return node


def test_the_scopes_that_the_source_asks_for_are_upstreams() -> None:
    written = str(api()["components"])
    for scope in aurinko.SCOPES.values():
        assert f"{scope}.Read" in written
