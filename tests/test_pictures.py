"""The README's pictures: there, small, of the size they are taken in, and all of them ones that the script makes again."""

from __future__ import annotations

import importlib.util
import re
import struct
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[1]
SCRIPT = ROOT / ".ci" / "pictures.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("pictures", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_there_is_a_picture_of_each_page_that_the_script_takes_and_no_other(script: ModuleType) -> None:
    assert {path.stem for path in script.FOLDER.glob("*")} == set(script.PICTURES)
    assert len(script.PICTURES) == 4


def test_the_pictures_are_as_the_script_takes_them(script: ModuleType) -> None:
    for name in script.PICTURES:
        written = (script.FOLDER / f"{name}.png").read_bytes()
        assert written.startswith(b"\x89PNG\r\n\x1a\n"), name
        assert struct.unpack(">II", written[16:24]) == (script.SIZE["width"], script.SIZE["height"]), name
        assert len(written) <= script.MOST_BYTES, name


def test_the_readme_shows_only_pictures_that_the_script_makes(script: ModuleType) -> None:
    shown = re.findall(r"\.ci/pictures/([\w.-]+)", (ROOT / "README.md").read_text(encoding="utf-8"))

    assert {Path(name).stem for name in shown if name.endswith(".png")} <= set(script.PICTURES)
    assert all((script.FOLDER / name).is_file() for name in shown)
