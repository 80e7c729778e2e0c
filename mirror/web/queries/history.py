"""What the history pages ask. Records have no index on time and need none: `versions` has one, and ids tell who came first."""

from __future__ import annotations

from mirror.resources import KINDS

ACCOUNTS = "SELECT id, name, removed_at FROM accounts ORDER BY removed_at IS NOT NULL, name"

IS_DELETED = {
    kind: f"""versions.deleted_at IS NULL AND (
        EXISTS (SELECT 1 FROM {kind} AS newest WHERE newest.id = versions.record_id
            AND newest.seq = versions.superseded_seq AND newest.deleted_at IS NOT NULL)
        OR EXISTS (SELECT 1 FROM versions AS next WHERE next.seq = versions.superseded_seq AND next.deleted_at IS NOT NULL))"""
    for kind in KINDS
}
"""Of a superseded version: that what superseded it is a tombstone, now or then."""

_FIRST_VERSION = "FROM versions WHERE kind = '{kind}' AND record_id = record.id ORDER BY seq LIMIT 1"

FIRST = {
    kind: f"""
SELECT record.id, coalesce((SELECT observed_at {_FIRST_VERSION.format(kind=kind)}), observed_at) AS at
FROM {kind} AS record WHERE record.id >= :id ORDER BY record.id LIMIT 1
"""
    for kind in KINDS
}
"""The first record from an id on, and when it was new."""

LAST_ID = {kind: f"SELECT id FROM {kind} ORDER BY id DESC LIMIT 1" for kind in KINDS}

COUNT = {
    kind: f"SELECT count(*) FROM {kind} WHERE id >= :first AND id < :end AND (:account = '' OR account_id = :account)"
    for kind in KINDS
}

CREATED = {
    kind: f"""
SELECT record.id AS record_id, account_id,
    coalesce((SELECT observed_at {_FIRST_VERSION.format(kind=kind)}), observed_at) AS at,
    coalesce((SELECT seq {_FIRST_VERSION.format(kind=kind)}), seq) AS seq,
    coalesce((SELECT raw {_FIRST_VERSION.format(kind=kind)}), raw) AS raw
FROM {kind} AS record
WHERE record.id >= :first AND record.id < :end AND (:account = '' OR account_id = :account)
ORDER BY record_id DESC LIMIT :most
"""
    for kind in KINDS
}

SUPERSEDED = {
    kind: f"""
SELECT id AS version_id, record_id, account_id, superseded_at AS at, seq, deleted_at, raw FROM versions
WHERE kind = '{kind}' AND superseded_at >= :since AND superseded_at <= :until AND (superseded_at < :until OR id < :before)
    AND (:account = '' OR account_id = :account)
    AND CASE :what
        WHEN 'restored' THEN deleted_at IS NOT NULL
        WHEN 'deleted' THEN {IS_DELETED[kind]}
        WHEN 'changed' THEN deleted_at IS NULL AND NOT ({IS_DELETED[kind]})
        ELSE 1
    END
ORDER BY at DESC, version_id DESC LIMIT :most
"""
    for kind in KINDS
}

NEXT = """
SELECT seq, observed_at, deleted_at, deletion, raw FROM all_versions
WHERE kind = :kind AND record_id = :record_id AND seq > :seq ORDER BY seq LIMIT 1
"""

PER_DAY = {
    kind: f"""
SELECT day ->> 'day' AS day, count(*) AS superseded, sum(deleted_at IS NOT NULL) AS restored, sum({IS_DELETED[kind]}) AS deleted
FROM (SELECT value AS day FROM json_each(:days)) CROSS JOIN versions
WHERE kind = '{kind}' AND superseded_at >= day ->> 'since' AND superseded_at < day ->> 'until'
    AND (:account = '' OR account_id = :account)
GROUP BY 1
"""
    for kind in KINDS
}

RECORD = {
    kind.name: f"""
SELECT record.id, record.account_id, accounts.name AS account, record.{kind.title} AS title, record.remote_id, record.seq,
    record.observed_at, record.deleted_at, record.deletion
FROM {kind.name} AS record JOIN accounts ON accounts.id = account_id WHERE record.id = :id
"""
    for kind in KINDS.values()
}

VERSIONS = """
SELECT seq, superseded_seq, observed_at, superseded_at, modified_at, deleted_at, deletion, raw FROM all_versions
WHERE kind = :kind AND record_id = :id AND (:before = '' OR seq < :before) ORDER BY seq DESC LIMIT :most
"""

COUNT_VERSIONS = "SELECT count(*) FROM versions WHERE kind = :kind AND record_id = :id"

BODIES = """
SELECT seq, html FROM message_body_versions WHERE message_id = :id
UNION ALL SELECT seq, html FROM message_bodies WHERE message_id = :id ORDER BY seq
"""
