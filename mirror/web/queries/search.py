"""The SQL of the search page. What is rare is ranked whole; of what is common, the newest are, so that each answer is quick.

Measured on 500,000 mails: walking through all matches of a word that 400,000 of them hold takes 20 ms, ranking them 700.
"""

from __future__ import annotations

from dataclasses import dataclass

RARE = 5_000
"""Up to so many matches are all ranked."""

NEWEST = 1_000
"""Of more, so many of the newest are."""

LOOKED_AT = 20_000
"""So many of the newest are looked at for what no index knows: the account, whether something is attached."""


@dataclass(frozen=True, slots=True)
class Index:
    """What searching one kind takes: the weights of its index' columns, its time, and what a result shows."""

    weights: str  # in the order of the columns of the index: what names a record counts more than what is in it
    people: dict[str, tuple[str, ...]]  # the columns that `from` and `to` mean
    newest: str  # the column that says which is newer; it has an index
    since: str | None  # conditions on time, None where a kind has none
    until: str | None
    attachments: str | None
    shown: str
    beside: str = ""


INDEXES = {
    "messages": Index(
        weights="10, 6, 4, 3, 1",
        people={"from": ("from_name", "from_email"), "to": ("recipients",)},
        newest="received_at",
        since="record.received_at >= :since",
        until="record.received_at < :until",
        attachments="record.has_attachments = 1",
        shown="record.subject AS title, record.from_name, record.from_email, record.recipients, record.received_at AS at,"
        " record.has_attachments, record.unread, folders.name AS folder, substr(body.text, 1, 20000) AS text, record.snippet",
        beside="LEFT JOIN folders ON folders.id = record.folder_id"
        " LEFT JOIN message_bodies AS body ON body.message_id = record.id",
    ),
    "events": Index(
        weights="10, 4, 3, 3, 1",
        people={"from": ("organizer",), "to": ("attendees",)},
        newest="starts_at",
        since="(record.starts_at >= :since OR record.recurrence_type = 'master')",
        until="record.starts_at < :until",
        attachments="EXISTS (SELECT 1 FROM attachments WHERE event_id = record.id AND removed_at IS NULL)",
        shown="record.subject AS title, record.starts_at AS at, record.all_day, record.location, record.organizer,"
        " substr(record.attendees, 1, 20000) AS attendees, record.canceled, record.recurrence_type, calendars.name AS calendar,"
        " substr(record.description, 1, 20000) AS text",
        beside="LEFT JOIN calendars ON calendars.id = record.calendar_id",
    ),
    "contacts": Index(
        weights="10, 8, 5, 3, 6, 4, 1",
        people={},
        newest="seq",
        since=None,
        until=None,
        attachments=None,
        shown="record.name AS title, record.nickname, record.company, record.job_title, record.emails, record.phones,"
        " substr(record.notes, 1, 20000) AS text",
    ),
    "tasks": Index(
        weights="10, 1",
        people={},
        newest="seq",
        since="record.due_at >= :since",
        until="record.due_at < :until",
        attachments=None,
        shown="record.title, record.status, record.due_at AS at, task_lists.title AS list,"
        " substr(record.notes, 1, 20000) AS text",
        beside="LEFT JOIN task_lists ON task_lists.id = record.task_list_id",
    ),
}

IN_FOLDERS = "record.folder_id IN (SELECT value FROM json_each(:folders))"

LABELLED = f"""({IN_FOLDERS} OR record.folder_id IS NULL AND EXISTS (
        SELECT 1 FROM json_each(record.labels) AS labelled JOIN folders ON folders.label = labelled.value
        WHERE folders.id IN (SELECT value FROM json_each(:folders))))"""
"""Where a provider has labels only, a mail is in no folder, but has the label of one."""

ANY_WITHOUT_FOLDER = "SELECT EXISTS (SELECT 1 FROM messages WHERE folder_id IS NULL)"

ACCOUNTS = "SELECT id, name FROM accounts WHERE removed_at IS NULL ORDER BY name"

FOLDERS = """
SELECT folders.id, folders.name, full_name, label, accounts.name AS account FROM folders JOIN accounts ON accounts.id = account_id
WHERE folders.deleted_at IS NULL AND removed_at IS NULL ORDER BY accounts.name, full_name LIMIT 2000
"""

LAST_MAIL = "SELECT coalesce(max(id), 0) FROM messages"

