"""One pass over one feed: ask the source, let the store write page by page, until there is no more.

The rules of it, each a test in `tests/test_rules_of_pull.py`: the cursor is saved with the page it stands after; no cursor
means a new generation; a generation that did not finish tombstones nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

from mirror import clock as clocks
from mirror import fill
from mirror.errors import (
    AccountBusy,
    NotPermitted,
    NotReady,
    RestartFeed,
    RetryLater,
    SignInAgain,
    SourceError,
    Stopped,
    WrongAnswer,
)
from mirror.feed import Change, Counts, Coverage, Feed, Gone, Page, Record, Traffic
from mirror.identify import describe, identify, spent
from mirror.resources import KINDS
from mirror.sources.base import Source
from mirror.store import hints, incomplete, journal, order, races, records, sweep
from mirror.store.connection import Store
from mirror.store.journal import Account, FeedRow

SEEN_TO = ("ok", "held")  # the outcomes of a pass that has walked to the end
MOST_DOUBTS = 3  # passes in a row that may end because upstream does not say which of two changes is true
PARENTS = frozenset(kind.parent for kind in KINDS.values() if kind.parent)
MOST_RESTARTS = 3  # of one feed in one pass, for cursors that expire again and again
WINDOW_MOVES_AFTER_DAYS = 30
MOST_EMPTY_PAGES = 1000  # one after the other; providers do send some
REFUSED_FOR_S = 6 * 3600.0
FIRST_RETRY_S = 30.0
LONGEST_RETRY_S = 3600.0


@dataclass(slots=True)
class Pass:
    """What a pass over one feed did. `outcome` as in `runs.outcome`."""

    feed: FeedRow
    outcome: str = "ok"
    counts: Counts = field(default_factory=Counts)
    pages: int = 0
    error: str | None = None
    swept: sweep.Swept | None = None
    traffic: Traffic = field(default_factory=Traffic)


@dataclass(frozen=True, slots=True)
class Appetite:
    """How much one pass may do beyond its feeds. None: until nothing is left."""

    reads: int | None = 250
    attachments: int | None = 50
    until_caught_up: bool = False  # a walk that was resumed is followed by another one


EVERYTHING = Appetite(reads=None, attachments=None, until_caught_up=True)

OnProgress = Callable[[Pass, str], None]


def pull_account(
    store: Store,
    source: Source,
    account: Account,
    *,
    wanted: Callable[[FeedRow], bool] | None = None,
    appetite: Appetite = EVERYTHING,
    on_progress: OnProgress | None = None,
) -> Iterator[Pass]:
    """The passes over an account's feeds, one by one, after its mailbox has answered for itself.

    Raises: AccountBusy, WrongMailbox, SignInAgain (both leave the account waiting for a person), and what reading the
    mailbox raises: RetryLater, WrongAnswer, Stopped.
    """
    with store.lease(account.id):
        identify(store, source, account)
        queue = _to_pull(store, account, set())
        done: set[int] = set()
        while queue:
            feed = queue.pop(0)
            done.add(feed.id)
            if wanted is not None and not wanted(feed):
                continue
            result = pull_feed(store, source, account, feed, appetite=appetite, on_progress=on_progress)
            yield result
            if result.counts.written and feed.kind in PARENTS:
                queue = _to_pull(store, account, done)


def _to_pull(store: Store, account: Account, done: set[int]) -> list[FeedRow]:
    return [feed for feed in journal.feeds(store, account.id) if feed.id not in done and feed.state != "stopped"]


def pull_feed(
    store: Store,
    source: Source,
    account: Account,
    feed: FeedRow,
    *,
    appetite: Appetite = EVERYTHING,
    on_progress: OnProgress | None = None,
) -> Pass:
    """One pass. Trouble with this feed is in the outcome; what concerns the whole account or the file is raised.

    Raises: SignInAgain, Stopped, DiskFull, DatabaseBusy, DatabaseDamaged, HomeUnusable.
    """
    done = Pass(feed)
    started_at = clocks.text(store.clock.now())
    hinted = hints.newest(store, feed)
    before = replace(source.traffic)
    source.new_patience()
    walk = _Walk(store, source, done, on_progress)
    try:
        walk.run(appetite)
    except SourceError as error:
        walk.save_what_is_in_hand()
        done.outcome, done.error = _outcome(error), None if isinstance(error, NotReady) else describe(error)
        if isinstance(error, SignInAgain):
            journal.set_status(store, account.id, "needs_auth", error.code or "unauthorized")
        else:
            journal.failed(store, feed, done.error, after_s=_retry_s(store, feed, error))
        raised = error if isinstance(error, SignInAgain) else None
    except Stopped:
        walk.save_what_is_in_hand()
        raise
    else:
        raised = None
    done.traffic = spent(source.traffic, before)
    journal.record_run(
        store, account.id, feed, started_at, done.outcome, done.counts, done.traffic, done.pages, done.error
    )
    if raised is not None:
        raise raised
    if done.outcome in SEEN_TO:
        hints.pulled(store, feed, hinted)
    return done


class _Walk:
    """The state of one pass: a feed, and the cursor in hand that may be ahead of the stored one by empty pages."""

    def __init__(self, store: Store, source: Source, done: Pass, on_progress: OnProgress | None) -> None:
        self.store = store
        self.source = source
        self.done = done
        self.feed = done.feed
        self.on_progress = on_progress
        self.unsaved = False
        self.failures = self.feed.failures  # when this pass began
        self.begun_at: str | None = None  # when this pass began the listing that is under way

    def run(self, appetite: Appetite) -> None:
        resumed = self.feed.state == "listing" or bool(self.feed.walking)
        self._once()
        if resumed and appetite.until_caught_up and self.feed.state == "following":
            self._once()
        if self._window_has_moved():
            self._list_again()
            self._once()
        fill.read_omitted(self.store, self.source, self.feed, self.done.counts, appetite.reads, self._tell)
        if KINDS[self.feed.kind].attachments:
            fill.fetch_attachments(
                self.store, self.source, self.feed, self.done.counts, appetite.attachments, self._tell
            )
        if self.feed.state == "held":
            self.done.outcome = "held"

    def _tell(self, what: str) -> None:
        if self.on_progress is not None:
            self.on_progress(self.done, what)

    # --- the walk ---------------------------------------------------------------------------------------------------

    def _once(self) -> None:
        """From where the feed stands to where upstream has nothing more."""
        feed = self.feed
        listed_whole = KINDS[feed.kind].feed == "listing" and feed.cursor is None
        if not listed_whole and feed.state in ("new", "held"):
            self._list_again()
        restarts = empty = 0
        seen: set[str] = set()
        while True:
            try:
                page = self.source.page(feed.feed, feed.cursor)
            except RestartFeed as expired:
                restarts += 1
                if restarts > MOST_RESTARTS:
                    raise WrongAnswer(f"the cursor expires again and again: {expired.detail}", status=expired.status,
                                      code=expired.code) from expired  # fmt: skip
                self._restart(expired)
                seen.clear()
                continue
            self.done.pages += 1
            if listed_whole and not page.more:
                self._take_whole_listing(page)
                return
            if listed_whole and feed.state != "listing":
                self._list_again()
            listed_whole = False
            self._take(page)
            if not page.more:
                break
            token = repr(page.cursor)
            empty = 0 if page.changes else empty + 1
            if token in seen or empty > MOST_EMPTY_PAGES:
                raise WrongAnswer("upstream's pages go round in a circle")
            seen.add(token)
        if feed.state == "listing":
            self._finish_listing()

    def _restart(self, expired: RestartFeed) -> None:
        """Go back to the cursor that may still be good; without one, list again."""
        if expired.retry_with is None:
            self._list_again()
            return
        with self.store.transaction() as conn:
            journal.save_cursor(conn, self.feed, expired.retry_with, walking=True)
        self.unsaved = False

    def _list_again(self) -> None:
        with self.store.transaction() as conn:
            journal.begin_listing(conn, self.feed)
            self.begun_at = order.next_moment(conn, self.store.clock)
        self.unsaved = False

    def _take(self, page: Page) -> None:
        if not page.changes and page.more and page.covers is None and self.feed.state == "following":
            self.feed.cursor = page.cursor  # an empty page is worth no write of its own
            self.unsaved = True
            return
        page = replace(page, changes=tuple(self._settled(page.changes)))
        records.apply(self.store, self.feed, page, self.done.counts)
        self.unsaved = False
        self._tell("page")

    def _settled(self, changes: Iterable[Change]) -> Iterator[Change]:
        settled, doubtful = races.settle(self.store, self.feed, tuple(changes))
        for change in settled:
            if change.remote_id in doubtful:
                yield self._asked(change)
            else:
                yield change

    def _asked(self, change: Change) -> Change:
        """What upstream says of one record, asked for by itself. When upstream can't say, pass after pass, the change
        stands."""
        assert change.remote_id is not None
        try:
            now = self.source.read(self.feed.feed, change.remote_id)
        except (WrongAnswer, NotPermitted):
            if self.failures < MOST_DOUBTS:
                raise
            return change
        if isinstance(now, Gone) and isinstance(change, Record):
            self._make_sure_of_its_parent()
        return change if isinstance(now, Gone) and isinstance(change, Gone) else now

    def save_what_is_in_hand(self) -> None:
        if self.unsaved:
            with self.store.transaction() as conn:
                journal.save_cursor(conn, self.feed, self.feed.cursor, walking=True)
            self.unsaved = False

    # --- the end of a listing -----------------------------------------------------------------------------------------

    def _take_whole_listing(self, page: Page) -> None:
        """A listing in one piece needs no marks on its records: what it contained is at hand."""
        self.begun_at = order.next_moment(self.store.conn, self.store.clock)
        self.feed.state = "following"
        records.apply(self.store, self.feed, page, self.done.counts)
        self._finish_listing([change.remote_id for change in page.changes if change.remote_id is not None])
        self._tell("page")

    def _finish_listing(self, present: list[str] | None = None) -> None:
        """Ask for what nobody can say of whether it should have been listed; then sweep."""
        unclear = sweep.unclear(self.store, self.feed, present)
        if unclear and sweep.listed_nothing(self.store, self.feed):
            self._doubt_an_empty_listing(unclear)
        missing = False
        refused: dict[str, SourceError] = {}
        for remote_id in unclear:
            try:
                found = self.source.read(self.feed.feed, remote_id)
            except (WrongAnswer, NotPermitted) as error:
                refused[remote_id] = error
                continue
            if isinstance(found, Gone):
                missing = True
                continue
            incomplete.complete(self.store, self.feed, [found], self.done.counts)
            if present is not None:
                present.append(remote_id)
        if missing:
            self._make_sure_of_its_parent()
        self._spare(refused, present)
        self.done.swept = sweep.finish_listing(
            self.store, self.feed, self.done.counts, present=present, begun_at=self.begun_at
        )
        self.begun_at = None

    def _spare(self, refused: dict[str, SourceError], present: list[str] | None) -> None:
        """What upstream will not say anything about, pass after pass, counts as contained in the listing."""
        if refused and self.failures < MOST_DOUBTS:
            self.feed.failures = self.failures  # a listing in one piece was called caught up, before it was swept
            raise next(iter(refused.values()))
        for remote_id in refused:
            sweep.spare(self.store, self.feed, remote_id)
        if present is not None:
            present.extend(refused)

    def _make_sure_of_its_parent(self) -> None:
        """A record is not deleted because the calendar or list that it is in is gone: what that contained stays."""
        parent = KINDS[self.feed.kind].parent
        if parent is None or self.feed.parent is None:
            return
        if isinstance(self.source.read(Feed(parent), self.feed.parent), Gone):
            raise WrongAnswer(f"upstream no longer has what these {self.feed.kind} are in")

    def _doubt_an_empty_listing(self, unclear: list[str]) -> None:
        """An empty listing is not believed when one of the records that it should have had is there to be read."""
        for remote_id in unclear:
            try:
                found = self.source.read(self.feed.feed, remote_id)
            except (WrongAnswer, NotPermitted):
                continue
            if isinstance(found, Record) and sweep.should_be_listed(self.feed, found):
                self._list_again()
                raise WrongAnswer("upstream's listing is empty, and it has records that belong into it")

    def _window_has_moved(self) -> bool:
        """Whether a listing that starts now would reach a month further than the one that the feed goes by."""
        feed = self.feed
        if KINDS[feed.kind].covers != "window" or feed.state != "following":
            return False
        now: Coverage = self.source.coverage(feed.feed)
        if now.until is None or feed.covers_until is None:
            return False
        return (clocks.moment(now.until) - clocks.moment(feed.covers_until)).days >= WINDOW_MOVES_AFTER_DAYS


def _outcome(error: SourceError) -> str:
    if isinstance(error, NotReady):
        return "not_ready"
    if isinstance(error, NotPermitted) and error.scope:
        return "not_permitted"
    return "needs_auth" if isinstance(error, SignInAgain) else "failed"


def _retry_s(store: Store, feed: FeedRow, error: SourceError) -> float:
    if isinstance(error, NotReady):
        return FIRST_RETRY_S
    if isinstance(error, NotPermitted):
        return REFUSED_FOR_S
    wait_s = min(LONGEST_RETRY_S, FIRST_RETRY_S * 2.0 ** min(feed.failures, 10)) * (
        0.75 + store.clock.random.random() / 2
    )
    asked_s = error.after_s if isinstance(error, RetryLater) else None
    return max(wait_s, asked_s or 0.0)


__all__ = ["EVERYTHING", "AccountBusy", "Appetite", "Pass", "describe", "identify", "pull_account", "pull_feed"]
