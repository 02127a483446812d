"""One pass for several watchers."""

import threading

import pytest

from jarvis_dagster.errors import BadVideoError
from jarvis_dagster.hockey.video.watching import watch
from tests import media


class Counter:
    """Takes every ``every``-th frame, and remembers which thread did what."""

    def __init__(self, every=1):
        self.every, self.taken, self.threads = every, [], {}

    def prepare(self, number, pts_s, frame):
        self.threads["prepare"] = threading.get_ident()
        return None if number % self.every else (number, round(pts_s, 3), frame.width)

    def think(self, seen):
        self.threads["think"] = threading.get_ident()
        return (*seen, "thought")

    def take(self, thought):
        self.threads["take"] = threading.get_ident()
        self.taken.append(thought)


@pytest.fixture
def video(tmp_path):
    return media.write_video(tmp_path / "a.mp4", media.pan(12, (320, 180)), fps=10)


def test_everybody_gets_what_they_want_in_order(video):
    all_of_them, some = Counter(), Counter(every=5)
    told = []
    assert watch(video, [all_of_them, some], progress=lambda *pair: told.append(pair)) == 12
    assert [number for number, *_ in all_of_them.taken] == list(range(12))
    assert [(number, pts_s) for number, pts_s, *_ in some.taken] == [(0, 0), (5, 0.5), (10, 1)]
    assert all(thought[-1] == "thought" for thought in some.taken)
    assert told[-1] == (12, 12)
    assert len(set(all_of_them.threads.values())) == 3
    assert all_of_them.threads["take"] == threading.get_ident()


def test_who_thinks_long_has_several_threads(video):
    class Slow(Counter):
        at_once = 2
        together = threading.Barrier(2)

        def think(self, seen):
            self.together.wait(timeout=60)  # nobody gets on before two are here
            return super().think(seen)

    slow, other = Slow(), Counter(every=4)
    watch(video, [slow, other])
    assert [number for number, *_ in slow.taken] == list(range(12))
    assert [number for number, *_ in other.taken] == [0, 4, 8]


@pytest.mark.parametrize("step", ["prepare", "think", "take"])
def test_what_a_watcher_raises_ends_the_pass(video, step):
    def broken(*_):
        raise ArithmeticError(step)

    watcher = Counter()
    watcher.at_once = 2
    setattr(watcher, step, broken)
    before = set(threading.enumerate())
    with pytest.raises(ArithmeticError, match=step):
        watch(video, [watcher])
    assert set(threading.enumerate()) <= before
    assert watcher.taken == []


def test_a_file_that_is_no_video_is_refused(tmp_path):
    path = tmp_path / "no.mp4"
    path.write_bytes(b"no video")
    with pytest.raises(BadVideoError):
        watch(path, [Counter()])
