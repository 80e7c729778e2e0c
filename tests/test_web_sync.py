"""Sync: how each feed stands, what its passes did over time, and the records that could not be stored."""

from __future__ import annotations

import re
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from datasette.app import Datasette
from web_demo import blank_mirror, browse, get, insert

from mirror.web.queries import sync as queries

HOSTILE = "<script>alert(1)</script>\"'>"
NOW = datetime.now(UTC).replace(microsecond=0)


def ago(**span: float) -> str:
    return (NOW - timedelta(**span)).strftime("%Y-%m-%dT%H:%M:%S.000Z")


@pytest.fixture(scope="module")
def demo(demo_home: Path) -> Datasette:
    return browse(demo_home / "mirror.db")


@pytest.fixture
def mirror(quick_path: Path) -> Path:
    path = blank_mirror(quick_path)
    insert(path, "accounts", name="work", email="ada@work.example", service="Office365")
    return path


def feed(path: Path, kind: str = "messages", **more: Any) -> int:
    return insert(path, "feeds", **{"kind": kind, "state": "following", "caught_up_at": ago(minutes=3), **more})


def run(path: Path, feed_id: int | None, started_at: str, outcome: str = "ok", **more: Any) -> int:
    values = {
        "feed_id": feed_id,
        "kind": "messages",
        "started_at": started_at,
        "ended_at": started_at,
        "pages": 1,
        "requests": 2,
    }
    return insert(path, "runs", **{**values, "outcome": outcome, **more})


def stuck(path: Path, feed_id: int, remote_id: str | None, **more: Any) -> int:
    values = {"kind": "messages", "reason": "no JSON", "first_at": ago(days=2), "last_at": ago(hours=1), "raw": b"{}"}
    return insert(path, "stuck", feed_id=feed_id, remote_id=remote_id, **{**values, **more})


def text_of(path: Path, **query: Any) -> str:
    page = get(browse(path), "/sync", **query)
    assert page.status_code == 200, (page.status_code, page.text[-500:])
    return page.text


def row_of(page: str, feed_id: int) -> str:
    found = re.search(
        rf'<tr class="mood-\w+"><th scope="row"><a href="/sync\?feed={feed_id}\b.*?</tr>', page, re.DOTALL
    )
    assert found, feed_id
    return found[0]


@pytest.mark.parametrize(
    ("state", "said", "mood"),
    [
        ({}, "following", "good"),
        ({"caught_up_at": "2026-01-05T09:00:00.000Z"}, "following", "idle"),
        ({"walking": 1}, "catching up", "busy"),
        ({"state": "listing", "caught_up_at": None}, "listing all under way", "busy"),
        ({"state": "listing", "generation": 2}, "listing all again", "busy"),
        ({"state": "held"}, "held: too much would be deleted", "waiting"),
        ({"error": "upstream did not answer (503)", "failures": 4}, "failed 4 times in a row", "bad"),
        ({"state": "stopped"}, "stopped: gone upstream", "idle"),
        ({"state": "new", "caught_up_at": None}, "not asked yet", "idle"),
    ],
)
def test_the_state_of_a_feed_is_told_in_words(mirror: Path, state: dict[str, Any], said: str, mood: str) -> None:
    number = feed(mirror, **state)

    row = row_of(text_of(mirror), number)

    assert f'<span class="mood">{said}</span>' in row
    assert f'class="mood-{mood}"' in row


def test_a_feed_tells_what_it_covers_has_and_lacks(mirror: Path) -> None:
    insert(mirror, "calendars", name="Home & family")
    number = feed(
        mirror,
        "events",
        parent_id=1,
        covers_from="2025-11-20T00:00:00.000Z",
        covers_until="2028-11-19T00:00:00.000Z",
        generation=2,
    )
    for _ in range(3):
        insert(mirror, "events", calendar_id=1)
    insert(mirror, "events", calendar_id=1, deleted_at=ago(days=1), deletion="absent")
    insert(mirror, "incomplete", feed_id=number, record_id=1, omitted="[]")
    insert(
        mirror,
        "stuck",
        feed_id=number,
        kind="events",
        remote_id="x",
        reason="bad",
        first_at=ago(days=1),
        last_at=ago(hours=1),
        raw=b"{",
    )
    run(mirror, number, ago(hours=5), kind="events")
    run(mirror, number, ago(hours=1), kind="events", outcome="failed", pages=0, error="no answer")

    row = row_of(text_of(mirror), number)

    assert "Home &amp; family" in row
    assert '<td class="number">3</td>' in row
    assert 'datetime="2025-11-20T00:00:00.000Z"' in row
    assert "until <time" in row
    assert "1 to be completed" in row
    assert "1 stuck" in row
    assert "saved 5 hours ago" in row
    assert "listing 2" in row


def test_kinds_without_a_feed_of_changes_need_no_token(mirror: Path) -> None:
    number = feed(mirror, "folders")

    assert "none needed" in row_of(text_of(mirror), number)


