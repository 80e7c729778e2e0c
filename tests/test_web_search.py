"""Search: what can be typed, what is found and in which order, the filters, and that no text can mark or script itself."""

from __future__ import annotations

import html
import re
import sqlite3
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from conftest import MEMORY
from datasette.app import Datasette
from hypothesis import given, settings
from hypothesis import strategies as st
from markupsafe import Markup
from web_demo import blank_mirror, browse, get, insert

from mirror.web.marks import Marker
from mirror.web.queries import search as queries
from mirror.web.search_terms import NOTHING, expression, read, search_words

SCRIPT = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def demo(demo_home: Path) -> Datasette:
    return browse(demo_home / "mirror.db")


@pytest.fixture(scope="module")
def rows(demo_home: Path) -> sqlite3.Connection:
    conn = sqlite3.connect(f"file:{demo_home / 'mirror.db'}?mode=ro", uri=True)
    conn.row_factory = sqlite3.Row
    return conn


@dataclass(frozen=True)
class Result:
    """What a page of results says."""

    page: str

    @property
    def links(self) -> list[str]:
        return re.findall(r'<h3><a href="([^"]+)" data-item', self.page)

    @property
    def titles(self) -> list[str]:
        found = re.findall(r"<h3><a [^>]*data-item[^>]*>(.*?)</a>", self.page)
        return [html.unescape(re.sub("<[^>]+>", "", title)) for title in found]

    @property
    def tabs(self) -> dict[str, str]:
        nav = re.search(r'<nav class="tabs".*?</nav>', self.page, re.DOTALL)
        return dict(re.findall(r"<a [^>]*>(\w+) <small>([\d,+]+)</small>", nav[0])) if nav else {}

    @property
    def notes(self) -> list[str]:
        return [
            html.unescape(note) for note in re.findall(r'<p class="message-warning note"[^>]*>(.*?)</p>', self.page)
        ]


def search(datasette: Datasette, q: str = "", **filters: Any) -> Result:
    answer = get(datasette, "/search", q=q, **filters)
    assert answer.status_code == 200, answer.text[:2000]
    return Result(answer.text)


@pytest.fixture(scope="module")
def quick_folder() -> Iterator[Path]:
    """A folder in memory, where there is such a thing."""
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as name:
        yield Path(name)


@pytest.fixture(scope="module")
def small(quick_folder: Path) -> Datasette:
    """Two accounts with a few records that share the word `tide`."""
    path = blank_mirror(quick_folder)
    for name in ("work", "home"):
        insert(path, "accounts", name=name)
        account = {"account_id": 1 if name == "work" else 2}
        insert(path, "folders", **account, name="Inbox", full_name="Inbox", label="inbox")
        insert(path, "calendars", **account, name=f"{name} days")
        insert(path, "task_lists", **account, title=f"{name} list")
    insert(path, "folders", account_id=1, name="Old", full_name="Projects/Old")
    mail(path, 1, "The plan", "About the tide and the moon.", received_at="2026-03-01T10:00:00.000Z", folder_id=1)
    mail(path, 2, "Tide table", "Nothing else.", received_at="2026-01-01T10:00:00.000Z", folder_id=1, from_name="Jörg Böhm",
         from_email="jorg@host.example")  # fmt: skip
    mail(path, 3, "Lunch", "The tide again, and the tide.", received_at="2026-02-01T10:00:00.000Z", account_id=2, folder_id=2,
         has_attachments=1, recipients="Ada <ada@me.example>")  # fmt: skip
    mail(path, 4, "Old tide", "Gone.", received_at="2025-06-01T10:00:00.000Z", folder_id=3,
         deleted_at="2026-02-01T00:00:00.000Z", deletion="reported")  # fmt: skip
    insert(path, "contacts", name="Tide & Sons", emails="tide@sons.example", notes="moon")
    insert(path, "events", calendar_id=1, subject="Tide walk", starts_at="2026-04-01T08:00:00.000Z",
           attendees="Ada <ada@me.example>", organizer="jorg@host.example", all_day=0)  # fmt: skip
    insert(
        path,
        "events",
        calendar_id=1,
        subject="Weekly tide",
        starts_at="2020-01-06T08:00:00.000Z",
        recurrence_type="master",
    )
    insert(
        path, "tasks", task_list_id=1, title="Measure the tide", due_at="2026-05-01T00:00:00.000Z", status="completed"
    )
    return browse(path)


def made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def mail(path: Path, number: int, subject: str, body: str, **more: Any) -> None:
    insert(path, "message_bodies", message_id=number, seq=1, html=None, text=body)
    insert(path, "messages", id=number, subject=subject, **more)


