"""Settings of the Autopilot.

Belongs here: what a person may set, and which camera filmed a video. Does not belong here:
behaviour.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["AutopilotConfig", "camera_of"]


class AutopilotConfig(BaseModel):
    """When the Autopilot acts, and how far it may go."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    apply: bool = Field(
        default=True,
        description="Whether videos are analysed with the parameters that were adapted to their"
        " camera; no means with the model's own.",
    )
    cameras: dict[str, str] = Field(
        default_factory=dict,
        description="Which camera filmed a video, by a pattern of its name or path, as in"
        " `north-*.mp4`. Others are of the camera that their folder in Uploads is named after, or"
        " of `default`.",
    )
    look_every_s: float = Field(
        default=900, ge=1, description="Seconds between two looks for newly analysed videos."
    )
    performance: float = Field(
        default=0.8, gt=0.2, lt=0.95, description="Below this performance something is done."
    )
    evidence: float = Field(
        default=20,
        ge=5,
        le=1000,
        description="How strong the evidence must be, as `n` to 1: false alarms are at least `n`"
        " videos apart on average.",
    )
    rollback_evidence: float = Field(
        default=10, ge=3, le=1000, description="The same, for taking a change back."
    )
    probation_videos: int = Field(
        default=20,
        ge=0,
        le=500,
        description="Videos, of all cameras, by which a newly promoted model is watched, and"
        " taken back if they are seen worse than before; 0: it is not watched.",
    )
    reference_videos: int = Field(
        default=6,
        ge=3,
        le=50,
        description="First videos of a camera that its reference is made of.",
    )
    cooldown_videos: int = Field(
        default=3, ge=1, description="Videos between an attempt and the next."
    )
    cooldown_hours: float = Field(
        default=6, ge=0, description="Hours between an attempt and the next."
    )
    changes_a_week: int = Field(default=3, ge=0, description="Most changes of a camera in a week.")
    cpu_minutes_a_day: float = Field(
        default=60, gt=0, description="CPU minutes that all searches of a day may use."
    )
    trials: int = Field(default=40, ge=5, le=500, description="Parameters that a search tries.")
    report_schedule: str | None = Field(
        default="40 * * * *",
        description="When performance and decisions are shown in Dagster, as in cron (UTC); empty:"
        " when they are materialised by hand.",
    )
    retrain: bool = Field(
        default=True,
        description="Whether a training of the detector is started where parameters do not help"
        " and enough frames were corrected.",
    )
    retrain_frames: int = Field(
        default=100, ge=20, description="Newly corrected frames that a training needs."
    )
    training: dict[str, Any] = Field(
        default_factory=dict,
        description="Options of that training, as in `{steps: 400}` (`jarvis toolchain list`).",
    )


def camera_of(config: AutopilotConfig, path: str) -> str:
    """The camera that filmed the video at ``path`` in the drive.

    The longest matching pattern wins; then the first folder below ``Uploads``; then ``default``.
    """
    place = PurePosixPath(path)
    fits = [
        pattern
        for pattern in config.cameras
        if any(fnmatchcase(text.casefold(), pattern.casefold()) for text in (path, place.name))
    ]
    if fits:
        return _plain(config.cameras[max(fits, key=len)])
    parts = place.parts
    if "Uploads" in parts:
        below = parts[parts.index("Uploads") + 1 : -1]
        if below:
            return _plain(below[0])
    return "default"


def _plain(name: str) -> str:
    """A name that a key and a label can hold."""
    kept = "".join(c if c.isascii() and (c.isalnum() or c in "-_") else "-" for c in name)
    return kept.strip("-")[:60] or "default"
