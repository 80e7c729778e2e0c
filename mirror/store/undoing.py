"""Back to what was: the fields that make a record read as an earlier version did, or a deleted one anew. It only works them out.

What upstream alone writes stays as it is, and is named; so is what upstream once had, but would not take from us.
"""

from __future__ import annotations

import re
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

from mirror import merge
from mirror.errors import Invalid, Problem, Usage
from mirror.fields import FORMS, check, is_empty, sendable
from mirror.merge.comparing import readable
from mirror.resources import KINDS, Kind
from mirror.store import versions
from mirror.store.connection import Store
from mirror.store.overlays import form_of
from mirror.store.versions import Version

Fields = dict[str, Any]

GIVEN_ANEW = frozenset({
    "id", "etag", "createdTime", "lastModifiedTime", "omitted", "calendarId", "htmlLink", "webLink", "iCalUid", "iCalUId",
    "globalId", "position", "recurrenceType", "hasAttachments", "hasPhoto", "fullName", "isFolder", "isLabel", "primary",
    "accessRole", "owner", "shared", "defaultList", "emailsList", "multipleRemindersSupported", "defaultReminders",
})  # fmt: skip
"""Fields that upstream writes by itself for whatever is created: nobody misses the old ones."""
STATUS_LABELS = frozenset({"unread", "inbox"})
STEP = re.compile(r"\[(\d+)\]|([^.\[\]]+)")


@dataclass(frozen=True, slots=True)
class Back:
    """The way back. `left`: fields that can't be written and stay as they are; `refused`: what upstream would not take."""

    fields: Fields
    left: tuple[str, ...]
    refused: tuple[Problem, ...]


def numbered(written: str) -> tuple[str, int | None]:
    """`17@3` as a record and the number of a version, as `mirror history` counts them; None where none is named."""
    record, at, number = written.rpartition("@")
    return (record, int(number)) if at and record and number.isdecimal() and len(number) < 10 else (written, None)


def version_of(store: Store, kind: Kind, record_id: int, number: int) -> Version:
    """The version of this number. Raises: Usage, when there is none, or when it is a deletion."""
    known = versions.all_of(store, kind, record_id)
    if not 1 <= number <= len(known):
        many = "1 version" if len(known) == 1 else f"{len(known)} versions"
        raise Usage(f"{kind.singular} {record_id} has {many}; see them with: mirror history {kind.name} {record_id}")
    if known[number - 1].deleted_at is not None:
        raise Usage(f"version {number} of {kind.singular} {record_id} is its deletion; delete it with: mirror delete")
    return known[number - 1]


def last_live(store: Store, kind: Kind, record_id: int) -> Version | None:
    """What a record was before it was deleted."""
    live = [version for version in versions.all_of(store, kind, record_id) if version.deleted_at is None]
    return live[-1] if live else None


def reverted(form: str, now: Fields, then: Fields) -> Back:
    """The patch that makes of a record what it was then, as far as it can be written."""
    whole = FORMS[form]
    patch: Fields = {}
    left: list[str] = []
    for name, value in merge.differences(form, now, then).items():
        part = whole.part(name)
        if part is not None and part.change:
            patch[name] = value
        elif name not in GIVEN_ANEW:
            left.append(name)
    left += [
        name
        for name, value in now.items()
        if name not in then and name not in GIVEN_ANEW and not is_empty(value)
        and ((part := whole.part(name)) is None or not part.writable)
    ]  # fmt: skip
    if form == "messages" and _labels(now) != _labels(then):
        left.append("sysLabels")
    fields, refused = takeable(form, patch, creating=False, current=now)
    return Back(fields, tuple(dict.fromkeys(left)), tuple(refused))


def anew(form: str, then: Fields) -> Back:
    """The fields of a record that is to be created as it was."""
    whole = FORMS[form]
    left = [
        name
        for name, value in then.items()
        if name not in GIVEN_ANEW and not is_empty(value) and ((part := whole.part(name)) is None or not part.create)
    ]
    fields, refused = takeable(form, sendable(form, readable(form, then), creating=True), creating=True, current=None)
    return Back(fields, tuple(left), tuple(refused))


