"""Tasks: the lists, what is due and what is done."""

from __future__ import annotations

from typing import Any

ROUTES: list[tuple[str, Any]] = []
