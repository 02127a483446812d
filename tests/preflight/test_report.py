"""Every finding appears on footage that has the fault, and not on footage without."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey import tables
from jarvis_dagster.hockey.preflight import STATISTICS, plot_preflight, preflight, scan_video
from jarvis_dagster.hockey.video import probe
from tests import media

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SIZE = (1280, 720)
Frames = list[media.Image]


def _shaky(count: int, size: tuple[int, int] = SIZE) -> Frames:
    """A camera that never stands quite still."""
    still = media.arena()
    return [media.window(still, 200 + 3 * i, 180 + 2 * np.sin(i), size) for i in range(count)]


@pytest.fixture(scope="module")
def footage() -> Frames:
    return _shaky(40)


@pytest.fixture
def report(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    def made(frames: Frames, **options: Any) -> dict[str, Any]:
        path = media.write_video(tmp_path / "game.mp4", frames, **options)
        return preflight(probe(path), scan_video(path))

    return made


def _codes(report: dict[str, Any]) -> dict[str, Any]:
    return {finding["code"]: finding for finding in report["findings"]}


def test_good_footage(footage: Frames, report: Callable[..., dict[str, Any]]) -> None:
    result = report(footage)
    assert result["findings"] == []
    assert tuple(result["grades"]) == STATISTICS
    assert result["grades"]["detections"]["grade"] == "A"
    assert result["grades"]["tracks"]["grade"] == "A"
    assert result["grades"]["positions"]["grade"] == "not supported"
    assert "calibration" in result["grades"]["positions"]["reasons"][0]
    assert result["measures"]["rink_share"] == 1.0
    assert "Nothing stands in the way" in result["summary"]
    assert json.loads(json.dumps(result)) == result
    for grade in result["grades"].values():
        assert grade["reasons"]


def test_a_calibration_supports_positions(tmp_path: Path, footage: Frames) -> None:
    path = media.write_video(tmp_path / "game.mp4", footage)
    grades = preflight(probe(path), scan_video(path), calibrated=True)["grades"]
    assert grades["positions"]["grade"] in ("A", "B")
    assert grades["speeds"]["grade"] in ("A", "B")


def test_the_puck_is_supported_where_a_detector_looks_for_it(
    tmp_path: Path, footage: Frames
) -> None:
    path = media.write_video(tmp_path / "game.mp4", footage[:8])
    info, scan = probe(path), scan_video(path)
    assert preflight(info, scan, pucks=True)["grades"]["puck"]["grade"] == "B"
    without = preflight(info, scan)["grades"]["puck"]
    assert without["grade"] == "not supported"
    assert "detector" in without["reasons"][0]


def test_variable_frame_rate(footage: Frames, report: Callable[..., dict[str, Any]]) -> None:
    times = np.cumsum([0, *([0.020, 0.046] * 20)])[:40].tolist()
    result = report(footage, times_s=times)
    finding = _codes(result)["variable_frame_rate"]
    assert "21.7 to 50.0" in finding["text"]
    assert "dropped_frames" not in _codes(result)


def test_dropped_frames(footage: Frames, report: Callable[..., dict[str, Any]]) -> None:
    kept = [i for i in range(40) if i not in (12, 13, 14, 30)]
    finding = _codes(report([footage[i] for i in kept], times_s=[i / 30 for i in kept]))
    assert finding["dropped_frames"]["value"] == 4
    assert "2 places" in finding["dropped_frames"]["text"]


def test_repeated_frames(footage: Frames, report: Callable[..., dict[str, Any]]) -> None:
    pulled = [footage[i - i // 5] for i in range(40)]
    result = report(pulled)
    assert _codes(result)["repeated_frames"]["value"] == pytest.approx(7 / 39, abs=0.03)
    assert "frozen_picture" not in _codes(result)


def test_a_frozen_picture(footage: Frames, report: Callable[..., dict[str, Any]]) -> None:
    result = report(footage[:20] + [footage[20]] * 24 + footage[20:30])
    assert _codes(result)["frozen_picture"]["value"] == pytest.approx(0.8, abs=0.1)


def test_blur(footage: Frames, report: Callable[..., dict[str, Any]]) -> None:
    soft = [cv2.GaussianBlur(image, (0, 0), 14) for image in footage[:14]]
    result = report(soft + footage[14:])
    assert _codes(result)["blur"]["value"] == pytest.approx(14 / 40, abs=0.06)
    assert result["grades"]["detections"]["grade"] == "B"


@pytest.mark.parametrize(
    ("code", "change"),
    [
        ("dark_frames", lambda image: image // 6),
        ("blown_frames", lambda image: cv2.convertScaleAbs(image, alpha=0.15, beta=215)),
    ],
)
def test_exposure(
    footage: Frames,
    report: Callable[..., dict[str, Any]],
    code: str,
    change: Callable[[media.Image], media.Image],
) -> None:
    result = report([change(image) for image in footage])
    assert _codes(result)[code]["severity"] == "serious"
    assert result["grades"]["detections"]["grade"] in ("C", "D")


def test_flashes(footage: Frames, report: Callable[..., dict[str, Any]]) -> None:
    frames = [image.copy() for image in footage]
    for index in (10, 25):
        frames[index] = cv2.convertScaleAbs(frames[index], beta=120)
    result = report(frames)
    assert _codes(result)["flashes"]["value"] == 2
    assert "camera_cuts" not in _codes(result)


def test_camera_cuts(footage: Frames, report: Callable[..., dict[str, Any]]) -> None:
    other = [
        cv2.flip(media.window(media.arena(seed=8), 900, 100 + i, SIZE, 1.6), 1) // 2
        for i in range(20)
    ]
    result = report(footage[:20] + other + footage[20:])
    assert _codes(result)["camera_cuts"]["value"] == 2
    assert result["grades"]["tracks"]["grade"] in ("C", "D")
    assert any("identities" in reason for reason in result["grades"]["tracks"]["reasons"])


def test_no_rink(report: Callable[..., dict[str, Any]]) -> None:
    still = cv2.resize(media.arena()[:300], (2400, 1100))
    lawn = [media.window(still, 100 + 3 * i, 100, SIZE) for i in range(20)]
    result = report(lawn)
    assert _codes(result)["rink_share"]["severity"] == "serious"
    assert {grade["grade"] for grade in result["grades"].values()} == {"not supported"}
    assert "No statistic" in result["summary"]


def test_low_resolution_and_rate(report: Callable[..., dict[str, Any]]) -> None:
    result = report(_shaky(20, (426, 240)), fps=12)
    assert {"low_resolution", "low_frame_rate"} <= set(_codes(result))
    assert result["grades"]["puck"]["grade"] == "not supported"
    assert result["grades"]["tracks"]["grade"] == "D"


def test_a_damaged_file(tmp_path: Path, footage: Frames) -> None:
    whole = media.write_video(
        tmp_path / "a.mp4", footage, container_options={"movflags": "+faststart"}
    )
    path = media.cut_off(whole, tmp_path / "b.mp4", 0.5)
    result = preflight(probe(path), scan_video(path))
    assert result["findings"][0]["code"] == "damaged_file"
    assert result["findings"][0]["severity"] == "serious"


def test_serious_findings_come_first(report: Callable[..., dict[str, Any]]) -> None:
    dark = [image // 6 for image in _shaky(20, (426, 240))]
    ranks = ["serious", "warning", "info"]
    severities = [ranks.index(f["severity"]) for f in report(dark, fps=12)["findings"]]
    assert severities == sorted(severities)
    assert len(severities) >= 3


def test_an_empty_scan(tmp_path: Path) -> None:
    info = probe(media.write_video(tmp_path / "a.mp4", _shaky(3)))
    with pytest.raises(BadInputError, match="empty"):
        preflight(info, tables.empty(tables.SCAN))


def test_the_plot_is_a_picture(tmp_path: Path, footage: Frames) -> None:
    path = media.write_video(tmp_path / "a $name_ 🏒.mp4", footage)
    scan = scan_video(path)
    data = plot_preflight(scan, preflight(probe(path), scan))
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    assert image.shape[1] > 800
    assert (image < 250).any(axis=2).mean() > 0.01
    assert len(data) < 300_000


def test_the_plot_of_a_long_video_shows_every_spike(footage: Frames, tmp_path: Path) -> None:
    path = media.write_video(tmp_path / "a.mp4", footage)
    scan = scan_video(path)
    report = preflight(probe(path), scan)
    long = scan.loc[np.repeat(scan.index, 200)].reset_index(drop=True)
    long["pts_s"] = np.arange(len(long)) / 30
    flat, spiked = long.assign(luma=100.0), long.assign(luma=100.0)
    spiked.loc[4001, "luma"] = 255.0
    assert plot_preflight(flat, report) != plot_preflight(spiked, report)
