"""A seeded synthetic person for the demo, the tests and the simulator: a year of contacts, calendars, mail and tasks.

The same seed and the same moment give the same person, to the byte. Everybody in it is invented; hosts end in `.example` or
are the example domains. Deliberately awkward things are part of it: mail without a subject or to oneself, a meeting of sixty,
very long subjects, people listed twice, questions that nobody has answered.

Every message names its folder, as Exchange and IMAP do; Gmail may leave that out.
"""

from __future__ import annotations

import random

from mirror.clock import Clock
from mirror.sandbox.person_calendar import Diary
from mirror.sandbox.person_cast import Cast, Person, address_book
from mirror.sandbox.person_mail import Mailbox
from mirror.sandbox.person_names import CULTURES, OWN_COMPANY
from mirror.sandbox.person_tasks import Lists
from mirror.sandbox.person_year import Year
from mirror.sandbox.state import Account, State

NAME = "Robin Halvorsen"
ADDRESS = "robin.halvorsen@tidemark.example"


def populate(state: State, *, clock: Clock, account_id: int | None = None, size: float = 1.0) -> Account:
    """The account, filled with the year before now and some weeks ahead. Without an id, a new account is made.

    `size` scales how much there is: at 1, about 200 contacts, 3 calendars, 2,000 mails and 120 tasks.
    """
    chance = clock.random
    with state.batch():
        account = state.account(account_id) if account_id is not None else state.add_account(email=ADDRESS, name=NAME)
        year = Year(clock.now())
        entries = address_book(year, chance, size)
        for entry in sorted(entries, key=lambda entry: str(entry.record["createdTime"])):
            state.create(account.id, "contacts", entry.record)
        cast = Cast(myself(account), [entry.person for entry in entries if entry.person])
        meetings = Diary(state, account.id, cast, year, chance).fill(entries, size)
        mails = Mailbox(state, account.id, cast, year, chance).fill(meetings, size)
        Lists(state, account.id, cast, year, chance).fill(
            [mail for mail in mails if "important" in mail["sysLabels"]], size
        )
        _restless(state, account, chance)
    return account


def myself(account: Account) -> Person:
    """The account's owner, as one of the people."""
    name = account.name or account.email.split("@", 1)[0]
    return Person(name, name.split()[0], account.email, "self", CULTURES["uk"], OWN_COMPANY.name, "Project lead")


def _restless(state: State, account: Account, chance: random.Random) -> None:
    """One friend gets a new number again and again, so that one record has a past."""
    for record in state.records(account.id, "contacts"):
        if "Friends" in record.get("keywords", []) and record.get("phoneNumbers"):
            for _ in range(12):
                number = f"+49 {chance.randint(100, 999)} 555 {chance.randint(1000, 9999)}"
                state.change(
                    account.id, "contacts", record["id"], {"phoneNumbers": [{"number": number, "type": "mobile"}]}
                )
            return
