"""Which messages belong to one conversation, by References and In-Reply-To alone; subjects are never compared."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from hashlib import sha256
from itertools import pairwise
from typing import Any

from mirror.formats.addresses import message_ids


def thread_ids(messages: Iterable[Mapping[str, Any]]) -> list[str]:
    """For each message, in order, the id of its thread: derived from the Message-ID of the thread's first message.

    The first message counts even if it is not among them, as long as one of them refers to it.
    """
    records = list(messages)
    leader: dict[str, str] = {}
    parent: dict[str, str] = {}
    own_ids = []
    for record in records:
        own_id = record.get("internetMessageId") or json.dumps(record, sort_keys=True, ensure_ascii=True, default=str)
        own_ids.append(own_id)
        line = message_ids(record.get("references") or "") or message_ids(record.get("inReplyTo") or "")
        line = [ancestor for ancestor in line if ancestor != own_id] + [own_id]
        for older, newer in pairwise(line):
            parent.setdefault(newer, older)
            leader[_leader(leader, newer)] = _leader(leader, older)
        _leader(leader, own_id)
    roots: dict[str, str] = {}
    for known in leader:
        if known not in parent:
            roots.setdefault(_leader(leader, known), known)
    for known in sorted(leader):
        # Messages that only refer to each other in a circle have no first one; any will do that is always the same.
        roots.setdefault(_leader(leader, known), known)
    return [_named(roots[_leader(leader, own_id)]) for own_id in own_ids]


def _leader(leader: dict[str, str], known: str) -> str:
    """The representative of the set that an id is in (union-find with path halving)."""
    leader.setdefault(known, known)
    while leader[known] != known:
        leader[known] = leader[leader[known]]
        known = leader[known]
    return known


def _named(root: str) -> str:
    return sha256(root.encode("utf-8", "replace")).hexdigest()[:16]
