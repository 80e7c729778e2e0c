"""What upstream's API has and a mirror does not: it says so, instead of that there is no such thing."""

from __future__ import annotations

from mirror.contract.refusals import Refusal, not_found

_WHAT = {
    "/v1/auth/": "Signing in is done upstream, with: mirror account login NAME",
    "/v1/am/": "The accounts of a mirror are managed with: mirror account",
    "/v1/user": "A mirror has no sessions of users: ask it with a token of its own",
    "/v1/email/tracking": "Upstream alone knows who opened what: ask it",
    "/v1/email/draftTracking": "Upstream alone knows who opened what: ask it",
    "/v1/followup/": "Follow-ups are kept upstream: ask it",
    "/v1/book/": "Booking is done upstream: ask it",
    "/v1/direct/": "A mirror can't reach the provider: ask upstream",
}


def not_here(path: str) -> Refusal:
    """The refusal of a path that no operation of the mirror's has."""
    for beginning, sentence in _WHAT.items():
        if path.startswith(beginning):
            return Refusal(404, "notServed", f"A mirror does not answer this. {sentence}")
    return not_found("resource")
