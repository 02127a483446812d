"""What a role may do, by Casbin.

Belongs here: the policy, and one question to it. Does not belong here: which call needs which
right (``rights``), who acts (``principal``).
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from jarvis_dagster.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["RIGHTS", "Policy"]

RIGHTS = ("read", "write")
_HERE = Path(__file__).parent


class Policy:
    """Roles and their rights; what is not written is refused.

    Args:
        path: CSV of rights; None means the packaged one.

    Raises:
        ConfigError: the file is not there, or a line is not a right.
    """

    def __init__(self, path: Path | None = None) -> None:
        import casbin

        path = path or _HERE / "policy.csv"
        if not path.is_file():
            raise ConfigError(
                f"security.policy names {path}, which is not a file.",
                "Name a file, or leave it empty for the policy that ships with Jarvis.",
            )
        self._check_lines(path)
        self._enforcer = casbin.Enforcer(str(_HERE / "policy.conf"), str(path), False)
        self.roles = frozenset(
            {line[0] for line in self._enforcer.get_policy()}
            | {line[0] for line in self._enforcer.get_grouping_policy()}
        )
        # The same few questions are asked for every call.
        self._allows: Callable[[str, str, str], bool] = lru_cache(4096)(self._enforcer.enforce)

    def allows(self, role: str, resource: str, right: str) -> bool:
        """Whether ``role`` has ``right`` (read or write) on ``resource``."""
        return role in self.roles and bool(self._allows(role, resource, right))

    def is_a(self, role: str, other: str) -> bool:
        """Whether ``role`` is ``other``, has its rights, or has all rights."""
        if role == other or self.allows(role, "*", "*"):
            return True
        return other in self._enforcer.get_implicit_roles_for_user(role)

    @staticmethod
    def _check_lines(path: Path) -> None:
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            parts = [part.strip() for part in line.split(",")]
            if not line.strip() or line.startswith("#"):
                continue
            right = len(parts) == 4 and parts[0] == "p" and parts[3] in {*RIGHTS, "*"}
            if not right and not (len(parts) == 3 and parts[0] == "g"):
                raise ConfigError(
                    f"Line {number} of {path} is no right: {line.strip()!r}.",
                    "Write `p, ROLE, RESOURCE, read|write|*` or `g, ROLE, WHOSE RIGHTS IT HAS`.",
                )
