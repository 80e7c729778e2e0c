"""A disk that loses power: which files and bytes may be there afterwards, by what POSIX promises and no more.

What was synced is there. Of what was written since, any part may be there or not, down to sectors; new names, removed names and
renames may be lost until their folder is synced. It judges nothing.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Literal

from power.recording import Call, NotReplayable

SECTOR_BYTES = 512

Loss = Literal["all", "none", "late", "any"]
"""Of what was not synced: everything, nothing, all from some moment on, or any part."""

_Write = tuple[int, bytes | None]
"""Bytes at an offset; without bytes, the file ends there."""


@dataclass(slots=True)
class File:
    safe: bytearray = field(default_factory=bytearray)
    unsafe: list[_Write] = field(default_factory=list)

    def sync(self) -> None:
        for write in self.unsafe:
            _apply(self.safe, write)
        self.unsafe.clear()

    def after(self, loss: Loss, chance: random.Random) -> bytearray:
        left = bytearray(self.safe)
        for write in _survivors(self.unsafe, loss, chance):
            if loss in ("late", "any") and write[1] and chance.random() < 0.5:
                _apply_torn(left, write[0], write[1], chance)
            else:
                _apply(left, write)
        return left


@dataclass(slots=True)
class Folder:
    """`unsafe`: names that were taken away, and what stands under which name since; None: nothing new does."""

    now: dict[str, File | Folder] = field(default_factory=dict)
    safe: dict[str, File | Folder] = field(default_factory=dict)
    unsafe: list[tuple[str, str, File | Folder | None]] = field(default_factory=list)

    def change(self, gone: str, name: str, node: File | Folder | None) -> None:
        _rename(self.now, gone, name, node)
        self.unsafe.append((gone, name, node))

    def sync(self) -> None:
        self.safe = dict(self.now)
        self.unsafe.clear()

    def after(self, loss: Loss, chance: random.Random) -> dict[str, File | Folder]:
        left = dict(self.safe)
        for change in _survivors(self.unsafe, loss, chance):
            _rename(left, *change)
        return left


class Disk:
    """Everything below one folder, call by call."""

    def __init__(self, root: Path) -> None:
        self._root = PurePosixPath(root)
        self._top = Folder()

    def take(self, call: Call) -> None:
        folder, name = self._place(call.path)
        if call.what == "sync":
            self._node(call.path).sync()
        elif call.what in ("create", "mkdir"):
            if name not in folder.now:
                folder.change("", name, File() if call.what == "create" else Folder())
        elif call.what == "unlink":
            folder.change(name, "", None)
        elif call.what == "rename":
            self._rename(folder, name, call.to)
        elif call.what in ("write", "truncate"):
            node = self._node(call.path)
            assert isinstance(node, File)
            node.unsafe.append((call.offset, call.content if call.what == "write" else None))
        else:
            raise NotReplayable(f"{call.to} of {call.path}")

    def cut(self, to: Path, loss: Loss, chance: random.Random) -> None:
        """What may be found on the disk when the power goes now."""
        _lay_out(self._top, to, loss, chance)

    def _rename(self, folder: Folder, name: str, to: str) -> None:
        other, new = self._place(to)
        node = folder.now[name]
        if other is folder:
            folder.change(name, new, node)
        else:
            folder.change(name, "", None)
            other.change("", new, node)

    def _place(self, path: str) -> tuple[Folder, str]:
        parts = PurePosixPath(path).relative_to(self._root).parts
        folder = self._top
        for part in parts[:-1]:
            inner = folder.now[part]
            assert isinstance(inner, Folder)
            folder = inner
        return folder, parts[-1] if parts else ""

    def _node(self, path: str) -> File | Folder:
        folder, name = self._place(path)
        return folder.now[name] if name else self._top


def _lay_out(folder: Folder, to: Path, loss: Loss, chance: random.Random) -> None:
    to.mkdir(mode=0o700)
    for name, node in folder.after(loss, chance).items():
        if isinstance(node, Folder):
            _lay_out(node, to / name, loss, chance)
        else:
            (to / name).write_bytes(node.after(loss, chance))


def _survivors(written: list, loss: Loss, chance: random.Random) -> list:  # type: ignore[type-arg]  # of either kind
    if loss == "late":
        return written[: chance.randint(0, len(written))]
    kept = {"all": 0.0, "none": 1.0, "any": chance.choice((0.2, 0.5, 0.9))}[loss]
    return [one for one in written if chance.random() < kept]


def _rename(names: dict[str, File | Folder], gone: str, name: str, node: File | Folder | None) -> None:
    names.pop(gone, None)
    if node is not None:
        names[name] = node


def _apply(content: bytearray, write: _Write) -> None:
    offset, written = write
    if written is None:
        del content[offset:]
    end = offset + len(written or b"")
    if end > len(content):
        content.extend(bytes(end - len(content)))
    if written:
        content[offset:end] = written


def _apply_torn(content: bytearray, offset: int, written: bytes, chance: random.Random) -> None:
    """Some of the sectors. Where the file has grown without its bytes, there is rubbish or nothing."""
    end = offset + len(written)
    if end > len(content):
        rubbish = chance.random() < 0.5
        content.extend(chance.randbytes(end - len(content)) if rubbish else bytes(end - len(content)))
    at = offset
    while at < end:
        following = min(end, (at // SECTOR_BYTES + 1) * SECTOR_BYTES)
        if chance.random() < 0.5:
            content[at:following] = written[at - offset : following - offset]
        at = following
