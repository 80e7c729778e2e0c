"""One pass over one account's outbox: tell upstream what the person wants, edit by edit. It never writes a record.

The rules of it, each a test in `tests/test_rules_of_push.py`: an edit is committed as `sending` before its request leaves;
an answer that never came is looked for before anything is sent again; what changed on both sides is merged by field and
by entry, and where both changed the same thing, a person decides.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from mirror import clock as clocks
from mirror import merge
from mirror.errors import (
    Changed,
    MirrorError,
    NotPermitted,
    Overtaken,
    RecordGone,
    Refused,
    RetryLater,
    SignInAgain,
    Unsure,
    WrongAnswer,
)
from mirror.feed import LOCAL, Feed, Gone, Receipt, Record, Request, Write
from mirror.identify import describe, identify
from mirror.resources import KINDS
from mirror.sources.base import Source
from mirror.store import dispatch, incomplete, journal, outbox, settling
from mirror.store.connection import Store
from mirror.store.edits import Edit
from mirror.store.journal import Account, FeedRow

MOST_MERGES = 4  # of one edit in one pass, while upstream keeps changing the record
FIRST_RETRY_S = 15.0
LONGEST_RETRY_S = 3600.0
LOOKED_FOR_S = 120.0  # after which a creation that no pull has shown was not done
SHOWN_AFTER_S = 60.0  # after which a record is read by itself, when no pull has shown what was sent

Fields = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Pushed:
    """What became of an edit in this pass."""

    edit: Edit

    @property
    def feed(self) -> tuple[str, int | None]:
        """The kind and parent whose next pull will show it."""
        return self.edit.kind, self.edit.parent_id


def push_account(
    store: Store, source: Source, account: Account, *, wanted: Callable[[Edit], bool] = lambda _: True
) -> Iterator[Pushed]:
    """Push what is due of an account, one edit after the other, after its mailbox has answered for itself.

    Raises: AccountBusy, WrongMailbox, SignInAgain, RetryLater (upstream can't be reached: offline is no failure), Stopped, and
    what the store raises.
    """
    if not outbox.edits(store, account_id=account.id):
        return
    with store.lease(account.id):
        dispatch.died(store, account.id)
        if not any(wanted(edit) for edit in dispatch.due(store, account.id)):
            return
        identify(store, source, account)
        done: set[int] = set()
        while todo := [edit for edit in dispatch.due(store, account.id) if edit.id not in done and wanted(edit)]:
            edit = todo[0]
            done.add(edit.id)
            source.new_patience()
            after = _Errand(store, source, account, edit).run()
            if after.state != edit.state or after.attempts != edit.attempts:
                yield Pushed(after)


def planned(store: Store, source: Source, account: Account) -> Iterator[tuple[Edit, Request | str]]:
    """The requests that a pass would send now, or why one would not be sent. Nothing is asked of upstream."""
    for edit in dispatch.due(store, account.id):
        if edit.state != "pending":
            continue
        write = dispatch.write_of(store, edit)
        if write is None:
            yield edit, "waits for what contains it to be created first"
            continue
        try:
            yield edit, source.request(write)
        except Refused as refused:
            yield edit, refused.detail


class _Errand:
    """One edit on its way. `edit` is always as it stands in the outbox."""

    def __init__(self, store: Store, source: Source, account: Account, edit: Edit) -> None:
        self.store = store
        self.source = source
        self.account = account
        self.edit = edit

    def run(self) -> Edit:
        try:
            if self.edit.state == "sent":
                self._make_it_show()
            elif self.edit.state == "unsure":
                self._look_for_it()
            if self.edit.state == "pending":
                self._push()
        except Overtaken:  # its person changed it or took it back while it was being looked at
            return outbox.edit(self.store, self.edit.id)
        except (WrongAnswer, NotPermitted) as error:  # of a reading on the way
            self._wait(error)
        except RetryLater as error:
            self._wait(error)
            if error.status is None:
                raise  # nobody is there: the others would not get through either
        if self.edit.state == "sent":
            settling.look(self.store, self.edit)
        return outbox.edit(self.store, self.edit.id)

    # --- sending ------------------------------------------------------------------------------------------------------

    def _push(self) -> None:
        if dispatch.write_of(self.store, self.edit) is None:
            self.edit = dispatch.left_behind(self.store, self.edit)
            return
        if not self._may_go():
            return
        for _ in range(MOST_MERGES):
            if self._send_once():
                return
        self._wait(RetryLater("the record changes faster than it can be written"))

    def _may_go(self) -> bool:
        """False: what is known by now of the record stands against it, or upstream has it already."""
        if self.edit.verb == "delete":
            return self._is_safe_to_delete()
        if self.edit.verb in ("change", "respond") and not self._merge_with_what_is_known():
            return False
        return not self._must_be_read_first() or self._merge_with(self._read(), error="changed on both sides")

    def _send_once(self) -> bool:
        """True when this is all that can be done for now."""
        write = dispatch.write_of(self.store, self.edit)
        assert write is not None
        self.edit = dispatch.sending(self.store, self.edit)
        try:
            receipt = self.source.write(write)
        except Changed:
            self.edit = dispatch.again(self.store, self.edit)  # surely not done, whatever becomes of the reading
            if self.edit.record_id is None:  # there is nothing that could have changed
                self.edit = dispatch.rejected(self.store, self.edit, "upstream said 412 to what is new")
                return True
            return not self._merge_with(self._read(), error="changed on both sides")
        except RecordGone as gone:
            self._is_gone(gone)
        except Refused as refused:
            self.edit = dispatch.rejected(self.store, self.edit, describe(refused).partition(": ")[2])
        except Unsure as lost:
            self.edit = dispatch.unsure(self.store, self.edit, describe(lost))
            self._look_for_it()
        except SignInAgain as refused:
            self.edit = dispatch.again(self.store, self.edit)
            journal.set_status(self.store, self.account.id, "needs_auth", refused.code or "unauthorized")
            raise
        except RetryLater:
            self.edit = dispatch.again(self.store, self.edit)
            raise
        else:
            self._was_done(write, receipt)
        return True

    def _was_done(self, write: Write, receipt: Receipt) -> None:
        if write.verb == "create" and receipt.remote_id is None:
            told = "upstream's answer does not name what it created"
            self.edit = dispatch.unsure(self.store, self.edit, told, receipt=receipt)
            return
        self.edit = dispatch.sent(self.store, self.edit, receipt)

    def _is_gone(self, gone: RecordGone) -> None:
        """404: the record, or what it is to be created in, is not there any more."""
        self.edit = dispatch.again(self.store, self.edit)
        if self.edit.verb == "delete" and isinstance(self._read(), Gone):  # else: it may not be deleted by us
            self.edit = dispatch.sent(self.store, self.edit)
        elif self.edit.verb == "delete" or self.edit.record_id is None or self.edit.verb in ("send", "reply"):
            self.edit = dispatch.rejected(self.store, self.edit, describe(gone).partition(": ")[2])
        else:
            self.edit = dispatch.conflict(self.store, self.edit, None, "deleted upstream")

    # --- three ways ---------------------------------------------------------------------------------------------------

    def _must_be_read_first(self) -> bool:
        """Whether upstream can't be told what a change was based on, or nobody has seen what it would cover."""
        if self.edit.verb != "change" or self.edit.options.get("draft"):
            return False
        if self.edit.kind != "messages" and dispatch.incomplete(self.store, self.edit):
            return True
        if self.edit.base_etag is not None:
            return False
        return self.edit.kind != "messages" or "keywords" in self.edit.patch

    def _merge_with_what_is_known(self) -> bool:
        """A pull may have seen a newer version since: then no request is needed to find out. False: nothing is to be sent."""
        newer, theirs = dispatch.news(self.store, self.edit)
        error = "changed on both sides"
        if not newer or (theirs is not None and self.edit.kind == "messages"):
            return True
        if theirs is None:
            remote_id = dispatch.readable_id(self.store, self.edit) or ""
            return self._merge_with(self._read() if remote_id.startswith(LOCAL) else Gone(""), error=error)
        return self._merge_with(Record("", json.dumps(theirs).encode()), error=error)

    def _merge_with(self, found: Record | Gone, *, error: str) -> bool:
        """Lay the edit over what upstream has now. True: there is something to send."""
        if isinstance(found, Gone):
            self.edit = dispatch.conflict(self.store, self.edit, None, "deleted upstream")
            return False
        theirs: Fields = json.loads(found.raw)
        if self.edit.verb == "respond":
            self.edit = dispatch.again(self.store, self.edit)  # an answer is the same, whatever became of the event
            return True
        merged = merge.merge(
            self.edit.form, merge.basis(self.edit.form, self.edit.base or {}, self.edit.patch), self.edit.patch, theirs
        )
        if merged.overlaps:
            self.edit = dispatch.conflict(self.store, self.edit, theirs, error)
            return False
        self.edit = dispatch.rebased(self.store, self.edit, merged, theirs)
        return self.edit.state == "pending"

    def _is_safe_to_delete(self) -> bool:
        """No DELETE is conditional upstream: what is to be deleted is read first. False: nothing is to be sent."""
        if self.edit.kind == "messages":
            return True  # it goes to the trash, from where it can be brought back
        found = self._read()
        if isinstance(found, Gone):
            self.edit = dispatch.sent(self.store, self.edit)
            return False
        theirs: Fields = json.loads(found.raw)
        base = self.edit.base or {}
        unchanged = theirs.get("etag") is not None and theirs.get("etag") == self.edit.base_etag
        if unchanged or not merge.differences(self.edit.form, base, theirs):
            return True
        self.edit = dispatch.conflict(self.store, self.edit, theirs, "changed upstream since it was to be deleted")
        return False

    # --- what nobody answered -------------------------------------------------------------------------------------------

    def _look_for_it(self) -> None:
        """Read back what may have been done. Left `unsure`: nothing can be said yet."""
        if self.edit.verb in ("send", "reply") or (self.edit.kind == "messages" and self.edit.record_id is None):
            self._look_for_mail()
        elif self.edit.verb == "create":
            self._look_for_creation()
        else:
            self._look_at_the_record()

    def _look_at_the_record(self) -> None:
        found = self._read()
        if isinstance(found, Gone):
            if self.edit.verb == "delete":
                self.edit = dispatch.sent(self.store, self.edit)
            else:
                self.edit = dispatch.conflict(self.store, self.edit, None, "deleted upstream")
            return
        theirs: Fields = json.loads(found.raw)
        trashed = self.edit.verb == "delete" and "trash" in (theirs.get("sysLabels") or [])
        if trashed or (self.edit.verb != "delete" and settling.shows(self.edit.form, self.edit.patch, theirs)):
            self.edit = dispatch.sent(
                self.store, self.edit, Receipt(found.remote_id)
            )  # its etag is of what others did, too
        else:
            self.edit = dispatch.again(self.store, self.edit)  # not done: once more, merged if need be

    def _look_for_creation(self) -> None:
        """A creation is matched in its feed before it is sent again: a record as it was wanted, that came after it was sent."""
        matching = settling.creation(self.store, self.edit)
        if matching is not None:
            self.edit = dispatch.sent(self.store, self.edit, Receipt(matching))
        elif self._looked_long_enough() and self.edit.receipt is None:
            self.edit = dispatch.again(self.store, self.edit)
        # Upstream has said yes, without saying to what: that is not asked for twice, unless a person says so.

    def _look_for_mail(self) -> None:
        """A mail is never sent twice. It is found by its mark; until then, and for ever if need be, a person decides."""
        if settling.mail(self.store, self.edit) is not None:
            self.edit = dispatch.sent(self.store, self.edit)

    def _make_it_show(self) -> None:
        """What was sent and no pull has shown for a while is read by itself. Whatever is there now came after it."""
        if self._age_s() < SHOWN_AFTER_S:
            return
        write, feed = dispatch.write_of(self.store, self.edit), self._feed()
        if write is None:
            return
        remote_id = self.edit.remote_id if self.edit.verb == "reply" else write.remote_id
        if remote_id is None or self.edit.options.get("draft"):  # it can't be read by an id
            if self._looked_long_enough():
                self.edit = dispatch.settled(self.store, self.edit)
            return
        found = self.source.read(write.feed, remote_id)
        deleting = self.edit.verb == "delete"
        if deleting and isinstance(found, Record) and found.etag is not None and found.etag == self.edit.base_etag:
            self.edit = dispatch.rejected(self.store, self.edit, "upstream said that it is gone, and still has it")
            return
        if feed is not None and (isinstance(found, Record) or (deleting and self._has_home(write.feed))):
            incomplete.take_in(self.store, feed, found)
            settling.look(self.store, self.edit)
            self.edit = outbox.edit(self.store, self.edit.id)
        if self.edit.state == "sent":
            self.edit = dispatch.settled(self.store, self.edit)

    def _has_home(self, feed: Feed) -> bool:
        """Whether the calendar or list is still there: what it contained stays in the mirror as it was when it vanishes."""
        parent = KINDS[feed.kind].parent
        return parent is None or isinstance(self.source.read(Feed(parent), feed.parent or ""), Record)

    def _age_s(self) -> float:
        return (self.store.clock.now() - clocks.moment(self.edit.sent_at or self.edit.created_at)).total_seconds()

    def _feed(self) -> FeedRow | None:
        write = dispatch.write_of(self.store, self.edit)
        feeds = journal.known_feeds(self.store, self.account.id)
        return next((feed for feed in feeds if write is not None and feed.feed == write.feed), None)

    def _looked_long_enough(self) -> bool:
        """Whether the feed has been walked to its end well after the request was sent."""
        feed = self._feed()
        if feed is None or feed.caught_up_at is None or feed.state != "following" or self.edit.sent_at is None:
            return False
        looked_s = (clocks.moment(feed.caught_up_at) - clocks.moment(self.edit.sent_at)).total_seconds()
        return looked_s >= LOOKED_FOR_S

    def _read(self) -> Record | Gone:
        write = dispatch.write_of(self.store, self.edit)
        remote_id = dispatch.readable_id(self.store, self.edit)
        assert write is not None
        assert remote_id is not None
        found = self.source.read(write.feed, remote_id)
        if isinstance(found, Gone) and found.now is not None:
            return self.source.read(write.feed, found.now)  # the old name still leads to it, for writing too
        return found

    def _wait(self, error: MirrorError) -> None:
        asked_s = error.after_s if isinstance(error, RetryLater) and error.after_s else 0.0
        wait_s = min(LONGEST_RETRY_S, FIRST_RETRY_S * 2.0 ** min(self.edit.attempts, 10))
        wait_s *= 0.75 + self.store.clock.random.random() / 2
        self.edit = dispatch.wait(
            self.store, outbox.edit(self.store, self.edit.id), describe(error), max(wait_s, asked_s)
        )
