"""The passphrase of the backups, and what this installation knows of its backups.

Belongs here: finding the passphrase, making one at the first backup. Does not
belong here: what it encrypts (``keys.py``).
"""

from __future__ import annotations

import fcntl
import json
import secrets
from typing import TYPE_CHECKING

from pydantic import SecretStr

from jarvis_dagster.errors import BadInputError, ConfigError
from jarvis_dagster.services.files import atomic_path, keep_first

if TYPE_CHECKING:
    from pathlib import Path

    from jarvis_dagster.services.backup.config import BackupConfig

__all__ = ["KnownPlaces", "find_passphrase", "keep_passphrase", "key_file", "make_passphrase"]

_BYTES = 32


def key_file(data_dir: Path) -> Path:
    """Where a passphrase that Jarvis made is kept."""
    return data_dir / "secrets" / "backup.key"


def find_passphrase(config: BackupConfig, data_dir: Path) -> SecretStr:
    """The passphrase of the settings, else the one that Jarvis made.

    Raises:
        ConfigError: there is none.
    """
    if config.key is not None:
        return config.key
    path = key_file(data_dir)
    try:
        text = path.read_text("utf-8").strip()
    except FileNotFoundError:
        raise ConfigError(
            f"There is no key to open backups with: `backup.key` is empty and {path} is missing.",
            "Set `backup.key`, or put that file back; nothing opens a backup without its key.",
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read ({error}).", "Put it back.") from error
    if not text:
        raise ConfigError(f"{path} is empty.", "Put back what it held.")
    return SecretStr(text)


def make_passphrase(config: BackupConfig, data_dir: Path) -> SecretStr:
    """Make a passphrase and keep it; the one that is kept, if another process was quicker."""
    keep_passphrase(data_dir, SecretStr(secrets.token_urlsafe(_BYTES)))
    return find_passphrase(config, data_dir)


def keep_passphrase(data_dir: Path, passphrase: SecretStr) -> None:
    """Keep a passphrase in the data directory, unless there is one.

    Raises:
        BadInputError: the folder cannot be written.
    """
    path = key_file(data_dir)
    if path.exists():
        return
    try:
        keep_first(path, passphrase.get_secret_value() + "\n")
    except OSError as error:
        raise BadInputError(
            f"{path} cannot be written ({error.strerror}).",
            "Check the folder's permissions and the free space.",
        ) from error


class KnownPlaces:
    """Places that this installation has a backup in.

    A disk that is not mounted looks like an empty folder. It is never taken for a place
    where the first backup is to be made.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def has(self, where: str) -> bool:
        """Whether a backup was made there before."""
        return where in self._load()

    def add(self, where: str, repository_id: str) -> None:
        """Remember a place."""
        if self._load().get(where) == repository_id:
            return
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._path.with_name(f"{self._path.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # another place may be added at this moment
            known = self._load()
            with atomic_path(self._path) as partial:
                partial.write_text(json.dumps(known | {where: repository_id}, indent=1), "utf-8")

    def _load(self) -> dict[str, str]:
        try:
            content = json.loads(self._path.read_text("utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"{self._path} cannot be read ({error}).", "Remove it if its disk is well."
            ) from error
        return dict(content)
