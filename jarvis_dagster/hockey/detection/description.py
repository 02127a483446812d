"""What a detector of somebody else's expects and answers, told by a file beside it.

Belongs here: the file ``DETECTOR.yaml`` beside ``DETECTOR.onnx``: its keys, their defaults by
layout, reading it. Does not belong here: acting on it (``described``, ``layouts``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import pydantic

from jarvis_dagster.errors import BadInputError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Description", "description_path", "read_description"]

Layout = Literal["nanodet", "yolox", "detr"]
_Three = tuple[float, float, float]
_IMAGENET = {"mean": (123.675, 116.28, 103.53), "std": (58.395, 57.12, 57.375)}
_USUAL: dict[str, dict[str, Any]] = {
    "nanodet": {
        "colours": "bgr",
        "mean": (103.53, 116.28, 123.675),
        "std": (57.375, 57.12, 58.395),
    },
    "yolox": {"colours": "bgr", "mean": (0, 0, 0), "std": (1, 1, 1)},
    "detr": {"colours": "rgb", "resize": "stretch", "nms_iou": None, **_IMAGENET},
}


class Description(pydantic.BaseModel):
    """How to use an ONNX detector.

    Attributes:
        classes: Number of a class in the answer to its name: player, goalkeeper, referee,
            puck, goal, or person where the network does not tell roles. Others are left out.
        width_px: Of the network's input for a 16:9 picture; the height follows from the
            picture, unless ``height_px`` fixes it.
        resize: ``letterbox`` keeps the picture's shape, ``stretch`` does not.
        mean: Subtracted from each channel (0 to 255, in the order of ``colours``)...
        std: ...which is then divided by this.
        strides: Of the cells, for ``nanodet`` and ``yolox``.
        bins: Numbers a side of a box, for ``nanodet``.
        cell_centre: Where in its cell a box is anchored, for ``nanodet``: 0.5, or 0 for
            NanoDet-Plus.
        decoded: For ``yolox``: the network itself turned cells into pixels.
    """

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    layout: Layout
    name: str = ""
    version: str = "1"
    classes: dict[int, Literal["player", "goalkeeper", "referee", "person", "puck", "goal"]]
    width_px: int = pydantic.Field(640, ge=32, le=4096)
    height_px: int | None = pydantic.Field(None, ge=32, le=4096)
    resize: Literal["letterbox", "stretch"] = "letterbox"
    colours: Literal["bgr", "rgb"] = "bgr"
    mean: _Three = (0, 0, 0)
    std: _Three = (1, 1, 1)
    pad: int = pydantic.Field(114, ge=0, le=255)
    score_threshold: float = pydantic.Field(0.35, gt=0, lt=1)
    nms_iou: float | None = pydantic.Field(0.5, gt=0, lt=1)
    strides: tuple[int, ...] = (8, 16, 32)
    bins: int = pydantic.Field(8, ge=2)
    cell_centre: float = pydantic.Field(0.5, ge=0, lt=1)
    decoded: bool = False

    @pydantic.model_validator(mode="before")
    @classmethod
    def _usual_of_the_layout(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        filled = _USUAL.get(str(given.get("layout")), {}) | given
        if filled.get("resize") == "stretch":  # a stretched picture is square
            filled.setdefault("height_px", filled.get("width_px", 640))
        return filled

    @pydantic.model_validator(mode="after")
    def _usable(self) -> Description:
        if not {"player", "person"} & set(self.classes.values()):
            raise ValueError("classes: one of them has to be player or person")
        if min(self.std) <= 0:
            raise ValueError("std: has to be positive")
        return self


def description_path(model: Path) -> Path:
    """Where the description of ``model`` is: ``detector.yaml`` beside ``detector.onnx``."""
    return model.with_suffix(".yaml")


def read_description(model: Path) -> Description | None:
    """The description beside ``model``; None where there is none.

    Raises:
        BadInputError: it cannot be read or says something that is not understood.
    """
    import yaml

    path = description_path(model)
    try:
        given = yaml.safe_load(path.read_text("utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise BadInputError(
            f"{path} cannot be read as YAML ({error}).", "See docs/detectors.md for what it holds."
        ) from error
    try:
        return Description.model_validate(given)
    except pydantic.ValidationError as error:
        problems = [
            f"{'.'.join(str(part) for part in problem['loc']) or 'the file'}: {problem['msg']}"
            for problem in error.errors(include_url=False, include_input=False)
        ]
        raise BadInputError(
            f"{path} does not describe a detector: {'; '.join(problems)}.",
            "docs/detectors.md lists its keys.",
        ) from None
