"""What a rule is, and what it looks at.

Belongs here: the shape of a rule and of the record of a video. Does not belong here:
any rule.
"""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pandas as pd

    from jarvis_dagster.hockey.highlights import Highlight

__all__ = ["Record", "Rule", "listed", "opened", "rule"]


_MISSING: Any = None


@dataclasses.dataclass(frozen=True)
class Record:
    """What was found in one video; tables that are not there yet are None.

    A rule is asked only where every table that it needs is there, so it sees none that is
    None. ``positions`` is None too where the video has no calibration.
    """

    fps: float
    frame_count: int
    duration_s: float
    rink: str = "NHL"
    scan: pd.DataFrame = _MISSING
    tracks: pd.DataFrame = _MISSING
    positions: pd.DataFrame = _MISSING
    events: pd.DataFrame = _MISSING
    highlights: Sequence[Highlight] = _MISSING


@dataclasses.dataclass(frozen=True)
class Rule:
    """A named truth about the record of a video.

    Attributes:
        about: The table that it is about: ``tracks``, ``positions``, ``events`` or
            ``highlights``.
        blocking: Whether breaking it is impossible, so that nothing is made from the
            table; else it is implausible, and a warning.
        needs: Other tables without which it cannot be judged and holds.
        broken: Sentences on what breaks it; none where it holds.
    """

    about: str
    blocking: bool
    needs: tuple[str, ...]
    broken: Callable[[Record], list[str]]

    @property
    def name(self) -> str:
        """The rule as a sentence in snake case."""
        return self.broken.__name__

    @property
    def says(self) -> str:
        """The rule in plain words."""
        return " ".join((self.broken.__doc__ or "").split())

    def against(self, record: Record) -> list[str]:
        """What breaks it in ``record``."""
        if any(getattr(record, table) is None for table in (self.about, *self.needs)):
            return []
        return self.broken(record)


def rule(
    about: str, *needs: str, blocking: bool = True
) -> Callable[[Callable[[Record], list[str]]], Rule]:
    """Make a rule of a function that is named and described as the truth it checks."""

    def made(broken: Callable[[Record], list[str]]) -> Rule:
        return Rule(about, blocking, needs, broken)

    return made


def listed(things: Sequence[Any] | Any, most: int = 3) -> str:
    """The first few, and how many more there are."""
    all_of_them = [str(thing) for thing in things]
    more = len(all_of_them) - most
    return ", ".join(all_of_them[:most]) + (f" and {more} more" if more > 0 else "")


def opened(events: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of the ledger with their evidence and tracks as values.

    Evidence that is no JSON object is empty, which other rules report.
    """
    rows = []
    for row in events.to_dict("records"):
        evidence = _json(row["evidence"], dict)
        rows.append(
            {
                **{str(name): value for name, value in row.items()},
                "evidence": evidence,
                "frames": evidence.get("frames") or [],
                "measures": evidence.get("measures") or {},
                "game": evidence.get("game") or {},
                "tracks": _json(row["track_ids"], list),
            }
        )
    return rows


def _json(text: Any, kind: type) -> Any:
    try:
        value = json.loads(text)
    except (TypeError, ValueError):
        return kind()
    return value if isinstance(value, kind) else kind()
