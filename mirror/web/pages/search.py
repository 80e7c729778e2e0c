"""Search: one box over contacts, events, mail and tasks. All of a search is in its address."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from datasette.app import Datasette
from datasette.utils.asgi import Request, Response

from mirror.web import links
from mirror.web.page import Asked, BadRequest, Row, show
from mirror.web.queries import search as queries
from mirror.web.search_limits import Form, Limits, limits_of
from mirror.web.search_results import result
from mirror.web.search_terms import Typed, any_of, expression, read

ORDER = ("contacts", "messages", "events", "tasks")
NAMES = {"contacts": "Contacts", "messages": "Mail", "events": "Events", "tasks": "Tasks"}
PREVIEW = {"contacts": 4, "messages": 10, "events": 5, "tasks": 5}
PAGE = 25
LAST_PAGE = queries.RARE // PAGE
SCARCE = 20
"""With fewer mails than this that have the last word as it stands, those are found too that have a word beginning so."""

SHORT, MANY = 4, 50_000
"""With more mails than that, beginnings shorter than this are not ranked: so many words begin so that it would take too long."""


@dataclass(frozen=True, slots=True)
class Question:
    """A search as the page answers it."""

    typed: Typed
    limits: Limits
    newest: bool

    @property
    def is_empty(self) -> bool:
        return not self.typed.wanted and not self.limits.any

    def wanted(self) -> queries.Wanted:
        terms = self.typed.terms
        return replace(
            self.limits.wanted,
            words=bool(self.typed.wanted),
            without=bool(self.typed.unwanted),
            people=any(term.who for term in terms),
        )


@dataclass(slots=True)
class Found:
    """What there is of one kind. `capped`: there are more than `total`, the newest of which were looked at."""

    kind: str
    total: int = 0
    capped: bool = False
    possible: bool = True
    unranked: bool = False
    rows: list[Row] = field(default_factory=list)

    @property
    def name(self) -> str:
        return NAMES[self.kind]

    @property
    def number(self) -> str:
        return f"{self.total:,}" + ("+" if self.capped else "")


async def page(request: Request, datasette: Datasette) -> Response:
    """The search page."""
    if request.args.get("at"):
        raise BadRequest("Search knows what is there now, not what was there at an earlier moment. Leave out “at”.")
    form = Form.of(request)

    def answer(asked: Asked) -> dict[str, Any]:
        typed = read(form.q)
        accounts, folders = asked.rows(None, queries.ACCOUNTS), asked.rows(None, queries.FOLDERS)
        question = Question(typed, limits_of(asked, typed, form, accounts, folders), form.sort == "newest")
        return {**_context(asked, form, question), "accounts": accounts, "folders": folders}

    return await show(request, datasette, "search.html", answer)


def _context(asked: Asked, form: Form, question: Question) -> dict[str, Any]:
    kinds = question.limits.kinds
    one = kinds[0] if len(kinds) == 1 else None
    number = min(max(1, form.page), LAST_PAGE) if one else 1
    found: dict[str, Found] = {}
    if not question.is_empty:
        for kind in ORDER:
            most = 0 if kind not in kinds else PAGE if kind == one else PREVIEW[kind]
            found[kind] = _find(asked, kind, question, most, PAGE * (number - 1))
    current = found.get(one) if one else None
    return {
        "form": form,
        "question": question,
        "limits": question.limits,
        "found": found,
        "one": one,
        "tabs": _tabs(form, found, one),
        "sections": [found[kind] for kind in ORDER if kind in kinds and kind in found and found[kind].rows],
        "newer": form.address(page=number - 1) if number > 1 else None,
        "older": form.address(page=number + 1) if current and current.total > PAGE * number else None,
        "first": PAGE * (number - 1) + 1,
        "examples": _examples(asked) if question.is_empty else [],
        "fewer": _fewer(form, question),
        "form_address": form.address,
        "most": queries.NEWEST,
        "looked_at": queries.LOOKED_AT,
    }


def _find(asked: Asked, kind: str, question: Question, most: int, skip: int) -> Found:
    """Up to `most` results of a kind, after `skip`; with 0, only how many there are."""
    wanted = question.wanted()
    if not wanted.possible(kind):
        return Found(kind, possible=False)
    words, common, unranked = _words(asked, kind, question)
    given = {**question.limits.parameters(asked, kind), **({"words": words} if words else {})}
    if wanted.without and not words:
        given["without"] = any_of(question.typed.unwanted, queries.INDEXES[kind].people)
    name = NAMES[kind]
    newest = question.newest or unranked or not words
    if not most:
        total = asked.value(f"{name}: how many", queries.count(kind, wanted, common=common), **given)
        return Found(kind, total, _capped(total, common, words))
    title = f"{name}: {'the newest' if newest else 'the best'} with these words"
    sql = queries.found(kind, wanted, common=common, newest=newest)
    rows = asked.rows(title, sql, **given, most=most, skip=skip)
    total = rows[0]["total"] if rows else 0
    shown = [result(row, question.typed) for row in rows]
    return Found(kind, total, _capped(total, common, words), unranked=unranked and not question.newest, rows=shown)


def _capped(total: int, common: bool, words: str | None) -> bool:
    return (common or not words) and total >= queries.NEWEST


def _words(asked: Asked, kind: str, question: Question) -> tuple[str | None, bool, bool]:
    """The expression for the index, whether it finds too many to rank them all, and whether it is too dear to rank any."""
    people = queries.INDEXES[kind].people
    terms = question.typed.terms
    begun = expression(terms, people)
    exact = expression([replace(term, beginning=False) for term in terms], people)
    if begun is None or exact is None:
        return None, False, False
    words = begun
    if kind == "messages" and begun != exact:
        letters = min(len(term.text) for term in terms if term.beginning)
        few = asked.value(None, queries.matches(kind, SCARCE), words=exact) < SCARCE
        if few and letters < SHORT and asked.value(None, queries.LAST_MAIL) > MANY:
            return (begun, True, True) if letters > 1 else (exact, False, False)
        words = begun if few else exact
    return words, asked.value(None, queries.matches(kind, queries.RARE + 1), words=words) > queries.RARE, False


def _tabs(form: Form, found: dict[str, Found], one: str | None) -> list[dict[str, Any]]:
    if not found:
        return []
    total = sum(each.total for each in found.values())
    capped = any(each.capped for each in found.values())
    whole = {"name": "All", "number": f"{total:,}" + ("+" if capped else ""), "url": form.address(kind=None, page=None)}
    tabs = [{**whole, "current": one is None}]
    for kind in ORDER:
        one_tab = {"name": NAMES[kind], "number": found[kind].number, "url": form.address(kind=kind, page=None)}
        tabs.append({**one_tab, "current": kind == one, "impossible": not found[kind].possible})
    return tabs


def _examples(asked: Asked) -> list[dict[str, str]]:
    """Searches that find something here, made of what is here."""
    known = asked.row(None, queries.LATEST)
    if known is None:
        return []
    subject = [
        word for word in str(known["subject"] or "").replace('"', " ").split() if len(word) > 3 and word.isalnum()
    ]
    sender = next((word for word in str(known["sender"] or "").split() if word.isalnum()), None)
    made = []
    if subject:
        made.append((subject[0], "a word, or the beginning of one"))
    if len(subject) > 1:
        made.append((f"{subject[0]} {subject[1]}", "both words, in any order"))
    if sender:
        made.append((f"from:{sender}", "who sent it, or who invited"))
        made.append((f"to:{sender}", "who it was written to, or who was invited"))
    if known["folder"]:
        folder = known["folder"] if known["folder"].isalnum() else f'"{known["folder"]}"'
        made.append((f"in:{folder} has:attachment", "a folder, and something attached"))
    if known["received_at"]:
        day = asked.local(known["received_at"]).date()
        made.append((f"kind:mail after:{day:%Y-%m}-01", "of one kind, and since when; also before:"))
    if subject and sender:
        made.append((f"from:{sender} -{subject[0]}", "without a word"))
    return [{"q": q, "what": what, "url": links.search(q)} for q, what in made]


def _fewer(form: Form, question: Question) -> list[dict[str, str]]:
    """The search again, with less asked for at once."""
    again = []
    if question.limits.any:
        again.append(
            {"name": "without the filters", "url": links.search(" ".join(t.text for t in question.typed.wanted))}
        )
    if len(question.typed.wanted) > 1:
        again += [
            {"name": f"only “{term.text[:40]}”", "url": links.search(term.text)} for term in question.typed.wanted[:6]
        ]
    return [each for each in again if each["url"] != form.address()]


ROUTES: list[tuple[str, Any]] = [(r"^/search$", page)]
