"""Sync: how each feed is doing, its runs, and what they cost."""

from __future__ import annotations

from typing import Any

ROUTES: list[tuple[str, Any]] = []
