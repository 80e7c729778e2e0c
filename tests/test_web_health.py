"""What programs ask of the pages: `/-/metrics`, read by Prometheus' own parser, and `/-/health`."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from datasette.app import Datasette
from prometheus_client.parser import text_string_to_metric_families
from test_web_password import PASSWORD, ask
from web_demo import blank_mirror, browse, get, insert

from mirror import __version__
from mirror.health import STATES
from mirror.web import create_datasette
from mirror.web.access import Access, hash_of

ODD = 'wörk "at" C:\\home\nnext'


def ago(**span: float) -> str:
    return (datetime.now(UTC) - timedelta(**span)).strftime("%Y-%m-%dT%H:%M:%S.000Z")


@pytest.fixture
def path(quick_path: Path) -> Path:
    """A mirror with two accounts in it, of which one is well."""
    made = blank_mirror(quick_path)
    well = insert(made, "accounts", name="home", created_at=ago(days=9))
    odd = insert(made, "accounts", name=ODD, status="needs_auth", created_at=ago(days=9))
    insert(made, "accounts", name="gone", removed_at=ago(days=1))
    for account in (well, odd):
        for kind in ("messages", "contacts"):
            insert(made, "feeds", account_id=account, kind=kind, state="following", caught_up_at=ago(seconds=30),
                   total_runs=7, total_failed=2, total_requests=40, total_bytes=12345)  # fmt: skip
        insert(made, "contacts", account_id=account, remote_id="a")
        insert(made, "contacts", account_id=account, remote_id="b", deleted_at=ago(days=1), deletion="reported")
    return made


def metrics(datasette: Datasette) -> dict[str, dict[tuple[str, ...], float]]:
    """Every sample by its name and the values of its labels."""
    answer = get(datasette, "/-/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(answer.text):
        assert family.documentation
        for sample in family.samples:
            values = found.setdefault(sample.name, {})
            assert tuple(sample.labels.values()) not in values  # each series once
            values[tuple(sample.labels.values())] = sample.value
    return found


def test_metrics_are_read_by_prometheus_and_say_how_each_account_and_feed_does(path: Path) -> None:
    found = metrics(browse(path))

    assert found["mirror_info"] == {(__version__,): 1}
    assert found["mirror_healthy"] == {(): 0}
    assert {place: value for place, value in found["mirror_account_state"].items() if value} == {
        ("home", "healthy"): 1,
        (ODD, "needs_auth"): 1,
    }
    assert found["mirror_records"]["home", "contacts"] == 1
    assert found["mirror_feeds"][ODD, "messages", "following"] == 1
    assert 29 < found["mirror_feed_age_seconds"]["home", "messages"] < 90
    assert found["mirror_feed_runs_total"]["home", "messages"] == 7
    assert found["mirror_feed_failed_runs_total"]["home", "messages"] == 2
    assert found["mirror_feed_requests_total"]["home", "messages"] == 40
    assert found["mirror_feed_received_bytes_total"]["home", "messages"] == 12345
    assert not [place for values in found.values() for place in values if "gone" in place]


def test_there_are_few_series_however_many_calendars_there_are(path: Path) -> None:
    before = sum(len(values) for values in metrics(browse(path)).values())
    for number in range(40):
        calendar = insert(path, "calendars", account_id=1, remote_id=f"c{number}")
        insert(
            path, "feeds", account_id=1, kind="events", parent_id=calendar, state="following", caught_up_at=ago(hours=1)
        )

    assert sum(len(values) for values in metrics(browse(path)).values()) <= before + 8
    assert metrics(browse(path))["mirror_feeds"]["home", "events", "following"] == 40


def test_stuck_records_are_counted_while_upstream_has_them(path: Path) -> None:
    for remote_id, gone_at in (("x", None), ("y", None), ("z", ago(hours=1))):
        insert(path, "stuck", account_id=1, feed_id=1, kind="messages", remote_id=remote_id, reason="odd", raw=b"{}",
               first_at=ago(hours=2), last_at=ago(hours=1), gone_at=gone_at)  # fmt: skip

    assert metrics(browse(path))["mirror_stuck_records"]["home", "messages"] == 2


def test_a_new_account_has_no_age(quick_path: Path) -> None:
    path = blank_mirror(quick_path)
    insert(path, "accounts", name="new")
    insert(path, "feeds", account_id=1, kind="messages", state="new")

    found = metrics(browse(path))

    assert "mirror_feed_age_seconds" not in found
    assert found["mirror_account_state"]["new", "new"] == 1
    assert found["mirror_healthy"] == {(): 1}


def test_the_health_page_is_503_while_something_is_wrong_and_200_when_all_is_well(path: Path) -> None:
    sick = get(browse(path), "/-/health")
    with sqlite3.connect(path) as conn:
        conn.execute("UPDATE accounts SET status = 'paused' WHERE status = 'needs_auth'")
    conn.close()
    well = get(browse(path), "/-/health")

    assert (sick.status_code, sick.json()["healthy"]) == (503, False)
    assert {one["name"]: one["state"] for one in sick.json()["accounts"]} == {"home": "healthy", ODD: "needs_auth"}
    assert (well.status_code, well.json()["healthy"]) == (200, True)
    assert well.headers["cache-control"] == "no-store"


def test_the_health_page_tells_the_command_that_helps_and_since_when(path: Path) -> None:
    insert(path, "health", account_id=2, state="needs_auth", since="2026-01-05T09:00:00.000Z")

    said = get(browse(path), "/-/health").json()["accounts"][1]

    assert said["since"] == "2026-01-05T09:00:00.000Z"
    assert said["command"].startswith("mirror account login ")


def test_how_long_is_too_long_is_as_the_person_has_set_it(path: Path) -> None:
    with sqlite3.connect(path) as conn:
        conn.execute("UPDATE feeds SET caught_up_at = ?", [ago(hours=30)])
        conn.execute("UPDATE accounts SET status = 'active'")
    conn.close()
    before = get(browse(path), "/-/health").status_code
    (path.parent / "mirror.toml").write_text("[health]\nstale_after_s = 172800\n")

    assert (before, get(browse(path), "/-/health").status_code) == (503, 200)


@pytest.mark.parametrize("where", ["/-/metrics", "/-/health"])
def test_where_there_is_a_password_it_is_asked_for(path: Path, where: str) -> None:
    guarded = create_datasette(path, access=Access(hash_of(PASSWORD), "a-secret", "0.0.0.0"))

    def answer(**more: Any) -> httpx.Response:
        return ask(guarded, where, **more)

    assert answer().status_code == 401
    assert "home" not in answer().text
    assert answer(auth=("owner", PASSWORD)).status_code in (200, 503)


@pytest.mark.parametrize("where", ["/-/metrics", "/-/health"])
def test_nothing_secret_is_in_it(path: Path, where: str) -> None:
    with sqlite3.connect(path) as conn:
        conn.execute("UPDATE feeds SET cursor = 'a-cursor', error = 'RetryLater: Bearer abc'")
        conn.execute("UPDATE accounts SET email = 'ada@example.org', status_detail = 'odd'")
    conn.close()

    text = get(browse(path), where).text

    assert not [word for word in ("a-cursor", "Bearer", "ada@example.org") if word in text]


def test_every_state_is_a_series_so_that_an_alert_can_be_written_before_it_happens(path: Path) -> None:
    assert {state for _, state in metrics(browse(path))["mirror_account_state"]} == set(STATES)
