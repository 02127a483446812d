"""Links in messages that lead to one decision: signed, expiring, used once.

Belongs here: making and reading them. Does not belong here: signing in, which a link does not
replace; whether one was used (``records``).
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from jarvis_dagster.errors import AccessDeniedError, TransientError
from jarvis_dagster.services.files import keep_first

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
                keep_first(self._path, secrets.token_hex(32))
            return self._path.read_text("ascii")
        except OSError as error:
            raise TransientError(
                f"The key of links in {self._path} cannot be used ({error.strerror}).",
                "Check the disk and the rights of that file.",
            ) from error
