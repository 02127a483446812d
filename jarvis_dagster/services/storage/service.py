"""JarvisStorageService: artifacts, models, data sets, logs and reports, with versions.

Belongs here: what the rest of Jarvis calls. Does not belong here: how one
object travels (``objects.py``), what a record says (``records.py``), what is
pruned (``pruning.py``), damage (``verification.py``).

A thing is two objects: its content, ``{kind}/{id}/{name}``, and the record of
its name, ``records/{kind}/{first half of the id}.json``, written last. What no
record names does not exist.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import BadInputError, ConflictError, PermanentError
from jarvis_dagster.services.files import readable_file, safe_name
from jarvis_dagster.services.storage.catalogue import (
    Catalogue,
    content_digits,
    line_of,
    logical_name,
    new_version,
)
from jarvis_dagster.services.storage.documents import Documents
from jarvis_dagster.services.storage.hashing import hash_file
from jarvis_dagster.services.storage.history import VersionedStorage
from jarvis_dagster.services.storage.keyed import KeyedFiles, media_type_of
from jarvis_dagster.services.storage.objects import ObjectStore

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jarvis_dagster.services.storage.catalogue import Found
    from jarvis_dagster.services.storage.config import StorageConfig
    from jarvis_dagster.services.storage.raw import RawObjects
    from jarvis_dagster.services.storage.records import Version

__all__ = ["JarvisStorageService"]


class JarvisStorageService(VersionedStorage, KeyedFiles):
    """Files in an S3 object store. Nothing connects before the first call."""

    def __init__(self, config: StorageConfig) -> None:
        self.config = config
        self.objects = ObjectStore(config)
        documents = Documents(self.objects.wire, self.objects.encoder)
        self.catalogue = Catalogue(config, self.objects.raw, documents)

    @property
    def raw(self) -> RawObjects:
        """Every object as it is stored, for backups."""
        return self.objects.raw

    def close(self) -> None:
        """Close the connections."""
        self.objects.close()

    def ensure_buckets(self) -> None:
        """Create the buckets that are missing."""
        for bucket in self.config.buckets:
            self.objects.wire.ensure_bucket(bucket)

    def check(self) -> None:
        """Return when the store answers and all buckets exist.

        Raises:
            TransientError: the store is away.
            PermanentError: it refuses the keys, or a bucket is missing.
        """
        for bucket in self.config.buckets:
            if not self.objects.wire.has_bucket(bucket):
                raise PermanentError(
                    f"The bucket {bucket} does not exist at {self.config.endpoint}.",
                    "Create it with `jarvis storage init`.",
                )

    # -- store and retrieve --------------------------------------------------------

    def store_artifact(
        self,
        artifact_path: str | Path,
        metadata: Mapping[str, Any] | None = None,
        component: str | None = None,
        experiment_id: str | None = None,
    ) -> str:
        """Store a file with its metadata; returns the artifact's id; see :meth:`store`."""
        return self.store("artifacts", artifact_path, metadata, component, experiment_id)

    def store_model(
        self,
        model_path: str | Path,
        model_metadata: Mapping[str, Any] | None = None,
        component: str | None = None,
        *,
        name: str | None = None,
    ) -> str:
        """Store a model file as a new version of ``name``; returns the model's id."""
        return self.store("models", model_path, model_metadata, component, name=name)

    def store(
        self,
        kind: str,
        path: str | Path,
        metadata: Mapping[str, Any] | None = None,
        component: str | None = None,
        experiment_id: str | None = None,
        *,
        name: str | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> str:
        """Store a file as the next version of its name; returns its id.

        The id follows from kind, component, experiment, name and content:
        storing the same again returns the same id, and makes no new version
        unless the metadata differs. When this returns, content and record are
        in the store and verified; when it raises, nothing new is to be seen.

        Args:
            kind: artifacts, models, datasets, logs or reports.
            metadata: Anything that JSON can hold.
            name: The logical name; None means the file's.
            progress: Called with the bytes that are stored and the file's size.

        Raises:
            BadInputError: the file or name cannot be used, or the metadata is not JSON.
            ConflictError: another writer stored a version of this name at the
                same time; store it again if it is still wanted.
        """
        path = readable_file(path)
        own = _as_json(path.name, metadata)
        name = safe_name(path.name) if name is None else logical_name(name)
        about = (kind, name, component, experiment_id)
        found = self.catalogue.named(*about)
        hashes = hash_file(path)
        item_id = line_of(*about) + content_digits(hashes.sha256)
        if any(version.sha256 != hashes.sha256 for version in found.record.of(item_id)):
            raise BadInputError(f"{path.name} has the id of another content.", "Rename it.")
        key = f"{kind}/{item_id}/{name}"
        made = new_version(item_id, key, hashes.size, hashes.sha256, own)
        is_new = not found.record.of(item_id)
        while True:
            changed = found.record.added(made)
            self.objects.put(
                *(found.bucket, key, path, media_type_of(name)),
                hashes=hashes,
                is_new=is_new,
                progress=progress,
            )
            if found.record.is_newest(made):
                return item_id
            try:
                self.catalogue.change(found, lambda _, to=changed: to)  # type: ignore[misc]
            except ConflictError:
                # A moved alias or a removal is no rival; but the content may be gone by now.
                fresh, is_new = self.catalogue.named(*about), False
                rival = fresh.record.last != found.record.last
                if rival and not fresh.record.is_newest(made):
                    raise
                found = fresh
            else:
                return item_id

    def retrieve_artifact(self, artifact_id: str, local_path: str | Path) -> bool:
        """Fetch an artifact into the file ``local_path``, verified.

        Returns:
            False when there is no such artifact; an outage is an exception.
        """
        return self.retrieve(artifact_id, local_path, "artifacts")

    def retrieve_model(self, model_id: str, local_path: str | Path) -> bool:
        """Fetch a model into the file ``local_path``, verified."""
        return self.retrieve(model_id, local_path, "models")

    def retrieve(
        self,
        item_id: str,
        local_path: str | Path,
        kind: str | None = None,
        *,
        progress: Callable[[int, int], None] | None = None,
    ) -> bool:
        """Fetch a content of any kind (or one) into the file ``local_path``, verified.

        Returns:
            False when there is no such id, or it is in the trash.

        Raises:
            DamagedError: the content is not what was stored, or gone.
        """
        found, version = self._current(item_id, kind)
        if found is None or version is None:
            return False
        path = Path(local_path)
        ref = self.objects.get(found.bucket, version.key, path, progress=progress)
        if ref is None and self._current(item_id, kind) == (None, None):
            return False  # it was removed for good between the two looks
        self._must_be(version, ref, self.url(version.key, found.bucket))
        return True

    def _current(
        self, item_id: str, kind: str | None = None
    ) -> tuple[Found | None, Version | None]:
        """The record and the version that an id means; neither where it is not to be seen."""
        found = self._found(item_id, kind)
        version = found.record.current(item_id) if found else None
        return (None, None) if version is None else (found, version)

    def find_artifact(self, artifact_id: str) -> dict[str, Any] | None:
        """One artifact, with the fields of :meth:`list_artifacts`."""
        found, version = self._current(artifact_id, "artifacts")
        return None if found is None or version is None else found.record.described(version)

    def list_artifacts(
        self, component: str | None = None, experiment_id: str | None = None
    ) -> list[dict[str, Any]]:
        """The artifacts of a component and an experiment, newest first.

        Returns:
            One dict each: ``id, path`` (object key), ``size`` in bytes,
            ``modified`` (aware datetime), ``metadata`` (as given), and ``name,
            sha256, component, experiment_id, version, aliases``.
        """
        return self.list_stored("artifacts", component, experiment_id)

    def list_models(self, component: str | None = None) -> list[dict[str, Any]]:
        """The models of a component, newest first; the same fields."""
        return self.list_stored("models", component)

    def list_stored(
        self, kind: str, component: str | None = None, experiment_id: str | None = None
    ) -> list[dict[str, Any]]:
        """The contents of a kind, newest first; the fields of :meth:`list_artifacts`."""
        items = []
        for found in self.catalogue.all(kind):
            record = found.record
            if component not in {None, record.component}:
                continue
            if experiment_id not in {None, record.experiment_id}:
                continue
            newest = {version.id: version for version in record.live}
            items += [record.described(version) for version in newest.values()]
        return sorted(items, key=lambda item: (item["modified"], item["id"]), reverse=True)


def _as_json(name: str, metadata: Mapping[str, Any] | None) -> dict[str, Any]:
    try:
        own: dict[str, Any] = json.loads(json.dumps(dict(metadata or {}), allow_nan=False))
    except (TypeError, ValueError) as error:
        raise BadInputError(
            f"The metadata of {name} is not JSON ({error}).",
            "Use text, finite numbers, lists and dictionaries.",
        ) from error
    return own
