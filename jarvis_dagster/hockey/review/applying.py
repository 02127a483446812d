"""Corrections applied to tracks and jersey numbers, as pure functions.

Belongs here: their order, and what came of each. Does not belong here: what one does to the
rows (``track_work``), events (``ledger``), finding tracks again (``sightings``).

Corrections apply in the order of the file, each to the table that those before it left,
which is also how a person saw it. Applied to what they made themselves, they change nothing.
"""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey.review.corrections import CORRECTIONS_NAME, OF_TRACKS, Correction
from jarvis_dagster.hockey.review.sightings import TrackIndex
from jarvis_dagster.hockey.review.track_work import RefusedError, TrackWork, are_rivals
from jarvis_dagster.hockey.tables import JERSEYS

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

__all__ = ["Outcome", "correct_numbers", "correct_tracks", "require_sense"]


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What came of one correction.

    Attributes:
        tracks: Ids, in the table that was made, that it is about.
        why: Why nothing was changed; "" where it was applied.
    """

    line: int
    kind: str
    words: str
    key: str
    tracks: tuple[int, ...] = ()
    why: str = ""


def require_sense(
    tracks: pd.DataFrame,
    corrections: Sequence[Correction],
    cuts: Sequence[int] = (),
    name: str = CORRECTIONS_NAME,
) -> None:
    """Return when the corrections can all be true of these tracks.

    Raises:
        BadInputError: naming the line that contradicts another, or what is seen.
    """
    work = TrackWork(tracks.copy(), tuple(cuts))
    for one in corrections:
        try:
            work.apply(one)
        except RefusedError as error:
            raise BadInputError(
                f"{name}, line {one.line}: {str(error).rstrip('.')}.",
                "Mend or take out what is not so.",
            ) from None


def correct_tracks(
    tracks: pd.DataFrame, corrections: Sequence[Correction], cuts: Sequence[int] = ()
) -> tuple[pd.DataFrame, list[Outcome]]:
    """TRACKS as a person corrected them, and what came of each correction of a track.

    What no longer fits, as the video was tracked anew, is left out and told.

    Args:
        tracks: TRACKS with roles and teams, perhaps with further columns.
        corrections: Bound ones; those of numbers and events are left to others.
        cuts: First frames of camera shots: no track goes across one; there one person
            stays two tracks, which ``persons`` joins.
    """
    work = TrackWork(tracks.copy(), tuple(cuts))
    outcomes = []
    for one in corrections:
        if one.kind in OF_TRACKS:
            try:
                ids, why = work.apply(one), ""
            except RefusedError as error:
                ids, why = (), str(error)
            why = why or ("" if ids else "nobody is tracked there any more")
            outcomes.append(Outcome(one.line, one.kind, one.words, one.key, ids, why))
    return work.table.reset_index(drop=True), outcomes


def correct_numbers(
    jerseys: pd.DataFrame, tracks: pd.DataFrame, corrections: Sequence[Correction]
) -> tuple[pd.DataFrame, list[Outcome]]:
    """JERSEYS as a person corrected them.

    A corrected number is certain; another track of the team that was read as the same
    number while both are in view loses it.

    Args:
        jerseys: As read.
        tracks: TRACKS, corrected.
    """
    import pandas as pd

    index = TrackIndex(tracks)
    numbers: dict[int, str] = {}
    outcomes = []
    for one in corrections:
        if one.kind == "number":
            ids = tuple(sorted(index.find(one.seen[0]) if one.seen else ()))
            numbers |= dict.fromkeys(ids, one.value)
            why = "" if ids else "nobody is tracked there any more"
            outcomes.append(Outcome(one.line, one.kind, one.words, one.key, ids, why))
    lost = [
        int(row.track_id)  # type: ignore[arg-type]
        for row in jerseys.itertuples()
        if row.track_id not in numbers
        and any(
            value == row.number and are_rivals(tracks, int(row.track_id), track)  # type: ignore[arg-type]
            for track, value in numbers.items()
        )
    ]
    kept = jerseys[~jerseys["track_id"].isin([*numbers, *lost])]
    evidence = json.dumps({"source": "person"})
    rows = [
        {"track_id": track, "number": value, "probability": 1.0, "reads": 0, "evidence": evidence}
        for track, value in numbers.items()
        if value
    ]
    if not rows:
        return kept.reset_index(drop=True), outcomes
    said = pd.DataFrame(rows).astype(JERSEYS)
    table = pd.concat([kept, said], ignore_index=True) if len(kept) else said
    return table.sort_values("track_id", ignore_index=True), outcomes
