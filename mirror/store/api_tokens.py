"""The tokens by which programs use the mirror's own API: made, recognised, revoked. What opens anything is never stored.

A token is `mirror-`, its number, `-` and what nobody can guess; the number finds the row, its hash tells whether it is the one.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from mirror import clock as clocks
from mirror.errors import Usage
from mirror.store import api_subscriptions
from mirror.store.connection import Store

_FORM = re.compile(r"mirror-([1-9][0-9]{0,17})-(.{20,200})", re.ASCII)
USED_WITHIN = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class ApiToken:
    """A row of `api_tokens`, without its hash."""

    id: int
    name: str
    account_id: int
    scopes: tuple[str, ...]
    created_at: str
    last_used_at: str | None
    revoked_at: str | None


_COLUMNS = "id, name, account_id, scopes, created_at, last_used_at, revoked_at"


def new(store: Store, name: str, account_id: int, scopes: Sequence[str]) -> str:
    """A new token. This is the only time that it can be told. Raises: Usage when the name is taken."""
    secret, now = store.clock.secret(), clocks.text(store.clock.now())
    with store.transaction() as conn:
        if conn.execute("SELECT 1 FROM api_tokens WHERE name = ? AND revoked_at IS NULL", [name]).fetchone():
            raise Usage(f"there is a token “{name}” already; end it with: mirror token revoke {name}")
        row = [name, account_id, json.dumps(list(scopes)), hash_of(secret), now]
        made = conn.execute(
            "INSERT INTO api_tokens (name, account_id, scopes, sha256, created_at) VALUES (?, ?, ?, ?, ?) RETURNING id",
            row,
        ).fetchone()
    return f"mirror-{made[0]}-{secret}"


def every(store: Store) -> list[ApiToken]:
    """All tokens that open something, oldest first."""
    rows = store.conn.execute(f"SELECT {_COLUMNS} FROM api_tokens WHERE revoked_at IS NULL ORDER BY id")
    return [_token(row) for row in rows]


def recognised(store: Store, shown: str) -> ApiToken | None:
    """The token that is shown, if it opens anything."""
    match = _FORM.fullmatch(shown)
    if match is None:
        return None
    row = store.conn.execute(f"SELECT {_COLUMNS}, sha256 FROM api_tokens WHERE id = ?", [int(match[1])]).fetchone()
    kept = row["sha256"] if row is not None else hash_of("")
    same = hmac.compare_digest(kept, hash_of(match[2]))
    return _token(row[:-1]) if same and row is not None and row["revoked_at"] is None else None


def used(store: Store, token: ApiToken) -> None:
    """Remember that it was, if it is a while ago that this was remembered."""
    now = store.clock.now()
    if token.last_used_at is None or clocks.moment(token.last_used_at) <= now - USED_WITHIN:
        with store.transaction() as conn:
            conn.execute("UPDATE api_tokens SET last_used_at = ? WHERE id = ?", [clocks.text(now), token.id])


def revoke(store: Store, name: str) -> None:
    """It opens nothing any more. Raises: Usage when there is none of this name."""
    with store.transaction() as conn:
        found = conn.execute("SELECT id FROM api_tokens WHERE name = ? AND revoked_at IS NULL", [name]).fetchone()
        if found is not None:
            end(store, found["id"])
    if found is None:
        names = ", ".join(token.name for token in every(store))
        raise Usage(f"there is no token “{name}”" + (f"; there are: {names}" if names else ""))


def end(store: Store, token_id: int) -> None:
    """The same by its number, within a transaction under way. What it asked to be told of ends with it."""
    api_subscriptions.remove_all(store.conn, token_id)
    store.conn.execute("UPDATE api_tokens SET revoked_at = ? WHERE id = ?", [clocks.text(store.clock.now()), token_id])


def hash_of(secret: str) -> str:
    """What is kept of a secret. It has 256 bits of chance, so that a plain hash can't be turned back."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def _token(row: Sequence[object]) -> ApiToken:
    number, name, account_id, scopes, created_at, last_used_at, revoked_at = row
    return ApiToken(number, name, account_id, tuple(json.loads(str(scopes))), created_at, last_used_at, revoked_at)  # type: ignore[arg-type]  # of SQLite's row
