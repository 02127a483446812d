"""MLflow's client: made once, with its errors translated and retried.

Belongs here: how MLflow is called. Does not belong here: what an experiment is.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from jarvis_dagster.errors import BadInputError, NoRoomError, PermanentError, TransientError
from jarvis_dagster.services.retry import retrying

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    from jarvis_dagster.services.experiment.config import ExperimentConfig

__all__ = ["Mlflow"]

T = TypeVar("T")

_TWICE = re.compile(r"IntegrityError|UniqueViolation|Duplicate entry")
"""How databases say that a row is there already; MLflow passes it on as a bad request."""

_NO_ROOM = re.compile(r"disk is full|No space left|DiskFull|could not extend file", re.IGNORECASE)
"""How databases and files say that a disk is full; MLflow passes it on within other words."""

_BUSY = {"INTERNAL_ERROR", "REQUEST_LIMIT_EXCEEDED", "TEMPORARILY_UNAVAILABLE", "ABORTED"}
_WRONG = {
    "BAD_REQUEST",
    "INVALID_PARAMETER_VALUE",
    "INVALID_STATE",
    "RESOURCE_DOES_NOT_EXIST",
    "RESOURCE_ALREADY_EXISTS",
}


class Mlflow:
    """One tracking server; no global MLflow state is read or set."""

    def __init__(self, config: ExperimentConfig) -> None:
        self.config = config

    @cached_property
    def client(self) -> MlflowClient:
        """The client; making it does not connect to a server."""
        # MLflow takes these from the environment only. Its own retries would
        # make an outage last minutes; ours are bounded.
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", str(self.config.timeout_s))
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
        os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
        from mlflow import MlflowClient

        uri = self.config.tracking_uri
        with _alone(uri):
            return MlflowClient(tracking_uri=uri, registry_uri=uri)

    def close(self) -> None:
        """Forget the client; MLflow keeps its connections in pools of its own."""
        self.__dict__.pop("client", None)

    def check(self) -> None:
        """Return when MLflow answers; otherwise raise with a remedy."""
        self.call("a look", lambda c: c.search_experiments(max_results=1), attempts=1)

    def page_of(self, run_id: str) -> str:
        """The page of a run; with a database, which has none, the run's id."""
        where = self.config.tracking_uri
        if not where.startswith("http"):
            return run_id
        found = self.call(f"run {run_id}", lambda c: c.get_run(run_id))
        return f"{where.rstrip('/')}/#/experiments/{found.info.experiment_id}/runs/{run_id}"

    def call(
        self, what: str, function: Callable[[MlflowClient], T], *, attempts: int | None = None
    ) -> T:
        """Run ``function``, translate its errors and retry the transient ones.

        Args:
            what: What is done, for messages: ``the metrics of run x``.
            attempts: How often it is tried; None means as the settings say. 1 is for what
                does harm when it is done twice.
        """

        def attempt() -> T:
            from mlflow.exceptions import MlflowException
            from sqlalchemy.exc import SQLAlchemyError

            try:
                return function(self.client)
            except MlflowException as error:
                raise self._of(what, error) from None
            except SQLAlchemyError as error:  # of a database that MLflow could not even open
                if _NO_ROOM.search(str(error)):
                    raise self._no_room(what) from None
                raise TransientError(
                    f"MLflow's database {self.config.tracking_uri} cannot be used for {what}"
                    f" ({str(error).splitlines()[0][:300]}).",
                    "Check its folder's permissions and space, and experiment.tracking_uri.",
                ) from None
            except OSError as error:  # requests' errors, and those of local files
                raise self._of_system(what, error) from None

        return retrying(attempts or self.config.attempts)(attempt)

    def _of(self, what: str, error: MlflowException) -> Exception:
        where, code = self.config.tracking_uri, error.error_code
        if _NO_ROOM.search(error.message):
            return self._no_room(what)
        if code == "BAD_REQUEST" and _TWICE.search(error.message):
            return TransientError(
                f"Somebody else wrote {what} in MLflow at the same moment.", "Try again."
            )
        if code in _WRONG:
            return BadInputError(
                f"MLflow refused {what} ({error.message.splitlines()[0][:300]}).",
                "Check the name or the id.",
            )
        if code in {"PERMISSION_DENIED", "UNAUTHENTICATED", "CUSTOMER_UNAUTHORIZED"}:
            return PermanentError(
                f"MLflow at {where} refused {what} ({code}).",
                "Check MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD.",
            )
        if code in _BUSY:
            return TransientError(
                f"MLflow at {where} cannot be reached or failed on {what}.",
                "Start it with `jarvis up`, check experiment.tracking_uri, or read its log.",
            )
        return PermanentError(f"MLflow at {where} failed on {what} ({code}).", "Read its log.")

    def _of_system(self, what: str, error: OSError) -> Exception:
        import requests

        where = self.config.tracking_uri
        if isinstance(error, requests.RequestException):
            return TransientError(
                f"MLflow at {where} cannot be reached for {what} ({type(error).__name__}).",
                "Start it with `jarvis up`, or check experiment.tracking_uri.",
            )
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            return NoRoomError(
                f"No space is left on the disk of {error.filename or 'this machine'} for {what}.",
                "Free some space there; then the same works.",
            )
        return PermanentError(
            f"{what} failed ({error.strerror}).", "Check the folder's permissions and space."
        )

    def _no_room(self, what: str) -> TransientError:
        return TransientError(
            f"MLflow at {self.config.tracking_uri} has no room left on its disk for {what}.",
            "Free some space where its database and files are; then the same works.",
        )


@contextlib.contextmanager
def _alone(uri: str) -> Iterator[None]:
    """One process at a time on this machine, where MLflow may have to make its tables.

    Of several that begin in one new SQLite file, MLflow lets all make the same tables.
    """
    scheme, _, path = uri.partition("?")[0].partition(":///")
    if scheme != "sqlite" or path.startswith(":"):
        yield
        return
    with Path(f"{path}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
