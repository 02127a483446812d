"""Where a notice goes, and when.

Belongs here: pure functions of settings and time. Does not belong here: sending, remembering.
"""

from __future__ import annotations

import datetime
import zoneinfo
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from jarvis_dagster.services.notification.config import RuleConfig
from jarvis_dagster.services.notification.notice import SEVERITIES

if TYPE_CHECKING:
    from jarvis_dagster.services.notification.config import NotificationConfig, QuietHoursConfig
    from jarvis_dagster.services.notification.notice import Notice

__all__ = ["channels_of", "earliest"]


def channels_of(notice: Notice, config: NotificationConfig) -> list[str]:
    """Names of the channels that the rules send ``notice`` to, each once."""
    usual = RuleConfig(severity="warning", channels=tuple(config.channels))
    chosen: dict[str, None] = {}
    for rule in config.rules or (usual,):
        if (
            any(fnmatchcase(notice.event, pattern) for pattern in rule.events)
            and any(fnmatchcase(notice.component, pattern) for pattern in rule.components)
            and SEVERITIES.index(notice.severity) >= SEVERITIES.index(rule.severity)
        ):
            chosen |= dict.fromkeys(rule.channels)
    return list(chosen)


def earliest(
    notice: Notice, quiet: QuietHoursConfig | None, now: datetime.datetime
) -> datetime.datetime:
    """When ``notice`` may be sent: ``now`` (UTC), or the end of the quiet hours."""
    if quiet is None or SEVERITIES.index(notice.severity) >= SEVERITIES.index(quiet.severity):
        return now
    zone = zoneinfo.ZoneInfo(quiet.timezone)
    here = now.astimezone(zone)
    clock = here.time().replace(tzinfo=None)
    over_midnight = quiet.start > quiet.end
    inside = (
        clock >= quiet.start or clock < quiet.end
        if over_midnight
        else quiet.start <= clock < quiet.end
    )
    if not inside:
        return now
    day = here.date()
    if over_midnight and clock >= quiet.start:
        day += datetime.timedelta(days=1)
    return datetime.datetime.combine(day, quiet.end, zone).astimezone(datetime.UTC)
