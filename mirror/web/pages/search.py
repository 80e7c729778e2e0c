"""Search: one box over contacts, events, mail and tasks."""

from __future__ import annotations

from typing import Any

ROUTES: list[tuple[str, Any]] = []
