"""Two detectors on one video: figures by hand, and the asset that nobody delivers."""

from __future__ import annotations

import dataclasses
import json
import uuid
from typing import TYPE_CHECKING, Any

import dagster as dg
import numpy as np
import pandas as pd
import pytest

from jarvis_dagster.autopilot import Library
from jarvis_dagster.build import build_definitions
from jarvis_dagster.hockey.adaptation import Parameters
from jarvis_dagster.hockey.promotion.parts import choose_parts, looks_of, within
from jarvis_dagster.hockey.promotion.shadow import disagreement
from jarvis_dagster.jobs import shadow_video
from jarvis_dagster.promoting.shadows import Shadows, keep_shadow, shadow_count, shadows_of
from jarvis_dagster.sensors.shadow import asked, shadow_sensor
from jarvis_dagster.settings import PromotionSettings, load_settings
from jarvis_dagster.wiring import core_services
from tests.services.storage_tools import service_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.promotion.conftest import Jarvis
    from tests.servers import Server


def table(*rows: tuple[int, float, str]) -> pd.DataFrame:
    """Boxes of 20 px at x, by frame."""
    return pd.DataFrame(
        {
            "frame": np.array([row[0] for row in rows], np.int32),
            "pts_s": [row[0] / 10 for row in rows],
            "x1_px": [row[1] for row in rows],
            "y1_px": 0.0,
            "x2_px": [row[1] + 20 for row in rows],
            "y2_px": 20.0,
            "score": 0.9,
            "class": [row[2] for row in rows],
        }
    )


def test_disagreement_counted_by_hand() -> None:
    champion = table((0, 0, "player"), (0, 100, "player"), (30, 0, "goalkeeper"))
    challenger = table((0, 2, "player"), (0, 300, "referee"), (30, 1, "player"), (60, 0, "player"))
    found = disagreement(champion, challenger)
    assert (found.frames, found.both, found.only_champion, found.only_challenger) == (3, 2, 1, 2)
    assert found.other_role == 1
    assert found.role_changes == {"player": {"player": 1}, "goalkeeper": {"player": 1}}
    assert found.agreement == pytest.approx(4 / 7)
    assert [one.frame for one in found.worst] == [0, 30, 60]
    same = disagreement(champion, champion)
    assert (same.agreement, same.worst) == (1.0, ())
    nobody = champion.iloc[:0]
    assert disagreement(nobody, nobody).agreement is None


def test_a_long_video_is_looked_at_in_parts() -> None:
    parts = choose_parts(frame_count=54_000, fps=30, stride=2, seconds=120)
    assert len(parts) == 4
    assert looks_of(parts, 2) == 1800
    assert all(start % 2 == 0 for start, _ in parts)
    gaps = np.diff([start for start, _ in parts])
    assert gaps.max() - gaps.min() <= 2
    assert parts[0][0] > 0
    assert parts[-1][1] < 54_000
    assert choose_parts(100, 10, 3, 120) == [(0, 100)]
    assert looks_of([(0, 100)], 3) == 34
    assert choose_parts(100, 10, 3, 0.1) == [(48, 51)]
    found = within(table((0, 0, "player"), (49, 0, "player"), (51, 0, "player")), [(48, 51)])
    assert found["frame"].tolist() == [49]


def run_record(video: str, challenger: int, registered: str = "") -> dict[str, Any]:
    """A video with ten boxes of the champion, all of them found by the other as well."""
    return {
        "video": video,
        "registered": registered,
        "agreement": 0.5,
        "both": challenger,
        "only_champion": 10 - challenger,
        "only_challenger": 0,
        "other_role": 0,
        "seconds_of_video": 60.0,
        "time": 1.1,
    }


def test_what_the_shadow_says_of_a_promotion(object_store: Server, tmp_path: Path) -> None:
    storage = service_of(object_store, f"sh{uuid.uuid4().hex[:8]}")
    storage.ensure_buckets()
    for number, found in enumerate((3, 4, 9)):
        keep_shadow(storage, "m", "2", run_record(f"v{number}", found))
    keep_shadow(storage, "m", "2", run_record("v0", 3))  # once more: the same video
    keep_shadow(storage, "m", "2", run_record("of another champion", 9, "m 1"))
    assert shadow_count(storage, "m", "2") == 4
    assert shadow_count(storage, "m", "3") == 0
    seen = shadows_of(storage, "m", "2", "", 0)
    assert len(seen.runs) == 3
    assert "0.40 times as many people" in seen.against
    assert dataclasses.replace(seen, runs=seen.runs[1:]).against == ""  # too few to tell
    lost = {"goalkeeper": {"goalkeeper": 7, "player": 13}, "player": {"player": 90, "referee": 9}}
    runs = [{**run_record(f"w{n}", 9), "role_changes": lost} for n in range(3)]
    assert "names 21 boxes goalkeeper, and the champion 60" in Shadows(0, tuple(runs)).against
    assert Shadows(0, tuple(runs[:2])).against == ""
    content = seen.to_json()
    assert (content["videos"], content["seconds"], content["people"]) == (3, 180.0, 0.4)
    needs = shadows_of(storage, "m", "2", "m 1", 5)
    assert "looked at 1 new videos in the shadow, and 5 are agreed on" in needs.against
    none = shadows_of(storage, "m", "3", "", 0)
    assert (none.against, none.to_json()["agreement"]) == ("", None)


