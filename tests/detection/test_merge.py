"""Two networks made one: each keeps its answers where it has seen what enters."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from jarvis_dagster.errors import BadInputError  # noqa: E402
from jarvis_dagster.hockey.training import keeping, merge  # noqa: E402
from jarvis_dagster.hockey.training.dataset import Sample  # noqa: E402
from jarvis_dagster.hockey.training.memory import Memory  # noqa: E402
from jarvis_dagster.hockey.training.net import HockeyNet  # noqa: E402


def _frame(path: Path) -> Sample:
    none = np.zeros((0, 4), np.float32)
    return Sample(
        path, "game", none, np.zeros(0, np.int64), np.zeros(0, bool), none, None, (0.0, 0.0)
    )


@pytest.fixture
def frame(tmp_path: Path) -> Sample:
    import cv2

    path = tmp_path / "frame.png"
    picture = np.random.default_rng(2).integers(0, 256, (54, 96, 3), np.uint8)
    cv2.imwrite(str(path), picture)
    return _frame(path)


def test_what_enters_a_layer_is_what_it_answers_to() -> None:
    torch.manual_seed(3)
    layer = nn.Conv2d(4, 5, 3, 2, 1)
    given = torch.randn(1, 4, 8, 12)
    answer = layer(given)[0].flatten(1).T
    chosen = torch.randperm(24, generator=torch.Generator().manual_seed(1))
    rows = merge._patches(layer, given, 24, torch.Generator().manual_seed(1))
    found = rows @ merge._whole(layer).T
    torch.testing.assert_close(found, answer[chosen], atol=1e-5, rtol=1e-4)


def test_weights_move_most_where_nothing_was_known() -> None:
    torch.manual_seed(4)
    # Of six values, the first three occurred before, the last three occur now.
    before = torch.diag(torch.tensor([1.0, 1, 1, 0, 0, 0]))
    now = torch.diag(torch.tensor([0.0, 0, 0, 1, 1, 1]))
    way = torch.randn(2, 6)
    moved = merge._moved(way, before, now, 0.5)
    assert moved[:, :3].abs().max() < 1e-3
    # Half a mean square of any value counts for the start: 1 of 1.5 parts is the other's.
    torch.testing.assert_close(moved[:, 3:], way[:, 3:] / 1.5, atol=0.01, rtol=0.01)
    same = merge._moved(way, before, before, 0.25)[:, :3]
    straight = 0.25 / (0.25 + 0.75 * 1.5)
    torch.testing.assert_close(same, way[:, :3] * straight, atol=0.01, rtol=0.01)


@pytest.mark.usefixtures("few_layers")
def test_the_ends_are_both_networks(frame: Sample) -> None:
    torch.manual_seed(5)
    start, tuned = HockeyNet().eval(), HockeyNet().eval()
    before, now = merge.entering(start, [frame]), merge.entering(tuned, [frame])
    assert set(before) == {"goal.0", "goal.1", "goal.2"}
    assert before["goal.0"].shape == (49, 49)
    assert float(before["goal.0"][-1, -1]) == pytest.approx(1)  # what the bias stands for
    at = merge.merging(start, tuned, before, now)
    kept = at(0.0).state_dict()
    for name, value in start.state_dict().items():
        torch.testing.assert_close(kept[name], value)
    moved = at(1.0)
    feature = torch.from_numpy(
        np.linalg.cholesky(now["goal.0"].double().numpy() + 1e-9 * np.eye(49))
    )
    aim = feature.float().T @ merge._whole(tuned.goal[0]).T
    far = feature.float().T @ merge._whole(start.goal[0]).T
    came = feature.float().T @ merge._whole(moved.goal[0]).T
    assert (came - aim).norm() < 0.1 * (far - aim).norm()
    assert not moved.training


def test_an_unreadable_frame_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match=r"gone\.png"):
        merge.entering(HockeyNet(), [_frame(tmp_path / "gone.png")])


def test_networks_are_merged_where_other_rinks_are_known(
    frame: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, tuned = HockeyNet(), HockeyNet()
    entered = {id(first): 6.0, id(tuned): 1.0}
    monkeypatch.setattr(keeping, "entering", lambda net, _: {"x": entered[id(net)] * torch.eye(9)})
    monkeypatch.setattr(keeping, "merging", lambda *given: given)
    memory = Memory.of({"x": 3.0 * torch.eye(9)}, 2)
    way = keeping.way_of(first, tuned, [frame], keeping.Known(memory, [frame, frame], 1))
    before, now = way.at[2:]  # type: ignore[index]
    torch.testing.assert_close(before["x"], 4.0 * torch.eye(9), atol=0.01, rtol=0)
    torch.testing.assert_close(now["x"], torch.eye(9))
    assert (way.shares, way.rinks) == (keeping.MERGED_SHARES, 3)
    learnt = way.remembered(tuned, [frame])
    assert learnt is not None
    assert learnt.rinks == 4  # each counts the same
    torch.testing.assert_close(learnt.products()["x"], 3.25 * torch.eye(9), atol=0.01, rtol=0)

    line = keeping.way_of(first, tuned, [frame], keeping.Known())
    assert (line.shares, line.careful, line.rinks) == (keeping.SHARES, keeping.CAREFUL, 0)
    assert line.remembered(tuned, [frame]) is None
    middle = line.at(0.5).state_dict()["goal.0.weight"]
    both = first.state_dict()["goal.0.weight"] + tuned.state_dict()["goal.0.weight"]
    torch.testing.assert_close(middle, both / 2)
