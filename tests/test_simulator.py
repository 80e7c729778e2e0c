"""The simulator: many seeds hold, a seed replays to the byte, and what goes wrong is told in short."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from mirror.cli import cli
from mirror.simulator.ledger import Entry, Place
from mirror.simulator.run import Result, make_template, relevant, shortened, simulate
from mirror.simulator.small import FEED, Small
from mirror.simulator.spoil import EVERY
from mirror.simulator.story import Story

SEEDS = 300 if os.environ.get("CI") else 110  # fewer do not meet every trouble


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_template(tmp_path_factory.mktemp("simulator"))


@pytest.fixture(scope="module")
def results(template: Path) -> list[Result]:
    return [simulate(seed, template=template) for seed in range(1, SEEDS + 1)]


def test_every_seed_ends_with_the_truth(results: list[Result]) -> None:
    failed = {f"mirror simulate --seed {result.seed}": result.faults for result in results if not result.ok}

    assert failed == {}


@pytest.mark.parametrize("seed", ["5", "7"])  # without a mirror of the mirror, and with a person there
def test_a_seed_tells_the_same_story_to_the_byte_in_every_process(seed: str) -> None:
    stories = [
        subprocess.run(
            [sys.executable, "-m", "mirror.cli", "simulate", "--seed", seed],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            check=True,
        ).stdout
        for hash_seed in ("1", "2")
    ]

    assert stories[0] == stories[1]
    assert stories[0].count(b"\n") > 50
    assert stories[0].endswith(f"seed {seed}: held\n".encode())


def test_the_seeds_meet_every_trouble_and_every_act(results: list[Result]) -> None:
    told = " ".join(str(line) for result in results for line in result.lines)

    missing = {name for name in EVERY if f"wire: {name}" not in told}
    assert not missing, missing
    for words in ("crash before", "the power goes", "is paused", "our clock is wrong", "re-created", "deleted silently",
                  "moved", "cancelled an instance", "all tokens have expired", "credentials have died", "accepted",
                  "far away, meanwhile", "it is to be made anew"):  # fmt: skip
        assert words in told, words


def test_decisions_that_are_left_out_do_not_change_the_draws_of_others() -> None:
    whole, without = Story(7), Story(7, {2})

    drawn = [[story.draw(1.0) for _ in range(3)] for story in (whole, without)]

    assert drawn[1][1] is None
    assert [one and one.random() for one in drawn[0]][::2] == [one and one.random() for one in drawn[1]][::2]


def test_who_is_not_in_every_story_does_not_change_the_draws_of_others() -> None:
    alone, visited = Story(7), Story(7)
    visitor = visited.beside()

    drawn = []
    for _ in range(3):
        visitor.draw(1.0)
        drawn.append([one and one.random() for one in (alone.draw(1.0), visited.draw(1.0))])

    assert all(one == other for one, other in drawn)
    assert len({one for one, _ in drawn}) == 3


def test_lines_that_do_not_concern_a_fault_are_left_out() -> None:
    story = Story(1)
    story.decided("t", "upstream of ada: deleted contacts abcdefghijkl")
    story.followed("t", "GET /contacts/sync/updated → 200 [#1#] end")
    story.followed("t", "GET /contacts/sync/updated → 200 [#2#] end")
    result = Result(
        1, faults=["ada contacts abcdefghijkl: state #2# is live, but upstream it is gone"], lines=story.lines
    )

    assert [line.text[-12:] for line in relevant(result)] == ["abcdefghijkl", "00 [#2#] end"]


def test_a_seed_that_held_has_no_shorter_story(template: Path) -> None:
    result = simulate(1, template=template)

    assert shortened(result, template=template, most_tries=1)[0].seed == 1
    assert result.ok


@pytest.fixture
def small(tmp_path: Path, template: Path) -> Small:
    made = Small(tmp_path, template)
    for _ in range(3):
        made.create()
    made.sweep()
    return made


def test_the_verdict_sees_a_record_that_is_missing(small: Small) -> None:
    small.ledger.write(Place("ada", "contacts", "", "z"), Entry(small.ledger.next(), {"id": "z"}))

    assert any("is upstream, and not here" in fault for fault in small.faults())


def test_the_verdict_sees_a_deletion_that_never_was(small: Small) -> None:
    small.source.drop(FEED, "a")

    assert any("upstream still had it" in fault for fault in small.faults())


def test_the_verdict_sees_a_version_that_was_never_told(small: Small) -> None:
    small.witness.told.clear()

    assert any("was never told" in fault for fault in small.faults())


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("UPDATE contacts SET name = 'x' WHERE remote_id = 'a'", "but raw says"),
        ("DELETE FROM contact_emails", "contact_emails is"),
        ("INSERT INTO contacts_fts (contacts_fts) VALUES ('delete-all')", "search index"),
        ("UPDATE change_order SET seq = 1", "order of change stands at"),
        ("UPDATE contacts SET seq = seq + 100, raw = replace(raw, '#1#', '#9#') WHERE remote_id = 'a'", "never told"),
    ],
)
def test_the_verdict_sees_a_file_that_was_meddled_with(small: Small, sql: str, said: str) -> None:
    small.store.conn.execute(sql)

    assert any(said in fault for fault in small.faults())


def test_the_command_says_what_held() -> None:
    result = CliRunner().invoke(cli, ["simulate", "--seeds", "2"])

    assert result.exit_code == 0, result.output
    assert "2 of 2 seeds held" in result.output
