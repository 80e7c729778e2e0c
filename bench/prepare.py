"""A home with accounts that are signed in and have never been pulled. Takes no time that is measured.

python bench/prepare.py HOME URL [--accounts 1]
"""

from __future__ import annotations

import argparse
from pathlib import Path

from mirror import credentials
from mirror.store import journal
from mirror.store.connection import open_store


def prepare(home: Path, url: str, accounts: int) -> None:
    """Accounts a0, a1 and so on; each asks below a path of its own. Tokens go to the file, not to somebody's keyring."""
    store = open_store(home)
    for number in range(accounts):
        journal.add_account(store, f"a{number}", "aurinko", f"{url}/a{number}")
        credentials.save(home, f"a{number}", {"token": f"token-{number}"}, in_file=True)
    store.close()


def prepare_one(home: Path, url: str, token: str) -> None:
    """One account a0 with that token."""
    store = open_store(home)
    journal.add_account(store, "a0", "aurinko", url, attachments_up_to_bytes=0)
    credentials.save(home, "a0", {"token": token}, in_file=True)
    store.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("home", type=Path)
    parser.add_argument("url")
    parser.add_argument("--accounts", type=int, default=1)
    parser.add_argument("--token")
    chosen = parser.parse_args()
    if chosen.token:
        prepare_one(chosen.home, chosen.url, chosen.token)
    else:
        prepare(chosen.home, chosen.url, chosen.accounts)


if __name__ == "__main__":
    main()