def test_tokens_are_told_by_their_age_and_never_shown(mirror: Path) -> None:
    feed(mirror, cursor='{"delta": "secret-token-of-upstream"}')

    assert "secret-token-of-upstream" not in text_of(mirror)
    assert "cursor" not in "".join(queries.FEEDS)


def test_what_needs_a_person_comes_with_the_command(mirror: Path) -> None:
    insert(mirror, "accounts", name="old one", status="needs_auth")
    feed(mirror, "contacts", state="held")

    page = text_of(mirror)

    assert "<code>mirror account login &#39;old one&#39;</code>" in page
    assert "<code>mirror accept work contacts</code>" in page
    for command in ("mirror sync", "mirror retry NAME", "mirror accept NAME KIND", "mirror account login NAME"):
        assert f"<dt><code>{command}</code></dt>" in page


def numbers(page: str, title: str) -> dict[str, list[str]]:
    """The table of a chart."""
    figure = page.split(f'<span class="chart-title">{title}</span>')[1].split("</figure>")[0]
    rows = re.findall(r'<tr><th scope="row" dir="auto">([^<]+)</th>(.*?)</tr>', figure, re.DOTALL)
    return {name: re.findall(r"<td[^>]*>([^<]*)</td>", cells) for name, cells in rows}


def test_passes_are_drawn_by_the_readers_days(mirror: Path) -> None:
    one, other = feed(mirror), feed(mirror, "contacts")
    run(mirror, one, "2026-03-10T22:30:00.000Z", created=5, changed=1, bytes=2_000)  # 11 March in Berlin
    run(mirror, one, "2026-03-11T09:00:00.000Z", deleted=2, bytes=1_000_000, requests=7, retries=3)
    run(mirror, other, "2026-03-11T09:30:00.000Z", "failed", error="no answer")
    run(mirror, other, "2026-03-11T09:40:00.000Z", "not_ready")
    run(mirror, None, "2026-03-01T09:40:00.000Z")  # before the seven days
    run(mirror, one, "2026-03-11T20:00:00.000Z", created=99)  # after the moment that is asked for
    asked = {"at": "2026-03-11T12:00:00Z", "zone": "Europe/Athens"}

    page = text_of(mirror, **asked)
    only = text_of(mirror, **asked, feed=other)

    assert list(numbers(page, "Records written per day")) == [f"2026-03-{day:02}" for day in range(5, 12)]
    assert numbers(page, "Records written per day")["2026-03-11"] == ["5", "1", "2"]
    assert numbers(page, "Passes per day")["2026-03-11"] == ["2", "1", "1"]
    assert numbers(page, "Requests per day")["2026-03-11"] == ["13", "3"]
    assert numbers(page, "Received per day")["2026-03-11"] == ["1.0 MB"]
    assert numbers(page, "Passes per day")["2026-03-10"] == ["0", "0", "0"]
    assert numbers(only, "Passes per day")["2026-03-11"] == ["0", "1", "1"]
    assert numbers(text_of(mirror, **asked, days=30), "Passes per day")["2026-03-01"] == ["1", "0", "0"]


def test_the_last_day_is_drawn_by_hours(mirror: Path) -> None:
    run(mirror, feed(mirror), "2026-03-11T09:59:00.000Z", created=4)

    drawn = numbers(text_of(mirror, days=1, at="2026-03-11T12:30:00Z", zone="UTC"), "Records written per hour")

    assert next(iter(drawn)) == "2026-03-10 13:00"
    assert list(drawn)[-1] == "2026-03-11 12:00"
    assert len(drawn) == 24
    assert drawn["2026-03-11 09:00"] == ["4", "0", "0"]


@pytest.mark.parametrize("at", ["2026-03-29T12:30:00Z", "2026-10-25T12:30:00Z"])
def test_hours_that_a_clock_skips_or_repeats_are_each_there_once(mirror: Path, at: str) -> None:
    run(mirror, feed(mirror), at.replace("12:30:00Z", "00:30:00.000Z"), created=4)

    page = text_of(mirror, days=1, at=at, zone="Europe/Berlin")

    figure = page.split('<span class="chart-title">Records written per hour</span>')[1].split("</figure>")[0]
    created = re.findall(r'<tr><th scope="row" dir="auto">[^<]+</th><td data-value="(\d+)">', figure)
    assert sorted(created) == ["0"] * 23 + ["4"]


def test_failures_stand_before_all_the_rest_and_passes_are_paged(mirror: Path) -> None:
    number = feed(mirror)
    for minute in range(60):
        run(mirror, number, ago(minutes=minute + 10), created=minute)
    run(mirror, number, ago(hours=5), "failed", error="upstream did not answer in time (504)")

    page = text_of(mirror)
    failed, latest = page.split('id="failures-title"')[1].split('id="passes"')
    older = re.search(r'<a rel="next" href="([^"]+)#passes"', latest)

    assert "did not answer in time" in failed
    assert "did not answer in time" not in latest.split("</table>")[0]
    assert latest.split("</table>")[0].count("<tr><td>") == 40
    assert older
    second = get(browse(mirror), older[1].replace("&amp;", "&")).text.split('id="passes"')[1].split("</table>")[0]
    assert second.count("<td><time") == 21
    assert "did not answer in time" in second


