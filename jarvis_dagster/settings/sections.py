"""The sections of the settings that belong to no service.

Belongs here: what a person may set of footage, the watched drive, synchronisation, promotion,
upkeep and reports. Does not belong here: the sections of services (their ``config.py``), what a
setting does (who reads it says that).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

import pydantic

__all__ = [
    "DriveSettings",
    "PromotionSettings",
    "ReportSettings",
    "Section",
    "SyncSettings",
    "TeamSettings",
    "UpkeepSettings",
    "VisionSettings",
]


class Section(pydantic.BaseModel):
    """Settings that belong together; an unknown key is an error."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)


class VisionSettings(Section):
    """How footage is analysed."""

    model: Literal["champion"] | Path | None = pydantic.Field(
        None,
        description="ONNX detector to use; empty means the one that ships with Jarvis, and"
        " `champion` the one that `jarvis models` promoted.",
    )
    roles: Literal["champion"] | Path | None = pydantic.Field(
        None,
        description="ONNX network that reads the roles of people once more; empty means that the"
        " detector's own stand, and `champion` the one that `jarvis models` promoted.",
    )
    score_threshold: float | None = pydantic.Field(
        None, ge=0, le=1, description="Least detection score; empty means the model's own."
    )
    stride: int | None = pydantic.Field(
        None, ge=1, le=10, description="Detect on every n-th frame; empty means chosen by speed."
    )
    threads: int | None = pydantic.Field(
        None, ge=1, description="Threads for detection; empty: one for each physical core."
    )
    highlights: int = pydantic.Field(6, ge=0, le=50, description="Most highlight clips a video.")
    rink: Literal["auto", "NHL", "IIHF", "IIHF-26"] = pydantic.Field(
        "auto",
        description="The rink: 200 by 85 ft, 60 by 30 m, 60 by 26 m; auto: as its lines tell.",
    )
    cameras: dict[str, Path] = pydantic.Field(
        default_factory=dict,
        description="Calibration files of cameras that never move, by a pattern of the video's "
        "name, as in `north-*.mp4`.",
    )


class DriveSettings(Section):
    """The watched drive and how uploads are taken from it."""

    name: str = pydantic.Field(
        "local", description="Drive of `client_storage.drives` that is watched and delivered to."
    )
    root: str = pydantic.Field("Jarvis AI", description="Folder in the drive that Jarvis uses.")
    settle_s: float = pydantic.Field(
        10, ge=0, description="Seconds that an upload must be unchanged before it is taken."
    )
    labels_settle_s: float = pydantic.Field(
        600,
        ge=0,
        description="Seconds that label files corrected in `Training` must be unchanged before"
        " they are read.",
    )
    max_upload_gb: float = pydantic.Field(
        200, gt=0, description="Larger videos are not taken, but moved to `Quarantine`."
    )
    poll_interval_s: int = pydantic.Field(
        30, ge=5, description="Seconds between two looks at the drive."
    )
    tick_budget_s: float = pydantic.Field(
        30, gt=0, description="Seconds that one look at the drive may take; the rest waits."
    )
    requests_per_tick: int = pydantic.Field(
        20, ge=1, description="Most videos that one look at the drive starts."
    )
    share_with: tuple[str, ...] = pydantic.Field(
        (), description="E-mail addresses that each folder of results is shared with."
    )
    share_role: Literal["reader", "commenter", "writer"] = pydantic.Field(
        "reader", description="What they may do with it."
    )


class SyncSettings(Section):
    """Two folders that are kept in step."""

    a: str = pydantic.Field(
        description="`NAME:PATH` in a drive, `s3://bucket/prefix`, or a folder of this machine."
    )
    b: str = pydantic.Field(description="The other one.")
    schedule: str | None = pydantic.Field(
        "*/15 * * * *", description="When, as in cron (UTC); empty: only when it is materialised."
    )
    include: tuple[str, ...] = pydantic.Field(
        (), description="Only files that match one of these, as in `*.mp4`; empty is all."
    )
    exclude: tuple[str, ...] = pydantic.Field((), description="Leave these files and folders out.")
    max_bytes: int | None = pydantic.Field(None, ge=0, description="Leave larger files out.")
    max_delete_share: float = pydantic.Field(
        0.5, ge=0, le=1, description="Stop rather than delete more than this share of the files."
    )


