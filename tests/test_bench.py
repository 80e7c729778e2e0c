"""The benchmarks still work: every case runs, every contender stores the same rows. How fast they are, is not asked here."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the smallest run of all cases has written; with dlt where it is installed, which CI does not ask for."""
    folder = tmp_path_factory.mktemp("bench")
    files = ["--json", str(folder / "run.json"), "--markdown", str(folder / "run.md"), "--folder", str(folder)]
    ran = subprocess.run(
        [sys.executable, str(ROOT / "bench" / "run.py"), "--small", *files],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip() == (folder / "run.md").read_text(encoding="utf-8").strip()
    assert [path.name for path in folder.iterdir() if path.is_dir()] == []
    document: dict[str, Any] = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    return document


def rows(told: dict[str, Any], case: str, contender: str) -> list[dict[str, Any]]:
    return [row for row in told["rows"] if row["case"] == case and row["contender"] == contender]


def test_a_small_run_has_figures_for_every_case(told: dict[str, Any]) -> None:
    cases = {row["case"] for row in told["rows"]}

    assert cases == {
        "first sync", "no change", "1 % changed", "listed again, 1 % changed", "resumed after kill -9", "8 accounts at once",
        "the same in one account", "8 accounts at once, 100 ms away", "the same in one account, 100 ms away",
        "idle feeds, no change", "mirror status", "mirror --help", "python -c pass",
    }  # fmt: skip
    assert all(row["wall_s"] > 0 and row["cpu_s"] > 0 and row["rss_mb"] > 1 for row in told["rows"])
    assert {row["kind"] for row in rows(told, "first sync", "mirror sync")} == {
        "contacts",
        "messages",
        "events",
        "tasks",
    }
    assert told["machine"]["cores"] >= 1


def test_the_mirror_is_compared_with_both_floors_over_the_same_rows(told: dict[str, Any]) -> None:
    for floor in ("floor, a commit a page", "floor, 10,000 rows a commit"):
        compared = rows(told, "first sync", floor)

        assert {row["kind"] for row in compared} == {"contacts", "messages"}
        assert all(row["mirror_against_it"]["cpu"] > 0 for row in compared)


def test_a_pass_without_changes_writes_nothing_and_asks_once_for_each_cursor(told: dict[str, Any]) -> None:
    (idle,) = rows(told, "idle feeds, no change", "mirror sync")

    assert idle["told"]["records_written"] == 0
    assert idle["told"]["requests"] == idle["told"]["requests_wanted"]


def test_a_killed_sync_goes_on_where_it_was(told: dict[str, Any]) -> None:
    (resumed,) = rows(told, "resumed after kill -9", "mirror sync")

    assert resumed["told"]["pages_then"] <= resumed["told"]["pages_there_are"] + 1  # caught up is asked for once more


@pytest.mark.parametrize("what", ["first sync of contacts", "first sync of mails", "full re-listing", "8 accounts", "no-change",
                                  "peak RSS", "mirror status", "mirror --help"])  # fmt: skip
def test_every_target_that_a_small_run_can_tell_of_has_a_figure(told: dict[str, Any], what: str) -> None:
    assert [one for one in told["targets"] if one["what"].startswith(what)]


def test_the_mirrors_own_api_is_measured_over_all_its_pages() -> None:
    ran = subprocess.run(
        [sys.executable, str(ROOT / "bench" / "local_api.py"), "--small"],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip

    assert ran.returncode == 0, ran.stderr
    feed, nothing_new, single = ran.stdout.splitlines()
    assert re.fullmatch(
        r"feed: \d{3} records in 2 pages, \d+ MB: [\d,]+ records/s; the server's CPU: \d+ µs a record", feed
    )
    assert nothing_new.startswith("nothing new: p50 ")
    assert single.startswith("GET of one: p50 ")


def test_the_readmes_table_says_what_the_kept_results_say() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    section = readme[readme.index("## How quick it is") : readme.index("## What it promises")]
    runs = json.loads((ROOT / "bench" / "results.json").read_text(encoding="utf-8"))
    found = {one["what"]: one for run in reversed(runs) for one in run["targets"]}
    lines = [re.split(r" *\| *", line)[1:-1] for line in section.splitlines() if line.startswith("| ")][1:]

    assert len(lines) > 12
    for what, measured, at_least, verdict in lines:
        told = found[what]
        assert (measured, at_least, verdict) == (told["measured"], told["at_least"], "" if told["met"] else "missed")
    assert {what for what, one in found.items() if not one["met"] and "page 250" in what} <= {line[0] for line in lines}
    assert all(row["rounds"] >= 5 for run in runs for row in run["rows"])
