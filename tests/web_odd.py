"""Mirrors that pages have trouble with: everything too long, too many, right to left or missing; and one of real files."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Callable
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

from sandbox_wire import Transport
from web_demo import pull

from mirror.clock import SystemClock, text
from mirror.feed import Settings
from mirror.sandbox.app import create_app
from mirror.sandbox.load import load
from mirror.sandbox.options import Options
from mirror.sandbox.state import Account, State
from mirror.sources.aurinko import Aurinko
from mirror.store import journal
from mirror.store.connection import open_store

ME = "ada@example.org"
WORD = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft" * 4
LONG = "a name that does not end where others do, but goes on for quite a while, " * 4
ARABIC, HEBREW = "اجتماع فريق التطوير الأسبوعي (Q3) – الساعة 10", "פגישת צוות שבועית: תוכנית 2026"
JAPANESE, EMOJI, ZALGO = "第三四半期の計画について話し合う会議", "🎉👩‍👩‍👧‍👦 party 🏳️‍🌈", "z̸̢͕̯a̴̧̰͔l̵̡̛͇g̷̨̛͚o̶̢͇͐"
HOSTILE = "</title></script><script>alert(1)</script><img src=x onerror=alert(2)>"
TURNED = "invoice\u202efdp.exe"
TITLES = [WORD, LONG, ARABIC, HEBREW, JAPANESE, EMOJI, ZALGO, HOSTILE, TURNED, "", "  ", "0"]


@cache
def odd_home() -> Path:
    """Records of every kind that are too long, too many, right to left or empty."""
    return _home("odd", lambda state, account: _fill(state, account))


@cache
def corpus_home(corpus: Path) -> Path:
    """All that is in the corpus, as the sandbox loads it."""

    def fill(state: State, account: Account) -> None:
        assert load(state, account.id, [corpus]).records > 400

    return _home("corpus", fill)


def _home(name: str, fill: Callable[[State, Account], None]) -> Path:
    home = Path(tempfile.mkdtemp(prefix=f"mirror-{name}-"))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    clock = SystemClock()
    clock.random.seed(3)
    state = State(":memory:", clock=clock)
    owner = state.add_account(email=ME, name="Ada Lindqvist", token="odd-token")
    fill(state, owner)
    source = Aurinko(
        "http://sandbox.test/v1",
        {"token": "odd-token"},
        clock=clock,
        settings=Settings("1980-01-01", 1_000_000),
        transport=Transport(create_app(state, Options(page_size=500))),
    )
    store = open_store(home, clock)
    account = journal.add_account(
        store, name, "aurinko", "http://sandbox.test", since="1980-01-01", attachments_up_to_bytes=1_000_000
    )
    pull(store, source, account)
    source.close()
    store.close()
    return home


def _person(name: str, number: int) -> dict[str, str]:
    return {"name": name, "address": f"person{number}@{'sub.' * (number % 7)}odd.example"}


def _fill(state: State, account: Account) -> None:
    def create(kind: str, record: dict[str, Any], **more: Any) -> dict[str, Any]:
        return state.create(account.id, kind, record, **more)

    _contacts(create)
    _calendar(create, state)
    _mail(create, state)
    for number, title in enumerate(TITLES):
        tasks = create("task_lists", {"title": title or "-", "defaultList": number == 0}, remote_id=f"list-{number}")
        create("tasks", {"title": title, "status": "notStarted", "notes": LONG + WORD}, parent=tasks["id"])


def _contacts(create: Callable[..., dict[str, Any]]) -> None:
    for number, title in enumerate(TITLES):
        create(
            "contacts",
            {
                "name": {"displayName": title, "givenName": title, "familyName": title, "middleName": title},
                "company": {"name": title, "jobTitle": title},
                "emailAddresses": [{"address": _person("", number)["address"], "type": "work"}],
                "notes": "\n\n".join(TITLES) * 3,
            },
        )
    create("contacts", {})
    create("contacts", {"phoneNumbers": [{"number": "+49 40 123456", "type": "home"}]})
    create(
        "contacts",
        {
            "name": {"displayName": "Many Addresses"},
            "emailAddresses": [{"address": f"{n}.{'x' * 50}@odd.example", "type": "work"} for n in range(60)],
            "phoneNumbers": [{"number": f"+49 40 {n:09}", "type": "work"} for n in range(60)],
            "addresses": [{"street": WORD, "city": ARABIC, "country": LONG, "type": "home"} for _ in range(5)],
            "urls": [
                {"href": "https://odd.example/" + "x" * 400, "type": "work"},
                {"href": "javascript:alert(1)", "type": "home"},
            ],
            "keywords": [title for title in TITLES if title.strip()],
        },
    )


def _calendar(create: Callable[..., dict[str, Any]], state: State) -> None:
    now = state.clock.now().replace(minute=0, second=0, microsecond=0)

    def event(parent: str, subject: str, hours: float, length_h: float, **more: Any) -> None:
        start, end = now + timedelta(hours=hours), now + timedelta(hours=hours + length_h)
        moments = {name: {"dateTime": text(at), "timezone": "UTC"} for name, at in (("start", start), ("end", end))}
        create("events", {"subject": subject, **moments, **more}, parent=parent)

    for number, title in enumerate(TITLES):
        parent = create(
            "calendars",
            {"name": title or "-", "color": ["#ffff00", "#000000", "red", ""][number % 4]},
            remote_id=f"cal-{number}",
        )["id"]
        event(parent, title, number / 2, 1 + number, location=title, description=f"{title}\n" * 20)
    attendees = [
        {"emailAddress": _person(TITLES[n % len(TITLES)] or "Somebody", n), "type": "required",
         "response": ["accepted", "declined", "tentative", "noResponse"][n % 4]}
        for n in range(1000)
    ]  # fmt: skip
    event(
        "cal-0", "All hands " + WORD, 1, 2, organizer={"emailAddress": _person(ARABIC, 2)},
        meetingInfo={"canceled": False, "attendees": attendees}, meetingUrl="https://meet.example/" + "x" * 300,
    )  # fmt: skip
    for number in range(40):
        event("cal-1", f"At the same time, number {number}", 3, 1)
    event("cal-2", "A month without an end " + ARABIC, -300, 900)


def _mail(create: Callable[..., dict[str, Any]], state: State) -> None:
    inbox = create("folders", {"name": "Inbox", "sysLabel": "inbox", "isFolder": True}, remote_id="INBOX")["id"]
    above = inbox
    for number, title in enumerate(TITLES * 2):
        name = f"{number} {title}"
        above = create(
            "folders", {"name": name, "fullName": name, "parentId": above, "isFolder": True}, remote_id=f"f{number}"
        )["id"]
    for number in range(120):
        title = TITLES[number % len(TITLES)]
        sent = text(state.clock.now() - timedelta(hours=number))
        attached = {
            "id": f"att-{number}",
            "name": f"{title}.pdf",
            "mimeType": "application/pdf",
            "size": 5,
            "inline": False,
        }
        create(
            "messages",
            {
                "subject": title, "from": _person(title or "Somebody", number), "to": [{"address": ME}],
                "cc": [_person(TITLES[n % len(TITLES)], n) for n in range(500 if number == 3 else number % 5)],
                "receivedAt": sent, "sentAt": sent, "threadId": "one-thread" if number % 2 else f"thread-{number}",
                "folderId": inbox if number % 3 else f"f{number % 24}", "sysLabels": ["inbox"] + ["unread"] * (number % 2),
                "keywords": [title] if title.strip() else [], "attachments": [attached] * (number % 4 == 3),
            },
            body=_body(number, title),
            attachments={attached["id"]: b"%PDF-"} if number % 4 == 3 else None,
        )  # fmt: skip


def _body(number: int, title: str) -> str:
    return [
        f"{WORD}\n\n> {LONG}\n>> {ARABIC}\n\n-- \n{title}",
        f"<html><body><script>alert(1)</script><h1>{LONG}</h1><table width=2000><tr><td>{WORD}</td></tr></table>"
        f"<img src='https://tracker.example/pixel.gif'><p dir=rtl>{ARABIC}</p><form action='https://evil.example'><input></form>"
        "<style>body { background: url(https://tracker.example/css) } @import 'https://tracker.example/x.css';</style></body></html>",
        "",
        f"<p>{title}</p>" + "<blockquote>" * 60 + WORD + "</blockquote>" * 60,
    ][number % 4]
