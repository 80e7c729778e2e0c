"""The calendar: month, week and agenda, and a feed of it for other programs."""

from __future__ import annotations

from typing import Any

ROUTES: list[tuple[str, Any]] = []
