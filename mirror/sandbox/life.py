"""Lets the owner of an account go on living: mail arrives, meetings move, contacts change, things get deleted.

Deterministic: the same seed, the same account and the same moments give the same life. It works on any account, a loaded or
an empty one too, and touches nothing but the sandbox's state.
"""

from __future__ import annotations

from collections.abc import Callable

from mirror.clock import Clock
from mirror.errors import Stopped
from mirror.sandbox.life_dates import DateLife
from mirror.sandbox.life_lists import ContactLife, TaskLife
from mirror.sandbox.life_mail import MailLife
from mirror.sandbox.person import myself
from mirror.sandbox.person_cast import Cast, Person, address_book
from mirror.sandbox.person_year import Year
from mirror.sandbox.state import Record, State

_CIRCLES = {"Team": "team", "Partners": "partner", "Family": "family", "Choir": "choir", "Services": "service"}
# Whoever wants it to stop is heard at least this often.
_LONGEST_NAP_S = 0.5


class Life:
    """One account's owner. Each step is one thing that happens."""

    def __init__(self, state: State, account_id: int, *, clock: Clock) -> None:
        self.state, self.clock = state, clock
        cast = _acquaintances(state, account_id, clock)
        mail = MailLife(state, account_id, cast, clock)
        dates = DateLife(state, account_id, cast, clock)
        contacts = ContactLife(state, account_id, clock)
        tasks = TaskLife(state, account_id, cast, clock)
        self._happenings: dict[Callable[[], str | None], float] = {
            mail.arrives: 30,
            mail.is_read: 20,
            mail.archived: 7,
            mail.trashed: 5,
            mail.flagged: 3,
            mail.expunged: 2,
            dates.answered: 6,
            dates.moved: 4,
            dates.made: 4,
            dates.instance_moved: 4,
            dates.cancelled: 3,
            dates.calendar_renamed: 0.4,
            contacts.changed: 7,
            contacts.added: 2,
            contacts.merged: 1.5,
            tasks.done: 4,
            tasks.added: 3,
            tasks.postponed: 2,
            tasks.deleted: 1.5,
        }

    def step(self) -> str:
        """What happened, in a line such as `mail: Ada Okafor – Re: Harbour survey`."""
        with self.state.batch():
            while True:
                # Some of these can always happen, mail above all; the others wait for something to happen to.
                happening = self.clock.random.choices(list(self._happenings), weights=list(self._happenings.values()))[
                    0
                ]
                line = happening()
                if line is not None:
                    return line


def run(
    life: Life, clock: Clock, *, every_s: float, stop: Callable[[], bool], on_step: Callable[[str], None] | None = None
) -> None:
    """Live until told to stop, with `every_s` seconds between two things on average, as chance has it."""
    while not stop():
        nap_s = clock.random.expovariate(1 / every_s)
        try:
            while nap_s > 0 and not stop():
                clock.sleep(min(nap_s, _LONGEST_NAP_S))
                nap_s -= _LONGEST_NAP_S
        except Stopped:
            return
        if not stop():
            line = life.step()
            if on_step is not None:
                on_step(line)


def _acquaintances(state: State, account_id: int, clock: Clock) -> Cast:
    """The people in the address book who have an address; where there are none, invented ones write."""
    me = myself(state.account(account_id))
    people: dict[str, Person] = {}
    for contact in state.records(account_id, "contacts"):
        written = (one.get("address") or "" for one in contact.get("emailAddresses") or [])
        address = next((one for one in written if "@" in one and one.isascii()), None)
        # Firms don't write; and who is in the book twice is still one person.
        if address and contact.get("name") and address.lower() != (me.address or "").lower():
            people.setdefault(address.lower(), _person(contact, address))
    if not people:
        entries = address_book(Year(clock.now()), clock.random, 0.05)
        return Cast(me, [entry.person for entry in entries if entry.person])
    return Cast(me, people.values())


def _person(contact: Record, address: str) -> Person:
    name, company = contact.get("name") or {}, contact.get("company") or {}
    shown = name.get("displayName") or address
    called = name.get("givenName") or shown.split()[0]
    circle = next((_CIRCLES[word] for word in contact.get("keywords") or [] if word in _CIRCLES), "friend")
    return Person(shown, called, address, circle, company=company.get("name"), role=company.get("jobTitle"))