# --- what is typed --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "wanted"),
    [
        ("tide moon", '"tide" AND "moon"*'),
        ("tide ", '"tide"'),
        ('"high tide" moon', '"high tide" AND "moon"*'),
        ("tide -moon", '("tide") NOT ("moon"*)'),
        ('tide -"high moon" -sun ', '("tide") NOT ("high moon" OR "sun")'),
        ('he said "tide', '"he" AND "said" AND "tide"*'),
        ("tide AND OR NOT ( * ^ :", '"tide" AND "AND" AND "OR" AND "NOT"'),
        ("from:ada", '"from:ada"*'),
        ("-moon", NOTHING),
        ('""', NOTHING),
        ("", NOTHING),
        (None, NOTHING),
    ],
)
def test_words_become_an_expression_of_the_index(typed: str | None, wanted: str) -> None:
    assert search_words(typed) == wanted


def test_who_it_is_from_becomes_words_in_the_columns_of_senders() -> None:
    typed = read('from:"Ada Okafor" -to:bob tide')

    found = expression(typed.terms, queries.INDEXES["messages"].people)

    assert found == '({from_name from_email} : "Ada Okafor" AND "tide"*) NOT ({recipients} : "bob")'


def test_filters_are_told_from_words() -> None:
    typed = read('in:inbox -in:"Old mail" has:attachment http://tide.example Re:moon')

    assert typed.filters == (("in", "inbox", False), ("in", "Old mail", True), ("has", "attachment", False))
    assert [term.text for term in typed.terms] == ["http://tide.example", "Re:moon"]


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet=st.sampled_from("ab \"-:*()^{}+\x00\n'\\,.;%_~<>&ä水🙂") | st.characters(), max_size=40))
def test_whatever_is_typed_is_an_expression_that_the_index_understands(typed: str) -> None:
    conn = sqlite3.connect(":memory:")
    conn.execute("CREATE VIRTUAL TABLE t USING fts5 (from_name, from_email, recipients)")
    conn.execute("INSERT INTO t VALUES ('a', 'b', 'ab')")

    for expr in (search_words(typed), expression(read(typed).terms, queries.INDEXES["messages"].people) or NOTHING):
        conn.execute("SELECT count(*) FROM t WHERE t MATCH ?", [expr.encode("utf-8", "replace").decode()]).fetchall()


# --- what is found --------------------------------------------------------------------------------------------------------


def test_one_box_finds_all_kinds_and_leads_to_their_pages(small: Datasette) -> None:
    found = search(small, "tide")

    assert found.tabs == {"All": "8", "Contacts": "1", "Mail": "4", "Events": "2", "Tasks": "1"}
    assert sorted(found.links) == sorted(
        ["/contacts/1", "/mail/1", "/mail/2", "/mail/3", "/mail/4", "/events/1", "/events/2", "/tasks/1"]
    )


def test_a_word_in_the_title_counts_more_than_one_in_the_text_and_newest_first_is_another_order(
    small: Datasette,
) -> None:
    best, newest = search(small, "tide", kind="messages"), search(small, "tide", kind="messages", sort="newest")

    assert set(best.titles[:2]) == {"Tide table", "Old tide"}
    assert newest.titles == ["The plan", "Lunch", "Tide table", "Old tide"]


def test_the_words_are_marked_in_title_and_excerpt(small: Datasette) -> None:
    page = search(small, "tide", kind="messages").page

    assert "<mark>Tide</mark> table</a>" in page
    assert "About the <mark>tide</mark> and the moon." in page


def test_the_beginning_of_a_word_finds_it_and_case_and_accents_make_no_difference(small: Datasette) -> None:
    assert search(small, "TID", kind="messages").titles == search(small, "tide", kind="messages").titles
    assert search(small, "bohm").links == ["/mail/2"]
    assert "<mark>Böhm</mark>" in search(small, "bohm").page
    assert search(small, "TID ", kind="messages").titles == []


def test_a_word_that_stands_in_enough_mails_is_not_taken_for_a_beginning(quick_path: Path) -> None:
    path = blank_mirror(quick_path)
    insert(path, "accounts", name="ada")
    conn = sqlite3.connect(path)
    for number in range(1, 31):
        conn.execute(
            "INSERT INTO messages (id, account_id, remote_id, observed_at, seq, generation, subject, received_at, raw)"
            " VALUES (?, 1, ?, '', ?, 1, ?, '2026-01-05T09:00:00.000Z', '{}')",
            [number, f"m{number}", 100 + number, "tide" if number <= 25 else "tidewater"],
        )
    conn.execute("INSERT INTO messages_fts(messages_fts) VALUES ('rebuild')")
    conn.commit()
    conn.close()
    datasette = browse(path)

    assert search(datasette, "tide").tabs["Mail"] == "25"
    assert search(datasette, "tidew").tabs["Mail"] == "5"


