"""Who is who: which addresses are one person's, and what the person who owns the mirror says about that. Never writes a record.

The contact cards decide, and the table `people_overrides` has the last word. Its rows form trees: an address belongs to
whoever has its `person_email`, and each tree has one root that belongs to nobody in particular.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

from mirror.errors import Usage
from mirror.store.connection import Store

Document = dict[str, Any]

MOST_ADDRESSES = 5_000
"""Rows of one answer of `SAME`: a card of a thousand addresses must not take a page down."""

SAME = f"""
WITH RECURSIVE person(asked, email) AS (
    SELECT value, value FROM json_each(:emails)
    UNION
    SELECT person.asked, other.email
    FROM person JOIN contact_emails AS one ON one.email = person.email
    JOIN contacts ON contacts.id = one.contact_id AND contacts.deleted_at IS NULL
    JOIN contact_emails AS other ON other.contact_id = one.contact_id
    WHERE NOT EXISTS (SELECT 1 FROM people_overrides WHERE apart = 1 AND people_overrides.email IN (one.email, other.email))
    UNION
    SELECT person.asked, people_overrides.person_email
    FROM person JOIN people_overrides ON people_overrides.email = person.email AND person_email IS NOT NULL
    UNION
    SELECT person.asked, people_overrides.email
    FROM person JOIN people_overrides ON people_overrides.person_email = person.email
    LIMIT {MOST_ADDRESSES}
)
SELECT asked, email FROM person ORDER BY asked, email
"""
"""Of each address in the JSON array :emails, all addresses of the one who has it; the view `people` goes by the same rule."""

KNOWN = """
SELECT EXISTS (SELECT 1 FROM contact_emails WHERE email = :email)
    OR EXISTS (SELECT 1 FROM messages WHERE from_email = :email)
    OR EXISTS (SELECT 1 FROM message_recipients WHERE email = :email)
    OR EXISTS (SELECT 1 FROM event_attendees WHERE email = :email)
    OR EXISTS (SELECT 1 FROM people_overrides WHERE email = :email OR person_email = :email)
"""
"""Whether an address was ever seen, deleted mails, cards and events included."""


def listed(store: Store, words: str = "", limit: int | None = None) -> list[Document]:
    """The rows of the view `people` whose name or addresses have all the words, those with the latest mail first."""
    rows = store.conn.execute("SELECT * FROM people ORDER BY last_at IS NULL, last_at DESC, email")
    wanted = words.casefold().split()
    found = []
    for row in rows:
        text = f"{row['name'] or ''} {row['emails']}".casefold()
        if all(word in text for word in wanted):
            found.append(dict(row))
            if len(found) == limit:
                break
    return found


def addresses_of(conn: sqlite3.Connection, email: str) -> list[str]:
    """All addresses of the one who has this address, itself included."""
    return [row[1] for row in conn.execute(SAME, {"emails": json.dumps([email])})]


def said(store: Store) -> list[Document]:
    """All that was said by hand."""
    return [dict(row) for row in store.conn.execute("SELECT * FROM people_overrides ORDER BY email")]


def same(store: Store, emails: Sequence[str]) -> list[str]:
    """All addresses of the one person who has these addresses from now on. Their name is that of the first, if it was given one.

    Raises: Usage.
    """
    wanted = list(dict.fromkeys(_known(store, email) for email in emails))
    if len(wanted) < 2:
        raise Usage("two addresses are needed to say that they are the same person's")
    first = wanted[0]
    with store.transaction() as conn:
        for email in wanted[1:]:
            together = addresses_of(conn, first)
            if email in together:
                continue
            if _name_of(conn, together) is not None:
                _unname(conn, addresses_of(conn, email))
            _write(conn, _root(conn, email), person_email=first)
        _tidy(conn)
    return addresses_of(store.conn, first)


def apart(store: Store, email: str) -> list[str]:
    """The other addresses that the one with this address had until now; they stay together. Raises: Usage."""
    wanted = _known(store, email)
    with store.transaction() as conn:
        others = [other for other in addresses_of(conn, wanted) if other != wanted]
        if not others:
            raise Usage(f"{wanted} is alone already: no other address is taken for the same person's")
        above = conn.execute("SELECT person_email FROM people_overrides WHERE email = ?", [wanted]).fetchone()
        below = [
            row[0]
            for row in conn.execute(
                "SELECT email FROM people_overrides WHERE person_email = ? ORDER BY email", [wanted]
            )
        ]
        kept = (above[0] if above else None) or (below[0] if below else None)
        for other in below:
            _write(conn, other, person_email=None if other == kept else kept)
        _write(conn, wanted, person_email=None, apart=1)
        _tidy(conn)
    return others


def name(store: Store, email: str, called: str) -> list[str]:
    """All addresses of the one who is called so from now on; an empty name: as cards and mails say. Raises: Usage."""
    wanted = _known(store, email)
    with store.transaction() as conn:
        together = addresses_of(conn, wanted)
        _unname(conn, together)
        _write(conn, wanted, name=" ".join(called.split()) or None)
        _tidy(conn)
    return together


def forget(store: Store, email: str) -> int:
    """How many things said by hand about the one with this address are forgotten; the cards decide again. Raises: Usage."""
    wanted = _known(store, email)
    with store.transaction() as conn:
        together = json.dumps(addresses_of(conn, wanted))
        done = conn.execute("DELETE FROM people_overrides WHERE email IN (SELECT value FROM json_each(?))", [together])
        if not done.rowcount:
            raise Usage(f"nothing was said about {wanted}; what was said is in: SELECT * FROM people_overrides")
    return done.rowcount


def normal(email: str) -> str:
    """An address as the tables write it."""
    return email.strip().lower()


def _known(store: Store, email: str) -> str:
    wanted = normal(email)
    if "@" not in wanted:
        raise Usage(f"“{email}” is no e-mail address; find one with: mirror people WORDS")
    if not store.conn.execute(KNOWN, {"email": wanted}).fetchone()[0]:
        raise Usage(f"{wanted} is in no mail, meeting or contact card; find an address with: mirror people WORDS")
    return wanted


def _root(conn: sqlite3.Connection, email: str) -> str:
    """The end of the way from an address to whom it belongs. Rows typed by hand may go round in a circle: any place then."""
    passed = {email}
    while (
        row := conn.execute("SELECT person_email FROM people_overrides WHERE email = ?", [email]).fetchone()
    ) and row[0]:
        if row[0] in passed:
            break
        email = row[0]
        passed.add(email)
    return email


def _name_of(conn: sqlite3.Connection, emails: Iterable[str]) -> str | None:
    row = conn.execute(
        "SELECT name FROM people_overrides WHERE name IS NOT NULL AND email IN (SELECT value FROM json_each(?))",
        [json.dumps(list(emails))],
    ).fetchone()
    return row[0] if row else None


def _unname(conn: sqlite3.Connection, emails: Iterable[str]) -> None:
    conn.execute(
        "UPDATE people_overrides SET name = NULL WHERE email IN (SELECT value FROM json_each(?))",
        [json.dumps(list(emails))],
    )


def _write(conn: sqlite3.Connection, email: str, **columns: object) -> None:
    conn.execute("INSERT OR IGNORE INTO people_overrides (email) VALUES (?)", [email])
    settings = ", ".join(f"{column} = ?" for column in columns)
    conn.execute(f"UPDATE people_overrides SET {settings} WHERE email = ?", [*columns.values(), email])


def _tidy(conn: sqlite3.Connection) -> None:
    """Rows that say nothing any more are not kept."""
    conn.execute("DELETE FROM people_overrides WHERE person_email IS NULL AND apart = 0 AND name IS NULL")
