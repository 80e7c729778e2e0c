"""What the sync page asks: feeds and runs as the journal has them. The cursors themselves nobody gets to see."""

from __future__ import annotations

from mirror.resources import KINDS

FEEDS = """
SELECT feeds.id, feeds.account_id, feeds.kind, coalesce(calendars.name, task_lists.title) AS parent, feeds.state, walking,
    feeds.generation, covers_from, covers_until, caught_up_at, failures, retry_at, error, feeds.parent_id,
    (SELECT count(*) FROM stuck WHERE stuck.feed_id = feeds.id AND gone_at IS NULL) AS stuck,
    (SELECT count(*) FROM incomplete WHERE incomplete.feed_id = feeds.id) AS incomplete,
    (SELECT ended_at FROM runs WHERE runs.feed_id = feeds.id AND pages > 0 ORDER BY started_at DESC LIMIT 1) AS token_at
FROM feeds JOIN accounts ON accounts.id = feeds.account_id
LEFT JOIN calendars ON feeds.kind = 'events' AND calendars.id = feeds.parent_id
LEFT JOIN task_lists ON feeds.kind = 'tasks' AND task_lists.id = feeds.parent_id
WHERE accounts.removed_at IS NULL
ORDER BY feeds.account_id, feeds.id
"""

_PLACE = {kind.name: kind.parent_column or "account_id" for kind in KINDS.values()}

ROWS = {
    kind: f"""
SELECT place.id AS place, (SELECT count(*) FROM {kind} WHERE {column} = place.id)
    - (SELECT count(*) FROM {kind} INDEXED BY {kind}_deleted_at WHERE {column} = place.id AND deleted_at IS NOT NULL) AS records
FROM {KINDS[kind].parent or "accounts"} AS place
"""
    for kind, column in _PLACE.items()
}
"""Live records by account, or by calendar or list: all, by an index, less those that are deleted, by another."""

OVER_TIME = """
SELECT stretch ->> 'since' AS since, count(*) AS passes, sum(outcome = 'ok') AS ok,
    sum(outcome IN ('failed', 'needs_auth', 'not_permitted', 'held')) AS failed, sum(requests) AS requests,
    sum(retries) AS retries, sum(bytes) AS bytes, sum(created) AS created, sum(changed) AS changed, sum(deleted) AS deleted
FROM (SELECT value AS stretch FROM json_each(:stretches)) CROSS JOIN runs
WHERE started_at >= stretch ->> 'since' AND started_at < stretch ->> 'until'
    AND (:feed = '' OR feed_id = :feed) AND (:account = '' OR account_id = :account)
GROUP BY 1
"""

_RUN = """
SELECT runs.id, runs.account_id, accounts.name AS account, runs.feed_id, runs.kind,
    coalesce(calendars.name, task_lists.title) AS parent, started_at, ended_at, outcome, pages, requests, retries, bytes, created,
    changed, deleted, unchanged, runs.error
FROM runs JOIN accounts ON accounts.id = runs.account_id LEFT JOIN feeds ON feeds.id = runs.feed_id
LEFT JOIN calendars ON feeds.kind = 'events' AND calendars.id = feeds.parent_id
LEFT JOIN task_lists ON feeds.kind = 'tasks' AND task_lists.id = feeds.parent_id
WHERE (:feed = '' OR feed_id = :feed) AND (:account = '' OR runs.account_id = :account)
"""

FAILURES = f"""{_RUN}    AND started_at >= :since AND started_at < :until AND outcome NOT IN ('ok', 'not_ready')
ORDER BY started_at DESC, runs.id DESC LIMIT :most
"""

LATEST = f"""{_RUN}    AND started_at <= :until AND (started_at < :until OR runs.id < :before)
ORDER BY started_at DESC, runs.id DESC LIMIT :most
"""

STUCK = """
SELECT stuck.id, stuck.account_id, accounts.name AS account, feed_id, kind, stuck.remote_id, reason, first_at, last_at, tries,
    length(raw) AS size_bytes, substr(raw, 1, :most_bytes) AS beginning, gone_at
FROM stuck JOIN accounts ON accounts.id = stuck.account_id
WHERE (:feed = '' OR feed_id = :feed) AND (:account = '' OR stuck.account_id = :account) AND stuck.id > :after
ORDER BY stuck.id LIMIT :most
"""

STUCK_BYTES = "SELECT kind, raw FROM stuck WHERE id = :id"
