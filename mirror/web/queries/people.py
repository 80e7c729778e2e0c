"""The SQL of the pages about people. It only reads; each statement finds its rows by an index, or reads the mail of a while."""

from __future__ import annotations

from mirror.store.people import KNOWN, SAME

__all__ = ["KNOWN", "SAME"]

OWN = "SELECT lower(email) AS email, name FROM accounts WHERE email IS NOT NULL"

OLDER_MAIL = """
SELECT received_at FROM messages WHERE received_at <= :before AND deleted_at IS NULL ORDER BY received_at DESC LIMIT 1
"""

MANY_MAILS = """
SELECT count(*) FROM (
    SELECT 1 FROM messages WHERE received_at > :since AND received_at <= :until AND deleted_at IS NULL LIMIT :most)
"""

PERIOD = """
WITH sent AS MATERIALIZED (
    SELECT id, received_at FROM messages
    WHERE labels LIKE '%"sent"%' AND deleted_at IS NULL AND received_at > :since AND received_at <= :until
),
met AS MATERIALIZED (
    SELECT id FROM events
    WHERE starts_at > :since AND starts_at <= :until AND deleted_at IS NULL AND coalesce(canceled, 0) = 0
),
counted(email, received, sent, meetings, last_at) AS (
    SELECT from_email, count(*), 0, 0, max(received_at) FROM messages
    WHERE received_at > :since AND received_at <= :until AND deleted_at IS NULL AND from_email IS NOT NULL GROUP BY from_email
    UNION ALL
    SELECT email, 0, count(DISTINCT message_id), 0, max(received_at)
    FROM (
        SELECT email, message_id FROM message_recipients
        WHERE message_id IN (SELECT id FROM sent) AND role <> 'reply_to' AND email IS NOT NULL LIMIT -1
    ) JOIN sent ON sent.id = message_id GROUP BY email
    UNION ALL
    SELECT email, 0, 0, count(DISTINCT event_id), NULL
    FROM (SELECT email, event_id FROM event_attendees WHERE event_id IN (SELECT id FROM met) AND email IS NOT NULL LIMIT -1)
    GROUP BY email
)
SELECT email, sum(received) AS received, sum(sent) AS sent, sum(meetings) AS meetings, max(last_at) AS last_at
FROM counted GROUP BY email
"""
"""Who wrote, was written to and was met after :since and until :until, by address. A series of meetings counts when it starts."""

LATER_FROM = """
SELECT value AS email FROM json_each(:emails)
WHERE EXISTS (SELECT 1 FROM messages WHERE from_email = value AND received_at > :until AND deleted_at IS NULL)
"""
"""Those addresses that mail came from after :until too."""

LATER_TO = """
SELECT value AS email FROM json_each(:emails)
WHERE EXISTS (SELECT 1 FROM message_recipients WHERE email = value AND role <> 'reply_to' AND EXISTS (
    SELECT 1 FROM messages
    WHERE id = message_id AND received_at > :until AND +labels LIKE '%"sent"%' AND deleted_at IS NULL))
"""

SOON_WRITTEN_TO = """
WITH sent AS MATERIALIZED (
    SELECT id FROM messages WHERE received_at > :until AND labels LIKE '%"sent"%' AND deleted_at IS NULL
    ORDER BY received_at LIMIT :most
)
SELECT DISTINCT email, (SELECT count(*) FROM sent) AS mails FROM sent CROSS JOIN message_recipients ON message_id = sent.id
WHERE role <> 'reply_to' AND email IS NOT NULL
"""
"""Who was written to after :until, in the next :most mails."""

SPAN = """
SELECT value AS email,
    (SELECT received_at FROM messages WHERE from_email = value AND deleted_at IS NULL AND received_at IS NOT NULL
        ORDER BY received_at LIMIT 1) AS first_from,
    (SELECT received_at FROM messages WHERE from_email = value AND deleted_at IS NULL
        ORDER BY received_at DESC LIMIT 1) AS last_from,
    CASE WHEN NOT EXISTS (SELECT 1 FROM messages WHERE from_email = value AND deleted_at IS NULL)
        OR NOT EXISTS (SELECT 1 FROM message_recipients WHERE email = value LIMIT 1 OFFSET 100)
    THEN
        (SELECT json_array(min(received_at), max(received_at)) FROM (
            SELECT received_at FROM messages
            WHERE id IN (SELECT message_id FROM message_recipients WHERE email = value AND role <> 'reply_to' LIMIT 200)
                AND +labels LIKE '%"sent"%' AND deleted_at IS NULL LIMIT -1))
    END AS some_to
FROM json_each(:emails)
"""
"""First and last mail from an address, and to it where it is on few mails: so a page stays quick."""

