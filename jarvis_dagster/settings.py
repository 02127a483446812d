"""The config service: every setting, typed and documented, read once.

Belongs here: the settings model and how its files are found, merged and
checked. Does not belong here: what a setting does (its section's module says).

``config/jarvis-core.yaml`` comes first, then the overlay of the environment
(``config/development.yaml`` and so on). ``${NAME}`` is the environment
variable NAME, ``${NAME:-value}`` the same with a default, and ``${file:PATH}``
the content of a file, for secrets. ``~/`` at the beginning of a value is the home
folder. An unknown key or a value of the wrong type is an error that names the key
and the file it is in.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import Any, Literal

import pydantic
import yaml

from jarvis_dagster.autopilot.config import AutopilotConfig
from jarvis_dagster.errors import ConfigError
from jarvis_dagster.gateway.config import GatewayConfig
from jarvis_dagster.services.analytics.config import AnalyticsConfig
from jarvis_dagster.services.approval.config import ApprovalsConfig
from jarvis_dagster.services.backup.config import BackupConfig
from jarvis_dagster.services.client_storage.config import ClientStorageConfig
from jarvis_dagster.services.experiment.config import ExperimentConfig
from jarvis_dagster.services.health.config import HealthConfig
from jarvis_dagster.services.notification.config import NotificationConfig
from jarvis_dagster.services.security.config import SecurityConfig
from jarvis_dagster.services.storage.config import StorageConfig
from jarvis_dagster.services.workflow.config import WorkflowConfig
from jarvis_dagster.stack.config import StackConfig

__all__ = [
    "DriveSettings",
    "PromotionSettings",
    "ReportSettings",
    "Settings",
    "SyncSettings",
    "TeamSettings",
    "UpkeepSettings",
    "VisionSettings",
    "find_config",
    "load_settings",
]

ENVIRONMENTS = ("development", "staging", "production")
_REFERENCE = re.compile(r"\$\{([^}]*)\}")


class _Section(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)


class VisionSettings(_Section):
    """How footage is analysed."""

    model: Literal["champion"] | Path | None = pydantic.Field(
        None,
        description="ONNX detector to use; empty means the one that ships with Jarvis, and"
        " `champion` the one that `jarvis models` promoted.",
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


class DriveSettings(_Section):
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


class SyncSettings(_Section):
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


class PromotionSettings(_Section):
    """When a challenger replaces the champion of a model."""

    model: str = pydantic.Field(
        "hockey_detector", description="The registered model that detects people."
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
        description="Whether the challenger looks at every new video beside the champion; its"
        " results are kept apart and never delivered.",
    )


class UpkeepSettings(_Section):
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


class TeamSettings(_Section):
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


class ReportSettings(_Section):
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


class Settings(_Section):
    """All settings of Jarvis."""

    environment: Literal["development", "staging", "production"] = pydantic.Field(
        "development", description="Which overlay is in force; set by `JARVIS_ENV`."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = pydantic.Field(
        "INFO", description="Least level of log messages that are written."
    )
    disk_reserve_mb: int = pydantic.Field(
        256, ge=64, description="Room (MiB) of the disk that no video's analysis may begin to use."
    )
    vision: VisionSettings = pydantic.Field(VisionSettings(), description="Footage analysis.")
    drive: DriveSettings = pydantic.Field(DriveSettings(), description="The watched drive.")
    synchronise: dict[str, SyncSettings] = pydantic.Field(
        default_factory=dict, description="Pairs of folders that are kept in step, by name."
    )
    promotion: PromotionSettings = pydantic.Field(
        PromotionSettings(), description="When a challenger replaces the champion of a model."
    )
    autopilot: AutopilotConfig = pydantic.Field(
        default_factory=AutopilotConfig, description="When the Autopilot acts, and how far."
    )
    upkeep: UpkeepSettings = pydantic.Field(
        UpkeepSettings(), description="When the object store and the search index are tended."
    )
    reports: ReportSettings = pydantic.Field(
        ReportSettings(), description="Weekly reports of the teams and of the platform."
    )
    stack: StackConfig = pydantic.Field(
        default_factory=StackConfig,
        description="The servers that `jarvis up` runs, and where they keep their state.",
    )
    storage: StorageConfig | None = pydantic.Field(
        None, description="The object store; empty means the embedded one."
    )
    client_storage: ClientStorageConfig | None = pydantic.Field(
        None, description="The cloud drives; empty means one local folder in the data directory."
    )
    experiment: ExperimentConfig | None = pydantic.Field(
        None, description="MLflow; empty means the embedded one."
    )
    workflow: WorkflowConfig | None = pydantic.Field(
        None, description="Temporal; empty means the embedded one."
    )
    analytics: AnalyticsConfig | None = pydantic.Field(
        None, description="Metrics and alerts; empty means files in the data directory."
    )

    health: HealthConfig = pydantic.Field(
        default_factory=HealthConfig, description="How services are asked whether they work."
    )
    notification: NotificationConfig = pydantic.Field(
        default_factory=NotificationConfig, description="Who is told what, and where."
    )
    security: SecurityConfig = pydantic.Field(
        default_factory=SecurityConfig, description="Accounts, rights and the audit log."
    )
    approvals: ApprovalsConfig = pydantic.Field(
        default_factory=ApprovalsConfig, description="What waits until a person says yes."
    )
    gateway: GatewayConfig = pydantic.Field(
        default_factory=GatewayConfig, description="The login in front of every web page."
    )
    backup: BackupConfig = pydantic.Field(
        default_factory=BackupConfig, description="Backups: where, when, and how long they stay."
    )

    @pydantic.field_validator("synchronise")
    @classmethod
    def _plain_names(cls, value: dict[str, SyncSettings]) -> dict[str, SyncSettings]:
        for name in value:
            if not re.fullmatch(r"[A-Za-z0-9_]+", name):
                raise ValueError(f"{name!r} may hold only letters, digits and _")
        return value

    @property
    def data_dir(self) -> Path:
        """Where everything of this machine is kept (``stack.data_dir``)."""
        return self.stack.data_dir

    @property
    def vision_sha256(self) -> str:
        """Hash of the settings that can change an analysis; recorded with every table."""
        return hashlib.sha256(self.vision.model_dump_json().encode()).hexdigest()


def find_config() -> Path | None:
    """The core config file: ``$JARVIS_CONFIG``, ./config, or beside the package.

    Raises:
        ConfigError: ``$JARVIS_CONFIG`` names a file that is not there.
    """
    named = os.environ.get("JARVIS_CONFIG")
    if named:
        if not Path(named).is_file():
            raise ConfigError(f"JARVIS_CONFIG names {named}, which is not a file.")
        return Path(named).absolute()
    for folder in (Path.cwd(), Path(__file__).parent.parent):
        path = folder / "config" / "jarvis-core.yaml"
        if path.is_file():
            return path
    return None


def load_settings(config: Path | None = None, environment: str | None = None) -> Settings:
    """Read, merge and check the settings.

    Args:
        config: The core file; None means :func:`find_config`.
        environment: The overlay; None means ``$JARVIS_ENV`` or development.

    Raises:
        ConfigError: naming the key and the file.
    """
    environment = environment or os.environ.get("JARVIS_ENV") or "development"
    if environment not in ENVIRONMENTS:
        raise ConfigError(
            f"JARVIS_ENV is {environment!r}.", f"Use one of {', '.join(ENVIRONMENTS)}."
        )
    config = config or find_config()
    merged: dict[str, Any] = {}
    origin: dict[tuple[str, ...], Path] = {}
    if config is not None:
        overlay = config.with_name(f"{environment}.yaml")
        for path in (config, overlay):
            if path is config or path.is_file():
                _merge(merged, _read(path), path, origin)
    running = os.environ.get("JARVIS_STACK_FILE")
    if running and Path(running).is_file():
        # A program of the embedded stack sees the stack that it is part of.
        merged["stack"] = {}
        _merge(merged["stack"], _read(Path(running)), Path(running), origin, ("stack",))
    merged["environment"] = environment
    try:
        return Settings.model_validate(merged)
    except pydantic.ValidationError as error:
        raise _explain(error, origin, config) from None


def _read(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read ({error}).") from error
    except yaml.YAMLError as error:  # its own text quotes the line, which may hold a secret
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}, column {mark.column + 1}" if mark else "its beginning"
        raise ConfigError(f"{path} cannot be read as YAML: see {where}.") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ConfigError(f"{path} must hold keys and values at its top level.")
    return content


def _merge(
    into: dict[str, Any],
    new: dict[str, Any],
    path: Path,
    origin: dict[tuple[str, ...], Path],
    at: tuple[str, ...] = (),
) -> None:
    for key, value in new.items():
        here = (*at, str(key))
        origin[here] = path
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value, path, origin, here)
        elif isinstance(value, dict):
            into[key] = {}
            _merge(into[key], value, path, origin, here)
        else:
            into[key] = _expand(value, here, path)


def _expand(value: Any, at: tuple[str, ...], path: Path) -> Any:
    if isinstance(value, list):
        return [_expand(item, at, path) for item in value]
    if not isinstance(value, str):
        return value
    if value.startswith("~/"):
        return str(Path(value).expanduser())
    whole = _REFERENCE.fullmatch(value)
    if whole:  # the model turns text into numbers; an empty default means "not set"
        return _resolve(whole[1], at, path) or None
    return _REFERENCE.sub(lambda match: _resolve(match[1], at, path), value)


def _resolve(reference: str, at: tuple[str, ...], path: Path) -> str:
    key = ".".join(at)
    if reference.startswith("file:"):
        secret = Path(reference.removeprefix("file:")).expanduser()
        try:
            return secret.read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(
                f"{key} in {path} is to be read from {secret}, which fails ({error}).",
                "Make that file readable or change the path.",
            ) from error
    name, separator, default = reference.partition(":-")
    value = os.environ.get(name)
    if value:
        return value
    if separator:
        return default
    raise ConfigError(
        f"{key} in {path} needs the environment variable {name}, which is not set.",
        f"Set {name}, or write ${{{name}:-default}}.",
    )


def _explain(
    error: pydantic.ValidationError, origin: dict[tuple[str, ...], Path], config: Path | None
) -> ConfigError:
    lines = []
    for problem in error.errors(include_url=False, include_input=False):
        at = tuple(str(part) for part in problem["loc"])
        where = next((origin[at[:n]] for n in range(len(at), 0, -1) if at[:n] in origin), config)
        message = (
            "is not a known setting" if problem["type"] == "extra_forbidden" else problem["msg"]
        )
        lines.append(f"{'.'.join(at)} in {where or 'the environment'}: {message}.")
    return ConfigError(" ".join(lines), "docs/settings.md lists every setting.")
