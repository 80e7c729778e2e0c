"""A Python client that openapi-python-client writes from the vendor's file, into a folder of the test. None of its code is ours.

The file needs no repair for it. Each operation is a module `api.TAG.OPERATION`, each schema a class of `models`.
"""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PACKAGE = "aurinko_client"


def generate(api_file: Path, folder: Path) -> None:
    """The client as a package in this folder, which is made importable for the rest of the process."""
    settings = folder / "settings.yaml"
    # Formatting what nobody reads takes another program, and time.
    settings.write_text("post_hooks: []\n", encoding="utf-8")
    command = [sys.executable, "-m", "openapi_python_client", "generate", "--path", api_file, "--config", settings]
    ran = subprocess.run(
        [*map(str, command), "--meta", "none", "--output-path", str(folder / PACKAGE), "--fail-on-warning"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr
    sys.path.insert(0, str(folder))


@dataclass(frozen=True)
class Answered:
    """What an operation gave: the status, and the model that the client made of the body."""

    status: int
    parsed: Any


class Client:
    """The generated client at an address, or at an application in this process."""

    def __init__(self, url: str, token: str, **more: Any) -> None:
        made = importlib.import_module(f"{PACKAGE}.client")
        self.models = importlib.import_module(f"{PACKAGE}.models")
        # The environment's proxy is not for loopback.
        self.client = made.AuthenticatedClient(base_url=url, token=token, httpx_args={"trust_env": False, **more})

    def close(self) -> None:
        self.client.get_httpx_client().close()

    def call(self, operation: str, *ids: str, **more: Any) -> Answered:
        """`TAG.OPERATION`, with the ids of its path in order."""
        module = importlib.import_module(f"{PACKAGE}.api.{operation}")
        response = module.sync_detailed(*ids, client=self.client, **more)
        return Answered(int(response.status_code), response.parsed)

    def good(self, operation: str, *ids: str, **more: Any) -> Any:
        """The model of an answer that is not a refusal."""
        answered = self.call(operation, *ids, **more)
        assert answered.status in (200, 201), answered
        return answered.parsed

    def model(self, name: str, fields: dict[str, Any]) -> Any:
        return getattr(self.models, name).from_dict(fields)

    def listed(self, operation: str, *ids: str) -> Iterator[Any]:
        """All records of a list."""
        more: dict[str, str] = {}
        while True:
            page = self.good(operation, *ids, **more)
            yield from page.records
            if not page.next_page_token:
                return
            more = {"page_token": page.next_page_token}

    def start(self, feed: str, *ids: str, **params: Any) -> dict[str, str]:
        """The tokens of a sync that is started: `feed` is `cont`, `cal`, `email` or `task`."""
        status = self.good(f"{feed}_sync.{feed}_sync_start", *ids, **params)
        assert status.ready is True
        return {"updated": status.sync_updated_token, "deleted": status.sync_deleted_token}

    def walk(self, feed: str, tokens: dict[str, str], *ids: str) -> dict[str, list[list[Any]]]:
        """The pages in which each side of a feed tells what happened since its token, which moves on."""
        return {side: list(self._side(feed, side, tokens, *ids)) for side in ("updated", "deleted")}

    def _side(self, feed: str, side: str, tokens: dict[str, str], *ids: str) -> Iterator[list[Any]]:
        more = {"delta_token": tokens[side]}
        while True:
            page = self.good(f"{feed}_sync.{feed}_sync_{side}", *ids, **more)
            assert page.length == len(page.records)
            yield page.records
            if not page.next_page_token:
                tokens[side] = page.next_delta_token
                return
            more = {"page_token": page.next_page_token}
