"""Telling of changes: signs notifications, delivers them, and tries again. The sending itself is handed in.

A receiver answers 200 or it is asked again, after 1, 2, 4 ... seconds and at most every ten minutes, each time with the
timestamp and the signature of the first attempt; with 422 it ends its subscription. One that fails for too long is made
inactive and told so by a lifecycle event, which is itself tried on, so that it hears of it and becomes active again; it is
forgotten in the end, where whoever stands behind wants that.
"""

from __future__ import annotations

import hashlib
import hmac
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import quote
from uuid import UUID

import msgspec

from mirror import clock as clocks
from mirror.clock import Clock
from mirror.contract.choices import Choices
from mirror.contract.watching import Change, Keeper, Subscription, Waiting

_LONGEST_WAIT_S = 600
# How soon a change is told, where a thread looks for them.
_TICK_S = 0.1
_DELETES = 422
_SIGNED_OUT = "The account is not authorized any more"


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of a POST. Without a status there was no answer, and `text` says why."""

    status: int | None
    content_type: str = ""
    text: str = ""


# (URL, headers, content, seconds) -> the reply.
Post = Callable[[str, Mapping[str, str], bytes, float], Reply]


def signature(secret: str, timestamp: str, content: bytes) -> str:
    """Lower-case hex HMAC-SHA256 of `v0:<timestamp>:<content>`. Source: facts of the vendor's webhook guide."""
    return hmac.new(secret.encode(), b"v0:" + timestamp.encode() + b":" + content, hashlib.sha256).hexdigest()