LATEST = """
SELECT messages.subject, messages.from_name AS sender, received_at,
    (SELECT folders.name FROM messages AS attached JOIN folders ON folders.id = attached.folder_id
        WHERE attached.has_attachments = 1 AND folders.deleted_at IS NULL AND attached.received_at <= messages.received_at
        ORDER BY attached.received_at DESC LIMIT 1) AS folder
FROM messages WHERE subject <> '' AND from_name <> '' AND deleted_at IS NULL ORDER BY received_at DESC LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which conditions a search has; their values are parameters."""

    words: bool = False
    without: bool = False  # words that must not be in it, when there are none that must
    people: bool = False  # some of the words are about senders, or those written to
    since: bool = False
    until: bool = False
    account: bool = False
    folder: bool = False
    labels: bool = False  # some mail is in no folder, so that its labels must be looked at
    attachments: bool = False
    deleted: bool | None = None  # only, or not at all

    def conditions(self, kind: str) -> tuple[list[str], list[str]]:
        """What an index of the table helps with, and what it does not."""
        index = INDEXES[kind]
        quick = [sql for wanted, sql in ((self.since, index.since), (self.until, index.until)) if wanted and sql]
        if self.folder:
            quick.append(LABELLED if self.labels else IN_FOLDERS)
        if self.deleted:
            quick.append("record.deleted_at IS NOT NULL")
        slow = ["record.account_id IN (SELECT value FROM json_each(:accounts))"] if self.account else []
        if self.attachments and index.attachments:
            slow.append(index.attachments)
        if self.deleted is False:
            slow.append("record.deleted_at IS NULL")
        return quick, slow

    def possible(self, kind: str) -> bool:
        """Whether a record of this kind can be what is wanted."""
        index = INDEXES[kind]
        timeless = (self.since or self.until) and index.since is None
        return not (
            timeless
            or (self.folder and kind != "messages")
            or (self.attachments and not index.attachments)
            or (self.people and not index.people)
        )


def matches(kind: str, most: int) -> str:
    """How many records have the words, at most `most`."""
    return f"SELECT count(*) FROM (SELECT 1 FROM {kind}_fts WHERE {kind}_fts MATCH :words LIMIT {most})"


def count(kind: str, wanted: Wanted, *, common: bool) -> str:
    """How many there are, as far as they are looked at."""
    return f"WITH {_candidates(kind, wanted, common=common, ranked=False)} SELECT count(*) FROM candidates"


def found(kind: str, wanted: Wanted, *, common: bool, newest: bool) -> str:
    """What a page of results shows, each row with the `total` of what was looked at."""
    index = INDEXES[kind]
    ranked = wanted.words and not newest
    steps = [_candidates(kind, wanted, common=common, ranked=ranked and not common)]
    chosen, order = "candidates", "newest DESC, id DESC"
    if ranked:
        order = "score, newest DESC, id DESC"
    if ranked and common:
        chosen = "ranked"
        steps.append(f"""ranked AS (
    SELECT rowid AS id, newest, bm25({kind}_fts, {index.weights}) AS score
    FROM {kind}_fts CROSS JOIN candidates ON candidates.id = {kind}_fts.rowid WHERE {kind}_fts MATCH :words
)""")
    steps.append(
        f"page AS (SELECT *, (SELECT count(*) FROM candidates) AS total FROM {chosen} ORDER BY {order} LIMIT :most OFFSET :skip)"
    )
    return f"""WITH {", ".join(steps)}
SELECT page.*, '{kind}' AS kind, record.deleted_at, accounts.name AS account, {index.shown}
FROM page JOIN {kind} AS record ON record.id = page.id JOIN accounts ON accounts.id = record.account_id {index.beside}
ORDER BY {order.replace("id DESC", "page.id DESC")}"""


def _candidates(kind: str, wanted: Wanted, *, common: bool, ranked: bool) -> str:
    index = INDEXES[kind]
    quick, slow = wanted.conditions(kind)
    if wanted.words and not common:
        score = f", bm25({kind}_fts, {index.weights}) AS score" if ranked else ""
        where = " AND ".join([f"{kind}_fts MATCH :words", *quick, *slow])
        return f"""candidates AS MATERIALIZED (
    SELECT record.id, record.{index.newest} AS newest{score}
    FROM {kind}_fts CROSS JOIN {kind} AS record ON record.id = {kind}_fts.rowid WHERE {where}
)"""
    if wanted.words:
        quick.append(f"+record.id IN (SELECT rowid FROM {kind}_fts WHERE {kind}_fts MATCH :words)")
    elif wanted.without:
        slow.append(f"record.id NOT IN (SELECT rowid FROM {kind}_fts WHERE {kind}_fts MATCH :without)")
    by = (
        "+" if wanted.deleted else ""
    ) + f"record.{index.newest}"  # what is deleted is found by its own index, then sorted
    walk = f"""SELECT record.id, record.{index.newest} AS newest FROM {kind} AS record
    WHERE {" AND ".join(quick) or "1"} ORDER BY {by} DESC LIMIT {LOOKED_AT if slow else NEWEST}"""
    if slow:  # it stops at the last that is needed, and need not be sorted again: the walk is in order
        walk = f"""SELECT record.id, newest FROM (
    {walk}
    ) AS walked CROSS JOIN {kind} AS record ON record.id = walked.id
    WHERE {" AND ".join(slow)} LIMIT {NEWEST}"""
    return f"candidates AS MATERIALIZED (\n    {walk}\n)"
