"""A platform with a store and a registry, labelled games, and two detectors."""

from __future__ import annotations

import csv
import json
import sys
import uuid
from typing import TYPE_CHECKING, Protocol

import pytest

from jarvis_dagster.champions import chosen_detector
from jarvis_dagster.wiring import core_services
from tests.installation import write_settings

if TYPE_CHECKING:
    from pathlib import Path

    from jarvis_dagster.champions import Chosen
    from jarvis_dagster.settings import Settings
    from tests.servers import Server

VIDEOS = 6
_FRAMES = 1


class Jarvis(Protocol):
    def __call__(self, *words: object) -> tuple[int, str, str]: ...


def in_use(settings: Settings) -> Chosen:
    """The detector that a video would be looked at with now."""
    return chosen_detector(settings, lambda: core_services(settings).experiment_service)


@pytest.fixture(scope="session")
def labelled_games(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A YOLO export of six rendered games, a frame of each."""
    import cv2

    from jarvis_dagster.hockey.synthetic import GameSpec, iter_frames

    folder = tmp_path_factory.mktemp("games")
    (folder / "images").mkdir()
    (folder / "labels").mkdir()
    (folder / "data.yaml").write_text("names: [player, goalkeeper, referee]")
    rows = [("image", "video")]
    numbers = {"player": 0, "goalkeeper": 1, "referee": 2}
    for seed in range(VIDEOS):
        spec = GameSpec(
            *(31 + seed, float(_FRAMES), 800, 450), fps=1.0, camera="fixed", scoreboard=False
        )
        for number, (image, truth) in enumerate(iter_frames(spec)):
            name = f"game {seed}_{number}"
            cv2.imwrite(str(folder / "images" / f"{name}.jpg"), image)
            lines = []
            for seen in truth.people:
                x1, y1, x2, y2 = seen.box
                if seen.visibility > 0.35 and x2 > x1 and y2 > y1:
                    centre = ((x1 + x2) / 2 / 800, (y1 + y2) / 2 / 450)
                    size = ((x2 - x1) / 800, (y2 - y1) / 450)
                    values = " ".join(f"{value:.6f}" for value in (*centre, *size))
                    lines.append(f"{numbers[seen.person.role]} {values}")
            (folder / "labels" / f"{name}.txt").write_text("\n".join(lines))
            rows.append((f"{name}.jpg", f"game {seed}"))
    with (folder / "groups.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return folder


@pytest.fixture(scope="session")
def detectors(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The packaged detector under another version, and one that is too shy."""
    onnx = pytest.importorskip("onnx")
    from jarvis_dagster.hockey.detection.onnx import PACKAGED_WEIGHTS

    folder = tmp_path_factory.mktemp("detectors")
    made = {}
    for name, score in (("good", None), ("shy", 0.93)):
        model = onnx.load(str(PACKAGED_WEIGHTS))
        for entry in model.metadata_props:
            if entry.key == "jarvis":
                facts = json.loads(entry.value)
                facts["version"] = name
                facts["score_threshold"] = score or facts["score_threshold"]
                entry.value = json.dumps(facts)
        made[name] = folder / f"{name}.onnx"
        onnx.save(model, str(made[name]))
    return made


@pytest.fixture(scope="session")
def readers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One that leaves roles to the detector, and one to whom everybody is a referee."""
    torch = pytest.importorskip("torch")
    from jarvis_dagster.hockey.training.fitting import Fit
    from jarvis_dagster.hockey.training.roles import RoleNet, export_roles

    folder = tmp_path_factory.mktemp("readers")
    made = {}
    for name, logits in (("open", [0.0, 0.0, 0.0]), ("blind", [0.0, 0.0, 12.0])):
        net = RoleNet().eval()
        with torch.no_grad():
            net.last.weight.zero_()
            net.last.bias.copy_(torch.tensor(logits))
        made[name] = export_roles(net, folder / f"{name}.onnx", Fit(steps=1))
    return made


@pytest.fixture
def config(
    tmp_path: Path, object_store: Server, mlflow_server: Server, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """Settings of a platform of its own: other names in the servers of the session."""
    own = f"p{uuid.uuid4().hex[:12]}"
    more = f"""
experiment: {{tracking_uri: '{mlflow_server.url}', attempts: 2}}
promotion:
  {{model: 'detector-{own}', roles_model: 'roles-{own}', figure: recall, resamples: 2000}}
vision: {{model: champion, roles: champion}}
"""
    path = write_settings(tmp_path, object_store, more, buckets=own)
    monkeypatch.setenv("JARVIS_CONFIG", str(path))
    monkeypatch.setenv("JARVIS_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("COLUMNS", "200")
    from jarvis_dagster.settings import load_settings
    from jarvis_dagster.wiring import core_services

    with core_services(load_settings()) as core:
        core.storage_service.ensure_buckets()
    return path


@pytest.fixture
def jarvis(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Jarvis:
    from jarvis_dagster import cli

    def run(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["jarvis", *map(str, words)])
        try:
            cli.main()
            code: object = 0
        except SystemExit as stop:
            code = stop.code
        out, err = capsys.readouterr()
        return code if isinstance(code, int) else 0, out, err

    return run
