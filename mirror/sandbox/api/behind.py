"""What stands behind the sandbox's own operations, which know more than the contract: its options, grants and state."""

from __future__ import annotations

from dataclasses import dataclass

from mirror.contract.wire import Call, Server
from mirror.sandbox.grants import Grants
from mirror.sandbox.options import Options
from mirror.sandbox.subscriptions import Subscriptions


@dataclass(frozen=True, slots=True)
class Behind(Server):
    """A server of the contract whose parts are the sandbox's."""

    options: Options
    grants: Grants
    subscriptions: Subscriptions


def behind(call: Call) -> Behind:
    """What this call was made to. These operations are never served by anything else."""
    if not isinstance(call.server, Behind):
        raise TypeError("An operation of the sandbox was called on another server")
    return call.server