class PromotionSettings(Section):
    """When a challenger replaces the champion of a model."""

    model: str = pydantic.Field(
        "hockey_detector", description="The registered model that detects people."
    )
    roles_model: str = pydantic.Field(
        "hockey_roles", description="The registered model that reads roles once more."
    )
    games: str = pydantic.Field(
        "frozen-games", description="The frozen games that models are judged on, by name."
    )
    figure: Literal[
        "ap50", "ap50_95", "recall", "precision", "role_macro_f1", "goalkeeper_recall"
    ] = pydantic.Field("ap50", description="The figure that has to rise.")
    confidence: float = pydantic.Field(
        0.95,
        ge=0.8,
        le=0.999,
        description="Of the interval of the gain; equal models are promoted at most half as often"
        " as it leaves.",
    )
    min_videos: int = pydantic.Field(6, ge=5, description="Fewest videos that can tell a gain.")
    resamples: int = pydantic.Field(
        10_000, ge=1000, le=200_000, description="How often the videos are drawn anew."
    )
    player_margin: float = pydantic.Field(
        0.02, ge=0, le=1, description="How far the F1 of players may fall."
    )
    goalkeeper_margin: float = pydantic.Field(
        0.05, ge=0, le=1, description="How far the F1 of goalkeepers may fall."
    )
    referee_margin: float = pydantic.Field(
        0.05, ge=0, le=1, description="How far the F1 of referees may fall."
    )
    shadow: bool = pydantic.Field(
        False,
        description="Whether the challenger looks at new videos beside the champion; its results"
        " are kept apart and never delivered.",
    )
    shadow_seconds: float = pydantic.Field(
        120, gt=0, description="How much of each video it looks at, in a few parts."
    )
    shadow_videos: int = pydantic.Field(
        20, ge=1, description="Videos that a challenger looks at in the shadow, at most."
    )
    shadow_needed: int = pydantic.Field(
        0,
        ge=0,
        description="Videos that it must have looked at before it may be promoted; 0: none.",
    )


class UpkeepSettings(Section):
    """When the object store and the search index are tended."""

    prune_schedule: str | None = pydantic.Field(
        "30 2 * * *", description="When retention is applied, as in cron (UTC); empty is never."
    )
    verify_schedule: str | None = pydantic.Field(
        "0 4 * * 0", description="When everything is read back, as in cron (UTC); empty is never."
    )
    index_schedule: str | None = pydantic.Field(
        "20 * * * *",
        description="When the search index is brought up to date, as in cron (UTC); empty: by"
        " `jarvis drive index` alone.",
    )
    health_schedule: str | None = pydantic.Field(
        "*/30 * * * *",
        description="When `upkeep/services` asks every core service, as in cron (UTC); empty is"
        " never. The program `metrics` asks them every `health.interval_s` all the same.",
    )


class TeamSettings(Section):
    """A team that gets a weekly report."""

    videos: tuple[str, ...] = pydantic.Field(
        (), description="Its videos, by name or path below Uploads, as in `u18/*`."
    )
    kits: tuple[str, ...] = pydantic.Field(
        (), description="Colours of its kits, as in `white` or `#123f8a`: which side it is."
    )
    drive: str | None = pydantic.Field(
        None, description="Drive that its reports go to; empty means the watched one."
    )
    folder: str | None = pydantic.Field(
        None, description="Folder of that drive; empty means `Reports/<team>` in `drive.root`."
    )


class ReportSettings(Section):
    """Weekly reports of the teams and of the platform."""

    schedule: str | None = pydantic.Field(
        "0 5 * * 1", description="When last week's are made, as in cron (UTC); empty is never."
    )
    teams: dict[str, TeamSettings] = pydantic.Field(
        default_factory=dict,
        description="Teams by name; a folder in Uploads is a team of that name without being here.",
    )
    season_start: str = pydantic.Field(
        "08-01", pattern=r"^(0[1-9]|1[0-2])-(0[1-9]|1\d|2[0-8])$", description="Month and day."
    )
    least_minutes: float = pydantic.Field(
        5, ge=0, description="Videos that are shorter are listed, and left out of trends."
    )
    platform_folder: str | None = pydantic.Field(
        None, description="Folder of the watched drive for the platform's report; empty is none."
    )
    pdf: bool = pydantic.Field(True, description="Whether a PDF is made beside each page.")

    @pydantic.field_validator("teams")
    @classmethod
    def _plain_names(cls, value: dict[str, TeamSettings]) -> dict[str, TeamSettings]:
        for name in value:
            if not re.fullmatch(r"\w[\w .-]*", name) or name.lower() == "platform":
                raise ValueError(f"{name!r} cannot be the name of a team")
        return value

    @property
    def season_starts(self) -> tuple[int, int]:
        """Month and day on which a season begins."""
        month, day = self.season_start.split("-")
        return int(month), int(day)
