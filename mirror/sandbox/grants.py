"""What people allowed: scopes by account, sign-ins that wait for an answer, codes that wait to be exchanged. No HTTP."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import msgspec

from mirror import clock as clocks
from mirror.contract.backend import AccountLike
from mirror.contract.grant import USUAL_SCOPES, Grant
from mirror.sandbox.accounts import Account
from mirror.sandbox.mail_folders import Folders
from mirror.sandbox.options import Options
from mirror.sandbox.state import State


class SignIn(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an application asked for at authorize. `daemon`: for a whole organisation, not for one mailbox."""

    service_type: str
    return_url: str
    daemon: bool = False
    scopes: tuple[str, ...] = USUAL_SCOPES
    native_scopes: tuple[str, ...] = ()
    response_type: str = "code"
    account_id: int | None = None
    login_hint: str | None = None
    state: str | None = None
    client_org_id: str | None = None
    server_url: str | None = None
    ensure_scopes: bool = False
    recycle: bool = False
    auth_email: str | None = None


class Grants:
    """The grants, sign-ins and codes of one State, kept in its file."""

    def __init__(self, state: State, options: Options) -> None:
        self.state = state
        self.options = options

    # --- accounts -------------------------------------------------------------------------------------------------

    def of(self, account_id: int) -> Grant:
        """What the account may do."""
        found = self.state.rows("SELECT details FROM grants WHERE account_id = ?", (account_id,))
        return msgspec.json.decode(found[0][0], type=Grant) if found else Grant()

    def granted(self, account: AccountLike) -> Grant:
        return self.of(account.id)

    def provider_token(self, account: AccountLike) -> str | None:
        return f"sandbox-provider-token-{account.id}"

    def allow(self, account: Account, grant: Grant) -> None:
        """From now on the account may do this and nothing else."""
        row = (account.id, account.mailbox_id, msgspec.json.encode(grant).decode())
        self.state.write("INSERT OR REPLACE INTO grants VALUES (?, ?, ?)", row)

    def new_account(self, mailbox: Account | None, email: str, service_type: str, grant: Grant) -> Account:
        """A further way into a mailbox, or into a new and empty one."""
        with self.state.batch():
            name = None if mailbox is None else mailbox.name
            account = self.state.add_account(email=email, name=name, service_type=service_type)
            if mailbox is not None:
                account = replace(account, mailbox_id=mailbox.mailbox_id)
            elif grant.type != "daemon":
                _furnish(self.state, account)
            self.allow(account, grant)
        return account

    def new_token(self, account_id: int) -> str:
        """Another token for the account; the one before it opens nothing any more."""
        token = self.state.clock.secret()
        with self.state.batch():
            self.state.set_token(account_id, token)
            grant = msgspec.structs.replace(self.of(account_id), token_issued_at=self.state.now())
            self.allow(self.state.account(account_id), grant)
        return token

    # --- signing in -----------------------------------------------------------------------------------------------

    def begin(self, request: SignIn) -> str:
        """The ticket under which a person will be asked."""
        ticket = self.state.clock.secret()
        row = (ticket, self._until(self.options.sign_in_life_s), msgspec.json.encode(request).decode())
        with self.state.batch():
            self.state.write("DELETE FROM sign_ins WHERE expires_at <= ?", (self.state.now(),))
            self.state.write("INSERT INTO sign_ins VALUES (?, ?, ?)", row)
        return ticket

    def asked(self, ticket: str) -> SignIn | None:
        """What the person is asked, or None when that is over."""
        sql = "SELECT request FROM sign_ins WHERE ticket = ? AND expires_at > ?"
        found = self.state.rows(sql, (ticket, self.state.now()))
        return msgspec.json.decode(found[0][0], type=SignIn) if found else None

    def answered(self, ticket: str) -> None:
        self.state.write("DELETE FROM sign_ins WHERE ticket = ?", (ticket,))

    def new_code(self, account_id: int) -> str:
        """What is exchanged for the account's token, once and soon."""
        code = self.state.clock.secret()
        self.state.write(
            "INSERT INTO codes VALUES (?, ?, ?)", (code, account_id, self._until(self.options.code_life_s))
        )
        return code

    def redeem(self, code: str) -> int | None:
        """The account that a code stands for, once."""
        with self.state.batch():
            self.state.write("DELETE FROM codes WHERE expires_at <= ?", (self.state.now(),))
            found = self.state.rows("SELECT account_id FROM codes WHERE code = ?", (code,))
            self.state.write("DELETE FROM codes WHERE code = ?", (code,))
        return found[0][0] if found else None

    def _until(self, life_s: float) -> str:
        return clocks.text(self.state.clock.now() + timedelta(seconds=life_s))


def _furnish(state: State, account: Account) -> None:
    """What every provider gives a new mailbox."""
    state.create(account.id, "calendars", {"name": account.email, "primary": True}, remote_id=account.email)
    state.create(account.id, "task_lists", {"title": "Tasks", "defaultList": True})
    folders = Folders(state, account.id)
    for role in ("inbox", "sent", "draft", "trash", "junk"):
        folders.role(role)
