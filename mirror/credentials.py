"""Secrets of accounts, applications and the pages: in the system's keyring where it is usable, else in `credentials.json`.

That is in the home, and readable by its owner alone. Never in `mirror.db`, a log or a URL.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeGuard

import keyring
from filelock import FileLock

from mirror.errors import HomeUnusable, SignInAgain

SERVICE = "mirror"
MISSING = "credentials.missing"
APP_MISSING = "app.missing"
PAGES = "/pages"
"""Where the pages' password is kept among the accounts' secrets. No account's name has a slash."""
NOTIFICATIONS = "/notifications"
"""And what the mirror signs with what it tells programs."""
_APP = "/app "
_SERVICE = "/service "

Secret = dict[str, str]
"""`{"token"}` for a bearer token, `{"client_id", "client_secret", "account_id"}` for an application's own,
`{"app", "account_id"}` for a mailbox that is called with the rights of the application kept for that base URL,
`{"client_id", "client_secret", "base_url"}` for an application, `{"password_hash", "cookie_secret"}` for the pages, or
`{"signing_secret"}` for notifications of the mirror's own."""

_FORMS = (
    {"token"},
    {"client_id", "client_secret", "account_id"},
    {"app", "account_id"},
    {"client_id", "client_secret", "base_url"},
    {"password_hash", "cookie_secret"},
    {"signing_secret"},
)
_IN_KEYRING: Secret = {"in": "keyring"}


@dataclass(frozen=True, slots=True)
class App:
    """What upstream's portal gave for an application: who asks for rights, and the key that notifications are signed with."""

    base_url: str
    client_id: str
    client_secret: str = field(repr=False)
    signing_secret: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    """What an organisation's administrator has signed in to: mailboxes are under it. Called with the application's rights."""

    base_url: str
    account_id: str
    service: str


def save(home: Path, account: str, secret: Secret, *, in_file: bool = False) -> str:
    """Keep a secret; says where: `keyring` or the file's path. Raises: HomeUnusable."""
    in_keyring = not in_file and _in_keyring(home, account, secret)
    with _alone(home):
        kept = {name: kept for name, kept in _read(home).items() if name != account}
        if not in_keyring:
            kept[account] = secret
        elif account.startswith("/"):
            kept[account] = _IN_KEYRING  # so that a locked keyring does not look like no password, or no application
        _write(home, kept)
    return "keyring" if in_keyring else str(_path(home))


def refer(home: Path, base_url: str, account_ids: Mapping[str, str]) -> None:
    """Let many accounts, name by name, be called with the application of a base URL. Raises: HomeUnusable.

    That is no secret, so all of it goes into the file, at once: a keyring would take minutes for thousands.
    """
    app = root(base_url)
    with _alone(home):
        new = {name: {"app": app, "account_id": account_id} for name, account_id in account_ids.items()}
        _write(home, {**_read(home), **new})


def without(home: Path, accounts: Iterable[str]) -> list[str]:
    """Those of the accounts that have no credentials, or none that can be read. Raises: HomeUnusable."""
    kept = _read(home)
    return [name for name in accounts if name not in kept and not _has(home, name)]


def _has(home: Path, account: str) -> bool:
    try:
        return bool(_load(home, account))
    except SignInAgain:
        return False


def load(home: Path, account: str) -> Secret:
    """What to call an account with. Raises: SignInAgain when there is nothing (any more), HomeUnusable."""
    secret = _load(home, account)
    if "app" not in secret:
        return secret
    try:
        found = app(home, secret["app"])
    except SignInAgain:
        found = None
    if found is None:
        raise SignInAgain(secret["app"], code=APP_MISSING)
    return {"client_id": found.client_id, "client_secret": found.client_secret, "account_id": secret["account_id"]}


def _load(home: Path, account: str) -> Secret:
    kept = _read(home).get(account)
    if kept is not None and kept != _IN_KEYRING:
        return kept
    try:
        secret = json.loads(keyring.get_password(SERVICE, _name(home, account)) or "null")
    except Exception:  # backends are other people's programs, and raise what they like
        secret = None
    if not _is_secret(secret):
        raise SignInAgain("no credentials", code=MISSING)
    return secret


def where(home: Path, account: str) -> str:
    """Where an account's secret is: `keyring` or the file's path. Raises: SignInAgain when there is none; HomeUnusable."""
    kept = _read(home).get(account)
    if kept is not None and kept != _IN_KEYRING:
        return str(_path(home))
    _load(home, account)
    return "keyring"


def load_password(home: Path) -> Secret | None:
    """None when no password is set. Raises: SignInAgain when one is, and can't be read; HomeUnusable."""
    return load(home, PAGES) if has_password(home) else None


def has_password(home: Path) -> bool:
    """Whether the pages have a password. Raises: HomeUnusable."""
    return PAGES in _read(home)


def signing_secret(home: Path, make: Callable[[], str]) -> str:
    """What the mirror signs with what it tells programs; made when there is none yet.

    Raises: SignInAgain when there is one, and it can't be read; HomeUnusable.
    """
    try:
        with FileLock(home / "signing.lock", timeout=10.0):  # or two processes that start at once make one each
            if NOTIFICATIONS not in _read(home):
                save(home, NOTIFICATIONS, {"signing_secret": make()})
            return _load(home, NOTIFICATIONS)["signing_secret"]
    except OSError as error:
        raise HomeUnusable(str(_path(home)), error.strerror or "another program is writing it") from error


