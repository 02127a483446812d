"""Running an ONNX network on this machine's processor, by OpenVINO.

Belongs here: opening a file of this project's, and one pass through it. Does not belong
here: what goes in and what the answers mean (``onnx``).
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import BadInputError

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Network"]


class Network:
    """One network, compiled for this processor. Not safe to share between threads.

    Args:
        path: An ONNX file with JSON under the metadata key ``jarvis``.
        threads: Threads of one pass; by default one for each physical core.

    Attributes:
        facts: The JSON of the metadata; empty for a file of somebody else.
        digest: First eight characters of the file's SHA-256.

    Raises:
        BadInputError: no such file, or not an ONNX network.
    """

    def __init__(self, path: Path, threads: int | None = None) -> None:
        import openvino
        from openvino.frontend import FrontEndManager

        if not path.is_file():
            raise BadInputError(
                f"There is no detector at {path}.", "Leave it out for the packaged one."
            )
        try:
            # Not by Core.read_model: it tries, and complains, in the name of every format.
            front = FrontEndManager().load_by_framework("onnx")
            model = front.convert(front.load(str(path)))
            compiled = openvino.Core().compile_model(
                model,
                "CPU",
                {
                    "PERFORMANCE_HINT": "LATENCY",
                    "INFERENCE_NUM_THREADS": threads or _physical_cores(),
                    # What is not in integers stays exact, also where the processor has bfloat16.
                    "INFERENCE_PRECISION_HINT": "f32",
                    # The cores are shared with decoding and drawing.
                    "ENABLE_CPU_PINNING": False,
                },
            )
        except Exception as error:  # the runtime raises its own undocumented types
            raise BadInputError(f"{path} is not an ONNX model: {error}") from error
        self._request: Any = compiled.create_infer_request()
        self._names = [output.any_name for output in compiled.outputs]
        entry = ["framework", "jarvis"]
        known = model.has_rt_info(entry)
        self.facts: dict[str, Any] = json.loads(model.get_rt_info(entry).value) if known else {}
        self.digest = hashlib.sha256(path.read_bytes()).hexdigest()[:8]

    def __call__(self, images: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        """The network's outputs by name, for its one input; valid until the next call."""
        answers = self._request.infer([images], share_inputs=True, share_outputs=True)
        return dict(zip(self._names, answers.to_tuple(), strict=True))


def _physical_cores() -> int:
    import psutil

    return psutil.cpu_count(logical=False) or 1
