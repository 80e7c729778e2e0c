"""Figures as JSON and as tables: medians, ratios round by round, the machine's shape, the date. It measures nothing."""

from __future__ import annotations

import os
import platform
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from cases import Row
from contenders import MIRROR

Document = dict[str, Any]


def machine() -> Document:
    """The shape of the machine and the versions that matter."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "cores": os.cpu_count(), "memory_gib": round(memory / 2**30), "processor": _processor(), "system": platform.system(),
        "python": platform.python_version(), "sqlite": sqlite3.sqlite_version, "load": round(os.getloadavg()[0], 1),
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
    }  # fmt: skip


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def document(rows: list[Row]) -> Document:
    """Everything that was measured."""
    return {"machine": machine(), "rows": [_figures(row, rows) for row in rows]}


def _figures(row: Row, rows: list[Row]) -> Document:
    wall, cpu = [one.wall_s for one in row.costs], [one.cpu_s for one in row.costs]
    told: Document = {
        "case": row.case, "kind": row.kind, "rows": row.rows, "page": row.page, "contender": row.contender,
        "rounds": len(wall), "wall_s": median(wall), "cpu_s": median(cpu), "rss_mb": median(one.rss_mb for one in row.costs),
        "rows_per_s": row.rows / median(wall), "rows_per_cpu_s": row.rows / median(cpu),
        "server_cpu_s": median(row.server_cpu_s) if row.server_cpu_s else None, "told": row.told,
        "each": [{"wall_s": one.wall_s, "cpu_s": one.cpu_s, "rss_mb": one.rss_mb} for one in row.costs],
    }  # fmt: skip
    ours = next((r for r in rows if r.contender == MIRROR and (r.case, r.kind, r.rows, r.page) == _place(row)), None)
    if ours is not None and ours is not row:
        told["mirror_against_it"] = ratio(row, ours)
    return told


def _place(row: Row) -> tuple[str, str, int, int]:
    return row.case, row.kind, row.rows, row.page


def ratio(other: Row, ours: Row) -> dict[str, float]:
    """How many times as fast ours was: the median of the rounds, by the clock and by the CPU that was used."""
    pairs = list(zip(other.costs, ours.costs, strict=False))
    return {
        "wall": median(theirs.wall_s / mine.wall_s for theirs, mine in pairs),
        "cpu": median(theirs.cpu_s / mine.cpu_s for theirs, mine in pairs),
    }


def markdown(told: Document) -> str:
    """The table of all cases."""
    shape = told["machine"]
    lines = [
        f"{shape['date']}, {shape['cores']} cores ({shape['processor']}), {shape['memory_gib']} GiB, Python {shape['python']},"
        f" SQLite {shape['sqlite']}, load {shape['load']}",
        "",
        "| case | contender | rows/s | s | CPU s | peak MB | mirror against it: clock, CPU |",
        "|---|---|--:|--:|--:|--:|--:|",
    ]
    case = None
    for row in told["rows"]:
        title = f"{row['case']}, {row['rows']:,} {row['kind']}, page {row['page']}"
        against = row.get("mirror_against_it")
        lines.append(
            f"| {title if title != case else ''} | {row['contender']} | {row['rows_per_s']:,.0f} | {row['wall_s']:.2f} |"
            f" {row['cpu_s']:.2f} | {row['rss_mb']:.0f} | {_pair(against)} |"
        )
        case = title
    return "\n".join(lines) + "\n"


def _pair(against: dict[str, float] | None) -> str:
    return f"{against['wall']:.2f}, {against['cpu']:.2f}" if against else ""
