"""What single dates in the synthetic person's calendars are called, as tables of phrases in the notation of `person_work`."""

# One sort of date a line, however long: it is a table.
# ruff: noqa: E501

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DateKind:
    """A sort of appointment. Without a circle nobody else comes."""

    subject: str
    circle: str = ""
    people: tuple[int, int] = (1, 1)
    hours: tuple[int, ...] = (9, 10, 11, 13, 14, 15)
    minutes: tuple[int, ...] = (30, 45, 60)
    place: str | None = None
    notes: str | None = None
    private: bool = False


WORK_DATES: tuple[DateKind, ...] = (
    DateKind("{Project}: [planning|next steps|open questions]", "team", (2, 6), place="Pier 4, [big|small] room",
             notes="Agenda:\n1. Where we are\n2. {place}\n3. Who needs {boat}, and when"),
    DateKind("{Project}: [review|results|line plan] with {client}", "partner", (2, 7), minutes=(60, 90), place="[Harbour House|Building C|Pier 4, big room]",
             notes="Please read the summary of {code} before."),
    DateKind("Survey day {place}", "team", (2, 4), (7, 8), (420, 480), "{boat}, pontoon 2", "Low water at half past {n}. Bring boots, lunch and the {instrument}."),
    DateKind("Site visit {place}", "partner", (2, 8), minutes=(90, 120), place="Meeting point: gatehouse", notes="Helmets are provided."),
    DateKind("Lunch with {first}", "partner", (1, 2), (12,), (60,), "Café Anker"),
    DateKind("Coffee with {first}", "team", (1, 1), (10, 15), (30,), "Kitchen"),
    DateKind("Interview: intern {Project}", "team", (2, 3), minutes=(45,), place="Small room", notes="Portfolio is in the shared folder."),
    DateKind("Training: {instrument}", "team", (4, 12), (9, 13), (120, 180), "Workshop", "Hands dirty, phones off."),
    DateKind("Call: {client}", "partner", (1, 3), minutes=(15, 30), notes="About {code} and the dates in {month}."),
    DateKind("Handover {code}", "partner", (2, 5), minutes=(60,), notes="Data, report, and a piece of cake."),
    DateKind("Budget {month}", "team", (2, 3), minutes=(60,), place="Small room"),
    DateKind("Write {code} report", hours=(9, 14), minutes=(120, 180)),
    DateKind("Presentation: {Project}", "partner", (5, 12), (14, 16), (60,), "Lecture hall", "Eighteen minutes and questions."),
)  # fmt: skip

HOME_DATES: tuple[DateKind, ...] = (
    DateKind("Dentist", hours=(8, 11), minutes=(30,), place="Praxis Ohlsen", private=True),
    DateKind("Parents' evening", hours=(19,), minutes=(90,), place="Grundschule am Fleet, room 14"),
    DateKind("Dinner with {first}", "friend", (1, 4), (19,), (150,), "[at ours|at theirs|Zum alten Speicher]", "We bring {dish}."),
    DateKind("Cinema: the one about lighthouses", "friend", (1, 2), (20,), (120,), "Little cinema"),
    DateKind("Sailing with {first}", "friend", (1, 3), (10,), (300,), "Jetty C", "If the wind plays along."),
    DateKind("Phone call with {first}", "friend", (1, 1), (20,), (45,)),
    DateKind("Book club", "friend", (3, 6), (19,), (120,), "at {first}'s"),
    DateKind("Haircut", hours=(9, 17), minutes=(45,), place="Salon Kamm & Wind", private=True),
    DateKind("Bicycle to the workshop", hours=(8,), minutes=(15,), place="Radwerk Altona"),
    DateKind("Children's party: bring {dish}", hours=(15,), minutes=(180,)),
    DateKind("Chimney sweep", hours=(8,), minutes=(30,), notes="Somebody has to be at home."),
    DateKind("Concert: {piece}", "choir", (4, 10), (18, 19), (120,), "Fischerkirche", "Black, with something blue. Warm-up an hour before."),
    DateKind("Board meeting", "choir", (3, 5), (20,), (90,), "Parish hall, upstairs"),
    DateKind("Swap garden tools with {first}", "friend", (1, 1), (11,), (60,), "Allotment 23"),
)  # fmt: skip

TRIPS: tuple[tuple[str, str, int], ...] = (
    ("Coastal Days {town}", "work", 3),
    ("Weekend in {town}", "home", 3),
    ("Survey week {town}", "work", 5),
    ("Choir weekend {town}", "choir", 3),
    ("Grandparents visiting", "home", 4),
    ("Trade fair {town}", "work", 2),
    ("Class trip {town} (Smilla)", "home", 5),
    ("Concert tour {town}", "choir", 4),
)
