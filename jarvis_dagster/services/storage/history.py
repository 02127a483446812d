"""Versions, aliases and the trash of what is stored.

Belongs here: what changes records and moves no content. Does not belong here:
storing and fetching (``service.py``), removal for good (``pruning.py``).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import BadInputError, ConflictError
from jarvis_dagster.services.storage.catalogue import KINDS, logical_name, now
from jarvis_dagster.services.storage.faults import DamagedError
from jarvis_dagster.services.storage.records import LATEST, Version, difference

if TYPE_CHECKING:
    from jarvis_dagster.services.storage.catalogue import Catalogue, Found
    from jarvis_dagster.services.storage.objects import ObjectRef, ObjectStore
    from jarvis_dagster.services.storage.records import Record

__all__ = ["Versions"]


class Versions:
    """What can be done to a stored thing by its id or name.

    Each change happens at once or not at all; of two at the same time one
    wins and the other gets a ``ConflictError``.
    """

    def __init__(self, catalogue: Catalogue, objects: ObjectStore) -> None:
        self._catalogue = catalogue
        self._objects = objects

    def found(self, item_id: str, kind: str | None = None) -> Found | None:
        """The record that an id is in, in the trash or not; None where there is none."""
        return self._catalogue.find(item_id, KINDS if kind is None else (kind,))

    def current(self, item_id: str, kind: str | None = None) -> tuple[Found | None, Version | None]:
        """The record and the version that an id means; neither where it is not to be seen."""
        found = self.found(item_id, kind)
        version = found.record.current(item_id) if found else None
        return (None, None) if version is None else (found, version)

    def _known(self, item_id: str) -> Found:
        found = self.found(item_id)
        if found is None:
            raise BadInputError(
                f"Nothing with the id {item_id[:40]!r} is stored.",
                "List ids by `jarvis storage ls`.",
            )
        return found

    # -- versions ------------------------------------------------------------------

    def history(self, item_id: str) -> list[Version]:
        """Every version of the name that this id belongs to, oldest first."""
        return list(self._known(item_id).record.versions)

    def aliases(self, item_id: str) -> dict[str, int]:
        """The aliases of the name that this id belongs to, with their version numbers."""
        return dict(self._known(item_id).record.aliases)

    def diff(self, item_id: str, a: int, b: int) -> dict[str, Any]:
        """What version ``b`` changed compared with ``a``."""
        record = self._known(item_id).record
        old, new = (_of(record, number) for number in (a, b))
        return {
            "metadata": difference(old.metadata, new.metadata),
            "content": {"differs": old.sha256 != new.sha256, "bytes": (old.size, new.size)},
        }

    def rollback(self, item_id: str, version: int) -> Version:
        """Make an older version the newest again, as a version of its own."""
        found = self._known(item_id)
        old = found.record.version(version)
        self.require(
            old, self._objects.stat(found.bucket, old.key), f"s3://{found.bucket}/{old.key}"
        )
        again = dataclasses.replace(old, created=now(), rolled_back_to=version, pinned=False)
        return self._catalogue.change(found, lambda record: record.added(again)).versions[-1]

    @staticmethod
    def require(version: Version, ref: ObjectRef | None, url: str) -> None:
        """Raise ``DamagedError`` unless an object is what its record says."""
        if ref is None or (ref.size, ref.sha256) != (version.size, version.sha256):
            what = "is gone" if ref is None else "is not what its record says"
            raise DamagedError(f"{url} {what}.", "Restore it from a backup.")

    # -- aliases -------------------------------------------------------------------

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
        """Point an alias of a name at a version, in one step; None removes it."""
        found = self._by_name(kind, name, component, experiment_id)
        self._catalogue.change(found, lambda record: record.with_alias(alias, version))

    def resolve(
        self,
        name: str,
        alias: str = LATEST,
        *,
        kind: str = "models",
        component: str | None = None,
        experiment_id: str | None = None,
    ) -> Version:
        """The version of a name that an alias, a number or ``latest`` means."""
        return self._by_name(kind, name, component, experiment_id).record.resolve(alias)

    def _by_name(
        self, kind: str, name: str, component: str | None, experiment_id: str | None
    ) -> Found:
        name = logical_name(name)
        found = self._catalogue.named(kind, name, component, experiment_id)
        if not found.record.versions:
            raise BadInputError(
                f"No {kind} of the name {name!r} are stored.", "See `jarvis storage ls`."
            )
        return found

    # -- trash -----------------------------------------------------------------------

    def delete_artifact(self, artifact_id: str) -> bool:
        """Move a stored thing of any kind to the trash; False if it is there or nowhere."""
        found = self.found(artifact_id)
        live = [v for v in found.record.of(artifact_id) if v.deleted is None] if found else []
        if found is None or not live:
            return False
        held = [holder for version in live for holder in found.record.holders(version)]
        if held:
            raise ConflictError(
                f"{found.record.name} ({artifact_id}) is in use: {', '.join(held)}.",
                "Unpin it or move the alias first.",
            )
        numbers = {version.number for version in live}
        self._catalogue.change(found, lambda record: record.changed(numbers, deleted=now()))
        return True

    def restore_artifact(self, artifact_id: str) -> bool:
        """Take a stored thing of any kind out of the trash; False if it is not there."""
        found = self.found(artifact_id)
        gone = [v for v in found.record.of(artifact_id) if v.deleted is not None] if found else []
        if found is None or not gone:
            return False
        if artifact_id in found.record.purging:
            raise ConflictError(
                f"{found.record.name} ({artifact_id}) is being removed for good.",
                "Store it again from the file.",
            )
        numbers = {version.number for version in gone}
        self._catalogue.change(found, lambda record: record.changed(numbers, deleted=None))
        return True

    def pin(self, item_id: str, pinned: bool = True) -> None:
        """Keep a content whatever retention says, or no longer."""
        found = self._known(item_id)
        numbers = {version.number for version in found.record.of(item_id)}
        self._catalogue.change(found, lambda record: record.changed(numbers, pinned=pinned))


def _of(record: Record, number: int) -> Version:
    """A version, in the trash or not."""
    for version in record.versions:
        if version.number == number:
            return version
    return record.version(number)
