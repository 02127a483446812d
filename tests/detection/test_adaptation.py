"""Learning from a new rink: what is held out, how far is gone, and whether it was worth it."""

import dataclasses
import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from jarvis_dagster.errors import BadInputError  # noqa: E402
from jarvis_dagster.hockey.detection import load_detector  # noqa: E402
from jarvis_dagster.hockey.detection.onnx import PACKAGED_WEIGHTS  # noqa: E402
from jarvis_dagster.hockey.training import adapt, build, judge, keeping  # noqa: E402
from jarvis_dagster.hockey.training.adapt import adapt_detector  # noqa: E402
from jarvis_dagster.hockey.training.blend import blended, choose_share  # noqa: E402
from jarvis_dagster.hockey.training.build import Plan, rendered_frames  # noqa: E402
from jarvis_dagster.hockey.training.dataset import Sample, read_export  # noqa: E402
from jarvis_dagster.hockey.training.holdout import hold_out  # noqa: E402
from jarvis_dagster.hockey.training.judge import (  # noqa: E402
    Figures,
    fallen,
    is_better,
    measured,
    most_lost,
)
from jarvis_dagster.hockey.training.memory import memory_of  # noqa: E402
from jarvis_dagster.hockey.training.net import HockeyNet  # noqa: E402
from jarvis_dagster.hockey.training.pace import affordable_steps, usable_threads  # noqa: E402
from jarvis_dagster.hockey.training.shrink import shrunk  # noqa: E402
from jarvis_dagster.hockey.training.train import Recipe, train_detector  # noqa: E402
from jarvis_dagster.hockey.training.vetting import vetted  # noqa: E402

TINY = Recipe(steps=2, batch=2, width_px=96, height_px=64, mosaic_share=0, zoom=(1, 1),
              bfloat16=False)  # fmt: skip


def _frames(group: str, count: int, role: int = 0) -> list[Sample]:
    box = np.array([[0.4, 0.4, 0.5, 0.6]], np.float32)
    return [
        Sample(
            Path(f"{group}-{number}.jpg"), group, box, np.array([role]), np.ones(1, bool),
            np.zeros((0, 4), np.float32), None, (0.0, 0.0),
        )
        for number in range(count)
    ]  # fmt: skip


def test_a_whole_video_of_about_a_fifth_is_held_out() -> None:
    frames = [*_frames("long", 60), *_frames("short", 20), *_frames("keepers", 25, role=1)]
    split = hold_out(frames)
    assert split.name == "keepers"
    assert {sample.group for sample in split.held_out} == {"keepers"}
    assert len(split.training) == 80
    assert not split.warning


def test_of_a_single_video_the_last_part_is_held_out_and_said_to_flatter() -> None:
    split = hold_out(_frames("only", 100))
    numbers = [int(sample.image.stem.split("-")[1]) for sample in split.held_out]
    assert numbers == list(range(80, 100))
    assert max(int(s.image.stem.split("-")[1]) for s in split.training) < 79
    assert "flatter" in split.warning
    assert "--hold-out" in split.warning


def test_few_frames_are_all_trained_on() -> None:
    split = hold_out(_frames("only", 12))
    assert len(split.training) == 12
    assert not split.held_out
    assert "too few" in split.warning


def test_a_blend_lies_between() -> None:
    torch.manual_seed(0)
    first, tuned = HockeyNet(), HockeyNet()
    middle = blended(first, tuned, 0.25).state_dict()["stem.0.weight"]
    wanted = 0.75 * first.state_dict()["stem.0.weight"] + 0.25 * tuned.state_dict()["stem.0.weight"]
    torch.testing.assert_close(middle, wanted)


def test_the_shortest_way_with_most_of_the_gain_is_taken() -> None:
    assert choose_share({0.0: 0.70, 0.3: 0.74, 0.45: 0.76, 0.6: 0.80}) == 0.45
    assert choose_share({0.0: 0.70, 0.3: 0.72, 0.45: 0.74, 0.6: 0.80}) == 0.6
    assert choose_share({0.0: 0.70, 0.3: 0.69, 0.45: 0.68, 0.6: 0.65}) == 0.3


def test_where_other_rinks_tell_what_is_lost_the_best_harmless_share_is_taken() -> None:
    value = {0.0: 0.70, 0.2: 0.73, 0.3: 0.74, 0.45: 0.76, 0.6: 0.80}
    lost = {0.0: 0.0, 0.2: 0.0, 0.3: 0.002, 0.45: 0.004, 0.6: 0.02}
    assert choose_share(value, lost) == 0.45
    assert choose_share({**value, 0.45: 0.735}, lost) == 0.3
    assert choose_share(value, dict.fromkeys(value, 0.02)) == 0.2
    before = Figures(10, 100, 0.80, 0.80, None, 0.9, 0.5)
    after = dataclasses.replace(before, ap50=0.81, recall=0.79, precision=0.5, role_macro_f1=0.1)
    assert most_lost(before, after) == pytest.approx(0.01)
    assert most_lost(before, before) == 0


