"""Running an ONNX network on this machine's processor, by OpenVINO.

Belongs here: opening a file of this project's, and one pass through it. Does not belong
here: what goes in and what the answers mean (``onnx``).
"""

from __future__ import annotations

import copy
import hashlib
import json
import math
import threading
from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey.detection.compiled import compiled
from jarvis_dagster.hockey.detection.rewriting import pool_integers

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Network"]

_SIZES_OF_A_VIDEO = 3
_SIZES_FOR_MANY = 6
"""All that there can be: answers differ in the last bits by whether a network is compiled for their
size, and which sizes come first is not always the same."""
_MOST_AT_ONCE = 6
_ANY_SIZE = ()
_FIRST_ARRAY = threading.Lock()


class Network:
    """One network on this processor, safe to share between threads.

    Compiled when it is first used: once for the first size of pictures (:meth:`beside_decoding`,
    :meth:`for_many`: for some), which is then an eighth faster, and once for all others.

    Args:
        path: An ONNX file with JSON under the metadata key ``jarvis``.
        threads: Threads of one pass; by default one for each physical core.
        many_sizes: Pictures are of many sizes: it is compiled once, for all of them.

    Attributes:
        facts: The JSON of the metadata; empty for a file of somebody else.
        at_once: How many passes run at the same time; more of them wait for each other.
        path: Where it came from.
        digest: First eight characters of the file's SHA-256.

    Raises:
        BadInputError: no such file, or not an ONNX network.
    """

    def __init__(self, path: Path, threads: int | None = None, *, many_sizes: bool = False) -> None:
        from openvino.frontend import FrontEndManager

        _meet_numpy()
        if not path.is_file():
            raise BadInputError(
                f"There is no detector at {path}.", "Leave it out for the packaged one."
            )
        try:
            # Not by Core.read_model: it tries, and complains, in the name of every format.
            front = FrontEndManager().load_by_framework("onnx")
            self._model: Any = front.convert(front.load(str(path)))
        except Exception as error:  # the runtime raises its own undocumented types
            raise BadInputError(
                f"{path} is not an ONNX model: {error}",
                "Name one that `jarvis train` wrote, or see docs/detectors.md.",
            ) from error
        pool_integers(self._model)
        self.path = path
        self._asked, self._threads = threads, threads or _physical_cores()
        self.at_once = 1
        self._most_fixed = 0 if many_sizes else 1
        self._forget()
        entry = ["framework", "jarvis"]
        known = self._model.has_rt_info(entry)
        self.facts: dict[str, Any] = (
            json.loads(self._model.get_rt_info(entry).value) if known else {}
        )
        self._sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        self.digest = self._sha256[:8]

    def _forget(self) -> None:
        """Nothing is compiled yet."""
        self._lock = threading.Lock()
        self._other: dict[str, Network] = {}
        self._networks: dict[tuple[int, ...], Any] = {}
        self._requests = threading.local()

    def __call__(self, images: NDArray[Any]) -> dict[str, NDArray[np.float32]]:
        """The network's outputs by name, for its one input.

        They are valid until the next call in the same thread.
        """
        request = self._request(images.shape)
        answers = request.infer([images], share_inputs=True, share_outputs=True)
        return {output.any_name: value for output, value in answers.items()}

    def beside_decoding(self) -> Network:
        """The same network with a core less, for where another thread decodes meanwhile.

        On two cores that is one thread: it does not wait for another one that has to share its
        core, which costs a third more processor time. It is compiled for the few sizes of
        pictures that a video has.
        """
        if self._asked is not None or self._threads == 1:
            self._most_fixed = min(self._most_fixed * _SIZES_OF_A_VIDEO, _SIZES_OF_A_VIDEO)
            return self
        return self._with("beside", self._threads - 1, 1, _SIZES_OF_A_VIDEO)

    def for_many(self) -> Network:
        """The same network for several threads at once, each with its share of the cores.

        Two pictures at a time on two cores take a third less than one after the other on both,
        and whoever decodes meanwhile gets a core where one of them has nothing to do.
        """
        each = math.ceil(self._threads / _MOST_AT_ONCE)
        at_once = self._threads // each
        return self._with("many", each * at_once, at_once, _SIZES_FOR_MANY)

    def _with(self, name: str, threads: int, at_once: int, sizes: int) -> Network:
        with self._lock:
            if name not in self._other:
                other = self._other[name] = copy.copy(self)
                other._threads, other.at_once = threads, at_once
                other._most_fixed *= sizes
                other._forget()
            return self._other[name]

    def answer(self, images: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
        """As a call; a second input, of networks that scale boxes back, is told the size."""
        import numpy as np

        if len(self._model.inputs) == 1:
            return self(images)
        size = np.array([[images.shape[3], images.shape[2]]], np.int64)
        by_name = {
            each.any_name: images if each.partial_shape.rank.get_length() == 4 else size
            for each in self._model.inputs
        }
        answers = self._request(None).infer(by_name)
        return {output.any_name: value for output, value in answers.items()}

    def _request(self, shape: tuple[int, ...] | None) -> Any:
        """What runs the network in this thread, for pictures of ``shape``; None: of any."""
        own: dict[Any, Any] = self._requests.__dict__
        with self._lock:
            size = self._prepared(shape)
            if size not in own:
                own[size] = self._networks[size].create_infer_request()
        return own[size]

    def _prepared(self, shape: tuple[int, ...] | None) -> tuple[int, ...]:
        """The size of pictures for which a network is compiled that takes ``shape``."""
        fixed = len(self._networks.keys() - {_ANY_SIZE})
        size = shape if shape in self._networks or fixed < self._most_fixed else None
        if size is None:
            size = _ANY_SIZE
        if size not in self._networks:
            model = self._model
            if size != _ANY_SIZE:
                model = model.clone()
                model.reshape(list(size))
            self._networks[size] = self._compiled(model)
        return size

    def _compiled(self, model: Any) -> Any:
        properties = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": self._threads,
            "NUM_STREAMS": self.at_once,
            # What is not in integers stays exact, also where the processor has bfloat16.
            "INFERENCE_PRECISION_HINT": "f32",
            # The cores are shared with decoding and drawing.
            "ENABLE_CPU_PINNING": False,
        }
        return compiled(model, self._sha256, properties)


def _meet_numpy() -> None:
    """Have OpenVINO find NumPy, which it does at its first array.

    Two threads that come to their first array at once stand still for ever, and with them the
    process: one waits for Python's lock with OpenVINO's in its hand, the other one the other way.
    """
    import numpy as np
    import openvino

    with _FIRST_ARRAY:
        openvino.Tensor(np.zeros(1, np.float32))


def _physical_cores() -> int:
    import psutil

    return psutil.cpu_count(logical=False) or 1