def test_deleted_records_are_found_and_marked(small: Datasette) -> None:
    page = search(small, '"old tide"').page

    assert re.search(r'<mark>Old tide</mark></a> <span class="state state-deleted">deleted</span>', page)


@pytest.mark.parametrize(
    ("typed", "filters", "wanted"),
    [
        ("tide", {"account": "home"}, {"/mail/3"}),
        ("tide account:home", {}, {"/mail/3"}),
        ("tide", {"kind": "tasks"}, {"/tasks/1"}),
        ("tide kind:event", {}, {"/events/1", "/events/2"}),
        ("tide -kind:mail -kind:event", {}, {"/contacts/1", "/tasks/1"}),
        ("tide", {"since": "2026-03-01"}, {"/mail/1", "/events/1", "/events/2", "/tasks/1"}),
        ("tide after:2026-03", {}, {"/mail/1", "/events/1", "/events/2", "/tasks/1"}),
        ("tide", {"until": "2026-01-01"}, {"/mail/2", "/mail/4", "/events/2"}),
        ("tide before:2026", {}, {"/mail/4", "/events/2"}),
        ("tide", {"folder": "1"}, {"/mail/1", "/mail/2"}),
        ("tide in:old", {}, {"/mail/4"}),
        ("tide in:projects/old", {}, {"/mail/4"}),
        ("tide -in:inbox", {}, {"/mail/4"}),
        ("tide", {"attachment": "1"}, {"/mail/3"}),
        ("tide has:attachment", {}, {"/mail/3"}),
        ("tide", {"deleted": "only"}, {"/mail/4"}),
        ("tide is:deleted", {}, {"/mail/4"}),
        ("tide kind:mail", {"deleted": "no"}, {"/mail/1", "/mail/2", "/mail/3"}),
        ("from:jorg", {}, {"/mail/2", "/events/1"}),
        ("tide to:ada", {}, {"/mail/3", "/events/1"}),
        ("tide -from:jorg kind:mail", {}, {"/mail/1", "/mail/3", "/mail/4"}),
        ("tide -moon kind:mail", {}, {"/mail/2", "/mail/3", "/mail/4"}),
        ("in:inbox", {}, {"/mail/1", "/mail/2", "/mail/3"}),
        ("in:inbox -moon", {}, {"/mail/2", "/mail/3"}),
        ("in:inbox account:work after:2026-02 -lunch", {}, {"/mail/1"}),
        ("tide in:inbox", {"account": "work", "since": "2026-01-01", "until": "2026-01-31", "deleted": "no"}, {"/mail/2"}),
        ("tide in:inbox has:attachment", {"account": "work"}, set()),
    ],
)  # fmt: skip
def test_filters_in_the_form_and_in_the_box_narrow_alone_and_together(
    small: Datasette, typed: str, filters: dict[str, str], wanted: set[str]
) -> None:
    found = search(small, typed, zone="UTC", **filters)

    assert set(found.links) == wanted
    assert found.notes == []


def test_a_filter_on_time_means_the_readers_days(small: Datasette) -> None:
    assert search(small, "tide", kind="tasks", until="2026-04-30", zone="UTC").links == []
    assert search(small, "tide", kind="tasks", until="2026-04-30", zone="America/New_York").links == ["/tasks/1"]


@pytest.mark.parametrize(
    ("typed", "filters", "note"),
    [
        ("tide before:soon", {}, "“soon” is no date; write it like 2026-03-01, 2026-03 or 2026."),
        ("tide", {"since": "2026-02-31"}, "“2026-02-31” is no date; write it like 2026-03-01, 2026-03 or 2026."),
        ("tide in:nowhere", {}, "There is no folder “nowhere”; the filters list those there are."),
        ("tide account:x", {}, "There is no account “x”."),
        ("tide kind:song", {}, "There is no kind “song”; there are mail, event, contact and task."),
        ("tide has:wings", {}, "“has:wings” means nothing here and was left out."),
    ],
)
def test_a_filter_that_cannot_be_is_said_and_left_out(
    small: Datasette, typed: str, filters: dict[str, str], note: str
) -> None:
    found = search(small, typed, **filters)

    assert found.notes == [note]
    assert found.tabs["Mail"] == "4"


