"""Videos are written whole or not at all."""

from __future__ import annotations

import resource
import signal
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest

from jarvis_dagster.errors import BadInputError, TransientError
from jarvis_dagster.hockey.video import VideoWriter, probe, read_frames, save_jpeg, thumbnail
from tests import media

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("size", [(320, 180), (321, 181), (853, 480), (1920, 1088)])
def test_what_is_written_is_read_back(tmp_path: Path, size: tuple[int, int]) -> None:
    path = tmp_path / "a.mp4"
    with VideoWriter(path, width_px=size[0], height_px=size[1], fps=25) as writer:
        for image in media.numbered(6, size):
            writer.write(image)
    info = probe(path)
    assert (info.width_px, info.height_px) == (size[0] + size[0] % 2, size[1] + size[1] % 2)
    assert info.codec == "h264"
    assert info.fps == 25
    frames = list(read_frames(path))
    assert [media.number_of(frame.image) for frame in frames] == list(range(6))
    with av.open(str(path)) as container:
        assert container.streams.video[0].codec_context.pix_fmt == "yuv420p"


def test_colours_survive(tmp_path: Path) -> None:
    image = np.zeros((180, 320, 3), np.uint8)
    image[:, :100], image[:, 100:200], image[:, 200:] = (
        (200, 60, 30),
        (30, 60, 200),
        (230, 235, 240),
    )
    with VideoWriter(tmp_path / "a.mp4", width_px=320, height_px=180, fps=30) as writer:
        for _ in range(5):
            writer.write(image)
    back = list(read_frames(tmp_path / "a.mp4"))[-1].image.astype(int)
    for x in (50, 150, 260):
        assert np.abs(back[90, x] - image[90, x]).max() <= 3


def test_players_can_start_before_the_end(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with VideoWriter(path, width_px=320, height_px=180, fps=30) as writer:
        for image in media.numbered(30):
            writer.write(image)
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


def test_given_times_are_kept(tmp_path: Path) -> None:
    times = np.cumsum([0, *([0.017, 0.05] * 10)]).tolist()
    with VideoWriter(tmp_path / "a.mp4", width_px=320, height_px=180, fps=30) as writer:
        for image, time in zip(media.numbered(21), times, strict=True):
            writer.write(image, time)
    read = [frame.pts_s for frame in read_frames(tmp_path / "a.mp4")]
    assert read == pytest.approx(times, abs=1e-4)


def test_an_exception_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"the old one")

    def interrupted() -> None:
        with VideoWriter(path, width_px=320, height_px=180, fps=30) as writer:
            writer.write(media.numbered(1)[0])
            raise RuntimeError

    with pytest.raises(RuntimeError):
        interrupted()
    assert path.read_bytes() == b"the old one"
    assert list(tmp_path.iterdir()) == [path]


def test_nothing_written_is_an_error(tmp_path: Path) -> None:
    with (
        pytest.raises(BadInputError, match="no frame"),
        VideoWriter(tmp_path / "a.mp4", width_px=320, height_px=180, fps=30),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


def test_another_size_is_an_error(tmp_path: Path) -> None:
    with (
        pytest.raises(BadInputError, match="320 x 180"),
        VideoWriter(tmp_path / "a.mp4", width_px=320, height_px=180, fps=30) as writer,
    ):
        writer.write(np.zeros((90, 160, 3), np.uint8))
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk(tmp_path: Path) -> None:
    """A limit on the size of files fails writes as a full disk does."""
    rng = np.random.default_rng(1)
    noise = [rng.integers(0, 255, (360, 640, 3), dtype=np.uint8) for _ in range(8)]

    def write() -> None:
        with VideoWriter(tmp_path / "a.mp4", width_px=640, height_px=360, fps=30) as writer:
            for image in noise * 4:
                writer.write(image)

    old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, limits[1]))
    try:
        with pytest.raises(TransientError) as caught:
            write()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, old)
    assert "a.mp4" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with (
        pytest.raises(BadInputError, match="no such folder"),
        VideoWriter(tmp_path / "none" / "a.mp4", width_px=320, height_px=180, fps=30),
    ):
        pass


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
def test_sound_is_copied(tmp_path: Path, suffix: str) -> None:
    source = media.write_video(tmp_path / f"a.{suffix}", media.numbered(60), audio=True)
    target = tmp_path / "b.mp4"
    with VideoWriter(
        target, width_px=320, height_px=180, fps=30, audio=source, audio_start_s=0.5
    ) as writer:
        for frame in read_frames(source, start=15, stop=45):
            writer.write(frame.image)
    with av.open(str(target)) as container:
        sound = container.streams.audio[0]
        samples = sum(frame.samples for frame in container.decode(sound))
    assert samples / 48_000 == pytest.approx(1.0, abs=0.06)
    assert probe(target).duration_s == pytest.approx(1.0, abs=0.01)


def test_no_sound_to_copy(tmp_path: Path) -> None:
    source = media.write_video(tmp_path / "a.mp4", media.numbered(5))
    with VideoWriter(
        tmp_path / "b.mp4", width_px=320, height_px=180, fps=30, audio=source
    ) as writer:
        for image in media.numbered(5):
            writer.write(image)
    assert not probe(tmp_path / "b.mp4").has_audio


def test_pictures(tmp_path: Path) -> None:
    image = media.arena()
    small = thumbnail(image, width_px=300)
    assert small.shape[1] == 300
    assert small.shape[0] == pytest.approx(300 * image.shape[0] / image.shape[1], abs=1)
    assert thumbnail(small) is small
    path = save_jpeg(small, tmp_path / "a b.jpg")
    assert path.read_bytes()[:2] == b"\xff\xd8"
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(BadInputError):
        save_jpeg(np.zeros((0, 0, 3), np.uint8), tmp_path / "c.jpg")
