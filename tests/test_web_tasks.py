"""Tasks: what there is to do and by when, list by list; what is done; and one task with all that belongs to it."""

from __future__ import annotations

import json
import re
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from datasette.app import Datasette
from web_demo import blank_mirror, browse, get, insert

NOW = "2026-03-11T12:00:00Z"  # a Wednesday: pages are asked as of it, so that no test depends on today
HOSTILE = "<script>alert(1)</script>\"'>"


@pytest.fixture(scope="module")
def demo(demo_home: Path) -> Datasette:
    return browse(demo_home / "mirror.db")


@pytest.fixture
def mirror(quick_path: Path) -> Path:
    path = blank_mirror(quick_path)
    insert(path, "accounts", name="work")
    insert(path, "accounts", name="home")
    insert(path, "task_lists", title="Chores", is_default=1)
    insert(path, "task_lists", title="Garden", account_id=2, is_shared=1)
    return path


def task(path: Path, title: str, due: str | None = None, **more: Any) -> int:
    values = {"task_list_id": 1, "title": title, "status": "notStarted", "remote_id": title[:40]}
    return insert(path, "tasks", **{**values, "due_at": f"{due}.000Z" if due else None, **more})


def text_of(path: Path, address: str = "/tasks", **query: Any) -> str:
    page = get(browse(path), address, **{"at": NOW, "zone": "Europe/Berlin", **query})
    assert page.status_code == 200, (page.status_code, page.text[-500:])
    return page.text


def groups(page: str) -> dict[str, list[str]]:
    """The titles under each heading."""
    found = {}
    for part in re.split(r'<h2 id="group-', page)[1:]:
        titles = re.findall(r'<a data-item href="[^"]+" dir="auto">([^<]*)</a>', part)
        found[part.split('"')[0]] = titles
    return found


def test_what_there_is_to_do_stands_by_when_it_is_due(mirror: Path) -> None:
    task(mirror, "yesterday", "2026-03-09T23:00:00")
    task(mirror, "today", "2026-03-10T23:00:00")
    task(mirror, "on Sunday", "2026-03-14T23:00:00")
    task(mirror, "on Monday", "2026-03-15T23:00:00")
    task(mirror, "some day")
    task(mirror, "done", "2026-03-10T23:00:00", status="completed", completed_at="2026-03-10T10:00:00.000Z")
    task(mirror, "deleted", "2026-03-10T23:00:00", deleted_at="2026-03-10T10:00:00.000Z", deletion="reported")

    assert groups(text_of(mirror)) == {
        "overdue": ["yesterday"], "today": ["today"], "week": ["on Sunday"], "later": ["on Monday"], "undated": ["some day"],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("due", "zone", "said", "late"),
    [
        ("2026-03-10T23:00:00", "Europe/Berlin", "Wed 11 Mar 2026", False),  # midnight there
        ("2026-03-11T00:00:00", "America/New_York", "Wed 11 Mar 2026", False),  # midnight in UTC is a date anywhere
        ("2026-03-10T23:00:00", "America/New_York", "Tue 10 Mar 2026, 19:00", True),
        ("2026-03-11T08:30:00", "Europe/Berlin", "Wed 11 Mar 2026, 09:30", True),
        ("2026-03-11T17:30:00", "Europe/Berlin", "Wed 11 Mar 2026, 18:30", False),
    ],
)
def test_a_due_day_is_the_readers(mirror: Path, due: str, zone: str, said: str, late: bool) -> None:
    number = task(mirror, "one", due)

    for page in (text_of(mirror, zone=zone), text_of(mirror, f"/tasks/{number}", zone=zone)):
        assert f'<span class="due{" is-late" if late else ""}">{said}' in page


def test_parts_stand_under_their_task_which_is_due_when_the_first_of_them_is(mirror: Path) -> None:
    task(mirror, "Party", remote_id="party")
    task(mirror, "Cake", "2026-03-11T00:00:00", parent_remote_id="party", position="2")
    task(mirror, "Guests", parent_remote_id="party", position="1")
    task(mirror, "Flour", parent_remote_id="Cake")
    task(mirror, "Music", parent_remote_id="party", status="completed")
    task(mirror, "Orphan", parent_remote_id="somewhere else")
    task(mirror, "Party", remote_id="party", task_list_id=2, account_id=2)  # the same id in another list

    page = text_of(mirror)

    assert groups(page) == {"today": ["Party", "Guests", "Cake", "Flour"], "undated": ["Orphan", "Party"]}
    assert re.findall(r'class="task deep-(\d)"', page) == ["0", "1", "1", "2", "0", "0"]
    assert "1 of 3 parts done" in page


