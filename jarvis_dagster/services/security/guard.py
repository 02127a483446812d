"""A core service that asks before it does anything.

Belongs here: every call checked and audited, whatever the service. Does not belong here: which
right a call needs (``rights``), who has it (``policy``).
"""

from __future__ import annotations

import functools
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import AccessDeniedError
from jarvis_dagster.services.security.principal import acting_as
from jarvis_dagster.services.security.rights import needed

if TYPE_CHECKING:
    from collections.abc import Callable

    from jarvis_dagster.services.security.principal import Principal
    from jarvis_dagster.services.security.service import JarvisSecurityService

__all__ = ["Guarded"]

_QUIET = {"log_metric", "log_counter", "log_histogram", "log_metrics", "check"} | {
    *("stat", "exists", "url", "drive"),
}
"""Allowed calls of these are not noted: they are many, and change nothing of anybody's."""


_KEPT = ("artifacts", "models", "datasets", "logs")


class Guarded:
    """Stands for ``service``: what ``principal`` may not do raises ``AccessDeniedError``.

    What is not in the table of rights is for admins alone.
    """

    def __init__(
        self, service: Any, kind: str, principal: Principal, security: JarvisSecurityService
    ) -> None:
        self._guarded = service
        self._kind = kind
        self._principal = principal
        self._security = security

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        method = getattr(self._guarded, name)
        if not callable(method):
            unknown = f"{self._kind}.{name}", "write"
            self._require(name, *(needed(self._kind, name, (), {}) or unknown))
            return method

        @functools.wraps(method)
        def checked(*arguments: Any, **named: Any) -> Any:
            return self._call(name, method, arguments, named)

        return checked

    def _call(
        self,
        name: str,
        method: Callable[..., Any],
        arguments: tuple[Any, ...],
        named: dict[str, Any],
    ) -> Any:
        principal, security = self._principal, self._security
        unknown = f"{self._kind}.{name}", "write"  # which only an admin has
        buckets = _buckets(self._guarded) if self._kind == "storage" else None
        self._require(name, *(needed(self._kind, name, arguments, named, buckets) or unknown))
        teams, what = security.teams, _object(arguments, named)
        with acting_as(principal):
            try:
                teams.require_known(principal, self._kind, name)
                teams.require_drive(principal, name, arguments, named)
                arguments, named = teams.marked(principal, name, arguments, named)
            except AccessDeniedError as error:
                security.audit.add(
                    f"{self._kind}.{name}", allowed=False, object=what, reason=error.what
                )
                raise
            if teams.missing(principal, name, arguments, named, self._guarded):
                security.audit.add(
                    f"{self._kind}.{name}", allowed=False, object=what, reason="of another team"
                )
                return teams.answer(principal, name, what)
            if name not in _QUIET:
                security.audit.add(f"{self._kind}.{name}", allowed=True, object=what)
            return teams.seen(principal, name, method(*arguments, **named))

    def _require(self, name: str, resource: str, right: str) -> None:
        if self._security.allows(self._principal, resource, right):
            return
        with acting_as(self._principal):
            self._security.audit.add(
                f"{self._kind}.{name}", allowed=False, resource=resource, right=right
            )
        raise AccessDeniedError(
            f"{self._principal.name} ({self._principal.role}) may not {right} {resource}.",
            "Ask an admin for another role, or for somebody who may.",
        )


def _buckets(service: Any) -> dict[str, str]:
    """The kind of what is in each bucket of the storage service."""
    config = service.config
    return {getattr(config, f"{kind}_bucket"): kind for kind in _KEPT}


def _object(arguments: tuple[Any, ...], named: dict[str, Any]) -> str:
    """What a call is about: the first text or path that it is given."""
    given = (*arguments, *named.values())
    return next((str(one) for one in given if isinstance(one, str | PurePath)), "")
