"""The validation itself: it must notice what is wrong, or everything it guards would pass unseen."""

from __future__ import annotations

import pytest
from sandbox_wire import check_answer, check_request, operation_of

pytestmark = pytest.mark.shared
JSON = {"Content-Type": "application/json"}


@pytest.fixture(autouse=True)
def _needs_shared(shared: object) -> None:
    """Everything here reads the vendor's file."""


def test_an_answer_of_the_wrong_type_is_noticed() -> None:
    operation = operation_of("get", "/v1/contacts/people%2Fc1")
    assert operation is not None

    check_answer(operation, 200, JSON, b'{"id": "people/c1", "hasPhoto": true}')
    with pytest.raises(AssertionError, match="hasPhoto"):
        check_answer(operation, 200, JSON, b'{"id": "people/c1", "hasPhoto": "yes"}')


def test_a_field_that_the_file_does_not_have_is_noticed() -> None:
    operation = operation_of("get", "/v1/contacts/people%2Fc1")
    with pytest.raises(AssertionError, match="givenName"):
        check_answer(operation, 200, JSON, b'{"id": "people/c1", "givenName": "Ada"}')


def test_a_time_without_offset_is_noticed() -> None:
    operation = operation_of("get", "/v1/email/messages/1")
    with pytest.raises(AssertionError, match="receivedAt"):
        check_answer(operation, 200, JSON, b'{"id": "1", "receivedAt": "2026-01-05 09:00"}')


def test_a_status_that_the_file_does_not_have_is_noticed() -> None:
    operation = operation_of("post", "/v1/contacts")
    with pytest.raises(AssertionError, match="status 200"):
        check_answer(operation, 200, JSON, b"{}")


def test_a_body_where_none_belongs_is_noticed() -> None:
    operation = operation_of("delete", "/v1/contacts/1")
    with pytest.raises(AssertionError):
        check_answer(operation, 200, JSON, b"{}")


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("timeMin=2026-01-01T00:00:00Z", "timeMax is required"),
        ("limit=5", "limit"),
        ("timeMin=today&timeMax=x", "timeMin"),
    ],
)
def test_a_request_with_wrong_parameters_is_noticed(query: str, problem: str) -> None:
    operation = operation_of("post", "/v1/calendars/primary/sync")
    assert operation is not None
    with pytest.raises(AssertionError, match=problem):
        check_request(operation, {"QUERY_STRING": query}, b"")


def test_a_patch_without_if_match_is_noticed() -> None:
    operation = operation_of("patch", "/v1/contacts/1")
    assert operation is not None
    with pytest.raises(AssertionError, match="If-Match"):
        check_request(operation, {}, b'{"notes": "x"}')


def test_a_request_with_an_unknown_field_is_noticed() -> None:
    operation = operation_of("post", "/v1/tasklists")
    assert operation is not None
    with pytest.raises(AssertionError, match="name"):
        check_request(operation, {}, b'{"name": "Errands"}')
