"""The notification service: people are told once, where they look, of what concerns them."""

from jarvis_dagster.services.notification.config import (
    ChannelConfig,
    NotificationConfig,
    QuietHoursConfig,
    RuleConfig,
    TemplateConfig,
)
from jarvis_dagster.services.notification.notice import SEVERITIES, Notice
from jarvis_dagster.services.notification.outbox import Message
from jarvis_dagster.services.notification.service import Delivered, JarvisNotificationService

__all__ = [
    "SEVERITIES",
    "ChannelConfig",
    "Delivered",
    "JarvisNotificationService",
    "Message",
    "Notice",
    "NotificationConfig",
    "QuietHoursConfig",
    "RuleConfig",
    "TemplateConfig",
]
