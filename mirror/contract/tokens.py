"""Delta and page tokens: opaque to clients, self-contained, so that they survive a restart. They hold positions, no records."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable
from typing import Any, Literal

import msgspec

from mirror.clock import Clock
from mirror.contract.choices import Choices
from mirror.contract.refusals import Refusal, sync_expired, token_not_valid

# delta and page: of a feed; list: a page of a plain listing.
Purpose = Literal["delta", "page", "list"]

# Real ones are long. At least this many bytes before encoding, and always with `=` at the end.
_LENGTH_BYTES = 160
_CHECK_BYTES = 9


class Token(msgspec.Struct, frozen=True, array_like=True):
    """Where a walk stands: in which listing of which account, after what, and within which bounds it began."""

    purpose: Purpose
    scope: str
    account_id: int
    after: list[Any]
    params: dict[str, Any]
    issued_at: float = 0.0
    era: int = 0
    filler: str = ""
    born: str = ""


class Tokens:
    """Issues tokens and reads them back. Keeps only what expires them."""

    def __init__(self, options: Choices, clock: Clock, born: Callable[[int], str] = lambda _: "") -> None:
        """`born`: what tells a mailbox from an earlier one of the same number."""
        self.options = options
        self.clock = clock
        self._born = born
        self._era: dict[str, int] = {"delta": 0, "page": 0, "list": 0}
        self._uses: dict[str, int] = {}

    def expire(self, purpose: Purpose | None = None) -> None:
        """From now on every token issued so far (of this purpose) has expired."""
        for name in self._era if purpose is None else (purpose,):
            self._era[name] += 1

    def issue(
        self, purpose: Purpose, scope: str, account_id: int, after: list[Any], params: dict[str, Any] | None = None
    ) -> str:
        issued_at = self.clock.now().timestamp()
        born = self._born(account_id)
        token = Token(purpose, scope, account_id, after, params or {}, issued_at, self._era[purpose], born=born)
        bare = msgspec.json.encode(token)
        wanted = max(_LENGTH_BYTES, len(bare))
        # One byte more than a multiple of three makes base64 end in `==`, which clients must encode in a query.
        wanted += (1 - wanted - _CHECK_BYTES) % 3
        filled = msgspec.json.encode(msgspec.structs.replace(token, filler="." * (wanted - len(bare))))
        return base64.urlsafe_b64encode(_check(filled) + filled).decode()

    def read(self, text: str, purpose: Purpose, scope: str, account_id: int) -> Token:
        """The token that a request shows. Raises: Refusal 400 when it is not one of these, 410 when it has expired."""
        token = _decoded(text)
        if token is None or (token.purpose, token.scope, token.account_id) != (purpose, scope, account_id):
            raise token_not_valid("Delta token is not valid" if purpose == "delta" else "Page token is invalid")
        of_another = token.born != self._born(account_id)
        if of_another or token.era < self._era[purpose] or self._too_old(token) or self._used_up(text, purpose):
            raise self._expired(purpose)
        return token

    def _too_old(self, token: Token) -> bool:
        delta = token.purpose == "delta"
        lifetime_s = self.options.delta_token_lifetime_s if delta else self.options.page_token_lifetime_s
        return lifetime_s is not None and self.clock.now().timestamp() - token.issued_at > lifetime_s

    def _used_up(self, text: str, purpose: Purpose) -> bool:
        allowed = self.options.delta_token_uses if purpose == "delta" else self.options.page_token_uses
        if allowed is None:
            return False
        self._uses[text] = self._uses.get(text, 0) + 1
        return self._uses[text] > allowed

    def _expired(self, purpose: Purpose) -> Refusal:
        if purpose == "list" or (purpose == "page" and self.options.expired_page_status == 400):
            return token_not_valid()
        return sync_expired()


def _check(content: bytes) -> bytes:
    # Against mix-ups and typing, not against attackers: there is nothing to steal in a sandbox.
    return hashlib.blake2b(content, digest_size=_CHECK_BYTES).digest()


def _decoded(text: str) -> Token | None:
    try:
        content = base64.b64decode(text.encode("ascii"), altchars=b"-_", validate=True)
        if _check(content[_CHECK_BYTES:]) != content[:_CHECK_BYTES]:
            return None
        return msgspec.json.decode(content[_CHECK_BYTES:], type=Token)
    except (ValueError, binascii.Error, msgspec.MsgspecError):
        return None
