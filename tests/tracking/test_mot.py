"""MOTChallenge files in, MOTChallenge files out, and what is wrong with them."""

from __future__ import annotations

import gzip
import json

import numpy as np
import pytest
from rich.console import Console

from jarvis_dagster.commands.track import (
    evaluate_tracker_command,
    parse_size,
    track_command,
)
from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey.tracking import (
    NOISE_LEVELS,
    evaluate_tracker,
    read_mot,
    simulate_detections,
    track_file,
    write_mot,
)
from tests.tracking.skaters import crowd


def _truth(frames=range(60), count=5):
    people = crowd(frames, count)
    return people.assign(
        id=people["truth"] + 1, x=people["cx"] - people["w"] / 2, y=people["cy"] - people["h"] / 2
    )[["frame", "id", "x", "y", "w", "h"]]


def test_round_trip(tmp_path):
    truth = _truth().assign(score=0.5, **{"class": 2})
    write_mot(truth, tmp_path / "a.txt")
    again = read_mot(tmp_path / "a.txt")
    expected = truth.sort_values(["frame", "id"]).reset_index(drop=True)
    for name in ("frame", "id", "score", "class"):
        assert (again[name] == expected[name]).all()
    assert np.allclose(again[["x", "y", "w", "h"]], expected[["x", "y", "w", "h"]], atol=0.006)


@pytest.mark.parametrize(
    "text",
    [
        "3,-1,10,20,30,40\n",
        "3,-1,10,20,30,40,-1,-1,-1,-1\n",
        " 3, -1, 10, 20, 30, 40, 1\r\n",
        "3 -1 10 20 30 40 1\n",
        "\n3;-1;10;20;30;40;1\n\n",
        "3.0,-1,10,20,30,40,1,,\n",
    ],
)
def test_forms_of_rows(tmp_path, text):
    file = tmp_path / "det.txt"
    file.write_text(text, newline="")
    rows = read_mot(file)
    assert len(rows) == 1
    assert rows.iloc[0][["frame", "id", "x", "y", "w", "h", "score", "class"]].tolist() == [
        *(3, -1, 10, 20, 30, 40, 1),
        -1,
    ]


def test_rows_of_different_lengths_classes_and_percent_scores(tmp_path):
    file = tmp_path / "det.txt.gz"
    file.write_bytes(gzip.compress(b"1,-1,0,0,9,9\n0,-1,5,5,9,9,50,2,1.0\n0,7,1,1,9,9,100\n"))
    rows = read_mot(file)
    assert rows["frame"].tolist() == [1, 0, 0]
    assert rows["class"].tolist() == [-1, 2, -1]
    assert rows["score"].tolist() == [0.01, 0.5, 1.0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0,1,2,3,4,5\n0,1,2,3\n", r"bad\.txt, line 2: fewer than 6 columns"),
        ("0,1,2,3,4,5\n\n0,1,2,x,4,5\n", r"bad\.txt, line 3: 'x' is not a number"),
        ("0.5,1,2,3,4,5\n", r"bad\.txt, line 1: frame and id must be whole"),
        ("99999999999,1,2,3,4,5\n", r"bad\.txt, line 1: frame and id must be whole"),
        ("<html>\n", r"bad\.txt, line 1"),
    ],
)
def test_bad_rows_are_named(tmp_path, text, message):
    file = tmp_path / "bad.txt"
    file.write_text(text)
    with pytest.raises(BadInputError, match=message):
        read_mot(file)


def test_unreadable_files_are_named(tmp_path):
    with pytest.raises(BadInputError, match=r"none\.txt does not exist"):
        read_mot(tmp_path / "none.txt")
    binary = tmp_path / "video.mp4"
    binary.write_bytes(bytes(range(256)))
    with pytest.raises(BadInputError, match=r"video\.mp4 cannot be read as text"):
        read_mot(binary)
    with pytest.raises(BadInputError, match="cannot be read"):
        read_mot(tmp_path)


