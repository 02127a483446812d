"""Which moments are shown, and the clips that show them."""

import dataclasses
import itertools
import json
from pathlib import Path

import av
import cv2
import numpy as np
import pandas as pd
import pytest

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey.events import EVENT_TYPES, build_ledger
from jarvis_dagster.hockey.highlights import (
    Highlight,
    clip_names,
    cut_clips,
    no_highlights_reason,
    select_highlights,
)
from jarvis_dagster.hockey.tables import EVENTS, TRACKS, empty
from jarvis_dagster.hockey.video import VideoWriter, probe, read_frames
from tests import media
from tests.events.tables import PROVENANCE, crew, joined, scanned, video

MEASURES = {
    "rush": {"people": 4.2, "direction": "left", "seconds": 2.0},
    "crowding": {"people": 6.0, "seconds": 3.0, "goalkeeper_inside": True},
    "action_peak": {"activity_heights_per_s": 9.0, "usual_activity_heights_per_s": 4.5},
    "zone_entry": {"end": "right", "middle_beyond_line_ft": 20.0},
    "shot": {"puck_speed_ftps": 90.0, "from_ft": 30.0, "end": "left"},
}


def event(kind, start, end, sure=0.8, team=""):
    return {
        "event_id": f"{kind}-{start}",
        "type": kind,
        "start_s": start,
        "end_s": end,
        "team": team,
        "track_ids": "[]",
        "confidence": sure,
        "evidence": json.dumps({"frames": [0, 1], "measures": MEASURES.get(kind, {})}),
    }


def table(*rows):
    return pd.DataFrame(rows).astype(EVENTS) if rows else empty(EVENTS)


def minute(tmp_path):
    return video(tmp_path / "game.mp4", seconds=60.0)


def test_clips_never_overlap_and_stay_in_the_video(tmp_path):
    rng = np.random.default_rng(3)
    starts = rng.uniform(0, 58, 60)
    rows = [
        event("rush", float(s), float(s + rng.uniform(0.5, 4)), float(rng.random())) for s in starts
    ]
    chosen = select_highlights(table(*rows), minute(tmp_path))
    assert 1 < len(chosen) <= 6
    assert [h.start_s for h in chosen] == sorted(h.start_s for h in chosen)
    for before, after in itertools.pairwise(chosen):
        assert before.end_s <= after.start_s
    assert all(0 <= h.start_s < h.end_s <= 60 for h in chosen)


def test_the_order_of_the_ledger_does_not_matter(tmp_path):
    rows = [event("rush", 3.0 * i, 3.0 * i + 1) for i in range(15)]
    events = table(*rows)
    chosen = select_highlights(events, minute(tmp_path))
    for seed in range(3):
        shuffled = events.sample(frac=1, random_state=seed)
        assert select_highlights(shuffled, minute(tmp_path)) == chosen


def test_the_better_of_two_that_overlap_is_shown(tmp_path):
    events = table(event("action_peak", 10, 16, 0.9), event("rush", 12, 14, 0.8))
    assert [h.type for h in select_highlights(events, minute(tmp_path))] == ["rush"]


def test_one_type_does_not_take_every_place(tmp_path):
    rows = [event("rush", 8.0 * i, 8.0 * i + 1, 0.7) for i in range(6)]
    events = table(*rows, event("crowding", 52, 54, 0.7))
    long = video(tmp_path / "game.mp4", seconds=120.0)
    kinds = [h.type for h in select_highlights(events, long, count=3)]
    assert "crowding" in kinds


def test_words_are_plain_and_carry_the_measures(tmp_path):
    events = table(event("rush", 5, 7, team="A"), event("crowding", 20, 23), event("shot", 40, 41))
    long = video(tmp_path / "game.mp4", seconds=120.0)
    rush, scramble, shot = select_highlights(events, long)
    assert rush.title == "Rush to the left by team A"
    assert "4 players" in rush.reason
    assert scramble.title == "Scramble at the goal"
    assert "90 ft/s" in shot.reason
    assert "{" not in "".join(h.title + h.reason for h in (rush, scramble, shot))


def test_presence_and_cuts_are_no_highlights(tmp_path):
    dull = [k for k in EVENT_TYPES if k in ("in_view", "shift", "camera_cut", "top_speed")]
    events = table(*[event(k, 5, 9) for k in dull])
    assert select_highlights(events, minute(tmp_path)) == []
    assert "followed" in no_highlights_reason(events)
    assert "Nothing was found" in no_highlights_reason(empty(EVENTS))


def test_a_video_with_people_always_has_one(tmp_path):
    info = video(tmp_path / "game.mp4", seconds=1.0)
    events = build_ledger(joined(*crew(30, step=1.0)), None, scanned(30), info, PROVENANCE)
    assert len(select_highlights(events, info)) == 1
    nobody = build_ledger(empty(TRACKS), None, scanned(30), info, PROVENANCE)
    assert select_highlights(nobody, info) == []


