"""Some frames of a video, decoded no further than needed."""

import numpy as np
import pytest

from jarvis_dagster.hockey.video import read_frames
from jarvis_dagster.hockey.video.sampling import looks, read_some
from tests.media import number_of, numbered, write_video


@pytest.mark.parametrize("options", [{"g": "12", "bf": "3"}, {"g": "250"}, {"g": "1"}])
def test_the_frames_that_were_asked_for_and_their_times(tmp_path, options):
    video = write_video(tmp_path / "v.mp4", numbered(60), options=options)
    wanted = [0, 5, 6, 23, 24, 25, 59]
    got = list(read_some(video, wanted))
    assert [frame.index for frame in got] == wanted
    assert [number_of(frame.image) for frame in got] == wanted
    whole = {frame.index: frame for frame in read_frames(video)}
    for frame in got:
        assert frame.pts_s == pytest.approx(whole[frame.index].pts_s)
        assert np.array_equal(frame.image, whole[frame.index].image)


def test_frames_beyond_the_end_are_left_out(tmp_path):
    video = write_video(tmp_path / "v.mp4", numbered(20))
    assert [frame.index for frame in read_some(video, [3, 500])] == [3]
    assert list(read_some(video, [])) == []


def test_interlaced_pictures_are_put_together(tmp_path):
    video = write_video(tmp_path / "v.mp4", numbered(20), interlaced=True)
    assert [frame.index for frame in read_some(video, [2, 9])] == [2, 9]


def test_looks_prefer_key_frames(tmp_path):
    often = write_video(tmp_path / "often.mp4", numbered(90), options={"g": "28"})
    assert looks(often, 1.0) == [0, 28, 56]
    once = write_video(tmp_path / "once.mp4", numbered(90), options={"g": "250"})
    assert looks(once, 1.0) == [0, 30, 60]
