"""Is the mirror sound? Every promise of `schema.sql` that can be checked by looking, and what of it can be rebuilt.

It reads one snapshot, row by row, while everything else goes on. Nothing is changed without `repair`, and even that writes only
what follows from `raw`: readable columns, child rows and search indexes. History is never touched.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from mirror.resources import KINDS
from mirror.store import migrations, verify_history, verify_records
from mirror.store import repair as repairs
from mirror.store.connection import Store, open_reader, shipped, translated
from mirror.store.findings import Examples, Finding, OnProgress

BLOB_STEP_BYTES = 1 << 20
MOST_DAMAGES = 100  # that SQLite looks for before it stops

RULES: Sequence[tuple[str, str]] = (
    ("{n} feeds ({ids}) belong to a calendar or task list that is not there",
     "SELECT id FROM feeds WHERE (kind = 'events' AND parent_id NOT IN (SELECT id FROM calendars))"
     " OR (kind = 'tasks' AND parent_id NOT IN (SELECT id FROM task_lists))"),
    ("{n} feeds ({ids}) say that they follow upstream but have no cursor",
     "SELECT id FROM feeds WHERE state = 'following' AND kind IN ('contacts', 'events', 'tasks', 'messages')"
     " AND cursor IS NULL"),
    ("{n} feeds ({ids}) have a cursor that is no JSON",
     "SELECT id FROM feeds WHERE cursor IS NOT NULL AND NOT json_valid(cursor)"),
    ("{n} events ({ids}) lie in a calendar of another account",
     "SELECT events.id FROM events JOIN calendars ON calendars.id = calendar_id"
     " WHERE calendars.account_id <> events.account_id"),
    ("{n} tasks ({ids}) lie in a list of another account",
     "SELECT tasks.id FROM tasks JOIN task_lists ON task_lists.id = task_list_id"
     " WHERE task_lists.account_id <> tasks.account_id"),
    ("{n} messages ({ids}) lie in a folder of another account",
     "SELECT messages.id FROM messages JOIN folders ON folders.id = folder_id"
     " WHERE folders.account_id <> messages.account_id"),
    ("{n} bodies (of the messages {ids}) claim a place in the order of change that was never taken",
     "SELECT message_id FROM message_bodies WHERE seq > (SELECT seq FROM change_order)"),
    ("{n} stuck records ({ids}) belong to a feed of another kind",
     "SELECT stuck.id FROM stuck JOIN feeds ON feeds.id = feed_id WHERE feeds.kind <> stuck.kind"
     " OR feeds.account_id <> stuck.account_id"),
    *(
        ("{n} " + kind.name + " ({ids}) belong to no feed, or to a listing that has not begun",
         f"SELECT record.id FROM {kind.name} AS record LEFT JOIN feeds ON feeds.account_id = record.account_id"
         f" AND feeds.kind = '{kind.name}' AND feeds.parent_id IS {kind.parent_column or 'NULL'}"
         " WHERE feeds.id IS NULL OR record.generation > feeds.generation")
        for kind in KINDS.values()
    ),
    *(
        ("{n} " + kind.name + " ({ids}) are to be completed but are not there",
         f"SELECT record_id FROM incomplete JOIN feeds ON feeds.id = feed_id WHERE kind = '{kind.name}'"
         f" AND record_id NOT IN (SELECT id FROM {kind.name})")
        for kind in KINDS.values()
    ),
)  # fmt: skip
"""What must find nothing: the sentence, with the number and some ids of what was found, and the query."""


@dataclass(slots=True)
class Report:
    """What was looked at and what was found. `checked`: how many of what."""

    findings: list[Finding] = field(default_factory=list)
    checked: dict[str, int] = field(default_factory=dict)
    repaired: list[str] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        return not self.findings

    @property
    def damaged(self) -> bool:
        return any(finding.check in ("database", "blobs database") for finding in self.findings)


def _silent(what: str, done: int, total: int) -> None:
    """Nobody is watching."""


def verify(store: Store, *, repair: bool = False, on_progress: OnProgress = _silent) -> Report:
    """What is wrong with a mirror, after the repair where one is asked for.

    Raises: DatabaseBusy, DatabaseDamaged (where not even the damage can be told), HomeUnusable.
    """
    with translated(store.path):
        report = _look(store, on_progress)
        if repair and any(finding.repairable for finding in report.findings):
            repaired = repairs.rebuild(store, report.findings, on_progress)
            report = _look(store, on_progress)
            report.repaired = repaired
        return report


def _look(store: Store, on_progress: OnProgress) -> Report:
    report = Report()
    reader = open_reader(store.path)
    reader.row_factory = None
    try:
        blobs = store.home / "blobs.db"
        attached = [*_attach(reader, blobs)] if blobs.is_file() else []
        reader.execute("BEGIN")
        damages = [*attached, *_damages(reader, "main", "database", on_progress)]
        if blobs.is_file() and not attached:
            damages += _damages(reader, "blobs", "blobs database", on_progress)
        report.findings += damages
        if not damages:
            for check in (_texts, _schema, _references, verify_records.check, verify_history.check, _rules, _blobs):
                report.findings += _read(check(reader, report.checked, on_progress))
    finally:
        reader.close()
    if not report.damaged:
        report.findings += _search_indexes(store, on_progress)
    return report


def _attach(reader: sqlite3.Connection, blobs: Path) -> Iterator[Finding]:
    try:
        reader.execute("ATTACH DATABASE ? AS blobs", [f"{blobs.resolve().as_uri()}?mode=ro"])
        reader.execute("SELECT count(*) FROM blobs.sqlite_master").fetchone()
    except sqlite3.DatabaseError as error:
        yield Finding("blobs database", f"blobs.db can't be read ({error})")


def _read(findings: Iterator[Finding]) -> Iterator[Finding]:
    """The findings of a check; what can't even be read is one too, which SQLite's own check does not make."""
    try:
        yield from findings
    except sqlite3.DatabaseError as error:
        what = str(error).partition(" with text ")[0]
        yield Finding("database", f"the database is damaged: something in it can't be read ({what})")


def _damages(reader: sqlite3.Connection, schema: str, name: str, on_progress: OnProgress) -> Iterator[Finding]:
    on_progress(name, 0, 1)
    try:
        found = [row[0] for row in reader.execute(f"PRAGMA {schema}.integrity_check({MOST_DAMAGES})")]
    except sqlite3.DatabaseError as error:
        found = [str(error)]
    on_progress(name, 1, 1)
    if found != ["ok"]:
        many = f"{len(found)} damages" if len(found) < MOST_DAMAGES else f"{MOST_DAMAGES} damages and more"
        first = " ".join(found[0].replace("*** in database main ***", "").split())
        yield Finding(name, f"the {name} is damaged: SQLite finds {many if len(found) > 1 else 'one damage'} ({first})")


def _texts(reader: sqlite3.Connection, _: dict[str, int], on_progress: OnProgress) -> Iterator[Finding]:
    """Every row of every table can be read: SQLite's own check minds neither a text that is no UTF-8 nor JSON."""
    tables = [row[1] for row in reader.execute("PRAGMA main.table_list") if row[2] == "table"]
    for done, table in enumerate(tables):
        on_progress("texts", done, len(tables))
        try:
            for _row in reader.execute(f'SELECT * FROM main."{table}"'):
                pass
        except sqlite3.DatabaseError as error:
            what = str(error).partition(" with text ")[0]
            yield Finding("database", f"the database is damaged: not all of {table} can be read ({what})")
    on_progress("texts", len(tables), len(tables))


