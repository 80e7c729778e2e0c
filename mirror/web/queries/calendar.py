"""The SQL of the calendar. It only reads; what ended long ago, and series, are found without reading every event."""

from __future__ import annotations

CALENDARS = """
SELECT calendars.id, calendars.name, calendars.color, calendars.access_role, calendars.is_primary, accounts.name AS account,
    accounts.removed_at
FROM calendars JOIN accounts ON accounts.id = calendars.account_id
WHERE calendars.deleted_at IS NULL
ORDER BY accounts.removed_at IS NOT NULL, accounts.name, calendars.is_primary DESC, calendars.name
"""

_SHOWN = "id, calendar_id, subject, starts_at, ends_at, all_day, location, response, canceled, show_as"

EVENTS = f"""
SELECT {_SHOWN}
FROM events
WHERE ends_at >= :since AND starts_at < :until AND deleted_at IS NULL
    AND recurrence_type IS NOT 'master' AND occurrence_type IS NOT 'deleted'
    AND +calendar_id IN (SELECT value FROM json_each(:calendars))
    AND NOT EXISTS (SELECT 1 FROM events AS series WHERE series.calendar_id = events.calendar_id
        AND series.remote_id = events.series_remote_id AND series.deleted_at IS NOT NULL)
"""

_SERIES = f"""
SELECT {_SHOWN}, remote_id, rrule,
    coalesce(timezone, CASE WHEN NOT all_day AND json_valid(raw)
        THEN coalesce(json_extract(raw, '$.recurrence.ical.recurrenceStart.timezone'), json_extract(raw, '$.end.timezone')) END
    ) AS timezone,
    -- what the rules leave out is in the record, and so is a pattern that was never written as rules
    CASE WHEN (rrule IS NULL OR instr(raw, '"patternExclusions"')) AND json_valid(raw) THEN json_extract(raw, '$.recurrence')
    END AS recurrence
FROM events"""

ONE_SERIES = f"{_SERIES} WHERE id = :id"

SERIES = f"""{_SERIES}
WHERE recurrence_type = 'master' AND starts_at < :until AND deleted_at IS NULL
    AND +calendar_id IN (SELECT value FROM json_each(:calendars))
"""

REPLACED = """
SELECT calendar_id, series_remote_id, original_start
FROM events
WHERE series_remote_id IS NOT NULL AND original_start >= :since AND original_start < :until
"""

CALENDAR = "SELECT id, name, color, observed_at FROM calendars WHERE id = :id"

STAND = """
SELECT max(seq, (SELECT seq FROM calendars WHERE id = :id)) AS seq, observed_at FROM (
    SELECT coalesce(max(seq), 0) AS seq, max(observed_at) AS observed_at FROM events WHERE calendar_id = :id)
"""

CALENDAR_RECORDS = """
SELECT id, seq, observed_at, modified_at, deleted_at, raw FROM events
WHERE calendar_id = :id AND (deleted_at IS NULL OR series_remote_id IS NOT NULL)
    AND NOT EXISTS (SELECT 1 FROM events AS series WHERE series.calendar_id = events.calendar_id
        AND series.remote_id = events.series_remote_id AND series.deleted_at IS NOT NULL)
ORDER BY id
"""

SERIES_RECORDS = """
WITH asked AS (SELECT id, calendar_id, coalesce(series_remote_id, remote_id) AS series FROM events WHERE id = :id)
SELECT events.id, events.seq, observed_at, modified_at, deleted_at, raw FROM asked, events
WHERE events.calendar_id = asked.calendar_id AND (events.remote_id = asked.series OR events.series_remote_id = asked.series
    OR events.id = asked.id)
ORDER BY events.id
"""
