"""Files that the tests sign in with."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fakes.google import GoogleServer

__all__ = ["signed_in"]


def signed_in(server: GoogleServer, folder: Path) -> Path:
    """The credentials of a person."""
    path = folder / "user.json"
    path.write_text(json.dumps(server.oauth.authorized_user()))
    return path
