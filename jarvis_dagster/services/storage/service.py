"""JarvisStorageService: artifacts and models, each with a record beside it.

Belongs here: ids, keys, records and filters. Does not belong here: how one
object travels (``objects.py``), retention and encryption (server-side rules).

An artifact is two objects: its content, ``artifacts/{id}/{name}``, and its
record, ``records/artifacts/{id}.json``, written last. What has no record was
never acknowledged. Records are JSON because S3 headers hold 2 KB of ASCII.
"""

from __future__ import annotations

import hashlib
import json
import mimetypes
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import BadInputError, PermanentError
from jarvis_dagster.services.files import readable_file, safe_name, sha256_file
from jarvis_dagster.services.storage.objects import ObjectRef, ObjectStore, check_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from jarvis_dagster.services.storage.config import StorageConfig

__all__ = ["JarvisStorageService"]

_ID = re.compile(r"[0-9a-f]{32}")


class JarvisStorageService:
    """Files in an S3 object store. Nothing connects before the first call."""

    def __init__(self, config: StorageConfig) -> None:
        self.config = config
        self._store = ObjectStore(config)

    def close(self) -> None:
        """Close the connections."""
        self._store.close()

    def ensure_buckets(self) -> None:
        """Create the buckets that are missing."""
        for bucket in self.config.buckets:
            self._store.call(f"s3://{bucket}", lambda name=bucket: self._ensure(name))  # type: ignore[misc]

    def _ensure(self, bucket: str) -> None:
        import minio

        if self._store.client.bucket_exists(bucket):
            return
        try:
            self._store.client.make_bucket(bucket)
        except minio.S3Error as error:  # another process was quicker
            if error.code not in {"BucketAlreadyOwnedByYou", "BucketAlreadyExists"}:
                raise
            if not self._store.client.bucket_exists(bucket):
                raise

    def check(self) -> None:
        """Return when the store answers and all buckets exist.

        Raises:
            TransientError: the store is away.
            PermanentError: it refuses the keys, or a bucket is missing.
        """
        client = self._store.client
        for bucket in self.config.buckets:
            there = self._store.call(
                f"s3://{bucket}",
                lambda name=bucket: client.bucket_exists(name),  # type: ignore[misc]
                attempts=1,
            )
            if not there:
                raise PermanentError(
                    f"The bucket {bucket} does not exist at {self.config.endpoint}.",
                    "Create it with `jarvis up` or ensure_buckets().",
                )

    # -- artifacts and models ------------------------------------------------

    def store_artifact(
        self,
        artifact_path: str | Path,
        metadata: Mapping[str, Any] | None = None,
        component: str | None = None,
        experiment_id: str | None = None,
    ) -> str:
        """Store a file with its metadata; returns the artifact's id.

        The id follows from content, name, component and experiment: storing
        the same again returns the same id and renews the metadata. When this
        returns, content and metadata are in the store and verified.

        Raises:
            BadInputError: the file cannot be read or the metadata is not JSON.
        """
        return self._store_file("artifacts", artifact_path, metadata, component, experiment_id)

    def store_model(
        self,
        model_path: str | Path,
        model_metadata: Mapping[str, Any] | None = None,
        component: str | None = None,
    ) -> str:
        """Store a model file with its metadata; returns the model's id."""
        return self._store_file("models", model_path, model_metadata, component, None)

    def _store_file(
        self,
        kind: str,
        path: str | Path,
        metadata: Mapping[str, Any] | None,
        component: str | None,
        experiment_id: str | None,
    ) -> str:
        path = readable_file(path)
        bucket = self._bucket(kind)
        try:
            own = json.dumps(dict(metadata or {}), allow_nan=False)
        except (TypeError, ValueError) as error:
            raise BadInputError(
                f"The metadata of {path.name} is not JSON ({error}).",
                "Use text, finite numbers, lists and dictionaries.",
            ) from error
        name = safe_name(path.name)
        sha256 = sha256_file(path)
        identity = json.dumps([kind, component, experiment_id, name, sha256])
        item_id = hashlib.sha256(identity.encode()).hexdigest()[:32]
        key = f"{kind}/{item_id}/{name}"
        ref = self._store.put(bucket, key, path, _media_type(name), sha256=sha256)
        record = {
            "id": item_id,
            "name": name,
            "key": ref.key,
            "size": ref.size,
            "sha256": sha256,
            "component": component,
            "experiment_id": experiment_id,
            "metadata": json.loads(own),
        }
        self._store.put_bytes(
            bucket,
            f"records/{kind}/{item_id}.json",
            json.dumps(record, sort_keys=True).encode(),
            "application/json",
        )
        return item_id

    def retrieve_artifact(self, artifact_id: str, local_path: str | Path) -> bool:
        """Fetch an artifact into the file ``local_path``, verified.

        Returns:
            False when there is no such artifact; an outage is an exception.
        """
        return self._retrieve("artifacts", artifact_id, Path(local_path))

    def retrieve_model(self, model_id: str, local_path: str | Path) -> bool:
        """Fetch a model into the file ``local_path``, verified."""
        return self._retrieve("models", model_id, Path(local_path))

    def _retrieve(self, kind: str, item_id: str, path: Path) -> bool:
        record = self._record(kind, item_id)
        if record is None:
            return False
        return self._store.get(self._bucket(kind), record["key"], path) is not None

    def _record(self, kind: str, item_id: str) -> dict[str, Any] | None:
        if not _ID.fullmatch(item_id):
            return None
        raw = self._store.get_bytes(self._bucket(kind), f"records/{kind}/{item_id}.json")
        record: dict[str, Any] | None = None if raw is None else json.loads(raw)
        return record

    def find_artifact(self, artifact_id: str) -> dict[str, Any] | None:
        """One artifact, with the fields of :meth:`list_artifacts` but ``modified``."""
        record = self._record("artifacts", artifact_id)
        return None if record is None else {**record, "path": record.pop("key")}

    def list_artifacts(
        self, component: str | None = None, experiment_id: str | None = None
    ) -> list[dict[str, Any]]:
        """The artifacts of a component and an experiment, newest first.

        Returns:
            One dict each: ``id, path`` (object key), ``size`` in bytes,
            ``modified`` (aware datetime), ``metadata`` (as given), and ``name,
            sha256, component, experiment_id``.
        """
        return self._list("artifacts", component, experiment_id)

    def list_models(self, component: str | None = None) -> list[dict[str, Any]]:
        """The models of a component, newest first; the same fields."""
        return self._list("models", component, None)

    def _list(
        self, kind: str, component: str | None, experiment_id: str | None
    ) -> list[dict[str, Any]]:
        found = []
        for key, modified in self._records(kind):
            raw = self._store.get_bytes(self._bucket(kind), key)
            if raw is None:  # deleted since it was listed
                continue
            record = json.loads(raw)
            if component is not None and record["component"] != component:
                continue
            if experiment_id is not None and record["experiment_id"] != experiment_id:
                continue
            found.append({**record, "path": record.pop("key"), "modified": modified})
        return sorted(found, key=lambda item: (item["modified"], item["id"]), reverse=True)

    def _records(self, kind: str) -> Iterator[tuple[str, Any]]:
        bucket, prefix = self._bucket(kind), f"records/{kind}/"
        client = self._store.client
        listed = self._store.call(
            f"s3://{bucket}/{prefix}",
            lambda: [
                (item.object_name, item.last_modified)
                for item in client.list_objects(bucket, prefix=prefix, recursive=True)
            ],
        )
        yield from ((name, modified) for name, modified in listed if name)

    def _bucket(self, kind: str) -> str:
        return self.config.models_bucket if kind == "models" else self.config.artifacts_bucket

    # -- single files, for those who know their keys -----------------------------

    def put_file(self, key: str, path: str | Path, bucket: str | None = None) -> ObjectRef:
        """Store a file under ``key``, verified; the same content is sent once."""
        bucket = bucket or self.config.artifacts_bucket
        return self._store.put(bucket, key, Path(path), _media_type(key))

    def get_file(self, key: str, path: str | Path, bucket: str | None = None) -> ObjectRef:
        """Fetch the object under ``key`` into the file ``path``, verified.

        Raises:
            PermanentError: there is no such object.
        """
        bucket = bucket or self.config.artifacts_bucket
        ref = self._store.get(bucket, key, Path(path))
        if ref is None:
            raise PermanentError(
                f"s3://{bucket}/{key} does not exist.", "Materialise the asset that makes it again."
            )
        return ref

    def stat(self, key: str, bucket: str | None = None) -> ObjectRef | None:
        """The object under ``key``, or None where there is none."""
        return self._store.stat(bucket or self.config.artifacts_bucket, key)

    def exists(self, key: str, bucket: str | None = None) -> bool:
        """Whether there is an object under ``key``."""
        return self.stat(key, bucket) is not None

    def url(self, key: str, bucket: str | None = None) -> str:
        """``s3://bucket/key``, for metadata and messages."""
        check_key(key)
        return f"s3://{bucket or self.config.artifacts_bucket}/{key}"


def _media_type(name: str) -> str:
    return mimetypes.guess_type(name)[0] or "application/octet-stream"
