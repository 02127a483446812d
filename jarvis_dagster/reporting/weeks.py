"""Weeks, as ISO 8601 counts them: Monday to Sunday, ``2026-W48``.

Belongs here: from text to days and back. Does not belong here: what happened in a week.
"""

from __future__ import annotations

import dataclasses
import datetime
import re

from jarvis_dagster.errors import BadInputError

__all__ = ["Week"]

_FORM = re.compile(r"(\d{4})-?W(\d{1,2})", re.IGNORECASE)


@dataclasses.dataclass(frozen=True, order=True)
class Week:
    """One week; ``monday`` is its first day."""

    monday: datetime.date

    @staticmethod
    def of(day: datetime.date) -> Week:
        """The week that a day is in."""
        return Week(day - datetime.timedelta(days=day.weekday()))

    @staticmethod
    def parse(text: str) -> Week:
        """From ``2026-W48``.

        Raises:
            BadInputError: there is no such week.
        """
        found = _FORM.fullmatch(text.strip())
        try:
            if found is None:
                raise ValueError
            return Week(datetime.date.fromisocalendar(int(found[1]), int(found[2]), 1))
        except ValueError:
            raise BadInputError(f"{text!r} is no week.", "Write it as in 2026-W48.") from None

    @staticmethod
    def last(today: datetime.date) -> Week:
        """The newest week that is over."""
        return Week.of(today).back(1)

    @property
    def sunday(self) -> datetime.date:
        """The last day."""
        return self.monday + datetime.timedelta(days=6)

    @property
    def after(self) -> datetime.date:
        """The first day that is not in it."""
        return self.monday + datetime.timedelta(days=7)

    def back(self, weeks: int) -> Week:
        """So many weeks before."""
        return Week(self.monday - datetime.timedelta(days=7 * weeks))

    def __contains__(self, day: datetime.date) -> bool:
        return self.monday <= day < self.after

    def seconds(self) -> tuple[float, float]:
        """Its beginning and end (half-open) in seconds since 1970, UTC."""
        start = datetime.datetime.combine(self.monday, datetime.time(), datetime.UTC).timestamp()
        return start, start + 7 * 86_400

    def __str__(self) -> str:
        year, number, _ = self.monday.isocalendar()
        return f"{year}-W{number:02d}"
