"""Calls to iCloud Drive: connected when needed, tried again when that helps.

Belongs here: the connection, repetition, and what an answer says about
success. Does not belong here: what is asked (``tree.py``, ``changing.py``,
``transfer.py``), signing in (``login.py``).
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, TypeVar

from jarvis_dagster.errors import PermanentError, TransientError
from jarvis_dagster.services.client_storage.icloud.faults import (
    SessionExpiredError,
    icloud_errors,
)
from jarvis_dagster.services.client_storage.icloud.login import resume
from jarvis_dagster.services.retry import retrying

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jarvis_dagster.services.client_storage.icloud.config import ICloudDriveConfig

__all__ = ["ICloudClient"]

_T = TypeVar("_T")


class ICloudClient:
    """One signed-in account, shared by all threads.

    Args:
        sleep: Waits between two tries; for tests.
    """

    def __init__(
        self,
        config: ICloudDriveConfig,
        state_dir: Path,
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.config = config
        self._state_dir = state_dir
        self._sleep = sleep
        self._connecting = threading.Lock()
        self._account: Any = None
        self._service: Any = None
        self._thread = threading.local()

    def retry(self, work: Callable[[], _T]) -> _T:
        """Do ``work`` until it succeeds; what it calls is then tried once each time."""
        if getattr(self._thread, "is_retrying", False):
            return work()
        self._thread.is_retrying, self._thread.is_renewed = True, False
        try:
            return retrying(self.config.attempts).copy(sleep=self._sleep)(work)
        finally:
            self._thread.is_retrying = False

    def call(self, what: str, work: Callable[[Any], _T], *, changes: bool = False) -> _T:
        """Do ``work`` with pyicloud's ``DriveService``.

        Args:
            what: Of which file or folder, for errors.
            changes: It may have been done although the answer is that the session has
                ended. Then it is left to the work around it to look, and do it again.
        """
        return self.retry(
            lambda: self._once(what, lambda _account, service: work(service), changes=changes)
        )

    def call_account(self, what: str, work: Callable[[Any], _T]) -> _T:
        """Do ``work`` with the ``PyiCloudService`` itself."""
        return self.retry(lambda: self._once(what, lambda account, _service: work(account)))

    def _once(self, what: str, work: Callable[[Any, Any], _T], *, changes: bool = False) -> _T:
        """One try; a session that has ended is taken up on a fresh connection, once.

        The same answer comes from a server that the connection was led to by
        mistake, which a fresh one helps as well.
        """
        for _ in ("as it is", "afresh"):
            account: Any = None
            try:
                account, service = self._connected(what)
                with icloud_errors(what):
                    return work(account, service)
            except SessionExpiredError as error:
                self._disconnect(account)
                if changes and not self._thread.is_renewed:
                    self._thread.is_renewed = True
                    raise TransientError(str(error), "Try again.", retry_after_s=0.0) from None
                if changes:
                    break
        raise PermanentError(
            "iCloud has ended the session, or 'Access iCloud Data on the Web' is turned off.",
            f"Sign in with `jarvis drive login {self._state_dir.name}`.",
        )

    def _connected(self, what: str) -> tuple[Any, Any]:
        with self._connecting:
            if self._account is None:
                account = resume(self.config, self._state_dir)
                with icloud_errors(what):
                    # Asks for access where the account has Advanced Data Protection;
                    # once a connection, and not at each use as the property does.
                    self._service = account.drive
                self._account = account
            return self._account, self._service

    def _disconnect(self, account: Any) -> None:
        with self._connecting:
            if account is not None and self._account is account:
                self._account = self._service = None
                account.session.close()
