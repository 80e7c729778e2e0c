"""Figures as JSON and as tables: medians, ratios round by round, the machine's shape, the date. It measures nothing."""

from __future__ import annotations

import os
import platform
import sqlite3
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from cases import FIRST, Row
from contenders import MIRROR
from targets import ratio, reached

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


def document(rows: list[Row], shape: Document) -> Document:
    """Everything that was measured, and what it means for the targets."""
    return {
        "machine": shape,
        "rows": [_figures(row, rows) for row in rows],
        "targets": [asdict(one) for one in reached(rows)],
    }


def _figures(row: Row, rows: list[Row]) -> Document:
    wall_s, cpu_s = median(one.wall_s for one in row.costs), median(one.cpu_s for one in row.costs)
    told: Document = {
        "case": row.case, "kind": row.kind, "rows": row.rows, "page": row.page, "contender": row.contender,
        "rounds": len(row.costs), "wall_s": wall_s, "cpu_s": cpu_s, "rss_mb": median(one.rss_mb for one in row.costs),
        "rows_per_s": row.rows / wall_s, "rows_per_cpu_s": row.rows / cpu_s,
        "server_cpu_s": median(row.server_cpu_s) if row.server_cpu_s else None, "told": row.told,
        "each": [{"wall_s": one.wall_s, "cpu_s": one.cpu_s, "rss_mb": one.rss_mb} for one in row.costs],
    }  # fmt: skip
    ours = next((one for one in rows if one.contender == MIRROR and _place(one) == _place(row)), None)
    if ours is not None and ours is not row:
        told["mirror_against_it"] = ratio(row, ours)
    return told


def _place(row: Row) -> tuple[str, str, int, int]:
    return row.case, row.kind, row.rows, row.page


def markdown(told: Document) -> str:
    """The table of the targets and the table of all cases."""
    shape = told["machine"]
    lines = [
        f"{shape['date']}: {shape['cores']} cores ({shape['processor']}), {shape['memory_gib']} GiB, Python {shape['python']},"
        f" SQLite {shape['sqlite']}, load {shape['load']} when it began.",
        "",
        "| target | at least | aim for | measured | by CPU | |",
        "|---|---|---|---|---|---|",
    ]
    for one in told["targets"]:
        cells = (one[name] for name in ("what", "at_least", "aim_for", "measured", "by_cpu"))
        lines.append(f"| {' | '.join(cells)} | {'met' if one['met'] else 'missed'} |")
    lines += [
        "",
        "| case | contender | rows/s | seconds | CPU s | server's CPU s | peak MB | mirror is × as fast: clock, CPU | |",
        "|---|---|--:|--:|--:|--:|--:|--:|---|",
    ]
    case = None
    for row in told["rows"]:
        title = f"{row['case']}: {row['rows']:,} {row['kind']}" + (f", page {row['page']}" if row["page"] else "")
        lines.append(f"| {title if title != case else ''} {_line(row)}")
        case = title
    return "\n".join(lines) + "\n"


def _line(row: Document) -> str:
    against = row.get("mirror_against_it")
    cells = (
        row["contender"], f"{row['rows_per_s']:,.0f}", f"{row['wall_s']:.2f}", f"{row['cpu_s']:.2f}",
        f"{row['server_cpu_s']:.2f}" if row["server_cpu_s"] is not None else "", f"{row['rss_mb']:.0f}",
        f"{against['wall']:.2f}, {against['cpu']:.2f}" if against else "", _besides(row),
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"


def _besides(row: Document) -> str:
    told = row["told"]
    if "pages_then" in told:
        return f"{told['pages_first']} + {told['pages_then']} of {told['pages_there_are']} pages asked for"
    if "cpu_ms_per_feed" in told:
        return f"{told['cpu_ms_per_feed']:.1f} ms CPU per feed"
    if row["case"] == FIRST and "raw_bytes" in told:
        return f"file {told['file_bytes'] / told['raw_bytes']:.2f}× the JSON"
    return ""
