"""How tests talk to the sandbox: a client without sockets, with every request and answer held against the vendor's file.

`validated(app)` is WSGI around WSGI and raises AssertionError on the first thing that the vendor's file does not allow. It
is stricter than the file in one way: fields that the file does not name are refused, except those listed in EXTRA.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import parse_qs, quote, unquote
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import httpx
import jsonschema_rs
from flask import Flask
from openapi import API_FILE, api, schema_validator

from mirror.clock import VirtualClock
from mirror.contract.notifications import Post
from mirror.sandbox.app import Sandbox, create_app, sandbox_of
from mirror.sandbox.options import Options
from mirror.sandbox.state import Account, State

# Fields and parameters that the vendor's clients and guides know, though the file does not.
EXTRA = {
    "Event": ("iCalUId",),
    "ApiAccountOutDto": ("providerAccessToken",),
    "SubscriptionRequest": ("detailLevel",),
    "SubscriptionResponse": ("detailLevel",),
}
EXTRA_PARAMETERS = ("awaitReady", "clientOrgId")


class Transport(httpx.BaseTransport):
    """Calls a WSGI application in process, with the raw path a server would give it, and with connections that can break."""

    def __init__(self, app: WSGIApplication) -> None:
        self.app = app

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        raw = request.url.raw_path.decode("ascii")

        def with_raw_path(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            path = unquote(raw.split("?", 1)[0], encoding="latin-1")
            return self.app({**environ, "RAW_URI": raw, "PATH_INFO": path}, start_response)

        try:
            return httpx.WSGITransport(app=with_raw_path).handle_request(request)
        except ConnectionError as error:
            raise httpx.ReadError(str(error), request=request) from error


@dataclass(frozen=True)
class Box:
    """A sandbox with one account, its primary calendar and its default task list."""

    state: State
    clock: VirtualClock
    app: Flask
    account: Account
    http: httpx.Client

    @property
    def behind(self) -> Sandbox:
        return sandbox_of(self.app)

    def walk(self, root: str, token: str, side: str = "updated") -> tuple[list[dict[str, Any]], str]:
        """All records of one walk, and the delta token after it."""
        query = {"deltaToken": token}
        records: list[dict[str, Any]] = []
        while True:
            page = self.http.get(f"{root}/sync/{side}", params=query).raise_for_status().json()
            records += page["records"]
            assert page["length"] == len(page["records"])
            assert ("nextPageToken" in page) != ("nextDeltaToken" in page)
            if "nextDeltaToken" in page:
                return records, page["nextDeltaToken"]
            query = {"pageToken": page["nextPageToken"]}

    def start(self, root: str, **params: Any) -> tuple[str, str]:
        """The first updated token and the first deleted token of a sync."""
        answer = self.http.post(f"{root}/sync", params=params).raise_for_status().json()
        assert answer["ready"]
        return answer["syncUpdatedToken"], answer["syncDeletedToken"]

    def pages(self, path: str, **params: Any) -> list[list[dict[str, Any]]]:
        """All pages of a plain list."""
        pages = []
        while True:
            page = self.http.get(path, params=params).raise_for_status().json()
            pages.append(page["records"])
            if "nextPageToken" not in page:
                return pages
            params = {**params, "pageToken": page["nextPageToken"]}


def sandbox(
    options: Options | None = None, *, service_type: str = "Google", seed: int = 0, post: Post | None = None
) -> Box:
    """A sandbox that stands still in January 2026. `post`: who receives its notifications."""
    clock = VirtualClock(seed=seed)
    state = State(clock=clock)
    account = state.add_account(email="ada@example.com", name="Ada Okafor", service_type=service_type)
    state.create(account.id, "calendars", {"name": "Ada", "primary": True}, remote_id="ada@example.com")
    state.create(account.id, "task_lists", {"title": "Tasks", "defaultList": True})
    app = create_app(state, options, post=post)
    assert account.token is not None
    return Box(state, clock, app, account, client(app, account.token))


def client(app: Flask, token: str, *, requests: bool = True) -> httpx.Client:
    """A client of the sandbox. Its answers are validated, and its requests too unless a test asks wrongly on purpose."""
    headers = {"Authorization": f"Bearer {token}"}
    # Without the vendor's file, in a clone on its own, the same tests still say what the sandbox does.
    transport = Transport(validated(app, requests=requests) if API_FILE.exists() else app)
    return httpx.Client(transport=transport, base_url="http://sandbox.example/v1", headers=headers)


def asking_wrongly(box: Box, token: str | None = None) -> httpx.Client:
    """A client whose requests are not validated."""
    return client(box.app, token or box.account.token or "", requests=False)


def segment(remote_id: str) -> str:
    """An id as a path segment."""
    return quote(remote_id, safe="")


def validated(app: Flask, *, requests: bool = True) -> WSGIApplication:
    """The application, with everything that passes held against the vendor's file. Faulted answers pass unseen,
    and so do the pages that are the sandbox's own."""
    log = sandbox_of(app).faults.requests if "sandbox" in app.extensions else ()

    def checked(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = str(environ.get("RAW_URI") or quote(environ["PATH_INFO"])).split("?", 1)[0]
        if path.startswith("/sandbox/"):
            return app(environ, start_response)
        method = environ["REQUEST_METHOD"].lower()
        operation = operation_of(method, path)
        content = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        if requests:
            assert operation is not None, f"{method} {path} is not in the vendor's file"
            check_request(operation, environ, content)
        started: list[tuple[str, list[tuple[str, str]]]] = []

        def start(status: str, headers: list[tuple[str, str]], exc_info: object = None) -> Any:
            started.append((status, headers))
            return start_response(status, headers)

        body = _Input(content)
        answer = b"".join(app({**environ, "wsgi.input": body}, start))
        if not log or not log[-1].fault:
            status, headers = started[-1]
            check_answer(operation, int(status.split()[0]), dict(headers), answer)
        return [answer]

    return checked


class _Input:
    """A request's body, read once already."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    def read(self, size: int = -1) -> bytes:
        taken = self.content if size < 0 else self.content[:size]
        self.content = self.content[len(taken) :]
        return taken


def check_request(operation: dict[str, Any], environ: WSGIEnvironment, content: bytes) -> None:
    given = parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True)
    known = {one["name"]: one for one in operation.get("parameters", []) if one["in"] == "query"}
    unknown = set(given) - set(known) - set(EXTRA_PARAMETERS)
    assert not unknown, f"query parameters that the vendor's file does not have: {sorted(unknown)}"
    for name, parameter in known.items():
        assert name in given or not parameter.get("required"), f"query parameter {name} is required"
        listed = "items" in parameter["schema"]  # repeated, or in words: the file has both
        for written in given.get(name, []):
            for word in written.split() if listed else [written]:
                _check_parameter(parameter, word)
    for parameter in operation.get("parameters", []):
        if parameter["in"] == "header" and parameter.get("required"):
            assert f"HTTP_{parameter['name'].upper().replace('-', '_')}" in environ, f"{parameter['name']} is required"
    if content.strip() not in (b"", b"{}"):
        assert "requestBody" in operation, "this operation has no body"
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
        _check(schema, json.loads(content), closed=True, what="request")


def check_answer(operation: dict[str, Any] | None, status: int, headers: dict[str, str], content: bytes) -> None:
    content_type = headers.get("Content-Type", "").split(";")[0]
    assert status < 500, f"the server broke: {content[:500]!r}"
    if status >= 400:
        assert content_type == "application/json"
        error = json.loads(content)
        assert set(error) == {"code", "message", "requestId"}
        _check({"$ref": "#/components/schemas/ApiRequestFailed"}, error, closed=True, what=f"{status} answer")
        return
    assert operation is not None, "an operation that the vendor's file does not have was served"
    assert str(status) in operation["responses"], f"status {status} is not in the vendor's file"
    kinds = operation["responses"][str(status)].get("content", {})
    if not kinds:
        assert content == b""
        return
    assert content_type in kinds, f"content type {content_type} is not in the vendor's file"
    if content_type == "application/json":
        _check(kinds[content_type]["schema"], json.loads(content), closed=True, what="answer")


@cache
def _operations() -> list[tuple[re.Pattern[str], str, dict[str, Any]]]:
    found = []
    for template, item in api()["paths"].items():
        pattern = re.compile(re.sub(r"\\{\w+\\}", "([^/]+)", re.escape(template)))
        shared = item.get("parameters", [])
        for method, operation in item.items():
            if method != "parameters":
                merged = {**operation, "parameters": [*shared, *operation.get("parameters", [])]}
                found.append((pattern, method, merged))
    return sorted(found, key=lambda one: one[0].pattern.count("([^/]+)"))


def operation_of(method: str, raw_path: str) -> dict[str, Any] | None:
    """The operation of the vendor's file that this request means."""
    matching = (
        operation for pattern, verb, operation in _operations() if verb == method and pattern.fullmatch(raw_path)
    )
    return next(matching, None)


def _check_parameter(parameter: dict[str, Any], written: str) -> None:
    schema = parameter["schema"]
    while "items" in schema or "$ref" in schema:
        schema = schema["items"] if "items" in schema else api()["components"]["schemas"][schema["$ref"].split("/")[-1]]
    value: object = unquote(written)
    if schema.get("type") in ("boolean", "integer"):
        value = json.loads(written)
    _check({name: schema[name] for name in ("type", "enum", "format") if name in schema}, value, what=parameter["name"])


def _check(schema: dict[str, Any], value: object, *, what: str, closed: bool = False) -> None:
    problems = [
        f"{what} {'/'.join(map(str, error.instance_path))}: {error.message[:300]}"
        for error in _validator(json.dumps(schema), closed).iter_errors(value)
    ]
    assert not problems, "\n".join(problems)


@cache
def _validator(schema: str, closed: bool) -> Any:
    """Compiled once: the validator in Rust is what makes it possible to validate everything in all tests."""
    components = json.loads(json.dumps(schema_validator("Contact", closed=closed).schema["components"], default=str))
    for name, fields in EXTRA.items():
        components["schemas"][name]["properties"] |= {field: {"type": "string"} for field in fields}
    if closed:
        # What only ever goes to the server is not in answers, and no client of ours sends it.
        del components["schemas"]["MeetingInfo"]["properties"]["onlineMeeting"]
    # Mail in the wild has addresses that are none.
    formats = {"email": lambda _: True}
    return jsonschema_rs.validator_for(
        {**json.loads(schema), "components": components}, validate_formats=True, formats=formats
    )
