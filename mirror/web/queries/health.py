"""What the metrics and the health page ask besides `store/health.py`. Each finds its rows by an index."""

from __future__ import annotations

from mirror.resources import KINDS

FEEDS = """
SELECT account_id, kind, state, count(*) AS feeds, count(caught_up_at) AS caught_up, min(caught_up_at) AS caught_up_at,
    sum(total_runs) AS runs, sum(total_failed) AS failed, sum(total_requests) AS requests, sum(total_bytes) AS bytes
FROM feeds GROUP BY account_id, kind, state
"""

RECORDS = "\nUNION ALL\n".join(
    f"SELECT id AS account_id, '{kind}' AS kind, (SELECT count(*) FROM {kind} WHERE account_id = accounts.id)\n"
    f"    - (SELECT count(*) FROM {kind} INDEXED BY {kind}_deleted_at\n"
    f"        WHERE account_id = accounts.id AND deleted_at IS NOT NULL) AS records\n"
    "FROM accounts WHERE removed_at IS NULL"
    for kind in KINDS
)
"""Live records: all, by one index, less those that are deleted, by another."""
