"""Each truth about a table notices what contradicts it, and nothing else."""

from __future__ import annotations

import dagster as dg
import numpy as np
import pandas as pd
import pytest

from jarvis_dagster.checks import tables as checks
from jarvis_dagster.hockey.events import build_ledger
from jarvis_dagster.hockey.tables import EVENTS, TRACKS, empty
from tests.events.tables import PROVENANCE, crew, joined, scanned, video, walker


@pytest.fixture
def tracks() -> pd.DataFrame:
    referee = walker(20, np.tile([600.0, 500.0], (90, 1)), role="referee", team="")
    return joined(*crew(90), referee)


@pytest.fixture
def ledger(tracks: pd.DataFrame, tmp_path) -> pd.DataFrame:
    info = video(tmp_path / "game.mp4", seconds=3)
    return build_ledger(tracks, None, scanned(90), info, PROVENANCE)


def test_truths_hold_for_a_sound_ledger(ledger: pd.DataFrame, tracks: pd.DataFrame) -> None:
    for result in (
        checks.EVENTS_HAVE_EVIDENCE(ledger),
        checks.EVENTS_NAME_TRACKS_THAT_EXIST(ledger, tracks),
        checks.NOBODY_IS_PRESENT_TWICE_AT_A_TIME(ledger),
    ):
        assert result.passed
        assert result.metadata["contradictions"].value == 0
        assert result.description is None


def test_truths_hold_where_nothing_happened() -> None:
    nothing = empty(EVENTS)
    assert checks.EVENTS_HAVE_EVIDENCE(nothing).passed
    assert checks.EVENTS_NAME_TRACKS_THAT_EXIST(nothing, empty(TRACKS)).passed
    assert checks.NOBODY_IS_PRESENT_TWICE_AT_A_TIME(nothing).passed


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("evidence", '{"frames": []}', "no frames"),
        ("evidence", "{}", "no frames"),
        ("end_s", -1.0, "before they start"),
        ("event_id", "same", "twice"),
        ("type", "magic", "magic"),
        ("confidence", 1.5, "0 to 1"),
    ],
)
def test_an_event_without_evidence_stops_what_is_made_from_it(
    ledger: pd.DataFrame, column: str, value: object, said: str
) -> None:
    result = checks.EVENTS_HAVE_EVIDENCE(ledger.assign(**{column: value}))
    assert not result.passed
    assert result.severity is dg.AssetCheckSeverity.ERROR
    assert said in (result.description or "")
    assert checks.EVENTS_HAVE_EVIDENCE.spec.blocking


def test_an_event_of_nobody_is_noticed(ledger: pd.DataFrame, tracks: pd.DataFrame) -> None:
    result = checks.EVENTS_NAME_TRACKS_THAT_EXIST(ledger.assign(track_ids="[77]"), tracks)
    assert not result.passed
    assert "77" in (result.description or "")


def test_an_official_of_a_team_is_noticed(ledger: pd.DataFrame, tracks: pd.DataFrame) -> None:
    biased = tracks.assign(team="A")
    assert not checks.EVENTS_NAME_TRACKS_THAT_EXIST(ledger, biased).passed
    assert checks.REFEREES_HAVE_NO_TEAM(biased).metadata["contradictions"].value == 90
    assert checks.REFEREES_HAVE_NO_TEAM(tracks).passed


def test_overlapping_presence_is_a_warning(ledger: pd.DataFrame) -> None:
    again = ledger[ledger["type"] == "in_view"].iloc[[0]].assign(event_id="again")
    result = checks.NOBODY_IS_PRESENT_TWICE_AT_A_TIME(pd.concat([ledger, again]))
    assert not result.passed
    assert result.severity is dg.AssetCheckSeverity.WARN
    assert not checks.NOBODY_IS_PRESENT_TWICE_AT_A_TIME.spec.blocking


def test_ids_cuts_and_boxes(tracks: pd.DataFrame) -> None:
    assert checks.IDS_ARE_UNIQUE_PER_FRAME(tracks).passed
    assert not checks.IDS_ARE_UNIQUE_PER_FRAME(pd.concat([tracks, tracks.iloc[[0]]])).passed
    scan = scanned(90)
    assert checks.NO_TRACK_CROSSES_A_CUT(tracks, scan).passed
    scan.loc[45, "is_cut"] = True
    assert not checks.NO_TRACK_CROSSES_A_CUT(tracks, scan).passed
    assert checks.BOXES_ARE_INSIDE(tracks, 1280, 720).passed
    assert not checks.BOXES_ARE_INSIDE(tracks, 300, 720).passed