def test_tasks_that_are_parts_of_each_other_are_all_there_once(mirror: Path) -> None:
    for name, above in (("a", "b"), ("b", "c"), ("c", "a"), ("self", "self")):
        task(mirror, name, parent_remote_id=above)

    page = text_of(mirror)

    assert sorted(groups(page)["undated"]) == ["a", "b", "c", "self"]
    assert get(browse(mirror), "/tasks/1").status_code == 200


def test_a_thousand_parts_within_parts_are_no_trouble(mirror: Path) -> None:
    conn = sqlite3.connect(mirror)
    with conn:
        conn.executemany(
            "INSERT INTO tasks (account_id, task_list_id, remote_id, observed_at, seq, generation, title, parent_remote_id, raw)"
            " VALUES (1, 1, ?, '2026-01-05T09:00:00.000Z', ?, 1, ?, ?, '{}')",
            [(f"t{n}", 1000 + n, f"part {n}", f"t{n - 1}" if n else None) for n in range(1000)],
        )
    conn.close()

    page = text_of(mirror)

    assert len(groups(page)["undated"]) == 300
    assert "More tasks are open than are shown here" in page


def test_lists_are_told_by_account_with_how_much_is_open(mirror: Path) -> None:
    task(mirror, "one")
    task(mirror, "two", status="completed", completed_at="2026-03-01T09:00:00.000Z")
    task(mirror, "three", task_list_id=2, account_id=2)

    page = text_of(mirror)
    assert groups(text_of(mirror, list=2)) == {"undated": ["three"]}
    assert groups(text_of(mirror, account=1)) == {"undated": ["one"]}
    assert re.findall(r'href="/tasks\?list=(\d)[^"]*"[^>]*><span dir="auto">(\w+)', page) == [
        ("2", "Garden"),
        ("1", "Chores"),
    ]
    assert "<small>shared</small>" in page
    assert '<b title="1 done">1</b>' in page


def test_what_is_done_is_listed_newest_first_and_paged(mirror: Path) -> None:
    for number in range(70):
        done_at = f"2026-02-{1 + number // 10:02}T09:00:00.000Z"  # ten at each moment
        task(mirror, f"done {number}", status="completed", completed_at=done_at)
    task(mirror, "open")

    first = text_of(mirror, done=1)
    older = re.search(r'<a rel="next" href="([^"]+)"', first)
    assert older
    second = get(browse(mirror), older[1].replace("&amp;", "&")).text

    titles = re.compile(r'dir="auto">(done \d+)</a>')
    assert titles.findall(first) + titles.findall(second) == [f"done {number}" for number in reversed(range(70))]
    assert "at=2026-03-11" in older[1]


def test_done_lately_is_folded_beneath(mirror: Path) -> None:
    task(mirror, "open")
    task(mirror, "done", status="completed", completed_at="2026-03-10T10:00:00.000Z")
    task(mirror, "done some time", status="completed", modified_at="2026-03-09T10:00:00.000Z")

    page = text_of(mirror).split('<details class="recently panel">')[1]
    assert re.findall(r'dir="auto">([^<]+)</a>', page.split("</ol>")[0]) == ["done", "done some time"]
    assert "by Mon 9 Mar 2026" in text_of(mirror, done=1)  # upstream did not say when


def test_lists_that_are_gone_hold_nothing_to_do(mirror: Path) -> None:
    gone = insert(mirror, "task_lists", title="Old", deleted_at="2026-03-01T09:00:00.000Z", deletion="absent")
    number = task(mirror, "stale", task_list_id=gone)

    assert "stale" not in text_of(mirror)
    assert "Its list is gone upstream" in text_of(mirror, f"/tasks/{number}")
    assert get(browse(mirror), "/tasks", list=gone).status_code == 404


