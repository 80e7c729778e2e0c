"""The words that phrases are filled with, and the filling: `[a|b]` is a choice, `{word}` comes from the conversation.

Pure text work on the tables of phrases; it stores nothing.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta

from mirror.sandbox.person_home import BOOKS, DISHES, PIECES, TOWNS
from mirror.sandbox.person_names import PARTNERS
from mirror.sandbox.person_work import PROJECTS, Project
from mirror.sandbox.person_year import HOME, MONTHS, WEEKDAYS

_CHOICE = re.compile(r"\[([^\[\]]*\|[^\[\]]*)\]")
_DOCUMENTS = ("interim report", "field report", "data report", "final report")
_PRICES = (6, 9, 14, 18, 24, 35, 42, 64, 85, 120)
_SUMS = (180, 240, 360, 480, 720, 960, 1_450, 2_890, 4_200)


def words(
    chance: random.Random,
    at: datetime,
    *,
    project: Project | None = None,
    other: str = "Jonas",
    client: str | None = None,
) -> dict[str, str]:
    """The words of one conversation that begins at that moment: its project, its place, its day a little later."""
    project = project or chance.choice(PROJECTS)
    soon = at.astimezone(HOME).date() + timedelta(days=chance.randint(3, 12))
    return {
        "day": WEEKDAYS[min(soon.weekday(), 4)],
        "date": f"{soon.day} {MONTHS[soon.month - 1]}",
        "month": MONTHS[soon.month - 1],
        "n": str(chance.randint(2, 9)),
        "many": str(chance.randint(11, 96)),
        "amount": f"€ {chance.choice(_SUMS):,}",
        "price": f"€ {chance.choice(_PRICES)}",
        # Counts on with the days, so that later issues have higher numbers.
        "issue": str(200 + (at.astimezone(HOME).date() - date(2024, 1, 1)).days),
        "Project": project.title,
        "project": project.title[0].lower() + project.title[1:],
        "place": project.place,
        "boat": project.boat,
        "instrument": project.instrument,
        "code": project.code,
        "doc": f"the {project.title.lower()} {chance.choice(_DOCUMENTS)}",
        "client": client or chance.choice(PARTNERS).name,
        "other": other,
        "first": other,
        "town": chance.choice(TOWNS),
        "dish": chance.choice(DISHES),
        "piece": chance.choice(PIECES),
        "book": chance.choice(BOOKS),
    }


def said(chance: random.Random, phrase: str, filling: Mapping[str, str]) -> str:
    """The phrase with its choices made and its words filled in, its first letter large."""
    while _CHOICE.search(phrase):
        phrase = _CHOICE.sub(lambda found: chance.choice(found[1].split("|")), phrase)
    filled = phrase.format_map(filling)
    return filled[:1].upper() + filled[1:]
