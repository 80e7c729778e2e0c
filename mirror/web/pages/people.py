"""People: everybody one has to do with, across accounts and addresses."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

from datasette.app import Datasette
from datasette.utils.asgi import Request

from mirror.web import contact_card, links, people_list, person
from mirror.web.page import Asked, BadRequest, NotFound, Response, show
from mirror.web.queries import people as queries

SORTS = {"last": "Latest mail first", "often": "Most mail in 12 months first"}


async def listing(request: Request, datasette: Datasette) -> Response:
    """`/people`: `?sort=last|often`, `?q=` words of a name or address, `?before=` the key of the page before."""
    words = (request.args.get("q") or "").strip()
    sort = request.args.get("sort") or "last"
    if sort not in SORTS:
        raise BadRequest(f"“{sort}” is no order of people; there are: {', '.join(SORTS)}.")
    before = request.args.get("before")

    def read(asked: Asked) -> dict[str, Any]:
        if words:
            page = people_list.with_words(asked, words)
        elif sort == "often":
            page = people_list.often(asked, before)
        else:
            page = people_list.latest(asked, before)
        older = links.people(sort=sort, before=page.next_key, at=request.args.get("at")) if page.next_key else None
        return {
            **contact_card.LOOK,
            "page": page,
            "words": words,
            "sort": sort,
            "sorts": SORTS,
            "older": older,
            "before": before,
        }

    return await show(request, datasette, "people.html", read)


async def one(request: Request, datasette: Datasette) -> Response:
    """`/people/ADDRESS`: whoever has this address."""
    email = unquote(request.url_vars["email"]).strip().lower()

    def read(asked: Asked) -> dict[str, Any]:
        if not asked.value(None, queries.KNOWN, email=email):
            raise NotFound(f"{email} is in no mail, meeting or contact card.")
        own = person.own_addresses(asked)
        emails = person.same(asked, [email])[email]
        (who,) = person.named(asked, [(email, *(other for other in emails if other != email))])
        is_me = next((own[address] for address in emails if address in own), None)
        known = json.dumps(emails)
        return {
            **contact_card.LOOK,
            "who": who,
            "email": email,
            "account": is_me,
            "cards": asked.rows("Their cards", queries.CARDS, emails=known),
            "said": asked.rows("What was said by hand", queries.SAID, emails=known),
            "together": person.Together() if is_me else person.together(asked, emails, own),
        }

    return await show(request, datasette, "person.html", read)


ROUTES: list[tuple[str, Any]] = [(r"^/people$", listing), (r"^/people/(?P<email>[^/]+)$", one)]