def _schema(reader: sqlite3.Connection, checked: dict[str, int], on_progress: OnProgress) -> Iterator[Finding]:
    """Everything that `schema.sql` makes is there: a lost trigger would let history be lost."""
    on_progress("schema", 0, 1)
    everything = "SELECT type, name FROM sqlite_master WHERE sql IS NOT NULL"
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as fresh:
        migrations.create(fresh, shipped("schema.sql").read_text(encoding="utf-8"))
        missing = sorted(set(fresh.execute(everything)) - set(reader.execute(everything)))
    for kind, name in missing:
        remakable = kind in ("view", "trigger")
        yield Finding("schema", f"the {kind} {name} is missing", repairs=("schema",) if remakable else ())
    on_progress("schema", 1, 1)
    checked["tables"] = reader.execute("SELECT count(*) FROM main.sqlite_master WHERE type = 'table'").fetchone()[0]


def _references(reader: sqlite3.Connection, _: dict[str, int], on_progress: OnProgress) -> Iterator[Finding]:
    on_progress("references", 0, 1)
    found: dict[tuple[str, str], Examples] = {}
    for table, rowid, parent, _ in reader.execute("PRAGMA main.foreign_key_check"):
        found.setdefault((table, parent), Examples()).add(rowid)
    for (table, parent), examples in found.items():
        yield Finding(
            "references", f"{examples.count} rows of {table} ({examples}) point to {parent} that are not there"
        )
    on_progress("references", 1, 1)


