"""Large inputs and results of workflows, kept in the object store.

Belongs here: the driver by which Temporal's SDK puts a large value under a key made of its
content. Does not belong here: files and tables, which activities store themselves and pass on
as keys.
"""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from temporalio.api.common.v1 import Payload
from temporalio.converter import StorageDriver, StorageDriverClaim

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from temporalio.converter import StorageDriverRetrieveContext, StorageDriverStoreContext

    from jarvis_dagster.services.storage import JarvisStorageService

__all__ = ["ObjectStoreDriver"]

_FOLDER = "artifacts/workflow-payloads"


class ObjectStoreDriver(StorageDriver):
    """Values in Jarvis' object store: verified, encrypted there as everything else is.

    Args:
        storage: Makes the storage service; asked when the first large value comes.
    """

    def __init__(self, storage: Callable[[], JarvisStorageService]) -> None:
        self._make = storage

    def name(self) -> str:
        """The name that histories know it by."""
        return "jarvis"

    async def store(
        self, context: StorageDriverStoreContext, payloads: Sequence[Payload]
    ) -> list[StorageDriverClaim]:
        """Store values; the same value is one object."""
        del context  # keys are made of the content alone
        return [await asyncio.to_thread(self._put, payload) for payload in payloads]

    async def retrieve(
        self, context: StorageDriverRetrieveContext, claims: Sequence[StorageDriverClaim]
    ) -> list[Payload]:
        """Fetch values, verified."""
        del context
        return [await asyncio.to_thread(self._get, claim) for claim in claims]

    def _put(self, payload: Payload) -> StorageDriverClaim:
        content = payload.SerializeToString(deterministic=True)
        key = f"{_FOLDER}/{hashlib.sha256(content).hexdigest()}"
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "payload")
            path.write_bytes(content)
            self._make().put_file(key, path)
        return StorageDriverClaim({"key": key})

    def _get(self, claim: StorageDriverClaim) -> Payload:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "payload")
            self._make().get_file(claim.claim_data["key"], path)
            return Payload.FromString(path.read_bytes())
