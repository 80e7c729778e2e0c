"""History: what changed in a period, what was deleted, and the versions of one record."""

from __future__ import annotations

from typing import Any

ROUTES: list[tuple[str, Any]] = []
