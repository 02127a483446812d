"""The rules are checks of the assets that they are about, and say what breaks them."""

from __future__ import annotations

import re
from pathlib import Path

import dagster as dg
import numpy as np
import pandas as pd
import pytest

from jarvis_dagster.build import build_definitions
from jarvis_dagster.checks import tables as checks
from jarvis_dagster.hockey.events import build_ledger
from jarvis_dagster.hockey.events.integrity import RULES, Record
from tests.events.tables import PROVENANCE, crew, joined, recorded, scanned, video, walker

DOCS = Path(__file__).parents[2] / "docs" / "integrity.md"


@pytest.fixture
def record(tmp_path: Path) -> Record:
    referee = walker(20, np.tile([600.0, 500.0], (90, 1)), role="referee", team="")
    tracks, scan = joined(*crew(90), referee), scanned(90)
    info = video(tmp_path / "game.mp4", seconds=3)
    ledger = build_ledger(tracks, None, scan, info, PROVENANCE)
    return recorded(scan, tracks=tracks, events=ledger)


def test_every_rule_is_a_check_of_its_asset_and_blocks_where_it_is_impossible() -> None:
    graph = build_definitions().resolve_asset_graph()
    listed = {key.name: key for key in graph.asset_check_keys}
    for rule in RULES:
        assert listed[rule.name].asset_key == dg.AssetKey(["spotlight", rule.about])
    specs = {spec.name: spec for table in ("tracks", "events") for spec in checks.specs(table)}
    assert specs["no_play_in_a_stoppage"].blocking
    assert not specs["at_most_six_a_side_are_followed"].blocking


def test_every_rule_is_documented_with_what_it_does() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (blocks|warns) \|", DOCS.read_text("utf-8"), re.MULTILINE)
    assert dict(rows) == {rule.name: "blocks" if rule.blocking else "warns" for rule in RULES}
    assert all(rule.says.endswith(".") for rule in RULES)


def test_checks_pass_for_sound_tables(record: Record) -> None:
    for result in (*checks.results("tracks", record), *checks.results("events", record)):
        assert result.passed, result.check_name
        assert result.metadata["contradictions"].value == 0
        assert result.description is None


def test_an_impossible_ledger_is_an_error_that_says_what_is_wrong(record: Record) -> None:
    wrong = Record(30.0, 90, 3.0, events=record.events.assign(confidence=1.5))
    by_name = {result.check_name: result for result in checks.results("events", wrong)}
    result = by_name["confidences_are_shares"]
    assert not result.passed
    assert result.severity is dg.AssetCheckSeverity.ERROR
    assert "outside 0 to 1" in (result.description or "")
    assert by_name["events_are_half_open"].passed


def test_an_implausible_table_is_a_warning(record: Record) -> None:
    crowd = joined(*[walker(i, np.tile([90.0 * i, 300.0], (90, 1))) for i in range(1, 9)])
    by_name = {
        result.check_name: result
        for result in checks.results("tracks", recorded(scanned(90), tracks=crowd))
    }
    result = by_name["at_most_six_a_side_are_followed"]
    assert not result.passed
    assert result.severity is dg.AssetCheckSeverity.WARN
    assert "team A" in (result.description or "")


def test_boxes(record: Record) -> None:
    assert checks.boxes_are_inside(record.tracks, 1280, 720).passed
    assert not checks.boxes_are_inside(record.tracks, 300, 720).passed


def test_the_record_of_a_video_is_as_long_as_its_scan() -> None:
    facts = {"fps": 30.0, "frame_count": 80, "duration_s": 2.0}
    made = checks.record_of(facts, scan=scanned(90), tracks=pd.DataFrame())
    assert (made.frame_count, made.duration_s) == (90, pytest.approx(3.0))
