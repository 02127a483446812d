"""Whether a request to another program's page goes on to it.

Belongs here: the rules, in the order in which they are tried; each refusal noted. Does not belong
here: HTTP (``checking``), which requests change something (``sites``, ``graphql``), who may do what
(the policy).
"""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

from jarvis_dagster.errors import AccessDeniedError
from jarvis_dagster.gateway import graphql
from jarvis_dagster.gateway.visitors import identify, is_from_here
from jarvis_dagster.services.security import acting_from

if TYPE_CHECKING:
    from starlette.datastructures import Headers

    from jarvis_dagster.gateway.config import GatewayConfig
    from jarvis_dagster.gateway.sites import Site
    from jarvis_dagster.gateway.throttle import Throttle
    from jarvis_dagster.gateway.visitors import Visitor
    from jarvis_dagster.services.security import JarvisSecurityService

__all__ = ["Asked", "Gate", "Refusal", "is_odd", "path_of"]

_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}
_ODD = re.compile(r"[\x00-\x1f\x7f\\]|%[0-9a-fA-F]{2}")
"""In a path that is decoded: what ends lines, other slashes, and what was encoded twice."""


@dataclasses.dataclass(frozen=True)
class Asked:
    """A request as the proxy got it; ``target`` is its path and query, still encoded."""

    method: str
    target: str
    headers: Headers
    cookie: str | None
    address: str

    @property
    def is_upgrade(self) -> bool:
        """Whether it opens a websocket."""
        return "upgrade" in self.headers

    @property
    def wants_page(self) -> bool:
        """Whether a person is there to read the answer."""
        is_page = "text/html" in self.headers.get("accept", "")
        whole = self.headers.get("sec-fetch-dest", "document") == "document"
        return is_page and whole and not self.is_upgrade

    @property
    def is_visit(self) -> bool:
        """Whether a person opens a page, and can be sent elsewhere first."""
        return self.method in ("GET", "HEAD") and self.wants_page


class Refusal(Exception):  # noqa: N818  (an answer, not a failure)
    """What a refused request is answered."""

    def __init__(self, status: int, what: str, remedy: str = "", *, wait_s: int = 0) -> None:
        super().__init__(what)
        self.status, self.what, self.remedy, self.wait_s = status, what, remedy, wait_s
        self.by = ""
        """Whose request it was, where that is known and nobody is let in."""


def path_of(target: str) -> str:
    """The path of a request's target, still encoded: of ``//x/y`` all, where URLs have a host."""
    if not target.startswith("/") and "://" in target:  # as proxies are asked
        target = "/" + target.partition("://")[2].partition("/")[2]
    return target.partition("?")[0]


def is_odd(raw: str) -> bool:
    """Whether programs may read an encoded path differently, or be led out of a folder by it."""
    path = unquote(raw, errors="surrogateescape")
    segments = path.split("/")
    odd = _ODD.search(path) or any(0xDC80 <= ord(letter) <= 0xDCFF for letter in path)
    return bool(odd) or ".." in segments or "." in segments


