"""JarvisStorageService: artifacts, models, data sets, logs and reports, with versions.

Belongs here: what the rest of Jarvis calls; storing and fetching. Does not
belong here: versions and the trash (``history.py``), how one object travels
(``objects.py``), what a record says (``records.py``), what is pruned
(``pruning.py``), damage (``verification.py``).

A thing is two objects: its content, ``{kind}/{id}/{name}``, and the record of
its name, ``records/{kind}/{first half of the id}.json``, written last. What no
record names does not exist.
"""

from __future__ import annotations

import json
import mimetypes
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import BadInputError, ConflictError, PermanentError
from jarvis_dagster.services.files import readable_file, safe_name
from jarvis_dagster.services.storage.catalogue import (
    RECORDS_PREFIX,
    Catalogue,
    content_digits,
    line_of,
    logical_name,
    new_version,
)
from jarvis_dagster.services.storage.documents import Documents
from jarvis_dagster.services.storage.hashing import hash_file
from jarvis_dagster.services.storage.history import Versions
from jarvis_dagster.services.storage.objects import ObjectStore, check_key
from jarvis_dagster.services.storage.records import LATEST

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from jarvis_dagster.services.storage.config import StorageConfig
    from jarvis_dagster.services.storage.objects import ObjectRef
    from jarvis_dagster.services.storage.raw import RawObjects
    from jarvis_dagster.services.storage.records import Version

__all__ = ["JarvisStorageService"]

_OWN_KEYS = (RECORDS_PREFIX, ".jarvis/")


