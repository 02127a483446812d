"""Versions of models, and what their aliases point at.

Belongs here: the calls to the registry. Does not belong here:
the history of moves as text (``moves.py``), whether a model deserves an alias.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import BadInputError, ConflictError, PermanentError, TransientError
from jarvis_dagster.services.experiment import moves as history
from jarvis_dagster.services.experiment.registry import (
    Registered,
    check_model_name,
    ensure_registered,
    file_tags,
    registered,
    search_versions,
    version_of,
)
from jarvis_dagster.services.experiment.values import flat
from jarvis_dagster.services.files import atomic_path, readable_file, sha256_file

if TYPE_CHECKING:
    from collections.abc import Mapping

    import tenacity
    from mlflow import MlflowClient

    from jarvis_dagster.services.experiment.client import Mlflow
    from jarvis_dagster.services.experiment.moves import Move

__all__ = ["CHALLENGER", "CHAMPION", "ModelRegistry"]

CHAMPION, CHALLENGER = "champion", "challenger"
_MODEL_FILES = "models"


class _CollisionError(TransientError):
    """Another move of the same alias was recorded at the same time; this one was taken back."""


def _after_collisions() -> tenacity.Retrying:
    """Try again after random pauses, so that of several at once one comes first."""
    import tenacity

    return tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(_CollisionError),
        stop=tenacity.stop_after_attempt(8),
        wait=tenacity.wait_random_exponential(multiplier=0.2, max=5),
        reraise=True,
    )


class ModelRegistry:
    """The models of one server."""

    def __init__(self, mlflow: Mlflow) -> None:
        self._mlflow = mlflow

    def log_model(
        self, run_id: str, model_path: str | Path, model_name: str, metadata: Mapping[str, Any]
    ) -> str:
        """Keep a model file with a run and register it; its version, new or known."""
        path = readable_file(model_path)
        check_model_name(model_name)
        tags = file_tags(path, sha256_file(path))
        tags |= {f"jarvis.{name}": value for name, value in flat(metadata)}

        def log(client: MlflowClient) -> str:
            known = version_of(client, model_name, run_id, tags["sha256"])
            if known is not None:
                return known
            folder = f"{_MODEL_FILES}/{tags['sha256'][:16]}"
            client.log_artifact(run_id, str(path), folder)
            kept = {item.path: item.file_size for item in client.list_artifacts(run_id, folder)}
            if kept.get(f"{folder}/{path.name}") != path.stat().st_size:
                raise TransientError(
                    f"MLflow did not keep all of {path.name} for run {run_id}.",
                    "Check the space where MLflow keeps its files.",
                )
            ensure_registered(client, model_name)
            uri = client.get_run(run_id).info.artifact_uri
            version = client.create_model_version(
                model_name, f"{uri}/{folder}", run_id, tags=tags, await_creation_for=60
            )
            return str(version.version)

        return self._mlflow.call(f"the model {model_name} of run {run_id}", log)

    # -- looking -------------------------------------------------------------------

    def models(self) -> list[str]:
        """The names of all registered models."""

        def look(client: MlflowClient) -> list[str]:
            names, token = [], None
            while True:
                page = client.search_registered_models(max_results=100, page_token=token)
                names += [str(model.name) for model in page]
                token = page.token
                if not token:
                    return sorted(names)

        return self._mlflow.call("the registered models", look)

    def versions(self, model_name: str) -> list[Registered]:
        """Every version of a model, newest first; empty where there is no such model."""
        check_model_name(model_name)
        moves = self.moves(model_name)

        def look(client: MlflowClient) -> list[Registered]:
            aliases = _aliases(client, model_name)
            return [registered(v, aliases, moves) for v in search_versions(client, model_name)]

        return self._mlflow.call(f"the versions of {model_name}", look)

    def model(self, model_name: str, which: str) -> Registered | None:
        """The version that a number, an alias or a stage means; None where there is none."""
        for version in self.versions(model_name):
            if which in {version.version, *version.aliases} or which.title() == version.stage:
                return version
        return None

    def fetch_model(self, model: Registered, target: Path) -> Path:
        """Write the file of a version to ``target``, verified.

        Raises:
            PermanentError: it is not what was registered.
        """
        import tempfile

        inner = f"{_MODEL_FILES}/{model.sha256[:16]}/{model.file}"
        with tempfile.TemporaryDirectory(prefix="jarvis-") as scratch, atomic_path(target) as part:
            got = self._mlflow.call(
                f"the file of {model.name} {model.version}",
                lambda c: c.download_artifacts(model.run_id, inner, scratch),
            )
            if sha256_file(Path(got)) != model.sha256:
                raise PermanentError(
                    f"The file of {model.name} {model.version} is not what was registered.",
                    "Restore MLflow's files from a backup, or roll back to another version.",
                )
            part.write_bytes(Path(got).read_bytes())
        return target

    # -- aliases -------------------------------------------------------------------

    def moves(self, model_name: str) -> list[Move]:
        """Every recorded move of the aliases of a model, oldest first."""
        check_model_name(model_name)
        return self._mlflow.call(
            f"the moves of {model_name}", lambda c: history.read(_tags(c, model_name))
        )

    def move_alias(
        self,
        model_name: str,
        alias: str,
        version: str | None,
        *,
        by: str,
        why: str,
        how: str = "set",
        expected: str | bool | None = False,
        decision: str = "",
    ) -> Move:
        """Point an alias at a version, in one step, and record who did it and why.

        Args:
            version: None takes the alias away.
            expected: What the alias must point at now; False means anything.

        Raises:
            ConflictError: it points at something else than expected.
            BadInputError: there is no such model or version.
            TransientError: MLflow is away, or others kept moving the same alias.
        """
        check_model_name(model_name)
        history.check_alias(alias)

        def move(client: MlflowClient) -> Move:
            known = _tags(client, model_name)
            now = _aliases(client, model_name).get(alias)
            collision = _CollisionError(
                f"Others are moving the {alias} of {model_name} at the same time.",
                "Try again in a minute.",
            )
            if history.under_way(alias, history.read(known), now):
                raise collision
            if expected is not False and now != expected:
                raise ConflictError(
                    f"The {alias} of {model_name} is version {now or 'none'} by now,"
                    f" not {expected or 'none'}.",
                    "Somebody moved it meanwhile; look at `jarvis models show`, then try again.",
                )
            made = history.Move(
                at=datetime.now(UTC).isoformat(timespec="milliseconds"),
                alias=alias,
                came_from=now,
                to=version,
                by=by,
                why=why[: history.MOST_WHY],
                how=how,
                decision=decision,
            )
            # Recorded first, so that no move is unrecorded, and that of two at once
            # at least one sees the other; one that failed is taken back.
            key = history.new_key()
            client.set_registered_model_tag(model_name, key, made.to_json())
            try:
                since = _tags(client, model_name).items() - known.items() - {(key, made.to_json())}
                if any(other.alias == alias for other in history.read(dict(since))):
                    raise collision
                if version is None:
                    client.delete_registered_model_alias(model_name, alias)
                else:
                    client.set_registered_model_alias(model_name, alias, version)
            except Exception:
                self._mlflow.call(
                    f"what was recorded of {model_name}",
                    lambda c: c.delete_registered_model_tag(model_name, key),
                )
                raise
            return made

        # Once, but for collisions: a second try after a lost answer would record it twice.
        return _after_collisions()(
            self._mlflow.call, f"the {alias} of {model_name}", move, attempts=1
        )

    def roll_back(self, model_name: str, *, by: str, why: str, alias: str = CHAMPION) -> Move:
        """Point an alias at what it pointed at before its last move; again goes further back.

        Raises:
            BadInputError: nothing was there before.
        """
        known = [move for move in self.moves(model_name) if move.alias == alias]
        now = self._mlflow.call(
            f"the aliases of {model_name}", lambda c: _aliases(c, model_name).get(alias)
        )
        target = history.before(known, now)
        if target == history.NOTHING:
            raise BadInputError(
                f"The {alias} of {model_name} was never moved, so there is nothing to go back to.",
                "`jarvis models show` lists the moves.",
            )
        return self.move_alias(
            model_name, alias, target, by=by, why=why, how="rollback", expected=now
        )

    def tag_model(self, model_name: str, version: str, values: Mapping[str, str]) -> None:
        """Set tags of a version."""

        def tag(client: MlflowClient) -> None:
            for name, value in values.items():
                client.set_model_version_tag(model_name, version, name, value)

        self._mlflow.call(f"the tags of {model_name} {version}", tag)


def _aliases(client: MlflowClient, name: str) -> dict[str, str]:
    from mlflow.exceptions import MlflowException

    try:
        return {k: str(v) for k, v in client.get_registered_model(name).aliases.items()}
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return {}
        raise


def _tags(client: MlflowClient, name: str) -> dict[str, str]:
    from mlflow.exceptions import MlflowException

    try:
        return dict(client.get_registered_model(name).tags)
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return {}
        raise
