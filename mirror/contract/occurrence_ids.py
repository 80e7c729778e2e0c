"""Ids for the instances of a series that have no record: the master's id and the original start, as Google builds them."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from mirror.contract.spans import EARLIEST, moment_of


def occurrence_id(master_id: str, original_start: dict[str, str]) -> str:
    """The id of one instance of a series, as Google builds it: the master's id and the original start."""
    moment = moment_of(original_start) or EARLIEST
    return f"{master_id}_{moment:%Y%m%d}" if "dateOnly" in original_start else f"{master_id}_{moment:%Y%m%dT%H%M%SZ}"


def occurrence_of(event_id: str) -> tuple[str, datetime] | None:
    """The master's id and the original start that an id made by `occurrence_id` names."""
    match = re.fullmatch(r"(.+)_(\d{8}(?:T\d{6}Z)?)", event_id, re.DOTALL)
    if match is None:
        return None
    form = "%Y%m%dT%H%M%SZ" if "T" in match[2] else "%Y%m%d"
    try:
        return match[1], datetime.strptime(match[2], form).replace(tzinfo=UTC)
    except ValueError:
        return None