def test_the_sensor_samples_new_videos() -> None:
    assert shadow_sensor(PromotionSettings(shadow=True)).default_status.value == "RUNNING"
    settings = PromotionSettings(shadow_videos=2)
    (request,), _ = asked({"game": "run", "next": "run"}, "4", 1, settings, "m")
    assert (request.run_key, request.partition_key) == ("game m 4 run", "game")
    assert request.run_config["ops"]["toolchain__shadow_run"]["config"] == {"model": "m"}
    none, why = asked({"game": "run"}, "4", 2, settings, "m")
    assert not none
    assert "m 4 has looked at 2 videos" in why
    assert asked({"game": "run"}, "", 0, settings, "m") == ([], "m has no challenger.")
    assert shadow_video.tags["dagster/priority"] == "-10"


@pytest.mark.timeout(900)  # networks on a busy machine
def test_a_shadow_run_is_kept_apart(
    jarvis: Jarvis,
    detectors: dict[str, Path],
    readers: dict[str, Path],
    labelled_games: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from jarvis_dagster.commands.upload import register_video
    from jarvis_dagster.hockey.synthetic import GameSpec, render_game
    from tests.promotion.displays import Silent

    settings = load_settings()
    jarvis("models", "freeze-games", labelled_games)
    jarvis("models", "register", detectors["shy"])
    clip = render_game(tmp_path / "clip", GameSpec(5, 1.0, 640, 360, fps=10)).video
    picture = tmp_path / "differences.jpg"
    code, out, _ = jarvis("models", "shadow", clip, "--out", picture)
    assert code == 0
    assert "only the challenger 0" in out
    assert picture.read_bytes()[:2] == b"\xff\xd8"

    key = register_video(settings, clip, Silent())  # type: ignore[arg-type]
    with core_services(settings) as core:
        library = Library(core.storage_service)
        library.put_in_force("default", Parameters(gain=1.1))
    # One pass finds people, though they are looked for with a camera's own parameters.
    monkeypatch.setattr("jarvis_dagster.hockey.detection.detect_video", None)
    defs = build_definitions()
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("videos", [key])
        for selection in (
            ["footage/video", "footage/preflight", "spotlight/detections"],
            ["toolchain/shadow_run"],
        ):
            done = defs.resolve_implicit_global_asset_job_def().execute_in_process(
                instance=instance,
                partition_key=key,
                asset_selection=[dg.AssetKey(name.split("/")) for name in selection],
            )
            assert done.success
            for made in done.asset_materializations_for_node("spotlight__detections"):
                assert made.metadata["adapted_parameters"].value == "gain 1.10"
                assert made.metadata["dagster/row_count"].value > 0
        (made,) = done.asset_materializations_for_node("toolchain__shadow_run")
        assert made.metadata["seconds_of_video"].value == pytest.approx(1.0)
        assert made.metadata["only_challenger"].value == 0
        assert made.metadata["only_champion"].value > 0
        assert "agreement" in made.metadata

        # The challenger of those that read roles looks at the people of the detector in use.
        name = settings.promotion.roles_model
        jarvis("models", "register", readers["blind"], "--name", name)
        done = defs.resolve_implicit_global_asset_job_def().execute_in_process(
            instance=instance,
            partition_key=key,
            asset_selection=[dg.AssetKey(["toolchain", "shadow_run"])],
            run_config={"ops": {"toolchain__shadow_run": {"config": {"model": name}}}},
        )
        (made,) = done.asset_materializations_for_node("toolchain__shadow_run")
        assert made.metadata["challenger"].value == f"{name} 1"
        assert made.metadata["only_challenger"].value == made.metadata["only_champion"].value == 0
        changes = made.metadata["role_changes"].value
        assert {role for row in changes.values() for role in row} == {"referee"}

        # A decision through Dagster, and the truth about the champion.
        job = defs.resolve_job_def("decide_promotion")
        decided = job.execute_in_process(instance=instance)
        assert decided.success
        (decision,) = decided.asset_materializations_for_node("toolchain__promotion_decision")
        assert decision.metadata["promoted"].value is False
        assert decision.metadata["shadow_runs"].value == 1
        (check,) = decided.get_asset_check_evaluations()
        assert check.passed
        with core_services(settings) as core:
            core.experiment_service.move_alias(
                settings.promotion.model, "champion", "1", by="somebody", why="I like it."
            )
            store = core.storage_service
            kept = store.exists(f"artifacts/{key}/shadow/detections.parquet")
            assert store.exists(f"artifacts/{key}/shadow_roles/detections.parquet")
            (run,) = shadows_of(store, name, "1", "", 0).runs
            usual = tmp_path / "model.json"
            store.get_file(f"artifacts/{key}/detections/model.json", usual)
        assert kept
        assert run["other_role"] > 0
        assert json.loads(usual.read_text())["registered"] == ""
        again = job.execute_in_process(instance=instance)
        (check,) = again.get_asset_check_evaluations()
        assert not check.passed
        assert "without a decision" in (check.description or "")