NAMES = """
SELECT asked.value AS email,
    (SELECT name FROM people_overrides WHERE people_overrides.email = asked.value) AS said,
    (SELECT id FROM contacts WHERE id IN (SELECT contact_id FROM contact_emails WHERE email = asked.value)
        AND deleted_at IS NULL AND name IS NOT NULL ORDER BY id LIMIT 1) AS contact_id,
    (SELECT from_name FROM (
        SELECT from_name, received_at FROM messages WHERE from_email = asked.value AND from_name IS NOT NULL
        ORDER BY received_at DESC LIMIT 1)) AS writes_as,
    coalesce(
        (SELECT name FROM message_recipients WHERE message_recipients.email = asked.value AND name IS NOT NULL LIMIT 1),
        (SELECT name FROM event_attendees WHERE event_attendees.email = asked.value AND name IS NOT NULL LIMIT 1)
    ) AS written_to_as
FROM json_each(:emails) AS asked
"""

CARD_NAMES = "SELECT id, name FROM contacts WHERE id IN (SELECT value FROM json_each(:ids))"

CARDS = """
SELECT contacts.id, contacts.name, company, job_title, emails, phones, accounts.name AS account
FROM contacts JOIN accounts ON accounts.id = contacts.account_id
WHERE contacts.deleted_at IS NULL AND contacts.id IN (
    SELECT contact_id FROM contact_emails WHERE email IN (SELECT value FROM json_each(:emails)))
ORDER BY contacts.id LIMIT 50
"""

SAID = """
SELECT email, person_email, apart, name FROM people_overrides
WHERE email IN (SELECT value FROM json_each(:emails)) OR person_email IN (SELECT value FROM json_each(:emails)) ORDER BY email
"""

MAILS = """
SELECT id, received_at AS at, 'received' AS direction FROM messages
WHERE from_email IN (SELECT value FROM json_each(:emails)) AND deleted_at IS NULL
UNION ALL
SELECT id, received_at, 'sent' FROM messages
WHERE id IN (SELECT message_id FROM message_recipients
        WHERE email IN (SELECT value FROM json_each(:emails)) AND role <> 'reply_to')
    AND +labels LIKE '%"sent"%' AND deleted_at IS NULL
ORDER BY at DESC
"""

MAIL_LINES = """
SELECT messages.id, subject, received_at FROM messages
WHERE messages.id IN (SELECT value FROM json_each(:ids)) ORDER BY received_at DESC, messages.id DESC
"""

MEETINGS = """
WITH met AS MATERIALIZED (
    SELECT * FROM events
    WHERE id IN (SELECT event_id FROM event_attendees WHERE email IN (SELECT value FROM json_each(:emails)))
        AND deleted_at IS NULL AND coalesce(canceled, 0) = 0
        AND coalesce(occurrence_type, '') <> 'deleted'
)
SELECT id, subject, location, all_day, starts_at AS at, 0 AS series FROM met WHERE recurrence_type IS NOT 'master'
UNION ALL
SELECT met.id, subject, location, all_day, start.value, 1
FROM met CROSS JOIN json_each(series_starts(rrule, starts_at, timezone, all_day, starts_at, :until)) AS start
WHERE recurrence_type = 'master' AND NOT EXISTS (
    SELECT 1 FROM events AS exception WHERE exception.calendar_id = met.calendar_id
    AND exception.series_remote_id = met.remote_id AND exception.original_start = start.value)
ORDER BY at DESC
"""
"""Every meeting with somebody until :until, each day of a series by itself."""

OTHERS = """
WITH mails AS (SELECT value AS id FROM json_each(:ids)),
on_them(email, name, message_id) AS (
    SELECT from_email, from_name, messages.id FROM mails JOIN messages ON messages.id = mails.id
    UNION ALL
    SELECT message_recipients.email, message_recipients.name, message_id
    FROM mails JOIN message_recipients ON message_id = mails.id WHERE role <> 'reply_to'
)
SELECT email, max(name) AS name, count(DISTINCT message_id) AS mails FROM on_them
WHERE email IS NOT NULL AND email NOT IN (SELECT value FROM json_each(:without))
GROUP BY email HAVING mails > 1 ORDER BY mails DESC, email LIMIT 12
"""

FOUND_CARDS = """
SELECT DISTINCT email FROM contact_emails JOIN contacts ON contacts.id = contact_id
WHERE deleted_at IS NULL AND contact_id IN (
    SELECT rowid FROM contacts_fts
    WHERE contacts_fts MATCH '{name nickname company emails} : (' || search_words(:q) || ')' LIMIT 300)
LIMIT 300
"""

FOUND_MAILS = """
WITH found AS MATERIALIZED (
    SELECT rowid AS id FROM messages_fts
    WHERE messages_fts MATCH '{from_name from_email recipients} : (' || search_words(:q) || ')' ORDER BY rowid DESC LIMIT 600
)
SELECT DISTINCT from_email AS email, from_name AS name
FROM found JOIN messages ON messages.id = found.id WHERE from_email IS NOT NULL
UNION
SELECT DISTINCT email, name FROM found JOIN message_recipients ON message_id = found.id WHERE email IS NOT NULL
"""
"""Those on the latest mails that have the words in their names or addresses, with the names that they have there."""

FOUND_NAMES = "SELECT email, name FROM people_overrides WHERE name IS NOT NULL"
