"""Who is signed in to OneDrive.

Belongs here: access tokens, the sign-in of a person or an app, the file that
keeps it. Does not belong here: what is asked with a token (``graph.py``).
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests

from jarvis_dagster.errors import PermanentError, TransientError
from jarvis_dagster.services.files import atomic_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from jarvis_dagster.services.client_storage.onedrive.config import OneDriveConfig

__all__ = ["Tokens", "sign_in"]

_GRAPH = "https://graph.microsoft.com"
_LOGIN = "https://login.microsoftonline.com"
_MARGIN_S = 300.0
_BUSY = {"temporarily_unavailable", "server_error", "timeout"}


def sign_in(config: OneDriveConfig, state_dir: Path, *, show: Callable[[str], None]) -> None:
    """Sign a person in with a code that is typed into a browser, on any device.

    Args:
        state_dir: Where the session is kept; only this user may read it.
        show: Tells the person what to do; called once, before the waiting.

    Raises:
        PermanentError: the person refused or took too long, or the app may not.
    """
    tokens = Tokens(config, state_dir)
    if config.client_secret is not None:
        tokens.get(fresh=True)
        show("The app signed in by itself; no person is needed.")
        return
    tokens.sign_in(show)


class Tokens:
    """Access tokens of one account; several threads and processes may ask at once.

    What is kept is the token cache of msal: whoever reads the file can use the
    drive, so it is 0600 in a folder that is 0700.
    """

    def __init__(self, config: OneDriveConfig, state_dir: Path) -> None:
        self._config = config
        self._path = state_dir / "token.json"
        self._lock = threading.Lock()
        self._app: Any = None
        self._token = ""
        self._good_until = 0.0

    def __repr__(self) -> str:
        return f"Tokens({self._path.parent.name!r})"

    @property
    def remedy(self) -> str:
        """What a person can do when the drive does not let them in."""
        if self._config.client_secret is not None:
            return "Check client_id, client_secret and tenant, and what the app is allowed to."
        return f"Run `jarvis drive login {self._path.parent.name}`."

    def get(self, *, fresh: bool = False) -> str:
        """A token that is good for some minutes at least.

        Args:
            fresh: Not the one that was used until now: it was refused.
        """
        with self._lock:
            if fresh or time.monotonic() >= self._good_until:
                with self._session() as app:
                    ask = self._for_app if self._is_app else self._for_person
                    answer = ask(app, fresh)
                    self._token = self._checked(answer)
                lasts_s = float(answer.get("expires_in") or 0)
                self._good_until = time.monotonic() + lasts_s - _MARGIN_S
            return self._token

    def sign_in(self, show: Callable[[str], None]) -> None:
        """See :func:`sign_in`."""
        with self._lock, self._session(anew=True) as app:
            flow = app.initiate_device_flow(scopes=self._scopes)
            if "user_code" not in flow:
                self._checked(flow)
            show(str(flow["message"]))
            self._checked(app.acquire_token_by_device_flow(flow))

    @property
    def _is_app(self) -> bool:
        return self._config.client_secret is not None

    @property
    def _scopes(self) -> list[str]:
        parts = urlsplit(self._config.api_endpoint)
        origin = f"{parts.scheme}://{parts.netloc}"
        if self._is_app:
            return [f"{origin}/.default"]
        return ["Files.ReadWrite.All" if origin == _GRAPH else f"{origin}/Files.ReadWrite.All"]

    def _for_app(self, app: Any, fresh: bool) -> dict[str, Any]:
        if fresh:
            app.remove_tokens_for_client()
        answer: dict[str, Any] = app.acquire_token_for_client(self._scopes)
        return answer

    def _for_person(self, app: Any, fresh: bool) -> dict[str, Any]:
        accounts = app.get_accounts()
        if not accounts:
            raise PermanentError("Nobody is signed in to this OneDrive.", self.remedy)
        answer = app.acquire_token_silent_with_error(
            self._scopes, account=accounts[-1], force_refresh=fresh
        )
        return answer or {"error": "no_token"}

    def _checked(self, answer: dict[str, Any]) -> str:
        if "access_token" in answer:
            return str(answer["access_token"])
        code = str(answer.get("error", "unknown"))[:60]
        if code in _BUSY:
            self._app = None  # it remembers refusals for a minute
            raise TransientError(f"The sign-in of Microsoft is busy ({code}).", "Try again later.")
        raise PermanentError(f"Microsoft does not let Jarvis in ({code}).", self.remedy)

    @contextlib.contextmanager
    def _session(self, *, anew: bool = False) -> Iterator[Any]:
        """msal's application with what the file holds; what it learned is kept afterwards.

        Args:
            anew: Not with what the file holds: one drive is of one person.
        """
        import msal.exceptions

        cache: Any = None
        try:
            if self._app is None:
                self._app = self._open()
            cache = self._app.token_cache
            cache.deserialize("{}" if anew else self._read())
            yield self._app
        except (requests.RequestException, msal.exceptions.MsalServiceError, ValueError) as error:
            self._app = None
            if _passes(error):
                raise TransientError(
                    f"The sign-in of Microsoft did not answer ({type(error).__name__}).",
                    "Try again later.",
                ) from None
            raise PermanentError(
                "The sign-in of Microsoft does not know this tenant.", "Check tenant and authority."
            ) from None
        finally:
            if cache is not None and cache.has_state_changed:
                self._write(cache.serialize())

    def _open(self) -> Any:
        import msal

        config = self._config
        options: dict[str, Any] = {
            "authority": f"{config.authority}/{config.tenant}",
            "token_cache": msal.SerializableTokenCache(),
            "timeout": config.timeout_s,
            # Asks login.microsoftonline.com about other hosts, where it may not be reachable.
            "instance_discovery": None if config.authority == _LOGIN else False,
        }
        if config.client_secret is not None:
            secret = config.client_secret.get_secret_value()
            return msal.ConfidentialClientApplication(
                config.client_id, client_credential=secret, **options
            )
        return msal.PublicClientApplication(config.client_id, **options)

    def _read(self) -> str | None:
        try:
            text = self._path.read_text("utf-8")
            if not isinstance(json.loads(text), dict):
                raise ValueError
        except FileNotFoundError:
            return None
        except (OSError, ValueError):
            raise PermanentError(f"{self._path.name} cannot be read.", self.remedy) from None
        return text

    def _write(self, text: str) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._path.parent.chmod(0o700)
        with atomic_path(self._path) as partial:
            partial.chmod(0o600)
            partial.write_text(text, "utf-8")


def _passes(error: Exception) -> bool:
    """Whether it may succeed later: anything but a refused tenant, which msal tells as a value."""
    if not isinstance(error, ValueError):
        return True
    cause = error.__context__ or error
    return isinstance(cause, json.JSONDecodeError) or "HTTP status: 429" in str(cause)
