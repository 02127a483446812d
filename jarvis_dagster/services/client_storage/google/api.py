"""Requests to Google Drive.

Belongs here: building the client, one connection a thread, retries. Does not
belong here: credentials (``auth.py``), what an error means (``faults.py``),
any request.
"""

from __future__ import annotations

import contextlib
import functools
import json
import threading
import types
import weakref
from typing import TYPE_CHECKING, Any, TypeVar

import tenacity.nap

from jarvis_dagster.services.client_storage.google.auth import load_credentials, login_remedy
from jarvis_dagster.services.client_storage.google.config import is_loopback
from jarvis_dagster.services.client_storage.google.faults import damaged, translated
from jarvis_dagster.services.retry import retrying

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from jarvis_dagster.services.client_storage.google.config import GoogleDriveConfig

__all__ = ["GoogleApi"]

_T = TypeVar("_T")
_COLLECTIONS = ("about", "changes", "files", "permissions")


class GoogleApi:
    """Sends requests; it connects with the first. Several threads may use it at once.

    Args:
        sleep: Waits for some seconds between two attempts.
    """

    def __init__(
        self,
        config: GoogleDriveConfig,
        state_dir: Path,
        sleep: Callable[[float], None] = tenacity.nap.sleep,
    ) -> None:
        self.config = config
        self._state_dir = state_dir
        self._sleep = sleep
        self._lock = threading.Lock()
        self._service: Any = None
        self._credentials: Any = None
        self._idle: list[Any] = []
        self._close = weakref.finalize(self, _close_all, self._idle)

    @property
    def chunk_bytes(self) -> int:
        """How much goes into one request of a transfer."""
        return self.config.chunk_kib * 1024

    def call(self, what: str, build: Callable[[Any], Any], form: type = dict) -> Any:
        """The answer to a request; tried again when it fails for a moment.

        Args:
            what: See :func:`translated`.
            build: Makes the request from the client.
            form: What the answer is to be. The client library hands on as text
                what is not JSON, such as an answer that was cut off.
        """
        return self.run(lambda: self.once(what, build, form))

    def once(self, what: str, build: Callable[[Any], Any], form: type = dict) -> Any:
        """The answer to a request that is tried once."""
        request = build(self.service)
        with self.connection(what) as http:
            answer = request.execute(http=http)
        if not isinstance(answer, form):
            raise damaged(what)
        return answer

    def run(self, attempt: Callable[[], _T]) -> _T:
        """What ``attempt`` returns; called again when it fails for a moment."""
        policy = retrying(self.config.attempts).copy(sleep=self._sleep)
        return policy(attempt)

    @contextlib.contextmanager
    def connection(self, what: str) -> Iterator[Any]:
        """An authorised connection that nobody else uses; failures are translated.

        One that broke is closed: the rest of an answer may still be in it.
        """
        from googleapiclient.errors import HttpError

        with translated(what, login_remedy(self._state_dir)):
            try:
                http = self._idle.pop()
            except IndexError:
                http = self._connect()
            try:
                yield http
            except HttpError:
                self._idle.append(http)
                raise
            except BaseException:
                http.close()
                raise
            self._idle.append(http)

    @property
    def service(self) -> Any:
        """The client of the Drive API, made from the description that it comes with."""
        with self._lock:
            if self._service is None:
                self._credentials = load_credentials(self.config, self._state_dir)
                self._service = _build(self.config)
            return self._service

    def close(self) -> None:
        """Close the connections; the next request opens new ones."""
        _close_all(self._idle)

    def _connect(self) -> Any:
        import google_auth_httplib2  # type: ignore[import-untyped]

        http = _plain(self.config)
        if self._credentials is None:
            return http
        return google_auth_httplib2.AuthorizedHttp(self._credentials, http=http)


def _build(config: GoogleDriveConfig) -> Any:
    """A client all of whose addresses (uploads, batches) are below the endpoint.

    The option ``api_endpoint`` of the client library leaves some of them at Google.
    """
    import googleapiclient.discovery
    import googleapiclient.discovery_cache

    description = json.loads(googleapiclient.discovery_cache.get_static_doc("drive", "v3"))
    if config.api_endpoint:
        root = config.api_endpoint.rstrip("/").removesuffix("/drive/v3")
        description["rootUrl"] = f"{root}/"
        description.pop("mtlsRootUrl", None)
    client = googleapiclient.discovery.build_from_document(description, http=_plain(config))
    # It makes the methods of a collection anew each time one is asked for, in milliseconds.
    collections = {name: getattr(client, name)() for name in _COLLECTIONS}
    return types.SimpleNamespace(
        **{name: functools.partial(_same, made) for name, made in collections.items()}
    )


def _same(collection: Any) -> Any:
    return collection


def _plain(config: GoogleDriveConfig) -> Any:
    import googleapiclient.http
    import httplib2  # type: ignore[import-untyped]

    # It would send a request again by itself without telling.
    httplib2.RETRIES = 1
    # The library's own: a bare Http takes the 308 of an upload for a redirect.
    http = googleapiclient.http.build_http()
    http.timeout = config.timeout_s
    if is_loopback(config.api_endpoint):
        http.proxy_info = None
    return http


def _close_all(idle: list[Any]) -> None:
    while idle:
        idle.pop().close()
