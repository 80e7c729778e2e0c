"""What about the sandbox is a choice, besides the choices of the contract: its application, sign-in, notifications."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mirror.contract.choices import Choices


@dataclass(frozen=True, slots=True)
class Options(Choices):
    """The defaults are the friendly case."""

    # How one cancelled instance of a series comes down the feeds: as an exception of type `deleted`, as a tombstone, or
    # only through its master.
    cancelled_instance: Literal["occurrence", "tombstone", "exclusion"] = "occurrence"
    # Services where mail that moves to another folder comes back under a new id.
    moving_changes_ids: frozenset[str] = frozenset({"EWS", "IMAP"})
    # The application that the sandbox knows, as a portal would show it. All of it is public.
    client_id: str = "5ab2c0de5ab2c0de5ab2c0de5ab2c0de"
    client_secret: str = "sandbox-secret"  # noqa: S105
    signing_secret: str = "sandbox-signing-secret"  # noqa: S105
    # Where signing in may return to, besides every port and path of this machine's own names.
    return_urls: frozenset[str] = frozenset()
    # What opens every mailbox that is signed in to with a password (IMAP, EWS, iCloud).
    mailbox_password: str = "sandbox-password"  # noqa: S105
    # How long a person may look at the consent page, and how long a program may take to exchange the code.
    sign_in_life_s: float = 900
    code_life_s: float = 300
