"""The report: self-contained, safe, and true to the tables."""

import json
import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from jarvis_dagster.hockey.events import build_ledger, not_supported
from jarvis_dagster.hockey.highlights import Highlight
from jarvis_dagster.hockey.report import SCHEMA_VERSION, ReportData, write_report
from jarvis_dagster.hockey.report.wording import clock, measured, size
from jarvis_dagster.hockey.tables import TRACKS, empty
from jarvis_dagster.hockey.video import save_jpeg
from tests.events.tables import PROVENANCE, crew, joined, placed, scanned, video, walker

PREFLIGHT = {
    "grades": {
        "tracks": {"grade": "B", "reasons": ["2 camera cuts.", "Few frames."]},
        "speeds": {"grade": "not supported", "reasons": ["There is no calibration."]},
    },
    "findings": [{"severity": "warning", "title": "Dark", "text": "<i>too</i> dark"}],
}
HOSTILE = "<script>alert('x')</script>\"'&.mp4"


class Page(HTMLParser):
    """What a browser would fetch or run."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.sources, self.links, self.text = [], [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        values = dict(attrs)
        self.sources += [values[k] for k in ("src", "srcset", "poster", "data") if k in values]
        self.links += [values["href"]] if "href" in values else []
        assert not [k for k in values if k.startswith("on")]

    def handle_data(self, data):
        self.text += data


def written(tmp_path, tracks, positions=None, frames=90, name="game.mp4", clips=(), **more):
    info = video(tmp_path / "game.mp4", seconds=frames / 30)
    scan = scanned(frames)
    events = build_ledger(tracks, positions, scan, info, PROVENANCE)
    highlights = [Highlight("e1", f"Rush & <{i}>", 0.5, 2.0, "Why?", "rush") for i in clips]
    paths = []
    for number in clips:
        clip = tmp_path / f"0{number}_rush #1.mp4"
        save_jpeg(np.full((90, 160, 3), 128, np.uint8), clip.with_suffix(".jpg"))
        paths.append(clip)
    data = ReportData(
        info=info,
        name=name,
        preflight=more.pop("preflight", PREFLIGHT),
        scan=scan,
        tracks=tracks,
        positions=positions,
        events=events,
        highlights=highlights,
        clips=paths,
        provenance=PROVENANCE,
        not_supported=more.pop("not_supported", None)
        or not_supported(tracks, positions, scan, info),
        **more,
    )
    html, data = write_report(tmp_path / "out", data)
    assert html.name == "report.html"
    assert data.name == "report.json"
    return Page(html.read_text("utf-8")), json.loads(data.read_text("utf-8")), events


def two_teams(frames=90):
    referee = walker(20, np.tile([600.0, 500.0], (frames, 1)), role="referee", team="")
    return joined(*crew(frames, step=2.0), referee)


def test_tracks_of_one_person_count_once(tmp_path):
    tracks = two_teams()
    ids = sorted(tracks.loc[tracks["role"] == "player", "track_id"].unique())
    claimed = pd.DataFrame({"track_id": ids, "person_id": "unknown"})
    claimed.loc[:1, "person_id"] = "A-26"
    page, numbers, _ = written(tmp_path, tracks, identities=claimed)
    assert f"{len(ids) - 1} players" in page.text
    assert page.text.count("A-26") == 2
    named = {row["track_id"]: row["person_id"] for row in numbers["people"]}
    assert [named[track] for track in ids[:3]] == ["A-26", "A-26", None]
    page, _, _ = written(tmp_path, tracks)
    assert f"{len(ids)} players" in page.text
    assert "Person" not in page.text


def test_the_page_needs_nothing_else(tmp_path):
    page, _, _ = written(tmp_path, two_teams(), clips=(1,))
    assert "script" not in page.tags
    assert "link" not in page.tags
    assert all(source.startswith("data:image/") for source in page.sources)
    assert len(page.sources) == 3  # a thumbnail and two plots
    text = (tmp_path / "out" / "report.html").read_text("utf-8")
    assert not re.search(r"url\(|@import|https?://", text.replace("http://www.w3.org", ""))


def test_clips_are_linked_beside_the_page_with_safe_addresses(tmp_path):
    page, data, _ = written(tmp_path, two_teams(), clips=(1,))
    assert page.links == ["#unsupported", "highlights/01_rush%20%231.mp4"]
    assert data["highlights"][0]["clip"] == "highlights/01_rush #1.mp4"


def test_the_annotated_video_is_beside_the_page(tmp_path):
    still = tmp_path / "middle.jpg"
    save_jpeg(np.full((90, 160, 3), 128, np.uint8), still)
    page, data, _ = written(tmp_path, two_teams(), annotated="annotated #1.mp4", still=still)
    assert page.sources[0] == "annotated%20%231.mp4"
    assert page.sources[1].startswith("data:image/jpeg;base64,")
    peak = next(e for e in data["events"] if e["type"] == "action_peak")
    assert f"annotated%20%231.mp4#t={peak['start_s']}" in page.links


EXAMPLES = {
    "rush": (
        {"people": 3.9, "direction": "left", "seconds": 1.04, "median_speed_heights_per_s": 4.5},
        "4 players to the left for 1.0 s",
    ),
    "crowding": ({"people": 6.0, "seconds": 2.0, "goalkeeper_inside": True}, "a goalkeeper among"),
    "stoppage": ({"people": 8.0, "median_speed_heights_per_s": 0.3}, "slower than 0.3 body"),
    "play_resumes": ({"speed_before": 0.3, "speed_after": 1.9}, "from 0.3 to 1.9"),
    "zone_entry": ({"end": "left", "middle_beyond_line_ft": 12.0}, "left end"),
    "line_change": ({"on": 3, "off": 4}, "3 on, 4 off"),
    "shot": ({"puck_speed_ftps": 80.0, "from_ft": 40.0, "end": "right"}, "80 ft/s from 40 ft"),
    "top_speed": ({"speed_ftps": 28.0, "measured_share": 0.9}, "28.0 ft/s"),
    "action_peak": (
        {"activity_heights_per_s": 9.0, "usual_activity_heights_per_s": 4.5, "people": 5.0},
        "2.0 times the usual",
    ),
    "camera_cut": ({"luma_change": 3.0}, ""),
}


@pytest.mark.parametrize("kind", EXAMPLES)
def test_measures_are_said_in_words(kind):
    values, said = EXAMPLES[kind]
    assert said in measured({"type": kind, "measures": values})


def test_hostile_names_and_texts_are_text(tmp_path):
    page, data, _ = written(tmp_path, two_teams(), name=HOSTILE, clips=(1,))
    assert "script" not in page.tags
    assert HOSTILE in page.text
    assert "<i>too</i> dark" in page.text
    assert "Rush & <1>" in page.text
    assert data["video"]["name"] == HOSTILE


def test_grades_come_first_in_plain_words(tmp_path):
    page, _, _ = written(tmp_path, two_teams())
    assert page.text.index("How far to trust this") < page.text.index("The two teams")
    assert "2 camera cuts. Few frames." in page.text
    assert "Speeds" in page.text.split("Not supported by")[-1]
    assert page.text.count("There is no calibration.") == 1


def test_statistics_with_the_same_grade_and_reason_share_a_line(tmp_path):
    given = {name: {"grade": "A", "reasons": ["Fine."]} for name in ("detections", "time_in_view")}
    given["tracks"] = {"grade": "B", "reasons": ["Cuts."]}
    page, _, _ = written(tmp_path, two_teams(), preflight={"grades": given})
    assert "Detections and time in view" in page.text
    assert page.text.count("Fine.") == 1


def test_numbers_follow_from_the_tables(tmp_path):
    page, data, events = written(tmp_path, two_teams())
    assert data["schema_version"] == SCHEMA_VERSION
    assert data["video"]["people_in_view"] == 7
    assert [row["tracks"] for row in data["teams"]] == [3, 3]
    assert data["teams"][0]["time_in_view_s"] == pytest.approx(9.0)
    assert data["teams"][0]["at_once"] == 3
    # 2 px a frame at 30 frames a second and 100 px tall: 0.6 heights a second.
    assert data["people"][0]["activity_heights_per_s"] == pytest.approx(0.6, abs=0.02)
    assert {p["track_id"] for p in data["people"]} == {1, 2, 3, 4, 5, 6, 20}
    assert len(data["events"]) == len(events)
    assert data["provenance"]["video_sha256"] == PROVENANCE.video_sha256
    assert data["summary"].startswith("Usually 7 people are in view.")
    assert data["summary"] in page.text
    assert "the numbers stand for 6 players and 1 referee" in page.text


def test_without_positions_speed_and_place_are_not_supported(tmp_path):
    page, data, _ = written(tmp_path, two_teams())
    assert all(p["top_speed_mph"] is None for p in data["people"])
    assert "zone_entry" in data["not_supported"]
    assert page.text.count("There is no rink calibration") == 1
    assert "Zone entry" in page.text or "zone entry" in page.text
    assert "Where they were" not in page.text
    assert "Top speed" not in page.text.split("Not supported by")[0]


def test_with_positions_there_are_speeds_distances_and_a_heat_map(tmp_path):
    tracks = two_teams()
    x = np.linspace(60, 120, 90)
    spots = joined(
        *[placed(i, np.column_stack([x, np.full(90, 10.0 * i)]), 20.0) for i in range(1, 7)]
    )
    page, data, _ = written(tmp_path, tracks, spots)
    first = next(p for p in data["people"] if p["track_id"] == 1)
    assert first["top_speed_ftps"] == pytest.approx(20.0)
    assert first["top_speed_mph"] == pytest.approx(13.6, abs=0.05)
    assert first["distance_ft"] == pytest.approx(60.0)
    assert any(source.startswith("data:image/png") for source in page.sources)
    referee = next(p for p in data["people"] if p["role"] == "referee")
    assert referee["top_speed_ftps"] is None


def test_an_empty_rink_is_reported_as_that(tmp_path):
    page, data, _ = written(tmp_path, empty(TRACKS), preflight={})
    assert "Nobody was found on the ice" in page.text
    assert data["people"] == []
    assert data["no_highlights"]
    assert page.sources == []


def test_a_long_game_is_cut_short_on_the_page_and_whole_in_the_file(tmp_path):
    many = joined(*[walker(i, np.tile([5.0 * i, 300.0], (2, 1))) for i in range(1, 201)])
    page, data, _ = written(tmp_path, many)
    assert len(data["people"]) == 200
    assert "176 more are in report.json" in page.text
    assert page.tags.count("tr") < 60


def test_the_same_tables_give_the_same_bytes(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    written(tmp_path / "a", two_teams(), clips=(1,))
    written(tmp_path / "b", two_teams(), clips=(1,))
    for name in ("report.html", "report.json"):
        first = (tmp_path / "a" / "out" / name).read_bytes()
        assert (tmp_path / "b" / "out" / name).read_bytes() == first


def test_team_colours_are_the_ones_given(tmp_path):
    written(tmp_path, two_teams(), team_colours={"A": (10, 20, 30), "B": (250, 0, 1)})
    text = (tmp_path / "out" / "report.html").read_text("utf-8")
    assert "--a: #1e140a" in text
    assert "--b: #0100fa" in text


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0:00"), (75.5, "1:15.5"), (59.96, "1:00"), (3725, "1:02:05"), (None, "\u2013")],
)
def test_clock(seconds, said):
    assert clock(seconds) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(1.94, "1.9 s"), (42, "42 s"), (60, "1 min"), (125, "2 min 5 s"), (5400, "1 h 30 min")],
)
def test_size(seconds, said):
    assert size(seconds) == said
