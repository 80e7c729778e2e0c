"""Fixtures that everything shares. What needs files beside the checkout is skipped, with a reason, where they are absent."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from mirror_cli import Cli, Served, Upstream, new_upstream

pytest_plugins = ("browser",)

# No test may reach the keyring of whoever runs it. Read when the first secret is kept, by this process and its children.
os.environ["PYTHON_KEYRING_BACKEND"] = "keyring.backends.fail.Keyring"
for variable in ("MIRROR_HOME", "MIRROR_NOW_OFFSET_S", "MIRROR_RETRY_BUDGET_S", "MIRROR_BUSY_S"):
    os.environ.pop(variable, None)

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # so it is in a background job, and every child would inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"
MEMORY = Path("/dev/shm")
LONG = {
    "test_bad_disk", "test_crash", "test_end_to_end", "test_exhaustive", "test_kill", "test_examples", "test_local_clients",
    "test_local_schemathesis", "test_memory", "test_openapi_schemathesis", "test_planted_faults", "test_power_loss",
    "test_run_for_ever", "test_serving", "test_simulated_month", "test_simulated_week", "test_simulator",
    "test_state_machine", "test_told_at_once", "test_web_browser", "test_web_chromium",
    "test_web_chromium_odd", "test_web_keyboard", "test_sign_in_chromium",
}  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """`pytest -m "not long"` leaves out what runs processes, browsers and simulations: the rest is quick."""
    for item in items:
        if item.path.stem in LONG:
            item.add_marker(pytest.mark.long)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with the vendor's API file and the corpus, which lies beside a developer's checkout."""
    if not SHARED.is_dir():
        pytest.skip("needs ../shared (the vendor's API file and the corpus) beside the checkout")
    return SHARED


@pytest.fixture(scope="session")
def corpus(shared: Path) -> Path:
    return shared / "corpus"


@pytest.fixture(scope="session")
def demo_home() -> Path:
    """A home with a fully synced mirror of the synthetic person, with some history. Tests only read it."""
    from web_demo import demo_home as made

    return made()


@pytest.fixture(scope="session")
def served() -> Iterator[Served]:
    """One server on loopback for all tests; each plugs in what it should answer as."""
    server = Served()
    yield server
    server.stop()


@pytest.fixture
def upstream(served: Served) -> Iterator[Upstream]:
    """A small mailbox behind a real HTTP server."""
    made = new_upstream(served)
    yield made
    served.unplug()


@pytest.fixture
def quick_path() -> Iterator[Path]:
    """A folder in memory where there is such a thing: what is tested in it waits for no disk."""
    folder = Path(tempfile.mkdtemp(prefix="mirror-test-", dir=MEMORY if MEMORY.is_dir() else None))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def cli(quick_path: Path) -> Cli:
    """The command line, in this process, with a home that does not exist yet."""
    return Cli(quick_path / "home")


@pytest.fixture
def mirrored(cli: Cli, upstream: Upstream) -> Cli:
    """The command line of a home with one account, `work`, that has been synced once."""
    cli.add("work", upstream)
    assert cli("sync").code == 0
    return cli
