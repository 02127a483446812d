"""Sending to a channel, by Apprise.

Belongs here: one message to one address, and what its refusal means. Does not belong here:
wording, trying again. An address holds secrets: none of it is ever part of an error.
"""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

from jarvis_dagster.errors import ConfigError, PermanentError, TransientError

if TYPE_CHECKING:
    import apprise

    from jarvis_dagster.services.notification.config import ChannelConfig
    from jarvis_dagster.services.notification.notice import Severity

__all__ = ["Channel"]

_STATUS = re.compile(r"\berror\s*=\s*(\d{3})\b")
_REFUSED = {"400", "401", "403", "404", "405", "410", "422"}
_KINDS = {"info": "info", "warning": "warning", "error": "failure", "critical": "failure"}


class Channel:
    """One address.

    Raises:
        ConfigError: Apprise does not understand it.
    """

    def __init__(self, name: str, config: ChannelConfig) -> None:
        import apprise

        self._name = name
        asset = apprise.AppriseAsset(app_id="Jarvis", app_desc="Jarvis", async_mode=False)
        self._apprise: apprise.Apprise = apprise.Apprise(asset=asset)
        # Which would print the address.
        with apprise.LogCapture(level=logging.WARNING):  # type: ignore[no-untyped-call]
            understood = self._apprise.add(config.url.get_secret_value())
        if not understood:
            raise ConfigError(
                f"The address of the notification channel {name} is not understood.",
                "docs/notifications.md shows how to write one.",
            )

    def send(self, title: str, body: str, severity: Severity) -> None:
        """Send one message.

        Raises:
            TransientError: it may be taken later.
            PermanentError: it will not be taken as it is.
        """
        import apprise

        logger = logging.getLogger("apprise")
        told, logger.propagate = logger.propagate, False
        try:
            with apprise.LogCapture(  # type: ignore[no-untyped-call]
                level=logging.WARNING
            ) as captured:
                taken = self._apprise.notify(
                    title=title,
                    body=body,
                    notify_type=_KINDS[severity],
                    body_format=apprise.NotifyFormat.TEXT,
                )
                said = captured.getvalue()
        finally:
            logger.propagate = told
        if taken:
            return
        status = _STATUS.search(said)
        answer = f"it answered {status[1]}" if status else "it did not take the message"
        what = f"The notification channel {self._name} failed: {answer}."
        remedy = f"Check notification.channels.{self._name}, then `jarvis notify test`."
        if status and status[1] in _REFUSED:
            raise PermanentError(what, remedy)
        raise TransientError(what, remedy)