class JarvisStorageService:
    """Files in an S3 object store. Nothing connects before the first call."""

    def __init__(self, config: StorageConfig) -> None:
        self.config = config
        self.objects = ObjectStore(config)
        documents = Documents(self.objects.wire, self.objects.encoder)
        self.catalogue = Catalogue(config, self.objects.raw, documents)
        self._versions = Versions(self.catalogue, self.objects)

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
                *(found.bucket, key, path, _media_type_of(name)),
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
        found, version = self._versions.current(item_id, kind)
        if found is None or version is None:
            return False
        path = Path(local_path)
        ref = self.objects.get(found.bucket, version.key, path, progress=progress)
        if ref is None and self._versions.current(item_id, kind) == (None, None):
            return False  # it was removed for good between the two looks
        self._versions.require(version, ref, self.url(version.key, found.bucket))
        return True

    def find_artifact(self, artifact_id: str) -> dict[str, Any] | None:
        """One artifact, with the fields of :meth:`list_artifacts`."""
        found, version = self._versions.current(artifact_id, "artifacts")
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

    # -- versions, aliases, the trash --------------------------------------------------

    def history(self, item_id: str) -> list[Version]:
        """Every version of the name that this id belongs to, oldest first.

        Raises:
            BadInputError: there is no such id.
        """
        return self._versions.history(item_id)

    def aliases(self, item_id: str) -> dict[str, int]:
        """The aliases of the name that this id belongs to, with their version numbers.

        Raises:
            BadInputError: there is no such id.
        """
        return self._versions.aliases(item_id)

    def diff(self, item_id: str, a: int, b: int) -> dict[str, Any]:
        """What version ``b`` changed compared with ``a``.

        Returns:
            ``metadata`` (``added``, ``removed``, ``changed`` from and to) and
            ``content``: whether the bytes differ, and both sizes.
        """
        return self._versions.diff(item_id, a, b)

    def rollback(self, item_id: str, version: int) -> Version:
        """Make an older version the newest again, as a version of its own.

        Returns:
            The new version; its id is that of the content that came back.

        Raises:
            BadInputError: there is no such id or version.
            DamagedError: the old content is no longer in the store.
            ConflictError: another writer changed the name at the same time.
        """
        return self._versions.rollback(item_id, version)

    def set_alias(
        self,
        name: str,
        alias: str,
        version: int | None,
        *,
        kind: str = "models",
        component: str | None = None,
        experiment_id: str | None = None,
    ) -> None:
        """Point an alias of a name at a version, in one step; None removes it.

        Raises:
            BadInputError: there is no such name or version.
            ConflictError: another writer changed the name at the same time.
        """
        self._versions.set_alias(
            name, alias, version, kind=kind, component=component, experiment_id=experiment_id
        )

    def resolve(
        self,
        name: str,
        alias: str = LATEST,
        *,
        kind: str = "models",
        component: str | None = None,
        experiment_id: str | None = None,
    ) -> Version:
        """The version of a name that an alias, a number or ``latest`` means.

        Raises:
            BadInputError: there is no such name or alias.
        """
        return self._versions.resolve(
            name, alias, kind=kind, component=component, experiment_id=experiment_id
        )

    def delete_artifact(self, artifact_id: str) -> bool:
        """Move a stored thing of any kind to the trash; False if it is there or nowhere.

        It can be restored until `jarvis storage prune` runs after the grace period.

        Raises:
            ConflictError: it is pinned or an alias points at it.
        """
        return self._versions.delete_artifact(artifact_id)

    def restore_artifact(self, artifact_id: str) -> bool:
        """Take a stored thing of any kind out of the trash; False if it is not there.

        Raises:
            ConflictError: it is being removed for good.
        """
        return self._versions.restore_artifact(artifact_id)

    def pin(self, item_id: str, pinned: bool = True) -> None:
        """Keep a content whatever retention says, or no longer.

        Raises:
            BadInputError: there is no such id.
        """
        self._versions.pin(item_id, pinned)

    # -- files under keys that the caller chooses --------------------------------------
    # In the bucket of artifacts, unless another is named; retention leaves them alone.

    def put_file(
        self,
        key: str,
        path: str | Path,
        bucket: str | None = None,
        *,
        progress: Callable[[int, int], None] | None = None,
    ) -> ObjectRef:
        """Store a file under ``key``, verified; the same content is sent once."""
        if key.startswith(_OWN_KEYS):
            raise BadInputError(f"The key {key!r} is one of Jarvis's own.", "Use another.")
        bucket = bucket or self.config.artifacts_bucket
        return self.objects.put(bucket, key, Path(path), _media_type_of(key), progress=progress)

    def get_file(self, key: str, path: str | Path, bucket: str | None = None) -> ObjectRef:
        """Fetch the object under ``key`` into the file ``path``, verified.

        Raises:
            PermanentError: there is no such object.
        """
        bucket = bucket or self.config.artifacts_bucket
        ref = self.objects.get(bucket, key, Path(path))
        if ref is None:
            raise PermanentError(
                f"s3://{bucket}/{key} does not exist.", "Materialise the asset that makes it again."
            )
        return ref

    def stat(self, key: str, bucket: str | None = None) -> ObjectRef | None:
        """The object under ``key``, or None where there is none."""
        return self.objects.stat(bucket or self.config.artifacts_bucket, key)

    def exists(self, key: str, bucket: str | None = None) -> bool:
        """Whether there is an object under ``key``."""
        return self.stat(key, bucket) is not None

    def modified(self, key: str, bucket: str | None = None) -> datetime | None:
        """When the object under ``key`` was last written; None where there is none.

        To the second, and of this store: one that was restored is as old as its restoration.
        """
        stored = self.objects.raw.stat(bucket or self.config.artifacts_bucket, key)
        return None if stored is None else stored.modified

    def versions_of(self, prefix: str, bucket: str | None = None) -> dict[str, str]:
        """Keys that begin with ``prefix``, sorted, each with what changes when its bytes do."""
        bucket = bucket or self.config.artifacts_bucket
        found = self.objects.raw.iter_objects(bucket, prefix)
        return dict(sorted((info.key, info.version) for info in found))

    def size_bytes(self) -> int:
        """What all objects of all buckets take, as they are stored."""
        return sum(
            info.size for bucket in self.config.buckets for info in self.raw.iter_objects(bucket)
        )

    def url(self, key: str, bucket: str | None = None) -> str:
        """``s3://bucket/key``, for metadata and messages."""
        check_key(key)
        return f"s3://{bucket or self.config.artifacts_bucket}/{key}"


def _as_json(name: str, metadata: Mapping[str, Any] | None) -> dict[str, Any]:
    try:
        own: dict[str, Any] = json.loads(json.dumps(dict(metadata or {}), allow_nan=False))
    except (TypeError, ValueError) as error:
        raise BadInputError(
            f"The metadata of {name} is not JSON ({error}).",
            "Use text, finite numbers, lists and dictionaries.",
        ) from error
    return own


def _media_type_of(name: str) -> str:
    """The media type that a name's extension means."""
    return mimetypes.guess_type(name)[0] or "application/octet-stream"
