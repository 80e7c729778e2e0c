"""Contacts: the address book, and the card of one."""

from __future__ import annotations

import json
from typing import Any

from datasette.app import Datasette
from datasette.utils.asgi import Request

from mirror.formats import vcard_writing
from mirror.formats.filenames import content_disposition, filename
from mirror.store.columns import fields_of
from mirror.web import contact_card, links, person
from mirror.web.page import Asked, BadRequest, NotFound, Response, Row, ask, number, show
from mirror.web.queries import contacts as queries
from mirror.web.queries import people as people_queries

A_PAGE = 60
MOST_FOUND = 2_000
MOST_VERSIONS = 6


async def book(request: Request, datasette: Datasette) -> Response:
    """`/contacts`: `?from=` a letter, `?after=`, `?after_id=` where the page before ended, `?account=`, `?category=`, `?q=`."""
    given = {name: request.args.get(name) or "" for name in ("q", "account", "category", "from", "after", "after_id")}
    given["q"] = given["q"].strip()
    if given["after_id"] and not (given["after_id"].isdecimal() and len(given["after_id"]) < 19):
        raise BadRequest(f"“{given['after_id']}” is no number of a contact.")

    def read(asked: Asked) -> dict[str, Any]:
        accounts = asked.rows(None, queries.ACCOUNTS)
        chosen = next((row for row in accounts if row["name"] == given["account"]), None)
        if given["account"] and chosen is None:
            raise BadRequest(f"There is no account “{given['account']}”.")
        lists = [row["categories"] for row in asked.rows(None, queries.CATEGORIES)]
        filters = {
            "account": chosen["id"] if chosen else None,
            "categories": json.dumps(_with_category(lists, given["category"])) if given["category"] else None,
        }
        entries, more = _entries(asked, given, filters)
        kept = {"account": given["account"], "category": given["category"], "at": request.args.get("at")}
        return {
            **contact_card.LOOK,
            "given": given,
            "kept": kept,
            "accounts": [row for row in accounts if row["has_contacts"] or row is chosen],
            "categories": sorted({word for written in lists for word in _words(written)}, key=str.casefold),
            "letters": [row["letter"] for row in asked.rows(None, queries.LETTERS)],
            "sections": _sections(entries),
            "count": len(entries),
            "found_more": more if given["q"] else False,
            "older": links.contacts(**kept, after=entries[-1]["name"], after_id=entries[-1]["id"])
            if more and not given["q"]
            else None,
        }

    return await show(request, datasette, "contacts.html", read)


def _entries(asked: Asked, given: dict[str, str], filters: dict[str, Any]) -> tuple[list[Row], bool]:
    """One page, and whether there is more. Those without any name come last."""
    if given["q"]:
        asked_for = {"q": given["q"], "most_found": MOST_FOUND, "most": A_PAGE + 1}
        found = asked.rows("Contacts with these words", queries.FOUND, **asked_for, **filters)
        return found[:A_PAGE], len(found) > A_PAGE
    after_id = int(given["after_id"] or 0)
    rows: list[Row] = []
    if given["after"] or not after_id:  # after those with names come those without, which have numbers only
        place = {"from": given["after"] or given["from"], "after_id": after_id}
        rows = asked.rows("The address book from here", queries.BOOK, **place, most=A_PAGE + 1, **filters)
        after_id = 0
    if len(rows) <= A_PAGE:
        rows += asked.rows(None, queries.NAMELESS, after_id=after_id, most=A_PAGE + 1 - len(rows), **filters)
    return rows[:A_PAGE], len(rows) > A_PAGE


def _sections(entries: list[Row]) -> list[tuple[str, list[Row]]]:
    sections: dict[str, list[Row]] = {}
    for row in entries:
        letter = (row["name"] or "")[:1].upper()
        sections.setdefault(letter if letter.isalpha() else "#" if letter else "", []).append(
            {**row, "words": _words(row["categories"])}
        )
    return list(sections.items())


def _with_category(lists: list[str], category: str) -> list[str]:
    return [written for written in lists if category in _words(written)]


def _words(categories: str | None) -> list[str]:
    return [str(word) for word in json.loads(categories)] if categories else []


async def card(request: Request, datasette: Datasette) -> Response:
    """`/contacts/ID`: everything about one card, and all that one has to do with whose it is."""
    contact_id = number(request)

    def read(asked: Asked) -> dict[str, Any]:
        row = asked.row("This contact", queries.CARD, id=contact_id)
        if row is None:
            raise NotFound(f"There is no contact {contact_id}.")
        fields = fields_of(row["raw"])
        own = [email["email"] for email in asked.rows(None, queries.EMAILS, id=contact_id)]
        mine = person.own_addresses(asked)
        emails = list(dict.fromkeys([*own, *(email for same in person.same(asked, own).values() for email in same)]))
        is_me = next((mine[email] for email in emails if email in mine), None)
        versions = asked.rows("Its versions", queries.VERSIONS, id=contact_id, now=asked.now, most=MOST_VERSIONS + 1)
        cards = (
            asked.rows("All cards of this person", people_queries.CARDS, emails=json.dumps(emails)) if emails else []
        )
        return {
            **contact_card.LOOK,
            "contact": row,
            "fields": fields,
            "categories": _words(row["categories"]),
            "groups": contact_card.groups(fields, asked.today),
            "photo": vcard_writing.photo_of(fields) is not None,
            "emails": emails,
            "other_cards": [other for other in cards if other["id"] != contact_id],
            "changes": _changes(versions),
            "account": is_me,
            "together": person.together(asked, emails, mine) if emails and not is_me else person.Together(),
        }

    return await show(request, datasette, "contact.html", read)


def _changes(versions: list[Row]) -> list[contact_card.Change]:
    """The latest; the one before them is only there to compare with."""
    found = contact_card.changes(versions)
    return found[:MOST_VERSIONS]


async def card_file(request: Request, datasette: Datasette) -> Response:
    """`/contacts/ID.vcf`: the card for other address books."""
    row = await _record(request, datasette)
    content = vcard_writing.card(fields_of(row["raw"]), uid=row["remote_id"], name=row["name"] or "")
    name = filename(f"{row['name'] or 'contact'}.vcf", "contact.vcf")
    headers = {"Content-Disposition": content_disposition(name, inline=False)}
    return Response(content.decode("utf-8"), headers=headers, content_type=vcard_writing.MIME_TYPE)


async def photo(request: Request, datasette: Datasette) -> Response:
    """`/contacts/ID/photo`: the picture in the record."""
    row = await _record(request, datasette)
    found = vcard_writing.photo_of(fields_of(row["raw"]))
    if found is None:
        raise NotFound("There is no picture of this contact in the mirror.")
    headers = {"Content-Disposition": "inline", "Content-Security-Policy": "default-src 'none'; sandbox"}
    return Response(found[1], headers=headers, content_type=found[0])


async def _record(request: Request, datasette: Datasette) -> Row:
    contact_id = number(request)

    def read(asked: Asked) -> Row:
        row = asked.row(None, queries.RAW, id=contact_id)
        if row is None:
            raise NotFound(f"There is no contact {contact_id}.")
        return row

    return await ask(request, datasette, read)


ROUTES: list[tuple[str, Any]] = [
    (r"^/contacts$", book),
    (r"^/contacts/(?P<id>-?\d+)$", card),
    (r"^/contacts/(?P<id>\d+)\.vcf$", card_file),
    (r"^/contacts/(?P<id>\d+)/photo$", photo),
]
