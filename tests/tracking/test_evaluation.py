"""The figures on a case that can be worked out by hand, and the files around them."""

from __future__ import annotations

import gzip

import pytest

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey.tracking import evaluate_tracker, format_evaluation


def _rows(frames, ident, x=0, base=0):
    return [f"{frame + base},{ident},{x},10,20,40,1,1,1.0" for frame in frames]


def _write(path, rows):
    path.write_text("\n".join(rows) + "\n")
    return path


def test_perfect_tracks_score_one(tmp_path):
    rows = _rows(range(10), 1) + _rows(range(10), 2, x=200)
    truth = _write(tmp_path / "gt.txt", rows)
    figures = evaluate_tracker(truth, truth)
    assert figures["HOTA"] == pytest.approx(1)
    assert figures["IDF1"] == pytest.approx(1)
    assert figures["MOTA"] == pytest.approx(1)
    assert figures["switches"] == 0


@pytest.mark.parametrize("base", [0, 1])
def test_a_track_broken_in_the_middle(tmp_path, base):
    # One person for 10 frames, tracked perfectly but under two ids of 5 frames
    # each. DetA 1; every detection has A = 5 / (10 + 5 - 5) = .5, so
    # HOTA = sqrt(.5); IDF1 = 2*5 / (10 + 10) = .5; one switch, MOTA = .9.
    truth = _write(tmp_path / "gt.txt", _rows(range(10), 7, base=base))
    found = _write(
        tmp_path / "tracks.txt", _rows(range(5), 1, base=base) + _rows(range(5, 10), 2, base=base)
    )
    figures = evaluate_tracker(truth, found)
    assert figures["HOTA"] == pytest.approx(0.5**0.5)
    assert figures["DetA"] == pytest.approx(1)
    assert figures["AssA"] == pytest.approx(0.5)
    assert figures["IDF1"] == pytest.approx(0.5)
    assert figures["MOTA"] == pytest.approx(0.9)
    assert figures["switches"] == 1
    assert figures["frames"] == 10


def test_every_class_and_visibility_counts(tmp_path):
    truth = _write(
        tmp_path / "gt.txt",
        ["0,1,0,0,10,20,1,1,1.0", "0,2,50,0,10,20,1,5,0.5", "0,3,90,0,10,20,1,2,1.0"],
    )
    found = _write(tmp_path / "t.txt", ["0,1,0,0,10,20,1,-1,-1,-1"])
    assert evaluate_tracker(truth, found)["boxes"] == 3
    assert evaluate_tracker(truth, found)["MOTA"] == pytest.approx(1 / 3)


def test_gzipped_ground_truth_and_repeated_rows(tmp_path):
    rows = _rows(range(4), 1)
    truth = tmp_path / "gt.txt.gz"
    truth.write_bytes(gzip.compress("\n".join([*rows, rows[0]]).encode()))
    found = _write(tmp_path / "t.txt", rows)
    figures = evaluate_tracker(truth, found)
    assert figures["repeated_rows"] == 1
    assert figures["HOTA"] == pytest.approx(1)


def test_no_tracks_score_zero(tmp_path):
    truth = _write(tmp_path / "gt.txt", _rows(range(4), 1))
    found = tmp_path / "t.txt"
    found.write_text("")
    figures = evaluate_tracker(truth, found)
    assert figures["HOTA"] == 0
    assert figures["IDF1"] == 0


def test_unusable_files_are_named(tmp_path):
    truth = _write(tmp_path / "gt.txt", _rows(range(4), 1))
    empty = tmp_path / "none.txt"
    empty.write_text("\n")
    with pytest.raises(BadInputError, match=r"none\.txt holds no boxes"):
        evaluate_tracker(empty, truth)
    unnumbered = _write(tmp_path / "det.txt", ["0,-1,0,0,10,20,1"])
    with pytest.raises(BadInputError, match=r"det\.txt holds rows without a track id"):
        evaluate_tracker(truth, unnumbered)


def test_table_shows_every_figure(tmp_path):
    truth = _write(tmp_path / "gt.txt", _rows(range(4), 1))
    figures = evaluate_tracker(truth, truth)
    assert format_evaluation(figures).row_count == len(figures)
