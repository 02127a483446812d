"""Who Jarvis is at Google.

Belongs here: credentials from a file, signing a person in, keeping the token.
Does not belong here: requests to the drive (``api.py``).
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import ConfigError, PermanentError
from jarvis_dagster.services.client_storage.google.config import is_loopback
from jarvis_dagster.services.client_storage.google.private_file import write_private

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from jarvis_dagster.services.client_storage.google.config import GoogleDriveConfig

__all__ = ["load_credentials", "login_remedy", "sign_in"]

_SCOPES = {"full": "drive", "read_only": "drive.readonly", "app_files": "drive.file"}
_PATIENCE_S = 900
_TOKEN = "token.json"  # noqa: S105


def load_credentials(config: GoogleDriveConfig, state_dir: Path) -> Any:
    """The credentials of the settings; None where a local server needs none.

    Raises:
        ConfigError: the credentials file cannot be used.
        PermanentError: nobody has signed in yet.
    """
    import google.oauth2.credentials
    import google.oauth2.service_account

    if config.credentials_file is None:
        return None
    accounts: Any = google.oauth2.service_account.Credentials
    users: Any = google.oauth2.credentials.Credentials
    content = _read(config.credentials_file)
    if "installed" in content or "web" in content:
        return _signed_in(config, state_dir)
    content["token_uri"] = _token_endpoint(config, content)
    with _usable(config.credentials_file):
        if content.get("type") == "service_account":
            account = accounts.from_service_account_info(content, scopes=_scopes(config))
            account = account.with_subject(config.subject) if config.subject else account
            return _one_refresh_at_a_time(account, None)
        user = users.from_authorized_user_info(content)
        return _one_refresh_at_a_time(user.with_token_uri(content["token_uri"]), None)


def login_remedy(state_dir: Path) -> str:
    """What to do when the credentials are refused; the folder has the drive's name."""
    return (
        f"Run `jarvis drive login {state_dir.name}`; for a service account, check its key file"
        " and what was shared with it."
    )


def sign_in(
    config: GoogleDriveConfig,
    state_dir: Path,
    *,
    show: Callable[[str], None] = print,
    open_browser: bool = True,
) -> None:
    """Let a person sign in with a browser, and keep the token.

    The browser comes back to this machine, where Jarvis waits for it.

    Args:
        show: Told the address to visit.

    Raises:
        ConfigError: the credentials file is not one that people sign in with.
        PermanentError: the person, or Google, said no, or nobody came.
    """
    from google_auth_oauthlib.flow import InstalledAppFlow  # type: ignore[import-untyped]

    content = _read(config.credentials_file) if config.credentials_file else {}
    if "installed" not in content and "web" not in content:
        raise ConfigError(
            "The credentials_file is not one that people sign in with.",
            "Make an OAuth client of the type desktop app in the Google Cloud console.",
        )
    client = next(iter(content.values()))
    client["token_uri"] = _token_endpoint(config, client)
    with _usable(config.credentials_file), _loopback_tokens(client["token_uri"]):
        flow = InstalledAppFlow.from_client_config(content, _scopes(config))
        ask = flow.authorization_url

        def shown(**options: Any) -> Any:
            address, state = ask(**options)
            show(f"Open this address to sign in: {address}")
            return address, state

        flow.authorization_url = shown
        try:
            user = flow.run_local_server(
                host="127.0.0.1",
                port=0,
                open_browser=open_browser,
                authorization_prompt_message=None,
                timeout_seconds=_PATIENCE_S,
                access_type="offline",
                prompt="consent",
            )
        except Exception as error:  # noqa: BLE001  many kinds, some of which quote the request
            raise PermanentError(
                f"Google did not sign you in ({type(error).__name__}).", "Sign in again."
            ) from None
    write_private(state_dir / _TOKEN, user.to_json())


def _signed_in(config: GoogleDriveConfig, state_dir: Path) -> Any:
    import google.oauth2.credentials

    users: Any = google.oauth2.credentials.Credentials
    path = state_dir / _TOKEN
    if not path.is_file():
        raise PermanentError(
            f"Nobody has signed in to the drive {state_dir.name}.", login_remedy(state_dir)
        )
    path.chmod(0o600)
    content = _read(path)
    with _usable(path):
        user = users.from_authorized_user_info(content)
    user = user.with_token_uri(_token_endpoint(config, content))
    return _one_refresh_at_a_time(user, path)


def _one_refresh_at_a_time(credentials: Any, store: Path | None) -> Any:
    """Credentials that threads may share, and whose new tokens are kept in a file."""
    lock, refresh = threading.Lock(), credentials.refresh

    def refresh_once(request: Any) -> None:
        before = credentials.token
        with lock:
            if credentials.token != before:
                return  # another thread did while this one waited
            refresh(request)
            if store is not None:
                write_private(store, credentials.to_json())

    credentials.refresh = refresh_once
    return credentials


def _token_endpoint(config: GoogleDriveConfig, content: dict[str, Any]) -> str:
    endpoint = config.token_endpoint or str(
        content.get("token_uri") or "https://oauth2.googleapis.com/token"
    )
    if not endpoint.startswith("https://") and not is_loopback(endpoint):
        raise ConfigError(
            "The token_uri of the credentials file is not encrypted.", "Use an https address."
        )
    return endpoint


def _scopes(config: GoogleDriveConfig) -> list[str]:
    return [f"https://www.googleapis.com/auth/{_SCOPES[config.access]}"]


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read ({error.strerror}).", "Check the setting credentials_file."
        ) from error
    except ValueError:
        content = None
    if not isinstance(content, dict):
        # Without the cause: its text would quote the file.
        raise ConfigError(f"{path} is not a credentials file.", "Download it again.") from None
    return content


@contextlib.contextmanager
def _usable(path: Path | None) -> Iterator[None]:
    try:
        yield
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ConfigError(
            f"{path} is not a credentials file, or is incomplete.", "Download it again."
        ) from None


@contextlib.contextmanager
def _loopback_tokens(endpoint: str) -> Iterator[None]:
    """Let the OAuth library ask a server of this machine without encryption."""
    name = "OAUTHLIB_INSECURE_TRANSPORT"
    if not is_loopback(endpoint) or name in os.environ:
        yield
        return
    os.environ[name] = "1"
    try:
        yield
    finally:
        del os.environ[name]
