"""Signing in with another provider's account: OpenID Connect, by Authlib.

Belongs here: the way to the provider and back, and whose account here its answer means. Does not
belong here: sessions (``signing_in``), OpenID Connect itself (Authlib: code flow with PKCE, state,
nonce, signature, issuer, audience and times of the ID token).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.routing import Route

from jarvis_dagster.errors import AccessDeniedError, JarvisError
from jarvis_dagster.gateway.deciding import Refusal
from jarvis_dagster.gateway.pages import asked_of
from jarvis_dagster.gateway.signing_in import local_target, signed_in
from jarvis_dagster.services.security import acting_from

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request
    from starlette.responses import Response

    from jarvis_dagster.gateway.config import OidcConfig
    from jarvis_dagster.gateway.context import Context
    from jarvis_dagster.services.security import JarvisSecurityService, Principal

__all__ = ["principal_of", "routes"]

_BACK = "/login/provider/back"


def routes(context: Context) -> list[Route]:
    """To the provider and back; none where no provider is set."""
    config = context.config.oidc
    if config is None:
        return []
    provider = _provider(config)

    async def go(request: Request) -> Response:
        from authlib.common.errors import AuthlibBaseError
        from httpx2 import HTTPError

        request.session["next"] = local_target(request.query_params.get("next", "/"))
        back = context.addresses.url + _BACK
        try:
            answer: Response = await provider.authorize_redirect(request, back)
        except (AuthlibBaseError, HTTPError, OSError):
            return _failed(context, request, 503, f"{config.label} does not answer now.")
        return answer

    async def back(request: Request) -> Response:
        from authlib.common.errors import AuthlibBaseError
        from httpx2 import HTTPError
        from joserfc.errors import JoseError

        target = str(request.session.get("next", "/"))
        try:
            token = await provider.authorize_access_token(request)
            claims: Mapping[str, Any] = token.get("userinfo") or {}
        except (AuthlibBaseError, JoseError) as error:
            reason = f"{config.label} did not prove who this is ({type(error).__name__})."
            return await run_in_threadpool(_denied, context, request, reason)
        except (HTTPError, OSError):
            return _failed(context, request, 503, f"{config.label} does not answer now.")
        return await run_in_threadpool(_arrived, context, request, config, claims, target)

    return [Route("/login/provider", go), Route(_BACK, back)]


def principal_of(
    security: JarvisSecurityService, config: OidcConfig, claims: Mapping[str, Any]
) -> Principal:
    """Whose account here the claims of a provider mean; role and teams as it tells them.

    Raises:
        AccessDeniedError: nobody's, or one who may not sign in.
    """
    name = str(claims.get(config.name_claim) or "").strip().lower()
    if config.name_claim == "email" and claims.get("email_verified") is not True:
        raise AccessDeniedError(
            "Your address is not verified.", f"Verify it with {config.label}, then try again."
        )
    role = _role(config, claims)
    known = next((one for one in security.accounts.all() if one.name == name), None)
    if known is None:
        if not config.new_accounts or role is None:
            raise AccessDeniedError(
                f"{name or 'This person'} has no account here.", "Ask an admin for one."
            )
        known = security.add_account(name, role, teams=_teams(config, claims) or frozenset())
    if known.disabled or known.kind != "user":
        raise AccessDeniedError(f"{name} may not sign in here.", "Ask an admin.")
    changed_role = role if config.role_claim and role and role != known.role else None
    teams = _teams(config, claims)
    changed_teams = teams if teams is not None and teams != known.teams else None
    if config.role_claim and role is None:
        raise AccessDeniedError(f"{name} has no role here any more.", "Ask an admin.")
    if changed_role or changed_teams is not None:
        security.change_account(name, role=changed_role, teams=changed_teams)
    return security.principal_of(name)


def _role(config: OidcConfig, claims: Mapping[str, Any]) -> str | None:
    if config.role_claim is None:
        return None
    told = claims.get(config.role_claim)
    values = {str(one) for one in (told if isinstance(told, list) else [told])}
    return next((role for value, role in config.roles.items() if value in values), None)


def _teams(config: OidcConfig, claims: Mapping[str, Any]) -> frozenset[str] | None:
    if config.team_claim is None:
        return None
    told = claims.get(config.team_claim)
    return frozenset(
        str(one).lower() for one in (told if isinstance(told, list) else [told]) if one
    )


def _provider(config: OidcConfig) -> Any:
    from authlib.integrations.starlette_client import OAuth

    return OAuth().register(
        "provider",
        client_id=config.client_id,
        client_secret=config.client_secret.get_secret_value(),
        server_metadata_url=f"{config.issuer.rstrip('/')}/.well-known/openid-configuration",
        client_kwargs={"scope": " ".join(config.scopes), "code_challenge_method": "S256"},
    )


def _arrived(
    context: Context,
    request: Request,
    config: OidcConfig,
    claims: Mapping[str, Any],
    target: str,
) -> Response:
    with acting_from(asked_of(context, request).address):
        try:
            principal = principal_of(context.security, config, claims)
            return signed_in(context, request, principal, target, how="provider")
        except AccessDeniedError as error:
            return _denied(context, request, str(error))
        except JarvisError as error:
            return _failed(context, request, 503, str(error))


def _denied(context: Context, request: Request, reason: str) -> Response:
    """Refused, noted, and said at the login."""
    asked = asked_of(context, request)
    with acting_from(asked.address):
        context.security.audit.add(
            "sign_in", allowed=False, by="unknown", reason=reason, how="provider"
        )
    return _failed(context, request, 403, reason)


def _failed(context: Context, request: Request, status: int, what: str) -> Response:
    remedy = "Try again from the first page."
    return context.refused(request, asked_of(context, request), Refusal(status, what, remedy))
