"""What a detector remembers of the rinks that it has seen: no frames, but what they let in.

Belongs here: what entered each layer (``merge``) in little room, where that is kept, and what a
start brings along. Does not belong here: measuring it and merging by it (``merge``), how far to
go (``keeping``), making the one that ships (``remember``).

Of each layer's products the strongest directions are kept, and of the rest what each value alone
is worth: 2 MB instead of 190. The packaged weights have theirs beside them, bound by their hash,
so that they stay the file that results name; what training writes carries its own inside, so that
it cannot be parted from it.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import hashlib
import io
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from jarvis_dagster.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from jarvis_dagster.hockey.training.merge import Entering

__all__ = ["Memory", "attach", "mean_of", "memory_of", "write_beside"]

_DIRECTIONS = 32
"""Of each layer."""
_PROPERTY = "jarvis-memory"
_RINKS, _WEIGHTS, _STRONG, _REST = "rinks", "weights", "strong/", "rest/"


@dataclasses.dataclass(frozen=True)
class Memory:
    """What entered each layer on the rinks seen so far, each of which counts the same."""

    rinks: int
    strong: Mapping[str, NDArray[np.float16]]
    """By layer, (values, directions); times itself, the products of each two values."""
    rest: Mapping[str, NDArray[np.float16]]
    """By layer, (values,): what of each value's mean square the directions leave out."""

    @classmethod
    def of(cls, products: Entering, rinks: int) -> Memory:
        """``products``, the mean of those of ``rinks`` rinks, in little room."""
        strong, rest = {}, {}
        for name, found in products.items():
            dense = found.double().numpy()
            strong[name] = _strongest(dense).astype(np.float16)
            left = dense.diagonal() - np.square(strong[name], dtype=np.float64).sum(1)
            rest[name] = left.clip(0).astype(np.float16)
        return cls(rinks, strong, rest)

    def products(self) -> Entering:
        """By layer, as ``merge.entering`` gives them."""
        found = {}
        for name, strong in self.strong.items():
            factor = torch.from_numpy(strong.astype(np.float32))
            rest = torch.from_numpy(self.rest[name].astype(np.float32))
            found[name] = factor @ factor.T + torch.diag(rest)
        return found

    def to_bytes(self, weights: str = "") -> bytes:
        """As a file: NumPy's npz. ``weights`` is the hash of those that it belongs to."""
        values: dict[str, Any] = {_RINKS: np.array(self.rinks), _WEIGHTS: np.array(weights)}
        values |= {_STRONG + name: value for name, value in self.strong.items()}
        values |= {_REST + name: value for name, value in self.rest.items()}
        file = io.BytesIO()
        np.savez_compressed(file, **values)
        return file.getvalue()


def mean_of(parts: Sequence[tuple[int, Entering]]) -> Entering:
    """What enters each layer on all rinks, from some at a time and how many those are."""
    rinks = sum(count for count, _ in parts)
    found: Entering = {}
    for count, part in parts:
        for name, products in part.items():
            found[name] = found.get(name, torch.zeros(())) + products * (count / rinks)
    return found


def memory_of(start: Path) -> tuple[Memory | None, str]:
    """What the detector at ``start`` remembers; if nothing, why not.

    Raises:
        BadInputError: it is damaged.
    """
    if start.suffix != ".onnx":
        return None, f"{start} is a checkpoint, and those bring no memory of what they have seen."
    inside = _inside(start)
    if inside:
        try:
            return _read(base64.b64decode(inside, validate=True), start)[0], ""
        except binascii.Error as error:
            raise _damaged(start) from error
    beside = _beside(start)
    if not beside.is_file():
        return None, f"{start} brings no memory of what it has seen."
    memory, weights = _read(beside.read_bytes(), beside)
    if weights != _hash(start):
        return None, f"{beside} is the memory of other weights than {start.name}."
    return memory, ""


def attach(detector: Path, memory: Memory) -> None:
    """Let the file ``detector`` carry ``memory``."""
    import onnx

    model = onnx.load(str(detector))
    told = {entry.key: entry.value for entry in model.metadata_props}
    content = base64.b64encode(memory.to_bytes()).decode("ascii")
    onnx.helper.set_model_props(model, {**told, _PROPERTY: content})
    onnx.save(model, str(detector))


def write_beside(detector: Path, memory: Memory) -> Path:
    """``memory`` into a file beside ``detector``, which stays as it is."""
    path = _beside(detector)
    part = path.with_suffix(".part")
    part.write_bytes(memory.to_bytes(_hash(detector)))
    return part.replace(path)


def _beside(detector: Path) -> Path:
    return detector.with_suffix(".memory.npz")


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _inside(detector: Path) -> str:
    import onnx

    told = onnx.load(str(detector)).metadata_props
    return next((str(entry.value) for entry in told if entry.key == _PROPERTY), "")


def _read(content: bytes, path: Path) -> tuple[Memory, str]:
    """A memory and the hash of the weights that it belongs to."""
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as found:
            values = {name: found[name] for name in found.files}
        parts = (
            {name.removeprefix(kind): v for name, v in values.items() if name.startswith(kind)}
            for kind in (_STRONG, _REST)
        )
        return Memory(int(values[_RINKS]), *parts), str(values[_WEIGHTS])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise _damaged(path) from error


def _damaged(path: Path) -> BadInputError:
    return BadInputError(
        f"What {path} remembers of the rinks it has seen cannot be read.",
        "Take it from where it came once more, or install the package again.",
    )


def _strongest(products: NDArray[np.float64]) -> NDArray[np.float64]:
    """(values, directions): the directions with most of the squares, as long as these are."""
    from scipy.sparse.linalg import eigsh

    if len(products) <= 2 * _DIRECTIONS:  # too few for a search
        values, vectors = np.linalg.eigh(products)
        values, vectors = values[-_DIRECTIONS:], vectors[:, -_DIRECTIONS:]
    else:
        first = np.ones(len(products))  # not by chance, so that the same frames give the same file
        values, vectors = eigsh(products, k=_DIRECTIONS, v0=first, which="LA")
    return np.asarray(vectors * np.sqrt(values.clip(0)))
