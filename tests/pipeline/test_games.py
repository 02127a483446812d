"""The table of all games: kept by the IO manager, read back as it was."""

import json
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest

from jarvis_dagster.assets.partitions import VIDEOS
from jarvis_dagster.assets.season import COLUMNS, games
from jarvis_dagster.resources.services import StorageResource
from jarvis_dagster.resources.table_io_manager import TableIOManager


def report(name: str, events: int) -> dict[str, object]:
    grades = {key: {"grade": "B"} for key in ("detections", "tracks", "positions", "events")}
    return {
        "video": {"name": name, "duration_s": 12.5, "people_in_view": 9.0},
        "preflight": {"grades": grades, "measures": {"rink_share": 0.75}},
        "events": [{}] * events,
        "highlights": [{}],
        "provenance": {"video_sha256": "ab" * 32, "model_version": "1"},
    }


@pytest.fixture
def reports(config: Path, tmp_path: Path) -> list[str]:
    """Two games with a report, and one that is still being analysed."""
    service = StorageResource().service
    service.ensure_buckets()
    keys = [f"{tmp_path.name}-{name}" for name in ("final", "semi")]
    for number, key in enumerate(keys):
        path = tmp_path / "report.json"
        path.write_text(json.dumps(report(f"{key}.mp4", number + 1)))
        service.put_file(f"artifacts/{key}/game_report/report.json", path)
    return [*keys, f"{tmp_path.name}-unfinished"]


def test_every_game_with_a_report_is_a_row(reports: list[str]) -> None:
    @dg.asset(ins={"table": dg.AssetIn(games.key, input_manager_key="tables")})
    def reader(table: pd.DataFrame) -> dg.MaterializeResult:
        return dg.MaterializeResult(metadata={"table": table.to_json(orient="records")})

    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions(VIDEOS.name or "", reports)
        made = dg.materialize(
            [games, reader],
            resources={"storage": StorageResource(), "tables": TableIOManager()},
            instance=instance,
        )
    (event,) = made.asset_materializations_for_node("holmes__games")
    (told,) = made.asset_materializations_for_node("reader")
    read = pd.DataFrame(json.loads(str(told.metadata["table"].value)))
    assert read["game"].tolist() == sorted(reports[:2])
    assert read["events"].tolist() == [1, 2]
    assert list(read.columns) == list(COLUMNS)
    place = event.metadata["object"].value
    assert str(place).endswith("artifacts/tables/holmes/games.parquet")
    assert event.metadata["dagster/row_count"].value == 2


def test_without_games_the_table_is_empty(config: Path) -> None:
    StorageResource().service.ensure_buckets()
    with dg.DagsterInstance.ephemeral() as instance:
        made = dg.materialize(
            [games],
            resources={"storage": StorageResource(), "tables": TableIOManager()},
            instance=instance,
        )
    table = made.output_for_node("holmes__games")
    assert list(table.columns) == list(COLUMNS)
    assert table.empty


def test_a_table_that_was_never_made_is_named(config: Path) -> None:
    StorageResource().service.ensure_buckets()

    @dg.asset(ins={"table": dg.AssetIn(["never", "made"], input_manager_key="tables")})
    def reader(table: pd.DataFrame) -> None:
        raise AssertionError(table)

    with pytest.raises(FileNotFoundError, match=r"never/made\.parquet is not in the object store"):
        dg.materialize(
            [reader, dg.AssetSpec(["never", "made"])], resources={"tables": TableIOManager()}
        )
