"""Contacts: the address book, and the card of one."""

from __future__ import annotations

from typing import Any

ROUTES: list[tuple[str, Any]] = []
