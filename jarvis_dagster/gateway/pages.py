"""Pages of Jarvis' own behind the login: how one is made.

Belongs here: what every such page gets done for it. Does not belong here: the pages themselves
(:mod:`.landing`, :mod:`.account`, :mod:`.reports` and whoever else adds some; :mod:`.app` lists
them).

    pages = Pages("approvals", "Approvals", "/approvals", resource="page.approvals")

    @pages.get("/approvals/{id}")
    def detail(visit: Visit) -> Response:
        one = visit.core.…  # acts as the visitor: every call is checked and noted
        return visit.render("approval.html", approval=one)

    @pages.post("/approvals/{id}")
    def decide(visit: Visit, form: Mapping[str, str]) -> Response:
        …
        return visit.redirect("/approvals", said="It is approved.")

Who is not signed in is sent to the login first, who lacks the right (read for ``get``, ``right``
for ``post``) is refused, and a form counts only with the key of the session, from a page of ours:
templates extend ``base.html`` and put ``{{ form_key_field() }}`` into each form. Errors of Jarvis
become a page with the remedy. Handlers are plain functions in a thread of their own. There are no
scripts and no inline styles: the browser is told to run none.
"""

from __future__ import annotations

import contextlib
import dataclasses
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from jarvis_dagster.errors import (
    AccessDeniedError,
    BadInputError,
    ConflictError,
    JarvisError,
    TransientError,
)
from jarvis_dagster.gateway.deciding import Asked, Refusal
from jarvis_dagster.gateway.visitors import address_of
from jarvis_dagster.services.security import acting_as, acting_from

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.requests import Request

    from jarvis_dagster.gateway.context import Context
    from jarvis_dagster.gateway.visitors import Visitor
    from jarvis_dagster.services.core import JarvisCoreServices
    from jarvis_dagster.services.security import Principal, Session

    Get = Callable[["Visit"], Response]
    Post = Callable[["Visit", Mapping[str, str]], Response]

__all__ = ["FORM_KEY", "Pages", "Visit", "asked_of", "form_of"]

FORM_KEY = "form_key"
_FORM_MB, _FORM_S, _FIELDS = 0.5, 15.0, 100
_STATUS: tuple[tuple[type[JarvisError], int], ...] = (
    (AccessDeniedError, 403),
    (ConflictError, 409),
    (BadInputError, 400),
    (TransientError, 503),
)


@dataclasses.dataclass(frozen=True)
class Visit:
    """One request of somebody who is signed in."""

    context: Context
    request: Request
    visitor: Visitor

    @property
    def principal(self) -> Principal:
        """Who it is."""
        return self.visitor.principal

    @property
    def session(self) -> Session | None:
        """The session; None where an API token proved who it is."""
        return self.visitor.session

    @property
    def core(self) -> JarvisCoreServices:
        """The core services as far as this one may use them."""
        return self.context.core.acting_as(self.principal)

    @property
    def params(self) -> Mapping[str, Any]:
        """The parts of the path that have a name."""
        return self.request.path_params

    def may(self, resource: str, right: str) -> bool:
        """Whether this one has that right."""
        return self.context.security.allows(self.principal, resource, right)

    def render(self, template: str, *, status: int = 200, **values: Any) -> Response:
        """A page from a template that extends ``base.html``."""
        key = self.session.form_key if self.session else ""
        return self.context.page(
            self.request,
            template,
            {"visit": self, FORM_KEY: key, **values},
            principal=self.principal,
            status=status,
        )

    def redirect(self, path: str, *, said: str = "") -> Response:
        """To another page of ours, which shows ``said`` at its top."""
        if said:
            self.request.session["said"] = said
        return RedirectResponse(path, 303)


