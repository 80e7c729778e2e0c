"""Fixtures that everything shares. What needs files beside the checkout is skipped, with a reason, where they are absent."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with the vendor's API file and the corpus, which lies beside a developer's checkout."""
    if not SHARED.is_dir():
        pytest.skip("needs ../shared (the vendor's API file and the corpus) beside the checkout")
    return SHARED


@pytest.fixture(scope="session")
def corpus(shared: Path) -> Path:
    return shared / "corpus"
