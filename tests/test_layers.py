"""The import table of DESIGN §2, kept true: who may import whom, and by which door the outside world comes in."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "mirror"
FILES = sorted(PACKAGE.rglob("*.py"))

LOWER = ("errors",)
STORE = (*LOWER, "clock", "feed", "fields", "merge", "resources")
PULL = (*STORE, "sources.base", "store")

# A layer, and the layers that it may import besides itself. The longest name that fits a module is its layer.
MAY_IMPORT = {
    "": (),
    "errors": (),
    "clock": LOWER,
    "credentials": LOWER,
    "feed": LOWER,
    "fields": LOWER,
    "merge": (*LOWER, "fields"),
    "moments": (*LOWER, "clock"),
    "resources": LOWER,
    "formats": LOWER,
    "sources": (*LOWER, "clock", "feed", "formats"),
    "store": STORE,
    "fill": PULL,
    "identify": PULL,
    "loopback": (*LOWER, "clock"),
    "sign_in": (*PULL, "credentials", "loopback", "sources.aurinko_auth"),
    "organisation": (*STORE, "store", "credentials", "sign_in", "sources.aurinko_auth"),
    "pull": (*PULL, "fill", "identify"),
    "push": (*PULL, "identify", "merge", "fields"),
    "retry": (*PULL, "identify"),
    "service": (),
    "settings": LOWER,
    "health": (*STORE, "moments", "store"),
    "doctor": (*PULL, "credentials", "settings", "notify", "sign_in", "sources.reach"),
    "notify": (*PULL, "health", "settings", "sources.ping"),
    "schedule": (*PULL, "pull", "push", "identify", "loop", "subscribe"),
    "webhook": (*LOWER, "clock", "feed"),
    "subscribe": (*PULL, "identify", "webhook"),
    "loop": (*PULL, "pull", "push", "identify", "subscribe"),
    "contract": (*LOWER, "clock", "formats"),
    # The one file of it that asks others: notifications go out over HTTP.
    "contract.posting": (*LOWER, "clock", "contract"),
    "sandbox": (*LOWER, "clock", "formats", "contract"),
    "local_api": (*STORE, "store", "contract"),
    "web": (
        *LOWER,
        "clock",
        "feed",
        "webhook",
        "fields",
        "merge",
        "moments",
        "resources",
        "formats",
        "store",
        "health",
        "settings",
    ),
    # It plays upstream, the disk and the person at once.
    "simulator": (
        *PULL,
        "sources",
        "identify",
        "pull",
        "push",
        "retry",
        "merge",
        "fields",
        "formats",
        "contract",
        "local_api",
        "sandbox",
    ),
    "cli": ("",),
}

# What comes from outside, and the layers that may touch it.
DOORS = {
    "httpx": ("contract.posting", "sources", "simulator"),
    "apscheduler": ("schedule",),
    "click": ("cli",),
    "rich": ("cli",),
    "platformdirs": ("cli",),
    "sqlite3": ("store", "web", "sandbox", "simulator"),
    "sqlite_utils": ("store", "web"),
    "tomli_w": ("cli",),
    "keyring": ("credentials",),
    "http": ("loopback", "sandbox"),
    "webbrowser": ("cli",),
    "datasette": ("web",),
    "datasette_auth_passwords": ("web",),
    "tzlocal": ("cli",),
    "uvicorn": ("cli",),
    "flask": ("contract", "local_api", "sandbox"),
    "werkzeug": ("contract", "sandbox"),
    "vobject": ("formats",),
    "icalendar": ("formats",),
    "recurring_ical_events": ("formats",),
    "nh3": ("formats", "web"),
    "selectolax": ("contract", "formats"),
    "time": ("clock",),
    "secrets": ("clock",),
}


def module_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def layer_of(module: str) -> str:
    """The layer of `a.b.c` below `mirror`."""
    return max(
        (layer for layer in MAY_IMPORT if module == layer or module.startswith(layer + ".")), key=len, default="?"
    )


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Every module that a file names in an import, inside functions too."""
    package = ["mirror", *path.relative_to(PACKAGE).parent.parts]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                base = ".".join([*package[: len(package) - node.level + 1], *([base] if base else [])])
            names = [f"{base}.{alias.name}" for alias in node.names]
            yield from ((node.lineno, name if is_module(name) else base) for name in names)


def is_module(name: str) -> bool:
    place = ROOT.joinpath(*name.split("."))
    return place.is_dir() or place.with_suffix(".py").is_file()


def allowed(importer: str, imported: str) -> bool:
    own = layer_of(importer)
    if own == "cli" or layer_of(imported) == own:
        return True
    return any(imported == layer or imported.startswith(layer + ".") for layer in MAY_IMPORT[own])


def test_every_file_belongs_to_a_layer_of_the_table() -> None:
    unknown = [module_of(path) for path in FILES if layer_of(module_of(path)) == "?"]

    assert unknown == []
    assert len(FILES) > 50


def test_layers_import_only_what_the_table_allows() -> None:
    broken = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in FILES
        for line, name in imports(path)
        if name.startswith("mirror.") and not allowed(module_of(path), name.removeprefix("mirror."))
    ]

    assert broken == []


