"""Signing in with name and password, and signing out.

Belongs here: the login page, beginning and ending a session in this browser. Does not belong here:
proving a password (the security service), signing in with another provider (``oidc``).
"""

from __future__ import annotations

import hmac
import secrets
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from jarvis_dagster.errors import AccessDeniedError, JarvisError
from jarvis_dagster.gateway.deciding import Refusal
from jarvis_dagster.gateway.pages import FORM_KEY, asked_of, form_of
from jarvis_dagster.gateway.visitors import is_from_here
from jarvis_dagster.services.security import acting_from

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from starlette.requests import Request

    from jarvis_dagster.gateway.context import Context
    from jarvis_dagster.services.security import Principal

    Answer = Callable[[Context, Request, Mapping[str, str]], Response]

__all__ = ["local_target", "routes", "signed_in"]

_LONGEST_TARGET = 2000


def routes(context: Context) -> list[Route]:
    """The login page and its forms."""

    async def show(request: Request) -> Response:
        return await run_in_threadpool(_shown, context, request, {}, 200)

    def taking_a_form(answer: Answer) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            try:
                form = await form_of(context, request)
            except Refusal as refusal:
                return context.refused(request, asked_of(context, request), refusal)
            return await run_in_threadpool(answer, context, request, form)

        return endpoint

    return [
        Route("/login", show, methods=["GET"]),
        Route("/login", taking_a_form(_sign_in), methods=["POST"]),
        Route("/logout", taking_a_form(_sign_out), methods=["POST"]),
    ]


def local_target(given: str) -> str:
    """Where to go after signing in: a path of this gateway, whatever was asked for."""
    parts = urlsplit(given)
    fine = (
        given.startswith("/")
        and not given.startswith(("//", "/\\", "/-/", "/login", "/logout"))
        and not parts.netloc
        and "\\" not in given
        and given.isascii()
        and given.isprintable()
        and len(given) <= _LONGEST_TARGET
    )
    return given if fine else "/"


def signed_in(
    context: Context, request: Request, principal: Principal, target: str, *, how: str
) -> Response:
    """The answer to one who has just proved who they are: a session, always a new one."""
    asked = asked_of(context, request)
    if asked.cookie:
        _end(context, asked.cookie)
    key = context.security.begin_session(
        principal, how=how, address=asked.address, agent=request.headers.get("user-agent", "")
    )
    request.session.clear()
    answer = RedirectResponse(local_target(target), 303)
    answer.set_cookie(
        context.cookie, key, secure=context.https, httponly=True, samesite="lax", path="/"
    )
    return answer


def _shown(
    context: Context, request: Request, values: Mapping[str, object], status: int
) -> Response:
    key = request.session.setdefault("key", secrets.token_urlsafe(24))
    target = local_target(request.query_params.get("next", "/"))
    asked = asked_of(context, request)
    if asked.cookie and context.security.of_session(asked.cookie) and status == 200:
        return RedirectResponse(target, 303)
    has_accounts = any(one.kind == "user" for one in context.security.accounts.all())
    oidc = context.config.oidc
    return context.page(
        request,
        "login.html",
        {
            FORM_KEY: key,
            "target": target,
            "has_accounts": has_accounts or oidc is not None,
            "provider": oidc.label if oidc else "",
            "name": "",
            "wrong": "",
            **values,
        },
        status=status,
    )


def _sign_in(context: Context, request: Request, form: Mapping[str, str]) -> Response:
    asked = asked_of(context, request)
    name = "".join(filter(str.isprintable, form.get("name", "")))[:64].strip()
    target = local_target(form.get("next", "/"))
    key = request.session.get("key", "")

    def again(what: str, status: int) -> Response:
        return _shown(context, request, {"wrong": what, "name": name, "target": target}, status)

    with acting_from(asked.address):
        genuine = key and hmac.compare_digest(str(key).encode(), form.get(FORM_KEY, "").encode())
        if not genuine or not is_from_here(request.headers, context.addresses.origins):
            refusal = Refusal(403, "The form is not of this page.")
            context.gate.note_refusal("sign_in", asked, None, refusal)
            return again("This form was not of this page. Please sign in here.", 403)
        wait = context.throttle.wait_s("sign_in", asked.address)
        if wait is not None:
            refusal = Refusal(429, "Too many tries to sign in.", wait_s=wait)
            context.gate.note_refusal("sign_in", asked, None, refusal)
            answer = again(f"Too many tries from here. Wait {wait} seconds.", 429)
            answer.headers["Retry-After"] = str(wait)
            return answer
        try:
            principal = context.security.sign_in(name, form.get("password", ""))
        except AccessDeniedError as error:
            return again(f"{error.what} {error.remedy}", 401)
        except JarvisError as error:
            return again(f"{error.what} {error.remedy}", 503)
        return signed_in(context, request, principal, target, how="password")


def _sign_out(context: Context, request: Request, form: Mapping[str, str]) -> Response:
    asked = asked_of(context, request)
    found = context.security.of_session(asked.cookie) if asked.cookie else None
    with acting_from(asked.address):
        if found is not None:
            session, principal = found
            if not session.has_form_key(form.get(FORM_KEY, "")) or not is_from_here(
                request.headers, context.addresses.origins
            ):
                refusal = Refusal(
                    403, "Another web site sent this request.", "Use the page itself."
                )
                context.gate.note_refusal("session.end", asked, None, refusal)
                return context.refused(request, asked, refusal)
            context.security.sessions.end(session.id)
            context.security.audit.add("session.end", allowed=True, by=principal.name)
    request.session.clear()
    request.session["said"] = "You are signed out."
    answer = RedirectResponse("/login", 303)
    answer.delete_cookie(
        context.cookie, secure=context.https, httponly=True, samesite="lax", path="/"
    )
    # Nothing of what was seen stays in this browser.
    answer.headers["Clear-Site-Data"] = '"cache", "storage"'
    return answer


def _end(context: Context, key: str) -> None:
    found = context.security.of_session(key)
    if found is not None:
        context.security.sessions.end(found[0].id)
