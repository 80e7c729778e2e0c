"""How fields and values are named to a person: names that are close, values cut to a length that can be read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

UNFIT = re.compile("[\x00\ud800-\udfff]")
LONGEST = 60


def meant(written: str, known: Iterable[str]) -> str:
    """“; did you mean …?”, where something known is close; else nothing."""
    by_letters = {letters(name): name for name in known}
    close = get_close_matches(letters(written)[:100], by_letters, n=1, cutoff=0.6)
    return f"; did you mean {by_letters[close[0]]}?" if close else ""


def letters(name: str) -> str:
    """A name without what people forget: case, underscores, blanks."""
    return "".join(letter for letter in name.lower() if letter.isalnum())


def shown(value: Any) -> str:
    """A value in a sentence, text in quotes."""
    return f"“{cut(value)}”" if isinstance(value, str) else cut(json.dumps(value, ensure_ascii=False))


def cut(written: str) -> str:
    return UNFIT.sub("\ufffd", written if len(written) <= LONGEST else written[: LONGEST - 1] + "…")
