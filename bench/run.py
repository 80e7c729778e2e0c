"""The benchmark: one command, one table. See bench/README.md.

python bench/run.py [--small] [--rounds 5] [--only TEXT] [--json FILE] [--markdown FILE] [--folder DIR]
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import cases
from cases import Bench, Row
from contenders import all_of_them, dlt_is_there
from report import document, markdown


def chosen_cases(bench: Bench, rows: dict[str, int], page: int) -> Iterator[Row]:
    yield from cases.first_sync_and_later(bench, "contacts", rows["contacts"], page)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="a few hundred records, once: does it still work?")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--contacts", type=int, default=20_000)
    parser.add_argument("--page", type=int, default=250)
    parser.add_argument("--without-dlt", action="store_true")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--markdown", type=Path)
    parser.add_argument("--folder", type=Path, help="where the files go; a disk of the kind that a mirror is kept on")
    chosen = parser.parse_args()
    with_dlt = dlt_is_there() and not chosen.without_dlt
    if not with_dlt:
        print("without dlt: pip install '.[bench]' brings it", file=sys.stderr)
    with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
        bench = Bench(Path(folder), chosen.rounds, all_of_them(with_dlt=with_dlt))
        found = []
        for row in chosen_cases(bench, {"contacts": chosen.contacts}, chosen.page):
            found.append(row)
    told = document(found)
    if chosen.json:
        chosen.json.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    table = markdown(told)
    if chosen.markdown:
        chosen.markdown.write_text(table, encoding="utf-8")
    print(table)


if __name__ == "__main__":
    main()
