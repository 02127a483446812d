"""Where a video's files are: a working folder here, and verified objects in the store.

Belongs here: the names of the objects and the way between asset and store.
Does not belong here: what is in the files.

Object keys are ``artifacts/{partition}/{asset}/{name}``. A file that is in the
working folder with the content that the store names is not fetched again.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import shutil
from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import Field, PrivateAttr

from jarvis_dagster.claims import claim
from jarvis_dagster.errors import PermanentError
from jarvis_dagster.resources.base import JarvisResource

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from jarvis_dagster.hockey.tables import Provenance
    from jarvis_dagster.services.storage import JarvisStorageService, ObjectRef

__all__ = ["Workspace", "WorkspaceResource"]


@dataclasses.dataclass(frozen=True)
class Workspace:
    """The files of one video.

    Args:
        key: The partition key of the video.
        folder: Working folder; may be deleted at any time between two steps.
        storage: The store that keeps everything.
    """

    key: str
    folder: Path
    storage: JarvisStorageService

    def path(self, asset: str, name: str) -> Path:
        """Where to write a new file of ``asset``; its folder exists."""
        path = self.folder / asset / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def object_key(self, asset: str, name: str) -> str:
        """The object key of a file of ``asset``."""
        return f"artifacts/{self.key}/{asset}/{name}"

    def keep(self, asset: str, path: Path) -> ObjectRef:
        """Store a file and verify it; a materialisation may be recorded after that."""
        ref = self.storage.put_file(self.object_key(asset, path.name), path)
        self._note(path, ref.sha256)
        return ref

    def fetch(self, asset: str, name: str) -> Path:
        """The file, from the working folder or from the store.

        Raises:
            PermanentError: the store does not have it.
        """
        key = self.object_key(asset, name)
        ref = self.storage.stat(key)
        if ref is None:
            raise PermanentError(
                f"{self.storage.url(key)} is not in the object store.",
                f"Materialise {asset} for {self.key} first.",
            )
        path = self.path(asset, name)
        if not self._is_current(path, ref.sha256):
            self.storage.get_file(key, path)
            self._note(path, ref.sha256)
        return path

    def has(self, asset: str, name: str) -> bool:
        """Whether the store has that file."""
        return self.storage.exists(self.object_key(asset, name))

    def keep_table(
        self,
        asset: str,
        name: str,
        table: pd.DataFrame,
        schema: dict[str, str],
        provenance: Provenance,
    ) -> ObjectRef:
        """Write a table as ``{name}.parquet`` and keep it."""
        from jarvis_dagster.hockey.tables import write_table

        path = self.path(asset, f"{name}.parquet")
        write_table(table, schema, path, provenance)
        return self.keep(asset, path)

    def table(self, asset: str, name: str, schema: dict[str, str] | None = None) -> pd.DataFrame:
        """Read ``{name}.parquet`` of ``asset``."""
        from jarvis_dagster.hockey.tables import read_table

        return read_table(self.fetch(asset, f"{name}.parquet"), schema)

    def keep_json(self, asset: str, name: str, content: dict[str, Any]) -> ObjectRef:
        """Write a document as ``{name}.json`` and keep it."""
        path = self.path(asset, f"{name}.json")
        text = json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False, default=str)
        path.write_text(text, "utf-8")
        return self.keep(asset, path)

    def json(self, asset: str, name: str) -> dict[str, Any]:
        """Read ``{name}.json`` of ``asset``."""
        content: dict[str, Any] = json.loads(self.fetch(asset, f"{name}.json").read_text("utf-8"))
        return content

    def discard(self) -> None:
        """Free the working folder; the store keeps everything."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _mark(self, path: Path) -> Path:
        return path.with_name(f".{path.name}.kept")

    def _note(self, path: Path, sha256: str) -> None:
        """Remember the state of a verified file, so that it is not hashed at every step."""
        self._mark(path).write_text(f"{sha256} {_state(path)}", "utf-8")

    def _is_current(self, path: Path, sha256: str) -> bool:
        mark = self._mark(path)
        return (
            bool(sha256)
            and path.is_file()
            and mark.is_file()
            and mark.read_text("utf-8") == f"{sha256} {_state(path)}"
        )


def _state(path: Path) -> str:
    status = path.stat()
    state = f"{status.st_ino} {status.st_size} {status.st_mtime_ns}"
    return hashlib.sha256(state.encode()).hexdigest()


class WorkspaceResource(JarvisResource):
    """Hands out the workspace of a video, to one run at a time."""

    claims: bool = Field(
        default=True,
        description="Whether to keep other runs off the video; not where the caller does.",
    )
    _claimed: dict[str, contextlib.ExitStack] = PrivateAttr(default_factory=dict)

    def of(self, key: str) -> Workspace:
        """The workspace of the video with this partition key; this run's until it ends.

        Raises:
            Failure: another run is analysing the video; it is not waited for.
        """
        folder = self.settings.data_dir / "work" / key
        if self.claims and key not in self._claimed:
            with contextlib.ExitStack() as stack:
                if not stack.enter_context(claim(folder)):
                    raise dg.Failure(
                        f"{key} is being analysed now, by another run."
                        " Try again when it has ended.",
                        allow_retries=False,
                    )
                self._claimed[key] = stack.pop_all()
        return Workspace(key, folder, self.core.storage_service)

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:  # noqa: ARG002
        """Let others have the videos."""
        while self._claimed:
            self._claimed.popitem()[1].close()
