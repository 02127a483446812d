"""The connection to Temporal, for synchronous callers.

Belongs here: connecting, time limits, retries, and Temporal's errors as errors
of Jarvis. Does not belong here: what is asked of Temporal (``service.py`` says where that is).
"""

from __future__ import annotations

import dataclasses
import datetime
import threading
from typing import TYPE_CHECKING, Any, Literal, TypeVar, TypeVarTuple

from jarvis_dagster.errors import BadInputError, JarvisError, PermanentError, TransientError
from jarvis_dagster.services.retry import retrying
from jarvis_dagster.services.workflow.loop import LoopThread

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from temporalio.client import Client, WorkflowHandle
    from temporalio.runtime import Runtime
    from temporalio.service import RPCError

    from jarvis_dagster.services.storage import JarvisStorageService
    from jarvis_dagster.services.workflow.config import WorkflowConfig

__all__ = ["Server", "Temporal", "connect"]

T = TypeVar("T")
Arguments = TypeVarTuple("Arguments")


async def connect(
    config: WorkflowConfig,
    storage: Callable[[], JarvisStorageService] | None = None,
    *,
    runtime: Runtime | None = None,
) -> Client:
    """A client of Temporal, for services and workers alike.

    Args:
        storage: Makes the storage service, where large values are kept; None keeps all of
            them in Temporal, which takes none over 2 MiB.

    Raises:
        TransientError: Temporal cannot be reached.
    """
    import dataclasses

    from temporalio.client import Client
    from temporalio.converter import DataConverter, ExternalStorage

    converter = DataConverter.default
    if storage is not None:
        from jarvis_dagster.services.workflow.payloads import ObjectStoreDriver

        kept = ExternalStorage(
            drivers=[ObjectStoreDriver(storage)], payload_size_threshold=1024 * config.payload_kib
        )
        converter = dataclasses.replace(converter, external_storage=kept)
    key = config.api_key
    try:
        return await Client.connect(
            config.address,
            namespace=config.namespace,
            tls=config.tls,
            api_key=key.get_secret_value() if key else None,
            connect_timeout=datetime.timedelta(seconds=config.timeout_s),
            data_converter=converter,
            runtime=runtime,
        )
    except RuntimeError:  # what the SDK raises when nobody answers
        raise TransientError(
            f"Temporal at {config.address} cannot be reached.",
            "Start it with `jarvis up`, or check workflow.address.",
        ) from None


@dataclasses.dataclass(frozen=True)
class Server:
    """A client that is connected, and what every call with it needs."""

    client: Client
    config: WorkflowConfig

    @property
    def timeout(self) -> datetime.timedelta:
        """How long one answer of the server may take."""
        return datetime.timedelta(seconds=self.config.timeout_s)

    def workflow(self, workflow_id: str) -> WorkflowHandle[Any, Any]:
        """A workflow by its id, whether there is one or not."""
        return self.client.get_workflow_handle(workflow_id)

    async def known(self, answer: Awaitable[T]) -> T | None:
        """The answer; None where Temporal knows nothing of what was asked for."""
        from temporalio.service import RPCError, RPCStatusCode

        try:
            return await answer
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return None
            raise


class Temporal:
    """One client, made at its first use, in an event loop of its own. Thread-safe."""

    def __init__(
        self,
        config: WorkflowConfig,
        storage: Callable[[], JarvisStorageService] | None = None,
    ) -> None:
        self.config = config
        self._storage = storage
        self._loop = LoopThread()
        self._client: Client | None = None
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close the connection and end the loop's thread."""
        with self._lock:
            self._client = None
            self._loop.close()

    def call(
        self,
        what: str,
        function: Callable[[Server, *Arguments], Awaitable[T]],
        *arguments: *Arguments,
        attempts: int | None = None,
        limit_s: float | Literal["settings"] | None = "settings",
    ) -> T:
        """Run ``function`` with the server and the arguments, and retry what is transient.

        Args:
            what: What is done, for messages: ``the workflow x``.
            attempts: None means as often as the settings say.
            limit_s: Seconds that one attempt may take in all; None is no limit.
        """
        limit = 3 * self.config.timeout_s if limit_s == "settings" else limit_s

        async def once() -> T:
            from temporalio.service import RPCError

            try:
                return await function(await self._connected(), *arguments)
            except RPCError as error:
                raise self._of(what, error) from None

        def attempt() -> T:
            return self._loop.run(once(), limit)

        return retrying(attempts or self.config.attempts)(attempt)

    async def _connected(self) -> Server:
        if self._client is None:
            self._client = await connect(self.config, self._storage)
        return Server(self._client, self.config)

    def _of(self, what: str, error: RPCError) -> JarvisError:
        from temporalio.service import RPCStatusCode as Code

        where = self.config.address
        if error.status in {Code.PERMISSION_DENIED, Code.UNAUTHENTICATED}:
            return PermanentError(
                f"Temporal at {where} refused {what}.", "Check workflow.api_key and the namespace."
            )
        if error.status is Code.NOT_FOUND:
            return PermanentError(
                f"Temporal at {where} does not know {what} in the namespace "
                f"{self.config.namespace}.",
                "Check the id and workflow.namespace.",
            )
        if error.status in {Code.INVALID_ARGUMENT, Code.FAILED_PRECONDITION, Code.UNIMPLEMENTED}:
            return BadInputError(f"Temporal at {where} refused {what} ({error.message}).")
        return TransientError(
            f"Temporal at {where} cannot be reached or failed on {what} ({error.status.name}).",
            "Start it with `jarvis up`, or read its log.",
        )