def test_better_means_better_on_the_whole() -> None:
    before = Figures(10, 100, 0.80, 0.80, 0.80, 0.9, 0.5)
    assert is_better(before, dataclasses.replace(before, ap50=0.85, recall=0.84, precision=0.795))
    assert not is_better(before, dataclasses.replace(before, ap50=0.85, precision=0.70))
    assert not is_better(before, before)
    paid = dataclasses.replace(before, ap50=0.85, recall=0.9, precision=0.78)
    assert is_better(before, paid)
    assert fallen(before, paid) == ["precision"]


def test_steps_fill_the_time_within_limits() -> None:
    assert affordable_steps(150, 0.5) == 300
    assert affordable_steps(-5, 0.5) == 50
    assert affordable_steps(1e6, 0.5) == 500
    assert usable_threads() >= 1


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two rendered games, labelled as an export."""
    folder = tmp_path_factory.mktemp("export")
    (folder / "images").mkdir()
    (folder / "labels").mkdir()
    rows = []
    for seed in (301, 302):
        for sample in rendered_frames(folder / "images", [seed]):
            rows.append(f"{sample.image.name},game_{seed}")
            lines = [
                f"{role} {(x1 + x2) / 2} {(y1 + y2) / 2} {x2 - x1} {y2 - y1}"
                for role, (x1, y1, x2, y2) in zip(sample.roles, sample.boxes, strict=True)
            ]
            (folder / "labels" / f"{sample.image.stem}.txt").write_text("\n".join(lines))
    (folder / "data.yaml").write_text("names: [player, goalkeeper, referee]\n")
    (folder / "groups.csv").write_text("image,video\n" + "\n".join(rows))
    return folder


def test_threads_share_a_batch_without_changing_what_is_learnt(
    export: Path, tmp_path: Path
) -> None:
    recipe = dataclasses.replace(TINY, steps=1, width_px=320, height_px=192)
    frames = read_export(export)[:1]
    told: list[tuple[dict[str, float], int]] = []
    losses = [
        train_detector(
            frames, tmp_path / str(n), start=PACKAGED_WEIGHTS,
            recipe=dataclasses.replace(recipe, threads=n),
            report=lambda means, step: told.append((means, step)),
        ).losses[-1]
        for n in (1, 2)
    ]  # fmt: skip
    np.testing.assert_allclose(losses[0], losses[1], rtol=0.2)
    assert [(step, *means.values()) for means, step in told] == losses
    assert list(told[0][0]) == ["total", "objectness", "box", "role", "goal"]


def test_frames_with_people_but_without_labels_are_left_out(export: Path) -> None:
    samples = read_export(export)
    nobody = np.zeros((0, 4), np.float32)
    samples[3] = dataclasses.replace(samples[3], boxes=nobody, roles=np.zeros(0, np.int64))
    kept, warnings = vetted(samples, export, PACKAGED_WEIGHTS)
    assert len(kept) == len(samples) - 1
    assert samples[3].image.name in warnings[0]


def test_labels_of_nobody_and_broken_pictures_are_errors(export: Path, tmp_path: Path) -> None:
    samples = read_export(export)[:2]
    nobody = dataclasses.replace(samples[0], boxes=np.zeros((0, 4), np.float32))
    with pytest.raises(BadInputError, match="goalkeeper, referee"):
        vetted([nobody], export, PACKAGED_WEIGHTS)
    (tmp_path / "empty.jpg").touch()
    broken = dataclasses.replace(samples[1], image=tmp_path / "empty.jpg")
    with pytest.raises(BadInputError, match=r"1 of 2 pictures .* empty\.jpg"):
        vetted([samples[0], broken], export, PACKAGED_WEIGHTS)


def test_wide_pictures_are_read_from_smaller_copies(tmp_path: Path) -> None:
    for name, width in (("wide.png", 1920), ("narrow.png", 640)):
        cv2.imwrite(str(tmp_path / name), np.full((width // 2, width, 3), 200, np.uint8))
    frames = [
        dataclasses.replace(sample, image=tmp_path / name)
        for sample, name in zip(_frames("game", 2), ("wide.png", "narrow.png"), strict=True)
    ]
    wide, narrow = shrunk(frames, tmp_path / "copies")
    assert cv2.imread(str(wide.image)).shape == (640, 1280, 3)
    assert narrow is frames[1]
    assert shrunk(frames, tmp_path / "copies")[0].image == wide.image


def test_people_whom_the_labels_leave_open_do_not_count(export: Path) -> None:
    whole = read_export(export)[:2]
    some = [dataclasses.replace(s, boxes=s.boxes[1:], roles=s.roles[1:]) for s in whole]
    open_ = [dataclasses.replace(s, boxes=s.boxes[1:], roles=s.roles[1:], ignore=s.boxes[:1])
             for s in whole]  # fmt: skip
    precision = [measured(PACKAGED_WEIGHTS, frames, one_look=True).precision or 0
                 for frames in (some, open_)]  # fmt: skip
    assert precision[1] > precision[0]


def test_of_other_rinks_a_whole_video_tells_what_is_lost(
    export: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = Plan(keep=[export, export])
    monkeypatch.setattr(keeping, "vetted", lambda samples, *_: (samples, []))
    replayed, judged = keeping.kept_frames(plan, PACKAGED_WEIGHTS, tmp_path, print)
    assert not replayed  # 24 frames are too few to hold any out
    assert list(judged) == [f"kept: {export.name}", f"kept: {export.name} 2"]
    monkeypatch.setattr(keeping, "read_export", lambda *_, **__: [
        *_frames("long", 60), *_frames("short", 20), *_frames("keepers", 25, role=1)
    ])  # fmt: skip
    monkeypatch.setattr(keeping, "shrunk", lambda samples, folder: seen.append(folder) or samples)
    seen: list[Path] = []
    replayed, judged = keeping.kept_frames(plan, PACKAGED_WEIGHTS, tmp_path, print)
    assert {sample.group for sample in replayed} == {"long", "short"}
    assert all({sample.group for sample in part} == {"keepers"} for part in judged.values())
    assert seen == [tmp_path / "kept_1", tmp_path / "kept_2"]


class _Notes:
    def __init__(self) -> None:
        self.steps: set[str] = set()
        self.said: list[str] = []

    def step(self, name: str, done: int, total: int) -> None:
        self.steps.add(name)

    def say(self, text: str) -> None:
        self.said.append(text)


@pytest.mark.usefixtures("few_layers")
def test_an_adaptation_ends_with_a_verdict(
    export: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapt, "_JUDGED_GAMES", ())
    monkeypatch.setattr(keeping, "MERGED_SHARES", (0.0, 0.5))
    monkeypatch.setattr(build, "_CALIBRATION_PICTURES", 2)
    monkeypatch.setattr(judge, "_MOST_PICTURES", 2)
    plan = Plan(held_out=["game_302"], rendered_games=[], keep=[export], recipe=TINY)
    notes = _Notes()
    made = adapt_detector(export, PACKAGED_WEIGHTS, tmp_path, plan, watcher=notes, steps=2)

    assert notes.steps == {"measure", "train", "blend"}
    assert "12 frames to train on, 12 held out (game_302)." in notes.said
    assert set(made.before) == set(made.after) == {"held out", f"kept: {export.name}"}
    assert made.share == 0.5
    assert made.before["held out"].pictures == 2
    assert made.better is is_better(made.before["held out"], made.after["held out"])
    assert cv2.imread(str(tmp_path / "held_out.png")).shape[1] == 1920
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["after"]["held out"]["ap50"] == made.after["held out"].ap50
    assert load_detector(made.detector, threads=1).version.startswith("2-steps")
    assert made.rinks_kept == report["rinks_kept"] == 5  # frames of the sixth only tell

    with pytest.raises(BadInputError, match="other frames"):
        adapt_detector(
            export, PACKAGED_WEIGHTS, tmp_path, dataclasses.replace(plan, held_out=["game_301"]),
            watcher=notes, steps=2,
        )  # fmt: skip


@pytest.mark.usefixtures("few_layers")
def test_one_rink_is_learnt_after_the_other(
    export: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapt, "_JUDGED_GAMES", ())
    monkeypatch.setattr(build, "_CALIBRATION_PICTURES", 1)
    monkeypatch.setattr(adapt, "_figures", lambda *_: {})
    notes, start, kept = _Notes(), PACKAGED_WEIGHTS, []
    for number, game in enumerate(("game_301", "game_302")):
        plan = Plan(held_out=[game], rendered_games=[], recipe=TINY)
        made = adapt_detector(export, start, tmp_path / str(number), plan, watcher=notes, steps=1)
        assert made.share == 0.25
        kept.append(made.rinks_kept)
        start = made.detector
    memory, _ = memory_of(start)
    assert memory is not None
    assert [*kept, memory.rinks] == [5, 6, 7]
    in_floats, _ = memory_of(start.with_name("detector.float.onnx"))
    assert in_floats is not None
    assert in_floats.to_bytes() == memory.to_bytes()
    assert not any("memory" in text for text in notes.said)


def test_a_start_without_memory_is_told_of(tmp_path: Path) -> None:
    notes, bare = _Notes(), Path(shutil.copy(PACKAGED_WEIGHTS, tmp_path / "bare.onnx"))
    assert adapt._memory(Plan(), bare, notes) is None
    assert notes.said == [
        f"{bare} brings no memory of what it has seen. Little is learnt then, so that little is "
        "lost elsewhere; name frames of other rinks with --keep to learn more."
    ]
    assert adapt._memory(Plan(keep=[tmp_path]), bare, notes) is None
    assert adapt._memory(Plan(), PACKAGED_WEIGHTS, notes) is not None
    assert len(notes.said) == 1