def keep_app(home: Path, app: App) -> str:
    """Keep an application; says where, as `save` does. Raises: HomeUnusable."""
    secret = {"client_id": app.client_id, "client_secret": app.client_secret, "base_url": root(app.base_url)}
    if app.signing_secret is not None:
        secret["signing_secret"] = app.signing_secret
    return save(home, _APP + root(app.base_url), secret)


def app(home: Path, base_url: str) -> App | None:
    """The application of a base URL (with or without /v1), None when none was set.

    Raises: SignInAgain when one was, and can't be read; HomeUnusable.
    """
    name = _APP + root(base_url)
    if name not in _read(home):
        return None
    secret = _load(home, name)
    return App(secret["base_url"], secret["client_id"], secret["client_secret"], secret.get("signing_secret"))


def has_app(home: Path, base_url: str) -> bool:
    """Whether an application is set, readable or not. Raises: HomeUnusable."""
    return _APP + root(base_url) in _read(home)


def referring_to(home: Path, base_url: str) -> list[str]:
    """The accounts that are called with an application. Raises: HomeUnusable."""
    return [name for name, secret in _read(home).items() if secret.get("app") == root(base_url) and name[0] != "/"]


def apps(home: Path) -> list[str]:
    """The base URLs for which an application is kept. Raises: HomeUnusable."""
    return sorted(name.removeprefix(_APP) for name in _read(home) if name.startswith(_APP))


def keep_service(home: Path, name: str, service: ServiceAccount) -> None:
    """Keep a service account under a name. It holds no secret, and so is always in the file. Raises: HomeUnusable."""
    kept = {"app": root(service.base_url), "account_id": service.account_id, "service": service.service}
    with _alone(home):
        _write(home, {**_read(home), _SERVICE + name: kept})


def services(home: Path) -> dict[str, ServiceAccount]:
    """The service accounts, by name. Raises: HomeUnusable."""
    return {
        name.removeprefix(_SERVICE): ServiceAccount(kept["app"], kept["account_id"], kept.get("service", ""))
        for name, kept in sorted(_read(home).items())
        if name.startswith(_SERVICE)
    }


def forget_service(home: Path, name: str) -> None:
    """Remove a service account; the mailboxes under it stay. Raises: HomeUnusable."""
    forget(home, _SERVICE + name)


def forget_app(home: Path, base_url: str) -> None:
    """Remove an application's secrets from wherever they are. Raises: HomeUnusable."""
    forget(home, _APP + root(base_url))


def forget(home: Path, account: str) -> None:
    """Remove an account's secret from wherever it is."""
    with _alone(home):
        _write(home, {name: kept for name, kept in _read(home).items() if name != account})
    try:
        keyring.delete_password(SERVICE, _name(home, account))
    except Exception:  # noqa: S110  (there was none, or there is no keyring)
        pass


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Reading and writing the file in one go: two processes may add accounts at once. Raises: HomeUnusable."""
    try:
        with FileLock(home / "credentials.lock", timeout=10.0):
            yield
    except OSError as error:  # also when the lock was not to be had in time
        raise HomeUnusable(str(_path(home)), error.strerror or "another program is writing it") from error


def _in_keyring(home: Path, account: str, secret: Secret) -> bool:
    written = json.dumps(secret)
    try:
        keyring.set_password(SERVICE, _name(home, account), written)
        return keyring.get_password(SERVICE, _name(home, account)) == written  # some backends take and keep nothing
    except Exception:
        return False


def _is_secret(found: object) -> TypeGuard[Secret]:
    return (
        isinstance(found, dict)
        and all(isinstance(value, str) for value in found.values())
        and any(form <= found.keys() for form in _FORMS)
    )


def _name(home: Path, account: str) -> str:
    return f"{home.resolve()}#{account}"


def root(base_url: str) -> str:
    """One spelling for all that name the same server: however it ends, and whatever its capitals."""
    url = base_url.strip().rstrip("/").removesuffix("/v1").rstrip("/")
    scheme, _, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme.lower()}://{host.lower()}{slash}{path}"


def _path(home: Path) -> Path:
    return home / "credentials.json"


def _read(home: Path) -> dict[str, Secret]:
    try:
        kept = json.loads(_path(home).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise HomeUnusable(str(_path(home)), error.strerror or str(error)) from error
    except ValueError as error:
        raise HomeUnusable(str(_path(home)), "it is not JSON any more") from error
    if not isinstance(kept, dict) or not all(one == _IN_KEYRING or _is_secret(one) for one in kept.values()):
        raise HomeUnusable(str(_path(home)), "it does not hold what mirror wrote there")
    return kept


def _write(home: Path, kept: dict[str, Secret]) -> None:
    if not kept and not _path(home).exists():
        return
    beside = _path(home).with_suffix(".new")
    try:
        beside.unlink(missing_ok=True)  # what a crash left behind may be readable by others
        with os.fdopen(os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w", encoding="utf-8") as file:
            json.dump(kept, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(_path(home))
        _sync_folder(home)
    except OSError as error:
        raise HomeUnusable(str(_path(home)), error.strerror or str(error)) from error


def _sync_folder(home: Path) -> None:
    """Until its folder is on the disk, a new name may be lost with the power; some file systems can't do more than try."""
    handle = os.open(home, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError:
        pass
    finally:
        os.close(handle)