def come_back(store: Store, kind: Kind, account_id: int, then: Fields) -> Back:
    """As `anew`, where what a record was part of may be deleted too, or have come back under another id."""
    back = anew(form_of(kind.name, "create", {}), then)
    above = back.fields.get("parentId")
    if above is None:
        return back
    row = store.conn.execute(
        f"SELECT id, deleted_at FROM {kind.name} WHERE account_id = ? AND remote_id = ?", [account_id, above]
    ).fetchone()
    if row is not None and row["deleted_at"] is None:
        return back
    again = store.conn.execute(
        "SELECT remote_id FROM edits WHERE kind = ? AND options ->> 'undeletes' = ? AND remote_id IS NOT NULL"
        " AND state IN ('sent', 'settled') ORDER BY id DESC LIMIT 1",
        [kind.name, row["id"] if row is not None else None],
    ).fetchone()
    if again is not None:
        return replace(back, fields={**back.fields, "parentId": again["remote_id"]})
    fields = {name: value for name, value in back.fields.items() if name != "parentId"}
    problem = Problem("parentId", f"the {kind.singular} above it is deleted too; it stands by itself now")
    return replace(back, fields=fields, refused=(*back.refused, problem))


def _labels(fields: Fields) -> set[str]:
    labels = fields.get("sysLabels")
    return set(labels) - STATUS_LABELS if isinstance(labels, list) else set()


def takeable(form: str, wanted: Fields, *, creating: bool, current: Fields | None) -> tuple[Fields, list[Problem]]:
    """As much of the fields as upstream would take, and what is wrong with the rest.

    Raises: Invalid, when nothing sensible is left.
    """
    fields = deepcopy(wanted)
    refused: list[Problem] = []
    while fields and (problems := check(form, fields, creating=creating, current=current)):
        if not _without(fields, problems[0].path):
            raise Invalid(problems)
        refused.append(problems[0])
    return fields, refused


def _without(fields: Fields, path: str) -> bool:
    """Take out the entry that a path names, else its field; False when there is none."""
    steps: list[int | str] = [int(found[1]) if found[1] else found[2] for found in STEP.finditer(path)]
    entry = next((place for place, step in enumerate(steps) if isinstance(step, int)), len(steps) - 1)
    holder: Any = fields
    for step in steps[:entry]:
        try:
            holder = holder[step]
        except (KeyError, IndexError, TypeError):
            return False
    try:
        del holder[steps[entry]]
    except (KeyError, IndexError, TypeError):
        return False
    return True


def can_come_back(kind: Kind, fields: Fields) -> str | None:
    """Why a deleted record can't be created again; None when it can."""
    if kind.name == "messages":
        return (
            "mail can't be put back through this API. What was in it stays here: mirror show message ID;"
            " what is in the trash you can take out of it at your provider"
        )
    if kind.name == "events" and fields.get("recurrenceType") == "occurrence":
        return "it is one occurrence of a series, which can't be created by itself; change the series at your provider"
    return None


def place_of(store: Store, kind: Kind, record_id: int) -> int | None:
    """The calendar or list that a record was in; None where the kind has none. Raises: Usage, when that is deleted too."""
    if kind.parent is None or kind.parent_column is None:
        return None
    row = store.conn.execute(
        f"SELECT parent.id, parent.deleted_at, parent.{KINDS[kind.parent].title} AS title FROM {kind.name} AS record"
        f" JOIN {kind.parent} AS parent ON parent.id = record.{kind.parent_column} WHERE record.id = ?",
        [record_id],
    ).fetchone()
    if row["deleted_at"] is not None:
        what = KINDS[kind.parent].singular
        raise Usage(
            f"the {what} “{row['title'] or row['id']}” that it was in is deleted too; say where with: --in NAME"
        )
    return int(row["id"])
