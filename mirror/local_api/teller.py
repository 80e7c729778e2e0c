"""The thread that tells programs of changes, as long as the API is served. Of the processes that serve a home one does it.

It has connections of its own, which nobody else closes: a program that takes long to answer does not hold up the end.
"""

from __future__ import annotations

import logging
import threading

from mirror.contract.choices import Choices
from mirror.contract.notifications import Notifications, Post
from mirror.errors import AccountBusy, HomeTooNew, MirrorError
from mirror.local_api.state import Mirror
from mirror.local_api.subscriptions import Subscriptions
from mirror.store.connection import Store

TICK_S = 0.2
PAUSE_S = 2.0  # after trouble, and before asking again whether another process still does it
ENDS_WITHIN_S = 1.0

log = logging.getLogger("mirror.tell")


class Teller:
    """Tells by `post` what the subscriptions of a home ask for, from `start` to `close`."""

    def __init__(self, store: Store, choices: Choices, post: Post) -> None:
        self._mirror = Mirror(store)
        self._notifications = Notifications(Subscriptions(self._mirror), choices, store.clock, post)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mirror-tell", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """No more is told. What was not taken yet is told by whoever serves the home next."""
        self._stop.set()
        self._thread.join(ENDS_WITHIN_S)

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                try:
                    with self._mirror.store.alone("notifications"):
                        self._tell()
                except AccountBusy:
                    pass
                except HomeTooNew:  # a newer mirror has taken over
                    return
                except MirrorError as error:  # nothing is lost: it is looked for again
                    log.warning("tell.failed error=%s", type(error).__name__)
                self._stop.wait(PAUSE_S)
        finally:
            self._notifications.close()
            self._mirror.close()

    def _tell(self) -> None:
        while not self._stop.wait(TICK_S):
            self._notifications.pump(self._stop.is_set)
