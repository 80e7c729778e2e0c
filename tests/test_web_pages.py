"""The pages as a browser gets them: complete without scripts, safe with hostile records, alive while the mirror grows."""

from __future__ import annotations

import asyncio
import re
import sqlite3
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from datasette.app import Datasette
from datasette.database import QueryInterrupted
from datasette.plugins import pm
from web_demo import blank_mirror, browse, get, insert

from mirror.resources import KINDS
from mirror.web import create_datasette, plugin, serve


@pytest.fixture(scope="module")
def demo(demo_home: Path) -> Datasette:
    return browse(demo_home / "mirror.db")


@pytest.fixture(scope="module")
def rows(demo_home: Path) -> sqlite3.Connection:
    conn = sqlite3.connect(f"file:{demo_home / 'mirror.db'}?mode=ro", uri=True)
    conn.row_factory = sqlite3.Row
    return conn


def text_of(datasette: Datasette, path: str, **query: Any) -> str:
    page = get(datasette, path, **query)
    assert page.status_code == 200, (path, page.status_code)
    return page.text


# --- the start page -------------------------------------------------------------------------------------------------------


def test_the_start_page_tells_counts_and_freshness_and_news_without_a_script(
    demo: Datasette, rows: sqlite3.Connection
) -> None:
    page = text_of(demo, "/")

    for kind in KINDS:
        (count,) = rows.execute(f"SELECT count(*) FROM {kind} WHERE deleted_at IS NULL").fetchone()
        assert f'data-count="{kind}">{count:,}</strong>' in page
    assert re.search(r'data-feed="messages".*?(just now|seconds? ago|minutes? ago)', page, re.DOTALL)
    assert "events in 3 calendars" in page
    assert page.count('<time class="ago"') == 12
    assert "task done" in page
    assert "task deleted" in page
    assert "ada@example.org" in page


def test_the_start_page_maps_the_mail_of_every_day_of_the_year(demo: Datasette, rows: sqlite3.Connection) -> None:
    page = text_of(demo, "/", zone="UTC")
    counted = dict(
        rows.execute(
            "SELECT substr(received_at, 1, 10), count(*) FROM messages WHERE received_at >= date('now', '-363 days') GROUP BY 1"
        ).fetchall()
    )

    squares = re.findall(r'class="level-(\d)".*?<title>(.*?): ([\d,]+) mails?</title>', page)
    table = dict(re.findall(r'<tr><th scope="row">(\S+)</th><td>([\d,]+)</td></tr>', page))

    assert 365 <= len(squares) <= 371
    assert len(table) == len(squares)
    assert sum(int(mails) for _, _, mails in squares) == sum(int(mails) for mails in table.values())
    assert {day: int(mails) for day, mails in table.items() if day in counted} == counted
    assert all((level == "0") == (mails == "0") for level, _, mails in squares)


def test_a_day_of_the_map_is_the_readers(tmp_path: Path) -> None:
    path = blank_mirror(tmp_path)
    insert(path, "accounts", name="ada")
    yesterday = (datetime.now(UTC) - timedelta(days=30)).date()
    insert(path, "messages", subject="Late", received_at=f"{yesterday}T23:30:00.000Z")
    datasette = browse(path)
    next_day = yesterday + timedelta(days=1)

    in_utc, in_tokyo = text_of(datasette, "/", zone="UTC"), text_of(datasette, "/", zone="Asia/Tokyo")

    assert f'<th scope="row">{yesterday}</th><td>1</td>' in in_utc
    assert f'<th scope="row">{next_day}</th><td>1</td>' in in_tokyo


