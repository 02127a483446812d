"""Running an ONNX network on this machine's processor, by OpenVINO.

Belongs here: opening a file of this project's, and one pass through it. Does not belong
here: what goes in and what the answers mean (``onnx``).
"""

from __future__ import annotations

import copy
import hashlib
import json
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


class Network:
    """One network on this processor. Not safe to share between threads.

    Compiled when it is first used: once for the first size of pictures (:meth:`beside_decoding`:
    for some), which is then an eighth faster, and once for all others.

    Args:
        path: An ONNX file with JSON under the metadata key ``jarvis``.
        threads: Threads of one pass; by default one for each physical core.
        many_sizes: Pictures are of many sizes: it is compiled once, for all of them.

    Attributes:
        facts: The JSON of the metadata; empty for a file of somebody else.
        path: Where it came from.
        digest: First eight characters of the file's SHA-256.

    Raises:
        BadInputError: no such file, or not an ONNX network.
    """

    def __init__(self, path: Path, threads: int | None = None, *, many_sizes: bool = False) -> None:
        from openvino.frontend import FrontEndManager

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
        self._beside: Network | None = None
        self._most_fixed = 0 if many_sizes else 1
        self._fixed: dict[tuple[int, ...], Any] = {}
        self._any: Any = None
        entry = ["framework", "jarvis"]
        known = self._model.has_rt_info(entry)
        self.facts: dict[str, Any] = (
            json.loads(self._model.get_rt_info(entry).value) if known else {}
        )
        self._sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        self.digest = self._sha256[:8]

    def __call__(self, images: NDArray) -> dict[str, NDArray[np.float32]]:
        """The network's outputs by name, for its one input; valid until the next call."""
        request = self._fixed.get(images.shape)
        if request is None and len(self._fixed) < self._most_fixed:
            fixed = self._model.clone()
            fixed.reshape(list(images.shape))
            request = self._fixed[images.shape] = self._compiled(fixed)
        if request is None:
            self._any = request = self._any or self._compiled(self._model)
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
        if self._beside is None:
            self._beside = copy.copy(self)
            self._beside._threads -= 1
            self._beside._most_fixed *= _SIZES_OF_A_VIDEO
            self._beside._fixed, self._beside._any = {}, None
        return self._beside

    def answer(self, images: NDArray[np.float32]) -> dict[str, NDArray]:
        """As a call; a second input, of networks that scale boxes back, is told the size."""
        import numpy as np

        if len(self._model.inputs) == 1:
            return self(images)
        if self._any is None:
            self._any = self._compiled(self._model)
        size = np.array([[images.shape[3], images.shape[2]]], np.int64)
        by_name = {
            each.any_name: images if each.partial_shape.rank.get_length() == 4 else size
            for each in self._model.inputs
        }
        answers = self._any.infer(by_name)
        return {output.any_name: value for output, value in answers.items()}

    def _compiled(self, model: Any) -> Any:
        """A request that runs ``model``."""
        properties = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": self._threads,
            # What is not in integers stays exact, also where the processor has bfloat16.
            "INFERENCE_PRECISION_HINT": "f32",
            # The cores are shared with decoding and drawing.
            "ENABLE_CPU_PINNING": False,
        }
        return compiled(model, self._sha256, properties).create_infer_request()


def _physical_cores() -> int:
    import psutil

    return psutil.cpu_count(logical=False) or 1
