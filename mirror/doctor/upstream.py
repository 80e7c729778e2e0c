"""Upstream: whether it is there, what time it is there, and whether each account is let in, to what it is to do."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from datetime import timedelta

from mirror import credentials
from mirror.doctor.line import Examination, Line, note, ok, person, wrong
from mirror.errors import NotPermitted, RetryLater, SignInAgain, Usage, WrongAnswer
from mirror.sign_in import granted, scopes_for
from mirror.sources.reach import Reached, reach
from mirror.store.journal import Account

FAST_OR_SLOW = timedelta(minutes=2)


def secrets(examination: Examination) -> Iterator[Line]:
    """Where each account's credentials are."""
    places: dict[str, list[str]] = {}
    for account in examination.accounts:
        try:
            places.setdefault(credentials.where(examination.home, account.name), []).append(account.name)
        except SignInAgain:
            yield person("secrets", f"{account.name} has none, or the keyring that has them is locked", _login(account))
    for place, names in places.items():
        what = "in the system's keyring" if place == "keyring" else f"in {place}, since there is no usable keyring"
        shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
        yield ok("secrets", f"those of {shown} are {what}")


def applications(examination: Examination) -> Iterator[Line]:
    """Whether the applications that sign in are at hand, and the key that notifications are verified with."""
    for base_url in credentials.apps(examination.home):
        again = f"mirror app set --base-url {shlex.quote(base_url)}"
        try:
            app = credentials.app(examination.home, base_url)
        except SignInAgain:
            app = None
        if app is None:
            yield person("application", f"that of {base_url} can't be read: its keyring is locked, or gone", again)
        elif app.signing_secret is None:
            yield note("application", f"that of {base_url} has no signing secret, which webhooks need", again)
        else:
            yield ok("application", f"that of {base_url} is complete")


def reachable(examination: Examination) -> Iterator[Line]:
    """Whether each upstream answers, and what it says of this machine's clock."""
    for base_url in dict.fromkeys(account.base_url for account in examination.accounts):
        try:
            found = reach(base_url)
        except (RetryLater, Usage) as error:
            why = getattr(error, "detail", "") or str(error)
            yield wrong(
                "upstream", f"{base_url} can't be reached ({why})", "look at the network, a proxy, a firewall, the URL"
            )
            continue
        yield from _answered(examination, base_url, found)


def _answered(examination: Examination, base_url: str, found: Reached) -> Iterator[Line]:
    if found.status >= 500:
        yield wrong("upstream", f"{base_url} is in trouble ({found.status})", "wait; what is stored stands")
    else:
        yield ok("upstream", f"{base_url} answers")
    if found.date is not None:
        ahead = examination.clock.now() - found.date
        if abs(ahead) > FAST_OR_SLOW:
            side = "ahead of" if ahead > timedelta() else "behind"
            minutes = abs(ahead).total_seconds() / 60
            yield wrong(
                "clock",
                f"it is {minutes:,.0f} minutes {side} that of {base_url}",
                "set the clock: timedatectl set-ntp true",
            )


def signed_in(examination: Examination) -> Iterator[Line]:
    """Whether each account is let in, as whom, and to what: one request each."""
    for account in examination.accounts:
        if account.status == "paused":
            yield ok("account", f"{account.name} is paused, and not asked")
            continue
        try:
            yield _asked(examination, account)
        except SignInAgain:
            yield person("account", f"{account.name}: its credentials are not accepted any more", _login(account))
        except NotPermitted as error:
            yield person("account", f"{account.name}: upstream refuses it ({error.detail})", _login(account))
        except RetryLater as error:
            yield wrong("account", f"{account.name}: upstream did not answer ({error.detail})", "wait, and look again")
        except (WrongAnswer, Usage) as error:
            why = getattr(error, "detail", "") or str(error)
            yield wrong("account", f"{account.name}: {why}", "mirror account list shows its URL")


def _asked(examination: Examination, account: Account) -> Line:
    source = examination.source_for(account)
    try:
        mailbox = source.mailbox()
    finally:
        source.close()
    if account.remote_id is not None and mailbox.remote_id != account.remote_id:
        return person("account", f"{account.name}: its token answers for another mailbox", _login(account))
    missing = [scope for scope in scopes_for(bool(account.writable)) if not granted(scope, mailbox.scopes)]
    if missing:
        return note("account", f"{account.name} is signed in, but not to: {', '.join(missing)}", _login(account))
    return ok("account", f"{account.name} is signed in" + (f" as {mailbox.email}" if mailbox.email else ""))


def _login(account: Account) -> str:
    return f"mirror account login {shlex.quote(account.name)}"
