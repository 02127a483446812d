"""Small documents between assets: JSON in the object store, those of one run together.

Belongs here: the IO manager. Does not belong here: tables (``table_io_manager``), files of a
video (``workspace``).
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import Field

from jarvis_dagster.errors import PermanentError
from jarvis_dagster.resources.base import JarvisResource

if TYPE_CHECKING:
    from jarvis_dagster.services.storage import JarvisStorageService

__all__ = ["DocumentIOManager", "Documents"]

_LATEST = "latest"


class Documents(dg.IOManager):
    """Keeps each document under ``artifacts/documents/<asset key>/<run>.json``.

    An asset gets what its own run made, or the run that it is a re-execution of: two runs of
    one job at a time do not mix. A run without it gets the latest.
    """

    def __init__(self, made: JarvisResource) -> None:
        self._made = made

    @property
    def _storage(self) -> JarvisStorageService:
        return self._made.core.storage_service

    def handle_output(self, context: dg.OutputContext, obj: dict[str, Any]) -> None:
        """Store a document, as the component whose asset it is."""
        with (
            self._made.acting_for(context),
            tempfile.TemporaryDirectory(prefix="jarvis-") as scratch,
        ):
            file = Path(scratch) / "document.json"
            file.write_text(json.dumps(obj, indent=1, sort_keys=True), "utf-8")
            ref = self._storage.put_file(_key(context.asset_key, context.run_id), file)
            self._storage.put_file(_key(context.asset_key, _LATEST), file)
        context.add_output_metadata({"document": dg.MetadataValue.path(ref.url)})

    def load_input(self, context: dg.InputContext) -> dict[str, Any]:
        """Fetch a document, as the component whose asset asks for it.

        Raises:
            PermanentError: there is none.
        """
        with self._made.acting_for(context):
            return self._found(context)

    def _found(self, context: dg.InputContext) -> dict[str, Any]:
        run = context.step_context.dagster_run
        for name in (run.run_id, run.parent_run_id, run.root_run_id, _LATEST):
            key = _key(context.asset_key, name) if name else ""
            if key and self._storage.exists(key):
                with tempfile.TemporaryDirectory(prefix="jarvis-") as scratch:
                    file = Path(scratch) / "document.json"
                    self._storage.get_file(key, file)
                    content: dict[str, Any] = json.loads(file.read_text("utf-8"))
                    return content
        raise PermanentError(
            f"{context.asset_key.to_user_string()} has not been made.", "Materialise it first."
        )


def _key(asset: dg.AssetKey, name: str) -> str:
    return f"artifacts/documents/{'/'.join(asset.path)}/{name}.json"


class DocumentIOManager(dg.ConfigurableIOManagerFactory[Documents]):
    """Makes the IO manager from the settings."""

    config_file: str = Field(
        default="", description="The core settings file; empty means the usual one."
    )
    environment: str = Field(default="", description="Settings overlay; empty means the usual one.")

    def create_io_manager(self, context: dg.InitResourceContext) -> Documents:  # noqa: ARG002
        """The IO manager of a run."""
        made = JarvisResource(config_file=self.config_file, environment=self.environment)
        return Documents(made)
