"""People: everybody one has to do with, across accounts and addresses."""

from __future__ import annotations

from typing import Any

ROUTES: list[tuple[str, Any]] = []
