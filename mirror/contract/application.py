"""The contract as a WSGI application: Flask's requests in, Flask's answers out. It decides nothing."""

from __future__ import annotations

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from mirror.contract.dispatch import Asked, Dispatch, Told
from mirror.contract.refusals import Refusal

VERBS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"]


def application(name: str, dispatch: Dispatch) -> Flask:
    """The WSGI application that answers as `dispatch` does."""
    app = Flask(name, static_folder=None)
    app.url_map.merge_slashes = False
    app.add_url_rule("/", "any", lambda: _answer(dispatch), methods=VERBS, provide_automatic_options=False)
    app.add_url_rule(
        "/<path:path>", "any_path", lambda **_: _answer(dispatch), methods=VERBS, provide_automatic_options=False
    )
    app.register_error_handler(HTTPException, lambda error: _broken(dispatch, error))
    return app


def _answer(dispatch: Dispatch) -> Response:
    raw = request.environ.get("RAW_URI") or request.environ.get("REQUEST_URI")
    query = {name: request.args.getlist(name) for name in request.args}
    raw_path = str(raw).split("?", 1)[0] if raw else None
    asked = Asked(request.method, request.path, raw_path, query, dict(request.headers), request.get_data())
    return _response(dispatch.answer(asked))


def _response(told: Told) -> Response:
    response = Response(told.content, told.status, dict(told.headers), content_type=told.content_type)
    if told.content_type is None:
        response.headers.pop("Content-Type", None)
    return response


def _broken(dispatch: Dispatch, error: HTTPException) -> Response:
    """Flask's own refusals, and what went wrong in here, in the form of the API."""
    return _response(dispatch.refused(Refusal(error.code or 500, "error", error.name)))
