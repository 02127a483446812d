"""Small tables between assets: Parquet in the object store, through the storage service.

Belongs here: the IO manager. Does not belong here: the large tables of one
video, which ``workspace`` keeps beside the files that they were made with.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import Field

from jarvis_dagster.resources.base import JarvisResource

if TYPE_CHECKING:
    import pandas as pd
    from upath import UPath

    from jarvis_dagster.services.storage import JarvisStorageService

__all__ = ["TableIOManager", "Tables"]


class Tables(dg.UPathIOManager):
    """Keeps each table under ``artifacts/tables/<asset key>[/<partition>].parquet``.

    Every write and read is verified by its hash, and encrypted where the
    storage service encrypts.
    """

    extension = ".parquet"

    def __init__(self, made: JarvisResource) -> None:
        from upath import UPath

        super().__init__(base_path=UPath("artifacts/tables"))
        self._made = made

    @property
    def _storage(self) -> JarvisStorageService:
        return self._made.core.storage_service

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        """Store a table, as the component whose asset it is."""
        with self._made.acting_for(context):
            super().handle_output(context, obj)

    def load_input(self, context: dg.InputContext) -> Any:
        """Fetch a table, as the component whose asset asks for it."""
        with self._made.acting_for(context):
            return super().load_input(context)

    def dump_to_path(self, context: dg.OutputContext, obj: pd.DataFrame, path: UPath) -> None:
        """Store a table."""
        with tempfile.TemporaryDirectory(prefix="jarvis-") as scratch:
            file = Path(scratch) / "table.parquet"
            obj.to_parquet(file, index=False)
            ref = self._storage.put_file(_key(path), file)
        context.log.info(f"{len(obj)} rows are in {ref.url}, SHA-256 {ref.sha256}")

    def load_from_path(self, context: dg.InputContext, path: UPath) -> pd.DataFrame:  # noqa: ARG002
        """Fetch a table.

        Raises:
            FileNotFoundError: there is none.
        """
        import pandas as pd

        key = _key(path)
        if not self._storage.exists(key):
            raise FileNotFoundError(f"{self._storage.url(key)} is not in the object store.")
        with tempfile.TemporaryDirectory(prefix="jarvis-") as scratch:
            file = Path(scratch) / "table.parquet"
            self._storage.get_file(key, file)
            return pd.read_parquet(file)

    def get_metadata(
        self, context: dg.OutputContext, obj: pd.DataFrame
    ) -> dict[str, dg.MetadataValue]:
        """Where the table is, and how many rows it has."""
        url = self._storage.url(_key(self._get_path(context)))
        return {
            "object": dg.MetadataValue.path(url),
            "dagster/row_count": dg.MetadataValue.int(len(obj)),
        }

    def path_exists(self, path: UPath) -> bool:
        """Whether the table is in the store."""
        return self._storage.exists(_key(path))

    def make_directory(self, path: UPath) -> None:
        """Nothing: an object store has no folders."""

    def unlink(self, path: UPath) -> None:
        """Nothing: a new version takes the place of the old one in one step."""


def _key(path: UPath) -> str:
    return path.as_posix()


class TableIOManager(dg.ConfigurableIOManagerFactory[Tables]):
    """Makes the IO manager from the settings."""

    config_file: str = Field(
        default="", description="The core settings file; empty means the usual one."
    )
    environment: str = Field(default="", description="Settings overlay; empty means the usual one.")

    def create_io_manager(self, context: dg.InitResourceContext) -> Tables:  # noqa: ARG002
        """The IO manager of a run."""
        made = JarvisResource(config_file=self.config_file, environment=self.environment)
        return Tables(made)
