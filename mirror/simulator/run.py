"""One seed from beginning to end: rounds of passes amid trouble, then quiet, then the verdict. And how a story is shortened."""

from __future__ import annotations

import random
import re
import tempfile
import traceback
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from mirror import clock as clocks
from mirror.clock import VirtualClock
from mirror.errors import NotPermitted, RetryLater, SignInAgain, WrongAnswer, WrongMailbox
from mirror.identify import describe
from mirror.pull import EVERYTHING, Appetite, pull_account
from mirror.push import push_account
from mirror.simulator import checks, promises, verdict
from mirror.simulator.crash import Crash, Plan
from mirror.simulator.far import Far
from mirror.simulator.story import Line, Story
from mirror.simulator.witness import Witnessed
from mirror.simulator.world import World
from mirror.store import journal, outbox, sweep
from mirror.store.connection import Store, open_store
from mirror.store.journal import Account

MOST_QUIET_PASSES = 12
MOST_QUIET_EDITS = 30  # passes until every edit is at its end
LONGEST_LOOK_S = 130.0  # after which push has looked long enough for what it was not answered about
PATIENCE = 3  # passes for which a person waits for what is unsure
MOST_ACTS = 4  # of a person, between two passes
PAUSES_S = (1.0, 90.0, 3600.0, 86_400.0, 35 * 86_400.0)


@dataclass(slots=True)
class Result:
    """How a seed went. No `faults`: everything that is promised held."""

    seed: int
    faults: list[str] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    steps: list[int] = field(default_factory=list)
    requests: int = 0
    crashes: int = 0
    versions: int = 0

    @property
    def ok(self) -> bool:
        return not self.faults


def simulate(seed: int, without: Iterable[int] = (), *, template: Path | None = None) -> Result:
    """The result of one seed. `without`: decisions that are left out. `template`: a fresh home, to save making one."""
    story = Story(seed, without)
    result = Result(seed, lines=story.lines)
    with tempfile.TemporaryDirectory(prefix="mirror-simulate-") as name:
        world = World(story, Path(name), template)
        far = Far(world, Path(name)) if world.setting.far else None
        try:
            for _ in range(world.setting.rounds):
                _round(world, result)
                if far is not None:
                    far.live()
            _quiet(world, far)
            result.faults = verdict.faults(world) + promises.faults(world) + (far.faults() if far is not None else [])
            result.versions = checks.count_versions(world.store.conn)
        except verdict.Broken as broken:
            result.faults = broken.faults
        except Exception:
            result.faults = [traceback.format_exc()]
        finally:
            if far is not None:
                far.close()
            world.store.close()
            world.upstream.state.close()
    result.requests = world.wire.requests
    result.steps = story.steps
    return result


def make_template(folder: Path) -> Path:
    """A fresh home in this folder, for `simulate` to copy."""
    open_store(folder / "template", VirtualClock()).close()
    return folder / "template"


# --- amid trouble -------------------------------------------------------------------------------------------------------


def _round(world: World, result: Result) -> None:
    _let_time_pass(world)
    for account in journal.accounts(world.store):
        if account.status == "paused":
            if world.story.draw(0.5) is None:
                continue
            world.story.decided(world.now(), f"{account.name} is resumed")
            journal.set_status(world.store, account.id, "active")
        elif world.story.draw(0.05) is not None:
            world.story.decided(world.now(), f"{account.name} is paused")
            journal.set_status(world.store, account.id, "paused")
            continue
        if world.story.draw(0.7) is not None:
            world.upstream.revive()
        _edit(world, account)
        _pass(world, account, result)
        _accept_what_is_true(world, account, 0.3)


def _edit(world: World, account: Account) -> None:
    """What a person does before the next pass."""
    for _ in range(MOST_ACTS if world.setting.edits else 0):
        chance = world.story.draw(world.setting.edits)
        said = chance and world.person.act(chance, world.store, journal.account(world.store, account.id))
        if said:
            world.story.decided(world.now(), said)
            _interfere(world, account)


def _interfere(world: World, account: Account) -> None:
    """Somebody else changes what a person has just edited."""
    place = world.place_of(account.name, world.person.last)
    chance = world.story.draw(world.setting.interference)
    said = chance and place and world.upstream.touch(chance, place)
    if said:
        world.story.decided(world.now(), said)