def test_stuck_records_are_shown_with_their_reason_and_bytes(mirror: Path) -> None:
    number = feed(mirror)
    raw = b'{"id": "m1", "subject": "' + b"x" * 5000 + b'\xff\x00"}'
    one = stuck(mirror, number, "m1", reason="ValueError: its id holds a NUL", tries=3, raw=raw)
    stuck(mirror, number, None, raw=b"<html>", gone_at=ago(hours=1))

    page = text_of(mirror).split('id="stuck"')[1]
    saved = get(browse(mirror), f"/sync/stuck/{one}")

    assert "its id holds a NUL" in page
    assert "ValueError" not in page
    assert "3 tries" in page
    assert "5.0 kB as upstream sent it" in page
    assert "&lt;html&gt;" in page
    assert "gone upstream since" in page
    assert "mirror retry work" in page
    assert "x" * 4001 not in page
    assert saved.content == raw
    assert saved.headers["content-type"] == "application/octet-stream"
    assert saved.headers["content-disposition"] == f'attachment; filename="stuck-messages-{one}.bin"'
    assert saved.headers["x-content-type-options"] == "nosniff"


def test_many_stuck_records_are_paged(mirror: Path) -> None:
    number = feed(mirror)
    for place in range(53):
        stuck(mirror, number, f"m{place}")

    first = text_of(mirror).split('id="stuck"')[1]
    older = re.search(r'<a rel="next" href="([^"]+)#stuck"', first)

    assert first.count('class="id"') == 50
    assert older
    assert get(browse(mirror), older[1]).text.split('id="stuck"')[1].count('class="id"') == 3


def test_how_feeds_stood_then_is_not_made_up(mirror: Path) -> None:
    number = feed(mirror)
    run(mirror, number, "2026-03-11T09:00:00.000Z")

    page = text_of(mirror, at="2026-03-11T12:00:00Z")

    assert "How the feeds stood then is not kept" in page
    assert 'class="mood"' not in page
    assert page.split('id="passes"')[1].count("<td><time") == 1


def test_the_demo_has_all_its_feeds_and_passes(demo: Datasette) -> None:
    page = get(demo, "/sync").text

    assert page.count('class="mood-good"') == 12
    assert 'src="/-/mirror/static/chart.js"' in page
    assert "Everything that upstream sent could be stored" in page
    assert page.count('data-chart="') == 4
    assert get(demo, "/sync", days=1, feed=5, account=1).status_code == 200


def test_an_empty_mirror_says_how_to_begin(quick_path: Path) -> None:
    page = text_of(blank_mirror(quick_path))

    assert "mirror account add NAME" in page
    assert "No pass yet" in page


def test_what_upstream_says_stays_text(mirror: Path) -> None:
    insert(mirror, "accounts", name=HOSTILE, email=HOSTILE, service=HOSTILE)
    insert(mirror, "calendars", name=HOSTILE)
    number = feed(mirror, "events", parent_id=1, error=HOSTILE, failures=1)
    run(mirror, number, ago(minutes=1), "failed", error=HOSTILE, kind="events")
    stuck(mirror, number, HOSTILE, reason=HOSTILE, raw=HOSTILE.encode())

    assert "<script>alert" not in text_of(mirror)


@pytest.mark.parametrize(
    "query", [{"feed": "999"}, {"feed": "x"}, {"days": "400"}, {"before": "x"}, {"account": "-"}, {"after": "x"}]
)
def test_what_can_not_be_asked_is_refused(demo: Datasette, query: dict[str, str]) -> None:
    assert get(demo, "/sync", **query).status_code == 400


@pytest.mark.parametrize("path", ["/sync/stuck/999", "/sync/stuck/99999999999999999999", "/sync/stuck/x"])
def test_what_is_not_stuck_is_not_found(demo: Datasette, path: str) -> None:
    assert get(demo, path).status_code == 404


def test_counting_reads_an_index_and_passes_are_found_by_theirs(demo_home: Path) -> None:
    conn = sqlite3.connect(demo_home / "mirror.db")
    given = {"feed": "", "account": "", "since": "2", "until": "3", "before": 1, "most": 9, "stretches": "[]"}
    plans = {
        name: [row[3] for row in conn.execute("EXPLAIN QUERY PLAN " + sql, given)]
        for name, sql in {
            **queries.ROWS,
            "over time": queries.OVER_TIME,
            "failures": queries.FAILURES,
            "latest": queries.LATEST,
        }.items()
    }
    conn.close()

    for name, plan in plans.items():
        assert not [line for line in plan if re.match(r"SCAN (messages|contacts|events|tasks|runs)\b", line)], (
            name,
            plan,
        )
