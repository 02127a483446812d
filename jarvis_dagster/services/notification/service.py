"""JarvisNotificationService: people are told once, where they look, of what concerns them.

Belongs here: from a notice to messages, and from messages to channels, again until one is taken.
Does not belong here: which things are told (who calls :meth:`notify`), alerts on metrics
(Alertmanager sends those).
"""

from __future__ import annotations

import dataclasses
import datetime
import logging
import time
from functools import cached_property
from typing import TYPE_CHECKING

from jarvis_dagster.errors import BadInputError, ConfigError, JarvisError, PermanentError
from jarvis_dagster.services.notification.channels import Channel
from jarvis_dagster.services.notification.outbox import Outbox
from jarvis_dagster.services.notification.rules import channels_of, earliest
from jarvis_dagster.services.notification.wording import check_templates, worded

if TYPE_CHECKING:
    from collections.abc import Callable

    from jarvis_dagster.services.notification.config import NotificationConfig
    from jarvis_dagster.services.notification.notice import Notice
    from jarvis_dagster.services.notification.outbox import Message

__all__ = ["Delivered", "JarvisNotificationService"]

log = logging.getLogger(__name__)


@dataclasses.dataclass
class Delivered:
    """What one round of sending did."""

    sent: int = 0
    later: int = 0
    failed: int = 0
    errors: list[str] = dataclasses.field(default_factory=list)


class JarvisNotificationService:
    """Notices to channels: at least once, in time, and not over and over.

    Args:
        clock: Seconds since 1970.
    """

    def __init__(
        self, config: NotificationConfig, *, clock: Callable[[], float] = time.time
    ) -> None:
        if config.directory is None:
            raise ConfigError("notification.directory is not set.", "Name a folder.")
        self._config = config
        self._clock = clock
        self.outbox = Outbox(config.directory)

    @cached_property
    def _channels(self) -> dict[str, Channel]:
        return {name: Channel(name, one) for name, one in self._config.channels.items()}

    def check(self) -> None:
        """See that the settings can be used and the outbox can be opened; sends nothing.

        Raises:
            ConfigError: an address or template is wrong.
            TransientError: the outbox cannot be used.
        """
        check_templates(self._config.templates)
        _ = self._channels
        self.outbox.count("waiting")

    def notify(self, notice: Notice) -> list[str]:
        """Take a notice: when this returns it is on the disk, and will be sent.

        Returns:
            The ids of its messages, one a channel; none where no rule names it, or where its
            cause was told a short while ago and is counted.
        """
        now = self._clock()
        moment = datetime.datetime.fromtimestamp(now, datetime.UTC)
        not_before = earliest(notice, self._config.quiet_hours, moment).timestamp()
        added = [
            self.outbox.add(notice, channel, now, not_before, self._config.repeat_s)
            for channel in channels_of(notice, self._config)
        ]
        return [message_id for message_id in added if message_id is not None]

    def deliver(self, *, budget_s: float = 30.0) -> Delivered:
        """Send what is due, for at most about ``budget_s`` seconds; safe in several processes."""
        began, done = time.monotonic(), Delivered()
        while time.monotonic() - began < budget_s:
            message = self.outbox.claim(self._clock())
            if message is None:
                break
            self._send(message, done)
        self.outbox.forget(self._clock() - 86_400 * self._config.keep_days)
        return done

    def _send(self, message: Message, done: Delivered) -> None:
        try:
            channel = self._channels.get(message.channel)
            if channel is None:
                raise PermanentError(
                    f"There is no notification channel {message.channel} any more.",
                    "Add it to notification.channels again, or leave the message.",
                )
            title, body = worded(message, self._config.templates)
            channel.send(title, body, message.notice.severity)
        except JarvisError as error:
            self._not_taken(message, error, done)
        else:
            self.outbox.sent(message, self._clock())
            done.sent += 1

    def _not_taken(self, message: Message, error: JarvisError, done: Delivered) -> None:
        now = self._clock()
        done.errors.append(str(error))
        log.warning("%s: %s", message.notice.event, error)
        if isinstance(error, PermanentError) or now - message.first_at > self._config.give_up_s:
            self.outbox.failed(message, str(error))
            done.failed += 1
            return
        wait = min(
            self._config.first_retry_s * 2 ** min(message.tries, 30), self._config.longest_retry_s
        )
        self.outbox.later(message, now + wait, str(error))
        done.later += 1

    def test(self, channel: str) -> None:
        """Send a message to a channel now, past rules and quiet hours.

        Raises:
            BadInputError: there is no such channel.
            TransientError: it may be taken later.
            PermanentError: it will not be taken as it is.
        """
        if channel not in self._config.channels:
            known = ", ".join(self._config.channels) or "none"
            raise BadInputError(
                f"There is no notification channel {channel}.", f"There are: {known}."
            )
        self._channels[channel].send(
            "Jarvis: a test", "This channel works: Jarvis reaches you here.", "info"
        )

    def messages(self, state: str | None = None, limit: int = 100) -> list[Message]:
        """What was and is to be sent, the newest first."""
        return self.outbox.messages(state, limit)

    def close(self) -> None:
        """Nothing stays open between two calls."""