def _let_time_pass(world: World) -> None:
    chance = world.story.draw(0.9)
    if chance is not None:
        seconds = chance.choice(PAUSES_S)
        world.base.sleep(seconds)
        world.story.decided(world.now(), f"{seconds:.0f} s pass")
    chance = world.story.draw(0.1)
    if chance is not None:
        world.ours.offset = timedelta(seconds=chance.choice((0, -600, -86_400 * 7, 86_400 * 7)))
        world.story.decided(world.now(), f"our clock is wrong by {world.ours.offset}")


def _pass(world: World, account: Account, result: Result) -> None:
    plan = _plan_of_death(world)
    world.mortal().plan = plan
    appetite = Appetite(world.setting.reads, world.setting.attachments, until_caught_up=world.setting.reads is None)
    try:
        _pull(world, account, appetite)
    except Crash:
        assert plan is not None
        result.crashes += 1
        world.story.followed(world.now(), f"crash {plan.died_at}" + (", and the power goes" if plan.copy_to else ""))
        world.reopen(plan.copy_to or world.store.home)
    else:
        world.mortal().plan = None


def _plan_of_death(world: World) -> Plan | None:
    chance = world.story.draw(world.setting.crash)
    if chance is None:
        return None
    statement = int(2 ** (chance.random() * 10))
    copy_to = world.next_home() if chance.random() < 0.5 else None
    torn = chance.randbytes(chance.randrange(5000)) if chance.random() < 0.3 else b""
    world.story.decided(world.now(), f"the process will die at its statement {statement}")
    return Plan(statement, chance.random() < 0.5, copy_to, torn)


def _pull(world: World, account: Account, appetite: Appetite) -> int:
    """How much a pass over an account has written. What a person would be told of is told to the story."""
    world.pulled = account.name
    source = world.source(account)
    written = 0
    before = world.wire.requests
    try:
        if account.writable:
            _push(world, source, account)
        for done in pull_account(world.store, source, account, appetite=appetite):
            written += done.counts.written + done.counts.completed + done.counts.attachments
            if done.outcome != "ok" or done.counts.written:
                counts = f"+{done.counts.created} ~{done.counts.changed} -{done.counts.deleted}"
                said = f"{account.name} {done.feed.kind} {done.outcome} {counts} {done.error or ''}"
                world.story.followed(world.now(), said.rstrip())
    except (SignInAgain, WrongMailbox, RetryLater, WrongAnswer, NotPermitted) as trouble:
        world.story.followed(world.now(), f"{account.name} {describe(trouble)}")
    finally:
        source.close()
        world.pulled = None
    most = verdict.most_requests(world)
    if world.wire.requests - before > most:
        raise verdict.Broken([f"a pass took {world.wire.requests - before} requests, which is more than {most}"])
    return written


def _push(world: World, source: Witnessed, account: Account) -> None:
    """What `mirror sync` does first. No record changes by it but those that were read by themselves to show an edit."""
    world.looked.clear()
    before = checks.rows(world.store.conn)
    try:
        for pushed in push_account(world.store, source, account):
            edit = pushed.edit
            said = f"{account.name} edit {edit.id} {edit.verb} {edit.kind} {edit.state} {edit.error or ''}"
            world.story.followed(world.now(), said.rstrip())
    finally:
        shown = {place.remote_id for place in world.looked}
        for kind, remote_id, *_ in checks.rows(world.store.conn) - before if not world.mortal().dead else ():
            if remote_id not in shown:
                world.wishes.faults.append(f"push has written {kind} {remote_id[-12:]}, which it had not read")


def _accept_what_is_true(world: World, account: Account, probability: float) -> None:
    """A person looks at what is held, and releases it where upstream really has lost it."""
    for feed in journal.feeds(world.store, account.id):
        if feed.state != "held" or not verdict.held_is_true(world, account, feed):
            continue
        if probability < 1 and world.story.draw(probability) is None:
            continue
        with world.store.lease(account.id):
            sweep.finish_listing(world.store, feed, checks.counts(), accepted=True)
        world.story.followed(world.now(), f"accepted: {account.name} {feed.kind}")


# --- quiet --------------------------------------------------------------------------------------------------------------


