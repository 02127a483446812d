"""Numbers on painted backs, from boxes to the table."""

import json

import cv2
import numpy as np
import pandas as pd
import pytest

from jarvis_dagster.hockey.jerseys import SURE, read_jerseys
from jarvis_dagster.hockey.jerseys.crops import choose_boxes, upper_body
from jarvis_dagster.hockey.jerseys.patches import find_patches
from jarvis_dagster.hockey.jerseys.reading import NumberReader, in_first_parts, near_enough
from jarvis_dagster.hockey.tables import JERSEYS, TRACKS
from tests.media import write_video

SIZE = (480, 270)


def back(canvas: np.ndarray, x: int, y: int, text: str, cloth, ink, lean: float = 0.0) -> None:
    """A person of about 110 px seen from behind, head at x, y."""
    cv2.circle(canvas, (x, y + 8), 9, (30, 30, 30), -1, cv2.LINE_AA)
    cv2.rectangle(canvas, (x - 24, y + 16), (x + 24, y + 66), cloth, -1)
    cv2.rectangle(canvas, (x - 17, y + 66), (x + 17, y + 108), (40, 30, 30), -1)
    if text:
        font, thick = cv2.FONT_HERSHEY_DUPLEX, 3
        (wide, tall), _ = cv2.getTextSize(text, font, 0.8, thick)
        layer = np.zeros(canvas.shape[:2], np.uint8)
        at = (x - wide // 2, y + 40 + tall // 2)
        cv2.putText(layer, text, at, font, 0.8, 255, thick, cv2.LINE_AA)
        turn = cv2.getRotationMatrix2D((x, y + 40), -lean, 1.0)
        share = cv2.warpAffine(layer, turn, layer.shape[::-1])[..., None] / 255
        canvas[:] = (canvas * (1 - share) + np.array(ink) * share).astype(np.uint8)


PEOPLE = [  # x, number, cloth, ink, team
    (60, "26", (150, 40, 30), (245, 245, 245), "B"),
    (150, "9", (240, 240, 240), (40, 30, 160), "A"),
    (240, "", (240, 240, 240), (40, 30, 160), "A"),
    (330, "47", (40, 34, 170), (250, 250, 250), "B"),
]


def film(frames: int = 8) -> tuple[list[np.ndarray], pd.DataFrame]:
    """Frames half a second apart, and the tracks of who is in them."""
    images, rows = [], []
    for frame in range(frames):
        image = np.full((SIZE[1], SIZE[0], 3), (232, 228, 224), np.uint8)
        for track, (x, text, cloth, ink, team) in enumerate(PEOPLE, 1):
            at = x + 3 * frame
            back(image, at, 80, text, cloth, ink, lean=4.0 * (frame % 3 - 1))
            box = (at - 26.0, 78.0, at + 26.0, 190.0)
            rows.append(
                dict(zip(("x1_px", "y1_px", "x2_px", "y2_px"), box, strict=True))
                | {"frame": frame, "pts_s": frame / 2, "track_id": track, "team": team}
            )
        images.append(image)
    table = pd.DataFrame(rows).assign(
        score=0.9, observed=True, role="player", role_score=1.0, team_score=1.0
    )
    table["class"] = "player"
    return images, table[list(TRACKS)].astype(TRACKS)


def test_numbers_of_tracks_with_evidence(tmp_path):
    images, tracks = film()
    video = write_video(tmp_path / "v.mp4", images, fps=2, options={"crf": "12"})
    done = []
    found = read_jerseys(video, tracks, threads=1, progress=lambda *at: done.append(at))
    assert list(found.table.columns) == list(JERSEYS)
    sure = found.table[found.table["probability"] >= SURE].set_index("track_id")
    assert sure["number"].to_dict() == {1: "26", 2: "9", 4: "47"}
    assert 3 not in set(found.table["track_id"])
    evidence = json.loads(sure.loc[1, "evidence"])
    assert {one["frame"] for one in evidence["read"]} <= set(range(8))
    assert sum(one["read"] == "26" for one in evidence["read"]) >= 3
    assert found.sheet is not None
    assert found.tracks == 4
    assert found.pictures == 32
    assert done[-1] == (8, 8)
    assert found.support["numbers_sure"] == 3


def test_people_too_small_to_read_are_not_supported(tmp_path):
    images, tracks = film(2)
    tracks["y2_px"] = tracks["y1_px"] + 40
    video = write_video(tmp_path / "v.mp4", images, fps=2)
    found = read_jerseys(video, tracks, threads=1)
    assert len(found.table) == 0
    assert found.support["supported"] is False
    assert "56 pixels" in found.support["reason"]


def test_boxes_are_chosen_large_clear_and_apart():
    _, tracks = film()
    tracks["pts_s"] = tracks["frame"] / 30
    tracks.loc[tracks["track_id"] == 4, "role"] = "referee"
    tracks.loc[(tracks["track_id"] == 1) & (tracks["frame"] == 5), "y2_px"] += 6
    crowded = tracks[tracks["track_id"] == 2].assign(track_id=9, x1_px=lambda t: t["x1_px"] + 8)
    both = pd.concat([tracks, crowded], ignore_index=True)
    chosen = choose_boxes(both, per_track=3, apart_s=0.1, size_px=SIZE)
    assert set(chosen["track_id"]) == {1, 3}  # covered, or an official
    mine = chosen[chosen["track_id"] == 1]
    assert 5 in set(mine["frame"])
    assert mine["pts_s"].diff().dropna().min() >= 0.1 - 1e-9
    assert len(chosen.groupby("track_id").filter(lambda rows: len(rows) > 3)) == 0


@pytest.mark.parametrize("lean", [-14.0, 0.0, 14.0])
def test_digits_are_found_and_turned_level(lean):
    image = np.full((140, 100, 3), (230, 228, 226), np.uint8)
    back(image, 50, 10, "83", (60, 110, 20), (250, 250, 250), lean)
    body = upper_body(image, np.array([24.0, 8.0, 76.0, 120.0]))
    patches = find_patches(body)
    assert patches
    chances = NumberReader(threads=1).chances([body])
    assert chances.argmax() == 83
    assert chances[0, 83] > 0.6


def test_cloth_without_a_number_has_no_digits():
    image = np.full((140, 100, 3), (230, 228, 226), np.uint8)
    back(image, 50, 10, "", (60, 110, 20), (250, 250, 250))
    body = upper_body(image, np.array([24.0, 8.0, 76.0, 120.0]))
    chances = NumberReader(threads=1).chances([body])
    assert chances[0, 0] > 0.6


@pytest.mark.parametrize("group", [15, 30, 75, 250, 3000])
def test_a_fifth_of_a_long_video_is_looked_into_however_it_is_grouped(group):
    frames, keys = np.arange(9000), list(range(0, 9000, group))
    looked = in_first_parts(frames, keys, 9000, 30.0)
    assert looked[:30].all()
    assert 0.19 < looked.mean() < 0.21
    # In one piece from the beginning of a group: what lies before has to be decoded anyway.
    begun = np.flatnonzero(looked & ~np.r_[False, looked[:-1]])
    assert set(begun) <= set(keys)


def test_all_of_a_short_video_is_looked_into():
    assert in_first_parts(np.arange(900), [0, 250, 500, 750], 900, 30.0).all()
    assert in_first_parts(np.arange(9000), [], 9000, 30.0).all()


def test_late_pictures_are_worth_so_many_frames_of_decoding():
    keys, chosen = [0, 250, 500], np.array([0, 30, 260, 280])
    late = np.array([50, 60, 249, 400, 600, 610, 620, 630, 749])
    # 20 frames for one and 10 for another, but not 189, 120, or 131 for four.
    expected = [True, True, False, False, False, False, False, False, False]
    assert near_enough(late, chosen, keys).tolist() == expected
    more = np.array([570, 571, 572, 573, 749])
    assert near_enough(more, chosen, keys).tolist() == [True, True, True, True, False]
    assert near_enough(more[:0], chosen, keys).tolist() == []
    assert near_enough(np.array([20]), chosen[:0], []).tolist() == [True]
