"""What follows from `raw`, written anew: readable columns, child rows, lists of attachments, search indexes. Nothing else."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from mirror.resources import KINDS, Kind
from mirror.store import migrations
from mirror.store.attachments import write_lists
from mirror.store.columns import CHILDREN, COLUMNS, derive, fields_of
from mirror.store.connection import Store
from mirror.store.findings import Finding, OnProgress

AT_ONCE = 500  # records in one transaction


def rebuild(store: Store, findings: Sequence[Finding], on_progress: OnProgress) -> list[str]:
    """Bring in order what can be; says what was done, a sentence each."""
    done: list[str] = []
    for name in dict.fromkeys(name for finding in findings for name in finding.repairs):
        if name == "schema":
            with store.transaction() as conn:
                migrations.make_anew(conn, "VIEW", "TRIGGER")
            done.append("made the views and triggers anew")
            continue
        kind = KINDS[name]
        ids = sorted({one for finding in findings if name in finding.repairs for one in finding.ids})
        for start in range(0, len(ids), AT_ONCE):
            on_progress(f"rebuilding {name}", start, len(ids))
            with store.transaction() as conn:
                for record_id in ids[start : start + AT_ONCE]:
                    _rebuild_record(conn, kind, record_id)
        on_progress(f"rebuilding {name}", len(ids), len(ids))
        if ids:
            done.append(f"wrote the columns and lists of {len(ids)} {name} anew from their raw")
        if kind.search:
            with store.transaction() as conn:
                conn.execute(f"INSERT INTO {name}_fts ({name}_fts) VALUES ('rebuild')")
            done.append(f"built the search index of {name} anew")
    return done


def _rebuild_record(conn: sqlite3.Connection, kind: Kind, record_id: int) -> None:
    row = conn.execute(
        "SELECT raw, attachments_up_to_bytes AS up_to_bytes, (SELECT observed_at FROM change_order) AS now"
        f" FROM {kind.name} AS record JOIN accounts ON accounts.id = account_id WHERE record.id = ?",
        [record_id],
    ).fetchone()
    derived = derive(kind.name, fields_of(row["raw"]))
    columns = dict(zip(COLUMNS[kind.name], derived.columns, strict=True))
    if kind.name == "messages":
        del columns["folder_id"]
    conn.execute(
        f"UPDATE {kind.name} SET {', '.join(f'{name} = ?' for name in columns)} WHERE id = ?",
        [*columns.values(), record_id],
    )
    for table, names in CHILDREN.get(kind.name, {}).items():
        conn.execute(f"DELETE FROM {table} WHERE {names[0]} = ?", [record_id])
        conn.executemany(
            f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})",
            [(record_id, *values) for values in derived.children.get(table, [])],
        )
    if kind.attachments:
        listed = [(record_id, derived.attachments)]
        write_lists(conn, kind, listed, row["up_to_bytes"], removed_at=row["now"])
