"""Who vanishes behind somebody, and who comes out from behind him."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from jarvis_dagster.hockey.tracking.boxes import Boxes
from jarvis_dagster.hockey.tracking.camera import CameraPath
from jarvis_dagster.hockey.tracking.hidden import join_hidden
from jarvis_dagster.hockey.tracking.smoothing import fill

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Scene = tuple[Boxes, list[NDArray[np.intp]], NDArray[np.float64]]

FPS = 30.0


def scene(
    out_x: float = 560.0, out_y: float = 300.0, out_kit: float = 0.0, out_frame: int = 60
) -> Scene:
    """One stands at 600; another skates up to him for 40 frames, and somebody comes into view."""
    frames = [np.arange(90), np.arange(40), np.arange(out_frame, 90), np.arange(90)]
    x = [np.full(90, 600.0), 440 + 3.0 * frames[1], out_x - 6.0 * (frames[2] - out_frame)]
    y = [300.0, 300.0, out_y, 600.0]
    parts = []
    for person, seen in enumerate(frames):
        middle = x[person] if person < 3 else 100 + seen
        parts.append(np.stack([middle, np.full(len(seen), y[person])], axis=1))
    place = np.concatenate(parts)
    count = len(place)
    box = np.column_stack([place, np.full(count, 60.0), np.full(count, 120.0)])
    zeros = np.zeros(count, dtype=np.int64)
    boxes = Boxes(np.concatenate(frames), box, np.ones(count), zeros, np.arange(count))
    chains = np.split(np.arange(count), np.cumsum([len(seen) for seen in frames])[:-1])
    kit = np.random.default_rng(0).normal(0, 1, (count, 3))
    kit[chains[2]] += out_kit
    return boxes, chains, kit


def joined(boxes: Boxes, chains: list[NDArray[np.intp]], kit: Any) -> bool:
    return len(join_hidden(boxes, chains, fps=FPS, kit=kit)[0]) < len(chains)


def test_he_is_one_person_and_has_no_box_while_he_is_hidden() -> None:
    boxes, chains, kit = scene()
    found, revealed = join_hidden(boxes, chains, fps=FPS, kit=kit)
    assert [len(chain) for chain in found] == [90, 70, 90]
    assert revealed.tolist() == [chains[2][0]]
    still = CameraPath(np.arange(90), np.zeros((90, 2)))
    rows = fill(boxes, still, found, fps=FPS, noise=0.05, revealed=revealed)
    assert rows["frame"][rows["chain"] == 1].tolist() == [*range(40), *range(60, 90)]


def test_he_may_come_out_on_the_other_side() -> None:
    assert joined(*scene(out_x=660))


def test_who_wears_something_else_is_somebody_else() -> None:
    assert not joined(*scene(out_kit=6.0))


def test_boxes_alone_do_not_tell() -> None:
    boxes, chains, _ = scene()
    assert not joined(boxes, chains, None)


def test_who_comes_into_view_beside_nobody_is_somebody_else() -> None:
    assert not joined(*scene(out_x=480))
    assert not joined(*scene(out_y=150))


def test_who_comes_after_more_than_a_second_is_somebody_else() -> None:
    assert not joined(*scene(out_frame=75))