def _quiet(world: World, far: Far | None) -> None:
    """No more trouble; passes until one of them has nothing to write."""
    world.story.calm = True
    world.visit = lambda: None
    world.wire.end_trouble()
    world.upstream.revive()
    world.story.followed(world.now(), "it becomes quiet")
    for account in journal.accounts(world.store):
        if account.status == "paused":
            journal.set_status(world.store, account.id, "active")
    _settle_edits(world, far)
    for _ in range(MOST_QUIET_PASSES):
        before = checks.content(world.store.conn)
        for account in journal.accounts(world.store):
            _pull(world, account, EVERYTHING)
            _accept_what_is_true(world, account, 1.0)
        if checks.content(world.store.conn) == before and not verdict.unsettled(world):
            return
    raise verdict.Broken(
        [f"after {MOST_QUIET_PASSES} quiet passes: {'; '.join(verdict.unsettled(world)) or 'still writing'}"]
    )


def _settle_edits(world: World, far: Far | None) -> None:
    """Passes until every edit is at its end. Between them a person decides what only a person can."""
    if not world.setting.edits:
        return
    world.ours.offset = timedelta(0)
    for number in range(MOST_QUIET_EDITS):
        for account in journal.accounts(world.store):
            _decide(world, account, patient=number < PATIENCE)
            _pull(world, account, EVERYTHING)
            _accept_what_is_true(world, account, 1.0)
        if far is not None:
            far.settle(patient=number < PATIENCE)
        stores = [world.store, *([far.store] if far is not None else [])]
        still = [one for store in stores for one in promises.open_edits(store.conn)]
        if not still:
            return
        for store in stores:
            _wait_for_edits(world, store)
    raise verdict.Broken([f"after {MOST_QUIET_EDITS} quiet passes: {one}" for one in still])


def _decide(world: World, account: Account, *, patient: bool) -> None:
    world.person.store, world.person.account = world.store, journal.account(world.store, account.id)
    for edit in outbox.edits(world.store, states=("rejected", "conflict", "unsure"), account_id=account.id):
        edit = outbox.edit(world.store, edit.id)  # an earlier decision may have ended it
        chance = random.Random(f"decision {world.story.seed} {edit.id} {edit.attempts} {edit.state}")  # noqa: S311
        said = world.person.decide(chance, edit, patient=patient)
        if said:
            world.story.followed(world.now(), f"{account.name}: {said}")


def _wait_for_edits(world: World, store: Store) -> None:
    """Let time pass until everything that waits has waited long enough."""
    now = store.clock.now()
    waits = [now]
    for row in store.conn.execute(f"SELECT retry_at, sent_at FROM edits WHERE state NOT IN {promises.ENDS}"):
        waits += [clocks.moment(row[0])] if row[0] else []
        waits += [clocks.moment(row[1]) + timedelta(seconds=LONGEST_LOOK_S)] if row[1] else []
    world.base.sleep(max(1.0, (max(waits) - now).total_seconds() + 1.0))


# --- shorter stories ----------------------------------------------------------------------------------------------------


def relevant(result: Result) -> list[Line]:
    """The lines that tell why a seed failed: what was decided, what went wrong, and what was said of the records concerned."""
    said = " ".join(result.faults)
    words = set(re.findall(r"#\d+#|[^\s:']{12}(?=:)", said))
    telling = re.compile(r"crash|quiet|accepted|failed|held|Error|Wrong|SignIn|Retry")
    return [
        line
        for line in result.lines
        if line.step is not None or telling.search(line.text) or any(word in line.text for word in words)
    ]


def _sort(result: Result) -> str:
    """What went wrong first, without whom it concerned."""
    return (
        re.sub(r"\S*\d\S*|'.*|\[.*|\w+ (?=\w+ \S+:)", "", result.faults[0].strip().splitlines()[-1])
        if result.faults
        else ""
    )


def shortened(failed: Result, *, template: Path | None = None, most_tries: int = 120) -> tuple[Result, frozenset[int]]:
    """A shorter story that fails too, and the decisions that it does without."""
    without: frozenset[int] = frozenset()
    best, tries = failed, 0
    size = max(1, len(best.steps) // 2)
    sort = _sort(failed)
    while tries < most_tries:
        steps = best.steps
        progress = False
        for start in range(0, len(steps), size):
            tries += 1
            attempt = without | frozenset(steps[start : start + size])
            result = simulate(failed.seed, attempt, template=template)
            if _sort(result) == sort:
                best, without, progress = result, attempt, True
                break
            if tries >= most_tries:
                break
        if not progress:
            if size == 1:
                break
            size //= 2
    return best, without