def test_the_outside_world_comes_in_by_its_doors_only() -> None:
    broken = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in FILES
        for line, name in imports(path)
        if (top := name.split(".")[0]) in DOORS and layer_of(module_of(path)) not in DOORS[top]
    ]

    assert broken == []


def test_sql_is_spoken_in_the_store_and_by_those_who_bring_their_own_database_only() -> None:
    broken = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in FILES
        if layer_of(module_of(path)) not in DOORS["sqlite3"]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in ("execute", "executemany", "executescript")
    ]

    assert broken == []


@pytest.mark.parametrize(
    ("importer", "imported"),
    [
        ("sources.aurinko", "store.records"),
        ("store.records", "sources.base"),
        ("pull", "push"),
        ("push", "pull"),
        ("pull", "sources.aurinko"),
        ("web.plugin", "cli.words"),
        ("formats.ical", "clock"),
        ("sandbox.app", "store.connection"),
        ("store.records", "pull"),
    ],
)
def test_the_table_forbids_what_design_says_never(importer: str, imported: str) -> None:
    assert not allowed(importer, imported)


# --- time and chance --------------------------------------------------------------------------------------------------

READS_TIME_OR_CHANCE = {
    "datetime.now", "datetime.utcnow", "datetime.today", "date.today", "os.urandom", "os.getrandom", "asyncio.sleep",
    "uuid.uuid1", "uuid.uuid4", "uuid.getnode", "random.SystemRandom",
}  # fmt: skip


def dotted(node: ast.expr) -> str:
    """`a.b.c` of such an expression."""
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.insert(0, node.attr)
        node = node.value
    if isinstance(node, ast.Name):
        names.insert(0, node.id)
    return ".".join(names)


def reads_time_or_chance(call: ast.Call) -> bool:
    name = dotted(call.func)
    if name == "random.Random":
        return not call.args  # without a seed it takes one from the system
    drawn = name.startswith("random.") and name.removeprefix("random.").islower()
    return drawn or ".".join(name.split(".")[-2:]) in READS_TIME_OR_CHANCE


def test_only_the_clock_reads_time_or_randomness_or_sleeps() -> None:
    broken = [
        f"{path.relative_to(ROOT)}:{node.lineno} calls {dotted(node.func)}"
        for path in FILES
        if module_of(path) != "clock"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and reads_time_or_chance(node)
    ]

    assert broken == []


@pytest.mark.parametrize(
    ("written", "reads"),
    [
        ("datetime.now(UTC)", True),
        ("datetime.datetime.utcnow()", True),
        ("date.today()", True),
        ("random.random()", True),
        ("random.shuffle(cards)", True),
        ("random.Random()", True),
        ("random.Random(seed)", False),
        ("clock.random.random()", False),
        ("self.random.getrandbits(8)", False),
        ("clock.now()", False),
        ("uuid.UUID(int=7)", False),
    ],
)
def test_what_reads_time_or_chance_is_recognised(written: str, reads: bool) -> None:
    (call,) = (node for node in ast.walk(ast.parse(written)) if isinstance(node, ast.Call))

    assert reads_time_or_chance(call) is reads


# --- importing does nothing -------------------------------------------------------------------------------------------

# Run in a process of its own: everything that is not ours is imported first, then every module of ours under an audit hook.
IMPORT_ALL = """
import importlib, sys
ours, others = sys.argv[1].split(","), sys.argv[2].split(",")
for name in others:
    importlib.import_module(name)
WATCHED = ("open", "sqlite3.connect", "socket.", "subprocess.", "os.mkdir", "os.remove", "os.rename", "os.system", "shutil.")
seen = []
def watch(event, args):
    what = str(args[0]) if args else ""
    code = event == "open" and what.endswith((".py", ".pyc"))
    zone = event == "open" and ("zoneinfo" in what or "tzdata" in what)  # a constant of Python's, read and kept once
    if event.startswith(WATCHED) and not code and not zone:
        seen.append((event, what))
sys.addaudithook(watch)
for name in ours:
    importlib.import_module(name)
print("\\n".join(f"{event} {what}" for event, what in seen))
"""


def test_importing_a_module_touches_no_file_and_no_socket() -> None:
    ours = [("mirror." + module_of(path)).rstrip(".") for path in FILES if path.name != "__main__.py"]
    others = sorted(
        {name for path in FILES for _, name in imports(path) if not name.startswith("mirror")} - {"__future__"}
    )

    ran = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL, ",".join(ours), ",".join(others)],
        capture_output=True, text=True, cwd=ROOT, timeout=60, check=False,
    )  # fmt: skip

    assert ran.stderr == ""
    assert ran.stdout.strip() == ""


# --- STYLE: a file is one concept and opens with a sentence -----------------------------------------------------------


def test_every_file_opens_with_a_sentence_that_says_what_it_is() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in FILES
        if path.read_text(encoding="utf-8").strip()
        and not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]

    assert silent == ["mirror/__init__.py"] or silent == []


def test_functions_stay_short_enough_to_be_read() -> None:
    long = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name} has {node.end_lineno - node.lineno + 1} lines"
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None
        and node.end_lineno - node.lineno + 1 > 60
    ]  # fmt: skip

    assert long == []
