"""Two detectors on one video: figures by hand, and the asset that nobody delivers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import dagster as dg
import numpy as np
import pandas as pd
import pytest

from jarvis_dagster.build import build_definitions
from jarvis_dagster.hockey.promotion.shadow import disagreement
from jarvis_dagster.settings import load_settings
from jarvis_dagster.wiring import core_services

if TYPE_CHECKING:
    from pathlib import Path

    from tests.promotion.conftest import Jarvis


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


@pytest.mark.timeout(900)  # networks on a busy machine
def test_a_shadow_run_is_kept_apart(
    jarvis: Jarvis, detectors: dict[str, Path], labelled_games: Path, tmp_path: Path
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
        (made,) = done.asset_materializations_for_node("toolchain__shadow_run")
        assert made.metadata["only_challenger"].value == 0
        assert made.metadata["only_champion"].value > 0
        assert "agreement" in made.metadata

        # A decision through Dagster, and the truth about the champion.
        job = defs.resolve_job_def("decide_promotion")
        decided = job.execute_in_process(instance=instance)
        assert decided.success
        (decision,) = decided.asset_materializations_for_node("toolchain__promotion_decision")
        assert decision.metadata["promoted"].value is False
        (check,) = decided.get_asset_check_evaluations()
        assert check.passed
        with core_services(settings) as core:
            core.experiment_service.move_alias(
                settings.promotion.model, "champion", "1", by="somebody", why="I like it."
            )
            store = core.storage_service
            kept = store.exists(f"artifacts/{key}/shadow/detections.parquet")
            usual = tmp_path / "model.json"
            store.get_file(f"artifacts/{key}/detections/model.json", usual)
        assert kept
        assert json.loads(usual.read_text())["registered"] == ""
        again = job.execute_in_process(instance=instance)
        (check,) = again.get_asset_check_evaluations()
        assert not check.passed
        assert "without a decision" in (check.description or "")
