"""The models whose promotions are watched: the detector, and who reads roles after it.

Belongs here: what they are called, which videos they looked at, and by which figure they are
judged. Does not belong here: watching (``detector``), the figures (``hockey/adaptation``).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from jarvis_dagster.hockey.adaptation.performance import measure_across, measure_reading

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jarvis_dagster.hockey.adaptation import Evidence
    from jarvis_dagster.hockey.adaptation.performance import Part, Performance
    from jarvis_dagster.hockey.adaptation.reference import Reference, Usual
    from jarvis_dagster.settings import Settings

__all__ = ["WatchedModel", "watched_models"]

_READS_ROLES = "roles-"
"""How the part of a version begins that names who reads roles after the detector."""


@dataclasses.dataclass(frozen=True)
class WatchedModel:
    """A model in the registry.

    Attributes:
        name: In the registry.
        is_used: Whether the settings have its champion look at videos.
        title: What people call it.
        without: What looks where there is no champion.
        figure: How a video is held against those that the former one saw.
        prefix: Before its digest in the versions that tables name.
    """

    name: str
    is_used: bool
    title: str
    without: str
    figure: Callable[[Evidence, Reference, Mapping[str, Usual]], tuple[Performance, Part]]
    prefix: str = ""

    def label(self, version: str | None) -> str:
        """A version in words."""
        return f"version {version}" if version else self.without

    def saw(self, video: Evidence, digest: str) -> bool:
        """Whether the version with that digest looked at a video; "" is no model of this kind."""
        parts = video.model_version.split("+")
        if not digest:
            return not any(part.startswith(self.prefix) for part in parts)
        return f"{self.prefix}{digest}" in parts


def watched_models(settings: Settings) -> tuple[WatchedModel, ...]:
    """Every model that can be promoted and looks at videos."""
    vision, names = settings.vision, settings.promotion
    return (
        WatchedModel(
            names.model,
            vision.model == "champion",
            "detector",
            "the packaged detector",
            measure_across,
        ),
        WatchedModel(
            names.roles_model,
            vision.roles == "champion",
            "reader of roles",
            "the detector's own roles",
            measure_reading,
            _READS_ROLES,
        ),
    )