def test_a_task_has_all_its_fields(mirror: Path) -> None:
    raw = {
        "categories": ["Deep work"],
        "links": [{"source": "mail", "description": "Re: Tea", "link": "javascript:alert(1)"}],
    }
    task(mirror, "Party", remote_id="party")
    number = task(
        mirror, "Cake", "2026-03-20T00:00:00", parent_remote_id="party", remote_id="cake", importance="high", status="inProgress",
        starts_at="2026-03-18T00:00:00.000Z", notes="two <eggs>\nflour", owner="Ada", raw=json.dumps(raw),
    )  # fmt: skip
    task(mirror, "Icing", parent_remote_id="cake", status="completed")
    task(mirror, "Candles", parent_remote_id="cake")

    page = text_of(mirror, f"/tasks/{number}")

    for expected in (
        "in progress",
        "Fri 20 Mar 2026",
        "high",
        "Ada",
        "two &lt;eggs&gt;\nflour",
        ">Deep work<",
        "Chores",
        "1 of 2 done",
    ):
        assert expected in page
    assert re.search(r'aria-label="Where it stands">.*Chores</a> › <a [^>]*>Party</a></nav>', page)
    assert "<code>javascript:alert(1)</code>" in page
    assert 'href="javascript' not in page
    assert f'href="/history/tasks/{number}"' in page


def test_a_deleted_task_keeps_its_page(demo: Datasette, demo_home: Path) -> None:
    conn = sqlite3.connect(demo_home / "mirror.db")
    number, title = conn.execute("SELECT id, title FROM tasks WHERE deleted_at IS NOT NULL").fetchone()
    conn.close()

    page = get(demo, f"/tasks/{number}").text

    assert title in page
    assert "This is its last version" in page
    assert f'href="/tasks/{number}"' not in get(demo, "/tasks").text


def test_the_demo_has_something_in_every_list(demo: Datasette) -> None:
    page = get(demo, "/tasks").text
    for name in ("Tasks", "Work", "House &amp; garden", "Choir &amp; friends"):
        assert name in page
    assert groups(page)
    assert "SELECT" in page


def test_an_empty_mirror_says_how_tasks_come(quick_path: Path) -> None:
    page = get(browse(blank_mirror(quick_path)), "/tasks").text
    assert "There is no task list yet" in page
    assert "mirror sync" in page


def test_a_list_without_tasks_says_so(mirror: Path) -> None:
    assert "Nothing to do in this list" in text_of(mirror, list=1)
    assert "Nothing is done yet in this list" in text_of(mirror, list=1, done=1)


def test_hostile_tasks_stay_text(quick_path: Path) -> None:
    path = blank_mirror(quick_path)
    insert(path, "accounts", name=HOSTILE)
    insert(path, "task_lists", title=HOSTILE)
    raw = json.dumps(
        {"categories": [HOSTILE, 7, None, ["x"], "\ud800"], "links": [{"source": HOSTILE, "link": {"a": 1}}, "x"]}
    )
    number = task(
        path, HOSTILE, status=HOSTILE, importance=HOSTILE, notes="\u202e" + "x" * 5000, owner=HOSTILE, raw=raw
    )
    task(path, "", status="completed", completed_at="0001-01-01T00:00:00.000Z", due_at="9999-12-31T23:59:59.999Z")

    task(path, "the last moment", "9999-12-31T23:59:59")
    zones = [text_of(path, zone=zone, done=done) for zone in ("Asia/Tokyo", "America/New_York") for done in (0, 1)]
    for page in (
        *zones,
        text_of(path),
        text_of(path, f"/tasks/{number}"),
        text_of(path, done=1),
        text_of(path, list=1),
    ):
        assert "<script>alert" not in page


@pytest.mark.parametrize("query", [{"list": "x"}, {"account": "-1"}, {"before": "x", "done": "1"}, {"list": "9" * 30}])
def test_what_can_not_be_asked_is_refused(demo: Datasette, query: dict[str, str]) -> None:
    assert get(demo, "/tasks", **query).status_code == 400


@pytest.mark.parametrize("path", ["/tasks/999999", "/tasks/99999999999999999999", "/tasks/x"])
def test_what_is_not_there_is_not_found(demo: Datasette, path: str) -> None:
    assert get(demo, path).status_code == 404
