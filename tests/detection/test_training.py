"""Training on tiny drawn frames: the loss falls, a run continues, the export agrees with torch."""

import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from jarvis_dagster.errors import BadInputError  # noqa: E402
from jarvis_dagster.hockey.detection import load_detector  # noqa: E402
from jarvis_dagster.hockey.detection.onnx import OnnxDetector  # noqa: E402
from jarvis_dagster.hockey.training.augment import place, render  # noqa: E402
from jarvis_dagster.hockey.training.build import Plan, finish, prepare  # noqa: E402
from jarvis_dagster.hockey.training.dataset import (  # noqa: E402
    Sample,
    read_export,
    split_by_group,
)
from jarvis_dagster.hockey.training.export import export_onnx, load_checkpoint  # noqa: E402
from jarvis_dagster.hockey.training.harmonise import tighten  # noqa: E402
from jarvis_dagster.hockey.training.loss import (  # noqa: E402
    Target,
    assign,
    decode_sides,
    detection_loss,
    pairwise_iou,
)
from jarvis_dagster.hockey.training.net import HockeyNet, cell_centres  # noqa: E402
from jarvis_dagster.hockey.training.train import Recipe, batches, train_detector  # noqa: E402

TINY = Recipe(steps=2, batch=2, width_px=96, height_px=64, mosaic_share=0, zoom=(1, 1),
              learning_rate=1e-3, bfloat16=False)  # fmt: skip


def _sample(folder: Path, name: str = "a", group: str = "game") -> Sample:
    image = np.full((64, 96, 3), 230, np.uint8)
    image[16:48, 40:56] = (40, 30, 120)
    path = folder / f"{name}.png"
    cv2.imwrite(str(path), image)
    return Sample(
        path, group, np.float32([[40 / 96, 0.25, 56 / 96, 0.75]]), np.array([1]),
        np.ones(1, bool), np.zeros((0, 4), np.float32), np.float32([[0.5, 0.2, 0.75, 0.8]]),
        (0.0, 0.0),
    )  # fmt: skip


@pytest.fixture
def start(tmp_path: Path) -> Path:
    """Any weights will do as a start; here an untrained network's."""
    torch.manual_seed(0)
    path = tmp_path / "start.pt"
    torch.save({"average": HockeyNet().state_dict()}, path)
    return path


def test_the_loss_falls_and_the_export_agrees(tmp_path: Path, start: Path) -> None:
    samples = [_sample(tmp_path)]
    recipe = dataclasses.replace(TINY, steps=12)
    result = train_detector(samples, tmp_path / "run", start=start, recipe=recipe)
    longer = train_detector(samples, tmp_path / "on", start=result.checkpoint, recipe=recipe)
    assert longer.losses[0][1] < result.losses[0][1]

    facts = {"name": "tiny", "version": "1", "score_threshold": 0.3, "width_px": 96}
    onnx_file = tmp_path / "tiny.onnx"
    parity = export_onnx(load_checkpoint(longer.checkpoint), onnx_file, metadata=facts)
    assert parity.score < 0.02
    assert onnx_file.stat().st_size < 10_000_000
    assert load_detector(onnx_file, threads=1).name == "tiny"


def test_a_run_continues_where_it_stopped(tmp_path: Path, start: Path) -> None:
    samples = [_sample(tmp_path)]
    steps: list[int] = []
    train_detector(samples, tmp_path / "run", start=start, recipe=TINY)
    train_detector(
        samples, tmp_path / "run", start=start, recipe=TINY, progress=lambda n, _: steps.append(n)
    )
    assert steps == []
    with pytest.raises(BadInputError, match="another recipe"):
        train_detector(
            samples, tmp_path / "run", start=start, recipe=dataclasses.replace(TINY, seed=1)
        )


def test_batches_are_the_same_for_a_seed(tmp_path: Path) -> None:
    samples = [_sample(tmp_path, "a"), _sample(tmp_path, "b")]
    first = list(batches(samples, TINY, 0, 3))
    again = list(batches(samples, TINY, 2, 3))
    assert torch.equal(first[2].images, again[0].images)
    assert not torch.equal(first[0].images, first[2].images)


def test_no_samples_is_an_error(tmp_path: Path, start: Path) -> None:
    with pytest.raises(BadInputError, match="no labelled frame"):
        train_detector([], tmp_path, start=start, recipe=TINY)


def test_boxes_follow_the_picture(tmp_path: Path) -> None:
    sample = _sample(tmp_path)
    picture = cv2.imread(str(sample.image))
    stretched = cv2.resize(picture, (64, 64))
    sample.aspect = (1.5, 1.5)
    canvas = place(sample, stretched, (192, 128), 1.0, None)
    np.testing.assert_allclose(canvas.boxes, [[80, 32, 112, 96]], atol=0.5)
    np.testing.assert_allclose(canvas.goals, [[96, 25.6, 144, 102.4]], atol=0.5)
    assert canvas.image[64, 96].tolist() == pytest.approx([40, 30, 120], abs=12)


