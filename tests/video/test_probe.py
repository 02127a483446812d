"""What ``probe`` says of healthy and of hostile files."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest

from jarvis_dagster.errors import BadVideoError
from jarvis_dagster.hockey.video import probe, read_frames
from tests import media

if TYPE_CHECKING:
    from pathlib import Path


def test_a_plain_video(tmp_path: Path) -> None:
    path = media.write_video(tmp_path / "a.mp4", media.numbered(20), audio=True)
    info = probe(path)
    assert (info.width_px, info.height_px) == (320, 180)
    assert info.fps == 30
    assert info.frame_count == 20
    assert info.duration_s == pytest.approx(20 / 30, abs=1e-6)
    assert info.codec == "h264"
    assert info.has_audio
    assert not info.variable_rate
    assert not info.interlaced
    assert info.rotation_deg == 0
    assert info.frames_lost == 0
    assert info.size_bytes == path.stat().st_size
    assert info.notes == ()


def test_the_exact_rate_of_broadcast_is_kept(tmp_path: Path) -> None:
    path = media.write_video(tmp_path / "a.mp4", media.numbered(30), fps=Fraction(30000, 1001))
    assert probe(path).fps == pytest.approx(30000 / 1001, abs=1e-9)


def test_variable_rate(tmp_path: Path) -> None:
    times = np.cumsum([0, *([0.02, 0.05] * 12)]).tolist()
    info = probe(media.write_video(tmp_path / "a.mp4", media.numbered(25), times_s=times))
    assert info.variable_rate
    assert info.fps == pytest.approx(24 / times[-1], rel=0.01)
    assert info.frame_count == 25
    assert info.duration_s == pytest.approx(times[-1] + 1 / info.fps, abs=0.002)


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_a_phone_held_upright(tmp_path: Path, turn: int) -> None:
    path = media.write_video(tmp_path / "a.mp4", media.numbered(4), rotation_deg=turn)
    info = probe(path)
    assert info.rotation_deg == -turn % 360
    assert (info.width_px, info.height_px) == ((320, 180) if turn == 180 else (180, 320))


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_ten_hours_in_the_header(tmp_path: Path, suffix: str) -> None:
    whole = media.write_video(tmp_path / f"a.{suffix}", media.numbered(60))
    info = probe(media.claim_duration(whole, tmp_path / f"b.{suffix}", 36_000))
    assert info.frame_count == 60
    assert info.duration_s == pytest.approx(2.0, abs=0.01)
    assert info.frames_lost == 0
    if suffix == "mkv":
        assert any("36000 s" in note for note in info.notes)


def test_cut_off_while_uploading(tmp_path: Path) -> None:
    frames = media.pan(60, (320, 180))
    whole = media.write_video(
        tmp_path / "a.mp4", frames, container_options={"movflags": "+faststart"}
    )
    path = media.cut_off(whole, tmp_path / "b.mp4", 0.6)
    info = probe(path)
    assert 5 < info.frame_count < 55
    assert info.frame_count + info.frames_lost == 60
    assert "lost" in info.notes[0]
    assert info.duration_s == pytest.approx(info.frame_count / 30, abs=0.05)
    assert sum(1 for _ in read_frames(path)) == info.frame_count


def test_anamorphic_pixels_become_square(tmp_path: Path) -> None:
    path = media.write_video(
        tmp_path / "a.mp4", media.numbered(3, (720, 576)), aspect=Fraction(64, 45)
    )
    info = probe(path)
    assert (info.width_px, info.height_px) == (1024, 576)
    assert next(read_frames(path)).image.shape == (576, 1024, 3)


def test_the_larger_of_two_pictures(tmp_path: Path) -> None:
    path = media.two_pictures(
        tmp_path / "a.mkv", media.numbered(10, (640, 360)), media.numbered(10, (320, 180))
    )
    assert probe(path).width_px == 640


def test_cover_art_is_not_the_footage(tmp_path: Path) -> None:
    cover = np.full((800, 800, 3), 120, np.uint8)
    info = probe(media.with_cover(tmp_path / "a.mp4", media.numbered(12), cover))
    assert (info.width_px, info.frame_count) == (320, 12)


@pytest.mark.parametrize(
    "name",
    ["two words.mp4", 'it\'s “quoted” "x".mp4', "🏒 goal.mp4", "..mp4", "a:b%03d.mp4", "-i.mp4"],
)
def test_odd_names(tmp_path: Path, name: str) -> None:
    path = media.write_video(tmp_path / name, media.numbered(3))
    assert probe(path).frame_count == 3
    assert probe(tmp_path / ".." / tmp_path.name / name).frame_count == 3


def _bad(path: Path) -> BadVideoError:
    with pytest.raises(BadVideoError) as caught:
        probe(path)
    assert caught.value.remedy
    return caught.value


def test_zero_bytes(tmp_path: Path) -> None:
    path = tmp_path / "empty.mp4"
    path.touch()
    error = _bad(path)
    assert "empty.mp4" in error.what
    assert "0 bytes" in error.what


def test_a_text_file(tmp_path: Path) -> None:
    path = tmp_path / "notes.mp4"
    path.write_text("Saturday 10:00, ice time\n" * 200)
    assert "notes.mp4" in _bad(path).what


@pytest.mark.parametrize("name", ["list.mp4", "list.m3u8", "list.ffconcat"])
@pytest.mark.parametrize(
    "text",
    [
        "ffconcat version 1.0\nfile secret.mp4\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nsecret.ts\n#EXT-X-ENDLIST\n",
    ],
)
def test_a_playlist_opens_no_other_file(tmp_path: Path, text: str, name: str) -> None:
    media.write_video(tmp_path / "secret.mp4", media.numbered(3))
    media.write_video(tmp_path / "secret.ts", media.numbered(3))
    path = tmp_path / name
    path.write_text(text)
    # Not even to find out what they are: it is refused by its format alone.
    assert f"“{name}” is not a video but a list of other files" in _bad(path).what


def test_a_picture_named_mp4(tmp_path: Path) -> None:
    import cv2

    good, data = cv2.imencode(".png", media.numbered(1)[0])
    assert good
    path = tmp_path / "photo.mp4"
    path.write_bytes(data.tobytes())
    assert "not a video" in _bad(path).what


def test_the_index_is_missing(tmp_path: Path) -> None:
    whole = media.write_video(tmp_path / "a.mp4", media.numbered(60))
    error = _bad(media.cut_off(whole, tmp_path / "b.mp4", 0.5))
    assert "incomplete" in error.what
    assert "cut off" in error.remedy


def test_sound_only(tmp_path: Path) -> None:
    error = _bad(media.sound_only(tmp_path / "a.mp4"))
    assert "no video stream" in error.what
    assert "audio" in error.what


@pytest.mark.parametrize("size", [(2, 2), (64, 64), (640, 64)])
def test_too_small(tmp_path: Path, size: tuple[int, int]) -> None:
    path = media.write_video(tmp_path / "a.mp4", media.numbered(3, size))
    assert f"{size[0]} x {size[1]}" in _bad(path).what


def test_one_pixel(tmp_path: Path) -> None:
    dot = [np.zeros((1, 1, 3), np.uint8)] * 3
    path = media.write_video(tmp_path / "a.mkv", dot, codec="ffv1", pix_fmt="bgr0")
    assert "1 x 1" in _bad(path).what


def test_a_folder_and_nothing(tmp_path: Path) -> None:
    assert "not a file" in _bad(tmp_path).what
    assert "not a file" in _bad(tmp_path / "none.mp4").what


def test_noise_from_end_to_end(tmp_path: Path) -> None:
    whole = media.write_video(
        tmp_path / "a.mp4", media.numbered(30), container_options={"movflags": "+faststart"}
    )
    data = whole.read_bytes()
    start = data.index(b"mdat") / len(data)
    path = media.damage(whole, tmp_path / "b.mp4", start + 8 / len(data), 1.0)
    assert "no picture" in _bad(path).what
