"""A table of tracks while corrections are applied to it.

Belongs here: what one correction does to the rows, and contradictions. Does not belong here: the
order of corrections, and what is told of each (``applying``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from jarvis_dagster.hockey.review.sightings import TrackIndex

if TYPE_CHECKING:
    import pandas as pd

    from jarvis_dagster.hockey.review.corrections import Correction

__all__ = ["RefusedError", "TrackWork", "are_rivals"]

_DOUBLE_IOU = 0.3
"""Two boxes of one person in one frame overlap at least this much."""


class RefusedError(Exception):
    """A correction that contradicts another one, or what is seen."""


def are_rivals(tracks: pd.DataFrame, one: int, other: int) -> bool:
    """Whether two tracks are of one team and in view at once."""
    a, b = tracks[tracks["track_id"] == one], tracks[tracks["track_id"] == other]
    if not len(a) or not len(b) or a["team"].iloc[0] != b["team"].iloc[0]:
        return False
    return bool(np.isin(a["frame"], b["frame"]).any())


class TrackWork:
    """A table of tracks while it is corrected."""

    def __init__(self, tracks: pd.DataFrame, cuts: tuple[int, ...]) -> None:
        self.table = tracks
        self._cuts = np.array(sorted(cuts), np.int64)
        self._said: dict[tuple[str, int], Correction] = {}
        self._gone: list[tuple[pd.DataFrame, Correction]] = []
        self._index = TrackIndex(tracks)

    def apply(self, one: Correction) -> tuple[int, ...]:
        """Do what one correction says; the tracks that it was about."""
        if one.kind in ("event_wrong", "event_missed") or not one.seen:
            return ()
        parts = [sorted(self._index.find(seen)) for seen in one.seen]
        ids = tuple(dict.fromkeys(track for part in parts for track in part))
        if not ids:
            self._require_there(one)
            return ()
        if one.kind == "same_person":
            return self._merge(one, parts)
        if one.kind == "split":
            return self._split(one, ids)
        if one.kind == "delete":
            return self._delete(one, ids)
        for track in ids:
            self._say(one, track)
        return ids

    def _say(self, one: Correction, track: int) -> None:
        """Record a role, team or number, and write the first two into the table."""
        earlier = self._said.get((one.kind, track))
        if earlier is not None and earlier.value != one.value:
            raise RefusedError(f"{one.words}, but line {earlier.line} says: {earlier.words}.")
        mine = self.table["track_id"] == track
        role = str(self.table.loc[mine, "role"].iloc[0])
        if one.kind == "team" and one.value and role == "referee":
            raise RefusedError(
                f"{one.words}, but it is a referee, who has no team; correct its role as well,"
                " before its team."
            )
        self._said[one.kind, track] = one
        if one.kind == "number":
            self._require_one_wearer(one, track)
            return
        self.table.loc[mine, one.kind] = one.value
        self.table.loc[mine, f"{one.kind}_score"] = np.float32(1.0 if one.value else 0.0)
        if one.kind == "role" and one.value == "referee":
            team = self._said.get(("team", track))
            if team is not None and team.value:
                raise RefusedError(f"{one.words}, but line {team.line} says: {team.words}.")
            self.table.loc[mine, "team"] = ""
            self.table.loc[mine, "team_score"] = np.float32(0.0)

    def _require_one_wearer(self, one: Correction, track: int) -> None:
        for (kind, other), said in self._said.items():
            same = kind == "number" and said.value == one.value and other != track
            if same and one.value and said is not one and are_rivals(self.table, track, other):
                raise RefusedError(
                    f"{one.words}, but line {said.line} says: {said.words}. They are of one team"
                    " and in view at once."
                )

    def _merge(self, one: Correction, parts: list[list[int]]) -> tuple[int, ...]:
        missing = [str(t) for t, part in zip(one.tracks, parts, strict=True) if not part]
        if missing:
            raise RefusedError(
                f"nobody is tracked any more where track {' and '.join(missing)} was"
            )
        shots: dict[int, list[int]] = {}  # a track ends at a cut, a person does not
        for track in sorted({track for part in parts for track in part}):
            first = int(self._index.frames(track).min())
            shots.setdefault(int(np.searchsorted(self._cuts, first, side="right")), []).append(
                track
            )
        return tuple(self._merge_within(one, ids) for _, ids in sorted(shots.items()))

    def _merge_within(self, one: Correction, ids: list[int]) -> int:
        """One track of several in a shot; its id."""
        keep = ids[0]
        if len(ids) == 1:
            return keep
        table = self.table[self.table["track_id"].isin(ids)]
        doubled = self._doubles(one, table)
        longest = table["track_id"].value_counts().index[0]
        first = table[table["track_id"] == longest].iloc[0]
        for kind in ("role", "team", "number"):
            said = [s for track in ids if (s := self._said.pop((kind, track), None))]
            values = {s.value for s in said}
            if len(values) > 1:
                raise RefusedError(f"{one.words}, but line {said[0].line} says: {said[0].words}.")
            if said:
                self._said[kind, keep] = said[0]
            if kind != "number":
                first = first.copy()
                first[kind] = said[0].value if said else first[kind]
        self.table = self.table.drop(index=doubled)
        mine = self.table["track_id"].isin(ids)
        columns = ["role", "role_score", "team", "team_score"]
        for column in columns:
            self.table.loc[mine, column] = first[column]
        self.table.loc[mine, "track_id"] = keep
        order = ["frame", "track_id"]
        self.table = self.table.sort_values(order, kind="stable", ignore_index=True)
        self._index = TrackIndex(self.table)
        return keep

    def _doubles(self, one: Correction, table: pd.DataFrame) -> list[int]:
        """Rows to leave out where one person had two boxes.

        Raises:
            RefusedError: two boxes of a frame are too far apart to be one person's.
        """
        doubled = []
        for frame, rows in table[table.duplicated("frame", keep=False)].groupby("frame"):
            box = rows[["x1_px", "y1_px", "x2_px", "y2_px"]].to_numpy(np.float64)
            low, high = box[:, :2].max(0), box[:, 2:].min(0)
            inside = float(np.prod(np.clip(high - low, 0, None)))
            areas = np.prod(box[:, 2:] - box[:, :2], axis=1)
            if inside < _DOUBLE_IOU * float(areas.min()):
                raise RefusedError(
                    f"{one.words}, but both are in frame {frame}, in different places"
                )
            best = rows.sort_values(["observed", "score"], ascending=False).index[0]
            doubled += [row for row in rows.index if row != best]
        return doubled

    def _split(self, one: Correction, ids: tuple[int, ...]) -> tuple[int, ...]:
        at_s = one.at_s or 0.0
        made: list[int] = []
        for track in ids:
            mine = (self.table["track_id"] == track).to_numpy()
            later = mine & (self.table["pts_s"] >= at_s - 1e-6).to_numpy()
            if later.any() and not later[mine].all():
                new = int(self.table["track_id"].max()) + 1
                self.table.loc[later, "track_id"] = new
                made += [track, new]
        if made:
            self._index = TrackIndex(self.table)
        return tuple(made) or ids

    def _delete(self, one: Correction, ids: tuple[int, ...]) -> tuple[int, ...]:
        for track in ids:
            for kind in ("role", "team", "number"):
                said = self._said.get((kind, track))
                if said is not None:
                    raise RefusedError(f"{one.words}, but line {said.line} says: {said.words}.")
        gone = self.table["track_id"].isin(ids)
        self._gone.append((self.table[gone], one))
        self.table = self.table[~gone].reset_index(drop=True)
        self._index = TrackIndex(self.table)
        return ids

    def _require_there(self, one: Correction) -> None:
        for table, deleted in self._gone:
            index = TrackIndex(table)
            if one.kind != "delete" and any(index.find(seen) for seen in one.seen):
                raise RefusedError(f"{one.words}, but line {deleted.line} says: {deleted.words}.")
