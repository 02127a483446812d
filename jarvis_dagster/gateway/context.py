"""What every part of the login shares.

Belongs here: settings, services, templates, and answers that all of them give. Does not belong
here: pages.
"""

from __future__ import annotations

import asyncio
from functools import cached_property
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from jarvis_dagster.gateway.addresses import addresses
from jarvis_dagster.gateway.deciding import Gate, Refusal
from jarvis_dagster.gateway.library import Library
from jarvis_dagster.gateway.throttle import Throttle
from jarvis_dagster.gateway.visitors import cookie_name

if TYPE_CHECKING:
    import httpx2
    import jinja2
    from starlette.requests import Request

    from jarvis_dagster.gateway.deciding import Asked
    from jarvis_dagster.gateway.pages import Pages
    from jarvis_dagster.services.core import JarvisCoreServices
    from jarvis_dagster.services.security import JarvisSecurityService, Principal
    from jarvis_dagster.settings import Settings

__all__ = ["Context"]


class Context:
    """One login process."""

    def __init__(
        self, settings: Settings, core: JarvisCoreServices, pages: tuple[Pages, ...]
    ) -> None:
        self.settings, self.core, self.pages = settings, core, pages
        self.config = settings.gateway
        self.addresses = addresses(settings)
        self.https = self.config.scheme == "https"
        self.cookie = cookie_name(https=self.https)
        self.throttle = Throttle(self.config)
        self.gate = Gate(self.config, self.addresses.origins, self.security, self.throttle)

    @property
    def security(self) -> JarvisSecurityService:
        """Accounts, rights, sessions and the audit log."""
        return self.core.security_service

    @cached_property
    def library(self) -> Library:
        """The videos' reports."""
        teams = self.settings.security.drive_teams
        cache = self.settings.data_dir / "work" / ".reports"
        return Library(self.core.storage_service, teams, cache)

    @cached_property
    def client(self) -> httpx2.AsyncClient:
        """Speaks to the programs behind the gateway."""
        import httpx2

        # They drop connections that were idle for 5 s.
        limits = httpx2.Limits(max_connections=100, keepalive_expiry=3)
        return httpx2.AsyncClient(
            limits=limits, timeout=httpx2.Timeout(10, read=300), trust_env=False
        )

    @cached_property
    def templates(self) -> jinja2.Environment:
        """The pages' templates."""
        import jinja2

        packages = dict.fromkeys([__package__, *(one.templates for one in self.pages)])
        loaders = [jinja2.PackageLoader(package or __name__) for package in packages]
        environment = jinja2.Environment(
            loader=jinja2.ChoiceLoader(loaders),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.filters["when"] = _when
        return environment

    def menu(self, principal: Principal) -> list[Pages]:
        """The pages of ours that this one may see."""
        return [
            one
            for one in self.pages
            if one.title
            and (one.resource is None or self.security.allows(principal, one.resource, "read"))
        ]

    def page(
        self,
        request: Request,
        template: str,
        values: dict[str, Any],
        *,
        principal: Principal | None = None,
        status: int = 200,
    ) -> Response:
        """A page of ours; a message that the visitor is owed is shown on it."""
        said = request.session.pop("said", "") if "session" in request.scope else ""
        text = self.templates.get_template(template).render(
            **{"said": said, "form_key": "", **values},
            principal=principal,
            menu=self.menu(principal) if principal else [],
            path=request.url.path,
        )
        return HTMLResponse(text, status)

    def refused(self, request: Request, asked: Asked, refusal: Refusal) -> Response:
        """The answer to a refused request, for a person or a program."""
        if refusal.status == HTTPStatus.UNAUTHORIZED and asked.is_visit:
            return RedirectResponse(f"/login?next={quote(asked.target, safe='/')}", 303)
        headers = {}
        if refusal.wait_s:
            headers["Retry-After"] = str(refusal.wait_s)
        if refusal.status == HTTPStatus.UNAUTHORIZED:
            headers["WWW-Authenticate"] = 'Bearer realm="Jarvis"'
        if asked.wants_page:
            values = {"status": refusal.status, "what": refusal.what, "remedy": refusal.remedy}
            answer = self.page(request, "refused.html", values, status=refusal.status)
        else:
            body = {"error": refusal.what, "remedy": refusal.remedy}
            answer = JSONResponse(body, refusal.status)
        answer.headers.update(headers)
        return answer

    @staticmethod
    async def body(request: Request, largest_mb: float, seconds: float) -> bytes:
        """The body of a request.

        Raises:
            Refusal: it is too large, or does not arrive in time.
        """
        largest, parts, size = largest_mb * 1e6, [], 0
        try:
            async with asyncio.timeout(seconds):
                async for part in request.stream():
                    size += len(part)
                    if size > largest:
                        raise Refusal(
                            413, "The request is too large.", f"Send at most {largest_mb:g} MB."
                        )
                    parts.append(part)
        except TimeoutError:
            raise Refusal(408, "The request did not arrive in time.") from None
        return b"".join(parts)

    async def sent_on(self, url: str, body: bytes) -> Response:
        """What a program answers to a JSON request."""
        import httpx2

        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        try:
            answer = await self.client.post(url, content=body, headers=headers)
        except httpx2.HTTPError:
            return JSONResponse({"error": f"{urlsplit(url).path} does not answer now."}, 502)
        kind = answer.headers.get("content-type", "application/json")
        return Response(answer.content, answer.status_code, media_type=kind)


def _when(at: float) -> str:
    import datetime

    return f"{datetime.datetime.fromtimestamp(at, datetime.UTC):%Y-%m-%d %H:%M} UTC"
