"""Mail: folders, lists, threads, one mail and what is attached to it."""

from __future__ import annotations

from typing import Any

ROUTES: list[tuple[str, Any]] = []
