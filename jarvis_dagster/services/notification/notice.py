"""What there is to tell.

Belongs here: one notice and how grave it may be. Does not belong here: whom it is told, and how.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Literal

from jarvis_dagster.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["SEVERITIES", "Notice", "Severity"]

Severity = Literal["info", "warning", "error", "critical"]
SEVERITIES: tuple[Severity, ...] = ("info", "warning", "error", "critical")
"""From what may be read some day to what should wake somebody."""


@dataclasses.dataclass(frozen=True)
class Notice:
    """One thing that happened.

    Attributes:
        event: What kind of thing, as in ``run_failed``; rules and templates go by it.
        summary: One sentence that names the thing: the video, the asset, the service.
        severity: See :data:`SEVERITIES`.
        remedy: What a person can do about it; may be empty.
        details: Further lines, in this order: name to value.
        links: Name to address.
        component: Whose it is, as in ``spotlight``.
        cause: What stands behind it: notices of one cause are told once and then counted.
            Empty means that this one stands for itself.
    """

    event: str
    summary: str
    severity: Severity = "info"
    remedy: str = ""
    details: Mapping[str, str] = dataclasses.field(default_factory=dict)
    links: Mapping[str, str] = dataclasses.field(default_factory=dict)
    component: str = ""
    cause: str = ""

    def __post_init__(self) -> None:
        if not self.event.strip() or not self.summary.strip():
            raise BadInputError("A notice needs an event and a summary.")
        if self.severity not in SEVERITIES:
            raise BadInputError(
                f"{self.severity!r} is no severity.", f"Use one of {', '.join(SEVERITIES)}."
            )
