"""The camera of a whole video, from the marks in some of its frames.

Belongs here: which frames are looked at, how one frame's camera helps with the next, and where
the result holds. Does not belong here: one picture (``search``), files.

A broadcast camera turns and zooms but does not walk: once it is found in one frame, only where
it looks is searched for in the others. Within a shot a frame is first tried with the camera of
the frame before, turned by the motion between the two. Nothing is carried across a cut.
"""

from __future__ import annotations

import dataclasses
import itertools
from typing import TYPE_CHECKING

import numpy as np

from jarvis_dagster.hockey.rink.motion import Motion
from jarvis_dagster.hockey.rink.refine import Prior, refine
from jarvis_dagster.hockey.rink.residuals import Seen
from jarvis_dagster.hockey.rink.search import Fit, find_camera, judge

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from jarvis_dagster.hockey.rink.evidence import Evidence
    from jarvis_dagster.hockey.rink.geometry import Rink

    Array = NDArray[np.float64]

__all__ = ["KeyFrame", "follow", "key_frame_numbers", "key_frame_step"]

NOT_TRIED = "not looked for"
_EVERY_S = 0.4
_ROUGH_EXPLAINED, _ROUGH_SUPPORTED, _ROUGH_FT = 0.42, 0.55, 6.0
_APART_SHARE = 0.06  # of the width: pictures that differ less are not two opinions
_COLD_TRIES = 3  # full searches in one shot before it is given up
_FAILURES = 6  # shots in a row without a camera, after which each is searched once
_SURE_FT = 3.0
_KNOWN_EXPLAINED = 0.5  # enough where it is known where the camera stands
_SLACK_FT = 0.6  # how far a camera that was placed from many frames may be from there
_FIRST_SLACK_FT = 1.5


@dataclasses.dataclass(eq=False)
class KeyFrame:
    """A frame that was looked at, what was seen, and the camera found; None: not found."""

    frame: int
    evidence: Evidence
    fit: Fit | None = None
    reason: str = NOT_TRIED
    searched: dict[str, Fit | None] = dataclasses.field(default_factory=dict)
    """By name of the rink, what the search found that knows nothing of other pictures."""

    def search(self, rink: Rink) -> Fit | None:
        """What a search that knows nothing of other pictures finds."""
        if rink.name not in self.searched:
            self.searched[rink.name] = find_camera(self.evidence, rink)
        return self.searched[rink.name]


def key_frame_step(fps: float) -> int:
    """Every how many frames one is looked at."""
    return max(1, round(_EVERY_S * fps))


