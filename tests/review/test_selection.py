"""Which frames are worth labelling, and how far Jarvis and a person agree."""

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jarvis_dagster.hockey.datasets.model import Picture
from jarvis_dagster.hockey.detection.base import Detections
from jarvis_dagster.hockey.review.agreement import agreement_of, compare
from jarvis_dagster.hockey.review.second_look import disagreement
from jarvis_dagster.hockey.review.selection import choose
from jarvis_dagster.hockey.review.signals import (
    Candidate,
    VideoTables,
    candidates,
    doubtful_tracks,
)
from tests.review.tables import tracked, walk

FRAMES = 100


def tables(tracks: pd.DataFrame, luma: float = 120.0) -> VideoTables:
    """A quiet video of these tracks, ten frames a second, each box surely a player's."""
    seen = tracks[tracks["observed"]].reset_index(drop=True)
    boxes = seen[["frame", "pts_s", "x1_px", "y1_px", "x2_px", "y2_px", "score", "class"]]
    boxes = boxes.assign(p_goalkeeper=0.01, p_referee=0.01)
    marks = boxes.iloc[:1].assign(score=0.3)  # the least sure box tells the threshold
    frames = np.arange(FRAMES)
    return VideoTables(
        key="game-0123456789ab",
        name="game.mp4",
        width_px=1280,
        height_px=720,
        detections=pd.concat([boxes, marks], ignore_index=True),
        tracks=tracks.assign(detection_row=-1),
        scan=pd.DataFrame({"frame": frames, "pts_s": frames / 10, "luma": luma}),
        kits={"A": (220.0, 220.0, 220.0), "B": (30.0, 20.0, 90.0)},
        model_version="1",
    )


QUIET = tracked(walk(1, 0, FRAMES), walk(2, 0, FRAMES, y=300, team="B"))


def found(video: VideoTables, frame: int) -> tuple[str, ...]:
    """Why a frame is worth a look."""
    return next((one.reasons for one in candidates(video) if one.frame == frame), ())


def test_a_quiet_video_has_nothing_to_teach_but_its_least_sure_box() -> None:
    assert [one.frame for one in candidates(tables(QUIET))] == [0]


def test_doubts_are_found_and_told() -> None:
    video = tables(QUIET)
    boxes = video.detections.copy()
    boxes.loc[boxes["frame"] == 40, "score"] = 0.32
    boxes.loc[boxes["frame"] == 80, ["p_goalkeeper", "p_referee"]] = [0.35, 0.3]
    video = dataclasses.replace(video, detections=boxes)
    assert found(video, 40) == ("2 boxes are hardly sure",)
    assert found(video, 80) == ("2 people may be of another role",)


def test_disagreement_and_broken_rules_are_found_and_told() -> None:
    missed = walk(3, 20, 60, y=500).assign(observed=lambda rows: rows["frame"] != 45)
    crowd = [walk(10 + n, 70, 73, y=60.0 * n) for n in range(8)]
    flip = walk(4, 0, FRAMES, y=650, role="referee", team="")
    flip.loc[flip["frame"] == 90, "class"] = "player"
    video = tables(tracked(QUIET, missed, *crowd, flip))
    assert "1 person was tracked but not detected" in found(video, 45)
    assert any("team A has 9 skaters at once" in why for why in found(video, 70))
    assert "1 person has another role elsewhere" in found(video, 90)


def test_tracks_in_doubt_are_listed_with_their_reason() -> None:
    unsure = walk(5, 0, FRAMES, y=400).assign(role_score=np.float32(0.4), team="", team_score=0.0)
    (row, *others) = doubtful_tracks(tables(tracked(QUIET, unsure)))
    assert (row["track"], others) == (5, [])
    assert row["why"] == "role player is 40% sure and its team is not known"


def candidate(video: str, frame: int, score: float, look: str = "") -> Candidate:
    return Candidate(video, frame, frame / 10, {"unsure": score}, ("why",), look)


