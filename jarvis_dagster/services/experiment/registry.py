"""Versions of models in MLflow's registry.

Belongs here: finding and making them. Does not belong here: uploads, retries.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlflow import MlflowClient

__all__ = ["register", "version_of"]


def version_of(client: MlflowClient, name: str, run_id: str, sha256: str) -> str | None:
    """The version of that content, name and run, if there is one."""
    found = client.search_model_versions(f"run_id = '{run_id}'", max_results=1000)
    same = [v for v in found if v.name == name and v.tags.get("sha256") == sha256]
    return str(same[0].version) if same else None


def register(client: MlflowClient, name: str) -> None:
    """Make the registered model if there is none of that name."""
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
