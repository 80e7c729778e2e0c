"""Run by `test_planted_faults.py` in a process of its own, over a copy of the package with a fault in it.

Checks are the numbers of seeds, `stories`, or `test:` and the name of a test as pytest takes it. Says `caught` when one of
them notices; `missed` when none does.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from mirror.simulator.run import make_template, simulate
from mirror.simulator.small import Small

STORIES = (
    "create page sweep", "create sweep vanish sweep", "create sweep change crash sweep", "create sweep delete create sweep",
    "create sweep create change page expire create sweep vanish page crash sweep",
    "create sweep change sweep repeat sweep", "create sweep delete create sweep tell_late sweep", "create create sweep lie sweep",
    "create sweep delete sweep create sweep",
)  # fmt: skip


def short_stories(folder: Path, template: Path) -> list[str]:
    for number, story in enumerate(STORIES):
        for statement in range(4, 40, 3) if "crash" in story else (1,):
            home = folder / f"{number}-{statement}"
            home.mkdir()
            small = Small(home, template)
            for act in story.split():
                getattr(small, act)(*([statement] if act == "crash" else []))
            faults = small.faults()
            small.close()
            shutil.rmtree(home)
            if faults:
                return faults
    return []


def named_test(name: str) -> list[str]:
    """What a test says that fails over this copy of the package; nothing when it holds."""
    path = Path(__file__).resolve().parents[1] / name
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "--tb=line", "-p", "no:cacheprovider", str(path)],
        env={**os.environ, "PYTEST_ADDOPTS": ""},  # in this process's turn, not in workers of its own
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode not in (0, 1):
        raise RuntimeError(done.stdout + done.stderr)
    return [done.stdout.strip()] if done.returncode else []


def main(wanted: list[str]) -> str:
    with tempfile.TemporaryDirectory() as name:
        template = make_template(Path(name))
        for check in wanted:
            if check.startswith("test:"):
                faults = named_test(check.removeprefix("test:"))
            elif check == "stories":
                faults = short_stories(Path(name), template)
            else:
                faults = simulate(int(check), template=template).faults
            if faults:
                return f"caught by {check}: {faults[0].strip().splitlines()[-1]}"
    return "missed"


if __name__ == "__main__":
    sys.stdout.write(main(sys.argv[1:]) + "\n")
