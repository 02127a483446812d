"""The scan measures what is there: motion, cuts, light, change, ice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from jarvis_dagster.hockey.preflight import ICE_SHARE, scan_video
from jarvis_dagster.hockey.tables import SCAN
from jarvis_dagster.hockey.video import probe
from tests import media

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

SIZE = (640, 360)


def _scan(path: Path, frames: list[media.Image], **options: object) -> pd.DataFrame:
    return scan_video(media.write_video(path / "a.mp4", frames, **options))  # type: ignore[arg-type]


def _other_place(count: int) -> list[media.Image]:
    """A close-up of another part, of another colour."""
    still = cv2.flip(media.arena(seed=9), 1)
    tinted = cv2.addWeighted(still, 0.5, np.full_like(still, (40, 90, 60)), 0.5, 0)
    return [media.window(tinted, 900 + 2 * i, 60, SIZE, zoom=1.8) for i in range(count)]


def test_the_table(tmp_path: Path) -> None:
    calls: list[tuple[int, int]] = []
    path = media.write_video(tmp_path / "a.mp4", media.pan(12, SIZE), fps=25)
    scan = scan_video(path, progress=lambda done, total: calls.append((done, total)))
    assert [*scan.columns] == [*SCAN, ICE_SHARE]
    assert scan["frame"].tolist() == list(range(12))
    assert scan["pts_s"].tolist() == pytest.approx([i / 25 for i in range(12)])
    assert {name: str(scan[name].dtype) for name in SCAN} == SCAN
    assert not scan["motion_ok"][0]
    assert calls[-1] == (12, 12)


@pytest.mark.parametrize("step", [(0.0, 0.0), (6.0, 0.0), (-14.0, 3.0), (2.5, -1.5)])
def test_a_pan_in_source_pixels(tmp_path: Path, step: tuple[float, float]) -> None:
    """The picture moves against the camera."""
    still = media.arena()
    x, y = 500, 120
    frames = [media.window(still, x + i * step[0], y + i * step[1], SIZE) for i in range(20)]
    scan = _scan(tmp_path, frames)[1:]
    assert scan["motion_ok"].all()
    assert scan["dx_px"].median() == pytest.approx(-step[0], abs=0.25)
    assert scan["dy_px"].median() == pytest.approx(-step[1], abs=0.25)
    assert scan["dx_px"].sum() == pytest.approx(-19 * step[0], abs=3)
    assert scan["scale"].prod() == pytest.approx(1.0, abs=0.01)


def test_a_zoom(tmp_path: Path) -> None:
    """Zooming by 1 % a frame about the middle of the picture."""
    still = media.arena()
    frames = []
    for i in range(20):
        zoom = 1.01**i
        corner = 900 - SIZE[0] / 2 / zoom, 330 - SIZE[1] / 2 / zoom
        frames.append(media.window(still, *corner, SIZE, zoom=zoom))
    scan = _scan(tmp_path, frames)[1:]
    assert scan["motion_ok"].all()
    assert scan["scale"].median() == pytest.approx(1.01, abs=0.0015)
    middle = np.array([SIZE[0] / 2, SIZE[1] / 2])
    moved = scan["scale"].to_numpy()[:, None] * middle + scan[["dx_px", "dy_px"]].to_numpy()
    assert np.abs(np.median(moved - middle, axis=0)).max() < 0.5


def test_players_do_not_pull_the_camera_along(tmp_path: Path) -> None:
    frames = media.pan(20, SIZE, step=(4.0, 0.0))
    rng = np.random.default_rng(4)
    skaters = [
        (rng.integers(40, 560), rng.integers(150, 290), rng.integers(-7, 8)) for _ in range(10)
    ]
    for index, image in enumerate(frames):
        for x, y, speed in skaters:
            left = int(x + speed * index)
            cv2.rectangle(image, (left, int(y)), (left + 16, int(y) + 40), (40, 60, 160), -1)
            cv2.circle(image, (left + 8, int(y) - 6), 7, (240, 240, 240), -1)
    scan = _scan(tmp_path, frames)[1:]
    assert scan["motion_ok"].all()
    assert scan["dx_px"].sum() == pytest.approx(-19 * 4.0, abs=4)


def test_a_score_bug_does_not_hold_the_camera(tmp_path: Path) -> None:
    """An overlay with strong corners that stands still over a moving picture."""
    frames = media.pan(20, SIZE, step=(5.0, 0.0))
    for image in frames:
        cv2.rectangle(image, (20, 16), (250, 60), (20, 20, 20), -1)
        for row in (34, 54):
            place = (26, row)
            cv2.putText(image, "HOME 2 AWAY 1 P3", place, 0, 0.7, (255, 255, 255), 2)
    scan = _scan(tmp_path, frames)[1:]
    assert scan["dx_px"].median() == pytest.approx(-5.0, abs=0.3)


def test_hard_cuts(tmp_path: Path) -> None:
    frames = media.pan(25, SIZE) + _other_place(25) + media.pan(25, SIZE, (-4.0, 0.0))
    scan = _scan(tmp_path, frames)
    assert scan["frame"][scan["is_cut"]].tolist() == [25, 50]
    assert not scan["motion_ok"][[25, 50]].any()
    assert scan["motion_ok"].drop([0, 25, 50]).all()


@pytest.mark.parametrize("length", [4, 10])
@pytest.mark.parametrize("kind", ["dissolve", "wipe"])
def test_dissolves_and_wipes(tmp_path: Path, length: int, kind: str) -> None:
    before, after = media.pan(30 + length, SIZE), _other_place(30 + length)
    between = []
    for i in range(length):
        part = (i + 1) / (length + 1)
        old, new = before[30 + i], after[i]
        if kind == "dissolve":
            between.append(cv2.addWeighted(old, 1 - part, new, part, 0))
        else:
            edge = round(part * SIZE[0])
            between.append(np.hstack([new[:, :edge], old[:, edge:]]))
    scan = _scan(tmp_path, before[:30] + between + after[length:])
    cuts = scan["frame"][scan["is_cut"]].tolist()
    assert len(cuts) == 1
    assert 28 <= cuts[0] <= 32 + length


def test_flashes_and_pans_are_no_cuts(tmp_path: Path) -> None:
    """A photographer's flash burns out one or two frames; the camera pans on."""
    frames = media.pan(50, SIZE, step=(16.0, 0.0))
    for index in (15, 30, 31):
        frames[index] = cv2.convertScaleAbs(frames[index], alpha=1.0, beta=130)
        frames[index][: SIZE[1] // 3] = 255
    scan = _scan(tmp_path, frames)
    assert not scan["is_cut"].any()
    assert scan["motion_ok"][1:].all()
    assert scan["dx_px"][1:].sum() == pytest.approx(-49 * 16, abs=10)


def test_light_sharpness_and_change(tmp_path: Path) -> None:
    clear = media.pan(6, SIZE, (0.0, 0.0))
    soft = [cv2.GaussianBlur(image, (0, 0), 6) for image in clear]
    dark = [image // 6 for image in clear]
    scan = _scan(tmp_path, clear + soft + dark)
    parts = [scan[6 * i : 6 * i + 6] for i in range(3)]
    assert parts[1]["sharpness"].median() < 0.15 * parts[0]["sharpness"].median()
    assert parts[2]["luma"].median() < 0.35 * parts[0]["luma"].median()
    assert scan["difference"][[6, 12]].min() > 10 * scan["difference"][1:6].max()
    assert scan["difference"][0] == 0


def test_ice(tmp_path: Path) -> None:
    """Ice is bright, colourless and smooth; crowd, grass and noise are not ice."""
    still = media.arena()
    ice = [media.window(still, 300, 320, SIZE)]
    crowd = [media.window(still, 300, 0, (640, 300))[:, :640]]
    grass = [np.full((360, 640, 3), (60, 160, 80), np.uint8)]
    shares = []
    for name, frames in (("ice", ice), ("crowd", crowd), ("grass", grass)):
        path = media.write_video(tmp_path / f"{name}.mp4", frames * 3)
        shares.append(float(scan_video(path)[ICE_SHARE].median()))
    assert shares[0] > 0.6
    assert shares[1] < 0.1
    assert shares[2] < 0.02


def test_portrait_and_odd_sizes(tmp_path: Path) -> None:
    still = media.arena()
    upright = [media.window(still, 400 + 5 * i, 100, (404, 720)) for i in range(8)]
    stored = [np.ascontiguousarray(np.rot90(image, -1)) for image in upright]
    path = media.write_video(tmp_path / "a.mp4", stored, rotation_deg=90)
    assert probe(path).width_px == 404
    scan = scan_video(path)[1:]
    assert scan["dx_px"].median() == pytest.approx(-5, abs=0.4)
    assert scan["dy_px"].median() == pytest.approx(0, abs=0.4)
