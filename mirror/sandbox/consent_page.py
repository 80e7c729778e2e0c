"""The pages on which the sandbox plays the provider: asking a person for consent, and saying that it is over. HTML only."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from urllib.parse import urlsplit

from mirror.contract.services import BY_PASSWORD, WITH_SERVER
from mirror.sandbox.accounts import Account
from mirror.sandbox.grants import SignIn

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;color:#1b1f24;background:#f4f6f8;margin:0}"
    "main{max-width:32rem;margin:3rem auto;padding:1.5rem 2rem;background:#fff;border:1px solid #c9d1d9;border-radius:8px}"
    "h1{font-size:1.4rem;margin:0 0 .5rem}fieldset{border:1px solid #c9d1d9;border-radius:6px;margin:1rem 0;padding:.5rem 1rem}"
    "legend{font-weight:600;padding:0 .3rem}label{display:block;margin:.35rem 0}"
    "input[type=text],input[type=email],input[type=password]"
    "{font:inherit;width:100%;box-sizing:border-box;padding:.4rem;border:1px solid #6e7781;border-radius:4px}"
    "button{font:inherit;padding:.5rem 1.2rem;margin-right:.6rem;border:1px solid #0b5cad;border-radius:6px;cursor:pointer}"
    "button.allow{background:#0b5cad;color:#fff}button.deny{background:#fff;color:#0b5cad}"
    ":focus-visible{outline:3px solid #f0a500;outline-offset:2px}"
    ".wrong{color:#8a1111;border-left:4px solid #8a1111;padding-left:.7rem}small{color:#4d5761}"
)
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()


@dataclass(frozen=True, slots=True)
class Choice:
    """What the page offers and what was filled in before. `wrong`: the sentence that says what to correct."""

    mailboxes: Sequence[Account]
    given: Mapping[str, str]
    granted: Sequence[str]
    wrong: str | None = None


def headers(return_url: str | None = None) -> dict[str, str]:
    """No script, no frame, no other place than ours: but the browser must be let through to the return URL."""
    url = urlsplit(return_url or "")
    actions = f"'self' {url.scheme}://{url.netloc}" if return_url else "'self'"
    policy = (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action {actions}; base-uri 'none';"
        " frame-ancestors 'none'"
    )
    return {
        "Content-Security-Policy": policy,
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }


def consent(asked: SignIn, choice: Choice) -> bytes:
    """The page that asks."""
    service = escape(asked.service_type)
    whose = "your organisation’s mailboxes" if asked.daemon else "your mailbox"
    wrong = f'<p class="wrong" role="alert">{escape(choice.wrong)}</p>' if choice.wrong else ""
    form = _password_form(asked, choice) if asked.service_type in BY_PASSWORD else _mailboxes(asked, choice)
    return _page(
        f"Sign in to {service}",
        f"<p>An application wants to use {whose}. This is the sandbox, in the part of {service}: nobody’s real mailbox is"
        f' asked for, and nothing leaves this machine.</p>{wrong}<form method="post">{form}{_scopes(asked, choice)}'
        '<button class="allow" name="decision" value="allow">Allow</button>'
        '<button class="deny" name="decision" value="deny" formnovalidate>Deny</button></form>',
    )


def over() -> bytes:
    """The page of a sign-in that is answered already, or too old."""
    return _page(
        "This sign-in is over",
        "<p>It was answered already, or nobody answered in time. Go back to the application and begin again.</p>",
    )


def _mailboxes(asked: SignIn, choice: Choice) -> str:
    hint = (choice.given.get("address") or asked.login_hint or asked.auth_email or "").lower()
    picked = choice.given.get("mailbox") or next(
        (str(one.id) for one in choice.mailboxes if one.email.lower() == hint), ""
    )
    picked = picked or ("new" if hint or not choice.mailboxes else str(choice.mailboxes[0].id))
    rows = [
        _radio(str(one.id), f"{one.name} <{one.email}>" if one.name else one.email, picked) for one in choice.mailboxes
    ]
    typed = choice.given.get("address") or (hint if picked == "new" else "")
    rows.append(_radio("new", "Another address:", picked))
    rows.append(_input("email", "address", "E-mail address", typed, required=False))
    legend = "Who administers it?" if asked.daemon else "Whose mailbox?"
    return f"<fieldset><legend>{legend}</legend>{''.join(rows)}</fieldset>"


def _radio(value: str, label: str, picked: str) -> str:
    checked = " checked" if value == picked else ""
    return f'<label><input type="radio" name="mailbox" value="{escape(value)}"{checked}> {escape(label)}</label>'


def _password_form(asked: SignIn, choice: Choice) -> str:
    given = choice.given
    hint = asked.login_hint or asked.auth_email or ""
    rows = [_input("email", "address", "E-mail address", given.get("address", hint))]
    if asked.service_type in WITH_SERVER:
        rows.append(_input("text", "server", "Server", given.get("server", asked.server_url or "")))
    rows.append(_input("text", "username", "User name", given.get("username", hint)))
    rows.append(_input("password", "password", "Password", ""))
    return f"<fieldset><legend>How to reach the mailbox</legend>{''.join(rows)}</fieldset>"


def _input(kind: str, name: str, label: str, value: str, *, required: bool = True) -> str:
    must = " required" if required else ""
    return (
        f'<label for="{name}">{label}</label><input type="{kind}" id="{name}" name="{name}" value="{escape(value)}"'
        f' autocomplete="off"{must}>'
    )


def _scopes(asked: SignIn, choice: Choice) -> str:
    rows = "".join(
        f'<label><input type="checkbox" name="scope" value="{scope}"{" checked" if scope in choice.granted else ""}>'
        f" {scope}</label>"
        for scope in asked.scopes
    )
    return f"<fieldset><legend>It asks for</legend>{rows}</fieldset>"


def _page(title: str, content: str) -> bytes:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{_STYLE}</style></head><body><main><h1>{title}</h1>{content}</main></body></html>"
    ).encode()
