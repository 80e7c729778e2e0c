"""The file: opened, migrated and written through one door, `Store.transaction()`. It never knows what a record is."""

from __future__ import annotations

import importlib.util
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

from filelock import FileLock, Timeout

from mirror.clock import Clock, SystemClock
from mirror.errors import AccountBusy, DatabaseBusy, DatabaseDamaged, DiskFull, HomeTooNew, HomeUnusable, Usage

BUSY_S = (
    10.0  # our own writes take a fraction of a second; a person should not wait longer to hear of another program's
)
PAGE_BYTES = 32_768
"""Measured: 16 KB are 25 % quicker than SQLite's own 4 KB for records of 1 to 6 KB, 32 KB as quick, and a file of mail is 6 %
smaller than with 16 KB, since fewer ends of pages are too short for the next mail."""
CACHE_KB = 32_000
GARBLED = ("Could not decode to UTF-8", "malformed database schema")
"""What SQLite and its Python module say of damaged content, as errors of no class of their own."""


def shipped(name: str) -> Path:
    """A file that comes with the package: beside its modules when installed, at the top of a checkout otherwise."""
    packaged = Path(str(files("mirror"))) / name
    return packaged if packaged.is_file() else Path(__file__).resolve().parents[2] / name


class Store:
    """One home folder's database, open for one process. Everything that is written goes through `transaction()`."""

    def __init__(
        self,
        home: Path,
        conn: sqlite3.Connection,
        clock: Clock,
        busy_s: float = BUSY_S,
        turn: threading.Lock | None = None,
    ) -> None:
        self.home = home
        self.conn = conn
        self.clock = clock
        self.busy_s = busy_s
        self._turn = turn or threading.Lock()  # of this process's threads to write: SQLite would let them poll for it

    @property
    def path(self) -> Path:
        return self.home / "mirror.db"

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Everything inside is written whole, or not at all.

        Raises: DatabaseBusy, DiskFull, DatabaseDamaged, HomeTooNew (nothing was written).
        """
        with self._turn, translated(self.path):
            self.conn.execute("BEGIN IMMEDIATE")
            try:
                _check(self.home, self.conn)  # a newer mirror may have changed the file since it was opened
                yield self.conn
                self.conn.execute("COMMIT")
            except BaseException:
                if self.conn.in_transaction:
                    self.conn.execute("ROLLBACK")
                raise

    @contextmanager
    def snapshot(self) -> Iterator[sqlite3.Connection]:
        """Everything that is read inside is of one moment. Nothing is written there."""
        with translated(self.path):
            self.conn.execute("BEGIN")
            try:
                yield self.conn
            finally:
                self.conn.execute("ROLLBACK")

    @contextmanager
    def lease(self, account_id: int) -> Iterator[None]:
        """The right to pull an account, which one process has at a time. The system takes it back from a dead one.

        Raises: AccountBusy, HomeUnusable.
        """
        with self.alone(f"account-{account_id}"):
            yield

    @contextmanager
    def alone(self, what: str) -> Iterator[None]:
        """The right to something that one process does at a time. Raises: AccountBusy, HomeUnusable."""
        folder = self.home / "locks"
        lock = FileLock(folder / f"{what}.lock", timeout=0)
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            lock.acquire()
        except Timeout as error:
            raise AccountBusy from error
        except OSError as error:
            raise HomeUnusable(str(folder), error.strerror or str(error)) from error
        try:
            yield
        finally:
            lock.release()

    def again(self, *, cache_kb: int = CACHE_KB) -> Store:
        """A second connection to the same file, for another thread. Raises: HomeTooNew."""
        conn = _bare(self.path, self.busy_s)
        try:
            _check(self.home, conn)
            _configure(conn, cache_kb)
        except BaseException:
            conn.close()
            raise
        return Store(self.home, conn, self.clock, self.busy_s, self._turn)

    def close(self) -> None:
        self.conn.close()


def open_store(
    home: Path,
    clock: Clock | None = None,
    *,
    create: bool = True,
    busy_s: float = BUSY_S,
    factory: type[sqlite3.Connection] = sqlite3.Connection,
) -> Store:
    """The home's database, made or migrated where that is needed. `busy_s`: how long to wait for another program's lock;
    `factory`: the class of the connection, for what watches it.

    Raises: HomeUnusable, HomeTooNew, DatabaseBusy, DatabaseDamaged, Usage (no such home, with `create` off).
    """
    if importlib.util.find_spec("pysqlite3") is not None:
        raise Usage("two SQLite libraries in one process lose locks; uninstall pysqlite3 and try again")
    path = home / "mirror.db"
    if not create and not path.exists():
        raise Usage(f"there is no mirror in {home}; make one with: mirror account add NAME, or see: mirror demo")
    try:
        make_folder(home)
        if not path.exists():
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise HomeUnusable(str(home), error.strerror or str(error)) from error
    with translated(path):
        conn = _bare(path, busy_s, factory)
        try:
            _check(home, conn)
            _configure(conn)
            _bring_up_to_date(home, conn, busy_s)
        except UnicodeDecodeError as error:  # in SQLite's complaint about what it found in the place of a name
            conn.close()
            raise DatabaseDamaged(str(path)) from error
        except BaseException:
            conn.close()
            raise
    return Store(home, conn, clock or SystemClock(), busy_s)


def make_folder(path: Path) -> None:
    """A folder for its owner alone, which is there after a power cut too: a new name is safe when its folder is synced."""
    if path.is_dir():
        return
    if not path.parent.is_dir():
        make_folder(path.parent)
    path.mkdir(mode=0o700, exist_ok=True)
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Have the names in a folder on the disk, where the file system can do that; SQLite asks for no more than that either."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError:
        pass
    finally:
        os.close(handle)


def open_reader(path: Path) -> sqlite3.Connection:
    """A connection that can't write."""
    conn = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=BUSY_S)
    conn.row_factory = sqlite3.Row
    return conn


