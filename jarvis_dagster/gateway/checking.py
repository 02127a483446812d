"""What the proxy asks before it lets a request through to another program's page.

Belongs here: the answers over HTTP, and Dagster's GraphQL, which is looked into on its way. Does
not belong here: the rules (``deciding``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.gateway import graphql
from jarvis_dagster.gateway.deciding import Asked, Refusal
from jarvis_dagster.gateway.sites import site_of
from jarvis_dagster.gateway.visitors import address_of
from jarvis_dagster.services.security import acting_from

if TYPE_CHECKING:
    from starlette.requests import Request

    from jarvis_dagster.gateway.context import Context
    from jarvis_dagster.gateway.visitors import Visitor

__all__ = ["asked_by_proxy", "routes"]

_BODY_S = 20.0
_DOWN = (
    "This page does not answer now.",
    "An operator sees with `jarvis status` what runs. Try again in a minute.",
)
_ANOTHER_NAME = 421
_SAID = {
    400: ("The request is malformed.", ""),
    404: ("There is no such page.", "The first page lists all there are."),
    405: ("This page does not take that.", "Open it from the first page."),
    408: ("The request did not arrive in time.", ""),
    413: ("The request is too large.", ""),
    _ANOTHER_NAME: ("This is not the address of this gateway.", "Use the name in gateway.url."),
    502: _DOWN,
    503: _DOWN,
    504: _DOWN,
}
"""What the proxy failed with, and what to do."""


def routes(context: Context) -> list[Route]:
    """The addresses that the proxy alone uses."""

    async def check(request: Request) -> Response:
        one = asked_by_proxy(context, request)
        site = site_of(request.path_params["site"])
        upstreams = context.addresses.upstreams
        if site is None or getattr(upstreams, site.name) is None:
            missing = Refusal(404, "There is no such page in this installation.")
            return context.refused(request, one, missing)
        try:
            visitor, writes = await run_in_threadpool(context.gate.judge, site, one)
        except Refusal as refusal:
            return context.refused(request, one, refusal)
        access = "write" if writes else "read"
        role = "Editor" if writes else "Viewer"
        return Response(
            headers={
                "Jarvis-User": visitor.principal.name,
                "Jarvis-Access": access,
                "Jarvis-Grafana-Role": role,
            }
        )

    async def relay(request: Request) -> Response:
        one = asked_by_proxy(context, request)
        try:
            base, body = await _looked_into(context, request, one)
        except Refusal as refusal:
            return context.refused(request, one, refusal)
        return await context.sent_on(f"{base}/dagster{graphql.PATH}", body)

    async def failed(request: Request) -> Response:
        status, one = request.path_params["status"], asked_by_proxy(context, request)
        refusal = Refusal(status, *_SAID.get(status, ("This did not work.", "")))
        if status < 500:
            refusal = await run_in_threadpool(context.gate.stray, one, refusal)
        if status == _ANOTHER_NAME:  # no page of ours, and no cookie, under a name that is not ours
            return PlainTextResponse(f"{refusal.what} {refusal.remedy}\n", refusal.status)
        return context.refused(request, one, refusal)

    return [
        Route("/-/check/{site}", check, methods=["GET"]),
        Route("/-/graphql", relay, methods=["POST"]),
        Route("/-/failed/{status:int}", failed, methods=["GET"]),
        Route("/-/health", lambda _: PlainTextResponse("ok\n")),
    ]


async def _looked_into(context: Context, request: Request, one: Asked) -> tuple[str, bytes]:
    """Where a GraphQL request goes and what is sent there.

    Who may only look changes nothing; each change is noted before it is done.
    """
    site, upstreams, gate = site_of("dagster"), context.addresses.upstreams, context.gate
    assert site is not None
    visitor, writes = await run_in_threadpool(gate.judge, site, one)

    async def refuse(status: int, what: str, remedy: str = "") -> Refusal:
        refusal = Refusal(status, what, remedy)
        with acting_from(one.address):
            await run_in_threadpool(gate.note_refusal, site.resource, one, visitor, refusal)
        return refusal

    try:
        body = await context.body(request, context.config.largest_request_mb, _BODY_S)
        wanted = graphql.question(request.headers.get("content-type", ""), body)
    except Refusal as error:
        raise await refuse(error.status, error.what, error.remedy) from None
    except BadInputError as error:
        raise await refuse(400, error.what, error.remedy) from None
    if wanted.changes and not writes:
        names = ", ".join(wanted.changes)[:200]
        raise await refuse(403, f"The role {visitor.principal.role} may not {names}.")
    for name in wanted.changes:
        await run_in_threadpool(_note, context, one, visitor, name, wanted.about)
    base = upstreams.dagster if writes else upstreams.dagster_viewer
    if base is None:
        raise await refuse(404, "There is no Dagster that only shows in this installation.")
    return base, wanted.body


def _note(context: Context, one: Asked, visitor: Visitor, name: str, about: str) -> None:
    with acting_from(one.address):
        context.gate.note_change("page.dagster", name, visitor, about=about)


def asked_by_proxy(context: Context, request: Request) -> Asked:
    """The request as the proxy got it."""
    headers = request.headers
    return Asked(
        method=headers.get("jarvis-method", request.method),
        target=headers.get("jarvis-target", "/"),
        headers=headers,
        cookie=request.cookies.get(context.cookie),
        address=address_of(headers),
    )
