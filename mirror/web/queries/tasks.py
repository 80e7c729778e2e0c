"""What the task pages ask. Tasks in lists that are gone upstream are not among those that there are to do."""

from __future__ import annotations

LISTS = """
SELECT task_lists.id, task_lists.title, is_default, is_shared, task_lists.account_id, accounts.name AS account, accounts.email
FROM task_lists JOIN accounts ON accounts.id = account_id
WHERE task_lists.deleted_at IS NULL AND removed_at IS NULL
ORDER BY accounts.name, account_id, is_default DESC, title COLLATE NOCASE, task_lists.id
"""

COUNTS = """
SELECT task_list_id, sum(status IS NOT 'completed') AS open, sum(status IS 'completed') AS done
FROM tasks WHERE deleted_at IS NULL GROUP BY task_list_id
"""

_SHOWN = """
SELECT tasks.id, tasks.account_id, task_list_id, task_lists.title AS list, tasks.remote_id, tasks.title, tasks.status, importance,
    due_at, starts_at, completed_at, parent_remote_id, position, categories, notes
FROM tasks JOIN task_lists ON task_lists.id = task_list_id JOIN accounts ON accounts.id = tasks.account_id
WHERE tasks.deleted_at IS NULL AND task_lists.deleted_at IS NULL AND accounts.removed_at IS NULL
    AND (:list = '' OR task_list_id = :list) AND (:account = '' OR tasks.account_id = :account)
"""

OPEN = f"""{_SHOWN}    AND tasks.status IS NOT 'completed'
ORDER BY due_at IS NULL, due_at, position, tasks.id LIMIT :most
"""

DONE = """
SELECT tasks.id, task_list_id, task_lists.title AS list, tasks.title, importance, due_at,
    coalesce(completed_at, tasks.modified_at, tasks.observed_at) AS done_at, completed_at IS NULL AS guessed
FROM tasks JOIN task_lists ON task_lists.id = task_list_id JOIN accounts ON accounts.id = tasks.account_id
WHERE tasks.deleted_at IS NULL AND task_lists.deleted_at IS NULL AND accounts.removed_at IS NULL AND tasks.status = 'completed'
    AND (:list = '' OR task_list_id = :list) AND (:account = '' OR tasks.account_id = :account)
    AND (:before_at = '' OR (coalesce(completed_at, tasks.modified_at, tasks.observed_at), tasks.id) < (:before_at, :before_id))
ORDER BY done_at DESC, tasks.id DESC LIMIT :most
"""

PARTS = """
SELECT task_list_id, parent_remote_id, count(*) AS parts, sum(status IS 'completed') AS done FROM tasks
WHERE parent_remote_id IS NOT NULL AND deleted_at IS NULL AND (:list = '' OR task_list_id = :list)
GROUP BY task_list_id, parent_remote_id
"""

TASK = """
SELECT tasks.*, task_lists.title AS list, task_lists.deleted_at AS list_deleted_at, accounts.name AS account
FROM tasks JOIN task_lists ON task_lists.id = task_list_id JOIN accounts ON accounts.id = tasks.account_id
WHERE tasks.id = :id
"""

ABOVE = """
SELECT id, title, status, parent_remote_id FROM tasks WHERE task_list_id = :list AND remote_id = :remote_id
"""

BENEATH = """
SELECT id, title, status, importance, due_at, completed_at, deleted_at FROM tasks
WHERE task_list_id = :list AND parent_remote_id = :remote_id AND deleted_at IS NULL ORDER BY position, id LIMIT 500
"""
