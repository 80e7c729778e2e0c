"""The pages about people: whose an address is, the list in its orders, and what there is with one person."""

from __future__ import annotations

import json
import re
import sqlite3
from datetime import datetime, timedelta
from html import unescape
from pathlib import Path
from urllib.parse import quote
from zoneinfo import ZoneInfo

import pytest
from datasette.app import Datasette
from web_demo import blank_mirror, browse, get

from mirror.clock import SystemClock, text
from mirror.store import people
from mirror.web import links, people_list, person
from mirror.web.page import Asked

NOW = SystemClock().now()


class Small:
    """A mirror with two accounts that is filled by hand, quickly."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.conn = sqlite3.connect(path)
        self.seq = 100
        for number, name in ((1, "work"), (2, "home")):
            self.row(
                "accounts",
                id=number,
                name=name,
                source="a",
                base_url="b",
                email=f"Me{number}@x.test",
                created_at="2026",
            )
        self.record("calendars", id=1)

    def row(self, table: str, **values: object) -> int:
        sql = f"INSERT INTO {table} ({', '.join(values)}) VALUES ({', '.join('?' * len(values))})"
        with self.conn:
            return int(self.conn.execute(sql, list(values.values())).lastrowid or 0)

    def record(self, table: str, **values: object) -> int:
        self.seq += 1
        envelope = {
            "account_id": 1,
            "remote_id": f"r{self.seq}",
            "observed_at": "2026-01-01T00:00:00.000Z",
            "seq": self.seq,
        }
        return self.row(table, **{**envelope, "generation": 1, "raw": "{}", **values})

    def mail(self, sender: str, *to: str, days_ago: float = 1.0, **values: object) -> int:
        labels = '["sent"]' if sender.startswith("me") else '["inbox"]'
        at = text(NOW - timedelta(days=days_ago))
        made = self.record(
            "messages",
            **{
                "from_email": sender,
                "received_at": at,
                "labels": labels,
                "subject": "S",
                "recipients": ", ".join(to),
                **values,
            },
        )
        for email in to:
            self.row("message_recipients", message_id=made, role="to", email=email)
        return made

    def card(self, name: str | None, *emails: str, account: int = 1) -> int:
        made = self.record("contacts", name=name, emails=", ".join(emails), account_id=account)
        for email in emails:
            self.row("contact_emails", contact_id=made, email=email)
        return made

    def meeting(self, *emails: str, days_ago: float = 1.0, **values: object) -> int:
        at = text(NOW - timedelta(days=days_ago))
        made = self.record(
            "events", **{"calendar_id": 1, "starts_at": at, "ends_at": at, "subject": "Meeting", **values}
        )
        for email in emails:
            self.row("event_attendees", event_id=made, email=email)
        return made

    def index(self) -> None:
        with self.conn:
            for table in ("contacts", "messages"):
                self.conn.execute(f"INSERT INTO {table}_fts ({table}_fts) VALUES ('rebuild')")

    @property
    def asked(self) -> Asked:
        self.conn.row_factory = sqlite3.Row
        return Asked(self.conn, text(NOW), ZoneInfo("UTC"))

    @property
    def pages(self) -> Datasette:
        self.index()
        return browse(self.path)


@pytest.fixture
def small(quick_path: Path) -> Small:
    return Small(blank_mirror(quick_path))


@pytest.fixture(scope="module")
def demo(demo_home: Path) -> Datasette:
    return browse(demo_home / "mirror.db")


def shown(page: str) -> str:
    main = page[page.index("<main") : page.index('<div class="beneath">') if '<div class="beneath">' in page else None]
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", main)).split())


def names(page: str) -> list[str]:
    return [unescape(name) for name in re.findall(r'class="record"[^>]*>([^<]*)</a>', page)]


def walked(datasette: Datasette, path: str, most: int = 30) -> list[list[str]]:
    """The names on each page of a list, page after page."""
    pages: list[list[str]] = []
    following: str | None = path
    while following is not None and len(pages) < most:
        page = get(datasette, following).text
        pages.append(names(page))
        older = re.search(r'rel="next" href="([^"]+)"', page)
        following = unescape(older[1]) if older else None
    return pages


def row_of(page: str, name: str) -> str:
    rows = [shown(f"<main>{row}") for row in re.findall(r"<tr>.*?</tr>", page, re.S)]
    return next(row for row in rows if name in row)


# --- the list -----------------------------------------------------------------------------------------------------------


def test_each_person_is_listed_once_whatever_the_address_and_the_account(small: Small) -> None:
    small.card("Ada", "ada@work.test", "ada@x.test")
    small.card("Ada at home", "ada@x.test", "ada@home.test", account=2)
    small.mail("ada@work.test", days_ago=3)
    small.mail("ada@home.test", days_ago=9, account_id=2)
    small.mail("me1@x.test", "ada@x.test", "dee@x.test", days_ago=2)
    small.mail("dee@x.test", days_ago=1, from_name="Dee D.")
    small.meeting("ada@work.test", days_ago=5)
    small.meeting("ada@work.test", days_ago=6, canceled=1)

    page = get(small.pages, "/people").text

    assert names(page) == ["Dee D.", "Ada"]
    assert "3 addresses card 2 1 1" in row_of(page, "Ada")
    assert "card" not in row_of(page, "Dee D.")


def test_oneself_is_not_in_the_list_by_any_address(small: Small) -> None:
    small.card("Me", "me1@x.test", "alias@x.test")
    small.mail("alias@x.test")
    small.mail("me1@x.test", "me2@x.test", "me1@x.test")

    assert names(get(small.pages, "/people").text) == []
    assert names(get(small.pages, "/people", q="alias").text) == []
    assert "This is you" in shown(get(small.pages, "/people/alias@x.test").text)


def test_what_was_said_by_hand_has_the_last_word(small: Small) -> None:
    small.card("Family", "ann@x.test", "bob@x.test")
    for sender in ("ann@x.test", "bob@x.test", "cy@x.test"):
        small.mail(sender)
    small.row("people_overrides", email="ann@x.test", apart=1, name="Ann")
    small.row("people_overrides", email="cy@x.test", person_email="ann@x.test")
    datasette = small.pages

    assert sorted(names(get(datasette, "/people").text)) == ["Ann", "Family"]
    page = get(datasette, "/people/cy@x.test").text
    assert '<h1 dir="auto">Ann</h1>' in page
    assert "ann@x.test is not put to others by contact cards is called “ Ann ”" in shown(page)
    assert "cy@x.test belongs to ann@x.test" in shown(page)
    assert "mirror people forget cy@x.test" in shown(page)


def crowd(small: Small) -> dict[str, datetime]:
    """130 people over four years, some with two addresses; when each was last in touch."""
    last: dict[str, datetime] = {}
    for number in range(130):
        name = f"Person {number:03}"
        emails = [f"p{number}@x.test"] + ([f"p{number}@home.test"] if number % 5 == 0 else [])
        if len(emails) > 1:
            small.card(name, *emails)
        newest = 1 + (number * 37 % 130) * 11.5
        for back, email in zip((newest, newest + 200, newest + 700), (emails[-1], emails[0], emails[0]), strict=True):
            if number % 3:
                small.mail(email, days_ago=back, from_name=name)
            else:
                made = small.mail("me1@x.test", days_ago=back)
                small.row("message_recipients", message_id=made, role="to", email=email, name=name)
        last[name] = NOW - timedelta(days=newest)
    return last


def test_the_list_is_walked_through_by_latest_mail_each_person_once(small: Small) -> None:
    last = crowd(small)

    pages = walked(small.pages, "/people")

    found = [name for page in pages for name in page]
    assert found == sorted(last, key=lambda name: last[name], reverse=True)
    assert 4 <= len(pages) < 12


def test_much_mail_shortens_the_time_that_the_figures_are_about_and_loses_nobody(small: Small) -> None:
    last = crowd(small)
    found: list[str] = []
    periods: list[str] = []
    key: str | None = ""

    while key is not None and len(periods) < 80:
        page = people_list.latest(small.asked, key, most_mails=20, most_later=5)
        found += [entry.who.called for entry in page.entries]
        periods.append(page.period.called if page.period else "")
        key = page.next_key

    assert found == sorted(last, key=lambda name: last[name], reverse=True)
    assert "3 months" in periods


def test_mails_of_one_moment_are_walked_through_too(small: Small) -> None:
    for number in range(95):
        small.mail(f"p{number:02}@x.test", days_ago=3, from_name=f"P{number:02}")

    pages = walked(small.pages, "/people")

    assert [len(page) for page in pages] == [40, 40, 15]
    assert len({name for page in pages for name in page}) == 95


@pytest.mark.parametrize("at", ["1000-01-01T00:00:00.000Z", "1969-12-31T23:59:59.000Z", "2099-01-01T00:00:00.000Z"])
def test_mails_of_impossible_times_end_no_page(small: Small, at: str) -> None:
    small.mail("old@x.test", received_at=at)
    small.mail("new@x.test")

    pages = walked(small.pages, "/people")

    assert sorted(name for page in pages for name in page) == ["new@x.test", "old@x.test"]


def test_mail_that_is_deleted_or_to_be_replied_to_elsewhere_makes_no_person(small: Small) -> None:
    small.mail("gone@x.test", deleted_at="2026-01-01T00:00:00.000Z", deletion="reported")
    sent = small.mail("me1@x.test", "there@x.test")
    small.row("message_recipients", message_id=sent, role="reply_to", email="reply@x.test")

    assert names(get(small.pages, "/people").text) == ["there@x.test"]


def test_most_mail_comes_first_on_demand(small: Small) -> None:
    for number in range(60):
        for _ in range(1 + number % 12):
            small.mail(f"p{number:02}@x.test", days_ago=number)
    small.card("Two", "p00@x.test", "p11@x.test")
    small.mail("long@ago.test", days_ago=500)

    pages = walked(small.pages, "/people?sort=often")

    found = [name for page in pages for name in page]
    assert len(found) == len(set(found)) == 59
    assert found[0] == "Two"
    assert set(found[:5]) == {"Two", "p23@x.test", "p35@x.test", "p47@x.test", "p59@x.test"}
    assert [len(page) for page in pages] == [40, 19]


def test_people_are_found_by_words_of_their_names_and_addresses(small: Small) -> None:
    small.card("Élodie Durand", "elo@x.test", "durand@home.test")
    small.card("Nobody", "only-card@x.test")
    small.mail("elo@x.test", days_ago=40)
    small.mail("sven@x.test", from_name="Sven Durand", days_ago=3)
    small.mail("me1@x.test", "zoe@durand.test", days_ago=9)
    small.mail("other@x.test", from_name="Other", subject="Durand is in the subject alone")
    small.mail("own@x.test")
    small.row("people_overrides", email="own@x.test", name="Durand, as I say")
    datasette = small.pages

    assert names(get(datasette, "/people", q="durand").text) == [
        "Durand, as I say", "Sven Durand", "zoe@durand.test", "Élodie Durand",
    ]  # fmt: skip
    assert names(get(datasette, "/people", q="DURAND elo").text) == ["Élodie Durand"]
    assert names(get(datasette, "/people", q="only-card").text) == ["Nobody"]
    assert names(get(datasette, "/people", q='"( AND *').text) == []
    assert "Nobody on mails or contact cards has “zzz”" in get(datasette, "/people", q="zzz").text


def test_an_order_that_is_none_is_refused_and_an_empty_mirror_says_how_people_come(small: Small) -> None:
    assert get(small.pages, "/people", sort="shoe size").status_code == 400
    assert "Nobody yet. People come with their mails: mirror account add" in shown(get(small.pages, "/people").text)
    assert get(small.pages, "/people", before="rubbish").status_code == 200
    assert get(small.pages, "/people", sort="often", before="x y").status_code == 200


# --- one person ---------------------------------------------------------------------------------------------------------


def test_a_person_is_shown_with_mails_in_both_directions_meetings_cards_and_company(small: Small) -> None:
    card = small.card("Ada", "ada@work.test", "ada@x.test", account=2)
    got = small.mail("ada@work.test", "me1@x.test", "bob@x.test", days_ago=3, subject="From her")
    sent = small.mail("me1@x.test", "ada@x.test", "bob@x.test", days_ago=2, subject="To her")
    met = small.meeting("ada@work.test", "me1@x.test", days_ago=4, subject="With her", recurrence_type="single")
    coming = small.meeting("ada@x.test", days_ago=-2, subject="Soon", recurrence_type="single")

    page = get(small.pages, "/people/ADA@x.test").text

    text_ = shown(page)
    assert "1 mail from them 1 mail to them 1 meeting" in text_
    for link in (links.contact(card), links.message(got), links.message(sent), links.event(met), links.event(coming)):
        assert f'href="{link}"' in page
    assert re.search(r"bob@x.test 2 mails", text_)
    assert "me1@x.test" not in text_
    assert text_.index("Soon") < text_.index("With her")
    assert 'data-chart="bars"' in page


def test_a_series_is_a_meeting_on_each_of_its_days_but_those_that_were_moved(small: Small) -> None:
    start = NOW.replace(hour=9, minute=0, second=0, microsecond=0) - timedelta(days=28)
    small.meeting(
        "ada@x.test", days_ago=0, starts_at=text(start), remote_id="series", recurrence_type="master", timezone="UTC", all_day=0,
        rrule="RRULE:FREQ=WEEKLY;COUNT=4",
    )  # fmt: skip
    small.meeting(
        "ada@x.test", starts_at=text(start + timedelta(days=8)), recurrence_type="occurrence", series_remote_id="series",
        original_start=text(start + timedelta(days=7)), occurrence_type="modified",
    )  # fmt: skip

    page = get(small.pages, "/people/ada@x.test").text

    assert "4 meetings" in shown(page)
    assert links.event(2, start=text(start + timedelta(days=14))).replace("&", "&amp;") in page or "start=" in page


def test_an_address_that_was_never_seen_is_a_sentence(small: Small) -> None:
    answer = get(small.pages, "/people/nobody@x.test")

    assert answer.status_code == 404
    assert "nobody@x.test is in no mail, meeting or contact card." in answer.text


@pytest.mark.parametrize(
    "email",
    [
        "a/b@x.test",
        "we ird@x.test",
        "ä@ü.test",
        "a+b%2f@x.test",
        '"<script>alert(1)</script>"@x.test',
        "x" * 300 + "@x.test",
    ],
)
def test_any_address_has_a_page(small: Small, email: str) -> None:
    small.mail(email)

    answer = get(small.pages, links.person(email))

    assert answer.status_code == 200
    assert "<script>alert" not in answer.text
    assert email in shown(answer.text)


def test_a_person_is_shown_as_known_at_a_moment(small: Small) -> None:
    small.mail("ada@x.test", observed_at="2026-01-01T00:00:00.000Z", received_at="2025-12-01T00:00:00.000Z")
    small.mail("ada@x.test", observed_at="2026-03-01T00:00:00.000Z", received_at="2026-02-01T00:00:00.000Z")
    small.mail("later@x.test", observed_at="2026-03-01T00:00:00.000Z", received_at="2026-02-01T00:00:00.000Z")
    datasette = small.pages

    assert "2 mails from them" in shown(get(datasette, "/people/ada@x.test").text)
    assert "1 mail from them" in shown(get(datasette, "/people/ada@x.test", at="2026-02-20").text)
    assert names(get(datasette, "/people", at="2026-02-20").text) == ["ada@x.test"]
    assert get(datasette, "/people/later@x.test", at="2026-02-20").status_code == 404


def test_months_without_anything_are_in_the_chart_and_very_old_ones_are_not() -> None:
    rows = [{"at": at, "direction": "received"} for at in ("2026-03-01T", "2026-01-31T", "1999-01-01T", None)]

    months = person.months([*rows, {"at": "2026-03-05T", "direction": "meetings"}])

    assert len(months) == person.MOST_MONTHS
    assert [month["month"] for month in months[-3:]] == ["2026-01", "2026-02", "2026-03"]
    assert months[-1] == {"month": "2026-03", "received": 1, "sent": 0, "meetings": 1}
    assert person.months([]) == []


# --- on the demo --------------------------------------------------------------------------------------------------------


def test_the_list_and_the_view_know_the_same_people(demo: Datasette, demo_home: Path) -> None:
    conn = sqlite3.connect(f"file:{demo_home / 'mirror.db'}?mode=ro", uri=True)
    conn.row_factory = sqlite3.Row
    view = conn.execute("SELECT * FROM people WHERE last_at IS NOT NULL ORDER BY last_at DESC, email DESC").fetchall()

    found = [name for page in walked(demo, "/people") for name in page]

    assert found == [row["name"] or row["email"] for row in view]
    for row in view[:20]:
        assert people.addresses_of(conn, row["email"]) == sorted(row["emails"].split(", "))
    conn.close()


def test_the_figures_of_the_list_are_those_of_the_view_while_all_mail_is_of_one_year(
    demo: Datasette, demo_home: Path
) -> None:
    conn = sqlite3.connect(f"file:{demo_home / 'mirror.db'}?mode=ro", uri=True)
    page = get(demo, "/people").text
    (name, received, sent) = conn.execute(
        "SELECT name, mails_received, mails_sent FROM people WHERE mails_sent > 10 ORDER BY last_at DESC"
    ).fetchone()
    conn.close()

    assert f"card {received} {sent} " in row_of(page, name)


def test_every_person_of_the_demos_first_page_has_a_page_with_mails(demo: Datasette) -> None:
    page = get(demo, "/people").text
    paths = re.findall(r'class="record" href="([^"]+)"', page)
    assert len(paths) == 40

    for path in paths[:8]:
        answer = get(demo, path)
        assert answer.status_code == 200
        assert "Latest mails" in answer.text
        assert "No mail from or to this person" not in answer.text


def test_nothing_is_changed_by_opening_pages(small: Small) -> None:
    small.mail("ada@x.test")
    datasette = small.pages

    for path in ("/people/ada@x.test?name=x", "/people?same=a&apart=b", f"/people?q={quote(json.dumps(['x']))}"):
        assert get(datasette, path).status_code == 200

    assert small.conn.execute("SELECT count(*) FROM people_overrides").fetchone() == (0,)
