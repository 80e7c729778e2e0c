"""The SQL of editing and of the outbox."""

from __future__ import annotations

RECORD = """
SELECT record.*, accounts.name AS account, coalesce(json_extract(raw, '$.subject'), json_extract(raw, '$.title'),
    json_extract(raw, '$.name.displayName')) AS title
FROM {kind}_now AS record JOIN accounts ON accounts.id = record.account_id WHERE record.id = :id AND deleted_at IS NULL
"""

IS_WRITABLE = "SELECT writable FROM accounts WHERE id = :id"

ACCOUNT_NAME = "SELECT name FROM accounts WHERE id = :id"

PLACES = {
    "accounts": "SELECT id, name AS title FROM accounts WHERE writable AND removed_at IS NULL ORDER BY name",
    "calendars": """
SELECT calendars_now.id, accounts.name || ': ' || coalesce(calendars_now.name, '(no name)') AS title
FROM calendars_now JOIN accounts ON accounts.id = account_id
WHERE writable AND removed_at IS NULL AND deleted_at IS NULL AND coalesce(access_role, '') <> 'reader'
ORDER BY is_primary DESC, title
""",
    "task_lists": """
SELECT task_lists_now.id, accounts.name || ': ' || coalesce(title, '(no name)') AS title
FROM task_lists_now JOIN accounts ON accounts.id = account_id
WHERE writable AND removed_at IS NULL AND deleted_at IS NULL ORDER BY is_default DESC, title
""",
}
"""Where a new record can be put."""

OPEN = """
SELECT edits.*, accounts.name AS account FROM edits JOIN accounts ON accounts.id = account_id
WHERE state IN ('pending', 'sending', 'sent', 'unsure', 'conflict', 'rejected')
ORDER BY state = 'conflict' DESC, state = 'rejected' DESC, state = 'unsure' DESC, edits.id
"""

DONE = """
SELECT edits.*, accounts.name AS account FROM edits JOIN accounts ON accounts.id = account_id
WHERE state IN ('settled', 'discarded') ORDER BY settled_at DESC LIMIT 50
"""

TITLE = "SELECT {title} AS title FROM {kind}_now WHERE id = :id"
