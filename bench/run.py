"""The benchmark: one command, one table. bench/README.md says what it means.

    python bench/run.py [--small] [--rounds 5] [--only TEXT] [--corpus DIR] [--json FILE] [--markdown FILE]

Everything that it writes but the two files is in a temporary folder; `--folder` says on which disk.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import cases
import own_cases
from cases import Bench, Row
from contenders import all_of_them, dlt_is_there
from report import document, machine, markdown


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much there is of everything."""

    contacts: tuple[int, ...] = (20_000, 100_000)
    messages: int = 50_000
    events: int = 20_000
    tasks: int = 5_000
    in_accounts: int = 40_000
    idle_accounts: int = 91  # of eleven feeds each: a thousand
    pages: tuple[int, ...] = (50, 100, 1000)  # besides 250, with which everything else is done


SMALL = Sizes(contacts=(600,), messages=100, events=100, tasks=100, in_accounts=800, idle_accounts=2, pages=())

Case = Callable[[Bench], Iterator[Row]]


def all_cases(sizes: Sizes, corpus: Path | None) -> dict[str, Case]:
    """By the name that `--only` finds."""
    found: dict[str, Case] = {}
    for rows in sizes.contacts:
        found[f"contacts {rows}"] = partial(cases.first_syncs, kind="contacts", rows=rows, page=250)
    found["messages"] = partial(cases.first_syncs, kind="messages", rows=sizes.messages, page=250)
    for page in sizes.pages:
        found[f"page {page}"] = partial(
            cases.first_syncs, kind="contacts", rows=sizes.contacts[0], page=page, later=False
        )
    found["events"] = partial(cases.first_syncs, kind="events", rows=sizes.events, page=250, later=False)
    found["tasks"] = partial(cases.first_syncs, kind="tasks", rows=sizes.tasks, page=250, later=False)
    found["resumed"] = partial(own_cases.resumed, kind="contacts", rows=sizes.contacts[0], page=50)
    found["accounts"] = partial(own_cases.eight_accounts, rows=sizes.in_accounts, page=250)
    found["accounts, far"] = partial(own_cases.eight_accounts, rows=sizes.in_accounts, page=250, wait_ms=100.0)
    found["idle"] = partial(own_cases.idle_feeds, accounts=sizes.idle_accounts)
    found["moments"] = partial(own_cases.moments, rows=sizes.contacts[-1])
    if corpus is not None:
        found["real"] = partial(own_cases.real_mail, corpus=corpus)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="a few hundred records, once: is it still working?")
    parser.add_argument("--rounds", type=int, help="5; with --small 1")
    parser.add_argument("--contacts", type=int, nargs="+", help="instead of 20,000 and 100,000")
    parser.add_argument("--messages", type=int, help="instead of 50,000")
    parser.add_argument("--only", nargs="+", default=[""], help="cases whose name holds one of these texts")
    parser.add_argument(
        "--corpus", type=Path, help="a folder of .eml, .mbox, .vcf and .ics files, for the case with real mail"
    )
    parser.add_argument("--without-dlt", action="store_true")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--markdown", type=Path)
    parser.add_argument("--folder", type=Path, help="on a disk of the kind that a mirror is kept on")
    chosen = parser.parse_args()
    sizes = SMALL if chosen.small else Sizes()
    sizes = replace(
        sizes, contacts=tuple(chosen.contacts or sizes.contacts), messages=chosen.messages or sizes.messages
    )
    with_dlt = dlt_is_there() and not chosen.without_dlt
    if not with_dlt:
        print("without dlt, which comes with: pip install '.[bench]'", file=sys.stderr)
    shape, found = machine(), list[Row]()
    with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
        bench = Bench(Path(folder), chosen.rounds or (1 if chosen.small else 5), all_of_them(with_dlt=with_dlt))
        for name, case in all_cases(sizes, chosen.corpus).items():
            if any(text in name for text in chosen.only):
                print(f"{name} …", file=sys.stderr, flush=True)
                found += case(bench)
    told = document(found, shape)
    table = markdown(told)
    if chosen.json:
        chosen.json.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    if chosen.markdown:
        chosen.markdown.write_text(table, encoding="utf-8")
    print(table)


if __name__ == "__main__":
    main()