def _bare(path: Path, busy_s: float, factory: type[sqlite3.Connection] = sqlite3.Connection) -> sqlite3.Connection:
    conn = sqlite3.connect(path, timeout=busy_s, isolation_level=None, check_same_thread=False, factory=factory)
    conn.row_factory = sqlite3.Row
    return conn


def _check(home: Path, conn: sqlite3.Connection) -> int:
    """The version of the file's schema; 0 of a new file. Asked before anything is set that would change the file.

    Raises: HomeTooNew, HomeUnusable.
    """
    from mirror.store import migrations  # it takes the shipped schema from here

    found: int = conn.execute("PRAGMA user_version").fetchone()[0]
    if found > migrations.VERSION:
        raise HomeTooNew(str(home), found, migrations.VERSION)
    if found == 0 and conn.execute("SELECT 1 FROM sqlite_master").fetchone():
        raise HomeUnusable(str(home / "mirror.db"), "it is another program's database")
    return found


def _configure(conn: sqlite3.Connection, cache_kb: int = CACHE_KB) -> None:
    conn.execute(f"PRAGMA page_size = {PAGE_BYTES}")
    conn.execute("PRAGMA journal_mode = WAL")
    conn.execute("PRAGMA synchronous = FULL")  # a cursor is never acknowledged without its rows, power loss included
    conn.execute("PRAGMA foreign_keys = ON")
    conn.execute("PRAGMA recursive_triggers = ON")  # so that REPLACE can't delete a record past its triggers
    conn.execute(f"PRAGMA cache_size = -{cache_kb}")
    conn.execute("PRAGMA temp_store = MEMORY")


def _bring_up_to_date(home: Path, conn: sqlite3.Connection, busy_s: float) -> None:
    from mirror.store import migrations

    if _check(home, conn) == migrations.VERSION:
        return
    lock = FileLock(home / "migrate.lock", timeout=busy_s)
    try:
        lock.acquire()
    except Timeout as error:
        raise DatabaseBusy(str(home)) from error
    try:
        found = _check(home, conn)
        if found == 0:
            migrations.create(conn, shipped("schema.sql").read_text(encoding="utf-8"))
        elif found < migrations.VERSION:
            migrations.migrate(conn, found)
    finally:
        lock.release()


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """SQLite's errors as ours. Raises: DatabaseBusy, DiskFull, DatabaseDamaged, HomeUnusable."""
    try:
        yield
    except sqlite3.OperationalError as error:
        name = getattr(error, "sqlite_errorname", "") or ""
        if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            raise DatabaseBusy(str(path)) from error
        if name.startswith("SQLITE_FULL") or (name == "SQLITE_IOERR_WRITE" and _is_full(path)):
            raise DiskFull(str(path)) from error
        if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM", "SQLITE_IOERR", "SQLITE_AUTH")):
            raise HomeUnusable(str(path), _why(error)) from error
        if any(word in str(error) for word in GARBLED):
            raise DatabaseDamaged(str(path)) from error
        raise
    except sqlite3.DatabaseError as error:
        if (getattr(error, "sqlite_errorname", "") or "").startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
            raise DatabaseDamaged(str(path)) from error
        raise


def _why(error: sqlite3.Error) -> str:
    """SQLite's “disk I/O error” in better words, where the system has any."""
    import resource  # there is none on Windows

    limit, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
    if limit != resource.RLIM_INFINITY and "I/O" in str(error):
        return f"a file may not grow beyond {limit:,} bytes here (ulimit -f)"
    return str(error)


def _is_full(path: Path) -> bool:
    try:
        free = os.statvfs(path.parent)
    except OSError:
        return False
    return free.f_bavail == 0
