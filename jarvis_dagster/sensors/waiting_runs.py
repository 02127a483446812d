"""Ended runs that wait for another try: what the cursor of a sensor over ended runs keeps.

Belongs here: who waits, until when, and when it is given up. Does not belong here: events, what is
done about a run (``ended_runs``).

A run is given up when it failed for a day while others went through: then it is the run, not what
it needs that is away. Where nothing goes through, everything waits, for a week at most.
"""

from __future__ import annotations

import dataclasses
import json

__all__ = ["AT_MOST", "LONGEST_S", "LONGEST_WITHOUT_OTHERS_S", "Progress", "Waiting"]

AT_MOST = 20
"""Runs that may wait aside; when so many do, the next that fails keeps its place in the line."""
LONGEST_S = 24 * 3600.0
LONGEST_WITHOUT_OTHERS_S = 7 * 24 * 3600.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 30.0, 600.0
_LONGEST_WHY = 300


@dataclasses.dataclass(frozen=True)
class Waiting:
    """A run that failed for now.

    Attributes:
        record: Of the event of its end.
        since: When it failed first; as ``due``, in seconds since 1970.
        due: When it is tried again.
        tries: How often it failed.
        others: Whether another run went through since.
        why: What was said last.
    """

    record: int
    since: float
    due: float
    tries: int
    others: bool
    why: str

    def failed_again(self, now: float, why: str) -> Waiting:
        """As it waits after another try."""
        pause = min(_FIRST_PAUSE_S * 2**self.tries, _LONGEST_PAUSE_S)
        return dataclasses.replace(self, due=now + pause, tries=self.tries + 1, why=_short(why))

    def is_given_up(self, now: float) -> bool:
        """Whether it had its time."""
        longest = LONGEST_S if self.others else LONGEST_WITHOUT_OTHERS_S
        return now - self.since >= longest


@dataclasses.dataclass
class Progress:
    """How far a sensor is.

    Attributes:
        record: The last event that was seen; None before the first look.
        waiting: Runs before it that wait, by the record of their end.
    """

    record: int | None
    waiting: dict[int, Waiting] = dataclasses.field(default_factory=dict)

    @classmethod
    def from_cursor(cls, cursor: str | None) -> Progress:
        """From a cursor of ours, of an earlier version, or of Dagster's sensors of run status."""
        try:
            known = json.loads(cursor or "")
            record = known["record_id"]
        except (ValueError, KeyError, TypeError):
            return cls(None)
        if not isinstance(record, int):
            return cls(None)
        rows = [Waiting(**row) for row in known.get("waiting", ())]
        return cls(record, {row.record: row for row in rows})

    def to_cursor(self) -> str:
        """As the sensor keeps it."""
        known: dict[str, object] = {"record_id": self.record}
        if self.waiting:
            known["waiting"] = [dataclasses.asdict(row) for row in self.waiting.values()]
        return json.dumps(known)

    def due(self, now: float) -> list[Waiting]:
        """Who is to be tried again, the oldest first."""
        return sorted(
            (row for row in self.waiting.values() if row.due <= now), key=lambda row: row.record
        )

    def went_through(self, record: int, now: float) -> None:
        """Note that a run was seen to: what all of them need is there, so nobody need pause."""
        self.waiting.pop(record, None)
        for row in [row for row in self.waiting.values() if not row.others]:
            self.waiting[row.record] = dataclasses.replace(row, others=True, due=now)

    def failed(self, record: int, now: float, why: str) -> bool:
        """Note that a run has to wait; False where too many do already."""
        known = self.waiting.get(record)
        if known is None:
            if len(self.waiting) >= AT_MOST:
                return False
            known = Waiting(record, now, now, 0, others=False, why="")
        self.waiting[record] = known.failed_again(now, why)
        return True


def _short(why: str) -> str:
    return why if len(why) <= _LONGEST_WHY else why[: _LONGEST_WHY - 1] + "…"
