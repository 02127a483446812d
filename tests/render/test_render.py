"""The annotated video: frames, times and sound of the input, and what is drawn where."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import av
import cv2
import numpy as np
import pandas as pd
import pytest

from jarvis_dagster.errors import BadVideoError
from jarvis_dagster.hockey import tables
from jarvis_dagster.hockey.preflight import scan_video
from jarvis_dagster.hockey.render import DEFAULT_TEAM_COLOURS, render_annotated
from jarvis_dagster.hockey.render.names import names_of
from jarvis_dagster.hockey.render.placing import place_map
from jarvis_dagster.hockey.render.rows import seen_nearby
from jarvis_dagster.hockey.video import probe, read_frame, read_frames
from tests import media

if TYPE_CHECKING:
    from pathlib import Path

SIZE = (640, 360)


def _tracks(count: int, people: list[dict[str, Any]]) -> pd.DataFrame:
    """One row a frame for each of ``people`` (``box`` and anything of TRACKS)."""
    rows = []
    for frame in range(count):
        for number, person in enumerate(people, start=1):
            x1, y1, x2, y2 = person["box"]
            step = person.get("step", 0) * frame
            rows.append(
                {
                    "frame": frame,
                    "pts_s": frame / 30,
                    "x1_px": x1 + step,
                    "y1_px": y1,
                    "x2_px": x2 + step,
                    "y2_px": y2,
                    "score": 0.9,
                    "class": person.get("class", "player"),
                    "track_id": number,
                    "observed": person.get("observed", True),
                    "role": person.get("role", "player"),
                    "role_score": 0.9,
                    "team": person.get("team", "A"),
                    "team_score": 0.9,
                }
            )
    return pd.DataFrame(rows, columns=[*tables.TRACKS]).astype(tables.TRACKS)


def _gray(count: int, size: tuple[int, int] = SIZE) -> list[media.Image]:
    return [np.full((size[1], size[0], 3), 200, np.uint8) for _ in range(count)]


def _near(image: media.Image, colour: tuple[int, int, int], reach: int = 40) -> Any:
    return np.abs(image.astype(int) - colour).max(axis=2) < reach


@pytest.mark.parametrize("size", [(640, 360), (480, 270), (853, 481), (1920, 1088), (404, 720)])
def test_frames_and_times_are_those_of_the_input(tmp_path: Path, size: tuple[int, int]) -> None:
    frames = media.numbered(9, size)
    video = media.write_video(tmp_path / "a.mp4", frames, pix_fmt="yuv444p")
    output = tmp_path / "b.mp4"
    calls: list[tuple[int, int]] = []
    box = (0.4 * size[0], 0.6 * size[1], 0.5 * size[0], 0.8 * size[1])
    render_annotated(
        video,
        output,
        _tracks(9, [{"box": box}]),
        progress=lambda done, total: calls.append((done, total)),
    )
    info = probe(output)
    scale = min(720 / min(size), max(1.0, min(540 / min(size), 2.0)))
    assert abs(info.width_px - size[0] * scale) <= 1
    assert abs(info.height_px - size[1] * scale) <= 1
    read = list(read_frames(output))
    assert [media.number_of(frame.image) for frame in read] == list(range(9))
    assert [frame.pts_s for frame in read] == pytest.approx([i / 30 for i in range(9)], abs=1e-3)
    assert calls[-1] == (9, 9)


def test_full_size_when_asked(tmp_path: Path) -> None:
    video = media.write_video(tmp_path / "a.mp4", media.numbered(3, (1920, 1080)))
    render_annotated(video, tmp_path / "b.mp4", _tracks(3, []), max_height=None)
    assert probe(tmp_path / "b.mp4").height_px == 1080


def test_variable_rate_rotation_and_sound(tmp_path: Path) -> None:
    times = np.cumsum([0, *([0.02, 0.05] * 10)]).tolist()
    frames = [np.ascontiguousarray(np.rot90(image, -1)) for image in media.numbered(21)]
    video = media.write_video(
        tmp_path / "a.mp4", frames, times_s=times, rotation_deg=90, audio=True
    )
    render_annotated(video, tmp_path / "b.mp4", _tracks(21, []))
    info = probe(tmp_path / "b.mp4")
    assert (info.width_px, info.height_px, info.rotation_deg) == (640, 360, 0)
    assert info.variable_rate
    read = list(read_frames(tmp_path / "b.mp4"))
    assert [media.number_of(frame.image) for frame in read] == list(range(21))
    assert [frame.pts_s for frame in read] == pytest.approx(times, abs=2e-3)
    with av.open(str(tmp_path / "b.mp4")) as container:
        samples = sum(frame.samples for frame in container.decode(container.streams.audio[0]))
    assert samples / 48_000 == pytest.approx(times[-1], abs=0.06)


def _drawn(tmp_path: Path, people: list[dict[str, Any]], **options: Any) -> media.Image:
    video = media.write_video(tmp_path / "a.mp4", _gray(8))
    render_annotated(video, tmp_path / "b.mp4", _tracks(8, people), min_height=0, **options)
    return read_frame(tmp_path / "b.mp4", 6).image


def test_teams_have_their_colours_at_their_feet(tmp_path: Path) -> None:
    left = {"box": (100, 100, 130, 180), "team": "A"}
    right = {"box": (400, 100, 430, 180), "team": "B"}
    image = _drawn(tmp_path, [left, right])
    for team, x in (("A", 115), ("B", 415)):
        around = image[165:195, x - 30 : x + 30]
        other = "B" if team == "A" else "A"
        assert _near(around, DEFAULT_TEAM_COLOURS[team]).sum() > 60
        assert _near(around, DEFAULT_TEAM_COLOURS[other]).sum() == 0
    assert np.abs(image[100:180, 200:350].astype(int) - 200).max() < 12


def test_given_team_colours(tmp_path: Path) -> None:
    colours = {"A": (40, 160, 40), "B": (160, 40, 160)}
    person = {"box": (100, 100, 130, 180), "team": "B"}
    image = _drawn(tmp_path, [person], team_colours=colours)
    assert _near(image[150:195, 80:150], colours["B"]).sum() > 60


def test_roles_look_different(tmp_path: Path) -> None:
    """Goalkeeper, referee, unknown and not observed: each unlike a plain player."""
    box = (300, 120, 340, 220)
    looks = {}
    for name, person in {
        "player": {},
        "goalkeeper": {"role": "goalkeeper"},
        "referee": {"role": "referee", "team": ""},
        "unknown": {"role": "unknown", "team": ""},
        "filled in": {"observed": False},
        "puck": {"class": "puck", "role": "unknown", "team": ""},
        "nobody": None,
    }.items():
        folder = tmp_path / name
        folder.mkdir()
        people = [] if person is None else [{"box": box, **person}]
        looks[name] = _drawn(folder, people)[60:260, 230:410].astype(int)
    names = list(looks)
    for index, name in enumerate(names):
        for other in names[index + 1 :]:
            assert np.abs(looks[name] - looks[other]).max() > 40, (name, other)
    faint = np.abs(looks["filled in"] - looks["nobody"]).sum()
    assert faint < 0.7 * np.abs(looks["player"] - looks["nobody"]).sum()


def test_marks_do_not_flicker_between_two_looks_of_the_detector() -> None:
    table = _tracks(60, [{"box": (0, 0, 10, 20)}, {"box": (50, 0, 60, 20)}])
    looked = table["frame"] % 3 == 0
    lost = (table["track_id"] == 2) & table["frame"].between(10, 40)
    table["observed"] = looked & ~lost
    table = table.sample(frac=1, random_state=1)
    paler = table[~seen_nearby(table, 7.5)]
    assert set(paler["track_id"]) == {2}
    # Seen in frames 9 and 42, and 7 frames around each.
    assert sorted(paler["frame"]) == list(range(17, 35))


def test_trails_stick_to_the_ice(tmp_path: Path) -> None:
    """A camera that follows a skater: the path lies behind on the ice, not at the feet."""
    still = media.arena(3000)
    frames = [media.window(still, 100 + 8 * i, 300, SIZE) for i in range(40)]
    video = media.write_video(tmp_path / "a.mp4", frames)
    scan = scan_video(video)
    tracks = _tracks(40, [{"box": (305, 150, 335, 230)}])
    behind = []
    for name, table in (("with", scan), ("without", None)):
        render_annotated(video, tmp_path / f"{name}.mp4", tracks, scan=table, min_height=0)
        image = read_frame(tmp_path / f"{name}.mp4", 38).image
        behind.append(int(_near(image[215:240, 180:270], DEFAULT_TEAM_COLOURS["A"], 90).sum()))
    assert behind[0] > 60
    assert behind[1] == 0


def test_trails_end_at_a_cut(tmp_path: Path) -> None:
    video = media.write_video(tmp_path / "a.mp4", _gray(20))
    tracks = _tracks(20, [{"box": (100, 150, 130, 230), "step": 8}])
    scan = pd.DataFrame({name: np.zeros(20) for name in tables.SCAN}).astype(tables.SCAN)
    scan["motion_ok"], scan["scale"] = True, 1.0
    lengths = []
    for cut in (False, True):
        scan["is_cut"] = [cut and frame == 18 for frame in range(20)]
        render_annotated(video, tmp_path / "b.mp4", tracks, scan=scan, min_height=0)
        image = read_frame(tmp_path / "b.mp4", 18).image
        part = np.abs(image[215:245, 110:225].astype(int) - 200).max(axis=2)
        lengths.append(int((part > 40).sum()))
    assert lengths[0] > 100
    assert lengths[1] == 0


def test_the_rink_map(tmp_path: Path) -> None:
    people = [
        {"box": (100, 100, 130, 180), "team": "A"},
        {"box": (400, 100, 430, 180), "team": "B"},
    ]
    rows = [
        {"frame": f, "pts_s": f / 30, "track_id": t, "x_ft": x, "y_ft": 42.5, "valid": valid}
        for f in range(8)
        for t, x, valid in ((1, 50.0, True), (2, 150.0, False))
    ]
    positions = pd.DataFrame(rows).assign(speed_ftps=0.0, error_ft=0.5)
    positions = positions.astype(tables.POSITIONS)
    with_map = _drawn(tmp_path, people, positions=positions)
    without = _drawn(tmp_path, people)
    corner = np.s_[250:360, 420:640]
    assert (with_map[corner] > 225).all(axis=2).mean() > 0.2
    assert (without[corner] > 225).all(axis=2).mean() < 0.05
    assert _near(with_map[corner], DEFAULT_TEAM_COLOURS["A"]).sum() > 8
    assert _near(with_map[corner], DEFAULT_TEAM_COLOURS["B"]).sum() == 0


def _positions(count: int, tracks: list[int]) -> pd.DataFrame:
    rows = [
        {"frame": f, "pts_s": f / 30, "track_id": t, "x_ft": 50.0, "y_ft": 42.5, "valid": True}
        for f in range(count)
        for t in tracks
    ]
    table = pd.DataFrame(rows).assign(speed_ftps=0.0, error_ft=0.5)
    return table.astype(tables.POSITIONS)


def test_the_rink_map_goes_where_it_hides_nobody(tmp_path: Path) -> None:
    """Out of the lower right corner when people are there, and not onto the scoreboard."""
    person = {"box": (520, 280, 550, 350), "team": "A"}
    corners = {"right": np.s_[10:80, 460:620], "left": np.s_[10:80, 20:180]}
    for graphics, corner in ((None, "right"), ((600, 5, 640, 40), "left")):
        image = _drawn(tmp_path, [person], positions=_positions(8, [1]), graphics=graphics)
        for name, part in corners.items():
            white = (image[part] > 225).all(axis=2).mean()
            assert (white > 0.4) == (name == corner), (graphics, name)
        assert np.abs(image[250:275, 600:].astype(int) - 200).max() < 12


def test_the_rink_map_pales_while_somebody_is_under_it() -> None:
    tracks = _tracks(300, [{"box": (-400, 200, -370, 270), "step": 8}])
    place = place_map(
        tracks, (200, 90), SIZE, scale=(1.0, 1.0), margin=8, fps=30.0, graphics=(0, 0, 640, 100)
    )
    assert place.corner == (432, 262)
    opacity = [place.opacity_at(number) for number in range(300)]
    under = (tracks["x2_px"] > 432) & (tracks["x1_px"] < 632)
    assert max(np.array(opacity)[under]) < 0.5
    assert opacity[0] == opacity[-1] == place.opacity_at(10_000) == 1
    assert np.abs(np.diff(opacity)).max() < 0.1


def test_who_comes_back_keeps_his_number() -> None:
    tracks = _tracks(1, [{"box": (0, 0, 10, 20)}] * 6)
    rows = [(1, "A-26", "26"), (4, "A-26", "26"), (2, "B-p1", ""), (5, "B-p1", "")]
    rows += [(3, "unknown", ""), (6, "B-9", "9")]
    identities = pd.DataFrame(rows, columns=["track_id", "person_id", "number"])
    names = names_of(tracks, {4: "26", 3: "7"}, identities)
    assert names == {1: "#26 (1)", 2: "2", 3: "#7 (3)", 4: "#26 (4)", 5: "2 (5)", 6: "6"}


def test_labels_at_the_upper_edge_go_aside(tmp_path: Path) -> None:
    boxes = [(300, -20, 330, 40), (304, -22, 334, 38)]
    image = _drawn(
        tmp_path, [{"box": box, "team": team} for box, team in zip(boxes, "AB", strict=True)]
    )
    chips = image[0:16, 270:370]
    counts = [int(_near(chips, DEFAULT_TEAM_COLOURS[team]).sum()) for team in "AB"]
    assert min(counts) > 0.7 * max(counts) > 40


def test_the_clock_runs(tmp_path: Path) -> None:
    video = media.write_video(tmp_path / "a.mp4", _gray(40))
    render_annotated(video, tmp_path / "b.mp4", _tracks(40, []), min_height=0)
    images = [frame.image.astype(int) for frame in read_frames(tmp_path / "b.mp4")]
    clock = np.s_[315:360, 0:110]
    assert (images[0][clock] > 235).any()
    assert np.abs(images[0][clock] - images[1][clock]).max() < 40
    assert np.abs(images[0][clock] - images[4][clock]).max() > 100
    rest = np.s_[0:250, :]
    assert np.abs(images[0][rest] - images[39][rest]).max() < 12


def test_people_beyond_the_edges(tmp_path: Path) -> None:
    people = [
        {"box": (-60, -40, -5, 60)},
        {"box": (630, 340, 700, 420)},
        {"box": (300, 380, 340, 460)},
        {"box": (-3000, 100, -2900, 200), "step": 900},
        {"box": (200, 200, 200, 200)},
    ]
    image = _drawn(tmp_path, people)
    assert image.shape == (360, 640, 3)


def test_frames_without_rows_and_rows_without_frames(tmp_path: Path) -> None:
    video = media.write_video(tmp_path / "a.mp4", _gray(6))
    tracks = _tracks(30, [{"box": (100, 100, 130, 180)}])
    tracks = tracks[tracks["frame"] > 3].sample(frac=1.0, random_state=1)
    render_annotated(video, tmp_path / "b.mp4", tracks)
    assert probe(tmp_path / "b.mp4").frame_count == 6


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuvj420p"])
def test_colours_of_the_picture_stay(tmp_path: Path, pix_fmt: str) -> None:
    patches = np.zeros((360, 640, 3), np.uint8)
    for index, colour in enumerate([(220, 60, 40), (40, 180, 60), (20, 20, 20), (240, 240, 240)]):
        patches[:, index * 160 : (index + 1) * 160] = colour
    video = media.write_video(tmp_path / "a.mp4", [patches] * 4, pix_fmt=pix_fmt)
    render_annotated(video, tmp_path / "b.mp4", _tracks(4, []), min_height=0)
    before, after = read_frame(video, 2).image, read_frame(tmp_path / "b.mp4", 2).image
    difference = np.abs(before[:250].astype(int) - after[:250])
    assert float(difference.mean()) < 2.5


def test_a_failure_leaves_no_file(tmp_path: Path) -> None:
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(b"")
    with pytest.raises(BadVideoError):
        render_annotated(bad, tmp_path / "b.mp4", _tracks(1, []))
    video = media.write_video(tmp_path / "a.mp4", _gray(40))

    def stop(done: int, _total: int) -> None:
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        render_annotated(video, tmp_path / "b.mp4", _tracks(40, []), progress=stop)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "bad.mp4"]


def test_default_colours_differ_for_the_colour_blind() -> None:
    """After removing the red-green difference (Viénot et al. 1999), still far apart."""
    to_lms = np.array(
        [[17.8824, 43.5161, 4.11935], [3.45565, 27.1554, 3.86714], [0.02996, 0.18431, 1.46709]]
    )
    deuteranope = np.array([[1, 0, 0], [0.494207, 0, 1.24827], [0, 0, 1]])
    change = np.linalg.inv(to_lms) @ deuteranope @ to_lms
    seen = [change @ np.array(colour[::-1], float) for colour in DEFAULT_TEAM_COLOURS.values()]
    lab = [
        cv2.cvtColor(np.float32([[np.clip(rgb, 0, 255) / 255]]), cv2.COLOR_RGB2Lab)[0, 0]
        for rgb in seen
    ]
    assert np.linalg.norm(lab[0] - lab[1]) > 50
