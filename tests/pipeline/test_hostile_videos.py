"""``jarvis run`` on files that people really have: each ends in a result or a clear message."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from jarvis_dagster.hockey.video import probe
from jarvis_dagster.settings import load_settings
from tests import media
from tests.cli.test_cli import jarvis

Builder = Callable[[Path], Path]


def small(path: Path, **options: object) -> Path:
    return media.write_video(path, media.pan(12, size=(320, 180)), **options)  # type: ignore[arg-type]


def truncated(folder: Path) -> Path:
    whole = small(folder / "whole.mp4", container_options={"movflags": "faststart"})
    return media.cut_off(whole, folder / "truncated.mp4", 0.6)


def without_index(folder: Path) -> Path:
    return media.cut_off(small(folder / "whole.mp4"), folder / "no index.mp4", 0.6)


def one_pixel(folder: Path) -> Path:
    frames = [np.zeros((1, 1, 3), np.uint8)] * 5
    return media.write_video(folder / "tiny.mp4", frames, codec="mpeg4")


def text(folder: Path) -> Path:
    path = folder / "text.mp4"
    path.write_text("no video\n" * 200)
    return path


def empty(folder: Path) -> Path:
    path = folder / "empty.mp4"
    path.touch()
    return path


def variable(folder: Path) -> Path:
    times = [0, 0.03, 0.05, 0.2, 0.21, 0.4, 0.43, 0.5, 0.8, 0.81, 0.9, 1.0]
    return small(folder / "vfr.mp4", times_s=times)


# What is odd about a name has nothing to do with what is odd in the file: two at a time.
GOOD: dict[str, tuple[str, Builder]] = {
    "cut off while uploading, options and quotes": (
        "--help; $(reboot)  'game' \"night\".mp4",
        truncated,
    ),
    "rotated, dots": (
        "..game...mp4.mp4",
        lambda folder: small(folder / "phone.mp4", rotation_deg=90),
    ),
    "variable rate, emoji": ("🏒🥅 finale.mp4", variable),
    "ten hours in the header, long": (
        "x" * 240 + ".mp4",
        lambda folder: media.claim_duration(
            small(folder / "short.mp4"), folder / "ten hours.mp4", 36_000
        ),
    ),
    "odd size": (
        "odd.mkv",
        lambda folder: media.write_video(
            folder / "made.mkv", media.pan(12, size=(427, 241)), pix_fmt="yuv444p"
        ),
    ),
    "one frame a second, no extension": (
        "no extension",
        lambda folder: small(folder / "slow.mp4", fps=Fraction(1)),
    ),
}
BAD: dict[str, Builder] = {
    "zero bytes": empty,
    "text": text,
    "no index": without_index,
    "one pixel": one_pixel,
    "sound only": lambda folder: media.sound_only(folder / "sound.mp4"),
}


@pytest.mark.usefixtures("config")
@pytest.mark.parametrize("kind", GOOD)
def test_it_is_analysed(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name, build = GOOD[kind]
    folder = tmp_path / "in"
    folder.mkdir()
    video = build(tmp_path).rename(folder / name)
    code, out, err = jarvis("run", "--output", tmp_path / "out", "--", video, capsys=capsys)
    assert code == 0, err + out
    drawn = probe(tmp_path / "out" / "annotated.mp4")
    assert 0 < drawn.frame_count <= probe(video).frame_count
    results = load_settings().data_dir / "drive" / "Jarvis AI" / "Results"
    (delivered,) = results.iterdir()
    assert (delivered / "report.html").is_file()
    assert {path.name for path in (load_settings().data_dir / "drive").iterdir()} <= {
        "Jarvis AI",
        ".jarvis",
    }


@pytest.mark.usefixtures("config")
@pytest.mark.parametrize("kind", BAD)
def test_it_is_refused_with_a_message(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    video = BAD[kind](tmp_path)
    code, _, err = jarvis("run", video, capsys=capsys)
    assert code == 2
    assert video.name in err
    assert len(err.strip().splitlines()) == 1
    assert not (load_settings().data_dir / "drive" / "Jarvis AI" / "Results").exists()
