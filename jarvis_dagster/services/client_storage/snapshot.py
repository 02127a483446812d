"""What was in a folder, as a short text: the change token of drives without a history.

Belongs here: the form of the token. Does not belong here: looking at a drive.
"""

from __future__ import annotations

import base64
import binascii
import json
import zlib

from jarvis_dagster.errors import BadInputError

__all__ = ["decode", "encode"]


def encode(versions: dict[str, str]) -> str:
    """A token that holds versions by file id, about 16 bytes a file."""
    packed = zlib.compress(json.dumps(versions, separators=(",", ":")).encode(), 9)
    return base64.urlsafe_b64encode(packed).decode()


def decode(token: str) -> dict[str, str]:
    """The versions by file id.

    Raises:
        BadInputError: it is not a token.
    """
    try:
        content = json.loads(zlib.decompress(base64.urlsafe_b64decode(token)))
    except (ValueError, zlib.error, binascii.Error) as error:
        raise BadInputError(
            "The token of the last look at the drive is damaged.", "Look without a token."
        ) from error
    return {str(key): str(value) for key, value in content.items()}
