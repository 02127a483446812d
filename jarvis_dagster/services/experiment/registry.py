"""What MLflow's registry knows of a version, as this project reads it.

Belongs here: names, tags, stages, and finding versions. Does not belong here: uploads, moves
of aliases, retries.
"""

from __future__ import annotations

import dataclasses
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from jarvis_dagster.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

    from jarvis_dagster.services.experiment.moves import Move

__all__ = [
    "Registered",
    "check_model_name",
    "ensure_registered",
    "file_tags",
    "registered",
    "search_versions",
    "version_of",
]

_NAME = re.compile(r"\w[\w .\-]{0,150}")
_OWN = "jarvis."


@dataclasses.dataclass(frozen=True)
class Registered:
    """One version of a model.

    Attributes:
        stage: ``Production`` is the champion, ``Staging`` the challenger, ``Archived`` was one
            of them, ``None`` was neither: MLflow's former stages, told from the aliases.
        metadata: As given when it was registered; values are text.
    """

    name: str
    version: str
    run_id: str
    sha256: str
    file: str
    size_bytes: int
    created: datetime
    aliases: tuple[str, ...]
    stage: str
    metadata: dict[str, str]


def check_model_name(name: str) -> None:
    """Refuse names that could not be quoted or would not be one name everywhere."""
    if not _NAME.fullmatch(name):
        raise BadInputError(
            f"{name[:80]!r} cannot be the name of a model.",
            "Begin with a letter, then letters, digits, spaces and _ - . alone.",
        )


def file_tags(path: Path, sha256: str) -> dict[str, str]:
    """What the registry keeps of a file."""
    return {"sha256": sha256, "file": path.name, "size": str(path.stat().st_size)}


def registered(
    version: ModelVersion, aliases: Mapping[str, str], moves: Iterable[Move]
) -> Registered:
    """A version of MLflow's."""
    number, tags = str(version.version), dict(version.tags)
    own = tuple(sorted(alias for alias, at in aliases.items() if at == number))
    return Registered(
        name=str(version.name),
        version=number,
        run_id=str(version.run_id or ""),
        sha256=tags.get("sha256", ""),
        file=tags.get("file", ""),
        size_bytes=int(tags.get("size", "0")),
        created=datetime.fromtimestamp(version.creation_timestamp / 1000, UTC),
        aliases=own,
        stage=_stage(number, own, moves),
        metadata={k.removeprefix(_OWN): v for k, v in tags.items() if k.startswith(_OWN)},
    )


def _stage(version: str, aliases: tuple[str, ...], moves: Iterable[Move]) -> str:
    if "champion" in aliases:
        return "Production"
    if "challenger" in aliases:
        return "Staging"
    once = any(version in {move.to, move.came_from} for move in moves)
    return "Archived" if once else "None"


def search_versions(client: MlflowClient, name: str) -> Iterator[ModelVersion]:
    """Every version of a model, newest first."""
    token = None
    found: list[ModelVersion] = []
    while True:
        page = client.search_model_versions(f"name = '{name}'", max_results=200, page_token=token)
        found += list(page)
        token = page.token
        if not token:
            break
    yield from sorted(found, key=lambda v: int(v.version), reverse=True)


def version_of(client: MlflowClient, name: str, run_id: str, sha256: str) -> str | None:
    """The version of that content, name and run, if there is one."""
    found = client.search_model_versions(f"run_id = '{run_id}'", max_results=1000)
    same = [v for v in found if v.name == name and v.tags.get("sha256") == sha256]
    return str(same[0].version) if same else None


def ensure_registered(client: MlflowClient, name: str) -> None:
    """Make the registered model if there is none of that name."""
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
