"""pyicloud as Jarvis runs it: other addresses, time limits, safe files, bounded memory.

Belongs here: the account and the session that pyicloud is given. Does not
belong here: signing in (``login.py``), calls (``client.py``).

pyicloud as it is writes its session at every request, in place, readable for
everybody; waits for ever; reads a file to send, and a JSON file that is
fetched, into memory; and takes a fetched JSON file that has a field ``error``
for an error of iCloud. The subclasses here change that and nothing else.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import NotSupportedError, PermanentError, TransientError
from jarvis_dagster.services.client_storage.icloud.faults import explained, full_answer
from jarvis_dagster.services.client_storage.icloud.form import FileForm

if TYPE_CHECKING:
    from jarvis_dagster.services.client_storage.icloud.config import ICloudDriveConfig

__all__ = ["make_private", "open_account", "outage", "sends_package"]

_CONNECT_S = 10.0


def open_account(
    config: ICloudDriveConfig,
    state_dir: Path,
    *,
    password: str | None = None,
    is_new: bool = False,
) -> Any:
    """A ``PyiCloudService`` that has not spoken with Apple yet.

    Its session is what ``state_dir`` holds, where it holds one.

    Args:
        is_new: A person is signing in: what comes of it is kept whatever another
            process has. Otherwise a session that somebody renewed, or removed,
            since it was read is not written over.
    """
    from pyicloud import PyiCloudService

    session_type = _session_type(config, is_new=is_new)

    class Account(PyiCloudService):  # type: ignore[misc]
        """One Apple account."""

        def __init__(self) -> None:
            verify: Any = True if config.ca_file is None else str(config.ca_file)
            directory = str(state_dir)
            super().__init__(
                config.apple_id,
                password,
                cookie_directory=directory,
                verify=verify,
                china_mainland=config.china_mainland,
                accept_terms=config.accept_terms,
                authenticate=False,
            )
            self._session: Any = session_type(
                self,
                client_id=self._client_id,
                cookie_directory=directory,
                verify=verify,
                headers=dict(self.session.headers),
            )
            if not isinstance(self.session, session_type):
                raise NotSupportedError(
                    "This version of pyicloud keeps its session elsewhere.",
                    "Install the version that Jarvis names.",
                )

        def _setup_endpoints(self) -> None:
            super()._setup_endpoints()
            if config.setup_url:
                self._setup_endpoint = config.setup_url
            if config.auth_url:
                self._auth_endpoint = config.auth_url

    make_private(state_dir)
    return Account()


def _session_type(config: ICloudDriveConfig, *, is_new: bool) -> Any:
    """pyicloud's session, which asks with these settings and is written whole."""
    from pyicloud.session import NON_PERSISTED_SESSION_KEYS, PyiCloudSession

    class Session(PyiCloudSession):  # type: ignore[misc]
        """One set of cookies and tokens."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            self.outage: TransientError | None = None
            self.seen = threading.local()
            self._saving = threading.Lock()
            self._saved: tuple[str, str] | None = None
            super().__init__(*args, **kwargs)
            self._token = self.data.get("session_token")

        def request(self, method: Any, url: Any, *args: Any, **options: Any) -> Any:
            """See ``requests.Session.request``."""
            options["timeout"] = options.get("timeout") or (_CONNECT_S, config.timeout_s)
            if config.ca_file is not None:
                # Said at each request, or REQUESTS_CA_BUNDLE would be trusted instead.
                options["verify"] = str(config.ca_file)
            if files := options.pop("files", None):
                ((name, stream),) = files.items()
                form = FileForm(name, stream)
                headers = {**(options.get("headers") or {}), "Content-Type": form.content_type}
                options |= {"data": form, "headers": headers}
            try:
                if options.get("stream"):
                    return self.request_raw(method, url, *args, **options)
                response = super().request(method, url, *args, **options)
            except Exception as error:
                known = explained(error, "signing in")
                self.outage = known if isinstance(known, TransientError) else None
                raise
            self.outage = None
            address = str(url)
            if "/download/by_id" in address:
                self.seen.package = "data_token" not in response.json()
            is_upload = "/upload/web" in address or "/update/documents" in address
            if is_upload and (full := full_answer(response.text)):
                raise full
            return response

        def _save_session_data(self) -> None:
            """Write what changed, whole or not at all, for this user alone."""
            # Another thread's answer may bring a cookie just now; its own save follows.
            with self._saving, contextlib.suppress(RuntimeError):
                data = dict(self.data).items()
                kept = {key: value for key, value in data if key not in NON_PERSISTED_SESSION_KEYS}
                jar = self.cookies.copy().as_lwp_str(ignore_discard=True, ignore_expires=True)
                now = (json.dumps(kept), f"#LWP-Cookies-2.0\n{jar}")
                path = Path(self.session_path)
                if now != self._saved and (is_new or _token_in(path) == self._token):
                    _write(path, now[0])
                    _write(Path(self.cookiejar_path), now[1])
                    self._saved, self._token = now, kept.get("session_token")

    return Session


def outage(account: Any) -> TransientError | None:
    """Why Apple could not be asked, if that failed last; pyicloud calls it a wrong password."""
    return account.session.outage


def sends_package(service: Any) -> bool:
    """Whether what this thread asked for last is a folder that Apple shows as a file."""
    return getattr(service.session.seen, "package", False)


def make_private(state_dir: Path) -> None:
    """The folder of sessions, which nobody else may look into."""
    try:
        state_dir.mkdir(parents=True, exist_ok=True)
        state_dir.chmod(0o700)
    except OSError as error:
        raise PermanentError(
            f"{state_dir} cannot be made ({error.strerror}).",
            "Set `state_dir` to a folder that this user can write.",
        ) from error


def _token_in(path: Path) -> str | None:
    """Which session a file holds; None where it holds none."""
    try:
        token = json.loads(path.read_text("utf-8")).get("session_token")
    except (OSError, ValueError, AttributeError):
        return None
    return None if token is None else str(token)


def _write(path: Path, text: str) -> None:
    partial = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    try:
        handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
