"""The traps that others fell into, planted one by one in a copy of the package: each has to be noticed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
PLANTED = {path.stem: tomllib.loads(path.read_text()) for path in sorted((ROOT / "tests" / "planted").glob("*.toml"))}


def a_copy(folder: Path) -> Path:
    shutil.copytree(
        ROOT / "mirror", folder / "mirror", ignore=shutil.ignore_patterns("__pycache__", "static", "templates")
    )
    shutil.copy(ROOT / "schema.sql", folder / "schema.sql")
    return folder


def with_fault(folder: Path, fault: dict[str, Any]) -> Path:
    for edit in fault["edit"]:
        file = folder / edit["file"]
        text = file.read_text()
        times = text.count(edit["old"])
        assert times == 1, f"{edit['file']} has changed: what the fault replaces is there {times}×"
        file.write_text(text.replace(edit["old"], edit["new"]))
    return folder


def verdict(folder: Path, checks: list[str]) -> str:
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests" / "planted_check.py"), *checks],
        env={**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Future[str]]:
    """What is said of each fault, worked out two at a time."""
    pool = ThreadPoolExecutor(2)
    made = {
        name: pool.submit(
            lambda n, f: verdict(with_fault(a_copy(tmp_path_factory.mktemp(n)), f), f["checks"]), name, fault
        )
        for name, fault in PLANTED.items()
    }
    pool.shutdown(wait=False)
    return made


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_fault_is_caught(verdicts: dict[str, Future[str]], name: str) -> None:
    assert verdicts[name].result().startswith("caught by"), PLANTED[name]["trap"]


def test_without_a_fault_the_same_checks_find_nothing(tmp_path: Path) -> None:
    checks = sorted({check for fault in PLANTED.values() for check in fault["checks"]})

    assert verdict(a_copy(tmp_path), checks) == "missed"


def test_most_traps_are_planted() -> None:
    assert len({fault["trap"] for fault in PLANTED.values()}) >= 10
