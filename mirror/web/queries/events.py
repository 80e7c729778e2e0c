"""The SQL of an event's page. It only reads, and finds its rows by the event, its calendar, or its series."""

from __future__ import annotations

EVENT = """
SELECT events.*, calendars.name AS calendar, calendars.color, calendars.deleted_at AS calendar_deleted_at,
    calendars.raw AS calendar_raw, accounts.name AS account, accounts.email AS account_email
FROM events JOIN calendars ON calendars.id = events.calendar_id JOIN accounts ON accounts.id = events.account_id
WHERE events.id = :id
"""

ATTENDEES = """
SELECT email, name, type, response FROM event_attendees WHERE event_id = :id ORDER BY id
"""

ATTACHMENTS = """
SELECT id, name, mime_type, size_bytes, kept, inline, removed_at FROM attachments WHERE event_id = :id ORDER BY inline, id
"""

SERIES_OF = """
SELECT id, subject, starts_at, deleted_at FROM events WHERE calendar_id = :calendar AND remote_id = :series
"""

EXCEPTIONS = """
SELECT id, calendar_id, subject, starts_at, ends_at, all_day, location, response, canceled, show_as, original_start,
    occurrence_type, deleted_at, series_remote_id
FROM events WHERE calendar_id = :calendar AND series_remote_id = :series
ORDER BY original_start
"""
