"""Real curl against a mirror whose upstream can't be reached: the calls of Aurinko's quickstarts as they stand in the README,
and the calls that the vendor's own file gives for contacts and calendars.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from local_served import new_token, served_api
from mirror_cli import Cli, Upstream
from openapi import api
from test_local_told_at_once import listening

README = (Path(__file__).resolve().parents[1] / "README.md").read_text(encoding="utf-8")
BLOCK, SUBSCRIBING = (block for block in re.findall(r"^```sh\n(.*?)^```$", README, re.S | re.M) if "/v1/" in block)
CALLS = re.split(r"\n+(?=curl )", BLOCK[BLOCK.index("curl ") :].strip())
(NEW_TOKEN,) = re.findall(r"^mirror (token new .*?) +#", README, re.M)
BEFORE, AFTER = re.search(r'^- base_url = "(.*)"\n\+ base_url = "(.*)"$', README, re.M).groups()  # type: ignore[union-attr]  # or fail
HOME = "ada@example.org"

# What is wrong with a sample of the vendor's file, and what it gets for it.
WRONG = {
    "PATCH /v1/contacts/{contId}": 400,  # its body is not JSON
    "GET /v1/calendars/{calendarId}/events/find": 400,  # it asks for ICalUid, where the parameter is iCalUId
}
ELSEWHERE = "GET /v1/calendars/{calendarId}/events/{eventId}/attachments/{attachmentId}"  # calls for that of a mail

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")


@pytest.fixture
def url(cli: Cli, upstream: Upstream) -> Iterator[str]:
    """The mirror's own API, for which upstream has gone away. In the calendar is a series, besides."""
    times = {name: {"dateTime": f"2020-04-01T{hour}:00:00Z"} for name, hour in (("start", 10), ("end", 11))}
    weekly = {"ical": {"rules": ["RRULE:FREQ=WEEKLY"]}}
    upstream.create("events", {**times, "recurrence": weekly}, parent=HOME, remote_id="series")
    cli.add("work", upstream)
    assert cli("sync").code == 0
    cli("account", "writable", "work", "on")
    upstream.served.unplug()
    with served_api(cli) as url:
        yield f"{url}/v1"


def typed(call: str, base: str, url: str, *more: str) -> tuple[int, Any]:
    """The status and the answer of a call to `base`, made to `url` instead."""
    said = ["-sS", "--noproxy", "*", "-w", "\n%{http_code}", *more]
    command, *words = shlex.split(call.replace("\\\n", " ").replace(base, url), comments=True)
    ran = subprocess.run([command, *said, *words], capture_output=True, text=True, check=False, timeout=30)
    assert ran.returncode == 0, (call, ran.stderr)
    content, _, status = ran.stdout.rpartition("\n")
    return int(status), json.loads(content) if content else None


def run(calls: list[str], url: str, token: str) -> list[Any]:
    """What each call of the README answers. `{name}` stands for what the last answer with that name in it says."""
    known = {"token": token}
    answers: list[Any] = []
    for call in calls:
        call = re.sub(r"[{<](\w+)[}>]", lambda found: known[found[1]], call)
        status, answer = typed(call, AFTER, url)
        assert status in (200, 201), (call, answer)
        answers.append(answer)
        known.update((name, value) for name, value in answer.items() if isinstance(value, str))
    return answers


def test_the_quickstarts_of_the_readme_run_offline(cli: Cli, upstream: Upstream, url: str) -> None:
    token = cli(*shlex.split(NEW_TOKEN)).out.strip()

    answers = run(CALLS, url, token)
    again = run(CALLS[:2], url, token)

    everything, nothing, gone = (sorted(record["id"] for record in answer["records"]) for answer in answers[1:4])
    assert (everything, nothing, gone) == (sorted(upstream.ids("contacts")), [], [])
    created, changed = answers[4:6]
    assert changed["record"]["nickName"] == "Countess"
    assert changed["id"] == created["id"]
    assert created["id"] in [record["id"] for record in again[1]["records"]]
    assert answers[-2]["record"] in answers[-1]["records"]
    assert answers[-2]["record"]["location"] == "The garden"


def test_a_program_is_told_of_changes_as_the_readme_says(cli: Cli, url: str) -> None:
    call, told_at = SUBSCRIBING[: SUBSCRIBING.index("\nmirror ")], "http://127.0.0.1:9000/told"
    token = cli(*shlex.split(NEW_TOKEN)).out.strip()
    with listening(cli) as (program, listens_at):
        status, made = typed(call.replace("<token>", token).replace(told_at, listens_at), AFTER, url)
        assert cli("edit", "contact", "1", "nickName=edited").code == 0
        told = program.next()

    assert (status, told["subscription"]) == (200, made["id"])
    assert told_at in call
    assert [one["changeType"] for one in told["payloads"]] == ["updated"]


def test_a_program_needs_another_base_url_and_nothing_else() -> None:
    assert (BEFORE, AFTER) == ("https://api.aurinko.io/v1", "http://127.0.0.1:8801/v1")
    assert all(f"{AFTER}/" in call for call in CALLS)
    assert {re.search(r"/v1/(\w+)", call)[1] for call in CALLS} == {"contacts", "calendars"}  # type: ignore[index]  # or fail


def samples() -> dict[str, str]:
    """The calls for contacts and calendars; in the end what deletes."""
    found = {
        f"{verb.upper()} {path}": sample["source"]
        for path, item in api()["paths"].items()
        if path.startswith(("/v1/contacts", "/v1/calendars"))
        for verb, operation in item.items()
        if verb != "parameters"
        for sample in operation.get("x-codeSamples", ())
        if sample["lang"] == "cURL" and f"{verb.upper()} {path}" != ELSEWHERE
    }
    return dict(sorted(found.items(), key=lambda one: one[0].startswith("DELETE")))


@pytest.mark.shared
def test_the_calls_in_the_vendors_own_file_run_offline(shared: Path, cli: Cli, upstream: Upstream, url: str) -> None:
    known = {"access token": new_token(cli, "tests"), "contId": upstream.ids("contacts")[0], "calendarId": "primary",
             "masterId": "series", "eventId": upstream.ids("events", HOME)[0]}  # fmt: skip
    tokens: dict[str, str] = {}
    statuses: dict[str, int] = {}

    for name, call in samples().items():
        known["id"] = known["contId" if "/contacts/" in name else "eventId"]
        call = re.sub(r"[{<]([\w ]+)[}>]", lambda found: known[found[1]], call)
        call = call.replace(
            "a8b7c6d5e4f3g2h1", tokens.get("syncDeletedToken" if "deleted" in name else "syncUpdatedToken", "")
        )
        # The file requires the header, and its samples leave it out.
        etag = ["-H", "If-Match: *"] if name.startswith("PATCH ") else []
        statuses[name], answer = typed(call, BEFORE, url, *etag)
        tokens.update(answer if name.endswith("/sync") else {})

    wrong = {name: status for name, status in statuses.items() if status not in (200, 201)}
    assert wrong == WRONG
    assert len(statuses) == 25
