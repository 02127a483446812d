"""Which detector a file is.

Belongs here: telling the project's own networks from described ones. Does not belong here: either.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey.detection.described import DescribedDetector
from jarvis_dagster.hockey.detection.description import description_path, read_description
from jarvis_dagster.hockey.detection.onnx import PACKAGED_WEIGHTS, OnnxDetector
from jarvis_dagster.hockey.detection.role_reader import RoleReader
from jarvis_dagster.hockey.detection.runtime import Network

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["load_detector"]


def load_detector(
    model: Path | None = None,
    *,
    roles: Path | None = None,
    threads: int | None = None,
    score_threshold: float | None = None,
    width_px: int | None = None,
    on_ice_only: bool = True,
) -> OnnxDetector | DescribedDetector:
    """The detector at ``model``, or the packaged one.

    Any ONNX network in the layout of NanoDet, YOLOX or the DETR family will do, where a file of
    the same name that ends in ``.yaml`` says how to use it (docs/detectors.md).

    ``roles`` is a network that reads the roles once more (see ``role_reader``).

    ``threads`` is by default the number of physical cores; ``score_threshold`` and
    ``width_px`` (of the network's input) by default what the model was evaluated with.

    Raises:
        BadInputError: no such file, neither exported by the project nor described, or the
            description is wrong.
    """
    path = model or PACKAGED_WEIGHTS
    how = None if model is None else read_description(path)
    network = Network(path, threads)
    if how is None and not network.facts:
        raise BadInputError(
            f"{path} is not a detector of this project, and there is no"
            f" {description_path(path).name} beside it that says how to use it.",
            "docs/detectors.md shows how to write one.",
        )
    detector = (
        OnnxDetector(
            network, score_threshold=score_threshold, width_px=width_px, on_ice_only=on_ice_only
        )
        if how is None
        else DescribedDetector(
            network,
            how,
            name=path.stem,
            score_threshold=score_threshold,
            width_px=width_px,
            on_ice_only=on_ice_only,
        )
    )
    if roles is not None:
        detector.reader = RoleReader(roles, threads)
        detector.version += f"+{detector.reader.version}"
    return detector