class Notifications:
    """What is told, to whom, and when. One at a time, whoever asks for it."""

    def __init__(self, subscriptions: Keeper, options: Choices, clock: Clock, post: Post) -> None:
        self.subscriptions = subscriptions
        self.options = options
        self.clock = clock
        self.post = post
        self._turn = threading.Lock()
        self._looked_at: tuple[object, ...] = ()

    def verify(self, url: str) -> str | None:
        """Ask a URL whether it wants to be told; what is wrong with its answer, or None."""
        token = f"{UUID(int=self.clock.random.getrandbits(128), version=4)}+/= %"
        challenge = f"{url}{'&' if '?' in url else '?'}validationToken={quote(token, safe='')}"
        headers = self._headers(int(self.clock.now().timestamp()), b"", "text/plain; charset=utf-8")
        reply = self.post(challenge, headers, b"", self.options.validation_timeout_s)
        if reply.status is None:
            return f"it could not be asked: {reply.text}"
        if reply.status != 200:
            return f"it answered {reply.status}"
        if reply.content_type.split(";")[0].strip().lower() != "text/plain":
            return f"it answered with content type {reply.content_type!r}, not text/plain"
        return None if reply.text == token else "it did not answer with the validation token and nothing else"

    def pump(self, stopping: Callable[[], bool] = lambda: False) -> int:
        """Look what happened, and deliver what is due; how many notifications were accepted."""
        with self._turn:
            self._look()
            with self.subscriptions.snapshot():
                due = self.subscriptions.due(self._now())
            return sum(self._deliver(waiting) for waiting in due if not stopping())

    def run(self, stop: threading.Event) -> None:
        """Pump until told to stop."""
        while not stop.wait(_TICK_S):
            self.pump()
        self.close()

    def close(self) -> None:
        """Let go of what the sending keeps open."""
        close = getattr(self.post, "close", None)
        if close is not None:
            close()

    # --- looking --------------------------------------------------------------------------------------------------

    def _look(self) -> None:
        with self.subscriptions.snapshot():
            every = self.subscriptions.every()
            signed_in = self.subscriptions.signed_in() if every else frozenset()
            standing = (self.subscriptions.seq, signed_in, every)
            # Whoever writes is not held up as long as there is nothing to tell.
            news = bool(every) and standing != self._looked_at and any(self._is_news(one, signed_in) for one in every)
        if not news:
            self._looked_at = standing
            return
        with self.subscriptions.batch():
            signed_in = self.subscriptions.signed_in()
            for subscription in self.subscriptions.every():
                self._look_at(subscription, subscription.asker_id in signed_in)

    def _is_news(self, subscription: Subscription, signed_in: frozenset[int]) -> bool:
        if subscription.asker_id not in signed_in:
            return subscription.active
        if subscription.failing == "account":
            return True
        return subscription.active and bool(self.subscriptions.changes(subscription, 1))

    def _look_at(self, subscription: Subscription, signed_in: bool) -> None:
        if subscription.active and not signed_in:
            self._deactivate(subscription, "account", _SIGNED_OUT)
        elif subscription.failing == "account" and signed_in:
            self._activate(subscription)
        elif subscription.active:
            self._queue_changes(subscription)

    def _queue_changes(self, subscription: Subscription) -> None:
        size = self.options.notification_size
        at: Subscription | None = subscription
        while at is not None:
            changes = self.subscriptions.changes(at, size)
            if changes:
                more = {} if at.detail_level == "signal" else {"payloads": [_payload(change) for change in changes]}
                self._queue(at, more)
                self.subscriptions.note(at.id, seen_seq=changes[-1].seq)
            at = self.subscriptions.get(at.id) if len(changes) == size else None

    def _queue(self, subscription: Subscription, more: Mapping[str, object]) -> None:
        told = {
            "subscription": subscription.id,
            "resource": subscription.resource,
            "accountId": self.subscriptions.told_as(subscription.asker_id),
        }
        self.subscriptions.wait(subscription.id, msgspec.json.encode({**told, **more}), int(self._now()))

    # --- delivering -----------------------------------------------------------------------------------------------

    def _deliver(self, waiting: Waiting) -> bool:
        with self.subscriptions.snapshot():
            subscription = self.subscriptions.get(waiting.subscription_id)
        if subscription is None:
            return False
        headers = self._headers(waiting.signed_at, waiting.body, "application/json")
        reply = self.post(subscription.url, headers, waiting.body, self.options.notification_timeout_s)
        with self.subscriptions.batch():
            # It may have been removed, or its account, while the receiver was asked.
            subscription = self.subscriptions.get(waiting.subscription_id)
            if subscription is None:
                return False
            if reply.status == _DELETES:
                self.subscriptions.remove(subscription.id)
            elif reply.status == 200:
                self._accepted(subscription, waiting)
            else:
                self._failed(subscription, waiting, reply)
        return reply.status == 200

    def _accepted(self, subscription: Subscription, waiting: Waiting) -> None:
        self.subscriptions.accepted(waiting.id)
        if subscription.failing == "delivery" and not subscription.active:
            self._activate(subscription)
        elif subscription.failing == "delivery":
            self.subscriptions.note(subscription.id, failing=None, fail_since=None, fail_description=None)

    def _failed(self, subscription: Subscription, waiting: Waiting, reply: Reply) -> None:
        attempts = waiting.attempts + 1
        # Past ten, doubling is beyond the longest wait anyway.
        wait_s = min(2.0 ** min(attempts - 1, 10), _LONGEST_WAIT_S)
        self.subscriptions.put_off(waiting.id, attempts, self._now() + wait_s)
        why = reply.text if reply.status is None else f"The notification URL answered {reply.status}"
        if subscription.failing is None:
            self.subscriptions.note(
                subscription.id, failing="delivery", fail_since=clocks.text(self.clock.now()), fail_description=why
            )
        elif subscription.active and self._fails_for(subscription, self.options.give_up_after_s):
            self._deactivate(subscription, "delivery", why)
        elif not subscription.active and self._fails_for(subscription, self.options.forget_after_s):
            self.subscriptions.remove(subscription.id)

    def _fails_for(self, subscription: Subscription, patience_s: float | None) -> bool:
        if patience_s is None or subscription.fail_since is None:
            return False
        return self.clock.now() - clocks.moment(subscription.fail_since) >= timedelta(seconds=patience_s)

    def _deactivate(self, subscription: Subscription, failing: str, why: str) -> None:
        """What waits is dropped: whoever becomes active again has to catch up by the feeds."""
        since = subscription.fail_since or clocks.text(self.clock.now())
        self.subscriptions.drop_waiting(subscription.id)
        self.subscriptions.note(subscription.id, active=0, failing=failing, fail_since=since, fail_description=why)
        self._queue(subscription, {"lifecycleEvent": "error", "error": why})

    def _activate(self, subscription: Subscription) -> None:
        seq = self.subscriptions.seq
        self.subscriptions.note(
            subscription.id, active=1, failing=None, fail_since=None, fail_description=None, seen_seq=seq
        )
        self._queue(subscription, {"lifecycleEvent": "active"})

    def _headers(self, signed_at: int, content: bytes, content_type: str) -> dict[str, str]:
        return {
            "Content-Type": content_type,
            "X-Aurinko-Request-Timestamp": str(signed_at),
            "X-Aurinko-Signature": signature(self.options.signing_secret, str(signed_at), content),
        }

    def _now(self) -> float:
        return self.clock.now().timestamp()


def _payload(change: Change) -> dict[str, object]:
    told: dict[str, object] = {"id": change.remote_id, "changeType": change.change_type}
    return {**told, "attributes": {"threadId": change.thread_id}} if change.thread_id else told
