"""The secrets that the embedded stack makes for itself.

Belongs here: generating them once and reading them back.
Does not belong here: secrets of anything outside this machine.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field

from jarvis_dagster.errors import ConfigError
from jarvis_dagster.stack.layout import StackPaths, make_private, write_private

__all__ = ["ObjectStoreCredentials", "object_store_credentials"]

_FILE = "object-store.json"


@dataclass(frozen=True)
class ObjectStoreCredentials:
    """Keys of the embedded object store."""

    access_key: str
    secret_key: str = field(repr=False)
    master_key: str = field(repr=False)
    """Hexadecimal 256-bit key that encrypts the keys of encrypted objects (SSE-S3)."""
    internal_key: str = field(repr=False)
    """Signs the requests between the parts of the object store."""


def object_store_credentials(paths: StackPaths) -> ObjectStoreCredentials:
    """Return the keys of the data directory's object store, made at the first call.

    Raises:
        ConfigError: the file that holds them is damaged. They are never made anew over existing
            data, which would make encrypted objects unreadable.
    """
    path = paths.secrets / _FILE
    if not path.exists():
        if any(paths.object_store.glob("*")):
            raise ConfigError(
                f"{path} is missing, but {paths.object_store} holds objects.",
                f"Put the file back, or move {paths.object_store} away to start empty.",
            )
        make_private(paths.secrets)
        made = {
            "access_key": "jarvis",
            "secret_key": secrets.token_urlsafe(32),
            "master_key": secrets.token_hex(32),
            "internal_key": secrets.token_urlsafe(32),
        }
        write_private(path, json.dumps(made, indent=2) + "\n")
    try:
        return ObjectStoreCredentials(**json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise ConfigError(
            f"{path} cannot be read ({error}).", "Restore it from a backup of the data directory."
        ) from error
