"""Whose mailbox it is, asked before anything else is: what pull and push have in common. It writes no record."""

from __future__ import annotations

from dataclasses import replace

from mirror import clock as clocks
from mirror.errors import MirrorError, NotPermitted, RetryLater, SignInAgain, WrongAnswer, WrongMailbox
from mirror.feed import Counts, Traffic
from mirror.sources.base import Source
from mirror.store import journal
from mirror.store.connection import Store
from mirror.store.journal import Account


def identify(store: Store, source: Source, account: Account) -> None:
    """Ask whose mailbox it is, before anything else. Raises: WrongMailbox, SignInAgain, RetryLater, WrongAnswer, Stopped."""
    account = journal.account(
        store, account.id
    )  # a pass that pushes and pulls asks twice, and has learnt it the first time
    started_at = clocks.text(store.clock.now())
    before = replace(source.traffic)
    source.new_patience()
    error: MirrorError
    try:
        mailbox = source.mailbox()
        if account.remote_id is not None and mailbox.remote_id != account.remote_id:
            raise WrongMailbox(account.remote_id, mailbox.remote_id, mailbox.email)
    except (SignInAgain, WrongMailbox) as refused:
        detail = "wrong_mailbox" if isinstance(refused, WrongMailbox) else refused.code or "unauthorized"
        journal.set_status(store, account.id, "needs_auth", detail)
        error = refused
    except (RetryLater, WrongAnswer, NotPermitted) as trouble:
        error = trouble
    else:
        if (account.remote_id, account.email) != (mailbox.remote_id, mailbox.email):
            journal.pin(store, account.id, mailbox)
        journal.answered(store, account.id)
        return
    if not isinstance(error, (SignInAgain, WrongMailbox)):
        journal.did_not_answer(store, account.id, describe(error))
    outcome = "needs_auth" if isinstance(error, (SignInAgain, WrongMailbox)) else "failed"
    used = spent(source.traffic, before)
    journal.record_run(store, account.id, None, started_at, outcome, Counts(), used, 0, describe(error))
    raise error


def describe(error: MirrorError) -> str:
    """An error as it is kept in `runs.error`: its name and its values."""
    detail = getattr(error, "detail", "") or " ".join(str(value) for value in error.args if value)
    return f"{type(error).__name__}: {detail}".rstrip(": ")


def spent(now: Traffic, before: Traffic) -> Traffic:
    """What has been used since `before`."""
    return Traffic(
        now.requests - before.requests,
        now.retries - before.retries,
        now.bytes - before.bytes,
        now.waited_s - before.waited_s,
    )
