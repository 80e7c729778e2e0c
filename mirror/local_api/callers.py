"""Who asks the mirror's own API: the holder of a token, for one account of the mirror. It recognises; it lets nobody in."""

from __future__ import annotations

from dataclasses import dataclass

from mirror.contract.backend import AccountLike
from mirror.contract.grant import Grant
from mirror.contract.refusals import Refusal
from mirror.store.api_tokens import ApiToken
from mirror.store.journal import Account


@dataclass(frozen=True, slots=True)
class Caller:
    """A token and what it opens, as the contract sees an account."""

    token: ApiToken
    mailbox: Account

    @property
    def id(self) -> int:
        """The account's number upstream, so that programs find the one that they know; else the mirror's own.

        Raises: Refusal, as long as nobody knows whose mailbox it is: a program would remember a number that changes.
        """
        return number_of(self.mailbox)

    @property
    def mailbox_id(self) -> int:
        return self.mailbox.id

    @property
    def email(self) -> str:
        return self.mailbox.email or ""

    @property
    def name(self) -> str | None:
        return None

    @property
    def service_type(self) -> str:
        return self.mailbox.service or ""

    @property
    def status(self) -> str:
        """Whatever upstream thinks of its own token: what is mirrored can be read."""
        return "active"

    @property
    def created_at(self) -> str:
        return self.mailbox.created_at

    @property
    def asker_id(self) -> int:
        return self.token.id


def number_of(mailbox: Account) -> int:
    """The number by which programs know an account. Raises: Refusal; see `Caller.id`."""
    known = mailbox.remote_id
    if known is None:
        raise Refusal(408, "mailbox.unavailable", "Not known before the account's first sync", {"Retry-After": "60"})
    return int(known) if known.isascii() and known.isdigit() and len(known) < 19 else mailbox.id


class Granted:
    """What each caller may do: what its token was made for."""

    def granted(self, account: AccountLike) -> Grant:
        if not isinstance(account, Caller):
            return Grant(scopes=())
        return Grant(scopes=account.token.scopes, token_issued_at=account.token.created_at)

    def provider_token(self, account: AccountLike) -> str | None:  # noqa: ARG002  (a mirror has none)
        return None
