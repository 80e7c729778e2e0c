"""The SQL of the start page and of the pages of records. It only reads, and each statement finds its rows by an index."""

from __future__ import annotations

from mirror.resources import KINDS

STAND = "SELECT seq FROM change_order"

COUNTS = "SELECT " + ",\n    ".join(
    f"(SELECT count(*) FROM {kind}) - (SELECT count(*) FROM {kind} WHERE deleted_at IS NOT NULL) AS {kind}"
    for kind in KINDS
)
"""Counting 500,000 rows by an index takes 3 ms; counting those that are not deleted, without one, a hundred times that."""

ACCOUNTS = """
SELECT id, name, email, service, status, status_detail FROM accounts WHERE removed_at IS NULL ORDER BY name
"""

FEEDS = """
SELECT account_id, kind, count(*) AS feeds, min(caught_up_at) AS caught_up_at, max(state = 'listing' OR state = 'new') AS listing,
    max(walking) AS walking, max(state = 'held') AS held, min(state = 'stopped') AS stopped, max(error) AS error,
    (julianday(:now) - julianday(CASE WHEN count(caught_up_at) = count(*) THEN min(caught_up_at) END)) * 86400 AS age_s
FROM feeds GROUP BY account_id, kind
"""


_WHO = {
    "messages": "coalesce(from_name, from_email)",
    "events": "starts_at",
    "contacts": "company",
    "tasks": "status",
}


def _of_all_kinds(of_one: str) -> str:
    """A statement about one kind, asked of all of them."""
    parts = [
        of_one.format(
            kind=kind,
            title=row.title,
            who=_WHO.get(kind, "NULL"),
            all_day="all_day" if kind == "events" else "NULL",
        )
        for kind, row in KINDS.items()
    ]
    return "\nUNION ALL\n".join(f"SELECT * FROM ({part})" for part in parts)


NEWEST = (
    _of_all_kinds("""
    SELECT '{kind}' AS kind, id, {title} AS title, {who} AS who, {all_day} AS all_day, seq, observed_at, deleted_at, raw,
        (julianday(:now) - julianday(observed_at)) * 86400 AS age_s
    FROM {kind} WHERE seq > :since ORDER BY seq DESC LIMIT :most""")
    + "\nORDER BY seq DESC LIMIT :most"
)
"""The newest versions after a place in the order of change."""

VERSION_BEFORE = """
SELECT raw, deleted_at FROM versions WHERE kind = :kind AND record_id = :id AND seq < :seq ORDER BY seq DESC LIMIT 1
"""

TODAY = (
    "SELECT kind, change, count(*) AS records, max(records_read) AS records_read FROM (\n"
    + _of_all_kinds("""
    SELECT '{kind}' AS kind, records_read, CASE WHEN deleted_at IS NOT NULL THEN 'deleted'
        WHEN EXISTS (SELECT 1 FROM versions WHERE versions.kind = '{kind}' AND record_id = newest.id AND observed_at < :since)
        THEN 'changed' ELSE 'created' END AS change
    FROM (SELECT id, deleted_at, observed_at, row_number() OVER (ORDER BY seq DESC) AS records_read
        FROM {kind} ORDER BY seq DESC LIMIT :most) AS newest
    WHERE newest.observed_at >= :since""")
    + "\n) GROUP BY kind, change"
)
"""What became of the records that changed since a moment. Only the newest `:most` of each kind are looked at."""

_ZONE = """zone AS MATERIALIZED (  -- the reader's: how many minutes it is ahead of UTC, and from when until when
    SELECT value ->> 'since' AS since, value ->> 'until' AS until, value ->> 'minutes' AS minutes FROM json_each(:zone)
)"""

MAIL_PER_DAY = f"""
WITH RECURSIVE {_ZONE},
days(day) AS (SELECT :first UNION ALL SELECT date(day, '+1 day') FROM days WHERE day < :last),
mails AS MATERIALIZED (SELECT received_at FROM messages WHERE received_at >= :since AND received_at < :until),
per_day AS (
    SELECT date(received_at, minutes || ' minutes') AS day, count(*) AS mails
    FROM mails CROSS JOIN zone ON received_at >= since AND received_at < until GROUP BY 1
)
SELECT days.day, coalesce(mails, 0) AS mails FROM days LEFT JOIN per_day USING (day) ORDER BY days.day
"""

_IS_MEETING = """deleted_at IS NULL AND NOT coalesce(canceled, 0) AND attendee_count > 0 AND NOT coalesce(all_day, 0)"""

MEETING_HOURS = f"""
WITH RECURSIVE {_ZONE},
weeks(week) AS (
    SELECT date(:first, '-6 days', 'weekday 1')
    UNION ALL SELECT date(week, '+7 days') FROM weeks WHERE week < date(:last, '-6 days')
),
met AS (
    SELECT starts_at, strftime('%s', ends_at) - strftime('%s', starts_at) AS seconds
    FROM events WHERE starts_at >= :since AND starts_at < :until
        AND (recurrence_type IS NOT 'master' OR rrule IS NULL) AND occurrence_type IS NOT 'deleted' AND {_IS_MEETING}
    UNION ALL
    SELECT start.value, strftime('%s', ends_at) - strftime('%s', starts_at)
    FROM events, json_each(series_starts(rrule, starts_at, timezone, all_day, :since, :until)) AS start
    WHERE recurrence_type = 'master' AND starts_at < :until AND {_IS_MEETING}
        AND NOT EXISTS (SELECT 1 FROM events AS exception WHERE exception.calendar_id = events.calendar_id
            AND exception.series_remote_id = events.remote_id AND exception.original_start = start.value)
),
per_week AS (
    SELECT date(starts_at, minutes || ' minutes', '-6 days', 'weekday 1') AS week, count(*) AS meetings,
        sum(seconds) / 3600.0 AS hours
    FROM met JOIN zone ON starts_at >= since AND starts_at < until GROUP BY 1
)
SELECT weeks.week, coalesce(meetings, 0) AS meetings, coalesce(round(hours, 1), 0) AS hours
FROM weeks LEFT JOIN per_week USING (week) ORDER BY weeks.week
"""
"""Time with others in each of the reader's weeks: the occurrences of series, too, without those that were moved or left out."""

NEWEST_EVENT = "SELECT max(seq) FROM events"

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
