"""Truths about the tables of Spotlight, checked whenever one is materialised."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import dagster as dg

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

__all__ = [
    "BOXES_ARE_INSIDE",
    "EVENTS_HAVE_EVIDENCE",
    "EVENTS_NAME_TRACKS_THAT_EXIST",
    "IDS_ARE_UNIQUE_PER_FRAME",
    "NOBODY_IS_PRESENT_TWICE_AT_A_TIME",
    "NO_TRACK_CROSSES_A_CUT",
    "POSITIONS_ARE_ON_THE_RINK",
    "REFEREES_HAVE_NO_TEAM",
    "Truth",
]


@dataclasses.dataclass(frozen=True)
class Truth:
    """A named truth about an asset.

    Args:
        asset: The asset key that it is about.
        against: What contradicts it, counted or in sentences; it holds without any.
        blocking: What is made from the asset is not made where it does not hold.
    """

    asset: tuple[str, ...]
    against: Callable[..., int | list[str]]
    blocking: bool = False

    @property
    def name(self) -> str:
        """The truth as a sentence in snake case."""
        return self.against.__name__

    @property
    def spec(self) -> dg.AssetCheckSpec:
        """What Dagster lists."""
        return dg.AssetCheckSpec(
            self.name,
            asset=dg.AssetKey(self.asset),
            description=self.against.__doc__,
            blocking=self.blocking,
        )

    def __call__(self, *tables: Any) -> dg.AssetCheckResult:
        """Check it."""
        wrong = self.against(*tables)
        sentences = [] if isinstance(wrong, int) else wrong
        return dg.AssetCheckResult(
            passed=not wrong,
            check_name=self.name,
            severity=dg.AssetCheckSeverity.ERROR if self.blocking else dg.AssetCheckSeverity.WARN,
            description=" ".join(sentences) or None,
            metadata={"contradictions": wrong if isinstance(wrong, int) else len(wrong)},
        )


def boxes_are_inside(detections: pd.DataFrame, width_px: int, height_px: int) -> int:
    """Every box has an area and lies in the picture, but for one pixel of rounding."""
    box = detections
    wrong = (
        (box["x2_px"] <= box["x1_px"])
        | (box["y2_px"] <= box["y1_px"])
        | (box["x1_px"] < -1)
        | (box["y1_px"] < -1)
        | (box["x2_px"] > width_px + 1)
        | (box["y2_px"] > height_px + 1)
    )
    return int(wrong.sum())


def ids_are_unique_per_frame(tracks: pd.DataFrame) -> int:
    """Nobody is in two places in one frame."""
    return int(tracks.duplicated(["frame", "track_id"]).sum())


def no_track_crosses_a_cut(tracks: pd.DataFrame, scan: pd.DataFrame) -> int:
    """A track ends where the camera cuts to another view."""
    shot = scan["is_cut"].cumsum().to_numpy()
    inside = tracks[tracks["frame"] < len(shot)]
    shots_of_track = inside.assign(shot=shot[inside["frame"]]).groupby("track_id")["shot"].nunique()
    return int((shots_of_track > 1).sum())


def referees_have_no_team(tracks: pd.DataFrame) -> int:
    """Officials belong to neither team."""
    return int(((tracks["role"] == "referee") & (tracks["team"] != "")).sum())


def positions_are_on_the_rink(positions: pd.DataFrame) -> int:
    """A valid position lies on the ice or at most 3 ft beyond the boards."""
    where = positions[positions["valid"]]
    wrong = (
        (where["x_ft"] < -3) | (where["x_ft"] > 203) | (where["y_ft"] < -3) | (where["y_ft"] > 102)
    )
    return int(wrong.sum())


def events_have_evidence(events: pd.DataFrame) -> list[str]:
    """Every event names frames that show it, and is of a documented type, in order, and once."""
    from jarvis_dagster.hockey.events.integrity import entry_problems

    return entry_problems(events)


def events_name_tracks_that_exist(events: pd.DataFrame, tracks: pd.DataFrame) -> list[str]:
    """Everyone whom an event names was followed, and no official plays for a team."""
    from jarvis_dagster.hockey.events.integrity import track_problems

    return track_problems(events, tracks)


def nobody_is_present_twice_at_a_time(events: pd.DataFrame) -> list[str]:
    """Stretches of presence, or shifts, of one person do not overlap."""
    from jarvis_dagster.hockey.events.integrity import presence_problems

    return presence_problems(events)


BOXES_ARE_INSIDE = Truth(("spotlight", "detections"), boxes_are_inside)
IDS_ARE_UNIQUE_PER_FRAME = Truth(("spotlight", "tracks"), ids_are_unique_per_frame)
NO_TRACK_CROSSES_A_CUT = Truth(("spotlight", "tracks"), no_track_crosses_a_cut)
REFEREES_HAVE_NO_TEAM = Truth(("spotlight", "tracks"), referees_have_no_team)
POSITIONS_ARE_ON_THE_RINK = Truth(("spotlight", "positions"), positions_are_on_the_rink)
EVENTS_HAVE_EVIDENCE = Truth(("spotlight", "events"), events_have_evidence, blocking=True)
EVENTS_NAME_TRACKS_THAT_EXIST = Truth(
    ("spotlight", "events"), events_name_tracks_that_exist, blocking=True
)
NOBODY_IS_PRESENT_TWICE_AT_A_TIME = Truth(
    ("spotlight", "events"), nobody_is_present_twice_at_a_time
)
