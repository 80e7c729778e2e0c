"""The answers that say no, with the status and code that the vendor gives them (facts where it does not say: 404, 412, 429)."""

from __future__ import annotations

from mirror.errors import MirrorError


class Refusal(MirrorError):
    """A request that is answered with an error: `{code, message, requestId}` and this status."""

    def __init__(self, status: int, code: str, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(status, code, message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers or {}


def bad_request(message: str) -> Refusal:
    return Refusal(400, "badRequest", message)


def token_not_valid(message: str = "Page token is invalid") -> Refusal:
    return Refusal(400, "token.notValid", message)


def unauthorized() -> Refusal:
    return Refusal(401, "unauthorized", "unauthorized")


def application_only() -> Refusal:
    challenge = {"WWW-Authenticate": 'Basic realm="sandbox"'}
    return Refusal(401, "unauthorized", "The client id and secret are required", challenge)


def token_dead() -> Refusal:
    return Refusal(401, "token.dead", "Not authorized")


def token_refresh_failed() -> Refusal:
    return Refusal(401, "token.refresh.failed", "Invalid data: refreshToken missing")


def forbidden(message: str, status: int = 403) -> Refusal:
    return Refusal(status, "forbidden" if status == 403 else "unauthorized", message)


def not_found(what: str) -> Refusal:
    return Refusal(404, "not_found", f"The {what} could not be found")


def method_not_allowed(allowed: list[str]) -> Refusal:
    return Refusal(405, "methodNotAllowed", "Method not allowed", {"Allow": ", ".join(sorted(allowed))})


def thread_pending(after_s: int) -> Refusal:
    return Refusal(408, "requestTimeout", "The thread is not known yet", {"Retry-After": str(after_s)})


def sync_expired() -> Refusal:
    return Refusal(410, "syncToken.expired", "syncToken expired.")


def etag_mismatch() -> Refusal:
    return Refusal(412, "preconditionFailed", "The record has changed: If-Match is not its etag")


def too_many_requests(after_s: int) -> Refusal:
    return Refusal(429, "tooManyRequests", "Too many requests", {"Retry-After": str(after_s)})
