"""Which snapshot is meant, and which stay.

Belongs here: the rules, as pure functions. Does not belong here: reading and
removing snapshots.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.services.backup.keys import DamagedError

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable, Sequence

    from jarvis_dagster.services.backup.config import RetentionConfig
    from jarvis_dagster.services.backup.manifest import Snapshot

__all__ = ["chosen", "kept"]


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


def chosen(
    snapshots: Sequence[Snapshot],
    damaged: Sequence[str],
    name: str,
    at: datetime.datetime | None,
) -> Snapshot:
    """The newest snapshot up to ``at`` whose id begins with ``name``, or any if it is ``latest``.

    Args:
        snapshots: Oldest first.
        damaged: The ids of those whose manifest cannot be read.

    Raises:
        BadInputError: there is none, or several ids begin so.
    """
    found = [one for one in snapshots if at is None or one.created <= at]
    if name != "latest":
        found = [one for one in found if one.id.startswith(name)]
        if len(found) > 1:
            raise BadInputError(
                f"{len(found)} snapshots begin with {name}.", "Give more of the id."
            )
        if not found and any(one.startswith(name) for one in damaged):
            raise DamagedError(
                f"The manifest of snapshot {name} is damaged.", "Choose another snapshot."
            )
    if not found:
        which = f"up to {at.isoformat(timespec='seconds')}" if at else name
        raise BadInputError(f"There is no snapshot {which}.", "See `jarvis backup list`.")
    return found[-1]
