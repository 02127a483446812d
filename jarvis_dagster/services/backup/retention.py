"""Which snapshots stay.

Belongs here: the rule, as a pure function. Does not belong here: removing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jarvis_dagster.services.backup.config import RetentionConfig
    from jarvis_dagster.services.backup.manifest import Snapshot

__all__ = ["kept"]


def kept(snapshots: Iterable[Snapshot], rules: RetentionConfig) -> set[str]:
    """The ids of the snapshots that a rule keeps: the newest of each period, in UTC.

    The newest of all is always among them. A period without a snapshot counts for nothing.
    """
    newest_first = sorted(snapshots, key=lambda one: (one.created, one.id), reverse=True)
    stay = {one.id for one in newest_first[: rules.last]}
    for count, period in (
        (rules.daily, "%Y-%m-%d"),
        (rules.weekly, "%G-%V"),
        (rules.monthly, "%Y-%m"),
    ):
        stay |= _newest_of_each(newest_first, count, period)
    return stay


def _newest_of_each(newest_first: list[Snapshot], count: int, period: str) -> set[str]:
    found: dict[str, str] = {}
    for snapshot in newest_first:
        found.setdefault(snapshot.created.strftime(period), snapshot.id)
    return set(list(found.values())[:count])
