"""Links in messages that lead to one decision: signed, expiring, used once.

Belongs here: making and reading them. Does not belong here: signing in, which a link does not
replace; whether one was used (``records``).
"""

from __future__ import annotations

import contextlib
import os
import secrets
from typing import TYPE_CHECKING

from jarvis_dagster.errors import AccessDeniedError, TransientError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Links"]

_SALT = "jarvis.approval.link"


class Links:
    """Links that only this installation can make.

    Args:
        key: File of the key; made when it is first needed.
    """

    def __init__(self, key: Path) -> None:
        self._path = key

    def make(self, approval_id: str, expires_at: float) -> tuple[str, str]:
        """A token for a link, and the nonce that tells it from others."""
        from itsdangerous import URLSafeSerializer

        nonce = secrets.token_urlsafe(12)
        content = [approval_id, nonce, round(expires_at)]
        signed = URLSafeSerializer(self._key(), _SALT).dumps(content)
        return str(signed), nonce

    def read(self, token: str, now: float) -> tuple[str, str]:
        """The id of the approval and the nonce of a token.

        Raises:
            AccessDeniedError: Jarvis did not make it, or it has expired.
        """
        from itsdangerous import BadData, URLSafeSerializer

        try:
            approval_id, nonce, expires_at = URLSafeSerializer(self._key(), _SALT).loads(token)
        except (BadData, ValueError, TypeError):
            raise AccessDeniedError(
                "This link is not one that Jarvis made.", "Open the list of approvals instead."
            ) from None
        if now >= expires_at:
            raise AccessDeniedError("This link has expired.", "Open the list of approvals instead.")
        return str(approval_id), str(nonce)

    def _key(self) -> str:
        try:
            if not self._path.is_file():
                self._make()
            return self._path.read_text("ascii")
        except OSError as error:
            raise TransientError(
                f"The key of links in {self._path} cannot be used ({error.strerror}).",
                "Check the disk and the rights of that file.",
            ) from error

    def _make(self) -> None:
        """Whole or not at all, and the same for all who make it at once."""
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = self._path.with_name(f".{self._path.name}.{secrets.token_hex(4)}")
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as stream:
            stream.write(secrets.token_hex(32))
        with contextlib.suppress(FileExistsError):
            os.link(draft, self._path)
        draft.unlink()
