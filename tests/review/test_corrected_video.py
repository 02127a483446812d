"""From a correction in the drive to a report that says what it changed; boxes stay as they are."""

import json

import dagster as dg
import pandas as pd
import pytest
from typer.testing import CliRunner

from jarvis_dagster.cli import app
from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey.tables import read_provenance
from tests.review.conftest import Club

pytestmark = pytest.mark.timeout(900)  # a whole analysis comes first, perhaps beside others


def test_a_correction_in_the_drive_changes_what_depends_on_it(uncorrected: Club) -> None:
    club = uncorrected
    before = club.report
    assert before["corrected"] is None
    tracks = club.table("tracks")
    one, gone, other = (int(t) for t in tracks["track_id"].value_counts().index[:3])
    team = "A" if str(tracks.loc[tracks["track_id"] == one, "team"].iloc[0]) == "B" else "B"
    (request,) = club.correct(
        f"corrections:\n- track: {one}\n  role: player\n  team: {team}\n"
        f"- track: {gone}\n  delete: true\n"
        "- missed: shot\n  at: 0:01.5\n  team: A\n"
    )
    assert request.partition_key == club.key
    made = club.run("apply_corrections", request)
    assert {"spotlight/tracks", "holmes/game_report", "delivery/results"} <= made
    assert made.isdisjoint({"footage/video", "footage/preflight", "spotlight/detections"})

    now = club.table("tracks")
    assert set(now.loc[now["track_id"] == one, "team"]) == {team}
    assert gone not in set(now["track_id"])
    same = tracks[tracks["track_id"] == other].reset_index(drop=True)
    pd.testing.assert_frame_equal(now[now["track_id"] == other].reset_index(drop=True), same)
    shots = club.table("events").query("type == 'shot' and confidence == 1")
    assert shots["start_s"].tolist() == pytest.approx([1.5], abs=0.05)
    for name in ("tracks", "positions", "events"):
        assert read_provenance(club.results / f"{name}.parquet").corrections_sha256

    corrected = club.report["corrected"]
    assert corrected["compared"]
    assert [said["applied"] for said in corrected["said"]] == [True] * 4
    changed = {row["what"]: (row["before"], row["after"]) for row in corrected["changes"]}
    assert changed["Events: Shot"][1] == changed["Events: Shot"][0] + 1
    rows = [row for row in corrected["people"] if row["track_id"] == gone]
    assert any(row["what"] == "time in view" and row["after"] is None for row in rows)
    page = (club.results / "report.html").read_text("utf-8")
    assert f"Track {one} is of team {team}" in page
    assert club.correct((club.results / "corrections.yaml").read_text("utf-8")) == []

    (request,) = club.correct("corrections: []\n")
    club.run("apply_corrections", request)
    pd.testing.assert_frame_equal(club.table("tracks"), tracks)
    assert club.report["corrected"] is None
    assert club.report["teams"] == before["teams"]


def test_an_event_alone_leaves_tracks_and_video_alone(uncorrected: Club) -> None:
    club = uncorrected
    events = club.table("events")
    wrong = events[~events["type"].isin(["in_view", "shift", "camera_cut"])].iloc[0]
    (request,) = club.correct(f"- event: {wrong['event_id']}\n  wrong: true\n")
    made = club.run("apply_corrections", request)
    assert {"spotlight/corrections", "spotlight/events", "holmes/game_report"} <= made
    assert made.isdisjoint({"spotlight/tracks", "spotlight/positions", "spotlight/annotated_video"})
    assert wrong["event_id"] not in set(club.table("events")["event_id"])
    (said,) = club.report["corrected"]["said"]
    assert said["applied"]


def test_a_file_that_cannot_be_true_gets_a_note_and_changes_nothing(club: Club) -> None:
    note = club.results / "corrections.yaml.problem.txt"
    before = club.table("tracks")
    assert club.correct("corrections:\n- track: 1\n  nummer: 26\n") == []
    assert "corrections.yaml, line 2: nummer is not known" in note.read_text("utf-8")
    track = int(before["track_id"].iloc[0])
    (request,) = club.correct(
        f"corrections:\n- track: {track}\n  role: player\n- track: {track}\n  role: referee\n"
    )
    assert not note.exists()
    with pytest.raises(dg.Failure, match=f"line 4: Track {track} is a referee, but line 2"):
        club.run("apply_corrections", request)
    assert "line 4" in note.read_text("utf-8")
    pd.testing.assert_frame_equal(club.table("tracks"), before)


def test_the_command_line_writes_applies_and_shows(uncorrected: Club) -> None:
    club = uncorrected
    tracks = club.table("tracks")
    track = str(tracks["track_id"].value_counts().index[0])

    def jarvis(*words: str) -> str:
        done = CliRunner().invoke(app, ["review", *words], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.output

    told = jarvis("correct", "game", "--track", track, "--number", "26")
    assert "spotlight/jersey_numbers" in told
    assert "spotlight/tracks" not in told
    assert f"No. {track}: number" in told
    person = next(row for row in club.report["people"] if row["track_id"] == int(track))
    assert (person["jersey_number"], person["jersey_probability"]) == ("26", 1.0)

    jarvis("correct", "game", "--track", track, "--role", "goalie", "--note", "pads", "--later")
    assert "waits" in jarvis("corrections", "game", "--json")
    with pytest.raises(BadInputError, match="but line"):
        jarvis("correct", "game", "--track", track, "--role", "referee", "--later")
    jarvis("correct", "game", "--track", track, "--role", "referee", "--replace", "--later")
    told = jarvis("apply", "game")
    assert f"No. {track}: role" in told
    assert "referee" in told
    assert "spotlight/detections" not in told
    assert "already" in jarvis("apply", "game")
    states = [row["state"] for row in json.loads(jarvis("corrections", "game", "--json"))]
    assert states == ["applied", "applied"]
    roles = club.table("tracks").query(f"track_id == {track}")["role"]
    assert set(roles) == {"referee"}
    with pytest.raises(BadInputError, match="No analysed video is named other"):
        jarvis("apply", "other")
