"""The SQL of the address book and of one card. It only reads; each statement finds its rows by an index."""

from __future__ import annotations

ACCOUNTS = """
SELECT id, name, EXISTS (SELECT 1 FROM contacts WHERE account_id = accounts.id) AS has_contacts FROM accounts ORDER BY name
"""

_FIRST_AFTER = """SELECT upper(substr(sorted, 1, 1)) FROM (
        SELECT name COLLATE NOCASE AS sorted FROM contacts
        WHERE name COLLATE NOCASE > {} AND deleted_at IS NULL ORDER BY sorted LIMIT 1)"""

LETTERS = f"""
WITH RECURSIVE letters(letter) AS (
    SELECT ({_FIRST_AFTER.format("''")})
    UNION
    SELECT ({_FIRST_AFTER.format("letter || char(1114111)")}) FROM letters WHERE letter IS NOT NULL LIMIT 200
)
SELECT letter FROM letters WHERE letter IS NOT NULL
"""
"""The first letters of names, from one to the next by the index."""

CATEGORIES = """
WITH RECURSIVE lists(categories) AS (
    SELECT (SELECT categories FROM contacts WHERE categories IS NOT NULL ORDER BY categories LIMIT 1)
    UNION
    SELECT (SELECT contacts.categories FROM contacts WHERE contacts.categories > lists.categories
        ORDER BY contacts.categories LIMIT 1)
    FROM lists WHERE lists.categories IS NOT NULL LIMIT 300
)
SELECT categories FROM lists WHERE categories IS NOT NULL
"""
"""The lists of categories that contacts have, from one to the next by the index."""

_COLUMNS = """contacts.id, contacts.name, company, job_title, emails, phones, categories, has_photo, accounts.name AS account"""

_FILTERS = """
    AND (:account IS NULL OR contacts.account_id = :account)
    AND (:categories IS NULL OR categories IN (SELECT value FROM json_each(:categories)))
"""

_PAGE = """
SELECT {columns} FROM contacts JOIN accounts ON accounts.id = contacts.account_id
WHERE contacts.id IN (SELECT id FROM ({page}) LIMIT -1) ORDER BY contacts.name COLLATE NOCASE, contacts.id
"""
"""The numbers of a page's rows first, and then what is shown of them: so the mirror of an earlier day uses its indexes, too."""

BOOK = _PAGE.format(
    columns=_COLUMNS,
    page=f"""
    SELECT id, name COLLATE NOCASE AS sorted FROM contacts
    WHERE deleted_at IS NULL AND name COLLATE NOCASE >= :from AND (name COLLATE NOCASE > :from OR id > :after_id){_FILTERS}
    ORDER BY sorted, id LIMIT :most""",
)

NAMELESS = _PAGE.format(
    columns=_COLUMNS,
    page=f"""
    SELECT id FROM contacts WHERE deleted_at IS NULL AND name IS NULL AND id > :after_id{_FILTERS} ORDER BY id LIMIT :most""",
)

FOUND = f"""
SELECT {_COLUMNS}
FROM contacts JOIN accounts ON accounts.id = contacts.account_id
WHERE contacts.id IN (SELECT rowid FROM contacts_fts WHERE contacts_fts MATCH search_words(:q) LIMIT :most_found)
    AND contacts.deleted_at IS NULL{_FILTERS}
ORDER BY contacts.name COLLATE NOCASE, contacts.id LIMIT :most
"""

CARD = """
SELECT contacts.*, accounts.name AS account, accounts.email AS account_email
FROM contacts JOIN accounts ON accounts.id = contacts.account_id WHERE contacts.id = :id
"""

EMAILS = "SELECT email FROM contact_emails WHERE contact_id = :id ORDER BY id"

RAW = "SELECT name, remote_id, raw FROM contacts WHERE id = :id"

VERSIONS = """
SELECT seq, observed_at, deleted_at, deletion, raw FROM all_versions
WHERE kind = 'contacts' AND record_id = :id AND observed_at <= :now ORDER BY seq DESC LIMIT :most
"""