@dataclasses.dataclass
class Pages:
    """Some pages that belong together.

    Args:
        name: Of them; unique.
        title: In the menu; empty: not in it.
        path: Where the menu leads.
        resource: What the policy calls them; None: everybody who is signed in may.
        right: That a form needs.
        templates: The package whose ``templates`` folder has them.
        about: One line for the first page.
    """

    name: str
    title: str
    path: str
    resource: str | None = None
    right: str = "write"
    templates: str = "jarvis_dagster.gateway"
    about: str = ""
    _made: list[tuple[str, str, Any]] = dataclasses.field(default_factory=list)

    def get(self, path: str) -> Callable[[Get], Get]:
        """The decorated function answers GET."""

        def keep(handler: Get) -> Get:
            self._made.append(("GET", path, handler))
            return handler

        return keep

    def post(self, path: str) -> Callable[[Post], Post]:
        """The decorated function answers a form."""

        def keep(handler: Post) -> Post:
            self._made.append(("POST", path, handler))
            return handler

        return keep

    def routes(self, context: Context) -> list[Route]:
        """As Starlette wants them."""

        def route(method: str, path: str, handler: Any) -> Route:
            async def endpoint(request: Request) -> Response:
                return await self._answer(context, request, handler, method)

            return Route(path, endpoint, methods=[method], name=f"{self.name} {method} {path}")

        return [route(*made) for made in self._made]

    async def _answer(
        self, context: Context, request: Request, handler: Any, method: str
    ) -> Response:
        asked = asked_of(context, request)
        try:
            form = await form_of(context, request) if method == "POST" else None
        except Refusal as refusal:
            await run_in_threadpool(self._note, context, asked, None, refusal)
            return context.refused(request, asked, refusal)
        return await run_in_threadpool(self._handled, context, request, asked, handler, form)

    def _handled(
        self,
        context: Context,
        request: Request,
        asked: Asked,
        handler: Any,
        form: Mapping[str, str] | None,
    ) -> Response:
        visitor = None
        with contextlib.ExitStack() as stack:
            stack.enter_context(acting_from(asked.address))
            try:
                visitor = context.gate.visitor(asked)
                self._require(context, asked, visitor, form)
                stack.enter_context(acting_as(visitor.principal))
                visit = Visit(context, request, visitor)
                answer = handler(visit) if form is None else handler(visit, form)
                assert isinstance(answer, Response)
                return answer
            except Refusal as refusal:
                self._note(context, asked, visitor, refusal)
                return context.refused(request, asked, refusal)
            except JarvisError as error:
                status = next((code for kind, code in _STATUS if isinstance(error, kind)), 500)
                return context.refused(request, asked, Refusal(status, error.what, error.remedy))

    def _require(
        self, context: Context, asked: Asked, visitor: Visitor, form: Mapping[str, str] | None
    ) -> None:
        if form is not None:
            context.gate.require_own_page(asked, visitor)
            session = visitor.session
            if session is not None and not session.has_form_key(form.get(FORM_KEY, "")):
                raise Refusal(403, "The form is not of this session.", "Open the page anew.")
        right = "read" if form is None else self.right
        may = context.security.allows
        if self.resource is not None and not may(visitor.principal, self.resource, right):
            raise Refusal(
                HTTPStatus.FORBIDDEN,
                f"The role {visitor.principal.role} may not {right} {self.name}.",
                "Ask an admin for another role, or for somebody who may.",
            )

    def _note(
        self, context: Context, asked: Asked, visitor: Visitor | None, refusal: Refusal
    ) -> None:
        with acting_from(asked.address):
            context.gate.note_refusal(f"page.{self.name}", asked, visitor, refusal)


def asked_of(context: Context, request: Request) -> Asked:
    """A request to a page of ours, as the gate knows requests."""
    query = f"?{request.url.query}" if request.url.query else ""
    return Asked(
        method=request.method,
        target=request.scope.get("raw_path", b"/").decode("latin-1").partition("?")[0] + query,
        headers=request.headers,
        cookie=request.cookies.get(context.cookie),
        address=address_of(request.headers),
    )


async def form_of(context: Context, request: Request) -> dict[str, str]:
    """The fields of a form.

    Raises:
        Refusal: it is none, too large, or does not arrive in time.
    """
    from urllib.parse import parse_qsl

    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise Refusal(415, "This is not a form.", "Send application/x-www-form-urlencoded.")
    body = await context.body(request, _FORM_MB, _FORM_S)
    try:
        text = body.decode("utf-8")
        return dict(
            parse_qsl(text, keep_blank_values=True, max_num_fields=_FIELDS, errors="strict")
        )
    except ValueError:
        raise Refusal(400, "The form is malformed.", "Open the page anew.") from None
