"""What a detector remembers: little room, bound to its weights, and enough for rink after rink."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from jarvis_dagster.errors import BadInputError  # noqa: E402
from jarvis_dagster.hockey.detection.onnx import PACKAGED_WEIGHTS  # noqa: E402
from jarvis_dagster.hockey.training import merge  # noqa: E402
from jarvis_dagster.hockey.training.memory import (  # noqa: E402
    Memory,
    attach,
    mean_of,
    memory_of,
    write_beside,
)
from jarvis_dagster.hockey.training.net import HockeyNet  # noqa: E402

SIZE = 90


def products(*occurring: int, seed: int = 1) -> torch.Tensor:
    """Of values of which only some occur, and these together in a few ways."""
    rows = torch.zeros(500, SIZE)
    chance = torch.Generator().manual_seed(seed)
    ways = torch.randn(6, len(occurring), generator=chance)
    rows[:, list(occurring)] = torch.randn(500, 6, generator=chance) @ ways
    return rows.T @ rows / 500


def detector(path: Path) -> Path:
    """A file with something in it."""
    from onnx import TensorProto, helper, save

    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    node = helper.make_node("Identity", ["x"], ["y"])
    out = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])
    model = helper.make_model(helper.make_graph([node], "one", [value], [out]))
    helper.set_model_props(model, {"jarvis": "{}"})
    save(model, str(path))
    return path


@pytest.fixture
def memory() -> Memory:
    return Memory.of({"one": products(*range(20)), "two": products(*range(30, 90))}, 3)


def test_little_room_holds_what_occurs_together(memory: Memory) -> None:
    found = memory.products()
    for name, wanted in (("one", products(*range(20))), ("two", products(*range(30, 90)))):
        assert (found[name] - wanted).norm() < 0.01 * wanted.norm()
    many = torch.randn(500, SIZE, generator=torch.Generator().manual_seed(2))
    dense = many.T @ many / 500  # more than there are directions
    close = Memory.of({"x": dense}, 1).products()["x"]
    torch.testing.assert_close(close.diagonal(), dense.diagonal(), atol=0.01, rtol=0.01)
    assert Memory.of({"x": dense}, 1).to_bytes() == Memory.of({"x": dense}, 1).to_bytes()


def test_a_memory_beside_weights_is_of_no_others(memory: Memory, tmp_path: Path) -> None:
    made = detector(tmp_path / "made.onnx")
    assert memory_of(made) == (None, f"{made} brings no memory of what it has seen.")
    path = write_beside(made, memory)
    found, why = memory_of(made)
    assert found is not None
    assert (found.rinks, why) == (3, "")
    np.testing.assert_array_equal(found.strong["two"], memory.strong["two"])
    np.testing.assert_array_equal(found.rest["one"], memory.rest["one"])

    made.write_bytes(made.read_bytes() + b"\x72\x00")  # another file of the same name
    found, why = memory_of(made)
    assert found is None
    assert why == f"{path} is the memory of other weights than made.onnx."
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(BadInputError, match=r"made\.memory\.npz remembers"):
        memory_of(made)


def test_a_memory_inside_goes_with_the_file(memory: Memory, tmp_path: Path) -> None:
    import onnx

    made = detector(tmp_path / "made.onnx")
    attach(made, dataclasses.replace(memory, rinks=1))
    attach(made, memory)
    moved = made.rename(tmp_path / "moved.onnx")
    found, _ = memory_of(moved)
    assert found is not None
    assert found.rinks == 3
    model = onnx.load(str(moved))
    assert sorted(entry.key for entry in model.metadata_props) == ["jarvis", "jarvis-memory"]
    assert [node.op_type for node in model.graph.node] == ["Identity"]

    onnx.helper.set_model_props(model, {"jarvis-memory": "no memory"})
    onnx.save(model, str(moved))
    with pytest.raises(BadInputError, match=r"moved\.onnx remembers"):
        memory_of(moved)
    checkpoint = tmp_path / "checkpoint.pt"
    assert memory_of(checkpoint) == (
        None, f"{checkpoint} is a checkpoint, and those bring no memory of what they have seen.",
    )  # fmt: skip


def test_the_packaged_weights_have_theirs() -> None:
    found, why = memory_of(PACKAGED_WEIGHTS)
    assert found is not None, why
    layers = merge._layers(HockeyNet())
    sizes = {name: merge._whole(layer).shape[1] for name, layer in layers.items()}
    assert {name: len(value) for name, value in found.rest.items()} == sizes
    assert found.rinks == 5
    room = sum(path.stat().st_size for path in PACKAGED_WEIGHTS.parent.iterdir())
    assert room < 8e6


def test_rink_after_rink_is_learnt_and_none_is_forgotten() -> None:
    """One layer; each rink shares values with the next, and only its own tell what to answer."""
    old, first, second = (
        products(*range(low, high), seed=low) for low, high in ((0, 25), (15, 45), (30, 60))
    )
    chance = torch.Generator().manual_seed(9)
    start = torch.randn(4, SIZE, generator=chance)
    tuned = start + torch.randn(4, SIZE, generator=chance)

    def off(one: torch.Tensor, other: torch.Tensor, on: torch.Tensor) -> float:
        """How far their answers are apart."""
        return float(((one - other) @ on * (one - other)).sum())

    memory = Memory.of({"x": old}, 1)
    once = start + merge._moved(tuned - start, memory.products()["x"], first, 0.5)
    memory = Memory.of(mean_of([(1, memory.products()), (1, {"x": first})]), 2)
    again = once + torch.randn(4, SIZE, generator=chance)
    twice = once + merge._moved(again - once, memory.products()["x"], second, 0.5)
    forgetful = once + merge._moved(again - once, old, second, 0.5)

    for known, rink in ((start, old), (once, first)):
        assert off(twice, known, rink) < 0.01 * off(again, known, rink)
    assert off(forgetful, tuned, first) > 0.1 * off(again, tuned, first)
    # The start counts on values that it never met as well: so much of what is new is left out.
    for learnt, aim, before, rink in ((once, tuned, start, first), (twice, again, once, second)):
        assert off(learnt, aim, rink) < 0.02 * off(before, aim, rink)