class Gate:
    """Decides, and notes what it refused and what is about to be changed."""

    def __init__(
        self,
        config: GatewayConfig,
        origins: tuple[str, ...],
        security: JarvisSecurityService,
        throttle: Throttle,
    ) -> None:
        self._config, self._origins = config, origins
        self._security, self._throttle = security, throttle

    def visitor(self, asked: Asked) -> Visitor:
        """Who asks.

        Raises:
            Refusal: nobody, a token that is not valid, or too many requests.
        """
        over = self._throttle.would_wait_s("refusal", asked.address)
        try:
            found = identify(self._security, asked.headers, asked.cookie, note=over is None)
        except AccessDeniedError as error:
            found, refusal = None, Refusal(401, error.what, error.remedy)
        else:
            refusal = Refusal(401, "Nobody is signed in.", "Sign in, or send an API token.")
        if found is not None:
            wait = self._throttle.wait_s("request", found.principal.name)
        else:
            wait = self._throttle.wait_s("refusal", asked.address)
        if wait is not None:
            refusal = Refusal(429, "Too many requests.", f"Wait {wait} seconds.", wait_s=wait)
            refusal.by = found.principal.name if found else ""
            raise refusal
        if found is None:
            raise refusal
        return found

    def judge(self, site: Site, asked: Asked) -> tuple[Visitor, bool]:
        """Who asks, and whether they may write on the site.

        Raises:
            Refusal: the request does not go on.
        """
        visitor = None
        with acting_from(asked.address):
            try:
                visitor = self.visitor(asked)
                return visitor, self._may_write(site, asked, visitor)
            except Refusal as refusal:
                self.note_refusal(site.resource, asked, visitor, refusal)
                raise

    def _may_write(self, site: Site, asked: Asked, visitor: Visitor) -> bool:
        path = self._sound_path(site, asked)
        query = asked.target.partition("?")[2]
        self._require_size(asked, self._config.largest_upload_mb if site.uploads else None)
        need = site.need(asked.method, path)
        asks_graphql = site.name == "dagster" and path.rstrip("/") == graphql.PATH
        if need == "write" or asks_graphql or asked.is_upgrade:
            self.require_own_page(asked, visitor, plain=asks_graphql and not query)
        if asks_graphql and asked.method != "POST" and graphql.may_change(query):
            raise Refusal(405, "A link cannot change anything.", "Send changes by POST.")
        principal, may = visitor.principal, self._security.allows
        if not may(principal, site.resource, "read"):
            raise Refusal(403, f"The role {principal.role} may not see {site.title}.", _ASK)
        writes = may(principal, site.resource, "write")
        if need == "write":
            if not writes:
                raise Refusal(403, f"The role {principal.role} may only look at it.", _ASK)
            if not site.is_quiet(path):
                self.note_change(site.resource, f"{asked.method} {path}", visitor)
        return writes

    def require_own_page(self, asked: Asked, visitor: Visitor, *, plain: bool = False) -> None:
        """See that no foreign page has a signed-in browser send this.

        Args:
            plain: Whether it only reads when it is no more than a GET.

        Raises:
            Refusal: one may have.
        """
        only_reads = plain and asked.method in ("GET", "HEAD") and not asked.is_upgrade
        if visitor.session is None or only_reads:
            return  # no browser sends a token by itself
        if not is_from_here(asked.headers, self._origins):
            raise Refusal(403, "Another web site sent this request.", "Use the page itself.")

    def _require_size(self, asked: Asked, largest_mb: float | None) -> None:
        largest = (largest_mb or self._config.largest_request_mb) * 1e6
        length = asked.headers.get("jarvis-length") or "0"
        if not length.isdecimal() or int(length) > largest:
            raise Refusal(413, "The request is too large.", f"Send at most {largest / 1e6:g} MB.")

    @staticmethod
    def _sound_path(site: Site, asked: Asked) -> str:
        """The path below the site, decoded; nothing that programs may read differently."""
        raw = path_of(asked.target)
        if is_odd(raw) or "#" in asked.target:
            raise Refusal(400, "The address is malformed.", "Open the page anew.")
        path = unquote(raw, errors="surrogateescape")
        if asked.method not in _METHODS:
            raise Refusal(405, f"There is no {asked.method[:20]!r} here.")
        return re.sub("/+", "/", path).removeprefix(f"/{site.name}") or "/"

    def stray(self, asked: Asked, refusal: Refusal) -> Refusal:
        """Note what is refused before anybody is asked who sends it; of a flood its beginning."""
        wait = self._throttle.wait_s("refusal", asked.address)
        if wait is not None:
            refusal = Refusal(429, "Too many requests.", f"Wait {wait} seconds.", wait_s=wait)
        with acting_from(asked.address):
            self.note_refusal("gateway", asked, None, refusal)
        return refusal

    def note_change(self, action: str, what: str, visitor: Visitor, **facts: object) -> None:
        """Note what is about to be done, or it is not done."""
        principal = visitor.principal
        how = visitor.session.id if visitor.session else "token"
        self._security.audit.add(
            action, allowed=True, by=principal.name, object=what[:300], session=how, **facts
        )

    def note_refusal(
        self, action: str, asked: Asked, visitor: Visitor | None, refusal: Refusal
    ) -> None:
        """Note what was refused; of a flood its beginning, of who must sign in first nothing."""
        by = visitor.principal.name if visitor else refusal.by or "unknown"
        if refusal.status == 429 and self._throttle.wait_s("notice", f"{by} {asked.address}"):
            return
        if refusal.status == 401 and (asked.is_visit or "authorization" in asked.headers):
            return  # a false token is noted where it is looked at
        path = path_of(asked.target)  # what follows may hold secrets
        self._security.audit.add(
            action,
            allowed=False,
            by=by,
            object=f"{asked.method[:20]} {path}"[:300],
            reason=refusal.what,
        )


_ASK = "Ask an admin for another role, or for somebody who may."