def test_mosaics_keep_people_inside_the_canvas(tmp_path: Path) -> None:
    samples = [_sample(tmp_path, name) for name in "abcd"]
    pictures = [cv2.imread(str(sample.image)) for sample in samples]
    rng = np.random.default_rng(1)
    people = 0
    for _ in range(20):
        canvas = render(samples, pictures, (96, 64), (0.5, 2.0), rng)
        assert canvas.image.shape == (64, 96, 3)
        assert (canvas.boxes[:, 2:] > canvas.boxes[:, :2]).all()
        assert canvas.boxes.min(initial=0) >= 0
        assert (canvas.boxes <= [96, 64, 96, 64]).all()
        people += len(canvas.boxes)
    assert people > 20


def test_where_goals_are_unknown_their_absence_teaches_nothing(tmp_path: Path) -> None:
    sample = dataclasses.replace(_sample(tmp_path), goals=None)
    picture = cv2.imread(str(sample.image))
    canvas = place(sample, picture, (96, 64), 1.0, None)
    assert canvas.goals_unknown.tolist() == [[0, 0, 96, 64]]

    centres = cell_centres(64, 96)
    torch.manual_seed(0)
    prediction = HockeyNet()(torch.zeros(1, 3, 64, 96))
    none = torch.zeros(0, 4)
    person = torch.tensor([[40.0, 16, 56, 48]])
    weights = torch.ones(3)

    def goal_loss(unknown: torch.Tensor) -> float:
        target = Target(person, torch.tensor([1]), torch.tensor([True]), none, none, unknown)
        return detection_loss(prediction, centres, [target], weights).goal

    assert goal_loss(torch.from_numpy(canvas.goals_unknown)) == 0
    assert goal_loss(none) > 0


@pytest.mark.parametrize("count", [0, 2])
def test_the_loss_is_worked_out_where_the_prediction_is(count: int) -> None:
    """On a GPU, say: what it makes anew is never of the default place."""
    centres = cell_centres(64, 96)
    torch.manual_seed(0)
    prediction = HockeyNet()(torch.zeros(1, 3, 64, 96))
    none, goals = torch.zeros(0, 4), torch.tensor([[8.0, 8, 40, 60], [56.0, 8, 88, 60]])[:count]
    tight, roles = torch.ones(count, dtype=torch.bool), torch.zeros(count, dtype=torch.long)
    target, weights = Target(goals, roles, tight, none, goals, none), torch.ones(3)
    here = detection_loss(prediction, centres, [target], weights)
    assert target.to(torch.device("meta")).boxes.is_meta
    with torch.device("meta"):  # whatever asks for no place is made there, and fits nothing here
        there = detection_loss(prediction, centres, [target], weights)
    assert float(there.total.detach()) == pytest.approx(float(here.total.detach()))


def test_cells_answer_for_the_person_they_stand_in() -> None:
    centres = cell_centres(64, 96)
    people = torch.tensor([[8.0, 8, 40, 60], [56.0, 8, 88, 60]])
    boxes = torch.cat((centres[:, :2] - 16, centres[:, :2] + 16), 1)
    cells, whom, iou = assign(torch.zeros(len(centres)), boxes, centres, people)
    assert set(whom.tolist()) == {0, 1}
    assert (iou > 0).all()
    middle = centres[cells, 0]
    assert (middle[whom == 0] < 40).all()
    assert (middle[whom == 1] > 56).all()


def test_a_box_decodes_to_itself() -> None:
    centres = torch.tensor([[20.0, 20.0, 8.0]])
    sides = torch.full((1, 4, 11), -50.0)
    sides[0, [0, 1, 2, 3], [1, 2, 0, 2]] = 50.0
    assert decode_sides(sides, centres).tolist() == [[12.0, 4.0, 20.0, 36.0]]
    assert pairwise_iou(torch.tensor([[0.0, 0, 2, 2]]), torch.tensor([[1.0, 0, 3, 2]])).item() == (
        pytest.approx(1 / 3)
    )