def _rules(reader: sqlite3.Connection, checked: dict[str, int], on_progress: OnProgress) -> Iterator[Finding]:
    for done, (sentence, sql) in enumerate(RULES):
        on_progress("feeds", done, len(RULES))
        examples = Examples()
        for row in reader.execute(sql):
            examples.add(row[0])
        if examples.count:
            yield Finding("feeds", sentence.format(n=examples.count, ids=examples))
    on_progress("feeds", len(RULES), len(RULES))
    checked["feeds"] = reader.execute("SELECT count(*) FROM feeds").fetchone()[0]


def _blobs(reader: sqlite3.Connection, checked: dict[str, int], on_progress: OnProgress) -> Iterator[Finding]:
    """The bytes of attachments: those that are kept are there, and are what their hash says."""
    present = any(row[1] == "blobs" for row in reader.execute("PRAGMA database_list"))
    missing, wrong = Examples(), Examples()
    elsewhere = "AND sha256 NOT IN (SELECT sha256 FROM blobs.blobs)" if present else ""
    for row in reader.execute(
        f"SELECT id FROM attachments WHERE kept = 'yes' AND (sha256 IS NULL OR (sha256 IS NOT NULL {elsewhere}))"
    ):
        missing.add(row[0])
    total = reader.execute("SELECT count(*) FROM blobs.blobs").fetchone()[0] if present else 0
    rows = reader.execute("SELECT rowid, sha256, size_bytes FROM blobs.blobs ORDER BY rowid") if present else ()
    for done, (rowid, sha256, size_bytes) in enumerate(rows):
        on_progress("attachments", done, total)
        if verify_records.digest_of(reader, rowid, BLOB_STEP_BYTES) != (sha256, size_bytes):
            wrong.add(sha256[:12])
    on_progress("attachments", total, total)
    checked["attachments' contents"] = total
    if missing.count:
        yield Finding("attachments", f"the bytes of {missing.count} attachments ({missing}) are not in blobs.db")
    if wrong.count:
        yield Finding("attachments", f"{wrong.count} contents in blobs.db ({wrong}) are not what their hash says")


def _search_indexes(store: Store, on_progress: OnProgress) -> Iterator[Finding]:
    """FTS5 compares its index with the tables itself; for that it needs the write lock for a moment."""
    searchable = [kind.name for kind in KINDS.values() if kind.search]
    for done, name in enumerate(searchable):
        on_progress("search", done, len(searchable))
        with store.transaction() as conn:
            try:
                conn.execute(f"INSERT INTO {name}_fts ({name}_fts, rank) VALUES ('integrity-check', 1)")
            except sqlite3.DatabaseError as error:
                if not str(getattr(error, "sqlite_errorname", "")).startswith("SQLITE_CORRUPT"):
                    raise
                yield Finding("search", f"the search index of {name} is not what the {name} say", repairs=(name,))
    on_progress("search", len(searchable), len(searchable))
