"""The SQL of the start page and of the pages of records. It only reads, and each statement finds its rows by an index."""

from __future__ import annotations

from mirror.resources import KINDS

STAND = "SELECT seq, (SELECT count(*) FROM accounts WHERE removed_at IS NULL) AS accounts FROM change_order"

COUNTS = "SELECT " + ", ".join(
    f"(SELECT count(*) FROM {kind}) - (SELECT count(*) FROM {kind} WHERE deleted_at IS NOT NULL) AS {kind}"
    for kind in KINDS
)

ACCOUNTS = """
SELECT id, name, email, service, status, status_detail FROM accounts WHERE removed_at IS NULL ORDER BY name
"""

FEEDS = """
SELECT account_id, kind, count(*) AS feeds, min(caught_up_at) AS caught_up_at, max(state = 'listing' OR state = 'new') AS listing,
    max(walking) AS walking, max(state = 'held') AS held, max(state = 'stopped') AS stopped, max(error) AS error,
    sum((SELECT count(*) FROM stuck WHERE stuck.feed_id = feeds.id AND gone_at IS NULL)) AS stuck,
    (julianday('now') - julianday(CASE WHEN count(caught_up_at) = count(*) THEN min(caught_up_at) END)) * 86400 AS age_s
FROM feeds GROUP BY account_id, kind
"""

_WHO = {
    "messages": "coalesce(from_name, from_email)",
    "events": "starts_at",
    "contacts": "company",
    "tasks": "status",
}

NEWEST = {
    kind: f"""
SELECT '{kind}' AS kind, id, {row.title} AS title, {_WHO.get(kind, "NULL")} AS who, seq, observed_at, deleted_at, raw,
    {"all_day" if kind == "events" else "NULL"} AS all_day,
    (julianday('now') - julianday(observed_at)) * 86400 AS age_s
FROM {kind} WHERE seq > :since ORDER BY seq DESC LIMIT :most"""
    for kind, row in KINDS.items()
}
"""The newest versions of each kind after a place in the order of change."""

VERSION_BEFORE = """
SELECT raw, deleted_at FROM versions WHERE kind = :kind AND record_id = :id ORDER BY seq DESC LIMIT 1
"""

MAIL_PER_DAY = """
WITH RECURSIVE days(day) AS (
    SELECT date('now', '-364 days') UNION ALL SELECT date(day, '+1 day') FROM days WHERE day < date('now')
),
mails AS (
    SELECT substr(received_at, 1, 10) AS day, count(*) AS mails FROM messages
    WHERE received_at >= date('now', '-364 days') GROUP BY substr(received_at, 1, 10)
)
SELECT days.day, coalesce(mails, 0) AS mails FROM days LEFT JOIN mails USING (day) ORDER BY days.day
"""

VERSION_COUNT = "SELECT count(*) FROM versions WHERE kind = :kind AND record_id = :id"

PARENT = """
SELECT parent.id, parent.{title} AS title
FROM {table} JOIN {parent} AS parent ON parent.id = {table}.{column} WHERE {table}.id = :id
"""

BODY = "SELECT text FROM message_bodies WHERE message_id = :id"

ATTACHMENTS = """
SELECT id, name, mime_type, size_bytes, kept, inline, removed_at FROM attachments WHERE {owner} = :id ORDER BY inline, id
"""

RECIPIENTS = "SELECT role, email, name FROM message_recipients WHERE message_id = :id ORDER BY id"

ATTENDEES = (
    "SELECT email, name, type, response FROM event_attendees WHERE event_id = :id ORDER BY type = 'resource', id"
)

POSTAL = """
SELECT type, street, city, state, postal_code, country FROM contact_addresses WHERE contact_id = :id ORDER BY id
"""

FIRST_EMAIL = "SELECT email FROM contact_emails WHERE contact_id = :id ORDER BY id LIMIT 1"
