"""Shadow runs of a challenger, taken together: what its promotion is decided with beside figures.

Belongs here: where they are kept, and what they say. Does not belong here: looking and comparing
(``looking``, ``hockey/promotion``), the decision (``promoter``).

Nobody labels new videos, so a shadow run cannot tell who is right. It tells whether the challenger
can look at them at all, how much longer it takes, and whether it finds far fewer people, or names
far fewer of a role: then the frozen games, on which it was better, do not stand for what is filmed
now.
"""

from __future__ import annotations

import dataclasses
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jarvis_dagster.services.files import safe_name

if TYPE_CHECKING:
    from jarvis_dagster.services.storage import JarvisStorageService

__all__ = ["Shadows", "keep_shadow", "shadow_count", "shadows_of"]

_LEAST = 3
"""Videos from which on the shadow can hold a promotion."""
_FEWEST = 0.5
"""Of the champion's people that it must find on the median video, and of those of each role that
it must name so on all videos together."""
_LEAST_NAMED = 50
"""Boxes of a role that the champion must have named for that to tell anything."""


@dataclasses.dataclass(frozen=True)
class Shadows:
    """The shadow runs of a version beside one champion.

    Attributes:
        needed: So many videos have to be seen before it may be promoted.
        runs: Their records, by video.
    """

    needed: int
    runs: tuple[dict[str, Any], ...]

    @property
    def against(self) -> str:
        """Why the challenger is not promoted yet; empty where nothing speaks against it."""
        if len(self.runs) < self.needed:
            return (
                f"It has looked at {len(self.runs)} new videos in the shadow, and"
                f" {self.needed} are agreed on (promotion.shadow_needed)."
            )
        found = self._people
        if len(self.runs) >= _LEAST and found is not None and found < _FEWEST:
            return (
                f"On the median of {len(self.runs)} new videos it finds {found:.2f} times as many"
                " people as the champion: the frozen games do not stand for them."
            )
        for role, (before, after) in self._named().items() if len(self.runs) >= _LEAST else ():
            if before >= _LEAST_NAMED and after < _FEWEST * before:
                return (
                    f"On {len(self.runs)} new videos it names {after} boxes {role}, and the"
                    f" champion {before}: the frozen games do not stand for them."
                )
        return ""

    def _named(self) -> dict[str, tuple[int, int]]:
        """Boxes of both that the champion and the challenger give each role, over all videos."""
        pairs = [
            (before, after, number)
            for one in self.runs
            for before, row in one.get("role_changes", {}).items()
            for after, number in row.items()
        ]
        return {
            role: (
                sum(number for before, _, number in pairs if before == role),
                sum(number for _, after, number in pairs if after == role),
            )
            for role in sorted({before for before, _, _ in pairs})
        }

    @property
    def _people(self) -> float | None:
        """People that it finds for each of the champion's, on the median video."""
        shares = [
            (one["both"] + one["only_challenger"]) / seen
            for one in self.runs
            if (seen := one["both"] + one["only_champion"])
        ]
        return _middle(shares)

    def to_json(self) -> dict[str, Any]:
        """As a decision records it."""
        agreed = [one["agreement"] for one in self.runs if one["agreement"] is not None]
        return {
            "needed": self.needed,
            "videos": len(self.runs),
            "seconds": round(sum(one["seconds_of_video"] for one in self.runs), 1),
            "agreement": _middle(agreed),
            "people": self._people,
            "time": _middle([one["time"] for one in self.runs]),
            **{
                name: sum(one[name] for one in self.runs)
                for name in ("both", "only_champion", "only_challenger", "other_role")
            },
            "by_video": [
                {
                    name: one[name]
                    for name in ("video", "agreement", "both", "only_champion", "only_challenger")
                }
                for one in self.runs
            ],
        }


def keep_shadow(
    storage: JarvisStorageService, model: str, version: str, record: dict[str, Any]
) -> str:
    """Keep the record of a shadow run beside those of other videos; its key."""
    with tempfile.TemporaryDirectory(prefix="jarvis-") as scratch:
        path = Path(scratch) / "record.json"
        path.write_text(json.dumps(record, indent=1, sort_keys=True), "utf-8")
        return storage.put_file(f"{_home(model, version)}{record['video']}.json", path).key


def shadow_count(storage: JarvisStorageService, model: str, version: str) -> int:
    """How many videos a version has looked at in the shadow."""
    return len(storage.versions_of(_home(model, version)))


def shadows_of(
    storage: JarvisStorageService, model: str, version: str, registered: str, needed: int
) -> Shadows:
    """The shadow runs of a version.

    Args:
        registered: The champion's name and number in the registry, "" for the packaged detector;
            runs beside another one do not count.
    """
    runs = []
    with tempfile.TemporaryDirectory(prefix="jarvis-") as scratch:
        path = Path(scratch) / "record.json"
        for key in storage.versions_of(_home(model, version)):
            storage.get_file(key, path)
            one: dict[str, Any] = json.loads(path.read_text("utf-8"))
            if one["registered"] == registered:
                runs.append(one)
    return Shadows(needed, tuple(runs))


def _home(model: str, version: str) -> str:
    return f"promotion/shadow/{safe_name(model)}/{version}/"


def _middle(values: list[float]) -> float | None:
    import statistics

    return round(statistics.median(values), 4) if values else None