def test_meeting_hours_count_the_occurrences_of_series_but_not_what_was_moved_or_cancelled(tmp_path: Path) -> None:
    path = blank_mirror(tmp_path)
    insert(path, "accounts", name="ada")
    insert(path, "calendars", name="Work")
    today = datetime.now(UTC).date()
    monday = today - timedelta(days=today.weekday() + 14)
    first, moved = f"{monday}T09:00:00.000Z", f"{monday + timedelta(days=1)}T09:00:00.000Z"
    meeting = {"calendar_id": 1, "attendee_count": 3, "timezone": "UTC"}
    insert(path, "events", **meeting, remote_id="daily", recurrence_type="master", rrule="RRULE:FREQ=DAILY;COUNT=5",
           starts_at=first, ends_at=first.replace("09:", "10:"))  # fmt: skip
    insert(path, "events", **meeting, recurrence_type="occurrence", series_remote_id="daily", original_start=moved,
           starts_at=moved.replace("09:", "14:"), ends_at=moved.replace("09:", "16:"))  # fmt: skip
    insert(path, "events", **meeting, canceled=1, starts_at=first, ends_at=first.replace("09:", "19:"))
    insert(path, "events", calendar_id=1, starts_at=first, ends_at=first.replace("09:", "19:"))

    page = text_of(browse(path), "/", zone="UTC")

    hours = re.search(rf'<th scope="row" dir="auto">{monday}</th><td data-value="([^"]+)">', page)
    assert hours
    assert float(hours[1]) == 6.0


def test_the_start_page_counts_what_changed_today_and_leads_to_it(demo: Datasette, rows: sqlite3.Connection) -> None:
    page = text_of(demo, "/", zone="UTC")
    (deleted,) = rows.execute("SELECT count(*) FROM tasks WHERE deleted_at IS NOT NULL").fetchone()

    link = re.search(
        rf'<a href="(/history\?kind=tasks&amp;what=deleted[^"]*)"><b>{deleted}</b> tasks deleted</a>', page
    )
    assert link
    assert get(demo, link[1].replace("&amp;", "&")).status_code == 200


def test_the_start_page_leads_to_every_question_and_to_search(demo: Datasette) -> None:
    page = text_of(demo, "/")

    for name in demo.metadata()["databases"]["mirror"]["queries"]:
        assert f'href="/mirror/{name}"' in page
    assert '<form class="big-search" role="search" action="/search"' in page


def test_the_start_page_leads_to_our_own_pages(demo: Datasette) -> None:
    page = text_of(demo, "/")

    own = {
        path
        for path in re.findall(r'href="(/[^"?]*)', page)
        if not path.startswith(("/-/", "/mirror", "/events/", "/mail/"))
    }
    assert {"/mail", "/calendar", "/contacts", "/tasks", "/history", "/sync"} <= own


def test_the_start_page_shows_its_sql_and_how_it_was_at_an_earlier_moment(
    demo: Datasette, rows: sqlite3.Connection
) -> None:
    (first,) = rows.execute("SELECT min(observed_at) FROM contacts").fetchone()

    now, then = text_of(demo, "/"), text_of(demo, "/", at=first[:19] + "Z")

    for question in ("How many there are of each kind", "Mail per day", "Meeting hours per week", "What changed today"):
        assert f">{question}</a>" in now
    assert "data-count=" not in then
    assert not re.search(r'class="level-[1-4]" x', then)
    assert "static/live.js" not in then
    assert "How fresh it is" not in then


def test_an_empty_mirror_says_how_to_begin(tmp_path: Path) -> None:
    page = text_of(browse(blank_mirror(tmp_path)), "/")

    assert "mirror account add NAME" in page
    assert 'data-count="messages">0<' in page


def test_what_needs_a_person_comes_with_the_command_that_helps(tmp_path: Path) -> None:
    path = blank_mirror(tmp_path)
    insert(path, "accounts", name="work", status="needs_auth")
    insert(path, "accounts", name="home")
    insert(path, "feeds", account_id=2, kind="contacts", state="held")

    page = text_of(browse(path), "/")

    assert "<code>mirror account login work</code>" in page
    assert "<code>mirror accept home contacts</code>" in page
    assert re.search(r'<section class="needs" data-needs aria-labelledby="needs-title">', page)


