"""An approval service with people, a clock that is set by hand, and what was told."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import pytest

from jarvis_dagster.services.approval import ApprovalsConfig, JarvisApprovalService
from jarvis_dagster.services.security import JarvisSecurityService, Principal, SecurityConfig

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from jarvis_dagster.services.notification import Notice

ADMIN = Principal("ada", "admin", None)
DEVELOPER = Principal("dev", "developer", None)
COACH = Principal("kim", "user", frozenset({"u18"}))
OTHER_COACH = Principal("lee", "user", frozenset({"u16"}))
EVERYTHING = {"required": True}


@dataclasses.dataclass
class Desk:
    """The service and what surrounds it."""

    service: JarvisApprovalService
    security: JarvisSecurityService
    told: list[Notice]
    nudged: list[tuple[list[str], str]]
    now: list[float]

    def wait(self, hours: float) -> None:
        self.now[0] += 3600 * hours

    def noted(self, *actions: str) -> list[dict[str, Any]]:
        """Entries of the audit log."""
        return [one for one in self.security.audit.entries() if one["action"] in actions]


@pytest.fixture
def make_desk(tmp_path: Path) -> Iterator[Callable[..., Desk]]:
    made: list[Desk] = []

    def make(**settings: Any) -> Desk:
        config = ApprovalsConfig.model_validate(
            {
                "directory": tmp_path / "approvals",
                "url": "https://jarvis.example",
                **dict.fromkeys(("results", "deployment", "parameters", "labels"), EVERYTHING),
                **settings,
            }
        )
        now, told, nudged = [1_000_000.0], [], []  # type: ignore[var-annotated]
        security = JarvisSecurityService(SecurityConfig(directory=tmp_path / "security"))
        service = JarvisApprovalService(
            config,
            lambda: security,
            notify=told.append,
            nudge=lambda ids, one: nudged.append((list(ids), one.state)),
            clock=lambda: now[0],
        )
        made.append(Desk(service, security, told, nudged, now))
        return made[-1]

    yield make
    for one in made:
        one.service.close()
        one.security.close()


@pytest.fixture
def desk(make_desk: Callable[..., Desk]) -> Desk:
    return make_desk()