def test_a_long_event_is_cut_to_twenty_seconds(tmp_path):
    long = video(tmp_path / "game.mp4", seconds=300.0)
    (one,) = select_highlights(table(event("crowding", 5, 55)), long)
    assert one.end_s - one.start_s == pytest.approx(20)


@pytest.mark.parametrize(("seconds", "most_s"), [(6, 3), (24, 10), (60, 12), (300, 60)])
def test_highlights_are_a_small_part_of_the_video(tmp_path, seconds, most_s):
    rows = [event("rush", float(s), s + 3.0) for s in range(0, seconds - 3, 4)]
    info = video(tmp_path / "game.mp4", seconds=float(seconds))
    chosen = select_highlights(table(*rows), info, count=20)
    assert chosen
    assert sum(h.end_s - h.start_s for h in chosen) <= most_s + 1e-6


def test_names_are_safe_readable_and_in_order():
    one = Highlight("a", "x", 12.4, 15, "", "rush")
    late = Highlight("b", "x", 3725.0, 3730, "", "zone_entry")
    odd = Highlight("c", "x", 1.0, 2, "", "../é;rm")
    assert clip_names([one, late]) == ["01_rush_00m12s", "02_zone_entry_1h02m05s"]
    (name,) = clip_names([odd])
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789_é")


@pytest.fixture
def footage(tmp_path):
    """Three seconds; a white bar as wide as the frame's number grows from the left."""
    path = tmp_path / "game “one”.mp4"
    with VideoWriter(path, width_px=192, height_px=108, fps=30) as writer:
        for i in range(90):
            image = np.full((108, 192, 3), 30, np.uint8)
            image[:, : 2 * i] = 220
            writer.write(image)
    return path


def number_of(image):
    return round(float((image.mean(axis=2) > 125).mean()) * 96)


def test_clips_are_cut_to_the_frame(footage, tmp_path):
    highlights = [
        Highlight("a", "First", 0.5, 1.0, "", "rush"),
        Highlight("b", "Second", 2.0, 3.0, "", "shot"),
    ]
    seen = []
    clips = cut_clips(footage, highlights, tmp_path / "out", lambda *n: seen.append(n))
    assert [c.name for c in clips] == ["01_rush_00m00s.mp4", "02_shot_00m02s.mp4"]
    for clip, (start, stop) in zip(clips, ((15, 30), (60, 90)), strict=True):
        frames = list(read_frames(clip))
        assert len(frames) == stop - start
        assert probe(clip).duration_s == pytest.approx((stop - start) / 30, abs=0.01)
        assert [number_of(f.image) for f in frames] == list(range(start, stop))
        picture = cv2.imread(str(clip.with_suffix(".jpg")))
        assert picture.shape == (108, 192, 3)
    assert seen[-1] == (45, 45)


def test_clips_have_the_sound_of_their_moment(tmp_path):
    game = media.write_video(tmp_path / "g.mp4", media.pan(60, (320, 180)), audio=True)
    (clip,) = cut_clips(game, [Highlight("a", "", 0.7, 1.5, "", "rush")], tmp_path / "out")
    assert probe(clip).has_audio
    with av.open(str(clip)) as container:
        sound = container.streams.audio[0]
        times = [float(p.pts * sound.time_base) for p in container.demux(sound) if p.size]
    assert times[0] < 0.05
    assert 0.7 < times[-1] < 0.85


def test_large_footage_gives_clips_of_720_lines(tmp_path):
    game = media.write_video(tmp_path / "g.mp4", media.pan(4, (1920, 1080)))
    (clip,) = cut_clips(game, [Highlight("a", "", 0, 1, "", "rush")], tmp_path / "out")
    assert (probe(clip).width_px, probe(clip).height_px) == (1280, 720)
    assert cv2.imread(str(clip.with_suffix(".jpg"))).shape == (270, 480, 3)


def test_no_highlights_no_clips(footage, tmp_path):
    assert cut_clips(footage, [], tmp_path / "out") == []
    assert list((tmp_path / "out").iterdir()) == []


def test_a_highlight_at_the_very_end_still_has_a_frame(footage, tmp_path):
    (clip,) = cut_clips(footage, [Highlight("a", "", 2.99, 3.5, "", "rush")], tmp_path / "o")
    assert probe(clip).frame_count >= 1


def test_a_video_that_is_gone_is_an_error_and_leaves_no_clip(tmp_path):
    one = Highlight("a", "", 0.0, 1.0, "", "rush")
    with pytest.raises(BadInputError):
        cut_clips(Path(tmp_path / "gone.mp4"), [one], tmp_path / "out")
    assert not list(tmp_path.rglob("*.mp4"))


def test_highlights_are_plain_values():
    one = Highlight("a", "t", 0.0, 1.0, "r", "rush")
    assert Highlight(**dataclasses.asdict(one)) == one