def test_conflicts_and_what_could_not_be_stored_need_a_person_too(tmp_path: Path) -> None:
    path = blank_mirror(tmp_path)
    insert(path, "accounts", name="my work")
    insert(path, "feeds", kind="messages", state="following")
    insert(path, "edits", kind="contacts", verb="change", patch="{}", state="conflict")
    insert(path, "edits", kind="contacts", verb="change", patch="{}", state="settled")
    for remote_id, gone_at in (("a", None), ("b", None), ("c", "2026-01-05T09:00:00.000Z")):
        insert(path, "stuck", feed_id=1, kind="messages", remote_id=remote_id, reason="not JSON", gone_at=gone_at,
               first_at="2026-01-05T09:00:00.000Z", last_at="2026-01-05T09:00:00.000Z")  # fmt: skip

    page = text_of(browse(path), "/")

    assert "my work: 1 of your edits of contacts meets a change made elsewhere" in page
    assert "<code>mirror outbox</code>" in page
    assert "my work: 2 mails could not be stored" in page
    assert "<code>mirror retry &#39;my work&#39;</code>" in page


def test_nothing_needs_a_person_where_all_is_well(demo: Datasette) -> None:
    assert re.search(r'<section class="needs"[^>]* hidden>', text_of(demo, "/"))
    assert get(demo, "/-/mirror/live.json").json()["needs"] == []


# --- what keeps it moving -------------------------------------------------------------------------------------------------


def test_what_arrives_is_told_once_in_words_and_counted(tmp_path: Path) -> None:
    path = blank_mirror(tmp_path)
    insert(path, "accounts", name="ada")
    insert(path, "contacts", name="Bo", company="Tea & Co")
    datasette = browse(path)
    before = get(datasette, "/-/mirror/live.json").json()

    insert(path, "messages", subject="Re: Tea", from_name="Ada Okafor", from_email="ada@host.example")
    after = get(datasette, "/-/mirror/live.json", since=before["seq"]).json()
    calm = get(datasette, "/-/mirror/live.json", since=after["seq"]).json()

    assert [change["what"] for change in before["changes"]] == ["new contact"]
    assert [(c["what"], c["who"], c["title"], c["url"]) for c in after["changes"]] == [
        ("new mail", "Ada Okafor", "Re: Tea", "/mail/1"),
    ]
    assert (before["counts"]["messages"], after["counts"]["messages"]) == (0, 1)
    assert calm["changes"] == []


@pytest.mark.parametrize("since", ["", "-1", "x", "9" * 40, "1; drop table contacts", "²"])
def test_an_odd_place_to_go_on_from_is_no_error(demo: Datasette, since: str) -> None:
    assert get(demo, "/-/mirror/live.json", since=since).status_code == 200


def test_freshness_is_never_kept_by_a_browser(demo: Datasette) -> None:
    assert get(demo, "/-/mirror/live.json").headers["cache-control"] == "no-store"


def test_the_interval_is_the_callers(tmp_path: Path) -> None:
    page = text_of(create_datasette(blank_mirror(tmp_path), live_interval_ms=450), "/")

    assert 'data-interval-ms="450"' in page


# --- tables and records ---------------------------------------------------------------------------------------------------


def test_every_visible_table_and_view_has_a_page_that_says_what_it_is(demo: Datasette) -> None:
    tables = demo.metadata()["databases"]["mirror"]["tables"]
    for name in (name for name, table in tables.items() if not table.get("hidden")):
        assert tables[name]["description"][:40].replace("'", "&#39;") in text_of(demo, f"/mirror/{name}")


def test_the_list_of_tables_shows_titles_and_no_machinery(demo: Datasette) -> None:
    page = text_of(demo, "/mirror")

    assert '<a href="/mirror/messages">Mail</a>' in page
    for hidden in ("walk_seen", "purges", "messages_fts", "change_order", "messages_search"):
        assert f"/mirror/{hidden}" not in page


def test_a_table_shows_what_people_read_first_and_the_rest_on_demand(demo: Datasette) -> None:
    short, whole = text_of(demo, "/mirror/messages"), text_of(demo, "/mirror/messages", _all=1)
    headings = re.compile(r'<th [^>]*data-column="([^"]+)"')

    assert headings.findall(short)[:4] == ["id", "received_at", "from_name", "subject"]
    assert not {"etag", "generation", "raw"} & set(headings.findall(short))
    assert {"etag", "generation", "raw", "snippet"} <= set(headings.findall(whole))


def test_tables_are_searched_by_their_index(demo: Datasette, rows: sqlite3.Connection) -> None:
    (name,) = rows.execute("SELECT family_name FROM contacts WHERE family_name IS NOT NULL ORDER BY id").fetchone()

    found = get(demo, "/mirror/contacts.json", _search=name, _shape="array").json()

    assert found
    assert any(name == row["family_name"] for row in found)
    assert len(found) < 20


