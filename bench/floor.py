"""The floor: the least that a program must do to leave the tables of a first sync filled. Nobody could keep a promise
with it.

    python bench/floor.py HOME URL contacts|messages [--commit-every 0]

It fills `mirror.db` with the mirror's own schema: records, child rows, search index, raw, an empty history. What it
leaves out is what a mirror is for: it never looks up what is there, trusts every answer and every field, retries
nothing, keeps no versions and can be run once. `--commit-every`: rows to a transaction; 0, a commit with each page. The
file is as safe as the mirror's: synchronous=FULL.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec

from mirror.formats.text import from_html  # what a mail's text is has no leaner answer that is the same text

SCHEMA = Path(__file__).resolve().parents[1] / "schema.sql"
NOW = "2026-11-20T12:00:00.000Z"

Row = tuple[Any, ...]


class Named(msgspec.Struct):
    displayName: str | None = None  # noqa: N815  (upstream's names, as in all of these)
    givenName: str | None = None  # noqa: N815
    familyName: str | None = None  # noqa: N815


class Company(msgspec.Struct):
    name: str | None = None
    jobTitle: str | None = None  # noqa: N815


class Mail(msgspec.Struct):
    address: str
    name: str | None = None
    type: str | None = None


class Phone(msgspec.Struct):
    number: str
    type: str | None = None


class Place(msgspec.Struct):
    street: str | None = None
    city: str | None = None
    state: str | None = None
    postalCode: str | None = None  # noqa: N815
    country: str | None = None
    type: str | None = None


class Contact(msgspec.Struct):
    id: str
    name: Named
    company: Company
    emailAddresses: list[Mail]  # noqa: N815
    phoneNumbers: list[Phone]  # noqa: N815
    addresses: list[Place]
    keywords: list[str]
    etag: str | None = None
    lastModifiedTime: str | None = None  # noqa: N815
    birthday: str | None = None
    hasPhoto: bool | None = None  # noqa: N815
    notes: str | None = None


class Message(msgspec.Struct, rename={"sender": "from"}):
    id: str
    sender: Mail
    to: list[Mail]
    cc: list[Mail]
    sysLabels: list[str]  # noqa: N815
    keywords: list[str]
    lastModifiedTime: str | None = None  # noqa: N815
    threadId: str | None = None  # noqa: N815
    folderId: str | None = None  # noqa: N815
    subject: str | None = None
    sentAt: str | None = None  # noqa: N815
    receivedAt: str | None = None  # noqa: N815
    hasAttachments: bool | None = None  # noqa: N815
    sensitivity: str | None = None
    internetMessageId: str | None = None  # noqa: N815
    inReplyTo: str | None = None  # noqa: N815
    bodySnippet: str | None = None  # noqa: N815


class Page(msgspec.Struct):
    records: list[msgspec.Raw]
    nextPageToken: str | None = None  # noqa: N815
    nextDeltaToken: str | None = None  # noqa: N815


decode_page = msgspec.json.Decoder(Page).decode
decode_contact = msgspec.json.Decoder(Contact).decode
decode_message = msgspec.json.Decoder(Message).decode
decode_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
decode_text = msgspec.json.Decoder(str).decode


def array(items: list[str]) -> str | None:
    return json.dumps(items, ensure_ascii=False) if items else None


def insert(table: str, columns: str) -> str:
    return f"INSERT INTO {table} ({columns}) VALUES ({', '.join('?' * (columns.count(',') + 1))})"


CONTACTS = insert(
    "contacts", "id, account_id, remote_id, etag, modified_at, observed_at, seq, generation, name, given_name, family_name,"
    " company, job_title, emails, phones, birthday, categories, has_photo, notes, raw")  # fmt: skip
EMAILS = insert("contact_emails", "contact_id, email, name, type")
PHONES = insert("contact_phones", "contact_id, phone, type")
ADDRESSES = insert("contact_addresses", "contact_id, street, city, state, postal_code, country, type")
CONTACTS_FTS = insert("contacts_fts", "rowid, name, company, job_title, emails, phones, notes")
MESSAGES = insert(
    "messages", "id, account_id, remote_id, modified_at, observed_at, seq, generation, folder_id, thread_id, subject, from_name,"
    " from_email, recipients, sent_at, received_at, unread, flagged, labels, keywords, has_attachments, sensitivity,"
    " internet_message_id, in_reply_to, snippet, raw")  # fmt: skip
BODIES = insert("message_bodies", "message_id, seq, html, text")
RECIPIENTS = insert("message_recipients", "message_id, role, email, name")
MESSAGES_FTS = insert("messages_fts", "rowid, subject, from_name, from_email, recipients, body")


def contacts(first: int, records: list[msgspec.Raw], _: dict[str, int]) -> Iterator[tuple[str, list[Row]]]:
    rows, emails, phones, places, words = list[Row](), list[Row](), list[Row](), list[Row](), list[Row]()
    for number, raw in enumerate(records, first):
        one = decode_contact(raw)
        mails = ", ".join([mail.address for mail in one.emailAddresses]) or None
        numbers = ", ".join([phone.number for phone in one.phoneNumbers]) or None
        name, company, notes = one.name.displayName, one.company, one.notes or None
        rows.append((
            number, 1, one.id, one.etag, one.lastModifiedTime, NOW, number, 1, name, one.name.givenName, one.name.familyName,
            company.name, company.jobTitle, mails, numbers, one.birthday, array(one.keywords), one.hasPhoto, notes,
            bytes(raw).decode(),
        ))  # fmt: skip
        emails += [(number, mail.address, mail.name, mail.type) for mail in one.emailAddresses]
        phones += [(number, phone.number, phone.type) for phone in one.phoneNumbers]
        places += [(number, at.street, at.city, at.state, at.postalCode, at.country, at.type) for at in one.addresses]
        words.append((number, name, company.name, company.jobTitle, mails, numbers, notes))
    yield from ((CONTACTS, rows), (EMAILS, emails), (PHONES, phones), (ADDRESSES, places), (CONTACTS_FTS, words))


def messages(first: int, records: list[msgspec.Raw], folders: dict[str, int]) -> Iterator[tuple[str, list[Row]]]:
    rows, bodies, recipients, words = list[Row](), list[Row](), list[Row](), list[Row]()
    for number, raw in enumerate(records, first):
        one, members = decode_message(raw), decode_members(raw)
        html = decode_text(members.pop("body"))
        text = from_html(html)
        sender, labels = one.sender, one.sysLabels
        shown = ", ".join([f"{who.name} <{who.address}>" for who in (*one.to, *one.cc)]) or None
        rows.append((
            number, 1, one.id, one.lastModifiedTime, NOW, number, 1, folders[one.folderId or ""], one.threadId, one.subject,
            sender.name, sender.address, shown, one.sentAt, one.receivedAt, "unread" in labels, "flagged" in labels,
            array(labels), array(one.keywords), one.hasAttachments, one.sensitivity, one.internetMessageId, one.inReplyTo,
            one.bodySnippet, msgspec.json.encode(members).decode(),
        ))  # fmt: skip
        bodies.append((number, number, html, text))
        recipients += [(number, "to", who.address, who.name) for who in one.to]
        recipients += [(number, "cc", who.address, who.name) for who in one.cc]
        words.append((number, one.subject, sender.name, sender.address, shown, text))
    yield from ((MESSAGES, rows), (BODIES, bodies), (RECIPIENTS, recipients), (MESSAGES_FTS, words))


FILL: dict[str, tuple[str, Callable[..., Iterator[tuple[str, list[Row]]]]]] = {
    "contacts": ("/contacts", contacts),
    "messages": ("/email", messages),
}


def opened(home: Path) -> sqlite3.Connection:
    home.mkdir(parents=True)
    conn = sqlite3.connect(home / "mirror.db", isolation_level=None)
    for setting in ("page_size = 16384", "journal_mode = WAL", "synchronous = FULL", "cache_size = -32000"):
        conn.execute(f"PRAGMA {setting}")
    conn.executescript(SCHEMA.read_text(encoding="utf-8"))
    conn.execute(
        "INSERT INTO accounts (id, name, source, base_url, created_at) VALUES (1, 'a0', 'aurinko', '', ?)", [NOW]
    )
    return conn


def folders_of(conn: sqlite3.Connection, client: httpx.Client) -> dict[str, int]:
    found = {}
    for number, raw in enumerate(decode_page(client.get("/email/folders").content).records, 1):
        fields = msgspec.json.decode(raw)
        conn.execute(
            "INSERT INTO folders (id, account_id, remote_id, observed_at, seq, generation, name, full_name, parent_remote_id,"
            " label, is_folder, is_label, raw) VALUES (?, 1, ?, ?, ?, 1, ?, ?, ?, ?, ?, ?, ?)",
            [number, fields["id"], NOW, -number, fields["name"], fields["fullName"], fields.get("parentId"),
             fields.get("sysLabel"), fields["isFolder"], fields["isLabel"], bytes(raw).decode()],
        )  # fmt: skip
        found[fields["id"]] = number
    return found


def run(home: Path, url: str, kind: str, commit_every: int) -> int:
    """The rows that were stored."""
    root, rows_of = FILL[kind]
    conn = opened(home)
    with httpx.Client(base_url=f"{url}/v1", trust_env=False, verify=False) as client:
        client.get("/account")
        folders = folders_of(conn, client) if kind == "messages" else {}
        conn.execute(
            "INSERT INTO feeds (id, account_id, kind, state, generation) VALUES (1, 1, ?, 'listing', 1)", [kind]
        )
        asked = {"deltaToken": client.post(f"{root}/sync").json()["syncUpdatedToken"]}
        stored = pending = 0
        conn.execute("BEGIN")
        while asked:
            page = decode_page(client.get(f"{root}/sync/updated", params=asked).content)
            for sql, rows in rows_of(stored + 1, page.records, folders):
                conn.executemany(sql, rows)
            stored += len(page.records)
            pending += len(page.records)
            conn.execute("UPDATE feeds SET cursor = ?", [page.nextPageToken or page.nextDeltaToken])
            asked = {"pageToken": page.nextPageToken} if page.nextPageToken else {}
            if pending >= commit_every or not asked:
                conn.execute("COMMIT")
                conn.execute("BEGIN")
                pending = 0
        conn.execute("UPDATE feeds SET state = 'following'")
        conn.execute("UPDATE change_order SET seq = ?, observed_at = ?", [stored, NOW])
        conn.execute("COMMIT")
    conn.close()
    return stored


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("home", type=Path)
    parser.add_argument("url")
    parser.add_argument("kind", choices=FILL)
    parser.add_argument("--commit-every", type=int, default=0)
    chosen = parser.parse_args()
    print(run(chosen.home, chosen.url, chosen.kind, chosen.commit_every))


if __name__ == "__main__":
    main()