def test_rows_without_a_box_are_left_out_and_counted(tmp_path):
    file = tmp_path / "det.txt"
    file.write_text("0,-1,nan,0,9,9\n0,-1,0,0,-9,9\n0,-1,0,0,9,0\n0,-1,inf,0,9,9\n0,-1,0,0,9,9\n")
    rows = read_mot(file)
    assert len(rows) == 1
    assert rows.attrs["skipped"] == 4


@pytest.mark.parametrize("base", [0, 1])
def test_track_file_keeps_the_frame_base_and_finds_everybody(tmp_path, base):
    truth = _truth().assign(frame=lambda t: t["frame"] + base)
    noisy = simulate_detections(
        truth, NOISE_LEVELS["white"], fps=30, width_px=1280, height_px=720, seed=1
    )
    write_mot(truth, tmp_path / "gt.txt")
    write_mot(noisy.assign(id=2**50), tmp_path / "det.txt")
    summary = track_file(tmp_path / "det.txt", (1280, 720), 30, tmp_path / "new" / "tracks.txt")
    assert summary.tracks == 5
    assert summary.filled_rows > 0
    found = read_mot(tmp_path / "new" / "tracks.txt")
    assert found["frame"].min() == base
    figures = evaluate_tracker(tmp_path / "gt.txt", tmp_path / "new" / "tracks.txt")
    assert figures["IDF1"] > 0.97
    assert figures["HOTA"] > 0.9


def test_an_empty_file_gives_an_empty_file_and_says_so(tmp_path):
    (tmp_path / "det.txt").write_text("")
    summary = track_file(tmp_path / "det.txt", (1280, 720), 30, tmp_path / "t.txt")
    assert (tmp_path / "t.txt").read_text() == ""
    assert "holds no boxes" in summary.message


def test_the_commonest_class_is_written(tmp_path):
    rows = [f"{f},-1,{100 + 3 * f},50,40,90,0.9,{5 if f % 4 else 1}" for f in range(60)]
    (tmp_path / "det.txt").write_text("\n".join(rows))
    track_file(tmp_path / "det.txt", (1280, 720), 30, tmp_path / "t.txt")
    assert set(read_mot(tmp_path / "t.txt")["class"]) == {5}


@pytest.mark.parametrize(("size", "fps"), [((0, 10), 30), ((10, 10), 0), ((10, 10), float("nan"))])
def test_impossible_sizes_and_rates(tmp_path, size, fps):
    with pytest.raises(BadInputError):
        track_file(tmp_path / "det.txt", size, fps, tmp_path / "t.txt")


def test_sizes_on_the_command_line():
    assert parse_size("1280x720") == (1280, 720)
    assert parse_size(" 1920 X 1080 ") == (1920, 1080)
    for text in ("1280", "0x10", "axb", "1280x-720", ""):
        with pytest.raises(BadInputError, match="is not a size"):
            parse_size(text)


def test_commands_print_tables_and_json(tmp_path):
    truth = _truth()
    write_mot(truth, tmp_path / "gt.txt")
    console = Console(width=200, record=True, quiet=False, file=(tmp_path / "out").open("w"))
    track_command(tmp_path / "gt.txt", "1280x720", 30, tmp_path / "t.txt", console=console)
    evaluate_tracker_command(tmp_path / "gt.txt", tmp_path / "t.txt", console=console)
    shown = console.export_text()
    assert "t.txt" in shown
    assert "HOTA" in shown
    evaluate_tracker_command(tmp_path / "gt.txt", tmp_path / "t.txt", as_json=True, console=console)
    assert json.loads(console.export_text())["IDF1"] > 0.99
    track_command(
        tmp_path / "gt.txt", "1280x720", 30, tmp_path / "t.txt", as_json=True, console=console
    )
    assert json.loads(console.export_text())["tracks"] == 5
    console.file.close()