# --- many ------------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def many(quick_folder: Path) -> Datasette:
    """6,000 mails with one word; the oldest alone has it in its subject."""
    path = blank_mirror(made(quick_folder / "many"))
    insert(path, "accounts", name="ada")
    insert(path, "accounts", name="bo")
    conn = sqlite3.connect(path)
    conn.executemany(
        "INSERT INTO messages (id, account_id, remote_id, observed_at, seq, generation, subject, recipients, received_at, raw)"
        " VALUES (?, ?, ?, '', ?, 1, ?, 'tide', ?, '{}')",
        (
            (n, 1 + (n % 10 == 0), f"m{n}", n, "tide" if n in (1, 5_500) else f"number {n}",
             f"{date.fromordinal(735_000 + n)}T10:00:00.000Z")
            for n in range(1, 6_001)
        ),
    )  # fmt: skip
    conn.execute("INSERT INTO messages_fts(messages_fts) VALUES ('rebuild')")
    conn.commit()
    conn.close()
    return browse(path)


def test_of_a_word_in_very_many_mails_the_best_of_the_newest_are_shown_and_the_page_says_so(many: Datasette) -> None:
    found = search(many, "tide", kind="messages")

    assert found.links[0] == "/mail/5500"
    assert "/mail/1" not in found.links
    assert found.tabs["Mail"] == "1,000+"
    assert "the best of the newest 1,000 are shown" in found.page


def test_an_older_time_reaches_what_the_newest_hide(many: Datasette) -> None:
    found = search(many, "tide", kind="messages", until=str(date.fromordinal(735_000 + 500)))

    assert found.links[0] == "/mail/1"
    assert found.tabs["Mail"] == "500"


def test_filters_that_no_index_knows_still_find_the_newest_first(many: Datasette) -> None:
    found = search(many, "tide", account="bo", kind="messages", sort="newest")

    assert found.links[:3] == ["/mail/6000", "/mail/5990", "/mail/5980"]
    assert found.tabs["Mail"] == "600"


def test_all_pages_together_are_all_results_each_once(many: Datasette) -> None:
    seen: list[str] = []
    url = "/search?q=tide&kind=messages&account=bo"
    while url:
        page = get(many, url).text
        seen += Result(page).links
        further = re.search(r'<a rel="next" href="([^"]+)"', page)
        url = html.unescape(further[1]) if further else ""

    assert len(seen) == len(set(seen)) == 600


@pytest.mark.parametrize("number", ["0", "-1", "x", "99999", "999999999999", "²"])
def test_an_odd_page_is_no_error(many: Datasette, number: str) -> None:
    search(many, "tide", kind="messages", page=number)


def test_a_short_beginning_is_not_ranked_where_there_is_very_much_mail(quick_path: Path) -> None:
    path = blank_mirror(quick_path)
    insert(path, "accounts", name="ada")
    for number, subject in ((60_001, "tidewater"), (60_002, "a tidal wave"), (60_003, "t")):
        mail(path, number, subject, "", received_at=f"2026-01-0{number - 60_000}T09:00:00.000Z")
    datasette = browse(path)

    short, one_letter = search(datasette, "tid", kind="messages"), search(datasette, "t", kind="messages")

    assert short.links == ["/mail/60002", "/mail/60001"]
    assert "Very many words begin like this" in short.page
    assert one_letter.links == ["/mail/60003"]


# --- hostile and odd ------------------------------------------------------------------------------------------------------


def test_no_text_can_mark_or_script_itself(quick_path: Path) -> None:
    path = blank_mirror(quick_path)
    insert(path, "accounts", name="ada")
    hostile = f"\ue000\ue001\x02\x03⟦</mark>{SCRIPT}<mark>&lt;b&gt; tide \x1b[31m\u202e⟧ {SCRIPT}"
    mail(path, 1, hostile, hostile * 3, from_name=hostile, from_email=f"{SCRIPT}@x", recipients=hostile)
    insert(path, "contacts", name=hostile, company=hostile, notes=hostile, emails=hostile)

    page = search(browse(path), "tide script").page

    results = re.search(r"<main.*</main>", page, re.DOTALL)
    assert results
    assert "<script>alert" not in page
    assert "\x1b" not in page
    assert {re.sub(r"\s.*", "", tag) for tag in re.findall(r"<mark[^>]*>", results[0])} == {"<mark>"}
    assert set(re.findall(r"<mark>([^<]*)</mark>", results[0])) == {"tide", "script"}
    assert results[0].count("<mark>") == results[0].count("</mark>")


