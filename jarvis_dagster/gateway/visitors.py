"""Who a request is from.

Belongs here: the session cookie, API tokens, the network address, and whether a page of ours sent
the request. Does not belong here: what the visitor may do (``deciding``), signing in
(``signing_in``).
"""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING

from jarvis_dagster.errors import AccessDeniedError

if TYPE_CHECKING:
    from collections.abc import Collection

    from starlette.datastructures import Headers

    from jarvis_dagster.services.security import JarvisSecurityService, Principal, Session

__all__ = ["COOKIES", "Visitor", "address_of", "cookie_name", "identify", "is_from_here"]

COOKIES = ("__Host-jarvis", "jarvis")
"""Names of the session cookie: with https, where browsers let no other site set it, and without."""

_BEARER = re.compile(r"bearer ([!-~]{1,200})", re.IGNORECASE)


@dataclasses.dataclass(frozen=True)
class Visitor:
    """One who has proved who they are; ``session`` is None where an API token did."""

    principal: Principal
    session: Session | None


def cookie_name(*, https: bool) -> str:
    """The name of the session cookie."""
    return COOKIES[0] if https else COOKIES[1]


def address_of(headers: Headers) -> str:
    """The network address that the proxy says a request came from."""
    return headers.get("x-forwarded-for", "").rpartition(",")[2].strip()[:64]


def identify(
    security: JarvisSecurityService, headers: Headers, cookie: str | None, *, note: bool = True
) -> Visitor | None:
    """Who has sent this; None where nobody says so. ``note``: whether a false token is noted.

    Raises:
        AccessDeniedError: there is a token, and it is nobody's or no longer valid.
    """
    authorization = headers.get("authorization")
    if authorization is not None:
        bearer = _BEARER.fullmatch(authorization.strip())
        if bearer is None:
            raise AccessDeniedError(
                "The header Authorization holds no API token.", "Send `Bearer jarvis_…`."
            )
        return Visitor(security.authenticate(bearer[1], note=note), None)
    found = security.of_session(cookie) if cookie else None
    return Visitor(found[1], found[0]) if found else None


def is_from_here(headers: Headers, origins: Collection[str]) -> bool:
    """Whether a browser says that a page of this gateway sent the request.

    Browsers send ``Origin`` with whatever may change something, and with websockets; no page can
    forge it.
    """
    origin = headers.get("origin")
    if origin is not None and origin not in origins:
        return False
    fetched = headers.get("sec-fetch-site")
    if fetched is not None and fetched != "same-origin":
        return False
    return origin is not None or fetched is not None
