"""The README's calls of Aurinko's quickstarts, run as they stand there, against a mirror whose upstream can't be reached."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from local_served import served_api
from mirror_cli import Cli, Served, Upstream

README = (Path(__file__).resolve().parents[1] / "README.md").read_text(encoding="utf-8")
(BLOCK,) = (block for block in re.findall(r"^```sh\n(.*?)^```$", README, re.S | re.M) if "/v1/" in block)
CALLS = [call.replace("\\\n", " ") for call in re.split(r"\n+(?=curl )", BLOCK.strip())]
(NEW_TOKEN,) = re.findall(r"^mirror (token new .*?) +#", README, re.M)
BEFORE, AFTER = re.search(r'^- base_url = "(.*)"\n\+ base_url = "(.*)"$', README, re.M).groups()  # type: ignore[union-attr]  # or fail


@pytest.fixture
def url(mirrored: Cli, served: Served) -> Iterator[str]:
    mirrored("account", "writable", "work", "on")
    served.unplug()
    with served_api(mirrored) as url:
        yield f"{url}/v1"


def run(calls: list[str], url: str, token: str) -> list[Any]:
    """What each call answers. `{name}` stands for what the last answer with that name in it says."""
    known: dict[str, str] = {}
    answers: list[Any] = []
    for call in calls:
        typed = re.sub(r"\{(\w+)\}", lambda found: known[found[1]], call).replace("<token>", token).replace(AFTER, url)
        words = shlex.split(typed.replace("curl ", "curl -sS --fail-with-body --noproxy '*' ", 1))
        ran = subprocess.run(words, capture_output=True, text=True, check=False, timeout=30)
        assert ran.returncode == 0, (call, ran.stdout, ran.stderr)
        answers.append(json.loads(ran.stdout))
        known.update((name, value) for name, value in answers[-1].items() if isinstance(value, str))
    return answers


def test_the_quickstarts_of_the_readme_run_offline(mirrored: Cli, upstream: Upstream, url: str) -> None:
    token = mirrored(*shlex.split(NEW_TOKEN)).out.strip()

    answers = run(CALLS, url, token)
    again = run(CALLS[:2], url, token)

    everything, nothing, gone = (sorted(record["id"] for record in answer["records"]) for answer in answers[1:4])
    assert (everything, nothing, gone) == (sorted(upstream.ids("contacts")), [], [])
    created, changed = answers[4:6]
    assert changed["record"]["nickName"] == "Countess"
    assert changed["id"] == created["id"]
    assert created["id"] in [record["id"] for record in again[1]["records"]]
    assert answers[-1]["records"] == [answers[-2]["record"]]
    assert answers[-1]["records"][0]["location"] == "The garden"


def test_a_program_needs_another_base_url_and_nothing_else() -> None:
    assert (BEFORE, AFTER) == ("https://api.aurinko.io/v1", "http://127.0.0.1:8801/v1")
    assert all(f"{AFTER}/" in call for call in CALLS)
    assert {re.search(r"/v1/(\w+)", call)[1] for call in CALLS} == {"contacts", "calendars"}  # type: ignore[index]  # or fail
