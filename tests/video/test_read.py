"""Frames come in order, upright, with their own times."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
import pytest
from av.video.frame import PictureType

from jarvis_dagster.errors import BadInputError, BadVideoError
from jarvis_dagster.hockey.video import probe, read_frame, read_frames
from jarvis_dagster.hockey.video.decoding import decoded, unsmoothed_for
from tests import media

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("read")
    options = {"g": "25", "bf": "2"}
    return media.write_video(folder / "a.mp4", media.numbered(120), options=options, fps=25)


def test_every_frame_in_order(video: Path) -> None:
    frames = list(read_frames(video))
    assert [frame.index for frame in frames] == list(range(120))
    assert [media.number_of(frame.image) for frame in frames] == list(range(120))
    assert [frame.pts_s for frame in frames] == pytest.approx([i / 25 for i in range(120)])
    assert frames[0].image.shape == (180, 320, 3)
    assert frames[0].image.dtype == np.uint8
    assert frames[0].image.flags["C_CONTIGUOUS"]


@pytest.mark.parametrize(
    ("start", "stop", "every"), [(0, 7, 2), (31, 60, 4), (50, 52, 1), (119, None, 1)]
)
def test_a_part_of_it(video: Path, start: int, stop: int | None, every: int) -> None:
    frames = list(read_frames(video, start=start, stop=stop, every=every))
    expected = list(range(start, 120 if stop is None else stop, every))
    assert [frame.index for frame in frames] == expected
    assert [media.number_of(frame.image) for frame in frames] == expected
    assert [frame.pts_s for frame in frames] == pytest.approx([i / 25 for i in expected])


def test_beyond_the_end(video: Path) -> None:
    assert list(read_frames(video, start=500)) == []
    assert list(read_frames(video, start=5, stop=5)) == []
    with pytest.raises(BadVideoError, match="no frame 500"):
        read_frame(video, 500)
    assert media.number_of(read_frame(video, 77).image) == 77


def test_arguments_that_make_no_sense(video: Path) -> None:
    for wrong in ({"start": -1}, {"every": 0}, {"start": 5, "stop": 3}):
        with pytest.raises(BadInputError):
            next(read_frames(video, **wrong))


def test_another_size_and_gray(video: Path) -> None:
    frame = next(read_frames(video, start=5, size=(161, 91)))
    assert frame.image.shape == (91, 161, 3)
    gray = next(read_frames(video, start=5, gray=True))
    assert gray.image.shape == (180, 320)
    assert media.number_of(gray.image) == 5


def test_times_of_a_variable_rate(tmp_path: Path) -> None:
    times = np.cumsum([0, *([0.02, 0.05, 0.1] * 8)]).round(3).tolist()
    path = media.write_video(tmp_path / "a.mp4", media.numbered(25), times_s=times)
    assert [frame.pts_s for frame in read_frames(path)] == pytest.approx(times, abs=1e-3)
    late = list(read_frames(path, start=13, stop=16))
    assert [frame.index for frame in late] == [13, 14, 15]
    assert [frame.pts_s for frame in late] == pytest.approx(times[13:16], abs=1e-3)


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_rotated_footage_comes_upright(tmp_path: Path, turn: int) -> None:
    upright = media.arena()[100:460, 200:840]
    stored = np.ascontiguousarray(np.rot90(upright, -turn // 90))
    path = media.write_video(tmp_path / "a.mp4", [stored] * 3, rotation_deg=turn)
    frame = next(read_frames(path))
    assert frame.image.shape == upright.shape
    assert np.abs(frame.image.astype(int) - upright).mean() < 12
    small = next(read_frames(path, size=(320, 180)))
    assert small.image.shape == (180, 320, 3)


@pytest.mark.parametrize(
    ("codec", "pix_fmt", "suffix", "size"),
    [
        ("libx264", "yuv420p10le", "mp4", (320, 180)),
        ("libx264", "gray", "mp4", (320, 180)),
        ("libx264", "yuv444p", "mp4", (321, 181)),
        ("libx265", "yuv420p", "mp4", (320, 180)),
        ("libvpx-vp9", "yuv420p", "webm", (320, 180)),
        ("mpeg4", "yuv420p", "avi", (320, 180)),
        ("mpeg2video", "yuv420p", "ts", (320, 180)),
        ("mjpeg", "yuvj422p", "mov", (320, 180)),
        ("ffv1", "yuv420p", "mkv", (333, 187)),
    ],
)
def test_formats(
    tmp_path: Path, codec: str, pix_fmt: str, suffix: str, size: tuple[int, int]
) -> None:
    options = {"log-level": "error"} if codec == "libx265" else {}
    path = media.write_video(
        tmp_path / f"a.{suffix}",
        media.numbered(24, size),
        fps=25,
        codec=codec,
        pix_fmt=pix_fmt,
        options=options,
    )
    info = probe(path)
    frames = list(read_frames(path))
    assert info.frame_count == len(frames) == 24
    assert (info.width_px, info.height_px) == size
    assert [media.number_of(frame.image) for frame in frames] == list(range(24))
    assert [frame.pts_s for frame in frames] == pytest.approx([i / 25 for i in range(24)], abs=2e-3)
    assert media.number_of(read_frame(path, 17).image) == 17


def test_interlaced_fields_are_merged(tmp_path: Path) -> None:
    """Fields of a moving bar comb; after merging, neighbouring lines agree."""
    frames = []
    for index in range(20):
        image = np.full((180, 320, 3), 40, np.uint8)
        for field in (0, 1):
            left = 20 + 12 * index + 6 * field
            image[field::2, left : left + 40] = 220
        frames.append(image)
    path = media.write_video(tmp_path / "a.mp4", frames, options={"x264-params": "tff=1"})
    info = probe(path)
    assert info.interlaced
    read = list(read_frames(path))
    assert len(read) == 20
    assert [frame.pts_s for frame in read] == pytest.approx([i / 30 for i in range(20)])

    def comb(image: np.ndarray) -> float:
        return float(np.abs(np.diff(image[:, :, 0].astype(int), axis=0)).mean())

    assert comb(read[10].image) < 0.4 * comb(frames[10])


def test_damage_in_the_middle_costs_little(tmp_path: Path) -> None:
    whole = media.write_video(
        tmp_path / "a.mp4",
        media.pan(60, (320, 180)),
        options={"g": "10"},
        container_options={"movflags": "+faststart"},
    )
    path = media.damage(whole, tmp_path / "b.mp4", 0.5, 0.55)
    frames = list(read_frames(path))
    assert 40 <= len(frames) <= 60
    times = [frame.pts_s for frame in frames]
    assert times == sorted(times)
    assert times[-1] == pytest.approx(59 / 30, abs=0.05)


def test_a_clock_that_leaps_for_hours(tmp_path: Path) -> None:
    """A damaged time stamp must not make a ten-hour video of one second."""
    times = [i / 25 + (40_000 if i >= 10 else 0) for i in range(25)]
    path = media.write_video(tmp_path / "a.mkv", media.numbered(25), times_s=times, fps=25)
    assert probe(path).duration_s < 3
    assert probe(path).frame_count == 25
    frames = list(read_frames(path))
    assert [media.number_of(frame.image) for frame in frames] == list(range(25))
    assert frames[-1].pts_s < 3
    assert media.number_of(read_frame(path, 17).image) == 17


def test_the_size_stays_when_the_file_changes_it(tmp_path: Path) -> None:
    """Two mpeg-ts recordings of different sizes, one after the other in one file."""
    first = media.write_video(tmp_path / "a.ts", media.numbered(20), codec="mpeg2video")
    second = media.write_video(
        tmp_path / "b.ts", media.numbered(20, (640, 360)), codec="mpeg2video"
    )
    path = tmp_path / "c.ts"
    path.write_bytes(first.read_bytes() + second.read_bytes())
    frames = list(read_frames(path))
    assert {frame.image.shape for frame in frames} == {(180, 320, 3)}
    assert len(frames) > 30
    times = [frame.pts_s for frame in frames]
    assert all(b > a for a, b in itertools.pairwise(times))


def test_blocks_are_left_only_where_no_other_frame_depends_on_them(tmp_path: Path) -> None:
    options = {"preset": "superfast", "crf": "34", "bf": "2", "x264-params": "b-pyramid=none"}
    path = media.write_video(tmp_path / "b.mp4", media.pan(24, (320, 180)), options=options)
    smooth, some, none = (
        {
            number: (PictureType(frame.pict_type).name, frame.to_ndarray())
            for number, _, frame in decoded(path, unsmoothed=which)
        }
        for which in ("none", "unneeded", "all")
    )
    changed = {number for number in smooth if (smooth[number][1] != some[number][1]).any()}
    assert changed
    assert {smooth[number][0] for number in changed} == {"B"}
    assert sum((smooth[number][1] != none[number][1]).any() for number in smooth) > len(changed)


def test_blocks_are_left_in_pictures_made_smaller(video: Path) -> None:
    info = probe(video)
    assert unsmoothed_for(info, (info.width_px, info.height_px)) == "none"
    assert unsmoothed_for(info, (info.width_px // 2, info.height_px // 2)) == "unneeded"
