"""The web application behind the proxy: the login, and Jarvis' own pages.

Belongs here: which pages there are, and putting all parts together. Does not belong here: the
parts.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from jarvis_dagster.errors import JarvisError
from jarvis_dagster.gateway import (
    account,
    approvals,
    checking,
    landing,
    oidc,
    reports,
    signing_in,
)
from jarvis_dagster.gateway.checking import asked_by_proxy
from jarvis_dagster.gateway.context import Context
from jarvis_dagster.gateway.deciding import Refusal, is_odd, path_of
from jarvis_dagster.gateway.pages import asked_of
from jarvis_dagster.gateway.unread import Unread

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, MutableMapping

    from starlette.responses import Response
    from starlette.types import ASGIApp, Receive, Scope, Send

    from jarvis_dagster.gateway.pages import Pages
    from jarvis_dagster.services.core import JarvisCoreServices
    from jarvis_dagster.settings import Settings

__all__ = ["PAGES", "make_app"]

PAGES: tuple[Pages, ...] = (landing.pages, reports.pages, approvals.pages, account.pages)
"""Every page of ours behind the login, in the order of the menu."""

_CSP = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; media-src 'self';"
    " form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_HALF_DONE_S = 900
_LARGEST_HEAD = 32_768


def make_app(settings: Settings, core: JarvisCoreServices) -> Starlette:
    """The application; the proxy alone may reach it."""
    context = Context(settings, core, PAGES)
    routes = [
        *checking.routes(context),
        *signing_in.routes(context),
        *oidc.routes(context),
        *(route for one in PAGES for route in one.routes(context)),
        Mount("/static", StaticFiles(packages=[("jarvis_dagster.gateway", "static")])),
    ]

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        unread = Unread(settings.data_dir / "gateway", context.security)
        follower = asyncio.create_task(unread.follow()) if context.https else None
        yield
        if follower is not None:
            follower.cancel()
        await context.client.aclose()
        core.close()

    async def no_page(request: Request, _: Exception) -> Response:
        refusal = Refusal(404, "There is no such page.", "The first page lists all there are.")
        asked = asked_of(context, request)
        if is_odd(path_of(asked.target)):  # somebody looks for a way out of a folder
            refusal = await run_in_threadpool(context.gate.stray, asked, refusal)
        return context.refused(request, asked, refusal)

    async def no_method(request: Request, _: Exception) -> Response:
        refusal = Refusal(405, "This page does not take that.", "Open it from the first page.")
        return context.refused(request, asked_of(context, request), refusal)

    async def broken(request: Request, error: Exception) -> Response:
        assert isinstance(error, JarvisError)
        # The database is away, the disk is full: nobody gets in.
        refusal = Refusal(503, error.what, error.remedy)
        return context.refused(request, asked_of(context, request), refusal)

    # Holds what is half done, as a login: who is signed in is in the database. A key of this
    # process alone: a restart costs one more try to sign in.
    half_done = Middleware(
        SessionMiddleware,
        secret_key=secrets.token_urlsafe(32),
        session_cookie="jarvis_page",
        max_age=_HALF_DONE_S,
        same_site="lax",
        https_only=context.https,
    )
    return Starlette(
        routes=routes,
        middleware=[Middleware(_Headers), Middleware(_Sizes, context=context), half_done],
        exception_handlers={404: no_page, 405: no_method, JarvisError: broken},
        lifespan=lifespan,
    )


class _Headers:
    """What browsers are told of every page of ours."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def with_headers(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                given = {name.lower() for name, _ in message["headers"]}
                static = scope["path"].startswith("/static/")
                more = {
                    b"content-security-policy": _CSP.encode(),
                    b"cache-control": b"public, max-age=3600" if static else b"no-store",
                }
                message["headers"] = [
                    *message["headers"],
                    *((name, value) for name, value in more.items() if name not in given),
                ]
            await send(message)

        await self._app(scope, receive, with_headers)


class _Sizes:
    """Refuses too much before a body: the proxy lets more through, so that it is noted."""

    def __init__(self, app: ASGIApp, context: Context) -> None:
        self._app, self._context = app, context

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or _head_bytes(scope["headers"]) <= _LARGEST_HEAD:
            await self._app(scope, receive, send)
            return
        request, context = Request(scope, receive), self._context
        asked = asked_by_proxy(context, request)
        refusal = Refusal(431, "The headers are too large.", "Delete this site's cookies.")
        refusal = await run_in_threadpool(context.gate.stray, asked, refusal)
        await context.refused(request, asked, refusal)(scope, receive, send)


def _head_bytes(headers: Iterable[tuple[bytes, bytes]]) -> int:
    """What was sent; of what the proxy added the path alone."""
    added = (b"jarvis-method", b"jarvis-length", b"x-forwarded-")
    own = (pair for pair in headers if not pair[0].startswith(added))
    return sum(len(name) + len(value) + 4 for name, value in own)
