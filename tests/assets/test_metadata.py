"""What assets say about what they made is short, and says units."""

from __future__ import annotations

import dagster as dg
import pandas as pd

from jarvis_dagster.assets.metadata import columns, listed, preview
from jarvis_dagster.assets.spotlight.play import _by_reason, _noted
from jarvis_dagster.build import build_definitions
from jarvis_dagster.hockey.tables import EVENTS, POSITIONS


def test_columns_name_their_units() -> None:
    schema = columns(POSITIONS)["dagster/column_schema"]
    said = {column.name: column.description for column in schema.columns}
    assert list(said) == list(POSITIONS)
    assert said["x_ft"] == "feet on the rink"
    assert said["speed_ftps"] == "feet a second"
    assert said["pts_s"] == "seconds from the first frame"
    assert said["track_id"] is None


def test_files_are_listed_with_the_start_of_their_hash() -> None:
    table = listed([("a.mp4", 12, "0123456789abcdef" * 4)])
    assert isinstance(table, dg.TableMetadataValue)
    (record,) = table.records
    assert record.data == {"file": "a.mp4", "bytes": 12, "sha256": "0123456789ab"}


def test_presence_is_left_out_of_what_was_noted() -> None:
    rows = [
        ["a", "in_view", 0.0, 1.0, "A", "[1]", 0.9, "{}"],
        ["b", "rush", 0.5, 1.5, "", "[1, 2, 3]", 0.8, "{}"],
    ]
    ledger = pd.DataFrame(rows, columns=[*EVENTS]).astype(EVENTS)
    assert list(_noted(ledger)["type"]) == ["rush"]
    assert "rush" in str(preview(_noted(ledger)).value)


def test_cells_cannot_break_the_table() -> None:
    text = str(preview(pd.DataFrame({"name": ["a|b\nc"], "share": [1 / 3]})).value)
    assert text.splitlines()[2] == r"| a\|b c | 0.3333 |"


def test_each_reason_is_said_once() -> None:
    assert _by_reason({"goal": "No puck.", "shot": "No puck.", "shift": "It moves."}) == {
        "No puck.": ["goal", "shot"],
        "It moves.": ["shift"],
    }


def test_every_asset_has_a_description_an_owner_a_group_and_a_kind() -> None:
    specs = [
        spec
        for definition in build_definitions().assets or ()
        if isinstance(definition, dg.AssetsDefinition)
        for spec in definition.specs
    ]
    assert len(specs) >= 25
    for spec in specs:
        assert spec.description, spec.key
        assert spec.owners, spec.key
        assert spec.group_name == spec.key.path[0], spec.key
        assert spec.kinds, spec.key
