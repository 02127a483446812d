"""Detectors of others, by description: small networks that look for dark squares on white."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="pip install 'jarvis-dagster[training]'")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from jarvis_dagster.errors import BadInputError  # noqa: E402
from jarvis_dagster.hockey.detection import detect_video, load_detector  # noqa: E402
from jarvis_dagster.hockey.detection.description import Description  # noqa: E402
from jarvis_dagster.hockey.detection.layouts import boxes_and_scores  # noqa: E402
from jarvis_dagster.hockey.tables import CLASSES  # noqa: E402
from tests.media import write_video  # noqa: E402

if TYPE_CHECKING:
    from pathlib import Path

CELL = 8
HALF_PX = 2 * CELL


def constant(name: str, values: Any) -> Any:
    return numpy_helper.from_array(np.asarray(values, np.float32), name)


def save(path: Path, nodes: list[Any], constants: list[Any], outputs: list[str]) -> None:
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, "h", "w"])
    told = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
    graph = helper.make_graph(nodes, "dark", [image], told, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, path)


def darkness(red: bool = False) -> tuple[list[Any], list[Any]]:
    """`dark` (1, cells, 1): how dark a cell of the first plane (or of all) is, 0 to 1."""
    weights = [1.0, 0.0, 0.0] if red else [1 / 3] * 3
    constants = [
        constant("weights", np.reshape(weights, (1, 3, 1, 1)) / -255),
        constant("one", 1.0),
        numpy_helper.from_array(np.array([1, -1, 1]), "rows"),
    ]
    nodes = [
        helper.make_node("Conv", ["image", "weights"], ["grey"]),
        helper.make_node("Add", ["grey", "one"], ["inverse"]),
        helper.make_node(
            "AveragePool", ["inverse"], ["cells"], kernel_shape=[CELL, CELL], strides=[CELL, CELL]
        ),
        helper.make_node("Reshape", ["cells", "rows"], ["dark"]),
    ]
    return nodes, constants


def beside(path: Path, **description: Any) -> Path:
    import yaml

    path.with_suffix(".yaml").write_text(yaml.safe_dump(description))
    return path


@pytest.fixture
def yolox(tmp_path: Path) -> Path:
    """One cell a dark square, four cells wide; the class is 1 or, where red is dark, 0."""
    nodes, constants = darkness()
    offsets = [[[0.5, 0.5, np.log(4), np.log(4), 0, 0, 1]]]
    constants += [constant("offsets", offsets), constant("there", [[[0, 0, 0, 0, 1, 0, 0]]])]
    nodes += [
        helper.make_node("Mul", ["dark", "there"], ["sure"]),
        helper.make_node("Add", ["sure", "offsets"], ["answer"]),
    ]
    path = tmp_path / "yolox.onnx"
    save(path, nodes, constants, ["answer"])
    return beside(
        path,
        layout="yolox",
        name="dark",
        classes={0: "referee", 1: "player"},
        width_px=256,
        strides=[CELL],
        score_threshold=0.9,
    )


def picture(*centres: tuple[int, int]) -> np.ndarray:
    image = np.full((288, 512, 3), 255, np.uint8)
    for x, y in centres:
        image[y - 8 : y + 8, x - 8 : x + 8] = 0
    return image


def test_yolox_boxes_are_in_pixels_of_the_picture(yolox: Path) -> None:
    detector = load_detector(yolox, threads=1, on_ice_only=False)
    (found,) = detector.detect([picture((104, 72), (408, 200))])  # twice as wide as the network
    assert found.xyxy.round().tolist() == [[72, 40, 136, 104], [376, 168, 440, 232]]
    assert found.score.tolist() == pytest.approx([1, 1], abs=0.01)
    assert [CLASSES[kind] for kind in found.class_index] == ["player", "player"]
    assert found.role_share.sum(1) == pytest.approx(1)
    assert detector.name == "dark"
    assert detector.version.startswith("1+")


def test_a_picture_of_another_shape_is_not_stretched(yolox: Path) -> None:
    detector = load_detector(yolox, threads=1, on_ice_only=False)
    tall = np.full((500, 300, 3), 255, np.uint8)
    tall[176:240, 80:144] = 0
    (found,) = detector.detect([tall])
    assert len(found) >= 1
    middle = (found.xyxy[0, :2] + found.xyxy[0, 2:]) / 2
    assert np.abs(middle - (112, 208)).max() < 32
    sides = found.xyxy[0, 2:] - found.xyxy[0, :2]
    assert sides[0] == pytest.approx(sides[1])


@pytest.mark.parametrize(("colours", "found"), [("rgb", 1), ("bgr", 0)])
def test_colours_are_in_the_order_that_the_network_learned(
    tmp_path: Path, colours: str, found: int
) -> None:
    nodes, constants = darkness(red=True)  # its first plane
    wide = np.zeros((1, 1, 32))
    wide[..., [2, 10, 18, 26]] = 40  # the third bin of each side
    constants += [constant("sides", wide), constant("none", 0.0)]
    nodes += [
        helper.make_node("Mul", ["dark", "none"], ["zero"]),
        helper.make_node("Add", ["zero", "sides"], ["distances"]),
        helper.make_node("Concat", ["dark", "distances"], ["answer"], axis=2),
    ]
    path = tmp_path / "nanodet.onnx"
    save(path, nodes, constants, ["answer"])
    beside(
        path,
        layout="nanodet",
        classes={0: "person"},
        width_px=512,
        strides=[CELL],
        colours=colours,
        mean=[0, 0, 0],
        std=[1, 1, 1],
        score_threshold=0.9,
    )
    image = picture()
    image[96:104, 200:208] = (255, 255, 0)  # light blue: no red in it
    (answer,) = load_detector(path, threads=1, on_ice_only=False).detect([image])
    assert len(answer) == found
    if found:
        assert answer.xyxy[0].tolist() == pytest.approx(
            [204 - HALF_PX, 100 - HALF_PX, 204 + HALF_PX, 100 + HALF_PX], abs=0.1
        )
        assert CLASSES[answer.class_index[0]] == "player"


@pytest.fixture
def detr(tmp_path: Path) -> Path:
    """Two queries, for the left and the right half: dark or not; a puck is in the left one."""
    nodes, constants = darkness()
    constants += [
        constant("steep", [[[20, 20, 20]]]),
        constant("least", [[[-10, -10, -16]]]),
        constant("boxes", [[[0.25, 0.5, 0.5, 1], [0.75, 0.5, 0.5, 1]]]),
        constant("none", 0.0),
        numpy_helper.from_array(np.array([1, 2, 1]), "two"),
    ]
    half = helper.make_node(
        "AveragePool", ["inverse"], ["cells"], kernel_shape=[64, 32], strides=[64, 32]
    )
    nodes[2] = half
    nodes[3] = helper.make_node("Reshape", ["cells", "two"], ["dark"])
    nodes += [
        helper.make_node("Mul", ["dark", "steep"], ["steeper"]),
        helper.make_node("Add", ["steeper", "least"], ["dets_logits"]),
        helper.make_node("Mul", ["dark", "none"], ["zero"]),
        helper.make_node("Add", ["zero", "boxes"], ["dets"]),
    ]
    path = tmp_path / "detr.onnx"
    save(path, nodes, constants, ["dets", "dets_logits"])
    return beside(
        path,
        layout="detr",
        classes={0: "player", 2: "puck"},
        width_px=64,
        mean=[0, 0, 0],
        std=[1, 1, 1],
        score_threshold=0.5,
    )


def test_detr_boxes_are_shares_of_the_stretched_picture(detr: Path) -> None:
    image = np.full((100, 300, 3), 255, np.uint8)
    image[:, 150:] = 0
    (found,) = load_detector(detr, threads=1, on_ice_only=False).detect([image])
    assert found.xyxy.tolist() == [[150, 0, 300, 100]]
    assert found.score[0] > 0.99
    assert found.pucks.tolist() == [[150, 0, 300, 100]]
    assert found.puck_score[0] == pytest.approx(1 / (1 + np.exp(-4)), abs=0.01)


def test_pucks_are_rows_of_their_own_class_in_the_table(detr: Path, tmp_path: Path) -> None:
    dark = np.zeros((96, 160, 3), np.uint8)
    video = write_video(tmp_path / "dark.mp4", [dark] * 4)
    table, kit = detect_video(video, load_detector(detr, threads=1), stride=2)
    assert len(kit) == len(table)
    assert set(table["class"]) == {"player", "puck"}
    pucks = table[table["class"] == "puck"]
    assert set(pucks["frame"]) == {0, 2}
    assert (pucks[["p_goalkeeper", "p_referee"]] == 0).all(axis=None)


def test_without_a_description_the_error_says_what_is_missing(yolox: Path) -> None:
    yolox.with_suffix(".yaml").unlink()
    with pytest.raises(BadInputError, match=r"no yolox\.yaml beside it"):
        load_detector(yolox)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"layout": "yolov8"}, "layout"),
        ({"classes": {0: "goal"}}, "player or person"),
        ({"classes": {0: "skater"}}, "classes"),
        ({"colour": "rgb"}, "colour"),
        ({"std": [0, 1, 1]}, "std"),
    ],
)
def test_a_wrong_description_names_its_key(
    yolox: Path, change: dict[str, Any], message: str
) -> None:
    import yaml

    description = yaml.safe_load(yolox.with_suffix(".yaml").read_text())
    beside(yolox, **(description | change))
    with pytest.raises(BadInputError, match=message) as error:
        load_detector(yolox)
    assert str(yolox.with_suffix(".yaml")) in str(error.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"strides": [8, 16]}, "cells are expected"),
        ({"layout": "detr"}, "layout detr"),
        ({"classes": {7: "player"}}, "there is no class 7"),
    ],
)
def test_answers_that_do_not_fit_the_description_are_refused(
    yolox: Path, change: dict[str, Any], message: str
) -> None:
    import yaml

    description = yaml.safe_load(yolox.with_suffix(".yaml").read_text())
    beside(yolox, **(description | change))
    detector = load_detector(yolox, threads=1, on_ice_only=False)
    with pytest.raises(BadInputError, match=message):
        detector.detect([picture()])


def test_a_network_that_decided_itself_is_believed() -> None:
    """RT-DETR as it is deployed: labels, boxes in pixels, scores."""
    how = Description(layout="detr", classes={0: "player", 2: "referee"})
    boxes, scores = boxes_and_scores(
        {
            "labels": np.array([[2, 0, 79]]),
            "boxes": np.float32([[[1, 2, 3, 4], [5, 6, 7, 8], [0, 0, 9, 9]]]),
            "scores": np.float32([[0.9, 0.8, 0.7]]),
        },
        (640, 640),
        how,
    )
    assert boxes.tolist() == [[1, 2, 3, 4], [5, 6, 7, 8], [0, 0, 9, 9]]
    assert scores == pytest.approx(np.array([[0, 0, 0.9], [0.8, 0, 0], [0, 0, 0]]))
