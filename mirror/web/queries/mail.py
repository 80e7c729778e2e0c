"""The SQL of the mail pages. A list reads the newest mails of its places by an index, and of those at most a window."""

from __future__ import annotations

WINDOW = 5000
"""How many mails of a place are looked at for a label or an attachment, which have no index, before one is asked to go on."""

FOLDERS = """
SELECT folders.id, folders.account_id, folders.remote_id, folders.name, folders.full_name, parent_remote_id, label,
    is_folder, is_label
FROM folders JOIN accounts ON accounts.id = folders.account_id
WHERE folders.deleted_at IS NULL ORDER BY folders.account_id, folders.full_name, folders.id
"""

ACCOUNTS = """
SELECT id, name, email, removed_at FROM accounts
WHERE removed_at IS NULL OR EXISTS (SELECT 1 FROM folders WHERE folders.account_id = accounts.id AND folders.deleted_at IS NULL)
ORDER BY removed_at IS NOT NULL, name
"""

UNREAD = """
SELECT account_id, folder_id, count(*) AS unread FROM messages
WHERE unread = 1 AND deleted_at IS NULL GROUP BY account_id, folder_id
"""

_NEWEST = """
    SELECT id FROM (
        SELECT one.id, one.received_at FROM messages AS one
        WHERE {place} one.deleted_at IS NULL AND (one.received_at, one.id) < (:before_at, :before_id)
        ORDER BY one.received_at DESC, one.id DESC LIMIT :window
    ) LIMIT -1"""
# What it sorts by is selected, since the mail of then (then.py) is in two halves, which only so are each read by an index.

_EXAMINED = {
    "all": "SELECT 0 AS place, id FROM (" + _NEWEST.format(place="") + ")",
    "account": "SELECT 0 AS place, id FROM (" + _NEWEST.format(place="one.account_id = :account AND") + ")",
    "sender": "SELECT 0 AS place, id FROM (" + _NEWEST.format(place="one.from_email = :sender AND") + ")",
    "folders": "SELECT place.key AS place, messages.id FROM json_each(:folders) AS place JOIN messages ON messages.id IN ("
    + _NEWEST.format(place="one.folder_id = place.value AND")
    + ")",
    "unread": "SELECT place.key AS place, messages.id FROM json_each(:places) AS place JOIN messages ON messages.id IN ("
    + _NEWEST.format(
        place="one.unread = 1 AND one.account_id = json_extract(place.value, '$[0]')"
        " AND one.folder_id IS json_extract(place.value, '$[1]') AND"
    )
    + ")",
}
"""How the mails of a list are found: everywhere, in an account, from a sender, in some folders, among what is unread."""

CONDITIONS = {
    "account": "messages.account_id = :account",
    "sender": "messages.from_email = :sender",
    "folders": "messages.folder_id IN (SELECT value FROM json_each(:folders))",
    "unread": "messages.unread = 1",
    "attachments": "messages.has_attachments = 1",
    "label": "instr(coalesce(messages.labels, '') || coalesce(messages.keywords, ''), :label) > 0",
    "place": "(messages.folder_id IN (SELECT value FROM json_each(:folders))"
    " OR instr(coalesce(messages.labels, '') || coalesce(messages.keywords, ''), :place) > 0)",
}
"""What else a list may ask for. `:label` and `:place` are JSON strings, as they stand in the columns."""

_COLUMNS = """messages.id, messages.account_id, accounts.name AS account, accounts.email AS own_email, folder_id, subject,
    from_name, from_email, recipients, received_at, unread, flagged, labels, keywords, has_attachments, snippet"""


def listing(way: str, conditions: tuple[str, ...]) -> str:
    """The newest mails found in one way that meet all conditions: at most `:most`, older than `:before_at`, `:before_id`."""
    where = "".join(f"\n    AND {CONDITIONS[name]}" for name in conditions)
    return f"""
WITH examined AS (
{_EXAMINED[way]}
)
SELECT {_COLUMNS}
FROM examined JOIN messages ON messages.id = examined.id JOIN accounts ON accounts.id = messages.account_id
WHERE messages.deleted_at IS NULL{where}
ORDER BY received_at DESC, messages.id DESC LIMIT :most
"""


def horizon(way: str) -> str:
    """The time back to which every place was looked through; NULL where all of it was."""
    return f"""
SELECT max(until) FROM (
    SELECT min(received_at) AS until FROM ({_EXAMINED[way]}) AS examined JOIN messages ON messages.id = examined.id
    GROUP BY place HAVING count(*) >= :window
)
"""


def undated(conditions: tuple[str, ...]) -> str:
    """Mails of which no time is known."""
    where = "".join(f"\n    AND {CONDITIONS[name]}" for name in conditions)
    return f"""
SELECT {_COLUMNS}
FROM messages JOIN accounts ON accounts.id = messages.account_id
WHERE received_at IS NULL AND messages.deleted_at IS NULL{where}
ORDER BY messages.id DESC LIMIT :most
"""


MESSAGE = """
SELECT messages.*, accounts.name AS account, accounts.email AS own_email, folders.name AS folder, folders.full_name AS folder_path
FROM messages JOIN accounts ON accounts.id = messages.account_id LEFT JOIN folders ON folders.id = messages.folder_id
WHERE messages.id = :id
"""

THREAD = """
SELECT id, subject, from_name, from_email, received_at, unread, has_attachments, snippet, deleted_at FROM messages
WHERE account_id = :account AND thread_id = :thread AND deleted_at IS NULL
ORDER BY received_at DESC, id DESC LIMIT :most
"""

THREAD_LENGTH = """
SELECT count(*) FROM messages WHERE account_id = :account AND thread_id = :thread AND deleted_at IS NULL
"""

BODY = "SELECT html, text FROM message_bodies WHERE message_id = :id"

RECIPIENTS = "SELECT role, email, name FROM message_recipients WHERE message_id = :id ORDER BY id"

ATTACHMENTS = """
SELECT id, name, mime_type, size_bytes, inline, content_id, kept, sha256, removed_at FROM attachments
WHERE message_id = :id ORDER BY inline, id
"""

EVENT = """
SELECT id, subject, starts_at FROM events
WHERE ical_uid = :uid AND deleted_at IS NULL ORDER BY recurrence_type = 'occurrence', account_id = :account DESC, id LIMIT 1
"""

ATTACHMENT = "SELECT id, name, mime_type, size_bytes, kept, sha256 FROM attachments WHERE id = :id"
