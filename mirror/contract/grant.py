"""What an account may do, and what is told of it: scopes, sort, organisation. It does not say who allowed it."""

from __future__ import annotations

from typing import Literal, Protocol

import msgspec

from mirror.contract.backend import AccountLike

# Everything that there is, in the order of the vendor's file.
SCOPES = (
    "Calendar.Read",
    "Calendar.ReadWrite",
    "Mail.Read",
    "Mail.ReadWrite",
    "Mail.Send",
    "Mail.Drafts",
    "Mail.All",
    "Contacts.Read",
    "Contacts.ReadWrite",
    "Tasks.Read",
    "Tasks.ReadWrite",
)
# What an account may do for which nobody ever said anything, and what is asked for when nothing is named.
USUAL_SCOPES = (
    "Mail.Read",
    "Mail.ReadWrite",
    "Mail.Send",
    "Mail.Drafts",
    "Calendar.ReadWrite",
    "Contacts.ReadWrite",
    "Tasks.ReadWrite",
)

AccountType = Literal["daemon", "personal", "managed"]


class Grant(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an account may do, and what the application said of it when it was made."""

    scopes: tuple[str, ...] = USUAL_SCOPES
    type: AccountType = "personal"
    parent_id: int | None = None
    native_scopes: tuple[str, ...] = ()
    client_org_id: str | None = None
    auth_org_id: str | None = None
    auth_user_id: str | None = None
    user_id: str | None = None
    server_url: str | None = None
    email2: str | None = None
    timezone: str | None = None
    copy_to_sent: bool | None = None
    trust_server: bool | None = None
    obtained_at: str | None = None
    token_issued_at: str | None = None


class Granting(Protocol):
    """Whoever knows what accounts may do."""

    def granted(self, account: AccountLike) -> Grant: ...
    def provider_token(self, account: AccountLike) -> str | None:
        """What opens the mailbox at the provider itself, where that is told."""
