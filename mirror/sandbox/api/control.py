"""What the vendor has no call for: making a token die, as a provider does, in a sandbox that runs elsewhere."""

from __future__ import annotations

from typing import cast, get_args

from mirror.contract.refusals import bad_request
from mirror.contract.router import Route
from mirror.contract.wire import OK, Answer, Call, found, int64
from mirror.sandbox.accounts import TokenStatus
from mirror.sandbox.api.behind import behind


def set_token_status(call: Call) -> Answer:
    status = call.choice("status", get_args(TokenStatus))
    if status is None:
        raise bad_request("status is required")
    account = found(call.backend.find_account(int64("id", call.path["id"])), "account")
    behind(call).grants.state.set_token_status(account.id, cast("TokenStatus", status))
    return OK


ROUTES = (Route("POST", "/sandbox/accounts/{id}/token", set_token_status, access="application"),)