def test_a_loose_box_is_replaced_by_what_a_teacher_sees_in_it(tmp_path: Path) -> None:
    sample = dataclasses.replace(
        _sample(tmp_path),
        boxes=np.float32([[0.1, 0.1, 0.5, 0.5], [0.6, 0.6, 0.9, 0.9]]),
        roles=np.array([0, 0]),
        tight=np.ones(2, bool),
    )
    seen = np.float32([[0.12, 0.1, 0.35, 0.5], [0.7, 0.05, 0.8, 0.2]])

    result = tighten(sample, lambda _: (seen, np.float32([0.8, 0.7])), leave_out_unlabelled=True)

    np.testing.assert_allclose(result.boxes[0], seen[0])
    np.testing.assert_allclose(result.boxes[1], sample.boxes[1])
    assert result.tight.tolist() == [True, False]
    np.testing.assert_allclose(result.ignore, seen[1:])


def test_splits_never_share_a_video(tmp_path: Path) -> None:
    samples = [_sample(tmp_path, str(i), group=f"game{i % 3}") for i in range(9)]
    train, held_out = split_by_group(samples, ["game1"])
    assert {s.group for s in train} == {"game0", "game2"}
    assert {s.group for s in held_out} == {"game1"}
    with pytest.raises(BadInputError, match="game9"):
        split_by_group(samples, ["game9"])


def test_an_export_is_read_with_its_groups(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "labels").mkdir()
    for name in ("a", "b"):
        cv2.imwrite(str(tmp_path / "images" / f"{name}.jpg"), np.zeros((8, 8, 3), np.uint8))
    (tmp_path / "labels" / "a.txt").write_text("0 0.5 0.5 0.2 0.2\n1 0.5 0.5 0.1 0.1\n")
    (tmp_path / "data.yaml").write_text("names: [referee, faceOffSpot]\n")
    (tmp_path / "groups.csv").write_text("image,video\na.jpg,first\n")
    samples = read_export(tmp_path)
    assert [(s.group, s.roles.tolist()) for s in samples] == [("first", [2])]


def _start_file(path: Path) -> Path:
    """An untrained network's convolutions in the layout of the start that the card names."""
    from onnx import TensorProto, helper, numpy_helper, save

    from jarvis_dagster.hockey.training.net import _convolutions_in_file_order

    torch.manual_seed(0)
    nodes, weights = [], []
    for number, conv in enumerate(_convolutions_in_file_order(HockeyNet())):
        names = [f"w{number}"] + ([f"b{number}"] if conv.bias is not None else [])
        values = [conv.weight] + ([conv.bias] if conv.bias is not None else [])
        weights += [
            numpy_helper.from_array(value.detach().numpy(), name)
            for name, value in zip(names, values, strict=True)
        ]
        nodes.append(helper.make_node("Conv", ["x", *names], [f"y{number}"]))
    image = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 64, 64])
    save(helper.make_model(helper.make_graph(nodes, "start", [image], [], weights)), str(path))
    return path


def test_from_an_export_to_a_detector(tmp_path: Path) -> None:
    data = tmp_path / "export"
    for folder in ("images", "labels"):
        (data / folder).mkdir(parents=True)
    names = ["a", "b", "c"]
    for name in names:
        _sample(data / "images", name)
        (data / "labels" / f"{name}.txt").write_text("0 0.5 0.5 0.17 0.5\n1 0.6 0.5 0.3 0.6\n")
    (data / "data.yaml").write_text("names: [goalie, goal]\n")
    rows = "".join(f"{name}.png,game_{name}\n" for name in names)
    (data / "groups.csv").write_text(f"image,video\n{rows}")
    plan = Plan(
        held_out=["game_c"],
        loose=["game_a"],
        partly_labelled=["game_b"],
        rendered_games=[],
        recipe=TINY,
    )
    start = _start_file(tmp_path / "start.onnx")
    training, _ = split_by_group(read_export(data), plan.held_out)

    samples = prepare(training, start, tmp_path, plan)
    assert [sample.group for sample in samples] == ["game_a", "game_b"]
    result = train_detector(samples, tmp_path / "run", start=start, recipe=plan.recipe)
    net = load_checkpoint(result.checkpoint)
    made = finish(net, samples, tmp_path, version="2-steps", start=start)

    found = load_detector(made, threads=1).detect([np.full((64, 96, 3), 230, np.uint8)])
    assert len(found) == 1
    with pytest.raises(BadInputError, match="game_d"):
        split_by_group(samples, ["game_d"])

    told = {"name": "small", "version": "7", "score_threshold": 0.3, "width_px": 640}
    export_onnx(net, tmp_path / "small.onnx", metadata={**told, "still_width_px": 800})
    made = finish(net, samples, tmp_path, version="4-steps", start=tmp_path / "small.onnx")
    again = load_detector(made, threads=1)
    assert isinstance(again, OnnxDetector)
    assert (again.name, again.width_px, again.still_width_px) == ("small", 640, 800)
    assert again.score_threshold == 0.3
    assert again.version.startswith("4-steps+")
