"""One event: when, where, who, and whether they come."""

from __future__ import annotations

from typing import Any

ROUTES: list[tuple[str, Any]] = []