@pytest.mark.parametrize(
    "typed",
    ['"', '""', '"""', "-", "--", '-"', "- -", ":", "from:", 'from:""', "in:", "\x00", "tide\x00", "*", "(", "tide)", "NEAR(",
     "\\", "'", "🙂", "水野", "tide " * 2_000, "a" * 10_000, '"' * 10_000, "-x" * 5_000, "x:y:z", "AND", "{subject} : x",
     "before:9999", "after:0000", "before:99999-99-99", "kind:", "ab\u0301c", "\ud800".encode("utf-8", "replace").decode()],
)  # fmt: skip
def test_whatever_is_typed_is_answered(small: Datasette, typed: str) -> None:
    for filters in ({}, {"kind": "messages"}, {"sort": "newest"}):
        search(small, typed, **filters)


@pytest.mark.parametrize(
    "filters",
    [{"kind": "song"}, {"account": "x' OR 1"}, {"folder": "x"}, {"folder": "-1"}, {"attachment": "no"}, {"deleted": "perhaps"},
     {"sort": "worst"}, {"since": "x"}, {"until": "9999-12-31"}, {"since": "0001-01-01"}, {"zone": "../x"}],
)  # fmt: skip
def test_a_filter_that_is_nonsense_is_no_error(small: Datasette, filters: dict[str, str]) -> None:
    search(small, "tide", **filters)


def test_search_knows_the_present_only(small: Datasette) -> None:
    answer = get(small, "/search", q="tide", at="2026-01-01")

    assert answer.status_code == 400
    assert "not what was there at an earlier moment" in answer.text


# --- nothing, and nothing yet ---------------------------------------------------------------------------------------------


def test_an_empty_box_says_what_can_be_typed_and_every_example_finds_something(demo: Datasette) -> None:
    page = search(demo).page

    examples = re.findall(r'<dt><a href="(/search\?[^"]+)"', page)
    assert len(examples) >= 5
    for example in examples:
        assert Result(get(demo, html.unescape(example)).text).links, example


def test_nothing_found_says_what_to_try(small: Datasette) -> None:
    found = search(small, "tide xyzzy", kind="tasks", account="work")

    assert found.links == []
    assert "Nothing found" in found.page
    assert '<a href="/search?q=tide+xyzzy">without the filters</a>' in found.page
    assert '<a href="/search?q=tide">only “tide”</a>' in found.page


def test_an_empty_mirror_is_searched_without_complaint(quick_path: Path) -> None:
    datasette = browse(blank_mirror(quick_path))

    assert "Nothing found" in search(datasette, "tide").page
    assert "There is no mail yet" in search(datasette).page


def test_every_figure_is_a_query(demo: Datasette, rows: sqlite3.Connection) -> None:
    page = search(demo, "harbour in:archive", kind="messages").page

    behind = re.findall(r'<h3><a href="(/mirror\?sql=[^"]+)">(Mail: [^<]+)</a>', page)
    assert [title for _, title in behind] == ["Mail: the best with these words"]
    answer = get(demo, html.unescape(behind[0][0]).replace("/mirror?", "/mirror.json?") + "&_shape=array").json()
    assert [f"/mail/{row['id']}" for row in answer] == Result(page).links


# --- marks ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "text", "wanted"),
    [
        ("jorg", "Jörg & Jörgen", "<mark>Jörg</mark> &amp; <mark>Jörgen</mark>"),
        ("jorg ", "Jörg & Jörgen", "<mark>Jörg</mark> &amp; Jörgen"),
        ('"high tide"', "High  tide, high. Tide high", "<mark>High tide</mark>, <mark>high. Tide</mark> high"),
        ("a b", "a b a", "<mark>a</mark> <mark>b</mark> <mark>a</mark>"),
        ('"a b" b', "a b b", "<mark>a b</mark> <mark>b</mark>"),
        ("-tide x", "tide", "tide"),
        ("from:ada", "ada", "ada"),
        ("", "tide <b>", "tide &lt;b&gt;"),
        ("tide", None, ""),
    ],
)
def test_what_was_found_is_marked(typed: str, text: str | None, wanted: str) -> None:
    assert Marker(read(typed).terms).whole(text) == Markup(wanted)


def test_an_excerpt_shows_where_the_words_are() -> None:
    text = "word " * 200 + "the tide is here " + "word " * 200 + "the moon is there " + "word " * 200

    shown = Marker(read("tide moon").terms).excerpt(text)

    assert shown is not None
    assert shown.startswith("… ")
    assert "the <mark>tide</mark> is here" in shown
    assert "the <mark>moon</mark> is there" in shown
    assert len(shown) < 500
    assert Marker(read("x").terms).excerpt("") is None
    assert Marker(read("x").terms).excerpt("nothing of it here") == "nothing of it here"
