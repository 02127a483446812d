"""What may be adapted to a camera: light and colour before detection, and the least score.

Belongs here: the parameters, their bounds, and what they do to a picture. Does not belong here:
choosing them (``search``), where they are kept (``jarvis_dagster.autopilot``).
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from jarvis_dagster.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    Correction = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]

__all__ = ["BOUNDS", "NEUTRAL", "Bound", "Parameters"]


@dataclasses.dataclass(frozen=True)
class Bound:
    """How far a parameter may go, and what it does."""

    low: float
    high: float
    log: bool
    says: str


BOUNDS = {
    "gain": Bound(0.6, 6.0, True, "light: what every pixel is multiplied with"),
    "gamma": Bound(0.5, 1.6, True, "shadows: below 1 they are lifted, above 1 deepened"),
    "blue": Bound(0.7, 1.6, True, "white balance: blue beside green"),
    "red": Bound(0.7, 1.6, True, "white balance: red beside green"),
    "score_threshold": Bound(0.2, 0.5, False, "least score of a person"),
}
"""Nothing is ever set outside of these, by the search or by hand."""


@dataclasses.dataclass(frozen=True)
class Parameters:
    """Parameters of one camera; the defaults change nothing.

    A value v of a channel, 0 to 1, becomes ``min(1, v * gain * balance) ** gamma``.

    Attributes:
        score_threshold: None is the model's own.

    Raises:
        BadInputError: a value outside of :data:`BOUNDS`.
    """

    gain: float = 1.0
    gamma: float = 1.0
    blue: float = 1.0
    red: float = 1.0
    score_threshold: float | None = None

    def __post_init__(self) -> None:
        for name, bound in BOUNDS.items():
            value = getattr(self, name)
            if value is None and name == "score_threshold":
                continue
            good = isinstance(value, int | float) and not isinstance(value, bool)
            if not good or not math.isfinite(value) or not bound.low <= value <= bound.high:
                raise BadInputError(
                    f"{name} is {value!r}, not a number from {bound.low:g} to {bound.high:g}."
                )

    @property
    def is_neutral(self) -> bool:
        """Whether they change nothing."""
        return self == NEUTRAL

    @property
    def id(self) -> str:
        """What these values are known by; "" for those that change nothing."""
        if self.is_neutral:
            return ""
        content = json.dumps(self.to_json(), sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()[:12]

    @property
    def words(self) -> str:
        """What they change, in a line."""
        changed = [
            f"{name.replace('_', ' ')} {value:.2f}"
            for name, value in self.to_json().items()
            if value != getattr(NEUTRAL, name)
        ]
        return ", ".join(changed) or "nothing changed"

    @property
    def correction(self) -> Correction | None:
        """What is done to each BGR picture (H, W, 3) before people are looked for; None: nothing.

        A look-up table: about a millisecond for a picture that the detector looks at.
        """
        if (self.gain, self.gamma, self.blue, self.red) == (1.0, 1.0, 1.0, 1.0):
            return None
        light = np.arange(256)[:, None] / 255 * self.gain * np.array([self.blue, 1.0, self.red])
        table = np.round(255 * np.minimum(1, light) ** self.gamma).astype(np.uint8)[None]

        def correct(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
            import cv2

            return np.asarray(cv2.LUT(image, table), np.uint8)

        return correct

    def to_json(self) -> dict[str, float | None]:
        """As a document."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Parameters:
        """From a document.

        Raises:
            BadInputError: an unknown name, or a value outside of :data:`BOUNDS`.
        """
        unknown = sorted(set(content) - set(BOUNDS))
        if unknown:
            raise BadInputError(
                f"{', '.join(unknown)} cannot be adapted.", f"Use {', '.join(BOUNDS)}."
            )
        return cls(**content)


NEUTRAL = Parameters()
"""Those that change nothing."""