def test_a_mail_is_read_on_its_page(demo: Datasette, rows: sqlite3.Connection) -> None:
    mail = rows.execute(
        "SELECT messages.id, subject, from_email, text, attachments.id AS attachment_id, name FROM messages JOIN message_bodies"
        " ON message_bodies.message_id = messages.id JOIN attachments ON attachments.message_id = messages.id"
        " WHERE subject IS NOT NULL AND NOT attachments.inline ORDER BY messages.id"
    ).fetchone()

    page = text_of(demo, f"/mirror/messages/{mail['id']}")

    body = re.search(r'<div class="body" dir="auto">(.*?)</div>', page, re.DOTALL)
    assert body
    assert mail["text"].strip().split("\n")[0].replace("'", "&#39;") in body[1]
    assert f'href="/people/{mail["from_email"]}"' in page
    assert f'href="/mirror/attachments/{mail["attachment_id"]}">{mail["name"]}' in page
    assert '<dt>Folder</dt><dd><a href="/mirror/folders/' in page


def test_the_page_of_a_deleted_record_says_so_and_leads_to_its_history(
    demo: Datasette, rows: sqlite3.Connection
) -> None:
    (contact,) = rows.execute("SELECT id FROM contacts WHERE deleted_at IS NOT NULL").fetchone()

    page = text_of(demo, f"/mirror/contacts/{contact}")

    assert "Deleted:" in page
    assert f'/history/contacts/{contact}">History: 1 earlier version<' in page


@pytest.mark.parametrize("path", ["/mirror/messages/999999", "/mirror/messages/x", "/mirror/nothing", "/nothing"])
def test_what_is_not_there_is_not_found(demo: Datasette, path: str) -> None:
    assert get(demo, path).status_code in (400, 404)


# --- Datasette itself -----------------------------------------------------------------------------------------------------


def test_the_database_is_at_mirror_whatever_its_file_is_called(tmp_path: Path) -> None:
    path = blank_mirror(tmp_path).rename(tmp_path / "old copy.db")

    datasette = browse(path)

    assert get(datasette, "/mirror.json").json()["database"] == "mirror"
    assert [name for name in datasette.databases if name != "_internal"] == ["mirror"]


def test_the_plugin_is_registered_once_however_often_pages_are_made(tmp_path: Path) -> None:
    path = blank_mirror(tmp_path)

    made = [browse(path) for _ in range(3)]

    assert len(made) == 3
    assert sum(1 for known in pm.get_plugins() if known is plugin) == 1


def test_the_plugin_uses_only_hooks_that_the_next_datasette_has_too() -> None:
    hooks = {hook.name for hook in pm.get_hookcallers(plugin) or []}

    assert hooks
    assert not hooks & {"permission_allowed", "canned_queries", "get_metadata", "skip_csrf"}


def test_what_takes_long_to_count_is_not_counted(demo: Datasette) -> None:
    endless = "select count(*) from (with recursive n(k) as (select 1 union all select k + 1 from n) select k from n)"
    began = time.monotonic()

    with pytest.raises(QueryInterrupted):
        asyncio.run(demo.get_database("mirror").execute(endless))

    assert time.monotonic() - began < serve.SETTINGS["sql_time_limit_ms"] / 1000


def test_no_facets_are_guessed(demo: Datasette) -> None:
    assert demo.setting("suggest_facets") is False


def test_a_mirror_is_never_written_by_its_pages(tmp_path: Path) -> None:
    path = blank_mirror(tmp_path)
    insert(path, "accounts", name="ada")
    before = path.read_bytes()

    datasette = browse(path)
    for page in ("/", "/mirror", "/mirror/accounts/1", "/mirror/search?q=x", "/-/mirror/live.json"):
        get(datasette, page)

    assert path.read_bytes() == before


@pytest.mark.parametrize("path", ["/mail_list", "/contact", "/home", "/ours/home", "/versions"])
def test_a_template_is_no_page_by_itself(demo: Datasette, path: str) -> None:
    assert get(demo, path).status_code == 404