def key_frame_numbers(scan: pd.DataFrame, every: int) -> list[list[int]]:
    """Frames to look at, shot by shot: the first and last of each, and every ``every``-th.

    Counted from the video's first frame, so that frames can be looked at before it is known
    where shots end.
    """
    cuts = scan.loc[scan["is_cut"].astype(bool), "frame"].tolist()
    edges = sorted({0, *(int(cut) for cut in cuts), len(scan)})
    return [
        sorted({first, *range(-(-first // every) * every, after, every), after - 1})
        for first, after in itertools.pairwise(edges)
    ]


def follow(
    shots: Sequence[Sequence[KeyFrame]],
    scan: pd.DataFrame,
    rink: Rink,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Find the camera of each key frame, in place.

    Args:
        shots: Key frames of each shot, in order.
        scan: SCAN, for the camera's motion between key frames.
    """
    motion = Motion(scan)
    known: Array | None = None
    done, total = 0, sum(len(shot) for shot in shots)
    failed = 0
    for shot in shots:
        # Where nothing is found again and again there is little to find: one look is enough.
        tries = _COLD_TRIES if failed < _FAILURES else 1
        known = _follow_shot(shot, motion, rink, known, tries)
        failed = 0 if any(key.fit is not None and key.fit.valid for key in shot) else failed + 1
        done += len(shot)
        if progress is not None:
            progress(done, total)


def _follow_shot(
    shot: Sequence[KeyFrame], motion: Motion, rink: Rink, known: Array | None, tries: int
) -> Array | None:
    """Fit one shot; returns the place of the camera for the next, if one was found."""
    start, place = _first_fit(shot, rink, known, motion, tries)
    settled = known is not None and place is known
    if start is None:
        tried = [key.reason for key in shot if key.reason != NOT_TRIED]
        for key in shot:
            key.fit = None
            if key.reason == NOT_TRIED:
                key.reason = max(tried, key=tried.count, default=NOT_TRIED)
        return known
    # From the surest frame forwards and backwards.
    for order in (range(start + 1, len(shot)), range(start - 1, -1, -1)):
        last: KeyFrame | None = shot[start]
        for index in order:
            key = shot[index]
            _fit_from(key, last, motion, rink, place, _SLACK_FT if settled else _FIRST_SLACK_FT)
            if key.fit is not None and key.fit.valid:
                last = key
    if not settled:
        place = _settle(shot, rink, place)
    _drop_contradictions(shot, motion)
    return place


def _first_fit(
    shot: Sequence[KeyFrame], rink: Rink, known: Array | None, motion: Motion, tries: int
) -> tuple[int | None, Array]:
    """The index of a frame whose camera is sure, and where the camera stands."""
    nothing = np.zeros(7) if known is None else known
    order = sorted(range(len(shot)), key=lambda i: -Seen.of(shot[i].evidence).mass)
    order = _apart(order, len(shot))[:tries]
    if known is not None:
        for index in order:
            fit = find_camera(shot[index].evidence, rink, known=known)
            if fit is not None and fit.valid and fit.explained > 0.75:
                shot[index].fit = fit
                return index, known
    best: tuple[float, int] | None = None
    for index in order:
        fit = shot[index].search(rink)
        shot[index].fit = fit
        shot[index].reason = "no marks of a rink in view" if fit is None else fit.reason
        if fit is not None and fit.valid:
            score = fit.explained + fit.supported - 0.05 * fit.error_ft
            if best is None or score > best[0]:
                best = score, index
            if fit.explained > 0.85 and fit.supported > 0.8 and fit.error_ft < _SURE_FT:
                break
    if best is None:
        best = _two_agree([shot[index] for index in order], order, motion)
    if best is None:
        return None, nothing
    found = shot[best[1]].fit
    assert found is not None
    return best[1], found.pose


def _two_agree(tried: list[KeyFrame], order: list[int], motion: Motion) -> tuple[float, int] | None:
    """The better of two doubtful fits that confirm each other.

    They were found apart from each other, in pictures that differ, and fit the motion between
    the two: by chance that does not happen.
    """
    rough = [
        (key, index)
        for key, index in zip(tried, order, strict=True)
        if key.fit is not None
        and key.fit.explained > _ROUGH_EXPLAINED
        and key.fit.supported > _ROUGH_SUPPORTED
        and key.fit.error_ft < _ROUGH_FT
    ]
    for (one, i), (two, k) in itertools.combinations(rough, 2):
        matrix = motion.between(one.frame, two.frame)
        if matrix is None or not motion.agrees(one, two):
            continue
        width, height = one.evidence.size_px
        middle = np.array([width / 2, height / 2, 1.0])
        if np.hypot(*((matrix @ middle) - middle)[:2]) < _APART_SHARE * width:
            continue
        better, index = max(((one, i), (two, k)), key=lambda pair: pair[0].fit.explained)  # type: ignore[union-attr]
        assert better.fit is not None
        better.fit, better.reason = dataclasses.replace(better.fit, reason=""), ""
        return better.fit.explained, index
    return None


def _apart(order: list[int], count: int) -> list[int]:
    """``order`` with neighbours of what came earlier moved to the end."""
    first: list[int] = []
    for index in order:
        if all(abs(index - other) > count / 6 for other in first):
            first.append(index)
    return [*first, *(index for index in order if index not in first)]


def _fit_from(
    key: KeyFrame,
    last: KeyFrame | None,
    motion: Motion,
    rink: Rink,
    place: Array,
    slack_ft: float,
) -> None:
    """Fit ``key`` from the camera of ``last``, and by search where that fails."""
    evidence = key.evidence
    seen = Seen.of(evidence)
    key.fit, key.reason = None, "no marks of a rink in view"
    if len(seen) < 12 or evidence.ice_share < 0.05:
        return
    starts = []
    if last is not None and last.fit is not None:
        starts = [motion.turned(last.fit.pose, last.frame, key.frame, evidence.size_px)]
        prior = Prior.same_place(place, slack_ft)
        fitted = refine(
            np.array(starts),
            rink,
            seen,
            evidence.size_px,
            evidence.unit_px,
            prior,
            widths=(12.0, 5.0, 2.0),
            rounds=3,
        )
        fit = judge(fitted[0], evidence, rink, prior, least=_KNOWN_EXPLAINED)
        if fit.valid and (
            fit.explained > 0.7 or motion.agrees(last, KeyFrame(key.frame, evidence, fit))
        ):
            key.fit, key.reason = fit, ""
            return
    found = find_camera(evidence, rink, known=place, near=np.array(starts) if starts else None)
    key.fit = found
    key.reason = key.reason if found is None else found.reason


def _settle(shot: Sequence[KeyFrame], rink: Rink, place: Array) -> Array:
    """Agree on one place of the camera, and fit all frames again from there."""
    good = [key for key in shot if key.fit is not None and key.fit.valid]
    if not good:
        return place
    poses = np.array([key.fit.pose for key in good if key.fit is not None])
    spread = np.array([np.diag(key.fit.covariance)[:3] for key in good if key.fit is not None])
    weights = 1 / (spread + 0.5)
    settled = poses[int(np.argmin(spread.sum(axis=1)))].copy()
    settled[:3] = (poses[:, :3] * weights).sum(axis=0) / weights.sum(axis=0)
    if len(good) < 2:
        return settled
    prior = Prior.same_place(settled, _SLACK_FT)
    for key in good:
        assert key.fit is not None
        evidence = key.evidence
        seen = Seen.of(evidence)
        pose = refine(
            key.fit.pose[None],
            rink,
            seen,
            evidence.size_px,
            evidence.unit_px,
            prior,
            widths=(4.0, 2.0),
            rounds=3,
        )[0]
        key.fit = judge(pose, evidence, rink, prior, least=_KNOWN_EXPLAINED)
        key.reason = key.fit.reason
    return settled


def _drop_contradictions(shot: Sequence[KeyFrame], motion: Motion) -> None:
    """Give up frames whose camera jumped against the motion of the picture."""
    good = [key for key in shot if key.fit is not None and key.fit.valid]
    votes = {key.frame: [0, 0] for key in good}
    for before, after in itertools.pairwise(good):
        assert before.fit is not None
        assert after.fit is not None
        agrees = motion.agrees(before, after)
        if agrees is None:
            continue
        for key in (before, after):
            votes[key.frame][0 if agrees else 1] += 1
    for key in good:
        yes, no = votes[key.frame]
        if no > yes and key.fit is not None:
            reason = "the camera found contradicts the motion of the picture"
            key.fit, key.reason = dataclasses.replace(key.fit, reason=reason), reason
