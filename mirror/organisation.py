"""The mailboxes of an organisation, under the service account that its administrator has signed in to: many at once.

Each is called with the rights of the application; none has a token of its own. What is here already is left as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import count
from typing import Literal

from mirror import credentials
from mirror.credentials import ServiceAccount
from mirror.errors import Refused
from mirror.sign_in import Reach
from mirror.sources.aurinko_auth import Application, Listed
from mirror.store import journal, many_accounts
from mirror.store.connection import Store
from mirror.store.many_accounts import NewAccount

AT_ONCE = 100
LONGEST_NAME = 64
_NOT_IN_NAMES = re.compile(r"[\s/\\\x00-\x1f\x7f-\x9f]")

Outcome = Literal["new", "there", "repaired", "removed", "refused"]


@dataclass(frozen=True, slots=True)
class Found:
    """A mailbox under a service account, and what became of it: `repaired` got its credentials back, `removed` was taken
    away here by a person and stays so, `refused` does not exist or is not to be had."""

    email: str
    name: str
    outcome: Outcome
    why: str | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """Which mailboxes, and what of them. `try_only`: nothing is written, here or upstream."""

    match: str | None
    reach: Reach
    scopes: tuple[str, ...]
    writable: bool = False
    also_removed: bool = False
    try_only: bool = False

    def fits(self, email: str) -> bool:
        return self.match is None or fnmatchcase(email.lower(), self.match.lower())


def add_all(store: Store, service: ServiceAccount, upstream: Application, choice: Choice,
            addresses: Iterable[str] = ()) -> Iterator[Found]:  # fmt: skip
    """Every mailbox under the service account, and those of `addresses`, as it is dealt with.

    Raises: NotSignedIn (`app_refused`), RetryLater, WrongAnswer, NotPermitted, and what the store raises. What was told
    before is done; again is safe.
    """
    adding = _Adding(store, service, choice)
    seen = set()
    for one in upstream.accounts():
        if one.daemon or one.service_account_id != service.account_id or not one.email:
            continue
        seen.add(one.email.lower())
        if choice.fits(one.email):
            yield from adding.take(one)
    for address in addresses:
        if address.lower() in seen or not choice.fits(address):
            continue
        seen.add(address.lower())
        try:
            account_id = f"new {address}" if choice.try_only else upstream.add_mailbox(
                service.account_id, service.service, address, choice.scopes
            )  # fmt: skip
        except Refused as error:
            yield Found(address, "", "refused", f"{error.status} {error.code or ''}".strip())
            continue
        yield from adding.take(Listed(account_id, service.account_id, address, service.service, False, None))
    yield from adding.write()


class _Adding:
    """New accounts wait here until there are enough of them to be written at once."""

    def __init__(self, store: Store, service: ServiceAccount, choice: Choice) -> None:
        self._store = store
        self._service = service
        self._choice = choice
        base = service.base_url
        self._known = {
            remote_id: known
            for (base_url, remote_id), known in many_accounts.known_mailboxes(store).items()
            if credentials.root(base_url) == base
        }
        self._names = many_accounts.names(store)
        live = [name for name, removed in self._known.values() if not removed]
        self._without = set(credentials.without(store.home, live))
        self._new: list[NewAccount] = []
        self._repaired: dict[str, tuple[str, str]] = {}

    def take(self, one: Listed) -> Iterator[Found]:
        email = one.email or one.account_id
        known = self._known.get(one.account_id)
        if known is None:
            name = _name_for(email, self._names.__contains__)
            self._names.add(name)
            self._known[one.account_id] = (name, False)
            self._new.append(NewAccount(name, one.account_id, one.email, one.service))
        elif known[1] and self._choice.also_removed:
            yield self._bring_back(known[0], one)
        elif known[1]:
            yield Found(email, known[0], "removed")
        elif known[0] in self._without:
            self._repaired[known[0]] = (one.account_id, email)
        else:
            yield Found(email, known[0], "there")
        if len(self._new) + len(self._repaired) >= AT_ONCE:
            yield from self.write()

    def _bring_back(self, name: str, one: Listed) -> Found:
        """With all its records, under its name."""
        self._known[one.account_id] = (name, False)
        if not self._choice.try_only:
            reach, base_url = self._choice.reach, self._service.base_url
            credentials.refer(self._store.home, base_url, {name: one.account_id})
            back = journal.add_account(
                self._store, name, "aurinko", base_url, since=reach.since,
                attachments_up_to_bytes=reach.attachments_up_to_bytes,
            )  # fmt: skip
            journal.set_writable(self._store, back.id, self._choice.writable)
        return Found(one.email or one.account_id, name, "new")

    def write(self) -> Iterator[Found]:
        """First what they are called with, then the accounts: cut in between, the next time mends it."""
        new, repaired = self._new, self._repaired
        self._new, self._repaired = [], {}
        if not self._choice.try_only and (new or repaired):
            ids = {name: account_id for name, (account_id, _) in repaired.items()}
            credentials.refer(
                self._store.home, self._service.base_url, {**ids, **{one.name: one.remote_id for one in new}}
            )
            reach = self._choice.reach
            many_accounts.add_accounts(
                self._store, self._service.base_url, new, since=reach.since,
                attachments_up_to_bytes=reach.attachments_up_to_bytes, writable=self._choice.writable,
            )  # fmt: skip
            for name in repaired:
                journal.answered(self._store, journal.account_named(self._store, name).id)
        yield from (Found(one.email or one.remote_id, one.name, "new") for one in new)
        yield from (Found(email, name, "repaired") for name, (_, email) in repaired.items())


def _name_for(email: str, taken: Callable[[str], bool]) -> str:
    """The address, as an account's name; with a number where it is taken."""
    plain = _NOT_IN_NAMES.sub("-", email.strip().lower()) or "mailbox"
    if not taken(plain[:LONGEST_NAME]):
        return plain[:LONGEST_NAME]
    endings = (f"-{number}" for number in count(2))
    return next(name for end in endings if not taken(name := plain[: LONGEST_NAME - len(end)] + end))