def test_the_choice_is_spread_over_videos_and_time() -> None:
    rich = [candidate("a", frame, 4.0) for frame in range(0, 1000, 10)]
    poor = [candidate("b", frame, 3.0) for frame in range(0, 1000, 10)]
    chosen = [choice.candidate for choice in choose([*rich, *poor], 10, gap_s=5)]
    videos = [one.video for one in chosen]
    assert videos[0] == "a"
    assert 3 <= videos.count("b") <= 5
    for video in "ab":
        times = sorted(one.pts_s for one in chosen if one.video == video)
        assert (np.diff(times) >= 5).all()


def test_what_was_labelled_before_is_not_chosen_again() -> None:
    frames = [candidate("a", frame, 4.0) for frame in range(0, 200, 10)]
    chosen = choose(frames, 99, gap_s=5, taken=[("a", 10.0)])
    assert all(abs(choice.candidate.pts_s - 10) >= 5 for choice in chosen)


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.integers(0, 300), st.floats(0.5, 4)), max_size=40
    ),
    st.integers(0, 12),
)
def test_any_choice_is_bounded_apart_and_begins_with_the_best(
    rows: list[tuple[str, int, float]], count: int
) -> None:
    frames = [candidate(*row) for row in rows]
    chosen = [choice.candidate for choice in choose(frames, count, gap_s=3)]
    assert len(chosen) <= count
    for number, one in enumerate(chosen):
        same = [other for other in chosen[:number] if other.video == one.video]
        assert all(abs(one.pts_s - other.pts_s) >= 3 for other in same)
    if chosen:
        assert chosen[0].score == max(one.score for one in frames)


def picture(*boxes: tuple[str, float, float]) -> Picture:
    """Boxes of 100 by 200 px at places of a picture of 1000 by 1000."""
    sides = [[x / 1000, y / 1000, (x + 100) / 1000, (y + 200) / 1000] for _, x, y in boxes]

    return Picture(
        Path("a.jpg"),
        "a.jpg",
        "ab" * 32,
        "game",
        (1000, 1000),
        tuple(kind for kind, _, _ in boxes),
        np.array(sides, np.float64).reshape(-1, 4),
    )


def test_agreement_counts_what_a_person_did() -> None:
    before = picture(("player", 0, 0), ("player", 200, 0), ("player", 400, 0), ("player", 600, 0))
    after = picture(
        ("player", 0, 0), ("player", 215, 0), ("referee", 400, 0), ("goalkeeper", 800, 0)
    )
    done = compare(before, after).figures()
    assert (done["kept"], done["moved"]) == (1, 1)
    assert done["renamed"] == {"player -> referee": 1}
    assert (done["added"], done["removed"]) == ({"goalkeeper": 1}, {"player": 1})
    assert done["agreement"] == pytest.approx(4 / 8)
    assert done["box_agreement"] == pytest.approx(6 / 8)
    assert done["role_agreement"] == pytest.approx(2 / 3, abs=1e-4)


def test_agreement_of_nothing_says_nothing() -> None:
    figures = agreement_of([compare(picture(), picture())]).figures()
    assert (figures["pictures"], figures["agreement"], figures["mean_iou"]) == (1, None, None)
    total = agreement_of([compare(picture(), picture(("player", 0, 0)))] * 2).figures()
    assert (total["added"], total["agreement"]) == ({"player": 2}, 0.0)


class Mirrored:
    """Finds the bright box of a picture, and in a mirrored one another one, too."""

    def __init__(self, also: bool) -> None:
        self.also = also

    def detect(self, images: list[np.ndarray]) -> list[Detections]:
        answers = []
        for number, image in enumerate(images):
            rows, columns = np.nonzero(image[..., 0])
            boxes = [[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]]
            if self.also and number:
                boxes.append([0, 0, 8, 8])
            count = len(boxes)
            answers.append(
                Detections(
                    np.array(boxes, np.float32),
                    np.full(count, 0.9, np.float32),
                    np.zeros(count, np.int64),
                    np.tile(np.array([1, 0, 0], np.float32), (count, 1)),
                )
            )
        return answers


@pytest.mark.parametrize(("also", "apart"), [(False, 0), (True, 1)])
def test_two_looks_are_compared_in_one_picture(also: bool, apart: int) -> None:
    image = np.zeros((60, 100, 3), np.uint8)
    image[20:50, 10:30] = 200
    assert disagreement(Mirrored(also), image) == (apart, 1)  # type: ignore[arg-type]
